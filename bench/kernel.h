/* SPDX-License-Identifier: MIT */
/* The kernels of the benchmark guest: each works and returns a checksum. */
#ifndef BENCH_KERNEL_H
#define BENCH_KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

typedef u64 bench_kernel(void);

bench_kernel bench_alu, bench_sieve, bench_sha256, bench_list,
	bench_quicksort, bench_bytecode, bench_copy, bench_mixed;
bench_kernel bench_strings, bench_crc32, bench_fib, bench_divide,
	bench_locked, bench_pages;
bench_kernel bench_matrix, bench_mandel, bench_mandel_x87, bench_bodies;
bench_kernel bench_mmio, bench_rep, bench_walk, bench_cr3, bench_out, bench_patch,
	bench_int;
bench_kernel bench_chase, bench_wide, bench_contexts;
bench_kernel bench_bignum, bench_edit, bench_roots, bench_chacha;

/* 64 MiB up to 320 MiB: memory that nothing else uses. */
#define ARENA	   ((u8 *)0x4000000)
#define ARENA_SIZE 0x10000000ul

/* Marsaglia's xorshift: the same numbers everywhere. */
static inline u64 bench_random(u64 *state)
{
	u64 x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return x;
}

#endif
