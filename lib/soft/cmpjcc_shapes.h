/* SPDX-License-Identifier: MIT */
/* A template: compare BYTES and jump on condition CC. */
#define H3(op, shape, bytes, cc) h_##op##_##shape##_##bytes##_##cc
#define H2(op, shape, bytes, cc) H3(op, shape, bytes, cc)
#define H(op, shape) H2(op, shape, BYTES, CC)

static const struct vmi_op *H(cmp, rr)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	uint64_t a = vmi_reg(c, op->reg, BYTES);
	uint64_t b = vmi_reg(c, op->base, BYTES);

	vmi_alu_sub(c, a, b, BYTES, true);
	return branch(c, op, sub_holds(c, CC, a, b, BYTES));
}

static const struct vmi_op *H(cmp, ri)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	uint64_t a = vmi_reg(c, op->reg, BYTES);
	uint64_t b = vmi_trunc(op->imm, BYTES);

	vmi_alu_sub(c, a, b, BYTES, true);
	return branch(c, op, sub_holds(c, CC, a, b, BYTES));
}

static const struct vmi_op *H(test, rr)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	uint64_t r = vmi_alu_and(c, vmi_reg(c, op->reg, BYTES),
		vmi_reg(c, op->base, BYTES), BYTES, true);

	return branch(c, op, logic_holds(c, CC, r, BYTES));
}

static const struct vmi_op *H(test, ri)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	uint64_t r = vmi_alu_and(c, vmi_reg(c, op->reg, BYTES), op->imm, BYTES,
		true);

	return branch(c, op, logic_holds(c, CC, r, BYTES));
}

#undef H3
#undef H2
#undef H
#undef CC
