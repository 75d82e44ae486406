/* SPDX-License-Identifier: MIT */
/* Regions that another process answers: order, waits, and its death. */
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/api/peer.h"

#define PORT 0x300
#define USER PEER_USER

static enum peer_way way;  /* of the case in progress */
static atomic_uint ticket; /* the order among devices */

/* With a device that does not answer the case would wait for its end. */
static void run_to_port(struct machine *m, unsigned port)
{
	struct vmapi_exit exit;
	unsigned reason = api_run(m, &exit);

	EQUAL(reason, VMAPI_EXIT_IO);
	if (reason != VMAPI_EXIT_IO)
		api_give_up();
	EQUAL((int64_t)exit.u.io.port, port);
}

/* mov dx,0x302; in eax,dx; out 0x99,al */
static const uint8_t in_code[] = { 0xba, 0x02, 0x03, 0x66, 0xed, 0xe6, 0x99 };
/* mov dx,0x304; mov ax,0x5566; out dx,ax; out 0x99,al */
static const uint8_t out_code[] = { 0xba, 0x04, 0x03, 0xb8, 0x66, 0x55, 0xef,
	0xe6, 0x99 };

static void nothing(
	void *opaque, uint64_t user_data, struct vmapi_access *access)
{
	(void)opaque;
	(void)user_data;
	(void)access;
}

/* -- Refusals ----------------------------------------------------------- */

static void refusals(struct machine *m)
{
	struct vmapi_channel_config c = { .size = sizeof(c),
		.control_fd = -1 };
	struct vmapi_region_config r = { .size = sizeof(r),
		.flags = VMAPI_REGION_POSTED, .base = API_RAM, .bytes = 8 };
	struct peer d = { .n = 0 };
	struct vmapi_channel *channel;
	struct vmapi_region *region;
	int pipes[2];

	peer_open(&d, PEER_STREAM, true);
	CHECK(!pipe(pipes));
	c.fd = d.fds[0];
	EQUAL(vmapi_channel_create(NULL, &c, &channel), -EINVAL);
	EQUAL(vmapi_channel_create(m->vm, NULL, &channel), -EINVAL);
	EQUAL(vmapi_channel_create(m->vm, &c, NULL), -EINVAL);
	c.flags = 2;
	EQUAL(vmapi_channel_create(m->vm, &c, &channel), -EINVAL);
	c.flags = VMAPI_CHANNEL_RING; /* without a control socket */
	EQUAL(vmapi_channel_create(m->vm, &c, &channel), -EINVAL);
	c.flags = 0;
	c.fd = -1;
	EQUAL(vmapi_channel_create(m->vm, &c, &channel), -EBADF);
	c.fd = pipes[0];
	EQUAL(vmapi_channel_create(m->vm, &c, &channel), -EINVAL);
	/* Nobody answers on the control socket; then somebody babbles. */
	c.fd = d.fds[0];
	c.control_fd = d.control[0];
	c.timeout_ms = 10;
	EQUAL(vmapi_channel_create(m->vm, &c, &channel), -ETIMEDOUT);
	CHECK(write(d.control[1], "0123456789abcdef", 16) == 16);
	EQUAL(vmapi_channel_create(m->vm, &c, &channel), -EPROTO);
	/* A process that cannot fence has no posted writes in a domain. */
	c.control_fd = -1;
	c.order = 7;
	EQUAL(vmapi_channel_create(m->vm, &c, &channel), 0);
	EQUAL(vmapi_region_channel(m->vm, &r, channel, 0, &region), -EINVAL);
	EQUAL(vmapi_region_channel(m->vm, &r, NULL, 0, &region), -EINVAL);
	EQUAL(vmapi_region_channel(m->vm, NULL, channel, 0, &region), -EINVAL);
	r.flags = 0;
	EQUAL(vmapi_region_channel(m->vm, &r, channel, 0, NULL), -EINVAL);
	EQUAL(vmapi_region_channel(m->vm, &r, channel, 0, &region), 0);
	EQUAL(vmapi_channel_connect(channel, pipes[0], -1), -EINVAL);
	EQUAL(vmapi_channel_connect(NULL, d.fds[0], -1), -EINVAL);
	vmapi_channel_destroy(channel);
	vmapi_region_destroy(region);
	vmapi_channel_destroy(NULL);
	EQUAL(vmapi_serve(d.fds[1], -1, NULL, NULL), -EINVAL);
	EQUAL(vmapi_serve(pipes[0], -1, nothing, NULL), -ENOTSOCK);
	close(pipes[0]);
	close(pipes[1]);
	close(d.fds[0]);
	peer_close(&d);
}

