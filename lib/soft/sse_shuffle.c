/* SPDX-License-Identifier: MIT */
/* Lanes moved about: shuffles, interleaving, blends, insertion, widening. */
#include "lib/soft/simd.h"

/* -- By an immediate ---------------------------------------------------- */

/* Four 16-bit lanes of a half, two bits of the immediate each. */
static uint64_t shuffle_words(uint64_t v, uint64_t imm)
{
	uint64_t r = 0;
	unsigned n;

	for (n = 0; n < 4; n++)
		r |= (v >> (imm >> (2 * n) & 3) * 16 & 0xffff) << (16 * n);
	return r;
}

/* Lanes 0 and 1 of the result from a, 2 and 3 from b. */
static struct vmi_xmm shuffle_dwords(struct vmi_xmm a, struct vmi_xmm b,
	unsigned imm)
{
	return vmi_simd_pair(
		vmi_lane(a, imm & 3, 32) | vmi_lane(a, imm >> 2 & 3, 32) << 32,
		vmi_lane(b, imm >> 4 & 3, 32) |
			vmi_lane(b, imm >> 6 & 3, 32) << 32);
}

void vmi_do_pshufw(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v = vmi_simd_src(c, op).q[0];

	vmi_mm_set(c, op->reg, shuffle_words(v, op->imm));
}

void vmi_do_pshuflw(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm v = vmi_simd_src(c, op);

	v.q[0] = shuffle_words(v.q[0], op->imm);
	vmi_simd_set(c, op, v);
}

void vmi_do_pshufhw(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm v = vmi_simd_src(c, op);

	v.q[1] = shuffle_words(v.q[1], op->imm);
	vmi_simd_set(c, op, v);
}

void vmi_do_pshufd(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm v = vmi_simd_src(c, op);

	vmi_simd_set(c, op, shuffle_dwords(v, v, op->imm & 0xff));
}

void vmi_do_shufps(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);

	vmi_simd_set(c, op, shuffle_dwords(a, b, op->imm & 0xff));
}

void vmi_do_shufpd(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);

	vmi_simd_set(c, op, vmi_simd_pair(a.q[op->imm & 1],
		b.q[op->imm >> 1 & 1]));
}

/* -- By bytes of a register --------------------------------------------- */

void vmi_do_pshufb(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	unsigned lanes = vmi_simd_mm(op) ? 8 : 16, n;
	struct vmi_xmm r = { { 0, 0 } };
	uint64_t from;

	for (n = 0; n < lanes; n++) {
		from = vmi_lane(b, n, 8);
		if (!(from & 0x80))
			r.q[n >> 3] |= vmi_lane(a, from & (lanes - 1), 8)
				<< (n * 8 & 63);
	}
	vmi_simd_set(c, op, r);
}

/* -- Interleaving ------------------------------------------------------- */

/* The low halves of a and b, lane by lane. */
static vmi_inline uint64_t interleave(uint64_t a, uint64_t b, unsigned bits)
{
	uint64_t mask = vmi_lane_mask(bits), r = 0;
	unsigned at;

	for (at = 0; at < 32; at += bits)
		r |= ((a >> at & mask) | (b >> at & mask) << bits) << (2 * at);
	return r;
}

static vmi_inline void unpack(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bits, unsigned half)
{
	struct vmi_xmm y = vmi_simd_src(c, op), x = vmi_simd_dst(c, op);
	bool mm = vmi_simd_mm(op);
	uint64_t a = x.q[mm ? 0 : half], b = y.q[mm ? 0 : half];
	uint64_t high = bits == 64 ? b :
		interleave(a >> 32, b >> 32, bits);
	uint64_t low = bits == 64 ? a : interleave(a, b, bits);

	vmi_simd_set(c, op, vmi_simd_pair(mm && half ? high : low, high));
}

#define UNPACK(token, bits, half)                                              \
	void vmi_do_##token(struct vmi_cpu *c, const struct vmi_op *op)        \
	{                                                                      \
		unpack(c, op, bits, half);                                     \
	}

UNPACK(punpcklbw, 8, 0)
UNPACK(punpcklwd, 16, 0)
UNPACK(punpckldq, 32, 0)
UNPACK(punpcklqdq, 64, 0)
UNPACK(punpckhbw, 8, 1)
UNPACK(punpckhwd, 16, 1)
UNPACK(punpckhdq, 32, 1)
UNPACK(punpckhqdq, 64, 1)
UNPACK(unpcklps, 32, 0)
UNPACK(unpcklpd, 64, 0)
UNPACK(unpckhps, 32, 1)
UNPACK(unpckhpd, 64, 1)

/* -- Blends ------------------------------------------------------------- */

/* Lane n of the source where bit n of `mask` is set. */
static vmi_inline void blend(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bits)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	unsigned n;

	for (n = 0; n < 128 / bits; n++) {
		if (op->imm >> n & 1)
			a = vmi_lane_set(a, n, bits, vmi_lane(b, n, bits));
	}
	vmi_simd_set(c, op, a);
}

/* Lanes of the source where XMM0's have their top bit set. */
static vmi_inline void blend_by_mask(struct vmi_cpu *c,
	const struct vmi_op *op, unsigned bits)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	uint64_t ones = ~0ull / vmi_lane_mask(bits), m;
	unsigned h;

	for (h = 0; h < 2; h++) {
		m = (c->fpu.xmm[0].q[h] >> (bits - 1) & ones) *
			vmi_lane_mask(bits);
		a.q[h] = (a.q[h] & ~m) | (b.q[h] & m);
	}
	vmi_simd_set(c, op, a);
}

