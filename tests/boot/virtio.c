/* SPDX-License-Identifier: MIT */
/* Drivers good and hostile against the virtio devices of vmapi-boot. */
/*
 * Twice: one here, in this process, and one in a process of its own, which is
 * this program again. Of that one the test is the monitor, on the wire.
 */
#include "examples/boot/process.h"
#include "examples/boot/bytes.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RAM	    (2 * MIB)
#define DESCRIPTORS 0x1000u
#define AVAILABLE   0x2000u
#define USED	    0x3000u
#define BUFFERS	    0x4000u

#define STATUS	    0x070
#define NEEDS_RESET 0x40u
#define FEATURES_OK 8u

#define SERVE "--serve"

enum { MEET = 0xb0, SLOW, UNEVEN };
#define TOGETHER VIRTIO_THREADS
#define SLOW_US	 50000

static int n_cases, n_bad;
static struct virtio v; /* the one in this process, or in the other one */
static struct slot slot;
static struct memory memory;
static struct vmapi_ram *memory_ram, *state_ram;
static bool is_process;
static struct process_ends ends;
static pthread_t listener;
static atomic_uint n_told;
static atomic_bool is_told_wrong;

static void verdict(bool good, const char *what)
{
	n_cases++;
	n_bad += !good;
	printf("%sok %d - %s: %s\n", good ? "" : "not ", n_cases,
		is_process ? "process" : "thread", what);
}

/* -- The device: it turns what it is given round ------------------------ */

/* The first byte may ask it to wait: until it is not alone, or a while. */
static void linger(uint8_t how)
{
	static atomic_uint n_meet;
	unsigned i;

	if (how == MEET) {
		atomic_fetch_add(&n_meet, 1);
		for (i = 0; i < 20000 && atomic_load(&n_meet) < TOGETHER; i++)
			usleep(100);
	} else if (how == SLOW) {
		usleep(SLOW_US);
	} else if (how == UNEVEN) {
		usleep((unsigned)random() % 300);
	}
}

static int64_t serve(void *opaque, struct virtio_request *r)
{
	uint8_t bytes[64] = { 0 };
	uint32_t i, n = (uint32_t)virtio_given(r);
	struct virtio_buffer *out = r->parts + r->n_read;

	(void)opaque;
	if (n > sizeof(bytes) || r->n_write != 1 || out->size < n ||
		!virtio_take(r, bytes, n))
		return -1;
	linger(bytes[0]);
	for (i = 0; i < n; i++)
		out->bytes[i] = bytes[n - 1 - i];
	return n;
}

static const struct virtio_kind kind = {
	.id = 42, .n_queues = 1, .n_threads = VIRTIO_THREADS, .serve = serve
};

static void wrote(void *opaque, const struct virtio_range *ranges, unsigned n)
{
	(void)opaque;
	atomic_fetch_add(&n_told, n);
	for (; n > 0; n--, ranges++)
		if (vmapi_ram_written(memory_ram, ranges->offset, ranges->size))
			atomic_store(&is_told_wrong, true);
}

/* -- The device's process, from either side ----------------------------- */

static int take(void *opaque, const struct handover *handover, int file)
{
	(void)opaque;
	if (file >= 0 || strcmp(handover->what, "a word") != 0)
		return -1;
	v.kind = &kind;
	return 0;
}

static void *listen_to(void *opaque)
{
	struct virtio_range ranges[VIRTIO_RANGES];
	ssize_t bytes;

	(void)opaque;
	while ((bytes = recv(ends.talk, ranges, sizeof(ranges), 0)) > 0) {
		wrote(NULL, ranges,
			(unsigned)((size_t)bytes / sizeof(ranges[0])));
		if (send(ends.talk, "", 1, MSG_NOSIGNAL) != 1)
			break;
	}
	return NULL;
}

