/* SPDX-License-Identifier: MIT */
/* The x86 part of the kernel backend: its structs and pure conversions. */
#ifndef VMI_KVM_X86_X86_H
#define VMI_KVM_X86_X86_H

#include <vmapi/debug.h>

#include "lib/arch/x86_state.h"
#include "lib/chip/ioapic.h"
#include "lib/chip/pic.h"
#include "lib/chip/pit.h"
#include "lib/core/chipset.h"
#include "lib/kvm/arch.h"

/* The chips that KVM_CREATE_IRQCHIP makes: KVM_IRQCHIP_PIC_MASTER and on. */
#define VMI_KVM_X86_CHIPS 3

#define VMI_KVM_X86_POINTS 4 /* DR0 to DR3 */

/* What vmapi_x86_exits() told the kernel last. */
struct vmi_kvm_x86_told {
	uint64_t msrs, hypercalls, locks, notify; /* arguments of their caps */
	bool filtered;
};

struct vmi_kvm_vm_arch {
	bool sregs2;
	bool xcrs;
	bool payload;	   /* KVM_CAP_EXCEPTION_PAYLOAD is enabled */
	bool triple_fault; /* KVM_CAP_X86_TRIPLE_FAULT_EVENT is enabled */
	bool smm;
	bool xsave2;
	bool one_reg; /* VMI_KVM_CAP_ONE_REG */
	size_t xsave_bytes;
	size_t nested_bytes; /* 0: no nested state */
	/* as the kernel made them: what a reset goes back to */
	struct kvm_irqchip chips[VMI_KVM_X86_CHIPS];
	struct kvm_pit_state2 pit;
	struct vmi_kvm_x86_told told;
};

/* What the application wants of a vcpu, and what is going on. */
struct vmi_kvm_debug {
	struct vmapi_debug want; /* its points are these: */
	struct vmapi_debug_point points[VMI_KVM_X86_POINTS];
	bool passing; /* over the point at `rip`, with the points off */
	uint64_t rip;
};

struct vmi_kvm_vcpu_arch {
	struct kvm_cpuid2 *cpuid; /* as last set */
	struct vmi_kvm_debug debug;
	uint8_t points;		  /* the debugger's, a bit each */
	uint8_t exec_points;	  /* which of the debugger's are of execution */
};

/* -- convert.c: pure, both ways ------------------------------------------ */

void vmi_kvm_x86_gprs_in(struct vmi_x86_gprs *to, const struct kvm_regs *from);
void vmi_kvm_x86_gprs_out(struct kvm_regs *to, const struct vmi_x86_gprs *from);
void vmi_kvm_x86_system_in(
	struct vmi_x86_system *to, const struct kvm_sregs2 *from);
/* Leaves `flags` and `pdptrs` alone. */
void vmi_kvm_x86_system_out(
	struct kvm_sregs2 *to, const struct vmi_x86_system *from);
/* Between the two layouts of the kernel; the rest of `to` stays. */
void vmi_kvm_x86_sregs_widen(
	struct kvm_sregs2 *to, const struct kvm_sregs *from);
void vmi_kvm_x86_sregs_narrow(
	struct kvm_sregs *to, const struct kvm_sregs2 *from);
void vmi_kvm_x86_debug_in(
	struct vmi_x86_debug *to, const struct kvm_debugregs *from);
void vmi_kvm_x86_debug_out(
	struct kvm_debugregs *to, const struct vmi_x86_debug *from);
void vmi_kvm_x86_events_in(
	struct vmapi_x86_events *to, const struct kvm_vcpu_events *from);
/* `flags` says which parts the VM's kernel takes. */
void vmi_kvm_x86_events_out(struct kvm_vcpu_events *to,
	const struct vmapi_x86_events *from, uint32_t flags);
void vmi_kvm_x86_cpuid_in(
	struct vmapi_x86_cpuid *to, const struct kvm_cpuid_entry2 *from);
void vmi_kvm_x86_cpuid_out(
	struct kvm_cpuid_entry2 *to, const struct vmapi_x86_cpuid *from);

/* -- exits.c: pure ------------------------------------------------------- */

