/* SPDX-License-Identifier: MIT */
/*
 * Deterministic VMs.
 *
 * One vcpu executes at a time.  It has the turn for TURN instructions, then
 * the next one in order of creation that has something to do; the others'
 * threads wait in their runs.  The turn is kept across an exit, so that what
 * the application does in answer happens between two instructions of the
 * whole VM, and always between the same two.
 *
 * Time is the number of instructions that were retired, a nanosecond each.
 * Slices end where the next chip is due, so that its interrupt comes after
 * exactly that instruction; an access that moves the deadline to before the
 * end of the slice ends it.  When no vcpu has anything to do, time jumps to
 * the next deadline.
 *
 * Nothing here depends on how blocks were cut: the end of a slice is exact,
 * and whatever an instruction raises for its own vcpu is looked at before the
 * next (device.c).  What other threads raise (kicks, lines, messages) comes
 * when they raise it; raised while an exit is handled, it has its place too.
 *
 * A vcpu that has nothing to do is `idle`, and is passed over until an event
 * of WAKES comes.  One that has, and whose thread is not in a run, is waited
 * for.  All that the holder alone touches is handed over with the turn, by
 * `holder` and the eventfd of the one who waits.
 */
#include "lib/soft/turn.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "lib/core/chipset.h"
#include "lib/soft/op.h"
#include "lib/soft/run.h"
#include "lib/sys/sys.h"

#define TURN 20000

/* Events that give a halted vcpu something to do. */
#define WAKES                                                                  \
	(VMI_EVENT_IRQ | VMI_EVENT_NMI | VMI_EVENT_INIT | VMI_EVENT_SIPI |    \
		VMI_EVENT_SMI)

static struct vmi_turns *turns_of(const struct soft_vcpu *v)
{
	return &v->cpu.vm->turns;
}

/* The clock of the VM stands; it is put on. */
static void publish(struct soft_vm *vm, uint64_t now)
{
	atomic_store_explicit(&vm->vm.clock_stood, now + 1,
		memory_order_release);
}

int vmi_turns_init(struct soft_vm *vm)
{
	struct vmi_turns *t = &vm->turns;

	t->wake = -1;
	t->on = vm->vm.config.flags & VMAPI_VM_DETERMINISTIC;
	t->left = TURN;
	if (!t->on)
		return 0;
	publish(vm, 0);
	t->wake = vmi_sys->eventfd(0, EFD_NONBLOCK);
	return t->wake < 0 ? vmi_fail(t->wake, "vm",
		"no descriptor for its turns") : 0;
}

void vmi_turns_fini(struct soft_vm *vm)
{
	if (vm->turns.wake >= 0)
		vmi_sys->close(vm->turns.wake);
}

/* -- Time --------------------------------------------------------------- */

/* Retired before the instruction in progress, wherever its block stands. */
static uint64_t retired_before(const struct vmi_cpu *c)
{
	uint64_t n = vmi_retired(c);

	if (c->op && c->enter && !c->delivering)
		n -= c->enter->imm - c->op->n;
	return n;
}

void vmi_turn_look(struct vmi_cpu *c)
{
	struct vmi_turns *t = &c->vm->turns;

	if (t->on && c->in_turn)
		publish(c->vm, t->clock + (retired_before(c) - t->mark));
}

void vmi_turn_account(struct soft_vcpu *v)
{
	struct vmi_turns *t = turns_of(v);
	uint64_t n = vmi_retired(&v->cpu);

	t->clock += n - t->mark;
	t->left -= (int64_t)(n - t->mark);
	t->mark = n;
	publish(v->cpu.vm, t->clock);
}

int64_t vmi_turn_slice(struct soft_vcpu *v, uint64_t n)
{
	struct vmi_turns *t = turns_of(v);
	uint64_t due = vmi_chipset_deadline(&v->cpu.vm->vm);

	if (t->left > 0 && n > (uint64_t)t->left)
		n = (uint64_t)t->left;
	if (due > t->clock && n > due - t->clock)
		n = due - t->clock;
	v->cpu.slice_end = t->clock + n;
	return (int64_t)n;
}

bool vmi_turn_is_late(const struct vmi_cpu *c)
{
	return c->vm->turns.on &&
		vmi_chipset_deadline(&c->vm->vm) < c->slice_end;
}

