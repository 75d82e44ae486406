/* SPDX-License-Identifier: MIT */
/* Far CALL, JMP and RET: SDM 2 and SDM 3A 5.8. */
#include "lib/soft/system.h"

struct far {
	uint64_t rip;
	uint64_t after; /* RIP of the next instruction */
	uint16_t cs;
	unsigned size; /* of the operand, in bytes */
	bool call;
};

static struct far far_operand(struct vmi_cpu *c, const struct vmi_op *op,
	bool call)
{
	struct far f = {
		.size = vmi_op_size(op),
		.after = vmi_after(c, op),
		.call = call,
	};
	uint64_t at;

	if (op->bits & VMI_OPF_MEM) {
		at = vmi_ea(c, op);
		f.rip = vmi_read(c, at, f.size);
		f.cs = (uint16_t)vmi_read(c, (at + f.size) & c->amask, 2);
	} else {
		f.rip = f.size == 2 ? op->imm & 0xffff : (uint32_t)op->imm;
		f.cs = (uint16_t)op->disp;
	}
	return f;
}

void vmi_check_target(struct vmi_cpu *c, const struct vmi_desc *d,
	uint64_t rip, uint32_t code)
{
	if (vmi_desc_long(c, d) ? !vmi_canonical(rip) :
		rip > vmi_desc_limit(d))
		vmi_raise_code(c, VMI_GP, code);
}

static void push_return(struct vmi_cpu *c, struct vmi_stack *st,
	const struct far *f)
{
	vmi_stack_push(c, st, c->seg[VMI_CS].selector, f->size);
	vmi_stack_push(c, st, f->after, f->size);
}

static void far_real(struct vmi_cpu *c, const struct far *f)
{
	struct vmi_stack st;

	if (f->call) {
		vmi_stack_current(c, &st, 0);
		vmi_stack_room(c, &st, 2, f->size);
	}
	if (f->rip > c->seg[VMI_CS].limit)
		vmi_raise_code(c, VMI_GP, 0);
	if (f->call) {
		vmi_stack_probe(c, &st, 2, f->size);
		push_return(c, &st, f);
		vmi_stack_commit(c, &st);
	}
	vmi_seg_real(c, VMI_CS, f->cs);
	c->rip = f->rip;
}

/* A 64-bit code segment has D clear; #GP(selector) else. */
static void check_long(struct vmi_cpu *c, const struct vmi_desc *d,
	uint16_t selector)
{
	if (vmi_desc_long(c, d) && (d->hi & 0x400000u))
		vmi_raise_code(c, VMI_GP, VMI_SEL(selector));
}

/*
 * Into code that is executed at this level.  The stack of a call into 64-bit
 * code is that code's: RSP, without a segment.
 */
static void enter_code(struct vmi_cpu *c, const struct far *f,
	struct vmi_desc *d)
{
	uint64_t rip = f->rip;
	struct vmi_stack st;

	if (!vmi_desc_long(c, d))
		rip &= UINT32_MAX;
	if (f->call) {
		vmi_stack_current(c, &st, 0);
		if (vmi_desc_long(c, d))
			st.mask = ~0ull;
		vmi_stack_room(c, &st, 2, f->size);
	}
	vmi_check_target(c, d, rip, 0);
	if (f->call)
		vmi_stack_probe(c, &st, 2, f->size);
	vmi_desc_touch(c, d);
	if (f->call) {
		push_return(c, &st, f);
		vmi_stack_commit(c, &st);
	}
	vmi_seg_code(c, f->cs, d, c->cpl);
	c->rip = rip;
}

/* The target is a code segment of the same privilege, or a conforming one. */
static void far_code(struct vmi_cpu *c, const struct far *f,
	struct vmi_desc *d)
{
	uint32_t code = VMI_SEL(f->cs);

	check_long(c, d, f->cs);
	if (vmi_desc_conforming(d) ? vmi_desc_dpl(d) > c->cpl :
		VMI_RPL(f->cs) > c->cpl || vmi_desc_dpl(d) != c->cpl)
		vmi_raise_code(c, VMI_GP, code);
	if (!vmi_desc_present(d))
		vmi_raise_code(c, VMI_NP, code);
	enter_code(c, f, d);
}

