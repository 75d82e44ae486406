/* SPDX-License-Identifier: MIT */
/* Debugging a guest on the architectures other than x86. */
/*
 * KVM_SET_GUEST_DEBUG (api.rst 4.87) differs in what it can do and in its
 * struct: that is the table of the architecture, struct vmi_kvm_debugger.
 * What a stop means does not differ.  Where the processor stops before what
 * it was to wait for (arm64), the guest is taken over it by a step with no
 * points armed: after a data point, so that the stop is behind the access;
 * at the next run, when it begins at the execution point where the last one
 * ended.  Such a step can end in an exit of another kind, an access to a
 * device; it is finished when the guest goes on.
 *
 * Where the kernel compares a data point's bytes with what they were when it
 * was told of it (s390), it is told again after each stop, and when the guest's
 * tables have put the point elsewhere.  It tells of the first point whose bytes
 * are others: the same comparison finds the rest.  And it stops behind the
 * instruction at which a run began, if a point of execution is there for which
 * it has not stopped: which the last stop has told, though it was for a write.
 */
#include "lib/core/region.h"
#include "lib/kvm/arch.h"

/* What is wanted of a vcpu, and what is going on. */
struct vmi_kvm_debug {
	struct vmapi_debug want; /* its points are these: */
	struct vmapi_debug_point points[VMI_KVM_POINTS];
	bool passing; /* a step over a point */
	bool at_point; /* the last stop was at a point of execution */
	uint64_t stopped_at;
	struct vmapi_exit_debug met; /* to be told when it has passed */
	uint64_t places[VMI_KVM_POINTS]; /* where they were last */
	uint64_t seen[VMI_KVM_POINTS];	 /* and their bytes */
	bool is_old; /* it stopped since then */
};

static const struct vmi_kvm_debugger *debugger(void)
{
	return vmi_kvm_other.debugger;
}

int64_t vmi_kvm_debug_flags(int fd)
{
	int64_t flags = 0;
	bool steps = debugger()->step && (!debugger()->step_cap ||
		vmi_kvm_check(fd, debugger()->step_cap));

	if (!vmi_kvm_check(fd, VMI_KVM_CAP_SET_GUEST_DEBUG))
		return 0;
	if (steps)
		flags |= VMAPI_DEBUG_STEP;
	if (debugger()->software)
		flags |= VMAPI_DEBUG_SOFTWARE;
	return flags;
}

/* -- what the kernel is told --------------------------------------------- */

static uint32_t control_of(const struct vmapi_debug *want)
{
	uint32_t control = 0;

	if (want->flags & VMAPI_DEBUG_STEP)
		control |= debugger()->step;
	if (want->flags & VMAPI_DEBUG_SOFTWARE)
		control |= debugger()->software & ~VMI_KVM_INTERCEPTED;
	if (want->n_points)
		control |= debugger()->points;
	if (want->flags || want->n_points)
		control |= KVM_GUESTDBG_ENABLE;
	return control;
}

static uint32_t data_points(const struct vmapi_debug *want)
{
	uint32_t i, points = 0;

	for (i = 0; i < want->n_points; i++)
		if (want->points[i].kind != VMAPI_POINT_EXEC)
			points |= (uint32_t)1 << i;
	return points;
}

static int place_points(
	struct vmi_kvm_vcpu *vcpu, const struct vmapi_debug *want)
{
	struct vmi_kvm_debug *d = vcpu->debug;
	uint32_t i;
	int rc;

	if (!debugger()->place)
		return 0;
	rc = debugger()->place(vcpu, want, d->places);
	memset(d->seen, 0, sizeof(d->seen));
	for (i = 0; rc >= 0 && i < want->n_points; i++)
		vmi_map_peek(vcpu->core.vm, d->places[i], &d->seen[i],
			want->points[i].bytes);
	return rc;
}

static int arm(struct vmi_kvm_vcpu *vcpu, const struct vmapi_debug *want)
{
	struct vmi_kvm_debug *d = vcpu->debug;
	struct kvm_guest_debug arg;
	uint64_t scratch[VMI_KVM_DEBUG_SCRATCH];
	int rc = place_points(vcpu, want);

	if (rc < 0)
		return rc;
	memset(&arg, 0, sizeof(arg));
	arg.control = control_of(want);
	if (debugger()->encode)
		debugger()->encode(want, d->places, &arg, scratch);
	d->is_old = false;
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_SET_GUEST_DEBUG, &arg);
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_SET_GUEST_DEBUG)
		      : 0;
}

