/* SPDX-License-Identifier: MIT */
/* Devices on the null backend: ranges, lines, time, state, commands. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/chipset.h"
#include "lib/region/region.h"
#include "lib/sys/sys.h"
#include "tests/unit/null.h"
#include "tests/unit/suite.h"

static struct vmapi *ctx;
static struct vmapi_vm *vm;
static struct vmapi_irq *irq;

static void setup(void)
{
	struct vmapi_vm_config c = { .size = sizeof(c),
		.irqchip = VMAPI_IRQCHIP_FULL };
	struct vmapi_irq_config line = { .size = sizeof(line), .pin = 8 };

	null_reset();
	ck_assert_int_eq(vmapi_open("null", 0, &ctx), 0);
	ck_assert_int_eq(vmapi_vm_create(ctx, &c, &vm), 0);
	ck_assert_int_eq(vmapi_irq_create(vm, &line, &irq), 0);
}

static void teardown(void)
{
	vmapi_irq_destroy(irq);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	ck_assert_uint_eq(null_knobs.vms, 0);
}

static int make(unsigned type, uint64_t base, struct vmapi_device **device)
{
	struct vmapi_device_config c = { .size = sizeof(c),
		.type = type,
		.base = base };

	if (type != VMAPI_DEVICE_HPET)
		c.irq[0] = irq;
	return vmapi_device_create(vm, &c, device);
}

static struct vmi_region_hint near;

/* A guest's access, as a backend makes it. */
static bool access_at(
	enum vmi_space space, uint64_t address, struct vmapi_access *a)
{
	struct vmi_region *r =
		vmi_regions_find(vm->regions, &near, space, address, a->bytes);

	if (!r)
		return false;
	a->offset = address - r->base;
	return !r->access(r, a);
}

static uint64_t in(uint64_t port, unsigned bytes)
{
	struct vmapi_access a = { .bytes = bytes };

	ck_assert(access_at(VMI_SPACE_PORT, port, &a));
	return a.value;
}

static void out(uint64_t port, unsigned bytes, uint64_t value)
{
	struct vmapi_access a = { .bytes = bytes,
		.value = value,
		.is_write = true };

	ck_assert(access_at(VMI_SPACE_PORT, port, &a));
}

static uint64_t load(uint64_t gpa, unsigned bytes)
{
	struct vmapi_access a = { .bytes = bytes };

	ck_assert(access_at(VMI_SPACE_MEMORY, gpa, &a));
	return a.value;
}

static void store(uint64_t gpa, unsigned bytes, uint64_t value)
{
	struct vmapi_access a = { .bytes = bytes,
		.value = value,
		.is_write = true };

	ck_assert(access_at(VMI_SPACE_MEMORY, gpa, &a));
}

START_TEST(configs)
{
	struct vmapi_device_config c = { .size = sizeof(c) };
	struct vmapi_device *d = NULL, *e;

	ck_assert_int_eq(vmapi_device_create(vm, &c, &d), -EINVAL);
	ck_assert_int_eq(vmapi_device_create(vm, NULL, &d), -EINVAL);
	ck_assert_int_eq(vmapi_device_create(NULL, &c, &d), -EINVAL);
	c.type = VMAPI_DEVICE_RTC;
	c.irq[1] = irq;
	ck_assert_int_eq(vmapi_device_create(vm, &c, &d), -EINVAL);
	c.irq[1] = NULL;
	c.flags = 1;
	ck_assert_int_eq(vmapi_device_create(vm, &c, &d), -EINVAL);
	ck_assert_ptr_null(d);
	ck_assert_int_eq(make(VMAPI_DEVICE_RTC, 0, &d), 0);
	ck_assert_int_eq(make(VMAPI_DEVICE_RTC, 0, &e), -EEXIST);
	ck_assert_ptr_nonnull(strstr(vmapi_error_last()->message, "'rtc'"));
	ck_assert_int_eq(make(VMAPI_DEVICE_RTC, 0x72, &e), 0);
	vmapi_device_destroy(e);
	vmapi_device_destroy(d);
	vmapi_device_destroy(NULL);
	ck_assert_int_eq(make(VMAPI_DEVICE_RTC, 0, &d), 0);
	vmapi_device_destroy(d);
	ck_assert_int_eq(make(VMAPI_DEVICE_HPET, 0, &d), 0);
	ck_assert_int_eq(make(VMAPI_DEVICE_HPET, 0xfed10000, &e), -EEXIST);
	vmapi_device_destroy(d);
}
END_TEST

