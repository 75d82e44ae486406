/* SPDX-License-Identifier: MIT */
/* The regions of a VM: what answers its accesses inside the library. */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/region.h"
#include "lib/sys/sys.h"

static const char *space_name(enum vmi_space space)
{
	return space == VMI_SPACE_PORT ? "port" : "gpa";
}

int vmi_region_add(struct vmapi_vm *vm, struct vmi_region *region)
{
	struct vmi_regions *old = atomic_load(&vm->regions), *fresh;
	struct vmi_region *other = NULL;

	if (old)
		other = vmi_regions_overlap(old, region->space, region->base,
			region->bytes);
	if (other)
		return vmi_fail_range(-EEXIST, region->base, region->bytes,
			"%s %#" PRIx64 "+%#" PRIx64 " of %s overlaps %s",
			space_name(region->space), region->base,
			region->bytes, region->name, other->name);
	fresh = vmi_regions_with(old, region);
	if (!fresh)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	vmi_gate_close(vm);
	atomic_store(&vm->regions, fresh);
	vmi_gate_open(vm);
	vmi_free(old);
	return 0;
}

void vmi_region_remove(struct vmapi_vm *vm, struct vmi_region *region)
{
	vmi_gate_close(vm);
	vmi_regions_drop(atomic_load(&vm->regions), region);
	vmi_gate_open(vm);
}
