/* SPDX-License-Identifier: MIT */
/* Committed maps: immutable trees of entries, freed when unseen. */
#include "lib/core/backend.h"
#include "lib/core/tree.h"
#include "lib/sys/sys.h"

/* Views that wait for a vcpu to leave the guest hold at most this much. */
#define RETIRED_MAX (4u << 20)

struct vmi_view *vmi_view_new(void)
{
	return vmi_zalloc(sizeof(struct vmi_view));
}

void vmi_view_free(struct vmi_view *view)
{
	vmi_nodes_put(view->root);
	vmi_free(view);
}

const struct vmi_map_entry *vmi_view_at(
	const struct vmi_view *view, uint64_t gpa)
{
	return vmi_nodes_at(view->root, gpa);
}

const struct vmi_map_entry *vmi_view_next(
	const struct vmi_view *view, const struct vmi_map_entry *e)
{
	return vmi_nodes_next(view->root, e);
}

size_t vmi_view_count(const struct vmi_view *view)
{
	return vmi_nodes_count(view->root);
}

const struct vmi_map_entry *vmi_view_find(
	const struct vmi_view *view, uint64_t gpa)
{
	const struct vmi_map_entry *e = vmi_view_at(view, gpa);

	return e && e->gpa <= gpa ? e : NULL;
}

/* -- Freeing ------------------------------------------------------------ */

void vmi_view_retire(struct vmapi_vm *vm, struct vmi_view *view, size_t bytes)
{
	view->retired_next = vm->retired;
	vm->retired = view;
	vm->retired_bytes += sizeof(*view) + bytes;
}

/*
 * Free what was retired if no vcpu can be reading it.  If one stays in the
 * guest while commits go on adding, it is called out once in a while rather
 * than let the heap grow.  Under map_lock, after the new view is published.
 */
void vmi_views_collect(struct vmapi_vm *vm, bool gate_is_closed)
{
	if (!vm->retired)
		return;
	if (!gate_is_closed && !vmi_gate_is_quiet(vm)) {
		if (vm->retired_bytes < RETIRED_MAX)
			return;
		vmi_gate_close(vm);
		vmi_gate_open(vm);
	}
	while (vm->retired) {
		struct vmi_view *view = vm->retired;

		vm->retired = view->retired_next;
		vmi_view_free(view);
	}
	vm->retired_bytes = 0;
}
