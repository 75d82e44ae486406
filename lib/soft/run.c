/* SPDX-License-Identifier: MIT */
/*
 * The run loop of a software processor.
 *
 * Handlers call each other until something makes them return: the end of a
 * slice of instructions, an event from another thread, an instruction that
 * may have changed everything.  A fault, and an access that the application
 * has to answer, jump here out of the instruction with longjmp(), which has
 * changed nothing yet; c->op says which instruction it was.
 *
 * What an instruction boundary looks for, in the order of SDM 3A table 6-2:
 * the pending fault, INIT and SIPI, traps of the instruction before, NMI,
 * interrupts, then the instruction.
 */
#include "lib/soft/run.h"

#include <vmapi/debug.h>

#include "lib/core/chipset.h"
#include "lib/core/posted.h"
#include "lib/soft/block.h"
#include "lib/soft/branch.h"
#include "lib/soft/device.h"
#include "lib/soft/engine.h"
#include "lib/soft/exit.h"
#include "lib/soft/pc.h"
#include "lib/sys/sys.h"

/* Instructions between two looks at the clock: some tens of microseconds. */
#define SLICE 10000

/* What guest() came back with, beside enum vmi_leave. */
#define WENT_ON	   0
#define NO_CODE	   16 /* the fetch is not from RAM */

/* -- Out of an instruction ---------------------------------------------- */

void vmi_leave(struct vmi_cpu *c, enum vmi_leave why)
{
	longjmp(c->leave, (int)why);
}

static vmi_noreturn void raise_fault(struct vmi_cpu *c, struct vmi_fault f)
{
	c->fault = f;
	vmi_leave(c, VMI_LEAVE_FAULT);
}

void vmi_raise(struct vmi_cpu *c, unsigned vector)
{
	raise_fault(c, (struct vmi_fault){ .vector = (uint8_t)vector });
}

void vmi_raise_code(struct vmi_cpu *c, unsigned vector, uint32_t code)
{
	raise_fault(c, (struct vmi_fault){ .vector = (uint8_t)vector,
		.has_code = true, .code = code });
}

void vmi_raise_page(struct vmi_cpu *c, uint32_t code, uint64_t linear)
{
	raise_fault(c, (struct vmi_fault){ .vector = VMI_PF, .has_code = true,
		.code = code, .cr2 = linear });
}

bool vmi_element_done(struct vmi_cpu *c)
{
	vmi_dev_done(c);
	return c->debug.one_element || c->debug.hits ||
		atomic_load_explicit(&c->event, memory_order_relaxed);
}

void vmi_again(struct vmi_cpu *c)
{
	vmi_leave(c, VMI_LEAVE_AGAIN);
}

/* Pages were taken from a dirty log: writes to them are to be seen again. */
static void look_at_log(struct soft_vcpu *v)
{
	unsigned now = atomic_load(&v->cpu.vm->log_generation);

	if (now == v->log_generation)
		return;
	v->log_generation = now;
	vmi_tlb_forget_writes(&v->cpu);
}

/* Maps and code may have changed while this vcpu was outside the gate. */
static void look_at_maps(struct soft_vcpu *v)
{
	struct soft_vm *vm = v->cpu.vm;
	unsigned now = atomic_load(&vm->map_generation);

	if (atomic_load(&v->cpu.event) & VMI_EVENT_CODE)
		vmi_mail_read(&v->cpu);
	look_at_log(v);
	if (now == v->map_generation)
		return;
	v->map_generation = now;
	vmi_tlb_flush(&v->cpu);
	vmi_code_flush(&v->cpu);
}

void vmi_exclusive_begin(struct vmi_cpu *c)
{
	struct vmapi_vcpu *vcpu = &vmi_cpu_vcpu(c)->vcpu;

	if (c->exclusive || vcpu->vm->n_vcpus < 2)
		return;
	vmi_gate_leave(vcpu);
	vmi_gate_close(vcpu->vm);
	c->exclusive = true;
	look_at_maps(vmi_cpu_vcpu(c));
}

