/* SPDX-License-Identifier: MIT */
/* Loops: what is waited for, and the two ways to wait. */
#ifndef VMI_LOOP_LOOP_H
#define VMI_LOOP_LOOP_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <vmapi/loop.h>

struct vmi_source_kind;

/* Each kind has a struct of its own that begins with this. */
struct vmapi_source {
	struct vmapi_loop *loop;
	const struct vmi_source_kind *kind;
	struct vmapi_source *next, **link; /* of loop->sources, or ->removed */
	int fd;	       /* ours; -1: it waits for no descriptor */
	short events;  /* POLLIN, POLLOUT: may change in ready() */
	bool edges;    /* ready() takes all there is: once is enough */
	bool watched;  /* between watch() and unwatch() */
	bool dropped;
	bool is_hasty; /* in loop->hasty */
	struct vmapi_source *next_hasty;
	/* An implementation's. */
	unsigned in_flight; /* not to be freed before it is 0 */
	bool is_queued;	    /* the same */
	struct vmapi_source *next_queued;
	int slot; /* -1: none */
	ssize_t sent;
};

struct vmi_source_kind {
	size_t size;
	void (*ready)(struct vmapi_source *source, short events);
	/*
	 * What an exchange brought: results of send(2) (0 where there was
	 * nothing to send) and recv(2), or -errno.
	 */
	void (*exchanged)(struct vmapi_source *source, ssize_t sent,
		ssize_t received);
	/* It is removed, and nothing is called any more; it is freed. */
	void (*stop)(struct vmapi_source *source);
	void (*fini)(struct vmapi_source *source);
};

/* Send all of one, then receive what there is into the other. */
struct vmi_exchange {
	const void *out;
	size_t n_out; /* 0: nothing */
	void *in;
	size_t n_in;
};

/* A way to wait. */
struct vmi_loop_ops {
	const char *name;
	/* loop->state; -errno: the host does not want to. */
	int (*init)(struct vmapi_loop *loop);
	/* No source is there any more. */
	void (*fini)(struct vmapi_loop *loop);
	/* Call kind->ready() from now on whenever source->events are there. */
	void (*watch)(struct vmapi_source *source);
	/*
	 * Do no more for it, and let go of its descriptor.  in_flight may
	 * go to 0 later.
	 */
	void (*unwatch)(struct vmapi_source *source);
	/*
	 * One exchange of a source that is not watched; kind->exchanged() is
	 * called at its end.  The buffers stay until then.  NULL: watch it.
	 */
	void (*exchange)(struct vmapi_source *source,
		const struct vmi_exchange *what);
	/* Wait, at most so long (< 0: for ever), and call. */
	int (*wait)(struct vmapi_loop *loop, int64_t timeout_ns);
};

extern const struct vmi_loop_ops vmi_loop_poll;
extern const struct vmi_loop_ops vmi_loop_uring;

struct vmapi_loop {
	const struct vmi_loop_ops *ops;
	void *state;
	pid_t pid;
	atomic_int runner; /* the thread in vmapi_loop_run(); 0: none */
	atomic_bool stop;
	struct vmapi_source *wake; /* an eventfd, for stop */
	struct vmapi_source *sources, *removed;
	unsigned n_sources;
	struct vmapi_source *hasty; /* not done yet: to be called again */
	unsigned n_ready;	    /* at the last wait */
	struct vmi_timer *timers;   /* that are set, the next one first */
};

/* -- lib/loop/loop.c ---------------------------------------------------- */

/* The beginning of a public function: -EINVAL, -EPERM, -EBUSY. */
int vmi_loop_enter(const struct vmapi_loop *loop, const char *operation);
/* Part of the loop, and not watched yet; fd is its own from now on. */
int vmi_source_new(struct vmapi_loop *loop, const struct vmi_source_kind *kind,
	int fd, struct vmapi_source **source);
/* It is called no more, and freed when nobody looks at it. */
void vmi_source_drop(struct vmapi_source *source);
/* Call ready() with no events before the next wait. */
void vmi_source_again(struct vmapi_source *source);

/* -- lib/loop/timer.c --------------------------------------------------- */

/* Nanoseconds to the next one; -1: there is none. */
int64_t vmi_timer_next(const struct vmapi_loop *loop);
/* Call those whose time has come. */
void vmi_timer_expire(struct vmapi_loop *loop);

#endif
