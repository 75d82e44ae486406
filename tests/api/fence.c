/* SPDX-License-Identifier: MIT */
/* Waiting until a device process has done all that it was sent. */
#include <stdatomic.h>
#include <unistd.h>

#include "tests/api/peer.h"

#define DONE 0x800 /* where a guest says that it has written */

static enum peer_way way;  /* of the case in progress */
static atomic_uint handled;

/* What is asked too early sees the first of ten alone. */
static void slowly(struct peer *d, struct vmapi_access *access)
{
	(void)access;
	usleep(d->n % 10 == 1 ? 20000 : 0);
	atomic_fetch_add(&handled, 1);
}

static void run_to_port(struct machine *m)
{
	struct vmapi_exit exit;

	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
}

/* The run ends with posted writes under way, in the monitor even. */
static void ended(struct machine *m)
{
	/* ...; mov cx,10; l: mov [0x10],cx; loop l; out 0x99,al */
	static const uint8_t code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xb9,
		0x0a, 0x00, 0x89, 0x0e, 0x10, 0x00, 0xe2, 0xfa, 0xe6, 0x99 };
	struct peer slow = { .hook = slowly };
	struct vmapi_region *region;
	struct vmapi_channel *channel;
	unsigned round;

	atomic_store(&handled, 0);
	peer_open(&slow, way, true);
	peer_start(&slow);
	channel = peer_connect(m, &slow, 0);
	region = peer_region(m, channel, API_RAM, VMAPI_REGION_POSTED);
	for (round = 1; round <= 3; round++) {
		api_load(m, code, sizeof(code));
		run_to_port(m);
		EQUAL(vmapi_channel_fence(channel), 0);
		EQUAL(atomic_load(&handled), round * 10);
	}
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
	peer_stop(&slow);
	EQUAL(slow.n, 30);
}

/* From another thread, while the guest runs and nothing else flushes. */
static void running(struct machine *m)
{
	/* ...; mov cx,10; l: mov [0x10],cx; loop l; es:[DONE] = 1; jmp $ */
	static const uint8_t code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xb9,
		0x0a, 0x00, 0x89, 0x0e, 0x10, 0x00, 0xe2, 0xfa, 0x31, 0xc0,
		0x8e, 0xc0, 0x26, 0xc6, 0x06, 0x00, 0x08, 0x01, 0xeb, 0xfe };
	struct peer slow = { .hook = slowly };
	struct vmapi_region *region;
	struct vmapi_channel *channel;
	struct peer_run run;
	uint8_t done = 0;
	unsigned ms;

	atomic_store(&handled, 0);
	peer_open(&slow, way, true);
	peer_start(&slow);
	channel = peer_connect(m, &slow, 0);
	region = peer_region(m, channel, API_RAM, VMAPI_REGION_POSTED);
	api_load(m, code, sizeof(code));
	peer_run_start(&run, m);
	for (ms = 0; !done && ms < 10000; ms++) {
		usleep(1000);
		EQUAL(vmapi_as_read(m->as, DONE, &done, 1), 0);
	}
	EQUAL(vmapi_channel_fence(channel), 0);
	EQUAL(atomic_load(&handled), 10);
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	peer_run_end(&run);
	EQUAL(run.reason, VMAPI_EXIT_KICK);
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
	peer_stop(&slow);
}

/* The function of a posted write: what is behind it has to wait for it. */
static int fences(void *opaque, struct vmapi_access *access)
{
	(void)access;
	EQUAL(vmapi_channel_fence(opaque), -EDEADLK);
	atomic_fetch_add(&handled, 1);
	return VMAPI_REGION_DONE;
}

static void inside(struct machine *m)
{
	/* ...; mov [0x50],cx; out 0x99,al */
	static const uint8_t code[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0x89,
		0x0e, 0x50, 0x00, 0xe6, 0x99 };
	struct vmapi_region_config c = { .size = sizeof(c),
		.flags = VMAPI_REGION_POSTED, .base = API_RAM + 0x40,
		.bytes = 0x20 };
	struct peer d = { .n = 0 };
	struct vmapi_region *region = NULL;
	struct vmapi_channel *channel;

	atomic_store(&handled, 0);
	peer_open(&d, way, true);
	peer_start(&d);
	channel = peer_connect(m, &d, 0);
	EQUAL(vmapi_region_handler(m->vm, &c, fences, channel, &region), 0);
	api_load(m, code, sizeof(code));
	run_to_port(m);
	EQUAL(vmapi_channel_fence(channel), 0);
	EQUAL(atomic_load(&handled), 1);
	vmapi_region_destroy(region);
	vmapi_channel_destroy(channel);
	peer_stop(&d);
}

/* It hears the fence and says nothing, is gone, never knew any. */
static void unfenced(struct machine *m)
{
	struct vmapi_channel_config c;
	struct vmapi_channel *channel;
	struct peer d = { .n = 0 };
	uint8_t in[32];

	peer_open(&d, way, true);
	peer_greet(&d);
	c = peer_config(&d);
	c.timeout_ms = 20;
	EQUAL(vmapi_channel_create(m->vm, &c, &channel), 0);
	close(d.fds[0]);
	peer_take_ring(&d);
	EQUAL(vmapi_channel_fence(channel), -ETIMEDOUT);
	CHECK(peer_hear(&d, in));
	EQUAL(in[0], VMAPI_WIRE_FENCE);
	EQUAL(vmapi_channel_fence(channel), -ETIMEDOUT);
	CHECK(!peer_hears(&d));
	peer_close(&d);

	peer_open(&d, way, true);
	peer_greet(&d);
	EQUAL(vmapi_channel_connect(channel, d.fds[0], d.control[0]), 0);
	close(d.fds[0]);
	peer_close(&d);
	EQUAL(vmapi_channel_fence(channel), -EPIPE);
	vmapi_channel_destroy(channel);

	peer_open(&d, PEER_STREAM, false);
	channel = peer_connect(m, &d, 0);
	EQUAL(vmapi_channel_fence(channel), -ENOTSUP);
	vmapi_channel_destroy(channel);
	peer_close(&d);
	EQUAL(vmapi_channel_fence(NULL), -EINVAL);
}

/* -- Each of these by each way ------------------------------------------ */

#define BY(way_, prefix, f)                                                    \
	static void prefix##f(struct machine *m)                               \
	{                                                                      \
		way = way_;                                                    \
		f(m);                                                          \
	}
#define WAYS(X, way_, prefix)                                                  \
	X(way_, prefix, ended)                                                 \
	X(way_, prefix, running)                                               \
	X(way_, prefix, inside)                                                \
	X(way_, prefix, unfenced)

WAYS(BY, PEER_STREAM, stream_)
WAYS(BY, PEER_PACKETS, packets_)
WAYS(BY, PEER_RING, ring_)

#define CASES(how, prefix)                                                     \
	{ "a run that has ended by " how, prefix##ended },                     \
	{ "a run in progress by " how, prefix##running },                      \
	{ "inside a posted write by " how, prefix##inside },                   \
	{ "no answer by " how, prefix##unfenced }

int main(void)
{
	static const struct api_case cases[] = {
		CASES("stream", stream_),
		CASES("packets", packets_),
		CASES("ring", ring_),
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
