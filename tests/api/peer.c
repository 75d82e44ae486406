/* SPDX-License-Identifier: MIT */
/* Device processes of tests, and the wire by hand. */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/api/peer.h"

static void serve_one(
	void *opaque, uint64_t user_data, struct vmapi_access *access)
{
	struct peer *p = opaque;

	p->seen[p->n % PEER_SEEN] = *access;
	p->users[p->n % PEER_SEEN] = user_data;
	p->n++;
	if (p->hook)
		p->hook(p, access);
	else if (!access->is_write)
		access->value = 0xf0e0d0c0b0a09080 + access->offset;
}

static void *serve(void *opaque)
{
	struct peer *p = opaque;

	p->result = vmapi_serve(p->fds[1], p->control[1], serve_one, p);
	return NULL;
}

void peer_open(struct peer *p, enum peer_way way, bool control)
{
	int type = way == PEER_PACKETS ? SOCK_SEQPACKET : SOCK_STREAM;

	p->way = way;
	CHECK(!socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, p->fds));
	p->control[0] = p->control[1] = -1;
	if (control || way == PEER_RING)
		CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			p->control));
}

void peer_start(struct peer *p)
{
	CHECK(!pthread_create(&p->thread, NULL, serve, p));
}

void peer_close(struct peer *p)
{
	close(p->fds[1]);
	if (p->control[1] >= 0) {
		close(p->control[0]);
		close(p->control[1]);
	}
	if (p->ring)
		munmap(p->ring, sizeof(*p->ring));
	p->ring = NULL;
}

void peer_stop(struct peer *p)
{
	pthread_join(p->thread, NULL);
	EQUAL(p->result, 0);
	peer_close(p);
}

struct vmapi_channel_config peer_config(const struct peer *p)
{
	struct vmapi_channel_config c = { .size = sizeof(c),
		.flags = p->way == PEER_RING ? VMAPI_CHANNEL_RING : 0,
		.fd = p->fds[0],
		.control_fd = p->control[0] };

	return c;
}

struct vmapi_channel *peer_connect(
	struct machine *m, struct peer *p, uint64_t order)
{
	struct vmapi_channel_config c = peer_config(p);
	struct vmapi_channel *channel = NULL;

	c.order = order;
	EQUAL(vmapi_channel_create(m->vm, &c, &channel), 0);
	close(p->fds[0]);
	return channel;
}

struct vmapi_channel *peer_connect_by_hand(struct machine *m, struct peer *p)
{
	struct vmapi_channel *channel;

	peer_greet(p);
	channel = peer_connect(m, p, 0);
	peer_take_ring(p);
	return channel;
}

struct vmapi_region *peer_region(struct machine *m,
	struct vmapi_channel *channel, uint64_t base, unsigned flags)
{
	struct vmapi_region_config c = { .size = sizeof(c),
		.flags = flags,
		.space = base < 0x10000 ? VMAPI_SPACE_PORT
					: VMAPI_SPACE_MEMORY,
		.base = base,
		.bytes = 0x20 };
	struct vmapi_region *region = NULL;

	EQUAL(vmapi_region_channel(m->vm, &c, channel, PEER_USER, &region), 0);
	return region;
}

/* -- Handshake by hand -------------------------------------------------- */

void peer_greet(struct peer *p)
{
	const struct vmapi_wire_hello hello = { .magic = VMAPI_WIRE_MAGIC,
		.version = 1,
		.features = VMAPI_WIRE_CAN_FENCE | VMAPI_WIRE_CAN_RING };

	if (p->control[1] >= 0)
		EQUAL(write(p->control[1], &hello, sizeof(hello)),
			sizeof(hello));
}