void vmi_exclusive_end(struct vmi_cpu *c)
{
	struct soft_vcpu *v = vmi_cpu_vcpu(c);

	if (!c->exclusive)
		return;
	c->exclusive = false;
	vmi_gate_open(v->vcpu.vm);
	vmi_gate_enter(&v->vcpu);
	look_at_maps(v);
}

/* -- Counting ----------------------------------------------------------- */

static uint64_t retired(const struct vmi_cpu *c)
{
	return c->icount + (uint64_t)(c->slice - c->budget);
}

static void slice_set(struct vmi_cpu *c, int64_t n)
{
	c->icount = retired(c);
	c->slice = c->budget = n;
}

/*
 * The device accesses that an instruction made before it is executed again
 * have their answers.
 */
static void keep_answers(struct vmi_cpu *c)
{
	struct vmi_io *io = &c->io;

	if (io->instance[0] != (uint64_t)c->budget ||
		io->instance[1] != (uintptr_t)c->op)
		io->n = 0;
	io->replay = io->n > 0;
	io->cursor = 0;
}

/* The state as before the instruction that was left. */
static void undo(struct vmi_cpu *c, int why)
{
	if (why == VMI_LEAVE_ALONE) {
		keep_answers(c);
		c->delivering = false;
		c->debug.alone_next = true;
	}
	if (why != VMI_LEAVE_AGAIN)
		vmi_debug_undone(c);
	if (!c->op)
		return;
	c->rip = vmi_rip_mask(c, vmi_op_rip(c, c->op));
	c->budget += (int64_t)c->enter->imm - c->op->n;
	c->op = NULL;
}

/* -- Events ------------------------------------------------------------- */

void vmi_event_raise(struct soft_vcpu *v, unsigned events)
{
	static const uint64_t one = 1;

	atomic_fetch_or(&v->cpu.event, events);
	if (atomic_load(&v->sleeping))
		vmi_sys->write(v->wake, &one, sizeof(one));
}

static void event_clear(struct vmi_cpu *c, unsigned events)
{
	atomic_fetch_and(&c->event, ~events);
}

void vmi_soft_eoi(struct soft_vcpu *v, unsigned vector)
{
	v->eoi[vector / 64] |= 1ull << (vector % 64);
	vmi_event_raise(v, VMI_EVENT_EOI);
}

static bool is_blocked(const struct vmi_cpu *c)
{
	return c->debug.flags & VMAPI_DEBUG_BLOCK_IRQ;
}

static bool can_interrupt(const struct vmi_cpu *c)
{
	return (c->rflags & VMI_FLAG_IF) && !c->shadow;
}

/* One waits: queued by the application, or a controller's. */
static bool has_interrupt(const struct vmi_cpu *c)
{
	return c->injected >= 0 || (c->irq_pending && !is_blocked(c));
}

/* MOV SS holds off debug traps too: SDM 3A 6.8.3. */
static bool can_trap(const struct vmi_cpu *c)
{
	return c->trap_pending && !(c->shadow & 1);
}

/* STI holds them back for an instruction as MOV SS does: SDM 2B, STI. */
static bool can_nmi(const struct vmi_cpu *c)
{
	return c->nmi_pending && !c->nmi_masked && !c->shadow &&
		!is_blocked(c);
}

void vmi_nmi_raise(struct soft_vcpu *v)
{
	atomic_fetch_add(&v->cpu.nmi_arrived, 1);
	vmi_event_raise(v, VMI_EVENT_NMI);
}

/*
 * One is held behind the one being handled (SDM 3A 6.7.1).  Two that come
 * between two looks would have come to a real processor an instruction apart:
 * the first is taken, the second held.
 */
static void look_at_nmi(struct vmi_cpu *c)
{
	unsigned limit = c->nmi_masked ? 1 : 2;
	unsigned n;

	event_clear(c, VMI_EVENT_NMI);
	n = c->nmi_pending + atomic_exchange(&c->nmi_arrived, 0);
	c->nmi_pending = (uint8_t)(n < limit ? n : limit);
}

