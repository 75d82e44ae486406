/* SPDX-License-Identifier: MIT */
/* Types of VM and memory attributes, on the recording kernel. */
#include "tests/kvm/native.h"

#include <stdio.h>
#include <string.h>

#define SET VMI_KVM_SET_MEMORY_ATTRIBUTES

/* -- types --------------------------------------------------------------- */

static void refused_type(struct vmapi *ctx, const struct vmapi_vm_config *c)
{
	struct vmapi_vm *vm;

	fake_forget_calls();
	GIVES(vmapi_vm_create(ctx, c, &vm), -ENOTSUP);
	CHECK(strstr(vmapi_error_last()->message, "type") != NULL);
	CHECK(fake_count(KVM_CREATE_VM) == 0);
}

static void type_of(struct vmapi *ctx, const struct native_type *t)
{
	struct vmapi_vm_config c = { .size = sizeof(c), .type = t->type };
	struct vmapi_vm *vm;

	if (t->passed < 0) {
		refused_type(ctx, &c);
		return;
	}
	if (!OK(vmapi_vm_create(ctx, &c, &vm)))
		return;
	CHECK(fake.vm_type == (uint64_t)t->passed);
	vmapi_vm_destroy(vm);
	/* The kernel may offer it and yet have it not on this machine. */
	fake.refused_request = KVM_CREATE_VM;
	fake.refused_error = -EINVAL;
	GIVES(vmapi_vm_create(ctx, &c, &vm), t->type ? -ENOTSUP : -EINVAL);
	CHECK(strstr(vmapi_error_last()->message,
		      t->type ? "type" : "KVM_CREATE_VM") != NULL);
	fake.refused_request = 0;
}

static void types(struct vmapi *ctx)
{
	size_t i;

	for (i = 0; i < native.n_types; i++)
		type_of(ctx, &native.types[i]);
	printf("%s: %zu types of VM\n", native.name, native.n_types);
}

/* -- attributes ---------------------------------------------------------- */

struct setting {
	uint64_t first, n; /* units of what maps are aligned to */
	unsigned attributes;
};

static struct vmapi_vm *vm;
static struct vmapi_as *as;
static uint64_t unit;

static struct vmapi_map *begin(void)
{
	struct vmapi_map *map = NULL;

	OK(vmapi_map_begin(vm, &map));
	return map;
}

static int record(struct vmapi_map *map, const struct setting *s)
{
	return vmapi_map_set_attributes(
		map, as, s->first * unit, s->n * unit, s->attributes);
}

static int set_all(const struct setting *s, size_t n)
{
	struct vmapi_map *map = begin();
	size_t i;

	for (i = 0; i < n; i++)
		OK(record(map, &s[i]));
	return vmapi_map_commit(map);
}

/* What the library says of the first units is what the kernel was told. */
static void agree(const char *private)
{
	uint64_t i, k, bytes;
	unsigned attributes;

	for (i = 0; private[i]; i++) {
		unsigned shall = private[i] == 'p' ? VMAPI_MEMORY_PRIVATE : 0;

		OK(vmapi_as_attributes(as, i * unit, &attributes, &bytes));
		for (k = 0; private[i + k] == private[i]; k++)
			;
		CHECK(attributes == shall);
		CHECK(!private[i + k] || bytes == k * unit);
		for (k = 0; k < unit / 4096; k++)
			CHECK(fake.attributes_of[i * unit / 4096 + k] ==
				shall);
	}
}

/* One range is one call, and slots stay as they are. */
static void encoding(void)
{
	const struct setting one = { 2, 3, VMAPI_MEMORY_PRIVATE };

	fake_forget_calls();
	OK(set_all(&one, 1));
	CHECK(fake_count(SET) == 1);
	CHECK(fake.asked.gpa == 2 * unit && fake.asked.bytes == 3 * unit);
	CHECK(fake.asked.attributes == 8 && fake.asked.flags == 0);
	CHECK(fake_count(KVM_SET_USER_MEMORY_REGION) == 0);
	agree("..ppp...");
}

static void overlaps(void)
{
	static const struct {
		struct setting s;
		const char *then;
	} steps[] = {
		{ { 3, 1, 0 }, "..p.p..." },
		{ { 3, 3, 8 }, "..pppp.." },
		{ { 0, 1, 8 }, "p.pppp.." },
		{ { 1, 1, 8 }, "pppppp.." },
		{ { 0, 3, 0 }, "...ppp.." },
		{ { 0, 3, 0 }, "...ppp.." },
		{ { 2, 2, 8 }, "..pppp.." },
		{ { 0, 8, 0 }, "........" },
	};
	static const struct setting many[] = {
		{ 0, 4, 8 }, { 1, 2, 0 }, { 2, 4, 8 }, { 5, 1, 0 },
	};
	size_t i;

	for (i = 0; i < vmi_array_len(steps); i++) {
		OK(set_all(&steps[i].s, 1));
		agree(steps[i].then);
	}
	fake_forget_calls();
	OK(set_all(many, vmi_array_len(many)));
	CHECK(fake_count(SET) == vmi_array_len(many));
	agree("p.ppp...");
}

