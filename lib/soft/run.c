/* SPDX-License-Identifier: MIT */
/*
 * The run loop of a software processor.
 *
 * Handlers call each other until something makes them return: the end of a
 * slice of instructions, an event from another thread, an instruction that
 * may have changed everything.  A fault, and an access that the application
 * has to answer, jump here out of the instruction with longjmp(), which has
 * changed nothing yet; c->op says which instruction it was.
 */
#include "lib/soft/run.h"

#include <vmapi/debug.h>

#include "lib/core/chipset.h"
#include "lib/core/posted.h"
#include "lib/core/region.h"
#include "lib/soft/block.h"
#include "lib/soft/branch.h"
#include "lib/soft/device.h"
#include "lib/soft/engine.h"
#include "lib/soft/event.h"
#include "lib/soft/exit.h"
#include "lib/soft/operand.h"
#include "lib/soft/simd.h"
#include "lib/soft/turn.h"
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

	if (c->exclusive)
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

static void slice_set(struct vmi_cpu *c, int64_t n)
{
	c->icount = vmi_retired(c);
	c->slice = c->budget = n;
	atomic_store_explicit(&c->stats.value[VMI_STAT_INSTRUCTIONS],
		c->icount, memory_order_relaxed);
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
	bool tf, btf;
	uint8_t shadow;
	uint64_t behind; /* where it goes on unless it is a branch */
};

/*
 * Whether a single-step trap follows: if the instruction began with TF (SDM
 * 3B 17.3.1.4), but not if it was INT n, which cleared TF on its way into the
 * handler, nor if it was MOV SS; with DEBUGCTL.BTF only if it was a branch
 * that was taken (17.4.3), which a branch to the very next instruction is not
 * here.
 */
static bool is_traced(const struct vmi_cpu *c, const struct before *was)
{
	return was->tf && !(c->shadow & 1) && !c->delivered &&
		!(was->btf && c->rip == was->behind);
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
		.btf = c->debugctl & VMI_DEBUGCTL_BTF, .shadow = c->shadow };
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
	was.behind = vmi_rip_mask(c, vmi_op_next_rip(c, op + 1));
	vmi_debug_begin(c);
	execute(c, op + 1);
	after_step(c, &was);
	return WENT_ON;
}

static bool attention(const struct vmi_cpu *c)
{
	return c->budget <= 0 || c->halted || c->shutdown || must_step(c) ||
		vmi_wants_delivery(c) ||
		atomic_load_explicit(&c->event, memory_order_relaxed);
}

