/* SPDX-License-Identifier: MIT */
/* A network card: a virtio network device (virtio 1.1, 5.1). */
/*
 * One thread does it all: it waits for the two queues' bells and for what the
 * peer waits for, carries frames of the guest to the peer and frames of the
 * peer to the guest.  A peer can have some to say in the middle of being told
 * something: if the guest has no room, they wait in a row in between.
 *
 * What a turn did is shown to the guest at its end, and so is at most one
 * interrupt for either queue.
 *
 * A frame takes as many of the guest's buffers as it needs, if the driver knows
 * of that (VIRTIO_NET_F_MRG_RXBUF), else one.  Frames that are larger than a
 * cable's, and checksums that somebody else adds up, are between the driver and
 * the peer.
 */
#include "net.h"
#include "bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE_NETWORK 1

#define F_MAC	 (UINT64_C(1) << 5)
#define F_MRG	 (UINT64_C(1) << 15)
#define F_STATUS (UINT64_C(1) << 16)
#define LINK_UP	 1

/* 5.1.4 */
#define CONFIG_STATUS 6

#define TURN  256 /* frames of the guest, then the peer has its turn */
#define BATCH 32  /* of which so many are done before the guest hears of it */

enum queue { RECEIVE, TRANSMIT, QUEUES };

struct net_frame {
	struct net_frame *next;
	size_t bytes;
	uint8_t preamble[NET_PREAMBLE];
	uint8_t data[];
};

/* -- To the guest ------------------------------------------------------- */

/* `n` bytes from `from` on, of preamble and frame in a row. */
static void put(const struct virtio_request *r, const struct net_frame *f,
	const uint8_t *data, struct virtio_range part)
{
	const uint64_t head = part.offset < NET_PREAMBLE ? NET_PREAMBLE : 0;

	if (head > 0)
		virtio_put(r, 0, f->preamble, NET_PREAMBLE);
	virtio_put(r, head, data + part.offset + head - NET_PREAMBLE,
		(uint32_t)(part.size - head));
}

/* How many buffers a frame may take.  Fewer than all that there are fit it. */
static unsigned buffers_max(const struct net *net)
{
	return net->taken & F_MRG ? net->virtio.state->rings[RECEIVE].size : 1;
}

/*
 * Put it into the next buffers: how many.  0: there are not enough, and there
 * is a turn when there are more.
 */
static unsigned fill(struct net *net, const struct net_frame *f,
	const uint8_t *data, struct virtio_request *first)
{
	static _Thread_local struct virtio_request r;
	struct virtio *v = &net->virtio;
	struct virtio_range part = { .offset = 0 };
	uint64_t room, left = NET_PREAMBLE + f->bytes;
	unsigned n = 0, max = buffers_max(net);

	for (; left > 0 && n < max && virtio_next(v, RECEIVE, &r); n++) {
		room = virtio_wanted(&r);
		if (r.n_read > 0 || room < (n > 0 ? 1 : NET_PREAMBLE)) {
			virtio_answer(v, &r, -1);
			break;
		}
		part.size = room < left ? room : left;
		put(&r, f, data, part);
		part.offset += part.size;
		left -= part.size;
		virtio_answer(v, &r, (int64_t)part.size);
		if (n == 0 && left > 0 && max > 1)
			*first = r;
	}
	if (left == 0)
		return n;
	virtio_back(v, RECEIVE, n);
	return n == max ? max + 1 : 0;
}

/* False: it has to wait.  What will never fit is lost. */
static bool deliver(struct net *net, const struct net_frame *f,
	const uint8_t *data)
{
	static _Thread_local struct virtio_request first;
	uint8_t buffers[2];
	unsigned n = fill(net, f, data, &first);

	if (n > 1 && n <= buffers_max(net)) {
		put16(buffers, n);
		virtio_put(&first, NET_NUM_BUFFERS, buffers, sizeof(buffers));
	}
	return n > 0;
}

static void drop_first(struct net *net)
{
	struct net_frame *f = net->first;

	net->first = f->next;
	if (net->first == NULL)
		net->last = &net->first;
	net->n--;
	free(f);
}

static void deliver_waiting(struct net *net)
{
	while (net->first != NULL && deliver(net, net->first, net->first->data))
		drop_first(net);
}

void net_receive(struct net *net, const uint8_t *preamble,
	const uint8_t *frame, size_t bytes)
{
	struct net_frame now = { .bytes = bytes }, *f;

	if (net->n == NET_QUEUE || bytes < NET_HEADER || bytes > NET_FRAME ||
		!virtio_live(&net->virtio, RECEIVE))
		return;
	memcpy(now.preamble, preamble, NET_PREAMBLE);
	put16(now.preamble + NET_NUM_BUFFERS, 1);
	if (net->first == NULL && deliver(net, &now, frame))
		return;
	f = malloc(sizeof(*f) + bytes);
	if (f == NULL)
		return;
	*f = now;
	memcpy(f->data, frame, bytes);
	*net->last = f;
	net->last = &f->next;
	net->n++;
}

