/* SPDX-License-Identifier: MIT */
/* Makes soft-float test cases, runs them on the library, compares outcomes. */
#include "tests/soft/test_fp_cases.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/compiler.h"

const struct test_fp_info test_fp_info[TEST_FP_NOPS] = {
#define X(name, in, out) { #name, in, out },
	TEST_FP_OPS(X)
#undef X
};

static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

void test_fp_seed(uint64_t seed)
{
	state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/* xorshift64*: the same sequence on every host. */
uint64_t test_fp_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * UINT64_C(0x2545f4914f6cdd1d);
}

static unsigned pick(unsigned n)
{
	return (unsigned)(test_fp_random() >> 40) % n;
}

/* A fraction of @bits bits: random, sparse, dense, few leading or low bits. */
static uint64_t fraction(unsigned bits)
{
	uint64_t mask = bits == 64 ? ~UINT64_C(0) : (UINT64_C(1) << bits) - 1;
	uint64_t r = test_fp_random() & mask;
	uint64_t one = UINT64_C(1) << pick(bits);

	switch (pick(10)) {
	case 0: return 0;
	case 1: return mask;
	case 2: return one;
	case 3: return mask ^ one;
	case 4: return mask & ~(one - 1);
	case 5: return one - 1;
	case 6: return r & ~(one - 1);
	case 7: return (UINT64_C(1) << (bits - 1)) | pick(3);
	default: return r;
	}
}

/* @near: an exponent to stay close to half of the time, or negative. */
static unsigned exponent(unsigned bits, int near)
{
	int top = (1 << bits) - 1;
	int e;

	if (near >= 0 && pick(2)) {
		e = near + (int)pick(141) - 70;
		return (unsigned)(e < 0 ? 0 : e > top ? top : e);
	}
	switch (pick(8)) {
	case 0: return 0;
	case 1: return (unsigned)top;
	case 2: return 1 + pick(3);
	case 3: return (unsigned)top - 1 - pick(3);
	case 4:
	case 5: return (unsigned)(top / 2) - 70 + pick(140);
	default: return pick((unsigned)top + 1);
	}
}

static struct vmi_f80 bcd(void)
{
	struct vmi_f80 v = { 0, (uint16_t)(pick(2) << 15) };
	int i;

	for (i = 0; i < 64; i += 4)
		v.man |= (uint64_t)pick(10) << i;
	v.se |= (uint16_t)(pick(10) << 4);
	v.se |= (uint16_t)pick(10);
	return v;
}

static struct vmi_f80 operand(char kind, int near)
{
	struct vmi_f80 v = { 0, 0 };
	uint64_t sign = pick(2);

	switch (kind) {
	case '2':
		v.man = sign << 15 | (uint64_t)exponent(5, -1) << 10;
		v.man |= fraction(10);
		break;
	case '4':
		near = near < 0 ? near : near - 16383 + 127;
		v.man = sign << 31 | (uint64_t)exponent(8, near) << 23;
		v.man |= fraction(23);
		break;
	case '8':
		near = near < 0 ? near : near - 16383 + 1023;
		v.man = sign << 63 | (uint64_t)exponent(11, near) << 52;
		v.man |= fraction(52);
		break;
	case 'T':
		v.se = (uint16_t)(sign << 15 | exponent(15, near));
		v.man = fraction(63);
		if (!(v.se & 0x7fff) ? !pick(4) : pick(24))
			v.man |= UINT64_C(1) << 63;
		break;
	case 'k': v.man = fraction(64); break;
	case 'B': return bcd();
	default: break;
	}
	return v;
}

static int exponent_of(char kind, const struct vmi_f80 *v)
{
	switch (kind) {
	case '4': return (int)(v->man >> 23 & 0xff) - 127 + 16383;
	case '8': return (int)(v->man >> 52 & 0x7ff) - 1023 + 16383;
	default: return v->se & 0x7fff;
	}
}

