/* SPDX-License-Identifier: MIT */
/* A template: moves and exchanges of BYTES, conditional moves from memory. */
#define H3(shape, bytes) h_##shape##_##bytes
#define H2(shape, bytes) H3(shape, bytes)
#define H(shape) H2(shape, BYTES)

static const struct vmi_op *H(mov_rr)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t r = vmi_reg(c, op->base, BYTES);

	(void)acc;
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

static const struct vmi_op *H(mov_ri)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t r = vmi_trunc(op->imm, BYTES);

	(void)acc;
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

#if BYTES > 2
static const struct vmi_op *H(mov_rr_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t r = vmi_trunc(acc, BYTES);

	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}
#endif

/* -- Loads -------------------------------------------------------------- */

vmi_noinline static const struct vmi_op *H(mov_rm_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t r = vmi_load_slow(c, op, vmi_ea(c, op), BYTES);

	(void)acc;
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

static vmi_inline const struct vmi_op *H(mov_rm_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);
	uint64_t r;

	if (!vmi_may_read(e, at, BYTES))
		return H(mov_rm_slow)(c, op, acc);
	r = vmi_host_load(vmi_tlb_host(e, at), BYTES);
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

#define MEM mov_rm
#include "lib/soft/memory_shapes.h"

/* -- Stores ------------------------------------------------------------- */

vmi_noinline static const struct vmi_op *H(mov_mr_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	vmi_store_slow(c, op, vmi_ea(c, op), c->r[op->reg], BYTES);
	return vmi_next(c, op, acc);
}

static vmi_inline const struct vmi_op *H(mov_mr_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_write(e, at, BYTES))
		return H(mov_mr_slow)(c, op, acc);
	vmi_host_store(vmi_tlb_host(e, at), c->r[op->reg], BYTES);
	return vmi_next(c, op, acc);
}

#define MEM mov_mr
#include "lib/soft/memory_shapes.h"

vmi_noinline static const struct vmi_op *H(mov_mi_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	vmi_store_slow(c, op, vmi_ea(c, op), op->imm, BYTES);
	return vmi_next(c, op, acc);
}

static vmi_inline const struct vmi_op *H(mov_mi_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_write(e, at, BYTES))
		return H(mov_mi_slow)(c, op, acc);
	vmi_host_store(vmi_tlb_host(e, at), op->imm, BYTES);
	return vmi_next(c, op, acc);
}

#define MEM mov_mi
#include "lib/soft/memory_shapes.h"

/* -- Others ------------------------------------------------------------- */

static const struct vmi_op *H(xchg_rr)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t a = vmi_reg(c, op->reg, BYTES), b = vmi_reg(c, op->base, BYTES);

	(void)acc;
	vmi_reg_set(c, op->reg, b, BYTES);
	vmi_reg_set(c, op->base, a, BYTES);
	return vmi_next(c, op, b);
}

#if BYTES > 1
static const struct vmi_op *H(cmov_rm)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t b = vmi_load(c, op, vmi_ea(c, op), BYTES);
	uint64_t r = vmi_cond(c, op->imm & 15) ? b :
		vmi_reg(c, op->reg, BYTES);

	(void)acc;
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}
#endif

#undef H3
#undef H2
#undef H
#undef BYTES
