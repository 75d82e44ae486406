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
#define AGAIN	  1
#define RING_FULL 2 /* a ring of the dirty log; see log.c */

/* -- accesses that a region answers -------------------------------------- */

static uint64_t load_le(const uint8_t *bytes, unsigned n)
{
	uint64_t value = 0;
	unsigned i;

	for (i = 0; i < n; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return value;
}

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
};

static bool region_piece(struct vmi_region *region, const struct piece *piece)
{
	struct vmi_access access = {
		.offset = piece->address - region->base,
		.bytes = piece->bytes,
		.is_write = piece->is_write,
	};

	if (piece->is_write)
		access.value = load_le(piece->data, piece->bytes);
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
static bool region_io(const struct vmi_regions *regions, struct kvm_run *run)
{
	struct piece piece = {
		.address = run->io.port,
		.data = (uint8_t *)run + run->io.data_offset,
		.bytes = run->io.size,
		.is_write = run->io.direction == KVM_EXIT_IO_OUT,
	};
	struct vmi_region *region;
	uint32_t i;

	region = vmi_regions_find(
		regions, VMI_SPACE_PORT, piece.address, piece.bytes);
	if (!region || !region_piece(region, &piece))
		return false;
	for (i = 1; i < run->io.count; i++) {
		piece.data += piece.bytes;
		if (!region_piece(region, &piece) && !piece.is_write)
			memset(piece.data, 0xff, piece.bytes);
	}
	return true;
}

static bool region_mmio(const struct vmi_regions *regions, struct kvm_run *run)
{
	struct piece piece = {
		.address = run->mmio.phys_addr,
		.data = run->mmio.data,
		.bytes = run->mmio.len,
		.is_write = run->mmio.is_write,
	};
	struct vmi_region *region;

	if (piece.bytes > sizeof(run->mmio.data))
		return false;
	region = vmi_regions_find(
		regions, VMI_SPACE_MEMORY, piece.address, piece.bytes);
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
	struct vmapi_posted_write write = { .space = VMAPI_SPACE_MEMORY };
	const uint8_t *data;
	bool taken = false;
	uint32_t i;

	if (run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write &&
		run->mmio.len <= sizeof(run->mmio.data)) {
		write.address = run->mmio.phys_addr;
		write.bytes = run->mmio.len;
		write.value = load_le(run->mmio.data, write.bytes);
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
		write.value = load_le(data + i * write.bytes, write.bytes);
		taken = vmi_posted_take(vm, &write);
	}
	return taken;
}

static bool region_answers(struct vmi_kvm_vcpu *vcpu)
{
	const struct vmi_regions *regions;

	regions = atomic_load_explicit(
		&vcpu->core.vm->regions, memory_order_acquire);
	if (!regions)
		return false;
	if (vcpu->run->exit_reason == KVM_EXIT_IO)
		return region_io(regions, vcpu->run);
	if (vcpu->run->exit_reason == KVM_EXIT_MMIO)
		return region_mmio(regions, vcpu->run);
	return false;
}

/* -- one entry ----------------------------------------------------------- */

/*
 * KVM_RUN, and what its result says about the shared area.  The kernel
 * leaves the old reason there when it returns an error, so that it is
 * cleared before, unless an instruction is to be finished: arm64 and riscv
 * look there for which.  One exit comes with an error (api.rst, KVM_EXIT_
 * MEMORY_FAULT: EFAULT or EHWPOISON); it leaves nothing to finish.  Returns
 * 0 with an exit, AGAIN or -errno.
 */
static int enter(struct vmi_kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	int rc;

	if (!vcpu->pending)
		run->exit_reason = KVM_EXIT_UNKNOWN;
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_RUN, NULL);
	vcpu->ran = true;
	vcpu->run_valid = true;
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

/* Give out the exit in the shared area. */
static int deliver(struct vmi_kvm_vcpu *vcpu, struct vmapi_exit *exit)
{
	struct vmi_kvm_answer answer;

	vmi_kvm_exit_decode(vcpu->run, exit, &answer);
	if (exit->reason == VMAPI_EXIT_IRQ_WINDOW)
		vcpu->run->request_interrupt_window = 0;
	vcpu->core.unsettled = vcpu->pending;
	vcpu->core.unanswered = answer.bytes != 0;
	vcpu->core.answer_bytes = answer.bytes;
	vcpu->core.answer_is_optional = answer.may_be_empty;
	if (vmi_unlikely(exit->reason == VMAPI_EXIT_DEBUG))
		return vmi_kvm_arch_debug_stopped(vcpu, exit);
	return 0;
}

static int deliver_plain(struct vmapi_exit *exit, unsigned reason)
{
	uint32_t size = exit->size;

	memset(exit, 0, sizeof(*exit));
	exit->size = size;
	exit->reason = reason;
	return 0;
}

/* The ioctl needs the vcpu idle, so whoever has it does this. */
int vmi_kvm_hand_over_nmi(struct vmi_kvm_vcpu *vcpu)
{
	int rc;

	if (!(atomic_load(&vcpu->requests) & VMI_KVM_NMI))
		return 0;
	atomic_fetch_and(&vcpu->requests, ~VMI_KVM_NMI);
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_NMI, NULL);
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_NMI) : 0;
}

