/* SPDX-License-Identifier: MIT */
/* The regions of a VM come and go under map_lock, behind the run gate. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/region.h"
#include "lib/sys/sys.h"

/* -- Inside a region's function ----------------------------------------- */

/* The VM in whose guest this thread is, while a region's function runs. */
static _Thread_local const struct vmapi_vm *inside;

const struct vmapi_vm **vmi_region_inside(void)
{
	return &inside;
}

int vmi_region_refuses(const struct vmapi_vm *vm)
{
	if (vmi_likely(inside != vm))
		return 0;
	return vmi_fail(-EDEADLK, "vm",
		"a region's function cannot stop the vcpu that called it");
}

void vmi_map_lock(struct vmapi_vm *vm)
{
	if (inside != vm)
		pthread_mutex_lock(&vm->map_lock);
}

void vmi_map_unlock(struct vmapi_vm *vm)
{
	if (inside != vm)
		pthread_mutex_unlock(&vm->map_lock);
}

bool vmi_map_look(struct vmapi_vm *vm, uint64_t gpa, void *to, size_t bytes)
{
	const struct vmi_map_entry *entry =
		vmi_view_find(atomic_load(&vm->spaces->view), gpa);

	if (!entry || entry->bytes - (gpa - entry->gpa) < bytes)
		return false;
	memcpy(to, entry->ram->base + entry->offset + (gpa - entry->gpa),
		bytes);
	return true;
}

bool vmi_map_peek(struct vmapi_vm *vm, uint64_t gpa, void *to, size_t bytes)
{
	bool has;

	vmi_map_lock(vm);
	has = vmi_map_look(vm, gpa, to, bytes);
	vmi_map_unlock(vm);
	return has;
}

/* -- Who may have which place ------------------------------------------- */

static const char *const space_names[] = { "gpa", "port", "subchannel" };

/* A stretch of a space that somebody wants, and who. */
struct claim {
	const char *name;
	enum vmi_space space;
	uint64_t base;
	uint64_t bytes;
};

static int taken(const struct claim *claim, const char *what, const char *name,
	uint64_t base)
{
	return vmi_fail_range(-EEXIST, claim->base, claim->bytes,
		"'%s' at %s 0x%" PRIx64 "+0x%" PRIx64
		" overlaps %s'%s' at 0x%" PRIx64, claim->name,
		space_names[claim->space], claim->base, claim->bytes, what,
		name, base);
}

static int check_regions(
	const struct vmi_regions *all, const struct claim *claim)
{
	const struct vmi_region *r = vmi_regions_overlap(
		all, claim->space, claim->base, claim->bytes);

	return r ? taken(claim, "", r->name, r->base) : 0;
}

/* Over RAM that is read-only a region has the writes. */
static int check_ram(const struct vmi_view *view, const struct claim *claim)
{
	const struct vmi_map_entry *e = vmi_view_at(view, claim->base);

	if (claim->space != VMI_SPACE_MEMORY)
		return 0;
	while (e && e->gpa <= claim->base + (claim->bytes - 1)) {
		if (!(e->flags & VMAPI_MAP_READONLY))
			return taken(claim, "ram ", e->ram->name, e->gpa);
		e = vmi_view_next(view, e);
	}
	return 0;
}

static int check_free(struct vmapi_vm *vm, const struct claim *claim)
{
	int err = 0;

	if (claim->space != VMI_SPACE_CCW)
		err = check_regions(atomic_load(&vm->regions), claim);
	return err ? err : check_ram(atomic_load(&vm->spaces->view), claim);
}

/* -- Changes ------------------------------------------------------------ */

/* Publish; NULL: there was no memory for it. */
static int put(struct vmapi_vm *vm, struct vmi_regions *all)
{
	struct vmi_regions *old = atomic_load(&vm->regions);

	if (!all)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	vmi_gate_close(vm);
	atomic_store(&vm->regions, all);
	vmi_gate_open(vm);
	vmi_free(old);
	return 0;
}

static int add_region(struct vmapi_vm *vm, struct vmi_region *region)
{
	const struct claim claim = { region->name, region->space, region->base,
		region->bytes };
	struct vmi_regions *old = atomic_load(&vm->regions);
	const struct vmi_doorbell *bell = vmi_doorbell_in(
		old, region->space, region->base, region->bytes);
	int err = check_free(vm, &claim);

	if (!err && bell)
		err = taken(&claim, "", "ioeventfd", bell->address);
	return err ? err : put(vm, vmi_regions_with(old, region));
}

int vmi_region_add(struct vmapi_vm *vm, struct vmi_region *region)
{
	int err = vmi_region_refuses(vm);

	if (err)
		return err;
	pthread_mutex_lock(&vm->map_lock);
	err = add_region(vm, region);
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

static int add_bell(struct vmapi_vm *vm, struct vmi_doorbell *bell)
{
	const struct claim claim = { "ioeventfd", bell->space, bell->address,
		bell->bytes ? bell->bytes : 1 };
	struct vmi_regions *old = atomic_load(&vm->regions);
	int err = check_free(vm, &claim);

	if (!err && vmi_doorbell_clash(old, bell))
		err = taken(&claim, "", "ioeventfd", bell->address);
	return err ? err : put(vm, vmi_regions_with_bell(old, bell));
}

int vmi_doorbell_add(struct vmapi_vm *vm, struct vmi_doorbell *bell)
{
	int err = vmi_region_refuses(vm);

	if (err)
		return err;
	pthread_mutex_lock(&vm->map_lock);
	err = add_bell(vm, bell);
	pthread_mutex_unlock(&vm->map_lock);
	return err;
}

void vmi_doorbell_remove(struct vmapi_vm *vm, struct vmi_doorbell *bell)
{
	pthread_mutex_lock(&vm->map_lock);
	vmi_gate_close(vm);
	vmi_regions_drop_bell(atomic_load(&vm->regions), bell);
	vmi_gate_open(vm);
	pthread_mutex_unlock(&vm->map_lock);
}
