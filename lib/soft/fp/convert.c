/* SPDX-License-Identifier: MIT */
/* Conversions to integers, and of x87 registers to and from memory formats. */
#include "lib/soft/fp/core.h"

/*
 * To a signed integer of @bits; out of range, infinite or NaN is the integer
 * indefinite and IE (SDM 1 4.2.1, table 4-1), never DE.
 */
static int64_t to_int(struct vmi_fpenv *env, struct vmi_fpnum n, unsigned bits,
	enum vmi_fprc rc)
{
	uint64_t limit = UINT64_C(1) << (bits - 1);
	uint64_t mag = 0;
	uint16_t inexact = 0;
	bool fits = n.cls == VMI_FPC_ZERO;

	if (n.cls == VMI_FPC_FINITE && n.exp < 64) {
		inexact = vmi_fp_round_int(rc, &n);
		if (n.cls == VMI_FPC_FINITE && n.exp < 64)
			mag = (uint64_t)(n.man >> (127 - n.exp));
		fits = n.exp < 64 && mag <= limit - !n.sign;
	}
	if (!fits) {
		env->flags |= VMI_FP_IE;
		return -(int64_t)(limit - 1) - 1;
	}
	env->flags |= inexact;
	if (!n.sign)
		return (int64_t)mag;
	return mag == limit ? -(int64_t)(limit - 1) - 1 : -(int64_t)mag;
}

int64_t vmi_fp_to_int(
	struct vmi_fpenv *env, uint32_t kind_bits, uint64_t a, bool truncate)
{
	enum vmi_fpkind kind =
		(kind_bits & 0xff) == VMI_F32 ? VMI_F32 : VMI_F64;
	enum vmi_fprc rc = truncate ? VMI_FP_ZERO : env->rounding;

	return to_int(env, vmi_fp_unpack_sse(env, kind, a), kind_bits >> 8, rc);
}

int64_t vmi_f80_to_int(
	struct vmi_fpenv *env, struct vmi_f80 a, unsigned bits, bool truncate)
{
	enum vmi_fprc rc = truncate ? VMI_FP_ZERO : env->rounding;

	return to_int(env, vmi_fp_unpack_f80(a), bits, rc);
}

struct vmi_f80 vmi_f80_from_int(int64_t v)
{
	struct vmi_fpnum n = vmi_fp_from_i64(v);

	return vmi_fp_pack_f80(&n);
}

/* FLD: always exact, but a signalling NaN is quieted. */
static struct vmi_f80 load(struct vmi_fpenv *env, struct vmi_fpnum n)
{
	struct vmi_fpnum r = n;

	if (!vmi_fp_nan1(env, &n, &r))
		vmi_fp_denormal(env, &n);
	return vmi_fp_pack_f80(&r);
}

struct vmi_f80 vmi_f80_from_f32(struct vmi_fpenv *env, uint32_t a)
{
	return load(env, vmi_fp_unpack(VMI_F32, a));
}

struct vmi_f80 vmi_f80_from_f64(struct vmi_fpenv *env, uint64_t a)
{
	return load(env, vmi_fp_unpack(VMI_F64, a));
}

/* FST raises no DE (SDM 2, FST). */
static uint64_t store(
	struct vmi_fpenv *env, enum vmi_fpkind kind, struct vmi_f80 a)
{
	const struct vmi_fpformat *f = &vmi_fp_formats[kind];
	struct vmi_fpctx ctx = { env, f, f->prec, true };
	struct vmi_fpnum x = vmi_fp_unpack_f80(a);
	struct vmi_fpnum r = x;

	if (!vmi_fp_nan1(env, &x, &r))
		vmi_fp_round(&ctx, &r);
	return vmi_fp_pack(kind, &r);
}

uint32_t vmi_f80_to_f32(struct vmi_fpenv *env, struct vmi_f80 a)
{
	return (uint32_t)store(env, VMI_F32, a);
}

uint64_t vmi_f80_to_f64(struct vmi_fpenv *env, struct vmi_f80 a)
{
	return store(env, VMI_F64, a);
}
