/* SPDX-License-Identifier: MIT */
/* Committed maps: immutable, found by binary search, freed when unseen. */
#include <string.h>

#include "lib/core/backend.h"
#include "lib/sys/sys.h"

/* Views that wait for a vcpu to leave the guest hold at most this much. */
#define RETIRED_MAX (4u << 20)

struct vmi_view *vmi_view_new(size_t n)
{
	struct vmi_view *view;

	if (n > (SIZE_MAX - sizeof(*view)) / sizeof(view->entries[0]))
		return NULL;
	view = vmi_alloc(sizeof(*view) + n * sizeof(view->entries[0]));
	if (!view)
		return NULL;
	view->retired_next = NULL;
	view->n = 0;
	return view;
}

void vmi_view_free(struct vmi_view *view)
{
	size_t i;

	for (i = 0; i < view->n; i++)
		vmi_ram_put(view->entries[i].ram);
	vmi_free(view);
}

size_t vmi_view_at(const struct vmi_view *view, uint64_t gpa)
{
	size_t low = 0, high = view->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct vmi_map_entry *e = &view->entries[middle];

		if (e->gpa + (e->bytes - 1) < gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct vmi_map_entry *vmi_view_find(
	const struct vmi_view *view, uint64_t gpa)
{
	size_t at = vmi_view_at(view, gpa);

	if (at < view->n && view->entries[at].gpa <= gpa)
		return &view->entries[at];
	return NULL;
}

/* -- Freeing ------------------------------------------------------------ */

void vmi_view_retire(struct vmapi_vm *vm, struct vmi_view *view)
{
	view->retired_next = vm->retired;
	vm->retired = view;
	vm->retired_bytes += sizeof(*view) +
		view->n * sizeof(view->entries[0]);
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
