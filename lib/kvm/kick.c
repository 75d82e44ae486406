/* SPDX-License-Identifier: MIT */
/* The kick: how another thread gets a vcpu out of the guest. */
/*
 * KVM_RUN ends early for two things: run->immediate_exit, looked at once on
 * the way in, and a pending signal that is not blocked.  The kick needs both:
 * the byte for a vcpu on its way into the kernel, the signal for one that is
 * there.  The signal is a real-time one, by default SIGRTMAX - 2, and nobody
 * handles it: the vcpu's thread has it blocked outside KVM_RUN, the kernel
 * lets it in only inside (KVM_SET_SIGNAL_MASK puts the mask on and takes it
 * off inside the system call), so KVM_RUN returns EINTR with the signal still
 * pending, and sigtimedwait() takes it from the queue.  No handler runs, no
 * disposition changes, and nothing of the application can be interrupted.
 *
 * None is lost.  The kicker stores, in this order, the request, then the
 * byte, then signals the thread whose id is in `tid`; all of these are
 * sequentially consistent.  The vcpu's thread stores its id and clears the
 * byte, passes a full barrier (the run gate's, lib/core/core.h), then reads
 * the requests, then enters.  So if the thread's clearing wiped out the
 * kicker's byte, the kicker's request came before the barrier and the thread
 * sees it.  If the thread read the requests too early to see it, the byte
 * stands and KVM_RUN returns at once.  If it was past looking at the byte, it
 * is inside KVM_RUN with `tid` stored before the barrier, so the signal finds
 * it.
 *
 * Each ends one run.  The request is taken (cleared) in the same breath as
 * VMAPI_EXIT_KICK is given; any number before that are one.  Another exit
 * leaves it where it is.  A prod, by which the run gate gets a vcpu out, is
 * the same without a request: the run loop goes round.
 *
 * No signal outlives the run.  Once run returns, the signal may be unblocked
 * again, and a late one would kill the process.  So a sender registers in
 * `signals` before it reads `tid`, and deregisters after it has signalled
 * and counted the signal there; the thread clears `tid`, passes the barrier
 * by which it leaves the gate, waits for the senders to be 0 and then empties
 * the queue if the count moved.  A sender holds its registration for one
 * system call, and a sender in a handler on the vcpu's own thread has
 * finished before the thread goes on: the wait is short and cannot deadlock.
 *
 * The cost.  A run needs one pthread_sigmask() to block the signal, and a
 * second to unblock it where it was not blocked before: a thread that blocks
 * the signal itself saves the second.  The first is not wasted: it brings the
 * thread's current mask, which is what the kernel must use inside KVM_RUN
 * (minus the kick), and which the application may have changed since.  Where
 * it promised not to (VMAPI_VCPU_STEADY_MASK), the thread keeps the signal
 * blocked after its first run, remembers its mask and saves both.
 */
#include "lib/kvm/kvm.h"

/* The kernel's signal set is 8 bytes on every 64-bit Linux. */
#define KERNEL_SIGSET 8

vmi_tls struct vmi_kvm_thread vmi_kvm_thread;

/* Signals as the kernel numbers them: bit number - 1. */
static uint64_t bits_of(const sigset_t *set)
{
	uint64_t bits;

	memcpy(&bits, set, KERNEL_SIGSET);
	return bits;
}

/* Inside KVM_RUN this mask shall be in force. */
static int tell_mask(struct vmi_kvm_vcpu *vcpu, uint64_t mask)
{
	union {
		struct kvm_signal_mask head;
		uint32_t words[1 + KERNEL_SIGSET / 4];
	} arg;
	int rc;

	arg.head.len = KERNEL_SIGSET;
	memcpy(&arg.words[1], &mask, KERNEL_SIGSET);
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_SET_SIGNAL_MASK, &arg);
	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, KVM_SET_SIGNAL_MASK);
	vcpu->mask = mask;
	return 0;
}

/*
 * Block the kick signal; say what the thread's mask was, and whether to
 * unblock it later.
 */
static int block(struct vmi_kvm_vcpu *vcpu, struct vmi_kvm_stay *stay,
	uint64_t *mask)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(vcpu->core.vm);
	struct vmi_kvm_thread *here = &vmi_kvm_thread;
	sigset_t before;
	int rc = (vmi_sys->sigmask)(SIG_BLOCK, &vm->kick_set, &before);

	if (rc < 0)
		return vmi_kvm_vcpu_fail(
			vcpu, rc, "the kick signal cannot be blocked");
	*mask = bits_of(&before);
	if (!(vcpu->core.flags & VMAPI_VCPU_STEADY_MASK)) {
		stay->unblock = !(*mask & vm->kick_bit);
		return 0;
	}
	here->mask = *mask;
	here->blocked |= vm->kick_bit;
	return 0;
}

