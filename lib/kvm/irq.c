/* SPDX-License-Identifier: MIT */
/* Lines and messages of the VM's own controllers, with what became of them. */
#include "lib/kvm/kvm.h"

int vmi_kvm_line_set(
	struct vmapi_vm *core, unsigned gsi, bool level, int *delivery)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	struct kvm_irq_level line = { .irq = gsi, .level = level };
	int rc;

	rc = vmi_kvm_vm_ioctl(vm, KVM_IRQ_LINE_STATUS, &line);
	if (rc < 0)
		return vmi_kvm_vm_refused(rc, KVM_IRQ_LINE_STATUS);
	if (!level || line.status == 0)
		*delivery = VMAPI_IRQ_COALESCED;
	else
		*delivery = line.status < 0 ? VMAPI_IRQ_MASKED : line.status;
	return 0;
}

/*
 * The kernel returns the number of processors reached, 0 when the message was
 * held back, and -1 when nobody was there to take it, which comes out of the
 * system call as EPERM (api.rst 4.70).
 */
int vmi_kvm_msi_send(
	struct vmapi_vm *core, const struct vmapi_msi *msi, int *delivery)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	struct kvm_msi arg = {
		.address_lo = (uint32_t)msi->address,
		.address_hi = (uint32_t)(msi->address >> 32),
		.data = msi->data,
	};
	int rc;

	if (core->config.irqchip == VMAPI_IRQCHIP_NONE)
		return vmi_fail(-ENXIO, "vm",
			"the VM has no interrupt controller to take a message");
	if (msi->flags & VMAPI_MSI_DEVID) {
		arg.flags = KVM_MSI_VALID_DEVID;
		arg.devid = msi->device_id;
	}
	rc = vmi_kvm_vm_ioctl(vm, KVM_SIGNAL_MSI, &arg);
	if (rc < 0 && rc != -EPERM)
		return vmi_kvm_vm_refused(rc, KVM_SIGNAL_MSI);
	*delivery = rc < 0 ? VMAPI_IRQ_MASKED : rc;
	return 0;
}