START_TEST(ram_and_devices_exclude_each_other)
{
	struct vmapi_ram_config rc = { .size = sizeof(rc), .bytes = 0x10000 };
	struct vmapi_map_entry e = { .size = sizeof(e),
		.gpa = 0xfed00000,
		.bytes = 0x1000 };
	struct vmapi_device *d;
	struct vmapi_map *map;
	struct vmapi_as *as;

	ck_assert_int_eq(vmapi_ram_create(ctx, &rc, &e.ram), 0);
	ck_assert_int_eq(vmapi_vm_as(vm, &as), 0);
	ck_assert_int_eq(make(VMAPI_DEVICE_HPET, 0, &d), 0);
	ck_assert_int_eq(vmapi_map_begin(vm, &map), 0);
	ck_assert_int_eq(vmapi_map_add(map, as, &e), 0);
	ck_assert_int_eq(vmapi_map_commit(map), -EEXIST);
	ck_assert_ptr_nonnull(strstr(vmapi_error_last()->message, "'hpet'"));
	vmapi_device_destroy(d);
	ck_assert_int_eq(vmapi_map_begin(vm, &map), 0);
	ck_assert_int_eq(vmapi_map_add(map, as, &e), 0);
	ck_assert_int_eq(vmapi_map_commit(map), 0);
	ck_assert_int_eq(make(VMAPI_DEVICE_HPET, 0, &d), -EEXIST);
	vmapi_ram_destroy(e.ram);
	vmapi_as_destroy(as);
}
END_TEST

START_TEST(rtc_tells_and_takes_the_time)
{
	const int64_t times[] = { 0, 951782399, 951782400, 1709251199,
		4102444799, 253402300799 };
	struct vmapi_device *d;
	int64_t got;
	size_t bytes, i;

	ck_assert_int_eq(make(VMAPI_DEVICE_RTC, 0, &d), 0);
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		ck_assert_int_eq(vmapi_device_set(d, VMAPI_RTC_SECONDS,
			&times[i], sizeof(times[i])), 0);
		bytes = sizeof(got);
		ck_assert_int_eq(vmapi_device_get(
			d, VMAPI_RTC_SECONDS, &got, &bytes), 0);
		ck_assert_int_eq(got, times[i]);
	}
	got = -1;
	ck_assert_int_eq(vmapi_device_set(
		d, VMAPI_RTC_SECONDS, &got, sizeof(got)), -EINVAL);
	vmapi_device_destroy(d);
}
END_TEST

START_TEST(rtc_memory_and_state)
{
	struct vmapi_device *d;
	uint8_t nvram[128] = { 0 }, state[512];
	size_t bytes = 0;

	ck_assert_int_eq(make(VMAPI_DEVICE_RTC, 0, &d), 0);
	nvram[0x34] = 0xab;
	ck_assert_int_eq(vmapi_device_set(d, VMAPI_RTC_NVRAM, nvram, 128), 0);
	out(0x70, 1, 0x34);
	ck_assert_uint_eq(in(0x71, 1), 0xab);
	out(0x70, 2, 0xcd34); /* index and data in one word */
	ck_assert_uint_eq(in(0x71, 1), 0xcd);
	ck_assert_int_eq(vmapi_device_get(d, VMAPI_DEVICE_STATE_ALL, NULL,
		&bytes), -ENOSPC);
	ck_assert_uint_gt(bytes, 128);
	ck_assert_uint_le(bytes, sizeof(state));
	ck_assert_int_eq(vmapi_device_get(d, VMAPI_DEVICE_STATE_ALL, state,
		&bytes), 0);
	out(0x71, 1, 0);
	ck_assert_int_eq(vmapi_device_set(d, VMAPI_DEVICE_STATE_ALL, state,
		bytes), 0);
	ck_assert_uint_eq(in(0x71, 1), 0xcd);
	memset(state, 0xff, sizeof(state));
	ck_assert_int_eq(vmapi_device_set(d, VMAPI_DEVICE_STATE_ALL, state,
		bytes), -EINVAL);
	ck_assert_int_eq(vmapi_device_set(d, VMAPI_DEVICE_STATE_ALL, state, 3),
		-EINVAL);
	ck_assert_int_eq(vmapi_device_get(d, 99, state, &bytes), -ENOENT);
	ck_assert_int_eq(vmapi_device_set(d, 99, state, bytes), -ENOENT);
	ck_assert_int_eq(vmapi_device_get(NULL, 0, state, &bytes), -EINVAL);
	ck_assert_int_eq(vmapi_device_command(
		d, VMAPI_ACPI_PM_POWER_BUTTON, NULL, 0), -ENOENT);
	ck_assert_int_eq(vmapi_device_command(
		d, VMAPI_DEVICE_RESET, NULL, 0), 0);
	vmapi_device_destroy(d);
}
END_TEST

