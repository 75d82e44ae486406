/* SPDX-License-Identifier: MIT */
/* Map transactions, views and the run gate, against the null backend. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/null.h"
#include "tests/unit/suite.h"

#define PAGE 0x1000u

static struct vmapi *ctx;
static struct vmapi_vm *vm;
static struct vmapi_as *as;
static struct vmapi_ram *low, *high;

static struct vmapi_ram *make_ram(const char *name, uint64_t bytes)
{
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = bytes };
	struct vmapi_ram *ram;

	strcpy(c.name, name);
	ck_assert_int_eq(vmapi_ram_create(ctx, &c, &ram), 0);
	return ram;
}

static void setup(void)
{
	null_reset();
	ck_assert_int_eq(vmapi_open("null", 0, &ctx), 0);
	ck_assert_int_eq(vmapi_vm_create(ctx, NULL, &vm), 0);
	ck_assert_int_eq(vmapi_vm_as(vm, &as), 0);
	low = make_ram("low", 0x100 * PAGE);
	high = make_ram("high", 0x100 * PAGE);
}

static void teardown(void)
{
	vmapi_close(ctx);
	vmapi_vm_destroy(vm);
	vmapi_ram_destroy(low);
	vmapi_ram_destroy(high);
	vmapi_as_destroy(as);
	ck_assert_uint_eq(null_knobs.contexts, 0);
	ck_assert_uint_eq(null_knobs.vms, 0);
}

static struct vmapi_map *begin(void)
{
	struct vmapi_map *map;

	ck_assert_int_eq(vmapi_map_begin(vm, &map), 0);
	return map;
}

static int add(struct vmapi_map *map, uint64_t gpa, uint64_t bytes,
	uint64_t offset)
{
	struct vmapi_map_entry e = { .size = sizeof(e),
		.gpa = gpa,
		.bytes = bytes,
		.ram = low,
		.offset = offset };

	return vmapi_map_add(map, as, &e);
}

static void add_and_commit(uint64_t gpa, uint64_t bytes, uint64_t offset)
{
	struct vmapi_map *map = begin();

	ck_assert_int_eq(add(map, gpa, bytes, offset), 0);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
}

static int remove_and_commit(uint64_t gpa, uint64_t bytes)
{
	struct vmapi_map *map = begin();

	ck_assert_int_eq(vmapi_map_remove(map, as, gpa, bytes), 0);
	return vmapi_map_commit(map);
}

/* The entries as text: "gpa+bytes@offset/flags ", in pages. */
static const char *entries(void)
{
	static char text[512];
	struct vmapi_map_entry e[16] = { { .size = sizeof(e[0]) } };
	size_t n, i;
	int at = 0;

	ck_assert_int_eq(vmapi_as_entries(as, e, 16, &n), 0);
	ck_assert_uint_le(n, 16);
	text[0] = '\0';
	for (i = 0; i < n; i++)
		at += sprintf(text + at, "%x+%x@%x/%x ",
			(unsigned)(e[i].gpa / PAGE),
			(unsigned)(e[i].bytes / PAGE),
			(unsigned)(e[i].offset / PAGE), (unsigned)e[i].flags);
	ck_assert(null_map_agrees(vm));
	return text;
}

START_TEST(adds_need_no_gate)
{
	add_and_commit(0x10 * PAGE, 0x10 * PAGE, 0);
	ck_assert(!null_knobs.gate_was_closed);
	add_and_commit(0, PAGE, 0x20 * PAGE);
	ck_assert_uint_eq(null_knobs.added, 1);
	ck_assert_uint_eq(null_knobs.removed, 0);
	ck_assert_uint_eq(null_knobs.changed_calls, 2);
	ck_assert_str_eq(entries(), "0+1@20/0 10+10@0/0 ");
}
END_TEST

