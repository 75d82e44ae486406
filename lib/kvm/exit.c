/* SPDX-License-Identifier: MIT */
/* From struct kvm_run to struct vmapi_exit, and answers the other way. */
/*
 * Pure functions of the shared area, so that they can be tested with areas
 * made by hand.  What the public interface has no reason for is given as
 * VMAPI_EXIT_UNKNOWN with the kernel's number and the whole union.
 */
#include "lib/kvm/arch.h"

static void decode_hypercall(const struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmapi_exit_hypercall *call = &exit->u.hypercall;

	exit->reason = VMAPI_EXIT_HYPERCALL;
	call->number = run->hypercall.nr;
	call->n_args = 6;
	memcpy(call->args, run->hypercall.args, sizeof(run->hypercall.args));
	call->n_results = 1;
	/* Kernels of 6.4 and later keep flags here; bit 0 is still this. */
	call->mode = run->hypercall.longmode & 1 ? 64 : 32;
}

/* It returns in r3, and in r4 to r12, where its arguments were. */
static void decode_papr(const struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmapi_exit_hypercall *call = &exit->u.hypercall;

	exit->reason = VMAPI_EXIT_HYPERCALL;
	call->number = run->papr_hcall.nr;
	call->n_args = 9;
	memcpy(call->args, run->papr_hcall.args, sizeof(run->papr_hcall.args));
	call->n_results = 10;
	call->mode = 64;
}

/* False: a Xen exit that is no hypercall. */
static bool decode_xen(const struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmapi_exit_hypercall *call = &exit->u.hypercall;

	if (run->xen.type != KVM_EXIT_XEN_HCALL)
		return false;
	exit->reason = VMAPI_EXIT_HYPERCALL;
	call->number = run->xen.u.hcall.input;
	call->n_args = 6;
	memcpy(call->args, run->xen.u.hcall.params,
		sizeof(run->xen.u.hcall.params));
	call->n_results = 1;
	call->privilege = run->xen.u.hcall.cpl;
	call->mode = run->xen.u.hcall.longmode ? 64 : 32;
	return true;
}

static void decode_sbi(const struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmapi_exit_hypercall *call = &exit->u.hypercall;
	unsigned i;

	exit->reason = VMAPI_EXIT_HYPERCALL;
	call->number = run->riscv_sbi.extension_id;
	call->args[0] = run->riscv_sbi.function_id;
	for (i = 0; i < 6; i++)
		call->args[1 + i] = run->riscv_sbi.args[i];
	call->n_args = 7;
	call->n_results = 2;
	call->mode = 64;
}

static void decode_csr(const struct kvm_run *run, struct vmapi_exit *exit)
{
	exit->reason = VMAPI_EXIT_CSR;
	exit->u.csr.number = run->riscv_csr.csr_num;
	exit->u.csr.value = run->riscv_csr.new_value;
	exit->u.csr.mask = run->riscv_csr.write_mask;
}

static void decode_nisv(const struct kvm_run *run, struct vmapi_exit *exit)
{
	exit->reason = VMAPI_EXIT_NISV;
	exit->u.nisv.syndrome = run->arm_nisv.esr_iss;
	exit->u.nisv.gpa = run->arm_nisv.fault_ipa;
}

static void decode_msr(const struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmapi_exit_msr *msr = &exit->u.msr;

	exit->reason = VMAPI_EXIT_MSR;
	msr->index = run->msr.index;
	msr->is_write = run->exit_reason == KVM_EXIT_X86_WRMSR;
	msr->value = msr->is_write ? run->msr.data : 0;
	msr->why = run->msr.reason;
}

/* How many words the kernel left, as far as there is room for them. */
static uint32_t words(uint32_t n, size_t most)
{
	return n < most ? n : (uint32_t)most;
}

/*
 * Before KVM_CAP_SYSTEM_EVENT_DATA (5.19) there was one word, called flags,
 * where data[0] is now, and the count was 0.
 */
