/* SPDX-License-Identifier: MIT */
/*
 * Where the RAM of a stream waits until all of the stream is known good.
 *
 * Each object gets memory of its own, of which only pages that come take
 * room.  When everything is checked, the two change places page by page:
 * the staging memory then holds what was in RAM, so that a state that the
 * backend refuses can be taken back.  A fresh VM's RAM is zero, and staging
 * memory that got zeros is given back on the way, so there RAM is never held
 * twice.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/core/bitmap.h"
#include "lib/core/state.h"
#include "lib/sys/sys.h"

#define BLOCK 512u /* pages after which zeros are given back */

static uint64_t pages_of(const struct vmi_state_ram *r)
{
	return r->ram->bytes / VMI_STATE_PAGE;
}

static int make_room(struct vmi_state_ram *r)
{
	const struct vmi_mmap what = { .bytes = (size_t)r->ram->bytes,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		.fd = -1 };
	void *where;
	int err;

	r->present = vmi_zalloc((size_t)vmi_bitmap_bytes(pages_of(r)));
	if (!r->present)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	err = vmi_sys->mmap(&what, &where);
	if (err)
		return vmi_fail(err, "vm",
			"cannot map 0x%" PRIx64 " bytes to stage ram '%s': %s",
			r->ram->bytes, r->ram->name, strerror(-err));
	r->staged = where;
	return 0;
}

void vmi_stage_free(struct vmi_state_ram *r)
{
	if (r->staged)
		vmi_sys->munmap(r->staged, (size_t)r->ram->bytes);
	vmi_free(r->present);
	r->staged = r->present = NULL;
}

/* -- Reading ------------------------------------------------------------ */

/* The object that the stream gave this number. */
static struct vmi_state_ram *numbered(struct vmi_state *s, uint32_t number)
{
	size_t i;

	for (i = 0; i < s->n_rams; i++)
		if (s->rams[i].is_there && s->rams[i].number == number)
			return &s->rams[i];
	return NULL;
}

int vmi_stage_ram(struct vmi_state *s, const struct vmi_section *section)
{
	struct vmi_cursor c = vmi_section_cursor(section);
	uint64_t bytes = vmi_take(&c, 8), page = vmi_take(&c, 4);
	uint64_t whole = vmi_take(&c, 4);
	char name[sizeof(((struct vmapi_ram *)0)->name) + 1] = { 0 };
	const uint8_t *at = vmi_take_bytes(&c, sizeof(name) - 1);
	struct vmi_state_ram *r;

	if (!vmi_cursor_done(&c) || whole > 1 || (!whole && !s->delta))
		return vmi_bad_section(section, "its contents");
	memcpy(name, at, sizeof(name) - 1);
	r = vmi_state_ram(s, name);
	if (page != VMI_STATE_PAGE)
		return vmi_fail(-EPROTONOSUPPORT, "ram",
			"its pages have 0x%" PRIx64 " bytes", page);
	if (!r || r->ram->bytes != bytes)
		return vmi_fail(-ENODEV, "vm",
			"the stream's ram '%.32s' of 0x%" PRIx64 " bytes is "
			"not the VM's", name, bytes);
	if (r->is_there || numbered(s, section->index))
		return vmi_bad_section(section, "its number");
	r->is_there = true;
	r->number = section->index;
	r->whole = whole;
	return make_room(r);
}

/* What is there already was zero, or of an earlier round. */
static void stage(struct vmi_state_ram *r, uint64_t first, uint64_t n,
	const uint8_t *data)
{
	uint8_t *to = r->staged + first * VMI_STATE_PAGE;

	if (data)
		memcpy(to, data, (size_t)n * VMI_STATE_PAGE);
	else if (r->rounds)
		memset(to, 0, (size_t)n * VMI_STATE_PAGE);
	vmi_bitmap_set(r->present, first, n);
	r->next = first + n;
}

/* Pages ascend, but for the beginning of a round: false, there is none. */
static bool is_in_order(const struct vmi_state *s, struct vmi_state_ram *r,
	uint64_t first)
{
	if (first >= r->next)
		return true;
	return s->is_rounds && ++r->rounds <= VMI_STATE_ROUNDS;
}

int vmi_stage_pages(struct vmi_state *s, const struct vmi_section *section)
{
	struct vmi_cursor c = vmi_section_cursor(section);
	uint64_t first = vmi_take(&c, 8), n = vmi_take(&c, 4);
	uint64_t zeros = vmi_take(&c, 4);
	const uint8_t *data = NULL;
	struct vmi_state_ram *r;

	r = numbered(s, section->index);
	if (!r)
		return vmi_bad_section(section, "the RAM object");
	if (zeros > 1 || (zeros && r->whole && !s->is_rounds))
		return vmi_bad_section(section, "the kind");
	if (!n || first > pages_of(r) || n > pages_of(r) - first ||
		!is_in_order(s, r, first))
		return vmi_bad_section(section, "the page numbers");
	if (!zeros)
		data = vmi_take_bytes(&c, (size_t)n * VMI_STATE_PAGE);
	if (!vmi_cursor_done(&c))
		return vmi_bad_section(section, "the length");
	stage(r, first, n, data);
	return 0;
}

/* -- Changing places ---------------------------------------------------- */

static void exchange(uint8_t *a, uint8_t *b)
{
	uint8_t page[VMI_STATE_PAGE];

	memcpy(page, a, sizeof(page));
	memcpy(a, b, sizeof(page));
	memcpy(b, page, sizeof(page));
}

/* One page; true: RAM has changed. */
static bool swap_page(struct vmi_state_ram *r, uint64_t page)
{
	uint64_t at = page * VMI_STATE_PAGE;

	if (!vmi_bitmap_test(r->present, page)) {
		if (!r->whole || vmi_page_is_zero(r->ram->base + at))
			return false;
		vmi_bitmap_set(r->present, page, 1);
	}
	exchange(r->ram->base + at, r->staged + at);
	return true;
}

/* Pages [first, end); whether all that was in RAM there was zero. */
static bool swap_block(struct vmi_state_ram *r, uint64_t first, uint64_t end)
{
	uint64_t page, run = first;
	bool zero = true;

	for (page = first; page < end; page++) {
		if (swap_page(r, page)) {
			zero &= vmi_page_is_zero(
				r->staged + page * VMI_STATE_PAGE);
			continue;
		}
		if (page > run)
			vmi_ram_tell(r->ram, run * VMI_STATE_PAGE,
				(page - run) * VMI_STATE_PAGE);
		run = page + 1;
	}
	if (end > run)
		vmi_ram_tell(r->ram, run * VMI_STATE_PAGE,
			(end - run) * VMI_STATE_PAGE);
	return zero;
}

static void swap_object(struct vmi_state_ram *r)
{
	uint64_t first, end, pages = pages_of(r);

	for (first = 0; first < pages; first = end) {
		end = pages - first < BLOCK ? pages : first + BLOCK;
		if (swap_block(r, first, end))
			(void)vmi_sys->madvise(
				r->staged + first * VMI_STATE_PAGE,
				(size_t)(end - first) * VMI_STATE_PAGE,
				MADV_DONTNEED);
	}
	r->whole = false; /* the way back is what is `present` */
}

void vmi_stage_swap(struct vmi_state *s)
{
	size_t i;

	for (i = 0; i < s->n_rams; i++)
		if (s->rams[i].is_there)
			swap_object(&s->rams[i]);
}
