/* SPDX-License-Identifier: MIT */
/* Kernels in memory of 4 KiB pages, more of them than a TLB has entries. */
#include "kernel.h"

#define PAGES	 0x8000ul      /* 128 MiB */
#define LINEAR	 0x100000000ul /* where they are seen: above what start.S maps */
#define TABLES	 (ARENA + PAGES * 4096)
#define BYTES	 0x80000ul     /* for the tables of a context */

enum { P = 1, W = 2 };

static u64 *table(u64 at)
{
	return (u64 *)(at & ~0xffful);
}

static u64 cr3_read(void)
{
	u64 cr3;

	__asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
	return cr3;
}

/*
 * Map the first half of the arena once more into the current context, its
 * pages in any order, as an allocator leaves them: by the tables at `at`.
 */
static u8 *paged(u8 *at)
{
	u64 *directory = (u64 *)(void *)at, *entries = directory + 512, i;

	for (i = 0; i < PAGES; i++)
		entries[i] = (u64)(ARENA + i * 4099 % PAGES * 4096) | P | W;
	for (i = 0; i < PAGES / 512; i++)
		directory[i] = (u64)(entries + i * 512) | P | W;
	table(*table(cr3_read()))[LINEAR >> 30] = (u64)directory | P | W;
	return (u8 *)LINEAR;
}

/* Each step depends on the last one: nodes in the order of a generator. */
u64 bench_chase(void)
{
	const u64 nodes = 0x10000;
	u8 *p = paged(TABLES);
	u64 i, at = 0;

	for (i = 0; i < nodes; i++)
		*(u64 *)(void *)(p + i * 1024) =
			(i * 25173 + 13849) % nodes * 1024;
	for (i = 0; i < 2000000; i++)
		at = *(volatile u64 *)(void *)(p + at);
	return at;
}

/* Of 32 MiB: kernel `sieve` is in few pages, and in large ones. */
u64 bench_wide(void)
{
	const u64 size = 0x2000000;
	u8 *composite = paged(TABLES);
	u64 i, j, count = 0;

	for (i = 0; i < size; i++)
		composite[i] = 0;
	for (i = 2; i < size; i++) {
		if (composite[i])
			continue;
		count++;
		for (j = 2 * i; j < size; j += i)
			composite[j] = 1;
	}
	return count;
}

/* A copy of the current context, at `at`. */
static u64 copied(u8 *at)
{
	u64 *to = (u64 *)(void *)at, i;

	for (i = 0; i < 512; i++)
		to[512 + i] = table(*table(cr3_read()))[i];
	to[0] = (u64)(to + 512) | P | W;
	return (u64)at;
}

/* lea 1(%rdi), %eax; ret */
static u8 *function(u8 *p)
{
	p[0] = 0x8d;
	p[1] = 0x47;
	p[2] = 1;
	p[3] = 0xc3;
	return p;
}

/*
 * Two contexts in turn: each reads 64 pages by tables of its own and calls
 * into 16, some 500 instructions.
 */
u64 bench_contexts(void)
{
	u64 cr3[2], turn, i, sum = 0;
	u32 (*call[16])(u32);
	u8 *p;

	paged(TABLES + BYTES);
	cr3[1] = copied(TABLES + 2 * BYTES);
	cr3[0] = cr3_read();
	p = paged(TABLES);
	for (i = 0; i < 16; i++)
		call[i] = (u32 (*)(u32))(void *)function(p + 0x1000000 +
			i * 4160);
	for (turn = 0; turn < 20000; turn++) {
		__asm__ volatile("movq %0, %%cr3" : : "r"(cr3[turn & 1]) :
			"memory");
		for (i = 0; i < 64; i++)
			sum += *(volatile u64 *)(void *)(p + i * 4096);
		for (i = 0; i < 16; i++)
			sum += call[i]((u32)i);
	}
	__asm__ volatile("movq %0, %%cr3" : : "r"(cr3[0]) : "memory");
	return sum;
}
