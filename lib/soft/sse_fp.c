/* SPDX-License-Identifier: MIT */
/* Arithmetic and comparison of single and double precision vectors. */
#include "lib/soft/sse_fp.h"

/* -- Exceptions --------------------------------------------------------- */

/* SDM 1 11.5.2: flags are set in any case, an unmasked one is delivered. */
void vmi_simd_flags_slow(struct vmi_cpu *c, struct vmi_fpenv *env)
{
	vmi_fp_settle(env);
	c->fpu.mxcsr |= env->flags & VMI_MXCSR_FLAGS;
	if (!(env->flags & env->unmasked))
		return;
	vmi_raise(c, c->cr4 & VMI_CR4_OSXMMEXCPT ? VMI_XM : VMI_UD);
}

/* -- The host ----------------------------------------------------------- */

/*
 * Up, down and to zero all show in one of the sums.  fegetround() would need
 * libm.
 */
static bool host_rounds_to_nearest(void)
{
	volatile double one = 1, little = 0x1p-60;

	return one + little == one && one - little == one;
}

void vmi_simd_look_at_host(struct vmi_cpu *c)
{
	c->fpu.mxcsr = vmi_mxcsr(&c->fpu) |
		(host_rounds_to_nearest() ? 0 : VMI_MXCSR_HOST);
}

/* -- One lane ----------------------------------------------------------- */

static vmi_inline uint64_t arith64(struct sse_fp *f, enum vmi_fpop op,
	uint64_t a, uint64_t b)
{
	struct sse_quick q = sse_arith64(f->nearest, f->sticky, op,
		vmi_simd_pair(a, b));

	return vmi_likely(q.good) ? q.bits : vmi_f64_arith(&f->env, op, a, b);
}

static vmi_inline uint64_t arith32(struct sse_fp *f, enum vmi_fpop op,
	uint64_t a, uint64_t b)
{
	struct sse_quick q = sse_arith32(f->nearest, f->sticky, op,
		vmi_simd_pair(a, b));

	return vmi_likely(q.good) ? q.bits :
		vmi_f32_arith(&f->env, op, (uint32_t)a, (uint32_t)b);
}

typedef uint64_t lane_fn(struct sse_fp *f, enum vmi_fpkind kind, uint64_t a,
	uint64_t b);

static vmi_inline uint64_t lane_add(struct sse_fp *f, enum vmi_fpkind kind,
	uint64_t a, uint64_t b)
{
	return kind == VMI_F32 ? arith32(f, VMI_FP_ADD, a, b) :
		arith64(f, VMI_FP_ADD, a, b);
}

static vmi_inline uint64_t lane_sub(struct sse_fp *f, enum vmi_fpkind kind,
	uint64_t a, uint64_t b)
{
	return kind == VMI_F32 ? arith32(f, VMI_FP_SUB, a, b) :
		arith64(f, VMI_FP_SUB, a, b);
}

static vmi_inline uint64_t lane_mul(struct sse_fp *f, enum vmi_fpkind kind,
	uint64_t a, uint64_t b)
{
	return kind == VMI_F32 ? arith32(f, VMI_FP_MUL, a, b) :
		arith64(f, VMI_FP_MUL, a, b);
}

static vmi_inline uint64_t lane_div(struct sse_fp *f, enum vmi_fpkind kind,
	uint64_t a, uint64_t b)
{
	return kind == VMI_F32 ? arith32(f, VMI_FP_DIV, a, b) :
		arith64(f, VMI_FP_DIV, a, b);
}

static vmi_inline uint64_t lane_sqrt(struct sse_fp *f, enum vmi_fpkind kind,
	uint64_t a, uint64_t b)
{
	struct sse_quick q = kind == VMI_F32 ?
		sse_root32(f->nearest, f->sticky, b) :
		sse_root64(f->nearest, f->sticky, b);

	(void)a;
	return vmi_likely(q.good) ? q.bits : vmi_fp_sqrt(&f->env, kind, b);
}

/* Numbers that compare as their bits do once the sign is looked at. */
static vmi_inline enum vmi_fpcmp order(enum vmi_fpkind kind, uint64_t a,
	uint64_t b)
{
	int64_t x = vmi_lane_signed(a, sse_width(kind));
	int64_t y = vmi_lane_signed(b, sse_width(kind));

	if (x == y)
		return VMI_FP_EQUAL;
	return (x < y) != (x < 0 && y < 0) ? VMI_FP_LESS : VMI_FP_GREATER;
}

