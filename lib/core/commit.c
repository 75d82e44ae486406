/* SPDX-License-Identifier: MIT */
/*
 * Map transactions as they are applied: whole or not at all.
 *
 * Everything that can fail for the caller's sake comes first, on copies: the
 * operations turn a copy of each address space's view into its next layout;
 * a merge of old and new gives what goes and what comes (an entry that
 * differs in anything goes and comes again: kernels refuse to resize, to
 * move to other memory or to toggle read-only, so no change is ever
 * expressed as one); the new views are built, references and all.  Then the
 * backend applies the change, behind the run gate unless nothing goes, and
 * after that nothing can fail any more.
 *
 * Lock order: map_lock, then the gate.  A vcpu in the guest takes neither.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/layout.h"
#include "lib/core/map.h"
#include "lib/core/posted.h"
#include "lib/region/region.h"
#include "lib/sys/sys.h"

/* What becomes of one address space. */
struct space {
	struct vmapi_as *as;
	struct vmi_layout layout;
	struct vmi_view *next;
	struct vmi_map_change change;
};

struct commit {
	struct vmapi_vm *vm;
	struct space *spaces;
	size_t n;
};

/* -- Operations on copies ----------------------------------------------- */

static struct space *space_of(struct commit *c, struct vmapi_as *as)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->spaces[i].as == as)
			return &c->spaces[i];
	return NULL;
}

/* One struct for each address space that an operation names. */
static int open_spaces(struct commit *c, const struct vmapi_map *map)
{
	struct vmapi_as *as;
	size_t i, room = 0;
	int err;

	for (as = map->vm->spaces; as; as = as->next)
		room++;
	c->spaces = vmi_calloc(room, sizeof(c->spaces[0]));
	if (!c->spaces)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (i = 0; i < map->n; i++) {
		struct space *s;

		if (space_of(c, map->ops[i].as))
			continue;
		s = &c->spaces[c->n++];
		s->as = map->ops[i].as;
		err = vmi_layout_init(&s->layout, atomic_load(&s->as->view));
		if (err)
			return err;
	}
	return 0;
}

static void close_spaces(struct commit *c)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		struct space *s = &c->spaces[i];

		vmi_layout_fini(&s->layout);
		if (s->next)
			vmi_view_free(s->next);
		vmi_free(s->change.removed);
		vmi_free(s->change.added);
	}
	vmi_free(c->spaces);
}

/* By address space, then address. */
static int compare_adds(const void *a, const void *b)
{
	const struct vmi_map_op *x = a, *y = b;

	if (x->as->id != y->as->id)
		return x->as->id < y->as->id ? -1 : 1;
	if (x->e.gpa != y->e.gpa)
		return x->e.gpa < y->e.gpa ? -1 : 1;
	return 0;
}

/*
 * Adds with nothing else between them may go in any order; ascending is the
 * one in which a gap buffer is linear.
 */
static void sort_adds(struct vmapi_map *map)
{
	size_t from = 0, to;

	while (from < map->n) {
		for (to = from; to < map->n; to++)
			if (map->ops[to].kind != VMI_MAP_ADD)
				break;
		if (to - from > 1)
			qsort(map->ops + from, to - from, sizeof(map->ops[0]),
				compare_adds);
		from = to + 1;
	}
}

static int apply_op(struct vmi_layout *l, const struct vmi_map_op *op)
{
	switch (op->kind) {
	case VMI_MAP_ADD: return vmi_layout_add(l, &op->e);
	case VMI_MAP_REMOVE:
		return vmi_layout_remove(l, op->e.gpa, op->e.bytes);
	case VMI_MAP_SET_FLAGS: return vmi_layout_set_flags(l, &op->e);
	case VMI_MAP_CLEAR: break;
	}
	vmi_layout_clear(l);
	return 0;
}

