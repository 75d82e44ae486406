/* SPDX-License-Identifier: MIT */
/* Commands and answers by shared memory: one side of a vmapi_wire_ring. */
#ifndef VMI_REGION_RING_H
#define VMI_REGION_RING_H

#include <stdbool.h>
#include <stdint.h>

#include <vmapi/channel.h>

/* Its owner's, who serialises calls, but for vmi_ring_spin(). */
struct vmi_ring {
	struct vmapi_wire_ring *shared;
	struct vmapi_wire_side *own, *peer;
	struct vmapi_wire_slot *out, *in; /* ours, the other side's */
	uint64_t put, taken; /* so far */
	uint64_t said;	     /* what `own` says was taken; never read back */
	uint64_t seen;	     /* what the other side had taken */
	bool told;	     /* all that was done */
	/* How long the other side lets us wait: asleep, and looking first. */
	uint32_t usual_ns[2];
	unsigned waits;
	unsigned waiters;    /* that sleep */
	unsigned users;
};

/* The monitor's: *fd, to be closed, is its memory. */
int vmi_ring_create(struct vmi_ring **ring, int *fd);
/* The device's.  -EPROTO: the memory is too short, or can become so. */
int vmi_ring_open(struct vmi_ring **ring, int fd);
void vmi_ring_get(struct vmi_ring *ring);
void vmi_ring_put(struct vmi_ring *ring);

/*
 * One entry of 32 bytes.  1: done; 0: no room, or nothing there; -EPROTO: the
 * other side's words cannot be.
 */
int vmi_ring_push(struct vmi_ring *ring, const void *entry);
int vmi_ring_pull(struct vmi_ring *ring, void *entry);
/* Whether there is room for another one: 1, 0, -EPROTO. */
int vmi_ring_has_room(struct vmi_ring *ring);
/* After what was done.  True: the other side sleeps, and is to be woken. */
bool vmi_ring_publish(struct vmi_ring *ring);

/* -- Waiting ------------------------------------------------------------ */

/* What there was when we last looked, and how long to wait for more. */
struct vmi_ring_look {
	uint64_t next, taken;
	bool room;
	bool spins; /* before it sleeps, for `budget_ns` */
	uint32_t budget_ns;
	uint64_t waited_ns, slept_at;
};

/* For what is put, and for room too where there was none. */
void vmi_ring_look(
	struct vmi_ring *ring, bool room, struct vmi_ring_look *look);
/* False: the other side has done nothing in all the time that it had. */
bool vmi_ring_spin(const struct vmi_ring *ring, struct vmi_ring_look *look);
/*
 * Before and after a sleep.  False: there was something after all, and it is
 * as if nobody had asked.
 */
bool vmi_ring_arm(struct vmi_ring *ring, struct vmi_ring_look *look);
void vmi_ring_disarm(struct vmi_ring *ring, struct vmi_ring_look *look);
/* The wait is over, without a sleep: it took so long if something came. */
void vmi_ring_learn(struct vmi_ring *ring, const struct vmi_ring_look *look);

/*
 * Read what woke us, a little of it.  0: there is no end; -EPIPE: there is;
 * -errno of the socket.
 */
int vmi_ring_hear(int fd);
/* Wake the other side, which need not be there. */
int vmi_ring_ring(int fd);

#endif
