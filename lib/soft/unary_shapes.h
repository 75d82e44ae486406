/* SPDX-License-Identifier: MIT */
/*
 * A template: the handlers of one operation on a single operand, which is
 * VMI_RR (register) or VMI_MR (memory).  As alu_shapes.h.
 */
#define H3(op, shape, bytes, live) h_##op##_##shape##_##bytes##_##live
#define H2(op, shape, bytes, live) H3(op, shape, bytes, live)
#define H(shape) H2(OP, shape, BYTES, LIVE)
#define F2(op) vmi_alu_##op
#define F1(op) F2(op)
#define COMPUTE F1(OP)

static const struct vmi_op *H(rr)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t r = COMPUTE(c, vmi_reg(c, op->base, BYTES), BYTES, LIVE);

	(void)acc;
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

#if BYTES > 2
static const struct vmi_op *H(rr_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t r = COMPUTE(c, vmi_trunc(acc, BYTES), BYTES, LIVE);

	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}
#endif

vmi_noinline static const struct vmi_op *H(mr_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t at = vmi_ea(c, op);
	uint64_t a = vmi_load_rmw_slow(c, op, at, BYTES);

	vmi_store(c, op, at, COMPUTE(c, a, BYTES, false), BYTES);
	if (LIVE)
		COMPUTE(c, a, BYTES, LIVE);
	return vmi_next(c, op, acc);
}

static vmi_inline const struct vmi_op *H(mr_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);
	uint8_t *p;

	if (!vmi_may_write(e, at, BYTES))
		return H(mr_slow)(c, op, acc);
	p = vmi_tlb_host(e, at);
	vmi_host_store(p, COMPUTE(c, vmi_host_load(p, BYTES), BYTES, LIVE),
		BYTES);
	return vmi_next(c, op, acc);
}

#define MEM mr
#include "lib/soft/memory_shapes.h"

#undef H3
#undef H2
#undef H
#undef F2
#undef F1
#undef COMPUTE
