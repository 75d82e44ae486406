/* SPDX-License-Identifier: MIT */
/*
 * Vcpus that a thread of the library runs.
 *
 * The thread runs its vcpu while it is neither suspended nor intercepted; the
 * two are kept apart, see the header.  An exit makes it intercepted, signals
 * the eventfd and waits there for vmapi_runner_continue().
 *
 * To suspend the vcpu it has to be fetched from the guest, and that is a kick
 * like the application's.  Kicks do not add up: two before the exit are one
 * exit.  So that none of the application's is lost in one of ours,
 * vmapi_vcpu_kick() leaves a mark in `is_kicked` before it kicks.  A kick exit
 * with the mark is the application's and is given to it, one without is ours
 * and is not.  A kick of ours that comes when the vcpu has left for another
 * reason stays pending, ends the next run at once, and is not given out.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include <vmapi/runner.h>

#include "lib/core/backend.h"
#include "lib/core/chipset.h"
#include "lib/core/runner.h"
#include "lib/loop/post.h"
#include "lib/sys/sys.h"

struct vmapi_runner {
	struct vmapi_vcpu *vcpu;
	struct vmapi_runner *next; /* of the VM, under the chipset's lock */
	int exit_fd;
	int kick_fd;
	struct vmi_post *post; /* NULL: no ring */
	uint64_t post_data;
	void *thread;
	atomic_int tid; /* 0: not yet there */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	atomic_uint state; /* enum vmapi_runner_state; read without it, too */
	bool is_inside;	 /* in vmapi_vcpu_run() */
	bool is_ended;	 /* the thread shall go */
	int result;	 /* of vmapi_vcpu_run(): the exit, or its failure */
	struct vmapi_exit exit;
	struct vmapi_error failure;
};

/* -- The thread --------------------------------------------------------- */

/* The lock is held.  False: it is to go. */
static bool wait_until_runnable(struct vmapi_runner *runner)
{
	while (runner->state && !runner->is_ended)
		pthread_cond_wait(&runner->changed, &runner->lock);
	return !runner->is_ended;
}

/* The lock is not held: the vcpu is the thread's own. */
static bool run(struct vmapi_runner *runner)
{
	struct vmapi_vcpu *vcpu = runner->vcpu;
	struct vmapi_exit *exit = &runner->exit;

	exit->size = sizeof(*exit);
	runner->result = vmapi_vcpu_run(vcpu, exit);
	if (runner->result)
		runner->failure = *vmapi_error_last();
	return runner->result || exit->reason != VMAPI_EXIT_KICK ||
		atomic_exchange(&vcpu->is_kicked, false);
}

static void announce(struct vmapi_runner *runner)
{
	int32_t word = runner->result ? runner->result
				      : (int32_t)runner->exit.reason;
	int err = runner->post ? vmi_post(runner->post, runner->post_data, word)
			       : 0;

	vmi_eventfd_signal(runner->exit_fd);
	if (err < 0)
		vmi_log(runner->vcpu->vm->ctx, VMAPI_LOG_ERROR,
			"vcpu %" PRIu64 ": its exit could not be put into the "
			"ring (errno %d); its descriptor is readable",
			runner->vcpu->id, -err);
}

static void *live(void *opaque)
{
	struct vmapi_runner *runner = opaque;
	bool is_exit;

	atomic_store(&runner->tid, vmi_sys->gettid());
	pthread_mutex_lock(&runner->lock);
	while (wait_until_runnable(runner)) {
		runner->is_inside = true;
		pthread_mutex_unlock(&runner->lock);
		is_exit = run(runner);
		pthread_mutex_lock(&runner->lock);
		runner->is_inside = false;
		if (is_exit) {
			runner->state |= VMAPI_RUNNER_INTERCEPTED;
			announce(runner);
		}
		pthread_cond_broadcast(&runner->changed);
	}
	pthread_mutex_unlock(&runner->lock);
	return NULL;
}

static bool is_own_thread(struct vmapi_runner *runner)
{
	return atomic_load(&runner->tid) == vmi_sys->gettid();
}

/* -- Making and unmaking ------------------------------------------------ */

static void discard(struct vmapi_runner *runner)
{
	vmi_post_close(runner->post);
	if (runner->exit_fd >= 0)
		vmi_sys->close(runner->exit_fd);
	if (runner->kick_fd >= 0)
		vmi_sys->close(runner->kick_fd);
	pthread_cond_destroy(&runner->changed);
	pthread_mutex_destroy(&runner->lock);
	vmi_free(runner);
}

static int open_descriptors(
	struct vmapi_runner *runner, const struct vmapi_runner_config *c)
{
	runner->exit_fd = vmi_sys->eventfd(0, EFD_NONBLOCK);
	if (runner->exit_fd < 0)
		return vmi_fail(runner->exit_fd, "runner", "no eventfd");
	runner->kick_fd = vmi_sys->eventfd(0, EFD_NONBLOCK);
	if (runner->kick_fd < 0)
		return vmi_fail(runner->kick_fd, "runner", "no eventfd");
	runner->post_data = c->ring_data;
	return c->flags & VMAPI_RUNNER_RING
		? vmi_post_open(c->ring_fd, &runner->post) : 0;
}