#define BLEND(token, driver, bits)                                             \
	void vmi_do_##token(struct vmi_cpu *c, const struct vmi_op *op)        \
	{                                                                      \
		driver(c, op, bits);                                           \
	}

BLEND(blendps, blend, 32)
BLEND(blendpd, blend, 64)
BLEND(pblendw, blend, 16)
BLEND(blendvps, blend_by_mask, 32)
BLEND(blendvpd, blend_by_mask, 64)
BLEND(pblendvb, blend_by_mask, 8)

/* -- Single lanes ------------------------------------------------------- */

/* From a general register or memory; the immediate wraps at the lanes. */
static void insert(struct vmi_cpu *c, const struct vmi_op *op, unsigned bits)
{
	unsigned lanes = (vmi_simd_mm(op) ? 64 : 128) / bits;
	struct vmi_xmm a;
	uint64_t v;

	vmi_simd_begin(c, op);
	v = vmi_rm(c, op, VMI_SIMD_BYTES(op->imm));
	a = vmi_simd_dst(c, op);
	vmi_simd_set(c, op, vmi_lane_set(a, op->imm & (lanes - 1), bits, v));
}

void vmi_do_pinsrb(struct vmi_cpu *c, const struct vmi_op *op)
{
	insert(c, op, 8);
}

void vmi_do_pinsrw(struct vmi_cpu *c, const struct vmi_op *op)
{
	insert(c, op, 16);
}

void vmi_do_pinsrd(struct vmi_cpu *c, const struct vmi_op *op)
{
	insert(c, op, VMI_SIMD_BYTES(op->imm) * 8);
}

/* To a general register, zero-extended, or to memory. */
static void extract(struct vmi_cpu *c, const struct vmi_op *op, unsigned bits)
{
	struct vmi_xmm v;

	vmi_simd_begin(c, op);
	v = vmi_simd_dst(c, op);
	vmi_rm_set(c, op, vmi_lane(v, op->imm & (128 / bits - 1), bits),
		VMI_SIMD_BYTES(op->imm));
}

void vmi_do_pextrb(struct vmi_cpu *c, const struct vmi_op *op)
{
	extract(c, op, 8);
}

void vmi_do_pextrd(struct vmi_cpu *c, const struct vmi_op *op)
{
	extract(c, op, VMI_SIMD_BYTES(op->imm) * 8);
}

void vmi_do_extractps(struct vmi_cpu *c, const struct vmi_op *op)
{
	extract(c, op, 32);
}

/* 0F C5 names its operands the other way round than 0F 3A 15. */
void vmi_do_pextrw(struct vmi_cpu *c, const struct vmi_op *op)
{
	bool mm = vmi_simd_mm(op);
	struct vmi_xmm v;

	if (op->imm & VMI_SIMD_STORE) {
		extract(c, op, 16);
		return;
	}
	v = vmi_simd_src(c, op);
	vmi_reg_set(c, op->reg, vmi_lane(v, op->imm & (mm ? 3 : 7), 16), 8);
	if (mm)
		vmi_mmx_enter(c);
}

/* SDM 2A, INSERTPS: source lane 7:6 (registers), target 5:4, zeros 3:0. */
void vmi_do_insertps(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	unsigned from = op->bits & VMI_OPF_MEM ? 0 : op->imm >> 6 & 3, n;

	a = vmi_lane_set(a, op->imm >> 4 & 3, 32, vmi_lane(b, from, 32));
	for (n = 0; n < 4; n++) {
		if (op->imm >> n & 1)
			a = vmi_lane_set(a, n, 32, 0);
	}
	vmi_simd_set(c, op, a);
}

/* -- Widening ----------------------------------------------------------- */

static vmi_inline void widen(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned from, unsigned to, bool sign)
{
	struct vmi_xmm b = vmi_simd_src(c, op), r = { { 0, 0 } };
	uint64_t v;
	unsigned n;

	for (n = 0; n < 128 / to; n++) {
		v = vmi_lane(b, n, from);
		if (sign)
			v = (uint64_t)vmi_lane_signed(v, from);
		r = vmi_lane_set(r, n, to, v);
	}
	vmi_simd_set(c, op, r);
}

#define WIDEN(token, from, to, sign)                                           \
	void vmi_do_##token(struct vmi_cpu *c, const struct vmi_op *op)        \
	{                                                                      \
		widen(c, op, from, to, sign);                                  \
	}

WIDEN(pmovsxbw, 8, 16, true)
WIDEN(pmovsxbd, 8, 32, true)
WIDEN(pmovsxbq, 8, 64, true)
WIDEN(pmovsxwd, 16, 32, true)
WIDEN(pmovsxwq, 16, 64, true)
WIDEN(pmovsxdq, 32, 64, true)
WIDEN(pmovzxbw, 8, 16, false)
WIDEN(pmovzxbd, 8, 32, false)
WIDEN(pmovzxbq, 8, 64, false)
WIDEN(pmovzxwd, 16, 32, false)
WIDEN(pmovzxwq, 16, 64, false)
WIDEN(pmovzxdq, 32, 64, false)
