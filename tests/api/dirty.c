/* SPDX-License-Identifier: MIT */
/* The dirty log, and the retired log of a commit, with a guest that writes. */
#include <pthread.h>
#include <unistd.h>

#include "tests/api/api.h"

#define WINDOW	0x40000u /* sixteen pages that are logged */
#define PAGES	16u
#define STORES	0x1400u /* gpas that the guest stores to, 0 at the end */

/* How a kernel may keep its log; soft knows the first alone. */
static const char *const kinds[] = { "auto", "bitmap", "clear", "ring" };
static unsigned kind_now;

static void set_flags(struct machine *m, uint64_t gpa, uint64_t bytes,
	unsigned flags)
{
	struct vmapi_map *map;

	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_set_flags(map, m->as, gpa, bytes, flags), 0);
	EQUAL(vmapi_map_commit(map), 0);
}

/* What a read gave, as text: "page+pages " in pages of 4 KiB. */
struct text {
	char s[256];
	struct vmapi_dirty d;
};

static int read_some(struct vmapi_ram *ram, struct text *t, uint64_t max)
{
	struct vmapi_dirty_run runs[32];
	size_t i, at = 0;
	int err;

	t->d.size = sizeof(t->d);
	t->d.flags = VMAPI_DIRTY_EXACT;
	t->d.max_pages = max;
	t->d.runs = runs;
	t->d.n_runs = 32;
	t->s[0] = '\0';
	err = vmapi_dirty_read(ram, &t->d);
	for (i = 0; !err && i < t->d.n_runs; i++)
		at += (size_t)snprintf(t->s + at, sizeof(t->s) - at, "%x+%x ",
			(unsigned)(runs[i].offset / API_PAGE),
			(unsigned)(runs[i].bytes / API_PAGE));
	return err;
}

/* All that is dirty in [gpa, gpa + bytes) of the machine's RAM. */
static const char *dirty(struct machine *m, uint64_t gpa, uint64_t bytes)
{
	static struct text t;

	t.d.offset = gpa;
	t.d.bytes = bytes;
	EQUAL(read_some(m->ram, &t, 0), 0);
	EQUAL((int64_t)t.d.bytes, 0);
	return t.s;
}

static void same(const char *is, const char *shall, int line)
{
	if (!strcmp(is, shall))
		return;
	api_check(false, shall, __FILE__, line);
	printf("  it is '%s'\n", is);
}

#define SAME(is, shall) same(is, shall, __LINE__)

/*
 * Store to these pages of the window, each byte one more than it was.  In a
 * segment that begins at the window:
 * mov si,STORES; next: mov bx,[si]; test bx,bx; jz end; shl bx,12;
 * inc byte es:[bx - 0x1000]; add si,2; jmp next; end: hlt
 */
static void store_to(struct machine *m, const uint8_t *pages, size_t n)
{
	static const uint8_t code[] = { 0xbe, 0x00, 0x14, 0x8b, 0x1c, 0x85,
		0xdb, 0x74, 0x0d, 0xc1, 0xe3, 0x0c, 0x26, 0xfe, 0x87, 0x00,
		0xf0, 0x83, 0xc6, 0x02, 0xeb, 0xed, 0xf4 };
	struct vmapi_x86_segment window = { .base = WINDOW, .limit = 0xffff,
		.attributes = 0x93, .selector = WINDOW >> 4 };
	struct vmapi_reg es = { .tag = VMAPI_X86_ES, .data = &window,
		.bytes = sizeof(window) };
	uint8_t table[64] = { 0 };
	struct vmapi_exit exit;
	size_t i;

	for (i = 0; i < n; i++)
		table[2 * i] = (uint8_t)(pages[i] + 1);
	EQUAL(vmapi_as_write(m->as, STORES, table, sizeof(table)), 0);
	api_load(m, code, sizeof(code));
	EQUAL(vmapi_regs_set(m->vcpu, &es, 1, NULL, 0), 0);
	dirty(m, API_CODE, API_PAGE); /* what was just put there */
	EQUAL(api_run(m, &exit), VMAPI_EXIT_HALT);
}

