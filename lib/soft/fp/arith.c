/* SPDX-License-Identifier: MIT */
/*
 * Add, subtract, multiply, divide and square root of unpacked numbers, for all
 * formats. Operands have at most 64 significant bits.
 */
#include "lib/soft/fp/core.h"

/*
 * Adds a finite nonzero number to another. Significands move down one bit to
 * make room for the carry, the smaller one further, jammed. If that loses bits
 * the exponents differ by so much that a difference loses at most one leading
 * bit, and the jammed bit stays far below any precision.
 */
static void add_finite(
	enum vmi_fprc rc, struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	const struct vmi_fpnum *big = a->exp >= b->exp ? a : b;
	const struct vmi_fpnum *small = big == a ? b : a;
	vmi_u128 x = vmi_fp_shr_jam(big->man, 1);
	vmi_u128 y = vmi_fp_shr_jam(
		small->man, 1u + (uint32_t)(big->exp - small->exp));
	bool sign = big->sign;

	if (sign == small->sign) {
		x += y;
	} else if (x == y) {
		*a = vmi_fp_zero(rc == VMI_FP_DOWN);
		return;
	} else {
		sign = x > y ? sign : small->sign;
		x = x > y ? x - y : y - x;
	}
	a->exp = big->exp + 1;
	a->man = x;
	a->sign = sign;
	vmi_fp_normalise(a);
}

/* Neither is a NaN, and they are not opposite infinities. */
void vmi_fp_add_to(
	enum vmi_fprc rc, struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	if (vmi_likely(a->cls == VMI_FPC_FINITE && b->cls == VMI_FPC_FINITE))
		add_finite(rc, a, b);
	else if (a->cls == VMI_FPC_INF)
		return;
	else if (b->cls == VMI_FPC_INF || b->cls == VMI_FPC_FINITE)
		*a = *b;
	else if (a->cls == VMI_FPC_ZERO && a->sign != b->sign)
		*a = vmi_fp_zero(rc == VMI_FP_DOWN);
}

/* Multiplies, exactly; not zero by infinity. */
void vmi_fp_mul_by(struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	bool sign = a->sign != b->sign;

	if (a->cls == VMI_FPC_INF || b->cls == VMI_FPC_INF) {
		*a = vmi_fp_inf(sign);
	} else if (a->cls == VMI_FPC_ZERO || b->cls == VMI_FPC_ZERO) {
		*a = vmi_fp_zero(sign);
	} else {
		a->man = (vmi_u128)(uint64_t)(a->man >> 64) *
			 (uint64_t)(b->man >> 64);
		a->exp += b->exp + 1;
		a->sign = sign;
		vmi_fp_normalise(a);
	}
}

static void divide_finite(struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	uint64_t den = (uint64_t)(b->man >> 64);
	vmi_u128 rest = a->man >> 1;
	vmi_u128 high = rest / den;
	vmi_u128 low;

	rest = (rest - high * den) << 64;
	low = rest / den;
	rest -= low * den;
	a->man = high << 64 | low | (rest != 0);
	a->exp -= b->exp;
	vmi_fp_normalise(a);
}

/* Not zero by zero nor infinity by infinity. */
static void divide(struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	bool sign = a->sign != b->sign;

	if (a->cls == VMI_FPC_INF || b->cls == VMI_FPC_ZERO) {
		*a = vmi_fp_inf(sign);
	} else if (b->cls == VMI_FPC_INF || a->cls == VMI_FPC_ZERO) {
		*a = vmi_fp_zero(sign);
	} else {
		divide_finite(a, b);
		a->sign = sign;
	}
}

static bool is_invalid(
	enum vmi_fpop op, const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	bool inf_a = a->cls == VMI_FPC_INF;
	bool inf_b = b->cls == VMI_FPC_INF;
	bool zero_a = a->cls == VMI_FPC_ZERO;
	bool zero_b = b->cls == VMI_FPC_ZERO;

	switch (op) {
	case VMI_FP_ADD: return inf_a && inf_b && a->sign != b->sign;
	case VMI_FP_MUL: return (inf_a && zero_b) || (zero_a && inf_b);
	case VMI_FP_DIV: return (inf_a && inf_b) || (zero_a && zero_b);
	default: return false;
	}
}