/* -- The wire ----------------------------------------------------------- */

static uint64_t host_u64(const uint8_t *bytes)
{
	uint64_t v;

	memcpy(&v, bytes, 8);
	return v;
}

/* The other end by hand, byte by byte. */
static void bytes_on_the_wire(struct machine *m)
{
	struct peer d = { .n = 0 };
	struct vmapi_region *region;
	struct vmapi_channel *channel;
	uint8_t in[32], out[32] = { 0 };
	const uint64_t value = 0xffffffff44332211;
	const uint16_t one = 1;
	bool little = *(const uint8_t *)&one;
	struct peer_run run;

	peer_open(&d, way, false);
	channel = peer_connect_by_hand(m, &d);
	region = peer_region(m, channel, PORT, 0);
	api_load(m, in_code, sizeof(in_code));
	peer_run_start(&run, m);
	CHECK(peer_hear(&d, in));
	EQUAL(in[0], 0);
	EQUAL(in[1], little ? 0x12 : 0x28); /* 4 bytes, waited for */
	CHECK(host_u64(in + 8) == USER);
	EQUAL((int64_t)host_u64(in + 16), 2);
	memcpy(out, &value, 8);
	peer_say(&d, out);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_IO);
	EQUAL((int64_t)run.exit.u.io.port, 0x99);
	/* What is wider than the access is cut off. */
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 0x44332211);
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
	peer_close(&d);
}

/* -- Accesses ----------------------------------------------------------- */

static void accesses(struct machine *m)
{
	/*
	 * mov ax,0xffff; mov ds,ax; mov [0x12],cx; mov ax,[0x14];
	 * out 0x99,al; xor ax,ax; mov ds,ax; mov es,ax; mov dx,0x308;
	 * mov si,0x2000; mov di,0x2100; mov cx,3; rep outsw; mov cx,3;
	 * rep insb; out 0x99,al.
	 */
	static const uint8_t code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0x89,
		0x0e, 0x12, 0x00, 0xa1, 0x14, 0x00, 0xe6, 0x99, 0x31, 0xc0,
		0x8e, 0xd8, 0x8e, 0xc0, 0xba, 0x08, 0x03, 0xbe, 0x00, 0x20,
		0xbf, 0x00, 0x21, 0xb9, 0x03, 0x00, 0xf3, 0x6f, 0xb9, 0x03,
		0x00, 0xf3, 0x6c, 0xe6, 0x99 };
	struct peer d = { .n = 0 };
	struct vmapi_region *port, *memory;
	struct vmapi_channel *channel;
	uint8_t three[3];

	peer_open(&d, way, true);
	peer_start(&d);
	channel = peer_connect(m, &d, 0);
	port = peer_region(m, channel, PORT, 0);
	memory = peer_region(m, channel, API_RAM, 0);
	EQUAL(vmapi_as_write(m->as, 0x2000, "abcdef", 6), 0);
	api_load(m, code, sizeof(code));
	api_set(m->vcpu, VMAPI_X86_RCX, 0x1234);
	run_to_port(m, 0x99);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 0x9084);
	EQUAL(d.n, 2);
	EQUAL((int64_t)d.seen[0].value, 0x1234);
	EQUAL((int64_t)d.seen[0].offset, 2);
	EQUAL(d.seen[0].bytes, 2);
	CHECK(d.users[0] == USER);
	run_to_port(m, 0x99);
	EQUAL(d.n, 8);
	EQUAL((int64_t)d.seen[2].value, 'a' | 'b' << 8);
	EQUAL((int64_t)d.seen[4].value, 'e' | 'f' << 8);
	EQUAL(d.seen[5].is_write, 0);
	EQUAL((int64_t)d.seen[7].offset, 8);
	EQUAL(vmapi_as_read(m->as, 0x2100, three, 3), 0);
	EQUAL(three[0], 0x88);
	EQUAL(three[2], 0x88);
	vmapi_region_destroy(port);
	vmapi_region_destroy(memory);
	vmapi_channel_destroy(channel);
	peer_stop(&d);
}

/* -- Waiting ------------------------------------------------------------ */

