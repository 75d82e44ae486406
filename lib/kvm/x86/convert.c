/* SPDX-License-Identifier: MIT */
/* Between the kernel's register structs and the library's: pure functions. */
#include "lib/kvm/x86/x86.h"

/*
 * The kernel names general registers; the processor numbers them (SDM 2A
 * table 2-2): rax rcx rdx rbx rsp rbp rsi rdi r8 to r15.  From r8 on both
 * go alike, RIP and RFLAGS behind them.
 */
static const uint8_t gpr_word[8] = {
	offsetof(struct kvm_regs, rax) / 8,
	offsetof(struct kvm_regs, rcx) / 8,
	offsetof(struct kvm_regs, rdx) / 8,
	offsetof(struct kvm_regs, rbx) / 8,
	offsetof(struct kvm_regs, rsp) / 8,
	offsetof(struct kvm_regs, rbp) / 8,
	offsetof(struct kvm_regs, rsi) / 8,
	offsetof(struct kvm_regs, rdi) / 8,
};

#define GPR_TAIL (10 * sizeof(uint64_t)) /* r8 to r15, RIP, RFLAGS */

_Static_assert(offsetof(struct kvm_regs, r8) + GPR_TAIL ==
		sizeof(struct kvm_regs) &&
	offsetof(struct vmi_x86_gprs, r[8]) + GPR_TAIL ==
		sizeof(struct vmi_x86_gprs), "the tails are alike");

void vmi_kvm_x86_gprs_in(struct vmi_x86_gprs *to, const struct kvm_regs *from)
{
	unsigned i;

	for (i = 0; i < vmi_array_len(gpr_word); i++)
		memcpy(&to->r[i], (const char *)from + 8 * gpr_word[i], 8);
	memcpy((char *)to + offsetof(struct vmi_x86_gprs, r[8]),
		(const char *)from + offsetof(struct kvm_regs, r8), GPR_TAIL);
}

void vmi_kvm_x86_gprs_out(struct kvm_regs *to, const struct vmi_x86_gprs *from)
{
	unsigned i;

	for (i = 0; i < vmi_array_len(gpr_word); i++)
		memcpy((char *)to + 8 * gpr_word[i], &from->r[i], 8);
	memcpy((char *)to + offsetof(struct kvm_regs, r8),
		(const char *)from + offsetof(struct vmi_x86_gprs, r[8]),
		GPR_TAIL);
}

/* Attributes: SDM 3A 3.4.5, second doubleword of a descriptor, bits 23:8. */
static void segment_in(
	struct vmapi_x86_segment *to, const struct kvm_segment *from)
{
	memset(to, 0, sizeof(*to));
	to->base = from->base;
	to->limit = from->limit;
	to->selector = from->selector;
	to->attributes =
		(uint32_t)(from->type & 0xf) | (uint32_t)(from->s & 1) << 4 |
		(uint32_t)(from->dpl & 3) << 5 |
		(uint32_t)(from->present & 1) << 7 |
		(uint32_t)(from->avl & 1) << 12 |
		(uint32_t)(from->l & 1) << 13 | (uint32_t)(from->db & 1) << 14 |
		(uint32_t)(from->g & 1) << 15;
	if (from->unusable)
		to->attributes |= VMAPI_X86_SEG_UNUSABLE;
}

static void segment_out(
	struct kvm_segment *to, const struct vmapi_x86_segment *from)
{
	uint32_t a = from->attributes;

	memset(to, 0, sizeof(*to));
	to->base = from->base;
	to->limit = from->limit;
	to->selector = from->selector;
	to->type = a & 0xf;
	to->s = a >> 4 & 1;
	to->dpl = a >> 5 & 3;
	to->present = a >> 7 & 1;
	to->avl = a >> 12 & 1;
	to->l = a >> 13 & 1;
	to->db = a >> 14 & 1;
	to->g = a >> 15 & 1;
	to->unusable = (a & VMAPI_X86_SEG_UNUSABLE) != 0;
}

