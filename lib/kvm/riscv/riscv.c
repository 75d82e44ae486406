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
	{ 0, NULL },
};

const unsigned vmi_kvm_arch_owners[3] = {
	VMI_OWNER_NONE, VMI_OWNER_NONE, VMI_OWNER_NONE
};

const struct vmi_kvm_need vmi_kvm_arch_needs[] = {
	{ KVM_CAP_ONE_REG, "KVM_CAP_ONE_REG" },
	{ 0, NULL },
};

/* -- VMs ----------------------------------------------------------------- */

/* KVM_CAP_VM_GPA_BITS counts; kernels before have Sv39x4: 41 bits. */
static unsigned phys_bits(int fd)
{
	int bits = vmi_kvm_check(fd, KVM_CAP_VM_GPA_BITS);

	return bits > 0 ? (unsigned)bits : 41;
}

static int riscv_cap(
	const struct vmi_kvm_asked *asked, unsigned id, int64_t *value)
{
	if (id != VMAPI_CAP_PHYS_BITS)
		return -ENOENT;
	*value = phys_bits(asked->fd);
	return 0;
}

/* -- vcpus --------------------------------------------------------------- */

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

static int reset(struct vmi_kvm_vcpu *vcpu)
{
	struct vmapi_vcpu *core = &vcpu->core;
	uint32_t state = core->id == 0 ? VMAPI_RISCV_MP_RUNNABLE
				       : VMAPI_RISCV_MP_STOPPED;
	int rc = reset_registers(vcpu);

	if (rc < 0)
		return rc;
	return vmi_kvm_arch_block_set(
		core, VMI_RISCV_MP_STATE, &state, sizeof(state));
}

/* -- registers ----------------------------------------------------------- */

static const struct vmi_kvm_block blocks[] = {
	[VMI_RISCV_MP_STATE] = VMI_KVM_MP_STATE_BLOCK,
};

/* -- debugging ----------------------------------------------------------- */

/* From 6.10 on, EBREAK alone: it is not delegated to the guest any more. */
static void stopped(const struct kvm_run *run, const struct vmapi_debug *want,
	struct vmapi_exit_debug *stop)
{
	(void)run;
	(void)want;
	stop->why = VMAPI_STOP_SOFTWARE;
}

static const struct vmi_kvm_debugger riscv_debugger = {
	.software = KVM_GUESTDBG_ENABLE,
	.unit = 2,
	.pc = VMAPI_RISCV_PC,
	.stopped = stopped,
};

/* Its one line is the external interrupt of the supervisor. */
const struct vmi_kvm_other vmi_kvm_other = {
	.regs = &vmi_riscv_regs_arch,
	.blocks = blocks,
	.cap = riscv_cap,
	.vcpu_reset = reset,
	.debugger = &riscv_debugger,
	.external_word = vmi_riscv_line_word,
	.call_way = VMAPI_CALL_ECALL,
};

/* -- exits --------------------------------------------------------------- */

bool vmi_kvm_arch_exit(struct kvm_run *run, struct vmapi_exit *exit)
{
	if (run->exit_reason != KVM_EXIT_DEBUG)
		return false;
	exit->reason = VMAPI_EXIT_DEBUG;
	return true;
}