static void decode_system(const struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmapi_exit_system *system = &exit->u.system;
	uint32_t n = words(run->system_event.ndata,
		vmi_array_len(system->data));

	exit->reason = VMAPI_EXIT_SYSTEM;
	system->type = run->system_event.type;
	system->n_data = n;
	memcpy(system->data, run->system_event.data,
		(n ? n : 1) * sizeof(system->data[0]));
}

/*
 * KVM_INTERNAL_ERROR_EMULATION overlays the data with flags and, where bit 0
 * of those says so, the instruction that the kernel could not emulate.
 */
static void decode_internal(const struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmapi_exit_internal *internal = &exit->u.internal;
	uint32_t n = words(run->internal.ndata, vmi_array_len(internal->data));

	exit->reason = VMAPI_EXIT_INTERNAL;
	internal->suberror = run->internal.suberror;
	internal->n_data = n;
	memcpy(internal->data, run->internal.data,
		n * sizeof(internal->data[0]));
	if (internal->suberror != KVM_INTERNAL_ERROR_EMULATION || n < 3 ||
		!(run->emulation_failure.flags &
			KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		return;
	internal->n_bytes = run->emulation_failure.insn_size;
	if (internal->n_bytes > sizeof(internal->bytes))
		internal->n_bytes = sizeof(internal->bytes);
	memcpy(internal->bytes, run->emulation_failure.insn_bytes,
		internal->n_bytes);
}

static void decode_fault(const struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmi_kvm_memory_fault fault;

	memcpy(&fault, run->padding, sizeof(fault));
	exit->reason = VMAPI_EXIT_FAULT;
	exit->u.fault.flags = fault.flags;
	exit->u.fault.gpa = fault.gpa;
	exit->u.fault.bytes = fault.size;
}

static void decode_fail(const struct kvm_run *run, struct vmapi_exit *exit)
{
	exit->reason = VMAPI_EXIT_FAIL_ENTRY;
	exit->u.fail.why = run->fail_entry.hardware_entry_failure_reason;
	exit->u.fail.cpu = run->fail_entry.cpu;
}

/* Exits that every architecture may have; false: none of them. */
static bool decode_common(struct kvm_run *run, struct vmapi_exit *exit)
{
	switch (run->exit_reason) {
	case KVM_EXIT_FAIL_ENTRY: decode_fail(run, exit); return true;
	case KVM_EXIT_INTERNAL_ERROR: decode_internal(run, exit); return true;
	case KVM_EXIT_SYSTEM_EVENT: decode_system(run, exit); return true;
	case VMI_KVM_EXIT_MEMORY_FAULT: decode_fault(run, exit); return true;
	case KVM_EXIT_HLT: exit->reason = VMAPI_EXIT_HALT; return true;
	case KVM_EXIT_SHUTDOWN: exit->reason = VMAPI_EXIT_SHUTDOWN; return true;
	default: return false;
	}
}

static bool decode_call(struct kvm_run *run, struct vmapi_exit *exit)
{
	switch (run->exit_reason) {
	case KVM_EXIT_HYPERCALL: decode_hypercall(run, exit); return true;
	case KVM_EXIT_PAPR_HCALL: decode_papr(run, exit); return true;
	case KVM_EXIT_XEN: return decode_xen(run, exit);
	case KVM_EXIT_RISCV_SBI: decode_sbi(run, exit); return true;
	case KVM_EXIT_RISCV_CSR: decode_csr(run, exit); return true;
	case KVM_EXIT_ARM_NISV: decode_nisv(run, exit); return true;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR: decode_msr(run, exit); return true;
	default: return false;
	}
}

/* What the caller has to bring before the vcpu can go on. */
static struct vmi_kvm_answer wanted(const struct vmapi_exit *exit)
{
	struct vmi_kvm_answer answer = { 0 };

	switch (exit->reason) {
	case VMAPI_EXIT_HYPERCALL:
		answer.bytes = exit->u.hypercall.n_results * sizeof(uint64_t);
		break;
	case VMAPI_EXIT_CSR: answer.bytes = 8; break;
	case VMAPI_EXIT_MSR:
		answer.bytes = 8;
		answer.may_be_empty = true;
		break;
	default: break;
	}
	return answer;
}

static vmi_noinline struct vmi_kvm_answer decode_rare(
	struct kvm_run *run, struct vmapi_exit *exit)
{
	memset(&exit->u, 0, sizeof(exit->u));
	if (!vmi_kvm_arch_exit(run, exit) && !decode_common(run, exit) &&
		!decode_call(run, exit)) {
		exit->reason = VMAPI_EXIT_UNKNOWN;
		memcpy(exit->u.raw, run->padding, sizeof(run->padding));
	}
	return wanted(exit);
}

struct vmi_kvm_answer vmi_kvm_exit_decode(
	struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmi_kvm_answer answer = { 0 };

	exit->native = run->exit_reason;
	exit->retired = 0;
	if (vmi_kvm_is_access(run))
		answer.bytes = vmi_kvm_access_decode(run, exit);
	else
		answer = decode_rare(run, exit);
	exit->flags = vmi_kvm_arch_exit_flags(run);
	if (answer.bytes)
		exit->flags |= VMAPI_EXIT_ANSWER;
	return answer;
}

/* An empty answer is the guest's #GP; a write's value is not looked at. */
static void answer_msr(struct kvm_run *run, const void *data, size_t bytes)
{
	run->msr.error = bytes == 0;
	if (bytes && run->exit_reason == KVM_EXIT_X86_RDMSR)
		memcpy(&run->msr.data, data, sizeof(run->msr.data));
}

/* From memory, so that no word of the caller's needs to be aligned. */
static uint64_t word(const void *data, unsigned n)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)data + n * sizeof(value),
		sizeof(value));
	return value;
}