static void table_in(
	struct vmapi_x86_segment *to, const struct kvm_dtable *from)
{
	memset(to, 0, sizeof(*to));
	to->base = from->base;
	to->limit = from->limit;
}

static void table_out(
	struct kvm_dtable *to, const struct vmapi_x86_segment *from)
{
	memset(to, 0, sizeof(*to));
	to->base = from->base;
	to->limit = (uint16_t)from->limit;
}

/* In the order of VMAPI_X86_SEGMENT(). */
static const size_t segment_offset[8] = {
	offsetof(struct kvm_sregs2, es),
	offsetof(struct kvm_sregs2, cs),
	offsetof(struct kvm_sregs2, ss),
	offsetof(struct kvm_sregs2, ds),
	offsetof(struct kvm_sregs2, fs),
	offsetof(struct kvm_sregs2, gs),
	offsetof(struct kvm_sregs2, ldt),
	offsetof(struct kvm_sregs2, tr),
};

void vmi_kvm_x86_system_in(
	struct vmi_x86_system *to, const struct kvm_sregs2 *from)
{
	unsigned i;

	for (i = 0; i < vmi_array_len(segment_offset); i++) {
		struct kvm_segment segment;

		memcpy(&segment, (const char *)from + segment_offset[i],
			sizeof(segment));
		segment_in(&to->segments[i], &segment);
	}
	table_in(&to->segments[8], &from->gdt);
	table_in(&to->segments[9], &from->idt);
	to->cr0 = from->cr0;
	to->cr2 = from->cr2;
	to->cr3 = from->cr3;
	to->cr4 = from->cr4;
	to->cr8 = from->cr8;
	to->efer = from->efer;
	to->apic_base = from->apic_base;
}

void vmi_kvm_x86_system_out(
	struct kvm_sregs2 *to, const struct vmi_x86_system *from)
{
	unsigned i;

	for (i = 0; i < vmi_array_len(segment_offset); i++) {
		struct kvm_segment segment;

		segment_out(&segment, &from->segments[i]);
		memcpy((char *)to + segment_offset[i], &segment,
			sizeof(segment));
	}
	table_out(&to->gdt, &from->segments[8]);
	table_out(&to->idt, &from->segments[9]);
	to->cr0 = from->cr0;
	to->cr2 = from->cr2;
	to->cr3 = from->cr3;
	to->cr4 = from->cr4;
	to->cr8 = from->cr8;
	to->efer = from->efer;
	to->apic_base = from->apic_base;
}

/* The two start alike: segments, tables, control registers, EFER, base. */
#define SHARED_SREGS offsetof(struct kvm_sregs2, flags)
_Static_assert(SHARED_SREGS == offsetof(struct kvm_sregs, interrupt_bitmap),
	"kvm_sregs and kvm_sregs2 part ways where they should not");

void vmi_kvm_x86_sregs_widen(
	struct kvm_sregs2 *to, const struct kvm_sregs *from)
{
	memcpy(to, from, SHARED_SREGS);
}

void vmi_kvm_x86_sregs_narrow(
	struct kvm_sregs *to, const struct kvm_sregs2 *from)
{
	memcpy(to, from, SHARED_SREGS);
}

void vmi_kvm_x86_debug_in(
	struct vmi_x86_debug *to, const struct kvm_debugregs *from)
{
	memset(to, 0, sizeof(*to));
	memcpy(to->dr, from->db, sizeof(from->db));
	to->dr[6] = from->dr6;
	to->dr[7] = from->dr7;
}

void vmi_kvm_x86_debug_out(
	struct kvm_debugregs *to, const struct vmi_x86_debug *from)
{
	memset(to, 0, sizeof(*to));
	memcpy(to->db, from->dr, sizeof(to->db));
	to->dr6 = from->dr[6];
	to->dr7 = from->dr[7];
}