static bool start_process(void)
{
	const struct process_config config = { .argument = SERVE,
		.ram = memory_ram, .state = state_ram, .slot = &slot,
		.file = -1 };
	const struct handover handover = { .ram_bytes = RAM, .tells = true,
		.what = "a word" };
	struct vmapi_wire_hello hello = { .magic = VMAPI_WIRE_MAGIC,
		.version = 1 };

	return process_start(&config, &handover, &ends) == 0 &&
	       pthread_create(&listener, NULL, listen_to, NULL) == 0 &&
	       write(ends.hello, &hello, sizeof(hello)) > 0 &&
	       recv(ends.hello, &hello, sizeof(hello), MSG_WAITALL) > 0;
}

static void end_process(void)
{
	kill(ends.pid, SIGKILL);
	pthread_join(listener, NULL);
	process_close(&ends);
}

static void ask_process(uint64_t reg, struct vmapi_access *a)
{
	const struct vmapi_wire_command command = {
		.command = a->is_write ? VMAPI_WIRE_WRITE : VMAPI_WIRE_READ,
		.size_exponent = 2, .response = 1, .offset = reg,
		.data = a->value };
	struct vmapi_wire_response response = { .data = 0 };

	if (send(ends.channel, &command, sizeof(command), MSG_NOSIGNAL) < 0 ||
		recv(ends.channel, &response, sizeof(response),
			MSG_WAITALL) != (ssize_t)sizeof(response))
		atomic_store(&is_told_wrong, true);
	a->value = response.data;
}

/* -- The driver --------------------------------------------------------- */

static void ask(uint64_t reg, struct vmapi_access *a)
{
	if (is_process)
		ask_process(reg, a);
	else
		virtio_access(&v, a, reg);
}

static uint32_t get(uint64_t reg)
{
	struct vmapi_access a = { .bytes = 4 };

	ask(reg, &a);
	return (uint32_t)a.value;
}

static void set(uint64_t reg, uint32_t value)
{
	struct vmapi_access a = { .bytes = 4, .is_write = 1, .value = value };

	ask(reg, &a);
}

static void describe(unsigned i, uint64_t gpa, uint32_t size, unsigned flags,
	unsigned next)
{
	uint8_t *d = memory.base + DESCRIPTORS + 16 * i;

	put64(d, gpa);
	put32(d + 8, size);
	put16(d + 12, flags);
	put16(d + 14, next);
}

/* Up to a ring of 8: 3.1.1.  With features of the low word. */
static void begin_with(uint32_t features)
{
	memset(memory.base, 0, 0x8000);
	set(STATUS, 0);
	set(STATUS, 1);
	set(STATUS, 3);
	set(0x024, 0);
	set(0x020, features);
	set(0x024, 1);
	set(0x020, 1); /* VIRTIO_F_VERSION_1 */
	set(STATUS, 3 | FEATURES_OK);
	set(0x030, 0);
	set(0x038, 8);
	set(0x080, DESCRIPTORS);
	set(0x090, AVAILABLE);
	set(0x0a0, USED);
	set(0x044, 1);
	set(STATUS, 7 | FEATURES_OK);
}

static void begin(void)
{
	begin_with(0);
}

/* Requests of one byte, from descriptors 2 * i on. */
static void describe_all(uint8_t byte)
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		memory.base[BUFFERS + 128 * i] = byte;
		describe(2 * i, BUFFERS + 128 * i, 1, 1, 2 * i + 1);
		describe(2 * i + 1, BUFFERS + 128 * i + 64, 16, 2, 0);
	}
}

static void submit(unsigned head)
{
	uint8_t *available = memory.base + AVAILABLE;
	unsigned index = get16(available + 2);
	const uint64_t one = 1;
	ssize_t done;

	put16(available + 4 + 2 * (index % 8), head);
	atomic_thread_fence(memory_order_seq_cst);
	put16(available + 2, index + 1);
	done = write(slot.kick_fds[0], &one, sizeof(one));
	(void)done;
}

/* Until the device has answered n or has stopped: whether it answered. */
static bool answers(unsigned n)
{
	unsigned i;

	for (i = 0; i < 100000; i++) {
		if (get16(memory.base + USED + 2) == n)
			return true;
		if (get(STATUS) & NEEDS_RESET)
			return false;
		usleep(200);
	}
	return false;
}

