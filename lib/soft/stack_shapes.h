/* SPDX-License-Identifier: MIT */
/*
 * A template: pushes and pops of BYTES; _a: the stack pointer is in acc, in
 * which it is left as well.
 */
#define H3(shape, bytes) h_##shape##_##bytes
#define H2(shape, bytes) H3(shape, bytes)
#define H(shape) H2(shape, BYTES)

/* -- Pushes ------------------------------------------------------------- */

vmi_noinline static const struct vmi_op *H(push_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t sp = vmi_trunc(c->r[VMI_RSP] - BYTES, BYTES);

	vmi_store_slow(c, op, sp, acc, BYTES);
	c->r[VMI_RSP] = sp;
	return vmi_next(c, op, sp);
}

static vmi_inline const struct vmi_op *H(push)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t from, uint64_t v)
{
	uint64_t sp = vmi_trunc(from - BYTES, BYTES);
	const struct vmi_tlb_entry *e = vmi_tlb(c, sp);

	if (!vmi_may_write(e, sp, BYTES))
		return H(push_slow)(c, op, v);
	vmi_host_store(vmi_tlb_host(e, sp), v, BYTES);
	c->r[VMI_RSP] = sp;
	return vmi_next(c, op, sp);
}

static const struct vmi_op *H(push_r)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(push)(c, op, c->r[VMI_RSP], c->r[op->reg]);
}

static const struct vmi_op *H(push_r_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(push)(c, op, acc, c->r[op->reg]);
}

static const struct vmi_op *H(push_i)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(push)(c, op, c->r[VMI_RSP], op->imm);
}

static const struct vmi_op *H(push_i_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(push)(c, op, acc, op->imm);
}

/* -- Pops --------------------------------------------------------------- */

/* POP RSP: what was popped stays. */
static vmi_inline const struct vmi_op *H(popped)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t from, uint64_t v)
{
	uint64_t sp = vmi_trunc(from + BYTES, BYTES);

	c->r[VMI_RSP] = sp;
	c->r[op->reg] = v;
	return vmi_next(c, op, sp);
}

vmi_noinline static const struct vmi_op *H(pop_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t from = vmi_trunc(c->r[VMI_RSP], BYTES);
	uint64_t v = vmi_load_slow(c, op, from, BYTES);

	(void)acc;
	return H(popped)(c, op, from, v);
}

static vmi_inline const struct vmi_op *H(pop_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t from)
{
	uint64_t sp = vmi_trunc(from, BYTES);
	const struct vmi_tlb_entry *e = vmi_tlb(c, sp);

	if (!vmi_may_read(e, sp, BYTES))
		return H(pop_slow)(c, op, 0);
	return H(popped)(c, op, sp, vmi_host_load(vmi_tlb_host(e, sp), BYTES));
}

static const struct vmi_op *H(pop)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(pop_at)(c, op, c->r[VMI_RSP]);
}

static const struct vmi_op *H(pop_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(pop_at)(c, op, acc);
}

#undef H3
#undef H2
#undef H
#undef BYTES
