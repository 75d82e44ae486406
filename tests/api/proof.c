/* SPDX-License-Identifier: MIT */
/* The proof of the memory map: no page and no store is lost under commits. */
/*
 * Two vcpus add one to a word of each page of a window, round and round,
 * without pause. Meanwhile commits replace, split, merge and move what the
 * window shows, a second thread commits elsewhere, and a third reads the
 * dirty log. Whatever page is told as dirty, by a read or by a commit, is
 * copied to a second copy of the RAM object. Now and then the vcpus are
 * stopped, the log is read a last time, and the accounts are made up:
 *
 *  - the copy is equal to the memory: no dirty page was lost;
 *  - the sum of all words is what the vcpus counted in a register: every
 *    store reached the memory, once;
 *  - no access left the guest: nobody saw a hole.
 *
 * The same in naive mode, as one would do it with the kernel's calls alone
 * (read the log of what is to go, delete it, create what shall be there
 * instead), has to lose pages and to see holes. It shows that the harness
 * can see both.
 *
 * A kernel that goes round its rings (some of those in software do, when they
 * are late) is found out by the library; then nothing can be proved.
 *
 * usage: proof [seconds], of all backends and kinds of log together.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "tests/api/api.h"

#define WINDOW	0x400000u /* where the window is */
#define SHOWN	64u	  /* pages of it */
#define PAGES	256u	  /* pages of the object */
#define ASIDE	0x800000u /* where the second thread commits */
#define VCPUS	2u
#define PIECES	8u

/*
 * 32 bits, flat; EDI the window, EBX the word, ECX the pages, ESI counts:
 * start: mov edx,ecx; mov eax,edi; loop: inc dword [eax+ebx];
 * add eax,0x1000; inc esi; dec edx; jnz loop; jmp start
 */
static const uint8_t code[] = { 0x89, 0xca, 0x89, 0xf8, 0xff, 0x04, 0x18,
	0x05, 0x00, 0x10, 0x00, 0x00, 0x46, 0x4a, 0x75, 0xf4, 0xeb, 0xee };
#define AFTER_STORE 7u	/* the store is done, */
#define AT_COUNT    12u /* ... and not counted */

struct runner {
	struct proof *proof;
	struct vmapi_vcpu *vcpu;
	pthread_t thread;
	unsigned index;
	uint32_t counted; /* at the last stop */
};

struct proof {
	struct machine m;
	struct vmapi_ram *ram;
	uint8_t *memory, *copy;
	bool naive;
	unsigned seed;
	struct runner runners[VCPUS];
	pthread_t reader, aside;
	pthread_barrier_t barrier; /* the vcpus' threads and the committer */
	pthread_mutex_t copy_lock; /* whoever copies later has later bytes */
	atomic_bool over;
	atomic_bool failed;  /* a vcpu does not run any more */
	atomic_bool overrun; /* the kernel lost what it logged, and says so */
	atomic_uint strays;
	/* Counted for the line at the end. */
	atomic_ulong told, commits;
	unsigned long lost, miscounted;
	uint64_t stores;
};

