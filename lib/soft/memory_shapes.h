/* SPDX-License-Identifier: MIT */
/*
 * A template within a template: the handlers of memory operand MEM, one each
 * way of making the address (op.h): of any kind, plain, and with the base
 * handed on by the operation before.  H(MEM_at) of the file around it does
 * the work.
 */
#define M2(mem, how) mem##how
#define M1(mem, how) M2(mem, how)
#define M(how) H(M1(MEM, how))

static const struct vmi_op *H(MEM)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	return M(_at)(c, op, acc, vmi_ea(c, op));
}

static const struct vmi_op *M(_p)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	return M(_at)(c, op, acc, vmi_ea_plain(c, op));
}

static const struct vmi_op *M(_pa)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	return M(_at)(c, op, acc, vmi_ea_acc(op, acc));
}

#undef M2
#undef M1
#undef M
#undef MEM
