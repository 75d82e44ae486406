/* SPDX-License-Identifier: MIT */
/* A template: signed multiplication of BYTES, LIVE: whether flags matter. */
#define H3(shape, bytes, live) h_imul_##shape##_##bytes##_##live
#define H2(shape, bytes, live) H3(shape, bytes, live)
#define H(shape) H2(shape, BYTES, LIVE)

static const struct vmi_op *H(rr)(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, product(c, c->r[op->reg], c->r[op->base],
		BYTES, LIVE), BYTES);
	return vmi_next(c, op);
}

static const struct vmi_op *H(ri)(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, product(c, c->r[op->base], op->imm, BYTES,
		LIVE), BYTES);
	return vmi_next(c, op);
}

static const struct vmi_op *H(rm)(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t b = vmi_load(c, op, vmi_ea(c, op), BYTES);

	vmi_reg_set(c, op->reg, product(c, c->r[op->reg], b, BYTES, LIVE),
		BYTES);
	return vmi_next(c, op);
}

#undef H3
#undef H2
#undef H
#undef BYTES
#undef LIVE
