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

static const struct vmi_op *H(rr)(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t a = vmi_reg(c, op->reg, BYTES);

	vmi_reg_set(c, op->reg, COMPUTE(c, a, BYTES, LIVE), BYTES);
	return vmi_next(c, op);
}

static const struct vmi_op *H(mr)(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t at = vmi_ea(c, op);
	uint64_t a = vmi_load_rmw(c, op, at, BYTES);

	vmi_store(c, op, at, COMPUTE(c, a, BYTES, false), BYTES);
	if (LIVE)
		COMPUTE(c, a, BYTES, LIVE);
	return vmi_next(c, op);
}

#undef H3
#undef H2
#undef H
#undef F2
#undef F1
#undef COMPUTE
