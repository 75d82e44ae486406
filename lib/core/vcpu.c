/* SPDX-License-Identifier: MIT */
/* Virtual processors: made, run, answered, settled, kicked. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/bus.h"
#include "lib/core/hold.h"
#include "lib/core/hypercall.h"
#include "lib/core/stats.h"
#include "lib/core/posted.h"
#include "lib/core/remote.h"
#include "lib/sys/sys.h"

const char *vmi_vcpu_label(const struct vmapi_vcpu *vcpu)
{
	return vmi_object("vcpu %" PRIu64, vcpu->id);
}

/* -- Who has the vcpu --------------------------------------------------- */

/* Nobody else runs it or touches its state until the release. */
static bool is_taken(struct vmapi_vcpu *vcpu)
{
	return vmi_unlikely(atomic_exchange_explicit(
		&vcpu->running, 1, memory_order_acquire));
}

static vmi_noinline int say_taken(const struct vmapi_vcpu *vcpu)
{
	return vmi_fail(-EBUSY, vmi_vcpu_label(vcpu), "it runs");
}

/* Whoever holds the VM for a save gives it back. */
static vmi_noinline int take_later(struct vmapi_vcpu *vcpu)
{
	while (vmi_hold_wait(vcpu))
		if (!is_taken(vcpu))
			return 0;
	return say_taken(vcpu);
}

int vmi_vcpu_take_as_is(struct vmapi_vcpu *vcpu)
{
	return is_taken(vcpu) ? take_later(vcpu) : 0;
}

void vmi_vcpu_release(struct vmapi_vcpu *vcpu)
{
	atomic_store_explicit(&vcpu->running, 0, memory_order_release);
}

static int check_answered(const struct vmapi_vcpu *vcpu)
{
	if (vmi_likely(!vcpu->unanswered))
		return 0;
	if (vmi_bus_waits(vcpu))
		return vmi_fail(-EBUSY, vmi_vcpu_label(vcpu),
			"it waits for its APIC bus");
	return vmi_fail(-EBUSY, vmi_vcpu_label(vcpu),
		"its last exit wants an answer of %" PRIu32 " bytes",
		vcpu->answer_bytes);
}

int vmi_vcpu_finish(struct vmapi_vcpu *vcpu, uint64_t *retired)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	int err;

	if (vcpu->is_held || !vcpu->unsettled || !be->vcpu_settle)
		return 0;
	memset(vcpu->held, 0, sizeof(*vcpu->held));
	err = be->vcpu_settle(vcpu, vcpu->held);
	if (err)
		return err;
	*retired += vcpu->held->retired;
	vcpu->held->retired = 0;
	vcpu->is_held = vcpu->held->reason != VMAPI_EXIT_SETTLED;
	vcpu->unsettled = vcpu->is_held;
	vcpu->unanswered = false; /* nobody has seen the question */
	return 0;
}

static int settle_for_state(struct vmapi_vcpu *vcpu)
{
	uint64_t retired = 0;
	int err = vmi_vcpu_finish(vcpu, &retired);

	if (err)
		return err;
	vcpu->held->retired += retired; /* whoever gets it is told */
	if (vcpu->is_held)
		return vmi_fail(-EBUSY, vmi_vcpu_label(vcpu),
			"its last instruction has more to ask: settle it");
	return 0;
}

int vmi_vcpu_rest(struct vmapi_vcpu *vcpu)
{
	int err = check_answered(vcpu);

	return err ? err : settle_for_state(vcpu);
}

int vmi_vcpu_claim(struct vmapi_vcpu *vcpu)
{
	if (vmi_posted_exists(vcpu->vm))
		vmi_posted_deliver(vcpu->vm);
	return vmi_vcpu_take(vcpu);
}

