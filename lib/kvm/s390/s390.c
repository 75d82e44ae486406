/* SPDX-License-Identifier: MIT */
/* s390x: VMs and vcpus, pending interrupts, and exits of SIE. */
/*
 * Most of a vcpu's state lies in the area that it shares with the kernel:
 * block.c moves it.  A VM of type 1 ("ucontrol", whose memory the application
 * maps vcpu by vcpu) is refused: nothing else of this library would work on
 * it.
 */
#include "lib/arch/attr.h"
#include "lib/arch/s390_regs.h"
#include "lib/kvm/arch.h"

#define REQUEST(number) { number, #number }

/* clang-format off */
const struct vmi_kvm_request vmi_kvm_arch_requests[] = {
	REQUEST(KVM_GET_REGS),
	REQUEST(KVM_SET_REGS),
	REQUEST(KVM_GET_SREGS),
	REQUEST(KVM_SET_SREGS),
	REQUEST(KVM_GET_FPU),
	REQUEST(KVM_SET_FPU),
	REQUEST(KVM_S390_INITIAL_RESET),
	REQUEST(KVM_S390_CLEAR_RESET),
	REQUEST(KVM_S390_GET_IRQ_STATE),
	REQUEST(KVM_S390_SET_IRQ_STATE),
	REQUEST(KVM_S390_GET_SKEYS),
	REQUEST(KVM_S390_SET_SKEYS),
	REQUEST(KVM_S390_MEM_OP),
};
/* clang-format on */

const size_t vmi_kvm_arch_n_requests = vmi_array_len(vmi_kvm_arch_requests);

const unsigned vmi_kvm_arch_owners[3] = {
	VMI_OWNER_NONE,
	VMI_OWNER_S390_VM,
	VMI_OWNER_NONE,
};

const struct vmi_kvm_need vmi_kvm_arch_needs[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_SYNC_REGS, "KVM_CAP_SYNC_REGS" },
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

/* Facilities that guests have only if asked for before the first vcpu. */
static const unsigned facilities[] = {
	KVM_CAP_S390_VECTOR_REGISTERS,
	KVM_CAP_S390_RI,
	KVM_CAP_S390_GS,
};

/* What a kernel or a machine has not, the guest has not: no failure. */
int vmi_kvm_arch_vm_init(struct vmi_kvm_vm *vm)
{
	size_t i;

	for (i = 0; i < vmi_array_len(facilities); i++) {
		struct kvm_enable_cap arg = { .cap = facilities[i] };

		if (vmi_kvm_vm_check(vm, facilities[i]))
			vmi_kvm_vm_ioctl(vm, KVM_ENABLE_CAP, &arg);
	}
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

/* Guest memory is given in segments, at addresses of whole segments. */
#define SEGMENT 0x100000

int vmi_kvm_arch_cap(struct vmi_kvm *kvm, struct vmi_kvm_vm *vm, unsigned id,
	struct vmapi_cap *cap)
{
	(void)kvm;
	switch (id) {
	case VMAPI_CAP_VM_TYPES: cap->value = 1; break;
	case VMAPI_CAP_PAGE_SIZE: cap->value = SEGMENT; break;
	case VMAPI_CAP_IRQCHIPS: cap->value = 1 << VMAPI_IRQCHIP_NONE; break;
	default: return -ENOENT;
	}
	cap->origin = vm ? VMAPI_ORIGIN_VM : VMAPI_ORIGIN_KERNEL;
	return 0;
}

/* -- vcpus --------------------------------------------------------------- */

/* KVM_S390_CLEAR_RESET resets more, from 5.6 on (api.rst 4.124). */
static int reset(struct vmi_kvm_vcpu *vcpu)
{
	unsigned long request = KVM_S390_INITIAL_RESET;
	int rc;

	if (vmi_kvm_vm_check(vmi_kvm_vm_of(vcpu->core.vm),
		    KVM_CAP_S390_VCPU_RESETS))
		request = KVM_S390_CLEAR_RESET;
	rc = vmi_kvm_vcpu_ioctl(vcpu, request, NULL);
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, request) : 0;
}