/* A periodic interrupt comes when the descriptor says so, not before. */
START_TEST(time_reaches_the_line)
{
	struct pollfd p = { .events = POLLIN };
	struct vmapi_device *d;

	ck_assert_int_eq(make(VMAPI_DEVICE_RTC, 0, &d), 0);
	ck_assert_int_eq(vmapi_vm_pollfd(vm, &p.fd), 0);
	out(0x70, 1, 0x0a);
	out(0x71, 1, 0x26); /* 1024 Hz */
	out(0x70, 1, 0x0b);
	out(0x71, 1, 0x42); /* periodic interrupt, 24 hours */
	ck_assert_uint_eq(null_line(vm, 8).sets, 0);
	ck_assert_int_eq(poll(&p, 1, 1000), 1);
	ck_assert_int_eq(vmapi_vm_service(vm), 0);
	ck_assert(null_line(vm, 8).level);
	out(0x70, 1, 0x0c);
	ck_assert_uint_eq(in(0x71, 1) & 0xc0, 0xc0);
	ck_assert(!null_line(vm, 8).level);
	/* The timer is set again, and off when nothing is due. */
	ck_assert_int_eq(poll(&p, 1, 1000), 1);
	ck_assert_int_eq(vmapi_vm_service(vm), 0);
	ck_assert(null_line(vm, 8).level);
	vmapi_device_destroy(d);
	ck_assert(!null_line(vm, 8).level);
	ck_assert_int_eq(poll(&p, 1, 20), 0);
}
END_TEST

/* At five seconds the PM timer of 24 bits has wrapped, that of 32 not. */
START_TEST(pm_timer_bits)
{
	struct vmapi_device_config c = { .size = sizeof(c),
		.type = VMAPI_DEVICE_ACPI_PM };
	struct vmapi_device *d;

	vmi_clock_stop(vm);
	vmi_clock_set(vm, 1000);
	ck_assert_int_eq(vmapi_device_create(vm, &c, &d), 0);
	vmi_clock_set(vm, UINT64_C(5000001000));
	ck_assert_uint_eq(in(0x608, 4), 3579545 * 5 - 0x1000000);
	vmapi_device_destroy(d);
	c.flags = VMAPI_DEVICE_TIMER32;
	ck_assert_int_eq(vmapi_device_create(vm, &c, &d), 0);
	vmi_clock_set(vm, UINT64_C(10000001000));
	ck_assert_uint_eq(in(0x608, 4), 3579545 * 5);
	vmapi_device_destroy(d);
	c.flags |= VMAPI_DEVICE_MIRROR;
	ck_assert_int_eq(vmapi_device_create(vm, &c, &d), -EINVAL);
}
END_TEST

START_TEST(power_button)
{
	struct vmapi_device *d;
	uint16_t sts;
	size_t bytes = sizeof(sts);

	ck_assert_int_eq(make(VMAPI_DEVICE_ACPI_PM, 0, &d), 0);
	out(0x602, 2, 0x100);
	ck_assert_int_eq(vmapi_device_command(
		d, VMAPI_ACPI_PM_POWER_BUTTON, NULL, 0), 0);
	ck_assert(null_line(vm, 8).level);
	ck_assert_int_eq(vmapi_device_get(
		d, VMAPI_ACPI_PM_STATUS, &sts, &bytes), 0);
	ck_assert_uint_eq(sts & 0x100, 0x100);
	ck_assert_uint_eq(in(0x600, 2) & 0x100, 0x100);
	out(0x600, 2, 0x100);
	ck_assert(!null_line(vm, 8).level);
	ck_assert_int_eq(vmapi_device_command(d, 77, NULL, 0), -ENOENT);
	ck_assert_int_eq(vmapi_device_command(
		d, VMAPI_DEVICE_RESET, "", 1), -EINVAL);
	/* PM1_CNT is the application's, the timer is ours. */
	ck_assert_ptr_null(vmi_regions_find(
		vm->regions, &near, VMI_SPACE_PORT, 0x604, 2));
	ck_assert_ptr_nonnull(vmi_regions_find(
		vm->regions, &near, VMI_SPACE_PORT, 0x608, 4));
	ck_assert_ptr_null(vmi_regions_find(
		vm->regions, &near, VMI_SPACE_PORT, 0x602, 4));
	vmapi_device_destroy(d);
}
END_TEST

