/* SPDX-License-Identifier: MIT */
/* RAM that is written while its guest changes it. */
/*
 * Two vcpus go round and round over pages of theirs, changing each: into one
 * goes a checksum of all that they find, another is a page of zeros every
 * other time. They count their steps. Meanwhile their VM is saved into a pipe
 * whose reader takes no more before every vcpu has gone on by some steps: so
 * nothing is written while they stand. In another VM they go on, and their
 * sums are those of a model that made as many rounds.
 *
 * A third thread looks at a count again and again: the longest time in which it
 * did not change, while pages come, is the pause as a guest sees it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/stream.h"
#include "tests/api/worker.h"

#define VCPUS	2u
#define BASE	0x400000u /* where the big object is */
#define BYTES	0x400000u /* its length */
#define PART	0x100000u /* of a vcpu: a page of counts, then its pages */
#define PAGES	100u
#define FLICKER 0x200000u /* from a page to the one that is zero at times */
#define ASIDE	0xc00000u /* where somebody else commits */
#define NOTE	0x1f0000u /* in the object: what the application writes */
#define LIMIT	20.0	  /* seconds that a step may take */

/*
 * 32 bits, flat; EDI the part, ESI the pages, EBP the rounds, EAX the sum:
 * round:	lea edx,[edi+0x1000]; mov ecx,esi
 * page:	rol eax,5; add eax,[edx]; xor eax,edx; mov [edx],eax
 *	add eax,[edx+FLICKER]; xor dword [edx+FLICKER],1; inc dword [edi]
 *	add edx,0x1000; dec ecx; jnz page
 *	inc ebp; cmp dword [edi+4],0; je round; out 0x11,eax; hlt
 */
static const uint8_t code[] = { 0x8d, 0x97, 0x00, 0x10, 0x00, 0x00, 0x89, 0xf1,
	0xc1, 0xc0, 0x05, 0x03, 0x02, 0x31, 0xd0, 0x89, 0x02,
	0x03, 0x82, 0x00, 0x00, 0x20, 0x00,
	0x83, 0xb2, 0x00, 0x00, 0x20, 0x00, 0x01, 0xff, 0x07,
	0x81, 0xc2, 0x00, 0x10, 0x00, 0x00, 0x49, 0x75, 0xdf,
	0x45, 0x83, 0x7f, 0x04, 0x00, 0x74, 0xd0, 0xe7, 0x11, 0xf4 };

/* What EAX is after so many rounds. */
static uint32_t model(unsigned vcpu, uint32_t rounds)
{
	uint32_t page[PAGES] = { 0 }, flicker = 0, eax = 0, n, i;

	for (n = 0; n < rounds; n++, flicker ^= 1)
		for (i = 0; i < PAGES; i++) {
			eax = (eax << 5 | eax >> 27) + page[i];
			eax ^= BASE + vcpu * PART + 0x1000 * (i + 1);
			page[i] = eax;
			eax += flicker;
		}
	return eax;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* -- A machine ---------------------------------------------------------- */

struct busy {
	struct machine m;
	struct vmapi_ram *ram;
	uint8_t *memory;
	struct vmapi_vcpu *vcpus[VCPUS];
	pthread_t threads[VCPUS];
	unsigned flags; /* of the object's entry */
	atomic_bool over;
	atomic_uint chunks; /* of the stream, that came */
	atomic_uint failures; /* vcpus that did not come to their end, */
	atomic_bool overrun;  /* since the kernel lost dirty pages */
};

static void give_part(struct vmapi_vcpu *vcpu, unsigned index)
{
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_RAX, .value = 0 },
		{ .tag = VMAPI_X86_RBP, .value = 0 },
		{ .tag = VMAPI_X86_RDI, .value = BASE + index * PART },
		{ .tag = VMAPI_X86_RSI, .value = PAGES },
	};

	api_flat(vcpu, API_CODE);
	EQUAL(vmapi_regs_set(vcpu, regs, sizeof(regs) / sizeof(regs[0]), NULL,
		0), 0);
}

static struct vmapi_map_entry piece(const struct busy *b, uint64_t gpa,
	uint64_t offset, uint64_t bytes)
{
	return (struct vmapi_map_entry){ .size = sizeof(struct vmapi_map_entry),
		.flags = b->flags, .gpa = gpa, .bytes = bytes, .ram = b->ram,
		.offset = offset };
}