bool net_has_room(struct net *net)
{
	return net->first == NULL && virtio_pending(&net->virtio, RECEIVE);
}

/* -- From the guest ----------------------------------------------------- */

uint32_t net_gather(struct net *net, struct virtio_request *r)
{
	uint32_t bytes = (uint32_t)virtio_given(r);

	return virtio_take(r, net->buffer, bytes) ? bytes : 0;
}

/* False: this is no frame, and no driver. */
static bool send_frame(struct net *net, struct virtio_request *r)
{
	uint64_t bytes = virtio_given(r);

	if (r->n_write > 0 || bytes < NET_PREAMBLE)
		return false;
	bytes -= NET_PREAMBLE;
	if (bytes >= NET_HEADER && bytes <= NET_FRAME)
		net->peer->send(net, r);
	return true;
}

static void transmit(struct net *net)
{
	static _Thread_local struct virtio_request r;
	struct virtio *v = &net->virtio;
	unsigned n;

	for (n = 0; n < TURN && virtio_next(v, TRANSMIT, &r); n++) {
		virtio_answer(v, &r, send_frame(net, &r) ? 0 : -1);
		if (n % BATCH == BATCH - 1)
			virtio_flush(v, TRANSMIT);
	}
	net->has_more = n == TURN;
	virtio_flush(v, TRANSMIT);
}

/* -- The device --------------------------------------------------------- */

static void wait_turn(void *opaque, struct virtio_waits *waits)
{
	struct net *net = opaque;

	net->waits = net->first == NULL;
	if (net->waits)
		net->peer->wait(net, waits);
	if (net->has_more)
		waits->timeout = 0;
}

static void turn(void *opaque, const struct virtio_waits *waits)
{
	struct net *net = opaque;

	deliver_waiting(net);
	if (net->waits)
		net->peer->ready(net, waits);
	transmit(net);
	virtio_flush(&net->virtio, RECEIVE);
}

static void take_features(void *opaque, uint64_t taken)
{
	struct net *net = opaque;

	net->taken = taken;
	if (net->peer->features != NULL)
		net->peer->features(net, taken);
}

static void reset(void *opaque)
{
	struct net *net = opaque;

	while (net->first != NULL)
		drop_first(net);
	take_features(net, 0);
}

static const struct virtio_kind kind = {
	.id = DEVICE_NETWORK,
	.n_queues = QUEUES,
	.turn = turn,
	.wait = wait_turn,
	.reset = reset,
	.features = take_features
};

/* Locally administered, and another one for each name (FNV-1a). */
static void make_mac(uint8_t *mac, const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	put_be(mac, 3, 0x02766d);
	put_be(mac + 3, 3, hash);
}

static const struct net_peer *find_peer(const char *how, size_t length)
{
	static const struct net_peer *const peers[] = { &net_user, &net_tap };
	size_t i;

	for (i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
		if (strlen(peers[i]->name) == length &&
			memcmp(peers[i]->name, how, length) == 0)
			return peers[i];
	return NULL;
}

static void plug(struct net *net, const struct net_peer *peer)
{
	struct virtio *v = &net->virtio;

	net->peer = peer;
	net->last = &net->first;
	v->kind = &kind;
	v->opaque = net;
	v->offered = F_MAC | F_STATUS | F_MRG | peer->offers;
	make_mac(v->config, net->name);
	put16(v->config + CONFIG_STATUS, LINK_UP);
}

int net_open(struct net *net, const char *how)
{
	size_t length = strcspn(how, "=");
	const struct net_peer *peer = find_peer(how, length);

	if (peer == NULL) {
		errno = EINVAL;
		return -1;
	}
	net->fd = -1;
	snprintf(net->name, sizeof(net->name), "%s", peer->name);
	if (peer->open(net, how[length] ? how + length + 1 : NULL) != 0)
		return -1;
	plug(net, peer);
	return 0;
}

int net_start(struct net *net)
{
	return net->peer->start != NULL ? net->peer->start(net) : 0;
}

int net_take(struct net *net, const char *name, int fd)
{
	net->fd = fd;
	snprintf(net->name, sizeof(net->name), "%s", name);
	plug(net, fd >= 0 ? &net_tap : &net_user);
	return net_start(net);
}

void net_close(struct net *net)
{
	if (net->peer != NULL)
		net->peer->close(net);
	while (net->first != NULL)
		drop_first(net);
}