/* Kicked away and back: the command was sent once. */
static void kicked(struct machine *m)
{
	struct peer d = { .n = 0 };
	struct vmapi_region *region;
	struct vmapi_channel *channel;
	struct vmapi_exit exit;
	const struct vmapi_wire_response out = { .data = 0x5a };
	uint8_t in[32];
	struct vmapi_reg rax = { .tag = VMAPI_X86_RAX };
	struct peer_run run;

	peer_open(&d, way, false);
	channel = peer_connect_by_hand(m, &d);
	region = peer_region(m, channel, PORT, 0);
	api_load(m, in_code, sizeof(in_code));
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_KICK);
	peer_run_start(&run, m);
	CHECK(peer_hear(&d, in));
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_KICK);
	EQUAL(vmapi_regs_get(m->vcpu, &rax, 1, NULL, 0), -EBUSY);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "abcd", 4), -EALREADY);
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	EQUAL(api_run(m, &exit), VMAPI_EXIT_KICK);
	peer_say(&d, (const uint8_t *)&out);
	run_to_port(m, 0x99);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX) & 0xff, 0x5a);
	CHECK(!peer_hears(&d));
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
	peer_close(&d);
}

/* The device changes the map while the guest waits for it. */
static void commit_inside(struct peer *d, struct vmapi_access *access)
{
	EQUAL(api_map(d->m, 0x200000, API_PAGE, 0x4000), 0);
	access->value = 0x77;
}

static void commits(struct machine *m)
{
	struct peer d = { .hook = commit_inside, .m = m };
	struct vmapi_region *region;
	struct vmapi_channel *channel;

	peer_open(&d, way, true);
	peer_start(&d);
	channel = peer_connect(m, &d, 0);
	region = peer_region(m, channel, PORT, 0);
	api_load(m, in_code, sizeof(in_code));
	run_to_port(m, 0x99);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 0x77);
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
	peer_stop(&d);
}

/* The region goes while the guest waits: an exit, as without one. */
static void deleted(struct machine *m)
{
	struct peer d = { .n = 0 };
	struct vmapi_region *region;
	struct vmapi_channel *channel;
	struct peer_run run;
	uint8_t in[32];

	peer_open(&d, way, false);
	channel = peer_connect_by_hand(m, &d);
	region = peer_region(m, channel, PORT, 0);
	api_load(m, in_code, sizeof(in_code));
	peer_run_start(&run, m);
	CHECK(peer_hear(&d, in));
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_IO);
	EQUAL((int64_t)run.exit.u.io.port, 0x302);
	EQUAL(run.exit.flags & VMAPI_EXIT_ANSWER, VMAPI_EXIT_ANSWER);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "wxyz", 4), 0);
	run_to_port(m, 0x99);
	peer_close(&d);
}

/* -- Death -------------------------------------------------------------- */

static void region_exit(struct machine *m, struct vmapi_exit *exit, int error)
{
	EQUAL(api_run(m, exit), VMAPI_EXIT_REGION);
	EQUAL(exit->u.region.error, error);
	CHECK(exit->u.region.user_data == USER);
	EQUAL(exit->flags & VMAPI_EXIT_ANSWER, VMAPI_EXIT_ANSWER);
}

static void dead_reader(struct machine *m)
{
	struct peer d = { .n = 0 };
	struct vmapi_region *region;
	struct vmapi_channel *channel;
	struct vmapi_exit exit;

	peer_open(&d, way, false);
	channel = peer_connect_by_hand(m, &d);
	region = peer_region(m, channel, PORT, 0);
	peer_close(&d);
	api_load(m, in_code, sizeof(in_code));
	region_exit(m, &exit, -EPIPE);
	EQUAL((int64_t)exit.u.region.address, 0x302);
	EQUAL(exit.u.region.bytes, 4);
	EQUAL(exit.u.region.is_write, 0);
	EQUAL(exit.u.region.space, VMAPI_SPACE_PORT);
	CHECK(!strcmp(exit.u.region.region, "channel"));
	EQUAL(vmapi_vcpu_run(m->vcpu, &exit), -EBUSY);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "\xff\xff\xff\xff", 4), 0);
	run_to_port(m, 0x99);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX), 0xffffffff);
	/* A write, given up. */
	api_load(m, out_code, sizeof(out_code));
	region_exit(m, &exit, -EPIPE);
	EQUAL(exit.u.region.is_write, 1);
	EQUAL((int64_t)exit.u.region.value, 0x5566);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "\0", 2), 0);
	run_to_port(m, 0x99);
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
}

