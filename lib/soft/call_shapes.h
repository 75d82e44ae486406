/* SPDX-License-Identifier: MIT */
/* A template: calls and returns of BYTES; _a: the stack pointer is in acc. */
#define H3(shape, bytes) h_##shape##_##bytes
#define H2(shape, bytes) H3(shape, bytes)
#define H(shape) H2(shape, BYTES)

/* -- Calls -------------------------------------------------------------- */

vmi_noinline static const struct vmi_op *H(call_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	vmi_store_slow(c, op, vmi_trunc(c->r[VMI_RSP] - BYTES, BYTES),
		vmi_op_next_rip(c, op), BYTES);
	c->r[VMI_RSP] = vmi_trunc(c->r[VMI_RSP] - BYTES, BYTES);
	return branch_taken(c, op);
}

static vmi_inline const struct vmi_op *H(call_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t from)
{
	uint64_t sp = vmi_trunc(from - BYTES, BYTES);
	const struct vmi_tlb_entry *e = vmi_tlb(c, sp);

	if (BYTES == 8 && is_odd_way(c, op))
		return odd_target(c, op);
	if (!vmi_may_write(e, sp, BYTES))
		return H(call_slow)(c, op, 0);
	vmi_host_store(vmi_tlb_host(e, sp), vmi_op_next_rip(c, op), BYTES);
	c->r[VMI_RSP] = sp;
	return branch_taken(c, op);
}

static const struct vmi_op *H(call)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(call_at)(c, op, c->r[VMI_RSP]);
}

static const struct vmi_op *H(call_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(call_at)(c, op, acc);
}

/* -- Calls through a register ------------------------------------------- */

vmi_noinline static const struct vmi_op *H(call_r_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	vmi_store_slow(c, op, vmi_trunc(c->r[VMI_RSP] - BYTES, BYTES),
		vmi_op_next_rip(c, op), BYTES);
	c->r[VMI_RSP] = vmi_trunc(c->r[VMI_RSP] - BYTES, BYTES);
	return branch_to(c, op, acc);
}

static vmi_inline const struct vmi_op *H(call_to)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t target)
{
	uint64_t sp = vmi_trunc(c->r[VMI_RSP] - BYTES, BYTES);
	uint64_t to = vmi_rip_mask(c, target);
	const struct vmi_tlb_entry *e = vmi_tlb(c, sp);

	if (vmi_unlikely(is_odd(to)))
		return odd_target(c, op);
	if (!vmi_may_write(e, sp, BYTES))
		return H(call_r_slow)(c, op, to);
	vmi_host_store(vmi_tlb_host(e, sp), vmi_op_next_rip(c, op), BYTES);
	c->r[VMI_RSP] = sp;
	return branch_to(c, op, to);
}

static const struct vmi_op *H(call_r)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(call_to)(c, op, c->r[op->base]);
}

/* Here acc has the target. */
static const struct vmi_op *H(call_r_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(call_to)(c, op, acc);
}

/* -- Returns ------------------------------------------------------------ */

vmi_noinline static const struct vmi_op *H(ret_slow)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t from = vmi_trunc(c->r[VMI_RSP], BYTES);
	uint64_t to = vmi_load_slow(c, op, from, BYTES);

	(void)acc;
	if (vmi_unlikely(is_odd(to)))
		return odd_target(c, op);
	c->r[VMI_RSP] = vmi_trunc(from + BYTES + op->imm, BYTES);
	return branch_to(c, op, to);
}

static vmi_inline const struct vmi_op *H(ret_at)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t from)
{
	uint64_t sp = vmi_trunc(from, BYTES), to;
	const struct vmi_tlb_entry *e = vmi_tlb(c, sp);

	if (!vmi_may_read(e, sp, BYTES))
		return H(ret_slow)(c, op, 0);
	to = vmi_host_load(vmi_tlb_host(e, sp), BYTES);
	if (vmi_unlikely(is_odd(to)))
		return odd_target(c, op);
	c->r[VMI_RSP] = vmi_trunc(sp + BYTES + op->imm, BYTES);
	return branch_to(c, op, to);
}

static const struct vmi_op *H(ret)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return H(ret_at)(c, op, c->r[VMI_RSP]);
}

static const struct vmi_op *H(ret_a)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(ret_at)(c, op, acc);
}

#undef H3
#undef H2
#undef H
#undef BYTES
