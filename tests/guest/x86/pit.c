/* SPDX-License-Identifier: MIT */
/* Timer interrupts by PIT and PIC, at the vector where a BIOS leaves it. */
#include "guest.h"

static volatile u32 ticks;
static volatile u32 others;

static void tick(u32 error)
{
	(void)error;
	ticks++;
	outb(0x20, 0x20);
}

static void other(u32 error)
{
	(void)error;
	others++;
	outb(0x20, 0x20);
}

static u16 read_count(void)
{
	u8 low;

	outb(0x43, 0x00); /* latch channel 0 */
	low = inb(0x40);
	return (u16)(low | inb(0x40) << 8);
}

int main(u32 magic, const u32 *info)
{
	u16 first, second;
	unsigned i;

	(void)magic;
	(void)info;
	for (i = 9; i < 16; i++)
		set_gate(i, other);
	set_gate(8, tick);
	load_idt();
	outb(0x21, 0xfe); /* only IRQ 0 */
	outb(0xa1, 0xff);
	check("mask reads back", inb(0x21) == 0xfe && inb(0xa1) == 0xff);
	outb(0x43, 0x34); /* channel 0, both bytes, rate generator */
	outb(0x40, 11932 & 0xff);
	outb(0x40, 11932 >> 8); /* 100 Hz */
	first = read_count();
	for (i = 0; i < 100000; i++) {
		second = read_count();
		if (second != first)
			break;
	}
	check("it counts", second != first && second <= 11932);
	wait_for(&ticks, 10);
	check("ten ticks", ticks == 10);
	outb(0x21, 0xff);
	outb(0x20, 0x0a); /* read IRR */
	first = inb(0x20);
	let_come();
	check("masked, no ticks", ticks == 10 && others == 0);
	(void)first;
	return wrong;
}
