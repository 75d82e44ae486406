/* SPDX-License-Identifier: MIT */
/* A ring's messages: in order, none twice, none lost, whoever sleeps. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vmapi/guest/ring.h>

#define SLOTS	 8u
#define MESSAGES 100000u

static unsigned failures, cases;

static void check(bool good, const char *what, int line)
{
	if (good)
		return;
	printf("# line %d: %s\n", line, what);
	failures++;
}

#define CHECK(cond) check(cond, #cond, __LINE__)

static _Alignas(64) unsigned char memory[VMAPI_RING_BYTES(SLOTS)];
static struct vmapi_ring *const ring = (struct vmapi_ring *)memory;

static void both(struct vmapi_ring_end *in, struct vmapi_ring_end *out)
{
	CHECK(vmapi_ring_init(ring, SLOTS) == 1);
	CHECK(vmapi_ring_attach(in, ring, sizeof(memory)) == 1);
	CHECK(vmapi_ring_attach(out, ring, sizeof(memory)) == 1);
}

static void layout(void)
{
	struct vmapi_ring_end in, out;
	const vmapi_ring_u64 words[4] = { 0x0102030405060708, 2, 3, 4 };

	both(&in, &out);
	CHECK(VMAPI_RING_BYTES(SLOTS) == 192 + 32 * SLOTS);
	CHECK((unsigned char *)&ring->head == memory + 64);
	CHECK((unsigned char *)&ring->tail == memory + 128);
	CHECK((unsigned char *)&ring->slot[0] == memory + 192);
	CHECK(!memcmp(memory, "ring\1\0\0\0\10\0\0\0", 12));
	CHECK(vmapi_ring_put(&in, words) == 1);
	CHECK(!memcmp(memory + 64, "\1\0\0\0", 4));
	CHECK(!memcmp(memory + 192, "\10\7\6\5\4\3\2\1\2\0", 10));
	CHECK(vmapi_ring_want_data(&out) == 0);
	CHECK(!memcmp(memory + 132, "\0\0\0\0", 4));
}

static void turns_over(void)
{
	struct vmapi_ring_end in, out;
	vmapi_ring_u64 words[4] = { 0 }, got[4];
	unsigned i, k;

	both(&in, &out);
	/* Near the end of what 32 bits count. */
	ring->head = ring->tail = VMAPI_RING_32(0xfffffff0u);
	in.own = in.other = out.own = out.other = 0xfffffff0u;
	for (i = 0; i < 5 * SLOTS; i += SLOTS) {
		for (k = 0; k < SLOTS; k++) {
			words[0] = i + k;
			CHECK(vmapi_ring_put(&in, words) == 1);
		}
		CHECK(vmapi_ring_put(&in, words) == 0);
		for (k = 0; k < SLOTS; k++) {
			CHECK(vmapi_ring_take(&out, got) == 1);
			CHECK(got[0] == i + k);
		}
		CHECK(vmapi_ring_take(&out, got) == 0);
	}
}

static void wants(void)
{
	struct vmapi_ring_end in, out;
	vmapi_ring_u64 words[4] = { 0 };
	unsigned i;

	both(&in, &out);
	CHECK(vmapi_ring_data_wanted(&in) == 0);
	CHECK(vmapi_ring_want_data(&out) == 1);
	CHECK(vmapi_ring_put(&in, words) == 1);
	/* One signal for each time that it was asked for. */
	CHECK(vmapi_ring_data_wanted(&in) == 1);
	CHECK(vmapi_ring_data_wanted(&in) == 0);
	CHECK(vmapi_ring_want_data(&out) == 0);
	CHECK(vmapi_ring_data_wanted(&in) == 0);
	for (i = 1; i < SLOTS; i++)
		CHECK(vmapi_ring_put(&in, words) == 1);
	CHECK(vmapi_ring_want_room(&in) == 1);
	CHECK(vmapi_ring_take(&out, words) == 1);
	CHECK(vmapi_ring_room_wanted(&out) == 1);
	CHECK(vmapi_ring_room_wanted(&out) == 0);
	CHECK(vmapi_ring_want_room(&in) == 0);
}

