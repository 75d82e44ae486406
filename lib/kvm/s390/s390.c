/* SPDX-License-Identifier: MIT */
/* s390x: VMs and vcpus, pending interrupts, and exits of SIE. */
/*
 * Most of a vcpu's state lies in the area that it shares with the kernel:
 * block.c moves it.  A VM of type 1 ("ucontrol", whose memory the application
 * maps vcpu by vcpu) is refused: nothing else of this library would work on
 * it.
 */
#include <endian.h>

#include "lib/arch/attr.h"
#include "lib/arch/s390_dat.h"
#include "lib/arch/s390_regs.h"
#include "lib/core/region.h"
#include "lib/kvm/arch.h"

/* clang-format off */
const struct vmi_kvm_request vmi_kvm_arch_requests[] = {
	VMI_KVM_REQUEST(KVM_GET_FPU),
	VMI_KVM_REQUEST(KVM_SET_FPU),
	VMI_KVM_REQUEST(KVM_S390_INITIAL_RESET),
	VMI_KVM_REQUEST(KVM_S390_CLEAR_RESET),
	VMI_KVM_REQUEST(KVM_S390_GET_IRQ_STATE),
	VMI_KVM_REQUEST(KVM_S390_SET_IRQ_STATE),
	{ 0, NULL },
};
/* clang-format on */

const unsigned vmi_kvm_arch_owners[3] = {
	VMI_OWNER_NONE,
	VMI_OWNER_S390_VM,
	VMI_OWNER_NONE,
};

const struct vmi_kvm_need vmi_kvm_arch_needs[] = {
	{ KVM_CAP_SYNC_REGS, "KVM_CAP_SYNC_REGS" },
	{ KVM_CAP_ONE_REG, "KVM_CAP_ONE_REG" },
	{ 0, NULL },
};

/* -- VMs ----------------------------------------------------------------- */

/* Facilities that guests have only if asked for before the first vcpu. */
static const unsigned facilities[] = {
	KVM_CAP_S390_VECTOR_REGISTERS,
	KVM_CAP_S390_RI,
	KVM_CAP_S390_GS,
};

/* What a kernel or a machine has not, the guest has not: no failure. */
static int enable_facilities(struct vmi_kvm_vm *vm)
{
	size_t i;

	for (i = 0; i < vmi_array_len(facilities); i++) {
		struct kvm_enable_cap arg = { .cap = facilities[i] };

		if (vmi_kvm_vm_check(vm, facilities[i]))
			vmi_kvm_vm_ioctl(vm, KVM_ENABLE_CAP, &arg);
	}
	return 0;
}

/*
 * Guest memory is given in segments, at addresses of whole segments, and it
 * lies at such in the host (kernel: kvm_arch_prepare_memory_region).
 */
#define SEGMENT 0x100000

static int s390_cap(
	const struct vmi_kvm_asked *asked, unsigned id, int64_t *value)
{
	switch (id) {
	case VMAPI_CAP_BREAKPOINTS:
	case VMAPI_CAP_WATCHPOINTS: /* as many as there are together */
		*value = vmi_kvm_debug_flags(asked->fd) ? VMI_S390_POINTS : 0;
		return 0;
	case VMAPI_CAP_VM_TYPES: *value = 1; return 0;
	case VMAPI_CAP_MAP_ALIGN: *value = SEGMENT; return 0;
	default: return -ENOENT;
	}
}

/* -- vcpus --------------------------------------------------------------- */

/* KVM_S390_CLEAR_RESET resets more, from 5.6 on (api.rst 4.124). */
static int reset(struct vmi_kvm_vcpu *vcpu)
{
	unsigned long request = KVM_S390_INITIAL_RESET;
	int rc;

	vcpu->run->kvm_dirty_regs = 0;
	if (vmi_kvm_vm_check(vmi_kvm_vm_of(vcpu->core.vm),
		    KVM_CAP_S390_VCPU_RESETS))
		request = KVM_S390_CLEAR_RESET;
	rc = vmi_kvm_vcpu_ioctl(vcpu, request, NULL);
	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, request);
	/* The kernel's is 0 now; it tells of that only after a run. */
	vcpu->run->s.regs.prefix = 0;
	return 0;
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

static const struct vmi_kvm_block blocks[] = {
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
	[VMI_S390_MP_STATE] = VMI_KVM_MP_STATE_BLOCK,
};

/* -- debugging ----------------------------------------------------------- */

_Static_assert(sizeof(struct kvm_hw_breakpoint) ==
	sizeof(struct vmi_s390_point), "");
