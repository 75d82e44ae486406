/* SPDX-License-Identifier: MIT */
/* Devices of the kernel and attributes of its objects: the system calls. */
/*
 * The same three calls serve devices, vcpus, VMs and /dev/kvm (api.rst 4.80,
 * 4.81).  Errors are made one: -ENXIO, the kernel has it not; -EPERM, it has
 * it and cannot now.  A FLIC says EINVAL for what it does not know
 * (s390_flic.rst), a VM without attributes ENOTTY, a GIC ENODEV or ENXIO for
 * what comes too early; asking whether it has the attribute tells them apart.
 */
#include "lib/kvm/arch.h"

/* enum vmapi_device_type is 16 more than the kernel's number. */
#define NATIVE 16u

int vmi_kvm_device_probe(struct vmapi_vm *core, unsigned type)
{
	struct kvm_create_device arg = {
		.type = type - NATIVE,
		.flags = KVM_CREATE_DEVICE_TEST,
	};
	int rc = vmi_kvm_vm_ioctl(
		vmi_kvm_vm_of(core), KVM_CREATE_DEVICE, &arg);

	return rc < 0 ? -ENODEV : 0;
}

/* XICS and XIVE number sources in 20 bits (xics.rst); a GIC has the others. */
static unsigned inputs_of(unsigned type)
{
	return type == VMAPI_DEVICE_XICS || type == VMAPI_DEVICE_XIVE
		? 1u << 20 : 1024;
}

int vmi_kvm_device_open(struct vmapi_vm *core, unsigned type, int *fd)
{
	struct kvm_create_device arg = { .type = type - NATIVE };
	int rc = vmi_kvm_vm_ioctl(
		vmi_kvm_vm_of(core), KVM_CREATE_DEVICE, &arg);

	if (rc == -EEXIST || rc == -EBUSY)
		return vmi_fail(-EEXIST, "vm", "the VM has such a device");
	if (rc < 0)
		return vmi_kvm_vm_refused(rc, KVM_CREATE_DEVICE);
	*fd = (int)arg.fd;
	if (type != VMAPI_DEVICE_VFIO && type != VMAPI_DEVICE_PV_TIME) {
		vmi_kvm_vm_of(core)->has_controller = true;
		vmi_kvm_vm_of(core)->inputs = inputs_of(type);
	}
	return 0;
}

/* What a vcpu has to be told to belong to a controller (api.rst 6.). */
static uint32_t connection(unsigned type)
{
	switch (type) {
	case VMAPI_DEVICE_XICS: return KVM_CAP_IRQ_XICS;
	case VMAPI_DEVICE_XIVE: return KVM_CAP_PPC_IRQ_XIVE;
	default: return KVM_CAP_IRQ_MPIC;
	}
}

int vmi_kvm_device_connect(
	struct vmapi_vcpu *core, unsigned type, int fd, uint32_t server)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	struct kvm_enable_cap arg = {
		.cap = connection(type),
		.args = { (uint64_t)fd, server },
	};
	int rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_ENABLE_CAP, &arg);

	/* Busy with another controller, or the number is. */
	if (rc == -EBUSY || rc == -EEXIST)
		return vmi_kvm_vcpu_fail(vcpu, -EEXIST,
			"it is connected, or its number is");
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_ENABLE_CAP) : 0;
}

uint64_t vmi_kvm_devices(struct vmi_kvm_vm *vm)
{
	uint64_t mask = 0;
	unsigned type;

	if (!vmi_kvm_vm_check(vm, KVM_CAP_DEVICE_CTRL))
		return 0;
	for (type = VMAPI_DEVICE_MPIC_20; type <= VMAPI_DEVICE_AIA; type++)
		if (vmi_kvm_device_probe(&vm->core, type) == 0)
			mask |= UINT64_C(1) << type;
	return mask;
}

static int fd_of(const struct vmi_attr_call *call)
{
	if (call->fd >= 0)
		return call->fd;
	if (call->vcpu)
		return vmi_kvm_vcpu_of(call->vcpu)->fd;
	return call->vm ? vmi_kvm_vm_of(call->vm)->fd
			: vmi_kvm_of(call->ctx)->fd;
}

static int use(const struct vmi_attr_call *call, unsigned long request)
{
	struct kvm_device_attr arg = {
		.group = call->group,
		.attr = call->number,
		.addr = (uintptr_t)call->data,
	};

	return vmi_kvm_ioctl(call->ctx, fd_of(call), request, &arg);
}

int vmi_kvm_attr(const struct vmi_attr_call *call)
{
	static const unsigned long requests[] = {
		[VMI_ATTR_GET] = KVM_GET_DEVICE_ATTR,
		[VMI_ATTR_SET] = KVM_SET_DEVICE_ATTR,
		[VMI_ATTR_HAS] = KVM_HAS_DEVICE_ATTR,
	};
	int rc = use(call, requests[call->verb]);

	if (rc >= 0 || call->verb == VMI_ATTR_HAS)
		return rc;
	if (rc != -ENXIO && rc != -EINVAL && rc != -ENODEV && rc != -ENOTTY)
		return rc;
	if (use(call, KVM_HAS_DEVICE_ATTR) < 0)
		return -ENXIO;
	return rc == -EINVAL ? rc : -EPERM;
}
