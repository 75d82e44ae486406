/* SPDX-License-Identifier: MIT */
/* Dirty logs of every kind, pages of every size, and refusals half-way. */
/*
 * Against a scripted kernel, so on any host. A model says which pages of the
 * RAM object were written since they were last told; thousands of random
 * writes, reads and commits have to agree with it exactly: no page is lost,
 * none is told twice.  Only a page that is seen at two places may be told
 * again after a commit took one of them away, since it may have been written
 * at the other, too.
 */
#include "tests/kvm/scripted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmapi/vmapi.h>

#include "tests/kvm/check.h"

#define PAGES  200u /* of the object: not a multiple of 64 */
#define WINDOW 96u  /* pages of guest addresses, all mapped */
#define BASE   16u  /* the first of them */

struct board {
	uint64_t page;
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_ram *ram;
	struct vmapi_vcpu *vcpus[2];
	/* The model. */
	unsigned shown[WINDOW]; /* which page of the object */
	bool logged[WINDOW];
	bool dirty[PAGES];
	bool again[PAGES]; /* may be told without having been written */
	unsigned seed, told;
};

static unsigned draw(struct board *b, unsigned n)
{
	b->seed = b->seed * 1103515245u + 12345u;
	return (b->seed >> 8) % n;
}

/* -- The board ---------------------------------------------------------- */

static struct vmapi_map *begin(struct board *b)
{
	struct vmapi_map *map = NULL;

	OK(vmapi_map_begin(b->vm, &map));
	return map;
}

/* Window pages [first, first + n) show the object from `page` on. */
static void put(struct board *b, struct vmapi_map *map, unsigned first,
	unsigned n, unsigned page)
{
	struct vmapi_map_entry e = {
		.size = sizeof(e), .gpa = (BASE + first) * b->page,
		.bytes = n * b->page, .ram = b->ram,
		.offset = page * b->page, .flags = VMAPI_MAP_LOG,
	};

	OK(vmapi_map_remove(map, b->as, e.gpa, e.bytes));
	OK(vmapi_map_add(map, b->as, &e));
}

static void shows(struct board *b, unsigned first, unsigned n, unsigned page)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		b->shown[first + i] = page + i;
		b->logged[first + i] = true;
	}
}

static bool open_board(struct board *b, const struct vmapi_vm_config *c)
{
	struct vmapi_ram_config ram = { .size = sizeof(ram), .name = "low",
		.bytes = PAGES * scripted.page_size };
	struct vmapi_vcpu_config vcpu = { .size = sizeof(vcpu) };
	struct vmapi_map *map;
	unsigned i;

	memset(b, 0, sizeof(*b));
	b->page = scripted.page_size;
	b->seed = 1;
	if (!OK(vmapi_open("kvm", 0, &b->ctx)) ||
		!OK(vmapi_vm_create(b->ctx, c, &b->vm)) ||
		!OK(vmapi_vm_as(b->vm, &b->as)) ||
		!OK(vmapi_ram_create(b->ctx, &ram, &b->ram)))
		return false;
	for (i = 0; i < 2; i++) {
		vcpu.id = i;
		if (!OK(vmapi_vcpu_create(b->vm, &vcpu, &b->vcpus[i])))
			return false;
	}
	map = begin(b);
	put(b, map, 0, WINDOW, 0);
	shows(b, 0, WINDOW, 0);
	return OK(vmapi_map_commit(map));
}

static void close_board(struct board *b)
{
	vmapi_vcpu_destroy(b->vcpus[0]);
	vmapi_vcpu_destroy(b->vcpus[1]);
	vmapi_ram_destroy(b->ram);
	vmapi_as_destroy(b->as);
	vmapi_vm_destroy(b->vm);
	vmapi_close(b->ctx);
}

/* -- Steps, each with what the model says ------------------------------- */

