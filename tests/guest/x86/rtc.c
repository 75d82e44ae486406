/* SPDX-License-Identifier: MIT */
/* The clock and the CMOS: a plausible date, and what the board says. */
#include "guest.h"

static u8 cmos(u8 index)
{
	outb(0x70, index);
	return inb(0x71);
}

static void set_cmos(u8 index, u8 value)
{
	outb(0x70, index);
	outb(0x71, value);
}

static int is_bcd(u8 value, u8 from, u8 to)
{
	return (value & 15) <= 9 && value >= from && value <= to;
}

int main(u32 magic, const u32 *info)
{
	u32 spins = 0;

	(void)magic;
	(void)info;
	check("valid RAM and time", (cmos(0x0d) & 0x80) != 0);
	set_cmos(0x0b, 0x02); /* 24 hours, BCD */
	while ((cmos(0x0a) & 0x80) && ++spins < 100000)
		;
	check("no update for ever", spins < 100000);
	check("seconds", is_bcd(cmos(0), 0, 0x59));
	check("minutes", is_bcd(cmos(2), 0, 0x59));
	check("hours", is_bcd(cmos(4), 0, 0x23));
	check("day", is_bcd(cmos(7), 1, 0x31));
	check("month", is_bcd(cmos(8), 1, 0x12));
	check("year", is_bcd(cmos(9), 0, 0x99));
	show("base KiB", cmos(0x15) | (u32)cmos(0x16) << 8);
	show("extended KiB", cmos(0x17) | (u32)cmos(0x18) << 8);
	show("64 KiB above 16 MiB", cmos(0x34) | (u32)cmos(0x35) << 8);
	set_cmos(0x50, 0xa5);
	check("a byte to keep", cmos(0x50) == 0xa5);
	return wrong;
}