static unsigned draw(struct proof *p, unsigned n)
{
	p->seed = p->seed * 1103515245u + 12345u;
	return (p->seed >> 8) % n;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void good(struct proof *p, int err, int line)
{
	if (err == -EOVERFLOW)
		atomic_store(&p->overrun, true);
	else
		api_equal(err, 0, __FILE__, line);
}

#define GOOD(p, err) good(p, err, __LINE__)

/* -- The second copy ---------------------------------------------------- */

static void follow(struct proof *p, uint64_t offset, uint64_t bytes)
{
	memcpy(p->copy + offset, p->memory + offset, (size_t)bytes);
	atomic_fetch_add(&p->told, bytes / API_PAGE);
}

/* Read a range whole, by pieces of a few pages. */
static void read_range(struct proof *p, uint64_t offset, uint64_t bytes,
	uint64_t most)
{
	struct vmapi_dirty_run runs[PIECES];
	struct vmapi_dirty d = { .size = sizeof(d), .offset = offset,
		.bytes = bytes, .max_pages = most, .runs = runs };
	size_t i;

	while (d.bytes && !atomic_load(&p->overrun)) {
		d.n_runs = PIECES;
		pthread_mutex_lock(&p->copy_lock);
		GOOD(p, vmapi_dirty_read(p->ram, &d));
		for (i = 0; i < d.n_runs && !atomic_load(&p->overrun); i++)
			follow(p, runs[i].offset, runs[i].bytes);
		pthread_mutex_unlock(&p->copy_lock);
	}
}

static void *read_on(void *arg)
{
	struct proof *p = arg;
	unsigned seed = 7;

	while (!atomic_load(&p->over)) {
		unsigned first, n;

		seed = seed * 1103515245u + 12345u;
		first = (seed >> 8) % PAGES;
		n = 1 + (seed >> 20) % (PAGES - first);
		read_range(p, first * API_PAGE, n * API_PAGE, seed & 15);
		usleep(500);
	}
	return NULL;
}

/* -- Commits ------------------------------------------------------------ */

static struct vmapi_map *begin(struct proof *p)
{
	struct vmapi_map *map = NULL;

	EQUAL(vmapi_map_begin(p->m.vm, &map), 0);
	return map;
}

static struct vmapi_map_entry piece(struct proof *p, unsigned first,
	unsigned n)
{
	struct vmapi_map_entry e = { .size = sizeof(e),
		.gpa = WINDOW + first * API_PAGE,
		.bytes = n * API_PAGE,
		.ram = p->ram,
		.offset = draw(p, PAGES - n + 1) * API_PAGE,
		.flags = VMAPI_MAP_LOG };

	return e;
}

static void follow_retired(struct proof *p, struct vmapi_retired *retired)
{
	struct vmapi_retired_run runs[PAGES] = { { .size = sizeof(runs[0]) } };
	size_t n = 0, i;

	EQUAL(vmapi_retired_runs(retired, runs, PAGES, &n), 0);
	CHECK(n <= PAGES);
	pthread_mutex_lock(&p->copy_lock);
	for (i = 0; i < n; i++)
		follow(p, runs[i].offset, runs[i].bytes);
	pthread_mutex_unlock(&p->copy_lock);
	vmapi_retired_destroy(retired);
}

static void commit(struct proof *p, struct vmapi_map *map)
{
	struct vmapi_retired *retired = NULL;

	atomic_fetch_add(&p->commits, 1);
	if (draw(p, 2)) {
		GOOD(p, vmapi_map_commit(map));
		return;
	}
	GOOD(p, vmapi_map_commit_log(map, &retired));
	if (retired)
		follow_retired(p, retired);
}

/* All of the address space anew, the window in pieces of any size. */
static void replace(struct proof *p)
{
	struct vmapi_map_entry e[PIECES + 2];
	struct vmapi_map *map = begin(p);
	unsigned n = 0, at = 0, pages;

	e[n++] = (struct vmapi_map_entry){ .size = sizeof(e[0]),
		.bytes = API_RAM, .ram = p->m.ram };
	while (at < SHOWN) {
		pages = 1 + draw(p, SHOWN - at);
		if (n == PIECES + 1)
			pages = SHOWN - at;
		e[n++] = piece(p, at, pages);
		at += pages;
	}
	EQUAL(vmapi_map_replace(map, p->m.as, e, n), 0);
	commit(p, map);
}

/* A part of the window shows something else: entries are split, or merge. */
static void move(struct proof *p)
{
	unsigned first = draw(p, SHOWN), n = 1 + draw(p, SHOWN - first);
	struct vmapi_map_entry e = piece(p, draw(p, 8) ? first : 0,
		draw(p, 8) ? n : SHOWN - first);
	struct vmapi_map *map = begin(p);

	if (e.gpa + e.bytes > WINDOW + SHOWN * API_PAGE)
		e.bytes = WINDOW + SHOWN * API_PAGE - e.gpa;
	EQUAL(vmapi_map_remove(map, p->m.as, e.gpa, e.bytes), 0);
	EQUAL(vmapi_map_add(map, p->m.as, &e), 0);
	commit(p, map);
}

/* Read the log, delete, create: what is dirty in between goes with the slot. */
static void move_naively(struct proof *p)
{
	struct vmapi_map_entry e = piece(p, draw(p, SHOWN / 2), SHOWN / 2);
	struct vmapi_retired *retired = NULL;
	struct vmapi_map *map = begin(p);

	read_range(p, 0, PAGES * API_PAGE, 0);
	EQUAL(vmapi_map_remove(map, p->m.as, e.gpa, e.bytes), 0);
	EQUAL(vmapi_map_commit_log(map, &retired), 0);
	vmapi_retired_destroy(retired);
	map = begin(p);
	EQUAL(vmapi_map_add(map, p->m.as, &e), 0);
	EQUAL(vmapi_map_commit(map), 0);
	atomic_fetch_add(&p->commits, 2);
}

/* Commits of a second thread, which have nothing to do with the window. */
static void *commit_aside(void *arg)
{
	struct proof *p = arg;
	struct vmapi_map_entry e = { .size = sizeof(e), .gpa = ASIDE,
		.bytes = 4 * API_PAGE, .ram = p->m.ram };

	while (!atomic_load(&p->over)) {
		struct vmapi_map *map = begin(p);

		e.flags ^= VMAPI_MAP_LOG;
		EQUAL(vmapi_map_remove(map, p->m.as, ASIDE, e.bytes), 0);
		EQUAL(vmapi_map_add(map, p->m.as, &e), 0);
		GOOD(p, vmapi_map_commit(map));
		map = begin(p);
		EQUAL(vmapi_map_remove(map, p->m.as, ASIDE + API_PAGE,
			API_PAGE), 0);
		GOOD(p, vmapi_map_commit(map));
		atomic_fetch_add(&p->commits, 2);
		usleep(300);
	}
	return NULL;
}

/* -- Vcpus -------------------------------------------------------------- */

/* An exit that nobody asked for: let it go on, with zeros. */
static void stray(struct runner *r, const struct vmapi_exit *exit)
{
	static const uint8_t zeros[8];

	atomic_fetch_add(&r->proof->strays, 1);
	if (exit->flags & VMAPI_EXIT_ANSWER)
		EQUAL(vmapi_vcpu_complete(r->vcpu, zeros,
			exit->u.mmio.length), 0);
}

/* Run; at a kick wait until the accounts are made up. */
static void *run_on(void *arg)
{
	struct runner *r = arg;
	struct vmapi_exit exit = { .size = sizeof(exit) };

	while (!atomic_load(&r->proof->over)) {
		int err = vmapi_vcpu_run(r->vcpu, &exit);

		if (err) {
			GOOD(r->proof, err);
			atomic_store(&r->proof->failed, true);
		} else if (exit.reason != VMAPI_EXIT_KICK) {
			stray(r, &exit);
			continue;
		}
		pthread_barrier_wait(&r->proof->barrier);
		pthread_barrier_wait(&r->proof->barrier);
	}
	return NULL;
}

static void give_word(struct vmapi_vcpu *vcpu, unsigned index)
{
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_RDI, .value = WINDOW },
		{ .tag = VMAPI_X86_RBX, .value = 4 * index },
		{ .tag = VMAPI_X86_RCX, .value = SHOWN },
		{ .tag = VMAPI_X86_RSI, .value = 0 },
	};

	api_flat(vcpu, API_CODE);
	EQUAL(vmapi_regs_set(vcpu, regs, sizeof(regs) / sizeof(regs[0]), NULL,
		0), 0);
}