void peer_take_ring(struct peer *p)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct vmapi_wire_hello hello = { .magic = 0 };
	struct vmapi_wire_offer offer = { .bytes = 0 };
	struct iovec piece = { &offer, sizeof(offer) };
	struct msghdr message = { .msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	int fd = -1;

	if (p->way != PEER_RING)
		return;
	EQUAL(read(p->control[1], &hello, sizeof(hello)), sizeof(hello));
	CHECK(hello.magic == VMAPI_WIRE_MAGIC);
	EQUAL(hello.features & VMAPI_WIRE_CAN_RING, VMAPI_WIRE_CAN_RING);
	EQUAL(recvmsg(p->control[1], &message, MSG_DONTWAIT), sizeof(offer));
	EQUAL(offer.bytes, sizeof(*p->ring));
	EQUAL(offer.slots, VMAPI_WIRE_SLOTS);
	CHECK(CMSG_FIRSTHDR(&message) != NULL);
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	CHECK(ftruncate(fd, 0) < 0); /* it is sealed */
	p->ring = mmap(NULL, sizeof(*p->ring), PROT_READ | PROT_WRITE,
		MAP_SHARED, fd, 0);
	CHECK(p->ring != MAP_FAILED);
	close(fd);
}

static int offered_memory(struct peer *p, unsigned which)
{
	int fd = memfd_create("ring", MFD_ALLOW_SEALING);

	CHECK(fd >= 0);
	CHECK(!ftruncate(fd, sizeof(*p->ring) - (which == 2)));
	if (which != 3)
		CHECK(!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	p->ring = mmap(NULL, sizeof(*p->ring), PROT_READ | PROT_WRITE,
		MAP_SHARED, fd, 0);
	CHECK(p->ring != MAP_FAILED);
	return fd;
}

void peer_offer(struct peer *p, unsigned which)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	struct vmapi_wire_offer offer = { .bytes = sizeof(*p->ring),
		.slots = which ? VMAPI_WIRE_SLOTS : 1 };
	struct iovec piece = { &offer, sizeof(offer) };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
	int fd = offered_memory(p, which);

	if (which != 1) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	EQUAL(sendmsg(p->control[0], &message, 0), sizeof(offer));
	close(fd);
}

/* -- Commands by hand --------------------------------------------------- */

static _Atomic(uint64_t) *word(uint64_t *at)
{
	return (_Atomic(uint64_t) *)(void *)at;
}

static uint64_t lap(uint64_t index)
{
	return index / VMAPI_WIRE_SLOTS + 1;
}

bool peer_hears(struct peer *p)
{
	uint8_t byte;

	if (p->way == PEER_RING)
		return atomic_load(word(&p->ring->commands[p->taken %
			VMAPI_WIRE_SLOTS].lap)) == lap(p->taken);
	return recv(p->fds[1], &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
}

bool peer_hear(struct peer *p, uint8_t *command)
{
	unsigned ms;

	for (ms = 0; !peer_hears(p); ms++) {
		if (ms == 10000)
			return false;
		usleep(1000);
	}
	if (p->way != PEER_RING)
		return recv(p->fds[1], command, 32, 0) == 32;
	memcpy(command,
		p->ring->commands[p->taken % VMAPI_WIRE_SLOTS].message, 32);
	atomic_store(word(&p->ring->device.taken), ++p->taken);
	return true;
}

static void say_by_ring(struct peer *p, const uint8_t *response)
{
	struct vmapi_wire_slot *slot =
		&p->ring->responses[p->put % VMAPI_WIRE_SLOTS];

	memcpy(slot->message, response, 32);
	atomic_store(word(&slot->lap), lap(p->put++));
	if (atomic_load(word(&p->ring->monitor.waits)))
		EQUAL(write(p->fds[1], "!", 1), 1);
}

void peer_say(struct peer *p, const uint8_t *response)
{
	unsigned i;

	if (p->way == PEER_RING) {
		say_by_ring(p, response);
		return;
	}
	for (i = 0; p->way == PEER_STREAM && i < 31; i++) {
		EQUAL(write(p->fds[1], response + i, 1), 1);
		if (i % 10 == 0)
			usleep(1000);
	}
	EQUAL(write(p->fds[1], response + i, 32 - i), 32 - i);
}

/* -- A run on another thread -------------------------------------------- */

static void *run_thread(void *opaque)
{
	struct peer_run *r = opaque;

	r->reason = api_run(r->m, &r->exit);
	return NULL;
}

void peer_run_start(struct peer_run *r, struct machine *m)
{
	r->m = m;
	CHECK(!pthread_create(&r->thread, NULL, run_thread, r));
}

void peer_run_end(struct peer_run *r)
{
	pthread_join(r->thread, NULL);
}