START_TEST(remove_splits)
{
	add_and_commit(0x10 * PAGE, 0x10 * PAGE, 0x40 * PAGE);
	ck_assert_int_eq(remove_and_commit(0x14 * PAGE, 2 * PAGE), 0);
	ck_assert(null_knobs.gate_was_closed);
	ck_assert_uint_eq(null_knobs.removed, 1);
	ck_assert_uint_eq(null_knobs.added, 2);
	ck_assert_str_eq(entries(), "10+4@40/0 16+a@46/0 ");
	ck_assert_int_eq(remove_and_commit(0x12 * PAGE, 0x8 * PAGE), 0);
	ck_assert_str_eq(entries(), "10+2@40/0 1a+6@4a/0 ");
	ck_assert_int_eq(remove_and_commit(0x80 * PAGE, PAGE), 0);
	ck_assert_int_eq(remove_and_commit(0, 0x100 * PAGE), 0);
	ck_assert_str_eq(entries(), "");
}
END_TEST

START_TEST(unchanged_entries_stay)
{
	unsigned applies;

	add_and_commit(0, 4 * PAGE, 0);
	add_and_commit(0x10 * PAGE, 4 * PAGE, 0);
	applies = null_knobs.applies;
	ck_assert_int_eq(remove_and_commit(0x20 * PAGE, PAGE), 0);
	ck_assert_uint_eq(null_knobs.applies, applies);
	ck_assert_int_eq(remove_and_commit(0, 4 * PAGE), 0);
	ck_assert_uint_eq(null_knobs.removed, 1);
	ck_assert_uint_eq(null_knobs.added, 0);
}
END_TEST

START_TEST(overlap_names_both)
{
	struct vmapi_map *map = begin();
	const struct vmapi_error *e;

	ck_assert_int_eq(add(map, 0, 0xa0 * PAGE, 0), 0);
	ck_assert_int_eq(add(map, 0x9f * PAGE, 2 * PAGE, 0), 0);
	ck_assert_int_eq(vmapi_map_commit(map), -EEXIST);
	e = vmapi_error_last();
	ck_assert_int_eq(e->code, -EEXIST);
	ck_assert_str_eq(e->operation, "vmapi_map_commit");
	ck_assert_uint_eq(e->range_first, 0x9f * PAGE);
	ck_assert_uint_eq(e->range_size, 2 * PAGE);
	ck_assert_str_eq(e->message, "ram 'low' at gpa 0x9f000+0x2000 "
		"overlaps ram 'low' at 0x0+0xa0000");
	ck_assert_str_eq(entries(), "");
}
END_TEST

START_TEST(operations_go_in_order)
{
	struct vmapi_map *map = begin();

	add_and_commit(0, 0x10 * PAGE, 0);
	ck_assert_int_eq(vmapi_map_remove(map, as, 0, 0x10 * PAGE), 0);
	ck_assert_int_eq(add(map, 8 * PAGE, 8 * PAGE, 0x20 * PAGE), 0);
	ck_assert_int_eq(add(map, 0, 8 * PAGE, 0x40 * PAGE), 0);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	ck_assert_str_eq(entries(), "0+8@40/0 8+8@20/0 ");
	map = begin();
	ck_assert_int_eq(add(map, 0x20 * PAGE, PAGE, 0), 0);
	ck_assert_int_eq(vmapi_map_remove(map, as, 0x20 * PAGE, PAGE), 0);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	ck_assert_str_eq(entries(), "0+8@40/0 8+8@20/0 ");
}
END_TEST

START_TEST(flags_split_and_holes_fail)
{
	struct vmapi_map *map = begin();

	add_and_commit(0, 8 * PAGE, 0);
	add_and_commit(8 * PAGE, 8 * PAGE, 0x20 * PAGE);
	ck_assert_int_eq(vmapi_map_set_flags(map, as, 4 * PAGE, 8 * PAGE,
		VMAPI_MAP_READONLY), 0);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	ck_assert_str_eq(entries(), "0+4@0/0 4+4@4/1 8+4@20/1 c+4@24/0 ");
	map = begin();
	ck_assert_int_eq(vmapi_map_set_flags(map, as, 0xc * PAGE, 8 * PAGE, 0),
		0);
	ck_assert_int_eq(vmapi_map_commit(map), -ENOENT);
	ck_assert_uint_eq(vmapi_error_last()->range_first, 0x10 * PAGE);
	map = begin();
	ck_assert_int_eq(vmapi_map_set_flags(map, as, 0, PAGE, VMAPI_MAP_LOG),
		-ENOTSUP);
	vmapi_map_abort(map);
	ck_assert_str_eq(entries(), "0+4@0/0 4+4@4/1 8+4@20/1 c+4@24/0 ");
}
END_TEST

