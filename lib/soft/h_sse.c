/* SPDX-License-Identifier: MIT */
/* Handlers of the commonest vector instructions: quick.h. */
#include "lib/soft/alu.h"
#include "lib/soft/quick.h"
#include "lib/soft/sse_fp.h"

/* -- Arithmetic --------------------------------------------------------- */

#define OP   add
#define FPOP VMI_FP_ADD
#include "lib/soft/sse_shapes.h"
#define OP   sub
#define FPOP VMI_FP_SUB
#include "lib/soft/sse_shapes.h"
#define OP   mul
#define FPOP VMI_FP_MUL
#include "lib/soft/sse_shapes.h"
#define OP   div
#define FPOP VMI_FP_DIV
#include "lib/soft/sse_shapes.h"

/* -- Comparisons: of which zero to take min and max ask the helper ------- */

#define OP   min
#define TAKE(x, y) ((x) < (y))
#include "lib/soft/sse_minmax_shapes.h"
#define OP   max
#define TAKE(x, y) ((x) > (y))
#include "lib/soft/sse_minmax_shapes.h"

static vmi_inline const struct vmi_op *compared(struct vmi_cpu *c,
	const struct vmi_op *op, double x, double y)
{
	if (vmi_unlikely(vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, 0);
	vmi_flags_set(c, (x < y ? VMI_FLAG_CF : 0) |
		(x == y ? VMI_FLAG_ZF : 0));
	return vmi_next(c, op, 0);
}

static vmi_inline const struct vmi_op *compared64(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t b)
{
	uint64_t a = c->fpu.xmm[op->reg & 15].q[0];

	if (vmi_unlikely(!sse_plain(VMI_F64, a) || !sse_plain(VMI_F64, b)))
		return vmi_h_helper(c, op, 0);
	return compared(c, op, sse_f64(a), sse_f64(b));
}

static vmi_inline const struct vmi_op *compared32(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t b)
{
	uint64_t a = (uint32_t)c->fpu.xmm[op->reg & 15].q[0];

	if (vmi_unlikely(!sse_plain(VMI_F32, a) || !sse_plain(VMI_F32, b)))
		return vmi_h_helper(c, op, 0);
	return compared(c, op, (double)sse_f32(a), (double)sse_f32(b));
}

static const struct vmi_op *h_comisd_rr(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return compared64(c, op, c->fpu.xmm[op->base & 15].q[0]);
}

static const struct vmi_op *h_comisd_rm(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_read(e, at, 8))
		return vmi_h_helper(c, op, acc);
	return compared64(c, op, vmi_host_load(vmi_tlb_host(e, at), 8));
}

static const struct vmi_op *h_comiss_rr(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return compared32(c, op, (uint32_t)c->fpu.xmm[op->base & 15].q[0]);
}

static const struct vmi_op *h_comiss_rm(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_read(e, at, 4))
		return vmi_h_helper(c, op, acc);
	return compared32(c, op, vmi_host_load(vmi_tlb_host(e, at), 4));
}

/* -- Conversions, and moves from and to general registers --------------- */