static void run_writes(struct board *b, unsigned n, const uint64_t *gpas,
	size_t count)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	scripted_write(n, gpas, count);
	OK(vmapi_vcpu_run(b->vcpus[n], &exit));
	CHECK(exit.reason == VMAPI_EXIT_HALT);
}

static void write_some(struct board *b)
{
	unsigned i, at, n = 1 + draw(b, 24);
	uint64_t gpas[24];

	for (i = 0; i < n; i++) {
		at = draw(b, WINDOW);
		gpas[i] = (BASE + at) * b->page + draw(b, 4096);
		if (b->logged[at])
			b->dirty[b->shown[at]] = true;
	}
	run_writes(b, draw(b, 2), gpas, n);
}

static void tell(struct board *b, unsigned page)
{
	if (!CHECK(page < PAGES && (b->dirty[page] || b->again[page])))
		printf("  page %u was not written\n", page);
	b->dirty[page] = b->again[page] = false;
	b->told++;
}

static bool is_alias(const struct board *b, unsigned page)
{
	unsigned i, places = 0;

	for (i = 0; i < WINDOW; i++)
		places += b->shown[i] == page;
	return places > 1;
}

/* A piece of the object, some of its pages, with room for some runs. */
static void read_some(struct board *b)
{
	unsigned first = draw(b, PAGES), n = 1 + draw(b, PAGES - first), i;
	unsigned most = draw(b, 3) ? 0 : 1 + draw(b, 5);
	struct vmapi_dirty_run runs[PAGES];
	struct vmapi_dirty d = {
		.size = sizeof(d), .offset = first * b->page,
		.bytes = n * b->page, .max_pages = most, .runs = runs,
		.n_runs = draw(b, 2) ? PAGES : 1 + draw(b, 3),
	};
	size_t room = d.n_runs, k;
	uint64_t pages = 0, end = d.offset + d.bytes;

	OK(vmapi_dirty_read(b->ram, &d));
	CHECK(d.n_runs <= room && (!most || d.pages <= most));
	for (k = 0; k < d.n_runs; k++)
		for (i = 0; i < runs[k].bytes / b->page; i++, pages++)
			tell(b, (unsigned)(runs[k].offset / b->page) + i);
	CHECK(pages == d.pages && d.offset + d.bytes == end);
	/* Everything before the cursor has been told. */
	for (i = first; i < d.offset / b->page; i++)
		if (!CHECK(!b->dirty[i]))
			printf("  page %u is lost\n", i);
	if (!most && room == PAGES)
		CHECK(d.bytes == 0);
}

/* What goes and is dirty is told by the commit, with its place. */
static void check_retired(struct board *b, struct vmapi_retired *retired)
{
	struct vmapi_retired_run runs[PAGES] = { { .size = sizeof(runs[0]) } };
	size_t n = 0, i;
	unsigned k;

	OK(vmapi_retired_runs(retired, runs, PAGES, &n));
	for (i = 0; i < n && i < PAGES; i++)
		for (k = 0; k < runs[i].bytes / b->page; k++) {
			unsigned at = (unsigned)(runs[i].gpa / b->page) - BASE;
			unsigned page = (unsigned)(runs[i].offset / b->page);

			CHECK(b->shown[at + k] == page + k);
			tell(b, page + k);
			b->again[page + k] = is_alias(b, page + k);
		}
	vmapi_retired_destroy(retired);
}

static void move_some(struct board *b)
{
	unsigned first = draw(b, WINDOW), n = 1 + draw(b, WINDOW - first), i;
	unsigned page = draw(b, PAGES - n);
	struct vmapi_retired *retired = NULL;
	struct vmapi_map *map = begin(b);
	bool changed[WINDOW], was_dirty[WINDOW];

	put(b, map, first, n, page);
	if (draw(b, 2)) {
		OK(vmapi_map_commit(map));
		shows(b, first, n, page);
		return;
	}
	for (i = 0; i < n; i++) {
		changed[i] = b->logged[first + i] &&
			b->shown[first + i] != page + i &&
			!is_alias(b, b->shown[first + i]);
		was_dirty[i] = changed[i] && b->dirty[b->shown[first + i]];
	}
	OK(vmapi_map_commit_log(map, &retired));
	check_retired(b, retired);
	for (i = 0; i < n; i++)
		CHECK(!was_dirty[i] || !b->dirty[b->shown[first + i]]);
	shows(b, first, n, page);
}

