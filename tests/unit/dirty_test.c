/* SPDX-License-Identifier: MIT */
/* Bitmaps, the log of a RAM object and the tree of a map, by themselves. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/bitmap.h"
#include "lib/core/dirty.h"
#include "lib/core/tree.h"
#include "tests/unit/null.h"
#include "tests/unit/suite.h"

#define PAGE 0x1000u

/* -- Bitmaps ------------------------------------------------------------ */

/*
 * What a kernel leaves in memory for pages 0, 9, 63, 64 and 130, on a host of
 * either order: bit i % 8 of byte i / 8.
 */
static const uint8_t known[24] = { [0] = 0x01, [1] = 0x02, [7] = 0x80,
	[8] = 0x01, [16] = 0x04 };

START_TEST(bits_are_bytes)
{
	static const unsigned pages[] = { 0, 9, 63, 64, 130 };
	uint64_t i, at = 0;
	uint8_t own[24] = { 0 };

	for (i = 0; i < 5; i++, at++) {
		at = vmi_bitmap_next(known, at, 192);
		ck_assert_uint_eq(at, pages[i]);
		ck_assert(vmi_bitmap_test(known, at));
		vmi_bitmap_set(own, at, 1);
	}
	ck_assert_uint_eq(vmi_bitmap_next(known, at, 192), 192);
	ck_assert_mem_eq(own, known, 24);
	ck_assert_uint_eq(vmi_bitmap_word(known, 0), 0x8000000000000201u);
	ck_assert_uint_eq(vmi_bitmap_word(known, 64), 1);
	ck_assert_uint_eq(vmi_bitmap_word(known, 128), 4);
	ck_assert_uint_eq(vmi_bitmap_bytes(0), 0);
	ck_assert_uint_eq(vmi_bitmap_bytes(1), 8);
	ck_assert_uint_eq(vmi_bitmap_bytes(64), 8);
	ck_assert_uint_eq(vmi_bitmap_bytes(65), 16);
}
END_TEST

START_TEST(bits_in_a_row)
{
	uint8_t own[24] = { 0 };

	vmi_bitmap_set(own, 5, 100);
	ck_assert_uint_eq(vmi_bitmap_next(own, 0, 192), 5);
	ck_assert_uint_eq(vmi_bitmap_gap(own, 5, 192), 105);
	ck_assert_uint_eq(vmi_bitmap_gap(own, 5, 50), 50);
	ck_assert_uint_eq(vmi_bitmap_next(own, 105, 192), 192);
	/* Of a window: bits outside go, and all but the first ones inside. */
	ck_assert_uint_eq(vmi_bitmap_keep(own, 192, 10, 90, 3), 3);
	ck_assert_uint_eq(vmi_bitmap_next(own, 0, 192), 10);
	ck_assert_uint_eq(vmi_bitmap_gap(own, 10, 192), 13);
	ck_assert_uint_eq(vmi_bitmap_next(own, 13, 192), 192);
	ck_assert_uint_eq(vmi_bitmap_keep(own, 192, 11, 12, 99), 1);
	ck_assert_uint_eq(vmi_bitmap_keep(own, 192, 0, 192, 0), 0);
	ck_assert_uint_eq(vmi_bitmap_next(own, 0, 192), 192);
}
END_TEST

START_TEST(lowest_bits)
{
	unsigned i;

	for (i = 0; i < 64; i++) {
		ck_assert_uint_eq(vmi_lowest_bit((uint64_t)1 << i), i);
		ck_assert_uint_eq(vmi_lowest_bit(UINT64_MAX << i), i);
	}
}
END_TEST

/* -- Logs on the null backend ------------------------------------------- */

static struct vmapi *ctx;
static struct vmapi_vm *vm;
static struct vmapi_as *as, *second;
static struct vmapi_ram *ram;

static void setup(void)
{
	struct vmapi_ram_config c = { .size = sizeof(c),
		.bytes = 0x400 * PAGE, .name = "low" };

	null_reset();
	null_knobs.dirty_log = 1 << VMAPI_DIRTY_AUTO;
	ck_assert_int_eq(vmapi_open("null", 0, &ctx), 0);
	ck_assert_int_eq(vmapi_vm_create(ctx, NULL, &vm), 0);
	ck_assert_int_eq(vmapi_vm_as(vm, &as), 0);
	ck_assert_int_eq(vmapi_as_create(vm, &second), 0);
	ck_assert_int_eq(vmapi_ram_create(ctx, &c, &ram), 0);
}

static void teardown(void)
{
	vmapi_close(ctx);
	vmapi_vm_destroy(vm);
	vmapi_ram_destroy(ram);
	vmapi_as_destroy(as);
	vmapi_as_destroy(second);
	ck_assert_uint_eq(null_knobs.contexts, 0);
}

static struct vmapi_map *begin(void)
{
	struct vmapi_map *map;

	ck_assert_int_eq(vmapi_map_begin(vm, &map), 0);
	return map;
}