/* splitmix64's finalizer, of the place in the execution. */
uint64_t vmi_turn_random(struct vmi_cpu *c)
{
	uint64_t z = (retired_before(c) + 1) * 0x9e3779b97f4a7c15ull +
		c->index;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* -- Whose turn --------------------------------------------------------- */

static bool has_work(struct soft_vcpu *v)
{
	return !atomic_load(&v->idle) || atomic_load(&v->cpu.event) & WAKES;
}

enum whose { NOBODYS, OWN, ANOTHERS };

/*
 * Of those behind v in the order of creation, v the last; NULL: nobody.
 * Under gate_lock: it keeps who is found until he has the turn, and one that
 * goes gives it up after he has left the list (vmi_turn_forget()).
 */
static struct soft_vcpu *next_with_work(struct soft_vcpu *v)
{
	struct vmapi_vm *vm = v->vcpu.vm;
	struct vmapi_vcpu *at = &v->vcpu;
	unsigned n;

	for (n = 0; n < vm->n_vcpus; n++) {
		at = at->next ? at->next : vm->vcpus;
		if (has_work(vmi_soft_vcpu(at)))
			return vmi_soft_vcpu(at);
	}
	return NULL;
}

static bool somebody_has_work(struct soft_vcpu *v)
{
	struct vmapi_vm *vm = v->vcpu.vm;
	bool found;

	pthread_mutex_lock(&vm->gate_lock);
	found = next_with_work(v);
	pthread_mutex_unlock(&vm->gate_lock);
	return found;
}

/* Under gate_lock. */
static void give(struct vmi_turns *t, struct soft_vcpu *to)
{
	t->left = TURN;
	atomic_store(&t->holder, to);
	vmi_event_raise(to, VMI_EVENT_TURN);
}

/* Whose the turn is from now on; it stays where nobody else has work. */
static enum whose give_next(struct soft_vcpu *v)
{
	struct vmapi_vm *vm = v->vcpu.vm;
	enum whose whose = NOBODYS;
	struct soft_vcpu *next;

	pthread_mutex_lock(&vm->gate_lock);
	next = next_with_work(v);
	if (next)
		whose = next == v ? OWN : ANOTHERS;
	if (whose == ANOTHERS)
		give(turns_of(v), next);
	pthread_mutex_unlock(&vm->gate_lock);
	return whose;
}

/* The first of the VM is the first. */
static void begin(struct soft_vcpu *v)
{
	struct soft_vcpu *nobody = NULL;
	struct vmapi_vm *vm = v->vcpu.vm;
	struct soft_vcpu *first;

	pthread_mutex_lock(&vm->gate_lock);
	first = vmi_soft_vcpu(vm->vcpus);
	if (atomic_compare_exchange_strong(&turns_of(v)->holder, &nobody,
		first))
		vmi_event_raise(first, VMI_EVENT_TURN);
	pthread_mutex_unlock(&vm->gate_lock);
}

static bool is_kicked(struct soft_vcpu *v)
{
	return atomic_load(&v->cpu.event) & (VMI_EVENT_KICK | VMI_EVENT_STOP);
}

static void drain(int fd)
{
	uint64_t n;

	(void)vmi_sys->read(fd, &n, sizeof(n));
}

static void wait_for_turn(struct soft_vcpu *v)
{
	struct pollfd fd = { .fd = v->wake, .events = POLLIN };
	struct vmi_turns *t = turns_of(v);

	atomic_store(&v->sleeping, 1);
	for (;;) {
		if (!atomic_load(&t->holder))
			begin(v);
		if (atomic_load(&t->holder) == v || is_kicked(v))
			break;
		if (vmi_sys->poll(&fd, 1, -1) > 0)
			drain(v->wake);
	}
	atomic_store(&v->sleeping, 0);
}

/* Between two looks of the run loop, which finds out what it has to do. */
static void go_on(struct soft_vcpu *v)
{
	atomic_store(&v->idle, false);
	turns_of(v)->clock = vmi_chipset_now(v->vcpu.vm);
	turns_of(v)->mark = vmi_retired(&v->cpu);
	v->cpu.in_turn = true;
}

bool vmi_turn_take(struct soft_vcpu *v)
{
	struct vmi_turns *t = turns_of(v);

	if (!t->on)
		return true;
	atomic_store(&v->idle, false);
	if (!atomic_load(&t->holder))
		begin(v);
	if (atomic_load(&t->holder) != v)
		wait_for_turn(v);
	if (atomic_load(&t->holder) != v)
		return false;
	go_on(v);
	return true;
}

void vmi_turn_pass(struct soft_vcpu *v)
{
	vmi_turn_account(v);
	v->cpu.in_turn = false;
	if (give_next(v) != ANOTHERS)
		turns_of(v)->left = TURN;
	vmi_turn_take(v);
}

/* One that waits in a run; under gate_lock. */
static struct soft_vcpu *sleeper_beside(struct soft_vcpu *v)
{
	struct vmapi_vcpu *at = v->vcpu.vm->vcpus;

	while (at && (at == &v->vcpu ||
		!atomic_load(&vmi_soft_vcpu(at)->sleeping)))
		at = at->next;
	return at ? vmi_soft_vcpu(at) : NULL;
}

/* Whoever waits in a run can see to the time; nothing is executed. */
static void leave_idle(struct soft_vcpu *v)
{
	struct vmapi_vm *vm = v->vcpu.vm;
	struct soft_vcpu *found;

	pthread_mutex_lock(&vm->gate_lock);
	found = sleeper_beside(v);
	if (found)
		give(turns_of(v), found);
	pthread_mutex_unlock(&vm->gate_lock);
}

void vmi_turn_leave(struct soft_vcpu *v)
{
	struct vmi_turns *t = turns_of(v);

	if (!t->on || !v->cpu.in_turn)
		return;
	vmi_turn_account(v);
	v->cpu.in_turn = false;
	if (v->cpu.shutdown)
		atomic_store(&v->idle, true);
	if (atomic_load(&v->idle))
		leave_idle(v);
}

/*
 * It is in no list any more, so nobody gives it the turn.  Who begins to wait
 * meanwhile sees that nobody has the turn, or is seen to sleep.
 */
void vmi_turn_forget(struct soft_vcpu *v)
{
	struct vmapi_vm *vm = v->vcpu.vm;
	struct vmi_turns *t = turns_of(v);
	struct soft_vcpu *found, *nobody = NULL;

	if (!t->on)
		return;
	atomic_store(&v->idle, true);
	if (atomic_load(&t->holder) != v)
		return;
	t->left = TURN;
	atomic_store(&t->holder, NULL);
	pthread_mutex_lock(&vm->gate_lock);
	found = sleeper_beside(v);
	if (found && atomic_compare_exchange_strong(&t->holder, &nobody, found))
		vmi_event_raise(found, VMI_EVENT_TURN);
	pthread_mutex_unlock(&vm->gate_lock);
}

void vmi_turns_reset(struct soft_vm *vm)
{
	struct vmi_turns *t = &vm->turns;

	t->left = TURN;
	atomic_store(&t->holder, NULL);
}

/* -- Nothing to do ------------------------------------------------------ */

void vmi_turn_wake(struct soft_vm *vm)
{
	static const uint64_t one = 1;

	if (atomic_load(&vm->turns.idling))
		(void)vmi_sys->write(vm->turns.wake, &one, sizeof(one));
}

/* Until somebody outside does something; there is no deadline. */
static void sleep_idle(struct soft_vcpu *v)
{
	struct vmapi_vm *vm = v->vcpu.vm;
	struct vmi_turns *t = turns_of(v);
	struct pollfd fds[3] = {
		{ .fd = v->wake, .events = POLLIN },
		{ .fd = t->wake, .events = POLLIN },
		{ .fd = vmi_chipset_fd(vm), .events = POLLIN },
	};

	atomic_store(&t->idling, true);
	atomic_store(&v->sleeping, 1);
	if (!somebody_has_work(v) && !is_kicked(v) &&
		vmi_chipset_deadline(vm) == VMI_CHIP_NEVER)
		(void)vmi_sys->poll(fds, 3, -1);
	atomic_store(&v->sleeping, 0);
	atomic_store(&t->idling, false);
	if (fds[0].revents)
		drain(v->wake);
	if (fds[1].revents)
		drain(t->wake);
	if (fds[2].revents)
		vmi_vm_service(vm);
}

/* To the next deadline, and what is due there. */
static void jump(struct soft_vcpu *v, uint64_t due)
{
	struct vmi_turns *t = turns_of(v);

	if (due > t->clock)
		t->clock = due;
	publish(v->cpu.vm, t->clock);
	vmi_vm_service(v->vcpu.vm);
}

void vmi_turn_idle(struct soft_vcpu *v)
{
	enum whose whose;
	uint64_t due;

	vmi_turn_account(v);
	atomic_store(&v->idle, true);
	while ((whose = give_next(v)) == NOBODYS && !is_kicked(v)) {
		due = vmi_chipset_deadline(v->vcpu.vm);
		if (due == VMI_CHIP_NEVER)
			sleep_idle(v);
		else
			jump(v, due);
	}
	if (whose == NOBODYS)
		return;
	if (whose == ANOTHERS) {
		v->cpu.in_turn = false;
		wait_for_turn(v);
	}
	if (atomic_load(&turns_of(v)->holder) == v)
		go_on(v);
}