/* The log of a piece goes off and on: no slot of its own is needed twice. */
static void toggle_some(struct board *b)
{
	unsigned first = draw(b, WINDOW), n = 1 + draw(b, WINDOW - first), i;
	unsigned on = draw(b, 3), created;
	struct vmapi_map *map = begin(b);
	uint64_t gpa = (BASE + first) * b->page, bytes = n * b->page;

	OK(vmapi_map_set_flags(map, b->as, gpa, bytes,
		on ? VMAPI_MAP_LOG : 0));
	OK(vmapi_map_commit(map));
	/* The entries end where the range does now: flags change in place. */
	created = scripted.created;
	map = begin(b);
	OK(vmapi_map_set_flags(map, b->as, gpa, bytes,
		on ? 0 : VMAPI_MAP_LOG));
	OK(vmapi_map_commit(map));
	CHECK(scripted.created == created);
	for (i = 0; i < n; i++)
		b->logged[first + i] = !on;
}

/* All is one entry again: not to run out of slots. */
static void tidy(struct board *b)
{
	struct vmapi_map *map = begin(b);

	put(b, map, 0, WINDOW, 40);
	OK(vmapi_map_commit(map));
	shows(b, 0, WINDOW, 40);
}

static void read_rest(struct board *b)
{
	uint8_t bits[(PAGES + 63) / 64 * 8] = { 0 };
	struct vmapi_dirty d = { .size = sizeof(d), .bytes = PAGES * b->page,
		.bitmap = bits };
	unsigned i;

	OK(vmapi_dirty_read(b->ram, &d));
	for (i = 0; i < PAGES; i++) {
		if (bits[i / 8] >> i % 8 & 1)
			tell(b, i);
		if (!CHECK(!b->dirty[i]))
			printf("  page %u is lost\n", i);
	}
}

static void random_steps(const struct vmapi_vm_config *c, const char *name)
{
	static void (*const steps[])(struct board *) = { write_some,
		write_some, write_some, read_some, read_some, move_some,
		toggle_some };
	struct board b;
	unsigned i;

	if (!open_board(&b, c))
		return;
	for (i = 0; i < 3000; i++) {
		steps[draw(&b, 7)](&b);
		if (i % 8 == 7)
			tidy(&b);
	}
	read_rest(&b);
	CHECK(scripted_strays() == 0);
	CHECK(b.told > 3000);
	printf("%s, pages of %zu KiB: %u pages told; %u GET, %u CLEAR, "
		"%u RESET, %u full rings\n", name, scripted.page_size / 1024,
		b.told, scripted.gets, scripted.clears, scripted.resets,
		scripted.ring_fulls);
	close_board(&b);
}

/* -- The kinds ---------------------------------------------------------- */

static void all_kinds(size_t page)
{
	struct vmapi_vm_config c = { .size = sizeof(c) };

	scripted_begin(page);
	random_steps(&c, "bitmap, for want of others");
	CHECK(scripted.gets && !scripted.clears && !scripted.resets);

	scripted_begin(page);
	scripted.has_clear = scripted.has_ring = true;
	random_steps(&c, "clear, as the library likes it best");
	CHECK(scripted.clears && !scripted.resets);

	scripted_begin(page);
	scripted.has_ring = true;
	c.dirty = VMAPI_DIRTY_RING;
	c.dirty_ring = 16;
	random_steps(&c, "ring");
	CHECK(scripted.resets && scripted.ring_fulls && !scripted.gets);

	scripted_begin(page);
	scripted.has_ring = scripted.has_ring_bitmap = true;
	random_steps(&c, "ring with bitmap");
	CHECK(scripted.resets && scripted.ring_fulls && scripted.gets);
}

