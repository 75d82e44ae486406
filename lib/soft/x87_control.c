/* SPDX-License-Identifier: MIT */
/* x87: control and status words, the stack pointer, initialisation. */
#include "lib/soft/x87.h"

/*
 * The pointers to the last instruction and its operand are not of these
 * (SDM 1 8.1.8), but processors count FNOP, FFREE, FINCSTP and FDECSTP among
 * the others; those run in the common frame.
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
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	x.codes = 0;
	vmi_x87_end(&x);
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

static void rotate(struct vmi_cpu *c, const struct vmi_op *op, unsigned by)
{
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	c->fpu.top = (uint8_t)vmi_x87_physical(c, by);
	vmi_x87_end(&x);
}

void vmi_do_fincstp(struct vmi_cpu *c, const struct vmi_op *op)
{
	rotate(c, op, 1);
}

void vmi_do_fdecstp(struct vmi_cpu *c, const struct vmi_op *op)
{
	rotate(c, op, 7);
}

static void free_register(struct vmi_cpu *c, const struct vmi_op *op, bool pops)
{
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	vmi_x87_free(c, vmi_x87_sti(op));
	if (pops)
		vmi_x87_pop(c);
	vmi_x87_end(&x);
}

void vmi_do_ffree(struct vmi_cpu *c, const struct vmi_op *op)
{
	free_register(c, op, false);
}

void vmi_do_ffreep(struct vmi_cpu *c, const struct vmi_op *op)
{
	free_register(c, op, true);
}