int vmi_vcpu_take(struct vmapi_vcpu *vcpu)
{
	int err = vmi_vcpu_take_as_is(vcpu);

	if (err)
		return err;
	err = vmi_vcpu_rest(vcpu);
	if (err)
		vmi_vcpu_release(vcpu);
	return err;
}

/* -- Making and dropping ------------------------------------------------ */

static int check_id(struct vmapi_vm *vm, uint64_t id)
{
	int64_t max = vmi_cap(vm->ctx, vm, VMAPI_CAP_VCPUS_MAX);
	struct vmapi_vcpu *vcpu;

	if (max > 0 && id >= (uint64_t)max)
		return vmi_fail(-ERANGE, "vm",
			"vcpu id %" PRIu64 " is not below %" PRId64, id, max);
	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next)
		if (vcpu->id == id)
			return vmi_fail(-EEXIST, "vm",
				"there is a vcpu %" PRIu64 " already", id);
	return 0;
}

static int check_features(struct vmapi_vm *vm, uint64_t features)
{
	uint64_t known =
		(uint64_t)vmi_cap(vm->ctx, vm, VMAPI_CAP_VCPU_FEATURES);

	if (!(features & ~known))
		return 0;
	return vmi_fail(-ENOTSUP, "vm",
		"features: vcpus of this VM cannot have 0x%" PRIx64,
		features & ~known);
}

/* At the end: the list is in order of creation.  Under vm->lock. */
static void link_vcpu(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu)
{
	struct vmapi_vcpu **at = &vm->vcpus;

	pthread_mutex_lock(&vm->gate_lock);
	while (*at)
		at = &(*at)->next;
	*at = vcpu;
	vm->n_vcpus++;
	pthread_mutex_unlock(&vm->gate_lock);
}

static void unlink_vcpu(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu)
{
	struct vmapi_vcpu **at = &vm->vcpus;

	pthread_mutex_lock(&vm->gate_lock);
	while (*at != vcpu)
		at = &(*at)->next;
	*at = vcpu->next;
	vm->n_vcpus--;
	pthread_mutex_unlock(&vm->gate_lock);
}

static struct vmapi_vcpu *alloc_vcpu(
	struct vmapi_vm *vm, const struct vmapi_vcpu_config *config)
{
	struct vmapi_vcpu *vcpu =
		vmi_zalloc_aligned(64, vm->ctx->be->vcpu_size);
	struct vmapi_exit *held = vmi_zalloc(sizeof(*held));

	if (!vcpu || !held) {
		vmi_free(vcpu);
		vmi_free(held);
		return NULL;
	}
	vcpu->vm = vm;
	vcpu->as = vm->spaces;
	vcpu->id = config->id;
	vcpu->flags = config->flags;
	vcpu->features = config->features;
	vcpu->index = vm->n_vcpus;
	vcpu->held = held;
	atomic_init(&vcpu->woken_by, -1);
	return vcpu;
}

static void free_vcpu(struct vmapi_vcpu *vcpu)
{
	vmi_free(vcpu->get_plan);
	vmi_free(vcpu->set_plan);
	vmi_free(vcpu->held);
	vmi_free(vcpu);
}

/* Under vm->lock. */
static int make_vcpu(struct vmapi_vm *vm,
	const struct vmapi_vcpu_config *config, struct vmapi_vcpu **out)
{
	struct vmapi_vcpu *vcpu;
	int err = check_id(vm, config->id);

	if (!err)
		err = check_features(vm, config->features);
	if (err)
		return err;
	vcpu = alloc_vcpu(vm, config);
	if (!vcpu)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	err = vm->ctx->be->vcpu_init(vcpu);
	if (err) {
		free_vcpu(vcpu);
		return err;
	}
	link_vcpu(vm, vcpu);
	vmi_vm_get(vm);
	*out = vcpu;
	return 0;
}

