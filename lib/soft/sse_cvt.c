/* SPDX-License-Identifier: MIT */
/* Conversions, rounding to integers, reciprocals. */
#include "lib/soft/sse_fp.h"

/* -- One number --------------------------------------------------------- */

/* Magnitudes below 2^31 that the host truncates as a guest would. */
static vmi_inline bool truncates(const struct sse_fp *f, double x)
{
	return x > -2147483648.0 && x < 2147483648.0 &&
		(f->sticky || (double)(int32_t)x == x);
}

/* To nearest and even, as the addition that drops the fraction rounds. */
static vmi_inline bool rounds(const struct sse_fp *f, double x, double *r)
{
	*r = x + 0x1.8p52 - 0x1.8p52;
	return f->nearest && truncates(f, *r) && (f->sticky || *r == x);
}

/* `how`: bits of the integer, and 1 to truncate. */
static vmi_inline uint64_t to_int(struct sse_fp *f, enum vmi_fpkind kind,
	uint64_t v, unsigned how)
{
	double x;

	if (sse_moderate(kind, v)) {
		x = kind == VMI_F32 ? (double)sse_f32(v) : sse_f64(v);
		if (how & 1 ? truncates(f, x) : rounds(f, x, &x))
			return (uint64_t)(int64_t)(int32_t)x;
	}
	return (uint64_t)vmi_fp_to_int(&f->env, vmi_fp_sel(kind, how & ~1u), v,
		how & 1);
}

static vmi_inline uint64_t from_int(struct sse_fp *f, enum vmi_fpkind kind,
	int64_t v)
{
	struct sse_quick q = kind == VMI_F32 ?
		sse_single_of(f->nearest, f->sticky, v) :
		sse_double_of(f->nearest, f->sticky, v);

	return q.good ? q.bits : vmi_fp_from_int(&f->env, kind, v);
}

static vmi_inline uint64_t to_double(struct sse_fp *f, uint64_t v)
{
	if (sse_plain(VMI_F32, v))
		return sse_bits64((double)sse_f32(v));
	return vmi_f32_to_f64(&f->env, (uint32_t)v);
}

static vmi_inline uint64_t to_single(struct sse_fp *f, uint64_t v)
{
	struct sse_quick q = sse_narrow(f->nearest, f->sticky, v);

	return q.good ? q.bits : vmi_f64_to_f32(&f->env, v);
}

/* -- Scalars ------------------------------------------------------------ */

/* The r/m operand is general: `bytes` of it, signed. */
static vmi_inline void from_general(struct vmi_cpu *c,
	const struct vmi_op *op, enum vmi_fpkind kind)
{
	unsigned bytes = VMI_SIMD_BYTES(op->imm);
	struct vmi_xmm a;
	struct sse_fp f;
	uint64_t v;

	vmi_simd_begin(c, op);
	f = sse_fp_begin(c);
	v = vmi_rm(c, op, bytes);
	v = from_int(&f, kind, vmi_lane_signed(v, bytes * 8));
	a = vmi_simd_dst(c, op);
	vmi_simd_flags(c, &f.env);
	vmi_simd_set(c, op, vmi_lane_set(a, 0, sse_width(kind), v));
}

static vmi_inline void to_general(struct vmi_cpu *c, const struct vmi_op *op,
	enum vmi_fpkind kind, unsigned truncate)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t v = vmi_lane(vmi_simd_src(c, op), 0, sse_width(kind));
	struct sse_fp f = sse_fp_begin(c);

	v = to_int(&f, kind, v, bytes * 8 | truncate);
	vmi_simd_flags(c, &f.env);
	vmi_reg_set(c, op->reg, v, bytes);
}

void vmi_do_cvtsi2ss(struct vmi_cpu *c, const struct vmi_op *op)
{
	from_general(c, op, VMI_F32);
}

void vmi_do_cvtsi2sd(struct vmi_cpu *c, const struct vmi_op *op)
{
	from_general(c, op, VMI_F64);
}

void vmi_do_cvtss2si(struct vmi_cpu *c, const struct vmi_op *op)
{
	to_general(c, op, VMI_F32, 0);
}

void vmi_do_cvtsd2si(struct vmi_cpu *c, const struct vmi_op *op)
{
	to_general(c, op, VMI_F64, 0);
}

void vmi_do_cvttss2si(struct vmi_cpu *c, const struct vmi_op *op)
{
	to_general(c, op, VMI_F32, 1);
}

