/* SPDX-License-Identifier: MIT */
/* System instructions that need no file of their own. */
#include <errno.h>

#include "lib/soft/system.h"

#define SHADOW_MOV_SS 1u

/* -- Segment registers --------------------------------------------------- */

void vmi_do_mov_r_sreg(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_rm_set(c, op, c->seg[op->reg].selector,
		op->bits & VMI_OPF_MEM ? 2 : vmi_op_size(op));
}

static void load(struct vmi_cpu *c, unsigned n, uint16_t selector)
{
	vmi_seg_load(c, n, selector);
	if (n == VMI_SS)
		c->shadow |= SHADOW_MOV_SS;
}

void vmi_do_mov_sreg_r(struct vmi_cpu *c, const struct vmi_op *op)
{
	if (op->reg == VMI_CS || op->reg > VMI_GS)
		vmi_raise(c, VMI_UD);
	load(c, op->reg, (uint16_t)vmi_rm(c, op, 2));
}

/*
 * The stack pointer moves by the operand size; processors write the selector
 * alone into a 32-bit slot, and zeros above it into a 64-bit one.  They read
 * the selector alone.
 */
void vmi_do_push_sreg(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned size = vmi_op_size(op);
	uint16_t selector = c->seg[op->reg].selector;
	struct vmi_stack st;

	vmi_stack_current(c, &st, 0);
	if (size == 4) {
		st.sp = (st.sp - 2) & st.mask;
		vmi_stack_push(c, &st, selector, 2);
	} else {
		vmi_stack_push(c, &st, selector, size);
	}
	vmi_stack_commit(c, &st);
}

void vmi_do_pop_sreg(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned size = vmi_op_size(op);
	struct vmi_stack st;
	uint16_t selector;

	vmi_stack_current(c, &st, 0);
	selector = (uint16_t)vmi_stack_peek(c, &st, 0, 2);
	load(c, op->reg, selector);
	/* As wide as the stack was that it came from. */
	st.sp += size;
	vmi_stack_commit(c, &st);
}

/* LSS casts no interrupt shadow. */
static void load_far(struct vmi_cpu *c, const struct vmi_op *op, unsigned n)
{
	unsigned size = vmi_op_size(op);
	uint64_t at = vmi_ea(c, op), offset;
	uint16_t selector;

	offset = vmi_read(c, at, size);
	selector = (uint16_t)vmi_read(c, (at + size) & c->amask, 2);
	vmi_seg_load(c, n, selector);
	vmi_reg_set(c, op->reg, offset, size);
}

void vmi_do_lds(struct vmi_cpu *c, const struct vmi_op *op)
{
	load_far(c, op, VMI_DS);
}

void vmi_do_les(struct vmi_cpu *c, const struct vmi_op *op)
{
	load_far(c, op, VMI_ES);
}

void vmi_do_lss(struct vmi_cpu *c, const struct vmi_op *op)
{
	load_far(c, op, VMI_SS);
}

void vmi_do_lfs(struct vmi_cpu *c, const struct vmi_op *op)
{
	load_far(c, op, VMI_FS);
}

void vmi_do_lgs(struct vmi_cpu *c, const struct vmi_op *op)
{
	load_far(c, op, VMI_GS);
}

/* -- Software interrupts ------------------------------------------------- */

static void interrupt(struct vmi_cpu *c, const struct vmi_op *op,
	enum vmi_event_kind kind, unsigned vector)
{
	struct vmi_event ev = {
		.kind = kind,
		.vector = (uint8_t)vector,
		.return_rip = vmi_after(c, op),
	};

	vmi_deliver(c, &ev);
}

void vmi_do_int(struct vmi_cpu *c, const struct vmi_op *op)
{
	interrupt(c, op, VMI_EV_INT, (unsigned)op->imm & 0xff);
}

void vmi_do_int3(struct vmi_cpu *c, const struct vmi_op *op)
{
	if (vmi_debug_takes_int3(c))
		vmi_leave(c, VMI_LEAVE_STOP);
	interrupt(c, op, VMI_EV_INT3, VMI_BP);
}

/* A trap that no privilege keeps from its handler; DR6 says nothing. */
/* It is the #DB that what MOV SS has held back becomes, too. */
void vmi_do_int1(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t held = c->trap_pending ? c->dr6_pending : 0;

	interrupt(c, op, VMI_EV_EXCEPTION, VMI_DB);
	c->dr[7] &= ~VMI_DR7_GD;
	if (!held)
		return;
	c->dr[6] = (c->dr[6] & ~15ull) | held;
	/* A task that it has switched to may have a trap of its own. */
	c->dr6_pending &= ~held;
	c->trap_pending = c->dr6_pending != 0;
}

void vmi_do_into(struct vmi_cpu *c, const struct vmi_op *op)
{
	if (vmi_flags(c) & VMI_FLAG_OF)
		interrupt(c, op, VMI_EV_INT3, VMI_OF);
}