/*
 * A call gate to an inner level: SDM 2 "CALL", more-privilege.  `f` is the
 * target that the gate names; the gate's size is that of the pushes.
 */
static void gate_inner(struct vmi_cpu *c, const struct far *f,
	struct vmi_desc *d, unsigned params)
{
	unsigned dpl = vmi_desc_dpl(d);
	uint64_t param[31];
	struct vmi_inner in;
	struct vmi_stack old;
	unsigned i;

	vmi_inner_stack(c, dpl, 0, &in);
	vmi_stack_room(c, &in.st, params + 4, f->size);
	vmi_check_target(c, d, f->rip, 0);
	vmi_stack_current(c, &old, 0);
	for (i = 0; i < params; i++)
		param[i] = vmi_stack_peek(c, &old, i * f->size, f->size);
	vmi_stack_probe(c, &in.st, params + 4, f->size);
	vmi_desc_touch(c, d);
	if (in.st.mask != ~0ull)
		vmi_desc_touch(c, &in.d);
	vmi_stack_push(c, &in.st, c->seg[VMI_SS].selector, f->size);
	vmi_stack_push(c, &in.st, c->r[VMI_RSP], f->size);
	while (i--)
		vmi_stack_push(c, &in.st, param[i], f->size);
	push_return(c, &in.st, f);
	vmi_seg_code(c, f->cs, d, dpl);
	vmi_inner_commit(c, &in, dpl);
	c->rip = f->rip;
}

/* The gate's own checks; its target into *f. */
static void gate_open(struct vmi_cpu *c, struct far *f, struct vmi_desc *gate)
{
	uint32_t code = VMI_SEL(f->cs);
	bool small = vmi_desc_type(gate) == VMI_SYS_CALL16;

	if (vmi_desc_dpl(gate) < c->cpl ||
		VMI_RPL(f->cs) > vmi_desc_dpl(gate))
		vmi_raise_code(c, VMI_GP, code);
	if (!vmi_desc_present(gate))
		vmi_raise_code(c, VMI_NP, code);
	f->rip = gate->lo & 0xffff;
	if (!small)
		f->rip |= gate->hi & 0xffff0000u;
	f->size = small ? 2 : 4;
	if (vmi_long_mode(c)) {
		/* SDM 3A 5.8.3.1: the type field of the upper half is 0. */
		if (!vmi_desc_wide(c, f->cs, gate) || (gate->top & 0x1f00))
			vmi_raise_code(c, VMI_GP, code);
		f->rip |= (uint64_t)gate->upper << 32;
		f->size = 8;
	}
	f->cs = (uint16_t)(gate->lo >> 16);
}

static void far_gate(struct vmi_cpu *c, struct far *f, struct vmi_desc *gate)
{
	unsigned params = gate->hi & 0x1f;
	struct vmi_desc d;
	uint32_t code;
	bool inner;

	gate_open(c, f, gate);
	code = VMI_SEL(f->cs);
	if (!code)
		vmi_raise_code(c, VMI_GP, 0);
	vmi_desc_get(c, f->cs, VMI_GP, 0, &d);
	if (!vmi_desc_is_code(&d) || vmi_desc_dpl(&d) > c->cpl)
		vmi_raise_code(c, VMI_GP, code);
	if (vmi_long_mode(c) && (d.hi & 0x600000u) != 0x200000u)
		vmi_raise_code(c, VMI_GP, code);
	inner = !vmi_desc_conforming(&d) && vmi_desc_dpl(&d) < c->cpl;
	if (inner && !f->call)
		vmi_raise_code(c, VMI_GP, code);
	if (!vmi_desc_present(&d))
		vmi_raise_code(c, VMI_NP, code);
	if (inner)
		gate_inner(c, f, &d, vmi_long_mode(c) ? 0 : params);
	else
		enter_code(c, f, &d);
}

