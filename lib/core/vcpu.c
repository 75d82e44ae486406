/* SPDX-License-Identifier: MIT */
/* Virtual processors: made, run, answered, settled, kicked. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/stats.h"
#include "lib/core/posted.h"
#include "lib/sys/sys.h"

const char *vmi_vcpu_label(const struct vmapi_vcpu *vcpu)
{
	return vmi_object("vcpu %" PRIu64, vcpu->id);
}

/* -- Who has the vcpu --------------------------------------------------- */

/* Nobody else runs it or touches its state until the release. */
static int take(struct vmapi_vcpu *vcpu)
{
	if (vmi_unlikely(atomic_exchange_explicit(
			&vcpu->running, 1, memory_order_acquire)))
		return vmi_fail(-EBUSY, vmi_vcpu_label(vcpu), "it runs");
	return 0;
}

void vmi_vcpu_release(struct vmapi_vcpu *vcpu)
{
	atomic_store_explicit(&vcpu->running, 0, memory_order_release);
}

static int check_answered(const struct vmapi_vcpu *vcpu)
{
	if (vmi_likely(!vcpu->unanswered))
		return 0;
	return vmi_fail(-EBUSY, vmi_vcpu_label(vcpu),
		"its last exit wants an answer of %" PRIu32 " bytes",
		vcpu->answer_bytes);
}

/*
 * Finish the last instruction.  What it asks for in turn is kept for the
 * next run or settle.
 */
static int settle_for_state(struct vmapi_vcpu *vcpu)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	int err;

	if (!vcpu->is_held && vcpu->unsettled && be->vcpu_settle) {
		memset(vcpu->held, 0, sizeof(*vcpu->held));
		err = be->vcpu_settle(vcpu, vcpu->held);
		if (err)
			return err;
		vcpu->is_held = vcpu->held->reason != VMAPI_EXIT_SETTLED;
		vcpu->unsettled = vcpu->is_held;
		vcpu->unanswered = false; /* nobody has seen the question */
	}
	if (vcpu->is_held)
		return vmi_fail(-EBUSY, vmi_vcpu_label(vcpu),
			"its last instruction has more to ask: settle it");
	return 0;
}

int vmi_vcpu_claim(struct vmapi_vcpu *vcpu)
{
	int err;

	if (vmi_posted_exists(vcpu->vm))
		vmi_posted_deliver(vcpu->vm);
	err = take(vcpu);
	if (err)
		return err;
	err = check_answered(vcpu);
	if (!err)
		err = settle_for_state(vcpu);
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
	vcpu->id = config->id;
	vcpu->flags = config->flags;
	vcpu->features = config->features;
	vcpu->index = vm->n_vcpus;
	vcpu->held = held;
	return vcpu;
}

static void free_vcpu(struct vmapi_vcpu *vcpu)
{
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
	if (take(vcpu)) {
		vmi_log(vm->ctx, VMAPI_LOG_ERROR,
			"vcpu %" PRIu64 " is destroyed while it runs: it stays",
			vcpu->id);
		return;
	}
	pthread_mutex_lock(&vm->lock);
	unlink_vcpu(vm, vcpu);
	vmi_stats_end(vcpu);
	vm->ctx->be->vcpu_fini(vcpu);
	pthread_mutex_unlock(&vm->lock);
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
	vcpu->unanswered = false;
	vcpu->unsettled = false;
	vcpu->is_held = false;
	return 0;
}

int vmapi_vcpu_reset(struct vmapi_vcpu *vcpu)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (!err)
		err = take(vcpu);
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
	[VMAPI_EXIT_UNKNOWN] = "unknown",
	[VMAPI_EXIT_NISV] = "nisv",
	[VMAPI_EXIT_CSR] = "csr",
	[VMAPI_EXIT_S390_SIE] = "s390-sie",
	[VMAPI_EXIT_S390_RESET] = "s390-reset",
	[VMAPI_EXIT_S390_TSCH] = "s390-tsch",
	[VMAPI_EXIT_S390_STSI] = "s390-stsi",
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

