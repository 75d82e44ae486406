/* SPDX-License-Identifier: MIT */
/* The operations of a map transaction on trees that share their nodes. */
/*
 * A commit that changes one of ten thousand entries must not copy the other
 * ones.  So the entries of a view are a balanced tree whose nodes are counted:
 * a transaction begins with the root of the committed view, and copies only
 * nodes that somebody else holds too, which are those on the way to what it
 * changes.  Nodes that it made itself it changes in place, so that a map of
 * n entries made at once costs n nodes.
 *
 * Everything is made of two operations on AVL trees (whose subtrees differ in
 * height by at most two): `join` puts a tree, a node and a tree together that
 * are in this order, `split` takes a tree apart at an address.  Both touch
 * only the way down, and both consume the trees given to them.  (G. Blelloch,
 * D. Ferizovic, Y. Sun: Just Join for Parallel Ordered Sets, SPAA 2016.)
 *
 * Where there is no memory for a copy, the subtree is dropped and `failed`
 * set: the tree stays well-formed, and the transaction, which looks at the
 * end of each operation, throws it away.
 *
 * Counts are plain numbers: nodes belong to one address space, and are got
 * and put under its VM's map_lock only.  Vcpus read them without, but never
 * look at the count.
 */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/tree.h"
#include "lib/sys/sys.h"

/* -- Nodes -------------------------------------------------------------- */

static struct vmi_map_node *get(struct vmi_map_node *n)
{
	if (n)
		n->refs++;
	return n;
}

/* As deep as the tree is high. */
void vmi_nodes_put(struct vmi_map_node *n)
{
	if (!n || --n->refs)
		return;
	vmi_nodes_put(n->low);
	vmi_nodes_put(n->high);
	if (n->e.ram)
		vmi_ram_put(n->e.ram);
	vmi_free(n);
}

static struct vmi_map_node *make(
	struct vmi_tree *t, const struct vmi_map_entry *e)
{
	struct vmi_map_node *n = vmi_alloc(sizeof(*n));

	if (!n) {
		t->failed = true;
		return NULL;
	}
	t->allocated++;
	n->e = *e;
	n->low = n->high = NULL;
	n->n = 1;
	n->refs = 1;
	n->height = 1;
	if (e->ram)
		vmi_ram_get(e->ram);
	return n;
}

/* The node, or a copy of it, for this tree alone; NULL: no memory. */
static struct vmi_map_node *own(struct vmi_tree *t, struct vmi_map_node *n)
{
	struct vmi_map_node *copy;

	if (n->refs == 1)
		return n;
	copy = make(t, &n->e);
	if (copy) {
		copy->low = get(n->low);
		copy->high = get(n->high);
		copy->n = n->n;
		copy->height = n->height;
	}
	vmi_nodes_put(n);
	return copy;
}

static unsigned height(const struct vmi_map_node *n)
{
	return n ? n->height : 0;
}

size_t vmi_nodes_count(const struct vmi_map_node *n)
{
	return n ? n->n : 0;
}

static struct vmi_map_node *fixed(struct vmi_map_node *n)
{
	unsigned low = height(n->low), high = height(n->high);

	n->height = (low > high ? low : high) + 1;
	n->n = vmi_nodes_count(n->low) + vmi_nodes_count(n->high) + 1;
	return n;
}

/* -- Balance ------------------------------------------------------------ */

/* Of a node that is owned; so is the one that comes up. */
static struct vmi_map_node *low_up(struct vmi_tree *t, struct vmi_map_node *n)
{
	struct vmi_map_node *up = n->low = own(t, n->low);

	if (!up)
		return fixed(n);
	n->low = up->high;
	up->high = fixed(n);
	return fixed(up);
}

static struct vmi_map_node *high_up(struct vmi_tree *t, struct vmi_map_node *n)
{
	struct vmi_map_node *up = n->high = own(t, n->high);

	if (!up)
		return fixed(n);
	n->high = up->low;
	up->low = fixed(n);
	return fixed(up);
}

static struct vmi_map_node *balanced(
	struct vmi_tree *t, struct vmi_map_node *n)
{
	struct vmi_map_node *child;

	if (height(n->low) > height(n->high) + 2) {
		child = n->low = own(t, n->low);
		if (child && height(child->low) < height(child->high))
			n->low = high_up(t, child);
		return child ? low_up(t, n) : fixed(n);
	}
	if (height(n->high) > height(n->low) + 2) {
		child = n->high = own(t, n->high);
		if (child && height(child->high) < height(child->low))
			n->high = low_up(t, child);
		return child ? high_up(t, n) : fixed(n);
	}
	return fixed(n);
}