static void answer_papr(struct kvm_run *run, const void *data)
{
	unsigned i;

	run->papr_hcall.ret = word(data, 0);
	for (i = 0; i < 9; i++)
		run->papr_hcall.args[i] = word(data, 1 + i);
}

static void answer_sbi(struct kvm_run *run, const void *data)
{
	run->riscv_sbi.ret[0] = (unsigned long)word(data, 0);
	run->riscv_sbi.ret[1] = (unsigned long)word(data, 1);
}

bool vmi_kvm_exit_answer(struct kvm_run *run, const void *data, size_t bytes)
{
	switch (run->exit_reason) {
	case KVM_EXIT_IO: memcpy(vmi_kvm_io_data(run), data, bytes); return true;
	case KVM_EXIT_MMIO: memcpy(run->mmio.data, data, bytes); return true;
	case KVM_EXIT_HYPERCALL: run->hypercall.ret = word(data, 0); return true;
	case KVM_EXIT_PAPR_HCALL: answer_papr(run, data); return true;
	case KVM_EXIT_XEN: run->xen.u.hcall.result = word(data, 0); return true;
	case KVM_EXIT_RISCV_SBI: answer_sbi(run, data); return true;
	case KVM_EXIT_RISCV_CSR:
		run->riscv_csr.ret_value = (unsigned long)word(data, 0);
		return true;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR: answer_msr(run, data, bytes); return true;
	default: return false;
	}
}

/*
 * After these the kernel goes on with the same instruction at the next
 * KVM_RUN (api.rst section 5, "KVM_EXIT_MMIO" and its note).  A number that
 * this build does not know is taken for one of them: finishing nothing does
 * no harm.
 */
bool vmi_kvm_exit_unfinished(const struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_UNKNOWN:
	case KVM_EXIT_EXCEPTION:
	case KVM_EXIT_DEBUG:
	case KVM_EXIT_HLT:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_SHUTDOWN:
	case KVM_EXIT_FAIL_ENTRY:
	case KVM_EXIT_INTR:
	case KVM_EXIT_NMI:
	case KVM_EXIT_INTERNAL_ERROR:
	case KVM_EXIT_SYSTEM_EVENT:
	case KVM_EXIT_IOAPIC_EOI:
	case KVM_EXIT_DIRTY_RING_FULL:
	case KVM_EXIT_X86_BUS_LOCK:
	case KVM_EXIT_NOTIFY:
	case KVM_EXIT_SET_TPR:
	case VMI_KVM_EXIT_MEMORY_FAULT: return false;
	default: return true;
	}
}