/* A new process goes on where the old one died. */
static void resurrected(struct machine *m)
{
	struct peer old = { .n = 0 }, new = { .n = 0 };
	struct vmapi_region *region;
	struct vmapi_channel *channel;
	struct vmapi_exit exit;

	peer_open(&old, way, false);
	channel = peer_connect_by_hand(m, &old);
	region = peer_region(m, channel, PORT, 0);
	peer_close(&old);
	api_load(m, out_code, sizeof(out_code));
	region_exit(m, &exit, -EPIPE);
	/* Again without a cure is the same exit. */
	EQUAL(vmapi_vcpu_complete(m->vcpu, NULL, 0), 0);
	region_exit(m, &exit, -EPIPE);
	peer_open(&new, (way + 1) % 3, true);
	peer_start(&new);
	EQUAL(vmapi_channel_connect(channel, new.fds[0], new.control[0]), 0);
	close(new.fds[0]);
	EQUAL(vmapi_vcpu_complete(m->vcpu, NULL, 0), 0);
	run_to_port(m, 0x99);
	EQUAL(new.n, 1);
	EQUAL((int64_t)new.seen[0].value, 0x5566);
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
	peer_stop(&new);
}

/* Bytes, a packet, an answer that nobody asked for; it is found out. */
static void babble(struct peer *d)
{
	const uint8_t out[32] = { 1 };

	if (way != PEER_RING)
		EQUAL(write(d->fds[1], "garbage", 7), 7);
	else if (!d->taken)
		peer_say(d, out);
}

static void garbage(struct machine *m)
{
	struct peer d = { .n = 0 };
	struct vmapi_region *region;
	struct vmapi_channel *channel;
	struct vmapi_exit exit;

	peer_open(&d, way, false);
	channel = peer_connect_by_hand(m, &d);
	babble(&d);
	region = peer_region(m, channel, PORT, 0);
	api_load(m, in_code, sizeof(in_code));
	region_exit(m, &exit, -EPROTO);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "1234", 4), 0);
	run_to_port(m, 0x99);
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
	peer_close(&d);
}

/*
 * mov ax,0xffff; mov ds,ax; mov cx,1000; l: mov [0x10],cx; loop l;
 * mov al,[0x14]; out 0x99,al
 */
static const uint8_t posting[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xb9, 0xe8,
	0x03, 0x89, 0x0e, 0x10, 0x00, 0xe2, 0xfa, 0xa0, 0x14, 0x00, 0xe6,
	0x99 };

/* Words that cannot be: of a later lap, of more than was put. */
static void impossible(struct machine *m)
{
	struct vmapi_region *region;
	struct vmapi_channel *channel;
	struct vmapi_exit exit;
	unsigned i;

	for (i = 0; i < 2; i++) {
		struct peer d = { .n = 0 };

		peer_open(&d, PEER_RING, false);
		channel = peer_connect_by_hand(m, &d);
		if (i)
			d.ring->device.taken = VMAPI_WIRE_SLOTS + 1;
		else
			d.ring->responses[0].lap = 2;
		region = peer_region(
			m, channel, API_RAM, VMAPI_REGION_POSTED);
		api_load(m, posting, sizeof(posting));
		region_exit(m, &exit, -EPROTO);
		EQUAL(exit.u.region.is_write, 0);
		EQUAL(vmapi_vcpu_complete(m->vcpu, "", 1), 0);
		run_to_port(m, 0x99);
		vmapi_region_destroy(region);
		vmapi_channel_destroy(channel);
		peer_close(&d);
	}
}

static void late(struct machine *m)
{
	struct vmapi_channel_config c;
	struct peer d = { .n = 0 };
	struct vmapi_region *region;
	struct vmapi_channel *channel;
	struct vmapi_exit exit;

	peer_open(&d, way, false);
	peer_greet(&d);
	c = peer_config(&d);
	c.timeout_ms = 20;
	c.name = "sleeper";
	EQUAL(vmapi_channel_create(m->vm, &c, &channel), 0);
	region = peer_region(m, channel, PORT, 0);
	api_load(m, in_code, sizeof(in_code));
	region_exit(m, &exit, -ETIMEDOUT);
	EQUAL(vmapi_vcpu_reset(m->vcpu), 0);
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
	close(d.fds[0]);
	peer_close(&d);
}