/* Only what is taken is protected again. */
static void clear_by_count(void)
{
	uint64_t gpas[] = { 16, 17, 20, 90 };
	struct vmapi_dirty_run runs[4];
	struct vmapi_dirty d = { .size = sizeof(d), .bytes = PAGES * 4096,
		.max_pages = 2, .runs = runs, .n_runs = 4 };
	struct board b;
	size_t i;

	scripted_begin(4096);
	scripted.has_clear = true;
	if (!open_board(&b, NULL))
		return;
	for (i = 0; i < 4; i++)
		gpas[i] *= 4096;
	run_writes(&b, 0, gpas, 4);
	OK(vmapi_dirty_read(b.ram, &d));
	CHECK(d.pages == 2 && d.n_runs == 1 && scripted.cleared_pages == 2);
	d.n_runs = 4;
	OK(vmapi_dirty_read(b.ram, &d));
	CHECK(d.n_runs == 2 && scripted.cleared_pages == 2);
	close_board(&b);
}

/* Writes that no vcpu made are in the bitmap beside the rings only. */
static void unseen_writes(void)
{
	struct vmapi_vm_config c = { .size = sizeof(c),
		.dirty = VMAPI_DIRTY_RING };
	struct vmapi_dirty_run run;
	struct vmapi_dirty d = { .size = sizeof(d), .bytes = PAGES * 4096,
		.runs = &run, .n_runs = 1 };
	struct board b;

	scripted_begin(4096);
	scripted.has_ring = scripted.has_ring_bitmap = true;
	if (!open_board(&b, &c))
		return;
	scripted_write_unseen((BASE + 5) * 4096);
	OK(vmapi_dirty_read(b.ram, &d));
	CHECK(d.pages == 1 && run.offset == 5 * 4096);
	close_board(&b);
}

/* What a vcpu's ring holds when it is destroyed is not lost. */
static void vcpu_goes(void)
{
	struct vmapi_vm_config c = { .size = sizeof(c),
		.dirty = VMAPI_DIRTY_RING };
	uint64_t gpa = (BASE + 7) * 4096;
	struct board b;

	scripted_begin(4096);
	scripted.has_ring = true;
	if (!open_board(&b, &c))
		return;
	run_writes(&b, 1, &gpa, 1);
	b.dirty[7] = true;
	vmapi_vcpu_destroy(b.vcpus[1]);
	b.vcpus[1] = NULL;
	read_rest(&b);
	close_board(&b);
}

/* A kernel that goes round its ring is found out, and not believed again. */
static void overrun(void)
{
	struct vmapi_vm_config c = { .size = sizeof(c),
		.dirty = VMAPI_DIRTY_RING, .dirty_ring = 16 };
	uint8_t bits[(PAGES + 63) / 64 * 8];
	struct vmapi_dirty good = { .size = sizeof(good),
		.bytes = PAGES * 4096, .bitmap = bits }, d;
	struct board b;
	uint64_t gpas[20];
	unsigned i, n;

	for (n = 12; n <= 20; n += 8) {
		scripted_begin(4096);
		scripted.has_ring = scripted.goes_round = true;
		if (!open_board(&b, &c))
			return;
		for (i = 0; i < n; i++)
			gpas[i] = (BASE + i) * 4096;
		run_writes(&b, 0, gpas, n);
		d = good;
		GIVES(vmapi_dirty_read(b.ram, &d), n > 16 ? -EOVERFLOW : 0);
		d = good;
		GIVES(vmapi_dirty_read(b.ram, &d), n > 16 ? -EOVERFLOW : 0);
		close_board(&b);
	}
}

