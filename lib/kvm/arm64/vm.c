/* SPDX-License-Identifier: MIT */
/* An arm64 VM: its address width, and what its vcpus can have. */
#include "lib/arch/attr.h"
#include "lib/arch/irq.h"
#include "lib/kvm/arm64/arm64.h"

/* clang-format off */
const struct vmi_kvm_request vmi_kvm_arch_requests[] = {
	VMI_KVM_REQUEST(KVM_ARM_PREFERRED_TARGET),
	VMI_KVM_REQUEST(KVM_ARM_VCPU_INIT),
	VMI_KVM_REQUEST(KVM_ARM_VCPU_FINALIZE),
	VMI_KVM_REQUEST(KVM_GET_VCPU_EVENTS),
	VMI_KVM_REQUEST(KVM_SET_VCPU_EVENTS),
	{ 0, NULL },
};
/* clang-format on */

const unsigned vmi_kvm_arch_owners[3] = {
	VMI_OWNER_NONE,
	VMI_OWNER_ARM64_VM,
	VMI_OWNER_ARM64_VCPU,
};

const struct vmi_kvm_need vmi_kvm_arch_needs[] = {
	{ KVM_CAP_ONE_REG, "KVM_CAP_ONE_REG" },
	{ KVM_CAP_ARM_PSCI_0_2, "KVM_CAP_ARM_PSCI_0_2" },
	{ 0, NULL },
};

/* Bits of a guest-physical address where the type is 0 (api.rst 4.2). */
#define IPA_USUAL 40
#define IPA_LEAST 32

static unsigned ipa_most(int fd)
{
	int bits = vmi_kvm_check(fd, KVM_CAP_ARM_VM_IPA_SIZE);

	return bits > 0 ? (unsigned)bits : IPA_USUAL;
}

/* Processors with fewer than the usual bits refuse a VM that has those. */
uint64_t vmi_kvm_arm64_vm_type(int fd)
{
	unsigned most = ipa_most(fd);

	return most < IPA_USUAL ? most : 0;
}

/* Feature and capability (api.rst 4.82). */
static const struct {
	uint64_t feature;
	unsigned caps[2]; /* all are needed; 0: none */
} offers[] = {
	{ VMAPI_ARM64_FEATURE_OFF, { 0 } },
	{ VMAPI_ARM64_FEATURE_AARCH32, { KVM_CAP_ARM_EL1_32BIT } },
	{ VMAPI_ARM64_FEATURE_PSCI, { KVM_CAP_ARM_PSCI_0_2 } },
	{ VMAPI_ARM64_FEATURE_PMU, { KVM_CAP_ARM_PMU_V3 } },
	{ VMAPI_ARM64_FEATURE_SVE, { KVM_CAP_ARM_SVE } },
	{ VMAPI_ARM64_FEATURE_PAUTH, { KVM_CAP_ARM_PTRAUTH_ADDRESS,
					     KVM_CAP_ARM_PTRAUTH_GENERIC } },
	{ VMAPI_ARM64_FEATURE_EL2, { VMI_KVM_CAP_ARM_EL2 } },
	{ VMAPI_ARM64_FEATURE_EL2_E2H0, { VMI_KVM_CAP_ARM_EL2_E2H0 } },
};

static bool has(int fd, unsigned cap)
{
	return !cap || vmi_kvm_check(fd, cap);
}

uint64_t vmi_kvm_arm64_features(int fd)
{
	uint64_t features = 0;
	size_t i;

	for (i = 0; i < vmi_array_len(offers); i++)
		if (has(fd, offers[i].caps[0]) && has(fd, offers[i].caps[1]))
			features |= offers[i].feature;
	return features;
}

/*
 * Accesses whose syndrome tells too little come to the application; without
 * this the run fails with ENOSYS (api.rst 8.13 and KVM_EXIT_ARM_NISV).
 */
static void enable_nisv(struct vmi_kvm_vm *vm)
{
	struct kvm_enable_cap arg = { .cap = KVM_CAP_ARM_NISV_TO_USER };

	if (vmi_kvm_vm_check(vm, KVM_CAP_ARM_NISV_TO_USER))
		vmi_kvm_vm_ioctl(vm, KVM_ENABLE_CAP, &arg);
}

