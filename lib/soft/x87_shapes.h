/* SPDX-License-Identifier: MIT */
/* A template: OP of x87 numbers, of FPOP; what it replaces, see h_x87.c. */
#define H3(op, kind) h_f##op##kind
#define H2(op, kind) H3(op, kind)
#define H(kind) H2(OP, kind)

/* ST(0) by ST(i). */
static const struct vmi_op *H(_st0)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return replaced(c, op, acc, 0,
		arith(c, FPOP, 0, vmi_x87_sti(op)));
}

/* ST(i) by ST(0). */
static const struct vmi_op *H(_sti)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return replaced(c, op, acc, vmi_x87_sti(op),
		arith(c, FPOP, vmi_x87_sti(op), 0));
}

/* The same, and a pop. */
static const struct vmi_op *H(_pop)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	struct vmi_plain r = arith(c, FPOP, vmi_x87_sti(op), 0);

	if (vmi_unlikely(!r.good || !ready(c)))
		return vmi_h_helper(c, op, acc);
	vmi_x87_set(c, vmi_x87_sti(op), r.v);
	vmi_x87_pop(c);
	return ended(c, op, r.flags);
}

/* ST(0) by a number in memory. */
static const struct vmi_op *H(_m32)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_read(e, at, 4))
		return vmi_h_helper(c, op, acc);
	return replaced(c, op, acc, 0, with(c, FPOP, vmi_plain_from(VMI_F32,
		vmi_host_load(vmi_tlb_host(e, at), 4))));
}

static const struct vmi_op *H(_m64)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_read(e, at, 8))
		return vmi_h_helper(c, op, acc);
	return replaced(c, op, acc, 0, with(c, FPOP, vmi_plain_from(VMI_F64,
		vmi_host_load(vmi_tlb_host(e, at), 8))));
}

#undef H3
#undef H2
#undef H
#undef OP
#undef FPOP