int vmapi_vcpu_create(struct vmapi_vm *vm,
	const struct vmapi_vcpu_config *config, struct vmapi_vcpu **out)
{
	const uint32_t known = VMAPI_VCPU_STEADY_MASK | VMAPI_VCPU_EXACT;
	struct vmapi_vcpu_config c = { .size = sizeof(c) };
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!out)
		return vmi_null("vcpu");
	if (config)
		err = vmi_config_copy(&c, sizeof(c), config, sizeof(c));
	if (err)
		return err;
	if (c.flags & ~known)
		return vmi_fail(-EINVAL, "vm", "unknown flags 0x%" PRIx32,
			c.flags & ~known);
	pthread_mutex_lock(&vm->lock);
	err = make_vcpu(vm, &c, out);
	pthread_mutex_unlock(&vm->lock);
	return err;
}

/*
 * A vcpu that runs cannot be taken away from under its thread, and there is
 * no way to say so: it stays, with its references, and the log tells.
 */
void vmapi_vcpu_destroy(struct vmapi_vcpu *vcpu)
{
	struct vmapi_vm *vm;

	if (!vcpu || vmi_enter(vcpu->vm->ctx, __func__))
		return;
	vm = vcpu->vm;
	if (vcpu->runner || vmi_vcpu_take_as_is(vcpu)) {
		vmi_log(vm->ctx, VMAPI_LOG_ERROR,
			"vcpu %" PRIu64 " is destroyed while it %s: it stays",
			vcpu->id, vcpu->runner ? "has a runner" : "runs");
		return;
	}
	vmi_irq_forget(vcpu);
	pthread_mutex_lock(&vm->lock);
	unlink_vcpu(vm, vcpu);
	vmi_stats_end(vcpu);
	vm->ctx->be->vcpu_fini(vcpu);
	pthread_mutex_unlock(&vm->lock);
	vmi_vcpu_see(vcpu, vm->spaces);
	vmi_remote_fini(vcpu);
	vmi_bus_vcpu_fini(vcpu);
	free_vcpu(vcpu);
	vmi_vm_put(vm);
}

int vmapi_vcpu_id(struct vmapi_vcpu *vcpu, uint64_t *id)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!id)
		return vmi_null("id");
	*id = vcpu->id;
	return 0;
}

int vmi_vcpu_reset(struct vmapi_vcpu *vcpu)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	int err = be->vcpu_reset ? be->vcpu_reset(vcpu)
				 : vmi_unsupported(vcpu->vm->ctx);

	if (err)
		return err;
	vmi_remote_cancel(vcpu);
	vmi_bus_forget(vcpu);
	vcpu->call = NULL;
	vcpu->unanswered = false;
	vcpu->unsettled = false;
	vcpu->is_held = false;
	return 0;
}

int vmapi_vcpu_reset(struct vmapi_vcpu *vcpu)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (!err)
		err = vmi_vcpu_take_as_is(vcpu);
	if (err)
		return err;
	err = vmi_vcpu_reset(vcpu);
	vmi_vcpu_release(vcpu);
	return err;
}

/* -- Running ------------------------------------------------------------ */

