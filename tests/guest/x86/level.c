/* SPDX-License-Identifier: MIT */
/* A level on a line of the IOAPIC: it comes again until it is lowered. */
#include "guest.h"

#define PIN	   10
#define VECTOR	   0x42
#define LEVEL	   0x08000u
#define REMOTE_IRR 0x04000u

static volatile u32 levels;
static volatile u32 seen_irr;
static volatile u32 seen_isr;

/* Asserted still at the first EOI, so it comes twice. */
static void level(u32 error)
{
	(void)error;
	levels++;
	if (levels == 1) {
		seen_irr = ioapic_read(0x10 + 2 * PIN) & REMOTE_IRR;
		seen_isr = mmio_read(LAPIC_ISR + VECTOR / 32 * 16);
	}
	if (levels == 2)
		outb(TEST_LINE + PIN, 0);
	mmio_write(LAPIC_EOI, 0);
}

int main(u32 magic, const u32 *info)
{
	(void)magic;
	(void)info;
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	set_gate(VECTOR, level);
	load_idt();
	mmio_write(LAPIC_SVR, 0x1ff);
	ioapic_write(0x10 + 2 * PIN + 1, mmio_read(LAPIC_ID));
	ioapic_write(0x10 + 2 * PIN, VECTOR | LEVEL);
	outb(TEST_LINE + PIN, 1);
	wait_for(&levels, 2);
	let_come();
	show("times", levels);
	check("remote IRR in the handler", seen_irr != 0);
	check("in service there", seen_isr == 1u << VECTOR % 32);
	check("remote IRR not behind it",
		(ioapic_read(0x10 + 2 * PIN) & REMOTE_IRR) == 0);
	return wrong;
}