/* It is offered a ring and knows none: the socket is used. */
static void plain(struct machine *m)
{
	const struct vmapi_wire_hello hello = { .magic = VMAPI_WIRE_MAGIC,
		.version = 1 };
	struct vmapi_region *region;
	struct vmapi_channel *channel;
	struct peer d = { .n = 0 };
	struct peer_run run;
	const struct vmapi_wire_response out = { .data = 0x5a };
	uint8_t in[32];

	peer_open(&d, PEER_RING, true);
	EQUAL(write(d.control[1], &hello, sizeof(hello)), sizeof(hello));
	channel = peer_connect(m, &d, 0);
	d.way = PEER_STREAM;
	region = peer_region(m, channel, PORT, 0);
	api_load(m, in_code, sizeof(in_code));
	peer_run_start(&run, m);
	CHECK(peer_hear(&d, in));
	peer_say(&d, (const uint8_t *)&out);
	peer_run_end(&run);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RAX) & 0xff, 0x5a);
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
	peer_close(&d);
}

/* A monitor that offers what is no ring: the device process says so. */
static void bad_offers(struct machine *m)
{
	static const struct vmapi_wire_hello hello = {
		.magic = VMAPI_WIRE_MAGIC,
		.version = 1,
		.features = VMAPI_WIRE_CAN_RING };
	unsigned i;

	(void)m;
	for (i = 0; i < 4; i++) {
		struct peer d = { .n = 0 };

		peer_open(&d, PEER_RING, true);
		EQUAL(write(d.control[0], &hello, sizeof(hello)),
			sizeof(hello));
		peer_start(&d);
		peer_offer(&d, i);
		pthread_join(d.thread, NULL);
		EQUAL(d.result, -EPROTO);
		close(d.fds[0]);
		peer_close(&d);
	}
}

static void put_command(struct vmapi_wire_slot *slot, uint8_t which)
{
	const struct vmapi_wire_command command = { .command = which,
		.response = 1 };

	memcpy(slot->message, &command, sizeof(command));
	slot->lap = 1;
}

/* As many as there is room for, and more answers are taken than there are. */
static void ask_everything(struct vmapi_wire_ring *ring)
{
	unsigned i;

	for (i = 0; i < VMAPI_WIRE_SLOTS; i++)
		put_command(&ring->commands[i], VMAPI_WIRE_READ);
	ring->monitor.taken = VMAPI_WIRE_SLOTS + 1;
}

/* ... and one whose words or commands cannot be. */
static void bad_monitor(struct machine *m)
{
	static const struct vmapi_wire_hello hello = {
		.magic = VMAPI_WIRE_MAGIC,
		.version = 1,
		.features = VMAPI_WIRE_CAN_RING };
	unsigned i;

	(void)m;
	for (i = 0; i < 3; i++) {
		struct peer d = { .n = 0 };

		peer_open(&d, PEER_RING, true);
		EQUAL(write(d.control[0], &hello, sizeof(hello)),
			sizeof(hello));
		peer_offer(&d, PEER_GOOD_OFFER);
		switch (i) {
		case 0: d.ring->commands[0].lap = 2; break;
		case 1: ask_everything(d.ring); break;
		default: put_command(&d.ring->commands[0], 3); break;
		}
		EQUAL(vmapi_serve(d.fds[1], d.control[1], nothing, NULL),
			-EPROTO);
		close(d.fds[0]);
		peer_close(&d);
	}
}

/* -- Order -------------------------------------------------------------- */

static void posted(struct machine *m)
{
	struct peer d = { .n = 0 };
	struct vmapi_region *region;
	struct vmapi_channel *channel;
	unsigned i;

	peer_open(&d, way, true);
	peer_start(&d);
	channel = peer_connect(m, &d, 0);
	region = peer_region(m, channel, API_RAM, VMAPI_REGION_POSTED);
	api_load(m, posting, sizeof(posting));
	run_to_port(m, 0x99);
	EQUAL(d.n, 1001);
	for (i = 0; i < 1000; i++)
		if (d.seen[i].value != 1000 - i || !d.seen[i].is_write)
			break;
	EQUAL(i, 1000);
	EQUAL(d.seen[1000].is_write, 0);
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
	peer_stop(&d);
}

/* A slow reader of posted writes; what it saw last says when. */
static void slowly(struct peer *d, struct vmapi_access *access)
{
	(void)access;
	usleep(d->n == 1 ? 20000 : 0);
	d->seen[d->n - 1].value = atomic_fetch_add(&ticket, 1);
}

