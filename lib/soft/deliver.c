/* SPDX-License-Identifier: MIT */
/*
 * Delivery of interrupts and exceptions: SDM 3A chapter 6, SDM 2 "INT n".
 *
 * A delivery may fault, and then leaves by vmi_raise*() as an instruction
 * does.  c->delivering and c->previous say what was being delivered, for the
 * decision about double faults.  Software interrupts and external ones are
 * benign whatever their vector, so they go there as a benign vector.
 *
 * All of a frame is checked, and descriptors are marked accessed, before the
 * first word is pushed, and registers change last.  So a delivery that faults
 * leaves nothing, and one that has to wait for a device is simply begun again
 * when it has its answer: c->underway keeps the event, which nobody else
 * remembers by then.  A task switch that has come to the new task does not
 * begin again, but goes on there: c->arrival.
 */
#include "lib/soft/system.h"

#define BENIGN VMI_NMI

struct delivery {
	const struct vmi_event *ev;
	uint32_t ext;	 /* EXT bit of error codes: SDM 3A 6.13 */
	uint64_t flags;	 /* the image to be pushed */
	uint64_t rip;	 /* of the handler */
	uint16_t cs;
	unsigned size;	 /* of a pushed word: 2, 4, 8 */
	bool interrupt;	 /* the gate clears IF */
	struct vmi_desc d; /* of cs */
	uint8_t ist;
};

static bool is_software(const struct vmi_event *ev)
{
	return ev->kind == VMI_EV_INT || ev->kind == VMI_EV_INT3;
}

static uint32_t gate_code(const struct delivery *v)
{
	return (uint32_t)v->ev->vector * 8 + 2 + v->ext;
}

/* The interrupt table of real-address mode at linear `table`. */
static void through_ivt(struct vmi_cpu *c, const struct delivery *v,
	uint64_t table, uint64_t clear)
{
	struct vmi_stack st;
	uint64_t at = vmi_sys_linear(c, table + v->ev->vector * 4u);
	uint64_t entry;

	vmi_stack_current(c, &st, v->ext);
	vmi_stack_room(c, &st, 3, 2);
	entry = vmi_sys_read(c, at, 4);
	vmi_stack_probe(c, &st, 3, 2);
	vmi_stack_push(c, &st, v->flags, 2);
	vmi_stack_push(c, &st, c->seg[VMI_CS].selector, 2);
	vmi_stack_push(c, &st, v->ev->return_rip, 2);
	vmi_stack_commit(c, &st);
	vmi_rflags_set(c, 0, clear);
	vmi_seg_real(c, VMI_CS, (uint16_t)(entry >> 16));
	c->rip = entry & 0xffff;
}

static void deliver_real(struct vmi_cpu *c, const struct delivery *v)
{
	if (v->ev->vector * 4u + 3 > c->seg[VMI_IDTR].limit)
		vmi_raise_code(c, VMI_GP, gate_code(v));
	through_ivt(c, v, c->seg[VMI_IDTR].base,
		VMI_FLAG_IF | VMI_FLAG_TF | VMI_FLAG_AC | VMI_FLAG_RF);
}

/*
 * INT n in virtual-8086 mode, SDM 3A 20.3.3.  With CR4.VME and a clear bit
 * in the task's redirection map it goes to the program's own handler.
 */
static bool deliver_vm86(struct vmi_cpu *c, struct delivery *v)
{
	const struct vmapi_x86_segment *tr = &c->seg[VMI_TR];
	unsigned vector = v->ev->vector;
	uint32_t map;
	bool own = false;

	if (c->cr4 & VMI_CR4_VME) {
		if (tr->limit < 103)
			vmi_raise_code(c, VMI_GP, 0);
		map = (uint32_t)vmi_sys_read(c,
			vmi_sys_linear(c, tr->base + 102), 2);
		map += vector / 8;
		if (map < 32 || map - 32 > tr->limit)
			vmi_raise_code(c, VMI_GP, 0);
		own = !(vmi_sys_read(c, vmi_sys_linear(c, tr->base + map -
			32), 1) >> (vector & 7) & 1);
	}
	if (!own && vmi_iopl(c) < 3)
		vmi_raise_code(c, VMI_GP, 0);
	if (!own)
		return false;
	if (vmi_iopl(c) == 3) {
		through_ivt(c, v, 0,
			VMI_FLAG_IF | VMI_FLAG_TF | VMI_FLAG_RF);
		return true;
	}
	v->flags |= VMI_FLAG_IOPL;
	v->flags &= ~VMI_FLAG_IF;
	if (c->rflags & VMI_FLAG_VIF)
		v->flags |= VMI_FLAG_IF;
	through_ivt(c, v, 0, VMI_FLAG_VIF | VMI_FLAG_TF | VMI_FLAG_RF);
	return true;
}

