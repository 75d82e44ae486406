/* SPDX-License-Identifier: MIT */
/*
 * Add, subtract, multiply, divide and square root of unpacked numbers, for all
 * formats. Operands have at most 64 significant bits.
 */
#include "lib/soft/fp/core.h"

/*
 * The sum of two finite nonzero numbers. Significands move down one bit to
 * make room for the carry, the smaller one further, jammed. If that loses bits
 * the exponents differ by so much that a difference loses at most one leading
 * bit, and the jammed bit stays far below any precision.
 */
static struct vmi_fpnum add_finite(
	enum vmi_fprc rc, const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	const struct vmi_fpnum *big = a->exp >= b->exp ? a : b;
	const struct vmi_fpnum *small = big == a ? b : a;
	struct vmi_fpnum r = { .cls = VMI_FPC_FINITE, .sign = big->sign };
	vmi_u128 x = vmi_fp_shr_jam(big->man, 1);
	vmi_u128 y = vmi_fp_shr_jam(
		small->man, 1u + (uint32_t)(big->exp - small->exp));

	r.exp = big->exp + 1;
	if (big->sign == small->sign) {
		r.man = x + y;
	} else if (x == y) {
		return vmi_fp_zero(rc == VMI_FP_DOWN);
	} else {
		r.man = x > y ? x - y : y - x;
		r.sign = x > y ? big->sign : small->sign;
	}
	vmi_fp_normalise(&r);
	return r;
}

/* Neither is a NaN, and they are not opposite infinities. */
struct vmi_fpnum vmi_fp_addsub(
	enum vmi_fprc rc, const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	if (a->cls == VMI_FPC_INF)
		return *a;
	if (b->cls == VMI_FPC_INF)
		return *b;
	if (a->cls == VMI_FPC_ZERO && b->cls == VMI_FPC_ZERO)
		return vmi_fp_zero(
			a->sign == b->sign ? a->sign : rc == VMI_FP_DOWN);
	if (a->cls == VMI_FPC_ZERO)
		return *b;
	if (b->cls == VMI_FPC_ZERO)
		return *a;
	return add_finite(rc, a, b);
}

static struct vmi_fpnum multiply(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	struct vmi_fpnum r = { .cls = VMI_FPC_FINITE };

	r.sign = a->sign != b->sign;
	if (a->cls == VMI_FPC_INF || b->cls == VMI_FPC_INF)
		return vmi_fp_inf(r.sign);
	if (a->cls == VMI_FPC_ZERO || b->cls == VMI_FPC_ZERO)
		return vmi_fp_zero(r.sign);
	r.man = (vmi_u128)(uint64_t)(a->man >> 64) * (uint64_t)(b->man >> 64);
	r.exp = a->exp + b->exp + 1;
	vmi_fp_normalise(&r);
	return r;
}

/* Not zero by zero nor infinity by infinity. */
static struct vmi_fpnum divide(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	struct vmi_fpnum r = { .cls = VMI_FPC_FINITE };
	vmi_u128 num = a->man >> 1;
	uint64_t den = (uint64_t)(b->man >> 64);
	vmi_u128 rest;

	r.sign = a->sign != b->sign;
	if (a->cls == VMI_FPC_INF || b->cls == VMI_FPC_ZERO)
		return vmi_fp_inf(r.sign);
	if (b->cls == VMI_FPC_INF || a->cls == VMI_FPC_ZERO)
		return vmi_fp_zero(r.sign);
	rest = num % den << 64;
	r.man = num / den << 64 | rest / den;
	r.man |= rest % den != 0;
	r.exp = a->exp - b->exp;
	vmi_fp_normalise(&r);
	return r;
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

/* ADD, MUL or DIV of operands in order, none of them a NaN. */
static struct vmi_fpnum compute(const struct vmi_fpctx *ctx, enum vmi_fpop op,
	const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	struct vmi_fpenv *env = ctx->env;
	struct vmi_fpnum r;

	if (is_invalid(op, a, b))
		return vmi_fp_invalid(env);
	if (op == VMI_FP_DIV && b->cls == VMI_FPC_ZERO &&
		a->cls == VMI_FPC_FINITE) {
		env->flags |= VMI_FP_ZE;
		return vmi_fp_inf(a->sign != b->sign);
	}
	vmi_fp_denormal(env, a);
	vmi_fp_denormal(env, b);
	switch (op) {
	case VMI_FP_MUL: r = multiply(a, b); break;
	case VMI_FP_DIV: r = divide(a, b); break;
	default: r = vmi_fp_addsub(env->rounding, a, b); break;
	}
	vmi_fp_round(ctx, &r);
	return r;
}

struct vmi_fpnum vmi_fp_compute(const struct vmi_fpctx *ctx, enum vmi_fpop op,
	const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	bool swap = op == VMI_FP_SUBR || op == VMI_FP_DIVR;
	struct vmi_fpnum x = swap ? *b : *a;
	struct vmi_fpnum y = swap ? *a : *b;
	struct vmi_fpnum r;

	if (vmi_fp_nan2(ctx, &x, &y, &r))
		return r;
	switch (op) {
	case VMI_FP_SUB:
	case VMI_FP_SUBR:
		y.sign = !y.sign;
		return compute(ctx, VMI_FP_ADD, &x, &y);
	case VMI_FP_DIVR: return compute(ctx, VMI_FP_DIV, &x, &y);
	default: return compute(ctx, op, &x, &y);
	}
}

/*
 * floor(sqrt(v)) digit by digit, with the remainder folded into bit 0 of a
 * root carried to 67 bits: more than 64 and the round bit.
 */
static vmi_u128 root_jam(vmi_u128 v)
{
	vmi_u128 root = 0;
	vmi_u128 rest = 0;
	unsigned i;

	for (i = 0; i < 67; i++) {
		rest = rest << 2 | v >> 126;
		v <<= 2;
		root <<= 1;
		if (rest > root << 1) {
			rest -= (root << 1) + 1;
			root |= 1;
		}
	}
	return root << 1 | (rest != 0);
}

struct vmi_fpnum vmi_fp_root(
	const struct vmi_fpctx *ctx, const struct vmi_fpnum *a)
{
	struct vmi_fpnum r;
	bool odd = a->exp & 1;

	if (vmi_fp_nan1(ctx->env, a, &r))
		return r;
	if (a->cls != VMI_FPC_ZERO && a->sign)
		return vmi_fp_invalid(ctx->env);
	vmi_fp_denormal(ctx->env, a);
	if (a->cls != VMI_FPC_FINITE)
		return *a;
	/* v is man / 2^126, in [1, 4), after the exponent is made even */
	r = *a;
	r.denormal = false;
	r.exp = (a->exp - odd) / 2;
	r.man = root_jam(odd ? a->man : a->man >> 1) << 60;
	vmi_fp_normalise(&r);
	r.exp = (a->exp - odd) / 2;
	vmi_fp_round(ctx, &r);
	return r;
}