void test_fp_make(struct test_fp_case *c, unsigned op)
{
	static const uint8_t pc[3] = { 0, 2, 3 };
	const struct test_fp_info *info = &test_fp_info[op];

	*c = (struct test_fp_case){ .op = (uint8_t)op };
	c->rounding = (uint8_t)pick(4);
	c->precision = pc[pick(3)];
	c->imm = (uint8_t)pick(32);
	if (test_fp_is_sse(op)) {
		c->daz = !pick(4);
		c->ftz = !pick(4);
	}
	if (!pick(8))
		c->unmasked = (uint16_t)pick(64);
	c->a = operand(info->in[0], op >= TEST_F2XM1 ? 16383 : -1);
	if (op == TEST_CVT32_16 && pick(2)) /* in the range of a half */
		c->a = operand('4', 16383);
	if (info->in[1] == '-')
		return;
	c->b = operand(info->in[1], exponent_of(info->in[0], &c->a));
	if (info->in[2] && pick(2)) /* near the product */
		c->c = operand(info->in[2],
			exponent_of(info->in[0], &c->a) +
				exponent_of(info->in[1], &c->b) - 16383);
	else if (info->in[2])
		c->c = operand(info->in[2], -1);
	if (op == TEST_FSCALE && pick(2))
		c->b.se = (uint16_t)((c->b.se & 0x8000) | (16380 + pick(20)));
	if (op == TEST_FSCALE && !pick(8))
		c->b.man = c->b.se &= 0x8000;
	if (!pick(8) && info->in[0] == info->in[1])
		c->b.man = c->a.man;
	if (!pick(16) && info->in[0] == info->in[1])
		c->b.se = (uint16_t)(c->a.se ^ pick(2) << 15);
}

struct run {
	const struct test_fp_case *c;
	struct vmi_fpenv *env;
	uint64_t a;
	uint64_t b;
	struct vmi_f80 ta;
	struct vmi_f80 tb;
};

/* ZF PF CF of UCOMISS, in their places (SDM 2). */
static uint64_t eflags(enum vmi_fpcmp cmp)
{
	static const uint8_t bits[] = {
		[VMI_FP_LESS] = 0x01,
		[VMI_FP_EQUAL] = 0x40,
		[VMI_FP_GREATER] = 0x00,
		[VMI_FP_UNORDERED] = 0x45,
	};

	return bits[cmp];
}

/* Which of the twelve instructions the immediate makes of it. */
static uint64_t soft_fma(const struct run *r, enum vmi_fpkind kind)
{
	uint64_t v[4] = { 0, r->a, r->b, r->c->c.man };
	static const uint8_t forms[3][3] = { { 2, 3, 1 }, { 1, 3, 2 },
		{ 2, 1, 3 } };
	const uint8_t *form = forms[test_fp_fma_form(r->c->imm)];
	unsigned sign = test_fp_fma_sign(r->c->imm);
	struct vmi_fpfma f = {
		.kind = kind,
		.negate_product = sign & 2,
		.negate_addend = sign & 1,
		.x = v[form[0]],
		.y = v[form[1]],
		.z = v[form[2]],
	};

	return vmi_fp_fma(r->env, &f);
}