/* The registers after every check has passed; CS:RIP are loaded already. */
static void finish(struct vmi_cpu *c, const struct delivery *v)
{
	uint64_t clear = VMI_FLAG_TF | VMI_FLAG_NT | VMI_FLAG_RF | VMI_FLAG_VM;

	if (v->interrupt)
		clear |= VMI_FLAG_IF;
	vmi_rflags_set(c, 0, clear);
}

/* Flags, CS, RIP and the error code, on any stack. */
static void push_frame(struct vmi_cpu *c, const struct delivery *v,
	struct vmi_stack *st)
{
	vmi_stack_push(c, st, v->flags, v->size);
	vmi_stack_push(c, st, c->seg[VMI_CS].selector, v->size);
	vmi_stack_push(c, st, v->ev->return_rip, v->size);
	if (v->ev->has_code)
		vmi_stack_push(c, st, v->ev->code, v->size);
}

static unsigned frame_words(const struct delivery *v)
{
	return v->ev->has_code ? 4 : 3;
}

static void same_level(struct vmi_cpu *c, struct delivery *v)
{
	struct vmi_stack st;

	vmi_stack_current(c, &st, v->ext);
	vmi_stack_room(c, &st, frame_words(v), v->size);
	vmi_check_target(c, &v->d, v->rip, v->ext);
	vmi_stack_probe(c, &st, frame_words(v), v->size);
	vmi_desc_touch(c, &v->d);
	push_frame(c, v, &st);
	vmi_stack_commit(c, &st);
	vmi_seg_code(c, v->cs, &v->d, c->cpl);
	c->rip = v->rip;
	finish(c, v);
}

/* An inner level of 16- or 32-bit protected mode. */
static void inner_level(struct vmi_cpu *c, struct delivery *v)
{
	static const uint8_t order[] = { VMI_GS, VMI_FS, VMI_DS, VMI_ES };
	bool from_vm86 = vmi_vm86(c);
	unsigned dpl = vmi_desc_dpl(&v->d);
	struct vmi_inner in;
	unsigned i, words;

	vmi_inner_stack(c, dpl, v->ext, &in);
	words = frame_words(v) + (from_vm86 ? 6 : 2);
	vmi_stack_room(c, &in.st, words, v->size);
	vmi_check_target(c, &v->d, v->rip, v->ext);
	vmi_stack_probe(c, &in.st, words, v->size);
	vmi_desc_touch(c, &v->d);
	vmi_desc_touch(c, &in.d);
	for (i = 0; from_vm86 && i < vmi_array_len(order); i++)
		vmi_stack_push(c, &in.st, c->seg[order[i]].selector, v->size);
	vmi_stack_push(c, &in.st, c->seg[VMI_SS].selector, v->size);
	vmi_stack_push(c, &in.st, c->r[VMI_RSP], v->size);
	push_frame(c, v, &in.st);
	finish(c, v);
	for (i = 0; from_vm86 && i < vmi_array_len(order); i++)
		vmi_seg_null(c, order[i], 0);
	vmi_seg_code(c, v->cs, &v->d, dpl);
	vmi_inner_commit(c, &in, dpl);
	c->rip = v->rip;
}

/* SDM 3A 6.14: SS:RSP always, on a stack aligned to 16 bytes. */
static void deliver_long(struct vmi_cpu *c, struct delivery *v)
{
	unsigned dpl = vmi_desc_dpl(&v->d);
	bool inner = !vmi_desc_conforming(&v->d) && dpl < c->cpl;
	unsigned cpl = inner ? dpl : c->cpl;
	struct vmi_stack st;

	vmi_stack_current(c, &st, v->ext);
	st.mask = ~0ull;
	st.system = inner;
	if (v->ist)
		st.sp = vmi_tss64_rsp(c, 28 + 8u * v->ist, v->ext);
	else if (inner)
		st.sp = vmi_tss64_rsp(c, 4 + 8 * dpl, v->ext);
	st.sp &= ~15ull;
	vmi_stack_room(c, &st, frame_words(v) + 2, 8);
	vmi_check_target(c, &v->d, v->rip, v->ext);
	vmi_stack_probe(c, &st, frame_words(v) + 2, 8);
	vmi_desc_touch(c, &v->d);
	vmi_stack_push(c, &st, c->seg[VMI_SS].selector, 8);
	vmi_stack_push(c, &st, c->r[VMI_RSP], 8);
	push_frame(c, v, &st);
	vmi_seg_code(c, v->cs, &v->d, cpl);
	if (inner)
		vmi_seg_null(c, VMI_SS, (uint16_t)cpl);
	c->r[VMI_RSP] = st.sp;
	c->rip = v->rip;
	finish(c, v);
}