/* In one commit: all of the object, and a piece of it elsewhere, anew. */
static void map_big(struct busy *b, uint64_t offset)
{
	struct vmapi_map_entry big = piece(b, BASE, 0, BYTES);
	struct vmapi_map_entry aside = piece(b, ASIDE, offset, 0x10000);
	struct vmapi_map *map;

	EQUAL(vmapi_map_begin(b->m.vm, &map), 0);
	if (offset) {
		EQUAL(vmapi_map_remove(map, b->m.as, BASE, BYTES), 0);
		EQUAL(vmapi_map_remove(map, b->m.as, ASIDE, aside.bytes), 0);
	}
	EQUAL(vmapi_map_add(map, b->m.as, &big), 0);
	EQUAL(vmapi_map_add(map, b->m.as, &aside), 0);
	EQUAL(vmapi_map_commit(map), 0);
}

static void build(struct busy *b, const char *backend, unsigned log)
{
	struct vmapi_vm_config vc = { .size = sizeof(vc), .dirty = log,
		.dirty_ring = log == VMAPI_DIRTY_RING ? 65536 : 0 };
	struct vmapi_ram_config rc = { .size = sizeof(rc), .bytes = BYTES,
		.name = "big" };
	struct vmapi_vcpu_config c = { .size = sizeof(c) };
	void *memory = NULL;
	unsigned i;

	twin(&b->m, backend, &vc);
	EQUAL(vmapi_ram_create(b->m.ctx, &rc, &b->ram), 0);
	EQUAL(vmapi_ram_pointer(b->ram, &memory), 0);
	b->memory = memory;
	map_big(b, 0);
	for (i = 0; i < VCPUS; i++) {
		b->vcpus[i] = b->m.vcpu;
		c.id = i;
		if (i)
			EQUAL(vmapi_vcpu_create(b->m.vm, &c, &b->vcpus[i]), 0);
		give_part(b->vcpus[i], i);
	}
}

/* Code, and contents where the guest leaves them alone. */
static void fill(struct busy *b)
{
	EQUAL(vmapi_as_write(b->m.as, API_CODE, code, sizeof(code)), 0);
	memset(b->memory + 0x180000, 0xa5, 0x60000);
	memset(b->memory + 0x380000, 0x5a, 0x80000);
}

static void tear_down(struct busy *b)
{
	unsigned i;

	for (i = 1; i < VCPUS; i++)
		vmapi_vcpu_destroy(b->vcpus[i]);
	vmapi_ram_destroy(b->ram);
	api_machine_free(&b->m);
}

struct one {
	struct busy *b;
	unsigned index;
};

static void *run_one(void *opaque)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct one *one = opaque;
	int err = vmapi_vcpu_run(one->b->vcpus[one->index], &exit);

	if (err == -EOVERFLOW)
		atomic_store(&one->b->overrun, true);
	if (err || exit.reason != VMAPI_EXIT_IO)
		atomic_fetch_add(&one->b->failures, 1);
	free(one);
	return NULL;
}

static void start(struct busy *b)
{
	unsigned i;

	for (i = 0; i < VCPUS; i++) {
		struct one *one = malloc(sizeof(*one));

		*one = (struct one){ b, i };
		pthread_create(&b->threads[i], NULL, run_one, one);
	}
}

static uint32_t steps(const struct busy *b, unsigned i)
{
	uint32_t raw = atomic_load(
		(_Atomic(uint32_t) *)(b->memory + i * PART));
	uint8_t bytes[4];

	memcpy(bytes, &raw, sizeof(raw));
	return (uint32_t)stream_get(bytes, 4);
}

/* Every vcpu makes n steps more; false: not in time. */
static bool goes_on(const struct busy *b, uint32_t n)
{
	double until = now() + LIMIT;
	uint32_t begun[VCPUS];
	unsigned i;

	for (i = 0; i < VCPUS; i++)
		begun[i] = steps(b, i);
	for (i = 0; i < VCPUS; i++)
		while (steps(b, i) - begun[i] < n) {
			if (now() > until || atomic_load(&b->failures))
				return false;
			usleep(20);
		}
	return true;
}

static void stop(struct busy *b)
{
	static const uint8_t one[4] = { 1 };
	unsigned i;

	for (i = 0; i < VCPUS; i++)
		EQUAL(vmapi_as_write(b->m.as, BASE + i * PART + 4, one, 4), 0);
	for (i = 0; i < VCPUS; i++)
		pthread_join(b->threads[i], NULL);
}

/* All of its sums are what they should be after two rounds more. */
static void finish(struct busy *b)
{
	bool good = goes_on(b, 2 * PAGES);
	unsigned i;

	stop(b);
	if (atomic_load(&b->overrun))
		return;
	CHECK(good);
	for (i = 0; i < VCPUS; i++) {
		uint32_t rounds = (uint32_t)api_get(
			b->vcpus[i], VMAPI_X86_RBP);

		CHECK(rounds > 2);
		EQUAL((int64_t)(api_get(b->vcpus[i], VMAPI_X86_RAX) &
			UINT32_MAX), model(i, rounds));
	}
	EQUAL(atomic_load(&b->failures), 0);
}