int vmi_kvm_arm64_vm_init(struct vmi_kvm_vm *vm)
{
	int fd = vmi_kvm_of(vm->core.ctx)->fd;

	vm->arch = vmi_zalloc(sizeof(*vm->arch));
	if (!vm->arch)
		return vmi_fail(-ENOMEM, "vm", "no memory for the VM");
	vm->arch->features = vmi_kvm_arm64_features(fd);
	vm->arch->ipa_bits = (unsigned)vm->core.config.type;
	if (!vm->arch->ipa_bits)
		vm->arch->ipa_bits = (unsigned)vmi_kvm_arm64_vm_type(fd);
	if (!vm->arch->ipa_bits)
		vm->arch->ipa_bits = IPA_USUAL;
	enable_nisv(vm);
	return 0;
}

/* -- hypercalls ---------------------------------------------------------- */

/*
 * From 6.4 on a range of function ids can be given to user space (kernel:
 * Documentation/virt/kvm/devices/vm.rst, KVM_ARM_VM_SMCCC_FILTER).
 */
int vmi_kvm_arm64_call_ask(struct vmi_kvm_vm *vm)
{
	struct vmi_kvm_smccc_filter filter = { .base = VMAPI_CALL_ARM64,
		.n_functions = VMAPI_CALL_END,
		.action = VMI_KVM_SMCCC_FORWARD };
	struct kvm_device_attr attr = { .group = VMI_KVM_ARM_VM_SMCCC,
		.attr = VMI_KVM_ARM_VM_SMCCC_FILTER,
		.addr = (uintptr_t)&filter };

	return vmi_kvm_vm_ioctl(vm, KVM_SET_DEVICE_ATTR, &attr);
}

/* -- lines --------------------------------------------------------------- */

/* Routes are for irqfds: KVM_IRQ_LINE wants the interrupt's own number. */
uint32_t vmi_kvm_arm64_line_word(unsigned gsi)
{
	return vmi_arm64_line_word(
		VMI_ARM64_LINE_SPI, 0, gsi + VMI_ARM64_SPI_FIRST);
}

int vmi_kvm_arm64_vcpu_line(struct vmi_kvm_vcpu *vcpu, unsigned pin, int level)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(vcpu->core.vm);
	struct kvm_irq_level line = { .level = level > 0 };
	int rc;

	if (!vmi_arm64_vcpu_line_word(vcpu->core.index, pin, &line.irq))
		return vmi_kvm_vcpu_fail(vcpu, -ERANGE,
			"its lines are 0, 1 and 16 to 31");
	if (level < 0)
		return 0;
	rc = vmi_kvm_vm_ioctl(vm, KVM_IRQ_LINE, &line);
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_IRQ_LINE) : 0;
}

/* -- capabilities -------------------------------------------------------- */

/* A type is the number of address bits; 0 is the usual number. */
static uint64_t types(int fd)
{
	unsigned most = ipa_most(fd), bits;
	uint64_t mask = 1;

	for (bits = IPA_LEAST; bits <= most && bits < 63; bits++)
		mask |= (uint64_t)1 << bits;
	return mask;
}

static unsigned phys_bits(const struct vmi_kvm_asked *asked)
{
	unsigned most = ipa_most(asked->fd);

	if (asked->vm)
		return asked->vm->arch->ipa_bits;
	return most < IPA_USUAL ? most : IPA_USUAL;
}

int vmi_kvm_arm64_cap(
	const struct vmi_kvm_asked *asked, unsigned id, int64_t *value)
{
	switch (id) {
	case VMAPI_CAP_PHYS_BITS: *value = phys_bits(asked); return 0;
	case VMAPI_CAP_VM_TYPES: *value = (int64_t)types(asked->fd); return 0;
	case VMAPI_CAP_BREAKPOINTS:
		*value = vmi_kvm_check(asked->fd, KVM_CAP_GUEST_DEBUG_HW_BPS);
		return 0;
	case VMAPI_CAP_WATCHPOINTS:
		*value = vmi_kvm_check(asked->fd, KVM_CAP_GUEST_DEBUG_HW_WPS);
		return 0;
	case VMAPI_CAP_VCPU_FEATURES:
		*value = (int64_t)vmi_kvm_arm64_features(asked->fd);
		return 0;
	default: return -ENOENT;
	}
}