/* Who raised an event may lift the floor when it has been seen to already. */
static void lower_floor(struct vmi_cpu *c)
{
	if (vmi_unlikely(atomic_load_explicit(&c->floor,
		memory_order_relaxed)) && !atomic_load(&c->event))
		vmi_event_clear(c, 0);
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
	if (vmi_wants_delivery(c) && !c->io.replay) {
		vmi_deliver_pending(v);
		vmi_dev_done(c);
		/* Another event comes before the handler's first instruction. */
		if (vmi_debug_delivered(c) || vmi_wants_delivery(c))
			return WENT_ON;
	}
	if (c->shutdown || c->halted || c->budget <= 0)
		return WENT_ON;
	if (must_step(c))
		return step(c);
	do {
		lower_floor(c);
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
	vmi_event_clear(&v->cpu, VMI_EVENT_EOI);
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
	atomic_store(&v->sleeping, 1);
	if (!atomic_load(&v->cpu.event))
		vmi_sys->poll(fds, n, -1);
	atomic_store(&v->sleeping, 0);
	if (fds[0].revents)
		vmi_sys->read(v->wake, &drain, sizeof(drain));
	if (n == 2 && fds[1].revents)
		vmi_vm_service(vm);
}

static void rest(struct soft_vcpu *v)
{
	vmi_count(&v->cpu.stats, VMI_STAT_HALT_EXITS);
	vmi_gate_leave(&v->vcpu);
	if (v->cpu.vm->turns.on)
		vmi_turn_idle(v);
	else
		sleep_halted(v);
	vmi_gate_enter(&v->vcpu);
	look_at_maps(v);
}

/* Kicks, the gate, INIT, controllers.  True: exit. */
static bool look_at_events(struct soft_vcpu *v, struct vmapi_exit *x)
{
	struct vmi_cpu *c = &v->cpu;
	unsigned events = atomic_load(&c->event);

	if (events & VMI_EVENT_PROD) {
		vmi_event_clear(c, VMI_EVENT_PROD);
		vmi_gate_leave(&v->vcpu);
		vmi_gate_enter(&v->vcpu);
		look_at_maps(v);
	}
	if (events & VMI_EVENT_TURN)
		vmi_event_clear(c, VMI_EVENT_TURN);
	if (events & VMI_EVENT_CODE)
		vmi_mail_read(c);
	if ((events & VMI_EVENT_EOI) && exit_eoi(v, x))
		return true;
	if (events & VMI_EVENT_NMI)
		vmi_look_at_nmi(c);
	if (events & VMI_EVENT_SMI) {
		vmi_event_clear(c, VMI_EVENT_SMI);
		c->smi_pending = true;
	}
	if (events & VMI_EVENT_IRQ) {
		vmi_event_clear(c, VMI_EVENT_IRQ);
		c->irq_pending = true;
	}
	if (events & VMI_EVENT_TPR) {
		vmi_event_clear(c, VMI_EVENT_TPR);
		x->u.tpr.cr8 = c->cr8;
		return exit_with(x, VMAPI_EXIT_TPR);
	}
	if (events & (VMI_EVENT_INIT | VMI_EVENT_SIPI))
		vmi_look_at_init(v, events);
	return vmi_exit_asked(c, events, x);
}

/* At a boundary, before running on.  True: exit. */
static bool boundary(struct soft_vcpu *v, struct vmapi_exit *x)
{
	struct vmi_cpu *c = &v->cpu;

	if (c->shutdown)
		return exit_with(x, VMAPI_EXIT_SHUTDOWN);
	/* A step over HLT ends with that exit alone. */
	if (!(c->halted && !c->vm->pc) && vmi_debug_exit(c, x))
		return true;
	if (look_at_events(v, x))
		return true;
	if (c->window_wanted && vmi_can_interrupt(c) && c->injected < 0) {
		c->window_wanted = false;
		return exit_with(x, VMAPI_EXIT_IRQ_WINDOW);
	}
	if (c->mp_state != VMAPI_X86_MP_RUNNABLE) {
		rest(v);
		return false;
	}
	if (c->halted && !vmi_wants_delivery(c)) {
		if (!c->vm->pc) {
			c->halted = false;
			vmi_debug_forget(c);
			x->flags |= VMAPI_EXIT_RETIRED;
			return exit_with(x, VMAPI_EXIT_HALT);
		}
		rest(v);
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

	if (v->cpu.vm->turns.on)
		vmi_turn_account(v);
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

/* Its one access was all that the instruction had to do, and it was done. */
static void retire_plain(struct vmi_cpu *c)
{
	const struct vmi_io_entry *e = &c->io.entry[0];

	if (!e->is_write)
		vmi_reg_set(c, VMI_RAX, e->value, e->bytes);
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

static void pass_turn(struct soft_vcpu *v)
{
	vmi_gate_leave(&v->vcpu);
	vmi_turn_pass(v);
	vmi_gate_enter(&v->vcpu);
	look_at_maps(v);
}

static int64_t slice_of(struct soft_vcpu *v, uint64_t left)
{
	if (left > SLICE)
		left = SLICE;
	return v->cpu.vm->turns.on ? vmi_turn_slice(v, left) : (int64_t)left;
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
		if (c->vm->turns.on && !c->in_turn)
			continue; /* kicked out of its wait */
		if (c->mp_state != VMAPI_X86_MP_RUNNABLE ||
			(c->halted && !vmi_wants_delivery(c)))
			continue;
		left = end - vmi_retired(c);
		if (left == 0 && !c->fault_pending && !vmi_can_trap(c)) {
			exit_with(x, VMAPI_EXIT_LIMIT);
			return;
		}
		if (c->vm->turns.on && c->vm->turns.left <= 0) {
			pass_turn(v);
			continue;
		}
		slice_set(c, slice_of(v, left));
		vmi_dev_done(c); /* the log tells executions by the budget */
		if (after_guest(v, guest(v), x))
			return;
		if (c->budget <= 0 || c->vm->turns.on)
			look_at_clock(v);
	}
}

static void count_exit(struct vmi_cpu *c, const struct vmapi_exit *x)
{
	static const uint8_t kinds[] = {
		[VMAPI_EXIT_IO] = VMI_STAT_IO_EXITS,
		[VMAPI_EXIT_MMIO] = VMI_STAT_MMIO_EXITS,
		[VMAPI_EXIT_MSR] = VMI_STAT_MSR_EXITS,
		[VMAPI_EXIT_HYPERCALL] = VMI_STAT_HYPERCALLS,
		[VMAPI_EXIT_HALT] = VMI_STAT_HALT_EXITS,
	};

	vmi_count(&c->stats, VMI_STAT_EXITS);
	if (x->reason < vmi_array_len(kinds) && kinds[x->reason])
		vmi_count(&c->stats, kinds[x->reason]);
}

/* Between the gates. */
static void stay(struct soft_vcpu *v, uint64_t end, bool settle,
	struct vmapi_exit *x)
{
	struct vmi_cpu *c = &v->cpu;

	vmi_gate_enter(&v->vcpu);
	look_at_maps(v);
	vmi_simd_look_at_host(c);
	v->vcpu.inside = vmi_region_inside();
	vmi_debug_run(c);
	if (!finish_io(v, x)) {
		if (settle)
			exit_with(x, VMAPI_EXIT_SETTLED);
		else
			run_on(v, end, x);
	}
	slice_set(c, 0);
	v->vcpu.inside = NULL;
	vmi_gate_leave(&v->vcpu);
}

static void run(struct soft_vcpu *v, uint64_t limit, bool settle,
	struct vmapi_exit *x)
{
	struct vmi_cpu *c = &v->cpu;
	uint64_t before = vmi_retired(c);
	uint64_t end = limit ? before + limit : UINT64_MAX;

	x->reason = VMAPI_EXIT_NONE;
	x->flags = 0;
	x->native = 0;
	memset(&x->u, 0, sizeof(x->u));
	if (vmi_turn_take(v))
		stay(v, end, settle, x);
	else /* kicked out of its wait, outside the gate: the rest is for later */
		(void)vmi_exit_asked(c, atomic_load(&c->event), x);
	vmi_turn_leave(v);
	if (vmi_posted_exists(v->vcpu.vm))
		vmi_posted_deliver(v->vcpu.vm);
	x->flags |= VMAPI_EXIT_COUNTED | (c->smm ? VMAPI_EXIT_SMM : 0);
	x->retired = vmi_retired(c) - before;
	count_exit(c, x);
}

int vmi_soft_run(struct vmapi_vcpu *vcpu, uint64_t limit,
	struct vmapi_exit *exit)
{
	vcpu->ran = true;
	run(vmi_soft_vcpu(vcpu), limit, false, exit);
	return 0;
}

int vmi_soft_settle(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	run(vmi_soft_vcpu(vcpu), 0, true, exit);
	return 0;
}
