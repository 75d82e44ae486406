/* SPDX-License-Identifier: MIT */
/* A template: moves, exchanges and conditional moves of BYTES. */
#define H3(op, shape, bytes) h_##op##_##shape##_##bytes
#define H2(op, shape, bytes) H3(op, shape, bytes)
#define H(op, shape) H2(op, shape, BYTES)

static const struct vmi_op *H(mov, rr)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, vmi_reg(c, op->base, BYTES), BYTES);
	return vmi_next(c, op);
}

static const struct vmi_op *H(mov, ri)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, op->imm, BYTES);
	return vmi_next(c, op);
}

vmi_noinline static const struct vmi_op *H(slow, rm)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, vmi_load_slow(c, op, vmi_ea(c, op), BYTES),
		BYTES);
	return vmi_next(c, op);
}

static vmi_inline const struct vmi_op *H(load, at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_read(e, at, BYTES))
		return H(slow, rm)(c, op);
	vmi_reg_set(c, op->reg, vmi_host_load(vmi_tlb_host(e, at), BYTES),
		BYTES);
	return vmi_next(c, op);
}

static const struct vmi_op *H(mov, rm)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return H(load, at)(c, op, vmi_ea(c, op));
}

/* The same of an address that is one register and a displacement. */
static const struct vmi_op *H(mov, rb)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return H(load, at)(c, op, vmi_ea_plain(c, op));
}

vmi_noinline static const struct vmi_op *H(slow, mr)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	vmi_store_slow(c, op, vmi_ea(c, op), c->r[op->reg], BYTES);
	return vmi_next(c, op);
}

static vmi_inline const struct vmi_op *H(store, at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_write(e, at, BYTES))
		return H(slow, mr)(c, op);
	vmi_host_store(vmi_tlb_host(e, at), c->r[op->reg], BYTES);
	return vmi_next(c, op);
}

static const struct vmi_op *H(mov, mr)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return H(store, at)(c, op, vmi_ea(c, op));
}

static const struct vmi_op *H(mov, br)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return H(store, at)(c, op, vmi_ea_plain(c, op));
}

static const struct vmi_op *H(mov, mi)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	vmi_store(c, op, vmi_ea(c, op), op->imm, BYTES);
	return vmi_next(c, op);
}

static const struct vmi_op *H(xchg, rr)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	uint64_t a = vmi_reg(c, op->reg, BYTES), b = vmi_reg(c, op->base, BYTES);

	vmi_reg_set(c, op->reg, b, BYTES);
	vmi_reg_set(c, op->base, a, BYTES);
	return vmi_next(c, op);
}

#if BYTES > 1
/* A 32-bit destination is zero-extended even when nothing is moved. */
static const struct vmi_op *H(cmov, rr)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	uint64_t a = vmi_reg(c, op->reg, BYTES), b = vmi_reg(c, op->base, BYTES);

	vmi_reg_set(c, op->reg, vmi_cond(c, op->imm & 15) ? b : a, BYTES);
	return vmi_next(c, op);
}

static const struct vmi_op *H(cmov, rm)(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	uint64_t b = vmi_load(c, op, vmi_ea(c, op), BYTES);
	uint64_t a = vmi_reg(c, op->reg, BYTES);

	vmi_reg_set(c, op->reg, vmi_cond(c, op->imm & 15) ? b : a, BYTES);
	return vmi_next(c, op);
}

#endif

#undef H3
#undef H2
#undef H
#undef BYTES
