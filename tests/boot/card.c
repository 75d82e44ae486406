/* SPDX-License-Identifier: MIT */
/* Drivers good and hostile against vmapi-boot's network card. */
/*
 * The peer is this test: it keeps the last frame that it was sent, and sends
 * as many frames of a length as it is told, each with its number in it.
 */
#include "examples/boot/net.h"
#include "examples/boot/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RAM	(4 * MIB)
#define RINGS	0x10000u /* a queue's, from n times this on */
#define AVAIL	0x1000u
#define USED	0x2000u
#define SIZE	8
#define BUFFERS 0x40000u
#define HEADER	NET_PREAMBLE
#define MRG	(1u << 15)
#define EVENTS	(1u << 29)

#define STATUS	    0x070
#define NEEDS_RESET 0x40u
#define GOOD	    0x0fu

enum { RECEIVE, TRANSMIT };
enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

static int n_cases, n_bad;
static struct net net;
static struct memory memory;
static int poke;
static atomic_uint frame_bytes = 60, n_sent, n_heard;
static uint8_t heard[NET_FRAME], heard_preamble[NET_PREAMBLE];
static atomic_uint features;
static atomic_uint heard_bytes;

static void verdict(bool good, const char *what)
{
	n_cases++;
	n_bad += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", n_cases, what);
}

/* -- The peer ----------------------------------------------------------- */

static int peer_open(struct net *card, const char *word)
{
	(void)card;
	return word == NULL ? 0 : -1;
}

static void peer_close(struct net *card)
{
	(void)card;
}

static void peer_send(struct net *card, struct virtio_request *r)
{
	uint32_t bytes = net_gather(card, r);

	memcpy(heard_preamble, card->buffer, NET_PREAMBLE);
	memcpy(heard, card->buffer + NET_PREAMBLE, bytes - NET_PREAMBLE);
	atomic_store(&heard_bytes, bytes - NET_PREAMBLE);
	atomic_fetch_add(&n_heard, 1);
}

static void peer_features(struct net *card, uint64_t taken)
{
	(void)card;
	atomic_store(&features, (unsigned)taken);
}

static void peer_wait(struct net *card, struct virtio_waits *waits)
{
	(void)card;
	(void)virtio_wait_for(waits, poke, POLLIN);
}

static void peer_ready(struct net *card, const struct virtio_waits *waits)
{
	static uint8_t frame[NET_FRAME + 100];
	const uint8_t preamble[NET_PREAMBLE] = { NET_DATA_VALID };
	unsigned i;
	uint64_t n;

	(void)waits;
	if (read(poke, &n, sizeof(n)) < 0)
		return;
	for (i = 4; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 7);
	while (n-- > 0) {
		put32(frame, atomic_fetch_add(&n_sent, 1));
		net_receive(card, preamble, frame, atomic_load(&frame_bytes));
	}
}

#define OFFERS NET_F_CSUM

#define PEER(word) { .name = word, .offers = OFFERS, .open = peer_open, \
	.close = peer_close, .features = peer_features, .send = peer_send, \
	 .wait = peer_wait, .ready = peer_ready }

const struct net_peer net_user = PEER("user");
const struct net_peer net_tap = PEER("tap");

static void signal_fd(int fd, uint64_t n)
{
	ssize_t done = write(fd, &n, sizeof(n));

	(void)done;
}

static void frames(uint64_t n, unsigned bytes)
{
	atomic_store(&n_sent, 0);
	atomic_store(&frame_bytes, bytes);
	signal_fd(poke, n);
}

/* -- The driver --------------------------------------------------------- */

static uint32_t get(uint64_t reg, unsigned bytes)
{
	struct vmapi_access a = { .bytes = bytes };

	virtio_access(&net.virtio, &a, reg);
	return (uint32_t)a.value;
}

static void set(uint64_t reg, uint32_t value)
{
	struct vmapi_access a = { .bytes = 4, .is_write = 1, .value = value };

	virtio_access(&net.virtio, &a, reg);
}

static uint8_t *ring(unsigned queue)
{
	return memory.base + RINGS * (queue + 1);
}

static void set_queue(unsigned queue)
{
	uint32_t base = RINGS * (queue + 1);

	set(0x030, queue);
	set(0x038, SIZE);
	set(0x080, base);
	set(0x090, base + AVAIL);
	set(0x0a0, base + USED);
	set(0x044, 1);
}

