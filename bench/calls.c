/* SPDX-License-Identifier: MIT */
/* Kernels of calls, divisions and locked operations. */
#include "kernel.h"

static __attribute__((noinline)) u64 fib(u32 n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

u64 bench_fib(void)
{
	return fib(32);
}

/* Collatz: signed arithmetic that compilers make of divisions. */
u64 bench_divide(void)
{
	u64 sum = 0;
	long i, n;

	for (i = 1; i < 60000; i++) {
		for (n = i; n != 1; sum++)
			n = n & 1 ? 3 * n + 1 : n / 2;
		sum += (u64)(sum * 7919 % (u64)(i + 3)) + (u64)(-i / 13);
	}
	return sum;
}

u64 bench_locked(void)
{
	static u64 counter, lock;
	u32 i;

	for (i = 0; i < 3000000; i++) {
		while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
			;
		__atomic_fetch_add(&counter, i, __ATOMIC_SEQ_CST);
		__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
	}
	return counter;
}

#define CODE_PAGES 8192u

/* Functions all over memory, as far calls of a large program are. */
u64 bench_pages(void)
{
	u64 state = 88172645463325252ul, sum = 0;
	u8 *code;
	u32 i;

	for (i = 0; i < CODE_PAGES; i++) {
		code = ARENA + i * 4096 + (i * 64 & 4095);
		code[0] = 0x8d; /* lea 1(%rdi), %eax; ret */
		code[1] = 0x47;
		code[2] = 1;
		code[3] = 0xc3;
	}
	for (i = 0; i < 500000; i++) {
		u64 page = bench_random(&state) % CODE_PAGES;
		u32 (*call)(u32);

		code = ARENA + page * 4096 + (page * 64 & 4095);
		call = (u32 (*)(u32))(void *)code;
		sum += call((u32)page);
	}
	return sum;
}