START_TEST(replace_is_whole)
{
	struct vmapi_map_entry e[2] = { { .size = sizeof(e[0]) } };
	struct vmapi_map *map = begin();

	add_and_commit(0, 8 * PAGE, 0);
	e[0].gpa = 4 * PAGE;
	e[0].bytes = PAGE;
	e[0].ram = high;
	e[1] = e[0];
	e[1].gpa = 0;
	ck_assert_int_eq(vmapi_map_replace(map, as, e, 2), 0);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	ck_assert_str_eq(entries(), "0+1@0/0 4+1@0/0 ");
	map = begin();
	e[1].bytes = 1;
	ck_assert_int_eq(vmapi_map_replace(map, as, e, 2), -EINVAL);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	ck_assert_str_eq(entries(), "0+1@0/0 4+1@0/0 ");
	map = begin();
	ck_assert_int_eq(vmapi_map_replace(map, as, NULL, 0), 0);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	ck_assert_str_eq(entries(), "");
}
END_TEST

START_TEST(bad_ranges)
{
	struct vmapi_map *map = begin();

	ck_assert_int_eq(add(map, 1, PAGE, 0), -EINVAL);
	ck_assert_int_eq(add(map, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(add(map, 0, PAGE + 1, 0), -EINVAL);
	ck_assert_int_eq(add(map, 0, PAGE, 1), -EINVAL);
	ck_assert_int_eq(add(map, 0, 0x101 * PAGE, 0), -ERANGE);
	ck_assert_int_eq(add(map, 0, 2 * PAGE, 0xff * PAGE), -ERANGE);
	ck_assert_int_eq(add(map, 0, PAGE, UINT64_MAX - PAGE + 1), -ERANGE);
	ck_assert_int_eq(add(map, 1ull << 40, PAGE, 0), -ERANGE);
	ck_assert_int_eq(add(map, (1ull << 40) - PAGE, 2 * PAGE, 0), -ERANGE);
	ck_assert_int_eq(add(map, 0 - (uint64_t)PAGE, 2 * PAGE, 0), -EINVAL);
	ck_assert_int_eq(add(map, (1ull << 40) - PAGE, PAGE, 0), 0);
	ck_assert_int_eq(
		vmapi_map_remove(map, as, 0 - (uint64_t)PAGE, PAGE), 0);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
}
END_TEST

START_TEST(failed_apply_leaves_all)
{
	add_and_commit(0, 8 * PAGE, 0);
	null_knobs.apply_error = -ENOMEM;
	ck_assert_int_eq(remove_and_commit(0, PAGE), -ENOMEM);
	ck_assert_str_eq(entries(), "0+8@0/0 ");
	null_knobs.apply_error = -EIO;
	ck_assert_int_eq(remove_and_commit(0, PAGE), -EIO);
	ck_assert_int_eq(remove_and_commit(0, PAGE), -EIO);
}
END_TEST

START_TEST(broken_map_stops_runs)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_vcpu *vcpu;

	ck_assert_int_eq(vmapi_vcpu_create(vm, NULL, &vcpu), 0);
	add_and_commit(0, PAGE, 0);
	null_knobs.apply_error = -EIO;
	ck_assert_int_eq(remove_and_commit(0, PAGE), -EIO);
	ck_assert_int_eq(vmapi_vcpu_run(vcpu, &exit), -EIO);
	vmapi_vcpu_destroy(vcpu);
}
END_TEST

START_TEST(second_space)
{
	struct vmapi_map_entry e = { .size = sizeof(e), .bytes = PAGE };
	struct vmapi_as *second, *third;
	struct vmapi_map *map = begin();
	size_t n;

	e.ram = low;
	ck_assert_int_eq(vmapi_as_create(vm, &second), 0);
	ck_assert_int_eq(vmapi_as_create(vm, &third), -ENOTSUP);
	ck_assert_int_eq(vmapi_map_add(map, second, &e), 0);
	ck_assert_int_eq(vmapi_map_add(map, as, &e), 0);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	ck_assert_str_eq(entries(), "0+1@0/0 ");
	ck_assert_int_eq(vmapi_as_entries(second, NULL, 0, &n), 0);
	ck_assert_uint_eq(n, 1);
	vmapi_as_destroy(second);
	ck_assert(null_map_agrees(vm));
	ck_assert_int_eq(vmapi_as_create(vm, &second), 0);
	vmapi_as_destroy(second);
}
END_TEST

START_TEST(memory_across_entries)
{
	uint8_t out[3 * PAGE], in[3 * PAGE];
	void *p;
	size_t i;

	for (i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + 1);
	add_and_commit(0, PAGE, 5 * PAGE);
	add_and_commit(PAGE, PAGE, 0);
	ck_assert_int_eq(vmapi_as_write(as, 0x800, out, 0x1000), 0);
	ck_assert_int_eq(vmapi_ram_pointer(low, &p), 0);
	ck_assert_mem_eq((uint8_t *)p + 5 * PAGE + 0x800, out, 0x800);
	ck_assert_mem_eq(p, out + 0x800, 0x800);
	ck_assert_int_eq(vmapi_as_read(as, 0x800, in, 0x1000), 0);
	ck_assert_mem_eq(in, out, 0x1000);
	memset(in, 0, sizeof(in));
	ck_assert_int_eq(vmapi_as_write(as, 0, out, sizeof(out)), -EFAULT);
	ck_assert_uint_eq(vmapi_error_last()->range_first, 2 * PAGE);
	ck_assert_int_eq(vmapi_as_read(as, 0, in, sizeof(in)), -EFAULT);
	ck_assert_mem_eq(in, out, 2 * PAGE);
	ck_assert_int_eq(in[2 * PAGE], 0);
	ck_assert_int_eq(vmapi_as_read(as, UINT64_MAX, in, 2), -EFAULT);
	ck_assert_int_eq(vmapi_as_read(as, 9 * PAGE, in, 0), 0);
}
END_TEST

struct counting_watch {
	struct vmi_ram_watch watch;
	uint64_t offset, bytes;
	unsigned calls;
};

static void count_write(struct vmi_ram_watch *watch, struct vmapi_ram *ram,
	uint64_t offset, uint64_t bytes)
{
	struct counting_watch *w = (struct counting_watch *)watch;

	(void)ram;
	w->offset = offset;
	w->bytes = bytes;
	w->calls++;
}

START_TEST(watches_hear_writes)
{
	struct counting_watch w = { .watch = { .written = count_write } };

	add_and_commit(0, PAGE, 5 * PAGE);
	vmi_ram_watch_add(low, &w.watch);
	ck_assert_int_eq(vmapi_as_write(as, 0x10, "abc", 3), 0);
	ck_assert_uint_eq(w.calls, 1);
	ck_assert_uint_eq(w.offset, 5 * PAGE + 0x10);
	ck_assert_uint_eq(w.bytes, 3);
	ck_assert_int_eq(vmapi_ram_written(low, 1, 0x100 * PAGE), -ERANGE);
	ck_assert_int_eq(vmapi_ram_written(low, 0, 0x100 * PAGE), 0);
	ck_assert_uint_eq(w.calls, 2);
	vmi_ram_watch_remove(low, &w.watch);
	ck_assert_int_eq(vmapi_ram_written(low, 0, 1), 0);
	ck_assert_uint_eq(w.calls, 2);
}
END_TEST

/* -- The gate ----------------------------------------------------------- */

static void *run_until_kicked(void *vcpu)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	ck_assert_int_eq(vmapi_vcpu_run(vcpu, &exit), 0);
	ck_assert_uint_eq(exit.reason, VMAPI_EXIT_KICK);
	return NULL;
}