static uint64_t soft32(const struct run *r)
{
	struct vmi_fpenv *env = r->env;
	uint32_t a = (uint32_t)r->a;
	uint32_t b = (uint32_t)r->b;

	switch (r->c->op) {
	case TEST_ADD32: return vmi_f32_add(env, a, b);
	case TEST_SUB32: return vmi_f32_sub(env, a, b);
	case TEST_MUL32: return vmi_f32_mul(env, a, b);
	case TEST_DIV32: return vmi_f32_div(env, a, b);
	case TEST_SQRT32: return vmi_f32_sqrt(env, a);
	case TEST_FMA32: return soft_fma(r, VMI_F32);
	case TEST_RCP32: return vmi_f32_rcp(a);
	case TEST_RSQRT32: return vmi_f32_rsqrt(a);
	case TEST_MIN32: return vmi_f32_min(env, a, b);
	case TEST_MAX32: return vmi_f32_max(env, a, b);
	case TEST_UCOMI32: return eflags(vmi_f32_compare(env, a, b, false));
	case TEST_COMI32: return eflags(vmi_f32_compare(env, a, b, true));
	case TEST_CMP32: return vmi_f32_cmp(env, r->c->imm, a, b);
	case TEST_ROUND32: return vmi_f32_round(env, a, r->c->imm & 15);
	case TEST_CVT16_32: return vmi_f16_to_f32(env, (uint16_t)a);
	case TEST_CVT32_16: return vmi_f32_to_f16(env, a, r->c->imm & 7);
	case TEST_CVT32_64: return vmi_f32_to_f64(env, a);
	case TEST_CVT32_I32: return (uint32_t)vmi_f32_to_i32(env, a, false);
	case TEST_CVTT32_I32: return (uint32_t)vmi_f32_to_i32(env, a, true);
	case TEST_CVT32_I64: return (uint64_t)vmi_f32_to_i64(env, a, false);
	case TEST_CVTT32_I64: return (uint64_t)vmi_f32_to_i64(env, a, true);
	default: return vmi_f32_from_int(env, (int64_t)r->a);
	}
}

static uint64_t soft64(const struct run *r)
{
	struct vmi_fpenv *env = r->env;
	uint64_t a = r->a;
	uint64_t b = r->b;

	switch (r->c->op) {
	case TEST_ADD64: return vmi_f64_add(env, a, b);
	case TEST_SUB64: return vmi_f64_sub(env, a, b);
	case TEST_MUL64: return vmi_f64_mul(env, a, b);
	case TEST_DIV64: return vmi_f64_div(env, a, b);
	case TEST_SQRT64: return vmi_f64_sqrt(env, a);
	case TEST_FMA64: return soft_fma(r, VMI_F64);
	case TEST_MIN64: return vmi_f64_min(env, a, b);
	case TEST_MAX64: return vmi_f64_max(env, a, b);
	case TEST_UCOMI64: return eflags(vmi_f64_compare(env, a, b, false));
	case TEST_COMI64: return eflags(vmi_f64_compare(env, a, b, true));
	case TEST_CMP64: return vmi_f64_cmp(env, r->c->imm, a, b);
	case TEST_ROUND64: return vmi_f64_round(env, a, r->c->imm & 15);
	case TEST_CVT64_32: return vmi_f64_to_f32(env, a);
	case TEST_CVT64_I32: return (uint32_t)vmi_f64_to_i32(env, a, false);
	case TEST_CVTT64_I32: return (uint32_t)vmi_f64_to_i32(env, a, true);
	case TEST_CVT64_I64: return (uint64_t)vmi_f64_to_i64(env, a, false);
	case TEST_CVTT64_I64: return (uint64_t)vmi_f64_to_i64(env, a, true);
	default: return vmi_f64_from_int(env, (int64_t)r->a);
	}
}

/* x87 instructions whose result is a register. */
static struct vmi_f80 soft_arith(const struct run *r)
{
	struct vmi_fpenv *env = r->env;
	struct vmi_f80 a = r->ta;
	struct vmi_f80 b = r->tb;
	uint32_t b32 = (uint32_t)r->b;