static int stay_in_backend(struct vmapi_vcpu *vcpu, const struct stay *stay,
	struct vmapi_exit *exit)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;

	exit->reason = VMAPI_EXIT_NONE;
	exit->flags = 0;
	exit->native = 0;
	exit->retired = 0;
	if (!stay->settle) {
		vcpu->unsettled = false;
		return be->vcpu_run(vcpu, stay->limit, exit);
	}
	if (!be->vcpu_settle)
		return vmi_unsupported(vcpu->vm->ctx);
	return be->vcpu_settle(vcpu, exit);
}

/* The vcpu is taken; `exit` is a struct of this build. */
static int stay_taken(struct vmapi_vcpu *vcpu, const struct stay *stay,
	struct vmapi_exit *exit)
{
	int err = check_answered(vcpu);

	if (err)
		return err;
	if (vmi_unlikely(atomic_load_explicit(
			&vcpu->vm->map_broken, memory_order_relaxed)))
		return vmi_fail(-EIO, vmi_vcpu_label(vcpu),
			"the VM's map is broken");
	if (vmi_unlikely(vcpu->is_held)) {
		uint32_t size = exit->size;

		*exit = *vcpu->held;
		exit->size = size;
		vcpu->is_held = false;
		vcpu->unanswered = exit->flags & VMAPI_EXIT_ANSWER;
		return 0;
	}
	err = stay_in_backend(vcpu, stay, exit);
	if (!err && exit->reason == VMAPI_EXIT_SETTLED)
		vcpu->unsettled = false;
	if (!err && vmi_is_traced(vcpu->vm->ctx, VMAPI_TRACE_EXIT))
		trace_exit(vcpu, exit);
	return err;
}

/* An exit struct of another size takes a detour through one of ours. */
static int stay_and_copy(struct vmapi_vcpu *vcpu, const struct stay *stay,
	struct vmapi_exit *exit)
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

static int run(struct vmapi_vcpu *vcpu, const struct stay *stay,
	struct vmapi_exit *exit, const char *operation)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, operation);

	if (err)
		return err;
	if (!exit)
		return vmi_null("exit");
	err = take(vcpu);
	if (err)
		return err;
	if (vmi_likely(exit->size == sizeof(*exit)))
		err = stay_taken(vcpu, stay, exit);
	else
		err = stay_and_copy(vcpu, stay, exit);
	vmi_vcpu_release(vcpu);
	return err;
}

int vmapi_vcpu_run(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	const struct stay stay = { .limit = 0 };

	return run(vcpu, &stay, exit, __func__);
}

int vmapi_vcpu_run_limit(
	struct vmapi_vcpu *vcpu, uint64_t limit, struct vmapi_exit *exit)
{
	const struct stay stay = { .limit = limit };
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!limit)
		return vmi_fail(-EINVAL, vmi_vcpu_label(vcpu),
			"the limit is 0 instructions");
	if (!vmi_cap(vcpu->vm->ctx, vcpu->vm, VMAPI_CAP_RUN_LIMIT))
		return vmi_unsupported(vcpu->vm->ctx);
	return run(vcpu, &stay, exit, __func__);
}

int vmapi_vcpu_settle(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	const struct stay stay = { .settle = true };

	return run(vcpu, &stay, exit, __func__);
}

static int complete_taken(
	struct vmapi_vcpu *vcpu, const void *data, size_t bytes)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	bool is_short = !bytes && vcpu->answer_is_optional;
	int err;

	if (!vcpu->unanswered)
		return vmi_fail(-EALREADY, vmi_vcpu_label(vcpu),
			"its last exit wants no answer, or has it");
	if (bytes != vcpu->answer_bytes && !is_short)
		return vmi_fail(-EMSGSIZE, vmi_vcpu_label(vcpu),
			"%zu bytes given, its last exit wants %" PRIu32, bytes,
			vcpu->answer_bytes);
	if (bytes && !data)
		return vmi_null("data");
	err = be->vcpu_complete ? be->vcpu_complete(vcpu, data, bytes)
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
		err = take(vcpu);
	if (err)
		return err;
	err = complete_taken(vcpu, data, bytes);
	vmi_vcpu_release(vcpu);
	return err;
}

/* In signal handlers too: so no error record, which is thread-local. */
int vmapi_vcpu_kick(struct vmapi_vcpu *vcpu)
{
	if (!vcpu)
		return -EINVAL;
	if (vmi_is_inherited(vcpu->vm->ctx))
		return -EPERM;
	vcpu->vm->ctx->be->vcpu_kick(vcpu);
	return 0;
}
