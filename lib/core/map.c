/* SPDX-License-Identifier: MIT */
/* Map transactions as they are written down; commit.c applies them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/map.h"
#include "lib/core/retired.h"
#include "lib/sys/sys.h"

int vmapi_map_begin(struct vmapi_vm *vm, struct vmapi_map **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_map *map;

	if (err)
		return err;
	if (!out)
		return vmi_null("map");
	map = vmi_zalloc(sizeof(*map));
	if (!map)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	map->vm = vm;
	vmi_vm_get(vm);
	*out = map;
	return 0;
}

/* Drop the operations from index `n` on. */
static void forget_from(struct vmapi_map *map, size_t n)
{
	while (map->n > n) {
		struct vmi_map_op *op = &map->ops[--map->n];

		if (op->kind == VMI_MAP_ADD)
			vmi_ram_put(op->e.ram);
		vmi_as_put(op->as);
	}
}

static void free_map(struct vmapi_map *map)
{
	struct vmapi_vm *vm = map->vm;

	forget_from(map, 0);
	vmi_free(map->ops);
	vmi_free(map);
	vmi_vm_put(vm);
}

void vmapi_map_abort(struct vmapi_map *map)
{
	if (map && !vmi_enter(map->vm->ctx, __func__))
		free_map(map);
}

int vmapi_map_commit(struct vmapi_map *map)
{
	int err = vmi_enter(map ? map->vm->ctx : NULL, __func__);

	if (err)
		return err;
	err = vmi_map_apply(map, NULL);
	free_map(map);
	return err;
}

int vmapi_map_commit_log(struct vmapi_map *map, struct vmapi_retired **out)
{
	int err = vmi_enter(map ? map->vm->ctx : NULL, __func__);
	struct vmapi_retired *retired = NULL;

	if (err)
		return err;
	if (!out)
		return vmi_null("retired");
	err = vmi_retired_new(map->vm->ctx, &retired);
	if (!err)
		err = vmi_map_apply(map, retired);
	if (!err)
		*out = retired;
	free_map(map);
	if (err)
		vmi_retired_free(retired);
	return err;
}

/* -- Recording ---------------------------------------------------------- */

static int check_range(const struct vmapi_vm *vm, uint64_t gpa, uint64_t bytes)
{
	uint64_t align = vm->map_align, end = gpa + bytes;

	if (!bytes || (gpa | bytes) % align)
		return vmi_fail_range(-EINVAL, gpa, bytes,
			"gpa 0x%" PRIx64 "+0x%" PRIx64 " is empty or not "
			"aligned to 0x%" PRIx64, gpa, bytes, align);
	if (end && end < gpa)
		return vmi_fail_range(-EINVAL, gpa, bytes,
			"gpa 0x%" PRIx64 "+0x%" PRIx64 " wraps", gpa, bytes);
	return 0;
}

static int check_flags(const struct vmapi_vm *vm, uint32_t flags)
{
	if (flags & ~(VMAPI_MAP_READONLY | VMAPI_MAP_LOG))
		return vmi_fail(-EINVAL, "map", "unknown flags 0x%" PRIx32,
			flags);
	if ((flags & VMAPI_MAP_READONLY) &&
		!vmi_cap(vm->ctx, (struct vmapi_vm *)vm, VMAPI_CAP_READONLY))
		return vmi_fail(-ENOTSUP, "map",
			"the backend has no read-only memory");
	if ((flags & VMAPI_MAP_LOG) &&
		!vmi_cap(vm->ctx, (struct vmapi_vm *)vm, VMAPI_CAP_DIRTY_LOG))
		return vmi_fail(
			-ENOTSUP, "map", "the backend has no dirty log");
	return 0;
}

/* The beginning of each call that records something. */
static int enter(const struct vmapi_map *map, const struct vmapi_as *as,
	const char *operation)
{
	int err = vmi_enter(map ? map->vm->ctx : NULL, operation);

	if (err)
		return err;
	if (!as)
		return vmi_null("as");
	if (as->vm != map->vm)
		return vmi_fail(-EINVAL, "map",
			"the address space belongs to another VM");
	return 0;
}

