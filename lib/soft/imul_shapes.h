/* SPDX-License-Identifier: MIT */
/* A template: signed multiplication of BYTES, LIVE: whether flags matter. */
#define H3(shape, bytes, live) h_imul_##shape##_##bytes##_##live
#define H2(shape, bytes, live) H3(shape, bytes, live)
#define H(shape) H2(shape, BYTES, LIVE)

static vmi_inline const struct vmi_op *H(done)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t a, uint64_t b)
{
	uint64_t r = product(c, a, b, BYTES, LIVE);

	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

static const struct vmi_op *H(rr)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)acc;
	return H(done)(c, op, c->r[op->index], c->r[op->base]);
}

static const struct vmi_op *H(rr_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(done)(c, op, acc, c->r[op->base]);
}

static const struct vmi_op *H(rr_b)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(done)(c, op, c->r[op->index], acc);
}

static const struct vmi_op *H(ri)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)acc;
	return H(done)(c, op, c->r[op->base], op->imm);
}

static const struct vmi_op *H(ri_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(done)(c, op, acc, op->imm);
}

vmi_noinline static const struct vmi_op *H(slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t b = vmi_load_slow(c, op, vmi_ea(c, op), BYTES);

	(void)acc;
	return H(done)(c, op, c->r[op->reg], b);
}

static vmi_inline const struct vmi_op *H(rm_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_read(e, at, BYTES))
		return H(slow)(c, op, acc);
	return H(done)(c, op, c->r[op->reg],
		vmi_host_load(vmi_tlb_host(e, at), BYTES));
}

#define MEM rm
#include "lib/soft/memory_shapes.h"

#undef H3
#undef H2
#undef H
#undef BYTES
#undef LIVE
