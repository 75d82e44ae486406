/* SPDX-License-Identifier: MIT */
/* Prints what multiboot told: sizes, memory map, command line, module. */
#include "guest.h"

static void print_map(const u8 *at, u32 length)
{
	const u8 *end = at + length;

	for (; at < end; at += *(const u32 *)at + 4) {
		print("  ");
		print_hex64(*(const u64 *)(at + 4));
		print(" ");
		print_hex64(*(const u64 *)(at + 12));
		print(*(const u32 *)(at + 20) == 1 ? " RAM\n" : " reserved\n");
	}
}

int main(u32 magic, const u32 *info)
{
	const u32 *mods;

	check("multiboot", magic == 0x2badb002);
	show("flags", info[0]);
	show("lower KiB", info[1]);
	show("upper KiB", info[2]);
	print("map:\n");
	print_map((const u8 *)info[12], info[11]);
	print("command line: ");
	print((const char *)info[4]);
	print("\n");
	show("modules", info[5]);
	if (info[5] == 1) {
		mods = (const u32 *)info[6];
		show("bytes", mods[1] - mods[0]);
		check("on a page", (mods[0] & 4095) == 0);
		check("contents",
			*(const u32 *)mods[0] == 0x75646f6d); /* "modu" */
		print((const char *)mods[2]);
		print("\n");
	}
	return wrong;
}
