/* SPDX-License-Identifier: MIT */
/* x87: control and status words, the stack pointer, initialisation. */
#include "lib/soft/x87.h"

/*
 * These are control instructions (SDM 1 5.2.6): the pointers to the last
 * instruction and its operand are of those that are none.
 */

void vmi_do_fninit(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_x87_available(c);
	vmi_x87_init(c);
}

void vmi_do_fnclex(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_x87_available(c);
	c->fpu.status &= VMI_X87_CODES;
}

/* FNENI, FNDISI and FNSETPM of the 8087 and 80287: nothing since the 80387. */
void vmi_do_fnop_old(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_x87_available(c);
}

void vmi_do_fnop(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_x87_wait(c);
}

void vmi_do_fldcw(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_x87_wait(c);
	vmi_x87_set_control(c, (uint16_t)vmi_read(c, vmi_ea(c, op), 2));
}

void vmi_do_fnstcw(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_x87_available(c);
	vmi_write(c, vmi_ea(c, op), c->fpu.control, 2);
}

void vmi_do_fnstsw(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_x87_available(c);
	if (op->bits & VMI_OPF_MEM)
		vmi_write(c, vmi_ea(c, op), vmi_x87_status(c), 2);
	else
		vmi_reg_set(c, VMI_RAX, vmi_x87_status(c), 2);
}

static void rotate(struct vmi_cpu *c, unsigned by)
{
	vmi_x87_wait(c);
	c->fpu.top = (uint8_t)vmi_x87_physical(c, by);
	c->fpu.status &= (uint16_t)~VMI_FP_C1;
}

void vmi_do_fincstp(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	rotate(c, 1);
}

void vmi_do_fdecstp(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	rotate(c, 7);
}

void vmi_do_ffree(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_x87_wait(c);
	vmi_x87_free(c, vmi_x87_sti(op));
}