static void look_at_init(struct soft_vcpu *v, unsigned events)
{
	struct vmi_cpu *c = &v->cpu;

	if (events & VMI_EVENT_INIT) {
		event_clear(c, VMI_EVENT_INIT);
		vmi_pc_init_ipi(v);
		vmi_cpu_reset(c, true);
		c->halted = false;
		c->mp_state = v->vcpu.id ? VMAPI_X86_MP_INIT_RECEIVED :
			VMAPI_X86_MP_RUNNABLE;
	}
	if (events & VMI_EVENT_SIPI) {
		event_clear(c, VMI_EVENT_SIPI);
		if (c->mp_state != VMAPI_X86_MP_INIT_RECEIVED)
			return;
		/* SDM 3A 8.4.3: CS:IP is vector << 8 : 0. */
		c->seg[VMI_CS].selector = (uint16_t)(c->sipi_vector << 8);
		c->seg[VMI_CS].base = (uint64_t)c->sipi_vector << 12;
		c->r[VMI_R_SEG + VMI_CS] = c->seg[VMI_CS].base;
		c->rip = 0;
		c->mp_state = VMAPI_X86_MP_RUNNABLE;
		vmi_mode_changed(c);
	}
}

/* Deliver what is due before the next instruction.  May raise. */
static void deliver_pending(struct soft_vcpu *v)
{
	struct vmi_cpu *c = &v->cpu;
	struct vmi_event e = { .kind = VMI_EV_EXTERNAL };
	int vector;

	if (!c->fault_pending && can_trap(c)) {
		c->fault = (struct vmi_fault){ .vector = VMI_DB,
			.dr6 = c->dr6_pending };
		c->fault_pending = true;
		c->trap_pending = false;
		c->dr6_pending = 0;
	}
	if (c->fault_pending) {
		c->fault_pending = false;
		c->halted = false; /* the trap of a HLT ends it */
		vmi_deliver_fault(c);
		return;
	}
	if (can_nmi(c)) {
		c->nmi_pending--;
		c->nmi_masked = true;
		c->halted = false;
		e.kind = VMI_EV_NMI;
		e.vector = VMI_NMI;
		e.return_rip = c->rip;
		vmi_deliver(c, &e);
		return;
	}
	if (!can_interrupt(c) || !has_interrupt(c))
		return;
	vector = c->injected;
	c->injected = -1;
	if (vector < 0)
		vector = vmi_pc_acknowledge(v);
	if (vector < 0)
		return;
	c->halted = false;
	e.vector = (uint8_t)vector;
	e.return_rip = c->rip;
	vmi_deliver(c, &e);
}

static bool wants_delivery(const struct vmi_cpu *c)
{
	return c->fault_pending || can_trap(c) || can_nmi(c) ||
		(has_interrupt(c) && can_interrupt(c));
}

/* -- Instructions ------------------------------------------------------- */

static void execute(struct vmi_cpu *c, const struct vmi_op *op)
{
#if VMI_CHAIN
	op->run(c, op, 0);
#else
	while (op)
		op = op->run(c, op, c->acc);
#endif
}

/* One instruction at a time: shadows, single steps, what is half done. */
static bool must_step(const struct vmi_cpu *c)
{
	return c->shadow || (c->rflags & (VMI_FLAG_TF | VMI_FLAG_RF)) ||
		c->io.replay || c->debug.alone_next ||
		(c->debug.flags & VMAPI_DEBUG_STEP) ||
		((c->key & VMI_KEY_BREAK) && vmi_debug_at_point(c)) ||
		(c->vm->vm.ctx->trace_mask & VMAPI_TRACE_INSN);
}

/* What the instruction began with. */
struct before {
	bool tf;
	uint8_t shadow;
};

/*
 * Whether a single-step trap follows: if the instruction began with TF (SDM
 * 3B 17.3.1.4), but not if it was INT n, which cleared TF on its way into the
 * handler, nor if it was MOV SS.
 */
