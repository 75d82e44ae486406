/* SPDX-License-Identifier: MIT */
/*
 * F2XM1, FYL2X, FYL2XP1 (SDM 2).
 *
 * 2^x - 1 is expm1(x ln 2), by its power series. A logarithm is taken of
 * 2^k m, m near 1, as k + log2(m), with
 *
 *	ln(m) = 2 atanh(s) = 2 s (1 + s^2/3 + s^4/5 + ...),  s = (m-1)/(m+1)
 *
 * FYL2XP1 forms s from its operand, x/(2+x), which loses nothing near zero.
 *
 * Processors raise PE for every finite result that they had to compute, also
 * for log2(8) and 2^1 - 1, and UE if it is tiny; so does this. Its value here
 * is the exact one.
 */
#include "lib/soft/fp/wide.h"

/* (e^t - 1) / t = 1 + t/2 (1 + t/3 (1 + ...)), for |t| <= ln 2. */
static struct vmi_fpnum exp_series(const struct vmi_fpnum *t)
{
	vmi_u128 z = vmi_wide_to(t);
	vmi_u128 sum = VMI_WIDE_ONE;
	unsigned i;

	for (i = 34; i >= 2; i--) {
		vmi_u128 term = vmi_wide_mulfix(z, sum) / i;

		sum = t->sign ? VMI_WIDE_ONE - term : VMI_WIDE_ONE + term;
	}
	return vmi_wide_from(sum);
}

/* 1 + z/3 + z^2/5 + ..., for s = sqrt(z) of at most 0.172. */
static struct vmi_fpnum log_series(const struct vmi_fpnum *s)
{
	struct vmi_fpnum square = vmi_wide_mul(s, s);
	vmi_u128 z = vmi_wide_to(&square);
	vmi_u128 sum = 0;
	unsigned i;

	for (i = 27; i-- > 0;)
		sum = VMI_WIDE_ONE / (2 * i + 1) + vmi_wide_mulfix(z, sum);
	return vmi_wide_from(sum);
}

/* log2 of (1 + s) / (1 - s) */
static struct vmi_fpnum log2_ratio(const struct vmi_fpnum *s)
{
	struct vmi_fpnum log2e = vmi_wide_const(VMI_WIDE_LOG2E);
	struct vmi_fpnum sum = log_series(s);
	struct vmi_fpnum r = vmi_wide_mul(s, &sum);

	r = vmi_wide_mul(&r, &log2e);
	if (r.cls == VMI_FPC_FINITE)
		r.exp++;
	return r;
}

/* Of a finite number above zero; exact, and zero for 1, for powers of two. */
static struct vmi_fpnum log2_of(const struct vmi_fpnum *x)
{
	const vmi_u128 sqrt2 = VMI_FP_MAN(UINT64_C(0xb504f333f9de6484));
	struct vmi_fpnum one = vmi_fp_from_i64(1);
	struct vmi_fpnum m = *x;
	struct vmi_fpnum num;
	struct vmi_fpnum den;
	struct vmi_fpnum k;

	m.exp = m.man > sqrt2 ? -1 : 0;
	k = vmi_fp_from_i64(x->exp - m.exp);
	num = vmi_wide_sub(&m, &one);
	den = vmi_wide_add(&m, &one);
	num = vmi_wide_div(&num, &den);
	num = log2_ratio(&num);
	return vmi_wide_add(&k, &num);
}

struct vmi_f80 vmi_f80_f2xm1(struct vmi_fpenv *env, struct vmi_f80 x)
{
	struct vmi_fpnum ln2 = vmi_wide_const(VMI_WIDE_LN2);
	struct vmi_fpnum n = vmi_fp_unpack_f80(x);
	struct vmi_fpnum r = n;
	struct vmi_fpnum sum;

	if (vmi_fp_nan1(env, &n, &r) || n.cls == VMI_FPC_ZERO)
		return vmi_fp_pack_f80(&r);
	if (n.cls == VMI_FPC_INF)
		return n.sign ? vmi_f80_from_int(-1) : x;
	vmi_fp_denormal(env, &n);
	if (n.exp >= 0) { /* 1, -1; beyond, undefined: as processors do */
		env->flags |= VMI_FP_PE;
		if (n.sign && n.exp == 0 && n.man == VMI_FP_INTBIT)
			r.exp--;
		return vmi_fp_pack_f80(&r);
	}
	r = vmi_wide_mul(&n, &ln2);
	sum = exp_series(&r);
	return vmi_wide_finish(env, vmi_wide_mul(&r, &sum));
}

