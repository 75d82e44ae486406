/* SPDX-License-Identifier: MIT */
/* The other side of a channel: a device process, or one by hand. */
#ifndef TESTS_API_PEER_H
#define TESTS_API_PEER_H

#include <pthread.h>

#include "tests/api/api.h"

#define PEER_USER 0x1122334455667788ull
#define PEER_SEEN 4096u

enum peer_way { PEER_STREAM, PEER_PACKETS, PEER_RING };

struct peer {
	enum peer_way way;
	int fds[2];	/* [0]: the library's end */
	int control[2]; /* -1: none */
	pthread_t thread;
	int result;
	/* what it saw */
	struct vmapi_access seen[PEER_SEEN];
	uint64_t users[PEER_SEEN];
	unsigned n;
	void (*hook)(struct peer *p, struct vmapi_access *access);
	struct machine *m;
	/* by hand */
	struct vmapi_wire_ring *ring;
	uint64_t put, taken;
};

/* Sockets; a ring has a control socket in any case. */
void peer_open(struct peer *p, enum peer_way way, bool control);
/* A thread in vmapi_serve(): before peer_connect() where there is control. */
void peer_start(struct peer *p);
/* The library's end is closed: the server sees that and returns. */
void peer_stop(struct peer *p);
/* Its descriptors, where there is no thread. */
void peer_close(struct peer *p);

/*
 * As a monitor: offer a ring, or what is none: by its words, without a
 * descriptor, too short, not sealed.
 */
#define PEER_GOOD_OFFER 4
void peer_offer(struct peer *p, unsigned which);

/* What the library is told. */
struct vmapi_channel_config peer_config(const struct peer *p);
/* By hand from now on: say hello before the library asks. */
void peer_greet(struct peer *p);
/* ... and take the ring, after it did. */
void peer_take_ring(struct peer *p);
struct vmapi_channel *peer_connect(
	struct machine *m, struct peer *p, uint64_t order);
/* The same by hand. */
struct vmapi_channel *peer_connect_by_hand(struct machine *m, struct peer *p);
struct vmapi_region *peer_region(struct machine *m,
	struct vmapi_channel *channel, uint64_t base, unsigned flags);

/* -- By hand ------------------------------------------------------------ */

/* Wait for a command; false: none came in 10 s. */
bool peer_hear(struct peer *p, uint8_t *command);
/* Whether there is one, without waiting. */
bool peer_hears(struct peer *p);
/* Answer; a stream in several pieces. */
void peer_say(struct peer *p, const uint8_t *response);

/* One run on another thread. */
struct peer_run {
	struct machine *m;
	struct vmapi_exit exit;
	unsigned reason;
	pthread_t thread;
};

void peer_run_start(struct peer_run *r, struct machine *m);
void peer_run_end(struct peer_run *r);

#endif
