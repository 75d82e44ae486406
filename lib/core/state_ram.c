/* SPDX-License-Identifier: MIT */
/* RAM in a saved state: which objects, which of their pages. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/bitmap.h"
#include "lib/core/dirty.h"
#include "lib/core/state.h"
#include "lib/sys/sys.h"

/* Pages of one section at most. */
#define PIECE 64u

/* -- Which objects ------------------------------------------------------ */

struct vmi_state_ram *vmi_state_ram(struct vmi_state *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n_rams; i++)
		if (!strcmp(s->rams[i].ram->name, name))
			return &s->rams[i];
	return NULL;
}

static int add_ram(struct vmi_state *s, struct vmapi_ram *ram)
{
	struct vmi_state_ram *same = vmi_state_ram(s, ram->name), *more;

	if (same && same->ram == ram)
		return 0;
	if (same || !*ram->name)
		return vmi_fail(-EINVAL, "vm", same
			? "two RAM objects have the name '%s'"
			: "a RAM object has no name%s", ram->name);
	if (ram->private_fd >= 0)
		return vmi_fail(-ENOTSUP, "vm",
			"ram '%s' is guest_memfd, which nobody can read",
			ram->name);
	if (vmi_ram_is_device(ram))
		return vmi_fail(-ENOTSUP, "vm",
			"ram '%s' is pages of a device, which say nothing",
			ram->name);
	more = vmi_calloc(s->n_rams + 1, sizeof(*more));
	if (!more)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	if (s->n_rams)
		memcpy(more, s->rams, s->n_rams * sizeof(*more));
	vmi_free(s->rams);
	s->rams = more;
	vmi_ram_get(ram);
	s->rams[s->n_rams++].ram = ram;
	return 0;
}

static int find_mapped(struct vmi_state *s)
{
	const struct vmi_map_entry *e;
	const struct vmi_view *view;
	struct vmapi_as *as;
	int err = 0;

	pthread_mutex_lock(&s->vm->map_lock);
	if (s->vm->attributes)
		err = vmi_fail(-ENOTSUP, "vm",
			"memory is private to the VM, so nobody can read it");
	for (as = s->vm->spaces; as && !err; as = as->next) {
		view = atomic_load(&as->view);
		for (e = vmi_view_at(view, 0); e && !err;
			e = vmi_view_next(view, e))
			err = add_ram(s, e->ram);
	}
	pthread_mutex_unlock(&s->vm->map_lock);
	return err;
}

int vmi_state_find_rams(struct vmi_state *s)
{
	int err = find_mapped(s);
	size_t i;

	for (i = 0; i < s->config.n_ram && !err; i++)
		err = s->config.ram[i] ? add_ram(s, s->config.ram[i])
				       : vmi_null("config->ram");
	return err;
}

void vmi_state_free_rams(struct vmi_state *s)
{
	size_t i;

	for (i = 0; i < s->n_rams; i++) {
		struct vmi_state_ram *r = &s->rams[i];

		vmi_stage_free(r);
		vmi_log_unfollow(r->follower);
		vmi_free(r->now);
		vmi_free(r->taken);
		vmi_ram_put(r->ram);
	}
	vmi_free(s->rams);
}

/* -- Dirty logs --------------------------------------------------------- */

static unsigned log_shift(const struct vmi_state *s)
{
	uint64_t page = (uint64_t)vmi_cap(
		s->vm->ctx, NULL, VMAPI_CAP_PAGE_SIZE);

	return vmi_lowest_bit(page ? page : VMI_STATE_PAGE);
}

static uint64_t log_pages(const struct vmi_state *s,
	const struct vmi_state_ram *r)
{
	return r->ram->bytes >> log_shift(s);
}

/* What nobody logged until now comes whole, if it is asked for changes. */
static int follow(const struct vmi_state *s, struct vmi_state_ram *r)
{
	size_t bytes = (size_t)vmi_bitmap_bytes(log_pages(s, r));

	r->is_partial = s->delta && vmi_log_is_wanted(r->ram);
	r->now = vmi_zalloc(bytes);
	r->taken = vmi_zalloc(bytes);
	if (!r->now || !r->taken)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	return vmi_log_follow(r->ram, &r->follower);
}

static int take_log(const struct vmi_state *s, struct vmi_state_ram *r,
	bool exact)
{
	size_t i, n = (size_t)vmi_bitmap_bytes(log_pages(s, r));
	int err = vmi_log_follow_read(r->follower, r->now,
		exact ? VMAPI_DIRTY_EXACT : 0);

	for (i = 0; i < n && !err; i++)
		r->taken[i] |= r->now[i];
	return err;
}

int vmi_state_follow_logs(struct vmi_state *s)
{
	int err = 0;
	size_t i;

	for (i = 0; i < s->n_rams && !err; i++)
		if (!s->rams[i].follower)
			err = follow(s, &s->rams[i]);
	return err;
}

