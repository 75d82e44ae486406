/* SPDX-License-Identifier: MIT */
/* Virtio devices behind registers in memory (virtio 1.1, 4.2). */
#ifndef BOOT_VIRTIO_H
#define BOOT_VIRTIO_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <vmapi/vmapi.h>

#include "memory.h"

#define VIRTIO_NOTIFY	0x50 /* QueueNotify, which is no register of ours */
#define VIRTIO_QUEUES	2    /* of a device, at most */
#define VIRTIO_QUEUE	256  /* entries of one, at most */
#define VIRTIO_CONFIG	64   /* bytes of a device's own registers, at most */
#define VIRTIO_THREADS	4    /* of a device, at most */
#define VIRTIO_RANGES	64   /* of RAM, told at once, at most */

/* Of every device: chapter 6. */
#define VIRTIO_F_EVENT_IDX (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1 (UINT64_C(1) << 32)

#define VIRTIO_DRIVER_OK 0x04u /* of the status: 2.1 */

/* Why it interrupts: 4.2.2. */
#define VIRTIO_USED   1u
#define VIRTIO_CHANGE 2u

/* A buffer of the guest, checked: all of it is RAM. */
struct virtio_buffer {
	uint8_t *bytes;
	uint32_t size;
};

/* What the driver asks for: first what it gives, then room for answers. */
struct virtio_request {
	unsigned queue;
	unsigned head;
	struct virtio_buffer parts[VIRTIO_QUEUE];
	unsigned n_read;  /* parts that the device reads */
	unsigned n_write; /* parts after them that it writes */
};

/* What a device's thread waits for: poll(2), rebuilt for each turn. */
struct virtio_waits {
	struct pollfd *fds;
	unsigned n, room;
	int timeout; /* milliseconds, or -1 */
};

/*
 * A kind of device.  All functions but serve() are called with its lock.  One
 * that has turn() has one thread.
 */
struct virtio_kind {
	unsigned id;	   /* virtio 1.1, chapter 5 */
	unsigned n_queues;
	unsigned n_threads; /* that serve, each a request; 0 is 1 */
	/*
	 * Carry a request out, without the lock: how many bytes were written
	 * to it, or -1: it is malformed, and the device stops.
	 */
	int64_t (*serve)(void *opaque, struct virtio_request *request);
	/*
	 * Or else, on its thread: something was waited for and has come, or
	 * the driver has filled a ring.
	 */
	void (*turn)(void *opaque, const struct virtio_waits *waits);
	/* NULL, or: add what else it waits for. */
	void (*wait)(void *opaque, struct virtio_waits *waits);
	/* NULL, or: forget what was for the driver. */
	void (*reset)(void *opaque);
	/* NULL, or: the driver has taken these features. */
	void (*features)(void *opaque, uint64_t taken);
};

struct virtio_ring {
	uint16_t size;
	uint16_t next; /* of the available ring: what is taken next */
	bool ready;
	uint64_t descriptors, available, used;
};

/* The in-flight table of a queue: ring.c. */
struct virtio_flight {
	atomic_uint taken[VIRTIO_QUEUE]; /* by head */
	atomic_uint used; /* the used ring's index */
};

/*
 * What the driver said and how far the device is: all that it takes to go on.
 * For a device in a process of its own this is in memory that outlives it.
 */
struct virtio_state {
	atomic_uint interrupt; /* InterruptStatus: no lock */
	uint32_t status;
	uint32_t queue;		/* selected */
	uint32_t offered_word, taken_word; /* selected */
	uint64_t taken;		/* feature bits */
	struct virtio_ring rings[VIRTIO_QUEUES];
	struct virtio_flight flights[VIRTIO_QUEUES];
};

/* What of a queue need not outlive us: heads of requests. */
struct virtio_work {
	uint16_t again[VIRTIO_QUEUE];  /* were taken: the last is the next */
	uint16_t staged[VIRTIO_QUEUE]; /* are answered: nobody has seen it */
	unsigned n_again, n_staged;
};

/* Of guest RAM, from its base. */
struct virtio_range {
	uint64_t offset, size;
};