static bool is_traced(const struct vmi_cpu *c, const struct before *was)
{
	return was->tf && !(c->shadow & 1) && !c->delivered;
}

static void after_step(struct vmi_cpu *c, const struct before *was)
{
	if (c->shadow == was->shadow)
		c->shadow = 0;
	vmi_dev_done(c);
	vmi_debug_done(c, is_traced(c, was));
}

/* A repeated instruction stopped after an element: a boundary as others. */
static void after_element(struct vmi_cpu *c)
{
	c->shadow = 0;
	vmi_debug_element_done(c);
}

static int step(struct vmi_cpu *c)
{
	struct before was = { .tf = c->rflags & VMI_FLAG_TF,
		.shadow = c->shadow };
	const struct vmi_op *op;

	if (vmi_debug_stops(c))
		return WENT_ON;
	op = vmi_block_step(c, 1);
	if (!op)
		return NO_CODE;
	/*
	 * The slice is this instruction: no block that a branch leads to can
	 * begin.  Its own `enter` is passed by, since no event may refuse it.
	 */
	c->slice -= c->budget - (int64_t)op->imm;
	c->budget = 0;
	c->enter = op;
	c->delivered = false;
	vmi_debug_begin(c);
	execute(c, op + 1);
	after_step(c, &was);
	return WENT_ON;
}

static bool attention(const struct vmi_cpu *c)
{
	return c->budget <= 0 || c->halted || c->shutdown || must_step(c) ||
		wants_delivery(c) ||
		atomic_load_explicit(&c->event, memory_order_relaxed);
}

static const struct vmi_op *next_block(struct vmi_cpu *c)
{
	const struct vmi_op *op = vmi_block_at(c);

	/* The slice ends inside: exactly there. */
	if (op && (int64_t)op->imm > c->budget)
		op = vmi_block_step(c, (unsigned)c->budget);
	return op;
}

/*
 * Run until something needs a decision.  Locals are not to be trusted after
 * the longjmp, so there are none that live across it.
 */
static int guest(struct soft_vcpu *v)
{
	struct vmi_cpu *c = &v->cpu;
	const struct vmi_op *op;
	int why = setjmp(c->leave);

	if (why) {
		if (why == VMI_LEAVE_EXIT && v->cpu.op)
			v->cpu.delivering = false; /* INT n comes again */
		undo(&v->cpu, why);
		return why;
	}
	if (c->io.replay && (c->delivering || c->arrival.due)) {
		vmi_deliver_again(c);
		vmi_dev_done(c);
		vmi_debug_delivered(c);
		return WENT_ON;
	}
	if (wants_delivery(c) && !c->io.replay) {
		deliver_pending(v);
		vmi_dev_done(c);
		vmi_debug_delivered(c);
		/* Another event comes before the handler's first instruction. */
		if (wants_delivery(c))
			return WENT_ON;
	}
	if (c->shutdown || c->halted || c->budget <= 0)
		return WENT_ON;
	if (must_step(c))
		return step(c);
	do {
		op = next_block(c);
		if (!op)
			return NO_CODE;
		execute(c, op);
	} while (!attention(c));
	return WENT_ON;
}

/* -- Exits -------------------------------------------------------------- */

static bool exit_with(struct vmapi_exit *x, unsigned reason)
{
	x->reason = reason;
	return true;
}

/* One at a time, before the guest goes on.  True: exit. */
static bool exit_eoi(struct soft_vcpu *v, struct vmapi_exit *x)
{
	unsigned vector;

	for (vector = 0; vector < 256; vector++) {
		uint64_t bit = 1ull << (vector % 64);

		if (!(v->eoi[vector / 64] & bit))
			continue;
		v->eoi[vector / 64] &= ~bit;
		x->reason = VMAPI_EXIT_EOI;
		x->u.eoi.vector = vector;
		return true;
	}
	event_clear(&v->cpu, VMI_EVENT_EOI);
	return false;
}