static void lies(void)
{
	struct vmapi_ring_end in, out;
	vmapi_ring_u64 words[4] = { 0 };
	unsigned i;

	both(&in, &out);
	ring->head = VMAPI_RING_32(SLOTS + 1);
	CHECK(vmapi_ring_take(&out, words) == VMAPI_RING_BROKEN);
	CHECK(vmapi_ring_want_data(&out) == VMAPI_RING_BROKEN);
	ring->head = VMAPI_RING_32(SLOTS);
	CHECK(vmapi_ring_take(&out, words) == 1);
	both(&in, &out);
	for (i = 0; i < SLOTS; i++)
		CHECK(vmapi_ring_put(&in, words) == 1);
	ring->tail = VMAPI_RING_32(SLOTS + 1);
	CHECK(vmapi_ring_put(&in, words) == VMAPI_RING_BROKEN);
	CHECK(vmapi_ring_want_room(&in) == VMAPI_RING_BROKEN);
	/* A side's own index cannot be changed behind its back. */
	both(&in, &out);
	ring->tail = VMAPI_RING_32(5);
	CHECK(vmapi_ring_take(&out, words) == 0);
	ring->slots = VMAPI_RING_32(1u << 14);
	CHECK(vmapi_ring_put(&in, words) == 1);
	CHECK(vmapi_ring_take(&out, words) == 1);
}

static void no_rings(void)
{
	struct vmapi_ring_end end;
	unsigned bytes = sizeof(memory);

	CHECK(vmapi_ring_init(ring, 0) == 0);
	CHECK(vmapi_ring_init(ring, 3) == 0);
	CHECK(vmapi_ring_init(ring, 2 * VMAPI_RING_MAX) == 0);
	CHECK(vmapi_ring_init(ring, SLOTS) == 1);
	CHECK(vmapi_ring_attach(&end, ring, bytes - 1) == 0);
	CHECK(vmapi_ring_attach(&end, ring, 100) == 0);
	ring->slots = VMAPI_RING_32(6u);
	CHECK(vmapi_ring_attach(&end, ring, bytes) == 0);
	ring->slots = VMAPI_RING_32(0x80000000u);
	CHECK(vmapi_ring_attach(&end, ring, bytes) == 0);
	ring->slots = 0;
	CHECK(vmapi_ring_attach(&end, ring, bytes) == 0);
	vmapi_ring_init(ring, SLOTS);
	ring->version++;
	CHECK(vmapi_ring_attach(&end, ring, bytes) == 0);
	vmapi_ring_init(ring, SLOTS);
	ring->magic++;
	CHECK(vmapi_ring_attach(&end, ring, bytes) == 0);
}

/* -- Two that sleep ----------------------------------------------------- */

struct pair {
	struct vmapi_ring_end in, out;
	int data, room; /* eventfds */
	unsigned slept[2];
};

static void signal_to(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

static void sleep_on(int fd)
{
	uint64_t n;

	if (read(fd, &n, sizeof(n)) != sizeof(n))
		abort();
}

static void *producer(void *opaque)
{
	struct pair *p = opaque;
	vmapi_ring_u64 words[4];
	unsigned i = 0;

	while (i < MESSAGES) {
		words[0] = i;
		words[3] = ~(vmapi_ring_u64)i;
		if (vmapi_ring_put(&p->in, words) == 1) {
			i++;
			if (vmapi_ring_data_wanted(&p->in))
				signal_to(p->data);
		} else if (vmapi_ring_want_room(&p->in) == 1) {
			p->slept[0]++;
			sleep_on(p->room);
		}
	}
	return NULL;
}

static void consume(struct pair *p)
{
	vmapi_ring_u64 words[4];
	unsigned i = 0;

	while (i < MESSAGES) {
		if (vmapi_ring_take(&p->out, words) == 1) {
			if (words[0] != i || words[3] != ~(vmapi_ring_u64)i) {
				CHECK(!"a message is another");
				abort();
			}
			i++;
			if (vmapi_ring_room_wanted(&p->out))
				signal_to(p->room);
		} else if (vmapi_ring_want_data(&p->out) == 1) {
			p->slept[1]++;
			sleep_on(p->data);
		}
	}
}

/* Nobody sleeps for ever, or this does. */
static void sleepers(void)
{
	struct pair p = { .data = eventfd(0, EFD_CLOEXEC),
		.room = eventfd(0, EFD_CLOEXEC) };
	pthread_t thread;

	both(&p.in, &p.out);
	if (pthread_create(&thread, NULL, producer, &p))
		abort();
	consume(&p);
	pthread_join(thread, NULL);
	printf("# %u messages, slept %u and %u times\n", MESSAGES, p.slept[0],
		p.slept[1]);
	CHECK(p.slept[0] + p.slept[1] > 0);
	close(p.data);
	close(p.room);
}

/* ----------------------------------------------------------------------- */

static void run(void (*one)(void), const char *name)
{
	unsigned before = failures;

	one();
	printf("%s %u - %s\n", failures == before ? "ok" : "not ok", ++cases,
		name);
}

int main(void)
{
	run(layout, "layout");
	run(turns_over, "turns over");
	run(wants, "wants");
	run(lies, "lies");
	run(no_rings, "what is no ring");
	run(sleepers, "sleepers");
	printf("1..%u\n", cases);
	return failures != 0;
}