void vmi_kvm_x86_events_in(
	struct vmapi_x86_events *to, const struct kvm_vcpu_events *from)
{
	memset(to, 0, sizeof(*to));
	to->exception_injected = from->exception.injected;
	to->exception_vector = from->exception.nr;
	to->exception_has_code = from->exception.has_error_code;
	to->exception_code = from->exception.error_code;
	/* Without the flag these bytes are padding (api.rst 4.31). */
	if (from->flags & KVM_VCPUEVENT_VALID_PAYLOAD) {
		to->exception_pending = from->exception.pending;
		to->exception_has_payload = from->exception_has_payload;
		to->exception_payload = from->exception_payload;
	}
	to->interrupt_injected = from->interrupt.injected;
	to->interrupt_vector = from->interrupt.nr;
	to->interrupt_soft = from->interrupt.soft;
	if (from->flags & KVM_VCPUEVENT_VALID_SHADOW)
		to->shadow = from->interrupt.shadow;
	to->nmi_injected = from->nmi.injected;
	to->nmi_pending = from->nmi.pending;
	to->nmi_masked = from->nmi.masked;
	to->sipi_vector = (uint8_t)from->sipi_vector;
	if (from->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		to->triple_fault = from->triple_fault.pending;
	if (!(from->flags & KVM_VCPUEVENT_VALID_SMM))
		return;
	to->smm = from->smi.smm;
	to->smi_pending = from->smi.pending;
	to->smm_inside_nmi = from->smi.smm_inside_nmi;
	to->latched_init = from->smi.latched_init;
}

/*
 * A kernel without the payload extension knows one kind of exception: a
 * pending one becomes an injected one there, which is how it reported it.
 */
void vmi_kvm_x86_events_out(struct kvm_vcpu_events *to,
	const struct vmapi_x86_events *from, uint32_t flags)
{
	memset(to, 0, sizeof(*to));
	to->flags = flags;
	to->exception.injected = from->exception_injected;
	to->exception.nr = from->exception_vector;
	to->exception.has_error_code = from->exception_has_code;
	to->exception.error_code = from->exception_code;
	if (flags & KVM_VCPUEVENT_VALID_PAYLOAD) {
		to->exception.pending = from->exception_pending;
		to->exception_has_payload = from->exception_has_payload;
		to->exception_payload = from->exception_payload;
	} else {
		to->exception.injected |= from->exception_pending;
	}
	to->interrupt.injected = from->interrupt_injected;
	to->interrupt.nr = from->interrupt_vector;
	to->interrupt.soft = from->interrupt_soft;
	to->interrupt.shadow = from->shadow;
	to->nmi.injected = from->nmi_injected;
	to->nmi.pending = from->nmi_pending;
	to->nmi.masked = from->nmi_masked;
	to->sipi_vector = from->sipi_vector;
	if (flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		to->triple_fault.pending = from->triple_fault;
	if (!(flags & KVM_VCPUEVENT_VALID_SMM))
		return;
	to->smi.smm = from->smm;
	to->smi.pending = from->smi_pending;
	to->smi.smm_inside_nmi = from->smm_inside_nmi;
	to->smi.latched_init = from->latched_init;
}

void vmi_kvm_x86_cpuid_in(
	struct vmapi_x86_cpuid *to, const struct kvm_cpuid_entry2 *from)
{
	memset(to, 0, sizeof(*to));
	to->leaf = from->function;
	to->has_subleaf = (from->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0;
	to->subleaf = to->has_subleaf ? from->index : 0;
	to->eax = from->eax;
	to->ebx = from->ebx;
	to->ecx = from->ecx;
	to->edx = from->edx;
}

void vmi_kvm_x86_cpuid_out(
	struct kvm_cpuid_entry2 *to, const struct vmapi_x86_cpuid *from)
{
	memset(to, 0, sizeof(*to));
	to->function = from->leaf;
	if (from->has_subleaf) {
		to->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		to->index = from->subleaf;
	}
	to->eax = from->eax;
	to->ebx = from->ebx;
	to->ecx = from->ecx;
	to->edx = from->edx;
}
