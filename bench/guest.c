/* SPDX-License-Identifier: MIT */
/* The benchmark guest: runs the kernels that its command line names. */
/*
 * On port 0xe9 a kernel's start is the line "<name" and its end the line
 * ">name checksum"; whoever runs the guest takes the time between them.
 * Without names all kernels run.
 */
#include "kernel.h"

static const struct kernel {
	const char *name;
	bench_kernel *run;
} kernels[] = {
	{ "alu", bench_alu },
	{ "sieve", bench_sieve },
	{ "sha256", bench_sha256 },
	{ "list", bench_list },
	{ "quicksort", bench_quicksort },
	{ "bytecode", bench_bytecode },
	{ "copy", bench_copy },
	{ "mixed", bench_mixed },
	{ "strings", bench_strings },
	{ "crc32", bench_crc32 },
	{ "fib", bench_fib },
	{ "divide", bench_divide },
	{ "locked", bench_locked },
	{ "pages", bench_pages },
	{ "matrix", bench_matrix },
	{ "mandel", bench_mandel },
	{ "x87", bench_mandel_x87 },
	{ "bodies", bench_bodies },
	{ "rep", bench_rep },
	{ "walk", bench_walk },
	{ "cr3", bench_cr3 },
	{ "out", bench_out },
	{ "mmio", bench_mmio },
	{ "patch", bench_patch },
	{ "int", bench_int },
	{ "chase", bench_chase },
	{ "wide", bench_wide },
	{ "contexts", bench_contexts },
	{ "bignum", bench_bignum },
	{ "edit", bench_edit },
	{ "roots", bench_roots },
	{ "chacha", bench_chacha }
};

#define KERNELS (sizeof(kernels) / sizeof(kernels[0]))

static void put(char c)
{
	__asm__ volatile("outb %0, $0xe9" : : "a"(c));
}

static void print(const char *text)
{
	while (*text != '\0')
		put(*text++);
}

static void print_hex(u64 value)
{
	int shift;

	for (shift = 60; shift >= 0; shift -= 4)
		put("0123456789abcdef"[value >> shift & 15]);
}

static int is_space(char c)
{
	return c == ' ' || c == '\0';
}

/* Whether `name` is a word of the command line. */
static int named(const char *line, const char *name)
{
	unsigned i;

	while (*line != '\0') {
		for (i = 0; name[i] != '\0' && line[i] == name[i]; i++)
			;
		if (name[i] == '\0' && is_space(line[i]))
			return 1;
		while (!is_space(*line))
			line++;
		while (*line == ' ')
			line++;
	}
	return 0;
}

static void run(const struct kernel *k)
{
	u64 sum;

	put('<');
	print(k->name);
	put('\n');
	sum = k->run();
	put('>');
	print(k->name);
	put(' ');
	print_hex(sum);
	put('\n');
}

void main(const u32 *info);

/* Multiboot: flag 2 says that there is a command line, word 4 where. */
void main(const u32 *info)
{
	const char *line = info[0] & 4 ? (const char *)(u64)info[4] : "";
	unsigned i, n = 0;

	for (i = 0; i < KERNELS; i++)
		n += (unsigned)named(line, kernels[i].name);
	for (i = 0; i < KERNELS; i++) {
		if (n == 0 || named(line, kernels[i].name))
			run(&kernels[i]);
	}
}
