/* SPDX-License-Identifier: MIT */
/* Logging all of a VM's memory for a while, whatever its map says. */
/*
 * Entries that the application does not log get VMAPI_MAP_LOG, and
 * VMI_MAP_TRACKED by which it is known that it is not theirs: nobody is told
 * of it.  While the VM is tracked each commit does so with what it makes of
 * the map (commit.c).  What the guest cannot write to is left alone.
 */
#include <errno.h>

#include "lib/core/backend.h"
#include "lib/core/map.h"
#include "lib/sys/sys.h"

static size_t count_spaces(const struct vmapi_vm *vm)
{
	const struct vmapi_as *as;
	size_t n = 0;

	for (as = vm->spaces; as; as = as->next)
		n++;
	return n;
}

/* An operation for each space, which then is referenced. */
static int name_spaces(struct vmapi_map *map)
{
	struct vmapi_as *as;

	map->capacity = count_spaces(map->vm);
	map->ops = vmi_calloc(map->capacity, sizeof(*map->ops));
	if (!map->ops)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (as = map->vm->spaces; as; as = as->next) {
		vmi_as_get(as);
		map->ops[map->n++] = (struct vmi_map_op){
			.kind = VMI_MAP_TRACK, .as = as };
	}
	return 0;
}

static int switch_all(struct vmapi_vm *vm, bool on)
{
	struct vmapi_map map = { .vm = vm };
	int err;

	pthread_mutex_lock(&vm->map_lock);
	vm->is_tracked = on;
	err = name_spaces(&map);
	pthread_mutex_unlock(&vm->map_lock);
	if (!err)
		err = vmi_map_apply(&map, NULL);
	while (map.n)
		vmi_as_put(map.ops[--map.n].as);
	vmi_free(map.ops);
	return err;
}

int vmi_map_track(struct vmapi_vm *vm)
{
	return switch_all(vm, true);
}

int vmi_map_untrack(struct vmapi_vm *vm)
{
	return switch_all(vm, false);
}
