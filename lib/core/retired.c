/* SPDX-License-Identifier: MIT */
/* The retired log: dirty pages of what a commit took away, each told once. */
#include <errno.h>
#include <string.h>

#include "lib/core/bitmap.h"
#include "lib/core/dirty.h"
#include "lib/core/retired.h"
#include "lib/core/tree.h"
#include "lib/sys/sys.h"

/* A part of an old entry that is not at its address any more. */
struct part {
	struct vmi_map_entry e; /* its ram is referenced */
	unsigned as;
	uint8_t *bitmap;
};

struct vmapi_retired {
	struct vmapi *ctx;
	uint64_t page;
	struct part *parts;
	size_t n, capacity;
};

int vmi_retired_new(struct vmapi *ctx, struct vmapi_retired **out)
{
	struct vmapi_retired *r = vmi_zalloc(sizeof(*r));
	int64_t page = vmi_cap(ctx, NULL, VMAPI_CAP_PAGE_SIZE);

	if (!r)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	r->ctx = ctx;
	r->page = page > 0 ? (uint64_t)page : 4096;
	vmi_context_get(ctx);
	*out = r;
	return 0;
}

void vmi_retired_free(struct vmapi_retired *r)
{
	struct vmapi *ctx;
	size_t i;

	if (!r)
		return;
	for (i = 0; i < r->n; i++) {
		vmi_ram_put(r->parts[i].e.ram);
		vmi_free(r->parts[i].bitmap);
	}
	vmi_free(r->parts);
	ctx = r->ctx;
	vmi_free(r);
	vmi_context_put(ctx);
}

/* -- What will be gone -------------------------------------------------- */

static int grow(struct vmapi_retired *r)
{
	size_t capacity = r->capacity ? r->capacity * 2 : 8;
	struct part *parts = vmi_calloc(capacity, sizeof(*parts));

	if (!parts)
		return -ENOMEM;
	if (r->n)
		memcpy(parts, r->parts, r->n * sizeof(*parts));
	vmi_free(r->parts);
	r->parts = parts;
	r->capacity = capacity;
	return 0;
}

/* [from, end) of an old entry goes. */
static int add_part(struct vmapi_retired *r, const struct part *old,
	uint64_t from, uint64_t end)
{
	struct part p = *old;
	int err = r->n == r->capacity ? grow(r) : 0;

	if (err)
		return err;
	p.e.gpa += from;
	p.e.offset += from;
	p.e.bytes = end - from;
	p.bitmap = vmi_zalloc(
		(size_t)vmi_bitmap_bytes(p.e.bytes / r->page));
	if (!p.bitmap)
		return -ENOMEM;
	vmi_ram_get(p.e.ram);
	r->parts[r->n++] = p;
	return 0;
}

/* Whether `n` shows at its addresses what `o` showed there, logged. */
static bool is_kept(const struct vmi_map_entry *o,
	const struct vmi_map_entry *n)
{
	return n->ram == o->ram && vmi_map_flags(n) & VMAPI_MAP_LOG &&
		n->gpa - n->offset == o->gpa - o->offset;
}

/* All of an old entry that no new one keeps. */
static int add_rest(struct vmapi_retired *r, const struct part *old,
	struct vmi_map_node *fresh)
{
	const struct vmi_map_entry *o = &old->e, *n;
	uint64_t done = 0;
	int err = 0;

	for (n = vmi_nodes_at(fresh, o->gpa);
		n && n->gpa <= vmi_last_of(o) && !err;
		n = vmi_nodes_next(fresh, n)) {
		uint64_t from = n->gpa > o->gpa ? n->gpa - o->gpa : 0;
		uint64_t last = vmi_last_of(n) < vmi_last_of(o) ?
			vmi_last_of(n) : vmi_last_of(o);

		if (!is_kept(o, n))
			continue;
		if (from > done)
			err = add_part(r, old, done, from);
		done = last - o->gpa + 1;
	}
	if (!err && done < o->bytes)
		err = add_part(r, old, done, o->bytes);
	return err;
}

int vmi_retired_expect(struct vmapi_retired *r,
	const struct vmi_map_change *change, struct vmi_map_node *fresh)
{
	struct part old = { .as = change->as->id };
	size_t i, k = 0;
	int err = 0;

	/* Both lists ascend, and so shall the parts. */
	for (i = 0; (i < change->n_removed || k < change->n_relogged) && !err;) {
		if (k == change->n_relogged || (i < change->n_removed &&
			change->removed[i].gpa < change->relogged[k].gpa)) {
			old.e = change->removed[i++];
		} else {
			old.e = change->relogged[k++];
			old.e.flags ^= VMAPI_MAP_LOG; /* as it was */
		}
		if (vmi_map_flags(&old.e) & VMAPI_MAP_LOG)
			err = add_rest(r, &old, fresh);
	}
	return err ? vmi_fail(err, "vm", "no memory for the retired log") : 0;
}

void vmi_retired_collect(struct vmapi_retired *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		vmi_log_move(r->parts[i].e.ram, r->parts[i].e.offset,
			r->parts[i].e.bytes, r->parts[i].bitmap);
}

/* -- Asking ------------------------------------------------------------- */

struct list {
	uint8_t *to;
	size_t n, count;
	uint32_t stride;
};

static void list_run(struct list *l, const struct vmapi_retired_run *run)
{
	if (l->count++ >= l->n)
		return;
	memcpy(l->to, &l->stride, sizeof(l->stride));
	vmi_out_copy(l->to, run, sizeof(*run));
	l->to += l->stride;
}

static void list_part(
	struct list *l, const struct part *p, uint64_t page)
{
	uint64_t n = p->e.bytes / page, i, gap;

	for (i = vmi_bitmap_next(p->bitmap, 0, n); i < n;
		i = vmi_bitmap_next(p->bitmap, gap, n)) {
		struct vmapi_retired_run run = { .as = p->as,
			.gpa = p->e.gpa + i * page,
			.ram = p->e.ram,
			.offset = p->e.offset + i * page };

		gap = vmi_bitmap_gap(p->bitmap, i, n);
		run.bytes = (gap - i) * page;
		run.pointer = p->e.ram->base + run.offset;
		list_run(l, &run);
	}
}

int vmapi_retired_runs(struct vmapi_retired *r, struct vmapi_retired_run *runs,
	size_t n, size_t *count)
{
	int err = vmi_enter(r ? r->ctx : NULL, __func__);
	struct list l = { .to = (uint8_t *)runs, .n = n };
	size_t i;

	if (err)
		return err;
	if (!count || (n && !runs))
		return vmi_null(count ? "runs" : "count");
	if (n)
		err = vmi_out_check(runs, sizeof(*runs));
	if (err)
		return err;
	if (n)
		l.stride = runs[0].size;
	for (i = 0; i < r->n; i++)
		list_part(&l, &r->parts[i], r->page);
	*count = l.count;
	return 0;
}

void vmapi_retired_destroy(struct vmapi_retired *r)
{
	if (r && !vmi_enter(r->ctx, __func__))
		vmi_retired_free(r);
}
