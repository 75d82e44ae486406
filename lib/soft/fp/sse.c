/* SPDX-License-Identifier: MIT */
/* Single and double precision as SSE and AVX have them (SDM 1 ch. 10, 11). */
#include "lib/soft/fp/core.h"

static struct vmi_fpctx sse_ctx(struct vmi_fpenv *env, enum vmi_fpkind kind)
{
	const struct vmi_fpformat *f = &vmi_fp_formats[kind];

	return (struct vmi_fpctx){ env, f, f->prec, false };
}

/* The kind of a selector made by vmi_fp_sel(); its variant is the rest. */
static enum vmi_fpkind kind_of(uint32_t sel)
{
	return (sel & 0xff) == VMI_F32 ? VMI_F32 : VMI_F64;
}

uint64_t vmi_fp_arith(
	struct vmi_fpenv *env, uint32_t kind_op, uint64_t a, uint64_t b)
{
	enum vmi_fpkind kind = kind_of(kind_op);
	struct vmi_fpctx ctx = sse_ctx(env, kind);
	struct vmi_fpnum x = vmi_fp_unpack_sse(env, kind, a);
	struct vmi_fpnum y = vmi_fp_unpack_sse(env, kind, b);

	return vmi_fp_pack(kind,
		vmi_fp_compute(&ctx, (enum vmi_fpop)(kind_op >> 8), &x, &y));
}

uint64_t vmi_fp_sqrt(struct vmi_fpenv *env, enum vmi_fpkind kind, uint64_t a)
{
	struct vmi_fpctx ctx = sse_ctx(env, kind);
	struct vmi_fpnum x = vmi_fp_unpack_sse(env, kind, a);

	vmi_fp_root(&ctx, &x);
	return vmi_fp_pack(kind, &x);
}

/*
 * SDM 2, MINPS: the second operand, not quieted, if either is a NaN (IE, also
 * for a quiet one) or both are zero; so whenever the first is not strictly
 * less. DAZ applies to it even then.
 */
uint64_t vmi_fp_minmax(
	struct vmi_fpenv *env, uint32_t kind_max, uint64_t a, uint64_t b)
{
	enum vmi_fpkind kind = kind_of(kind_max);
	struct vmi_fpnum x = vmi_fp_unpack_sse(env, kind, a);
	struct vmi_fpnum y = vmi_fp_unpack_sse(env, kind, b);
	enum vmi_fpcmp take = kind_max >> 8 ? VMI_FP_GREATER : VMI_FP_LESS;
	enum vmi_fpcmp order = vmi_fp_order(&x, &y);

	if (order == VMI_FP_UNORDERED) {
		env->flags |= VMI_FP_IE;
		return vmi_fp_pack(kind, &y);
	}
	vmi_fp_denormal(env, &x);
	vmi_fp_denormal(env, &y);
	return vmi_fp_pack(kind, order == take ? &x : &y);
}

/* CVTSS2SD and CVTSD2SS. */
static uint64_t convert(struct vmi_fpenv *env, enum vmi_fpkind from,
	enum vmi_fpkind to, uint64_t a)
{
	struct vmi_fpctx ctx = sse_ctx(env, to);
	struct vmi_fpnum x = vmi_fp_unpack_sse(env, from, a);
	struct vmi_fpnum r = x;

	if (!vmi_fp_nan1(env, &x, &r)) {
		vmi_fp_denormal(env, &x);
		vmi_fp_round(&ctx, &r);
	}
	return vmi_fp_pack(to, &r);
}

uint64_t vmi_f32_to_f64(struct vmi_fpenv *env, uint32_t a)
{
	return convert(env, VMI_F32, VMI_F64, a);
}

uint32_t vmi_f64_to_f32(struct vmi_fpenv *env, uint64_t a)
{
	return (uint32_t)convert(env, VMI_F64, VMI_F32, a);
}

/* SDM 2, VCVTPH2PS: exact, raises no DE, and DAZ does not apply. */
uint32_t vmi_f16_to_f32(struct vmi_fpenv *env, uint16_t a)
{
	struct vmi_fpnum x = vmi_fp_unpack(VMI_F16, a);

	vmi_fp_nan1(env, &x, &x);
	return (uint32_t)vmi_fp_pack(VMI_F32, &x);
}

/*
 * SDM 2, VCVTPS2PH: FTZ does not apply. A denormal operand is inexact as a half
 * of any kind, and processors say so even when an unmasked UE leaves no half.
 */
uint16_t vmi_f32_to_f16(struct vmi_fpenv *env, uint32_t a, uint8_t imm)
{
	struct vmi_fpenv own = *env;
	uint64_t r;

	own.flags = 0;
	own.ftz = false;
	if (!(imm & 4))
		own.rounding = imm & 3;
	r = convert(&own, VMI_F32, VMI_F16, a);
	if (own.flags & VMI_FP_DE)
		own.flags |= VMI_FP_PE;
	env->flags |= own.flags;
	return (uint16_t)r;
}

uint64_t vmi_fp_from_int(struct vmi_fpenv *env, enum vmi_fpkind kind, int64_t v)
{
	struct vmi_fpctx ctx = sse_ctx(env, kind);
	struct vmi_fpnum r = vmi_fp_from_i64(v);

	vmi_fp_round(&ctx, &r);
	return vmi_fp_pack(kind, &r);
}

/* SDM 2, ROUNDSD. It raises no DE. */
static uint64_t round_integral(
	struct vmi_fpenv *env, enum vmi_fpkind kind, uint64_t a, uint8_t imm)
{
	enum vmi_fprc rc = (enum vmi_fprc)(imm & 4 ? env->rounding : imm & 3);
	struct vmi_fpnum x = vmi_fp_unpack_sse(env, kind, a);
	struct vmi_fpnum r = x;

	if (!vmi_fp_nan1(env, &x, &r) && r.cls == VMI_FPC_FINITE) {
		uint16_t inexact = vmi_fp_round_int(rc, &r);

		if (!(imm & 8))
			env->flags |= inexact;
	}
	return vmi_fp_pack(kind, &r);
}

uint32_t vmi_f32_round(struct vmi_fpenv *env, uint32_t a, uint8_t imm)
{
	return (uint32_t)round_integral(env, VMI_F32, a, imm);
}

uint64_t vmi_f64_round(struct vmi_fpenv *env, uint64_t a, uint8_t imm)
{
	return round_integral(env, VMI_F64, a, imm);
}

/*
 * SDM 2, RCPSS and RSQRTSS ask for a relative error of 1.5 * 2^-12, take
 * denormals for zeros and give zero for a tiny result; every processor's bits
 * are its own. Here they are the rounded values.
 */
static const struct vmi_fpenv approximation = { .daz = true, .ftz = true };

#define F32_ONE 0x3f800000

uint32_t vmi_f32_rcp(uint32_t a)
{
	struct vmi_fpenv env = approximation;

	return vmi_f32_div(&env, F32_ONE, a);
}

uint32_t vmi_f32_rsqrt(uint32_t a)
{
	struct vmi_fpenv env = approximation;

	return vmi_f32_div(&env, F32_ONE, vmi_f32_sqrt(&env, a));
}