static struct vmapi_runner *alloc_runner(struct vmapi_vcpu *vcpu)
{
	struct vmapi_runner *runner = vmi_zalloc(sizeof(*runner));

	if (!runner)
		return NULL;
	runner->vcpu = vcpu;
	runner->exit_fd = runner->kick_fd = -1;
	atomic_init(&runner->state, VMAPI_RUNNER_SUSPENDED);
	pthread_mutex_init(&runner->lock, NULL);
	pthread_cond_init(&runner->changed, NULL);
	return runner;
}

static int watch(struct vmapi_runner *runner)
{
	struct vmapi_vm *vm = runner->vcpu->vm;
	int err = vmi_chipset_watch(vm, runner->kick_fd);

	if (err)
		return vmi_fail(err, "runner", "the eventfd cannot be watched");
	vmi_chipset_lock(vm);
	runner->next = vm->runners;
	vm->runners = runner;
	vmi_chipset_unlock(vm);
	return 0;
}

static void unwatch(struct vmapi_runner *runner)
{
	struct vmapi_vm *vm = runner->vcpu->vm;
	struct vmapi_runner **at;

	vmi_chipset_unwatch(vm, runner->kick_fd);
	vmi_chipset_lock(vm);
	for (at = &vm->runners; *at != runner; at = &(*at)->next)
		;
	*at = runner->next;
	vmi_chipset_unlock(vm);
}

static int start(struct vmapi_runner *runner)
{
	struct vmapi_vcpu *vcpu = runner->vcpu;
	char name[16];
	int err = watch(runner);

	if (err)
		return err;
	snprintf(name, sizeof(name), "vcpu %" PRIu64, vcpu->id);
	err = vmi_sys->thread_start(name, live, runner, &runner->thread);
	if (!err)
		return 0;
	unwatch(runner);
	return vmi_fail(err, vmi_vcpu_label(vcpu), "no thread to run it");
}

/* The vcpu is taken.  A kick that is pending was the application's. */
static int make(struct vmapi_vcpu *vcpu, const struct vmapi_runner_config *c,
	struct vmapi_runner **out)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	struct vmapi_runner *runner;
	bool is_kicked;
	int err;

	if (vcpu->runner)
		return vmi_fail(
			-EEXIST, vmi_vcpu_label(vcpu), "it has a runner");
	runner = alloc_runner(vcpu);
	if (!runner)
		return vmi_fail(-ENOMEM, "runner", "no memory");
	is_kicked = be->vcpu_take_kick(vcpu);
	atomic_store(&vcpu->is_kicked, is_kicked);
	if (is_kicked)
		be->vcpu_kick(vcpu);
	err = open_descriptors(runner, c);
	if (!err)
		err = start(runner);
	if (err) {
		discard(runner);
		return err;
	}
	*out = vcpu->runner = runner;
	return 0;
}

int vmapi_runner_create(struct vmapi_vcpu *vcpu,
	const struct vmapi_runner_config *config, struct vmapi_runner **runner)
{
	struct vmapi_runner_config c = { .size = sizeof(c) };
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!runner)
		return vmi_null("runner");
	if (config)
		err = vmi_config_copy(&c, sizeof(c), config, sizeof(c));
	if (err)
		return err;
	if (c.flags & ~VMAPI_RUNNER_RING)
		return vmi_fail(-EINVAL, "runner",
			"unknown flags 0x%" PRIx32, c.flags);
	err = vmi_vcpu_take_as_is(vcpu);
	if (err)
		return err;
	err = make(vcpu, &c, runner);
	vmi_vcpu_release(vcpu);
	return err;
}

/* The lock is held, and is given up while the vcpu comes out. */
static void fetch(struct vmapi_runner *runner)
{
	if (runner->is_inside)
		vmi_vcpu_fetch(runner->vcpu);
	pthread_cond_broadcast(&runner->changed);
	while (runner->is_inside)
		pthread_cond_wait(&runner->changed, &runner->lock);
}

/* The thread is gone; a kick that stayed pending may be ours. */
static void drop_kick(struct vmapi_vcpu *vcpu)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;

	if (be->vcpu_take_kick(vcpu) &&
		atomic_exchange(&vcpu->is_kicked, false))
		be->vcpu_kick(vcpu);
}

void vmapi_runner_destroy(struct vmapi_runner *runner)
{
	struct vmapi_vcpu *vcpu;

	if (!runner || vmi_enter(runner->vcpu->vm->ctx, __func__))
		return;
	vcpu = runner->vcpu;
	if (is_own_thread(runner)) {
		vmi_log(vcpu->vm->ctx, VMAPI_LOG_ERROR, "vcpu %" PRIu64 ": its "
			"runner is destroyed on its own thread: it stays",
			vcpu->id);
		return;
	}
	unwatch(runner);
	pthread_mutex_lock(&runner->lock);
	runner->is_ended = true;
	fetch(runner);
	pthread_mutex_unlock(&runner->lock);
	vmi_sys->thread_join(runner->thread);
	drop_kick(vcpu);
	vcpu->runner = NULL;
	discard(runner);
}