/* -- Who reads the stream ----------------------------------------------- */

struct drain {
	struct busy *b;
	int fd;
	struct stream s;
	bool stood; /* a vcpu did not go on */
};

static void keep(struct stream *s, const uint8_t *bytes, size_t n)
{
	if (s->n + n > s->room) {
		s->room = 2 * (s->n + n);
		s->bytes = realloc(s->bytes, s->room);
	}
	memcpy(s->bytes + s->n, bytes, n);
	s->n += n;
}

/* The guest is in no hurry: a page costs it a fault now and then. */
static void *read_slowly(void *opaque)
{
	static uint8_t bytes[65536];
	struct drain *d = opaque;
	ssize_t n;

	while ((n = read(d->fd, bytes, sizeof(bytes))) > 0) {
		keep(&d->s, bytes, (size_t)n);
		atomic_fetch_add(&d->b->chunks, 1);
		if (!d->stood && !goes_on(d->b, 20))
			d->stood = true;
	}
	return NULL;
}

/* -- Who looks at the counts -------------------------------------------- */

struct sampled {
	double longest; /* between the first page and the last chunk */
	double since;	/* the last chunk */
	unsigned chunks;
};

static void note(struct sampled *s, double stood, unsigned chunks)
{
	if (stood > s->since)
		s->since = stood;
	if (chunks == s->chunks)
		return;
	if (s->chunks > 1 && s->since > s->longest)
		s->longest = s->since;
	s->since = 0;
	s->chunks = chunks;
}

static void *sample(void *opaque)
{
	static struct sampled s;
	struct busy *b = opaque;
	uint32_t seen = steps(b, 0);
	double at = now();

	memset(&s, 0, sizeof(s));
	while (!atomic_load(&b->over)) {
		uint32_t is = steps(b, 0);
		double t = now();

		if (is != seen) {
			note(&s, t - at, atomic_load(&b->chunks));
			seen = is;
			at = t;
		}
		usleep(50);
	}
	return &s.longest;
}

/* -- Others who do as they like ----------------------------------------- */

/* Memory comes anew and moves elsewhere, and its log is read. */
static void *meddle(void *opaque)
{
	struct busy *b = opaque;
	struct vmapi_dirty_run runs[4];
	struct vmapi_dirty d = { .size = sizeof(d), .runs = runs };
	unsigned n;

	for (n = 1; !atomic_load(&b->over); n++) {
		if (n <= 3) /* some kernels take a second for each slot */
			map_big(b, n * 0x1000);
		d.offset = 0;
		d.bytes = BYTES;
		d.n_runs = 4;
		d.max_pages = 7;
		EQUAL(vmapi_dirty_read(b->ram, &d), 0);
		usleep(2000);
	}
	return NULL;
}

/* A device comes to rest, which is the last that is written. */
static int rest(void *opaque)
{
	struct busy *b = opaque;
	static const uint8_t note[] = "at rest";

	memcpy(b->memory + NOTE, note, sizeof(note));
	return vmapi_ram_written(b->ram, NOTE, sizeof(note));
}

/* -- One save ----------------------------------------------------------- */

struct story {
	struct vmapi_save_report report;
	double seconds, seen; /* the whole, the pause as the guest's */
	struct stream s;
	int err;
};

static void save(struct busy *b, const struct vmapi_state_config *config,
	struct story *story)
{
	struct vmapi_state_config c = *config;
	pthread_t reader, sampler;
	struct drain d = { .b = b };
	void *seen = NULL;
	int fds[2];

	story->report.size = sizeof(story->report);
	c.report = &story->report;
	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	d.fd = fds[0];
	pthread_create(&reader, NULL, read_slowly, &d);
	pthread_create(&sampler, NULL, sample, b);
	story->seconds = now();
	story->err = vmapi_vm_save(b->m.vm, fds[1], &c);
	story->seconds = now() - story->seconds;
	atomic_store(&b->over, true);
	close(fds[1]);
	pthread_join(sampler, &seen);
	pthread_join(reader, NULL);
	close(fds[0]);
	story->seen = *(double *)seen;
	story->s = d.s;
	CHECK(!d.stood || atomic_load(&b->overrun));
}

/* Nobody is told that memory was logged for it. */
static void check_flags(struct busy *b)
{
	struct vmapi_map_entry e[4] = { { .size = sizeof(e[0]) } };
	size_t n = 0, i;

	EQUAL(vmapi_as_entries(b->m.as, e, 4, &n), 0);
	for (i = 0; i < n && i < 4; i++)
		EQUAL(e[i].flags, e[i].gpa >= BASE ? b->flags : 0);
}