/* -- Together and apart ------------------------------------------------- */

/* Without memory for the top of one tree, the other two parts go as well. */
static struct vmi_map_node *give_up(
	struct vmi_map_node *middle, struct vmi_map_node *other)
{
	middle->low = middle->high = NULL;
	vmi_nodes_put(middle);
	vmi_nodes_put(other);
	return NULL;
}

/* `middle` is a single node of ours; its links are not looked at. */
static struct vmi_map_node *join(struct vmi_tree *t, struct vmi_map_node *low,
	struct vmi_map_node *middle, struct vmi_map_node *high)
{
	if (height(low) > height(high) + 2) {
		low = own(t, low);
		if (!low)
			return give_up(middle, high);
		low->high = join(t, low->high, middle, high);
		return balanced(t, low);
	}
	if (height(high) > height(low) + 2) {
		high = own(t, high);
		if (!high)
			return give_up(middle, low);
		high->low = join(t, low, middle, high->low);
		return balanced(t, high);
	}
	middle->low = low;
	middle->high = high;
	return fixed(middle);
}

/* Take the last node out; *last is NULL where there was no memory. */
static struct vmi_map_node *pop_last(struct vmi_tree *t,
	struct vmi_map_node *n, struct vmi_map_node **last)
{
	struct vmi_map_node *rest;

	n = own(t, n);
	*last = n;
	if (!n)
		return NULL;
	if (n->high) {
		n->high = pop_last(t, n->high, last);
		return balanced(t, n);
	}
	rest = n->low;
	n->low = NULL;
	return rest;
}

static struct vmi_map_node *concat(struct vmi_tree *t,
	struct vmi_map_node *low, struct vmi_map_node *high)
{
	struct vmi_map_node *middle;

	if (!low || !high)
		return low ? low : high;
	low = pop_last(t, low, &middle);
	if (middle)
		return join(t, low, middle, high);
	vmi_nodes_put(high);
	return low;
}

struct parts {
	struct vmi_map_node *low, *high;
};

/* Entries that begin below gpa, and the others. */
static struct parts split(
	struct vmi_tree *t, struct vmi_map_node *n, uint64_t gpa)
{
	struct parts p = { NULL, NULL };
	struct vmi_map_node *low, *high;

	if (n)
		n = own(t, n);
	if (!n)
		return p;
	low = n->low;
	high = n->high;
	if (n->e.gpa < gpa) {
		p = split(t, high, gpa);
		p.low = join(t, low, n, p.low);
	} else {
		p = split(t, low, gpa);
		p.high = join(t, p.high, n, high);
	}
	return p;
}

/* The same, and one that reaches across gpa is cut in two. */
static struct parts cut(
	struct vmi_tree *t, struct vmi_map_node *n, uint64_t gpa)
{
	struct parts p = split(t, n, gpa);
	struct vmi_map_node *across = p.low, *upper;

	while (across && across->high)
		across = across->high;
	if (!across || vmi_last_of(&across->e) < gpa)
		return p;
	p.low = pop_last(t, p.low, &across);
	if (!across)
		return p;
	upper = make(t, &across->e);
	if (upper) {
		upper->e.gpa = gpa;
		upper->e.offset += gpa - across->e.gpa;
		upper->e.bytes -= gpa - across->e.gpa;
		p.high = join(t, NULL, upper, p.high);
	}
	across->e.bytes = gpa - across->e.gpa;
	p.low = join(t, p.low, across, NULL);
	return p;
}

/* A tree in three: below, inside and above a range. */
struct slices {
	struct vmi_map_node *below, *inside, *above;
};

static struct slices slice(struct vmi_tree *t, uint64_t gpa, uint64_t bytes)
{
	struct parts low = cut(t, t->root, gpa), high = { NULL, NULL };

	if (gpa + bytes)
		high = cut(t, low.high, gpa + bytes);
	else
		high.low = low.high;
	t->root = NULL;
	return (struct slices){ low.low, high.low, high.high };
}

/* -- Finding ------------------------------------------------------------ */

struct vmi_map_entry *vmi_nodes_at(struct vmi_map_node *n, uint64_t gpa)
{
	struct vmi_map_entry *found = NULL;

	while (n) {
		if (vmi_last_of(&n->e) < gpa) {
			n = n->high;
		} else {
			found = &n->e;
			n = n->low;
		}
	}
	return found;
}

