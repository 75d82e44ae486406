/* SPDX-License-Identifier: MIT */
/* A map while a transaction changes it: sorted entries in a gap buffer. */
#ifndef VMI_CORE_LAYOUT_H
#define VMI_CORE_LAYOUT_H

#include "lib/core/core.h"

/*
 * Entries [0, gap) lie at the front of the array, the other n - gap at its
 * end.  Moving the gap costs what lies between, so operations in ascending
 * order, which is how transactions come, are linear as a whole.  Entries
 * hold no references: the view and the transaction they come from do.
 */
struct vmi_layout {
	struct vmi_map_entry *array;
	size_t capacity;
	size_t n;
	size_t gap;
};

int vmi_layout_init(struct vmi_layout *l, const struct vmi_view *view);
void vmi_layout_fini(struct vmi_layout *l);
struct vmi_map_entry *vmi_layout_entry(const struct vmi_layout *l, size_t i);

/* All record their failure: -EEXIST, -ENOENT, -ENOMEM. */
int vmi_layout_add(struct vmi_layout *l, const struct vmi_map_entry *entry);
int vmi_layout_remove(struct vmi_layout *l, uint64_t gpa, uint64_t bytes);
int vmi_layout_set_flags(struct vmi_layout *l,
	const struct vmi_map_entry *range);
void vmi_layout_clear(struct vmi_layout *l);

#endif