static void begin_with(uint32_t taken)
{
	set(STATUS, 0);
	memset(memory.base, 0, 0x80000);
	set(STATUS, 3);
	set(0x024, 0);
	set(0x020, taken);
	set(0x024, 1);
	set(0x020, 1);
	set(STATUS, 0x0b);
	set_queue(RECEIVE);
	set_queue(TRANSMIT);
	set(STATUS, GOOD);
}

static void begin(void)
{
	begin_with(0);
}

static void describe(unsigned queue, unsigned i, uint64_t gpa, uint32_t size,
	unsigned flags)
{
	uint8_t *d = ring(queue) + 16 * i;

	put64(d, gpa);
	put32(d + 8, size);
	put16(d + 12, flags);
	put16(d + 14, (i + 1) % SIZE);
}

static void submit(unsigned queue, unsigned head)
{
	uint8_t *available = ring(queue) + AVAIL;
	unsigned index = get16(available + 2);

	put16(available + 4 + 2 * (index % SIZE), head);
	atomic_thread_fence(memory_order_seq_cst);
	put16(available + 2, index + 1);
	signal_fd(net.virtio.kick_fds[queue], 1);
}

/* Until n were used or the device has stopped: whether they were. */
static bool used(unsigned queue, unsigned n)
{
	unsigned i;

	for (i = 0; i < 10000; i++) {
		pthread_mutex_lock(&net.virtio.lock);
		pthread_mutex_unlock(&net.virtio.lock);
		if (get16(ring(queue) + USED + 2) == n)
			return true;
		if (get(STATUS, 4) & NEEDS_RESET)
			return false;
		usleep(1000);
	}
	return false;
}

static uint32_t used_bytes(unsigned queue, unsigned n)
{
	return get32(ring(queue) + USED + 4 + 8 * (n % SIZE) + 4);
}

static void give_buffer(unsigned i, uint32_t size)
{
	describe(RECEIVE, i, BUFFERS + 0x1000 * i, size, WRITE);
	submit(RECEIVE, i);
}

/* -- Cases -------------------------------------------------------------- */

static void identity(void)
{
	verdict(get(0x008, 4) == 1 && get(0x010, 4) == (1u << 5 | MRG |
		1u << 16 | EVENTS | OFFERS),
		"what it is and offers");
	verdict(get(0x100, 1) == 0x02 && get(0x102, 1) == 0x6d &&
		get(0x106, 2) == 1, "its address, and the link");
	begin();
	set(0x030, 1);
	verdict(get(0x034, 4) == VIRTIO_QUEUE && get(0x044, 4) == 1,
		"two queues");
	set(0x030, 2);
	verdict(get(0x034, 4) == 0 && get(0x044, 4) == 0, "and no third");
}

static void transmits(void)
{
	uint8_t *frame = memory.base + BUFFERS;
	unsigned i;

	begin();
	for (i = 0; i < HEADER + 100; i++)
		frame[i] = (uint8_t)(3 * i);
	describe(TRANSMIT, 0, BUFFERS, 5, NEXT);
	describe(TRANSMIT, 1, BUFFERS + 5, 0, NEXT);
	describe(TRANSMIT, 2, BUFFERS + 5, 20, NEXT);
	describe(TRANSMIT, 3, BUFFERS + 25, HEADER + 75, 0);
	submit(TRANSMIT, 0);
	verdict(used(TRANSMIT, 1) && atomic_load(&heard_bytes) == 100 &&
		!memcmp(heard, frame + HEADER, 100) &&
		used_bytes(TRANSMIT, 0) == 0, "a frame, cut anywhere");
	describe(TRANSMIT, 0, BUFFERS, HEADER + NET_FRAME + 1, 0);
	submit(TRANSMIT, 0);
	describe(TRANSMIT, 1, BUFFERS, HEADER, 0);
	submit(TRANSMIT, 1);
	verdict(used(TRANSMIT, 3) && atomic_load(&n_heard) == 1,
		"one too long, and one that is none");
	describe(TRANSMIT, 0, BUFFERS, HEADER + NET_FRAME, 0);
	memory.base[BUFFERS] = NET_NEEDS_CSUM;
	submit(TRANSMIT, 0);
	verdict(used(TRANSMIT, 4) && heard_preamble[0] == NET_NEEDS_CSUM &&
		atomic_load(&heard_bytes) == NET_FRAME, "the longest");
}

