/* SPDX-License-Identifier: MIT */
/*
 * A template within quick_shapes.h: the handlers of H(BY_by), whose operand
 * is a register or memory at the operation's address.
 */
#define B3(name, how) name##how
#define B2(name, how) B3(name, how)
#define B(how) H(B2(BY, how))

static const struct vmi_op *B()(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)acc;
	return B(_by)(c, op, vmi_reg(c, op->base, BYTES));
}

static const struct vmi_op *B(_m)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_read(e, at, BYTES))
		return vmi_h_helper(c, op, acc);
	return B(_by)(c, op, vmi_host_load(vmi_tlb_host(e, at), BYTES));
}

#undef B3
#undef B2
#undef B
#undef BY