int vmi_state_take_logs(struct vmi_state *s, bool exact)
{
	int err = vmi_state_follow_logs(s);
	size_t i;

	for (i = 0; i < s->n_rams && !err; i++)
		err = take_log(s, &s->rams[i], exact);
	return err;
}

void vmi_state_redirty(struct vmi_state *s)
{
	size_t i;

	for (i = 0; i < s->n_rams; i++)
		if (s->rams[i].follower)
			vmi_log_merge(s->rams[i].ram, 0, s->rams[i].taken, 0,
				log_pages(s, &s->rams[i]));
}

/* Whether the next round has all of it. */
static bool is_whole(const struct vmi_state_ram *r)
{
	return !r->is_partial && !r->is_begun;
}

static uint64_t count(const uint8_t *bitmap, uint64_t n)
{
	uint64_t i, gap, sum = 0;

	for (i = vmi_bitmap_next(bitmap, 0, n); i < n;
		i = vmi_bitmap_next(bitmap, gap, n)) {
		gap = vmi_bitmap_gap(bitmap, i, n);
		sum += gap - i;
	}
	return sum;
}

uint64_t vmi_state_left(const struct vmi_state *s)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < s->n_rams; i++) {
		const struct vmi_state_ram *r = &s->rams[i];

		bytes += is_whole(r) ? r->ram->bytes
			: count(r->now, log_pages(s, r)) << log_shift(s);
	}
	return bytes;
}

/* -- Pages -------------------------------------------------------------- */

bool vmi_page_is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, VMI_STATE_PAGE - 1);
}

/* What happens to a page; SKIP: nothing has to be said of it. */
enum page_kind { CONTENTS = 0, ZEROS = 1, SKIP = 2 };

struct walk {
	const struct vmi_state *s;
	const struct vmi_state_ram *r;
	uint32_t index;
	unsigned shift; /* of the log's pages */
	struct vmi_sink *sink;
	struct vmi_buffer buffer;
};

static enum page_kind kind_of(const struct walk *w, uint64_t page)
{
	uint64_t offset = page * VMI_STATE_PAGE;
	bool whole = is_whole(w->r);

	if (!whole && !vmi_bitmap_test(w->r->now, offset >> w->shift))
		return SKIP;
	if (!vmi_page_is_zero(w->r->ram->base + offset))
		return CONTENTS;
	return whole ? SKIP : ZEROS;
}

static int emit_pages(
	struct walk *w, uint64_t first, uint32_t n, enum page_kind kind)
{
	vmi_put(&w->buffer, first, 8);
	vmi_put(&w->buffer, n, 4);
	vmi_put(&w->buffer, kind, 4);
	if (kind == CONTENTS)
		vmi_put_bytes(&w->buffer,
			w->r->ram->base + first * VMI_STATE_PAGE,
			(size_t)n * VMI_STATE_PAGE);
	return vmi_emit(w->sink, &w->buffer, (struct vmi_section){
		.type = VMI_SECTION_PAGES, .index = w->index });
}

static int save_pages(struct walk *w)
{
	uint64_t pages = w->r->ram->bytes / VMI_STATE_PAGE, page, first = 0;
	enum page_kind kind, run = SKIP;
	int err = 0;

	for (page = 0; page <= pages && !err; page++) {
		kind = page < pages ? kind_of(w, page) : SKIP;
		if (kind == run && page - first < PIECE)
			continue;
		if (run != SKIP)
			err = emit_pages(w, first, (uint32_t)(page - first),
				run);
		run = kind;
		first = page;
	}
	return err;
}

static int name_object(struct walk *w)
{
	const struct vmapi_ram *ram = w->r->ram;

	vmi_put(&w->buffer, ram->bytes, 8);
	vmi_put(&w->buffer, VMI_STATE_PAGE, 4);
	vmi_put(&w->buffer, !w->r->is_partial, 4);
	vmi_put_bytes(&w->buffer, ram->name, sizeof(ram->name));
	return vmi_emit(w->sink, &w->buffer, (struct vmi_section){
		.type = VMI_SECTION_RAM, .index = w->index });
}

static int save_object(struct walk *w, struct vmi_state_ram *r)
{
	int err;

	w->r = r;
	err = r->is_begun ? 0 : name_object(w);
	if (!err)
		err = save_pages(w);
	r->is_begun = true;
	memset(r->now, 0, (size_t)vmi_bitmap_bytes(log_pages(w->s, r)));
	return err;
}

int vmi_state_save_ram(struct vmi_state *s, struct vmi_sink *sink)
{
	struct walk w = { .s = s, .sink = sink, .shift = log_shift(s) };
	int err = 0;

	for (w.index = 0; w.index < s->n_rams && !err; w.index++)
		err = save_object(&w, &s->rams[w.index]);
	vmi_buffer_free(&w.buffer);
	return err;
}