static vmi_inline uint64_t minmax(struct sse_fp *f, uint32_t kind_max,
	uint64_t a, uint64_t b)
{
	enum vmi_fpkind kind = (enum vmi_fpkind)(kind_max & 0xff);
	enum vmi_fpcmp take = kind_max >> 8 ? VMI_FP_GREATER : VMI_FP_LESS;

	if (sse_moderate(kind, a) && sse_moderate(kind, b))
		return order(kind, a, b) == take ? a : b;
	return vmi_fp_minmax(&f->env, kind_max, a, b);
}

static vmi_inline uint64_t lane_min(struct sse_fp *f, enum vmi_fpkind kind,
	uint64_t a, uint64_t b)
{
	return minmax(f, vmi_fp_sel(kind, 0), a, b);
}

static vmi_inline uint64_t lane_max(struct sse_fp *f, enum vmi_fpkind kind,
	uint64_t a, uint64_t b)
{
	return minmax(f, vmi_fp_sel(kind, 1), a, b);
}

/* -- Instructions ------------------------------------------------------- */

/* Lanes 0 to `lanes` - 1; the others of the destination stay. */
static vmi_inline void binary(struct vmi_cpu *c, const struct vmi_op *op,
	uint32_t kind_lanes, lane_fn *fn)
{
	enum vmi_fpkind kind = (enum vmi_fpkind)(kind_lanes & 0xff);
	unsigned bits = sse_width(kind), n;
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	struct sse_fp f = sse_fp_begin(c);

	for (n = 0; n < kind_lanes >> 8; n++)
		a = vmi_lane_set(a, n, bits, fn(&f, kind,
			vmi_lane(a, n, bits), vmi_lane(b, n, bits)));
	vmi_simd_flags(c, &f.env);
	vmi_simd_set(c, op, a);
}

#define BINARY(token, kind, lanes, fn)                                         \
	void vmi_do_##token(struct vmi_cpu *c, const struct vmi_op *op)        \
	{                                                                      \
		binary(c, op, vmi_fp_sel(kind, lanes), fn);                    \
	}

BINARY(addps, VMI_F32, 4, lane_add)
BINARY(addpd, VMI_F64, 2, lane_add)
BINARY(addss, VMI_F32, 1, lane_add)
BINARY(addsd, VMI_F64, 1, lane_add)
BINARY(subps, VMI_F32, 4, lane_sub)
BINARY(subpd, VMI_F64, 2, lane_sub)
BINARY(subss, VMI_F32, 1, lane_sub)
BINARY(subsd, VMI_F64, 1, lane_sub)
BINARY(mulps, VMI_F32, 4, lane_mul)
BINARY(mulpd, VMI_F64, 2, lane_mul)
BINARY(mulss, VMI_F32, 1, lane_mul)
BINARY(mulsd, VMI_F64, 1, lane_mul)
BINARY(divps, VMI_F32, 4, lane_div)
BINARY(divpd, VMI_F64, 2, lane_div)
BINARY(divss, VMI_F32, 1, lane_div)
BINARY(divsd, VMI_F64, 1, lane_div)
BINARY(minps, VMI_F32, 4, lane_min)
BINARY(minpd, VMI_F64, 2, lane_min)
BINARY(minss, VMI_F32, 1, lane_min)
BINARY(minsd, VMI_F64, 1, lane_min)
BINARY(maxps, VMI_F32, 4, lane_max)
BINARY(maxpd, VMI_F64, 2, lane_max)
BINARY(maxss, VMI_F32, 1, lane_max)
BINARY(maxsd, VMI_F64, 1, lane_max)
BINARY(sqrtps, VMI_F32, 4, lane_sqrt)
BINARY(sqrtpd, VMI_F64, 2, lane_sqrt)
BINARY(sqrtss, VMI_F32, 1, lane_sqrt)
BINARY(sqrtsd, VMI_F64, 1, lane_sqrt)

/* -- Across lanes ------------------------------------------------------- */

/* SDM 2A, HADDPS: neighbours of the first operand, then of the second. */
static vmi_inline void horizontal(struct vmi_cpu *c, const struct vmi_op *op,
	enum vmi_fpkind kind, lane_fn *fn)
{
	unsigned bits = sse_width(kind), half = 64 / bits, n;
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	struct sse_fp f = sse_fp_begin(c);
	struct vmi_xmm r = a;