/* A task state segment, or a gate to one: `code` is named in errors. */
static void far_task(struct vmi_cpu *c, const struct far *f,
	struct vmi_desc *d)
{
	bool gate = vmi_desc_type(d) == VMI_SYS_TASK;
	struct vmi_task t = {
		.kind = f->call ? VMI_TASK_CALL : VMI_TASK_JMP,
		.selector = f->cs,
		.return_rip = f->after,
	};

	if (vmi_desc_dpl(d) < c->cpl || vmi_desc_dpl(d) < VMI_RPL(f->cs))
		vmi_raise_code(c, VMI_GP, VMI_SEL(f->cs));
	if (!gate && (vmi_desc_type(d) & VMI_SYS_BUSY))
		vmi_raise_code(c, VMI_GP, VMI_SEL(f->cs));
	if (!gate && (f->cs & VMI_SEL_TI))
		vmi_raise_code(c, VMI_GP, VMI_SEL(f->cs));
	if (!vmi_desc_present(d))
		vmi_raise_code(c, VMI_NP, VMI_SEL(f->cs));
	if (gate) {
		t.selector = (uint16_t)(d->lo >> 16);
		vmi_task_find(c, t.selector, 0, d);
	}
	vmi_task_switch(c, &t, d);
}

static void far_system(struct vmi_cpu *c, struct far *f, struct vmi_desc *d)
{
	bool legacy = !vmi_long_mode(c);
	unsigned type = vmi_desc_type(d);

	if (type == VMI_SYS_CALL || (legacy && type == VMI_SYS_CALL16))
		far_gate(c, f, d);
	else if (legacy && (type == VMI_SYS_TASK ||
			(type & ~(8u | VMI_SYS_BUSY)) == VMI_SYS_TSS16))
		far_task(c, f, d);
	else
		vmi_raise_code(c, VMI_GP, VMI_SEL(f->cs));
}

static void far_transfer(struct vmi_cpu *c, struct far *f)
{
	struct vmi_desc d;

	if (!vmi_protected(c)) {
		far_real(c, f);
		return;
	}
	if (!VMI_SEL(f->cs))
		vmi_raise_code(c, VMI_GP, 0);
	vmi_desc_get(c, f->cs, VMI_GP, 0, &d);
	if (vmi_desc_is_code(&d))
		far_code(c, f, &d);
	else if (!vmi_desc_s(&d))
		far_system(c, f, &d);
	else
		vmi_raise_code(c, VMI_GP, VMI_SEL(f->cs));
}

void vmi_do_call_far(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct far f = far_operand(c, op, true);

	far_transfer(c, &f);
}

void vmi_do_jmp_far(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct far f = far_operand(c, op, false);

	far_transfer(c, &f);
}

void vmi_return_cs(struct vmi_cpu *c, struct vmi_return *r)
{
	uint32_t code = VMI_SEL(r->cs);
	unsigned rpl = VMI_RPL(r->cs);
	struct vmi_desc *d = &r->cs_desc;

	if (!code)
		vmi_raise_code(c, VMI_GP, 0);
	vmi_desc_get(c, r->cs, VMI_GP, 0, d);
	if (!vmi_desc_is_code(d))
		vmi_raise_code(c, VMI_GP, code);
	check_long(c, d, r->cs);
	if (rpl < c->cpl)
		vmi_raise_code(c, VMI_GP, code);
	if (vmi_desc_conforming(d) ? vmi_desc_dpl(d) > rpl :
		vmi_desc_dpl(d) != rpl)
		vmi_raise_code(c, VMI_GP, code);
	if (!vmi_desc_present(d))
		vmi_raise_code(c, VMI_NP, code);
}