/* What cannot be meant is refused when it is said, and nothing is asked. */
static void mistakes(void)
{
	struct vmapi_map *map = begin();
	unsigned attributes;
	uint64_t bytes;

	fake_forget_calls();
	GIVES(vmapi_map_set_attributes(map, as, unit / 2, unit, 8), -EINVAL);
	GIVES(vmapi_map_set_attributes(map, as, 0, unit / 2, 8), -EINVAL);
	GIVES(vmapi_map_set_attributes(map, as, 0, 0, 8), -EINVAL);
	GIVES(vmapi_map_set_attributes(map, as, 0 - unit, 2 * unit, 8),
		-EINVAL);
	GIVES(vmapi_map_set_attributes(map, as, 0, unit, 1), -ENOTSUP);
	CHECK(strstr(vmapi_error_last()->message, "0x1") != NULL);
	GIVES(vmapi_map_set_attributes(map, NULL, 0, unit, 8), -EINVAL);
	GIVES(vmapi_map_set_attributes(NULL, as, 0, unit, 8), -EINVAL);
	GIVES(vmapi_as_attributes(NULL, 0, &attributes, &bytes), -EINVAL);
	GIVES(vmapi_as_attributes(as, 0, NULL, &bytes), -EINVAL);
	GIVES(vmapi_as_attributes(as, 0, &attributes, NULL), -EINVAL);
	OK(vmapi_map_commit(map));
	CHECK(fake_count(SET) == 0);
	agree("p.ppp...");
}

/* The third of four is refused: the first two are taken back. */
static void refusals(void)
{
	static const struct setting four[] = {
		{ 0, 3, 0 }, { 1, 6, 8 }, { 0, 1, 8 }, { 7, 1, 8 },
	};
	static const int errors[] = { -ENOMEM, -EAGAIN, -EINVAL, -ENOTTY };
	struct vmapi_map *map;
	size_t i;

	for (i = 0; i < vmi_array_len(errors); i++) {
		fake_forget_calls();
		fake.attributes_refuse_from = 1;
		fake.attributes_error = errors[i];
		GIVES(set_all(four, 1), errors[i]);
		CHECK(fake_count(SET) == 1);
		CHECK(strstr(vmapi_error_last()->message, "attributes"));
		agree("p.ppp...");
	}
	fake.attributes_refuse_from = 0;
	/* A map that the kernel refuses takes the attributes back as well. */
	fake.refused_request = KVM_SET_USER_MEMORY_REGION;
	fake.refused_error = -EINVAL;
	map = begin();
	OK(record(map, &four[1]));
	OK(vmapi_map_remove(map, as, 0, 16 * unit));
	GIVES(vmapi_map_commit(map), -EINVAL);
	fake.refused_request = 0;
	agree("p.ppp...");
}

static void broken(void)
{
	static const struct setting four[] = {
		{ 0, 3, 0 }, { 1, 6, 8 }, { 0, 1, 8 }, { 7, 1, 8 },
	};

	fake_forget_calls();
	fake.attributes_refuse_from = 3;
	fake.attributes_error = -ENOMEM;
	GIVES(set_all(four, 4), -EIO);
	CHECK(strstr(vmapi_error_last()->message, "broken") != NULL);
	fake.attributes_refuse_from = 0;
	GIVES(set_all(four, 1), -EIO);
}

static void without(void)
{
	struct vmapi_map *map = begin();

	GIVES(vmapi_map_set_attributes(map, as, 0, unit, 8), -ENOTSUP);
	CHECK(strstr(vmapi_error_last()->message, "attributes") != NULL);
	vmapi_map_abort(map);
}

static bool open_vm(struct vmapi *ctx, struct vmapi_ram **ram)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };
	struct vmapi_ram_config c = { .size = sizeof(c), .name = "board" };
	struct vmapi_map_entry e = { .size = sizeof(e) };
	struct vmapi_map *map;

	if (!OK(vmapi_vm_create(ctx, NULL, &vm)) || !OK(vmapi_vm_as(vm, &as)))
		return false;
	OK(vmapi_vm_cap_get(vm, VMAPI_CAP_MAP_ALIGN, &cap));
	unit = cap.value ? (uint64_t)cap.value : vmi_page_size();
	c.bytes = e.bytes = 16 * unit;
	if (!OK(vmapi_ram_create(ctx, &c, ram)))
		return false;
	e.ram = *ram;
	map = begin();
	OK(vmapi_map_add(map, as, &e));
	return OK(vmapi_map_commit(map));
}

void native_memory(struct vmapi *ctx)
{
	struct vmapi_ram *ram;
	unsigned turn;

	types(ctx);
	for (turn = 0; turn < 2; turn++) {
		fake.attributes = turn ? VMAPI_MEMORY_PRIVATE : 0;
		if (!open_vm(ctx, &ram))
			return;
		if (turn) {
			encoding();
			overlaps();
			mistakes();
			refusals();
			broken();
		} else {
			without();
		}
		vmapi_ram_destroy(ram);
		vmapi_as_destroy(as);
		vmapi_vm_destroy(vm);
	}
	fake.attributes = 0;
}
