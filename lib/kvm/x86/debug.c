/* SPDX-License-Identifier: MIT */
/* Debugging a guest of an x86 kernel: KVM_SET_GUEST_DEBUG. */
#include <vmapi/debug.h>

#include "lib/core/region.h"
#include "lib/kvm/x86/x86.h"

#define RFLAGS_RF (1u << 16)
#define HLT	  0xf4
#define DR6_BS	  (1u << 14)
#define DR6_B	  0xfu /* B0 to B3 */

/* KVM_GUESTDBG_BLOCKIRQ is of 5.15, as is the capability that tells of it. */
static const struct {
	uint32_t flag, control;
} controls[] = {
	{ VMAPI_DEBUG_STEP, KVM_GUESTDBG_SINGLESTEP },
	{ VMAPI_DEBUG_SOFTWARE, KVM_GUESTDBG_USE_SW_BP },
	{ VMAPI_DEBUG_BLOCK_IRQ, KVM_GUESTDBG_BLOCKIRQ },
};

int64_t vmi_kvm_x86_debug_flags(int debug, int debug2)
{
	if (!debug)
		return 0;
	return VMAPI_DEBUG_STEP | VMAPI_DEBUG_SOFTWARE | VMAPI_DEBUG_INJECT |
		(debug2 & KVM_GUESTDBG_BLOCKIRQ ? VMAPI_DEBUG_BLOCK_IRQ : 0);
}

/* A point's R/W and LEN as in DR7 for DR0, with G0: SDM 3B 17.2.4. */
static uint64_t dr7_of(const struct vmapi_debug_point *p)
{
	static const uint8_t len[] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
	static const uint8_t rw[] = {
		[VMAPI_POINT_EXEC] = 0,
		[VMAPI_POINT_WRITE] = 1,
		[VMAPI_POINT_ACCESS] = 3,
	};

	return (uint64_t)(rw[p->kind] | len[p->bytes ? p->bytes : 1] << 2);
}

int vmi_kvm_x86_debug_encode(const struct vmapi_debug *want,
	unsigned exception, struct kvm_guest_debug *out)
{
	uint32_t i;

	memset(out, 0, sizeof(*out));
	if (want->n_points > VMI_KVM_X86_POINTS)
		return -ENOSPC;
	for (i = 0; i < vmi_array_len(controls); i++)
		if (want->flags & controls[i].flag)
			out->control |= controls[i].control;
	if (want->flags & VMAPI_DEBUG_INJECT)
		out->control |= exception == 3 ? KVM_GUESTDBG_INJECT_BP
					       : KVM_GUESTDBG_INJECT_DB;
	for (i = 0; i < want->n_points; i++) {
		if (want->points[i].kind == VMAPI_POINT_READ)
			return -ENOTSUP;
		out->arch.debugreg[i] = want->points[i].address;
		out->arch.debugreg[7] |= dr7_of(&want->points[i])
			<< (16 + 4 * i);
		out->arch.debugreg[7] |= 2ull << (2 * i);
		out->control |= KVM_GUESTDBG_USE_HW_BP;
	}
	if (want->n_points)
		out->arch.debugreg[7] |= 0x600; /* GE, and a bit that is 1 */
	if (out->control)
		out->control |= KVM_GUESTDBG_ENABLE;
	return 0;
}

/* Bits of the points that are of execution. */
static uint8_t exec_points(const struct vmapi_debug *want)
{
	uint8_t bits = 0;
	uint32_t i;

	for (i = 0; i < want->n_points; i++)
		if (want->points[i].kind == VMAPI_POINT_EXEC)
			bits |= (uint8_t)(1u << i);
	return bits;
}

/* What the vcpu stopped for, if it was that. */
static unsigned last_exception(const struct vmi_kvm_vcpu *vcpu)
{
	if (vcpu->run->exit_reason != KVM_EXIT_DEBUG)
		return 1;
	return vcpu->run->debug.arch.exception;
}

static int tell(struct vmi_kvm_vcpu *vcpu, struct kvm_guest_debug *arg)
{
	int rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_SET_GUEST_DEBUG, arg);

	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_SET_GUEST_DEBUG)
		      : 0;
}

