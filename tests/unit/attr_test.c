/* SPDX-License-Identifier: MIT */
/* Attributes by their table, and devices of a kernel that is a list. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arch/attr.h"
#include "tests/unit/null.h"
#include "tests/unit/suite.h"

/* -- The kernel: values by group and number ----------------------------- */

#define VALUES 8192

static struct value {
	uint32_t group;
	uint64_t number;
	uint64_t value;
} values[VALUES];
static size_t n_values;
static unsigned sets;
/* The first sets, in order. */
static struct value order[64];
/* Numbers of this group do not exist. */
static uint32_t absent_group = UINT32_MAX;
static size_t pending_bytes; /* FLIC */
static uint8_t pending[72 * 3];

static struct value *find(uint32_t group, uint64_t number)
{
	size_t i;

	for (i = 0; i < n_values; i++)
		if (values[i].group == group && values[i].number == number)
			return &values[i];
	ck_assert_uint_lt(n_values, VALUES);
	values[n_values] = (struct value){ .group = group, .number = number };
	return &values[n_values++];
}

static unsigned bytes_of(const struct vmi_attr_call *call)
{
	return call->group == 6 || call->group == 8 ? 8 : 4;
}

static int kernel(const struct vmi_attr_call *call)
{
	uint64_t value = 0;

	if (call->group == absent_group)
		return -ENXIO;
	if (call->verb == VMI_ATTR_HAS)
		return 0;
	if (call->verb == VMI_ATTR_GET) {
		value = find(call->group, call->number)->value;
		memcpy(call->data, &value, bytes_of(call));
		return 0;
	}
	if (call->data)
		memcpy(&value, call->data, bytes_of(call));
	if (sets < 64)
		order[sets] = (struct value){ call->group, call->number,
			value };
	sets++;
	find(call->group, call->number)->value = value;
	return 0;
}

/* -- Fixtures ----------------------------------------------------------- */

static struct vmapi *ctx;
static struct vmapi_vm *vm;
static struct vmapi_vcpu *vcpu;

static void forget(void)
{
	memset(values, 0, sizeof(values));
	n_values = 0;
	sets = 0;
}

static void setup(void)
{
	null_reset();
	forget();
	absent_group = UINT32_MAX;
	null_knobs.attr = kernel;
	null_knobs.devices = UINT64_C(0xffe0000);
	ck_assert_int_eq(vmapi_open("null", 0, &ctx), 0);
	ck_assert_int_eq(vmapi_vm_create(ctx, NULL, &vm), 0);
	vcpu = NULL;
}

static void add_vcpu(uint64_t id)
{
	struct vmapi_vcpu_config c = { .size = sizeof(c), .id = id };

	ck_assert_int_eq(vmapi_vcpu_create(vm, &c, &vcpu), 0);
}

static void teardown(void)
{
	vmapi_vcpu_destroy(vcpu);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	ck_assert_uint_eq(null_knobs.vms, 0);
}

static struct vmapi_device *make(unsigned type)
{
	struct vmapi_device_config c = { .size = sizeof(c), .type = type };
	struct vmapi_device *device;

	ck_assert_int_eq(vmapi_device_create(vm, &c, &device), 0);
	return device;
}

static struct vmapi_attr of_device(
	struct vmapi_device *device, uint32_t group, uint64_t number)
{
	return (struct vmapi_attr){ .size = sizeof(struct vmapi_attr),
		.device = device,
		.group = group,
		.number = number };
}

static struct vmapi_attr of_vm(uint32_t group, uint64_t number)
{
	return (struct vmapi_attr){ .size = sizeof(struct vmapi_attr),
		.vm = vm,
		.group = group,
		.number = number };
}

/* -- The tables --------------------------------------------------------- */

static void check_rows(enum vmi_attr_owner owner)
{
	const struct vmi_attr_row *row = NULL;

	while ((row = vmi_attr_next(owner, row))) {
		ck_assert_uint_le(row->first, row->last);
		ck_assert_uint_lt(strlen(row->name), 32);
		ck_assert(row->access & (VMAPI_ATTR_READ | VMAPI_ATTR_WRITE));
		if (row->kind == VMAPI_ATTR_COMMAND)
			ck_assert(!(row->access & VMAPI_ATTR_READ));
		else
			ck_assert_uint_ne(row->bytes, 0);
		if (row->access & VMAPI_ATTR_MULTIPLE)
			ck_assert_uint_ne(row->bytes, 0);
	}
}

