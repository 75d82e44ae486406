/* SPDX-License-Identifier: MIT */
/*
 * A template: widening moves FROM bytes TO bytes, zeros or signs (OP), of
 * a register (rr) and of memory (rm).
 */
#define H3(op, shape, from, to) h_##op##_##shape##_##from##_##to
#define H2(op, shape, from, to) H3(op, shape, from, to)
#define H(shape) H2(OP, shape, FROM, TO)
#define F2(op) widen_##op
#define F1(op) F2(op)
#define WIDEN F1(OP)

static vmi_inline const struct vmi_op *H(done)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t v)
{
	uint64_t r = vmi_trunc(WIDEN(v, FROM), TO);

	vmi_reg_set(c, op->reg, r, TO);
	return vmi_next(c, op, r);
}

static const struct vmi_op *H(rr)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)acc;
	return H(done)(c, op, c->r[op->base]);
}

static const struct vmi_op *H(rr_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(done)(c, op, acc);
}

vmi_noinline static const struct vmi_op *H(slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(done)(c, op, vmi_load_slow(c, op, vmi_ea(c, op), FROM));
}

static vmi_inline const struct vmi_op *H(rm_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_read(e, at, FROM))
		return H(slow)(c, op, acc);
	return H(done)(c, op, vmi_host_load(vmi_tlb_host(e, at), FROM));
}

#define MEM rm
#include "lib/soft/memory_shapes.h"

#undef H3
#undef H2
#undef H
#undef F2
#undef F1
#undef WIDEN
#undef OP
#undef FROM
#undef TO
