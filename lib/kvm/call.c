/* SPDX-License-Identifier: MIT */
/* Every ioctl goes through here: traced, and named when it is refused. */
#include <stdio.h>

#include "lib/kvm/arch.h"

/* Those of every architecture; the others are in its folder. */
/* clang-format off */
static const struct vmi_kvm_request requests[] = {
	VMI_KVM_REQUEST(KVM_CREATE_VM),
	VMI_KVM_REQUEST(KVM_CHECK_EXTENSION),
	VMI_KVM_REQUEST(KVM_ENABLE_CAP),
	VMI_KVM_REQUEST(KVM_CREATE_VCPU),
	VMI_KVM_REQUEST(KVM_RUN),
	VMI_KVM_REQUEST(KVM_SET_SIGNAL_MASK),
	VMI_KVM_REQUEST(KVM_SET_USER_MEMORY_REGION),
	{ VMI_KVM_SET_USER_MEMORY_REGION2, "KVM_SET_USER_MEMORY_REGION2" },
	{ VMI_KVM_SET_MEMORY_ATTRIBUTES, "KVM_SET_MEMORY_ATTRIBUTES" },
	{ VMI_KVM_CREATE_GUEST_MEMFD, "KVM_CREATE_GUEST_MEMFD" },
	VMI_KVM_REQUEST(KVM_GET_DIRTY_LOG),
	VMI_KVM_REQUEST(KVM_CLEAR_DIRTY_LOG),
	VMI_KVM_REQUEST(KVM_RESET_DIRTY_RINGS),
	VMI_KVM_REQUEST(KVM_IRQ_LINE_STATUS),
	VMI_KVM_REQUEST(KVM_SIGNAL_MSI),
	VMI_KVM_REQUEST(KVM_SET_GSI_ROUTING),
	VMI_KVM_REQUEST(KVM_CREATE_DEVICE),
	VMI_KVM_REQUEST(KVM_GET_DEVICE_ATTR),
	VMI_KVM_REQUEST(KVM_SET_DEVICE_ATTR),
	VMI_KVM_REQUEST(KVM_HAS_DEVICE_ATTR),
	VMI_KVM_REQUEST(KVM_IRQFD),
	VMI_KVM_REQUEST(KVM_IOEVENTFD),
	VMI_KVM_REQUEST(KVM_REGISTER_COALESCED_MMIO),
	VMI_KVM_REQUEST(KVM_UNREGISTER_COALESCED_MMIO),
	VMI_KVM_REQUEST(KVM_GET_MP_STATE),
	VMI_KVM_REQUEST(KVM_SET_MP_STATE),
	VMI_KVM_REQUEST(KVM_GET_ONE_REG),
	VMI_KVM_REQUEST(KVM_SET_ONE_REG),
	VMI_KVM_REQUEST(KVM_GET_REG_LIST),
	VMI_KVM_REQUEST(KVM_INTERRUPT),
	VMI_KVM_REQUEST(KVM_NMI),
	VMI_KVM_REQUEST(KVM_SMI),
	VMI_KVM_REQUEST(KVM_GET_STATS_FD),
	VMI_KVM_REQUEST(KVM_SET_GUEST_DEBUG),
	VMI_KVM_REQUEST(KVM_GET_REGS),
	VMI_KVM_REQUEST(KVM_SET_REGS),
	VMI_KVM_REQUEST(KVM_GET_SREGS),
	VMI_KVM_REQUEST(KVM_SET_SREGS),
	VMI_KVM_REQUEST(KVM_IRQ_LINE),
	VMI_KVM_REQUEST(KVM_S390_GET_SKEYS),
	VMI_KVM_REQUEST(KVM_S390_SET_SKEYS),
	VMI_KVM_REQUEST(KVM_S390_MEM_OP),
	{ 0, NULL },
};
/* clang-format on */

static const char *name_in(
	const struct vmi_kvm_request *row, unsigned long request)
{
	while (row->name && row->number != request)
		row++;
	return row->name;
}

const char *vmi_kvm_request_name(unsigned long request)
{
	const char *name = name_in(requests, request);

	if (!name)
		name = name_in(vmi_kvm_arch_requests, request);
	return name ? name : "an ioctl";
}

void vmi_kvm_trace(
	const struct vmapi *ctx, int fd, unsigned long request, int rc)
{
	vmi_trace(ctx, VMAPI_TRACE_CALL, "%s(fd %d) = %d",
		vmi_kvm_request_name(request), fd, rc);
}

int vmi_kvm_vm_refused(int code, unsigned long request)
{
	return vmi_fail(code, "vm", "the kernel refused %s (errno %d)",
		vmi_kvm_request_name(request), -code);
}

int vmi_kvm_vcpu_fail(struct vmi_kvm_vcpu *vcpu, int code, const char *sentence)
{
	char object[48];

	snprintf(object, sizeof(object), "vcpu %llu",
		(unsigned long long)vcpu->core.id);
	return vmi_fail(code, object, "%s", sentence);
}

int vmi_kvm_vcpu_refused(
	struct vmi_kvm_vcpu *vcpu, int code, unsigned long request)
{
	char sentence[96];

	snprintf(sentence, sizeof(sentence), "the kernel refused %s (errno %d)",
		vmi_kvm_request_name(request), -code);
	return vmi_kvm_vcpu_fail(vcpu, code, sentence);
}

int vmi_kvm_vm_enable(struct vmi_kvm_vm *vm, unsigned cap, uint64_t arg)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg } };
	int rc = vmi_kvm_vm_ioctl(vm, KVM_ENABLE_CAP, &enable);

	return rc < 0 ? vmi_kvm_vm_refused(rc, KVM_ENABLE_CAP) : 0;
}

int vmi_kvm_check(int fd, unsigned long number)
{
	int rc = vmi_sys->ioctl(
		fd, KVM_CHECK_EXTENSION, (void *)(uintptr_t)number);

	return rc < 0 ? 0 : rc;
}

/*
 * Capabilities can depend on the VM (its type, its irqchip); kernels before
 * KVM_CAP_CHECK_EXTENSION_VM know only the system's (api.rst 4.4).
 */
int vmi_kvm_vm_check(struct vmi_kvm_vm *vm, unsigned long number)
{
	int fd = vmi_kvm_of(vm->core.ctx)->fd;

	if (vmi_kvm_check(fd, KVM_CAP_CHECK_EXTENSION_VM))
		fd = vm->fd;
	return vmi_kvm_check(fd, number);
}
