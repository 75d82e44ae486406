/* SPDX-License-Identifier: MIT */
/* One end of an APIC bus: what it asked, and what the other end asks. */
#ifndef VMI_REGION_BUS_H
#define VMI_REGION_BUS_H

#include <pthread.h>
#include <stdbool.h>

#include <vmapi/bus.h>

enum vmi_bus_stage {
	VMI_BUS_NONE = 0, /* nobody's */
	VMI_BUS_QUEUED,
	VMI_BUS_SENT,
	VMI_BUS_DONE,
	VMI_BUS_FAILED /* `error` says why */
};

/* What is asked.  Its owner's, but not to move before it is done. */
struct vmi_bus_call {
	struct vmi_bus_call *next;
	struct vmapi_bus_message ask, reply;
	int wake_fd; /* an eventfd: signalled when there is news; -1 */
	int error;
	unsigned round; /* of the end, when it was asked */
	enum vmi_bus_stage stage;
};

struct vmi_bus_end {
	/* Who receives, until what came is done: before `lock`. */
	pthread_mutex_t reading;
	pthread_mutex_t lock;
	int fd;
	int error; /* 0, or why it is dead: -errno */
	unsigned round; /* how many other ends there were before this one */
	uint64_t seq;	    /* of the last call */
	unsigned abandoned; /* answers that nobody waits for any more */
	uint64_t reset; /* of a RESET that perhaps nobody has read; 0: none */
	bool owes_reset; /* and it has not gone: it does before any call */
	struct vmi_bus_call *calls;
	/* A message that is to be answered, now or later; `reading` is held. */
	void (*take)(void *opaque, const struct vmapi_bus_message *message);
	/* Another socket takes over: what was taken is void.  Or NULL. */
	void (*left)(void *opaque);
	void *opaque;
};

/* A duplicate of a connected seqpacket socket; -EBADF, -EINVAL, -EMFILE. */
int vmi_bus_socket(int fd);

/* The descriptor is the end's from now on; `take` is set by the caller. */
void vmi_bus_end_init(struct vmi_bus_end *end, int fd);
void vmi_bus_end_fini(struct vmi_bus_end *end);
/* Go on with another socket: what was asked has failed, but for a reset. */
void vmi_bus_reconnect(struct vmi_bus_end *end, int fd);

void vmi_bus_submit(struct vmi_bus_end *end, struct vmi_bus_call *call);
/* Nobody waits for it any more: when this returns it is its owner's. */
void vmi_bus_cancel(struct vmi_bus_end *end, struct vmi_bus_call *call);
/*
 * Tell of a reset, for which nobody waits: all that was asked before has been
 * cancelled.  It goes before anything else, when there is room; to the next
 * other end where this one is dead, or dies before it has read it.
 */
void vmi_bus_tell_reset(struct vmi_bus_end *end);
/* Of `message`; its delivery, and `reply` has what else there is to say. */
void vmi_bus_answer(struct vmi_bus_end *end,
	const struct vmapi_bus_message *message, uint8_t delivery,
	const struct vmapi_bus_message *reply);

/*
 * Send and receive what goes without waiting; the stage of `call`, which may
 * be NULL.
 */
enum vmi_bus_stage vmi_bus_step(
	struct vmi_bus_end *end, const struct vmi_bus_call *call);
/*
 * Until there may be something to do, or somebody signals wake_fd (-1: there
 * is none), which is emptied.  As poll(2): 0 when the time is over, -errno.
 */
int vmi_bus_wait(struct vmi_bus_end *end, int wake_fd, int64_t timeout_ns);
/* The other end is dead to us: everybody's call fails with this. */
void vmi_bus_fail(struct vmi_bus_end *end, int error);
/* For what became of this call; unless there is another end since. */
void vmi_bus_fail_for(
	struct vmi_bus_end *end, const struct vmi_bus_call *call, int error);
/* 0, or why it is dead. */
int vmi_bus_error(struct vmi_bus_end *end);

#endif
