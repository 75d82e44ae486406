/* SPDX-License-Identifier: MIT */
/* One thread for many descriptors, timers and device channels. */
#ifndef VMAPI_LOOP_H
#define VMAPI_LOOP_H

#include <vmapi/base.h>
#include <vmapi/channel.h>

VMAPI_DECLS_BEGIN

/*
 * A loop waits for everything that was added to it, on the thread that calls
 * vmapi_loop_run(), and calls functions there: by io_uring where the host has
 * it and lets us, by poll(2) elsewhere, with the same behaviour.  It needs no
 * context and makes no thread.
 *
 * All calls but vmapi_loop_stop() are made by one of those functions, or
 * while nobody is in vmapi_loop_run(): -EBUSY otherwise.  A function may add,
 * change and remove what it wants, itself too.
 */
struct vmapi_loop;
struct vmapi_source; /* what was added */

#define VMAPI_LOOP_POLL (1u << 0) /* poll(2), wherever we are */

struct vmapi_loop_config {
	uint32_t size;
	uint32_t flags; /* VMAPI_LOOP_POLL */
};

/*
 * A config of NULL is one of zeros.  Does not fail for want of io_uring.
 *
 *   -EINVAL  unknown flags
 *   -ENOMEM, -EMFILE
 *
 * Since 0.1.
 */
VMAPI_API int vmapi_loop_create(const struct vmapi_loop_config *config,
	struct vmapi_loop **loop);
/* With all its sources.  Not while it runs.  Since 0.1. */
VMAPI_API void vmapi_loop_destroy(struct vmapi_loop *loop);
/* "io_uring" or "poll".  Since 0.1. */
VMAPI_API const char *vmapi_loop_mechanism(const struct vmapi_loop *loop);

/*
 * Call functions until vmapi_loop_stop().  -EBUSY: it runs already; -errno of
 * the host's wait.  Since 0.1.
 */
VMAPI_API int vmapi_loop_run(struct vmapi_loop *loop);
/*
 * End the run, or the next one if there is none now.  From any thread, and
 * from signal handlers.  Since 0.1.
 */
VMAPI_API int vmapi_loop_stop(struct vmapi_loop *loop);

/* -- Sources ------------------------------------------------------------ */

#define VMAPI_LOOP_READ	 (1u << 0)
#define VMAPI_LOOP_WRITE (1u << 1)
#define VMAPI_LOOP_ENDED (1u << 2) /* hung up, or in error: told unasked */

typedef void vmapi_loop_fd_fn(void *opaque, uint32_t events);
typedef void vmapi_loop_eventfd_fn(void *opaque, uint64_t count);
typedef void vmapi_loop_timer_fn(void *opaque, uint64_t times);

/*
 * Have a function called as long as a descriptor is ready: again and again,
 * until it is not, or the source is removed.  The loop has a duplicate.
 *
 *   -EINVAL  no function; unknown events, or none
 *   -EBADF, -EMFILE, -ENOMEM
 *
 * Since 0.1.
 */
VMAPI_API int vmapi_loop_fd(struct vmapi_loop *loop, int fd, uint32_t events,
	vmapi_loop_fd_fn *fn, void *opaque, struct vmapi_source **source);

/*
 * Have a function called with what an eventfd counted, which the loop takes:
 * that of a vmapi_ioeventfd_create() for instance.  The loop has a duplicate.
 *
 *   -EINVAL  no function; it is no eventfd
 *   -EBADF, -EMFILE, -ENOMEM
 *
 * Since 0.1.
 */
VMAPI_API int vmapi_loop_eventfd(struct vmapi_loop *loop, int fd,
	vmapi_loop_eventfd_fn *fn, void *opaque,
	struct vmapi_source **source);

/*
 * Have a function called when it is time, which vmapi_loop_timer_set() says.
 * -EINVAL: no function; -ENOMEM.  Since 0.1.
 */
VMAPI_API int vmapi_loop_timer(struct vmapi_loop *loop,
	vmapi_loop_timer_fn *fn, void *opaque, struct vmapi_source **source);
/*
 * First in delay_ns, then each period_ns, or once if that is 0; what is late
 * is told in one call, by number.  A delay of UINT64_MAX: never.  -EINVAL: it
 * is no timer.  Since 0.1.
 */
VMAPI_API int vmapi_loop_timer_set(
	struct vmapi_source *timer, uint64_t delay_ns, uint64_t period_ns);

/* The monitor hung up: 0, or the error of which vmapi_serve() would tell. */
typedef void vmapi_loop_ended_fn(void *opaque, int error);

struct vmapi_loop_channel {
	uint32_t size;
	uint32_t flags;	    /* 0 */
	int32_t fd;	    /* as for vmapi_serve(), but dup()ed */
	int32_t control_fd; /* -1: none */
	vmapi_serve_fn *fn;
	vmapi_loop_ended_fn *ended; /* NULL: nobody wants to know */
	void *opaque;		    /* of both functions */
};

/*
 * Answer a monitor's commands, as vmapi_serve() does, among others.  What has
 * ended stays until it is removed, and does nothing.  With it the connection
 * ends, for all duplicates of the socket.
 *
 *   -EINVAL  no function; unknown flags; it is no connected socket of a type
 *            that carries channels
 *   -EBADF, -ENOTSOCK, -EMFILE, -ENOMEM
 *
 * Since 0.1.
 */
VMAPI_API int vmapi_loop_serve(struct vmapi_loop *loop,
	const struct vmapi_loop_channel *channel,
	struct vmapi_source **source);

/*
 * Its function is not called any more, and a channel's access in progress gets
 * no answer.  NULL is fine.  Since 0.1.
 */
VMAPI_API void vmapi_loop_remove(struct vmapi_source *source);

VMAPI_DECLS_END

#endif