void vmi_do_cvttsd2si(struct vmi_cpu *c, const struct vmi_op *op)
{
	to_general(c, op, VMI_F64, 1);
}

/* -- Vectors ------------------------------------------------------------ */

typedef uint64_t lane_fn(struct sse_fp *f, uint64_t v);

static vmi_inline uint64_t ps_dq(struct sse_fp *f, uint64_t v)
{
	return to_int(f, VMI_F32, v, 32);
}

static vmi_inline uint64_t ps_dq_truncate(struct sse_fp *f, uint64_t v)
{
	return to_int(f, VMI_F32, v, 33);
}

static vmi_inline uint64_t pd_dq(struct sse_fp *f, uint64_t v)
{
	return to_int(f, VMI_F64, v, 32);
}

static vmi_inline uint64_t pd_dq_truncate(struct sse_fp *f, uint64_t v)
{
	return to_int(f, VMI_F64, v, 33);
}

static vmi_inline uint64_t dq_ps(struct sse_fp *f, uint64_t v)
{
	return from_int(f, VMI_F32, vmi_lane_signed(v, 32));
}

static vmi_inline uint64_t dq_pd(struct sse_fp *f, uint64_t v)
{
	return from_int(f, VMI_F64, vmi_lane_signed(v, 32));
}

/* Lanes of `from` bits become lanes of `to` in `r`. */
struct widths {
	unsigned from, to, lanes;
};

static vmi_inline bool uses_mmx(const struct vmi_op *op)
{
	return (op->imm & VMI_SIMD_REG_MM) || ((op->imm & VMI_SIMD_RM_MM) &&
		!(op->bits & VMI_OPF_MEM));
}

static vmi_inline void convert(struct vmi_cpu *c, const struct vmi_op *op,
	struct widths w, lane_fn *fn)
{
	struct vmi_xmm b = vmi_simd_src(c, op), r = { { 0, 0 } };
	struct sse_fp f = sse_fp_begin(c);
	unsigned n;

	/* This one leaves the upper half of its destination. */
	if (vmi_op_exec(op) == VMI_EXEC_cvtpi2ps)
		r = vmi_simd_dst(c, op);
	for (n = 0; n < w.lanes; n++)
		r = vmi_lane_set(r, n, w.to, fn(&f, vmi_lane(b, n, w.from)));
	/* Processors go to MMX even if the conversion then raises #XM. */
	if (uses_mmx(op))
		vmi_mmx_enter(c);
	vmi_simd_flags(c, &f.env);
	vmi_simd_set(c, op, r);
}

#define CONVERT(token, from, to, lanes, fn)                                    \
	void vmi_do_##token(struct vmi_cpu *c, const struct vmi_op *op)        \
	{                                                                      \
		convert(c, op, (struct widths){ from, to, lanes }, fn);        \
	}

CONVERT(cvtdq2ps, 32, 32, 4, dq_ps)
CONVERT(cvtps2dq, 32, 32, 4, ps_dq)
CONVERT(cvttps2dq, 32, 32, 4, ps_dq_truncate)
CONVERT(cvtdq2pd, 32, 64, 2, dq_pd)
CONVERT(cvtpd2dq, 64, 32, 2, pd_dq)
CONVERT(cvttpd2dq, 64, 32, 2, pd_dq_truncate)
CONVERT(cvtps2pd, 32, 64, 2, to_double)
CONVERT(cvtpd2ps, 64, 32, 2, to_single)
/* From and to MMX registers. */
CONVERT(cvtpi2ps, 32, 32, 2, dq_ps)
CONVERT(cvtpi2pd, 32, 64, 2, dq_pd)
CONVERT(cvtps2pi, 32, 32, 2, ps_dq)
CONVERT(cvttps2pi, 32, 32, 2, ps_dq_truncate)
CONVERT(cvtpd2pi, 64, 32, 2, pd_dq)
CONVERT(cvttpd2pi, 64, 32, 2, pd_dq_truncate)

/* Lane 0 alone; the rest of the destination stays. */
static vmi_inline void convert_scalar(struct vmi_cpu *c,
	const struct vmi_op *op, struct widths w, lane_fn *fn)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	struct sse_fp f = sse_fp_begin(c);
	uint64_t v = fn(&f, vmi_lane(b, 0, w.from));

	vmi_simd_flags(c, &f.env);
	vmi_simd_set(c, op, vmi_lane_set(a, 0, w.to, v));
}

