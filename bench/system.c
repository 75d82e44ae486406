/* SPDX-License-Identifier: MIT */
/* Kernels of what only systems do: strings, TLB misses, ports, interrupts. */
#include "kernel.h"

/* One round is 1 MiB stored and 1 MiB moved. */
u64 bench_rep(void)
{
	const u64 size = 0x100000;
	u8 *to = ARENA, *from = ARENA + 0x200000, *d, *s;
	u64 round, n;

	for (round = 0; round < 20; round++) {
		d = from;
		n = size;
		__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) :
			"a"((u8)round) : "memory");
		d = to;
		s = from;
		n = size;
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : :
			"memory");
	}
	return to[size - 1];
}

static u64 touch(u64 pages, u64 sum)
{
	const volatile u64 *p = (const volatile u64 *)(void *)ARENA;
	u64 i;

	for (i = 0; i < pages; i++)
		sum += p[i * 512];
	return sum;
}

u64 bench_walk(void)
{
	u64 round, sum = 0;

	for (round = 0; round < 16; round++)
		sum = touch(ARENA_SIZE >> 12, sum + round);
	return sum;
}

u64 bench_cr3(void)
{
	u64 round, cr3, sum = 0;

	__asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
	for (round = 0; round < 3000; round++) {
		sum = touch(512, sum + round);
		__asm__ volatile("movq %0, %%cr3" : : "r"(cr3) : "memory");
	}
	return sum;
}

u64 bench_out(void)
{
	u64 i;

	for (i = 0; i < 500000; i++)
		__asm__ volatile("outb %b0, %w1" : : "a"(i), "d"(0x80));
	return i;
}

/* The version of the IOAPIC: its index register, then its window. */
u64 bench_mmio(void)
{
	volatile u32 *ioapic = (volatile u32 *)0xfec00000ul;
	u64 i, sum = 0;

	for (i = 0; i < 200000; i++) {
		ioapic[0] = 1;
		sum |= ioapic[4] & 0xff0000;
	}
	return sum;
}

/* mov $imm32, %eax; ret: the constant is written before each call. */
u64 bench_patch(void)
{
	static u8 code[4096] __attribute__((aligned(4096)));
	u32 (*call)(void) = (u32 (*)(void))(void *)code;
	u64 i, sum = 0;

	code[0] = 0xb8;
	code[5] = 0xc3;
	for (i = 0; i < 20000; i++) {
		*(volatile u32 *)(void *)(code + 1) = (u32)(i * 3);
		sum += call();
	}
	return sum;
}

struct descriptor {
	u16 low, selector, attributes, middle;
	u32 high, zero;
};

extern u8 gate[];

u64 bench_int(void)
{
	static struct descriptor idt[256];
	struct __attribute__((packed)) {
		u16 limit;
		u64 base;
	} pointer = { sizeof(idt) - 1, (u64)idt };
	u64 at = (u64)gate, i, count = 0;

	idt[0x40] = (struct descriptor){ .low = (u16)at, .selector = 8,
		.attributes = 0x8e00, .middle = (u16)(at >> 16),
		.high = (u32)(at >> 32) };
	__asm__ volatile("lidt %0" : : "m"(pointer));
	for (i = 0; i < 300000; i++)
		__asm__ volatile("int $0x40" : "+b"(count) : : "memory");
	return count;
}