static void restored(struct busy *from, const struct story *story)
{
	struct busy b = { .flags = from->flags };

	build(&b, from->m.backend, VMAPI_DIRTY_AUTO);
	EQUAL(stream_restore(&story->s, story->s.n, b.m.vm, NULL), 0);
	CHECK(steps(&b, 0) > 0 && steps(&b, 1) > 0);
	CHECK(!strcmp((char *)b.memory + NOTE, "at rest"));
	CHECK(!memcmp(b.memory + 0x380000, from->memory + 0x380000, 0x80000));
	start(&b);
	finish(&b);
	tear_down(&b);
}

static const char *const kinds[] = { "as it likes", "bitmap", "clear",
	"ring" };

static void save_once(const char *backend, unsigned kind, unsigned flags,
	bool is_meddled)
{
	struct busy b = { .flags = flags };
	struct vmapi_state_config c = { .size = sizeof(c),
		.flags = VMAPI_SAVE_RUNNING, .check = rest, .opaque = &b,
		.pause_bytes = 2 << 20 };
	struct story story = { .err = 0 };
	pthread_t other;

	build(&b, backend, kind);
	fill(&b);
	start(&b);
	CHECK(goes_on(&b, 3 * PAGES));
	if (is_meddled)
		pthread_create(&other, NULL, meddle, &b);
	save(&b, &c, &story);
	if (is_meddled)
		pthread_join(other, NULL);
	finish(&b);
	check_flags(&b);
	if (story.err == -EOVERFLOW || atomic_load(&b.overrun)) {
		api_skip("the kernel went round its ring of dirty pages");
	} else {
		EQUAL(story.err, 0);
		printf("%s, log %s%s: %.0f ms, %zu KiB, %u round(s), then %llu "
			"KiB in a pause of %.2f ms (%.2f ms by the guest)\n",
			backend, kinds[kind], is_meddled ? ", meddled with" : "",
			story.seconds * 1e3, story.s.n >> 10,
			story.report.rounds,
			(unsigned long long)story.report.last_bytes >> 10,
			(double)story.report.pause_ns / 1e6,
			story.seen * 1e3);
		fflush(stdout);
		CHECK(story.report.rounds > 0);
		CHECK(story.report.last_bytes <= c.pause_bytes);
		restored(&b, &story);
	}
	stream_free(&story.s);
	tear_down(&b);
}

/* -- The cases ---------------------------------------------------------- */

static void all_logs(struct machine *m)
{
	int64_t logs = api_cap(m, VMAPI_CAP_DIRTY_LOG);
	unsigned kind;

	for (kind = VMAPI_DIRTY_AUTO; kind <= VMAPI_DIRTY_RING; kind++)
		if (logs >> kind & 1 && (kind || logs == 1))
			save_once(m->backend, kind, 0, false);
}

static void meddled(struct machine *m)
{
	save_once(m->backend, VMAPI_DIRTY_AUTO, VMAPI_MAP_LOG, true);
	save_once(m->backend, VMAPI_DIRTY_AUTO, 0, true);
}

/* It changes more than it may: it goes on, and there is no stream. */
static void too_busy(struct machine *m)
{
	struct busy b = { .flags = 0 };
	struct vmapi_state_config c = { .size = sizeof(c),
		.flags = VMAPI_SAVE_RUNNING, .pause_bytes = 0x10000,
		.rounds = 2 };
	struct story story = { .err = 0 };

	build(&b, m->backend, VMAPI_DIRTY_AUTO);
	fill(&b);
	start(&b);
	CHECK(goes_on(&b, PAGES));
	save(&b, &c, &story);
	EQUAL(story.err, -EAGAIN);
	CHECK(strstr(vmapi_error_last()->message, "last round"));
	finish(&b);
	check_flags(&b);
	stream_free(&story.s);
	tear_down(&b);
}

/* Without a bound it is stopped after the rounds, whatever is left. */
static void unbounded(struct machine *m)
{
	struct vmapi_state_config c = { .size = sizeof(c),
		.flags = VMAPI_SAVE_RUNNING };
	struct busy b = { .flags = 0 };
	struct stream s;

	build(&b, m->backend, VMAPI_DIRTY_AUTO);
	fill(&b);
	start(&b);
	CHECK(goes_on(&b, PAGES));
	stream_save(&s, b.m.vm, &c);
	finish(&b);
	stream_free(&s);
	tear_down(&b);
	c.rounds = 64;
	EQUAL(vmapi_vm_save(m->vm, -1, &c), -EINVAL);
	c = (struct vmapi_state_config){ .size = sizeof(c), .rounds = 1 };
	EQUAL(vmapi_vm_save(m->vm, -1, &c), -EINVAL);
}

int main(void)
{
	static const struct api_case cases[] = {
		{ "every kind of log", all_logs },
		{ "others commit and read the log", meddled },
		{ "a guest that is too busy", too_busy },
		{ "no bound", unbounded },
	};

	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