void vmi_return_ss(struct vmi_cpu *c, struct vmi_return *r)
{
	uint32_t code = VMI_SEL(r->ss);
	unsigned rpl = VMI_RPL(r->cs);

	r->ss_null = !code;
	if (r->ss_null) {
		/* Legal only into 64-bit code, at its level, and not at 3. */
		if (!vmi_desc_long(c, &r->cs_desc) || rpl == 3 ||
			VMI_RPL(r->ss) != rpl)
			vmi_raise_code(c, VMI_GP, 0);
		return;
	}
	vmi_desc_get(c, r->ss, VMI_GP, 0, &r->ss_desc);
	if (VMI_RPL(r->ss) != rpl || !vmi_desc_writable(&r->ss_desc) ||
		vmi_desc_dpl(&r->ss_desc) != rpl)
		vmi_raise_code(c, VMI_GP, code);
	if (!vmi_desc_present(&r->ss_desc))
		vmi_raise_code(c, VMI_EXC_SS, code);
}

void vmi_return_rip(struct vmi_cpu *c, const struct vmi_return *r)
{
	vmi_check_target(c, &r->cs_desc, r->rip, 0);
}

void vmi_return_commit(struct vmi_cpu *c, struct vmi_return *r)
{
	unsigned rpl = VMI_RPL(r->cs);
	bool outer = rpl > c->cpl;

	vmi_desc_touch(c, &r->cs_desc);
	if (r->has_ss && !r->ss_null)
		vmi_desc_touch(c, &r->ss_desc);
	vmi_seg_code(c, r->cs, &r->cs_desc, rpl);
	if (r->has_ss) {
		if (r->ss_null)
			vmi_seg_null(c, VMI_SS, r->ss);
		else
			vmi_seg_stack(c, r->ss, &r->ss_desc);
		vmi_sp_load(c, r->rsp);
		/*
		 * A 16-bit stack's pointer is loaded alone; of what was above
		 * it the program sees 31:16, on Intel's processors.
		 */
		if (c->mode != 64)
			c->r[VMI_RSP] = (uint32_t)c->r[VMI_RSP];
	}
	if (outer)
		vmi_seg_drop(c);
	c->rip = r->rip;
}

static void ret_real(struct vmi_cpu *c, unsigned size, unsigned release)
{
	struct vmi_stack st;
	uint64_t rip;
	uint16_t cs;

	vmi_stack_current(c, &st, 0);
	vmi_stack_need(c, &st, size, 2);
	rip = vmi_stack_peek(c, &st, 0, size);
	cs = (uint16_t)vmi_stack_peek(c, &st, size, 2);
	if (rip > c->seg[VMI_CS].limit)
		vmi_raise_code(c, VMI_GP, 0);
	st.sp += 2 * size + release;
	vmi_stack_commit(c, &st);
	vmi_seg_real(c, VMI_CS, cs);
	c->rip = rip;
}

/*
 * imm: bytes of parameters to release.  Of a selector's slot processors read
 * the selector alone, here and in IRET.
 */
void vmi_do_ret_far(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned size = vmi_op_size(op), release = (unsigned)op->imm & 0xffff;
	struct vmi_return r = { .has_ss = false };
	struct vmi_stack st;

	if (!vmi_protected(c)) {
		ret_real(c, size, release);
		return;
	}
	vmi_stack_current(c, &st, 0);
	vmi_stack_need(c, &st, size, 2);
	r.rip = vmi_stack_peek(c, &st, 0, size);
	r.cs = (uint16_t)vmi_stack_peek(c, &st, size, 2);
	vmi_return_cs(c, &r);
	if (VMI_RPL(r.cs) > c->cpl) {
		r.has_ss = true;
		vmi_stack_need(c, &st, 3 * size + release, 2);
		r.rsp = vmi_stack_peek(c, &st, 2 * size + release, size);
		r.ss = (uint16_t)vmi_stack_peek(c, &st, 3 * size + release,
			2);
		vmi_return_ss(c, &r);
		vmi_return_rip(c, &r);
		r.rsp += release;
		vmi_return_commit(c, &r);
		return;
	}
	vmi_return_rip(c, &r);
	st.sp += 2 * size + release;
	vmi_return_commit(c, &r);
	/* By the stack size that it was popped with. */
	vmi_stack_commit(c, &st);
}