/* -- Kicks by descriptor ------------------------------------------------ */

void vmi_runners_service(struct vmapi_vm *vm)
{
	struct vmapi_runner *runner;

	for (runner = vm->runners; runner; runner = runner->next)
		if (vmi_eventfd_take(runner->kick_fd))
			(void)vmapi_vcpu_kick(runner->vcpu);
}

int vmi_runners_rest(struct vmapi_vm *vm)
{
	struct vmapi_runner *runner;
	int err = 0;

	vmi_chipset_lock(vm);
	for (runner = vm->runners; runner && !err; runner = runner->next)
		if (!atomic_load(&runner->state))
			err = vmi_fail(-EBUSY, vmi_vcpu_label(runner->vcpu),
				"it has a runner that is not suspended");
	vmi_chipset_unlock(vm);
	return err;
}

/* -- The application's side --------------------------------------------- */

static int enter(const struct vmapi_runner *runner, const char *operation)
{
	return vmi_enter(runner ? runner->vcpu->vm->ctx : NULL, operation);
}

int vmapi_runner_fd(struct vmapi_runner *runner, int *fd)
{
	int err = enter(runner, __func__);

	if (err)
		return err;
	if (!fd)
		return vmi_null("fd");
	*fd = runner->exit_fd;
	return 0;
}

int vmapi_runner_kick_fd(struct vmapi_runner *runner, int *fd)
{
	int err = enter(runner, __func__);

	if (err)
		return err;
	if (!fd)
		return vmi_null("fd");
	*fd = runner->kick_fd;
	return 0;
}

static int take(struct vmapi_runner *runner, struct vmapi_exit *exit)
{
	if (!(runner->state & VMAPI_RUNNER_INTERCEPTED))
		return vmi_fail(-EAGAIN, vmi_vcpu_label(runner->vcpu),
			"there is no exit");
	(void)vmi_eventfd_take(runner->exit_fd);
	if (runner->result)
		return vmi_fail_again(&runner->failure);
	vmi_out_copy(exit, &runner->exit, sizeof(runner->exit));
	return 0;
}

int vmapi_runner_take(struct vmapi_runner *runner, struct vmapi_exit *exit)
{
	int err = enter(runner, __func__);

	if (err)
		return err;
	if (!exit)
		return vmi_null("exit");
	err = vmi_out_check(exit, sizeof(*exit));
	if (err)
		return err;
	pthread_mutex_lock(&runner->lock);
	err = take(runner, exit);
	pthread_mutex_unlock(&runner->lock);
	return err;
}

/* Nobody else has the vcpu: its thread waits. */
static int go_on(struct vmapi_runner *runner, const void *data, size_t bytes)
{
	struct vmapi_vcpu *vcpu = runner->vcpu;
	int err = 0;

	if (!(runner->state & VMAPI_RUNNER_INTERCEPTED))
		return vmi_fail(-EALREADY, vmi_vcpu_label(vcpu),
			"no exit has stopped it");
	if (vcpu->unanswered || bytes)
		err = vmapi_vcpu_complete(vcpu, data, bytes);
	if (err)
		return err;
	(void)vmi_eventfd_take(runner->exit_fd);
	runner->state &= ~VMAPI_RUNNER_INTERCEPTED;
	pthread_cond_broadcast(&runner->changed);
	return 0;
}

int vmapi_runner_continue(
	struct vmapi_runner *runner, const void *data, size_t bytes)
{
	int err = enter(runner, __func__);

	if (err)
		return err;
	pthread_mutex_lock(&runner->lock);
	err = go_on(runner, data, bytes);
	pthread_mutex_unlock(&runner->lock);
	return err;
}

int vmapi_runner_suspend(struct vmapi_runner *runner)
{
	int err = enter(runner, __func__);

	if (err)
		return err;
	if (is_own_thread(runner))
		return vmi_fail(-EDEADLK, vmi_vcpu_label(runner->vcpu),
			"it is its own thread that suspends it");
	pthread_mutex_lock(&runner->lock);
	runner->state |= VMAPI_RUNNER_SUSPENDED;
	fetch(runner);
	pthread_mutex_unlock(&runner->lock);
	return 0;
}

int vmapi_runner_resume(struct vmapi_runner *runner)
{
	int err = enter(runner, __func__);

	if (err)
		return err;
	pthread_mutex_lock(&runner->lock);
	runner->state &= ~VMAPI_RUNNER_SUSPENDED;
	pthread_cond_broadcast(&runner->changed);
	pthread_mutex_unlock(&runner->lock);
	return 0;
}

int vmapi_runner_state(struct vmapi_runner *runner, unsigned *state)
{
	int err = enter(runner, __func__);

	if (err)
		return err;
	if (!state)
		return vmi_null("state");
	pthread_mutex_lock(&runner->lock);
	*state = runner->state;
	pthread_mutex_unlock(&runner->lock);
	return 0;
}
