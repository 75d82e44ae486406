/* SPDX-License-Identifier: MIT */
/* Edges on lines of the IOAPIC, pulled through the test device. */
#include "guest.h"

#define EDGE_PIN 5
#define HIGH_PIN 20
#define MASKED	 0x10000u

static volatile u32 edges;
static volatile u32 highs;

static void edge(u32 error)
{
	(void)error;
	edges++;
	mmio_write(LAPIC_EOI, 0);
}

static void high(u32 error)
{
	(void)error;
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
	let_come();
}

int main(u32 magic, const u32 *info)
{
	(void)magic;
	(void)info;
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	set_gate(0x31, edge);
	set_gate(0x53, high);
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
	return wrong;
}