static int arm_step(struct vmi_kvm_vcpu *vcpu)
{
	const struct vmapi_debug step = { .flags = VMAPI_DEBUG_STEP |
		(vcpu->debug->want.flags & VMAPI_DEBUG_SOFTWARE) };

	return arm(vcpu, &step);
}

static bool is_possible(const struct vmapi_debug *want)
{
	const uint32_t kinds = debugger()->data | 1u << VMAPI_POINT_EXEC;
	uint32_t i;

	for (i = 0; i < want->n_points; i++)
		if (!(kinds >> want->points[i].kind & 1))
			return false;
	return true;
}

static uint32_t most_points(void)
{
	return debugger()->most ? debugger()->most : VMI_KVM_POINTS;
}

/* Instructions of arm64, ppc and s390 are aligned. */
static bool is_aligned(const struct vmapi_debug *want)
{
	uint32_t i;

	for (i = 0; i < want->n_points; i++)
		if (want->points[i].kind == VMAPI_POINT_EXEC &&
			want->points[i].address & (debugger()->unit - 1))
			return false;
	return true;
}

int vmi_kvm_arch_debug(struct vmapi_vcpu *core, const struct vmapi_debug *want)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	struct vmi_kvm_debug *d = vcpu->debug;
	int rc;

	if (!d && !want->flags && !want->n_points)
		return 0;
	if (!d)
		d = vmi_zalloc(sizeof(*d));
	if (!d)
		return vmi_kvm_vcpu_fail(vcpu, -ENOMEM, "no memory");
	vcpu->debug = d;
	if (want->n_points > most_points())
		return vmi_kvm_vcpu_fail(vcpu, -ENOSPC, "too many points");
	if (!is_possible(want))
		return vmi_kvm_vcpu_fail(vcpu, -ENOTSUP, debugger()->data ?
			"the kernel cannot wait for such an access" :
			"this processor cannot wait for data");
	if (!is_aligned(want))
		return vmi_kvm_vcpu_fail(vcpu, -EINVAL,
			"a point of execution is at no instruction's address");
	rc = arm(vcpu, want);
	if (rc < 0)
		return rc;
	d->want = *want;
	if (want->n_points)
		memcpy(d->points, want->points,
			want->n_points * sizeof(d->points[0]));
	d->want.points = d->points;
	d->passing = false;
	/* A kernel that stops behind an instruction forgets, too. */
	if (!want->flags && !want->n_points && !debugger()->stops_before)
		d->at_point = false;
	return 0;
}

/* -- stops --------------------------------------------------------------- */

static int get_pc(struct vmi_kvm_vcpu *vcpu, uint64_t *pc)
{
	struct vmi_one one = { .tag = debugger()->pc, .data = pc, .bytes = 8 };

	vmi_kvm_arch_ones_get(&vcpu->core, &one, 1);
	return one.status < 0 ? vmi_kvm_vcpu_refused(vcpu, one.status,
					KVM_GET_ONE_REG) : 0;
}

/* The step is over: tell what was met before it, and a step that was wanted. */
static int passed(struct vmi_kvm_vcpu *vcpu, struct vmapi_exit_debug *stop)
{
	struct vmi_kvm_debug *d = vcpu->debug;
	int rc = arm(vcpu, &d->want);

	d->passing = false;
	if (rc < 0)
		return rc;
	if (!(d->want.flags & VMAPI_DEBUG_STEP))
		stop->why &= ~VMAPI_STOP_STEP;
	stop->why |= d->met.why;
	stop->points |= d->met.points;
	stop->data_address = d->met.data_address;
	if (d->met.why)
		stop->exception = d->met.exception;
	return stop->why ? 0 : VMI_KVM_AGAIN;
}

/* All that one instruction wrote; inside the run gate. */
static uint32_t written(struct vmi_kvm_vcpu *vcpu)
{
	const struct vmi_kvm_debug *d = vcpu->debug;
	uint32_t i, points = 0;
	uint64_t now;

	for (i = 0; i < d->want.n_points; i++) {
		now = 0;
		vmi_map_look(vcpu->core.vm, d->places[i], &now,
			d->points[i].bytes);
		if (now != d->seen[i])
			points |= (uint32_t)1 << i;
	}
	return points & data_points(&d->want);
}