static void at_once(struct peer *d, struct vmapi_access *access)
{
	d->seen[d->n - 1].value = atomic_fetch_add(&ticket, 1);
	access->value = 0;
}

/* Posted to one, waited for at the other of the same domain. */
static void domain(struct machine *m)
{
	/*
	 * mov ax,0xffff; mov ds,ax; mov cx,10; l: mov [0x10],cx; loop l;
	 * mov dx,0x300; in al,dx; out 0x99,al
	 */
	static const uint8_t code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xb9,
		0x0a, 0x00, 0x89, 0x0e, 0x10, 0x00, 0xe2, 0xfa, 0xba, 0x00,
		0x03, 0xec, 0xe6, 0x99 };
	struct peer slow = { .hook = slowly }, quick = { .hook = at_once };
	struct vmapi_region *memory, *port;
	struct vmapi_channel *one, *other;

	atomic_store(&ticket, 0);
	peer_open(&slow, way, true);
	peer_open(&quick, way, true);
	peer_start(&slow);
	peer_start(&quick);
	one = peer_connect(m, &slow, 5);
	other = peer_connect(m, &quick, 5);
	memory = peer_region(m, one, API_RAM, VMAPI_REGION_POSTED);
	port = peer_region(m, other, PORT, 0);
	api_load(m, code, sizeof(code));
	run_to_port(m, 0x99);
	EQUAL(slow.n, 10);
	EQUAL((int64_t)slow.seen[9].value, 9);
	EQUAL((int64_t)quick.seen[0].value, 10);
	vmapi_region_destroy(memory);
	vmapi_region_destroy(port);
	vmapi_channel_destroy(one);
	vmapi_channel_destroy(other);
	peer_stop(&slow);
	peer_stop(&quick);
}

/* A process that is killed while a guest waits for it. */
static void killed(struct machine *m)
{
	struct peer d = { .n = 0 };
	struct vmapi_region *region;
	struct vmapi_channel *channel;
	struct vmapi_exit exit;
	pid_t child;

	peer_open(&d, way, false);
	channel = peer_connect_by_hand(m, &d);
	child = fork();
	if (!child) {
		uint8_t in[32];

		/* It reads the command and dies of it. */
		_exit(!peer_hear(&d, in));
	}
	CHECK(child > 0);
	peer_close(&d);
	region = peer_region(m, channel, PORT, 0);
	api_load(m, in_code, sizeof(in_code));
	region_exit(m, &exit, -EPIPE);
	EQUAL(vmapi_vcpu_complete(m->vcpu, "1234", 4), 0);
	run_to_port(m, 0x99);
	waitpid(child, NULL, 0);
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
}

/* -- Each of these by each way ------------------------------------------ */

#define WIRED(X)                                                               \
	X(bytes_on_the_wire, "bytes")                                           \
	X(accesses, "accesses")                                                 \
	X(kicked, "kicked")                                                     \
	X(commits, "a commit meanwhile")                                        \
	X(deleted, "deleted meanwhile")                                         \
	X(dead_reader, "dead")                                                  \
	X(resurrected, "resurrected")                                           \
	X(garbage, "garbage")                                                   \
	X(late, "late")                                                         \
	X(posted, "posted")                                                     \
	X(domain, "domain of order")                                            \
	X(killed, "killed")

#define BY(way_, prefix, f)                                                    \
	static void prefix##f(struct machine *m)                               \
	{                                                                      \
		way = way_;                                                    \
		f(m);                                                          \
	}
#define BY_STREAM(f, name)  BY(PEER_STREAM, stream_, f)
#define BY_PACKETS(f, name) BY(PEER_PACKETS, packets_, f)
#define BY_RING(f, name)    BY(PEER_RING, ring_, f)

WIRED(BY_STREAM)
WIRED(BY_PACKETS)
WIRED(BY_RING)

#define STREAM_CASE(f, name)  { name " by stream", stream_##f },
#define PACKETS_CASE(f, name) { name " by packets", packets_##f },
#define RING_CASE(f, name)    { name " by ring", ring_##f },

int main(void)
{
	static const struct api_case cases[] = {
		{ "refusals", refusals },
		{ "positions that cannot be", impossible },
		{ "a process without a ring", plain },
		{ "offers that are none", bad_offers },
		{ "a monitor that lies", bad_monitor },
		WIRED(STREAM_CASE) WIRED(PACKETS_CASE) WIRED(RING_CASE)
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