	switch (r->c->op) {
	case TEST_FADD: return vmi_f80_arith(env, VMI_FP_ADD, a, b);
	case TEST_FSUB: return vmi_f80_arith(env, VMI_FP_SUB, a, b);
	case TEST_FSUBR: return vmi_f80_arith(env, VMI_FP_SUBR, a, b);
	case TEST_FMUL: return vmi_f80_arith(env, VMI_FP_MUL, a, b);
	case TEST_FDIV: return vmi_f80_arith(env, VMI_FP_DIV, a, b);
	case TEST_FDIVR: return vmi_f80_arith(env, VMI_FP_DIVR, a, b);
	case TEST_FADD_M32: return vmi_f80_arith_f32(env, VMI_FP_ADD, a, b32);
	case TEST_FSUBR_M32: return vmi_f80_arith_f32(env, VMI_FP_SUBR, a, b32);
	case TEST_FDIV_M32: return vmi_f80_arith_f32(env, VMI_FP_DIV, a, b32);
	case TEST_FMUL_M64: return vmi_f80_arith_f64(env, VMI_FP_MUL, a, r->b);
	case TEST_FDIVR_M64:
		return vmi_f80_arith_f64(env, VMI_FP_DIVR, a, r->b);
	case TEST_FSQRT: return vmi_f80_sqrt(env, a);
	case TEST_FRNDINT: return vmi_f80_rndint(env, a);
	case TEST_FSCALE: return vmi_f80_scale(env, a, b);
	case TEST_FPREM: return vmi_f80_rem(env, a, b, false);
	case TEST_FPREM1: return vmi_f80_rem(env, a, b, true);
	case TEST_FLD_M32: return vmi_f80_from_f32(env, (uint32_t)r->a);
	case TEST_FLD_M64: return vmi_f80_from_f64(env, r->a);
	case TEST_FILD: return vmi_f80_from_int((int64_t)r->a);
	case TEST_FBLD:
		return vmi_f80_from_bcd((struct vmi_bcd80){ a.man, a.se });
	default: return vmi_f80_const(env, (enum vmi_fpconst)(r->c->imm % 7));
	}
}

static void soft_transcendental(const struct run *r, struct vmi_f80 out[2])
{
	struct vmi_fpenv *env = r->env;
	struct vmi_f80 a = r->ta;
	struct vmi_f80 b = r->tb;

	switch (r->c->op) {
	case TEST_F2XM1: out[0] = vmi_f80_f2xm1(env, a); break;
	case TEST_FYL2X: out[0] = vmi_f80_yl2x(env, a, b); break;
	case TEST_FYL2XP1: out[0] = vmi_f80_yl2xp1(env, a, b); break;
	case TEST_FPATAN: out[0] = vmi_f80_atan(env, a, b); break;
	case TEST_FSIN: out[0] = vmi_f80_sin(env, a); break;
	case TEST_FCOS: out[0] = vmi_f80_cos(env, a); break;
	case TEST_FSINCOS: out[1] = vmi_f80_sincos(env, a, &out[0]); break;
	default: out[1] = vmi_f80_tan(env, a, &out[0]); break;
	}
	if (env->flags & VMI_FP_C2) /* one result: the operand */
		out[1] = (struct vmi_f80){ 0, 0 };
}

static uint64_t soft_codes(const struct run *r)
{
	struct vmi_fpenv *env = r->env;
	struct vmi_f80 a = r->ta;
	struct vmi_f80 b = r->tb;

	switch (r->c->op) {
	case TEST_FCOM:
		return vmi_fp_compare_codes(vmi_f80_compare(env, a, b, true));
	case TEST_FUCOM:
		return vmi_fp_compare_codes(vmi_f80_compare(env, a, b, false));
	case TEST_FCOM_M32:
		return vmi_fp_compare_codes(
			vmi_f80_compare_f32(env, a, (uint32_t)r->b));
	case TEST_FCOM_M64:
		return vmi_fp_compare_codes(vmi_f80_compare_f64(env, a, r->b));
	default: return vmi_f80_xam(a);
	}
}

