/* SPDX-License-Identifier: MIT */
/* What only x86 has, on the other architectures. */
#include "lib/kvm/arch.h"

static int not_x86(struct vmi_kvm_vcpu *vcpu)
{
	return vmi_kvm_vcpu_fail(
		vcpu, -ENOTSUP, "only a processor of x86 has this");
}

enum vmi_kvm_verdict vmi_kvm_arch_trial(int fd, char *why, size_t room)
{
	(void)fd;
	(void)why;
	(void)room;
	return VMI_KVM_UNTRIED;
}

int vmi_kvm_arch_irq_window(struct vmapi_vcpu *vcpu, bool on)
{
	(void)on;
	return not_x86(vmi_kvm_vcpu_of(vcpu));
}

int vmi_kvm_arch_translate(struct vmapi_vcpu *vcpu, uint64_t gva,
	unsigned access, struct vmapi_translation *result)
{
	(void)gva;
	(void)access;
	(void)result;
	return not_x86(vmi_kvm_vcpu_of(vcpu));
}

int vmi_kvm_arch_cpuid_supported(struct vmapi_vm *vm,
	struct vmapi_x86_cpuid *entries, size_t n, size_t *count)
{
	(void)vm;
	(void)entries;
	(void)n;
	(void)count;
	return vmi_fail(-ENOTSUP, "vm", "this is not a VM of x86");
}

int vmi_kvm_arch_x86_exits(
	struct vmapi_vm *vm, const struct vmapi_x86_exits *exits)
{
	(void)vm;
	(void)exits;
	return vmi_fail(-ENOTSUP, "vm", "this is not a VM of x86");
}

int vmi_kvm_arch_debug(
	struct vmapi_vcpu *vcpu, const struct vmapi_debug *debug)
{
	(void)debug;
	return not_x86(vmi_kvm_vcpu_of(vcpu));
}

int vmi_kvm_arch_debug_stopped(
	struct vmi_kvm_vcpu *vcpu, const struct vmapi_exit *exit)
{
	(void)vcpu;
	(void)exit;
	return 0;
}

int vmi_kvm_arch_route_check(
	const struct vmapi_vm *vm, const struct vmapi_route *route)
{
	(void)vm; /* the kernel knows its chips */
	return route->type <= VMAPI_ROUTE_ADAPTER ? 0 : -ENOTSUP;
}

void vmi_kvm_arch_legacy_cut(struct vmapi_vm *vm, bool cut)
{
	(void)vm;
	(void)cut;
}