/* The code segment that a gate names, and where that leads. */
static void through_gate(struct vmi_cpu *c, struct delivery *v)
{
	uint32_t code = VMI_SEL(v->cs) | v->ext;
	struct vmi_desc *d = &v->d;
	bool inner;

	if (!VMI_SEL(v->cs))
		vmi_raise_code(c, VMI_GP, v->ext);
	vmi_desc_get(c, v->cs, VMI_GP, v->ext, d);
	if (!vmi_desc_is_code(d) || vmi_desc_dpl(d) > c->cpl)
		vmi_raise_code(c, VMI_GP, code);
	if (vmi_long_mode(c) && (d->hi & 0x600000u) != 0x200000u)
		vmi_raise_code(c, VMI_GP, code);
	if (!vmi_desc_present(d))
		vmi_raise_code(c, VMI_NP, code);
	if (vmi_long_mode(c)) {
		deliver_long(c, v);
		return;
	}
	inner = !vmi_desc_conforming(d) && vmi_desc_dpl(d) < c->cpl;
	if (vmi_vm86(c) && (!inner || vmi_desc_dpl(d)))
		vmi_raise_code(c, VMI_GP, code);
	if (inner)
		inner_level(c, v);
	else
		same_level(c, v);
}

static void through_task(struct vmi_cpu *c, const struct delivery *v,
	uint16_t selector)
{
	struct vmi_task t = {
		.kind = VMI_TASK_CALL,
		.selector = selector,
		.ext = v->ext,
		.return_rip = v->ev->return_rip,
		.has_code = v->ev->has_code,
		.code = v->ev->code,
	};
	struct vmi_desc d;

	vmi_task_find(c, selector, v->ext, &d);
	vmi_task_switch(c, &t, &d);
}

static bool gate_type_ok(const struct vmi_cpu *c, uint32_t hi)
{
	unsigned type = (hi >> 8) & 31;

	if (type == VMI_SYS_INT || type == VMI_SYS_TRAP)
		return true;
	return !vmi_long_mode(c) && (type == VMI_SYS_INT16 ||
		type == VMI_SYS_TRAP16 || type == VMI_SYS_TASK);
}

static void deliver_protected(struct vmi_cpu *c, struct delivery *v)
{
	bool lm = vmi_long_mode(c);
	unsigned bytes = lm ? 16 : 8;
	uint32_t at = v->ev->vector * bytes;
	uint64_t linear = vmi_sys_linear(c, c->seg[VMI_IDTR].base + at);
	uint64_t gate;
	uint32_t hi;

	if (at + bytes - 1 > c->seg[VMI_IDTR].limit)
		vmi_raise_code(c, VMI_GP, gate_code(v));
	gate = vmi_sys_read(c, linear, 8);
	hi = (uint32_t)(gate >> 32);
	if (!gate_type_ok(c, hi))
		vmi_raise_code(c, VMI_GP, gate_code(v));
	if (is_software(v->ev) && ((hi >> 13) & 3) < c->cpl)
		vmi_raise_code(c, VMI_GP, gate_code(v));
	if (!(hi & 0x8000))
		vmi_raise_code(c, VMI_NP, gate_code(v));
	v->cs = (uint16_t)(gate >> 16);
	if (((hi >> 8) & 15) == VMI_SYS_TASK) {
		through_task(c, v, v->cs);
		return;
	}
	v->interrupt = !(hi & 0x100);
	v->size = lm ? 8 : hi & 0x800 ? 4 : 2;
	v->rip = gate & 0xffff;
	if (v->size != 2)
		v->rip |= hi & 0xffff0000u;
	if (lm) {
		v->ist = hi & 7;
		v->rip |= vmi_sys_read(c, vmi_sys_linear(c, linear + 8), 4)
			<< 32;
	}
	through_gate(c, v);
}

static void dispatch(struct vmi_cpu *c)
{
	const struct vmi_event *event = &c->underway;
	struct delivery v = {
		.ev = event,
		.ext = !is_software(event),
		.flags = c->underway_flags,
	};

	if (!(c->cr0 & VMI_CR0_PE))
		deliver_real(c, &v);
	else if (!vmi_vm86(c) || event->kind != VMI_EV_INT ||
		!deliver_vm86(c, &v))
		deliver_protected(c, &v);
}