static void start_vcpus(struct proof *p)
{
	struct vmapi_vcpu_config c = { .size = sizeof(c) };
	unsigned i;

	for (i = 0; i < VCPUS; i++) {
		struct runner *r = &p->runners[i];

		r->proof = p;
		r->index = i;
		r->vcpu = p->m.vcpu;
		c.id = i;
		if (i)
			EQUAL(vmapi_vcpu_create(p->m.vm, &c, &r->vcpu), 0);
		give_word(r->vcpu, i);
		pthread_create(&r->thread, NULL, run_on, r);
	}
}

/* -- The accounts ------------------------------------------------------- */

static uint32_t word(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
		(uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void count_stores(struct proof *p, struct runner *r)
{
	uint32_t sum = 0, count = (uint32_t)api_get(r->vcpu, VMAPI_X86_RSI);
	uint64_t rip = api_get(r->vcpu, VMAPI_X86_RIP) - API_CODE;
	unsigned i;

	p->stores += (uint32_t)(count - r->counted);
	r->counted = count;
	if (rip == AFTER_STORE || rip == AT_COUNT)
		count++;
	for (i = 0; i < PAGES; i++)
		sum += word(p->memory + i * API_PAGE + 4 * r->index);
	if (sum != count)
		p->miscounted++;
}

static void make_up(struct proof *p)
{
	unsigned i;

	read_range(p, 0, PAGES * API_PAGE, 0);
	pthread_mutex_lock(&p->copy_lock);
	for (i = 0; i < PAGES; i++) {
		uint64_t at = i * API_PAGE;

		if (!memcmp(p->copy + at, p->memory + at, API_PAGE))
			continue;
		p->lost++;
		memcpy(p->copy + at, p->memory + at, API_PAGE);
	}
	pthread_mutex_unlock(&p->copy_lock);
	for (i = 0; i < VCPUS; i++)
		count_stores(p, &p->runners[i]);
}

/* Stop the vcpus, make up the accounts, go on unless it is over. */
static void stop_and_look(struct proof *p, bool over)
{
	unsigned i;

	for (i = 0; i < VCPUS; i++)
		EQUAL(vmapi_vcpu_kick(p->runners[i].vcpu), 0);
	pthread_barrier_wait(&p->barrier);
	make_up(p);
	if (over)
		atomic_store(&p->over, true);
	pthread_barrier_wait(&p->barrier);
}

/* -- One run ------------------------------------------------------------ */

static void open_proof(struct proof *p, const char *backend, unsigned kind)
{
	struct vmapi_ram_config ram = { .size = sizeof(ram),
		.bytes = PAGES * API_PAGE, .name = "window" };
	struct vmapi_vm_config c = { .size = sizeof(c), .dirty = kind,
		.dirty_ring = kind == VMAPI_DIRTY_RING ? 65536 : 0 };
	void *memory = NULL;

	p->m.backend = backend;
	p->seed = 1;
	api_machine(&p->m, &c);
	EQUAL(vmapi_ram_create(p->m.ctx, &ram, &p->ram), 0);
	EQUAL(vmapi_ram_pointer(p->ram, &memory), 0);
	p->memory = memory;
	p->copy = calloc(PAGES, API_PAGE);
	EQUAL(vmapi_as_write(p->m.as, API_CODE, code, sizeof(code)), 0);
	pthread_mutex_init(&p->copy_lock, NULL);
	pthread_barrier_init(&p->barrier, NULL, VCPUS + 1);
}

static void close_proof(struct proof *p)
{
	unsigned i;

	for (i = 1; i < VCPUS; i++)
		vmapi_vcpu_destroy(p->runners[i].vcpu);
	vmapi_ram_destroy(p->ram);
	api_machine_free(&p->m);
	pthread_barrier_destroy(&p->barrier);
	pthread_mutex_destroy(&p->copy_lock);
	free(p->copy);
}

static void change_for_a_while(struct proof *p)
{
	double until = now() + 0.1;

	do {
		if (p->naive)
			move_naively(p);
		else if (draw(p, 4))
			move(p);
		else
			replace(p);
	} while (now() < until);
}

/* A naive one may stop as soon as it has seen enough. */
static bool is_enough(const struct proof *p, double end)
{
	return now() >= end || atomic_load(&p->failed) ||
		atomic_load(&p->overrun) ||
		(p->naive && p->lost && atomic_load(&p->strays));
}

static void run_proof(struct proof *p, double seconds)
{
	double end = now() + seconds;
	bool over = false;
	unsigned i;

	replace(p);
	start_vcpus(p);
	pthread_create(&p->reader, NULL, read_on, p);
	pthread_create(&p->aside, NULL, commit_aside, p);
	while (!over) {
		change_for_a_while(p);
		over = is_enough(p, end);
		stop_and_look(p, over);
	}
	for (i = 0; i < VCPUS; i++)
		pthread_join(p->runners[i].thread, NULL);
	pthread_join(p->reader, NULL);
	pthread_join(p->aside, NULL);
}

static void prove(const char *backend, unsigned kind, bool naive,
	double seconds)
{
	static const char *const kinds[] = { "as it likes", "bitmap",
		"clear", "ring" };
	struct proof p = { .naive = naive };
	unsigned strays;

	open_proof(&p, backend, kind);
	run_proof(&p, seconds);
	strays = atomic_load(&p.strays);
	printf("%s, log %s%s: %lu commits, %llu stores, %lu pages told; "
		"%lu pages lost, %u stray exits, %lu sums wrong\n", backend,
		kinds[kind], naive ? ", naively" : "",
		atomic_load(&p.commits), (unsigned long long)p.stores,
		atomic_load(&p.told), p.lost, strays, p.miscounted);
	if (atomic_load(&p.overrun)) {
		api_skip("the kernel went round its ring of dirty pages");
		close_proof(&p);
		return;
	}
	if (naive) {
		CHECK(p.lost > 0 && strays > 0);
	} else {
		CHECK(p.stores > 1000 && atomic_load(&p.commits) > 10);
		CHECK(!p.lost && !strays && !p.miscounted);
	}
	fflush(stdout);
	close_proof(&p);
}

/* -- All of them -------------------------------------------------------- */

static double share; /* seconds of one run */

static void prove_all(struct machine *m)
{
	int64_t kinds = api_cap(m, VMAPI_CAP_DIRTY_LOG);
	unsigned kind;

	for (kind = VMAPI_DIRTY_AUTO; kind <= VMAPI_DIRTY_RING; kind++)
		if (kinds >> kind & 1 && (kind || kinds == 1))
			prove(m->backend, kind, false, share);
	prove(m->backend, VMAPI_DIRTY_AUTO, true, 4 * share);
}

int main(int argc, char **argv)
{
	static const struct api_case cases[] = {
		{ "proof", prove_all },
	};

	share = (argc > 1 ? atof(argv[1]) : 20) / 4;
	return api_main(cases, 1);
}
