/* SPDX-License-Identifier: MIT */
/* Integer operations on all lanes of 64 bits at once; `bits` is constant. */
#ifndef VMI_SOFT_HALVES_H
#define VMI_SOFT_HALVES_H

#include "lib/soft/simd.h"

/* The top bit of each lane of a half. */
static vmi_inline uint64_t half_tops(unsigned bits)
{
	return (~0ull / vmi_lane_mask(bits)) << (bits - 1);
}

/* Carries stop at the top bits, which are added apart. */
static vmi_inline uint64_t half_add(uint64_t a, uint64_t b, unsigned bits)
{
	uint64_t top = half_tops(bits);

	return ((a & ~top) + (b & ~top)) ^ ((a ^ b) & top);
}

static vmi_inline uint64_t half_sub(uint64_t a, uint64_t b, unsigned bits)
{
	uint64_t top = half_tops(bits);

	return ((a | top) - (b & ~top)) ^ ((a ^ ~b) & top);
}

static vmi_inline uint64_t half_eq(uint64_t a, uint64_t b, unsigned bits)
{
	uint64_t top = half_tops(bits), x = a ^ b;
	uint64_t differs = (((x & ~top) + ~top) | x) & top;

	return ~((differs >> (bits - 1)) * vmi_lane_mask(bits));
}

/* Lanes of ones where a >= b, unsigned: the borrow decides among equal tops. */
static vmi_inline uint64_t half_geu(uint64_t a, uint64_t b, unsigned bits)
{
	uint64_t top = half_tops(bits), rest = (a | top) - (b & ~top);
	uint64_t ge = ((a & ~b) | (~(a ^ b) & rest)) & top;

	return (ge >> (bits - 1)) * vmi_lane_mask(bits);
}

static vmi_inline uint64_t half_gt(uint64_t a, uint64_t b, unsigned bits)
{
	uint64_t top = half_tops(bits);

	return ~half_geu(b ^ top, a ^ top, bits);
}

static vmi_inline uint64_t half_choose(uint64_t mask, uint64_t a, uint64_t b)
{
	return b ^ ((a ^ b) & mask);
}

static vmi_inline uint64_t half_maxu(uint64_t a, uint64_t b, unsigned bits)
{
	return half_choose(half_geu(a, b, bits), a, b);
}

static vmi_inline uint64_t half_minu(uint64_t a, uint64_t b, unsigned bits)
{
	return half_choose(half_geu(a, b, bits), b, a);
}

static vmi_inline uint64_t half_maxs(uint64_t a, uint64_t b, unsigned bits)
{
	return half_choose(half_gt(a, b, bits), a, b);
}

static vmi_inline uint64_t half_mins(uint64_t a, uint64_t b, unsigned bits)
{
	return half_choose(half_gt(a, b, bits), b, a);
}

/* No more is added than fits, no more taken than is there. */
static vmi_inline uint64_t half_addus(uint64_t a, uint64_t b, unsigned bits)
{
	return a + half_minu(b, ~a, bits);
}

static vmi_inline uint64_t half_subus(uint64_t a, uint64_t b, unsigned bits)
{
	return a - half_minu(a, b, bits);
}

/* The mean, rounded up: what either has, less half of what differs. */
static vmi_inline uint64_t half_avg(uint64_t a, uint64_t b, unsigned bits)
{
	return (a | b) - ((a ^ b) >> 1 & ~half_tops(bits));
}

static vmi_inline uint64_t half_and(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return a & b;
}

static vmi_inline uint64_t half_andn(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return ~a & b;
}

static vmi_inline uint64_t half_or(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return a | b;
}

static vmi_inline uint64_t half_xor(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return a ^ b;
}

#endif
