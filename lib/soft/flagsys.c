/* SPDX-License-Identifier: MIT */
/* Flags that the system looks at: PUSHF, POPF, CLI, STI, CLAC, STAC. */
#include "lib/soft/system.h"

#define SHADOW_STI 2u

/* IOPL does not let this level touch IF. */
static bool iopl_refuses(const struct vmi_cpu *c)
{
	return (c->cr0 & VMI_CR0_PE) && vmi_iopl(c) < c->cpl;
}

/* The virtual interrupt flag stands for IF: SDM 3A 20.3, 20.4. */
static bool virtual_if(const struct vmi_cpu *c)
{
	if (!iopl_refuses(c))
		return false;
	if (vmi_vm86(c))
		return c->cr4 & VMI_CR4_VME;
	return c->cpl == 3 && (c->cr4 & VMI_CR4_PVI);
}

void vmi_do_cli(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	if (virtual_if(c))
		vmi_rflags_set(c, 0, VMI_FLAG_VIF);
	else if (iopl_refuses(c))
		vmi_raise_code(c, VMI_GP, 0);
	else
		vmi_rflags_set(c, 0, VMI_FLAG_IF);
}

void vmi_do_sti(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	if (virtual_if(c)) {
		if (c->rflags & VMI_FLAG_VIP)
			vmi_raise_code(c, VMI_GP, 0);
		vmi_rflags_set(c, VMI_FLAG_VIF, VMI_FLAG_VIF);
		return;
	}
	if (iopl_refuses(c))
		vmi_raise_code(c, VMI_GP, 0);
	/* Only when IF was clear: SDM 2B "STI". */
	if (!(c->rflags & VMI_FLAG_IF))
		c->shadow |= SHADOW_STI;
	vmi_rflags_set(c, VMI_FLAG_IF, VMI_FLAG_IF);
}

/* SDM 2 "PUSHF": VM and RF are 0 in the image. */
void vmi_do_pushf(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned size = vmi_op_size(op);
	uint64_t v = vmi_rflags(c) & ~(VMI_FLAG_VM | VMI_FLAG_RF);
	struct vmi_stack st;

	if (vmi_vm86(c) && vmi_iopl(c) < 3) {
		if (size != 2 || !(c->cr4 & VMI_CR4_VME))
			vmi_raise_code(c, VMI_GP, 0);
		v = (v & ~VMI_FLAG_IF) | VMI_FLAG_IOPL;
		if (c->rflags & VMI_FLAG_VIF)
			v |= VMI_FLAG_IF;
	}
	vmi_stack_current(c, &st, 0);
	vmi_stack_push(c, &st, v, size);
	vmi_stack_commit(c, &st);
}

/* Flags that POPF may change: SDM 2 "POPF", table 4-16. */
static uint64_t popf_mask(const struct vmi_cpu *c, unsigned size)
{
	uint64_t mask = VMI_FLAGS_ARITH | VMI_FLAG_TF | VMI_FLAG_DF |
		VMI_FLAG_NT;

	if (size != 2)
		mask |= VMI_FLAG_AC | VMI_FLAG_ID | VMI_FLAG_RF;
	if (!iopl_refuses(c))
		mask |= VMI_FLAG_IF;
	if (!c->cpl || !(c->cr0 & VMI_CR0_PE))
		mask |= VMI_FLAG_IOPL;
	return mask;
}

void vmi_do_popf(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned size = vmi_op_size(op);
	uint64_t v, mask = popf_mask(c, size);
	struct vmi_stack st;

	if (vmi_vm86(c) && vmi_iopl(c) < 3 &&
		(size != 2 || !(c->cr4 & VMI_CR4_VME)))
		vmi_raise_code(c, VMI_GP, 0);
	vmi_stack_current(c, &st, 0);
	v = vmi_stack_peek(c, &st, 0, size);
	if (size == 2 && virtual_if(c) && vmi_vm86(c)) {
		/* IF goes to VIF; #GP if it meets VIP, or TF. */
		if ((v & VMI_FLAG_TF) || ((v & VMI_FLAG_IF) &&
				(c->rflags & VMI_FLAG_VIP)))
			vmi_raise_code(c, VMI_GP, 0);
		mask |= VMI_FLAG_VIF;
		if (v & VMI_FLAG_IF)
			v |= VMI_FLAG_VIF;
	}
	st.sp += size;
	vmi_stack_commit(c, &st);
	/* RF is cleared whatever was popped. */
	vmi_rflags_set(c, v & ~VMI_FLAG_RF, mask);
}

static void set_ac(struct vmi_cpu *c, uint64_t ac)
{
	if (c->cpl)
		vmi_raise(c, VMI_UD);
	vmi_rflags_set(c, ac, VMI_FLAG_AC);
}

void vmi_do_clac(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	set_ac(c, 0);
}

void vmi_do_stac(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	set_ac(c, VMI_FLAG_AC);
}