static void check_steps(enum vmi_attr_owner owner)
{
	const struct vmi_attr_step *step = NULL;

	while ((step = vmi_attr_step_next(owner, step))) {
		struct vmapi_attr a = { .group = step->group,
			.number = step->last };
		bool command = step->verb != VMI_STEP_STATE, other;
		const struct vmi_attr_row *row =
			vmi_attr_row(owner, &a, command, &other);

		ck_assert_ptr_nonnull(row);
		ck_assert_uint_le(row->first, step->first);
		ck_assert_uint_gt(step->stride, 0);
		ck_assert_uint_eq((step->last - step->first) % step->stride,
			0);
		ck_assert_uint_le(row->bytes, command ? 0 : 72);
		if (!command)
			ck_assert_int_eq(row->kind, VMAPI_ATTR_STATE);
	}
}

START_TEST(tables_are_sound)
{
	unsigned owner;

	for (owner = 0; owner < 128; owner++) {
		check_rows((enum vmi_attr_owner)owner);
		check_steps((enum vmi_attr_owner)owner);
	}
}
END_TEST

START_TEST(numbers_of_vcpus)
{
	/* Aff0 has 4 bits, Aff1 and Aff2 8. */
	ck_assert_uint_eq(vmi_attr_vcpu_part(VMI_PER_AFFINITY, 0x12345, 0),
		UINT64_C(0x123405) << 32);
	ck_assert_uint_eq(vmi_attr_vcpu_part(VMI_PER_INDEX, 99, 3),
		UINT64_C(3) << 32);
	ck_assert_uint_eq(vmi_attr_vcpu_part(VMI_PER_ID3, 5, 0), 40);
	ck_assert_uint_eq(vmi_attr_vcpu_part(VMI_PER_ID12, 5, 0), 0x5000);
	ck_assert_uint_eq(vmi_attr_vcpu_part(VMI_PER_VM, 5, 5), 0);
}
END_TEST

START_TEST(ranges_end_with_the_interrupts)
{
	struct vmi_attr_step s = { .first = 0x104,
		.last = 0x17c,
		.stride = 4,
		.bits = 1 };

	ck_assert_uint_eq(vmi_attr_step_end(&s, 64), 0x108);
	ck_assert_uint_eq(vmi_attr_step_end(&s, 256), 0x120);
	ck_assert_uint_eq(vmi_attr_step_end(&s, 1024), 0x17d);
	ck_assert_uint_eq(vmi_attr_step_end(&s, 32), 0x104);
	s.bits = 0;
	ck_assert_uint_eq(vmi_attr_step_end(&s, 64), 0x17d);
	s.first = 0;
	s.bits = 8;
	ck_assert_uint_eq(vmi_attr_step_end(&s, 32), 0);
}
END_TEST

START_TEST(table_can_be_asked)
{
	struct vmapi_device *d = make(VMAPI_DEVICE_VGIC_ITS);
	struct vmapi_attr a = of_device(d, 0, 0);
	struct vmapi_attr_info rows[16];
	size_t n;

	memset(rows, 0, sizeof(rows));
	rows[0].size = sizeof(rows[0]);
	ck_assert_int_eq(vmapi_attr_list(&a, rows, 16, &n), 0);
	ck_assert_uint_eq(n, 6);
	ck_assert_str_eq(rows[2].name, "save-tables");
	ck_assert_uint_eq(rows[2].kind, VMAPI_ATTR_COMMAND);
	ck_assert_uint_eq(rows[2].when, VMAPI_ATTR_STOPPED);
	ck_assert_uint_eq(rows[5].group, 8);
	ck_assert_uint_eq(rows[5].bytes, 8);
	ck_assert_uint_eq(
		rows[5].access, VMAPI_ATTR_READ | VMAPI_ATTR_WRITE);
	ck_assert_int_eq(vmapi_attr_list(&a, NULL, 0, &n), 0);
	ck_assert_uint_eq(n, 6);
	ck_assert_int_eq(vmapi_attr_list(&a, NULL, 1, &n), -EINVAL);
	ck_assert_int_eq(vmapi_attr_list(NULL, NULL, 0, &n), -EINVAL);
	vmapi_device_destroy(d);
}
END_TEST

