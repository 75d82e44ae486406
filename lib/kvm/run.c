/* SPDX-License-Identifier: MIT */
/* The run loop: into the guest, out again, and who answers what. */
/*
 * A vcpu goes round in `go_round`: past the run gate, into the kernel, back,
 * and either an exit is for the application or round again.  Signals of
 * others, prods of the gate and accesses that a region answers go round.
 *
 * After an access the kernel has not finished the instruction: it does so on
 * the way into the next KVM_RUN (on x86 the instruction pointer still stands
 * on an IN or a load).  `pending` remembers that, and core is told.  KVM_RUN
 * with immediate_exit set finishes it and comes back at once with EINTR, or
 * with the next piece of the same instruction as a new exit.  That is how
 * settle works, which core calls before it touches state.
 */
#include "lib/core/posted.h"
#include "lib/kvm/arch.h"
#include "lib/region/region.h"

/* Results of the steps below, beside 0 (an exit is filled in) and -errno. */
#define AGAIN	  VMI_KVM_AGAIN
#define RING_FULL 2 /* a ring of the dirty log; see log.c */

/* -- accesses that a region answers -------------------------------------- */

static void store_le(uint8_t *bytes, uint64_t value, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

struct piece {
	uint64_t address;
	uint8_t *data;
	unsigned bytes;
	bool is_write;
	struct vmapi_vcpu *vcpu;
};

static bool region_piece(struct vmi_region *region, const struct piece *piece)
{
	struct vmapi_access access = {
		.offset = piece->address - region->base,
		.bytes = piece->bytes,
		.is_write = piece->is_write,
		.vcpu = piece->vcpu,
	};

	if (piece->is_write)
		access.value = vmi_kvm_load_le(piece->data, piece->bytes);
	if (region->access(region, &access))
		return false;
	if (!piece->is_write)
		store_le(piece->data, access.value, piece->bytes);
	return true;
}

/*
 * A string instruction brings several elements for one port.  A region that
 * refuses the first leaves the exit to the application; one that refuses a
 * later one cannot give back what it did: those read as ones.
 */
static bool region_io(
	const struct vmi_regions *regions, struct vmi_kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct piece piece = {
		.address = run->io.port,
		.data = (uint8_t *)run + run->io.data_offset,
		.bytes = run->io.size,
		.is_write = run->io.direction == KVM_EXIT_IO_OUT,
		.vcpu = &vcpu->core,
	};
	struct vmi_region *region;
	uint32_t i;

	region = vmi_regions_find(regions, &vcpu->core.near, VMI_SPACE_PORT,
		piece.address, piece.bytes);
	if (!region || !region_piece(region, &piece))
		return false;
	for (i = 1; i < run->io.count; i++) {
		piece.data += piece.bytes;
		if (!region_piece(region, &piece) && !piece.is_write)
			memset(piece.data, 0xff, piece.bytes);
	}
	return true;
}

static bool region_mmio(
	const struct vmi_regions *regions, struct vmi_kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct piece piece = {
		.address = run->mmio.phys_addr,
		.data = run->mmio.data,
		.bytes = run->mmio.len,
		.is_write = run->mmio.is_write,
		.vcpu = &vcpu->core,
	};
	struct vmi_region *region;

	if (piece.bytes > sizeof(run->mmio.data))
		return false;
	region = vmi_regions_find(regions, &vcpu->core.near, VMI_SPACE_MEMORY,
		piece.address, piece.bytes);
	return region && region_piece(region, &piece);
}

/*
 * Everything posted is given out before what comes after it; writes for
 * which the kernel's ring had no room come here.  Outside the gate.
 */
static bool posted_takes(struct vmi_kvm_vcpu *vcpu)
{
	struct vmapi_vm *vm = vcpu->core.vm;
	struct kvm_run *run = vcpu->run;
	struct vmi_posted_write write = { .space = VMAPI_SPACE_MEMORY };
	const uint8_t *data;
	bool taken = false;
	uint32_t i;

	if (run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write &&
		run->mmio.len <= sizeof(run->mmio.data)) {
		write.address = run->mmio.phys_addr;
		write.bytes = run->mmio.len;
		write.value = vmi_kvm_load_le(run->mmio.data, write.bytes);
		return vmi_posted_take(vm, &write);
	}
	vmi_posted_deliver(vm);
	if (run->exit_reason != KVM_EXIT_IO ||
		run->io.direction != KVM_EXIT_IO_OUT)
		return false;
	write.space = VMAPI_SPACE_PORT;
	write.address = run->io.port;
	write.bytes = run->io.size;
	data = (uint8_t *)run + run->io.data_offset;
	for (i = 0; i < run->io.count && (taken || !i); i++) {
		write.value = vmi_kvm_load_le(data + i * write.bytes, write.bytes);
		taken = vmi_posted_take(vm, &write);
	}
	return taken;
}

static const struct vmi_regions *regions_of(const struct vmapi_vm *vm)
{
	return atomic_load_explicit(&vm->regions, memory_order_acquire);
}

static bool region_answers(struct vmi_kvm_vcpu *vcpu)
{
	const struct vmi_regions *regions = regions_of(vcpu->core.vm);

	if (!regions)
		return false;
	if (vcpu->run->exit_reason == KVM_EXIT_IO)
		return region_io(regions, vcpu);
	if (vcpu->run->exit_reason == KVM_EXIT_MMIO)
		return region_mmio(regions, vcpu);
	return false;
}

/* -- one entry ----------------------------------------------------------- */

/*
 * KVM_RUN.  The kernel leaves the old reason in the shared area when it
 * returns an error, so that it is cleared before, unless an instruction is to
 * be finished: arm64 and riscv look there for which.
 */
static vmi_inline int enter_kernel(struct vmi_kvm_vcpu *vcpu)
{
	int rc;

	if (!vcpu->pending)
		vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_RUN, NULL);
	vcpu->core.ran = true;
	vcpu->run_valid = true;
	return rc;
}