static void add(struct vmapi_map *map, struct vmapi_as *where, uint64_t page,
	uint64_t n, unsigned flags)
{
	struct vmapi_map_entry e = { .size = sizeof(e), .gpa = page * PAGE,
		.bytes = n * PAGE, .ram = ram, .offset = page * PAGE,
		.flags = flags };

	ck_assert_int_eq(vmapi_map_add(map, where, &e), 0);
}

/* How many pages are dirty in [first, first + n). */
static uint64_t dirty(uint64_t first, uint64_t n)
{
	static uint8_t bits[0x400 / 8];
	struct vmapi_dirty d = { .size = sizeof(d), .offset = first * PAGE,
		.bytes = n * PAGE, .bitmap = bits };

	ck_assert_int_eq(vmapi_dirty_read(ram, &d), 0);
	ck_assert_uint_eq(d.bytes, 0);
	return d.pages;
}

START_TEST(marks_only_while_logged)
{
	struct vmapi_map *map = begin();

	vmi_log_mark(ram, 0, PAGE);
	add(map, as, 0, 0x10, VMAPI_MAP_LOG);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	ck_assert_uint_eq(dirty(0, 0x400), 0);
	vmi_log_mark(ram, 63 * PAGE + 5, 2 * PAGE);
	vmi_log_mark(ram, 0, 0);
	vmi_log_mark(ram, 0x3ff * PAGE, PAGE);
	ck_assert_uint_eq(dirty(0, 64), 1);
	ck_assert_uint_eq(dirty(64, 1), 1);
	ck_assert_uint_eq(dirty(0, 0x400), 2);
	vmi_log_mark(ram, 0, 0x400 * (uint64_t)PAGE);
	ck_assert_uint_eq(dirty(0, 0x400), 0x400);
}
END_TEST

START_TEST(merges_from_a_kernels_bitmap)
{
	struct vmapi_map *map = begin();

	add(map, as, 0, 0x10, VMAPI_MAP_LOG);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	/* Bits 9 to 130 are the pages from 100 on. */
	vmi_log_merge(ram, 100 * PAGE, known, 9, 122);
	ck_assert_uint_eq(dirty(100, 1), 1);
	ck_assert_uint_eq(dirty(100 + 63 - 9, 2), 2);
	ck_assert_uint_eq(dirty(100 + 130 - 9, 1), 1);
	ck_assert_uint_eq(dirty(0, 0x400), 0);
}
END_TEST

/* Any number of writers beside a reader: what was marked is told. */
static void *mark_many(void *arg)
{
	uint64_t first = *(uint64_t *)arg, i;

	for (i = 0; i < 100000; i++)
		vmi_log_mark(ram, (first + i % 32) * PAGE, 1);
	return NULL;
}

START_TEST(writers_beside_a_reader)
{
	uint64_t places[2] = { 0, 32 }, told = 0;
	struct vmapi_map *map = begin();
	pthread_t threads[2];
	int i;

	add(map, as, 0, 0x10, VMAPI_MAP_LOG);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, mark_many, &places[i]);
	for (i = 0; i < 1000; i++)
		told += dirty(0, 64);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	told += dirty(0, 64);
	ck_assert_uint_ge(told, 64);
	ck_assert_uint_eq(dirty(0, 0x400), 0);
}
END_TEST

/* -- Commits ------------------------------------------------------------ */

START_TEST(log_is_switched_in_place)
{
	struct vmapi_map *map = begin();

	add(map, as, 0, 0x10, 0);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	map = begin();
	ck_assert_int_eq(vmapi_map_set_flags(map, as, 0, 0x10 * PAGE,
		VMAPI_MAP_LOG), 0);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	ck_assert_uint_eq(null_knobs.relogged, 1);
	ck_assert_uint_eq(null_knobs.removed + null_knobs.added, 0);
	ck_assert(null_map_agrees(vm));
	/* The same by removal and addition is the same. */
	map = begin();
	ck_assert_int_eq(vmapi_map_remove(map, as, 0, 0x10 * PAGE), 0);
	add(map, as, 0, 0x10, 0);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	ck_assert_uint_eq(null_knobs.relogged, 1);
	ck_assert_uint_eq(null_knobs.removed + null_knobs.added, 0);
	ck_assert(null_map_agrees(vm));
}
END_TEST