/* -- Kinds, access, sizes, times ---------------------------------------- */

START_TEST(kinds_are_kept_apart)
{
	struct vmapi_device *d = make(VMAPI_DEVICE_MPIC_20);
	struct vmapi_attr reg = of_device(d, 2, 0x1020);
	struct vmapi_attr base = of_device(d, 1, 0);
	struct vmapi_attr none = of_device(d, 9, 0);
	uint32_t word = 7;
	uint64_t address = 0xe0040000;
	size_t bytes = sizeof(word);

	/* A register is state to read, and writing it is a command. */
	ck_assert_int_eq(vmapi_attr_get(&reg, &word, &bytes), 0);
	ck_assert_int_eq(vmapi_attr_set(&reg, &word, 4), -EACCES);
	ck_assert_int_eq(vmapi_attr_command(&reg, &word, 4), 0);
	ck_assert_int_eq(vmapi_attr_command(&base, &address, 8), -EINVAL);
	ck_assert_ptr_nonnull(
		strstr(vmapi_error_last()->message, "no command"));
	ck_assert_int_eq(vmapi_attr_set(&base, &address, 8), 0);
	ck_assert_int_eq(vmapi_attr_set(&base, &address, 4), -EINVAL);
	ck_assert_int_eq(vmapi_attr_set(&base, NULL, 8), -EINVAL);
	bytes = 4;
	ck_assert_int_eq(vmapi_attr_get(&base, &address, &bytes), -ENOSPC);
	ck_assert_uint_eq(bytes, 8);
	ck_assert_int_eq(vmapi_attr_get(&none, &address, &bytes), -ENXIO);
	ck_assert_int_eq(vmapi_attr_set(&none, &address, 8), -ENXIO);
	ck_assert_int_eq(vmapi_attr_command(&none, NULL, 0), -ENXIO);
	ck_assert_int_eq(vmapi_attr_probe(&none), -ENXIO);
	ck_assert_int_eq(vmapi_attr_probe(&base), 0);
	absent_group = 1;
	ck_assert_int_eq(vmapi_attr_probe(&base), -ENXIO);
	none.vm = vm; /* two objects */
	ck_assert_int_eq(vmapi_attr_probe(&none), -EINVAL);
	ck_assert_int_eq(vmapi_attr_get(NULL, &word, &bytes), -EINVAL);
	vmapi_device_destroy(d);
}
END_TEST

static int busy_run(struct vmapi_vcpu *v, struct vmapi_exit *exit)
{
	struct vmapi_attr tod = of_vm(1, 0);
	uint64_t value = 0;
	size_t bytes = sizeof(value);

	(void)v;
	ck_assert_int_eq(vmapi_attr_get(&tod, &value, &bytes), -EBUSY);
	ck_assert_int_eq(vmapi_attr_set(&tod, &value, 8), -EBUSY);
	exit->reason = VMAPI_EXIT_KICK;
	return 0;
}

START_TEST(times_are_kept)
{
	struct vmapi_device *d = make(VMAPI_DEVICE_VGIC_V3);
	struct vmapi_attr init = of_device(d, 4, 0);
	struct vmapi_attr cmma = of_vm(0, 0), tod = of_vm(1, 0);
	struct vmapi_exit exit = { .size = sizeof(exit) };
	uint64_t value;
	size_t bytes = sizeof(value);

	ck_assert_int_eq(vmapi_attr_command(&cmma, NULL, 0), 0);
	ck_assert_int_eq(vmapi_attr_command(&init, NULL, 0), -EPERM);
	add_vcpu(0);
	ck_assert_int_eq(vmapi_attr_command(&cmma, NULL, 0), -EPERM);
	ck_assert_int_eq(vmapi_attr_command(&init, NULL, 0), 0);
	null_knobs.run = busy_run;
	ck_assert_int_eq(vmapi_vcpu_run(vcpu, &exit), 0);
	ck_assert_int_eq(vmapi_attr_get(&tod, &value, &bytes), 0);
	/* It runs again: nobody holds it. */
	ck_assert_int_eq(vmapi_vcpu_run(vcpu, &exit), 0);
	vmapi_device_destroy(d);
}
END_TEST

