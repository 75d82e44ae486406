/* SPDX-License-Identifier: MIT */
/*
 * Map transactions as they are applied: whole or not at all.
 *
 * Everything that can fail for the caller's sake comes first, beside what is
 * committed: the operations turn the tree of each address space into its next
 * one, which shares with it what they do not touch; a comparison of the two,
 * where they were touched, gives what goes and what comes.  An entry that
 * differs in anything goes and comes again, since kernels refuse to resize,
 * to move to other memory or to toggle read-only; the log alone is switched
 * in place.  So the cost of a commit is that of its operations and of what
 * they change, times the depth of a tree, whatever else is mapped.
 *
 * Then, behind the run gate unless nothing but additions is left to do, the
 * logs of what goes are fetched from the backend, the backend applies the
 * change, and the new views are published.  A backend that refuses has taken
 * back what it did; the fetched pages are in the logs of their objects, so
 * nothing is lost with it.  After that nothing can fail any more.
 *
 * Lock order: map_lock, then the context's log_lock if a log ends or begins,
 * then the gate.  A vcpu in the guest takes none of them.
 */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/backend.h"
#include "lib/core/diff.h"
#include "lib/core/dirty.h"
#include "lib/core/map.h"
#include "lib/core/posted.h"
#include "lib/core/region.h"
#include "lib/core/retired.h"
#include "lib/core/tree.h"
#include "lib/region/region.h"
#include "lib/sys/sys.h"

/* What becomes of one address space. */
struct space {
	struct vmapi_as *as;
	struct vmi_tree tree;
	struct vmi_view *next; /* takes the tree over at publication */
	struct vmi_map_change *change;
};

struct commit {
	struct vmapi_vm *vm;
	struct space *spaces;
	struct vmi_map_change *changes; /* of the spaces, side by side */
	size_t n;
	const struct vmapi_map *map;
	struct vmi_tree attributes; /* what they shall be */
	size_t n_attributes;	    /* operations that the backend did */
	bool gated; /* vcpus must be outside */
	bool logs;  /* a log begins or ends */
	struct vmapi_retired *retired; /* NULL: nobody wants it */
};

/* -- Operations on the trees -------------------------------------------- */

/* In order of id, one struct for each address space that is named. */
static int open_spaces(struct commit *c, const struct vmapi_map *map)
{
	struct vmapi_as *as;
	size_t i, room = 0;

	for (as = map->vm->spaces; as; as = as->next, room++)
		as->space = NULL;
	c->spaces = vmi_calloc(room, sizeof(c->spaces[0]));
	c->changes = vmi_calloc(room, sizeof(c->changes[0]));
	if (!c->spaces || !c->changes)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (i = 0; i < map->n; i++)
		map->ops[i].as->space = c->spaces; /* named */
	for (as = map->vm->spaces; as; as = as->next) {
		struct space *s = &c->spaces[c->n];

		if (!as->space)
			continue;
		s->as = as;
		s->change = &c->changes[c->n++];
		s->change->as = as;
		as->space = s;
		vmi_tree_init(&s->tree, atomic_load(&as->view)->root);
		s->next = vmi_view_new();
		if (!s->next)
			return vmi_fail(-ENOMEM, "vm", "no memory");
	}
	return 0;
}

/* Whatever was not published goes. */
static void close_spaces(struct commit *c)
{
	size_t i, k;

	for (i = 0; i < c->n; i++) {
		struct space *s = &c->spaces[i];

		vmi_tree_fini(&s->tree);
		if (s->next)
			vmi_view_free(s->next);
		for (k = 0; k < s->change->n_added; k++)
			vmi_free(s->change->added[k].logged);
		for (k = 0; k < s->change->n_relogged; k++)
			if (s->change->relogged[k].flags & VMAPI_MAP_LOG)
				vmi_free(s->change->relogged[k].logged);
		vmi_diff_fini(s->change);
	}
	vmi_tree_fini(&c->attributes);
	vmi_free(c->spaces);
	vmi_free(c->changes);
}

static int apply_op(struct commit *c, const struct vmi_map_op *op)
{
	struct vmi_tree *t = &((struct space *)op->as->space)->tree;

	switch (op->kind) {
	case VMI_MAP_ADD: return vmi_tree_add(t, &op->e);
	case VMI_MAP_REMOVE:
		return vmi_tree_remove(t, op->e.gpa, op->e.bytes);
	case VMI_MAP_SET_FLAGS: return vmi_tree_set_flags(t, &op->e);
	case VMI_MAP_ATTRIBUTES:
		return vmi_attributes_paint(&c->attributes, &op->e);
	case VMI_MAP_TRACK: return vmi_tree_track(t, c->vm->is_tracked);
	case VMI_MAP_CLEAR: break;
	}
	vmi_tree_clear(t);
	return 0;
}

