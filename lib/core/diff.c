/* SPDX-License-Identifier: MIT */
/* What a transaction changes: old entries against new ones, where touched. */
#include <errno.h>
#include <stdlib.h>

#include "lib/core/diff.h"
#include "lib/core/tree.h"
#include "lib/sys/sys.h"

struct span {
	uint64_t first, last;
};

struct spans {
	struct span *at;
	size_t n;
};

/* -- What the operations touched ---------------------------------------- */

static struct span span_of(const struct vmi_map_op *op)
{
	if (op->kind == VMI_MAP_CLEAR || op->kind == VMI_MAP_TRACK)
		return (struct span){ 0, UINT64_MAX };
	return (struct span){ op->e.gpa, vmi_last_of(&op->e) };
}

static int compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/*
 * An entry that reaches into the span is cut there, so that all of it is
 * compared with its pieces.
 */
static void widen(struct span *s, const struct vmi_view *old)
{
	const struct vmi_map_entry *e = vmi_view_at(old, s->first);

	if (e && e->gpa < s->first)
		s->first = e->gpa;
	e = vmi_view_find(old, s->last);
	if (e)
		s->last = vmi_last_of(e);
}

/* Sort them, and make one of those that touch. */
static void merge(struct spans *s)
{
	size_t i, n = 0;

	qsort(s->at, s->n, sizeof(s->at[0]), compare);
	for (i = 0; i < s->n; i++)
		if (n && s->at[i].first <= s->at[n - 1].last) {
			if (s->at[i].last > s->at[n - 1].last)
				s->at[n - 1].last = s->at[i].last;
		} else {
			s->at[n++] = s->at[i];
		}
	s->n = n;
}

static int find_spans(struct spans *s, const struct vmapi_map *map,
	const struct vmapi_as *as)
{
	const struct vmi_view *old = atomic_load(&as->view);
	size_t i;

	s->n = 0;
	s->at = vmi_calloc(map->n, sizeof(s->at[0]));
	if (!s->at)
		return -ENOMEM;
	for (i = 0; i < map->n; i++) {
		if (map->ops[i].as != as)
			continue;
		s->at[s->n] = span_of(&map->ops[i]);
		widen(&s->at[s->n++], old);
	}
	merge(s);
	return 0;
}

/* -- Old against new ---------------------------------------------------- */

static bool is_same_place(
	const struct vmi_map_entry *a, const struct vmi_map_entry *b)
{
	return a->gpa == b->gpa && a->bytes == b->bytes &&
		a->offset == b->offset && a->ram == b->ram;
}

/*
 * Nothing differs but the log, which a kernel can switch in place.  One that
 * goes on for somebody else ends first, so that its pages are told.
 */
static bool is_relogged(
	const struct vmi_map_entry *a, const struct vmi_map_entry *b)
{
	uint32_t differ = a->flags ^ b->flags;

	return is_same_place(a, b) && differ & VMAPI_MAP_LOG &&
		!(differ & ~(VMAPI_MAP_LOG | VMI_MAP_TRACKED));
}

static void put(struct vmi_map_entry *array, size_t *n,
	const struct vmi_map_entry *e)
{
	if (array)
		array[*n] = *e;
	++*n;
}

/*
 * An entry that was there before.  The new node is this transaction's own
 * unless it is the old one, so that it can be written to.
 */
static void keep(struct vmi_map_change *c, const struct vmi_map_entry *old,
	struct vmi_map_entry *fresh)
{
	if (old == fresh)
		return;
	fresh->slot = old->slot;
	fresh->logged = old->logged;
	if (old->flags != fresh->flags)
		put(c->relogged, &c->n_relogged, fresh);
}

/* One step of the merge. */
struct step {
	const struct vmi_map_entry *old; /* NULL: there is none */
	struct vmi_map_entry *fresh;
};

static struct vmi_map_entry *within(
	struct vmi_map_entry *e, const struct span *s)
{
	return e && e->gpa <= s->last ? e : NULL;
}

static void compare_span(struct vmi_map_change *c, struct vmi_map_node *fresh,
	const struct span *s)
{
	struct vmi_map_node *old = atomic_load(&c->as->view)->root;
	struct step at = { within(vmi_nodes_at(old, s->first), s),
		within(vmi_nodes_at(fresh, s->first), s) };

	while (at.old || at.fresh) {
		const struct vmi_map_entry *o = at.old;
		struct vmi_map_entry *n = at.fresh;
		bool both = o && n && is_same_place(o, n) &&
			(o->flags == n->flags || is_relogged(o, n));

		if (both)
			keep(c, o, n);
		else if (!n || (o && o->gpa <= n->gpa))
			put(c->removed, &c->n_removed, o), n = NULL;
		else
			put(c->added, &c->n_added, n), o = NULL;
		if (o)
			at.old = within(vmi_nodes_next(old, o), s);
		if (n)
			at.fresh = within(vmi_nodes_next(fresh, n), s);
	}
}

/* Without arrays it only counts. */
static void compare_all(struct vmi_map_change *c, struct vmi_map_node *fresh,
	const struct spans *spans)
{
	size_t i;

	c->n_removed = c->n_added = c->n_relogged = 0;
	for (i = 0; i < spans->n; i++)
		compare_span(c, fresh, &spans->at[i]);
}

int vmi_diff_init(struct vmi_map_change *c, const struct vmapi_map *map,
	struct vmi_map_node *fresh)
{
	const size_t size = sizeof(struct vmi_map_entry);
	struct spans spans;
	int err = find_spans(&spans, map, c->as);

	if (!err) {
		compare_all(c, fresh, &spans);
		c->removed = vmi_calloc(c->n_removed, size);
		c->added = vmi_calloc(c->n_added, size);
		c->relogged = vmi_calloc(c->n_relogged, size);
		if (!c->removed || !c->added || !c->relogged)
			err = -ENOMEM;
	}
	if (!err)
		compare_all(c, fresh, &spans);
	else
		c->n_removed = c->n_added = c->n_relogged = 0;
	vmi_free(spans.at);
	return err ? vmi_fail(err, "vm", "no memory") : 0;
}

void vmi_diff_fini(struct vmi_map_change *c)
{
	vmi_free(c->removed);
	vmi_free(c->added);
	vmi_free(c->relogged);
}
