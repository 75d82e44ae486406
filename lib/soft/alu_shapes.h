/* SPDX-License-Identifier: MIT */
/*
 * A template: the handlers of one two-operand operation at one width.
 * OP is its name, BYTES the width, LIVE whether flags are wanted, WRITES
 * whether the result is stored.  Included by alu_widths.h.
 */
#define H3(op, shape, bytes, live) h_##op##_##shape##_##bytes##_##live
#define H2(op, shape, bytes, live) H3(op, shape, bytes, live)
#define H(shape) H2(OP, shape, BYTES, LIVE)
#define F2(op) vmi_alu_##op
#define F1(op) F2(op)
#define COMPUTE F1(OP)

/* -- Into a register ---------------------------------------------------- */

static vmi_inline const struct vmi_op *H(done)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, struct vmi_pair v)
{
	uint64_t r = COMPUTE(c, v.a, v.b, BYTES, LIVE);

	if (!WRITES)
		return vmi_next(c, op, acc);
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

static const struct vmi_op *H(rr)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	struct vmi_pair v = { vmi_reg(c, op->index, BYTES),
		vmi_reg(c, op->base, BYTES) };

	return H(done)(c, op, acc, v);
}

static const struct vmi_op *H(ri)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	struct vmi_pair v = { vmi_reg(c, op->base, BYTES),
		vmi_trunc(op->imm, BYTES) };

	return H(done)(c, op, acc, v);
}

#if BYTES > 2
static const struct vmi_op *H(rr_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	struct vmi_pair v = { vmi_trunc(acc, BYTES),
		vmi_reg(c, op->base, BYTES) };

	return H(done)(c, op, acc, v);
}

static const struct vmi_op *H(rr_b)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	struct vmi_pair v = { vmi_reg(c, op->index, BYTES),
		vmi_trunc(acc, BYTES) };

	return H(done)(c, op, acc, v);
}

static const struct vmi_op *H(ri_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	struct vmi_pair v = { vmi_trunc(acc, BYTES),
		vmi_trunc(op->imm, BYTES) };

	return H(done)(c, op, acc, v);
}
#endif

/* -- With a source in memory -------------------------------------------- */

vmi_noinline static const struct vmi_op *H(rm_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	struct vmi_pair v = { .b = vmi_load_slow(c, op, vmi_ea(c, op), BYTES) };

	v.a = vmi_reg(c, op->reg, BYTES);
	return H(done)(c, op, acc, v);
}

static vmi_inline const struct vmi_op *H(rm_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);
	struct vmi_pair v;

	if (!vmi_may_read(e, at, BYTES))
		return H(rm_slow)(c, op, acc);
	v.b = vmi_host_load(vmi_tlb_host(e, at), BYTES);
	v.a = vmi_reg(c, op->reg, BYTES);
	return H(done)(c, op, acc, v);
}

#define MEM rm
#include "lib/soft/memory_shapes.h"

/* -- Into memory -------------------------------------------------------- */

/* The flags come last: the store may fault. */
static vmi_inline const struct vmi_op *H(mem_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t b)
{
	uint64_t at = vmi_ea(c, op);
	uint64_t a = WRITES ? vmi_load_rmw_slow(c, op, at, BYTES) :
		vmi_load_slow(c, op, at, BYTES);

	if (WRITES)
		vmi_store(c, op, at, COMPUTE(c, a, b, BYTES, false), BYTES);
	if (LIVE)
		COMPUTE(c, a, b, BYTES, LIVE);
	return vmi_next(c, op, acc);
}

vmi_noinline static const struct vmi_op *H(mr_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(mem_slow)(c, op, acc, vmi_reg(c, op->reg, BYTES));
}

vmi_noinline static const struct vmi_op *H(mi_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(mem_slow)(c, op, acc, vmi_trunc(op->imm, BYTES));
}

static vmi_inline bool H(may)(const struct vmi_tlb_entry *e, uint64_t at)
{
	return WRITES ? vmi_may_write(e, at, BYTES) : vmi_may_read(e, at, BYTES);
}

static vmi_inline const struct vmi_op *H(mem)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, struct vmi_into to)
{
	uint64_t r = COMPUTE(c, vmi_host_load(to.p, BYTES), to.b, BYTES, LIVE);

	if (WRITES)
		vmi_host_store(to.p, r, BYTES);
	return vmi_next(c, op, acc);
}

static vmi_inline const struct vmi_op *H(mr_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);
	struct vmi_into to = { .b = vmi_reg(c, op->reg, BYTES) };

	if (vmi_unlikely(!H(may)(e, at)))
		return H(mr_slow)(c, op, acc);
	to.p = vmi_tlb_host(e, at);
	return H(mem)(c, op, acc, to);
}

static vmi_inline const struct vmi_op *H(mi_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);
	struct vmi_into to = { .b = vmi_trunc(op->imm, BYTES) };

	if (vmi_unlikely(!H(may)(e, at)))
		return H(mi_slow)(c, op, acc);
	to.p = vmi_tlb_host(e, at);
	return H(mem)(c, op, acc, to);
}

#define MEM mr
#include "lib/soft/memory_shapes.h"

#define MEM mi
#include "lib/soft/memory_shapes.h"

#undef H3
#undef H2
#undef H
#undef F2
#undef F1
#undef COMPUTE
