/* SPDX-License-Identifier: MIT */
/* An arm64 vcpu: its features, its birth and reset, its exits. */
/*
 * KVM_ARM_VCPU_INIT makes a vcpu of the host's kind with the features asked
 * for; a second one with the same is a reset.  A vcpu with SVE is not whole
 * before KVM_ARM_VCPU_FINALIZE, and the lengths of its vectors can be set
 * only until then: so that is put off until something else is asked of it
 * (api.rst 4.82, 4.119).
 */
#include "lib/kvm/arm64/arm64.h"

/* -- features ------------------------------------------------------------ */

/* Beside those asked for: PSCI, what can be used without any set-up, and
 * for all vcpus but the first to wait until they are started. */
uint64_t vmi_kvm_arm64_choose(const struct vmapi_vcpu *vcpu, uint64_t known)
{
	uint64_t usual =
		VMAPI_ARM64_FEATURE_PSCI | VMAPI_ARM64_FEATURE_PAUTH;

	if (vcpu->flags & VMAPI_VCPU_EXACT)
		return vcpu->features;
	if (vcpu->id != 0)
		usual |= VMAPI_ARM64_FEATURE_OFF;
	return vcpu->features | (usual & known);
}

/* PAUTH is two features of the kernel's, which go together. */
void vmi_kvm_arm64_features_out(uint32_t words[7], uint64_t features)
{
	if (features & VMAPI_ARM64_FEATURE_PAUTH)
		features |= (uint64_t)1 << KVM_ARM_VCPU_PTRAUTH_GENERIC;
	words[0] = (uint32_t)features;
	words[1] = (uint32_t)(features >> 32);
}

/* -- birth and reset ----------------------------------------------------- */

static int init(struct vmi_kvm_vcpu *vcpu)
{
	struct kvm_vcpu_init arg = vcpu->arch->init;
	int rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &arg);

	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_ARM_VCPU_INIT) : 0;
}

static int prepare(struct vmi_kvm_vcpu *vcpu)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(vcpu->core.vm);
	uint64_t features =
		vmi_kvm_arm64_choose(&vcpu->core, vm->arch->features);
	int rc;

	vcpu->arch = vmi_zalloc(sizeof(*vcpu->arch));
	if (!vcpu->arch)
		return vmi_kvm_vcpu_fail(
			vcpu, -ENOMEM, "no memory for the vcpu");
	rc = vmi_kvm_vm_ioctl(
		vm, KVM_ARM_PREFERRED_TARGET, &vcpu->arch->init);
	if (rc < 0)
		return vmi_kvm_vm_refused(rc, KVM_ARM_PREFERRED_TARGET);
	vmi_kvm_arm64_features_out(vcpu->arch->init.features, features);
	vcpu->arch->unfinished = features & VMAPI_ARM64_FEATURE_SVE;
	return init(vcpu);
}

static int finalize(struct vmi_kvm_vcpu *vcpu)
{
	int what = KVM_ARM_VCPU_SVE;
	int rc;

	if (!vcpu->arch->unfinished)
		return 0;
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_ARM_VCPU_FINALIZE, &what);
	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, KVM_ARM_VCPU_FINALIZE);
	vcpu->arch->unfinished = false;
	return 0;
}

static int before_one(struct vmi_kvm_vcpu *vcpu, uint64_t tag)
{
	return tag == VMAPI_ARM64_SVE_VLS ? 0 : finalize(vcpu);
}

/* -- registers ----------------------------------------------------------- */

static const struct vmi_kvm_block blocks[] = {
	[VMI_ARM64_EVENTS] = {
		.bytes = sizeof(struct kvm_vcpu_events),
		.get = KVM_GET_VCPU_EVENTS,
		.set = KVM_SET_VCPU_EVENTS,
		.cap = KVM_CAP_VCPU_EVENTS,
	},
	[VMI_ARM64_MP_STATE] = VMI_KVM_MP_STATE_BLOCK,
};

/* -- debugging ----------------------------------------------------------- */

_Static_assert(sizeof(struct kvm_guest_debug_arch) ==
	sizeof(struct vmi_arm64_debug), "");

static void encode_debug(const struct vmapi_debug *want,
	const uint64_t *places, struct kvm_guest_debug *to, uint64_t *scratch)
{
	struct vmi_arm64_debug registers;

	(void)places;
	(void)scratch;
	vmi_arm64_debug_encode(want, &registers);
	memcpy(&to->arch, &registers, sizeof(registers));
}

static void stopped(const struct kvm_run *run, const struct vmapi_debug *want,
	struct vmapi_exit_debug *stop)
{
	(void)run;
	vmi_arm64_debug_stop(want, stop);
}

static const struct vmi_kvm_debugger arm64_debugger = {
	.step = KVM_GUESTDBG_SINGLESTEP,
	.software = KVM_GUESTDBG_USE_SW_BP,
	.points = KVM_GUESTDBG_USE_HW,
	.unit = 4,
	.data = 1u << VMAPI_POINT_READ | 1u << VMAPI_POINT_WRITE |
		1u << VMAPI_POINT_ACCESS,
	.stops_before = true,
	.pc = VMAPI_ARM64_PC,
	.encode = encode_debug,
	.stopped = stopped,
};

const struct vmi_kvm_other vmi_kvm_other = {
	.regs = &vmi_arm64_regs_arch,
	.blocks = blocks,
	.cap = vmi_kvm_arm64_cap,
	.vm_type = vmi_kvm_arm64_vm_type,
	.vm_init = vmi_kvm_arm64_vm_init,
	.vcpu_init = prepare,
	.vcpu_reset = init,
	.first_run = finalize,
	.before_one = before_one,
	.line_word = vmi_kvm_arm64_line_word,
	.vcpu_line = vmi_kvm_arm64_vcpu_line,
	.debugger = &arm64_debugger,
	.call_way = VMAPI_CALL_HVC,
	.call_ask = vmi_kvm_arm64_call_ask,
	.no_interrupt = "arm64 takes interrupts from a controller only",
};

/* -- exits --------------------------------------------------------------- */

/*
 * A call that the application asked to see is in registers, and has its
 * result there (api.rst, KVM_EXIT_HYPERCALL).
 */
static void decode_hypercall(const struct kvm_run *run, struct vmapi_exit *exit)
{
	exit->reason = VMAPI_EXIT_HYPERCALL;
	exit->u.hypercall.number = run->hypercall.nr;
	exit->u.hypercall.mode = 64;
}

bool vmi_kvm_arch_exit(struct kvm_run *run, struct vmapi_exit *exit)
{
	switch (run->exit_reason) {
	case KVM_EXIT_HYPERCALL: decode_hypercall(run, exit); return true;
	case KVM_EXIT_DEBUG:
		exit->reason = VMAPI_EXIT_DEBUG;
		exit->u.debug.exception = run->debug.arch.hsr |
			(uint64_t)run->debug.arch.hsr_high << 32;
		exit->u.debug.data_address = run->debug.arch.far;
		return true;
	default: return false;
	}
}