static bool works(void)
{
	begin();
	describe(0, BUFFERS, 4, 1, 1);
	describe(1, BUFFERS, 4, 2, 0);
	submit(0);
	return answers(1);
}

/* -- Cases -------------------------------------------------------------- */

static void identity(void)
{
	verdict(get(0) == 0x74726976 && get(4) == 2 && get(8) == 42,
		"what it is");
	begin();
	verdict(get(STATUS) == (7 | FEATURES_OK) && get(0x044) == 1 &&
		get(0x034) == VIRTIO_QUEUE, "a driver that is right");
	set(STATUS, 0);
	set(0x024, 0);
	set(0x020, 0xffffffff);
	set(STATUS, 3 | FEATURES_OK);
	verdict(!(get(STATUS) & FEATURES_OK), "features that were not offered");
	set(0x030, 1);
	verdict(get(0x034) == 0, "another queue");
}

static void requests(void)
{
	unsigned i;

	begin();
	memcpy(memory.base + BUFFERS, "abcdef", 6);
	describe(0, BUFFERS, 2, 1, 3); /* cut anywhere */
	describe(3, BUFFERS + 2, 0, 1, 1);
	describe(1, BUFFERS + 2, 4, 1, 2);
	describe(2, BUFFERS + 64, 16, 2, 0);
	for (i = 1; i < 40; i++) {
		submit(0);
		if (!answers(i))
			break;
	}
	verdict(i == 40, "requests round the ring");
	verdict(!memcmp(memory.base + BUFFERS + 64, "fedcba", 6),
		"what it answers");
	verdict(get32(memory.base + USED + 4) == 0 &&
		get32(memory.base + USED + 8) == 6, "the used element");
	verdict(get(0x060) == 1, "its interrupt");
	set(0x064, 1);
	verdict(get(0x060) == 0, "its interrupt is acknowledged");
}

static void quiet(void)
{
	begin();
	put16(memory.base + AVAILABLE, 1); /* no interrupt */
	describe(0, BUFFERS, 4, 1, 1);
	describe(1, BUFFERS, 4, 2, 0);
	submit(0);
	verdict(answers(1) && get(0x060) == 0, "no interrupt where none is wanted");
}

/* Where in its rings either side wants to hear of the other: 2.6.7, 2.6.10. */
static void events(void)
{
	const uint8_t *want = memory.base + USED + 4 + 8 * 8;
	uint8_t *wanted = memory.base + AVAILABLE + 4 + 2 * 8;
	unsigned i;
	bool good;

	begin_with((uint32_t)VIRTIO_F_EVENT_IDX);
	describe_all('x');
	put16(wanted, 2);
	submit(0);
	submit(2);
	good = answers(2) && get(0x060) == 0;
	for (i = 0; i < 1000 && get16(want) != 2; i++)
		usleep(1000);
	verdict(good && get16(want) == 2, "it is told where to be quiet");
	submit(4);
	good = answers(3);
	for (i = 0; i < 1000 && get(0x060) == 0; i++)
		usleep(1000);
	verdict(good && get(0x060) == 1, "and says what it wants to hear of");
}

static void together(void)
{
	uint8_t seen[4] = { 0 };
	unsigned i;
	bool good;

	begin();
	describe_all(MEET);
	for (i = 0; i < TOGETHER; i++)
		submit(2 * i);
	good = answers(TOGETHER);
	for (i = 0; i < TOGETHER; i++)
		seen[get32(memory.base + USED + 4 + 8 * i) / 2 % 4]++;
	verdict(good && !memcmp(seen, "\1\1\1\1", 4),
		"so many at once as there are threads");
	begin();
	describe_all(SLOW);
	memory.base[BUFFERS + 128] = 'q';
	submit(0);
	submit(2);
	verdict(answers(2) && get32(memory.base + USED + 4) == 2,
		"a quick one overtakes a slow one");
	submit(0);
	usleep(SLOW_US / 5);
	submit(0);
	verdict(!answers(4) && get(STATUS) & NEEDS_RESET,
		"one that is in flight again");
}

