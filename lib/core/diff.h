/* SPDX-License-Identifier: MIT */
/* What a transaction changes: old entries against new ones. */
#ifndef VMI_CORE_DIFF_H
#define VMI_CORE_DIFF_H

#include "lib/core/backend.h"
#include "lib/core/map.h"

/*
 * Compare the committed view of change->as with the tree that the operations
 * made of it, where they touched it and nowhere else.  Entries that stay take
 * their slot along.  -ENOMEM; the arrays are freed by vmi_diff_fini() in any
 * case.
 */
int vmi_diff_init(struct vmi_map_change *change, const struct vmapi_map *map,
	struct vmi_map_node *fresh);
void vmi_diff_fini(struct vmi_map_change *change);

#endif
