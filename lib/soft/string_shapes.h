/* SPDX-License-Identifier: MIT */
/* A template: string instructions without a prefix, of BYTES. */
#define H3(name, bytes) h_##name##_##bytes
#define H2(name, bytes) H3(name, bytes)
#define H(name) H2(name, BYTES)

static const struct vmi_op *H(movs)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	struct place from = place(c, op, vmi_op_seg(op), VMI_RSI);
	struct place to = place(c, op, VMI_ES, VMI_RDI);
	const struct vmi_tlb_entry *source = vmi_tlb(c, from.linear);
	const struct vmi_tlb_entry *e = vmi_tlb(c, to.linear);

	if (vmi_unlikely(!from.good || !to.good || !is_single(c, op)) ||
		!vmi_may_read(source, from.linear, BYTES) ||
		!vmi_may_write(e, to.linear, BYTES))
		return vmi_h_helper(c, op, acc);
	vmi_host_store(vmi_tlb_host(e, to.linear), vmi_host_load(
		vmi_tlb_host(source, from.linear), BYTES), BYTES);
	step(c, op, VMI_RSI, BYTES);
	step(c, op, VMI_RDI, BYTES);
	return vmi_next(c, op, 0);
}

static const struct vmi_op *H(stos)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	struct place to = place(c, op, VMI_ES, VMI_RDI);
	const struct vmi_tlb_entry *e = vmi_tlb(c, to.linear);

	if (vmi_unlikely(!to.good || !is_single(c, op)) ||
		!vmi_may_write(e, to.linear, BYTES))
		return vmi_h_helper(c, op, acc);
	vmi_host_store(vmi_tlb_host(e, to.linear), c->r[VMI_RAX], BYTES);
	step(c, op, VMI_RDI, BYTES);
	return vmi_next(c, op, 0);
}

#undef H3
#undef H2
#undef H
#undef BYTES
