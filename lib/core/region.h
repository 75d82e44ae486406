/* SPDX-License-Identifier: MIT */
/* The regions of a VM: what answers its accesses inside the library. */
#ifndef VMI_CORE_REGION_H
#define VMI_CORE_REGION_H

#include "lib/core/core.h"
#include "lib/region/region.h"

/*
 * Publish a region, and take it back; the gate is closed meanwhile, so a
 * vcpu never sees half a change.  -EEXIST: it overlaps another; -ENOMEM.
 */
int vmi_region_add(struct vmapi_vm *vm, struct vmi_region *region);
void vmi_region_remove(struct vmapi_vm *vm, struct vmi_region *region);

#endif