static const char *const exit_names[] = {
	[VMAPI_EXIT_NONE] = "none",
	[VMAPI_EXIT_KICK] = "kick",
	[VMAPI_EXIT_LIMIT] = "limit",
	[VMAPI_EXIT_SETTLED] = "settled",
	[VMAPI_EXIT_IO] = "io",
	[VMAPI_EXIT_MMIO] = "mmio",
	[VMAPI_EXIT_HALT] = "halt",
	[VMAPI_EXIT_SHUTDOWN] = "shutdown",
	[VMAPI_EXIT_IRQ_WINDOW] = "irq-window",
	[VMAPI_EXIT_DEBUG] = "debug",
	[VMAPI_EXIT_HYPERCALL] = "hypercall",
	[VMAPI_EXIT_MSR] = "msr",
	[VMAPI_EXIT_SYSTEM] = "system",
	[VMAPI_EXIT_EOI] = "eoi",
	[VMAPI_EXIT_FAULT] = "fault",
	[VMAPI_EXIT_FAIL_ENTRY] = "fail-entry",
	[VMAPI_EXIT_INTERNAL] = "internal",
	[VMAPI_EXIT_BUS_LOCK] = "bus-lock",
	[VMAPI_EXIT_NOTIFY] = "notify",
	[VMAPI_EXIT_TPR] = "tpr",
	[VMAPI_EXIT_UNKNOWN] = "unknown",
	[VMAPI_EXIT_NISV] = "nisv",
	[VMAPI_EXIT_CSR] = "csr",
	[VMAPI_EXIT_S390_SIE] = "s390-sie",
	[VMAPI_EXIT_S390_RESET] = "s390-reset",
	[VMAPI_EXIT_S390_TSCH] = "s390-tsch",
	[VMAPI_EXIT_S390_STSI] = "s390-stsi",
	[VMAPI_EXIT_REGION] = "region",
	[VMAPI_EXIT_BUS] = "bus",
};

const char *vmapi_exit_name(unsigned reason)
{
	return reason < vmi_array_len(exit_names) ? exit_names[reason] : NULL;
}

static void trace_exit(
	const struct vmapi_vcpu *vcpu, const struct vmapi_exit *exit)
{
	const struct vmapi *ctx = vcpu->vm->ctx;
	const char *name = vmapi_exit_name(exit->reason);

	if (exit->reason == VMAPI_EXIT_IO)
		vmi_trace(ctx, VMAPI_TRACE_EXIT,
			"vcpu %" PRIu64 " exit io %s port 0x%" PRIx64
			" %" PRIu32 "x%" PRIu32, vcpu->id,
			exit->u.io.is_write ? "out" : "in", exit->u.io.port,
			exit->u.io.width, exit->u.io.count);
	else if (exit->reason == VMAPI_EXIT_MMIO)
		vmi_trace(ctx, VMAPI_TRACE_EXIT,
			"vcpu %" PRIu64 " exit mmio %s gpa 0x%" PRIx64
			" %" PRIu32 " bytes", vcpu->id,
			exit->u.mmio.is_write ? "write" : "read",
			exit->u.mmio.gpa, exit->u.mmio.length);
	else
		vmi_trace(ctx, VMAPI_TRACE_EXIT,
			"vcpu %" PRIu64 " exit %s native %" PRIu32, vcpu->id,
			name ? name : "?", exit->native);
}

/* What run and settle have in common. */
struct stay {
	uint64_t limit;
	bool settle;
};

static vmi_inline int stay_in_backend(struct vmapi_vcpu *vcpu,
	const struct stay *stay, struct vmapi_exit *exit)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;

	exit->reason = VMAPI_EXIT_NONE;
	exit->flags = 0;
	exit->native = 0;
	exit->retired = 0;
	vcpu->has_moved_on = true;
	if (!stay->settle) {
		vcpu->unsettled = false;
		return be->vcpu_run(vcpu, stay->limit, exit);
	}
	if (!be->vcpu_settle)
		return vmi_unsupported(vcpu->vm->ctx);
	return be->vcpu_settle(vcpu, exit);
}

/*
 * The access came to the application because its region failed: say so.  How
 * it is answered stays the same.
 */
static void explain(
	struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	struct vmapi_exit_region failure = vcpu->failure;
	bool is_port = exit->reason == VMAPI_EXIT_IO &&
		failure.space == VMAPI_SPACE_PORT &&
		exit->u.io.port == failure.address;
	bool is_memory = exit->reason == VMAPI_EXIT_MMIO &&
		failure.space == VMAPI_SPACE_MEMORY &&
		exit->u.mmio.gpa == failure.address;

	vcpu->failure.error = 0;
	if (!is_port && !is_memory)
		return;
	exit->reason = VMAPI_EXIT_REGION;
	memset(&exit->u, 0, sizeof(exit->u));
	exit->u.region = failure;
}