static void receives(void)
{
	const uint8_t *at = memory.base + BUFFERS;

	begin();
	describe(RECEIVE, 0, BUFFERS, 7, NEXT | WRITE);
	describe(RECEIVE, 1, BUFFERS + 7, 2000, WRITE);
	submit(RECEIVE, 0);
	frames(1, 60);
	verdict(used(RECEIVE, 1) && used_bytes(RECEIVE, 0) == HEADER + 60 &&
		get16(at + 10) == 1 && get32(at + HEADER) == 0,
		"a frame for the guest");
	frames(5, 60);
	usleep(20000);
	verdict(used(RECEIVE, 1), "none without a buffer");
	give_buffer(2, 1526);
	give_buffer(3, 1526);
	verdict(used(RECEIVE, 3) && get32(at + 0x2000 + HEADER) == 0 &&
		get32(at + 0x3000 + HEADER) == 1, "they have waited, in order");
	verdict(get(0x060, 4) == 1, "its interrupt");
}

/* Frame number `number` in buffers of 100 bytes: is all of it there? */
static bool is_frame(unsigned n_buffers, unsigned bytes, unsigned number)
{
	const uint8_t *at = memory.base + BUFFERS;
	uint8_t row[1000];
	unsigned i;

	for (i = 0; i < n_buffers; i++)
		memcpy(row + 100 * i, at + 0x1000 * i, 100);
	for (i = 4; i < bytes; i++)
		if (row[HEADER + i] != (uint8_t)(i * 7))
			return false;
	return row[0] == NET_DATA_VALID && get16(row + 10) == n_buffers &&
	       get32(row + HEADER) == number;
}

static void merges(void)
{
	unsigned i, sum = 0;

	begin_with(MRG | OFFERS);
	verdict(atomic_load(&features) == (MRG | OFFERS), "features");
	for (i = 0; i < 3; i++)
		give_buffer(i, 100);
	frames(1, 389);
	usleep(20000);
	verdict(used(RECEIVE, 0), "not enough buffers for a frame");
	give_buffer(3, 100);
	usleep(20000);
	verdict(used(RECEIVE, 0), "nor now");
	give_buffer(4, 100);
	for (i = 0; used(RECEIVE, 5) && i < 5; i++)
		sum += used_bytes(RECEIVE, i);
	verdict(sum == HEADER + 389 && is_frame(5, 389, 0),
		"a frame in five of them, at once");
	give_buffer(5, 100);
	frames(1, 60);
	verdict(used(RECEIVE, 6) && used_bytes(RECEIVE, 5) == HEADER + 60,
		"and one in one");
	begin_with(MRG);
	for (i = 0; i < SIZE; i++)
		give_buffer(i, 100);
	frames(2, 800);
	usleep(20000);
	verdict(used(RECEIVE, 0), "one that never fits is lost");
	frames(1, 8 * 100 - HEADER);
	verdict(used(RECEIVE, 8) && is_frame(8, 8 * 100 - HEADER, 0),
		"and one just fits");
	begin_with(0);
	give_buffer(0, 100);
	give_buffer(1, 100);
	frames(1, 120);
	usleep(20000);
	verdict(used(RECEIVE, 0), "who knows nothing of it has one each");
}

static void events(void)
{
	const uint8_t *want = ring(RECEIVE) + USED + 4 + 8 * SIZE;
	unsigned i;

	begin_with(EVENTS);
	put16(ring(RECEIVE) + AVAIL + 4 + 2 * SIZE, 3);
	give_buffer(0, 1526);
	give_buffer(1, 1526);
	give_buffer(2, 1526);
	frames(3, 60);
	verdict(used(RECEIVE, 3) && get(0x060, 4) == 0,
		"three frames, and an interrupt at the fourth");
	verdict(get16(want) == 0, "nobody needs to tell of buffers");
	frames(1, 60);
	for (i = 0; i < 1000 && get16(want) != 3; i++)
		usleep(1000);
	verdict(get16(want) == 3, "but when there are none");
	give_buffer(3, 1526);
	verdict(used(RECEIVE, 4) && get(0x060, 4) == 1, "the fourth");
}

static void overruns(void)
{
	unsigned n;

	begin();
	give_buffer(0, HEADER + 60);
	frames(1, 100);
	usleep(20000);
	verdict(used(RECEIVE, 0), "a frame longer than the buffer");
	frames(1, 60);
	verdict(used(RECEIVE, 1), "and the buffer is there for the next");
	frames(NET_QUEUE + 50, 60);
	usleep(20000);
	for (n = 0; n < NET_QUEUE; n++) {
		give_buffer(n % SIZE, 1526);
		if (!used(RECEIVE, n + 2))
			break;
	}
	give_buffer(0, 1526);
	usleep(20000);
	verdict(n == NET_QUEUE && used(RECEIVE, n + 1),
		"more than there is room for");
	frames(1, NET_FRAME + 1);
	frames(1, NET_HEADER - 1);
	usleep(20000);
	verdict(used(RECEIVE, n + 1), "what is no frame");
}

