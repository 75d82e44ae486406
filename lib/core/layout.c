/* SPDX-License-Identifier: MIT */
/* The operations of a map transaction on a sorted gap buffer. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/layout.h"
#include "lib/sys/sys.h"

/* The last byte: gpa + bytes may be 2^64. */
static uint64_t last_of(const struct vmi_map_entry *e)
{
	return e->gpa + (e->bytes - 1);
}

int vmi_layout_init(struct vmi_layout *l, const struct vmi_view *view)
{
	l->capacity = view->n + view->n / 8 + 8;
	l->array = vmi_calloc(l->capacity, sizeof(l->array[0]));
	if (!l->array)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	memcpy(l->array, view->entries, view->n * sizeof(l->array[0]));
	l->n = view->n;
	l->gap = view->n;
	return 0;
}

void vmi_layout_fini(struct vmi_layout *l)
{
	vmi_free(l->array);
}

void vmi_layout_clear(struct vmi_layout *l)
{
	l->n = 0;
	l->gap = 0;
}

struct vmi_map_entry *vmi_layout_entry(const struct vmi_layout *l, size_t i)
{
	return &l->array[i < l->gap ? i : i + l->capacity - l->n];
}

static void move_gap(struct vmi_layout *l, size_t to)
{
	size_t hole = l->capacity - l->n;
	struct vmi_map_entry *a = l->array;

	if (to < l->gap)
		memmove(a + to + hole, a + to, (l->gap - to) * sizeof(*a));
	else
		memmove(a + l->gap, a + l->gap + hole,
			(to - l->gap) * sizeof(*a));
	l->gap = to;
}

static int grow(struct vmi_layout *l)
{
	struct vmi_layout bigger = { .capacity = l->capacity * 2, .n = l->n };
	size_t tail = l->n - l->gap;

	bigger.array = vmi_calloc(bigger.capacity, sizeof(l->array[0]));
	if (!bigger.array)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	bigger.gap = l->gap;
	memcpy(bigger.array, l->array, l->gap * sizeof(l->array[0]));
	memcpy(bigger.array + bigger.capacity - tail,
		l->array + l->capacity - tail, tail * sizeof(l->array[0]));
	vmi_free(l->array);
	*l = bigger;
	return 0;
}

static int insert(
	struct vmi_layout *l, size_t at, const struct vmi_map_entry *entry)
{
	struct vmi_map_entry copy = *entry; /* may lie in the array */
	int err = l->n == l->capacity ? grow(l) : 0;

	if (err)
		return err;
	move_gap(l, at);
	l->array[l->gap++] = copy;
	l->n++;
	return 0;
}

static void delete(struct vmi_layout *l, size_t at, size_t count)
{
	move_gap(l, at);
	l->n -= count;
}

/* The index of the first entry that ends at or after gpa. */
static size_t find(const struct vmi_layout *l, uint64_t gpa)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (last_of(vmi_layout_entry(l, middle)) < gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Cut the entry that reaches across gpa, if any, in two. */
static int split(struct vmi_layout *l, uint64_t gpa)
{
	size_t at = find(l, gpa);
	struct vmi_map_entry *e, upper;

	if (at == l->n)
		return 0;
	e = vmi_layout_entry(l, at);
	if (e->gpa >= gpa)
		return 0;
	upper = *e;
	upper.gpa = gpa;
	upper.offset += gpa - e->gpa;
	upper.bytes -= gpa - e->gpa;
	e->bytes = gpa - e->gpa;
	return insert(l, at + 1, &upper);
}

static int split_around(struct vmi_layout *l, uint64_t gpa, uint64_t bytes)
{
	int err = split(l, gpa);

	if (!err && gpa + bytes)
		err = split(l, gpa + bytes);
	return err;
}

int vmi_layout_add(struct vmi_layout *l, const struct vmi_map_entry *entry)
{
	size_t at = find(l, entry->gpa);
	const struct vmi_map_entry *e;

	if (at == l->n)
		return insert(l, at, entry);
	e = vmi_layout_entry(l, at);
	if (e->gpa > last_of(entry))
		return insert(l, at, entry);
	return vmi_fail_range(-EEXIST, entry->gpa, entry->bytes,
		"ram '%s' at gpa 0x%" PRIx64 "+0x%" PRIx64
		" overlaps ram '%s' at 0x%" PRIx64 "+0x%" PRIx64,
		entry->ram->name, entry->gpa, entry->bytes, e->ram->name,
		e->gpa, e->bytes);
}

int vmi_layout_remove(struct vmi_layout *l, uint64_t gpa, uint64_t bytes)
{
	int err = split_around(l, gpa, bytes);
	size_t from, to;

	if (err)
		return err;
	from = find(l, gpa);
	to = gpa + bytes ? find(l, gpa + bytes) : l->n;
	delete(l, from, to - from);
	return 0;
}

/* Where the first hole in the range is; false: there is none. */
static bool find_hole(const struct vmi_layout *l,
	const struct vmi_map_entry *range, uint64_t *hole)
{
	uint64_t at = range->gpa;
	size_t i;

	for (i = find(l, at); i < l->n; i++) {
		const struct vmi_map_entry *e = vmi_layout_entry(l, i);

		if (e->gpa > at)
			break;
		if (last_of(e) >= last_of(range))
			return false;
		at = e->gpa + e->bytes;
	}
	*hole = at;
	return true;
}

int vmi_layout_set_flags(
	struct vmi_layout *l, const struct vmi_map_entry *range)
{
	uint64_t hole;
	size_t i;
	int err;

	if (find_hole(l, range, &hole))
		return vmi_fail_range(-ENOENT, hole, 0,
			"nothing is mapped at gpa 0x%" PRIx64, hole);
	err = split_around(l, range->gpa, range->bytes);
	if (err)
		return err;
	for (i = find(l, range->gpa); i < l->n; i++) {
		struct vmi_map_entry *e = vmi_layout_entry(l, i);

		if (e->gpa > last_of(range))
			break;
		e->flags = range->flags;
	}
	return 0;
}
