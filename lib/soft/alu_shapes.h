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

static const struct vmi_op *H(rr)(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t a = vmi_reg(c, op->reg, BYTES);
	uint64_t r = COMPUTE(c, a, vmi_reg(c, op->base, BYTES), BYTES, LIVE);

	if (WRITES)
		vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op);
}

static const struct vmi_op *H(ri)(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t a = vmi_reg(c, op->reg, BYTES);
	uint64_t r = COMPUTE(c, a, vmi_trunc(op->imm, BYTES), BYTES, LIVE);

	if (WRITES)
		vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op);
}

static const struct vmi_op *H(rm)(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t b = vmi_load(c, op, vmi_ea(c, op), BYTES);
	uint64_t a = vmi_reg(c, op->reg, BYTES);
	uint64_t r = COMPUTE(c, a, b, BYTES, LIVE);

	if (WRITES)
		vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op);
}

static const struct vmi_op *H(mr)(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t at = vmi_ea(c, op);
	uint64_t a = WRITES ? vmi_load_rmw(c, op, at, BYTES) :
		vmi_load(c, op, at, BYTES);
	uint64_t b = vmi_reg(c, op->reg, BYTES);

	if (WRITES)
		vmi_store(c, op, at, COMPUTE(c, a, b, BYTES, false), BYTES);
	if (LIVE)
		COMPUTE(c, a, b, BYTES, LIVE);
	return vmi_next(c, op);
}

static const struct vmi_op *H(mi)(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t at = vmi_ea(c, op);
	uint64_t a = WRITES ? vmi_load_rmw(c, op, at, BYTES) :
		vmi_load(c, op, at, BYTES);
	uint64_t b = vmi_trunc(op->imm, BYTES);

	if (WRITES)
		vmi_store(c, op, at, COMPUTE(c, a, b, BYTES, false), BYTES);
	if (LIVE)
		COMPUTE(c, a, b, BYTES, LIVE);
	return vmi_next(c, op);
}

#undef H3
#undef H2
#undef H
#undef F2
#undef F1
#undef COMPUTE