void vmi_kvm_x86_msr_filter(struct kvm_msr_filter *filter,
	const struct vmapi_x86_msr_range *ranges, uint32_t n);

/* -- chips.c: pure, both ways --------------------------------------------- */

/* One moment in two clocks, nanoseconds. */
struct vmi_kvm_x86_times {
	uint64_t host; /* CLOCK_MONOTONIC, which is the kernel's in here */
	uint64_t vm;
};

void vmi_kvm_x86_pic_in(struct vmi_pic_state *to,
	const struct kvm_pic_state *master, const struct kvm_pic_state *slave);
/* `pulses`: inputs that the kernel drives with pulses, so they are low. */
void vmi_kvm_x86_pic_out(struct kvm_pic_state *to,
	const struct vmi_pic_half_state *from, uint8_t pulses);
void vmi_kvm_x86_ioapic_in(
	struct vmi_ioapic_state *to, const struct kvm_ioapic_state *from);
/* Leaves the base address alone. */
void vmi_kvm_x86_ioapic_out(
	struct kvm_ioapic_state *to, const struct vmi_ioapic_state *from);
void vmi_kvm_x86_pit_in(struct vmi_pit_state *to,
	const struct kvm_pit_state2 *from, const struct vmi_kvm_x86_times *now);
void vmi_kvm_x86_pit_out(
	struct kvm_pit_state2 *to, const struct vmi_pit_state *from);

/* -- debug.c: pure ------------------------------------------------------- */

/* VMAPI_DEBUG_ that work, by KVM_CAP_SET_GUEST_DEBUG and _DEBUG2. */
int64_t vmi_kvm_x86_debug_flags(int debug, int debug2);
/*
 * What KVM_SET_GUEST_DEBUG takes; `exception` (1 or 3) is what
 * VMAPI_DEBUG_INJECT gives to the guest.  -ENOSPC, -ENOTSUP.
 */
int vmi_kvm_x86_debug_encode(const struct vmapi_debug *want,
	unsigned exception, struct kvm_guest_debug *out);
/* KVM_EXIT_DEBUG. */
void vmi_kvm_x86_debug_exit(
	const struct kvm_run *run, struct vmapi_exit_debug *debug);
/* Of what it reports only these points are the debugger's. */
void vmi_kvm_x86_debug_mask(struct vmapi_exit_debug *debug, uint32_t points);

/* -- cpuid.c ------------------------------------------------------------- */

/* A list from the kernel, whatever its length; vmi_free() it. */
int vmi_kvm_x86_cpuid_fetch(const struct vmapi *ctx, int fd,
	unsigned long request, struct kvm_cpuid2 **list);
/* A list of n empty entries. */
struct kvm_cpuid2 *vmi_kvm_x86_cpuid_alloc(size_t n);
/* What every vcpu begins with: the VM's CPU model in its own place. */
int vmi_kvm_x86_cpuid_default(struct vmi_kvm_vcpu *vcpu);
int vmi_kvm_x86_cpuid_get(struct vmi_kvm_vcpu *vcpu, void *data, size_t *bytes);
int vmi_kvm_x86_cpuid_set(
	struct vmi_kvm_vcpu *vcpu, const void *data, size_t bytes);

/* -- model.c ------------------------------------------------------------- */

/* See that a portable CPU model is all the guest sees; -ENOTSUP. */
int vmi_kvm_x86_model_init(struct vmi_kvm_vcpu *vcpu);
/* Its MSRs, after a reset too. */
int vmi_kvm_x86_model_msrs(struct vmi_kvm_vcpu *vcpu);

/* -- regs.c -------------------------------------------------------------- */

int vmi_kvm_x86_sregs_get(struct vmi_kvm_vcpu *vcpu, struct kvm_sregs2 *regs);
int vmi_kvm_x86_sregs_set(
	struct vmi_kvm_vcpu *vcpu, const struct kvm_sregs2 *regs);
/* Which parts of the events this VM's kernel takes. */
uint32_t vmi_kvm_x86_event_flags(const struct vmi_kvm_vm *vm);

#endif
