/* SPDX-License-Identifier: MIT */
/*
 * Kernels as benchmark suites have them: long multiplication, edit distances,
 * square roots, and ChaCha in SSE2's integers.
 */
#include <emmintrin.h>

#include "kernel.h"

/* -- Long multiplication -------------------------------------------------- */

#define LIMBS 32

static u64 factor[2][LIMBS], product[2 * LIMBS];

static void multiply(void)
{
	unsigned __int128 p;
	u64 carry;
	int i, j;

	for (i = 0; i < 2 * LIMBS; i++)
		product[i] = 0;
	for (i = 0; i < LIMBS; i++) {
		carry = 0;
		for (j = 0; j < LIMBS; j++) {
			p = (unsigned __int128)factor[0][i] * factor[1][j] +
				product[i + j] + carry;
			product[i + j] = (u64)p;
			carry = (u64)(p >> 64);
		}
		product[i + LIMBS] = carry;
	}
}

u64 bench_bignum(void)
{
	u64 state = 12345;
	int i;

	for (i = 0; i < LIMBS; i++) {
		factor[0][i] = bench_random(&state);
		factor[1][i] = bench_random(&state);
	}
	for (i = 0; i < 4000; i++) {
		multiply();
		factor[0][i % LIMBS] ^= product[LIMBS + 1];
	}
	return product[7] ^ product[2 * LIMBS - 1];
}

/* -- Edit distance, by CMOV ------------------------------------------------ */

#define LETTERS 400

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int distance(const char *a, const char *b)
{
	static int row[LETTERS + 1];
	int i, j, corner, above;

	for (j = 0; j <= LETTERS; j++)
		row[j] = j;
	for (i = 1; i <= LETTERS; i++) {
		corner = row[0];
		row[0] = i;
		for (j = 1; j <= LETTERS; j++) {
			above = row[j];
			row[j] = least(corner + (a[i - 1] != b[j - 1]),
				least(above, row[j - 1]) + 1);
			corner = above;
		}
	}
	return row[LETTERS];
}

u64 bench_edit(void)
{
	static char a[LETTERS], b[LETTERS];
	u64 state = 3, sum = 0;
	int i;

	for (i = 0; i < LETTERS; i++) {
		a[i] = (char)(bench_random(&state) % 4);
		b[i] = (char)(bench_random(&state) % 4);
	}
	for (i = 0; i < 30; i++) {
		sum += (u64)distance(a, b);
		a[i] ^= 1;
	}
	return sum;
}

/* -- Square roots ----------------------------------------------------------- */

u64 bench_roots(void)
{
	double sum = 0, root;
	int i;

	for (i = 1; i < 2000000; i++) {
		__asm__("sqrtsd %1, %0" : "=x"(root) : "x"((double)i));
		sum += root;
	}
	return (u64)sum;
}

/* -- ChaCha's rounds --------------------------------------------------------- */

static __m128i rotated(__m128i v, int n)
{
	return _mm_or_si128(_mm_slli_epi32(v, n), _mm_srli_epi32(v, 32 - n));
}

u64 bench_chacha(void)
{
	__m128i a = _mm_set1_epi32(1), b = _mm_set_epi32(1, 2, 3, 4);
	__m128i c = _mm_set1_epi32(3), d = _mm_set_epi32(9, 8, 7, 6);
	int i;

	for (i = 0; i < 300000; i++) {
		a = _mm_add_epi32(a, b);
		d = rotated(_mm_xor_si128(d, a), 16);
		c = _mm_add_epi32(c, d);
		b = rotated(_mm_xor_si128(b, c), 12);
		a = _mm_add_epi32(a, b);
		d = rotated(_mm_xor_si128(d, a), 8);
		c = _mm_add_epi32(c, d);
		b = rotated(_mm_xor_si128(b, c), 7);
		b = _mm_shuffle_epi32(b, 0x39);
		c = _mm_shuffle_epi32(c, 0x4e);
		d = _mm_shuffle_epi32(d, 0x93);
	}
	return (u64)_mm_cvtsi128_si64(_mm_xor_si128(a, d));
}
