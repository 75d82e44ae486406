/* SPDX-License-Identifier: MIT */
/*
 * FPREM and FPREM1 (SDM 2). While the exponents differ by 64 or more a step
 * takes only part of the quotient away, truncated, and sets C2; the manual
 * leaves open how much, "between 32 and 63". Software cannot depend on it: the
 * loop ends in the same remainder, since each step subtracts a multiple of the
 * divisor. The last step delivers the quotient's low bits in C0, C3, C1.
 */
#include "lib/soft/fp/core.h"

struct division {
	uint64_t quotient;
	struct vmi_fpnum rest;
};

/*
 * @x less the largest multiple of @y * 2^@scale; the exponents differ by
 * @scale plus at most 63.
 */
static struct division divide_truncated(
	const struct vmi_fpnum *x, const struct vmi_fpnum *y, int32_t scale)
{
	struct division d = { .rest = *x };
	uint64_t den = (uint64_t)(y->man >> 64);
	int32_t shift = x->exp - y->exp - scale;
	vmi_u128 num = x->man >> 64;

	if (shift < 0)
		return d;
	num <<= shift;
	d.quotient = (uint64_t)(num / den);
	d.rest.man = num % den << 64;
	d.rest.exp = y->exp + scale;
	d.rest.denormal = false;
	vmi_fp_normalise(&d.rest);
	return d;
}

/* FPREM1: the quotient to the nearest, ties to even. */
static void to_nearest(struct division *d, const struct vmi_fpnum *y)
{
	struct vmi_fpnum twice = d->rest;
	struct vmi_fpnum away = *y;
	enum vmi_fpcmp order;

	if (twice.cls == VMI_FPC_ZERO)
		return;
	twice.exp++;
	twice.sign = y->sign;
	order = vmi_fp_order(&twice, y);
	if (y->sign && order != VMI_FP_EQUAL)
		order = order == VMI_FP_LESS ? VMI_FP_GREATER : VMI_FP_LESS;
	if (order == VMI_FP_LESS ||
		(order == VMI_FP_EQUAL && !(d->quotient & 1)))
		return;
	d->quotient++;
	away.sign = !d->rest.sign;
	vmi_fp_add_to(VMI_FP_NEAREST, &d->rest, &away);
}

static struct vmi_fpnum remainder_of(struct vmi_fpenv *env,
	const struct vmi_fpnum *x, const struct vmi_fpnum *y, bool nearest)
{
	int32_t diff = x->exp - y->exp;
	struct division d;

	if (diff >= 64) {
		/* what real processors take: the low five bits, and 32 */
		d = divide_truncated(x, y, diff - ((diff & 31) | 32));
		env->flags |= VMI_FP_C2;
		return d.rest;
	}
	d = divide_truncated(x, y, 0);
	if (nearest)
		to_nearest(&d, y);
	if (d.quotient & 4)
		env->flags |= VMI_FP_C0;
	if (d.quotient & 2)
		env->flags |= VMI_FP_C3;
	if (d.quotient & 1)
		env->flags |= VMI_FP_C1;
	if (d.rest.cls == VMI_FPC_ZERO)
		d.rest.sign = x->sign;
	return d.rest;
}

struct vmi_f80 vmi_f80_rem(
	struct vmi_fpenv *env, struct vmi_f80 a, struct vmi_f80 b, bool nearest)
{
	struct vmi_fpctx ctx = { env, &vmi_fp_formats[VMI_F80], 64, false };
	struct vmi_fpnum x = vmi_fp_unpack_f80(a);
	struct vmi_fpnum y = vmi_fp_unpack_f80(b);
	struct vmi_fpnum r;

	if (vmi_fp_nan2(&ctx, &x, &y, &r))
		return vmi_fp_pack_f80(&r);
	if (x.cls == VMI_FPC_INF || y.cls == VMI_FPC_ZERO) {
		r = vmi_fp_invalid(env);
		return vmi_fp_pack_f80(&r);
	}
	vmi_fp_denormal(env, &x);
	vmi_fp_denormal(env, &y);
	if (x.cls == VMI_FPC_ZERO || y.cls == VMI_FPC_INF)
		return vmi_fp_pack_f80(&x); /* not even an unmasked UE */
	r = remainder_of(env, &x, &y, nearest);
	return vmi_fp_finish_f80(env, r);
}