/* What a vcpu in the guest does: read the view, follow it to memory. */
static void look_around(struct vmapi_vcpu *vcpu)
{
	const struct vmi_view *view = vcpu->vm->spaces->view;
	const struct vmi_map_entry *e;

	for (e = vmi_view_at(view, 0); e; e = vmi_view_next(view, e))
		ck_assert_uint_ne(e->ram->base[e->offset], 0xff);
}

static void *commit_many(void *arg)
{
	uint64_t gpa = *(uint64_t *)arg;
	int i;

	for (i = 0; i < 300; i++) {
		add_and_commit(gpa, 4 * PAGE, 0);
		ck_assert_int_eq(remove_and_commit(gpa + PAGE, PAGE), 0);
		ck_assert_int_eq(remove_and_commit(gpa, 4 * PAGE), 0);
	}
	return NULL;
}

START_TEST(commits_beside_running_vcpus)
{
	uint64_t places[2] = { 0x100 * PAGE, 0x200 * PAGE };
	struct vmapi_vcpu_config c = { .size = sizeof(c) };
	pthread_t runners[2], writers[2];
	struct vmapi_vcpu *vcpus[2];
	int i;

	null_knobs.inside = look_around;
	for (i = 0; i < 2; i++) {
		c.id = (uint64_t)i;
		ck_assert_int_eq(vmapi_vcpu_create(vm, &c, &vcpus[i]), 0);
		pthread_create(&runners[i], NULL, run_until_kicked, vcpus[i]);
	}
	for (i = 0; i < 2; i++)
		pthread_create(&writers[i], NULL, commit_many, &places[i]);
	for (i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(vmapi_vcpu_kick(vcpus[i]), 0);
		pthread_join(runners[i], NULL);
		vmapi_vcpu_destroy(vcpus[i]);
	}
	ck_assert_str_eq(entries(), "");
}
END_TEST