static uint64_t soft_store(const struct run *r)
{
	struct vmi_fpenv *env = r->env;
	struct vmi_f80 a = r->ta;

	switch (r->c->op) {
	case TEST_FST_M32: return vmi_f80_to_f32(env, a);
	case TEST_FST_M64: return vmi_f80_to_f64(env, a);
	case TEST_FIST16: return (uint16_t)vmi_f80_to_int(env, a, 16, false);
	case TEST_FIST32: return (uint32_t)vmi_f80_to_int(env, a, 32, false);
	case TEST_FIST64: return (uint64_t)vmi_f80_to_int(env, a, 64, false);
	case TEST_FISTTP16: return (uint16_t)vmi_f80_to_int(env, a, 16, true);
	case TEST_FISTTP32: return (uint32_t)vmi_f80_to_int(env, a, 32, true);
	default: return (uint64_t)vmi_f80_to_int(env, a, 64, true);
	}
}

static void soft_x87(const struct run *r, struct vmi_f80 out[2])
{
	unsigned op = r->c->op;
	char kind = test_fp_info[op].out[0];
	struct vmi_bcd80 bcd;

	if (test_fp_is_transcendental(op)) {
		soft_transcendental(r, out);
	} else if (op == TEST_FXTRACT) {
		out[0] = vmi_f80_xtract(r->env, r->ta, &out[1]);
	} else if (op == TEST_FBSTP) {
		bcd = vmi_f80_to_bcd(r->env, r->ta);
		out[0] = (struct vmi_f80){ bcd.lo, bcd.hi };
	} else if (kind == 'T') {
		out[0] = soft_arith(r);
	} else if (kind == 'c') {
		out[0].man = soft_codes(r);
	} else {
		out[0].man = soft_store(r);
	}
}

void test_fp_soft(const struct test_fp_case *c, struct test_fp_out *out)
{
	struct vmi_fpenv env = {
		.rounding = c->rounding,
		.precision = c->precision,
		.daz = c->daz,
		.ftz = c->ftz,
		.unmasked = c->unmasked,
	};
	struct run r = { c, &env, c->a.man, c->b.man, c->a, c->b };

	*out = (struct test_fp_out){ .flags = 0 };
	if (!test_fp_is_sse(c->op))
		soft_x87(&r, out->r);
	else if (c->op <= TEST_CVTI64_32)
		out->r[0].man = soft32(&r);
	else
		out->r[0].man = soft64(&r);
	vmi_fp_settle(&env);
	out->flags = env.flags;
}

/* Which flags an operation defines (SDM 2, "FPU flags affected"). */
static uint16_t flag_mask(unsigned op)
{
	uint16_t six = VMI_FP_PRE | VMI_FP_POST;

	if (test_fp_is_sse(op))
		return six;
	switch (op) {
	case TEST_FPREM:
	case TEST_FPREM1:
		return six | VMI_FP_C0 | VMI_FP_C1 | VMI_FP_C2 | VMI_FP_C3;
	case TEST_FXAM: /* its codes are its result */
	case TEST_FCOM:
	case TEST_FUCOM:
	case TEST_FCOM_M32:
	case TEST_FCOM_M64: return six;
	default: break;
	}
	if (op >= TEST_FSIN)
		return six | VMI_FP_C2;
	return test_fp_is_transcendental(op) ? six : six | VMI_FP_C1;
}

/* Nothing is written: compare flags alone. */
static bool suppressed(const struct test_fp_case *c, uint16_t flags)
{
	uint16_t raised = flags & c->unmasked;
	const char *out = test_fp_info[c->op].out;

	if (test_fp_is_sse(c->op))
		return raised != 0;
	if (out[0] != 'T')
		return raised & (VMI_FP_PRE | VMI_FP_OE | VMI_FP_UE);
	return raised & VMI_FP_PRE;
}

/* Clears what the operation leaves undefined. */
void test_fp_canonical(const struct test_fp_case *c, struct test_fp_out *out)
{
	uint16_t mask = flag_mask(c->op);

	if (suppressed(c, out->flags)) {
		mask &= VMI_FP_PRE | VMI_FP_POST;
		*out = (struct test_fp_out){ .flags = out->flags };
	}
	out->flags &= mask;
}

