/* SPDX-License-Identifier: MIT */
/* Attributes of guest-physical addresses: which are private to the VM. */
/*
 * They are properties of addresses, not of map entries: a guest makes pages
 * private and shared one by one, for which no entry should be cut in two and
 * no slot made anew.  So a VM has a second tree, of ranges with attributes,
 * whose nodes have no RAM; ranges that touch and are alike are one.
 */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/backend.h"
#include "lib/core/map.h"
#include "lib/core/region.h"

uint32_t vmi_attributes_at(struct vmi_map_node *root, uint64_t gpa,
	uint64_t *bytes)
{
	const struct vmi_map_entry *e = vmi_nodes_at(root, gpa);
	bool inside = e && e->gpa <= gpa;
	uint64_t last;

	if (!e)
		return 0;
	last = inside ? vmi_last_of(e) : e->gpa - 1;
	/* The lengths, less one each: they may be 2^64. */
	if (last - gpa < *bytes - 1)
		*bytes = last - gpa + 1;
	return inside ? e->flags : 0;
}

/* Make the neighbour at `gpa`, if it is alike, a part of the range. */
static int absorb(struct vmi_tree *t, struct vmi_map_entry *range, uint64_t gpa)
{
	const struct vmi_map_entry *e = vmi_nodes_at(t->root, gpa);
	struct vmi_map_entry other;

	if (!e || e->gpa > gpa || e->flags != range->flags)
		return 0;
	other = *e;
	range->bytes += other.bytes;
	if (other.gpa < range->gpa)
		range->gpa = other.gpa;
	return vmi_tree_remove(t, other.gpa, other.bytes);
}

int vmi_attributes_paint(struct vmi_tree *t, const struct vmi_map_entry *range)
{
	struct vmi_map_entry e = { .gpa = range->gpa,
		.bytes = range->bytes,
		.flags = range->flags };
	int err = vmi_tree_remove(t, e.gpa, e.bytes);

	if (err || !e.flags)
		return err;
	if (e.gpa)
		err = absorb(t, &e, e.gpa - 1);
	if (!err && vmi_last_of(&e) != UINT64_MAX)
		err = absorb(t, &e, vmi_last_of(&e) + 1);
	return err ? err : vmi_tree_add(t, &e);
}

/* -- The backend -------------------------------------------------------- */

int vmi_attributes_apply(const struct vmapi_map *map, size_t *n)
{
	const struct vmi_backend *be = map->vm->ctx->be;
	const struct vmi_map_op *op = map->ops, *end = map->ops + map->n;
	int err = 0;

	for (*n = 0; op != end; op++, ++*n) {
		if (op->kind != VMI_MAP_ATTRIBUTES)
			continue;
		err = be->attributes_set(
			map->vm, op->e.gpa, op->e.bytes, op->e.flags);
		if (err)
			break;
	}
	return err;
}

/* What was committed last, piece by piece, whatever came since. */
static int give_back(struct vmapi_vm *vm, const struct vmi_map_entry *range)
{
	uint64_t at = range->gpa, left = range->bytes;
	int err = 0;

	while (left && !err) {
		uint64_t n = left;
		uint32_t old = vmi_attributes_at(vm->attributes, at, &n);

		err = vm->ctx->be->attributes_set(vm, at, n, old);
		at += n;
		left -= n;
	}
	return err;
}

int vmi_attributes_take_back(const struct vmapi_map *map, size_t n)
{
	bool failed = false;
	size_t i;

	for (i = 0; i < n; i++)
		if (map->ops[i].kind == VMI_MAP_ATTRIBUTES)
			failed |= give_back(map->vm, &map->ops[i].e) != 0;
	return failed ? vmi_fail(-EIO, "vm",
		"the backend refused attributes half-way and refused to take "
		"them back: the map is broken") : 0;
}

/* -- Asking ------------------------------------------------------------- */

int vmapi_as_attributes(struct vmapi_as *as, uint64_t gpa,
	unsigned *attributes, uint64_t *bytes)
{
	int err = vmi_enter(as ? as->vm->ctx : NULL, __func__);
	uint64_t n = 0 - gpa; /* 0: 2^64 */

	if (err)
		return err;
	if (!attributes || !bytes)
		return vmi_null(attributes ? "bytes" : "attributes");
	vmi_map_lock(as->vm);
	*attributes = as->id ? 0
			     : vmi_attributes_at(as->vm->attributes, gpa, &n);
	vmi_map_unlock(as->vm);
	*bytes = n;
	return 0;
}
