/* SPDX-License-Identifier: MIT */
/* The network of --net user: a TCP/IP in this process, libslirp. */
/*
 * libslirp speaks to the guest as a router at 10.0.2.2 would, and to the world
 * with ordinary sockets.  It needs no privilege.  It has no thread: before we
 * wait, it says for which descriptors and how long, and afterwards it looks
 * at them.  What it wants done later it says by timers, which are ours to
 * make.
 *
 * There is no cable: it takes a segment of any length as it is, and none of its
 * own was damaged on the way.  So the guest need not cut what it sends, nor add
 * up what it receives.
 */
#include "net.h"
#include "bytes.h"

#include <errno.h>
#include <limits.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <time.h>

struct timer {
	SlirpTimerCb fn;
	void *opaque;
	int64_t due; /* milliseconds; INT64_MAX: never */
	struct timer *next;
};

struct user {
	Slirp *slirp;
	struct timer *timers;
};

/* -- Time --------------------------------------------------------------- */

static int64_t clock_ns(void *opaque)
{
	struct timespec now;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t now_ms(void)
{
	return clock_ns(NULL) / 1000000;
}

/* Without memory there is no timer, and what it was for does not happen. */
static void *timer_new(SlirpTimerCb fn, void *timers_opaque, void *opaque)
{
	struct net *net = opaque;
	struct timer *timer = malloc(sizeof(*timer));

	if (timer == NULL)
		return NULL;
	*timer = (struct timer){ .fn = fn, .opaque = timers_opaque,
		.due = INT64_MAX, .next = net->user->timers };
	net->user->timers = timer;
	return timer;
}

static void timer_free(void *which, void *opaque)
{
	struct net *net = opaque;
	struct timer **at = &net->user->timers;

	while (*at != NULL && *at != which)
		at = &(*at)->next;
	if (*at != NULL)
		*at = (*at)->next;
	free(which);
}

static void timer_mod(void *which, int64_t due, void *opaque)
{
	struct timer *timer = which;

	(void)opaque;
	if (timer != NULL)
		timer->due = due;
}

/* Milliseconds until the first. */
static uint32_t until_timers(const struct user *user)
{
	int64_t least = UINT32_MAX, now = now_ms();
	const struct timer *timer;

	for (timer = user->timers; timer != NULL; timer = timer->next)
		if (timer->due <= now)
			return 0;
		else if (timer->due - now < least)
			least = timer->due - now;
	return (uint32_t)least;
}

/* One that is set again to the same moment has its turn in the next round. */
static void run_timers(struct user *user)
{
	struct timer *timer, *next;
	int64_t now = now_ms();

	for (timer = user->timers; timer != NULL; timer = next) {
		next = timer->next;
		if (timer->due <= now) {
			timer->due = INT64_MAX;
			timer->fn(timer->opaque);
		}
	}
}

/* -- What libslirp asks for --------------------------------------------- */

static ssize_t send_packet(const void *frame, size_t bytes, void *opaque)
{
	struct net *net = opaque;
	const uint8_t preamble[NET_PREAMBLE] = {
		net->taken & NET_F_GUEST_CSUM ? NET_DATA_VALID : 0
	};

	net_receive(net, preamble, frame, bytes);
	return (ssize_t)bytes;
}

/* A guest that errs has no claim to the user's terminal. */
static void guest_error(const char *message, void *opaque)
{
	(void)message;
	(void)opaque;
}

/* Nobody is waiting meanwhile, so there is nobody to wake. */
static void notify(void *opaque)
{
	(void)opaque;
}

static void register_fd(int fd, void *opaque)
{
	(void)fd;
	(void)opaque;
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = clock_ns,
	.timer_new = timer_new,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = register_fd,
	.unregister_poll_fd = register_fd,
	.notify = notify
};

/* Its events in their numbers and in those of poll(2). */
static const struct {
	int slirp;
	short host;
} events[] = {
	{ SLIRP_POLL_IN, POLLIN },
	{ SLIRP_POLL_OUT, POLLOUT },
	{ SLIRP_POLL_PRI, POLLPRI },
	{ SLIRP_POLL_ERR, POLLERR },
	{ SLIRP_POLL_HUP, POLLHUP }
};

#define EVENTS (sizeof(events) / sizeof(events[0]))

static int add_poll(int fd, int wanted, void *opaque)
{
	short host = 0;
	size_t i;

	for (i = 0; i < EVENTS; i++)
		if (wanted & events[i].slirp)
			host = (short)(host | events[i].host);
	return virtio_wait_for(opaque, fd, host);
}

static int get_revents(int index, void *opaque)
{
	const struct virtio_waits *waits = opaque;
	int found = 0;
	size_t i;

	if (index < 0 || (unsigned)index >= waits->n)
		return 0;
	for (i = 0; i < EVENTS; i++)
		if (waits->fds[index].revents & events[i].host)
			found |= events[i].slirp;
	return found;
}

/* -- The peer ----------------------------------------------------------- */

/* The addresses that QEMU's users know. */
static SlirpConfig configuration(void)
{
	SlirpConfig config = { .version = 1, .in_enabled = true,
		.in6_enabled = true, .vprefix_len = 64,
		.vhostname = "guest" };

	inet_pton(AF_INET, "10.0.2.0", &config.vnetwork);
	inet_pton(AF_INET, "255.255.255.0", &config.vnetmask);
	inet_pton(AF_INET, "10.0.2.2", &config.vhost);
	inet_pton(AF_INET, "10.0.2.3", &config.vnameserver);
	inet_pton(AF_INET, "10.0.2.15", &config.vdhcp_start);
	inet_pton(AF_INET6, "fec0::", &config.vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &config.vhost6);
	inet_pton(AF_INET6, "fec0::3", &config.vnameserver6);
	return config;
}

static int user_open(struct net *net, const char *word)
{
	(void)net;
	errno = EINVAL;
	return word != NULL ? -1 : 0;
}

static int user_start(struct net *net)
{
	SlirpConfig config = configuration();

	net->user = calloc(1, sizeof(*net->user));
	if (net->user == NULL)
		return -1;
	net->user->slirp = slirp_new(&config, &callbacks, net);
	if (net->user->slirp != NULL)
		return 0;
	free(net->user);
	net->user = NULL;
	errno = EIO;
	return -1;
}

static void user_close(struct net *net)
{
	if (net->user != NULL)
		slirp_cleanup(net->user->slirp);
	free(net->user);
}

/*
 * 5.1.6.2: the field holds the sum of the pseudo header, and the rest of the
 * frame is left to be added.  A sum of 0 is sent as its other form (RFC 768).
 */
static void add_up(const uint8_t *preamble, uint8_t *frame, uint32_t bytes)
{
	uint32_t at = get16(preamble + NET_CSUM_START);
	const uint32_t field = at + get16(preamble + NET_CSUM_OFFSET);
	uint64_t sum = 0;

	if (!(preamble[0] & NET_NEEDS_CSUM) || field + 2 > bytes)
		return;
	for (; at + 1 < bytes; at += 2)
		sum += (uint64_t)frame[at] << 8 | frame[at + 1];
	if (at < bytes)
		sum += (uint64_t)frame[at] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put_be(frame + field, 2, sum != 0xffff ? ~sum & 0xffff : 0xffff);
}

static void user_send(struct net *net, struct virtio_request *r)
{
	uint32_t bytes = net_gather(net, r) - NET_PREAMBLE;
	uint8_t *frame = net->buffer + NET_PREAMBLE;

	add_up(net->buffer, frame, bytes);
	slirp_input(net->user->slirp, frame, (int)bytes);
}

static void user_wait(struct net *net, struct virtio_waits *waits)
{
	uint32_t timeout = until_timers(net->user);

	slirp_pollfds_fill(net->user->slirp, &timeout, add_poll, waits);
	if (timeout <= INT_MAX)
		waits->timeout = (int)timeout;
}

static void user_ready(struct net *net, const struct virtio_waits *waits)
{
	run_timers(net->user);
	slirp_pollfds_poll(net->user->slirp, waits->n == 0, get_revents,
		(void *)waits);
}

const struct net_peer net_user = {
	.name = "user",
	.offers = NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_HOST_TSO4 |
		NET_F_HOST_TSO6,
	.open = user_open,
	.start = user_start,
	.close = user_close,
	.send = user_send,
	.wait = user_wait,
	.ready = user_ready
};