/* A chain of one buffer that stops the device. */
static void stops(unsigned queue, uint64_t gpa, uint32_t size, unsigned flags,
	const char *what)
{
	begin();
	describe(queue, 0, gpa, size, flags);
	submit(queue, 0);
	frames(1, 60);
	verdict(!used(queue, 1) && get(STATUS, 4) & NEEDS_RESET &&
		get(0x060, 4) & 2, what);
}

static void hostile(void)
{
	unsigned heard_before = atomic_load(&n_heard);

	stops(TRANSMIT, BUFFERS, HEADER - 1, 0, "shorter than its header");
	stops(TRANSMIT, BUFFERS, 0, 0, "of no length");
	stops(TRANSMIT, BUFFERS, 100, WRITE, "to send what we shall write");
	stops(TRANSMIT, RAM - 50, 100, 0, "to send from outside RAM");
	stops(TRANSMIT, BUFFERS, 16, INDIRECT, "indirect descriptors");
	stops(RECEIVE, BUFFERS, HEADER - 1, WRITE, "no room for a header");
	stops(RECEIVE, BUFFERS, 0, WRITE, "no room at all");
	stops(RECEIVE, BUFFERS, 2000, 0, "room that is not to be written");
	stops(RECEIVE, UINT64_MAX - 10, 2000, WRITE, "room that wraps");
	begin();
	describe(TRANSMIT, SIZE - 1, BUFFERS, 100, NEXT);
	describe(TRANSMIT, 0, BUFFERS, 100, NEXT);
	put16(ring(TRANSMIT) + 14, 0);
	submit(TRANSMIT, SIZE - 1);
	verdict(!used(TRANSMIT, 1), "a chain that bites its tail");
	verdict(atomic_load(&n_heard) == heard_before, "nobody heard of it");
}

static void random_queue(unsigned queue)
{
	unsigned k, i;

	for (k = 0; k < SIZE; k++) {
		describe(queue, k, (uint64_t)random() % (RAM + RAM / 8),
			(uint32_t)random() % 900, (unsigned)random() & 3);
		if (random() % 40 == 0)
			ring(queue)[random() % (16 * SIZE)] = (uint8_t)random();
	}
	for (i = (unsigned)random() % 9; i > 0; i--)
		submit(queue, (unsigned)random() % (SIZE + 1));
}

/* They may stop it, and write nothing that is not theirs. */
static void random_drivers(unsigned rounds)
{
	unsigned heard_before = atomic_load(&n_heard);

	srandom(20261122);
	for (; rounds > 0; rounds--) {
		begin_with((uint32_t)random() & (MRG | EVENTS));
		random_queue(RECEIVE);
		frames((uint64_t)random() % 4 + 1, 14 + random() % 1600);
		random_queue(TRANSMIT);
		usleep(100); /* or the next reset comes before its turn */
	}
	begin();
	give_buffer(0, 1526);
	frames(1, 60);
	describe(TRANSMIT, 0, BUFFERS + 0x8000, HEADER + 60, 0);
	submit(TRANSMIT, 0);
	verdict(used(RECEIVE, 1) && used(TRANSMIT, 1) &&
		atomic_load(&n_heard) > heard_before + 100, "random drivers");
}

static bool make(void)
{
	struct virtio *v = &net.virtio;
	uint8_t *ram = calloc(1, RAM);

	virtio_init(v);
	memory_init(&memory, ram, RAM);
	poke = eventfd(0, EFD_NONBLOCK);
	if (ram == NULL || net_open(&net, "nonsense") == 0 ||
		net_open(&net, "user=x") == 0 || net_open(&net, "user") != 0 ||
		net_start(&net) != 0)
		return false;
	v->memory = &memory;
	v->kick_fds[RECEIVE] = eventfd(0, EFD_NONBLOCK);
	v->kick_fds[TRANSMIT] = eventfd(0, EFD_NONBLOCK);
	v->irq_fd = eventfd(0, EFD_NONBLOCK);
	return virtio_start(v) == 0;
}

int main(int argc, char **argv)
{
	verdict(make(), "a card");
	if (n_bad == 0) {
		identity();
		transmits();
		receives();
		merges();
		events();
		overruns();
		hostile();
		random_drivers(argc > 1 ? (unsigned)atoi(argv[1]) : 2000);
	}
	virtio_stop(&net.virtio);
	net_close(&net);
	free(memory.base);
	printf("1..%d\n", n_cases);
	return n_bad != 0;
}