	for (n = 0; n < 2 * half; n++) {
		struct vmi_xmm from = n < half ? a : b;

		r = vmi_lane_set(r, n, bits, fn(&f, kind,
			vmi_lane(from, 2 * n, bits),
			vmi_lane(from, 2 * n + 1, bits)));
	}
	vmi_simd_flags(c, &f.env);
	vmi_simd_set(c, op, r);
}

/* Odd lanes are added, even ones subtracted. */
static vmi_inline uint64_t add_or_sub(struct sse_fp *f, uint32_t kind_n,
	uint64_t a, uint64_t b)
{
	enum vmi_fpkind kind = (enum vmi_fpkind)(kind_n & 0xff);

	return kind_n >> 8 & 1 ? lane_add(f, kind, a, b) :
		lane_sub(f, kind, a, b);
}

static vmi_inline void addsub(struct vmi_cpu *c, const struct vmi_op *op,
	enum vmi_fpkind kind)
{
	unsigned bits = sse_width(kind), n;
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	struct sse_fp f = sse_fp_begin(c);

	for (n = 0; n < 128 / bits; n++)
		a = vmi_lane_set(a, n, bits, add_or_sub(&f,
			vmi_fp_sel(kind, n), vmi_lane(a, n, bits),
			vmi_lane(b, n, bits)));
	vmi_simd_flags(c, &f.env);
	vmi_simd_set(c, op, a);
}

void vmi_do_haddps(struct vmi_cpu *c, const struct vmi_op *op)
{
	horizontal(c, op, VMI_F32, lane_add);
}

void vmi_do_haddpd(struct vmi_cpu *c, const struct vmi_op *op)
{
	horizontal(c, op, VMI_F64, lane_add);
}

void vmi_do_hsubps(struct vmi_cpu *c, const struct vmi_op *op)
{
	horizontal(c, op, VMI_F32, lane_sub);
}

void vmi_do_hsubpd(struct vmi_cpu *c, const struct vmi_op *op)
{
	horizontal(c, op, VMI_F64, lane_sub);
}

void vmi_do_addsubps(struct vmi_cpu *c, const struct vmi_op *op)
{
	addsub(c, op, VMI_F32);
}

void vmi_do_addsubpd(struct vmi_cpu *c, const struct vmi_op *op)
{
	addsub(c, op, VMI_F64);
}

/* Each lane the sum of itself, second, and of the one at a distance. */
static vmi_inline void add_across(struct sse_fp *f, enum vmi_fpkind kind,
	uint64_t t[4], unsigned distance)
{
	uint64_t r[4] = { 0 };
	unsigned n, lanes = 128 / sse_width(kind);

	for (n = 0; n < lanes; n++)
		r[n] = lanes == 2 ? lane_add(f, kind, t[n], t[n ^ 1]) :
			distance == 1 ? lane_add(f, kind, t[n ^ 1], t[n]) :
			lane_add(f, kind, t[n], t[n ^ 2]);
	memcpy(t, r, sizeof(r));
}

/*
 * SDM 2A, DPPS: products of the lanes in imm[7:4], their sum to the lanes in
 * imm[3:0].  The flags of a step go to MXCSR before the next step.  The order
 * of operands, which decides among several NaNs, is that of processors.
 */
static vmi_inline void dot(struct vmi_cpu *c, const struct vmi_op *op,
	enum vmi_fpkind kind)
{
	unsigned bits = sse_width(kind), lanes = 128 / bits, n;
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	struct sse_fp f = sse_fp_begin(c);
	uint64_t t[4] = { 0 };

	for (n = 0; n < lanes; n++) {
		if (op->imm >> (4 + n) & 1)
			t[n] = lane_mul(&f, kind, vmi_lane(a, n, bits),
				vmi_lane(b, n, bits));
	}
	vmi_simd_flags(c, &f.env);
	add_across(&f, kind, t, 1);
	vmi_simd_flags(c, &f.env);
	if (lanes == 4)
		add_across(&f, kind, t, 2);
	vmi_simd_flags(c, &f.env);
	for (n = 0; n < lanes; n++)
		a = vmi_lane_set(a, n, bits, op->imm >> n & 1 ? t[n] : 0);
	vmi_simd_set(c, op, a);
}

