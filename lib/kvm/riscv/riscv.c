/* SPDX-License-Identifier: MIT */
/* riscv64: VMs and vcpus, whose state is all ONE_REG's, and exits. */
/*
 * The kernel starts vcpu 0, and the others wait for SBI's HSM.  It has no
 * reset before 6.17: registers are put to what a new vcpu has, which is zero
 * but for the mode; extensions and identification stay.
 */
#include "lib/arch/attr.h"
#include "lib/arch/irq.h"
#include "lib/arch/riscv_regs.h"
#include "lib/kvm/arch.h"

const struct vmi_kvm_request vmi_kvm_arch_requests[] = {
	{ KVM_IRQ_LINE, "KVM_IRQ_LINE" },
};

const size_t vmi_kvm_arch_n_requests = vmi_array_len(vmi_kvm_arch_requests);

const unsigned vmi_kvm_arch_owners[3] = {
	VMI_OWNER_NONE,
	VMI_OWNER_NONE,
	VMI_OWNER_NONE,
};

const struct vmi_kvm_need vmi_kvm_arch_needs[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
		"KVM_CAP_DESTROY_MEMORY_REGION_WORKS" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	{ KVM_CAP_ONE_REG, "KVM_CAP_ONE_REG" },
	{ 0, NULL },
};

/* -- VMs ----------------------------------------------------------------- */

uint64_t vmi_kvm_arch_vm_type(int fd)
{
	(void)fd;
	return 0;
}

int vmi_kvm_arch_vm_init(struct vmi_kvm_vm *vm)
{
	(void)vm;
	return 0;
}

void vmi_kvm_arch_vm_fini(struct vmi_kvm_vm *vm)
{
	(void)vm;
}

int vmi_kvm_arch_vm_reset(struct vmapi_vm *vm)
{
	(void)vm;
	return 0;
}

/* KVM_CAP_VM_GPA_BITS counts; kernels before have Sv39x4: 41 bits. */
static unsigned phys_bits(int fd)
{
	int bits = vmi_kvm_check(fd, KVM_CAP_VM_GPA_BITS);

	return bits > 0 ? (unsigned)bits : 41;
}

int vmi_kvm_arch_cap(struct vmi_kvm *kvm, struct vmi_kvm_vm *vm, unsigned id,
	struct vmapi_cap *cap)
{
	int fd = vm ? vm->fd : kvm->fd;

	switch (id) {
	case VMAPI_CAP_PHYS_BITS: cap->value = phys_bits(fd); break;
	case VMAPI_CAP_IRQCHIPS: cap->value = 1 << VMAPI_IRQCHIP_NONE; break;
	default: return -ENOENT;
	}
	cap->origin = vm ? VMAPI_ORIGIN_VM : VMAPI_ORIGIN_KERNEL;
	return 0;
}

/* -- vcpus --------------------------------------------------------------- */

int vmi_kvm_arch_vcpu_init(struct vmi_kvm_vcpu *vcpu)
{
	(void)vcpu;
	return 0;
}

void vmi_kvm_arch_vcpu_fini(struct vmi_kvm_vcpu *vcpu)
{
	(void)vcpu;
}

int vmi_kvm_arch_first_run(struct vmi_kvm_vcpu *vcpu)
{
	(void)vcpu;
	return 0;
}

int vmi_kvm_arch_before_one(struct vmi_kvm_vcpu *vcpu, uint64_t tag)
{
	(void)vcpu;
	(void)tag;
	return 0;
}

/* Those of a type that a reset clears; the timer is stopped. */
static bool is_reset(uint64_t tag)
{
	switch (VMI_RISCV_TYPE(tag)) {
	case VMAPI_RISCV_TYPE_CORE:
	case VMAPI_RISCV_TYPE_CSR:
	case VMAPI_RISCV_TYPE_FP_F:
	case VMAPI_RISCV_TYPE_FP_D: return true;
	default: return tag == VMAPI_RISCV_TIMER(3);
	}
}

/* A register that this processor has not is passed over. */
static int reset_registers(struct vmi_kvm_vcpu *vcpu)
{
	const struct vmi_regs_arch *arch = &vmi_riscv_regs_arch;
	size_t i;
	int rc = 0;

	for (i = 0; i < arch->n_ones && rc == 0; i++) {
		uint64_t tag = arch->ones[i].tag;
		uint64_t value = tag == VMAPI_RISCV_MODE ? 1 : 0;
		uint32_t half = (uint32_t)value;
		struct vmi_one one = { .tag = tag, .data = &value, .bytes = 8 };

		if (!is_reset(tag))
			continue;
		if (vmi_tag_bytes(tag) == sizeof(half))
			one.data = &half;
		one.bytes = (uint32_t)vmi_tag_bytes(tag);
		rc = vmi_kvm_arch_ones_set(&vcpu->core, &one, 1);
	}
	return rc;
}

int vmi_kvm_arch_vcpu_reset(struct vmapi_vcpu *core)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	uint32_t state = core->id == 0 ? VMAPI_RISCV_MP_RUNNABLE
				       : VMAPI_RISCV_MP_STOPPED;
	int rc;

	vmi_kvm_abandon(vcpu);
	rc = reset_registers(vcpu);
	if (rc < 0)
		return rc;
	return vmi_kvm_arch_block_set(
		core, VMI_RISCV_MP_STATE, &state, sizeof(state));
}

uint32_t vmi_kvm_arch_line_word(unsigned gsi)
{
	return gsi;
}

int vmi_kvm_arch_vcpu_line(struct vmi_kvm_vcpu *vcpu, unsigned pin, int level)
{
	struct kvm_interrupt arg = {
		.irq = vmi_external_line_word(level > 0),
	};
	int rc;

	if (pin)
		return vmi_kvm_vcpu_fail(
			vcpu, -ERANGE, "its only line is 0, the external one");
	if (level < 0)
		return 0;
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_INTERRUPT, &arg);
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_INTERRUPT) : 0;
}

/* The external interrupt of the supervisor: 0 lowers it, else it is raised. */
int vmi_kvm_arch_interrupt(struct vmapi_vcpu *core, unsigned vector)
{
	return vmi_kvm_arch_vcpu_line(vmi_kvm_vcpu_of(core), 0, vector != 0);
}

/* -- registers ----------------------------------------------------------- */

const struct vmi_kvm_block vmi_kvm_arch_blocks[] = {
	[VMI_RISCV_MP_STATE] = {
		.bytes = sizeof(struct kvm_mp_state),
		.get = KVM_GET_MP_STATE,
		.set = KVM_SET_MP_STATE,
		.cap = KVM_CAP_MP_STATE,
	},
};

const unsigned vmi_kvm_arch_n_blocks = vmi_array_len(vmi_kvm_arch_blocks);

const struct vmi_regs_arch *vmi_kvm_arch_regs(void)
{
	return &vmi_riscv_regs_arch;
}

/* -- exits --------------------------------------------------------------- */

bool vmi_kvm_arch_exit(struct kvm_run *run, struct vmapi_exit *exit)
{
	if (run->exit_reason != KVM_EXIT_DEBUG)
		return false;
	exit->reason = VMAPI_EXIT_DEBUG;
	return true;
}
