/* SPDX-License-Identifier: MIT */
/*
 * FPATAN: the angle of the point (x, y) (SDM 2, table 3-30).
 *
 * The point is mirrored into the octant 0 <= y <= x and turned by the table
 * angle whose tangent i/8 is nearest to y/x:
 *
 *	atan(y/x) = atan(i/8) + atan((8y - ix) / (8x + iy))
 *
 * Numerator and denominator are exact, and the quotient left is at most about
 * 1/16, so its series takes 17 terms.
 */
#include "lib/soft/fp/wide.h"

/* atan(i/8), to the nearest 128 bits. */
static const struct {
	uint64_t hi;
	uint64_t lo;
	int exp;
} angles[9] = {
	[1] = { UINT64_C(0xfeadd4d5617b6e32), UINT64_C(0xc897989f3e888ef8),
		-4 },
	[2] = { UINT64_C(0xfadbafc96406eb15), UINT64_C(0x6dc79ef5f7a217e6),
		-3 },
	[3] = { UINT64_C(0xb7b0ca0f26f78473), UINT64_C(0x8aa32122dcfe4483),
		-2 },
	[4] = { UINT64_C(0xed63382b0dda7b45), UINT64_C(0x6fe445ecbc3a8d03),
		-2 },
	[5] = { UINT64_C(0x8f005d5ef7f59f9b), UINT64_C(0x5c835e1665c43748),
		-1 },
	[6] = { UINT64_C(0xa4bc7d1934f70924), UINT64_C(0x19a87f2a457dac9f),
		-1 },
	[7] = { UINT64_C(0xb8053e2bc2319e73), UINT64_C(0xcb2da55210a4443d),
		-1 },
	[8] = { UINT64_C(0xc90fdaa22168c234), UINT64_C(0xc4c6628b80dc1cd1),
		-1 },
};

/* atan(t) = t (1 - z/3 + z^2/5 - ...), never quite t. */
static struct vmi_fpnum atan_small(const struct vmi_fpnum *t)
{
	struct vmi_fpnum square = vmi_wide_mul(t, t);
	vmi_u128 z = vmi_wide_to(&square);
	vmi_u128 sum = 0;
	struct vmi_fpnum n;
	unsigned i;

	for (i = 35; i >= 3; i -= 2)
		sum = VMI_WIDE_ONE / i - vmi_wide_mulfix(z, sum);
	sum = vmi_wide_mulfix(z, sum);
	n = vmi_wide_from(VMI_WIDE_ONE - (sum ? sum : 1));
	return vmi_wide_mul(t, &n);
}

static struct vmi_fpnum times(const struct vmi_fpnum *n, unsigned i)
{
	struct vmi_fpnum factor = vmi_fp_from_i64((int64_t)i);

	return vmi_wide_mul(n, &factor);
}

/* 0 < y <= x */
static struct vmi_fpnum atan_octant(
	const struct vmi_fpnum *x, const struct vmi_fpnum *y)
{
	struct vmi_fpnum t = vmi_wide_div(y, x);
	struct vmi_fpnum base = { .cls = VMI_FPC_FINITE };
	struct vmi_fpnum num;
	struct vmi_fpnum den;
	unsigned i = ((unsigned)(vmi_wide_to(&t) >> 123) + 1) >> 1;

	/* an inexact quotient, so tiny that its angle rounds just like it */
	if (t.exp < -100 && t.man & 1)
		return t;
	if (i == 0)
		return atan_small(&t);
	base.man = VMI_FP_MAN(angles[i].hi) | angles[i].lo;
	base.exp = angles[i].exp;
	num = times(y, 8);
	den = times(x, i);
	num = vmi_wide_sub(&num, &den);
	if (num.cls == VMI_FPC_ZERO)
		return base;
	den = times(x, 8);
	t = times(y, i);
	den = vmi_wide_add(&den, &t);
	t = vmi_wide_div(&num, &den);
	t = atan_small(&t);
	return vmi_wide_add(&base, &t);
}

/* Both finite and not zero: mirrored in, and the angle mirrored out. */
static struct vmi_fpnum atan_plane(struct vmi_fpnum x, struct vmi_fpnum y)
{
	struct vmi_fpnum pi = vmi_wide_const(VMI_WIDE_PI);
	struct vmi_fpnum half = pi;
	bool left = x.sign;
	bool below = y.sign;
	struct vmi_fpnum r;

	half.exp--;
	x.sign = false;
	y.sign = false;
	if (vmi_fp_order(&y, &x) == VMI_FP_GREATER) {
		r = atan_octant(&y, &x);
		r = vmi_wide_sub(&half, &r);
	} else {
		r = atan_octant(&x, &y);
	}
	if (left)
		r = vmi_wide_sub(&pi, &r);
	r.sign = below;
	return r;
}

/* @quarters quarters of pi. */
static struct vmi_fpnum quarters_of_pi(unsigned quarters, bool sign)
{
	struct vmi_fpnum r = vmi_wide_const(VMI_WIDE_PI);

	r = times(&r, quarters);
	r.exp -= 2;
	r.sign = sign;
	return r;
}

/* An axis or an infinity; -1 for the origin's zero angle, else quarters. */
static int special_angle(const struct vmi_fpnum *x, const struct vmi_fpnum *y)
{
	if (x->cls == VMI_FPC_INF && y->cls == VMI_FPC_INF)
		return x->sign ? 3 : 1;
	if (y->cls == VMI_FPC_ZERO || x->cls == VMI_FPC_INF)
		return x->sign ? 4 : 0;
	if (x->cls == VMI_FPC_ZERO || y->cls == VMI_FPC_INF)
		return 2;
	return -1;
}

struct vmi_f80 vmi_f80_atan(
	struct vmi_fpenv *env, struct vmi_f80 x, struct vmi_f80 y)
{
	struct vmi_fpctx ctx = { env, &vmi_fp_formats[VMI_F80], 64, false };
	struct vmi_fpnum a = vmi_fp_unpack_f80(x);
	struct vmi_fpnum b = vmi_fp_unpack_f80(y);
	struct vmi_fpnum r;
	int quarters;

	if (vmi_fp_nan2(&ctx, &a, &b, &r))
		return vmi_fp_pack_f80(&r);
	vmi_fp_denormal(env, &a);
	vmi_fp_denormal(env, &b);
	quarters = special_angle(&a, &b);
	if (quarters < 0)
		return vmi_wide_finish(env, atan_plane(a, b));
	if (quarters > 0)
		return vmi_wide_finish(
			env, quarters_of_pi((unsigned)quarters, b.sign));
	r = vmi_fp_zero(b.sign);
	return vmi_fp_pack_f80(&r);
}