/* -- Refusals ----------------------------------------------------------- */

/* A hole, a piece elsewhere, a log that ends: seven calls of the kernel. */
static int big_commit(struct board *b, struct vmapi_retired **retired)
{
	struct vmapi_map *map = begin(b);
	uint64_t p = b->page;

	OK(vmapi_map_remove(map, b->as, (BASE + 10) * p, 4 * p));
	put(b, map, 20, 8, 100);
	OK(vmapi_map_set_flags(map, b->as, (BASE + 60) * p, 36 * p, 0));
	return vmapi_map_commit_log(map, retired);
}

static bool same_entries(struct board *b)
{
	struct vmapi_map_entry e[4] = { { .size = sizeof(e[0]) } };
	size_t n = 0;

	OK(vmapi_as_entries(b->as, e, 4, &n));
	return n == 2 && e[0].bytes == 60 * b->page &&
		e[0].flags == VMAPI_MAP_LOG &&
		e[1].bytes == 36 * b->page && e[1].flags == VMAPI_MAP_LOG;
}

static bool open_two_entries(struct board *b)
{
	struct vmapi_map *map;

	if (!open_board(b, NULL))
		return false;
	map = begin(b);
	put(b, map, 0, 60, 0);
	put(b, map, 60, 36, 60);
	return OK(vmapi_map_commit(map));
}

/* The n-th call is refused: all is as it was, and nothing is lost. */
static bool refused_at(unsigned n)
{
	uint64_t gpas[] = { BASE + 11, BASE + 22, BASE + 50, BASE + 70 };
	struct vmapi_retired *retired = NULL;
	struct board b;
	size_t i;
	int rc;

	scripted_begin(4096);
	scripted.has_clear = true;
	if (!open_two_entries(&b))
		return false;
	for (i = 0; i < 4; i++) {
		b.dirty[gpas[i] - BASE] = true;
		gpas[i] *= 4096;
	}
	run_writes(&b, 0, gpas, 4);
	scripted.refuse_from = scripted.set_calls + n;
	scripted.refuse_code = -ENOMEM;
	rc = big_commit(&b, &retired);
	CHECK(rc == 0 || (rc == -ENOMEM && !retired && same_entries(&b)));
	if (rc) {
		CHECK(strstr(vmapi_error_last()->message, "refused to"));
		run_writes(&b, 0, gpas, 4);
		CHECK(scripted_strays() == 0);
	} else {
		check_retired(&b, retired);
		CHECK(b.dirty[50] && b.told == 3);
	}
	read_rest(&b);
	close_board(&b);
	return rc != 0;
}

/* Nor can it be taken back: no vcpu runs on half a map. */
static void broken(void)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_retired *retired = NULL;
	struct board b;

	scripted_begin(4096);
	if (!open_two_entries(&b))
		return;
	scripted.refuse_from = scripted.set_calls + 3;
	scripted.refuse_count = 100;
	scripted.refuse_code = -ENOMEM;
	GIVES(big_commit(&b, &retired), -EIO);
	CHECK(!retired);
	GIVES(vmapi_vcpu_run(b.vcpus[0], &exit), -EIO);
	GIVES(vmapi_vcpu_settle(b.vcpus[1], &exit), -EIO);
	scripted.refuse_from = 0;
	GIVES(big_commit(&b, &retired), -EIO);
	read_rest(&b);
	close_board(&b);
}

int main(void)
{
	static const size_t pages[] = { 4096, 16384, 65536 };
	unsigned i, n;

	for (i = 0; i < 3; i++)
		all_kinds(pages[i]);
	clear_by_count();
	unseen_writes();
	vcpu_goes();
	overrun();
	for (n = 1; refused_at(n); n++)
		;
	CHECK(n > 6);
	printf("%u calls of a commit, each refused once\n", n - 1);
	broken();
	scripted_end();
	return check_result("dirty");
}
