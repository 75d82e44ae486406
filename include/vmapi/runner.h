/* SPDX-License-Identifier: MIT */
/* Vcpus that a thread of the library runs: their exits come by descriptor. */
#ifndef VMAPI_RUNNER_H
#define VMAPI_RUNNER_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi_vcpu;
struct vmapi_exit;
struct vmapi_runner;

/*
 * Why a runner's vcpu does not run.  They are two because one is not enough:
 * who clears a single "runnable" bit cannot know whether the other reason for
 * it has gone.  The vcpu runs while neither is set.
 */
enum vmapi_runner_state {
	VMAPI_RUNNER_SUSPENDED = 1,  /* by vmapi_runner_suspend(), explicitly */
	VMAPI_RUNNER_INTERCEPTED = 2 /* by an exit, until it is continued */
};

struct vmapi_runner_config {
	uint32_t size;
	uint32_t flags; /* VMAPI_RUNNER_RING or 0 */
	/*
	 * VMAPI_RUNNER_RING: an io_uring of the application.  Each exit is a
	 * completion in it, with `ring_data` as user_data and the exit's
	 * reason, or a negative errno, as result.  The descriptor is dup()ed.
	 */
	int32_t ring_fd;
	uint32_t reserved;
	uint64_t ring_data;
};

#define VMAPI_RUNNER_RING (1u << 0)

/*
 * Give the vcpu a thread that runs it.  It begins suspended.
 *
 *   -EINVAL   NULL, unknown flags, `ring_fd` is no io_uring
 *   -EEXIST   the vcpu has a runner
 *   -EBUSY    the vcpu runs
 *   -ENOTSUP  VMAPI_RUNNER_RING: the library was built without liburing, or
 *             the kernel has no IORING_OP_MSG_RING (Linux 5.18)
 *   -EBADF, -ENOMEM, -EAGAIN (no more threads), -EMFILE
 *
 * The thread has every signal blocked, so that no handler of the application
 * runs on it.  Callbacks that answer accesses of the vcpu run on it.  config
 * may be NULL.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_runner_create(struct vmapi_vcpu *vcpu,
	const struct vmapi_runner_config *config,
	struct vmapi_runner **runner);

/*
 * Stop the vcpu and the thread, which is waited for.  An exit that was not
 * taken is lost; the vcpu can be run as any other, once an exit that wants an
 * answer has it.  NULL does nothing; on the runner's own thread (a callback)
 * it does nothing but log.  Since 0.1.
 */
VMAPI_API void vmapi_runner_destroy(struct vmapi_runner *runner);

/*
 * A descriptor that is readable (POLLIN) from the moment of an exit until it
 * is taken or continued.  It is the runner's: only to be polled.  Since 0.1.
 */
VMAPI_API int vmapi_runner_fd(struct vmapi_runner *runner, int *fd);

/*
 * An eventfd: a write to it, from any process, kicks the vcpu as soon as the
 * VM is served (vmapi_vm_service()).  It is the runner's.  Since 0.1.
 */
VMAPI_API int vmapi_runner_kick_fd(struct vmapi_runner *runner, int *fd);

/*
 * Copy the exit that intercepted the vcpu.  What its pointers lead to is valid
 * until the vcpu goes on.  -EAGAIN: there is none.  What else vmapi_vcpu_run()
 * returns, with its error record, is returned here; continuing tries again.
 * It may be taken more than once.  Never waits.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_runner_take(struct vmapi_runner *runner,
	struct vmapi_exit *exit);

/*
 * Go on behind an exit.  If it wants an answer (VMAPI_EXIT_ANSWER) that
 * vmapi_vcpu_complete() did not bring yet, `data` and `bytes` are it: the
 * errors are the same.  Else they are NULL and 0.  A suspended vcpu goes on
 * once it is resumed.  -EALREADY: it is not intercepted.  Never waits.  Any
 * thread.  Since 0.1.
 */
VMAPI_API int vmapi_runner_continue(struct vmapi_runner *runner,
	const void *data, size_t bytes);

/*
 * Suspend: when it returns the vcpu is outside of the guest, and its state can
 * be read and changed.  It waits for that; -EDEADLK: this is the runner's own
 * thread (a callback).  Resume: undo it; never waits.  Both do nothing where
 * it is so already.  They are for any thread; not for signal handlers.
 * Since 0.1.
 */
VMAPI_API int vmapi_runner_suspend(struct vmapi_runner *runner);
VMAPI_API int vmapi_runner_resume(struct vmapi_runner *runner);

/* Bits of enum vmapi_runner_state: what is true now.  Since 0.1. */
VMAPI_API int vmapi_runner_state(struct vmapi_runner *runner,
	unsigned *state);

VMAPI_DECLS_END

#endif