static void unblock(
	struct vmi_kvm_vcpu *vcpu, const struct vmi_kvm_stay *stay)
{
	if (stay->unblock)
		(vmi_sys->sigmask)(SIG_UNBLOCK,
			&vmi_kvm_vm_of(vcpu->core.vm)->kick_set, NULL);
}

static bool is_steady(const struct vmi_kvm_vcpu *vcpu)
{
	return vcpu->core.flags & VMAPI_VCPU_STEADY_MASK &&
		vmi_kvm_thread.blocked & vmi_kvm_vm_of(vcpu->core.vm)->kick_bit;
}

int vmi_kvm_stay_begin(struct vmi_kvm_vcpu *vcpu, struct vmi_kvm_stay *stay)
{
	struct vmi_kvm_thread *here = &vmi_kvm_thread;
	uint64_t mask = here->mask;
	int rc = 0;

	stay->unblock = false;
	if (!here->tid)
		here->tid = vmi_sys->gettid();
	stay->tid = here->tid;
	if (!is_steady(vcpu))
		rc = block(vcpu, stay, &mask);
	if (rc < 0)
		return rc;
	mask &= ~vmi_kvm_vm_of(vcpu->core.vm)->kick_bit;
	if (vcpu->mask != mask)
		rc = tell_mask(vcpu, mask);
	if (rc < 0)
		unblock(vcpu, stay);
	return rc;
}

void vmi_kvm_take_signals(struct vmi_kvm_vcpu *vcpu)
{
	const sigset_t *set = &vmi_kvm_vm_of(vcpu->core.vm)->kick_set;
	int rc;

	do
		rc = vmi_sys->sigtimedwait(set, 0);
	while (rc > 0 || rc == -EINTR);
}

/* Spin a little, then sleep: a sender may be waiting for this processor. */
static uint64_t wait_for_senders(struct vmi_kvm_vcpu *vcpu)
{
	unsigned turns = 0;
	uint64_t signals;

	while ((signals = atomic_load(&vcpu->signals)) & (VMI_KVM_SIGNAL - 1))
		if (++turns > 100)
			vmi_sys->poll(NULL, 0, 20000);
	return signals;
}

void vmi_kvm_stay_end_slowly(
	struct vmi_kvm_vcpu *vcpu, const struct vmi_kvm_stay *stay)
{
	const uint64_t signals = wait_for_senders(vcpu);

	if (signals != vcpu->taken) {
		vmi_kvm_take_signals(vcpu);
		vcpu->taken = signals;
	}
	unblock(vcpu, stay);
}

/* errno is kept: the caller may be a signal handler. */
static void signal_thread(struct vmi_kvm_vcpu *vcpu)
{
	struct vmapi_vm *vm = vcpu->core.vm;
	int saved = errno;
	pid_t tid;

	atomic_fetch_add(&vcpu->signals, VMI_KVM_SENDER);
	tid = atomic_load(&vcpu->tid);
	if (tid) {
		vmi_sys->tgkill(
			vm->ctx->pid, tid, vmi_kvm_vm_of(vm)->kick_signal);
		atomic_fetch_add(&vcpu->signals, VMI_KVM_SIGNAL);
	}
	atomic_fetch_sub(&vcpu->signals, VMI_KVM_SENDER);
	errno = saved;
}

void vmi_kvm_request(struct vmi_kvm_vcpu *vcpu, unsigned what)
{
	atomic_fetch_or(&vcpu->requests, what);
	vmi_kvm_vcpu_prod(&vcpu->core);
}

/*
 * A kick on top of one that was signalled already adds nothing: this bounds
 * the signals in the queue.  SENT may stay behind without KICK if the vcpu
 * took the kick in between; alone it means nothing.
 */
void vmi_kvm_vcpu_kick(struct vmapi_vcpu *core)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	const unsigned both = VMI_KVM_KICK | VMI_KVM_SENT;

	if ((atomic_fetch_or(&vcpu->requests, VMI_KVM_KICK) & both) == both)
		return;
	vmi_kvm_vcpu_prod(core);
	atomic_fetch_or(&vcpu->requests, VMI_KVM_SENT);
}

void vmi_kvm_vcpu_stop(struct vmapi_vcpu *core)
{
	vmi_kvm_request(vmi_kvm_vcpu_of(core), VMI_KVM_STOP);
}

bool vmi_kvm_vcpu_take_kick(struct vmapi_vcpu *core)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);

	if (!(atomic_load(&vcpu->requests) & VMI_KVM_KICK))
		return false;
	atomic_fetch_and(&vcpu->requests, ~(VMI_KVM_KICK | VMI_KVM_SENT));
	return true;
}

void vmi_kvm_vcpu_prod(struct vmapi_vcpu *core)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);

	atomic_store(vcpu->immediate, 1);
	signal_thread(vcpu);
}