/* What a settle for a state call brought, or what the guest does next. */
static int next_exit(struct vmapi_vcpu *vcpu, const struct stay *stay,
	struct vmapi_exit *exit)
{
	uint32_t size = exit->size;
	int err = 0;

	if (vmi_likely(!vcpu->is_held)) {
		err = stay_in_backend(vcpu, stay, exit);
	} else {
		*exit = *vcpu->held;
		exit->size = size;
		vcpu->is_held = false;
		vcpu->unanswered = exit->flags & VMAPI_EXIT_ANSWER;
	}
	return err;
}

/* It could not be looked at: the next run begins with it. */
static void hold(struct vmapi_vcpu *vcpu, const struct vmapi_exit *exit)
{
	*vcpu->held = *exit;
	vcpu->is_held = true;
	vcpu->unanswered = false;
}

/* Go on with what was asked of another process, and a kick left alone. */
static bool resume(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	if (vmi_bus_waits(vcpu))
		return vmi_bus_resume(vcpu, exit) == VMI_BUS_EXIT;
	return vmi_remote_waits(vcpu) &&
	       vmi_remote_resume(vcpu, exit) == VMI_REMOTE_EXIT;
}

/* *again: it was answered, and the guest goes on. */
static int take_exit(
	struct vmapi_vcpu *vcpu, struct vmapi_exit *exit, bool *again)
{
	enum vmi_remote_verdict verdict = VMI_REMOTE_NOT;
	enum vmi_bus_verdict bus = VMI_BUS_NOT;
	enum vmi_call_verdict call;
	int err = vmi_call_take(vcpu, exit, &call);

	if (!err && call == VMI_CALL_FOREIGN)
		err = vmi_bus_take(vcpu, exit, &bus);
	if (!err && call == VMI_CALL_FOREIGN && bus == VMI_BUS_NOT)
		err = vmi_remote_take(vcpu, exit, &verdict);
	*again = !err && (call == VMI_CALL_ANSWERED ||
		bus == VMI_BUS_ANSWERED || verdict == VMI_REMOTE_ANSWERED);
	return err;
}

/*
 * Round by round while others answer, or the library does.  What was retired
 * in each counts together, and against the limit.
 */
static int stay_with_others(struct vmapi_vcpu *vcpu, const struct stay *stay,
	struct vmapi_exit *exit)
{
	struct stay left = *stay;
	uint64_t retired = 0;
	bool again;
	int err;

	if (resume(vcpu, exit))
		return 0;
	do {
		err = check_answered(vcpu);
		if (!err)
			err = next_exit(vcpu, &left, exit);
		if (err)
			return err;
		err = take_exit(vcpu, exit, &again);
		retired += exit->retired;
		left.limit -= stay->limit ? exit->retired : 0;
		if (again && stay->limit && !left.limit)
			break;
	} while (!err && again);
	if (err)
		hold(vcpu, exit);
	if (again)
		exit->reason = VMAPI_EXIT_LIMIT;
	exit->retired = retired;
	return err;
}

/* Where there is more to it than to enter the guest. */
static vmi_noinline int stay_rarely(struct vmapi_vcpu *vcpu,
	const struct stay *stay, struct vmapi_exit *exit)
{
	int err;

	if (atomic_load_explicit(
			&vcpu->vm->map_broken, memory_order_relaxed))
		return vmi_fail(-EIO, vmi_vcpu_label(vcpu),
			"the VM's map is broken");
	if (atomic_load_explicit(
			&vcpu->vm->n_takers, memory_order_relaxed))
		return stay_with_others(vcpu, stay, exit);
	err = check_answered(vcpu);
	return err ? err : next_exit(vcpu, stay, exit);
}

