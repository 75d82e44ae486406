/* SPDX-License-Identifier: MIT */
/*
 * A template: widening moves FROM bytes TO bytes, zeros or signs, of a
 * register (rr) and of memory (rm).
 */
#define H3(shape, from, to) h_movzx_##shape##_##from##_##to
#define H2(shape, from, to) H3(shape, from, to)
#define S3(shape, from, to) h_movsx_##shape##_##from##_##to
#define S2(shape, from, to) S3(shape, from, to)
#define ZX(shape) H2(shape, FROM, TO)
#define SX(shape) S2(shape, FROM, TO)

static const struct vmi_op *ZX(rr)(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, vmi_reg(c, op->base, FROM), TO);
	return vmi_next(c, op);
}

static const struct vmi_op *ZX(rm)(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, vmi_load(c, op, vmi_ea(c, op), FROM), TO);
	return vmi_next(c, op);
}

static const struct vmi_op *SX(rr)(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, vmi_sext(vmi_reg(c, op->base, FROM), FROM), TO);
	return vmi_next(c, op);
}

static const struct vmi_op *SX(rm)(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v = vmi_load(c, op, vmi_ea(c, op), FROM);

	vmi_reg_set(c, op->reg, vmi_sext(v, FROM), TO);
	return vmi_next(c, op);
}

#undef H3
#undef H2
#undef S3
#undef S2
#undef ZX
#undef SX
#undef FROM
#undef TO
