/* SPDX-License-Identifier: MIT */
/* Regions and doorbells: kept in order, found, told apart. */
#include <stdlib.h>
#include <string.h>

#include "lib/region/region.h"
#include "lib/sys/sys.h"
#include "tests/unit/suite.h"

static struct vmi_regions *all;
static struct vmi_region_hint near;

static void setup(void)
{
	all = NULL;
	memset(&near, 0, sizeof(near));
}

static void teardown(void)
{
	vmi_free(all);
}

static void add_region(struct vmi_region *r)
{
	struct vmi_regions *more = vmi_regions_with(all, r);

	ck_assert_ptr_nonnull(more);
	vmi_free(all);
	all = more;
}

static void add_bell(struct vmi_doorbell *b)
{
	struct vmi_regions *more = vmi_regions_with_bell(all, b);

	ck_assert_ptr_nonnull(more);
	vmi_free(all);
	all = more;
}

static struct vmi_doorbell *rung(
	enum vmi_space space, uint64_t address, unsigned bytes, uint64_t value)
{
	const struct vmapi_access write = { .bytes = bytes,
		.value = value,
		.is_write = true };

	return vmi_doorbell_find(all, space, address, &write);
}

START_TEST(regions_are_found)
{
	struct vmi_region r[3] = {
		{ .space = VMI_SPACE_MEMORY, .base = 0x3000, .bytes = 0x10 },
		{ .space = VMI_SPACE_MEMORY, .base = 0x1000, .bytes = 0x10 },
		{ .space = VMI_SPACE_PORT, .base = 0x1000, .bytes = 4 },
	};
	struct vmi_doorbell b = { .space = VMI_SPACE_PORT, .address = 0x2000 };
	int i;

	for (i = 0; i < 3; i++)
		add_region(&r[i]);
	add_bell(&b); /* regions survive it */
	ck_assert_ptr_eq(
		vmi_regions_find(all, &near, VMI_SPACE_MEMORY, 0x300f, 1), &r[0]);
	ck_assert_ptr_null(vmi_regions_find(all, &near, VMI_SPACE_MEMORY, 0x300f, 2));
	ck_assert_ptr_eq(
		vmi_regions_find(all, &near, VMI_SPACE_MEMORY, 0x1000, 8), &r[1]);
	ck_assert_ptr_eq(
		vmi_regions_find(all, &near, VMI_SPACE_PORT, 0x1000, 4), &r[2]);
	ck_assert_ptr_null(vmi_regions_find(all, &near, VMI_SPACE_PORT, 0x3000, 1));
	ck_assert_ptr_eq(vmi_regions_overlap(all, VMI_SPACE_MEMORY, 0,
		0x1001), &r[1]);
	ck_assert_ptr_null(
		vmi_regions_overlap(all, VMI_SPACE_MEMORY, 0x2000, 0x1000));
	vmi_regions_drop(all, &r[1]);
	ck_assert_ptr_null(vmi_regions_find(all, &near, VMI_SPACE_MEMORY, 0x1000, 1));
	ck_assert_ptr_eq(
		vmi_regions_find(all, &near, VMI_SPACE_MEMORY, 0x3000, 1), &r[0]);
}
END_TEST

START_TEST(bells_ring_for_their_write)
{
	struct vmi_doorbell eight = { .address = 0x1000, .bytes = 8,
		.has_match = true, .match = 0x1122334455667788 };
	struct vmi_doorbell other = { .address = 0x1000, .bytes = 8,
		.has_match = true, .match = 1 };
	struct vmi_doorbell four = { .address = 0x1000, .bytes = 4 };
	struct vmi_doorbell any = { .address = 0x1008 };
	struct vmi_doorbell port = { .space = VMI_SPACE_PORT,
		.address = 0x1000, .bytes = 1 };

	add_bell(&port);
	add_bell(&any);
	add_bell(&four);
	add_bell(&eight);
	add_bell(&other);
	ck_assert_ptr_eq(rung(VMI_SPACE_MEMORY, 0x1000, 8,
		0x1122334455667788), &eight);
	ck_assert_ptr_eq(rung(VMI_SPACE_MEMORY, 0x1000, 8, 1), &other);
	ck_assert_ptr_null(rung(VMI_SPACE_MEMORY, 0x1000, 8, 2));
	ck_assert_ptr_eq(rung(VMI_SPACE_MEMORY, 0x1000, 4, 2), &four);
	ck_assert_ptr_null(rung(VMI_SPACE_MEMORY, 0x1000, 2, 2));
	ck_assert_ptr_eq(rung(VMI_SPACE_MEMORY, 0x1008, 2, 99), &any);
	ck_assert_ptr_null(rung(VMI_SPACE_MEMORY, 0x1009, 1, 99));
	ck_assert_ptr_eq(rung(VMI_SPACE_PORT, 0x1000, 1, 7), &port);
	ck_assert_ptr_eq(
		vmi_doorbell_in(all, VMI_SPACE_MEMORY, 0x1001, 8), &any);
	ck_assert_ptr_null(
		vmi_doorbell_in(all, VMI_SPACE_MEMORY, 0x1001, 7));
	vmi_regions_drop_bell(all, &eight);
	ck_assert_ptr_null(rung(VMI_SPACE_MEMORY, 0x1000, 8,
		0x1122334455667788));
	ck_assert_ptr_eq(rung(VMI_SPACE_MEMORY, 0x1000, 8, 1), &other);
}
END_TEST

START_TEST(bells_that_clash)
{
	struct vmi_doorbell four = { .address = 0x10, .bytes = 4,
		.has_match = true, .match = 5 };
	struct vmi_doorbell want = { .address = 0x10, .bytes = 4,
		.has_match = true, .match = 6 };

	ck_assert_ptr_null(vmi_doorbell_clash(all, &want));
	add_bell(&four);
	ck_assert_ptr_null(vmi_doorbell_clash(all, &want));
	want.match = 5;
	ck_assert_ptr_eq(vmi_doorbell_clash(all, &want), &four);
	want.has_match = false; /* any value: 5 too */
	ck_assert_ptr_eq(vmi_doorbell_clash(all, &want), &four);
	want.bytes = 2;
	ck_assert_ptr_null(vmi_doorbell_clash(all, &want));
	want.bytes = 0; /* any width */
	ck_assert_ptr_eq(vmi_doorbell_clash(all, &want), &four);
	want.space = VMI_SPACE_PORT;
	ck_assert_ptr_null(vmi_doorbell_clash(all, &want));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("region");
	TCase *t = tcase_create("region");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, regions_are_found);
	tcase_add_test(t, bells_ring_for_their_write);
	tcase_add_test(t, bells_that_clash);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