void vmi_do_dpps(struct vmi_cpu *c, const struct vmi_op *op)
{
	dot(c, op, VMI_F32);
}

void vmi_do_dppd(struct vmi_cpu *c, const struct vmi_op *op)
{
	dot(c, op, VMI_F64);
}

/* -- Comparisons -------------------------------------------------------- */

/* Predicates 0 to 7 by less, equal, greater: SDM 2A, CMPPD, table 3-1. */
static vmi_inline bool predicate(unsigned imm, enum vmi_fpcmp cmp)
{
	return 0x7ced8312u >> (imm * 4) >> cmp & 1;
}

static vmi_inline bool holds(struct sse_fp *f, uint32_t kind_imm, uint64_t a,
	uint64_t b)
{
	enum vmi_fpkind kind = (enum vmi_fpkind)(kind_imm & 0xff);
	uint8_t imm = (uint8_t)(kind_imm >> 8);

	if (sse_moderate(kind, a) && sse_moderate(kind, b))
		return predicate(imm, order(kind, a, b));
	return kind == VMI_F32 ? vmi_f32_cmp(&f->env, imm, (uint32_t)a,
		(uint32_t)b) : vmi_f64_cmp(&f->env, imm, a, b);
}

/* SSE has three bits of the immediate. */
static vmi_inline void compare(struct vmi_cpu *c, const struct vmi_op *op,
	enum vmi_fpkind kind, unsigned lanes)
{
	unsigned bits = sse_width(kind), n;
	uint32_t sel = vmi_fp_sel(kind, op->imm & 7);
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	struct sse_fp f = sse_fp_begin(c);

	for (n = 0; n < lanes; n++)
		a = vmi_lane_set(a, n, bits, holds(&f, sel,
			vmi_lane(a, n, bits), vmi_lane(b, n, bits)) ?
			~0ull : 0);
	vmi_simd_flags(c, &f.env);
	vmi_simd_set(c, op, a);
}

#define COMPARE(token, kind, lanes)                                            \
	void vmi_do_##token(struct vmi_cpu *c, const struct vmi_op *op)        \
	{                                                                      \
		compare(c, op, kind, lanes);                                   \
	}

COMPARE(cmpps, VMI_F32, 4)
COMPARE(cmppd, VMI_F64, 2)
COMPARE(cmpss, VMI_F32, 1)
COMPARE(cmpsd, VMI_F64, 1)

/* SDM 2A, COMISS; the other three flags are cleared. */
static vmi_inline void compare_flags(struct vmi_cpu *c,
	const struct vmi_op *op, enum vmi_fpkind kind, bool signal)
{
	static const uint16_t flags[] = {
		[VMI_FP_LESS] = VMI_FLAG_CF,
		[VMI_FP_EQUAL] = VMI_FLAG_ZF,
		[VMI_FP_GREATER] = 0,
		[VMI_FP_UNORDERED] = VMI_FLAG_ZF | VMI_FLAG_PF | VMI_FLAG_CF,
	};
	uint64_t b = vmi_lane(vmi_simd_src(c, op), 0, sse_width(kind));
	uint64_t a = vmi_lane(vmi_simd_dst(c, op), 0, sse_width(kind));
	struct vmi_fpenv env;

	if (sse_moderate(kind, a) && sse_moderate(kind, b)) {
		vmi_flags_set(c, flags[order(kind, a, b)]);
		return;
	}
	env = vmi_simd_env(c);
	a = flags[vmi_fp_compare(&env, vmi_fp_sel(kind, signal), a, b)];
	vmi_simd_flags(c, &env);
	vmi_flags_set(c, a);
}

void vmi_do_comiss(struct vmi_cpu *c, const struct vmi_op *op)
{
	compare_flags(c, op, VMI_F32, true);
}

void vmi_do_comisd(struct vmi_cpu *c, const struct vmi_op *op)
{
	compare_flags(c, op, VMI_F64, true);
}

void vmi_do_ucomiss(struct vmi_cpu *c, const struct vmi_op *op)
{
	compare_flags(c, op, VMI_F32, false);
}

void vmi_do_ucomisd(struct vmi_cpu *c, const struct vmi_op *op)
{
	compare_flags(c, op, VMI_F64, false);
}