/* ADD, MUL or DIV of operands in order, none of them a NaN; into *@a. */
static void compute(const struct vmi_fpctx *ctx, enum vmi_fpop op,
	struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	struct vmi_fpenv *env = ctx->env;

	if (vmi_unlikely(is_invalid(op, a, b))) {
		*a = vmi_fp_invalid(env);
		return;
	}
	if (op == VMI_FP_DIV && b->cls == VMI_FPC_ZERO &&
		a->cls == VMI_FPC_FINITE) {
		env->flags |= VMI_FP_ZE;
		*a = vmi_fp_inf(a->sign != b->sign);
		return;
	}
	vmi_fp_denormal(env, a);
	vmi_fp_denormal(env, b);
	switch (op) {
	case VMI_FP_MUL: vmi_fp_mul_by(a, b); break;
	case VMI_FP_DIV: divide(a, b); break;
	default: vmi_fp_add_to(env->rounding, a, b); break;
	}
	vmi_fp_round(ctx, a);
}

/* Uses up both operands; the result is in one of them. */
struct vmi_fpnum *vmi_fp_compute(const struct vmi_fpctx *ctx, enum vmi_fpop op,
	struct vmi_fpnum *a, struct vmi_fpnum *b)
{
	bool swap = op == VMI_FP_SUBR || op == VMI_FP_DIVR;
	struct vmi_fpnum *x = swap ? b : a;
	struct vmi_fpnum *y = swap ? a : b;

	if (vmi_fp_nan2(ctx, x, y, x))
		return x;
	switch (op) {
	case VMI_FP_SUB:
	case VMI_FP_SUBR:
		y->sign = !y->sign;
		compute(ctx, VMI_FP_ADD, x, y);
		break;
	case VMI_FP_DIVR: compute(ctx, VMI_FP_DIV, x, y); break;
	default: compute(ctx, op, x, y); break;
	}
	return x;
}

struct root {
	uint64_t root;
	vmi_u128 rest;
};

/* floor(sqrt(v)) and the rest, digit by digit, for v of 32 bits. */
static struct root root_32(uint32_t v)
{
	uint32_t root = 0;
	uint32_t rest = 0;
	int i;

	for (i = 30; i >= 0; i -= 2) {
		rest = rest << 2 | (v >> i & 3);
		root <<= 1;
		if (rest > root << 1) {
			rest -= (root << 1) + 1;
			root |= 1;
		}
	}
	return (struct root){ root, rest };
}

/*
 * Doubles the digits: given the root and rest of the upper half of a number
 * with one of its top two bits set, those of the whole; @low is the lower half,
 * of 2 * @bits. (P. Zimmermann, Karatsuba Square Root, INRIA RR-3805, 1999.)
 */
static struct root root_step(struct root upper, uint64_t low, unsigned bits)
{
	uint64_t mask = (UINT64_C(1) << bits) - 1;
	vmi_u128 num = upper.rest << bits | low >> bits;
	uint64_t den = upper.root << 1;
	uint64_t q = (uint64_t)(num / den);
	vmi_u128 rest = (num - (vmi_u128)q * den) << bits | (low & mask);
	vmi_u128 square = (vmi_u128)q * q;
	vmi_u128 root = ((vmi_u128)upper.root << bits) + q;

	if (rest < square) { /* one too many */
		rest += 2 * root - 1;
		root--;
	}
	return (struct root){ (uint64_t)root, rest - square };
}

/*
 * The root of a radicand in [1, 4), as a significand: 64 bits, the next, which
 * is set if the rest exceeds the root, and whether anything is left.
 */
static vmi_u128 root_of(vmi_u128 v)
{
	struct root r = root_32((uint32_t)(v >> 96));

	r = root_step(r, (uint32_t)(v >> 64), 16);
	r = root_step(r, (uint64_t)v, 32);
	return VMI_FP_MAN(r.root) | (vmi_u128)(r.rest > r.root) << 63 |
	       (r.rest != 0);
}

/* In place. */
void vmi_fp_root(const struct vmi_fpctx *ctx, struct vmi_fpnum *a)
{
	bool odd = a->exp & 1;

	if (vmi_fp_nan1(ctx->env, a, a))
		return;
	if (a->cls != VMI_FPC_ZERO && a->sign) {
		*a = vmi_fp_invalid(ctx->env);
		return;
	}
	vmi_fp_denormal(ctx->env, a);
	if (a->cls != VMI_FPC_FINITE)
		return;
	a->man = root_of(odd ? a->man : a->man >> 1);
	a->exp = (a->exp - odd) / 2;
	vmi_fp_round(ctx, a);
}