static vmi_inline bool is_rare(const struct vmapi_vcpu *vcpu)
{
	return vcpu->unanswered || vcpu->is_held ||
		atomic_load_explicit(
			&vcpu->vm->map_broken, memory_order_relaxed) ||
		atomic_load_explicit(
			&vcpu->vm->n_takers, memory_order_relaxed);
}

static vmi_inline int stay_once(struct vmapi_vcpu *vcpu,
	const struct stay *stay, struct vmapi_exit *exit)
{
	return vmi_unlikely(is_rare(vcpu)) ? stay_rarely(vcpu, stay, exit)
					   : stay_in_backend(vcpu, stay, exit);
}

/* The run was stopped for somebody who holds the VM: wait, and go on. */
static vmi_noinline int stay_on(struct vmapi_vcpu *vcpu,
	const struct stay *stay, struct vmapi_exit *exit)
{
	struct stay left = *stay;
	uint64_t retired = 0;
	int err = 0;

	while (!err && exit->reason == VMAPI_EXIT_SETTLED) {
		vmi_hold_park(vcpu);
		retired += exit->retired;
		left.limit -= stay->limit ? exit->retired : 0;
		if (stay->limit && !left.limit) {
			exit->reason = VMAPI_EXIT_LIMIT;
			exit->retired = 0;
			break;
		}
		err = stay_once(vcpu, &left, exit);
	}
	exit->retired += retired;
	return err;
}

/* What came with the exit, or in place of one: the run was stopped. */
static int hear(struct vmapi_vcpu *vcpu, const struct stay *stay,
	struct vmapi_exit *exit)
{
	int err = stay->settle ? 0 : stay_on(vcpu, stay, exit);

	vcpu->has_news = false;
	if (vcpu->failure.error && !err)
		explain(vcpu, exit);
	return err;
}

static vmi_noinline int hear_and_trace(struct vmapi_vcpu *vcpu,
	const struct stay *stay, struct vmapi_exit *exit)
{
	int err = vcpu->has_news ? hear(vcpu, stay, exit) : 0;

	if (vmi_is_traced(vcpu->vm->ctx, VMAPI_TRACE_EXIT) && !err)
		trace_exit(vcpu, exit);
	return err;
}

/* The vcpu is taken; `exit` is a struct of this build. */
static vmi_inline int stay_taken(struct vmapi_vcpu *vcpu,
	const struct stay *stay, struct vmapi_exit *exit)
{
	int err = stay_once(vcpu, stay, exit);

	if (vmi_unlikely(err))
		return err;
	if (stay->settle && exit->reason == VMAPI_EXIT_SETTLED)
		vcpu->unsettled = false;
	if (vmi_unlikely(vcpu->has_news) ||
		vmi_is_traced(vcpu->vm->ctx, VMAPI_TRACE_EXIT))
		return hear_and_trace(vcpu, stay, exit);
	return 0;
}

/* An exit struct of another size takes a detour through one of ours. */
static vmi_noinline int stay_and_copy(struct vmapi_vcpu *vcpu,
	const struct stay *stay, struct vmapi_exit *exit)
{
	struct vmapi_exit own = { .size = sizeof(own) };
	int err = vmi_out_check(exit, sizeof(own));

	if (err)
		return err;
	err = stay_taken(vcpu, stay, &own);
	if (!err)
		vmi_out_copy(exit, &own, sizeof(own));
	return err;
}

static vmi_noinline int refuse(
	const struct vmapi_vcpu *vcpu, const char *operation)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, operation);

	return err ? err : vmi_null("exit");
}

/*
 * What a guest's every exit costs on the way to the backend and back: so it
 * is one function, and the call's name is recorded when it has failed.
 */
