/* SPDX-License-Identifier: MIT */
/*
 * Transcendental functions against libmpfr: the error in ulps over the whole
 * domain in every rounding mode must stay below 1, and nearly all results must
 * be the correctly rounded ones. The sine's operand is reduced here as
 * processors reduce it, by their 66-bit pi.
 */
#include <mpfr.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/soft/test_fp_cases.h"

#define PREC 512

struct scratch {
	mpfr_t x;
	mpfr_t y;
	mpfr_t want;	/* to PREC bits */
	mpfr_t rounded; /* to 64 bits, as the rounding mode says */
	mpfr_t got;
	mpfr_t t;
};

static void from_f80(mpfr_t out, struct vmi_f80 v)
{
	int e = v.se & 0x7fff;

	mpfr_set_ui(out, (unsigned long)(v.man >> 32), MPFR_RNDN);
	mpfr_mul_2ui(out, out, 32, MPFR_RNDN);
	mpfr_add_ui(out, out, (unsigned long)(v.man & 0xffffffff), MPFR_RNDN);
	mpfr_mul_2si(out, out, (e ? e : 1) - 16383 - 63, MPFR_RNDN);
	if (v.se >> 15)
		mpfr_neg(out, out, MPFR_RNDN);
}

/* What @r is to a value that is then negated. */
static mpfr_rnd_t mirror(mpfr_rnd_t r)
{
	return r == MPFR_RNDD ? MPFR_RNDU : r == MPFR_RNDU ? MPFR_RNDD : r;
}

/* The remainder of x by a quarter turn of the 66-bit pi; which quarter. */
static unsigned reduce(struct scratch *s)
{
	long q;

	mpfr_set_str(s->t, "6.487ed5110b4611a6", 16, MPFR_RNDN);
	mpfr_fmod(s->x, s->x, s->t, MPFR_RNDN);
	mpfr_div_2ui(s->t, s->t, 2, MPFR_RNDN);
	mpfr_remquo(s->x, &q, s->x, s->t, MPFR_RNDN);
	return (unsigned)q & 3;
}

static void trig(struct scratch *s, mpfr_t out, unsigned quarters, mpfr_rnd_t r)
{
	unsigned q = reduce(s) + quarters;

	r = q & 2 ? mirror(r) : r;
	if (q & 1)
		mpfr_cos(out, s->x, r);
	else
		mpfr_sin(out, s->x, r);
	if (q & 2)
		mpfr_neg(out, out, r);
}

static void tangent(struct scratch *s, mpfr_t out, mpfr_rnd_t r)
{
	if (!(reduce(s) & 1)) {
		mpfr_tan(out, s->x, r);
		return;
	}
	mpfr_cot(out, s->x, mirror(r));
	mpfr_neg(out, out, r);
}

/* Rounded once to the precision of @out, or so nearly that it is the same. */
static void exact(unsigned op, struct scratch *s, mpfr_t out, mpfr_rnd_t r)
{
	switch (op) {
	case TEST_F2XM1:
		mpfr_const_log2(s->t, MPFR_RNDN);
		mpfr_mul(s->t, s->t, s->x, MPFR_RNDN);
		mpfr_expm1(out, s->t, r);
		break;
	case TEST_FYL2X:
		mpfr_log2(s->t, s->x, MPFR_RNDN);
		mpfr_mul(out, s->t, s->y, r);
		break;
	case TEST_FYL2XP1:
		mpfr_log1p(s->t, s->x, MPFR_RNDN);
		mpfr_mul(s->t, s->t, s->y, MPFR_RNDN);
		mpfr_const_log2(s->x, MPFR_RNDN);
		mpfr_div(out, s->t, s->x, r);
		break;
	case TEST_FPATAN: mpfr_atan2(out, s->y, s->x, r); break;
	case TEST_FSIN: trig(s, out, 0, r); break;
	case TEST_FCOS: trig(s, out, 1, r); break;
	default: tangent(s, out, r); break;
	}
}

