/* SPDX-License-Identifier: MIT */
/*
 * NaN operands, and which one the result comes from (SDM 1 table 4-7). A NaN
 * goes before every other condition: beside one, a denormal raises no DE and a
 * zero divisor no ZE (SDM 1 4.9.2).
 */
#include "lib/soft/fp/core.h"

/* IE, and the default NaN: "QNaN floating-point indefinite". */
struct vmi_fpnum vmi_fp_invalid(struct vmi_fpenv *env)
{
	env->flags |= VMI_FP_IE;
	return (struct vmi_fpnum){ .cls = VMI_FPC_NAN,
		.sign = true,
		.man = VMI_FP_INTBIT | VMI_FP_QUIET };
}

void vmi_fp_denormal(struct vmi_fpenv *env, const struct vmi_fpnum *a)
{
	if (vmi_unlikely(a->denormal))
		env->flags |= VMI_FP_DE;
}

static struct vmi_fpnum quieted(
	struct vmi_fpenv *env, const struct vmi_fpnum *a)
{
	struct vmi_fpnum r = *a;

	if (vmi_fp_is_snan(a))
		env->flags |= VMI_FP_IE;
	r.man |= VMI_FP_QUIET;
	return r;
}

/* True if the operand settles the result: a NaN or unsupported. */
bool vmi_fp_nan1(
	struct vmi_fpenv *env, const struct vmi_fpnum *a, struct vmi_fpnum *r)
{
	if (vmi_likely(!vmi_fp_is_nan(a)))
		return false;
	*r = a->cls == VMI_FPC_BAD ? vmi_fp_invalid(env) : quieted(env, a);
	return true;
}

/*
 * Of two NaNs the x87 takes the quiet one, and of two of a kind the one with
 * the larger significand; of equal ones the positive.
 */
static const struct vmi_fpnum *x87_choice(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	if (vmi_fp_is_snan(a) != vmi_fp_is_snan(b))
		return vmi_fp_is_snan(a) ? b : a;
	if (a->man != b->man)
		return a->man > b->man ? a : b;
	return a->sign ? b : a;
}

bool vmi_fp_nan2(const struct vmi_fpctx *ctx, const struct vmi_fpnum *a,
	const struct vmi_fpnum *b, struct vmi_fpnum *r)
{
	struct vmi_fpenv *env = ctx->env;
	const struct vmi_fpnum *from = a;

	if (vmi_likely(!vmi_fp_is_nan(a) && !vmi_fp_is_nan(b)))
		return false;
	if (a->cls == VMI_FPC_BAD || b->cls == VMI_FPC_BAD) {
		*r = vmi_fp_invalid(env);
		return true;
	}
	if (vmi_fp_is_snan(a) || vmi_fp_is_snan(b))
		env->flags |= VMI_FP_IE;
	if (a->cls != VMI_FPC_NAN)
		from = b;
	else if (b->cls == VMI_FPC_NAN && ctx->fmt->x87)
		from = x87_choice(a, b);
	*r = *from;
	r->man |= VMI_FP_QUIET;
	return true;
}
