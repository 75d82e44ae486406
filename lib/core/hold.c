/* SPDX-License-Identifier: MIT */
/*
 * Holding a VM whose vcpus run in threads of their own.
 *
 * Each running vcpu is asked to stop: its backend ends the run as it would
 * for a kick, but with VMAPI_EXIT_SETTLED, which the application never sees.
 * Its thread waits here (it is `parked`), still inside vmapi_vcpu_run(), and
 * goes back in when the VM is let go.  One that no thread runs is taken, and
 * whoever wants to run it, or to answer its exit, waits too.
 *
 * An exit that is being answered is waited for, since there is no state of
 * a VM between question and answer; so is one that finishing an instruction
 * brings, for which its vcpu is sent on.  After PATIENCE without an answer
 * everybody goes on, and the hold has failed: the answer may be the business
 * of whoever waits here.
 *
 * All of it is under gate_lock, but for finishing instructions, which runs
 * handlers of the application.
 */
#include <errno.h>
#include <time.h>

#include "lib/core/backend.h"
#include "lib/core/hold.h"
#include "lib/core/region.h"
#include "lib/sys/sys.h"

#define PATIENCE_NS   UINT64_C(1000000000)
#define LOOK_AGAIN_NS UINT64_C(1000000)

static uint64_t now(void)
{
	uint64_t ns = 0;

	(void)vmi_sys_host.now(CLOCK_MONOTONIC, &ns);
	return ns;
}

static bool is_holder(const struct vmapi_vm *vm)
{
	return vm->is_held && pthread_equal(vm->holder, pthread_self());
}

/* -- The vcpu's side ---------------------------------------------------- */

void vmi_hold_park(struct vmapi_vcpu *vcpu)
{
	struct vmapi_vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->gate_lock);
	vcpu->hold = vm->is_held ? VMI_HOLD_PARKED : VMI_HOLD_NONE;
	pthread_cond_broadcast(&vm->gate_cond);
	while (vm->is_held && vcpu->hold == VMI_HOLD_PARKED)
		pthread_cond_wait(&vm->gate_cond, &vm->gate_lock);
	vcpu->hold = VMI_HOLD_NONE;
	pthread_mutex_unlock(&vm->gate_lock);
}

bool vmi_hold_wait(struct vmapi_vcpu *vcpu)
{
	struct vmapi_vm *vm = vcpu->vm;
	bool again;

	pthread_mutex_lock(&vm->gate_lock);
	again = vcpu->hold != VMI_HOLD_TAKEN || !is_holder(vm);
	while (again && vcpu->hold == VMI_HOLD_TAKEN)
		pthread_cond_wait(&vm->gate_cond, &vm->gate_lock);
	again = again && !atomic_load(&vcpu->running);
	pthread_mutex_unlock(&vm->gate_lock);
	return again;
}

/* -- The holder's side -------------------------------------------------- */

static void ask_to_stop(struct vmapi_vcpu *vcpu)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;

	if (be->vcpu_stop && !vcpu->asked_to_stop)
		be->vcpu_stop(vcpu);
	vcpu->asked_to_stop = true;
}

/* Whether nobody uses it any more. */
static bool is_still(struct vmapi_vcpu *vcpu)
{
	if (vcpu->hold != VMI_HOLD_NONE)
		return true;
	if (atomic_exchange(&vcpu->running, 1)) {
		ask_to_stop(vcpu);
		return false;
	}
	if (vcpu->unanswered || vcpu->is_held) {
		vmi_vcpu_release(vcpu);
		return false;
	}
	vcpu->hold = VMI_HOLD_TAKEN;
	return true;
}

static struct vmapi_vcpu *find_busy(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *vcpu, *busy = NULL;

	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next)
		if (!is_still(vcpu))
			busy = vcpu;
	return busy;
}

static void wait_a_little(struct vmapi_vm *vm)
{
	uint64_t until = now() + LOOK_AGAIN_NS;
	struct timespec ts = {
		.tv_sec = (time_t)(until / 1000000000u),
		.tv_nsec = (long)(until % 1000000000u),
	};

	pthread_cond_timedwait(&vm->gate_cond, &vm->gate_lock, &ts);
}

static int stop_all(struct vmapi_vm *vm, uint64_t deadline)
{
	struct vmapi_vcpu *busy;
	int err = 0;

	pthread_mutex_lock(&vm->gate_lock);
	while ((busy = find_busy(vm)) && !err) {
		wait_a_little(vm);
		if (now() > deadline)
			err = vmi_fail(-EBUSY, vmi_vcpu_label(busy),
				"it did not stop in time: its exit may want "
				"an answer");
	}
	pthread_mutex_unlock(&vm->gate_lock);
	return err;
}

/* It has more to ask: to whoever runs it, or will. */
static void send_on(struct vmapi_vcpu *vcpu)
{
	struct vmapi_vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->gate_lock);
	if (vcpu->hold == VMI_HOLD_TAKEN)
		vmi_vcpu_release(vcpu);
	vcpu->hold = VMI_HOLD_NONE;
	vcpu->asked_to_stop = false;
	pthread_cond_broadcast(&vm->gate_cond);
	pthread_mutex_unlock(&vm->gate_lock);
}

/* 1: one had to be sent on. */
static int settle_all(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *vcpu;
	int err = 0, sent = 0;

	pthread_mutex_lock(&vm->lock);
	for (vcpu = vm->vcpus; vcpu && !err; vcpu = vcpu->next) {
		if (vcpu->hold == VMI_HOLD_NONE) /* made since */
			continue;
		err = vmi_vcpu_rest(vcpu);
		if (!err || (!vcpu->is_held && !vcpu->unanswered))
			continue;
		send_on(vcpu);
		sent = 1;
		err = 0;
	}
	pthread_mutex_unlock(&vm->lock);
	return err ? err : sent;
}

static void begin(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *vcpu;

	pthread_mutex_lock(&vm->gate_lock);
	while (vm->is_held)
		pthread_cond_wait(&vm->gate_cond, &vm->gate_lock);
	vm->is_held = true;
	vm->holder = pthread_self();
	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next)
		vcpu->asked_to_stop = false;
	pthread_mutex_unlock(&vm->gate_lock);
}

int vmi_hold(struct vmapi_vm *vm)
{
	uint64_t deadline = now() + PATIENCE_NS;
	int err = vmi_region_refuses(vm);

	if (err)
		return err;
	begin(vm);
	do {
		err = stop_all(vm, deadline);
		if (!err)
			err = settle_all(vm);
	} while (err == 1);
	if (err)
		vmi_let_go(vm);
	return err;
}

void vmi_let_go(struct vmapi_vm *vm)
{
	struct vmapi_vcpu *vcpu;

	pthread_mutex_lock(&vm->gate_lock);
	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next) {
		if (vcpu->hold == VMI_HOLD_TAKEN)
			vmi_vcpu_release(vcpu);
		vcpu->hold = VMI_HOLD_NONE;
	}
	vm->is_held = false;
	pthread_cond_broadcast(&vm->gate_cond);
	pthread_mutex_unlock(&vm->gate_lock);
}
