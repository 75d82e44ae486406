/* SPDX-License-Identifier: MIT */
/* The dirty pages of what a commit takes away. */
#ifndef VMI_CORE_RETIRED_H
#define VMI_CORE_RETIRED_H

#include "lib/core/backend.h"

/*
 * In three steps, so that nothing can fail once the map has changed: make it,
 * tell it of each change before that is applied (room is allocated), and
 * collect the pages when the old entries are gone and the gate is closed
 * still.  -ENOMEM.
 */
int vmi_retired_new(struct vmapi *ctx, struct vmapi_retired **retired);
int vmi_retired_expect(struct vmapi_retired *r,
	const struct vmi_map_change *change, struct vmi_map_node *fresh);
void vmi_retired_collect(struct vmapi_retired *r);
void vmi_retired_free(struct vmapi_retired *r);

#endif
