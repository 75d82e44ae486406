/* SPDX-License-Identifier: MIT */
/* LOOP, LOOPE, LOOPNE and JrCXZ: SDM 2A, LOOP/LOOPcc, Jcc. */
#include "lib/soft/operand.h"
#include "lib/soft/value.h"

/* The target is checked before the count changes. */
static void branch(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t rip = vmi_near(c, op, vmi_after(c, op) + op->imm);

	vmi_check_near(c, rip);
	c->rip = rip;
}

/* The count is as wide as addresses are. */
static void loop(struct vmi_cpu *c, const struct vmi_op *op, bool wanted)
{
	unsigned asize = vmi_op_asize(op);
	uint64_t count = c->r[VMI_RCX] - 1;
	bool more = asize == 8 ? count : count & ((1ull << 8 * asize) - 1);

	if (more && wanted)
		branch(c, op);
	vmi_reg_set(c, VMI_RCX, count, asize);
}

void vmi_do_loop(struct vmi_cpu *c, const struct vmi_op *op)
{
	loop(c, op, true);
}

void vmi_do_loope(struct vmi_cpu *c, const struct vmi_op *op)
{
	loop(c, op, vmi_flags(c) & VMI_FLAG_ZF);
}

void vmi_do_loopne(struct vmi_cpu *c, const struct vmi_op *op)
{
	loop(c, op, !(vmi_flags(c) & VMI_FLAG_ZF));
}

void vmi_do_jcxz(struct vmi_cpu *c, const struct vmi_op *op)
{
	if (!vmi_reg(c, VMI_RCX, vmi_op_asize(op)))
		branch(c, op);
}