static int apply_ops(struct commit *c, const struct vmapi_map *map)
{
	size_t i;
	int err = 0;

	vmi_tree_init(&c->attributes, c->vm->attributes);
	for (i = 0; i < map->n && !err; i++) {
		err = apply_op(c, &map->ops[i]);
		/* One range at once is the backend's to do as a whole. */
		c->gated |= map->n > 1 &&
			map->ops[i].kind == VMI_MAP_ATTRIBUTES;
	}
	for (i = 0; i < c->n && c->vm->is_tracked && !err; i++)
		err = vmi_tree_track(&c->spaces[i].tree, true);
	return err;
}

/* -- Validation --------------------------------------------------------- */

static int check_regions(const struct commit *c, const struct space *s)
{
	const struct vmi_regions *regions = atomic_load(&c->vm->regions);
	size_t i;

	if (s->as->id)
		return 0;
	for (i = 0; i < s->change->n_added; i++) {
		const struct vmi_map_entry *e = &s->change->added[i];
		const struct vmi_region *r = vmi_regions_overlap(
			regions, VMI_SPACE_MEMORY, e->gpa, e->bytes);

		if (e->flags & VMAPI_MAP_READONLY)
			continue; /* it has the reads, they the writes */
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

static int check_limit(const struct commit *c)
{
	struct vmapi_as *as;
	size_t total = 0;

	for (as = c->vm->spaces; as; as = as->next) {
		const struct space *s = as->space;

		total += s ? vmi_nodes_count(s->tree.root)
			   : vmi_view_count(atomic_load(&as->view));
	}
	if (total > c->vm->map_entries_max)
		return vmi_fail(-ENOSPC, "vm",
			"the map would have %zu entries, the backend takes %zu",
			total, c->vm->map_entries_max);
	return 0;
}

/* -- Logs, before ------------------------------------------------------- */

/* Entries of the list that will be logged get what that takes. */
static int begin_logs(struct vmi_map_entry *entries, size_t n)
{
	size_t i;
	int err = 0;

	/* What was copied from an old entry is not this one's. */
	for (i = 0; i < n; i++)
		if (entries[i].flags & VMAPI_MAP_LOG)
			entries[i].logged = NULL;
	for (i = 0; i < n && !err; i++) {
		if (!(entries[i].flags & VMAPI_MAP_LOG))
			continue;
		err = vmi_log_open(entries[i].ram);
		if (err)
			break;
		entries[i].logged = vmi_zalloc(sizeof(struct vmi_logged));
		if (!entries[i].logged)
			err = vmi_fail(-ENOMEM, "vm", "no memory");
	}
	return err;
}

static bool any_logged(const struct vmi_map_entry *entries, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (entries[i].flags & VMAPI_MAP_LOG)
			return true;
	return false;
}

static int prepare_space(struct commit *c, struct space *s,
	const struct vmapi_map *map)
{
	struct vmi_map_change *change = s->change;
	int err = vmi_diff_init(change, map, s->tree.root);
	size_t i;

	if (err)
		return err;
	for (i = 0; i < change->n_added; i++)
		change->added[i].logged = NULL;
	c->gated |= change->n_removed || change->n_relogged;
	c->logs |= change->n_relogged ||
		any_logged(change->removed, change->n_removed) ||
		any_logged(change->added, change->n_added);
	err = begin_logs(change->relogged, change->n_relogged);
	if (!err)
		err = begin_logs(change->added, change->n_added);
	if (!err)
		err = check_regions(c, s);
	if (!err && c->retired)
		err = vmi_retired_expect(c->retired, change, s->tree.root);
	return err;
}

static int prepare(struct commit *c, const struct vmapi_map *map)
{
	int err = open_spaces(c, map);
	size_t i;

	if (!err)
		err = apply_ops(c, map);
	if (!err)
		err = check_limit(c);
	for (i = 0; i < c->n && !err; i++)
		err = prepare_space(c, &c->spaces[i], map);
	return err;
}

/* -- Logs, behind the gate ---------------------------------------------- */

static int harvest(const struct vmi_map_change *change)
{
	size_t i;
	int err = 0;

	for (i = 0; i < change->n_removed && !err; i++)
		if (change->removed[i].logged)
			err = vmi_logged_harvest(change->removed[i].logged);
	for (i = 0; i < change->n_relogged && !err; i++)
		if (!(change->relogged[i].flags & VMAPI_MAP_LOG))
			err = vmi_logged_harvest(change->relogged[i].logged);
	return err;
}

static void end_log(struct vmi_map_entry *e)
{
	if (!e->logged)
		return;
	vmi_logged_unlink(e->logged);
	vmi_free(e->logged);
	e->logged = NULL;
}

/* The entry is committed, with the slot that the backend gave it. */
static void settle_entry(struct space *s, struct vmi_map_entry *e)
{
	struct vmi_map_entry *node = vmi_nodes_at(s->tree.root, e->gpa);

	if (e->logged && e->flags & VMAPI_MAP_LOG) {
		e->logged->vm = s->as->vm;
		e->logged->e = *e;
		vmi_logged_link(e->logged);
	} else {
		end_log(e);
	}
	*node = *e;
	e->logged = NULL; /* the node's now */
}

/* Old logs end after new ones have begun: marks are never refused between. */
static void settle(struct space *s)
{
	struct vmi_map_change *c = s->change;
	size_t i;

	for (i = 0; i < c->n_added; i++)
		settle_entry(s, &c->added[i]);
	for (i = 0; i < c->n_relogged; i++)
		settle_entry(s, &c->relogged[i]);
	for (i = 0; i < c->n_removed; i++)
		end_log(&c->removed[i]);
}

/* -- Publication -------------------------------------------------------- */

static void publish(struct space *s)
{
	size_t bytes = s->tree.allocated * sizeof(struct vmi_map_node);

	settle(s);
	s->next->root = s->tree.root;
	s->tree.root = NULL;
	vmi_view_retire(s->as->vm, atomic_exchange(&s->as->view, s->next),
		bytes);
	s->next = NULL;
}

static bool is_empty(const struct commit *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->changes[i].n_removed || c->changes[i].n_added ||
			c->changes[i].n_relogged)
			return false;
	return true;
}

static void break_map(struct vmapi_vm *vm)
{
	atomic_store(&vm->map_broken, true);
	vmi_gate_break(vm);
	vmi_log(vm->ctx, VMAPI_LOG_ERROR,
		"the map of a VM is broken: no vcpu will run");
}

static int tell_map(struct commit *c)
{
	const struct vmi_backend *be = c->vm->ctx->be;
	size_t i;
	int err = 0;

	if (is_empty(c))
		return 0;
	for (i = 0; i < c->n && !err; i++)
		err = harvest(&c->changes[i]);
	if (err || !be->map_apply)
		return err;
	err = be->map_apply(c->vm, c->changes, c->n);
	if (err == -EIO)
		break_map(c->vm);
	return err;
}

static int tell_backend(struct commit *c)
{
	int err = vmi_attributes_apply(c->map, &c->n_attributes);

	if (!err)
		err = tell_map(c);
	if (!err || !vmi_attributes_take_back(c->map, c->n_attributes))
		return err;
	break_map(c->vm);
	return -EIO;
}

static void publish_attributes(struct commit *c)
{
	struct vmi_map_node *old = c->vm->attributes;

	c->vm->attributes = c->attributes.root;
	c->attributes.root = old;
}

static void begin_change(struct commit *c)
{
	if (c->logs) {
		pthread_mutex_lock(&c->vm->ctx->log_lock);
		c->vm->ctx->log_round++;
	}
	if (c->gated)
		vmi_gate_close(c->vm);
}

static void end_change(struct commit *c)
{
	vmi_views_collect(c->vm, c->gated);
	if (c->gated)
		vmi_gate_open(c->vm);
	if (c->logs)
		pthread_mutex_unlock(&c->vm->ctx->log_lock);
}

static int carry_out(struct commit *c)
{
	const struct vmi_backend *be = c->vm->ctx->be;
	size_t i;
	int err;

	begin_change(c);
	err = tell_backend(c);
	if (!err) {
		if (c->retired)
			vmi_retired_collect(c->retired);
		for (i = 0; i < c->n; i++)
			publish(&c->spaces[i]);
		publish_attributes(c);
		if (be->map_changed)
			be->map_changed(c->vm);
	}
	end_change(c);
	return err;
}

int vmi_map_apply(struct vmapi_map *map, struct vmapi_retired *retired)
{
	struct commit c = { .vm = map->vm, .map = map, .retired = retired };
	int err = vmi_region_refuses(map->vm);

	if (err)
		return err;
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

/*
 * Space `as` is going away; no transaction can name it any more.  Nobody can
 * be told of a failure, so there is no allocation: entry by entry.
 */
void vmi_as_clear(struct vmapi_as *as)
{
	const struct vmi_backend *be = as->vm->ctx->be;
	const struct vmi_view *view = atomic_load(&as->view);
	const struct vmi_map_entry *e;

	if (!vmi_view_count(view))
		return;
	pthread_mutex_lock(&as->vm->ctx->log_lock);
	as->vm->ctx->log_round++;
	vmi_gate_close(as->vm);
	for (e = vmi_view_at(view, 0); e; e = vmi_view_next(view, e)) {
		struct vmi_map_entry gone = *e;
		struct vmi_map_change change = { .as = as,
			.removed = &gone,
			.n_removed = 1 };

		if (harvest(&change) || (be->map_apply &&
			be->map_apply(as->vm, &change, 1)))
			break_map(as->vm);
		end_log(&gone);
	}
	vmi_gate_open(as->vm);
	pthread_mutex_unlock(&as->vm->ctx->log_lock);
}
