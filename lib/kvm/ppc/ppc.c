/* SPDX-License-Identifier: MIT */
/* ppc64: VMs and vcpus of a server, and exits. */
/*
 * A vcpu runs as a partition of PAPR does, in hypervisor (HV) mode where the
 * host is bare metal or lets its guests nest: what the kernel does not answer
 * of the partition's calls comes to the application.  Where the processor has
 * radix page tables, guests have them: nested HV has nothing else.
 */
#include "lib/arch/attr.h"
#include "lib/arch/irq.h"
#include "lib/arch/ppc_regs.h"
#include "lib/kvm/arch.h"

#define REQUEST(number) { number, #number }

/* clang-format off */
const struct vmi_kvm_request vmi_kvm_arch_requests[] = {
	REQUEST(KVM_GET_REGS),
	REQUEST(KVM_SET_REGS),
	REQUEST(KVM_GET_SREGS),
	REQUEST(KVM_SET_SREGS),
	REQUEST(KVM_PPC_CONFIGURE_V3_MMU),
};
/* clang-format on */

const size_t vmi_kvm_arch_n_requests = vmi_array_len(vmi_kvm_arch_requests);

const unsigned vmi_kvm_arch_owners[3] = {
	VMI_OWNER_NONE,
	VMI_OWNER_NONE,
	VMI_OWNER_NONE,
};

const struct vmi_kvm_need vmi_kvm_arch_needs[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	{ KVM_CAP_ONE_REG, "KVM_CAP_ONE_REG" },
	{ KVM_CAP_PPC_PAPR, "KVM_CAP_PPC_PAPR" },
	{ 0, NULL },
};

/* -- VMs ----------------------------------------------------------------- */

uint64_t vmi_kvm_arch_vm_type(int fd)
{
	(void)fd;
	return 0;
}

/* A process table whose size is 0, said in big-endian's bit 0: none yet. */
#define NO_PROCESS_TABLE ((uint64_t)1 << 63)

int vmi_kvm_arch_vm_init(struct vmi_kvm_vm *vm)
{
	struct kvm_ppc_mmuv3_cfg mmu = {
		.flags = KVM_PPC_MMUV3_RADIX | KVM_PPC_MMUV3_GTSE,
		.process_table = NO_PROCESS_TABLE,
	};
	int rc;

	if (!vmi_kvm_vm_check(vm, KVM_CAP_PPC_MMU_RADIX))
		return 0;
	rc = vmi_kvm_vm_ioctl(vm, KVM_PPC_CONFIGURE_V3_MMU, &mmu);
	return rc < 0 ? vmi_kvm_vm_refused(rc, KVM_PPC_CONFIGURE_V3_MMU) : 0;
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

/* Types of a VM: 0 what there is, 1 HV, 2 PR (api.rst 4.2). */
static int64_t types(int fd)
{
	int64_t mask = 1;

	if (vmi_kvm_check(fd, KVM_CAP_PPC_HTM) ||
		vmi_kvm_check(fd, KVM_CAP_PPC_SMT) > 1 ||
		vmi_kvm_check(fd, KVM_CAP_PPC_MMU_RADIX) ||
		vmi_kvm_check(fd, KVM_CAP_PPC_MMU_HASH_V3))
		mask |= 1 << 1;
	return mask | 1 << 2;
}

int vmi_kvm_arch_cap(struct vmi_kvm *kvm, struct vmi_kvm_vm *vm, unsigned id,
	struct vmapi_cap *cap)
{
	switch (id) {
	case VMAPI_CAP_VM_TYPES: cap->value = types(kvm->fd); break;
	case VMAPI_CAP_IRQCHIPS: cap->value = 1 << VMAPI_IRQCHIP_NONE; break;
	default: return -ENOENT;
	}
	cap->origin = vm ? VMAPI_ORIGIN_VM : VMAPI_ORIGIN_KERNEL;
	return 0;
}

/* -- vcpus --------------------------------------------------------------- */

int vmi_kvm_arch_vcpu_init(struct vmi_kvm_vcpu *vcpu)
{
	struct kvm_enable_cap papr = { .cap = KVM_CAP_PPC_PAPR };
	int rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_ENABLE_CAP, &papr);

	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_ENABLE_CAP) : 0;
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

/*
 * The kernel has no reset: programs start with nothing but MSR, 64 bits and
 * machine checks (Power ISA 3.0 III 7.5.1), at the system reset vector.
 */
int vmi_kvm_arch_vcpu_reset(struct vmapi_vcpu *core)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	struct kvm_regs regs;

	vmi_kvm_abandon(vcpu);
	memset(&regs, 0, sizeof(regs));
	regs.pc = 0x100;
	regs.msr = 0x8000000000001000;
	return vmi_kvm_arch_block_set(core, VMI_PPC_REGS, &regs, sizeof(regs));
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

/* The external interrupt's line: 0 lowers it, else it is raised. */
int vmi_kvm_arch_interrupt(struct vmapi_vcpu *core, unsigned vector)
{
	return vmi_kvm_arch_vcpu_line(vmi_kvm_vcpu_of(core), 0, vector != 0);
}

/* -- registers ----------------------------------------------------------- */

const struct vmi_kvm_block vmi_kvm_arch_blocks[] = {
	[VMI_PPC_REGS] = {
		.bytes = sizeof(struct kvm_regs),
		.get = KVM_GET_REGS,
		.set = KVM_SET_REGS,
	},
	[VMI_PPC_SREGS] = {
		.bytes = sizeof(struct kvm_sregs),
		.get = KVM_GET_SREGS,
		.set = KVM_SET_SREGS,
	},
	[VMI_PPC_MP_STATE] = {
		.bytes = sizeof(struct kvm_mp_state),
		.get = KVM_GET_MP_STATE,
		.set = KVM_SET_MP_STATE,
		.cap = KVM_CAP_MP_STATE,
	},
};

const unsigned vmi_kvm_arch_n_blocks = vmi_array_len(vmi_kvm_arch_blocks);

const struct vmi_regs_arch *vmi_kvm_arch_regs(void)
{
	return &vmi_ppc_regs_arch;
}

/* -- exits --------------------------------------------------------------- */

bool vmi_kvm_arch_exit(struct kvm_run *run, struct vmapi_exit *exit)
{
	if (run->exit_reason != KVM_EXIT_DEBUG)
		return false;
	exit->reason = VMAPI_EXIT_DEBUG;
	exit->u.debug.address = run->debug.arch.address;
	exit->u.debug.exception = run->debug.arch.status;
	return true;
}
