/* SPDX-License-Identifier: MIT */
/* A template: compare BYTES and jump on condition CC. */
#define H3(shape, bytes, cc) h_##shape##_##bytes##_##cc
#define H2(shape, bytes, cc) H3(shape, bytes, cc)
#define H(shape) H2(shape, BYTES, CC)

static vmi_inline const struct vmi_op *H(cmp)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t a, uint64_t b)
{
	vmi_alu_sub(c, a, b, BYTES, true);
	return branch(c, op, sub_holds(c, CC, a, b, BYTES));
}

static const struct vmi_op *H(cmp_rr)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(cmp)(c, op, vmi_reg(c, op->reg, BYTES),
		vmi_reg(c, op->base, BYTES));
}

static const struct vmi_op *H(cmp_rr_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(cmp)(c, op, vmi_trunc(acc, BYTES),
		vmi_reg(c, op->base, BYTES));
}

static const struct vmi_op *H(cmp_rr_b)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(cmp)(c, op, vmi_reg(c, op->reg, BYTES),
		vmi_trunc(acc, BYTES));
}

static const struct vmi_op *H(cmp_ri)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(cmp)(c, op, vmi_reg(c, op->reg, BYTES),
		vmi_trunc(op->imm, BYTES));
}

static const struct vmi_op *H(cmp_ri_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(cmp)(c, op, vmi_trunc(acc, BYTES), vmi_trunc(op->imm, BYTES));
}

static vmi_inline const struct vmi_op *H(test)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t a, uint64_t b)
{
	uint64_t r = vmi_alu_and(c, a, b, BYTES, true);

	return branch(c, op, logic_holds(c, CC, r, BYTES));
}

static const struct vmi_op *H(test_rr)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(test)(c, op, c->r[op->reg], c->r[op->base]);
}

static const struct vmi_op *H(test_rr_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(test)(c, op, acc, c->r[op->base]);
}

static const struct vmi_op *H(test_rr_b)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(test)(c, op, c->r[op->reg], acc);
}

static const struct vmi_op *H(test_ri)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(test)(c, op, c->r[op->reg], op->imm);
}

static const struct vmi_op *H(test_ri_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(test)(c, op, acc, op->imm);
}

#undef H3
#undef H2
#undef H