/* Told of what a device wrote to it, before the driver is. */
typedef void virtio_written_fn(void *opaque, const struct virtio_range *ranges,
	unsigned n);

struct virtio {
	const struct virtio_kind *kind;
	void *opaque;	   /* the kind's */
	uint64_t offered;  /* feature bits of the kind */
	uint8_t config[VIRTIO_CONFIG];

	struct memory *memory;
	virtio_written_fn *written; /* NULL: nobody wants to know */
	void *written_opaque;
	int kick_fds[VIRTIO_QUEUES]; /* the driver has filled the ring */
	int irq_fd;		     /* the device wants to interrupt */

	struct virtio_state *state; /* under the lock; `own`, or another's */
	struct virtio_state own;
	pthread_mutex_t lock; /* of what the driver says, and of the rings */
	pthread_cond_t idle;  /* n_out is 0 */
	unsigned n_out;	      /* requests that are being served */
	unsigned n_draining;  /* wait for that, and none shall be added */
	struct virtio_work work[VIRTIO_QUEUES];
	struct virtio_range ranges[VIRTIO_RANGES];
	unsigned n_ranges;

	pthread_mutex_t turn; /* whoever has it waits for all */
	pthread_t threads[VIRTIO_THREADS];
	unsigned n_threads;
	atomic_bool ending;
	atomic_bool again; /* the driver may repeat what it said last */
};

void virtio_init(struct virtio *v);
/*
 * Begin to serve, or go on with what is in the state.  The kind, opaque,
 * features, config, memory and descriptors are set.  0, or -1 with errno.
 */
int virtio_start(struct virtio *v);
/* Also one that was not started. */
void virtio_stop(struct virtio *v);
void virtio_reset(struct virtio *v);
/* An access to the registers, `at` bytes behind the first. */
void virtio_access(struct virtio *v, struct vmapi_access *a, uint64_t at);
/*
 * From here to virtio_release() it does nothing: its state and RAM fit.  After
 * that it looks at all rings again.
 */
void virtio_hold(struct virtio *v);
void virtio_release(struct virtio *v);
/* Held: the state is that of a device which is no more.  Go on with it. */
void virtio_resume(struct virtio *v);

/* Add a descriptor: its index in `fds`, or -1 for want of memory. */
int virtio_wait_for(struct virtio_waits *waits, int fd, short events);

/* -- Its kind, with the lock -------------------------------------------- */

/* Does the driver use the queue? */
bool virtio_live(const struct virtio *v, unsigned queue);
/* Is there a request?  If not, there is a turn as soon as there is one. */
bool virtio_pending(struct virtio *v, unsigned queue);
/* Take it.  False: there is none. */
bool virtio_next(struct virtio *v, unsigned queue, struct virtio_request *r);
/* It is done: so many bytes were written; -1 stops the device. */
void virtio_answer(struct virtio *v, const struct virtio_request *r,
	int64_t written);
/* The driver sees all that was answered, at once. */
void virtio_flush(struct virtio *v, unsigned queue);
/* Not the last n of them: they are the next requests instead. */
void virtio_back(struct virtio *v, unsigned queue, unsigned n);
/* The driver makes no sense: stop until it resets. */
void virtio_break(struct virtio *v);
void virtio_interrupt(struct virtio *v, unsigned why);

/* ring.c: forget all; and go on with what another device has left. */
void ring_clear(struct virtio *v, unsigned queue);
void ring_land(struct virtio *v, unsigned queue);

/* -- Requests ----------------------------------------------------------- */

/*
 * Take `size` bytes from the front of what the driver gave, wherever it cut
 * (2.6.4: the framing means nothing).  False: it gave less.
 */
bool virtio_take(struct virtio_request *r, void *to, uint32_t size);
/* Put `size` bytes at `at` of what it wants, which is that long. */
void virtio_put(const struct virtio_request *r, uint64_t at, const void *from,
	uint32_t size);
/* How many bytes the driver gave and are not taken; and how many it wants. */
uint64_t virtio_given(const struct virtio_request *r);
uint64_t virtio_wanted(const struct virtio_request *r);

#endif
