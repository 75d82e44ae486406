/* SPDX-License-Identifier: MIT */
/* Lines of the IOAPIC, pulled through the test device: edge and level. */
#include "guest.h"

#define EDGE_PIN   5
#define LEVEL_PIN  10
#define HIGH_PIN   20
#define MASKED	   0x10000u
#define LEVEL	   0x08000u
#define REMOTE_IRR 0x04000u

static volatile u32 edges;
static volatile u32 levels;
static volatile u32 highs;
static volatile u32 seen_irr;

INTERRUPT static void edge(struct frame *frame)
{
	(void)frame;
	edges++;
	mmio_write(LAPIC_EOI, 0);
}

/* Asserted still at the first EOI, so it comes twice. */
INTERRUPT static void level(struct frame *frame)
{
	(void)frame;
	levels++;
	if (levels == 1)
		seen_irr = ioapic_read(0x10 + 2 * LEVEL_PIN) & REMOTE_IRR;
	if (levels == 2)
		outb(TEST_LINE + LEVEL_PIN, 0);
	mmio_write(LAPIC_EOI, 0);
}

INTERRUPT static void high(struct frame *frame)
{
	(void)frame;
	highs++;
	mmio_write(LAPIC_EOI, 0);
}

static void route(u32 pin, u32 flags_and_vector)
{
	ioapic_write(0x10 + 2 * pin + 1, mmio_read(LAPIC_ID));
	ioapic_write(0x10 + 2 * pin, flags_and_vector);
}

static void pulse(u32 pin)
{
	outb((u16)(TEST_LINE + pin), 1);
	outb((u16)(TEST_LINE + pin), 0);
	__asm__ volatile("sti; nop; nop; nop; cli" : : : "memory");
}

int main(u32 magic, const u32 *info)
{
	(void)magic;
	(void)info;
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	set_gate(0x31, (void (*)(void))edge);
	set_gate(0x42, (void (*)(void))level);
	set_gate(0x53, (void (*)(void))high);
	load_idt();
	mmio_write(LAPIC_SVR, 0x1ff);
	check("24 pins", (ioapic_read(1) >> 16 & 0xff) == 23);
	route(EDGE_PIN, 0x31);
	pulse(EDGE_PIN);
	check("an edge", edges == 1);
	pulse(EDGE_PIN);
	check("another", edges == 2);
	route(EDGE_PIN, 0x31 | MASKED);
	pulse(EDGE_PIN);
	check("masked, none", edges == 2);
	route(HIGH_PIN, 0x53);
	pulse(HIGH_PIN);
	check("a pin that the PIC lacks", highs == 1);
	route(LEVEL_PIN, 0x42 | LEVEL);
	outb(TEST_LINE + LEVEL_PIN, 1);
	wait_for(&levels, 2);
	__asm__ volatile("sti; nop; nop; nop; cli" : : : "memory");
	check("a level, until it is lowered", levels == 2);
	check("remote IRR in the handler", seen_irr != 0);
	check("and not behind it",
		(ioapic_read(0x10 + 2 * LEVEL_PIN) & REMOTE_IRR) == 0);
	return wrong;
}
