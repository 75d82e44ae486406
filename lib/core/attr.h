/* SPDX-License-Identifier: MIT */
/* Attributes: checked by their tables, used through the backend. */
#ifndef VMI_CORE_ATTR_H
#define VMI_CORE_ATTR_H

#include "lib/arch/attr.h"
#include "lib/core/backend.h"

/*
 * Use one that a table has, whatever the time: the caller has seen to that.
 * A get of a multiple has *bytes the room, then the size.
 */
int vmi_attr_get(struct vmi_attr_call *call, const struct vmi_attr_row *row,
	size_t *bytes);
int vmi_attr_set(struct vmi_attr_call *call, const struct vmi_attr_row *row,
	size_t bytes);

#endif