static bool same_f80(struct vmi_f80 x, struct vmi_f80 y)
{
	return x.man == y.man && x.se == y.se;
}

bool test_fp_same(const struct test_fp_case *c, const struct test_fp_out *x,
	const struct test_fp_out *y)
{
	struct test_fp_out a = *x;
	struct test_fp_out b = *y;

	test_fp_canonical(c, &a);
	test_fp_canonical(c, &b);
	return a.flags == b.flags && same_f80(a.r[0], b.r[0]) &&
	       same_f80(a.r[1], b.r[1]);
}

/* A finite magnitude as its place among all of them. */
static vmi_u128 ordinal(struct vmi_f80 v)
{
	return ((vmi_u128)(v.se & 0x7fff) << 63) +
	       (v.man & ~(UINT64_C(1) << 63));
}

static bool neighbours(struct vmi_f80 x, struct vmi_f80 y)
{
	vmi_u128 a = ordinal(x);
	vmi_u128 b = ordinal(y);

	return x.se >> 15 == y.se >> 15 && (a > b ? a - b : b - a) <= 1;
}

/*
 * Within the 1.5 * 2^-12 that each may be off, in significands of 24 bits. A
 * reciprocal this close to the least normal number may be flushed or not (SDM
 * 2, RCPSS).
 */
bool test_fp_approximate(const struct test_fp_case *c,
	const struct test_fp_out *x, const struct test_fp_out *y)
{
	uint64_t a = x->r[0].man;
	uint64_t b = y->r[0].man;
	uint64_t size = c->a.man & 0x7fffffff;
	bool special = (b << 1 & 0xffffffff) == 0 || (b >> 23 & 0xff) == 0xff;

	if (x->flags || y->flags)
		return false;
	if (c->op == TEST_RCP32 && size > 0x7e7fe800 && size <= 0x7e800000)
		return a >> 31 == b >> 31;
	if (special)
		return a == b;
	return (a > b ? a - b : b - a) <= 2 * 6144;
}

/* Next to where numbers become denormal. */
static bool at_least_normal(struct vmi_f80 v)
{
	return (v.se & 0x7fff) <= 1 && v.man << 1 < 2;
}

/*
 * Transcendental results may be one ulp apart. If then one is the least
 * normal number or the largest, UE or OE may differ as well.
 */
bool test_fp_close(const struct test_fp_case *c, const struct test_fp_out *x,
	const struct test_fp_out *y)
{
	struct test_fp_out z = *x;
	int i;

	for (i = 0; i < 2; i++) {
		if (!neighbours(x->r[i], y->r[i]))
			continue;
		z.r[i] = y->r[i];
		if (at_least_normal(y->r[i]))
			z.flags |= y->flags & VMI_FP_UE;
		if (at_least_normal(y->r[i]))
			z.flags &= y->flags | (uint16_t)~VMI_FP_UE;
		if ((y->r[i].se & 0x7fff) == 0x7ffe && !(y->r[i].man + 1))
			z.flags &= y->flags | (uint16_t)~VMI_FP_OE;
	}
	return test_fp_same(c, &z, y);
}

static void print_out(const char *who, const struct test_fp_out *o)
{
	printf("  %s %04x.%016" PRIx64 " %04x.%016" PRIx64 " flags %04x\n", who,
		o->r[0].se, o->r[0].man, o->r[1].se, o->r[1].man, o->flags);
}

void test_fp_print(const struct test_fp_case *c, const struct test_fp_out *x,
	const struct test_fp_out *y)
{
	printf("%s rc %u pc %u imm %u daz %d ftz %d unmasked %02x\n",
		test_fp_info[c->op].name, c->rounding, c->precision, c->imm,
		c->daz, c->ftz, c->unmasked);
	printf("  a    %04x.%016" PRIx64 " b %04x.%016" PRIx64 "\n", c->a.se,
		c->a.man, c->b.se, c->b.man);
	print_out("got ", x);
	print_out("want", y);
}
