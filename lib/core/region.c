/* SPDX-License-Identifier: MIT */
/* The regions of a VM come and go under map_lock, behind the run gate. */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/backend.h"
#include "lib/core/region.h"
#include "lib/sys/sys.h"

static const char *const space_names[] = { "gpa", "port" };

static int check_regions(
	const struct vmi_regions *all, const struct vmi_region *region)
{
	const struct vmi_region *r = vmi_regions_overlap(
		all, region->space, region->base, region->bytes);
	const char *space = space_names[region->space];

	if (!r)
		return 0;
	return vmi_fail_range(-EEXIST, region->base, region->bytes,
		"'%s' at %s 0x%" PRIx64 "+0x%" PRIx64
		" overlaps '%s' at 0x%" PRIx64 "+0x%" PRIx64,
		region->name, space, region->base, region->bytes, r->name,
		r->base, r->bytes);
}

static int check_ram(
	const struct vmi_view *view, const struct vmi_region *region)
{
	const struct vmi_map_entry *e = vmi_view_at(view, region->base);

	if (region->space != VMI_SPACE_MEMORY || !e ||
		e->gpa > region->base + (region->bytes - 1))
		return 0;
	return vmi_fail_range(-EEXIST, region->base, region->bytes,
		"'%s' at gpa 0x%" PRIx64 "+0x%" PRIx64
		" overlaps ram '%s' at 0x%" PRIx64 "+0x%" PRIx64,
		region->name, region->base, region->bytes, e->ram->name,
		e->gpa, e->bytes);
}

static int add_locked(struct vmapi_vm *vm, struct vmi_region *region)
{
	struct vmi_regions *old = atomic_load(&vm->regions), *all;
	int err = check_regions(old, region);

	if (!err)
		err = check_ram(atomic_load(&vm->spaces->view), region);
	if (err)
		return err;
	all = vmi_regions_with(old, region);
	if (!all)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	vmi_gate_close(vm);
	atomic_store(&vm->regions, all);
	vmi_gate_open(vm);
	vmi_free(old);
	return 0;
}

int vmi_region_add(struct vmapi_vm *vm, struct vmi_region *region)
{
	int err;

	pthread_mutex_lock(&vm->map_lock);
	err = add_locked(vm, region);
	pthread_mutex_unlock(&vm->map_lock);
	return err;
}

void vmi_region_remove(struct vmapi_vm *vm, struct vmi_region *region)
{
	pthread_mutex_lock(&vm->map_lock);
	vmi_gate_close(vm);
	vmi_regions_drop(atomic_load(&vm->regions), region);
	vmi_gate_open(vm);
	pthread_mutex_unlock(&vm->map_lock);
}
