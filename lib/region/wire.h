/* SPDX-License-Identifier: MIT */
/* Commands to a device process: queued, sent, answered in order. */
#ifndef VMI_REGION_WIRE_H
#define VMI_REGION_WIRE_H

#include <pthread.h>
#include <stdbool.h>

#include <vmapi/channel.h>

#include "lib/region/ring.h"

#define VMI_WIRE_QUEUE 256 /* posted writes that wait for the socket */

enum vmi_call_stage {
	VMI_CALL_NONE = 0, /* nobody's */
	VMI_CALL_QUEUED,   /* behind others */
	VMI_CALL_SENT,	   /* it is this one's answer that comes next */
	VMI_CALL_DONE,
	VMI_CALL_FAILED /* `error` says why */
};

/* A command that is waited for.  Its owner's, but not to move while queued. */
struct vmi_call {
	struct vmi_call *next;
	struct vmapi_wire_command command;
	uint64_t data; /* the answer */
	int wake_fd;   /* an eventfd: signalled when there is news */
	int error;
	enum vmi_call_stage stage;
	bool looked; /* at the ring, in vain: the next wait is a sleep */
};

/* The way to the other side: what a handshake makes. */
struct vmi_link {
	int fd;	  /* a connected socket */
	int type; /* VMI_SOCKET_ */
	uint32_t features;
	struct vmi_ring *ring; /* NULL: it is the socket */
};

struct vmi_wire {
	pthread_mutex_t lock;
	struct vmi_link link;
	int error; /* 0, or why it is dead: -errno */
	bool is_stream;
	struct vmi_call *first, **last; /* waiting, the first one maybe sent */
	bool expects;	 /* an answer is under way */
	bool expects_nobody; /* ... and its call was given up */
	/* Posted writes so far; those that the call under way, an answer cover. */
	uint64_t posted, covers, done;
	struct vmapi_wire_command out[VMI_WIRE_QUEUE + 1];
	unsigned n_out;	 /* commands */
	unsigned sent;	 /* bytes of them */
	struct vmapi_wire_response in;
	unsigned n_in; /* bytes */
	const struct vmi_call *own; /* of who moves it on: needs no signal */
	int room_fd; /* an eventfd: signalled when there is room again ... */
	bool waits_for_room; /* ... for who waits for that */
};

struct vmi_words {
	const void *from;
	size_t bytes;
	int passed; /* a descriptor that goes with them; -1: none */
};

/*
 * All of it, on a socket that nobody else uses: 0; -ETIMEDOUT after
 * `timeout_ns` (negative: never); -EPROTO: the other side hung up; -errno.
 */
int vmi_wire_say(int fd, const struct vmi_words *words, int64_t timeout_ns);
int vmi_wire_hear(int fd, void *to, size_t bytes, int64_t timeout_ns);

/* What they are given is theirs; `room_fd` is an eventfd. */
void vmi_wire_init(
	struct vmi_wire *wire, const struct vmi_link *link, int room_fd);
void vmi_wire_fini(struct vmi_wire *wire);
/* Go on with another one: what was not sent whole is sent there. */
void vmi_wire_reconnect(struct vmi_wire *wire, const struct vmi_link *link);
void vmi_link_fini(const struct vmi_link *link);

/* Queue a posted write and send what goes.  -EAGAIN: the queue is full. */
int vmi_wire_post(
	struct vmi_wire *wire, const struct vmapi_wire_command *command);
/* What both sides can: VMAPI_WIRE_CAN_ */
uint32_t vmi_wire_features(struct vmi_wire *wire);
/* Whether a fence has to go before what must come after its writes. */
bool vmi_wire_is_behind(struct vmi_wire *wire);

/*
 * Queue a call and send what goes; at a ring, look for the answer as long as
 * that pays.  What came of it so far: when it is done or has failed it is its
 * owner's again.
 */
enum vmi_call_stage vmi_wire_ask(
	struct vmi_wire *wire, struct vmi_call *call);
/* Nobody waits for it any more: when this returns it is its owner's. */
void vmi_wire_cancel(struct vmi_wire *wire, struct vmi_call *call);
/*
 * Send and receive what goes without waiting; the stage of `call` (which may
 * be NULL).
 */
enum vmi_call_stage vmi_wire_step(
	struct vmi_wire *wire, const struct vmi_call *call);
/*
 * Until there may be something to do, or somebody signals the wake_fd of
 * `call`, which is emptied.  As poll(2): 0 when the time is over, -errno.
 */
int vmi_wire_wait(
	struct vmi_wire *wire, struct vmi_call *call, int64_t timeout_ns);
/*
 * The same, until a posted write has room or is refused for another reason.
 * One thread at a time.
 */
int vmi_wire_wait_for_room(struct vmi_wire *wire, int64_t timeout_ns);
/* The other side is dead to us: everybody's call fails with this. */
void vmi_wire_fail(struct vmi_wire *wire, int error);
/* -ETIMEDOUT, if it is still the side that this call waits for. */
void vmi_wire_expire(struct vmi_wire *wire, const struct vmi_call *call);

#endif