/* Sleep until an event, a timer of the VM's chips, or other work there. */
static void sleep_halted(struct soft_vcpu *v)
{
	struct vmapi_vm *vm = v->vcpu.vm;
	struct pollfd fds[2] = { { .fd = v->wake, .events = POLLIN } };
	uint64_t drain;
	unsigned n = 1;

	if (vm->chipset) {
		fds[1].fd = vmi_chipset_fd(vm);
		fds[1].events = POLLIN;
		n = 2;
	}
	vmi_gate_leave(&v->vcpu);
	atomic_store(&v->sleeping, 1);
	if (!atomic_load(&v->cpu.event))
		vmi_sys->poll(fds, n, -1);
	atomic_store(&v->sleeping, 0);
	if (fds[0].revents)
		vmi_sys->read(v->wake, &drain, sizeof(drain));
	if (n == 2 && fds[1].revents)
		vmi_vm_service(vm);
	vmi_gate_enter(&v->vcpu);
	look_at_maps(v);
}

/* Kicks, the gate, INIT, controllers.  True: exit. */
static bool look_at_events(struct soft_vcpu *v, struct vmapi_exit *x)
{
	struct vmi_cpu *c = &v->cpu;
	unsigned events = atomic_load(&c->event);

	if (events & VMI_EVENT_PROD) {
		event_clear(c, VMI_EVENT_PROD);
		vmi_gate_leave(&v->vcpu);
		vmi_gate_enter(&v->vcpu);
		look_at_maps(v);
	}
	if (events & VMI_EVENT_CODE)
		vmi_mail_read(c);
	if ((events & VMI_EVENT_EOI) && exit_eoi(v, x))
		return true;
	if (events & VMI_EVENT_NMI)
		look_at_nmi(c);
	if (events & VMI_EVENT_IRQ) {
		event_clear(c, VMI_EVENT_IRQ);
		c->irq_pending = true;
	}
	if (events & (VMI_EVENT_INIT | VMI_EVENT_SIPI))
		look_at_init(v, events);
	if (events & VMI_EVENT_KICK) {
		event_clear(c, VMI_EVENT_KICK);
		return exit_with(x, VMAPI_EXIT_KICK);
	}
	return false;
}

/* At a boundary, before running on.  True: exit. */
static bool boundary(struct soft_vcpu *v, struct vmapi_exit *x)
{
	struct vmi_cpu *c = &v->cpu;

	if (c->shutdown)
		return exit_with(x, VMAPI_EXIT_SHUTDOWN);
	if (vmi_debug_exit(c, x))
		return true;
	if (look_at_events(v, x))
		return true;
	if (c->window_wanted && can_interrupt(c) && c->injected < 0) {
		c->window_wanted = false;
		return exit_with(x, VMAPI_EXIT_IRQ_WINDOW);
	}
	if (c->mp_state != VMAPI_X86_MP_RUNNABLE) {
		sleep_halted(v);
		return false;
	}
	if (c->halted && !wants_delivery(c)) {
		if (!c->vm->pc) {
			c->halted = false;
			x->flags |= VMAPI_EXIT_RETIRED;
			return exit_with(x, VMAPI_EXIT_HALT);
		}
		sleep_halted(v);
	}
	return false;
}

/* Outside the gate: what is served may be the application's. */
static void step_out(struct soft_vcpu *v, void (*serve)(struct vmapi_vm *))
{
	vmi_gate_leave(&v->vcpu);
	serve(v->vcpu.vm);
	vmi_gate_enter(&v->vcpu);
	look_at_maps(v);
}

static void look_at_clock(struct soft_vcpu *v)
{
	struct vmapi_vm *vm = v->vcpu.vm;

	if (vm->chipset && vmi_chipset_is_due(vm, vmi_soft_clock(vm)))
		step_out(v, vmi_vm_service);
}