static int record(struct vmapi_map *map, const struct vmi_map_op *op)
{
	if (map->n == map->capacity) {
		size_t capacity = map->capacity ? map->capacity * 2 : 8;
		struct vmi_map_op *ops = vmi_calloc(capacity, sizeof(*ops));

		if (!ops)
			return vmi_fail(-ENOMEM, "map", "no memory");
		if (map->n)
			memcpy(ops, map->ops, map->n * sizeof(*ops));
		vmi_free(map->ops);
		map->ops = ops;
		map->capacity = capacity;
	}
	vmi_as_get(op->as);
	if (op->kind == VMI_MAP_ADD)
		vmi_ram_get(op->e.ram);
	map->ops[map->n++] = *op;
	return 0;
}

static int check_entry(
	const struct vmapi_vm *vm, const struct vmapi_map_entry *e)
{
	int err = check_range(vm, e->gpa, e->bytes);

	if (!err)
		err = check_flags(vm, e->flags);
	if (err)
		return err;
	if (!e->ram)
		return vmi_null("entry->ram");
	if (e->ram->ctx != vm->ctx)
		return vmi_fail(-EINVAL, "map",
			"ram '%s' belongs to another context", e->ram->name);
	if (e->ram->vm && e->ram->vm != vm)
		return vmi_fail(-EINVAL, "map",
			"the %s of ram '%s' is of another VM",
			vmi_ram_is_device(e->ram) ? "device" : "guest_memfd",
			e->ram->name);
	if (e->ram->vm && e->flags)
		return vmi_fail(-ENOTSUP, "map",
			"%s, as ram '%s' is, can be neither read-only nor "
			"logged", vmi_ram_is_device(e->ram) ?
			"what a device has" : "guest_memfd", e->ram->name);
	if (e->offset % vm->map_align)
		return vmi_fail_range(-EINVAL, e->gpa, e->bytes,
			"offset 0x%" PRIx64 " is not aligned to 0x%" PRIx64,
			e->offset, vm->map_align);
	if (e->offset > e->ram->bytes || e->bytes > e->ram->bytes - e->offset)
		return vmi_fail_range(-ERANGE, e->gpa, e->bytes,
			"0x%" PRIx64 "+0x%" PRIx64 " is outside ram '%s' of "
			"0x%" PRIx64 " bytes", e->offset, e->bytes,
			e->ram->name, e->ram->bytes);
	if (vm->phys_bits < 64 && (e->gpa + (e->bytes - 1)) >> vm->phys_bits)
		return vmi_fail_range(-ERANGE, e->gpa, e->bytes,
			"gpa 0x%" PRIx64 "+0x%" PRIx64 " is beyond the "
			"guest's %u address bits", e->gpa, e->bytes,
			vm->phys_bits);
	return 0;
}

static int record_add(struct vmapi_map *map, struct vmapi_as *as,
	const struct vmapi_map_entry *e)
{
	struct vmi_map_op op = { .kind = VMI_MAP_ADD, .as = as };
	int err = check_entry(map->vm, e);

	if (err)
		return err;
	op.e.gpa = e->gpa;
	op.e.bytes = e->bytes;
	op.e.offset = e->offset;
	op.e.ram = e->ram;
	op.e.flags = e->flags;
	return record(map, &op);
}

int vmapi_map_add(struct vmapi_map *map, struct vmapi_as *as,
	const struct vmapi_map_entry *entry)
{
	int err = enter(map, as, __func__);
	struct vmapi_map_entry e;

	if (err)
		return err;
	if (!entry)
		return vmi_null("entry");
	err = vmi_config_copy(&e, sizeof(e), entry, sizeof(e));
	return err ? err : record_add(map, as, &e);
}