/*
 * What the result says about the shared area.  One exit comes with an error
 * (api.rst, KVM_EXIT_MEMORY_FAULT: EFAULT or EHWPOISON); it leaves nothing to
 * finish.  Returns 0 with an exit, AGAIN or -errno.
 */
static int judge(struct vmi_kvm_vcpu *vcpu, int rc)
{
	struct kvm_run *run = vcpu->run;

	if (rc >= 0 || ((rc == -EFAULT || rc == -EHWPOISON) &&
			       run->exit_reason == VMI_KVM_EXIT_MEMORY_FAULT)) {
		vcpu->pending = vmi_kvm_exit_unfinished(run);
		return 0;
	}
	if (rc == -EINTR || rc == -EAGAIN) {
		vcpu->pending = false;
		return AGAIN;
	}
	return vmi_kvm_vcpu_refused(vcpu, rc, KVM_RUN);
}

static int enter(struct vmi_kvm_vcpu *vcpu)
{
	return judge(vcpu, enter_kernel(vcpu));
}

/* Give out the exit in the shared area. */
static vmi_noinline int deliver(
	struct vmi_kvm_vcpu *vcpu, struct vmapi_exit *exit)
{
	const struct vmi_kvm_answer answer =
		vmi_kvm_exit_decode(vcpu->run, exit);

	if (vmi_unlikely(exit->reason == VMAPI_EXIT_IRQ_WINDOW))
		vcpu->run->request_interrupt_window = 0;
	vcpu->core.unsettled = vcpu->pending;
	vcpu->core.unanswered = answer.bytes != 0;
	vcpu->core.answer_bytes = answer.bytes;
	vcpu->core.answer_is_optional = answer.may_be_empty;
	if (vmi_unlikely(exit->reason == VMAPI_EXIT_DEBUG || vcpu->debug))
		return vmi_kvm_arch_debug_stopped(vcpu, exit);
	return 0;
}

/* The same of an access, which is what guests exit for in the thousands. */
static vmi_inline int deliver_access(
	struct vmi_kvm_vcpu *vcpu, struct vmapi_exit *exit)
{
	const uint32_t bytes = vmi_kvm_access_decode(vcpu->run, exit);

	exit->native = vcpu->run->exit_reason;
	exit->flags = bytes ? VMAPI_EXIT_ANSWER : 0;
	vcpu->core.unsettled = true;
	vcpu->core.unanswered = bytes != 0;
	vcpu->core.answer_bytes = bytes;
	vcpu->core.answer_is_optional = false;
	return 0;
}

static int deliver_plain(const struct vmi_kvm_vcpu *vcpu,
	struct vmapi_exit *exit, unsigned reason)
{
	uint32_t size = exit->size;

	memset(exit, 0, sizeof(*exit));
	exit->size = size;
	exit->reason = reason;
	exit->flags = vmi_kvm_arch_exit_flags(vcpu->run);
	return 0;
}

/* The ioctls need the vcpu idle, so whoever has it does this. */
int vmi_kvm_hand_over(struct vmi_kvm_vcpu *vcpu)
{
	static const struct {
		unsigned request;
		unsigned long call;
	} events[] = { { VMI_KVM_NMI, KVM_NMI }, { VMI_KVM_SMI, KVM_SMI } };
	size_t i;
	int rc;

	if (vmi_likely(!atomic_load(&vcpu->requests)))
		return 0;
	for (i = 0; i < vmi_array_len(events); i++) {
		if (!(atomic_load(&vcpu->requests) & events[i].request))
			continue;
		atomic_fetch_and(&vcpu->requests, ~events[i].request);
		rc = vmi_kvm_vcpu_ioctl(vcpu, events[i].call, NULL);
		if (rc < 0)
			return vmi_kvm_vcpu_refused(vcpu, rc, events[i].call);
	}
	return 0;
}