/* What guest() said.  True: exit. */
static bool after_guest(struct soft_vcpu *v, int why, struct vmapi_exit *x)
{
	struct vmi_cpu *c = &v->cpu;

	vmi_exclusive_end(c);
	switch (why) {
	case VMI_LEAVE_FAULT:
		vmi_dev_done(c);
		c->fault_pending = true;
		return false;
	case VMI_LEAVE_AGAIN:
		after_element(c);
		return false;
	case VMI_LEAVE_EXIT:
		vmi_exit_io(v, x);
		return true;
	case VMI_LEAVE_REPLAY:
		c->io.replay = true;
		step_out(v, vmi_posted_deliver);
		return false;
	case NO_CODE:
		vmi_exit_no_code(c, x);
		return true;
	default:
		return false;
	}
}

/* Whether somebody wants to hear of the instruction that completes. */
static bool is_watched(const struct vmi_cpu *c)
{
	return c->debug.armed || c->debug.alone_next || c->shadow ||
		(c->debug.flags & VMAPI_DEBUG_STEP) ||
		(c->rflags & (VMI_FLAG_TF | VMI_FLAG_RF)) ||
		(c->vm->vm.ctx->trace_mask & VMAPI_TRACE_INSN);
}

/* A store was all that the instruction had to do, and it was done. */
static void retire_plain(struct vmi_cpu *c)
{
	c->rip = vmi_rip_mask(c, c->rip + c->io.plain);
	slice_set(c, 1);
	c->budget = 0;
	vmi_dev_done(c);
}

/* Execute the instruction that an answer was for.  True: another exit. */
static bool finish_io(struct soft_vcpu *v, struct vmapi_exit *x)
{
	struct vmi_cpu *c = &v->cpu;

	vmi_exit_answered(c);
	if (c->io.replay && c->io.plain && !is_watched(c))
		retire_plain(c);
	while (c->io.replay && !c->fault_pending) {
		slice_set(c, 1);
		if (after_guest(v, guest(v), x))
			return true;
	}
	return false;
}

static void run_on(struct soft_vcpu *v, uint64_t end, struct vmapi_exit *x)
{
	struct vmi_cpu *c = &v->cpu;
	uint64_t left;

	for (;;) {
		if (c->io.replay && finish_io(v, x))
			return;
		if (boundary(v, x))
			return;
		if (c->mp_state != VMAPI_X86_MP_RUNNABLE ||
			(c->halted && !wants_delivery(c)))
			continue;
		left = end - retired(c);
		if (left == 0 && !c->fault_pending && !can_trap(c)) {
			exit_with(x, VMAPI_EXIT_LIMIT);
			return;
		}
		slice_set(c, left < SLICE ? (int64_t)left : SLICE);
		vmi_dev_done(c); /* the log tells executions by the budget */
		if (after_guest(v, guest(v), x))
			return;
		if (c->budget <= 0)
			look_at_clock(v);
	}
}

static void run(struct soft_vcpu *v, uint64_t limit, bool settle,
	struct vmapi_exit *x)
{
	struct vmi_cpu *c = &v->cpu;
	uint64_t before = retired(c);
	uint64_t end = limit ? before + limit : UINT64_MAX;

	x->reason = VMAPI_EXIT_NONE;
	x->flags = 0;
	x->native = 0;
	memset(&x->u, 0, sizeof(x->u));
	vmi_gate_enter(&v->vcpu);
	look_at_maps(v);
	vmi_debug_run(c);
	if (!finish_io(v, x)) {
		if (settle)
			exit_with(x, VMAPI_EXIT_SETTLED);
		else
			run_on(v, end, x);
	}
	slice_set(c, 0);
	vmi_gate_leave(&v->vcpu);
	vmi_posted_deliver(v->vcpu.vm);
	x->flags |= VMAPI_EXIT_COUNTED;
	x->retired = retired(c) - before;
}

int vmi_soft_run(struct vmapi_vcpu *vcpu, uint64_t limit,
	struct vmapi_exit *exit)
{
	run(vmi_soft_vcpu(vcpu), limit, false, exit);
	return 0;
}

int vmi_soft_settle(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	run(vmi_soft_vcpu(vcpu), 0, true, exit);
	return 0;
}