/*
 * y times a logarithm, of which *@log has the sign if it is zero or infinite.
 * Zero by infinity is invalid.
 */
static struct vmi_f80 product(struct vmi_fpenv *env, const struct vmi_fpnum *y,
	const struct vmi_fpnum *log, bool exact)
{
	struct vmi_fpnum r;
	bool sign = y->sign != log->sign;
	bool zero = y->cls == VMI_FPC_ZERO || log->cls == VMI_FPC_ZERO;

	if (y->cls == VMI_FPC_INF || log->cls == VMI_FPC_INF)
		r = zero ? vmi_fp_invalid(env) : vmi_fp_inf(sign);
	else if (zero)
		r = vmi_fp_zero(sign);
	else
		r = vmi_wide_mul(y, log);
	if (r.cls != VMI_FPC_FINITE)
		return vmi_fp_pack_f80(&r);
	if (!exact)
		return vmi_wide_finish(env, r);
	env->flags |= VMI_FP_PE;
	if (r.exp < vmi_fp_formats[VMI_F80].emin)
		env->flags |= VMI_FP_UE;
	return vmi_fp_finish_f80(env, r);
}

struct vmi_f80 vmi_f80_yl2x(
	struct vmi_fpenv *env, struct vmi_f80 x, struct vmi_f80 y)
{
	struct vmi_fpctx ctx = { env, &vmi_fp_formats[VMI_F80], 64, false };
	struct vmi_fpnum a = vmi_fp_unpack_f80(x);
	struct vmi_fpnum b = vmi_fp_unpack_f80(y);
	struct vmi_fpnum log;
	bool exact = a.man == VMI_FP_INTBIT;

	if (vmi_fp_nan2(&ctx, &a, &b, &log))
		return vmi_fp_pack_f80(&log);
	if (a.sign && a.cls != VMI_FPC_ZERO) {
		log = vmi_fp_invalid(env);
		return vmi_fp_pack_f80(&log);
	}
	if (a.cls == VMI_FPC_ZERO) {
		log = vmi_fp_inf(true);
		if (b.cls == VMI_FPC_FINITE)
			env->flags |= VMI_FP_ZE;
		return product(env, &b, &log, true);
	}
	vmi_fp_denormal(env, &a);
	vmi_fp_denormal(env, &b);
	log = a.cls == VMI_FPC_INF ? a : log2_of(&a);
	return product(env, &b, &log, exact);
}

/* log2(1 + x), x finite, not zero and above -1. */
static struct vmi_fpnum log2_plus1(const struct vmi_fpnum *x)
{
	struct vmi_fpnum two = vmi_fp_from_i64(2);
	struct vmi_fpnum s;

	if (x->exp >= -1) {
		two.exp--;
		s = vmi_wide_add(x, &two);
		return log2_of(&s);
	}
	s = vmi_wide_add(x, &two);
	s = vmi_wide_div(x, &s);
	return log2_ratio(&s);
}

struct vmi_f80 vmi_f80_yl2xp1(
	struct vmi_fpenv *env, struct vmi_f80 x, struct vmi_f80 y)
{
	struct vmi_fpctx ctx = { env, &vmi_fp_formats[VMI_F80], 64, false };
	struct vmi_fpnum a = vmi_fp_unpack_f80(x);
	struct vmi_fpnum b = vmi_fp_unpack_f80(y);
	struct vmi_fpnum log = a;

	if (vmi_fp_nan2(&ctx, &a, &b, &log))
		return vmi_fp_pack_f80(&log);
	if (a.sign && a.cls == VMI_FPC_INF) {
		log = vmi_fp_invalid(env);
		return vmi_fp_pack_f80(&log);
	}
	vmi_fp_denormal(env, &a);
	vmi_fp_denormal(env, &b);
	if (a.sign && a.exp >= 0 && a.cls == VMI_FPC_FINITE &&
		b.cls == VMI_FPC_FINITE) {
		env->flags |= VMI_FP_PE; /* undefined: as processors do */
		return x;
	}
	if (a.cls == VMI_FPC_FINITE && b.cls == VMI_FPC_FINITE)
		log = log2_plus1(&a);
	return product(env, &b, &log, false);
}
