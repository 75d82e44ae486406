/* SPDX-License-Identifier: MIT */
/* A template: LEA of BYTES. */
#define H3(shape, bytes) h_##shape##_##bytes
#define H2(shape, bytes) H3(shape, bytes)
#define H(shape) H2(shape, BYTES)

static vmi_inline const struct vmi_op *H(done)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t v)
{
	uint64_t r = vmi_trunc(v, BYTES);

	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

static const struct vmi_op *H(lea)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(done)(c, op, offset(op, c->r[op->base], c->r[op->index]));
}

static const struct vmi_op *H(lea_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(done)(c, op, offset(op, acc, c->r[op->index]));
}

static const struct vmi_op *H(lea_b)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(done)(c, op, offset(op, c->r[op->base], acc));
}

static const struct vmi_op *H(lea_p)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(done)(c, op, vmi_ea_plain(c, op));
}

static const struct vmi_op *H(lea_pa)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(done)(c, op, vmi_ea_acc(op, acc));
}

#undef H3
#undef H2
#undef H
#undef BYTES
