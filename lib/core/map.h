/* SPDX-License-Identifier: MIT */
/* What a map transaction has recorded. */
#ifndef VMI_CORE_MAP_H
#define VMI_CORE_MAP_H

#include "lib/core/tree.h"

enum vmi_map_op_kind {
	VMI_MAP_ADD,
	VMI_MAP_REMOVE,
	VMI_MAP_SET_FLAGS,
	VMI_MAP_CLEAR,
	VMI_MAP_ATTRIBUTES, /* e.flags */
	VMI_MAP_TRACK /* of a whole space: see vm->is_tracked */
};

struct vmi_map_op {
	enum vmi_map_op_kind kind;
	struct vmapi_as *as;	/* referenced */
	struct vmi_map_entry e; /* ADD: its ram is referenced */
};

struct vmapi_map {
	struct vmapi_vm *vm; /* referenced */
	struct vmi_map_op *ops;
	size_t n;
	size_t capacity;
};

/*
 * Apply the operations; takes map_lock.  `retired` NULL: nobody wants to hear
 * of dirty pages of what goes.  lib/core/commit.c
 */
int vmi_map_apply(struct vmapi_map *map, struct vmapi_retired *retired);

/*
 * Log all of the VM's memory from now on, whatever becomes of its map, or no
 * more than what the application wants, which is owed after either's failure.
 * As vmi_map_apply().  lib/core/track.c
 */
int vmi_map_track(struct vmapi_vm *vm);
int vmi_map_untrack(struct vmapi_vm *vm);

/* -- lib/core/memattr.c ------------------------------------------------- */

/* Where a transaction gives attributes, on the tree that is to be. */
int vmi_attributes_paint(struct vmi_tree *t, const struct vmi_map_entry *range);

/*
 * Tell the backend, in the order of the operations; and, of the first n, what
 * was there before: -EIO, it refused that.
 */
int vmi_attributes_apply(const struct vmapi_map *map, size_t *n);
int vmi_attributes_take_back(const struct vmapi_map *map, size_t n);

#endif