/* What the driver takes back it may use for something else at once. */
static void takes_back(void)
{
	bool good;

	begin();
	describe_all(SLOW);
	submit(0);
	usleep(SLOW_US / 5);
	set(STATUS, 0);
	memory.base[BUFFERS + 64] = 0x77;
	usleep(2 * SLOW_US);
	good = memory.base[BUFFERS + 64] == 0x77;
	begin();
	describe_all(SLOW);
	submit(0);
	usleep(SLOW_US / 5);
	set(0x044, 0);
	memory.base[BUFFERS + 64] = 0x77;
	usleep(2 * SLOW_US);
	verdict(good && memory.base[BUFFERS + 64] == 0x77,
		"a reset ends what is in flight");
	verdict(works(), "and then it works");
}

static void stops(const char *what)
{
	submit(0);
	verdict(!answers(1) && get(STATUS) & NEEDS_RESET && !get(0x044) &&
		get(0x060) & 2, what);
}

static void hostile(void)
{
	begin();
	describe(0, BUFFERS, 4, 1, 0);
	stops("a chain that bites its tail");
	begin();
	describe(0, BUFFERS, 4, 1, 8);
	stops("a chain that leaves the table");
	begin();
	describe(0, RAM - 2, 4, 1, 1);
	describe(1, BUFFERS, 4, 2, 0);
	stops("a buffer that leaves RAM");
	begin();
	describe(0, UINT64_MAX - 1, 4, 1, 1);
	describe(1, BUFFERS, 4, 2, 0);
	stops("a buffer that wraps");
	begin();
	describe(0, BUFFERS, 4, 3, 1);
	describe(1, BUFFERS, 4, 0, 0);
	stops("given behind wanted");
	begin();
	put16(memory.base + AVAILABLE + 4, 200);
	submit(200);
	verdict(!answers(1), "a head that is none");
	begin();
	set(0x044, 0);
	set(0x038, 7);
	set(0x044, 1);
	verdict(get(0x044) == 0 && get(STATUS) & NEEDS_RESET,
		"a ring of seven");
	begin();
	set(0x044, 0);
	set(0x0a4, 0xffff);
	set(0x044, 1);
	submit(0);
	verdict(!answers(1), "a ring that is not in RAM");
	begin();
	set(0x038, 0);
	describe(0, BUFFERS, 4, 1, 1);
	describe(1, BUFFERS, 4, 2, 0);
	submit(0);
	verdict(answers(1), "a ring that loses its size in use");
	begin();
	set(0x090, AVAILABLE + 1);
	set(0x0a0, USED + 2);
	describe(0, BUFFERS, 4, 1, 1);
	describe(1, BUFFERS, 4, 2, 0);
	submit(0);
	verdict(answers(1), "a ring that moves in use");
	verdict(works(), "and after a reset all is well");
}

/* Everything at random: it may stop, it may not touch what is not RAM. */
static void random_drivers(unsigned rounds)
{
	unsigned i, k;
	uint8_t *p = memory.base + DESCRIPTORS;

	srandom(20261121);
	for (i = 0; i < rounds; i++) {
		if (i % 50 == 0 && !works())
			break;
		begin();
		for (k = 0; k < 8 * 16; k++)
			if (random() % 3 == 0)
				p[k] = (uint8_t)random();
		for (k = 0; k < 8; k++)
			describe(k, (uint64_t)random() % (RAM + RAM / 8),
				(uint32_t)random() % 40,
				(unsigned)random() & 3, random() % 9);
		if (random() % 4 == 0)
			set(0x080 + 4 * (random() % 10), (uint32_t)random());
		for (k = random() % 12; k > 0; k--)
			submit((unsigned)random() % 9);
		set(STATUS, 0);
	}
	verdict(i == rounds && works() && atomic_load(&n_told) > 20, "random drivers");
}

/*
 * It dies at any moment, and another one goes on: each request has its answer
 * once.  The last of all tells whether one more was given for one of them.
 */