_Static_assert(sizeof(struct vmi_s390_point) * VMI_S390_POINTS <=
	sizeof(uint64_t) * VMI_KVM_DEBUG_SCRATCH, "");

static bool load_absolute(void *of, uint64_t absolute, uint64_t *value)
{
	uint64_t big_endian = 0;
	bool is_ram = vmi_map_peek(of, absolute, &big_endian, 8);

	*value = be64toh(big_endian);
	return is_ram;
}

static int dat_of(struct vmi_kvm_vcpu *vcpu, struct vmi_s390_dat *dat)
{
	const struct kvm_run *run = vcpu->run;
	struct kvm_sregs sregs;
	int rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_GET_SREGS, &sregs);

	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, KVM_GET_SREGS);
	dat->psw_mask = run->psw_mask;
	memcpy(dat->control, sregs.crs, sizeof(dat->control));
	dat->prefix = run->s.regs.prefix;
	dat->load = load_absolute;
	dat->of = vcpu->core.vm;
	return 0;
}

/*
 * The kernel compares a point's bytes at their absolute address: one that is
 * nowhere now may be somewhere at the next run.
 */
static int place(struct vmi_kvm_vcpu *vcpu, const struct vmapi_debug *want,
	uint64_t *places)
{
	struct vmi_s390_dat dat;
	bool is_known = false;
	uint64_t word;
	uint32_t i;
	int rc;

	for (i = 0; i < want->n_points; i++) {
		places[i] = VMI_S390_NOWHERE;
		if (want->points[i].kind == VMAPI_POINT_EXEC)
			continue;
		rc = is_known ? 0 : dat_of(vcpu, &dat);
		if (rc < 0)
			return rc;
		is_known = true;
		if (!vmi_s390_absolute(&dat, want->points[i].address,
			    &places[i]) ||
			!load_absolute(dat.of, places[i] & ~7ull, &word))
			places[i] = VMI_S390_NOWHERE;
	}
	return 0;
}

static void encode_debug(const struct vmapi_debug *want,
	const uint64_t *places, struct kvm_guest_debug *to, uint64_t *scratch)
{
	struct vmi_s390_point points[VMI_S390_POINTS];

	to->arch.nr_hw_bp = vmi_s390_debug_encode(want, places, points);
	memcpy(scratch, points, to->arch.nr_hw_bp * sizeof(points[0]));
	to->arch.hw_bp = (void *)scratch;
}

static void stopped(const struct kvm_run *run, const struct vmapi_debug *want,
	struct vmapi_exit_debug *stop)
{
	vmi_s390_debug_stop(want, run->debug.arch.type, stop);
}

/* The PSW stands behind the instruction; a debugger's guest stands on it. */
static bool intercepted(struct kvm_run *run, struct vmapi_exit *exit)
{
	if (exit->reason != VMAPI_EXIT_S390_SIE ||
		!vmi_s390_is_breakpoint(&exit->u.s390_sie))
		return false;
	run->psw_addr -= VMI_S390_DIAGNOSE_BYTES;
	exit->reason = VMAPI_EXIT_DEBUG;
	memset(&exit->u, 0, sizeof(exit->u));
	exit->u.debug.address = run->psw_addr;
	exit->u.debug.why = VMAPI_STOP_SOFTWARE;
	return true;
}

static const struct vmi_kvm_debugger s390_debugger = {
	.step = KVM_GUESTDBG_SINGLESTEP,
	.software = VMI_KVM_INTERCEPTED,
	.points = KVM_GUESTDBG_USE_HW_BP,
	.unit = 2,
	.data = 1u << VMAPI_POINT_WRITE,
	.most = VMI_S390_POINTS,
	.place = place,
	.encode = encode_debug,
	.stopped = stopped,
	.intercepted = intercepted,
};

const struct vmi_kvm_other vmi_kvm_other = {
	.regs = &vmi_s390_regs_arch,
	.blocks = blocks,
	.cap = s390_cap,
	.vm_init = enable_facilities,
	.vcpu_init = reset,
	.vcpu_reset = reset,
	.debugger = &s390_debugger,
	.call_way = VMAPI_CALL_DIAG,
	.no_interrupt = "an interrupt of s390 is more than a vector",
};

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
		exit->u.debug.address = run->psw_addr;
		exit->u.debug.data_address = run->debug.arch.addr;
		exit->u.debug.exception = run->debug.arch.type;
		return true;
	default: return false;
	}
}
