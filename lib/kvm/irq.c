/* SPDX-License-Identifier: MIT */
/* Lines and messages of the VM's own controllers, with what became of them. */
#include "lib/kvm/arch.h"

int vmi_kvm_line_count(struct vmapi_vm *core, unsigned *n)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	int gsis = vmi_kvm_vm_check(vm, KVM_CAP_IRQ_ROUTING);

	*n = 0;
	if (vm->has_controller)
		*n = gsis > 0 ? (unsigned)gsis : vm->inputs;
	return 0;
}

/* Not every kernel tells what became of it (KVM_CAP_IRQ_INJECT_STATUS). */
int vmi_kvm_line_set(
	struct vmapi_vm *core, unsigned gsi, bool level, int *delivery)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	struct kvm_irq_level line = {
		.irq = vmi_kvm_arch_line_word(gsi),
		.level = level,
	};
	unsigned long request =
		vm->tells_delivery ? KVM_IRQ_LINE_STATUS : KVM_IRQ_LINE;
	int rc = vmi_kvm_vm_ioctl(vm, request, &line);

	if (rc < 0)
		return vmi_kvm_vm_refused(rc, request);
	if (!vm->tells_delivery)
		line.status = 1;
	if (!level || line.status == 0)
		*delivery = VMAPI_IRQ_COALESCED;
	else
		*delivery = line.status < 0 ? VMAPI_IRQ_MASKED : line.status;
	return 0;
}

/*
 * The kernel returns the number of processors reached, 0 when the guest blocked
 * the message, and -1 when nobody was there to take it, which comes out of the
 * system call as EPERM (api.rst 4.70).  What merged with one that was pending
 * counts as delivered.
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

	if (msi->flags & VMAPI_MSI_DEVID) {
		arg.flags = KVM_MSI_VALID_DEVID;
		arg.devid = msi->device_id;
	}
	rc = vmi_kvm_vm_ioctl(vm, KVM_SIGNAL_MSI, &arg);
	if (rc < 0 && rc != -EPERM)
		return vmi_kvm_vm_refused(rc, KVM_SIGNAL_MSI);
	*delivery = rc <= 0 ? VMAPI_IRQ_MASKED : rc;
	return 0;
}

int vmi_kvm_vcpu_line_check(struct vmapi_vcpu *core, unsigned pin)
{
	return vmi_kvm_arch_vcpu_line(vmi_kvm_vcpu_of(core), pin, -1);
}

int vmi_kvm_vcpu_line(struct vmapi_vcpu *core, unsigned pin, bool level)
{
	return vmi_kvm_arch_vcpu_line(vmi_kvm_vcpu_of(core), pin, level);
}