static void deaths(unsigned rounds)
{
	unsigned i, k, used = 0;
	bool good = true;

	begin_with(rounds % 2 ? (uint32_t)VIRTIO_F_EVENT_IDX : 0);
	describe_all(UNEVEN);
	for (i = 0; i < rounds && good; i++) {
		for (k = 0; k < 1 + i % 4; k++, used++)
			submit(2 * k);
		if (i % 3)
			usleep((unsigned)random() % 300);
		end_process();
		good = start_process() && answers(used & 0xffff);
	}
	verdict(good, "it dies again and again");
	submit(0);
	verdict(answers((used + 1) & 0xffff) && get(0x060) & 1 && good,
		"nothing is answered twice");
	set(0x064, 1);
	verdict(get(0x060) == 1, "an acknowledgement that may be a second one");
	set(0x064, 1);
	verdict(get(0x060) == 0, "and one that is not");
}

/* Random, but that what is a bool is one. */
static void spoil(struct virtio_state *state, unsigned seed)
{
	unsigned i;

	for (i = 0; i < sizeof(*state); i++)
		((uint8_t *)state)[i] = (uint8_t)random();
	for (i = 0; i < VIRTIO_QUEUES; i++)
		state->rings[i].ready = seed & 1;
}

/* Whatever a device left behind. */
static void garbage(unsigned rounds)
{
	bool good = true;
	unsigned i;
	void *state;

	vmapi_ram_pointer(state_ram, &state);
	for (i = 0; i < rounds && good; i++) {
		end_process();
		spoil(state, i);
		good = start_process() && get(0) == 0x74726976;
	}
	verdict(good && works(), "a state of garbage");
}

static bool make_ram(struct vmapi *ctx, uint64_t bytes, struct vmapi_ram **ram)
{
	struct vmapi_ram_config config = { .size = sizeof(config),
		.kind = VMAPI_RAM_MEMFD, .bytes = bytes };

	return vmapi_ram_create(ctx, &config, ram) == 0;
}

static bool make(struct vmapi **ctx, struct vmapi_vm **vm)
{
	struct vmapi_vm_config config = { .size = sizeof(config),
		.irqchip = VMAPI_IRQCHIP_FULL };
	void *base;

	slot_init(&slot, SLOT_DISK);
	virtio_init(&v);
	if (vmapi_open("soft", 0, ctx) || vmapi_vm_create(*ctx, &config, vm) ||
		!make_ram(*ctx, RAM, &memory_ram) ||
		!make_ram(*ctx, 64 * KIB, &state_ram) ||
		vmapi_ram_pointer(memory_ram, &base) || slot_open(&slot))
		return false;
	memory_init(&memory, base, RAM);
	v.kind = &kind;
	v.memory = &memory;
	v.written = wrote;
	v.kick_fds[0] = slot.kick_fds[0];
	v.irq_fd = slot.irq_fd;
	return slot_attach(&slot, *vm, &v, NULL) == 0 && virtio_start(&v) == 0;
}

static void all(unsigned rounds)
{
	identity();
	requests();
	quiet();
	events();
	together();
	takes_back();
	hostile();
	random_drivers(rounds);
}

int main(int argc, char **argv)
{
	const struct server_kind server = { take, NULL, &v };
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 5000;
	struct vmapi_vm *vm = NULL;
	struct vmapi *ctx = NULL;

	if (argc > 1 && strcmp(argv[1], SERVE) == 0)
		return server_run(&server);
	verdict(make(&ctx, &vm), "a device");
	if (n_bad == 0)
		all(rounds);
	virtio_stop(&v);
	is_process = true;
	atomic_store(&n_told, 0);
	verdict(n_bad == 0 && start_process(), "a device");
	if (n_bad == 0) {
		all(rounds / 10);
		deaths(200);
		deaths(101);
		garbage(50);
		end_process();
	}
	verdict(!atomic_load(&is_told_wrong), "it tells of RAM only");
	slot_detach(&slot);
	vmapi_ram_destroy(state_ram);
	vmapi_ram_destroy(memory_ram);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	printf("1..%d\n", n_cases);
	return n_bad != 0;
}
