/* SPDX-License-Identifier: MIT */
/* Enters by multiboot or by PVH, says so, and leaves. */
#include "guest.h"

int main(u32 magic, const u32 *info)
{
	u32 cr0;

	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	print("hello\n");
	check("protected mode, no paging", (cr0 & 0x80000001u) == 1);
	if (magic == 0x2badb002)
		print("multiboot\n");
	else
		check("PVH", info[0] == 0x336ec578);
	check("console is there", inb(CONSOLE) == CONSOLE);
	return wrong;
}