static int apply_ops(struct commit *c, struct vmapi_map *map)
{
	size_t i;
	int err;

	sort_adds(map);
	for (i = 0; i < map->n; i++) {
		const struct vmi_map_op *op = &map->ops[i];

		err = apply_op(&space_of(c, op->as)->layout, op);
		if (err)
			return err;
	}
	return 0;
}

/* -- Old against new ---------------------------------------------------- */

static bool is_same(
	const struct vmi_map_entry *a, const struct vmi_map_entry *b)
{
	return a->gpa == b->gpa && a->bytes == b->bytes &&
		a->offset == b->offset && a->ram == b->ram &&
		a->flags == b->flags;
}

/*
 * Merge: what goes and what comes.  Without room it only counts.  An entry
 * that stays takes its slot along.
 */
static void diff(struct space *s)
{
	const struct vmi_view *old = atomic_load(&s->as->view);
	struct vmi_map_change *c = &s->change;
	size_t i = 0, j = 0;

	c->n_removed = 0;
	c->n_added = 0;
	while (i < old->n || j < s->layout.n) {
		const struct vmi_map_entry *o = NULL;
		struct vmi_map_entry *n = NULL;

		if (i < old->n)
			o = &old->entries[i];
		if (j < s->layout.n)
			n = vmi_layout_entry(&s->layout, j);
		if (o && n && is_same(o, n)) {
			n->slot = o->slot;
			i++, j++;
		} else if (!n || (o && o->gpa <= n->gpa)) {
			if (c->removed)
				c->removed[c->n_removed] = *o;
			c->n_removed++, i++;
		} else {
			if (c->added)
				c->added[c->n_added] = *n;
			c->n_added++, j++;
		}
	}
}

static int find_changes(struct space *s)
{
	struct vmi_map_change *c = &s->change;

	c->as = s->as;
	diff(s);
	c->removed = vmi_calloc(c->n_removed, sizeof(c->removed[0]));
	c->added = vmi_calloc(c->n_added, sizeof(c->added[0]));
	if (!c->removed || !c->added)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	diff(s);
	return 0;
}

static int build_view(struct space *s)
{
	struct vmi_view *view = vmi_view_new(s->layout.n);
	size_t i;

	if (!view)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (i = 0; i < s->layout.n; i++) {
		view->entries[i] = *vmi_layout_entry(&s->layout, i);
		vmi_ram_get(view->entries[i].ram);
	}
	view->n = s->layout.n;
	s->next = view;
	return 0;
}

/* -- Validation --------------------------------------------------------- */

static int check_regions(const struct commit *c, const struct space *s)
{
	const struct vmi_regions *regions = atomic_load(&c->vm->regions);
	size_t i;

	if (s->as->id)
		return 0;
	for (i = 0; i < s->change.n_added; i++) {
		const struct vmi_map_entry *e = &s->change.added[i];
		const struct vmi_region *r = vmi_regions_overlap(
			regions, VMI_SPACE_MEMORY, e->gpa, e->bytes);

		if (r)
			return vmi_fail_range(-EEXIST, e->gpa, e->bytes,
				"ram '%s' at gpa 0x%" PRIx64 "+0x%" PRIx64
				" overlaps region '%s' at 0x%" PRIx64
				"+0x%" PRIx64, e->ram->name, e->gpa, e->bytes,
				r->name, r->base, r->bytes);
		if (vmi_doorbell_in(
			    regions, VMI_SPACE_MEMORY, e->gpa, e->bytes))
			return vmi_fail_range(-EEXIST, e->gpa, e->bytes,
				"ram '%s' at gpa 0x%" PRIx64 "+0x%" PRIx64
				" overlaps an ioeventfd", e->ram->name,
				e->gpa, e->bytes);
	}
	return 0;
}

static int check_limit(struct commit *c)
{
	struct vmapi_as *as;
	size_t total = 0;

	for (as = c->vm->spaces; as; as = as->next) {
		const struct space *s = space_of(c, as);

		total += s ? s->layout.n : atomic_load(&as->view)->n;
	}
	if (total > c->vm->map_entries_max)
		return vmi_fail(-ENOSPC, "vm",
			"the map would have %zu entries, the backend takes %zu",
			total, c->vm->map_entries_max);
	return 0;
}

