/* SPDX-License-Identifier: MIT */
/* What a map transaction has recorded. */
#ifndef VMI_CORE_MAP_H
#define VMI_CORE_MAP_H

#include "lib/core/core.h"

enum vmi_map_op_kind {
	VMI_MAP_ADD,
	VMI_MAP_REMOVE,
	VMI_MAP_SET_FLAGS,
	VMI_MAP_CLEAR
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

#endif