/* Behind the instruction at which the last stop was, and for its point. */
static bool is_told(const struct vmi_kvm_debug *d, bool was_at_point,
	const struct vmapi_exit_debug *stop)
{
	return was_at_point && stop->address != stop->data_address &&
		stop->data_address == d->stopped_at &&
		stop->points == vmi_debug_points_at(&d->want, d->stopped_at);
}

static int stopped_behind(struct vmi_kvm_vcpu *vcpu, bool was_at_point,
	struct vmapi_exit_debug *stop)
{
	struct vmi_kvm_debug *d = vcpu->debug;

	if (debugger()->place && stop->points & data_points(&d->want))
		stop->points |= written(vcpu);
	if (is_told(d, was_at_point, stop)) {
		stop->points = 0;
		stop->why = d->want.flags & VMAPI_DEBUG_STEP ? VMAPI_STOP_STEP
							     : 0;
		return stop->why ? 0 : VMI_KVM_AGAIN;
	}
	d->at_point = vmi_debug_points_at(&d->want, stop->address) != 0;
	d->stopped_at = stop->address;
	return 0;
}

static int stopped(struct vmi_kvm_vcpu *vcpu, struct vmapi_exit_debug *stop)
{
	struct vmi_kvm_debug *d = vcpu->debug;
	const bool was_at_point = d->at_point;
	int rc;

	debugger()->stopped(vcpu->run, &d->want, stop);
	d->at_point = false;
	if (d->passing)
		return passed(vcpu, stop);
	if (!(stop->why & VMAPI_STOP_POINT))
		return 0;
	if (!debugger()->stops_before)
		return stopped_behind(vcpu, was_at_point, stop);
	if (stop->points & data_points(&d->want)) {
		d->met = *stop;
		d->passing = true;
		rc = arm_step(vcpu);
		return rc < 0 ? rc : VMI_KVM_AGAIN;
	}
	d->at_point = true;
	d->stopped_at = stop->address;
	return 0;
}

int vmi_kvm_arch_debug_stopped(
	struct vmi_kvm_vcpu *vcpu, struct vmapi_exit *exit)
{
	int rc = 0;

	if (exit->reason != VMAPI_EXIT_DEBUG &&
		(!debugger()->intercepted ||
			!(vcpu->debug->want.flags & VMAPI_DEBUG_SOFTWARE) ||
			!debugger()->intercepted(vcpu->run, exit)))
		return 0;
	if (vcpu->debug)
		vcpu->debug->is_old = true;
	if (debugger()->pc)
		rc = get_pc(vcpu, &exit->u.debug.address);
	if (rc == 0 && vcpu->debug && !exit->u.debug.why)
		rc = stopped(vcpu, &exit->u.debug);
	return rc;
}

/* A step is not lost by an exit in the middle of it. */
int vmi_kvm_arch_debug_left(struct vmi_kvm_vcpu *vcpu)
{
	(void)vcpu;
	return 0;
}

/* Points that the kernel knows by their places. */
static int place_again(struct vmi_kvm_vcpu *vcpu)
{
	struct vmi_kvm_debug *d = vcpu->debug;
	uint64_t places[VMI_KVM_POINTS];
	int rc = debugger()->place(vcpu, &d->want, places);

	if (rc < 0)
		return rc;
	if (!d->is_old && !memcmp(places, d->places,
				d->want.n_points * sizeof(places[0])))
		return 0;
	return arm(vcpu, &d->want);
}

/* A run begins: over the point of execution where the last one stopped. */
int vmi_kvm_debug_resume(struct vmi_kvm_vcpu *vcpu)
{
	struct vmi_kvm_debug *d = vcpu->debug;
	uint64_t pc;
	int rc;

	if (d && debugger()->place && data_points(&d->want))
		return place_again(vcpu);
	if (!d || !d->at_point || !debugger()->stops_before)
		return 0;
	d->at_point = false;
	rc = get_pc(vcpu, &pc);
	if (rc < 0 || pc != d->stopped_at ||
		!vmi_debug_points_at(&d->want, pc))
		return rc;
	memset(&d->met, 0, sizeof(d->met));
	d->passing = true;
	return arm_step(vcpu);
}
