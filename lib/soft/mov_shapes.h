/* SPDX-License-Identifier: MIT */
/* A template: moves and exchanges of BYTES, conditional moves from memory. */
#define H3(op, shape, bytes) h_##op##_##shape##_##bytes
#define H2(op, shape, bytes) H3(op, shape, bytes)
#define H(op, shape) H2(op, shape, BYTES)

static const struct vmi_op *H(mov, rr)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t r = vmi_reg(c, op->base, BYTES);

	(void)acc;
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

static const struct vmi_op *H(mov, ri)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t r = vmi_trunc(op->imm, BYTES);

	(void)acc;
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

#if BYTES > 2
static const struct vmi_op *H(mov, rr_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t r = vmi_trunc(acc, BYTES);

	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}
#endif

/* -- Loads -------------------------------------------------------------- */

vmi_noinline static const struct vmi_op *H(mov, rm_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t r = vmi_load_slow(c, op, vmi_ea(c, op), BYTES);

	(void)acc;
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

static vmi_inline const struct vmi_op *H(mov, rm_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);
	uint64_t r;

	if (!vmi_may_read(e, at, BYTES))
		return H(mov, rm_slow)(c, op, 0);
	r = vmi_host_load(vmi_tlb_host(e, at), BYTES);
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}

static const struct vmi_op *H(mov, rm)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(mov, rm_at)(c, op, vmi_ea(c, op));
}

static const struct vmi_op *H(mov, rm_p)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(mov, rm_at)(c, op, vmi_ea_plain(c, op));
}

static const struct vmi_op *H(mov, rm_pa)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(mov, rm_at)(c, op, vmi_ea_acc(op, acc));
}

/* -- Stores ------------------------------------------------------------- */

vmi_noinline static const struct vmi_op *H(mov, mr_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	vmi_store_slow(c, op, vmi_ea(c, op), c->r[op->reg], BYTES);
	return vmi_next(c, op, acc);
}

static vmi_inline const struct vmi_op *H(mov, mr_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_write(e, at, BYTES))
		return H(mov, mr_slow)(c, op, acc);
	vmi_host_store(vmi_tlb_host(e, at), c->r[op->reg], BYTES);
	return vmi_next(c, op, acc);
}

static const struct vmi_op *H(mov, mr)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(mov, mr_at)(c, op, acc, vmi_ea(c, op));
}

static const struct vmi_op *H(mov, mr_p)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(mov, mr_at)(c, op, acc, vmi_ea_plain(c, op));
}

static const struct vmi_op *H(mov, mr_pa)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(mov, mr_at)(c, op, acc, vmi_ea_acc(op, acc));
}

vmi_noinline static const struct vmi_op *H(mov, mi_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	vmi_store_slow(c, op, vmi_ea(c, op), op->imm, BYTES);
	return vmi_next(c, op, acc);
}

static vmi_inline const struct vmi_op *H(mov, mi_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t at)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_write(e, at, BYTES))
		return H(mov, mi_slow)(c, op, acc);
	vmi_host_store(vmi_tlb_host(e, at), op->imm, BYTES);
	return vmi_next(c, op, acc);
}

static const struct vmi_op *H(mov, mi)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(mov, mi_at)(c, op, acc, vmi_ea(c, op));
}

static const struct vmi_op *H(mov, mi_p)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(mov, mi_at)(c, op, acc, vmi_ea_plain(c, op));
}

static const struct vmi_op *H(mov, mi_pa)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(mov, mi_at)(c, op, acc, vmi_ea_acc(op, acc));
}

/* -- Others ------------------------------------------------------------- */

static const struct vmi_op *H(xchg, rr)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t a = vmi_reg(c, op->reg, BYTES), b = vmi_reg(c, op->base, BYTES);

	(void)acc;
	vmi_reg_set(c, op->reg, b, BYTES);
	vmi_reg_set(c, op->base, a, BYTES);
	return vmi_next(c, op, b);
}

#if BYTES > 1
static const struct vmi_op *H(cmov, rm)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t b = vmi_load(c, op, vmi_ea(c, op), BYTES);
	uint64_t r = vmi_cond(c, op->imm & 15) ? b :
		vmi_reg(c, op->reg, BYTES);

	(void)acc;
	vmi_reg_set(c, op->reg, r, BYTES);
	return vmi_next(c, op, r);
}
#endif

#undef H3
#undef H2
#undef H
#undef BYTES
