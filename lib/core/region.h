/* SPDX-License-Identifier: MIT */
/* The regions of a VM: what answers accesses beside the application. */
#ifndef VMI_CORE_REGION_H
#define VMI_CORE_REGION_H

#include "lib/core/core.h"
#include "lib/region/region.h"

/*
 * Let a region answer from now on.  -EEXIST: it overlaps another one, or
 * RAM of the first address space; -ENOMEM.  It stays the caller's and must
 * not change until it is removed.  Both close the run gate for a moment.
 */
int vmi_region_add(struct vmapi_vm *vm, struct vmi_region *region);
void vmi_region_remove(struct vmapi_vm *vm, struct vmi_region *region);

/* The same for a doorbell; -EEXIST also where one write suits another too. */
int vmi_doorbell_add(struct vmapi_vm *vm, struct vmi_doorbell *bell);
void vmi_doorbell_remove(struct vmapi_vm *vm, struct vmi_doorbell *bell);

#endif
