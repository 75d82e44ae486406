/* SPDX-License-Identifier: MIT */
/*
 * A template: shifts and rotates by a constant (ri, mi) and by CL (rr, mr,
 * where `base` and `reg` are CL).  As alu_shapes.h; there is no rm.
 */
#define H3(op, shape, bytes, live) h_##op##_##shape##_##bytes##_##live
#define H2(op, shape, bytes, live) H3(op, shape, bytes, live)
#define H(shape) H2(OP, shape, BYTES, LIVE)
#define E2(op) VMI_EXEC_##op
#define E1(op) E2(op)
#define CODE E1(OP)
#define F2(op) shift_##op
#define F1(op) F2(op)
#define COMPUTE F1(OP)
#define MASK (BYTES == 8 ? 63 : 31)

static vmi_inline uint64_t H(shifted)(struct vmi_cpu *c, uint64_t a,
	unsigned n, bool constant)
{
	uint64_t r = COMPUTE(a, n, BYTES);

	if (LIVE && n)
		shift_flags(c, (struct shift){ a, r, n, CODE, BYTES,
			constant });
	return r;
}

static const struct vmi_op *H(ri)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t r = H(shifted)(c, vmi_reg(c, op->base, BYTES),
		op->imm & MASK, true);

	(void)acc;
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

static const struct vmi_op *H(rr)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t r = H(shifted)(c, vmi_reg(c, op->index, BYTES),
		c->r[VMI_RCX] & MASK, false);

	(void)acc;
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

#if BYTES > 2
static const struct vmi_op *H(ri_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t r = H(shifted)(c, vmi_trunc(acc, BYTES), op->imm & MASK,
		true);

	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

static const struct vmi_op *H(rr_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t r = H(shifted)(c, vmi_trunc(acc, BYTES),
		c->r[VMI_RCX] & MASK, false);

	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}
#endif

static vmi_inline void H(shift_at)(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned n)
{
	uint64_t at = vmi_ea(c, op);
	uint64_t a = vmi_load_rmw(c, op, at, BYTES);

	vmi_store(c, op, at, COMPUTE(a, n, BYTES), BYTES);
	H(shifted)(c, a, n, false);
}

static const struct vmi_op *H(mi)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	H(shift_at)(c, op, op->imm & MASK);
	return vmi_next(c, op, acc);
}

static const struct vmi_op *H(mr)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	H(shift_at)(c, op, c->r[VMI_RCX] & MASK);
	return vmi_next(c, op, acc);
}

#undef H3
#undef H2
#undef H
#undef E2
#undef E1
#undef CODE
#undef F2
#undef F1
#undef COMPUTE
#undef MASK