static vmi_noreturn void undefined(struct vmi_cpu *c)
{
	vmi_raise(c, VMI_UD);
}

void vmi_do_ud0(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	undefined(c);
}

void vmi_do_ud1(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	undefined(c);
}

void vmi_do_ud2(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	undefined(c);
}

/* -- Waiting -------------------------------------------------------------- */

void vmi_do_hlt(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_need_cpl0(c);
	c->halted = true;
}

/* SDM 2 "MONITOR": ECX is 0, and the address is checked as a byte's load. */
void vmi_do_monitor(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned asize = vmi_op_asize(op), seg = vmi_op_seg(op);
	uint64_t linear;

	if (c->cpl)
		undefined(c);
	if ((uint32_t)c->r[VMI_RCX])
		vmi_raise_code(c, VMI_GP, 0);
	linear = vmi_linear(c, seg, vmi_reg(c, VMI_RAX, asize), 1,
		VMI_MEM_READ);
	vmi_check(c, linear, 1, VMI_MEM_READ);
}

/* It may return at once, for any reason: SDM 2 "MWAIT". */
void vmi_do_mwait(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	if (c->cpl)
		undefined(c);
	if ((uint32_t)c->r[VMI_RCX] & ~1u)
		vmi_raise_code(c, VMI_GP, 0);
}

/* -- Caches and the TLB ---------------------------------------------------- */

void vmi_do_invlpg(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_need_cpl0(c);
	/* A non-canonical address is no fault and has no entry. */
	if (c->mode == 64 && !vmi_canonical(vmi_ea(c, op)))
		return;
	vmi_tlb_flush_page(c, vmi_ea(c, op));
}

enum { INV_ADDRESS, INV_CONTEXT, INV_ALL, INV_LOCAL };

/* What is known belongs to the current PCID, or is global. */
static void invalidate(struct vmi_cpu *c, unsigned type, uint64_t pcid,
	uint64_t linear)
{
	bool current = pcid == (c->cr4 & VMI_CR4_PCIDE ? c->cr3 & 0xfff : 0);

	if (type == INV_ALL)
		vmi_tlb_flush(c);
	else if (type == INV_LOCAL || (type == INV_CONTEXT && current))
		vmi_tlb_flush_local(c);
	else if (type == INV_ADDRESS && current)
		vmi_tlb_flush_page(c, linear);
}

/* SDM 2 "INVPCID"; without CR4.PCIDE there is one context, PCID 0. */
void vmi_do_invpcid(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t at, pcid, linear, type;
	vmi_need_cpl0(c);
	type = vmi_reg(c, op->reg, c->mode == 64 ? 8 : 4);
	at = vmi_linear_beyond(c, 0, 16, VMI_MEM_READ);
	pcid = vmi_read(c, at, 8);
	linear = vmi_read(c, (at + 8) & c->amask, 8);
	if (type > INV_LOCAL || pcid >> 12 ||
		(type <= INV_CONTEXT && pcid && !(c->cr4 & VMI_CR4_PCIDE)))
		vmi_raise_code(c, VMI_GP, 0);
	if (type == INV_ADDRESS && !vmi_canonical(linear))
		vmi_raise_code(c, VMI_GP, 0);
	invalidate(c, (unsigned)type, pcid, linear);
}

void vmi_do_wbinvd(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_need_cpl0(c);
}

void vmi_do_invd(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_need_cpl0(c);
}

/* -- Counters, model-specific registers, identification ------------------ */

static void edx_eax(struct vmi_cpu *c, uint64_t v)
{
	c->r[VMI_RAX] = (uint32_t)v;
	c->r[VMI_RDX] = v >> 32;
}

static void need_tsc(struct vmi_cpu *c)
{
	if ((c->cr4 & VMI_CR4_TSD) && c->cpl)
		vmi_raise_code(c, VMI_GP, 0);
}

void vmi_do_rdtsc(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	need_tsc(c);
	edx_eax(c, vmi_tsc(c));
}

void vmi_do_rdtscp(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	need_tsc(c);
	edx_eax(c, vmi_tsc(c));
	c->r[VMI_RCX] = (uint32_t)c->tsc_aux;
}

/* TSC_AUX again, which CR4.TSD does not hide: SDM 2B "RDPID". */
void vmi_do_rdpid(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_reg_set(c, op->base, c->tsc_aux, vmi_op_size(op));
}

/* No counters: every index is out of range. */
void vmi_do_rdpmc(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_raise_code(c, VMI_GP, 0);
}

void vmi_do_cpuid(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint32_t out[4];

	(void)op;
	vmi_cpuid(c, (uint32_t)c->r[VMI_RAX], (uint32_t)c->r[VMI_RCX], out);
	c->r[VMI_RAX] = out[0];
	c->r[VMI_RBX] = out[1];
	c->r[VMI_RCX] = out[2];
	c->r[VMI_RDX] = out[3];
}
