/* SPDX-License-Identifier: MIT */
/* IRET in all its forms: SDM 2A "IRET". */
#include "lib/soft/system.h"

#define LOW16 0x7fd5ull /* flags of a 16-bit image */
#define WIDE  (LOW16 | VMI_FLAG_RF | VMI_FLAG_AC | VMI_FLAG_ID)

struct frame {
	uint64_t flags;
	unsigned size;
	struct vmi_stack st;
	struct vmi_return r;
};

static void read_frame(struct vmi_cpu *c, struct frame *f, unsigned size)
{
	f->size = size;
	f->r.has_ss = false;
	vmi_stack_current(c, &f->st, 0);
	vmi_stack_need(c, &f->st, size, 2);
	vmi_stack_need(c, &f->st, 2 * size, size);
	f->r.rip = vmi_stack_peek(c, &f->st, 0, size);
	f->r.cs = (uint16_t)vmi_stack_peek(c, &f->st, size, 2);
	f->flags = vmi_stack_peek(c, &f->st, 2 * size, size);
}

static void read_stack(struct vmi_cpu *c, struct frame *f)
{
	f->r.has_ss = true;
	vmi_stack_need(c, &f->st, 4 * f->size, 2);
	f->r.rsp = vmi_stack_peek(c, &f->st, 3 * f->size, f->size);
	f->r.ss = (uint16_t)vmi_stack_peek(c, &f->st, 4 * f->size, 2);
}

/* Real-address mode; also virtual-8086 mode, with the flags of `mask`. */
static void leave_real(struct vmi_cpu *c, struct frame *f, uint64_t mask)
{
	if (f->r.rip > c->seg[VMI_CS].limit)
		vmi_raise_code(c, VMI_GP, 0);
	f->st.sp += 3 * f->size;
	vmi_stack_commit(c, &f->st);
	vmi_seg_real(c, VMI_CS, f->r.cs);
	c->rip = f->r.rip;
	vmi_rflags_set(c, f->flags, mask);
}

static void iret_vm86(struct vmi_cpu *c, unsigned size)
{
	uint64_t mask = (size == 2 ? LOW16 : WIDE) & ~VMI_FLAG_IOPL;
	struct frame f;

	if (vmi_iopl(c) == 3) {
		read_frame(c, &f, size);
		leave_real(c, &f, mask);
		return;
	}
	if (size != 2 || !(c->cr4 & VMI_CR4_VME))
		vmi_raise_code(c, VMI_GP, 0);
	/* SDM 3A 20.3.2: VIF stands for IF. */
	read_frame(c, &f, size);
	if ((f.flags & VMI_FLAG_TF) || ((f.flags & VMI_FLAG_IF) &&
			(c->rflags & VMI_FLAG_VIP)))
		vmi_raise_code(c, VMI_GP, 0);
	f.flags |= f.flags & VMI_FLAG_IF ? VMI_FLAG_VIF : 0;
	leave_real(c, &f, (mask & ~VMI_FLAG_IF) | VMI_FLAG_VIF);
}

/* From CPL 0 to virtual-8086 mode: nine doublewords. */
static void to_vm86(struct vmi_cpu *c, struct frame *f)
{
	static const uint8_t order[] = { VMI_ES, VMI_DS, VMI_FS, VMI_GS };
	uint16_t data[vmi_array_len(order)];
	unsigned i;

	for (i = 0; i < vmi_array_len(order); i++)
		vmi_stack_need(c, &f->st, 20 + 4 * i, 2);
	read_stack(c, f);
	for (i = 0; i < vmi_array_len(order); i++)
		data[i] = (uint16_t)vmi_stack_peek(c, &f->st, 20 + 4 * i, 2);
	if (f->r.rip > 0xffff)
		vmi_raise_code(c, VMI_GP, 0);
	vmi_rflags_set(c, f->flags, VMI_FLAGS_ALL & ~VMI_FLAG_ONE);
	c->cpl = 3;
	vmi_seg_real(c, VMI_CS, f->r.cs);
	vmi_seg_real(c, VMI_SS, f->r.ss);
	for (i = 0; i < vmi_array_len(order); i++)
		vmi_seg_real(c, order[i], data[i]);
	c->r[VMI_RSP] = (uint32_t)f->r.rsp;
	c->rip = f->r.rip;
}

/* NT is set: back to the task that called. */
static void to_task(struct vmi_cpu *c, uint64_t after)
{
	struct vmi_task t = { .kind = VMI_TASK_IRET, .return_rip = after };
	struct vmi_desc d;
	uint32_t code;

	t.selector = (uint16_t)vmi_sys_read(c,
		vmi_sys_linear(c, c->seg[VMI_TR].base), 2);
	code = VMI_SEL(t.selector);
	if (t.selector & VMI_SEL_TI)
		vmi_raise_code(c, VMI_TS, code);
	vmi_desc_get(c, t.selector, VMI_TS, 0, &d);
	if (vmi_desc_s(&d) || (vmi_desc_type(&d) & ~8u) != VMI_SYS_TSS16_BUSY)
		vmi_raise_code(c, VMI_TS, code);
	if (!vmi_desc_present(&d))
		vmi_raise_code(c, VMI_NP, code);
	vmi_task_switch(c, &t, &d);
}

/* Which flags a return at the current level may change. */
static uint64_t writable(const struct vmi_cpu *c, unsigned size)
{
	uint64_t mask = size == 2 ? LOW16 : WIDE;

	mask &= ~(VMI_FLAG_IF | VMI_FLAG_IOPL);
	if (c->cpl <= vmi_iopl(c))
		mask |= VMI_FLAG_IF;
	if (!c->cpl) {
		mask |= VMI_FLAG_IOPL;
		if (size != 2)
			mask |= VMI_FLAG_VIF | VMI_FLAG_VIP;
	}
	return mask;
}

static void iret_protected(struct vmi_cpu *c, struct frame *f)
{
	bool was_long = c->mode == 64;
	uint64_t mask = writable(c, f->size);

	vmi_return_cs(c, &f->r);
	if (was_long || VMI_RPL(f->r.cs) > c->cpl) {
		read_stack(c, f);
		vmi_return_ss(c, &f->r);
	}
	vmi_return_rip(c, &f->r);
	f->st.sp += 3 * f->size;
	vmi_return_commit(c, &f->r);
	if (!f->r.has_ss)
		vmi_stack_commit(c, &f->st);
	vmi_rflags_set(c, f->flags, mask);
}

void vmi_do_iret(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned size = vmi_op_size(op);
	struct frame f;

	/* Even one that faults: SDM 3A 6.7.1. */
	c->nmi_masked = false;
	if (vmi_vm86(c)) {
		iret_vm86(c, size);
		return;
	}
	if (!vmi_protected(c)) {
		read_frame(c, &f, size);
		leave_real(c, &f, size == 2 ? LOW16 : WIDE);
		return;
	}
	if (c->rflags & VMI_FLAG_NT) {
		if (vmi_long_mode(c))
			vmi_raise_code(c, VMI_GP, 0);
		to_task(c, vmi_after(c, op));
		return;
	}
	read_frame(c, &f, size);
	if (size == 4 && (f.flags & VMI_FLAG_VM) && !c->cpl &&
		!vmi_long_mode(c))
		to_vm86(c, &f);
	else
		iret_protected(c, &f);
}