/*
 * A guest without local APICs lowered its task priority (CR8), which matters
 * to an APIC that the application has, and is told if that asked for it.
 */
static bool is_nobodys(const struct vmi_kvm_vcpu *vcpu)
{
	return vcpu->run->exit_reason == KVM_EXIT_SET_TPR &&
		!(vcpu->core.vm->x86_exit_flags & VMAPI_X86_EXIT_TPR);
}

static vmi_noinline bool answers(struct vmi_kvm_vcpu *vcpu)
{
	bool taken;

	if (vmi_posted_exists(vcpu->core.vm)) {
		vmi_gate_leave(&vcpu->core);
		taken = posted_takes(vcpu);
		vmi_gate_enter(&vcpu->core);
		if (taken)
			return true;
	}
	return region_answers(vcpu);
}

/* By the library: then the guest goes on. */
static vmi_inline bool is_answered(struct vmi_kvm_vcpu *vcpu)
{
	const struct vmapi_vm *vm = vcpu->core.vm;

	return vmi_unlikely(vmi_posted_exists(vm) || regions_of(vm)) &&
		answers(vcpu);
}

/*
 * As of the last time that it came out, or the kernel tells when: of a halted
 * vcpu it does not.
 */
static bool is_ready_for_vector(struct vmi_kvm_vcpu *vcpu)
{
	if (!(atomic_load(&vcpu->requests) & VMI_KVM_EXTINT))
		return false;
	atomic_fetch_and(&vcpu->requests, ~VMI_KVM_EXTINT);
	vcpu->run->request_interrupt_window = 1;
	return vcpu->run_valid && vcpu->run->ready_for_interrupt_injection &&
		!vcpu->pending;
}

/* What was asked of this run: AGAIN, if it goes on after that. */
static vmi_noinline int obey(struct vmi_kvm_vcpu *vcpu, struct vmapi_exit *exit)
{
	int rc;

	if (atomic_load(&vcpu->requests) & VMI_KVM_STOP) {
		atomic_fetch_and(&vcpu->requests, ~VMI_KVM_STOP);
		vcpu->core.unsettled = vcpu->pending;
		vcpu->core.has_news = true;
		return deliver_plain(vcpu, exit, VMAPI_EXIT_SETTLED);
	}
	if (!vmi_kvm_vcpu_take_kick(&vcpu->core)) {
		rc = vmi_kvm_hand_over(vcpu);
		if (rc || !is_ready_for_vector(vcpu))
			return rc ? rc : AGAIN;
		vcpu->run->request_interrupt_window = 0;
		return deliver_plain(vcpu, exit, VMAPI_EXIT_IRQ_WINDOW);
	}
	vcpu->core.unsettled = vcpu->pending;
	return deliver_plain(vcpu, exit, VMAPI_EXIT_KICK);
}

/*
 * KVM_RUN said anything but that the guest accesses something, or said more
 * about it: the flags are few architectures' and seldom set.
 */
static vmi_noinline int leave(
	struct vmi_kvm_vcpu *vcpu, struct vmapi_exit *exit, int rc)
{
	rc = judge(vcpu, rc);
	if (rc == AGAIN)
		vmi_kvm_take_signals(vcpu);
	if (rc)
		return rc;
	if (vcpu->run->exit_reason == KVM_EXIT_DIRTY_RING_FULL)
		return RING_FULL;
	if (vmi_unlikely(vcpu->debug))
		rc = vmi_kvm_arch_debug_left(vcpu);
	if (rc)
		return rc;
	if (is_answered(vcpu) || is_nobodys(vcpu))
		return AGAIN;
	return deliver(vcpu, exit);
}

/* Inside the gate. */
static vmi_inline int stay_in_guest(
	struct vmi_kvm_vcpu *vcpu, struct vmapi_exit *exit)
{
	int rc;

	if (vmi_unlikely(atomic_load_explicit(&vcpu->requests,
			memory_order_relaxed) & VMI_KVM_ASKED))
		return obey(vcpu, exit);
	rc = enter_kernel(vcpu);
	if (vmi_unlikely(rc < 0 || !vmi_kvm_is_access(vcpu->run) ||
			vcpu->run->flags || vcpu->debug))
		return leave(vcpu, exit, rc);
	vcpu->pending = true;
	return is_answered(vcpu) ? AGAIN : deliver_access(vcpu, exit);
}

/*
 * A full ring is emptied outside of the guest: whoever has the log's lock may
 * be waiting for this vcpu to leave.
 */
