/* SPDX-License-Identifier: MIT */
/* x87 arithmetic under precision control, FRNDINT, FSCALE, FXTRACT. */
#include "lib/soft/fp/core.h"

static struct vmi_fpctx x87_ctx(struct vmi_fpenv *env)
{
	/* SDM 1 table 8-2; the reserved encoding behaves as 64 bits */
	static const uint8_t bits[4] = { 24, 64, 53, 64 };

	return (struct vmi_fpctx){ env, &vmi_fp_formats[VMI_F80],
		bits[env->precision & 3], false };
}

static struct vmi_f80 arith(struct vmi_fpenv *env, enum vmi_fpop op,
	struct vmi_f80 a, struct vmi_fpnum *b)
{
	struct vmi_fpctx ctx = x87_ctx(env);
	struct vmi_fpnum x = vmi_fp_unpack_f80(a);

	return vmi_fp_pack_f80(vmi_fp_compute(&ctx, op, &x, b));
}

struct vmi_f80 vmi_f80_arith(struct vmi_fpenv *env, enum vmi_fpop op,
	struct vmi_f80 a, struct vmi_f80 b)
{
	struct vmi_fpnum y = vmi_fp_unpack_f80(b);

	return arith(env, op, a, &y);
}

struct vmi_f80 vmi_f80_arith_f32(
	struct vmi_fpenv *env, enum vmi_fpop op, struct vmi_f80 a, uint32_t b)
{
	struct vmi_fpnum y = vmi_fp_unpack(VMI_F32, b);

	return arith(env, op, a, &y);
}

struct vmi_f80 vmi_f80_arith_f64(
	struct vmi_fpenv *env, enum vmi_fpop op, struct vmi_f80 a, uint64_t b)
{
	struct vmi_fpnum y = vmi_fp_unpack(VMI_F64, b);

	return arith(env, op, a, &y);
}

struct vmi_f80 vmi_f80_sqrt(struct vmi_fpenv *env, struct vmi_f80 a)
{
	struct vmi_fpctx ctx = x87_ctx(env);
	struct vmi_fpnum x = vmi_fp_unpack_f80(a);

	vmi_fp_root(&ctx, &x);
	return vmi_fp_pack_f80(&x);
}

struct vmi_f80 vmi_f80_rndint(struct vmi_fpenv *env, struct vmi_f80 a)
{
	struct vmi_fpnum x = vmi_fp_unpack_f80(a);
	struct vmi_fpnum r = x;

	if (vmi_fp_nan1(env, &x, &r) || x.cls != VMI_FPC_FINITE)
		return vmi_fp_pack_f80(&r);
	vmi_fp_denormal(env, &x);
	env->flags |= vmi_fp_round_int(env->rounding, &r);
	return vmi_fp_pack_f80(&r);
}

/* The integer part of @n, kept where adding it to an exponent is safe. */
static int32_t small_integer(const struct vmi_fpnum *n)
{
	int32_t v = 1 << 16;

	if (n->cls == VMI_FPC_ZERO || n->exp < 0)
		return 0;
	if (n->exp < 16)
		v = (int32_t)(n->man >> (127 - n->exp));
	return n->sign ? -v : v;
}

/* SDM 2, table 3-32 of FSCALE, less the NaNs. */
static struct vmi_fpnum scale(struct vmi_fpenv *env, const struct vmi_fpnum *x,
	const struct vmi_fpnum *y)
{
	struct vmi_fpnum r = *x;

	if (y->cls == VMI_FPC_INF) {
		if (x->cls == (y->sign ? VMI_FPC_INF : VMI_FPC_ZERO))
			return vmi_fp_invalid(env);
		vmi_fp_denormal(env, x);
		return y->sign ? vmi_fp_zero(x->sign) : vmi_fp_inf(x->sign);
	}
	vmi_fp_denormal(env, x);
	vmi_fp_denormal(env, y);
	if (x->cls == VMI_FPC_FINITE)
		r.exp += small_integer(y);
	return r;
}

struct vmi_f80 vmi_f80_scale(
	struct vmi_fpenv *env, struct vmi_f80 a, struct vmi_f80 b)
{
	struct vmi_fpctx ctx = { env, &vmi_fp_formats[VMI_F80], 64, false };
	struct vmi_fpnum x = vmi_fp_unpack_f80(a);
	struct vmi_fpnum y = vmi_fp_unpack_f80(b);
	struct vmi_fpnum r;

	if (!vmi_fp_nan2(&ctx, &x, &y, &r))
		r = scale(env, &x, &y);
	if (y.cls == VMI_FPC_ZERO) /* not even an unmasked UE */
		return vmi_fp_pack_f80(&r);
	return vmi_fp_finish_f80(env, r);
}

/* SDM 2, FXTRACT: a zero has exponent -infinity, and raises ZE. */
struct vmi_f80 vmi_f80_xtract(
	struct vmi_fpenv *env, struct vmi_f80 a, struct vmi_f80 *exponent)
{
	struct vmi_fpnum x = vmi_fp_unpack_f80(a);
	struct vmi_fpnum sig = x;
	struct vmi_fpnum e;

	if (vmi_fp_nan1(env, &x, &sig)) {
		e = sig;
	} else if (x.cls == VMI_FPC_ZERO) {
		env->flags |= VMI_FP_ZE;
		e = vmi_fp_inf(true);
	} else if (x.cls == VMI_FPC_INF) {
		e = vmi_fp_inf(false);
	} else {
		vmi_fp_denormal(env, &x);
		e = vmi_fp_from_i64(x.exp);
		sig.exp = 0;
	}
	*exponent = vmi_fp_pack_f80(&e);
	return vmi_fp_pack_f80(&sig);
}
