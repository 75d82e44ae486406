/* SPDX-License-Identifier: MIT */
/*
 * Rounding to a format: the one place that raises OE, UE and PE.
 *
 * Tininess is detected after rounding (SDM 1 4.9.1.5): a result is tiny if,
 * rounded to full precision as though the exponent had no lower bound, it lies
 * below the least normal number. So the number is rounded once unbounded, and
 * again, from the start, as a denormal if it proves tiny.
 *
 * x87 precision control shortens the significand and leaves the exponent range
 * of the 80-bit format (SDM 1 8.1.5.2), so overflow, denormals and the largest
 * finite number all follow from the format's exponents and the given precision.
 */
#include "lib/soft/fp/core.h"

/* The number's bits may be anything, its exponent included. */
void vmi_fp_normalise(struct vmi_fpnum *n)
{
	unsigned shift;

	if (!n->man) {
		n->cls = VMI_FPC_ZERO;
		n->exp = 0;
		return;
	}
	shift = vmi_fp_clz(n->man);
	n->man <<= shift;
	n->exp -= (int32_t)shift;
}

static bool away_from_zero(enum vmi_fprc rc, bool sign)
{
	return rc == (sign ? VMI_FP_DOWN : VMI_FP_UP);
}

/*
 * Rounds the significand, normalised or not, to its top @prec bits. Returns
 * PE if that lost anything, with C1 if it went away from zero.
 */
uint16_t vmi_fp_round_man(enum vmi_fprc rc, unsigned prec, struct vmi_fpnum *n)
{
	vmi_u128 unit = (vmi_u128)1 << (128 - prec);
	vmi_u128 half = unit >> 1;
	vmi_u128 rest = n->man & (unit - 1);
	bool up;

	if (!rest)
		return 0;
	if (rc == VMI_FP_NEAREST)
		up = rest > half || (rest == half && (n->man & unit));
	else
		up = away_from_zero(rc, n->sign);
	n->man -= rest;
	if (!up)
		return VMI_FP_PE;
	n->man += unit;
	if (!n->man) { /* carried out of the top */
		n->man = VMI_FP_INTBIT;
		n->exp++;
	}
	return VMI_FP_PE | VMI_FP_C1;
}

/* Rounds a finite number to an integral value. */
uint16_t vmi_fp_round_int(enum vmi_fprc rc, struct vmi_fpnum *n)
{
	uint16_t flags;

	if (n->exp >= 63)
		return 0;
	n->man = vmi_fp_shr_jam(n->man, (uint32_t)(63 - n->exp));
	n->exp = 63;
	flags = vmi_fp_round_man(rc, 64, n);
	vmi_fp_normalise(n);
	return flags;
}

/*
 * An unmasked OE or UE. An x87 register gets the number, rounded, with its
 * exponent moved back towards the range (SDM 1 8.5.4, 8.5.5), or if that is not
 * enough, after FSCALE, @beyond, inexact. Elsewhere nothing is written, and an
 * x87 store does not report PE either.
 */
static void unmasked(const struct vmi_fpctx *ctx, struct vmi_fpnum *n,
	const struct vmi_fpnum *beyond, uint16_t inexact)
{
	const struct vmi_fpformat *f = ctx->fmt;
	bool over = beyond->cls == VMI_FPC_INF;

	n->exp += over ? -VMI_FP_ADJUST : VMI_FP_ADJUST;
	if (!f->x87) {
		*n = *beyond;
		inexact = ctx->store ? 0 : inexact;
	} else if (n->exp < f->emin || n->exp > f->emax) {
		*n = *beyond;
		inexact = over ? VMI_FP_PE | VMI_FP_C1 : VMI_FP_PE;
	}
	ctx->env->flags |= inexact;
}

/* SDM 1 4.9.1.4 and table 4-10. */
static void overflow(
	const struct vmi_fpctx *ctx, struct vmi_fpnum *n, uint16_t inexact)
{
	struct vmi_fpenv *env = ctx->env;
	const struct vmi_fpformat *f = ctx->fmt;

	env->flags |= VMI_FP_OE;
	if (env->unmasked & VMI_FP_OE) {
		struct vmi_fpnum inf = vmi_fp_inf(n->sign);

		unmasked(ctx, n, &inf, inexact);
		return;
	}
	env->flags |= VMI_FP_PE;
	if (env->rounding == VMI_FP_NEAREST ||
		away_from_zero(env->rounding, n->sign)) {
		env->flags |= VMI_FP_C1;
		*n = vmi_fp_inf(n->sign);
		return;
	}
	n->exp = f->emax;
	n->man = ~(vmi_u128)0 << (128 - ctx->prec);
}

/* A tiny result: the number, and as rounded without bound. */
static void underflow(const struct vmi_fpctx *ctx, struct vmi_fpnum *n,
	const struct vmi_fpnum *rounded, uint16_t inexact)
{
	struct vmi_fpenv *env = ctx->env;
	struct vmi_fpnum zero = vmi_fp_zero(n->sign);
	int emin = ctx->fmt->emin;

	if (env->unmasked & VMI_FP_UE) {
		env->flags |= VMI_FP_UE;
		*n = *rounded;
		unmasked(ctx, n, &zero, inexact);
		return;
	}
	if (env->ftz) { /* SDM 1 10.2.3.3 */
		env->flags |= VMI_FP_UE | VMI_FP_PE;
		*n = zero;
		return;
	}
	n->man = vmi_fp_shr_jam(n->man, (uint32_t)(emin - n->exp));
	n->exp = emin;
	inexact = vmi_fp_round_man(env->rounding, ctx->prec, n);
	vmi_fp_normalise(n);
	env->flags |= inexact;
	if (inexact)
		env->flags |= VMI_FP_UE;
}

/*
 * Makes a finite number, which may carry a jammed bit, a value of the format.
 * What an unmasked OE or UE leaves in an SSE or memory format is never stored.
 */
void vmi_fp_round(const struct vmi_fpctx *ctx, struct vmi_fpnum *n)
{
	const struct vmi_fpformat *f = ctx->fmt;
	vmi_u128 man = n->man;
	int32_t exp = n->exp;
	struct vmi_fpnum rounded;
	uint16_t inexact;

	if (n->cls != VMI_FPC_FINITE)
		return;
	inexact = vmi_fp_round_man(ctx->env->rounding, ctx->prec, n);
	if (vmi_unlikely(n->exp < f->emin)) {
		rounded = *n;
		n->man = man;
		n->exp = exp;
		underflow(ctx, n, &rounded, inexact);
	} else if (vmi_unlikely(n->exp > f->emax)) {
		overflow(ctx, n, inexact);
	} else {
		ctx->env->flags |= inexact;
	}
}

/* Results that precision control does not touch. */
struct vmi_f80 vmi_fp_finish_f80(struct vmi_fpenv *env, struct vmi_fpnum n)
{
	struct vmi_fpctx ctx = { env, &vmi_fp_formats[VMI_F80], 64, false };

	vmi_fp_round(&ctx, &n);
	return vmi_fp_pack_f80(&n);
}

/*
 * Call it after the last lane of an instruction. True if nothing may be
 * written: an exception that comes before the computation is unmasked, and
 * those that come after it are then not reported (SDM 1 11.5.2, 4.9.2).
 */
bool vmi_fp_settle(struct vmi_fpenv *env)
{
	if (!(env->flags & env->unmasked & VMI_FP_PRE))
		return false;
	env->flags &= (uint16_t) ~(VMI_FP_POST | VMI_FP_C1);
	return true;
}
