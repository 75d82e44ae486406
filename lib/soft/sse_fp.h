/* SPDX-License-Identifier: MIT */
/*
 * Single and double precision on the host where that is certainly the same.
 *
 * Soft float computes any result and any flag; the host is used when it can
 * be shown beforehand that only PE could be raised, and that this does not
 * matter: operands are `plain` (zeros, or with an exponent so far from both
 * ends that no sum, product or quotient of two comes near them), rounding is
 * to nearest, the guest's and the host's, and PE is masked and its sticky flag
 * set already, or the result is seen to be exact.  Inexact is all that the
 * host raises: an application that enables that trap on the vcpu's thread has
 * it, and the others never.
 */
#ifndef VMI_SOFT_SSE_FP_H
#define VMI_SOFT_SSE_FP_H

#include "lib/soft/simd.h"

struct sse_fp {
	struct vmi_fpenv env;
	bool nearest; /* the guest rounds so, and the host */
	bool sticky;  /* and PE tells nothing new */
};

static vmi_inline bool sse_nearest(const struct vmi_cpu *c)
{
	return !(c->fpu.mxcsr & (VMI_MXCSR_RC | VMI_MXCSR_HOST));
}

static vmi_inline bool sse_sticky(const struct vmi_cpu *c)
{
	return !(~c->fpu.mxcsr & (VMI_MXCSR_PM | VMI_MXCSR_PE));
}

static vmi_inline struct sse_fp sse_fp_begin(const struct vmi_cpu *c)
{
	struct sse_fp f = {
		.env = vmi_simd_env(c),
		.nearest = sse_nearest(c),
		.sticky = sse_sticky(c),
	};

	return f;
}

/* -- Bits and host numbers ---------------------------------------------- */

static vmi_inline double sse_f64(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, 8);
	return v;
}

static vmi_inline uint64_t sse_bits64(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, 8);
	return bits;
}

static vmi_inline float sse_f32(uint64_t bits)
{
	uint32_t low = (uint32_t)bits;
	float v;

	memcpy(&v, &low, 4);
	return v;
}

static vmi_inline uint64_t sse_bits32(float v)
{
	uint32_t bits;

	memcpy(&bits, &v, 4);
	return bits;
}

static vmi_inline unsigned sse_width(enum vmi_fpkind kind)
{
	return kind == VMI_F32 ? 32 : 64;
}

/* Zero of either sign. */
static vmi_inline bool sse_zero(enum vmi_fpkind kind, uint64_t v)
{
	return !(v << (kind == VMI_F32 ? 33 : 1));
}

/* Between 2^-62 and 2^63, or 2^-510 and 2^511. */
static vmi_inline bool sse_moderate(enum vmi_fpkind kind, uint64_t v)
{
	return kind == VMI_F32 ? (v >> 23 & 0xff) - 65 <= 124 :
		(v >> 52 & 0x7ff) - 513 <= 1020;
}

static vmi_inline bool sse_plain(enum vmi_fpkind kind, uint64_t v)
{
	return sse_moderate(kind, v) || sse_zero(kind, v);
}

/* -- Whether a result that the host rounded is exact -------------------- */

/* Knuth's two-sum: what a sum lost is itself a number. */
static vmi_inline bool sse_exact_sum64(double x, double y, double r)
{
	double z = r - x;

	return (x - (r - z)) + (y - z) == 0;
}

static vmi_inline bool sse_exact_sum32(float x, float y, float r)
{
	float z = r - x;

	return (x - (r - z)) + (y - z) == 0;
}

/* 26 bits by 27 are at most 53. */
static vmi_inline bool sse_exact_product64(double x, double y)
{
	return !(sse_bits64(x) & 0x7ffffff) && !(sse_bits64(y) & 0x3ffffff);
}

static vmi_inline bool sse_exact64(enum vmi_fpop op, double x, double y, double r)
{
	switch (op) {
	case VMI_FP_ADD:
		return sse_exact_sum64(x, y, r);
	case VMI_FP_SUB:
		return sse_exact_sum64(x, -y, r);
	case VMI_FP_MUL:
		return sse_exact_product64(x, y);
	default:
		return sse_exact_product64(r, y) && r * y == x;
	}
}

static vmi_inline bool sse_exact32(enum vmi_fpop op, float x, float y, float r)
{
	switch (op) {
	case VMI_FP_ADD:
		return sse_exact_sum32(x, y, r);
	case VMI_FP_SUB:
		return sse_exact_sum32(x, -y, r);
	case VMI_FP_MUL:
		return (double)r == (double)x * (double)y;
	default:
		return (double)r * (double)y == (double)x;
	}
}

/* -- What the host computes --------------------------------------------- */

