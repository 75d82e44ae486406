/* SPDX-License-Identifier: MIT */
/* Neutral capabilities, by the kernel's numbers. */
#include "lib/kvm/arch.h"

/* A capability that is one number of the kernel's, and what 0 stands for. */
struct cap_row {
	unsigned id;
	unsigned number;
	int fallback; /* where the kernel answers 0 (api.rst 4.4) */
};

static const struct cap_row rows[] = {
	{ VMAPI_CAP_VCPUS_MAX, KVM_CAP_MAX_VCPUS, 4 },
	{ VMAPI_CAP_VCPUS_ADVISED, KVM_CAP_NR_VCPUS, 4 },
	{ VMAPI_CAP_MAP_ENTRIES, KVM_CAP_NR_MEMSLOTS, 32 },
	{ VMAPI_CAP_ADDRESS_SPACES, KVM_CAP_MULTI_ADDRESS_SPACE, 1 },
	{ VMAPI_CAP_READONLY, KVM_CAP_READONLY_MEM, 0 },
	{ VMAPI_CAP_MSI, KVM_CAP_SIGNAL_MSI, 0 },
	{ VMAPI_CAP_MSI_DEVID, KVM_CAP_MSI_DEVID, 0 },
	{ VMAPI_CAP_GUEST_MEMFD, VMI_KVM_CAP_GUEST_MEMFD, 0 },
	{ VMAPI_CAP_MEMORY_ATTRIBUTES, VMI_KVM_CAP_MEMORY_ATTRIBUTES, 0 },
	{ VMAPI_CAP_IRQFD, KVM_CAP_IRQFD, 0 },
	{ VMAPI_CAP_IOEVENTFD, KVM_CAP_IOEVENTFD, 0 },
	{ VMAPI_CAP_POSTED, KVM_CAP_COALESCED_MMIO, 0 },
	{ VMAPI_CAP_GSIS, KVM_CAP_IRQ_ROUTING, 0 },
	{ VMAPI_CAP_SYNC_REGS, KVM_CAP_SYNC_REGS, 0 },
	{ VMAPI_CAP_VM_TYPES, VMI_KVM_CAP_VM_TYPES, 1 },
};

static void put(struct vmapi_cap *cap, int64_t value, unsigned origin)
{
	cap->value = value;
	cap->origin = value ? origin : VMAPI_ORIGIN_NONE;
}

static int impaired(struct vmi_kvm *kvm)
{
	int verdict = atomic_load(&kvm->trial);
	char why[160];

	if (verdict == VMI_KVM_UNTRIED) {
		verdict = vmi_kvm_arch_trial(kvm->fd, why, sizeof(why));
		atomic_store(&kvm->trial, verdict);
	}
	return verdict == VMI_KVM_IMPAIRED;
}

/* Those that no single number of the kernel's answers. */
static int other(struct vmi_kvm *kvm, struct vmi_kvm_vm *vm, unsigned id,
	struct vmapi_cap *cap)
{
	switch (id) {
	case VMAPI_CAP_PAGE_SIZE:
		put(cap, (int64_t)vmi_page_size(), VMAPI_ORIGIN_KERNEL);
		return 0;
	case VMAPI_CAP_DIRTY_LOG:
		put(cap, vmi_kvm_dirty_kinds(kvm->fd), VMAPI_ORIGIN_KERNEL);
		return 0;
	case VMAPI_CAP_IMPAIRED:
		put(cap, impaired(kvm), VMAPI_ORIGIN_TRIAL);
		return 0;
	case VMAPI_CAP_ICOUNT:
	case VMAPI_CAP_RUN_LIMIT:
	case VMAPI_CAP_DETERMINISTIC: put(cap, 0, VMAPI_ORIGIN_NONE); return 0;
	case VMAPI_CAP_DEVICES: /* the library's own, then the kernel's */
		put(cap,
			1 << VMAPI_DEVICE_RTC | 1 << VMAPI_DEVICE_HPET |
				1 << VMAPI_DEVICE_ACPI_PM |
				1 << VMAPI_DEVICE_PIT |
				1 << VMAPI_DEVICE_COUNTER,
			VMAPI_ORIGIN_EMULATED);
		if (vm)
			cap->value |= (int64_t)vmi_kvm_devices(vm);
		return 0;
	default: return -ENOENT;
	}
}

int vmi_kvm_cap(struct vmapi *ctx, struct vmapi_vm *core, unsigned id,
	struct vmapi_cap *cap)
{
	struct vmi_kvm *kvm = vmi_kvm_of(ctx);
	struct vmi_kvm_vm *vm = core ? vmi_kvm_vm_of(core) : NULL;
	size_t i;
	int value;

	if (vmi_kvm_arch_cap(kvm, vm, id, cap) == 0)
		return 0;
	for (i = 0; i < vmi_array_len(rows); i++) {
		if (rows[i].id != id)
			continue;
		value = vm ? vmi_kvm_vm_check(vm, rows[i].number)
			   : vmi_kvm_check(kvm->fd, rows[i].number);
		put(cap, value ? value : rows[i].fallback,
			vm ? VMAPI_ORIGIN_VM : VMAPI_ORIGIN_KERNEL);
		return 0;
	}
	return other(kvm, vm, id, cap);
}

int vmi_kvm_cap_raw(
	struct vmapi *ctx, struct vmapi_vm *vm, unsigned number, int *value)
{
	*value = vm ? vmi_kvm_vm_check(vmi_kvm_vm_of(vm), number)
		    : vmi_kvm_check(vmi_kvm_of(ctx)->fd, number);
	return 0;
}