void vmi_do_cvtss2sd(struct vmi_cpu *c, const struct vmi_op *op)
{
	convert_scalar(c, op, (struct widths){ 32, 64, 1 }, to_double);
}

void vmi_do_cvtsd2ss(struct vmi_cpu *c, const struct vmi_op *op)
{
	convert_scalar(c, op, (struct widths){ 64, 32, 1 }, to_single);
}

/* -- Rounding to integers ----------------------------------------------- */

static vmi_inline void round_lanes(struct vmi_cpu *c, const struct vmi_op *op,
	enum vmi_fpkind kind, unsigned lanes)
{
	unsigned bits = sse_width(kind), n;
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	struct vmi_fpenv env = vmi_simd_env(c);
	uint8_t imm = (uint8_t)op->imm;
	uint64_t v;

	for (n = 0; n < lanes; n++) {
		v = vmi_lane(b, n, bits);
		v = kind == VMI_F32 ? vmi_f32_round(&env, (uint32_t)v, imm) :
			vmi_f64_round(&env, v, imm);
		a = vmi_lane_set(a, n, bits, v);
	}
	vmi_simd_flags(c, &env);
	vmi_simd_set(c, op, a);
}

void vmi_do_roundps(struct vmi_cpu *c, const struct vmi_op *op)
{
	round_lanes(c, op, VMI_F32, 4);
}

void vmi_do_roundpd(struct vmi_cpu *c, const struct vmi_op *op)
{
	round_lanes(c, op, VMI_F64, 2);
}

void vmi_do_roundss(struct vmi_cpu *c, const struct vmi_op *op)
{
	round_lanes(c, op, VMI_F32, 1);
}

void vmi_do_roundsd(struct vmi_cpu *c, const struct vmi_op *op)
{
	round_lanes(c, op, VMI_F64, 1);
}

/* -- Approximations ----------------------------------------------------- */

/*
 * SDM 2B, RCPPS and RSQRTPS: no exception is raised, MXCSR says nothing,
 * denormals are zeros of their sign, and the relative error is at most
 * 1.5 * 2^-12.  What lies below that is the processor's own: here it is the
 * result of soft float rounded to 13 bits.
 */
#define F32_SIGN     0x80000000u
#define F32_INFINITE 0x7f800000u
#define F32_QUIET    0x00400000u
#define F32_DEFAULT  0xffc00000u
#define F32_ONE	     0x3f800000u

static uint32_t approximate(uint32_t v)
{
	return (v + 0x3ff + (v >> 11 & 1)) & ~0x7ffu;
}

static uint32_t reciprocal(uint32_t v)
{
	struct vmi_fpenv env = { .rounding = VMI_FP_NEAREST, .ftz = true };
	uint32_t magnitude = v & ~F32_SIGN;

	if (magnitude > F32_INFINITE)
		return v | F32_QUIET;
	if (magnitude < 0x00800000)
		return (v & F32_SIGN) | F32_INFINITE;
	return approximate(vmi_f32_div(&env, F32_ONE, v));
}

static uint32_t reciprocal_root(uint32_t v)
{
	struct vmi_fpenv env = { .rounding = VMI_FP_NEAREST };
	uint32_t magnitude = v & ~F32_SIGN;

	if (magnitude > F32_INFINITE)
		return v | F32_QUIET;
	if (magnitude < 0x00800000)
		return (v & F32_SIGN) | F32_INFINITE;
	if (v & F32_SIGN)
		return F32_DEFAULT;
	return approximate(vmi_f32_div(&env, F32_ONE,
		vmi_f32_sqrt(&env, v)));
}

static vmi_inline void estimate(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned lanes, uint32_t (*fn)(uint32_t))
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	unsigned n;

	for (n = 0; n < lanes; n++)
		a = vmi_lane_set(a, n, 32, fn((uint32_t)vmi_lane(b, n, 32)));
	vmi_simd_set(c, op, a);
}

void vmi_do_rcpps(struct vmi_cpu *c, const struct vmi_op *op)
{
	estimate(c, op, 4, reciprocal);
}

void vmi_do_rcpss(struct vmi_cpu *c, const struct vmi_op *op)
{
	estimate(c, op, 1, reciprocal);
}

void vmi_do_rsqrtps(struct vmi_cpu *c, const struct vmi_op *op)
{
	estimate(c, op, 4, reciprocal_root);
}

void vmi_do_rsqrtss(struct vmi_cpu *c, const struct vmi_op *op)
{
	estimate(c, op, 1, reciprocal_root);
}
