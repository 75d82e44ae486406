/* SPDX-License-Identifier: MIT */
/*
 * The x87's arithmetic on plain numbers, at once.
 *
 * Plain are normal numbers; the result is rounded to the nearest of 64 bits.
 * What is not so, and a result that is not normal, is for fp/x87.c, which
 * computes everything: here the two agree to the bit, flags included.
 */
#ifndef VMI_SOFT_FP_PLAIN_H
#define VMI_SOFT_FP_PLAIN_H

#include "lib/soft/fp/core.h"

#define VMI_F80_TOP  (1ull << 63)
#define VMI_F80_BIAS 16383

struct vmi_plain {
	struct vmi_f80 v;
	uint16_t flags; /* PE, and C1 with it */
	bool good;	/* else nothing is told */
};

static vmi_inline bool vmi_f80_is_plain(struct vmi_f80 v)
{
	return (v.se & 0x7fffu) - 1 < 0x7ffe && v.man >> 63;
}

static vmi_inline bool vmi_f80_is_zero(struct vmi_f80 v)
{
	return !((v.se & 0x7fffu) | v.man);
}

/* Whether what is cut off behind an odd or even digit rounds it up. */
static vmi_inline bool vmi_plain_up(uint64_t digit, uint64_t rest,
	uint64_t half)
{
	return rest > half - (digit & 1);
}

/* A significand whose top bit is set, what is below bit 0 jammed into it. */
static vmi_inline struct vmi_plain vmi_plain_round(vmi_u128 man, int exp,
	unsigned sign)
{
	uint64_t high = (uint64_t)(man >> 64), low = (uint64_t)man;
	bool up = vmi_plain_up(high, low, VMI_F80_TOP), good = exp > 0;

	high += up;
	if (vmi_unlikely(!high)) {
		high = VMI_F80_TOP;
		exp++;
	}
	return (struct vmi_plain){
		.v = { high, (uint16_t)(sign | (unsigned)exp) },
		.flags = low ? (uint16_t)(VMI_FP_PE | (up ? VMI_FP_C1 : 0)) : 0,
		.good = good && exp < 0x7fff,
	};
}

static vmi_inline struct vmi_plain vmi_plain_add(struct vmi_f80 a,
	struct vmi_f80 b)
{
	bool swap = (a.se & 0x7fff) < (b.se & 0x7fff);
	struct vmi_f80 big = swap ? b : a, small = swap ? a : b;
	unsigned exp = big.se & 0x7fffu, sign = big.se & 0x8000u, shift;
	vmi_u128 x = (vmi_u128)big.man << 63;
	vmi_u128 y = vmi_fp_shr_jam((vmi_u128)small.man << 63,
		exp - (small.se & 0x7fffu));

	if (!((a.se ^ b.se) & 0x8000)) {
		x += y;
	} else if (x == y) {
		return (struct vmi_plain){ .good = true };
	} else {
		sign ^= x < y ? 0x8000 : 0;
		x = x < y ? y - x : x - y;
	}
	shift = vmi_fp_clz(x);
	return vmi_plain_round(x << shift, (int)(exp + 1 - shift), sign);
}

static vmi_inline struct vmi_plain vmi_plain_mul(struct vmi_f80 a,
	struct vmi_f80 b)
{
	vmi_u128 p = (vmi_u128)a.man * b.man;
	int exp = (a.se & 0x7fff) + (b.se & 0x7fff) - VMI_F80_BIAS + 1;
	int shift = !(p >> 127);

	return vmi_plain_round(p << shift, exp - shift,
		(unsigned)(a.se ^ b.se) & 0x8000);
}

static vmi_inline struct vmi_plain vmi_plain_div(struct vmi_f80 a,
	struct vmi_f80 b)
{
	int exp = (a.se & 0x7fff) - (b.se & 0x7fff) + VMI_F80_BIAS, shift;
	vmi_u128 rest = (vmi_u128)a.man << 63;
	uint64_t high = (uint64_t)(rest / b.man), low;
	vmi_u128 q;

	rest = (rest - (vmi_u128)high * b.man) << 64;
	low = (uint64_t)(rest / b.man);
	q = (vmi_u128)high << 64 | low | (rest != (vmi_u128)low * b.man);
	shift = !(q >> 127);
	return vmi_plain_round(q << shift, exp - shift,
		(unsigned)(a.se ^ b.se) & 0x8000);
}

static vmi_inline struct vmi_plain vmi_plain_arith(enum vmi_fpop what,
	struct vmi_f80 a, struct vmi_f80 b)
{
	struct vmi_f80 minus_a = { a.man, a.se ^ 0x8000 };
	struct vmi_f80 minus_b = { b.man, b.se ^ 0x8000 };

	if (vmi_unlikely(!vmi_f80_is_plain(a) || !vmi_f80_is_plain(b)))
		return (struct vmi_plain){ .good = false };
	switch (what) {
	case VMI_FP_ADD: return vmi_plain_add(a, b);
	case VMI_FP_SUB: return vmi_plain_add(a, minus_b);
	case VMI_FP_SUBR: return vmi_plain_add(b, minus_a);
	case VMI_FP_MUL: return vmi_plain_mul(a, b);
	case VMI_FP_DIV: return vmi_plain_div(a, b);
	default: return vmi_plain_div(b, a);
	}
}

/* -- To and from the formats of memory ----------------------------------- */

/* Of a normal number or a zero; anything else is not plain. */
static vmi_inline struct vmi_f80 vmi_plain_from(enum vmi_fpkind kind,
	uint64_t bits)
{
	unsigned frac = kind == VMI_F32 ? 23 : 52;
	unsigned top = kind == VMI_F32 ? 0xff : 0x7ff;
	unsigned exp = (unsigned)(bits >> frac) & top;
	unsigned sign = (unsigned)(bits >> (kind == VMI_F32 ? 31 : 63)) << 15;
	uint64_t man = bits << (63 - frac) & ~VMI_F80_TOP;

	if (vmi_unlikely(!exp || exp == top))
		return (struct vmi_f80){ man,
			(uint16_t)(exp || man ? 0x7fff : sign) };
	return (struct vmi_f80){ man | VMI_F80_TOP,
		(uint16_t)(sign | (exp + VMI_F80_BIAS - top / 2)) };
}

/* The bits of a number in memory are in `v.man`. */
static vmi_inline struct vmi_plain vmi_plain_to(enum vmi_fpkind kind,
	struct vmi_f80 a)
{
	unsigned frac = kind == VMI_F32 ? 23 : 52, cut = 63 - frac;
	int top = kind == VMI_F32 ? 0xff : 0x7ff;
	int exp = (a.se & 0x7fff) - VMI_F80_BIAS + top / 2;
	uint64_t sign = (uint64_t)(a.se >> 15) << (kind == VMI_F32 ? 31 : 63);
	uint64_t rest = a.man & ((1ull << cut) - 1), man = a.man >> cut;
	bool up = vmi_plain_up(man, rest, 1ull << (cut - 1));

	if (vmi_f80_is_zero(a))
		return (struct vmi_plain){ .v = { sign, 0 }, .good = true };
	if (vmi_unlikely(!vmi_f80_is_plain(a) || exp <= 0 || exp >= top))
		return (struct vmi_plain){ .good = false };
	/* A carry out of the significand is one into the exponent. */
	man += ((uint64_t)(exp - 1) << frac) + up;
	return (struct vmi_plain){
		.v = { sign | man, 0 },
		.flags = rest ? (uint16_t)(VMI_FP_PE | (up ? VMI_FP_C1 : 0)) : 0,
		.good = man >> frac < (uint64_t)top,
	};
}

#endif