static int prepare(struct commit *c, struct vmapi_map *map)
{
	int err = open_spaces(c, map);
	size_t i;

	if (!err)
		err = apply_ops(c, map);
	if (!err)
		err = check_limit(c);
	for (i = 0; i < c->n && !err; i++) {
		err = find_changes(&c->spaces[i]);
		if (!err)
			err = check_regions(c, &c->spaces[i]);
		if (!err)
			err = build_view(&c->spaces[i]);
	}
	return err;
}

/* -- Publication -------------------------------------------------------- */

static void publish(struct commit *c, struct space *s)
{
	size_t i, j = 0;

	for (i = 0; i < s->next->n && j < s->change.n_added; i++)
		if (s->next->entries[i].gpa == s->change.added[j].gpa)
			s->next->entries[i].slot = s->change.added[j++].slot;
	vmi_view_retire(c->vm, atomic_exchange(&s->as->view, s->next));
	s->next = NULL;
}

/* The backend wants the changes side by side, those that are any. */
static int tell_backend(struct commit *c, struct vmi_map_change *changes)
{
	const struct vmi_backend *be = c->vm->ctx->be;
	size_t i, n = 0;
	int err;

	for (i = 0; i < c->n; i++) {
		const struct vmi_map_change *change = &c->spaces[i].change;

		if (change->n_removed || change->n_added)
			changes[n++] = *change;
	}
	if (!n || !be->map_apply)
		return 0;
	err = be->map_apply(c->vm, changes, n);
	if (err == -EIO) {
		atomic_store(&c->vm->map_broken, true);
		vmi_log(c->vm->ctx, VMAPI_LOG_ERROR,
			"the map of a VM is broken: no vcpu will run");
	}
	return err;
}

static int carry_out(struct commit *c)
{
	const struct vmi_backend *be = c->vm->ctx->be;
	struct vmi_map_change *changes =
		vmi_calloc(c->n, sizeof(changes[0]));
	bool gated = false;
	size_t i;
	int err;

	if (!changes)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (i = 0; i < c->n; i++)
		gated |= c->spaces[i].change.n_removed > 0;
	if (gated)
		vmi_gate_close(c->vm);
	err = tell_backend(c, changes);
	if (!err) {
		for (i = 0; i < c->n; i++)
			publish(c, &c->spaces[i]);
		if (be->map_changed)
			be->map_changed(c->vm);
	}
	vmi_views_collect(c->vm, gated);
	if (gated)
		vmi_gate_open(c->vm);
	vmi_free(changes);
	return err;
}

int vmi_map_apply(struct vmapi_map *map)
{
	struct commit c = { .vm = map->vm };
	int err;

	vmi_posted_deliver(map->vm);
	pthread_mutex_lock(&map->vm->map_lock);
	if (atomic_load(&map->vm->map_broken))
		err = vmi_fail(-EIO, "vm", "the VM's map is broken");
	else
		err = prepare(&c, map);
	if (!err)
		err = carry_out(&c);
	close_spaces(&c);
	pthread_mutex_unlock(&map->vm->map_lock);
	return err;
}

/* Space `as` is going away; no transaction can name it any more. */
void vmi_as_clear(struct vmapi_as *as)
{
	const struct vmi_backend *be = as->vm->ctx->be;
	struct vmi_view *view = atomic_load(&as->view);
	struct vmi_map_change change = { .as = as,
		.removed = view->entries,
		.n_removed = view->n };

	if (!view->n || !be->map_apply)
		return;
	vmi_gate_close(as->vm);
	if (be->map_apply(as->vm, &change, 1))
		atomic_store(&as->vm->map_broken, true);
	vmi_gate_open(as->vm);
}
