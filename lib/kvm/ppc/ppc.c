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

/* clang-format off */
const struct vmi_kvm_request vmi_kvm_arch_requests[] = {
	VMI_KVM_REQUEST(KVM_PPC_CONFIGURE_V3_MMU),
	{ 0, NULL },
};
/* clang-format on */

const unsigned vmi_kvm_arch_owners[3] = {
	VMI_OWNER_NONE, VMI_OWNER_NONE, VMI_OWNER_NONE
};

const struct vmi_kvm_need vmi_kvm_arch_needs[] = {
	{ KVM_CAP_ONE_REG, "KVM_CAP_ONE_REG" },
	{ KVM_CAP_PPC_PAPR, "KVM_CAP_PPC_PAPR" },
	{ 0, NULL },
};

/* -- VMs ----------------------------------------------------------------- */

/* A process table whose size is 0, said in big-endian's bit 0: none yet. */
#define NO_PROCESS_TABLE ((uint64_t)1 << 63)

static int use_radix(struct vmi_kvm_vm *vm)
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

static int ppc_cap(
	const struct vmi_kvm_asked *asked, unsigned id, int64_t *value)
{
	if (id != VMAPI_CAP_VM_TYPES)
		return -ENOENT;
	*value = types(asked->fd);
	return 0;
}

/* -- vcpus --------------------------------------------------------------- */

static int use_papr(struct vmi_kvm_vcpu *vcpu)
{
	struct kvm_enable_cap papr = { .cap = KVM_CAP_PPC_PAPR };
	int rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_ENABLE_CAP, &papr);

	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_ENABLE_CAP) : 0;
}

/*
 * The kernel has no reset: programs start with nothing but MSR, 64 bits and
 * machine checks (Power ISA 3.0 III 7.5.1), at the system reset vector.
 */
static int reset(struct vmi_kvm_vcpu *vcpu)
{
	struct kvm_regs regs;

	memset(&regs, 0, sizeof(regs));
	regs.pc = 0x100;
	regs.msr = 0x8000000000001000;
	return vmi_kvm_arch_block_set(
		&vcpu->core, VMI_PPC_REGS, &regs, sizeof(regs));
}


static const struct vmi_kvm_block blocks[] = {
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
	[VMI_PPC_MP_STATE] = VMI_KVM_MP_STATE_BLOCK,
};

/* -- debugging ----------------------------------------------------------- */

/* A server's kernel has no points; a breakpoint instruction has status 0. */
static void stopped(const struct kvm_run *run, const struct vmapi_debug *want,
	struct vmapi_exit_debug *stop)
{
	(void)run;
	stop->why = want->flags & VMAPI_DEBUG_STEP ? VMAPI_STOP_STEP
						   : VMAPI_STOP_SOFTWARE;
}

static const struct vmi_kvm_debugger ppc_debugger = {
	.step = KVM_GUESTDBG_SINGLESTEP,
	.step_cap = KVM_CAP_PPC_GUEST_DEBUG_SSTEP,
	.software = KVM_GUESTDBG_USE_SW_BP,
	.unit = 4,
	.stopped = stopped,
};

const struct vmi_kvm_other vmi_kvm_other = {
	.regs = &vmi_ppc_regs_arch,
	.blocks = blocks,
	.cap = ppc_cap,
	.vm_init = use_radix,
	.vcpu_init = use_papr,
	.vcpu_reset = reset,
	.debugger = &ppc_debugger,
	.external_word = vmi_ppc_line_word,
	.call_way = VMAPI_CALL_SC,
};

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
