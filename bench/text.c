/* SPDX-License-Identifier: MIT */
/* Kernels on bytes: strings, a CRC by table, a search, a sort of words. */
#include "kernel.h"

#define TEXT 4096u

static u8 text[TEXT], other[TEXT];

static void fill(u8 *p, u64 seed)
{
	u32 i;

	for (i = 0; i < TEXT - 1; i++)
		p[i] = (u8)(' ' + bench_random(&seed) % 95);
	p[TEXT - 1] = 0;
}

/* -- strlen, strcpy, strcmp, strchr -------------------------------------- */

static u64 length(const volatile u8 *p)
{
	u64 n = 0;

	while (p[n])
		n++;
	return n;
}

static void copy(volatile u8 *to, const volatile u8 *from)
{
	while ((*to++ = *from++) != 0)
		;
}

static int compare(const volatile u8 *a, const volatile u8 *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a - *b;
}

static u32 count(const volatile u8 *p, u8 c)
{
	u32 n = 0;

	for (; *p; p++)
		n += *p == c;
	return n;
}

u64 bench_strings(void)
{
	u64 sum = 0;
	u32 round;

	fill(text, 3);
	for (round = 0; round < 4000; round++) {
		text[round % 1000] = (u8)('a' + round % 26);
		copy(other, text);
		sum += length(other) + (u64)(compare(text, other) == 0) +
			count(other, (u8)('a' + round % 26));
	}
	return sum;
}

/* -- CRC-32: IEEE 802.3 -------------------------------------------------- */

u64 bench_crc32(void)
{
	static u32 table[256];
	u32 i, k, c, crc = 0xffffffff, round;

	for (i = 0; i < 256; i++) {
		for (c = i, k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
		table[i] = c;
	}
	fill(text, 5);
	for (round = 0; round < 8000; round++) {
		for (i = 0; i < TEXT; i++)
			crc = table[(crc ^ text[i]) & 0xff] ^ crc >> 8;
	}
	return crc;
}