/* A vcpu that waits for a device, which is us, lets a commit through. */
static atomic_int device_state; /* 1: asked, 2: answered, 3: seen */

static int ask_device(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit)
{
	ck_assert(vmi_gate_enter(vcpu));
	vmi_gate_block(vcpu);
	atomic_store(&device_state, 1);
	while (atomic_load(&device_state) != 2)
		sched_yield();
	exit->reason = VMAPI_EXIT_KICK;
	if (!vmi_gate_unblock(vcpu))
		return -EIO;
	atomic_store(&device_state, 3);
	vmi_gate_leave(vcpu);
	return 0;
}

static void *answer(void *vm_arg)
{
	(void)vm_arg;
	atomic_store(&device_state, 2);
	return NULL;
}

START_TEST(blocked_counts_as_outside)
{
	pthread_t runner, device;
	struct vmapi_vcpu *vcpu;

	null_knobs.run = ask_device;
	atomic_store(&device_state, 0);
	add_and_commit(0, 4 * PAGE, 0);
	ck_assert_int_eq(vmapi_vcpu_create(vm, NULL, &vcpu), 0);
	pthread_create(&runner, NULL, run_until_kicked, vcpu);
	while (!atomic_load(&device_state))
		sched_yield();
	ck_assert_int_eq(remove_and_commit(PAGE, PAGE), 0);
	ck_assert(null_knobs.gate_was_closed);
	ck_assert(vmi_gate_is_quiet(vm));
	/* Behind a closed gate it comes back only when that opens. */
	vmi_gate_close(vm);
	pthread_create(&device, NULL, answer, vm);
	pthread_join(device, NULL);
	usleep(20000);
	ck_assert_int_eq(atomic_load(&device_state), 2);
	vmi_gate_open(vm);
	pthread_join(runner, NULL);
	ck_assert_int_eq(atomic_load(&device_state), 3);
	vmapi_vcpu_destroy(vcpu);
}
END_TEST

/* As a processor does that locks the bus: it is alone, and reads the map. */
START_TEST(who_closed_the_gate_may_read)
{
	add_and_commit(0, PAGE, 0);
	vmi_gate_close(vm);
	add_and_commit(2 * PAGE, PAGE, 0);
	ck_assert_ptr_ne(vm->retired, NULL);
	vmi_gate_open(vm);
	add_and_commit(4 * PAGE, PAGE, 0);
	ck_assert_ptr_eq(vm->retired, NULL);
}
END_TEST

static void *run_broken(void *vcpu)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	ck_assert_int_eq(vmapi_vcpu_run(vcpu, &exit), -EIO);
	return NULL;
}

