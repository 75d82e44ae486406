/* SPDX-License-Identifier: MIT */
/*
 * The run gate: no vcpu is in the guest while the map changes.
 *
 * A vcpu says where it is in `place`; who wants the guest empty says so in
 * `gate_closed`.  Each side writes its own word and then reads the other's,
 * with a full barrier between, so at least one of the two sees the other
 * (Dekker): a vcpu that enters while the gate closes either is seen inside
 * by the closer, who prods it out and waits, or sees the gate closed and
 * goes back.  The fast path of a vcpu is a store, the barrier and a load;
 * a backend lets its own stores and loads share the barrier.
 *
 * A prod can fall between a vcpu's look at the gate and the moment in which
 * it can be interrupted.  Backends make prods sticky as they make kicks, and
 * the closer repeats them all the same, since the cost of a lost one would
 * be a hang.
 *
 * A vcpu that waits for a device is not in the guest: the device's process
 * may be the one that wants to change the map, and would wait for ever.  Nor
 * is one between an exit and its next run, so an exit's handler may commit.
 *
 * After a map that could be neither applied nor taken back the gate stays
 * shut to vcpus, by a second bit of the same word: the fast path looks at
 * one, and those that wait at the gate are turned away.
 *
 * The vcpu list changes under gate_lock (and vm->lock), so that the closer,
 * who gives gate_lock up while he waits, starts over after each wait.
 */
#include <errno.h>
#include <time.h>

#include "lib/core/backend.h"
#include "lib/sys/sys.h"

#define PROD_AGAIN_NS 1000000u

int vmi_gate_init(struct vmapi_vm *vm)
{
	pthread_condattr_t attr;
	int err = pthread_mutex_init(&vm->gate_lock, NULL);

	if (err)
		return vmi_fail(-err, "vm", "cannot make the run gate");
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	err = pthread_cond_init(&vm->gate_cond, &attr);
	pthread_condattr_destroy(&attr);
	if (err) {
		pthread_mutex_destroy(&vm->gate_lock);
		return vmi_fail(-err, "vm", "cannot make the run gate");
	}
	return 0;
}

void vmi_gate_fini(struct vmapi_vm *vm)
{
	pthread_cond_destroy(&vm->gate_cond);
	pthread_mutex_destroy(&vm->gate_lock);
}

/* -- The vcpu's side ---------------------------------------------------- */

/* False: the gate will never be open again. */
static bool step_back(struct vmapi_vcpu *vcpu)
{
	struct vmapi_vm *vm = vcpu->vm;
	unsigned state;

	pthread_mutex_lock(&vm->gate_lock);
	atomic_store(&vcpu->place, VMI_OUTSIDE);
	pthread_cond_broadcast(&vm->gate_cond);
	while ((state = atomic_load(&vm->gate_closed)) == VMI_GATE_CLOSED)
		pthread_cond_wait(&vm->gate_cond, &vm->gate_lock);
	pthread_mutex_unlock(&vm->gate_lock);
	return !(state & VMI_GATE_BROKEN);
}

bool vmi_gate_enter_closed(struct vmapi_vcpu *vcpu)
{
	do {
		if (!step_back(vcpu)) {
			vmi_fail(-EIO, vmi_vcpu_label(vcpu),
				"the VM's map is broken: it cannot run");
			return false;
		}
		atomic_store(&vcpu->place, VMI_IN_GUEST);
		atomic_thread_fence(memory_order_seq_cst);
	} while (atomic_load(&vcpu->vm->gate_closed));
	return true;
}

void vmi_gate_leave_closed(struct vmapi_vcpu *vcpu)
{
	struct vmapi_vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->gate_lock);
	pthread_cond_broadcast(&vm->gate_cond);
	pthread_mutex_unlock(&vm->gate_lock);
}

/* -- The closer's side -------------------------------------------------- */

/* Prod everyone inside; false: nobody is. */
static bool prod_all(struct vmapi_vm *vm)
{
	const struct vmi_backend *be = vm->ctx->be;
	struct vmapi_vcpu *vcpu;
	bool any = false;

	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next) {
		if (atomic_load(&vcpu->place) != VMI_IN_GUEST)
			continue;
		any = true;
		if (be->vcpu_prod)
			be->vcpu_prod(vcpu);
	}
	return any;
}

static void wait_a_little(struct vmapi_vm *vm)
{
	struct timespec ts;
	uint64_t now = 0;

	vmi_sys_host.now(CLOCK_MONOTONIC, &now);
	now += PROD_AGAIN_NS;
	ts.tv_sec = (time_t)(now / 1000000000u);
	ts.tv_nsec = (long)(now % 1000000000u);
	pthread_cond_timedwait(&vm->gate_cond, &vm->gate_lock, &ts);
}

void vmi_gate_close(struct vmapi_vm *vm)
{
	pthread_mutex_lock(&vm->gate_lock);
	while (atomic_load(&vm->gate_closed) & VMI_GATE_CLOSED)
		pthread_cond_wait(&vm->gate_cond, &vm->gate_lock);
	atomic_fetch_or(&vm->gate_closed, VMI_GATE_CLOSED);
	while (prod_all(vm))
		wait_a_little(vm);
	pthread_mutex_unlock(&vm->gate_lock);
}

void vmi_gate_open(struct vmapi_vm *vm)
{
	pthread_mutex_lock(&vm->gate_lock);
	atomic_fetch_and(&vm->gate_closed, ~VMI_GATE_CLOSED);
	pthread_cond_broadcast(&vm->gate_cond);
	pthread_mutex_unlock(&vm->gate_lock);
}

void vmi_gate_break(struct vmapi_vm *vm)
{
	atomic_fetch_or(&vm->gate_closed, VMI_GATE_BROKEN);
}

/*
 * Each vcpu seen outside at its own moment is enough: whoever enters after
 * that moment reads what was published before this call.  But a vcpu may have
 * closed the gate so as to be alone, and reads on as if it were inside.
 */
bool vmi_gate_is_quiet(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *vcpu;
	bool quiet;

	pthread_mutex_lock(&vm->gate_lock);
	quiet = !(atomic_load(&vm->gate_closed) & VMI_GATE_CLOSED);
	for (vcpu = vm->vcpus; vcpu && quiet; vcpu = vcpu->next)
		quiet = atomic_load(&vcpu->place) != VMI_IN_GUEST;
	pthread_mutex_unlock(&vm->gate_lock);
	return quiet;
}