int vmi_kvm_arch_vcpu_init(struct vmi_kvm_vcpu *vcpu)
{
	return reset(vcpu);
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

int vmi_kvm_arch_vcpu_reset(struct vmapi_vcpu *core)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);

	vmi_kvm_abandon(vcpu);
	vcpu->run->kvm_dirty_regs = 0;
	return reset(vcpu);
}

uint32_t vmi_kvm_arch_line_word(unsigned gsi)
{
	return gsi;
}

int vmi_kvm_arch_vcpu_line(struct vmi_kvm_vcpu *vcpu, unsigned pin, int level)
{
	(void)pin;
	(void)level;
	return vmi_kvm_vcpu_fail(vcpu, -ENXIO, "it has no lines");
}

int vmi_kvm_arch_interrupt(struct vmapi_vcpu *core, unsigned vector)
{
	(void)vector;
	return vmi_kvm_vcpu_fail(vmi_kvm_vcpu_of(core), -ENOTSUP,
		"an interrupt of s390 is more than a vector");
}

/* -- pending interrupts -------------------------------------------------- */

/* One of each kind, and an external call or emergency signal per vcpu. */
#define IRQS_MAX 512

/* The kernel copies what fits and says how many bytes that is. */
static int irqs_get(struct vmi_kvm_vcpu *vcpu, void *data, size_t *bytes)
{
	size_t most = IRQS_MAX * sizeof(struct kvm_s390_irq);
	struct kvm_s390_irq *irqs = vmi_zalloc(most);
	struct kvm_s390_irq_state arg = {
		.buf = (uintptr_t)irqs,
		.len = (uint32_t)most,
	};
	size_t room = *bytes;
	int rc;

	if (!irqs)
		return vmi_kvm_vcpu_fail(
			vcpu, -ENOMEM, "no memory for the interrupts");
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_S390_GET_IRQ_STATE, &arg);
	if (rc < 0) {
		vmi_free(irqs);
		return vmi_kvm_vcpu_refused(vcpu, rc, KVM_S390_GET_IRQ_STATE);
	}
	*bytes = (size_t)rc;
	if (data && *bytes <= room)
		memcpy(data, irqs, *bytes);
	vmi_free(irqs);
	if (!data || *bytes <= room)
		return 0;
	return vmi_kvm_vcpu_fail(
		vcpu, -ENOSPC, "the room for the interrupts is too small");
}

static int irqs_set(struct vmi_kvm_vcpu *vcpu, const void *data, size_t bytes)
{
	struct kvm_s390_irq_state arg = {
		.buf = (uintptr_t)data,
		.len = (uint32_t)bytes,
	};
	int rc;

	if (bytes == 0)
		return 0;
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_S390_SET_IRQ_STATE, &arg);
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_S390_SET_IRQ_STATE)
		      : 0;
}

/* -- registers ----------------------------------------------------------- */

#define SHARED(member) offsetof(struct kvm_run, s.regs.member)