/* One that runs when the map breaks stops, and does not come in again. */
START_TEST(broken_map_turns_away)
{
	struct vmapi_vcpu *vcpu;
	pthread_t runner;

	ck_assert_int_eq(vmapi_vcpu_create(vm, NULL, &vcpu), 0);
	add_and_commit(0, 4 * PAGE, 0);
	pthread_create(&runner, NULL, run_broken, vcpu);
	while (vmi_gate_is_quiet(vm))
		sched_yield();
	null_knobs.apply_error = -EIO;
	ck_assert_int_eq(remove_and_commit(0, PAGE), -EIO);
	pthread_join(runner, NULL);
	vmapi_vcpu_destroy(vcpu);
}
END_TEST

START_TEST(ten_thousand_ranges)
{
	struct vmapi_map *map = begin();
	unsigned i, at;
	size_t n;

	for (i = 0; i < 10000; i++) {
		at = i * 7919u % 10000; /* in no order */
		ck_assert_int_eq(add(map, (uint64_t)at * 2 * PAGE, PAGE, 0), 0);
	}
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	map = begin();
	for (i = 0; i < 10000; i += 2)
		ck_assert_int_eq(vmapi_map_remove(
			map, as, (uint64_t)i * 2 * PAGE, PAGE), 0);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	ck_assert_uint_eq(null_knobs.removed, 5000);
	ck_assert_int_eq(vmapi_as_entries(as, NULL, 0, &n), 0);
	ck_assert_uint_eq(n, 5000);
	ck_assert(null_map_agrees(vm));
}
END_TEST

/* Random operations against a page array. */
START_TEST(model)
{
	unsigned char pages[64], now[64];
	unsigned seed = 1, i, k;

	memset(pages, 0, sizeof(pages));
	for (i = 0; i < 3000; i++) {
		unsigned r = seed = seed * 1103515245u + 12345u;
		unsigned gpa = (r >> 8) % 60, n = 1 + (r >> 16) % 4;
		struct vmapi_map_entry e[64] = { { .size = sizeof(e[0]) } };
		struct vmapi_map *map = begin();
		bool is_add = (r >> 24) & 1, clash = false;
		size_t count, j;

		for (k = gpa; k < gpa + n; k++)
			clash |= pages[k] != 0;
		if (is_add)
			ck_assert_int_eq(add(map, gpa * PAGE, n * PAGE,
				(gpa + 1) * PAGE), 0);
		else
			ck_assert_int_eq(vmapi_map_remove(map, as, gpa * PAGE,
				n * PAGE), 0);
		ck_assert_int_eq(vmapi_map_commit(map),
			is_add && clash ? -EEXIST : 0);
		for (k = gpa; k < gpa + n; k++)
			if (!is_add || !clash)
				pages[k] = is_add ? (unsigned char)(k + 1) : 0;
		ck_assert_int_eq(vmapi_as_entries(as, e, 64, &count), 0);
		memset(now, 0, sizeof(now));
		for (j = 0; j < count; j++)
			for (k = 0; k < e[j].bytes / PAGE; k++)
				now[e[j].gpa / PAGE + k] = (unsigned char)(
					e[j].offset / PAGE + k);
		ck_assert_mem_eq(now, pages, sizeof(pages));
	}
	ck_assert(null_map_agrees(vm));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("map");
	TCase *t = tcase_create("map");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, adds_need_no_gate);
	tcase_add_test(t, remove_splits);
	tcase_add_test(t, unchanged_entries_stay);
	tcase_add_test(t, overlap_names_both);
	tcase_add_test(t, operations_go_in_order);
	tcase_add_test(t, flags_split_and_holes_fail);
	tcase_add_test(t, replace_is_whole);
	tcase_add_test(t, bad_ranges);
	tcase_add_test(t, failed_apply_leaves_all);
	tcase_add_test(t, broken_map_stops_runs);
	tcase_add_test(t, second_space);
	tcase_add_test(t, memory_across_entries);
	tcase_add_test(t, watches_hear_writes);
	tcase_add_test(t, commits_beside_running_vcpus);
	tcase_add_test(t, blocked_counts_as_outside);
	tcase_add_test(t, who_closed_the_gate_may_read);
	tcase_add_test(t, broken_map_turns_away);
	tcase_add_test(t, ten_thousand_ranges);
	tcase_add_test(t, model);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
