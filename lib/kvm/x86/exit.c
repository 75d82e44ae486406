/* SPDX-License-Identifier: MIT */
/* Exits that only x86 has. */
#include "lib/kvm/x86/x86.h"

uint32_t vmi_kvm_arch_exit_flags(const struct kvm_run *run)
{
	return run->flags & KVM_RUN_X86_SMM ? VMAPI_EXIT_SMM : 0;
}

bool vmi_kvm_arch_exit(struct kvm_run *run, struct vmapi_exit *exit)
{
	switch (run->exit_reason) {
	case KVM_EXIT_DEBUG:
		exit->reason = VMAPI_EXIT_DEBUG;
		vmi_kvm_x86_debug_exit(run, &exit->u.debug);
		return true;
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		exit->reason = VMAPI_EXIT_IRQ_WINDOW;
		return true;
	case KVM_EXIT_IOAPIC_EOI:
		exit->reason = VMAPI_EXIT_EOI;
		exit->u.eoi.vector = run->eoi.vector;
		return true;
	case KVM_EXIT_X86_BUS_LOCK:
		exit->reason = VMAPI_EXIT_BUS_LOCK;
		return true;
	case KVM_EXIT_NOTIFY:
		exit->reason = VMAPI_EXIT_NOTIFY;
		exit->u.notify.flags = run->notify.flags;
		return true;
	case KVM_EXIT_SET_TPR:
		exit->reason = VMAPI_EXIT_TPR;
		exit->u.tpr.cr8 = run->cr8;
		return true;
	default: return false;
	}
}
