/* SPDX-License-Identifier: MIT */
/* A network card: a virtio network device (virtio 1.1, 5.1). */
#ifndef BOOT_NET_H
#define BOOT_NET_H

#include <stddef.h>

#include "virtio.h"

#define NET_HEADER   14	   /* of Ethernet */
#define NET_FRAME    65553 /* with a VLAN's tag, at most */
#define NET_PREAMBLE 12	   /* struct virtio_net_hdr before it: 5.1.6 */
#define NET_QUEUE    512   /* frames that wait for the guest, at most */

/* 5.1.3: what can be left to a peer, and to the guest. */
#define NET_F_CSUM	 (UINT64_C(1) << 0)
#define NET_F_GUEST_CSUM (UINT64_C(1) << 1)
#define NET_F_GUEST_TSO4 (UINT64_C(1) << 7)
#define NET_F_GUEST_TSO6 (UINT64_C(1) << 8)
#define NET_F_GUEST_ECN	 (UINT64_C(1) << 9)
#define NET_F_HOST_TSO4	 (UINT64_C(1) << 11)
#define NET_F_HOST_TSO6	 (UINT64_C(1) << 12)
#define NET_F_HOST_ECN	 (UINT64_C(1) << 13)

/* The preamble: what is in it, and where. */
#define NET_NEEDS_CSUM	1u /* the first byte: somebody has to add it up */
#define NET_DATA_VALID	2u /* or nobody has to */
#define NET_CSUM_START	6
#define NET_CSUM_OFFSET 8
#define NET_NUM_BUFFERS 10

struct net;

/*
 * What is at the other end of the cable. open() is the monitor's; all behind
 * it is done where the device is, which may be in another process.  Both tell
 * by errno what is wrong.
 */
struct net_peer {
	const char *name; /* as --net has it */
	uint64_t offers;  /* features */
	/* The word behind the name, or NULL. */
	int (*open)(struct net *net, const char *word);
	/* NULL, or: begin. */
	int (*start)(struct net *net);
	void (*close)(struct net *net);
	/* NULL, or: the driver has taken these features. */
	void (*features)(struct net *net, uint64_t taken);
	/* A frame from the guest, with its preamble. */
	void (*send)(struct net *net, struct virtio_request *frame);
	/*
	 * Add what to wait for, and look what came of it: frames for the
	 * guest, which go to net_receive().  Neither while some of them have
	 * not found room yet, so that senders wait as well.
	 */
	void (*wait)(struct net *net, struct virtio_waits *waits);
	void (*ready)(struct net *net, const struct virtio_waits *waits);
};

extern const struct net_peer net_user; /* user.c, or no-user.c */
extern const struct net_peer net_tap;

struct net {
	const struct net_peer *peer; /* NULL: there is no network */
	char name[32];	   /* of the cable: the MAC follows from it */
	bool waits;	   /* the peer was asked this turn */
	bool has_more;	   /* of the guest, left for the next turn */
	int fd;		   /* tap; -1: there is none */
	struct user *user; /* user */
	struct net_frame *first, **last; /* that wait */
	unsigned n;
	uint64_t taken;	   /* features */
	uint8_t buffer[NET_PREAMBLE + NET_FRAME]; /* the peer's */
	struct virtio virtio;
};

/*
 * `how` is what --net says.  0; or -1 with errno, EINVAL if it says nothing
 * that there is, ENOTSUP if it was not built in.  Then it begins, here; or in
 * another process, which takes the name and the descriptor.
 */
int net_open(struct net *net, const char *how);
int net_start(struct net *net);
int net_take(struct net *net, const char *name, int fd);
void net_close(struct net *net);

/* -- For peers ---------------------------------------------------------- */

/*
 * A frame for the guest, whose preamble says what is left to do.  What is too
 * long, or too much, is lost.
 */
void net_receive(struct net *net, const uint8_t *preamble,
	const uint8_t *frame, size_t bytes);
bool net_has_room(struct net *net);
/* A frame of the guest and its preamble in the buffer: the length of both. */
uint32_t net_gather(struct net *net, struct virtio_request *frame);

#endif