/* What an instruction makes of lane 0, if that is known. */
static vmi_inline const struct vmi_op *set_double(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, struct sse_quick q)
{
	if (vmi_unlikely(!q.good || vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	c->fpu.xmm[op->reg & 15].q[0] = q.bits;
	return vmi_next(c, op, acc);
}

static vmi_inline const struct vmi_op *set_single(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, struct sse_quick q)
{
	uint64_t *to = &c->fpu.xmm[op->reg & 15].q[0];

	if (vmi_unlikely(!q.good || vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	*to = (*to & ~0xffffffffull) | q.bits;
	return vmi_next(c, op, acc);
}

static vmi_inline int64_t integer(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return vmi_lane_signed(c->r[op->base], 8 * VMI_SIMD_BYTES(op->imm));
}

static const struct vmi_op *h_cvtsi2sd(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return set_double(c, op, acc,
		sse_double_of(sse_nearest(c), sse_sticky(c), integer(c, op)));
}

static const struct vmi_op *h_cvtsi2ss(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return set_single(c, op, acc,
		sse_single_of(sse_nearest(c), sse_sticky(c), integer(c, op)));
}

static const struct vmi_op *h_cvtss2sd(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t v = (uint32_t)c->fpu.xmm[op->base & 15].q[0];
	struct sse_quick q = { sse_plain(VMI_F32, v), 0 };

	if (q.good)
		q.bits = sse_bits64((double)sse_f32(v));
	return set_double(c, op, acc, q);
}

static const struct vmi_op *h_cvtsd2ss(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return set_single(c, op, acc, sse_narrow(sse_nearest(c), sse_sticky(c),
		c->fpu.xmm[op->base & 15].q[0]));
}

/* Numbers whose fraction, if any, need not be told and that fit for sure. */
static vmi_inline const struct vmi_op *truncated(struct vmi_cpu *c,
	const struct vmi_op *op, double x)
{
	double limit = vmi_op_size(op) == 8 ? 0x1p62 : 0x1p31;
	int64_t v;

	if (vmi_unlikely(!(x > -limit && x < limit) || vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, 0);
	v = (int64_t)x;
	if (vmi_unlikely(!sse_sticky(c) && (double)v != x))
		return vmi_h_helper(c, op, 0);
	vmi_reg_set(c, op->reg, (uint64_t)v, vmi_op_size(op));
	return vmi_next(c, op, 0);
}

static const struct vmi_op *h_cvttsd2si(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t v = c->fpu.xmm[op->base & 15].q[0];

	if (vmi_unlikely(!sse_plain(VMI_F64, v)))
		return vmi_h_helper(c, op, acc);
	return truncated(c, op, sse_f64(v));
}

static const struct vmi_op *h_cvttss2si(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t v = (uint32_t)c->fpu.xmm[op->base & 15].q[0];

	if (vmi_unlikely(!sse_plain(VMI_F32, v)))
		return vmi_h_helper(c, op, acc);
	return truncated(c, op, (double)sse_f32(v));
}

static const struct vmi_op *h_sqrtsd(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return set_double(c, op, acc, sse_root64(sse_nearest(c), sse_sticky(c),
		c->fpu.xmm[op->base & 15].q[0]));
}

static const struct vmi_op *h_sqrtss(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return set_single(c, op, acc, sse_root32(sse_nearest(c), sse_sticky(c),
		(uint32_t)c->fpu.xmm[op->base & 15].q[0]));
}

static const struct vmi_op *h_from_general(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t v = vmi_reg(c, op->base, VMI_SIMD_BYTES(op->imm));

	if (vmi_unlikely(vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	c->fpu.xmm[op->reg & 15] = vmi_simd_pair(v, 0);
	return vmi_next(c, op, acc);
}

static const struct vmi_op *h_to_general(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	if (vmi_unlikely(vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	vmi_reg_set(c, op->base, c->fpu.xmm[op->reg & 15].q[0],
		VMI_SIMD_BYTES(op->imm));
	return vmi_next(c, op, 0);
}

/* -- Scalar moves: a load clears the rest, a copy leaves it -------------- */

static const struct vmi_op *h_movsd_rr(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	if (vmi_unlikely(vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	c->fpu.xmm[op->reg & 15].q[0] = c->fpu.xmm[op->base & 15].q[0];
	return vmi_next(c, op, acc);
}

static const struct vmi_op *h_movss_rr(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t *to = &c->fpu.xmm[op->reg & 15].q[0];

	if (vmi_unlikely(vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	*to = (*to & ~0xffffffffull) |
		(uint32_t)c->fpu.xmm[op->base & 15].q[0];
	return vmi_next(c, op, acc);
}

static vmi_inline const struct vmi_op *load_scalar(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, unsigned bytes)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_read(e, at, bytes) || vmi_simd_refused(c, op))
		return vmi_h_helper(c, op, acc);
	c->fpu.xmm[op->reg & 15] = vmi_simd_pair(
		vmi_host_load(vmi_tlb_host(e, at), bytes), 0);
	return vmi_next(c, op, acc);
}

static vmi_inline const struct vmi_op *store_scalar(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, unsigned bytes)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_write(e, at, bytes) || vmi_simd_refused(c, op))
		return vmi_h_helper(c, op, acc);
	vmi_host_store(vmi_tlb_host(e, at), c->fpu.xmm[op->reg & 15].q[0],
		bytes);
	return vmi_next(c, op, acc);
}

static const struct vmi_op *h_load_8(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return load_scalar(c, op, acc, 8);
}

static const struct vmi_op *h_load_4(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return load_scalar(c, op, acc, 4);
}

static const struct vmi_op *h_store_8(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return store_scalar(c, op, acc, 8);
}

static const struct vmi_op *h_store_4(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return store_scalar(c, op, acc, 4);
}

/* -- Moves of whole registers -------------------------------------------- */

/* By halves: 16 bytes that were stored by halves wait to be loaded. */
static const struct vmi_op *h_move_rr(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	struct vmi_xmm *to = &c->fpu.xmm[op->reg & 15];
	const struct vmi_xmm *from = &c->fpu.xmm[op->base & 15];

	if (vmi_unlikely(vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	to->q[0] = from->q[0];
	to->q[1] = from->q[1];
	return vmi_next(c, op, acc);
}

static const struct vmi_op *h_load_16(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);
	const uint8_t *p;

	if (!vmi_may_read(e, at, 16) || vmi_simd_misaligned(op, at) ||
		vmi_simd_refused(c, op))
		return vmi_h_helper(c, op, acc);
	p = vmi_tlb_host(e, at);
	c->fpu.xmm[op->reg & 15] = vmi_simd_pair(vmi_host_load(p, 8),
		vmi_host_load(p + 8, 8));
	return vmi_next(c, op, acc);
}

static const struct vmi_op *h_store_16(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);
	uint8_t *p;

	if (!vmi_may_write(e, at, 16) || vmi_simd_misaligned(op, at) ||
		vmi_simd_refused(c, op))
		return vmi_h_helper(c, op, acc);
	p = vmi_tlb_host(e, at);
	vmi_host_store(p, c->fpu.xmm[op->reg & 15].q[0], 8);
	vmi_host_store(p + 8, c->fpu.xmm[op->reg & 15].q[1], 8);
	return vmi_next(c, op, acc);
}

#define ROW(name, handler, where, mask, is)                                    \
	{ .run = h_##handler, .exec = VMI_EXEC_##name,                         \
	  .form = VMI_QUICK_ANY, .bytes = VMI_QUICK_ANY, .bits = where,        \
	  .imm = mask, .imm_is = is }
#define BOTH(name, handler)                                                    \
	ROW(name, handler##_rr, 0, 0, 0),                                      \
	ROW(name, handler##_rm, VMI_OPF_MEM, 0, 0)
#define ARITH(op)                                                              \
	BOTH(op##sd, op##sd), BOTH(op##ss, op##ss),                            \
	BOTH(op##pd, op##pd), BOTH(op##ps, op##ps)
#define LOAD(name, b)                                                          \
	ROW(name, load_##b, VMI_OPF_MEM, VMI_SIMD_STORE, 0)
#define STORE(name, b)                                                         \
	ROW(name, store_##b, VMI_OPF_MEM, VMI_SIMD_STORE, VMI_SIMD_STORE)
#define MOVE(name)                                                             \
	ROW(name, move_rr, 0, VMI_SIMD_STORE, 0), LOAD(name, 16),              \
	STORE(name, 16)

const struct vmi_quick vmi_quick_simd[] = {
	ARITH(add), ARITH(sub), ARITH(mul), ARITH(div),
	BOTH(minsd, minsd), BOTH(minss, minss),
	BOTH(maxsd, maxsd), BOTH(maxss, maxss),
	ROW(sqrtsd, sqrtsd, 0, 0, 0), ROW(sqrtss, sqrtss, 0, 0, 0),
	BOTH(comisd, comisd), BOTH(ucomisd, comisd),
	BOTH(comiss, comiss), BOTH(ucomiss, comiss),
	ROW(cvtsi2sd, cvtsi2sd, 0, 0, 0), ROW(cvtsi2ss, cvtsi2ss, 0, 0, 0),
	ROW(cvttsd2si, cvttsd2si, 0, 0, 0), ROW(cvttss2si, cvttss2si, 0, 0, 0),
	ROW(cvtss2sd, cvtss2sd, 0, 0, 0), ROW(cvtsd2ss, cvtsd2ss, 0, 0, 0),
	ROW(movd_to_xmm, from_general, 0, 0, 0),
	ROW(movd_from_xmm, to_general, 0, 0, 0),
	ROW(movsd, movsd_rr, 0, VMI_SIMD_STORE, 0),
	ROW(movss, movss_rr, 0, VMI_SIMD_STORE, 0),
	LOAD(movsd, 8), STORE(movsd, 8), LOAD(movss, 4), STORE(movss, 4),
	LOAD(movq_xmm, 8), STORE(movq_xmm, 8),
	MOVE(movaps), MOVE(movapd), MOVE(movups), MOVE(movupd),
	MOVE(movdqa), MOVE(movdqu),
	{ .run = NULL }
};