/* Within the domain, finite, not zero; moved near 0 where that is limited. */
static void domain(unsigned op, struct test_fp_case *c)
{
	unsigned e = (unsigned)test_fp_random();

	c->a.man |= UINT64_C(1) << 63;
	c->b.man |= UINT64_C(1) << 63;
	if ((c->b.se & 0x7fff) == 0x7fff || !(c->b.se & 0x7fff))
		c->b.se ^= 1;
	if ((c->a.se & 0x7fff) == 0x7fff || !(c->a.se & 0x7fff))
		c->a.se ^= 1;
	if (op == TEST_F2XM1 && (c->a.se & 0x7fff) >= 16383)
		c->a.se = (uint16_t)((c->a.se & 0x8000) | (16382 - e % 70));
	if (op == TEST_FYL2XP1 && (c->a.se & 0x7fff) >= 16381)
		c->a.se = (uint16_t)((c->a.se & 0x8000) | (16380 - e % 70));
	if (op == TEST_FYL2X)
		c->a.se &= 0x7fff;
	if (op == TEST_FYL2X && e & 0x80000) /* close to 1 on both sides */
		c->a.se = (uint16_t)(16382 + (e & 1));
	if (op >= TEST_FSIN && (c->a.se & 0x7fff) >= 16383 + 63)
		c->a.se = (uint16_t)((c->a.se & 0x8000) | (16383 + e % 63));
}

/* |got - want| in units of the last place of the result's binade. */
static double ulps(struct scratch *s, struct vmi_f80 got)
{
	int e = got.se & 0x7fff;
	long unit = (e ? e : 1) - 16383 - 63;
	double d;

	from_f80(s->got, got);
	mpfr_sub(s->t, s->got, s->want, MPFR_RNDN);
	mpfr_mul_2si(s->t, s->t, -unit, MPFR_RNDN);
	mpfr_abs(s->t, s->t, MPFR_RNDN);
	d = mpfr_get_d(s->t, MPFR_RNDZ);
	/* an operand so tiny that PREC bits cannot tell its sine from it */
	return d == 1.0 && mpfr_equal_p(s->got, s->rounded) ? 0.999999 : d;
}

struct tally {
	double nearest; /* worst error when rounding to the nearest */
	double worst;
	unsigned long wrong;
	unsigned long done;
};

static void one(unsigned op, struct scratch *s, struct tally *t)
{
	static const mpfr_rnd_t modes[4] = { MPFR_RNDN, MPFR_RNDD, MPFR_RNDU,
		MPFR_RNDZ };
	struct test_fp_case c;
	struct test_fp_out out;
	struct vmi_f80 r;
	double d;

	test_fp_make(&c, op);
	c.unmasked = 0;
	domain(op, &c);
	test_fp_soft(&c, &out);
	r = out.r[op == TEST_FPTAN];
	if (out.flags & (VMI_FP_OE | VMI_FP_UE))
		return;
	from_f80(s->x, c.a);
	from_f80(s->y, c.b);
	exact(op, s, s->want, MPFR_RNDN);
	from_f80(s->x, c.a);
	exact(op, s, s->rounded, modes[c.rounding]);
	d = ulps(s, r);
	if (!(d <= t->worst))
		t->worst = d;
	if (c.rounding == VMI_FP_NEAREST && !(d <= t->nearest))
		t->nearest = d;
	if (!(d < 1.0) && t->wrong < 3)
		test_fp_print(&c, &out, &out);
	t->wrong += !mpfr_equal_p(s->got, s->rounded);
	t->done++;
}

/* To nine digits, downwards: what is below 1 must not print as 1. */
static double cut(double d)
{
	return (double)(long)(d * 1e9) / 1e9;
}

static int run(unsigned op, unsigned long n, struct scratch *s)
{
	struct tally t = { 0, 0, 0, 0 };
	unsigned long i;

	for (i = 0; i < n; i++)
		one(op, s, &t);
	printf("%-8s worst %.9f ulp, to nearest %.9f; %lu of %lu "
	       "not correctly rounded\n",
		test_fp_info[op].name, cut(t.worst), cut(t.nearest), t.wrong,
		t.done);
	return t.worst < 1.0 && t.done > n / 2 && t.wrong <= n / 1000 ? 0 : 1;
}

int main(int argc, char **argv)
{
	static const uint8_t ops[] = { TEST_F2XM1, TEST_FYL2X, TEST_FYL2XP1,
		TEST_FPATAN, TEST_FSIN, TEST_FCOS, TEST_FPTAN };
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000;
	struct scratch s;
	int bad = 0;
	size_t i;

	mpfr_inits2(PREC, s.x, s.y, s.want, s.got, s.t, (mpfr_ptr)NULL);
	mpfr_init2(s.rounded, 64);
	for (i = 0; i < sizeof(ops); i++)
		bad |= run(ops[i], n, &s);
	mpfr_clears(s.x, s.y, s.want, s.rounded, s.got, s.t, (mpfr_ptr)NULL);
	mpfr_free_cache();
	return bad;
}