struct vmi_map_entry *vmi_nodes_next(
	struct vmi_map_node *n, const struct vmi_map_entry *e)
{
	uint64_t last = vmi_last_of(e);

	return last == UINT64_MAX ? NULL : vmi_nodes_at(n, last + 1);
}

/* Where the first hole in the range is; false: there is none. */
static bool find_hole(struct vmi_map_node *root,
	const struct vmi_map_entry *range, uint64_t *hole)
{
	uint64_t at = range->gpa;

	for (;;) {
		const struct vmi_map_entry *e = vmi_nodes_at(root, at);

		if (!e || e->gpa > at)
			break;
		if (vmi_last_of(e) >= vmi_last_of(range))
			return false;
		at = e->gpa + e->bytes;
	}
	*hole = at;
	return true;
}

/* -- Operations --------------------------------------------------------- */

void vmi_tree_init(struct vmi_tree *t, struct vmi_map_node *root)
{
	*t = (struct vmi_tree){ .root = get(root) };
}

void vmi_tree_fini(struct vmi_tree *t)
{
	vmi_nodes_put(t->root);
}

void vmi_tree_clear(struct vmi_tree *t)
{
	vmi_nodes_put(t->root);
	t->root = NULL;
}

static int result(const struct vmi_tree *t)
{
	return t->failed ? vmi_fail(-ENOMEM, "vm", "no memory") : 0;
}

int vmi_tree_add(struct vmi_tree *t, const struct vmi_map_entry *entry)
{
	const struct vmi_map_entry *e = vmi_nodes_at(t->root, entry->gpa);
	struct vmi_map_node *n;
	struct parts p;

	if (e && e->gpa <= vmi_last_of(entry))
		return vmi_fail_range(-EEXIST, entry->gpa, entry->bytes,
			"ram '%s' at gpa 0x%" PRIx64 "+0x%" PRIx64
			" overlaps ram '%s' at 0x%" PRIx64 "+0x%" PRIx64,
			entry->ram->name, entry->gpa, entry->bytes,
			e->ram->name, e->gpa, e->bytes);
	n = make(t, entry);
	if (n) {
		p = split(t, t->root, entry->gpa);
		t->root = join(t, p.low, n, p.high);
	}
	return result(t);
}

int vmi_tree_remove(struct vmi_tree *t, uint64_t gpa, uint64_t bytes)
{
	struct slices s = slice(t, gpa, bytes);

	vmi_nodes_put(s.inside);
	t->root = concat(t, s.below, s.above);
	return result(t);
}

static struct vmi_map_node *flagged(
	struct vmi_tree *t, struct vmi_map_node *n, uint32_t flags)
{
	if (n)
		n = own(t, n);
	if (!n)
		return NULL;
	n->e.flags = flags;
	n->low = flagged(t, n->low, flags);
	n->high = flagged(t, n->high, flags);
	return fixed(n);
}

int vmi_tree_set_flags(struct vmi_tree *t, const struct vmi_map_entry *range)
{
	struct slices s;
	uint64_t hole;

	if (find_hole(t->root, range, &hole))
		return vmi_fail_range(-ENOENT, hole, 0,
			"nothing is mapped at gpa 0x%" PRIx64, hole);
	s = slice(t, range->gpa, range->bytes);
	s.inside = flagged(t, s.inside, range->flags);
	t->root = concat(t, concat(t, s.below, s.inside), s.above);
	return result(t);
}

/* What of the log has to change in it; 0: nothing. */
static uint32_t untracked(const struct vmi_map_entry *e, bool on)
{
	const uint32_t both = VMAPI_MAP_LOG | VMI_MAP_TRACKED;

	if (!on)
		return e->flags & VMI_MAP_TRACKED ? both : 0;
	return e->flags & (VMAPI_MAP_LOG | VMAPI_MAP_READONLY) || e->ram->vm
		? 0 : both;
}

static struct vmi_map_node *tracked(
	struct vmi_tree *t, struct vmi_map_node *n, bool on)
{
	struct vmi_map_entry *e;

	for (e = vmi_nodes_at(n, 0); e; e = vmi_nodes_next(n, e))
		if (untracked(e, on))
			break;
	if (e)
		n = own(t, n);
	if (!e || !n)
		return n;
	n->e.flags ^= untracked(&n->e, on);
	n->low = tracked(t, n->low, on);
	n->high = tracked(t, n->high, on);
	return fixed(n);
}

int vmi_tree_track(struct vmi_tree *t, bool on)
{
	t->root = tracked(t, t->root, on);
	return result(t);
}