static vmi_inline int stay_checked(struct vmapi_vcpu *vcpu,
	const struct stay *stay, struct vmapi_exit *exit,
	const char *operation)
{
	int err;

	if (vmi_unlikely(!vcpu || !exit || vmi_is_inherited(vcpu->vm->ctx)))
		return refuse(vcpu, operation);
	if (is_taken(vcpu)) {
		err = take_later(vcpu);
		if (err)
			return vmi_enter_late(err, operation);
	}
	if (vmi_likely(exit->size == sizeof(*exit)))
		err = stay_taken(vcpu, stay, exit);
	else
		err = stay_and_copy(vcpu, stay, exit);
	vmi_vcpu_release(vcpu);
	return vmi_likely(!err) ? 0 : vmi_enter_late(err, operation);
}

int vmapi_vcpu_run(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	static const struct stay run = { .limit = 0 };

	return stay_checked(vcpu, &run, exit, __func__);
}

int vmapi_vcpu_run_limit(
	struct vmapi_vcpu *vcpu, uint64_t limit, struct vmapi_exit *exit)
{
	const struct stay run = { .limit = limit };
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!limit)
		return vmi_fail(-EINVAL, vmi_vcpu_label(vcpu),
			"the limit is 0 instructions");
	if (!vmi_cap(vcpu->vm->ctx, vcpu->vm, VMAPI_CAP_RUN_LIMIT))
		return vmi_unsupported(vcpu->vm->ctx);
	return stay_checked(vcpu, &run, exit, __func__);
}

int vmapi_vcpu_settle(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	static const struct stay settle = { .settle = true };

	return stay_checked(vcpu, &settle, exit, __func__);
}

static int complete_taken(
	struct vmapi_vcpu *vcpu, const void *data, size_t bytes)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	bool is_short = !bytes && vcpu->answer_is_optional;
	enum vmi_remote_answer answer;
	int err = 0;

	if (!vcpu->unanswered || vmi_remote_waits(vcpu) ||
		vmi_bus_waits(vcpu))
		return vmi_fail(-EALREADY, vmi_vcpu_label(vcpu),
			"its last exit wants no answer, or has it");
	if (vcpu->call)
		return vmi_call_complete(vcpu, data, bytes);
	if (bytes != vcpu->answer_bytes && !is_short)
		return vmi_fail(-EMSGSIZE, vmi_vcpu_label(vcpu),
			"%zu bytes given, its last exit wants %" PRIu32, bytes,
			vcpu->answer_bytes);
	if (bytes && !data)
		return vmi_null("data");
	answer = vmi_remote_complete(vcpu, bytes);
	if (answer == VMI_REMOTE_AGAIN)
		return 0;
	if (answer == VMI_REMOTE_FOR_BACKEND)
		err = be->vcpu_complete
			? be->vcpu_complete(vcpu, data, bytes)
			: vmi_unsupported(vcpu->vm->ctx);
	if (err)
		return err;
	vcpu->unanswered = false;
	vcpu->unsettled = true; /* the instruction goes on with it later */
	return 0;
}

int vmapi_vcpu_complete(
	struct vmapi_vcpu *vcpu, const void *data, size_t bytes)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (!err)
		err = vmi_vcpu_take_as_is(vcpu);
	if (err)
		return err;
	err = complete_taken(vcpu, data, bytes);
	vmi_vcpu_release(vcpu);
	return err;
}

/* It may wait for a device's process, where the backend cannot reach it. */
void vmi_vcpu_fetch(struct vmapi_vcpu *vcpu)
{
	int fd;

	vcpu->vm->ctx->be->vcpu_kick(vcpu);
	fd = atomic_load(&vcpu->woken_by);
	if (fd >= 0)
		vmi_eventfd_signal(fd);
}

/* In signal handlers too: so no error record, which is thread-local. */
int vmapi_vcpu_kick(struct vmapi_vcpu *vcpu)
{
	if (!vcpu)
		return -EINVAL;
	if (vmi_is_inherited(vcpu->vm->ctx))
		return -EPERM;
	atomic_store(&vcpu->is_kicked, true);
	vmi_vcpu_fetch(vcpu);
	return 0;
}