/* -- Save and restore --------------------------------------------------- */

static void check_order(void)
{
	unsigned i, at = 0;

	/* The distributor's IIDR comes first. */
	ck_assert_uint_eq(order[0].group, 1);
	ck_assert_uint_eq(order[0].number, 8);
	/* Clearing comes before setting. */
	for (i = 1; i < 64 && !at; i++)
		if (order[i].group == 5 &&
			(uint32_t)order[i].number == 0x10100)
			at = i;
	ck_assert_uint_gt(at, 0);
	ck_assert_uint_eq((uint32_t)order[at - 1].number, 0x10180);
	ck_assert_uint_eq(order[at - 1].value, 0xffffffff);
	ck_assert_uint_eq(order[at].value, 0x1234);
}

START_TEST(gic_moves)
{
	struct vmapi_device *d = make(VMAPI_DEVICE_VGIC_V3);
	static uint8_t state[1 << 17], again[1 << 17];
	size_t bytes = 0, more, cut;

	add_vcpu(5);
	find(3, 0)->value = 96; /* interrupts */
	find(1, 8)->value = 0x43b;
	find(1, 0x104)->value = 0x8001;
	find(1, 0x108)->value = 0x77; /* 64 to 95 */
	find(5, UINT64_C(5) << 32 | 0x10100)->value = 0x1234;
	find(6, UINT64_C(5) << 32 | 0xc230)->value = 0xf0;
	ck_assert_int_eq(vmapi_device_get(
		d, VMAPI_DEVICE_STATE_ALL, NULL, &bytes), -ENOSPC);
	ck_assert_uint_le(bytes, sizeof(state));
	more = bytes;
	ck_assert_int_eq(vmapi_device_get(
		d, VMAPI_DEVICE_STATE_ALL, state, &bytes), 0);
	ck_assert_uint_eq(bytes, more);
	/* The pending tables were asked for, each time. */
	ck_assert_uint_eq(sets, 2);
	ck_assert_uint_eq(order[0].group, 4);
	ck_assert_uint_eq(order[0].number, 3);

	forget();
	find(3, 0)->value = 96;
	/* Cut or changed, it is refused, and nothing is touched. */
	for (cut = 0; cut < bytes; cut++)
		ck_assert_int_eq(vmapi_device_set(
			d, VMAPI_DEVICE_STATE_ALL, state, cut), -EINVAL);
	state[16] ^= 0x40; /* a group */
	ck_assert_int_eq(vmapi_device_set(
		d, VMAPI_DEVICE_STATE_ALL, state, bytes), -EINVAL);
	state[16] ^= 0x40;
	ck_assert_uint_eq(sets, 0);

	ck_assert_int_eq(vmapi_device_set(
		d, VMAPI_DEVICE_STATE_ALL, state, bytes), 0);
	check_order();
	ck_assert_uint_eq(find(1, 0x108)->value, 0x77);
	ck_assert_uint_eq(
		find(6, UINT64_C(5) << 32 | 0xc230)->value, 0xf0);
	more = sizeof(again);
	ck_assert_int_eq(vmapi_device_get(
		d, VMAPI_DEVICE_STATE_ALL, again, &more), 0);
	ck_assert_uint_eq(more, bytes);
	ck_assert_int_eq(memcmp(again, state, bytes), 0);
	vmapi_device_destroy(d);
}
END_TEST

