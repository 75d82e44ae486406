/* SPDX-License-Identifier: MIT */
/* A template: the steps of OP on BYTES, by where the operands are. */
#define S3(op, shape, bytes) s_##op##_##shape##_##bytes
#define S2(op, shape, bytes) S3(op, shape, bytes)
#define S(shape) S2(OP, shape, BYTES)
#define F2(op) step_##op
#define F1(op) F2(op)
#define COMPUTE F1(OP)

static vmi_inline struct vmi_step S(rr)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return vmi_step_reg(c, op, COMPUTE(vmi_reg(c, op->index, BYTES),
		vmi_reg(c, op->base, BYTES), BYTES), BYTES);
}

static vmi_inline struct vmi_step S(rra)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return vmi_step_reg(c, op, COMPUTE(vmi_trunc(acc, BYTES),
		vmi_reg(c, op->base, BYTES), BYTES), BYTES);
}

static vmi_inline struct vmi_step S(ri)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return vmi_step_reg(c, op, COMPUTE(vmi_reg(c, op->base, BYTES),
		op->imm, BYTES), BYTES);
}

static vmi_inline struct vmi_step S(ria)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return vmi_step_reg(c, op, COMPUTE(vmi_trunc(acc, BYTES), op->imm,
		BYTES), BYTES);
}

#undef S3
#undef S2
#undef S
#undef F2
#undef F1
#undef COMPUTE
#undef OP
#undef BYTES
