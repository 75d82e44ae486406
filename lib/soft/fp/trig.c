/* SPDX-License-Identifier: MIT */
/*
 * FSIN, FCOS, FSINCOS, FPTAN (SDM 2; SDM 1 8.3.8).
 *
 * Processors reduce the operand by a pi of 66 bits, 0.C90FDAA2 2168C234 C * 4,
 * and so does this, to agree with them: the remainder by half of that pi is
 * taken exactly, and the function of the remainder is then within the ulp that
 * the manual promises. Near a multiple of pi, large operands above all, that is
 * not the sine of the operand to anything like an ulp, on processors either;
 * the manual tells software to reduce its operands itself.
 *
 * An x87 operand below 2^63 is an integer of at most 128 bits in units of
 * 2^-65, in which half of that pi is a 66-bit integer: the reduction is one
 * integer division. Its remainder cannot be zero, the divisor being odd and
 * larger than any significand.
 */
#include "lib/soft/fp/wide.h"

/* The 66-bit pi / 2 in units of 2^-65. */
#define HALF_PI ((vmi_u128)3 << 64 | UINT64_C(0x243f6a8885a308d3))

struct angle {
	struct vmi_fpnum rest; /* at most pi / 4, signed */
	unsigned quadrant;
};

static struct angle reduce(const struct vmi_fpnum *x)
{
	struct angle a = { .rest = *x };
	vmi_u128 turns;
	vmi_u128 rest;

	a.rest.denormal = false;
	if (x->exp < -2)
		return a;
	turns = x->man >> 64 << (x->exp + 2);
	rest = turns % HALF_PI;
	turns /= HALF_PI;
	if (rest > HALF_PI >> 1) {
		rest = HALF_PI - rest;
		a.rest.sign = !x->sign;
		turns++;
	}
	a.rest.man = rest;
	a.rest.exp = 127 - 65;
	vmi_fp_normalise(&a.rest);
	a.quadrant = (x->sign ? 0 - (unsigned)turns : (unsigned)turns) & 3;
	return a;
}

/*
 * 1 - z/(k(k+1)) (1 - z/((k+2)(k+3)) (1 - ...)), z the square of @x: the
 * cosine for k = 1, sin(x) / x for k = 2. 18 factors leave less than 2^-128.
 * It is never quite 1, so that a tiny operand rounds to the right side.
 */
static struct vmi_fpnum series(const struct vmi_fpnum *x, unsigned k)
{
	struct vmi_fpnum square = vmi_wide_mul(x, x);
	vmi_u128 z = vmi_wide_to(&square);
	vmi_u128 sum = VMI_WIDE_ONE;
	vmi_u128 term = 0;
	unsigned i;

	for (i = k + 36; i >= k + 2; i -= 2) {
		term = vmi_wide_mulfix(z, sum) / ((i - 2) * (i - 1));
		sum = VMI_WIDE_ONE - term;
	}
	return vmi_wide_from(term ? sum : sum - 1);
}

static struct vmi_fpnum sine(const struct angle *a)
{
	struct vmi_fpnum s = series(&a->rest, 2);

	return vmi_wide_mul(&a->rest, &s);
}

static struct vmi_fpnum cosine(const struct angle *a)
{
	return series(&a->rest, 1);
}

/* The sine of @a advanced by @quarters quarter turns. */
static struct vmi_fpnum sine_of(const struct angle *a, unsigned quarters)
{
	unsigned q = a->quadrant + quarters;
	struct vmi_fpnum r = q & 1 ? cosine(a) : sine(a);

	if (q & 2)
		r.sign = !r.sign;
	return r;
}

static struct vmi_fpnum tangent(const struct angle *a)
{
	struct vmi_fpnum s;
	struct vmi_fpnum c;

	/* beyond what the series can tell from the angle itself */
	if (a->rest.exp < -58)
		return a->rest;
	s = sine_of(a, 0);
	c = sine_of(a, 1);
	return vmi_wide_div(&s, &c);
}

/*
 * True if the operand settles the result, which is then in *@r: C2 and the
 * operand itself, a NaN. Zeros are left to the caller.
 */
static bool settled(
	struct vmi_fpenv *env, struct vmi_fpnum *x, struct vmi_f80 *r)
{
	struct vmi_fpnum n = *x;

	if (vmi_fp_nan1(env, x, &n)) {
		*r = vmi_fp_pack_f80(&n);
		return true;
	}
	if (x->cls == VMI_FPC_INF) {
		n = vmi_fp_invalid(env);
		*r = vmi_fp_pack_f80(&n);
		return true;
	}
	if (x->cls == VMI_FPC_FINITE && x->exp >= 63) {
		env->flags |= VMI_FP_C2;
		*r = vmi_fp_pack_f80(x);
		return true;
	}
	vmi_fp_denormal(env, x);
	return false;
}

struct vmi_f80 vmi_f80_sin(struct vmi_fpenv *env, struct vmi_f80 x)
{
	struct vmi_fpnum n = vmi_fp_unpack_f80(x);
	struct vmi_f80 r;
	struct angle a;

	if (settled(env, &n, &r))
		return r;
	if (n.cls == VMI_FPC_ZERO)
		return x;
	a = reduce(&n);
	return vmi_wide_finish(env, sine_of(&a, 0));
}

struct vmi_f80 vmi_f80_cos(struct vmi_fpenv *env, struct vmi_f80 x)
{
	struct vmi_fpnum n = vmi_fp_unpack_f80(x);
	struct vmi_f80 r;
	struct angle a;

	if (settled(env, &n, &r))
		return r;
	if (n.cls == VMI_FPC_ZERO)
		return vmi_f80_from_int(1);
	a = reduce(&n);
	return vmi_wide_finish(env, sine_of(&a, 1));
}

struct vmi_f80 vmi_f80_sincos(
	struct vmi_fpenv *env, struct vmi_f80 x, struct vmi_f80 *cosine_out)
{
	struct vmi_f80 s = vmi_f80_sin(env, x);
	uint16_t flags = env->flags;

	*cosine_out = env->flags & VMI_FP_C2 ? s : vmi_f80_cos(env, x);
	/* C1 is the sine's */
	env->flags =
		(uint16_t)((env->flags & ~VMI_FP_C1) | (flags & VMI_FP_C1));
	return s;
}

struct vmi_f80 vmi_f80_tan(
	struct vmi_fpenv *env, struct vmi_f80 x, struct vmi_f80 *one)
{
	struct vmi_fpnum n = vmi_fp_unpack_f80(x);
	struct vmi_f80 r;
	struct angle a;

	if (settled(env, &n, &r)) {
		*one = r;
		return r;
	}
	*one = vmi_f80_from_int(1);
	if (n.cls == VMI_FPC_ZERO)
		return x;
	a = reduce(&n);
	return vmi_wide_finish(env, tangent(&a));
}