/* What the application wants, from now on; an injection is not repeated. */
static void note(struct vmi_kvm_vcpu *vcpu, const struct vmapi_debug *want)
{
	struct vmi_kvm_debug *d = &vcpu->arch->debug;

	d->want = *want;
	d->want.flags &= ~VMAPI_DEBUG_INJECT;
	if (want->n_points)
		memcpy(d->points, want->points,
			want->n_points * sizeof(d->points[0]));
	d->want.points = d->points;
	d->passing = false;
	vcpu->arch->exec_points = exec_points(want);
	vcpu->arch->points = (uint8_t)((1u << want->n_points) - 1);
	vcpu->debug = vcpu->arch->exec_points ? d : NULL;
}

int vmi_kvm_arch_debug(
	struct vmapi_vcpu *core, const struct vmapi_debug *want)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	struct kvm_guest_debug arg;
	int rc = vmi_kvm_x86_debug_encode(want, last_exception(vcpu), &arg);

	if (rc == -ENOSPC)
		return vmi_kvm_vcpu_fail(vcpu, rc,
			"there are four points, for both kinds together");
	if (rc)
		return vmi_kvm_vcpu_fail(vcpu, rc,
			"the processor cannot wait for reads alone");
	rc = tell(vcpu, &arg);
	if (rc == 0)
		note(vcpu, want);
	return rc;
}

void vmi_kvm_x86_debug_exit(
	const struct kvm_run *run, struct vmapi_exit_debug *debug)
{
	const struct kvm_debug_exit_arch *arch = &run->debug.arch;

	debug->address = arch->pc;
	debug->exception = arch->exception;
	debug->dr6 = arch->dr6;
	debug->dr7 = arch->dr7;
	if (arch->exception == 3) {
		debug->why = VMAPI_STOP_SOFTWARE;
		return;
	}
	if (arch->dr6 & DR6_BS)
		debug->why |= VMAPI_STOP_STEP;
	if (arch->dr6 & DR6_B)
		debug->why |= VMAPI_STOP_POINT;
	debug->points = (uint32_t)arch->dr6 & DR6_B;
	if (!debug->why)
		debug->why = VMAPI_STOP_GUEST;
}

/*
 * A processor may report a point that is not enabled (SDM 3B 17.2.3), as the
 * addresses of the last ones are still in its registers.
 */
void vmi_kvm_x86_debug_mask(struct vmapi_exit_debug *debug, uint32_t points)
{
	if (!(debug->why & VMAPI_STOP_POINT))
		return;
	debug->points &= points;
	if (debug->points)
		return;
	debug->why &= ~VMAPI_STOP_POINT;
	if (!debug->why)
		debug->why = VMAPI_STOP_GUEST;
}

/* -- past a point -------------------------------------------------------- */
/*
 * EFLAGS.RF is how a processor is told to go past an execution point (SDM 3B
 * 17.3.1.1): it is set at each stop.  A kernel that interprets the guest looks
 * for points before each instruction and does not look at RF, so it would stop
 * there for ever.  Such a stop is known by RF, which is still set, and by DR7,
 * which a processor's stop is reported with and an interpreter's is not.  The
 * guest is then taken over the instruction by a step with the points off.
 *
 * The step is over with VMAPI_STOP_STEP, or with an exit of the instruction
 * that leaves RIP behind it: KVM then forgets the step, and the next
 * instruction would be executed without points.  One whose access is yet to be
 * answered goes on with the step.  Interrupts are held back where the kernel
 * can do that, lest a handler begin without points.
 */

/* As the application wants it. */
static int passed(struct vmi_kvm_vcpu *vcpu)
{
	struct vmi_kvm_debug *d = &vcpu->arch->debug;
	struct kvm_guest_debug arg;
	int rc;

	vmi_kvm_x86_debug_encode(&d->want, 1, &arg);
	rc = tell(vcpu, &arg);
	d->passing = rc < 0; /* then the next run begins with it */
	return rc;
}

static uint32_t blocks_irq(struct vmi_kvm_vcpu *vcpu)
{
	int bits = vmi_kvm_vm_check(vmi_kvm_vm_of(vcpu->core.vm),
		KVM_CAP_SET_GUEST_DEBUG2);

	return bits & KVM_GUESTDBG_BLOCKIRQ ? VMAPI_DEBUG_BLOCK_IRQ : 0;
}