static void delivered(struct vmi_cpu *c)
{
	c->delivering = false;
	c->delivered = true;
	c->shadow = 0;
	if (c->underway.kind == VMI_EV_NMI)
		c->nmi_masked = true;
}

static void count(struct vmi_cpu *c, const struct vmi_event *event)
{
	if (event->kind == VMI_EV_EXTERNAL)
		vmi_count(&c->stats, VMI_STAT_IRQ_INJECTIONS);
	if (event->kind == VMI_EV_NMI)
		vmi_count(&c->stats, VMI_STAT_NMI_INJECTIONS);
	if (event->kind != VMI_EV_EXCEPTION)
		return;
	vmi_count(&c->stats, VMI_STAT_EXCEPTIONS);
	if (event->vector == VMI_PF)
		vmi_count(&c->stats, VMI_STAT_PAGE_FAULTS);
}

static void deliver(struct vmi_cpu *c, const struct vmi_event *event,
	uint64_t flags)
{
	count(c, event);
	vmi_soft_trace_event(c, event);
	c->underway = *event;
	c->underway_flags = flags;
	c->delivering = true;
	c->previous = event->kind == VMI_EV_EXCEPTION ? event->vector : BENIGN;
	dispatch(c);
	delivered(c);
}

void vmi_deliver_again(struct vmi_cpu *c)
{
	if (c->arrival.due)
		vmi_task_arrive(c);
	else
		dispatch(c);
	if (c->delivering)
		delivered(c);
}

void vmi_deliver(struct vmi_cpu *c, const struct vmi_event *event)
{
	deliver(c, event, vmi_rflags(c));
}

/* SDM 3A table 6-4. */
enum fault_class { CLASS_BENIGN, CLASS_CONTRIBUTORY, CLASS_PAGE };

static enum fault_class fault_class(unsigned vector)
{
	if (vector == VMI_PF)
		return CLASS_PAGE;
	return vector == VMI_DE || (vector >= VMI_TS && vector <= VMI_GP) ?
		CLASS_CONTRIBUTORY : CLASS_BENIGN;
}

/* SDM 3A table 6-5: what `second` is while `first` was being delivered. */
static void combine(struct vmi_cpu *c, struct vmi_fault *second)
{
	enum fault_class was = fault_class(c->previous);
	enum fault_class is = fault_class(second->vector);

	if (is == CLASS_BENIGN)
		return;
	if (c->previous == VMI_DF) {
		c->shutdown = true;
	} else if (was == CLASS_PAGE ||
		(was == CLASS_CONTRIBUTORY && is == CLASS_CONTRIBUTORY)) {
		second->vector = VMI_DF;
		second->has_code = true;
		second->code = 0;
	}
}

/*
 * SDM 3B 17.3.1.1: whether the pushed image has RF set, whatever the flag is.
 * Not for #DB of an execution point, nor for traps.
 */
static bool sets_rf(const struct vmi_fault *f)
{
	if (f->vector == VMI_DB)
		return f->dr6 & VMI_DR6_BD;
	return f->vector != VMI_DF && f->vector != VMI_MC &&
		f->vector != VMI_BP && f->vector != VMI_OF;
}

void vmi_deliver_fault(struct vmi_cpu *c)
{
	struct vmi_fault f = c->fault;
	struct vmi_event ev = { .kind = VMI_EV_EXCEPTION };
	uint64_t flags = vmi_rflags(c);

	if (f.vector == VMI_PF && !f.keeps_cr2)
		c->cr2 = f.cr2;
	if (f.vector == VMI_DB) {
		/* B0 to B3 are this event's, the rest adds up. */
		c->dr[6] = (c->dr[6] & ~15ull) | f.dr6;
		c->dr[7] &= ~VMI_DR7_GD;
		c->debugctl &= ~(uint64_t)VMI_DEBUGCTL_BTF;
	}
	if (c->delivering)
		combine(c, &f);
	c->delivering = false;
	c->arrival.due = false;
	c->fault_pending = false;
	if (c->shutdown)
		return;
	ev.vector = f.vector;
	/* Real-address mode has no error codes: SDM 3A 20.1.4. */
	ev.has_code = f.has_code && (c->cr0 & VMI_CR0_PE);
	ev.code = f.code;
	ev.return_rip = c->rip;
	if (sets_rf(&f))
		flags |= VMI_FLAG_RF;
	deliver(c, &ev, flags);
}