/* One commit over two spaces, all or nothing. */
START_TEST(spaces_together)
{
	struct vmapi_retired_run runs[4] = { { .size = sizeof(runs[0]) } };
	struct vmapi_retired *retired = NULL;
	struct vmapi_map *map = begin();
	size_t n;

	add(map, second, 8, 8, VMAPI_MAP_LOG);
	add(map, as, 0, 8, VMAPI_MAP_LOG);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	vmi_log_mark(ram, 2 * PAGE, PAGE);
	vmi_log_mark(ram, 9 * PAGE, PAGE);
	/* The second space refuses, so the first stays as it was. */
	map = begin();
	ck_assert_int_eq(vmapi_map_remove(map, as, 0, 8 * PAGE), 0);
	add(map, second, 15, 2, 0);
	ck_assert_int_eq(vmapi_map_commit_log(map, &retired), -EEXIST);
	ck_assert_ptr_null(retired);
	ck_assert_int_eq(vmapi_as_entries(as, NULL, 0, &n), 0);
	ck_assert_uint_eq(n, 1);
	/* Then both go, in one call of the backend. */
	map = begin();
	ck_assert_int_eq(vmapi_map_replace(map, second, NULL, 0), 0);
	ck_assert_int_eq(vmapi_map_replace(map, as, NULL, 0), 0);
	ck_assert_int_eq(vmapi_map_commit_log(map, &retired), 0);
	ck_assert_uint_eq(null_knobs.removed, 2);
	ck_assert_int_eq(vmapi_retired_runs(retired, runs, 4, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(runs[0].as, 0);
	ck_assert_uint_eq(runs[0].gpa, 2 * PAGE);
	ck_assert_uint_eq(runs[1].as, 1);
	ck_assert_uint_eq(runs[1].gpa, 9 * PAGE);
	vmapi_retired_destroy(retired);
	ck_assert_uint_eq(dirty(0, 0x400), 0);
}
END_TEST

/* A space that goes leaves its dirty pages to the object. */
START_TEST(space_goes)
{
	struct vmapi_map *map = begin();

	add(map, second, 8, 8, VMAPI_MAP_LOG);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	vmi_log_mark(ram, 9 * PAGE, PAGE);
	vmapi_as_destroy(second);
	second = NULL;
	ck_assert(null_map_agrees(vm));
	ck_assert_uint_eq(atomic_load(&ram->n_logged), 0);
	ck_assert_uint_eq(dirty(0, 0x400), 1);
}
END_TEST

/* -- The tree ----------------------------------------------------------- */

/* Heights, counts and order are right: the height, and *n. */
static unsigned check_nodes(const struct vmi_map_node *node, uint64_t from,
	uint64_t to, size_t *n)
{
	size_t low_n = 0, high_n = 0;
	unsigned low, high;

	*n = 0;
	if (!node)
		return 0;
	ck_assert_uint_ge(node->e.gpa, from);
	ck_assert_uint_le(vmi_last_of(&node->e), to);
	low = check_nodes(node->low, from, node->e.gpa, &low_n);
	high = check_nodes(node->high, vmi_last_of(&node->e), to, &high_n);
	*n = low_n + high_n + 1;
	ck_assert_uint_eq(node->n, *n);
	ck_assert_uint_le(low, high + 2);
	ck_assert_uint_le(high, low + 2);
	ck_assert_uint_eq(node->height, (low > high ? low : high) + 1);
	return node->height;
}

START_TEST(trees_stay_balanced)
{
	struct vmi_view *view = vmi_view_new();
	unsigned seed = 1, i, height;
	struct vmi_tree old, t;
	size_t n, before;

	vmi_tree_init(&old, view->root);
	for (i = 0; i < 5000; i++) {
		struct vmi_map_entry e = { .gpa = (uint64_t)i * 4 * PAGE,
			.bytes = 2 * PAGE, .ram = ram };

		ck_assert_int_eq(vmi_tree_add(&old, &e), 0);
	}
	height = check_nodes(old.root, 0, UINT64_MAX, &before);
	ck_assert_uint_eq(before, 5000);
	ck_assert_uint_le(height, 24);
	view->root = old.root;
	/* Changes of a copy leave the original alone. */
	vmi_tree_init(&t, view->root);
	for (i = 0; i < 3000; i++) {
		seed = seed * 1103515245u + 12345u;
		ck_assert_int_eq(vmi_tree_remove(&t,
			(uint64_t)(seed >> 16) * PAGE,
			(1 + (seed >> 8) % 9) * (uint64_t)PAGE), 0);
		if (i % 100 == 99)
			check_nodes(t.root, 0, UINT64_MAX, &n);
	}
	ck_assert_uint_ne(n, before);
	check_nodes(view->root, 0, UINT64_MAX, &n);
	ck_assert_uint_eq(n, before);
	/* A single change of a shared tree makes a few nodes. */
	vmi_tree_fini(&t);
	vmi_tree_init(&t, view->root);
	ck_assert_int_eq(vmi_tree_remove(&t, 2000 * 4 * PAGE, PAGE), 0);
	ck_assert_uint_le(t.allocated, 60);
	vmi_tree_fini(&t);
	vmi_view_free(view);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dirty");
	TCase *bits = tcase_create("bitmaps"), *t = tcase_create("logs");

	tcase_add_test(bits, bits_are_bytes);
	tcase_add_test(bits, bits_in_a_row);
	tcase_add_test(bits, lowest_bits);
	suite_add_tcase(suite, bits);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, marks_only_while_logged);
	tcase_add_test(t, merges_from_a_kernels_bitmap);
	tcase_add_test(t, writers_beside_a_reader);
	tcase_add_test(t, log_is_switched_in_place);
	tcase_add_test(t, spaces_together);
	tcase_add_test(t, space_goes);
	tcase_add_test(t, trees_stay_balanced);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