int vmapi_map_remove(struct vmapi_map *map, struct vmapi_as *as, uint64_t gpa,
	uint64_t bytes)
{
	struct vmi_map_op op = { .kind = VMI_MAP_REMOVE, .as = as };
	int err = enter(map, as, __func__);

	if (!err)
		err = check_range(map->vm, gpa, bytes);
	if (err)
		return err;
	op.e.gpa = gpa;
	op.e.bytes = bytes;
	return record(map, &op);
}

int vmapi_map_set_flags(struct vmapi_map *map, struct vmapi_as *as,
	uint64_t gpa, uint64_t bytes, unsigned flags)
{
	struct vmi_map_op op = { .kind = VMI_MAP_SET_FLAGS, .as = as };
	int err = enter(map, as, __func__);

	if (!err)
		err = check_range(map->vm, gpa, bytes);
	if (!err)
		err = check_flags(map->vm, flags);
	if (err)
		return err;
	op.e.gpa = gpa;
	op.e.bytes = bytes;
	op.e.flags = flags;
	return record(map, &op);
}

static int check_attributes(const struct vmapi_vm *vm,
	const struct vmi_map_op *op)
{
	struct vmapi_vm *asked = (struct vmapi_vm *)vm;
	int64_t known = vmi_cap(vm->ctx, asked, VMAPI_CAP_MEMORY_ATTRIBUTES);

	if (op->e.flags & ~(uint64_t)known || !vm->ctx->be->attributes_set)
		return vmi_fail(-ENOTSUP, "map",
			"a VM of type %" PRIu64 " on %s has no memory "
			"attributes 0x%" PRIx32, vm->config.type,
			vm->ctx->be->name, op->e.flags);
	if (op->as->id)
		return vmi_fail(-ENOTSUP, "map",
			"attributes are of the first address space only");
	if (vm->phys_bits < 64 && vmi_last_of(&op->e) >> vm->phys_bits)
		return vmi_fail_range(-ERANGE, op->e.gpa, op->e.bytes,
			"gpa 0x%" PRIx64 "+0x%" PRIx64 " is beyond the "
			"guest's %u address bits", op->e.gpa, op->e.bytes,
			vm->phys_bits);
	return 0;
}

int vmapi_map_set_attributes(struct vmapi_map *map, struct vmapi_as *as,
	uint64_t gpa, uint64_t bytes, unsigned attributes)
{
	struct vmi_map_op op = { .kind = VMI_MAP_ATTRIBUTES, .as = as };
	int err = enter(map, as, __func__);

	if (!err)
		err = check_range(map->vm, gpa, bytes);
	if (err)
		return err;
	op.e.gpa = gpa;
	op.e.bytes = bytes;
	op.e.flags = attributes;
	err = check_attributes(map->vm, &op);
	return err ? err : record(map, &op);
}

/* Each is a struct of entries[0].size bytes. */
static int record_all(struct vmapi_map *map, struct vmapi_as *as,
	const struct vmapi_map_entry *entries, size_t n)
{
	const uint8_t *at = (const uint8_t *)entries;
	size_t i, stride = entries[0].size;
	int err = vmi_out_check(entries, sizeof(*entries));

	for (i = 0; i < n && !err; i++, at += stride) {
		struct vmapi_map_entry e;

		err = vmi_element_copy(&e, sizeof(e), at, stride);
		if (!err)
			err = record_add(map, as, &e);
	}
	return err;
}

int vmapi_map_replace(struct vmapi_map *map, struct vmapi_as *as,
	const struct vmapi_map_entry *entries, size_t n)
{
	struct vmi_map_op op = { .kind = VMI_MAP_CLEAR, .as = as };
	int err = enter(map, as, __func__);
	size_t before;

	if (err)
		return err;
	if (n && !entries)
		return vmi_null("entries");
	before = map->n;
	err = record(map, &op);
	if (!err && n)
		err = record_all(map, as, entries, n);
	if (err)
		forget_from(map, before);
	return err;
}