/* Inside the run gate, where the map does not change. */
static int find_hlt(struct vmi_kvm_vcpu *vcpu, uint64_t linear, bool *is_hlt)
{
	struct kvm_translation t = { .linear_address = linear };
	uint8_t byte;
	int rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_TRANSLATE, &t);

	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, KVM_TRANSLATE);
	*is_hlt = t.valid && vmi_map_look(vcpu->core.vm, t.physical_address,
		&byte, 1) && byte == HLT;
	return 0;
}

/*
 * KVM loses the halt of an HLT that it steps over, until the instruction after
 * the next: here the points at the HLT are off, and there is no step.
 */
static void encode_hlt(const struct vmi_kvm_debug *d, uint64_t linear,
	struct kvm_guest_debug *out)
{
	uint32_t i;

	vmi_kvm_x86_debug_encode(&d->want, 1, out);
	for (i = 0; i < d->want.n_points; i++)
		if (d->points[i].kind == VMAPI_POINT_EXEC &&
			d->points[i].address == linear)
			out->arch.debugreg[7] &= ~(3ull << (2 * i));
}

static int pass(struct vmi_kvm_vcpu *vcpu, uint64_t rip, uint64_t linear)
{
	struct vmi_kvm_debug *d = &vcpu->arch->debug;
	struct vmapi_debug step = { .flags = d->want.flags | VMAPI_DEBUG_STEP };
	struct kvm_guest_debug arg;
	bool is_hlt = false;
	int rc = d->want.flags & VMAPI_DEBUG_STEP ? 0 :
		find_hlt(vcpu, linear, &is_hlt);

	if (rc < 0)
		return rc;
	if (is_hlt) {
		encode_hlt(d, linear, &arg);
	} else {
		step.flags |= blocks_irq(vcpu);
		vmi_kvm_x86_debug_encode(&step, 1, &arg);
	}
	rc = tell(vcpu, &arg);
	if (rc < 0)
		return rc;
	d->passing = true;
	d->rip = rip;
	return VMI_KVM_AGAIN;
}

int vmi_kvm_arch_before_run(struct vmi_kvm_vcpu *vcpu)
{
	if (!vcpu->debug || vcpu->pending)
		return 0;
	vcpu->run->debug.arch.dr7 = 0;
	return vcpu->debug->passing ? passed(vcpu) : 0;
}

int vmi_kvm_arch_debug_left(struct vmi_kvm_vcpu *vcpu)
{
	struct kvm_regs regs;
	int rc;

	if (!vcpu->debug->passing || vcpu->run->exit_reason == KVM_EXIT_DEBUG)
		return 0;
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_GET_REGS, &regs);
	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, KVM_GET_REGS);
	return regs.rip != vcpu->debug->rip ? passed(vcpu) : 0;
}

static int at_point(struct vmi_kvm_vcpu *vcpu, uint64_t linear)
{
	struct kvm_regs regs;
	int rc;

	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_GET_REGS, &regs);
	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, KVM_GET_REGS);
	if (regs.rflags & RFLAGS_RF && !vcpu->run->debug.arch.dr7)
		return pass(vcpu, regs.rip, linear);
	regs.rflags |= RFLAGS_RF;
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_SET_REGS, &regs);
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_SET_REGS) : 0;
}

int vmi_kvm_arch_debug_stopped(
	struct vmi_kvm_vcpu *vcpu, struct vmapi_exit *exit)
{
	struct vmapi_exit_debug *stop = &exit->u.debug;
	int rc;

	if (exit->reason != VMAPI_EXIT_DEBUG)
		return 0;
	vmi_kvm_x86_debug_mask(stop, vcpu->arch->points);
	if (vcpu->debug && vcpu->debug->passing) {
		rc = passed(vcpu);
		if (rc < 0)
			return rc;
		if (stop->why == VMAPI_STOP_STEP &&
			!(vcpu->debug->want.flags & VMAPI_DEBUG_STEP))
			return VMI_KVM_AGAIN;
	}
	return stop->points & vcpu->arch->exec_points ?
		at_point(vcpu, stop->address) : 0;
}