/* -- On every kind of log ----------------------------------------------- */

static void guest_writes_are_told(struct machine *m)
{
	static const uint8_t some[] = { 0, 3, 4, 9 }, one[] = { 3 };

	store_to(m, some, 4);
	SAME(dirty(m, 0, API_RAM), "40+1 43+2 49+1 ");
	SAME(dirty(m, 0, API_RAM), "");
	/* Each again, and none that was not written. */
	store_to(m, one, 1);
	SAME(dirty(m, 0, API_RAM), "43+1 ");
	store_to(m, some, 4);
	SAME(dirty(m, 0, API_RAM), "40+1 43+2 49+1 ");
}

static void ranges_and_counts(struct machine *m)
{
	static const uint8_t some[] = { 0, 1, 2, 5, 6, 15 };
	struct text t = { .d = { .offset = WINDOW, .bytes = 0x10000 } };

	store_to(m, some, 6);
	SAME(dirty(m, WINDOW + 0x1000, 0x1000), "41+1 ");
	/* Two at a time; the cursor goes on. */
	EQUAL(read_some(m->ram, &t, 2), 0);
	SAME(t.s, "40+1 42+1 ");
	EQUAL((int64_t)t.d.pages, 2);
	EQUAL((int64_t)t.d.offset, WINDOW + 0x3000);
	EQUAL((int64_t)t.d.bytes, 0xd000);
	EQUAL(read_some(m->ram, &t, 2), 0);
	SAME(t.s, "45+2 ");
	/* What was taken is dirty again for a later pass only. */
	store_to(m, some, 1);
	EQUAL(read_some(m->ram, &t, 2), 0);
	SAME(t.s, "4f+1 ");
	EQUAL((int64_t)t.d.bytes, 0);
	SAME(dirty(m, 0, API_RAM), "40+1 ");
}

/* Runs without room stay dirty, and the cursor stands before them. */
static void room_for_runs(struct machine *m)
{
	static const uint8_t some[] = { 1, 2, 4, 8 };
	struct vmapi_dirty_run runs[2];
	struct vmapi_dirty d = { .size = sizeof(d), .bytes = API_RAM,
		.flags = VMAPI_DIRTY_EXACT, .runs = runs, .n_runs = 2 };

	store_to(m, some, 4);
	EQUAL(vmapi_dirty_read(m->ram, &d), 0);
	EQUAL((int64_t)d.n_runs, 2);
	EQUAL((int64_t)d.pages, 3);
	EQUAL((int64_t)runs[0].bytes, 0x2000);
	EQUAL((int64_t)runs[1].offset, WINDOW + 0x4000);
	EQUAL((int64_t)d.offset, WINDOW + 0x8000);
	d.n_runs = 2;
	EQUAL(vmapi_dirty_read(m->ram, &d), 0);
	EQUAL((int64_t)d.n_runs, 1);
	EQUAL((int64_t)runs[0].offset, WINDOW + 0x8000);
	EQUAL((int64_t)d.bytes, 0);
}

static void callers_bitmap(struct machine *m)
{
	static const uint8_t some[] = { 0, 9 };
	uint8_t bits[API_RAM / API_PAGE / 8] = { 0x80 };
	struct vmapi_dirty d = { .size = sizeof(d), .bytes = API_RAM,
		.flags = VMAPI_DIRTY_EXACT, .bitmap = bits };

	store_to(m, some, 2);
	EQUAL(vmapi_dirty_read(m->ram, &d), 0);
	EQUAL((int64_t)d.pages, 2);
	EQUAL((int64_t)d.n_runs, 0);
	EQUAL(bits[0], 0x80);
	EQUAL(bits[8], 1);
	EQUAL(bits[9], 2);
	SAME(dirty(m, 0, API_RAM), "");
}