/* Timer 2, routed to pin 20 as an edge. */
START_TEST(hpet_drives_its_pin)
{
	struct pollfd p = { .events = POLLIN };
	struct vmapi_device *d;
	uint64_t base = 0xfed00000;

	ck_assert_int_eq(make(VMAPI_DEVICE_HPET, 0, &d), 0);
	ck_assert_int_eq(vmapi_vm_pollfd(vm, &p.fd), 0);
	ck_assert_uint_eq(load(base, 8) >> 32, 10000000);
	ck_assert_uint_eq(load(base + 1, 1), 0);
	ck_assert_uint_eq(load(base + 0x140, 8) >> 32, 0xf00000);
	store(base + 0x140, 4, 20u << 9 | 1u << 2);
	store(base + 0x148, 8, 100000); /* a millisecond */
	store(base + 0x10, 4, 1);
	ck_assert_int_eq(poll(&p, 1, 1000), 1);
	ck_assert_int_eq(vmapi_vm_service(vm), 0);
	ck_assert_uint_ge(null_line(vm, 20).sets, 1);
	ck_assert_uint_ge(load(base + 0xf0, 8), 100000);
	ck_assert_int_eq(vmapi_vm_reset(vm), 0);
	ck_assert_uint_eq(load(base + 0x10, 4), 0);
	vmapi_device_destroy(d);
}
END_TEST

/* Lines of one vcpu are shared as others are, and end with it. */
START_TEST(lines_of_a_vcpu)
{
	struct vmapi_irq_config c = { .size = sizeof(c), .pin = 1 };
	struct vmapi_irq *one, *two, *none;
	int delivery;

	ck_assert_int_eq(vmapi_vcpu_create(vm, NULL, &c.vcpu), 0);
	ck_assert_int_eq(vmapi_irq_create(vm, &c, &one), 0);
	ck_assert_int_eq(vmapi_irq_create(vm, &c, &two), 0);
	c.pin = 2;
	ck_assert_int_eq(vmapi_irq_create(vm, &c, &none), -ERANGE);
	ck_assert_int_eq(vmapi_irq_set(one, 1, &delivery), 0);
	ck_assert_int_eq(delivery, 1);
	ck_assert(null_knobs.vcpu_line_level);
	ck_assert_int_eq(vmapi_irq_set(two, 1, NULL), 0);
	ck_assert_int_eq(vmapi_irq_set(one, 0, NULL), 0);
	ck_assert(null_knobs.vcpu_line_level); /* the other holds it */
	ck_assert_int_eq(vmapi_irq_set(two, 0, NULL), 0);
	ck_assert(!null_knobs.vcpu_line_level);
	ck_assert_int_eq(vmapi_irq_set(one, 1, NULL), 0);
	null_knobs.vcpu_line_sets = 0;
	vmapi_vcpu_destroy(c.vcpu);
	ck_assert_int_eq(vmapi_irq_set(two, 1, NULL), -ENODEV);
	vmapi_irq_destroy(one);
	vmapi_irq_destroy(two);
	ck_assert_uint_eq(null_knobs.vcpu_line_sets, 0);
}
END_TEST

START_TEST(service_thread_serves)
{
	struct vmapi_vm_config c = { .size = sizeof(c),
		.irqchip = VMAPI_IRQCHIP_FULL,
		.flags = VMAPI_VM_SERVICE_THREAD };
	struct vmapi_device_config dc = { .size = sizeof(dc),
		.type = VMAPI_DEVICE_HPET };
	struct vmapi_vm *mine = vm, *served;
	struct vmapi_device *d;
	int i;

	ck_assert_int_eq(vmapi_vm_create(ctx, &c, &served), 0);
	ck_assert_int_eq(vmapi_device_create(served, &dc, &d), 0);
	vm = served;
	store(0xfed00140, 4, 21u << 9 | 1u << 2);
	store(0xfed00148, 8, 100000);
	store(0xfed00010, 4, 1);
	for (i = 0; i < 1000 && !null_line(served, 21).sets; i++)
		(void)poll(NULL, 0, 1);
	ck_assert_uint_ge(null_line(served, 21).sets, 1);
	vm = mine;
	vmapi_vm_destroy(served);
	vmapi_device_destroy(d);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("device");
	TCase *t = tcase_create("device");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, configs);
	tcase_add_test(t, ram_and_devices_exclude_each_other);
	tcase_add_test(t, rtc_tells_and_takes_the_time);
	tcase_add_test(t, rtc_memory_and_state);
	tcase_add_test(t, time_reaches_the_line);
	tcase_add_test(t, pm_timer_bits);
	tcase_add_test(t, power_button);
	tcase_add_test(t, hpet_drives_its_pin);
	tcase_add_test(t, lines_of_a_vcpu);
	tcase_add_test(t, service_thread_serves);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