const struct vmi_kvm_block vmi_kvm_arch_blocks[] = {
	[VMI_S390_REGS] = { .bytes = sizeof(struct kvm_regs),
		.get = KVM_GET_REGS, .set = KVM_SET_REGS },
	[VMI_S390_SREGS] = { .bytes = sizeof(struct kvm_sregs),
		.get = KVM_GET_SREGS, .set = KVM_SET_SREGS },
	[VMI_S390_FPU] = { .bytes = sizeof(struct kvm_fpu),
		.get = KVM_GET_FPU, .set = KVM_SET_FPU },
	[VMI_S390_VECTORS] = { .bytes = 512,
		.offset = SHARED(vrs), .valid = KVM_SYNC_VRS },
	[VMI_S390_PSW] = { .bytes = 16,
		.offset = offsetof(struct kvm_run, psw_mask) },
	[VMI_S390_PREFIX] = { .bytes = 8,
		.offset = SHARED(prefix), .valid = KVM_SYNC_PREFIX },
	[VMI_S390_RICCB] = { .bytes = 64,
		.offset = SHARED(riccb), .valid = KVM_SYNC_RICCB },
	[VMI_S390_GSCB] = { .bytes = 32,
		.offset = SHARED(gscb), .valid = KVM_SYNC_GSCB },
	[VMI_S390_ETOKEN] = { .bytes = 16,
		.offset = SHARED(etoken), .valid = KVM_SYNC_ETOKEN },
	[VMI_S390_DIAG318] = { .bytes = 8,
		.offset = SHARED(diag318), .valid = KVM_SYNC_DIAG318 },
	[VMI_S390_IRQ_STATE] = { .cap = KVM_CAP_S390_IRQ_STATE,
		.read = irqs_get, .write = irqs_set },
	[VMI_S390_MP_STATE] = { .bytes = sizeof(struct kvm_mp_state),
		.get = KVM_GET_MP_STATE, .set = KVM_SET_MP_STATE,
		.cap = KVM_CAP_MP_STATE },
};

const unsigned vmi_kvm_arch_n_blocks = vmi_array_len(vmi_kvm_arch_blocks);

const struct vmi_regs_arch *vmi_kvm_arch_regs(void)
{
	return &vmi_s390_regs_arch;
}

/* -- exits --------------------------------------------------------------- */

static void decode_sie(const struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmapi_exit_s390_sie *sie = &exit->u.s390_sie;

	exit->reason = VMAPI_EXIT_S390_SIE;
	sie->code = run->s390_sieic.icptcode;
	sie->ipa = run->s390_sieic.ipa;
	sie->ipb = run->s390_sieic.ipb;
	sie->psw_mask = run->psw_mask;
	sie->psw_address = run->psw_addr;
}

static void decode_tsch(const struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmapi_exit_s390_tsch *tsch = &exit->u.s390_tsch;

	exit->reason = VMAPI_EXIT_S390_TSCH;
	tsch->subchannel_id = run->s390_tsch.subchannel_id;
	tsch->subchannel_number = run->s390_tsch.subchannel_nr;
	tsch->parameter = run->s390_tsch.io_int_parm;
	tsch->word = run->s390_tsch.io_int_word;
	tsch->ipb = run->s390_tsch.ipb;
	tsch->dequeued = run->s390_tsch.dequeued;
}

static void decode_stsi(const struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmapi_exit_s390_stsi *stsi = &exit->u.s390_stsi;

	exit->reason = VMAPI_EXIT_S390_STSI;
	stsi->address = run->s390_stsi.addr;
	stsi->access_register = run->s390_stsi.ar;
	stsi->function = run->s390_stsi.fc;
	stsi->selector1 = run->s390_stsi.sel1;
	stsi->selector2 = run->s390_stsi.sel2;
}

bool vmi_kvm_arch_exit(struct kvm_run *run, struct vmapi_exit *exit)
{
	switch (run->exit_reason) {
	case KVM_EXIT_S390_SIEIC: decode_sie(run, exit); return true;
	case KVM_EXIT_S390_TSCH: decode_tsch(run, exit); return true;
	case KVM_EXIT_S390_STSI: decode_stsi(run, exit); return true;
	case KVM_EXIT_S390_RESET:
		exit->reason = VMAPI_EXIT_S390_RESET;
		exit->u.s390_reset.flags = run->s390_reset_flags;
		return true;
	case KVM_EXIT_DEBUG:
		exit->reason = VMAPI_EXIT_DEBUG;
		exit->u.debug.address = run->debug.arch.addr;
		exit->u.debug.exception = run->debug.arch.type;
		return true;
	default: return false;
	}
}