static void *run_until_kicked(void *arg)
{
	struct machine *m = arg;
	struct vmapi_exit exit;

	EQUAL(api_run(m, &exit), VMAPI_EXIT_KICK);
	return NULL;
}

/* A guest that never leaves, and a page that it never stops to write. */
static void running_guest(struct machine *m)
{
	/* next: inc byte es:[0]; jmp next */
	static const uint8_t loop[] = { 0x26, 0xfe, 0x06, 0x00, 0x00, 0xeb,
		0xf9 };
	struct vmapi_x86_segment es = { .base = WINDOW, .limit = 0xffff,
		.attributes = 0x93, .selector = WINDOW >> 4 };
	struct vmapi_reg reg = { .tag = VMAPI_X86_ES, .data = &es,
		.bytes = sizeof(es) };
	unsigned told = 0, turns;
	pthread_t thread;

	if (kind_now == VMAPI_DIRTY_RING && api_cap(m, VMAPI_CAP_IMPAIRED)) {
		api_skip("an impaired KVM may go round its rings");
		return;
	}
	api_load(m, loop, sizeof(loop));
	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), 0);
	pthread_create(&thread, NULL, run_until_kicked, m);
	for (turns = 0; told < 20 && turns < 10000; turns++) {
		const char *s = dirty(m, WINDOW, PAGES * API_PAGE);

		told += !strcmp(s, "40+1 ");
		CHECK(!*s || !strcmp(s, "40+1 "));
		usleep(500);
	}
	EQUAL(told, 20);
	EQUAL(vmapi_vcpu_kick(m->vcpu), 0);
	pthread_join(thread, NULL);
}

static void writes_of_others(struct machine *m)
{
	EQUAL(vmapi_as_write(m->as, WINDOW + 0x1fff, "ab", 2), 0);
	SAME(dirty(m, 0, API_RAM), "41+2 ");
	EQUAL(vmapi_ram_written(m->ram, 0x4000, 0x2001), 0);
	SAME(dirty(m, 0, API_RAM), "4+3 ");
}

/* Two places of one object, one log; each page told once. */
static void aliases(struct machine *m)
{
	static const uint8_t both[] = { 0, 2 };
	struct vmapi_map_entry e = { .size = sizeof(e), .gpa = WINDOW + 0x2000,
		.bytes = API_PAGE, .ram = m->ram, .offset = WINDOW,
		.flags = VMAPI_MAP_LOG };
	struct vmapi_map *map;
	void *p;

	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_remove(map, m->as, e.gpa, API_PAGE), 0);
	EQUAL(vmapi_map_add(map, m->as, &e), 0);
	EQUAL(vmapi_map_commit(map), 0);
	EQUAL(vmapi_ram_pointer(m->ram, &p), 0);
	store_to(m, both, 2);
	EQUAL(((uint8_t *)p)[WINDOW], 2);
	SAME(dirty(m, 0, API_RAM), "40+1 ");
	store_to(m, both + 1, 1);
	SAME(dirty(m, 0, API_RAM), "40+1 ");
}

/* Splitting, moving and punching holes loses nothing. */
static void commits_keep_the_log(struct machine *m)
{
	static const uint8_t some[] = { 0, 5, 9 };
	struct vmapi_map *map;

	store_to(m, some, 3);
	EQUAL(api_unmap(m, WINDOW + 0x4000, 0x2000), 0);
	SAME(dirty(m, 0, API_RAM), "40+1 45+1 49+1 ");
	store_to(m, some, 1);
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_replace(map, m->as, NULL, 0), 0);
	EQUAL(vmapi_map_commit(map), 0);
	SAME(dirty(m, 0, API_RAM), "40+1 ");
}

