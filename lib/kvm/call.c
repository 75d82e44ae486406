/* SPDX-License-Identifier: MIT */
/* Every ioctl goes through here: traced, and named when it is refused. */
#include <stdio.h>

#include "lib/kvm/arch.h"

#define REQUEST(number) { number, #number }

/* Those of every architecture; the others are in its folder. */
/* clang-format off */
static const struct vmi_kvm_request requests[] = {
	REQUEST(KVM_CREATE_VM),
	REQUEST(KVM_CHECK_EXTENSION),
	REQUEST(KVM_ENABLE_CAP),
	REQUEST(KVM_CREATE_VCPU),
	REQUEST(KVM_RUN),
	REQUEST(KVM_SET_SIGNAL_MASK),
	REQUEST(KVM_SET_USER_MEMORY_REGION),
	{ VMI_KVM_SET_USER_MEMORY_REGION2, "KVM_SET_USER_MEMORY_REGION2" },
	{ VMI_KVM_CREATE_GUEST_MEMFD, "KVM_CREATE_GUEST_MEMFD" },
	REQUEST(KVM_GET_DIRTY_LOG),
	REQUEST(KVM_CLEAR_DIRTY_LOG),
	REQUEST(KVM_RESET_DIRTY_RINGS),
	REQUEST(KVM_IRQ_LINE_STATUS),
	REQUEST(KVM_SIGNAL_MSI),
	REQUEST(KVM_SET_GSI_ROUTING),
	REQUEST(KVM_CREATE_DEVICE),
	REQUEST(KVM_GET_DEVICE_ATTR),
	REQUEST(KVM_SET_DEVICE_ATTR),
	REQUEST(KVM_HAS_DEVICE_ATTR),
	REQUEST(KVM_IRQFD),
	REQUEST(KVM_IOEVENTFD),
	REQUEST(KVM_REGISTER_COALESCED_MMIO),
	REQUEST(KVM_UNREGISTER_COALESCED_MMIO),
	REQUEST(KVM_GET_MP_STATE),
	REQUEST(KVM_SET_MP_STATE),
	REQUEST(KVM_GET_ONE_REG),
	REQUEST(KVM_SET_ONE_REG),
	REQUEST(KVM_GET_REG_LIST),
	REQUEST(KVM_INTERRUPT),
	REQUEST(KVM_NMI),
	REQUEST(KVM_SET_GUEST_DEBUG),
};
/* clang-format on */

static const char *name_in(
	const struct vmi_kvm_request *rows, size_t n, unsigned long request)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (rows[i].number == request)
			return rows[i].name;
	return NULL;
}

const char *vmi_kvm_request_name(unsigned long request)
{
	const char *name =
		name_in(requests, vmi_array_len(requests), request);

	if (!name)
		name = name_in(vmi_kvm_arch_requests,
			vmi_kvm_arch_n_requests, request);
	return name ? name : "an ioctl";
}

int vmi_kvm_ioctl(
	const struct vmapi *ctx, int fd, unsigned long request, void *arg)
{
	int rc = vmi_sys->ioctl(fd, request, arg);

	if (vmi_unlikely(ctx && ctx->trace_mask & VMAPI_TRACE_CALL))
		vmi_trace(ctx, VMAPI_TRACE_CALL, "%s(fd %d) = %d",
			vmi_kvm_request_name(request), fd, rc);
	return rc;
}

int vmi_kvm_vm_ioctl(struct vmi_kvm_vm *vm, unsigned long request, void *arg)
{
	return vmi_kvm_ioctl(vm->core.ctx, vm->fd, request, arg);
}

int vmi_kvm_vcpu_ioctl(
	struct vmi_kvm_vcpu *vcpu, unsigned long request, void *arg)
{
	return vmi_kvm_ioctl(vcpu->core.vm->ctx, vcpu->fd, request, arg);
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