static int empty_rings(struct vmi_kvm_vcpu *vcpu)
{
	int rc = vmi_kvm_rings_empty(vcpu);

	return rc ? rc : AGAIN;
}

/*
 * The byte is cleared before the gate lets this vcpu count as in the guest:
 * a prod comes only after that, and must not be wiped out.
 */
static int go_round(struct vmi_kvm_vcpu *vcpu, const struct vmi_kvm_stay *stay,
	struct vmapi_exit *exit)
{
	int rc;

	do {
		vmi_kvm_reachable(vcpu, stay);
		rc = vmi_gate_enter(&vcpu->core) ? stay_in_guest(vcpu, exit)
						 : -EIO;
		vmi_kvm_unreachable(vcpu);
		vmi_gate_leave(&vcpu->core);
		if (vmi_unlikely(rc == RING_FULL))
			rc = empty_rings(vcpu);
	} while (rc == AGAIN);
	if (vmi_posted_exists(vcpu->core.vm))
		vmi_posted_deliver(vcpu->core.vm);
	return rc;
}

int vmi_kvm_vcpu_run(
	struct vmapi_vcpu *core, uint64_t limit, struct vmapi_exit *exit)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	struct vmi_kvm_stay stay;
	int rc;

	(void)limit; /* there is none: VMAPI_CAP_RUN_LIMIT is absent */
	if (vmi_unlikely(vcpu->debug || !vmi_kvm_stay_again(vcpu, &stay))) {
		rc = vmi_kvm_arch_before_run(vcpu);
		if (rc == 0)
			rc = vmi_kvm_stay_begin(vcpu, &stay);
		if (rc < 0)
			return rc;
	}
	rc = go_round(vcpu, &stay, exit);
	vmi_kvm_stay_end(vcpu, &stay);
	return rc;
}

int vmi_kvm_vcpu_complete(
	struct vmapi_vcpu *core, const void *data, size_t bytes)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);

	if (!vmi_kvm_exit_answer(vcpu->run, data, bytes))
		return vmi_kvm_vcpu_fail(
			vcpu, -EALREADY, "the last exit wants no answer");
	return 0;
}

int vmi_kvm_vcpu_nmi(struct vmapi_vcpu *core)
{
	vmi_kvm_request(vmi_kvm_vcpu_of(core), VMI_KVM_NMI);
	return 0;
}

/* The kernel does not look at the local vector table for an NMI. */
int vmi_kvm_vcpu_lint(struct vmapi_vcpu *core, enum vmi_lint input, bool high,
	int *delivery)
{
	*delivery = high;
	if (high)
		vmi_kvm_request(vmi_kvm_vcpu_of(core),
			input == VMI_LINT1 ? VMI_KVM_NMI : VMI_KVM_EXTINT);
	return 0;
}

int vmi_kvm_vcpu_smi(struct vmapi_vcpu *core)
{
	vmi_kvm_request(vmi_kvm_vcpu_of(core), VMI_KVM_SMI);
	return 0;
}

/* -- finishing without running ------------------------------------------- */

/* AGAIN: nothing is pending any more; 0: another exit is there. */
static int finish(struct vmi_kvm_vcpu *vcpu)
{
	int rc;

	do {
		if (!vcpu->pending)
			return AGAIN;
		atomic_store(vcpu->immediate, 1);
		if (!vmi_gate_enter(&vcpu->core))
			return -EIO;
		rc = enter(vcpu);
		if (rc == 0 && is_answered(vcpu))
			rc = AGAIN;
		vmi_gate_leave(&vcpu->core);
	} while (rc == AGAIN);
	return rc;
}

int vmi_kvm_vcpu_settle(struct vmapi_vcpu *core, struct vmapi_exit *exit)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	int rc = finish(vcpu);

	if (rc == 0)
		rc = deliver(vcpu, exit);
	return rc == AGAIN ? deliver_plain(vcpu, exit, VMAPI_EXIT_SETTLED) : rc;
}

/*
 * What is left of the instruction is done with whatever the shared area
 * holds, and its further accesses reach nobody, since there is no way to
 * tell the kernel to forget it.  The bound is for an instruction that never
 * ends; its last access then goes on after the reset, with registers that it
 * no longer finds.
 */
void vmi_kvm_abandon(struct vmi_kvm_vcpu *vcpu)
{
	unsigned turns;
	int rc = 0;

	for (turns = 0; vcpu->pending && rc == 0 && turns < 4096; turns++) {
		atomic_store(vcpu->immediate, 1);
		if (!vmi_gate_enter(&vcpu->core))
			break;
		rc = enter(vcpu);
		vmi_gate_leave(&vcpu->core);
	}
	vcpu->pending = false;
	atomic_fetch_and(&vcpu->requests, ~(VMI_KVM_NMI | VMI_KVM_SMI));
}