/* Off: what was dirty stays so, and no more comes; on again: it does. */
static void log_is_switched(struct machine *m)
{
	static const uint8_t one[] = { 1 }, two[] = { 2 };

	store_to(m, one, 1);
	set_flags(m, WINDOW, 0x10000, 0);
	store_to(m, two, 1);
	EQUAL(vmapi_as_write(m->as, WINDOW, "x", 1), 0);
	SAME(dirty(m, 0, API_RAM), "41+1 ");
	set_flags(m, WINDOW, 0x10000, VMAPI_MAP_LOG);
	SAME(dirty(m, 0, API_RAM), "");
	store_to(m, two, 1);
	SAME(dirty(m, 0, API_RAM), "42+1 ");
}

/* -- The retired log ---------------------------------------------------- */

/* What a retired log has: "gpa+pages@offset ", in pages. */
static const char *retired_text(
	struct machine *m, struct vmapi_retired *retired)
{
	static char s[256];
	struct vmapi_retired_run runs[8] = { { .size = sizeof(runs[0]) } };
	size_t n = 0, i, at = 0;
	void *p;

	s[0] = '\0';
	EQUAL(vmapi_ram_pointer(m->ram, &p), 0);
	EQUAL(vmapi_retired_runs(retired, runs, 8, &n), 0);
	for (i = 0; i < n && i < 8; i++) {
		CHECK(runs[i].ram == m->ram && runs[i].as == 0);
		CHECK(runs[i].pointer == (uint8_t *)p + runs[i].offset);
		at += (size_t)snprintf(s + at, sizeof(s) - at, "%x+%x@%x ",
			(unsigned)(runs[i].gpa / API_PAGE),
			(unsigned)(runs[i].bytes / API_PAGE),
			(unsigned)(runs[i].offset / API_PAGE));
	}
	return s;
}

static void retired_pages(struct machine *m)
{
	static const uint8_t some[] = { 0, 4, 5, 9 };
	struct vmapi_map_entry e = { .size = sizeof(e), .gpa = WINDOW + 0x4000,
		.bytes = API_PAGE, .ram = m->ram, .offset = 0x90000,
		.flags = VMAPI_MAP_LOG };
	struct vmapi_retired *retired = NULL;
	struct vmapi_map *map;
	size_t n;

	store_to(m, some, 4);
	/* One page goes, one shows other memory: both are told, once. */
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_remove(map, m->as, WINDOW + 0x4000, 0x2000), 0);
	EQUAL(vmapi_map_add(map, m->as, &e), 0);
	EQUAL(vmapi_map_commit_log(map, &retired), 0);
	SAME(retired_text(m, retired), "44+2@44 ");
	EQUAL(vmapi_retired_runs(retired, NULL, 0, &n), 0);
	EQUAL((int64_t)n, 1);
	EQUAL(vmapi_retired_runs(retired, NULL, 0, NULL), -EINVAL);
	EQUAL(vmapi_retired_runs(retired, NULL, 1, &n), -EINVAL);
	EQUAL(vmapi_retired_runs(NULL, NULL, 0, &n), -EINVAL);
	vmapi_retired_destroy(retired);
	SAME(dirty(m, 0, API_RAM), "40+1 49+1 ");
	/* A log that ends retires its pages as well. */
	store_to(m, some, 1);
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_set_flags(map, m->as, WINDOW, 0x4000, 0), 0);
	EQUAL(vmapi_map_commit_log(map, &retired), 0);
	SAME(retired_text(m, retired), "40+1@40 ");
	vmapi_retired_destroy(retired);
	vmapi_retired_destroy(NULL);
	SAME(dirty(m, 0, API_RAM), "");
	/* A commit that fails gives none. */
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_add(map, m->as, &e), 0);
	retired = NULL;
	EQUAL(vmapi_map_commit_log(map, &retired), -EEXIST);
	CHECK(!retired);
	EQUAL(vmapi_map_commit_log(NULL, &retired), -EINVAL);
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_commit_log(map, NULL), -EINVAL);
	vmapi_map_abort(map);
}