/* The ITS's tables are loaded after its registers, before it is on. */
START_TEST(its_in_its_order)
{
	struct vmapi_device *d = make(VMAPI_DEVICE_VGIC_ITS);
	static uint8_t state[4096];
	size_t bytes = sizeof(state);

	find(8, 0)->value = 1;
	ck_assert_int_eq(vmapi_device_get(
		d, VMAPI_DEVICE_STATE_ALL, state, &bytes), 0);
	forget();
	ck_assert_int_eq(vmapi_device_set(
		d, VMAPI_DEVICE_STATE_ALL, state, bytes), 0);
	ck_assert_uint_gt(sets, 3);
	ck_assert_uint_eq(order[0].number, 0x80); /* CBASER */
	ck_assert_uint_eq(order[sets - 2].group, 4);
	ck_assert_uint_eq(order[sets - 2].number, 2);
	ck_assert_uint_eq(order[sets - 1].group, 8);
	ck_assert_uint_eq(order[sets - 1].number, 0);
	ck_assert_uint_eq(order[sets - 1].value, 1);
	vmapi_device_destroy(d);
}
END_TEST

static int flic(const struct vmi_attr_call *call)
{
	if (call->verb == VMI_ATTR_HAS)
		return 0;
	if (sets < 64 && call->verb == VMI_ATTR_SET)
		order[sets++] = (struct value){ call->group, call->number, 0 };
	if (call->group == 1 && call->verb == VMI_ATTR_GET) {
		if (call->number < pending_bytes)
			return -ENOMEM;
		memcpy(call->data, pending, pending_bytes);
		return (int)(pending_bytes / 72);
	}
	if (call->group == 2) {
		ck_assert_uint_eq(call->number, sizeof(pending));
		ck_assert_int_eq(
			memcmp(call->data, pending, sizeof(pending)), 0);
	}
	if (call->group == 11 && call->verb == VMI_ATTR_GET)
		memset(call->data, 0, 2);
	return 0;
}

/* Its length goes where others have a number; set is clear and enqueue. */
START_TEST(flic_lists)
{
	struct vmapi_device *d = make(VMAPI_DEVICE_FLIC);
	struct vmapi_attr list = of_device(d, 1, 0);
	struct vmapi_attr enqueue = of_device(d, 2, 0);
	static uint8_t state[4096], got[sizeof(pending)];
	size_t bytes = sizeof(got);

	null_knobs.attr = flic;
	memset(pending, 0x5a, sizeof(pending));
	pending_bytes = sizeof(pending);
	ck_assert_int_eq(vmapi_attr_get(&list, got, &bytes), 0);
	ck_assert_uint_eq(bytes, sizeof(pending));
	ck_assert_int_eq(memcmp(got, pending, sizeof(got)), 0);
	ck_assert_int_eq(vmapi_attr_set(&list, got, bytes), -EACCES);
	ck_assert_int_eq(vmapi_attr_command(&enqueue, got, 71), -EINVAL);
	ck_assert_int_eq(vmapi_attr_command(&enqueue, got, bytes), 0);
	bytes = sizeof(state);
	ck_assert_int_eq(vmapi_device_get(
		d, VMAPI_DEVICE_STATE_ALL, state, &bytes), 0);
	sets = 0;
	ck_assert_int_eq(vmapi_device_set(
		d, VMAPI_DEVICE_STATE_ALL, state, bytes), 0);
	ck_assert_uint_eq(sets, 3);
	ck_assert_uint_eq(order[0].group, 3);
	ck_assert_uint_eq(order[1].group, 2);
	ck_assert_uint_eq(order[2].group, 11);
	vmapi_device_destroy(d);
}
END_TEST

