/* SPDX-License-Identifier: MIT */
/* 32-bit paging: translation, page faults with their codes, CR2, A and D. */
#include "guest.h"

#define ALIGNED __attribute__((aligned(4096)))
#define WINDOW	0x40000000u /* not RAM: linear only */

static u32 directory[1024] ALIGNED;
static u32 table[1024] ALIGNED;
static u32 window[1024] ALIGNED;
static u8 page[4096] ALIGNED;

static volatile u32 faults;
static volatile u32 code;
static volatile u32 where;

/* Make the page present and writable and go back to the instruction. */
static void fault(u32 error)
{
	u32 cr2;

	__asm__ volatile("movl %%cr2, %0" : "=r"(cr2));
	faults++;
	code = error;
	where = cr2;
	window[cr2 >> 12 & 1023] = (u32)page | 3;
	__asm__ volatile("invlpg (%0)" : : "r"(cr2) : "memory");
}

static void turn_on(void)
{
	u32 cr0;
	u32 i;

	/* The guest and its tables one to one, and the local window. */
	for (i = 0; i < 1024; i++)
		table[i] = i << 12 | 3;
	directory[0] = (u32)table | 3;
	directory[WINDOW >> 22] = (u32)window | 3;
	__asm__ volatile("movl %0, %%cr3" : : "r"(directory) : "memory");
	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	cr0 |= 0x80010000u; /* PG, WP */
	__asm__ volatile("movl %0, %%cr0" : : "r"(cr0) : "memory");
}

int main(u32 magic, const u32 *info)
{
	volatile u32 *at = (u32 *)(WINDOW + 0x123 * 4);
	volatile u32 *high = (u32 *)(WINDOW + 7 * 4096);

	(void)magic;
	(void)info;
	set_gate(14, fault);
	load_idt();
	turn_on();
	*(u32 *)(page + 0x123 * 4) = 0xfeedbeef;
	check("read of a page not present", *at == 0xfeedbeef);
	check("one fault", faults == 1);
	show("code", code);
	show("CR2", where);
	check("accessed, not dirty", (window[0] & 0x60) == 0x20);
	*at = 42;
	check("a write goes through", *(u32 *)(page + 0x123 * 4) == 42);
	check("dirty", (window[0] & 0x60) == 0x60);
	*high = 1;
	show("code of a write", code);
	show("CR2", where);
	window[0] = (u32)page | 1;
	__asm__ volatile("invlpg (%0)" : : "r"(at) : "memory");
	*at = 43;
	show("code of a write to a read-only page", code);
	check("three faults", faults == 3);
	return wrong;
}