static void bad_arguments(struct machine *m)
{
	struct vmapi_dirty_run run;
	struct vmapi_dirty good = { .size = sizeof(good), .bytes = API_RAM,
		.runs = &run, .n_runs = 1 }, d = good;

	EQUAL(vmapi_dirty_read(NULL, &d), -EINVAL);
	EQUAL(vmapi_dirty_read(m->ram, NULL), -EINVAL);
	d.flags = 0x80;
	EQUAL(vmapi_dirty_read(m->ram, &d), -EINVAL);
	d = good;
	d.runs = NULL;
	EQUAL(vmapi_dirty_read(m->ram, &d), -EINVAL);
	d = good;
	d.n_runs = 0;
	EQUAL(vmapi_dirty_read(m->ram, &d), -EINVAL);
	d = good;
	d.offset = 1;
	EQUAL(vmapi_dirty_read(m->ram, &d), -EINVAL);
	d = good;
	d.offset = API_PAGE;
	EQUAL(vmapi_dirty_read(m->ram, &d), -ERANGE);
	d = good;
	EQUAL(vmapi_dirty_read(m->ram, &d), 0);
	EQUAL((int64_t)d.pages, 0);
	EQUAL((int64_t)d.offset, API_RAM);
}

/* -- A machine for each kind -------------------------------------------- */

static void (*const parts[])(struct machine *m) = {
	guest_writes_are_told, ranges_and_counts, room_for_runs,
	callers_bitmap, running_guest, writes_of_others, aliases, commits_keep_the_log,
	log_is_switched, retired_pages, bad_arguments,
};

static void every_kind(struct machine *m)
{
	struct vmapi_vm_config c = { .size = sizeof(c) };
	int64_t mask = api_cap(m, VMAPI_CAP_DIRTY_LOG);
	size_t i;

	for (c.dirty = 0; c.dirty < 4; c.dirty++) {
		struct vmapi_vm *vm;

		if (!(mask >> c.dirty & 1)) {
			EQUAL(vmapi_vm_create(m->ctx, &c, &vm), -ENOTSUP);
			continue;
		}
		kind_now = c.dirty;
		for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			struct machine other = { .backend = m->backend };

			api_machine(&other, &c);
			set_flags(&other, WINDOW, PAGES * API_PAGE,
				VMAPI_MAP_LOG);
			parts[i](&other);
			api_machine_free(&other);
		}
		printf("%s: log of kind %s\n", m->backend, kinds[c.dirty]);
	}
}

static void bad_configs(struct machine *m)
{
	struct vmapi_vm_config c = { .size = sizeof(c), .dirty = 9 };
	struct vmapi_vm *vm;

	EQUAL(vmapi_vm_create(m->ctx, &c, &vm), -EINVAL);
	c.dirty = 0;
	c.dirty_ring = 3;
	EQUAL(vmapi_vm_create(m->ctx, &c, &vm), -EINVAL);
}

/* The log outlives the VM whose guest wrote it. */
static void vm_goes_first(struct machine *m)
{
	static const uint8_t one[] = { 7 };
	struct vmapi_ram *ram = m->ram;
	struct text t = { .d = { .bytes = API_RAM } };

	set_flags(m, WINDOW, PAGES * API_PAGE, VMAPI_MAP_LOG);
	EQUAL(vmapi_ram_ref(ram), 0);
	store_to(m, one, 1);
	api_machine_free(m);
	EQUAL(read_some(ram, &t, 0), 0);
	SAME(t.s, "47+1 ");
	vmapi_ram_destroy(ram);
	api_machine(m, NULL);
}

int main(void)
{
	static const struct api_case bare[] = {
		{ "bad configs", bad_configs },
	};
	static const struct api_case guests[] = {
		{ "every kind", every_kind },
		{ "vm goes first", vm_goes_first },
	};
	static const struct api_set sets[] = {
		{ API_NO_GUEST, bare, sizeof(bare) / sizeof(bare[0]) },
		{ API_GUEST, guests, sizeof(guests) / sizeof(guests[0]) },
	};

	return api_main_sets(sets, sizeof(sets) / sizeof(sets[0]));
}
