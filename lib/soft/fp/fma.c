/* SPDX-License-Identifier: MIT */
/* Fused multiply-add (SDM 1 14.5.2): the product is exact, one rounding. */
#include "lib/soft/fp/core.h"

/*
 * The NaN comes from x, y or z, the first that has one; they are not negated.
 * A quiet one in z hides that infinity by zero is invalid.
 */
static bool nan3(
	struct vmi_fpenv *env, const struct vmi_fpnum *n, struct vmi_fpnum *r)
{
	unsigned i;
	unsigned from = 3;

	for (i = 3; i-- > 0;) {
		if (n[i].cls == VMI_FPC_NAN)
			from = i;
		if (vmi_fp_is_snan(&n[i]))
			env->flags |= VMI_FP_IE;
	}
	if (vmi_likely(from == 3))
		return false;
	*r = n[from];
	r->man |= VMI_FP_QUIET;
	return true;
}

static bool is_invalid(const struct vmi_fpnum *n)
{
	bool inf = n[0].cls == VMI_FPC_INF || n[1].cls == VMI_FPC_INF;
	bool zero = n[0].cls == VMI_FPC_ZERO || n[1].cls == VMI_FPC_ZERO;
	bool sign = n[0].sign != n[1].sign;

	return inf && (zero || (n[2].cls == VMI_FPC_INF && n[2].sign != sign));
}

/* @n is x, y, z, with signs as the instruction wants them; into n[0]. */
static void fma_of(const struct vmi_fpctx *ctx, struct vmi_fpnum *n)
{
	unsigned i;

	if (is_invalid(n)) {
		n[0] = vmi_fp_invalid(ctx->env);
		return;
	}
	for (i = 0; i < 3; i++)
		vmi_fp_denormal(ctx->env, &n[i]);
	vmi_fp_mul_by(&n[0], &n[1]);
	vmi_fp_add_to(ctx->env->rounding, &n[0], &n[2]);
	vmi_fp_round(ctx, &n[0]);
}

uint64_t vmi_fp_fma(struct vmi_fpenv *env, const struct vmi_fpfma *f)
{
	const struct vmi_fpformat *fmt = &vmi_fp_formats[f->kind];
	struct vmi_fpctx ctx = { env, fmt, fmt->prec, false };
	struct vmi_fpnum n[3] = {
		vmi_fp_unpack_sse(env, f->kind, f->x),
		vmi_fp_unpack_sse(env, f->kind, f->y),
		vmi_fp_unpack_sse(env, f->kind, f->z),
	};

	if (!nan3(env, n, &n[0])) {
		n[0].sign ^= f->negate_product;
		n[2].sign ^= f->negate_addend;
		fma_of(&ctx, n);
	}
	return vmi_fp_pack(f->kind, &n[0]);
}
