/* SPDX-License-Identifier: MIT */
/* Fast system calls, SWAPGS and the bases of FS and GS: SDM 2, SDM 3A 5.8.7. */
#include "lib/soft/system.h"

#define CODE_FLAT 0x009bu /* present, S, execute/read, accessed */
#define DATA_FLAT 0x0093u
#define FLAT_G	  VMAPI_X86_SEG_G

static void flat(struct vmi_cpu *c, unsigned n, uint32_t selector,
	uint32_t attributes)
{
	struct vmapi_x86_segment s = {
		.selector = (uint16_t)selector,
		.limit = 0xffffffff,
		.attributes = attributes | FLAT_G,
	};

	vmi_seg_set(c, n, &s);
}

/* CS and SS of a level, without looking at any table. */
static void flat_pair(struct vmi_cpu *c, uint32_t cs, uint32_t ss, bool wide)
{
	unsigned cpl = VMI_RPL(cs);

	c->cpl = (uint8_t)cpl;
	flat(c, VMI_CS, cs, CODE_FLAT | cpl << 5 |
		(wide ? VMAPI_X86_SEG_L : VMAPI_X86_SEG_DB));
	flat(c, VMI_SS, ss, DATA_FLAT | cpl << 5 | VMAPI_X86_SEG_DB);
}

/* Intel processors have SYSCALL in 64-bit mode alone: SDM 2 "SYSCALL". */
static void need_syscall(struct vmi_cpu *c)
{
	if (c->mode != 64 || !(c->efer & VMI_EFER_SCE))
		vmi_raise(c, VMI_UD);
}

/*
 * These two are traced by the TF that they leave, not by that with which they
 * began, so that SFMASK can spare the kernel the trap, and that a debugger
 * of the program finds itself behind SYSCALL (APM 3 "SYSCALL", "SYSRET").
 */
static void trace_by_new_tf(struct vmi_cpu *c)
{
	c->delivered = true;
	if (c->rflags & VMI_FLAG_TF)
		vmi_debug_single_step(c);
}

void vmi_do_syscall(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint32_t base = (uint32_t)(c->star >> 32) & 0xfffc;

	need_syscall(c);
	c->r[VMI_RCX] = vmi_after(c, op);
	c->r[11] = vmi_rflags(c);
	vmi_rflags_set(c, c->r[11] & ~c->sfmask, VMI_FLAGS_ALL);
	vmi_rflags_set(c, 0, VMI_FLAG_RF);
	flat_pair(c, base, (base + 8) & 0xffff, true);
	c->rip = c->lstar;
	trace_by_new_tf(c);
}

void vmi_do_sysret(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint32_t base = (uint32_t)(c->star >> 48) & 0xffff;
	bool wide = vmi_op_size(op) == 8;
	uint64_t rip = c->r[VMI_RCX];

	need_syscall(c);
	vmi_need_cpl0(c);
	if (wide && !vmi_canonical(rip))
		vmi_raise_code(c, VMI_GP, 0);
	/* SDM 2 "SYSRET": R11 & 3C7FD7H, bit 1 set; RF and VM are cleared. */
	vmi_rflags_set(c, c->r[11] & 0x3c7fd7, VMI_FLAGS_ALL);
	flat_pair(c, ((wide ? base + 16 : base) & 0xffff) | 3,
		((base + 8) & 0xffff) | 3, wide);
	c->rip = wide ? rip : (uint32_t)rip;
	trace_by_new_tf(c);
}

void vmi_do_sysenter(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint32_t cs = (uint32_t)c->sysenter_cs & 0xfffc;
	bool wide = vmi_long_mode(c);

	(void)op;
	if (!(c->cr0 & VMI_CR0_PE) || !cs)
		vmi_raise_code(c, VMI_GP, 0);
	vmi_rflags_set(c, 0, VMI_FLAG_VM | VMI_FLAG_IF | VMI_FLAG_RF);
	flat_pair(c, cs, (cs + 8) & 0xffff, wide);
	c->r[VMI_RSP] = wide ? c->sysenter_esp : (uint32_t)c->sysenter_esp;
	c->rip = wide ? c->sysenter_eip : (uint32_t)c->sysenter_eip;
}

void vmi_do_sysexit(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint32_t cs = (uint32_t)c->sysenter_cs & 0xfffc;
	bool wide = vmi_op_size(op) == 8;
	uint64_t rip = c->r[VMI_RDX], rsp = c->r[VMI_RCX];

	if (!vmi_protected(c) || !cs)
		vmi_raise_code(c, VMI_GP, 0);
	vmi_need_cpl0(c);
	if (wide && (!vmi_canonical(rip) || !vmi_canonical(rsp)))
		vmi_raise_code(c, VMI_GP, 0);
	cs = cs + (wide ? 32 : 16);
	flat_pair(c, (cs & 0xffff) | 3, ((cs + 8) & 0xffff) | 3, wide);
	c->r[VMI_RSP] = wide ? rsp : (uint32_t)rsp;
	c->rip = wide ? rip : (uint32_t)rip;
}

void vmi_do_swapgs(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t base = c->seg[VMI_GS].base;

	(void)op;
	if (c->mode != 64)
		vmi_raise(c, VMI_UD);
	vmi_need_cpl0(c);
	vmi_seg_base(c, VMI_GS, c->kernel_gs_base);
	c->kernel_gs_base = base;
}

static void need_fsgsbase(struct vmi_cpu *c)
{
	if (c->mode != 64 || !(c->cr4 & VMI_CR4_FSGSBASE))
		vmi_raise(c, VMI_UD);
}

void vmi_do_rdfsbase(struct vmi_cpu *c, const struct vmi_op *op)
{
	need_fsgsbase(c);
	vmi_reg_set(c, op->base, c->seg[VMI_FS].base, vmi_op_size(op));
}

void vmi_do_rdgsbase(struct vmi_cpu *c, const struct vmi_op *op)
{
	need_fsgsbase(c);
	vmi_reg_set(c, op->base, c->seg[VMI_GS].base, vmi_op_size(op));
}

static void write_base(struct vmi_cpu *c, const struct vmi_op *op, unsigned n)
{
	uint64_t v = vmi_reg(c, op->base, vmi_op_size(op));

	need_fsgsbase(c);
	if (!vmi_canonical(v))
		vmi_raise_code(c, VMI_GP, 0);
	vmi_seg_base(c, n, v);
}

void vmi_do_wrfsbase(struct vmi_cpu *c, const struct vmi_op *op)
{
	write_base(c, op, VMI_FS);
}

void vmi_do_wrgsbase(struct vmi_cpu *c, const struct vmi_op *op)
{
	write_base(c, op, VMI_GS);
}