/*
 * A guest without local APICs lowered its task priority (CR8), which matters
 * to an APIC that the application has; it finds the value in CR8.
 */
static bool is_nobodys(const struct vmi_kvm_vcpu *vcpu)
{
	return vcpu->run->exit_reason == KVM_EXIT_SET_TPR;
}

/* By the library: then the guest goes on. */
static bool is_answered(struct vmi_kvm_vcpu *vcpu)
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

/* Inside the gate. */
static int stay_in_guest(struct vmi_kvm_vcpu *vcpu, struct vmapi_exit *exit)
{
	int rc;

	if (atomic_load(&vcpu->requests) & VMI_KVM_KICK) {
		atomic_fetch_and(
			&vcpu->requests, ~(VMI_KVM_KICK | VMI_KVM_SENT));
		vcpu->core.unsettled = vcpu->pending;
		return deliver_plain(exit, VMAPI_EXIT_KICK);
	}
	rc = vmi_kvm_hand_over_nmi(vcpu);
	if (rc == 0)
		rc = enter(vcpu);
	if (rc == AGAIN)
		vmi_kvm_take_signals(vcpu);
	if (rc == 0 && vcpu->run->exit_reason == KVM_EXIT_DIRTY_RING_FULL)
		rc = RING_FULL;
	if (rc == 0 && (is_answered(vcpu) || is_nobodys(vcpu)))
		rc = AGAIN;
	return rc ? rc : deliver(vcpu, exit);
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
static int go_round(struct vmi_kvm_vcpu *vcpu, struct vmapi_exit *exit)
{
	int rc;

	do {
		atomic_store(vcpu->immediate, 0);
		if (!vmi_gate_enter(&vcpu->core))
			return -EIO;
		rc = stay_in_guest(vcpu, exit);
		vmi_gate_leave(&vcpu->core);
		if (rc == RING_FULL)
			rc = empty_rings(vcpu);
	} while (rc == AGAIN);
	vmi_posted_deliver(vcpu->core.vm);
	return rc;
}

int vmi_kvm_vcpu_run(
	struct vmapi_vcpu *core, uint64_t limit, struct vmapi_exit *exit)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	struct vmi_kvm_stay stay;
	int rc;

	if (limit)
		return vmi_kvm_vcpu_fail(
			vcpu, -ENOTSUP, "KVM cannot count instructions");
	rc = vcpu->ran ? 0 : vmi_kvm_arch_first_run(vcpu);
	if (rc == 0)
		rc = vmi_kvm_stay_begin(vcpu, &stay);
	if (rc < 0)
		return rc;
	rc = go_round(vcpu, exit);
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

	if (rc == AGAIN)
		return deliver_plain(exit, VMAPI_EXIT_SETTLED);
	return rc ? rc : deliver(vcpu, exit);
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
	atomic_fetch_and(&vcpu->requests, ~VMI_KVM_NMI);
}