/* A number and a vcpu are taken once, until the device is gone. */
START_TEST(vcpus_connect)
{
	struct vmapi_device *xics, *mpic, *gic;
	struct vmapi_vcpu *first;

	add_vcpu(0);
	first = vcpu;
	add_vcpu(1);
	xics = make(VMAPI_DEVICE_XICS);
	mpic = make(VMAPI_DEVICE_MPIC_42);
	gic = make(VMAPI_DEVICE_VGIC_V3);
	ck_assert_int_eq(vmapi_device_connect(gic, first, 0), -ENOTSUP);
	ck_assert_int_eq(vmapi_device_connect(xics, first, 101), -EINVAL);
	ck_assert_int_eq(vmapi_device_connect(xics, first, 7), 0);
	ck_assert_int_eq(vmapi_device_connect(xics, first, 7), -EEXIST);
	ck_assert_int_eq(vmapi_device_connect(mpic, first, 8), -EEXIST);
	ck_assert_int_eq(vmapi_device_connect(xics, vcpu, 7), -EEXIST);
	ck_assert_int_eq(vmapi_device_connect(mpic, vcpu, 7), 0);
	ck_assert_uint_eq(null_knobs.connects, 2);
	vmapi_device_destroy(xics);
	ck_assert_int_eq(vmapi_device_connect(mpic, first, 7), -EEXIST);
	ck_assert_int_eq(vmapi_device_connect(mpic, first, 8), 0);
	vmapi_device_destroy(gic);
	vmapi_device_destroy(mpic);
	vmapi_vcpu_destroy(first);
}
END_TEST

/* XICS has no list of its sources: up to the highest that was set. */
START_TEST(xics_ends_with_its_sources)
{
	struct vmapi_device *d = make(VMAPI_DEVICE_XICS);
	struct vmapi_attr a = of_device(d, 1, 99);
	const uint64_t value = 5;
	static uint8_t state[4096];
	size_t bytes = 0;

	ck_assert_int_eq(vmapi_device_get(
		d, VMAPI_DEVICE_STATE_ALL, NULL, &bytes), -ENOSPC);
	ck_assert_uint_eq(bytes, 16);
	ck_assert_int_eq(vmapi_attr_set(&a, &value, sizeof(value)), 0);
	bytes = sizeof(state);
	ck_assert_int_eq(vmapi_device_get(
		d, VMAPI_DEVICE_STATE_ALL, state, &bytes), 0);
	ck_assert_uint_eq(bytes, 16 + 100 * 24);
	vmapi_device_destroy(d);
	/* Another that gets it has it to give on. */
	d = make(VMAPI_DEVICE_XICS);
	ck_assert_int_eq(vmapi_device_set(
		d, VMAPI_DEVICE_STATE_ALL, state, bytes), 0);
	ck_assert_int_eq(vmapi_device_get(
		d, VMAPI_DEVICE_STATE_ALL, state, &bytes), 0);
	ck_assert_uint_eq(bytes, 16 + 100 * 24);
	vmapi_device_destroy(d);
}
END_TEST

START_TEST(natives_are_no_chips)
{
	struct vmapi_device_config c = { .size = sizeof(c),
		.type = VMAPI_DEVICE_VFIO,
		.base = 0x1000 };
	struct vmapi_device *d, *none;
	size_t bytes = 0;

	ck_assert_int_eq(vmapi_device_create(vm, &c, &none), -EINVAL);
	d = make(VMAPI_DEVICE_VFIO);
	ck_assert_int_eq(vmapi_device_get(d, VMAPI_RTC_NVRAM, NULL, &bytes),
		-ENOENT);
	ck_assert_int_eq(vmapi_device_command(
		d, VMAPI_DEVICE_RESET, NULL, 0), -ENOENT);
	ck_assert_int_eq(vmapi_device_probe(vm, VMAPI_DEVICE_VFIO), 0);
	ck_assert_int_eq(vmapi_device_probe(vm, 62), -ENODEV);
	ck_assert_int_eq(vmapi_device_probe(vm, 64), -ENODEV);
	ck_assert_int_eq(vmapi_device_probe(NULL, 1), -EINVAL);
	vmapi_device_destroy(d);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("attr");
	TCase *t = tcase_create("attr");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, tables_are_sound);
	tcase_add_test(t, numbers_of_vcpus);
	tcase_add_test(t, ranges_end_with_the_interrupts);
	tcase_add_test(t, table_can_be_asked);
	tcase_add_test(t, kinds_are_kept_apart);
	tcase_add_test(t, times_are_kept);
	tcase_add_test(t, gic_moves);
	tcase_add_test(t, its_in_its_order);
	tcase_add_test(t, flic_lists);
	tcase_add_test(t, vcpus_connect);
	tcase_add_test(t, xics_ends_with_its_sources);
	tcase_add_test(t, natives_are_no_chips);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