static vmi_inline double sse_compute64(enum vmi_fpop op, double x, double y)
{
	switch (op) {
	case VMI_FP_ADD:
		return x + y;
	case VMI_FP_SUB:
		return x - y;
	case VMI_FP_MUL:
		return x * y;
	default:
		return x / y;
	}
}

static vmi_inline float sse_compute32(enum vmi_fpop op, float x, float y)
{
	switch (op) {
	case VMI_FP_ADD:
		return x + y;
	case VMI_FP_SUB:
		return x - y;
	case VMI_FP_MUL:
		return x * y;
	default:
		return x / y;
	}
}

/* A result, if the host's is certainly the guest's; operands in a pair. */
struct sse_quick {
	bool good;
	uint64_t bits;
};

static vmi_inline bool sse_suits(enum vmi_fpkind kind, enum vmi_fpop op,
	struct vmi_xmm v)
{
	return sse_plain(kind, v.q[0]) && (op == VMI_FP_DIV ?
		sse_moderate(kind, v.q[1]) : sse_plain(kind, v.q[1]));
}

static vmi_inline struct sse_quick sse_arith64(bool nearest, bool sticky,
	enum vmi_fpop op, struct vmi_xmm v)
{
	struct sse_quick q = { false, 0 };
	double x = sse_f64(v.q[0]), y = sse_f64(v.q[1]), r;

	if (vmi_unlikely(!nearest || !sse_suits(VMI_F64, op, v)))
		return q;
	r = sse_compute64(op, x, y);
	q.good = sticky || sse_exact64(op, x, y, r);
	q.bits = sse_bits64(r);
	return q;
}

static vmi_inline struct sse_quick sse_arith32(bool nearest, bool sticky,
	enum vmi_fpop op, struct vmi_xmm v)
{
	struct sse_quick q = { false, 0 };
	float x = sse_f32(v.q[0]), y = sse_f32(v.q[1]), r;

	if (vmi_unlikely(!nearest || !sse_suits(VMI_F32, op, v)))
		return q;
	r = sse_compute32(op, x, y);
	q.good = sticky || sse_exact32(op, x, y, r);
	q.bits = sse_bits32(r);
	return q;
}

/* Zero of either sign, or plain and positive: a root is between them. */
static vmi_inline bool sse_has_root(enum vmi_fpkind kind, uint64_t v)
{
	return sse_zero(kind, v) || (sse_moderate(kind, v) &&
		!(v >> (sse_width(kind) - 1) & 1));
}

/* IEEE 754 rounds a root as it does a quotient, on every host. */
static vmi_inline struct sse_quick sse_root64(bool nearest, bool sticky,
	uint64_t v)
{
	struct sse_quick q = { false, 0 };
	double x = sse_f64(v), r;

	if (vmi_unlikely(!nearest || !sse_has_root(VMI_F64, v)))
		return q;
	r = vmi_sqrt64(x);
	q.good = sticky || (sse_exact_product64(r, r) && r * r == x);
	q.bits = sse_bits64(r);
	return q;
}

static vmi_inline struct sse_quick sse_root32(bool nearest, bool sticky,
	uint64_t v)
{
	struct sse_quick q = { false, 0 };
	float x = sse_f32(v), r;

	if (vmi_unlikely(!nearest || !sse_has_root(VMI_F32, v)))
		return q;
	r = vmi_sqrt32(x);
	q.good = sticky || (double)r * (double)r == (double)x;
	q.bits = sse_bits32(r);
	return q;
}

/* -- Conversions --------------------------------------------------------- */

static vmi_inline struct sse_quick sse_narrow(bool nearest, bool sticky,
	uint64_t v)
{
	struct sse_quick q = { false, 0 };
	float r;

	/* 2^-62 to 2^63: the exponents that single precision calls moderate. */
	if (vmi_unlikely(!nearest || (v >> 52 & 0x7ff) - 961 > 124))
		return q;
	r = (float)sse_f64(v);
	q.good = sticky || (double)r == sse_f64(v);
	q.bits = sse_bits32(r);
	return q;
}

/* An integer; any is exact below 2^53, of either sign. */
static vmi_inline struct sse_quick sse_double_of(bool nearest, bool sticky,
	int64_t v)
{
	struct sse_quick q = { false, 0 };

	q.good = (nearest && sticky) ||
		(uint64_t)v + (1ull << 53) <= 1ull << 54;
	q.bits = q.good ? sse_bits64((double)v) : 0;
	return q;
}

static vmi_inline struct sse_quick sse_single_of(bool nearest, bool sticky,
	int64_t v)
{
	struct sse_quick q = { false, 0 };

	q.good = (nearest && sticky) ||
		(uint64_t)v + (1ull << 24) <= 1ull << 25;
	q.bits = q.good ? sse_bits32((float)v) : 0;
	return q;
}

#endif
