/* SPDX-License-Identifier: MIT */
/* Attributes and devices of the kernel, where there is one. */
#include "tests/api/api.h"

static struct vmapi_attr of_vcpu(struct machine *m, uint32_t group,
	uint64_t number)
{
	return (struct vmapi_attr){ .size = sizeof(struct vmapi_attr),
		.vcpu = m->vcpu,
		.group = group,
		.number = number };
}

static void refusals(struct machine *m)
{
	struct vmapi_attr a = of_vcpu(m, 7777, 0);
	struct vmapi_attr nothing = { .size = sizeof(nothing) };
	uint64_t value = 0;
	size_t bytes = sizeof(value), n = 99;

	CHECK(vmapi_attr_get(&a, &value, &bytes) < 0);
	CHECK(vmapi_attr_set(&a, &value, bytes) < 0);
	CHECK(vmapi_attr_command(&a, NULL, 0) < 0);
	EQUAL(vmapi_attr_probe(&a), -ENXIO);
	EQUAL(vmapi_attr_get(&nothing, &value, &bytes), -EINVAL);
	EQUAL(vmapi_attr_probe(&nothing), -EINVAL);
	EQUAL(vmapi_attr_get(&a, NULL, &bytes), -EINVAL);
	EQUAL(vmapi_attr_list(&a, NULL, 0, NULL), -EINVAL);
	EQUAL(vmapi_attr_list(&a, NULL, 0, &n), 0);
	CHECK(n != 99);
	a.vm = m->vm;
	EQUAL(vmapi_attr_probe(&a), -EINVAL);
}

/* Every row of a table is one that can be probed. */
static void tables(struct machine *m)
{
	struct vmapi_attr a = of_vcpu(m, 0, 0);
	struct vmapi_attr_info rows[64];
	size_t n = 0, i;
	int err;

	memset(rows, 0, sizeof(rows));
	rows[0].size = sizeof(rows[0]);
	EQUAL(vmapi_attr_list(&a, rows, 64, &n), 0);
	CHECK(n <= 64);
	for (i = 0; i < n && i < 64; i++) {
		CHECK(rows[i].name[0]);
		a.group = rows[i].group;
		a.number = rows[i].first;
		err = vmapi_attr_probe(&a);
		CHECK(err == 0 || err == -ENXIO);
	}
}

static void tsc_offset(struct machine *m)
{
	struct vmapi_attr a = of_vcpu(m, 0, 0);
	uint64_t offset = 0, far, got;
	size_t bytes = sizeof(offset);

	if (vmapi_attr_probe(&a)) {
		CHECK(vmapi_attr_get(&a, &offset, &bytes) < 0);
		return;
	}
	EQUAL(vmapi_attr_get(&a, &offset, &bytes), 0);
	EQUAL((int64_t)bytes, 8);
	far = offset + (UINT64_C(1) << 50);
	EQUAL(vmapi_attr_set(&a, &far, sizeof(far)), 0);
	EQUAL(vmapi_attr_get(&a, &got, &bytes), 0);
	/* A KVM without hardware takes any offset and has none. */
	if (got == offset)
		api_skip("this kernel ignores the TSC offset");
	else
		CHECK(got == far);
	EQUAL(vmapi_attr_set(&a, &far, 4), -EINVAL);
	EQUAL(vmapi_attr_command(&a, &far, sizeof(far)), -EINVAL);
	bytes = 4;
	EQUAL(vmapi_attr_get(&a, &got, &bytes), -ENOSPC);
	EQUAL((int64_t)bytes, 8);
	EQUAL(vmapi_attr_set(&a, &offset, sizeof(offset)), 0);
}

static void vfio(struct machine *m)
{
	struct vmapi_device_config c = { .size = sizeof(c),
		.type = VMAPI_DEVICE_VFIO };
	struct vmapi_device *device = NULL, *second;
	struct vmapi_attr add = { .size = sizeof(add),
		.group = 1,
		.number = 1 };
	int32_t none = -1;
	size_t bytes = 0;

	EQUAL(vmapi_device_probe(m->vm, 60), -ENODEV);
	EQUAL(vmapi_device_probe(NULL, VMAPI_DEVICE_VFIO), -EINVAL);
	if (vmapi_device_probe(m->vm, VMAPI_DEVICE_VFIO)) {
		EQUAL(vmapi_device_create(m->vm, &c, &device), -ENOTSUP);
		return;
	}
	EQUAL(vmapi_device_create(m->vm, &c, &device), 0);
	EQUAL(vmapi_device_create(m->vm, &c, &second), -EEXIST);
	EQUAL(vmapi_device_connect(device, NULL, 0), -EINVAL);
	if (m->vcpu)
		EQUAL(vmapi_device_connect(device, m->vcpu, 0), -ENOTSUP);
	add.device = device;
	EQUAL(vmapi_attr_probe(&add), 0);
	EQUAL(vmapi_attr_set(&add, &none, sizeof(none)), -EINVAL);
	EQUAL(vmapi_attr_command(&add, &none, sizeof(none)), -EBADF);
	EQUAL(vmapi_attr_command(&add, &none, 1), -EINVAL);
	add.number = 9;
	EQUAL(vmapi_attr_command(&add, &none, sizeof(none)), -ENXIO);
	/* It has no state: what is saved is empty, and can be restored. */
	EQUAL(vmapi_device_get(device, VMAPI_DEVICE_STATE_ALL, NULL, &bytes),
		-ENOSPC);
	CHECK(bytes > 0 && bytes <= 64);
	{
		uint8_t state[64];

		EQUAL(vmapi_device_get(device, VMAPI_DEVICE_STATE_ALL, state,
			&bytes), 0);
		EQUAL(vmapi_device_set(device, VMAPI_DEVICE_STATE_ALL, state,
			bytes), 0);
		EQUAL(vmapi_device_set(device, VMAPI_DEVICE_STATE_ALL, state,
			bytes - 1), -EINVAL);
	}
	vmapi_device_destroy(device);
}

static void system_attributes(struct machine *m)
{
	struct vmapi_attr a = { .size = sizeof(a), .ctx = m->ctx };
	uint64_t mask = 0;
	size_t bytes = sizeof(mask);

	if (vmapi_attr_probe(&a)) {
		CHECK(vmapi_attr_get(&a, &mask, &bytes) < 0);
		return;
	}
	EQUAL(vmapi_attr_get(&a, &mask, &bytes), 0);
	CHECK(mask & 1); /* x87 state is there always */
	EQUAL(vmapi_attr_set(&a, &mask, sizeof(mask)), -EACCES);
}

int main(void)
{
	static const struct api_case bare[] = {
		{ "refusals", refusals },
		{ "tables", tables },
		{ "system attributes", system_attributes },
	};
	static const struct api_case guests[] = {
		{ "tsc offset", tsc_offset },
		{ "vfio", vfio },
	};
	static const struct api_set sets[] = {
		{ API_NO_GUEST, bare, sizeof(bare) / sizeof(bare[0]) },
		{ API_GUEST, guests, sizeof(guests) / sizeof(guests[0]) },
	};

	return api_main_sets(sets, sizeof(sets) / sizeof(sets[0]));
}
