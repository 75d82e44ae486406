/* SPDX-License-Identifier: MIT */
/* The dirty log: one bitmap for each RAM object, read by range and by count. */
/*
 * A page is dirty or not as a page of its RAM object, whatever entries of
 * whatever VMs show it.  The object's log is a bitmap in the library; each
 * backend's own log is a source of it.  A read has two halves:
 *
 *  - what backends hold apart (a kernel's bitmaps and rings) is fetched into
 *    the object's log.  A kernel gives bits away only with the promise that
 *    the next write to the page sets the bit again, so from then on the page
 *    may be read without losing a later write;
 *  - pages are taken from the object's log, in order, as many as are wanted,
 *    and the others stay there.
 *
 * The software processor has no log apart: it marks a page in the object's
 * log when it gets the right to write to it, which it then has until it is
 * told to drop it (->dirty_rearm).  That comes after the bits were cleared
 * and before the caller may look at the pages, and waits until no vcpu is in
 * the middle of a store.  A write before that is seen by the caller; one
 * after it finds no right to write, and marks the page again.
 *
 * Others write, then mark.  Marking is a read-modify-write even where the bit
 * is set already, so that whoever takes the bit away sees the data.
 *
 * A save that goes on while others read the log follows the object: whatever
 * anybody takes from the log is noted in its own bitmap, too, under log_lock.
 *
 * Lock order: vm->map_lock or vm->lock, then ctx->log_lock, then the gate.
 * One reader, or commit that ends a log, at a time for each context; writers
 * of the bitmap take no lock.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/bitmap.h"
#include "lib/core/dirty.h"
#include "lib/core/posted.h"
#include "lib/sys/sys.h"

struct vmi_log {
	uint64_t pages;
	unsigned shift; /* of a page's size */
	_Atomic(uint64_t) words[];
};

/* -- The log of an object ----------------------------------------------- */

static unsigned shift_of(uint64_t page)
{
	return vmi_lowest_bit(page ? page : 4096);
}

static struct vmi_log *make_log(const struct vmapi_ram *ram)
{
	struct vmi_log *log;
	unsigned shift = shift_of((uint64_t)vmi_cap(
		ram->ctx, NULL, VMAPI_CAP_PAGE_SIZE));
	uint64_t pages = ram->bytes >> shift;

	log = vmi_zalloc(sizeof(*log) + (size_t)vmi_bitmap_bytes(pages));
	if (!log)
		return NULL;
	log->pages = pages;
	log->shift = shift;
	return log;
}

int vmi_log_open(struct vmapi_ram *ram)
{
	struct vmi_log *log = atomic_load(&ram->log), *fresh;

	if (log)
		return 0;
	fresh = make_log(ram);
	if (!fresh)
		return vmi_fail(-ENOMEM, "ram", "no memory for a dirty log");
	if (!atomic_compare_exchange_strong(&ram->log, &log, fresh))
		vmi_free(fresh);
	return 0;
}

void vmi_log_free(struct vmapi_ram *ram)
{
	vmi_free(atomic_load(&ram->log));
}

/* Bits [from, to) of a word; to is at most 64. */
static uint64_t mask_of(unsigned from, unsigned to)
{
	uint64_t high = to < 64 ? ((uint64_t)1 << to) - 1 : UINT64_MAX;

	return high & ~(((uint64_t)1 << from) - 1);
}

void vmi_log_mark(struct vmapi_ram *ram, uint64_t offset, uint64_t bytes)
{
	struct vmi_log *log = atomic_load(&ram->log);
	uint64_t page, last, end;

	if (!log || !bytes || !atomic_load(&ram->n_logged))
		return;
	last = (offset + (bytes - 1)) >> log->shift;
	for (page = offset >> log->shift; page <= last; page = end) {
		end = (page / 64 + 1) * 64;
		atomic_fetch_or(&log->words[page / 64],
			mask_of((unsigned)(page % 64),
				last < end ? (unsigned)(last % 64) + 1 : 64));
	}
}

void vmi_log_merge(struct vmapi_ram *ram, uint64_t offset,
	const uint8_t *bitmap, uint64_t first, uint64_t n)
{
	unsigned shift = atomic_load(&ram->log)->shift;
	uint64_t i, gap;

	for (i = first;; i = gap) {
		i = vmi_bitmap_next(bitmap, i, first + n);
		if (i == first + n)
			return;
		gap = vmi_bitmap_gap(bitmap, i, first + n);
		vmi_log_mark(ram, offset + ((i - first) << shift),
			(gap - i) << shift);
	}
}

/* -- Taking pages out --------------------------------------------------- */

/* Pages in a row. */
struct row {
	uint64_t page, n;
};

/* The next dirty pages in a row from `page` on, within a word; n 0: none. */
static struct row look(const struct vmi_log *log, uint64_t page, uint64_t end)
{
	struct row row = { page, 0 };
	uint64_t word;

	while (row.page < end) {
		word = atomic_load_explicit(&log->words[row.page / 64],
			memory_order_relaxed) >> (row.page % 64);
		if (!word) {
			row.page = (row.page / 64 + 1) * 64;
			continue;
		}
		row.page += vmi_lowest_bit(word);
		word >>= vmi_lowest_bit(word);
		row.n = ~word ? vmi_lowest_bit(~word) : 64;
		break;
	}
	if (row.page >= end)
		return (struct row){ end, 0 };
	if (row.n > end - row.page)
		row.n = end - row.page;
	return row;
}

/* Only readers clear, and they take turns: what was seen set still is. */
static void take_row(struct vmapi_ram *ram, struct row row)
{
	struct vmi_log *log = atomic_load(&ram->log);
	unsigned from = (unsigned)(row.page % 64);
	struct vmi_log_follower *f;

	atomic_fetch_and(&log->words[row.page / 64],
		~mask_of(from, from + (unsigned)row.n));
	for (f = ram->followers; f; f = f->next)
		vmi_bitmap_set(f->pages, row.page, row.n);
}

void vmi_log_move(struct vmapi_ram *ram, uint64_t offset, uint64_t bytes,
	uint8_t *bitmap)
{
	struct vmi_log *log = atomic_load(&ram->log);
	uint64_t first = offset >> log->shift;
	uint64_t end = first + (bytes >> log->shift);
	struct row row;

	for (row = look(log, first, end); row.n;
		row = look(log, row.page + row.n, end)) {
		take_row(ram, row);
		vmi_bitmap_set(bitmap, row.page - first, row.n);
	}
}

/* Give out a row; false: there is no room for another run. */
static bool give(struct vmapi_dirty *d, size_t room, struct row row,
	unsigned shift)
{
	struct vmapi_dirty_run *run = d->runs ? &d->runs[d->n_runs] : NULL;
	uint64_t offset = row.page << shift;

	if (run && d->n_runs && run[-1].offset + run[-1].bytes == offset)
		run--;
	else if (run && d->n_runs == room)
		return false;
	else if (run) {
		*run = (struct vmapi_dirty_run){ .offset = offset };
		d->n_runs++;
	}
	if (run)
		run->bytes += row.n << shift;
	if (d->bitmap)
		vmi_bitmap_set(d->bitmap, row.page, row.n);
	d->pages += row.n;
	return true;
}

/* Move pages from the log to the caller, and the cursor behind them. */
static void take_pages(struct vmapi_ram *ram, struct vmapi_dirty *d)
{
	struct vmi_log *log = atomic_load(&ram->log);
	uint64_t page = d->offset >> log->shift;
	uint64_t end = page + (d->bytes >> log->shift);
	uint64_t most = d->max_pages ? d->max_pages : UINT64_MAX;
	size_t room = d->n_runs;
	struct row row;

	d->n_runs = 0;
	d->pages = 0;
	while (page < end && d->pages < most) {
		row = look(log, page, end);
		if (row.n > most - d->pages)
			row.n = most - d->pages;
		page = row.page;
		if (row.n && !give(d, room, row, log->shift))
			break;
		if (row.n)
			take_row(ram, row);
		page += row.n;
	}
	d->offset = page << log->shift;
	d->bytes = (end - page) << log->shift;
}

/* -- Who logs ----------------------------------------------------------- */

void vmi_logged_link(struct vmi_logged *l)
{
	struct vmapi_ram *ram = l->e.ram;

	l->next = ram->logged;
	l->at = &ram->logged;
	if (l->next)
		l->next->at = &l->next;
	ram->logged = l;
	ram->log_changes++;
	atomic_fetch_add(&ram->n_logged, 1);
}

void vmi_logged_unlink(struct vmi_logged *l)
{
	*l->at = l->next;
	if (l->next)
		l->next->at = l->at;
	l->e.ram->log_changes++;
	atomic_fetch_sub(&l->e.ram->n_logged, 1);
}

/* What a backend does once for each VM and turn; the gate may be closed. */
static int begin(struct vmapi_vm *vm, bool exact)
{
	const struct vmi_backend *be = vm->ctx->be;

	if (!be->dirty_begin || vm->log_round == vm->ctx->log_round)
		return 0;
	vm->log_round = vm->ctx->log_round;
	return be->dirty_begin(vm, exact);
}

static int fetch(struct vmi_logged *l, const struct vmi_dirty_want *want)
{
	const struct vmi_backend *be = l->vm->ctx->be;

	return be->dirty_fetch ? be->dirty_fetch(l, want) : 0;
}

int vmi_logged_harvest(struct vmi_logged *l)
{
	const struct vmi_dirty_want all = { .offset = l->e.offset,
		.bytes = l->e.bytes,
		.max_pages = UINT64_MAX,
		.final = true };
	int err = begin(l->vm, false);

	return err ? err : fetch(l, &all);
}

static void drop_all(struct vmapi_vm *vm, const struct vmi_view *view)
{
	const struct vmi_map_entry *e;

	for (e = vmi_view_at(view, 0); e; e = vmi_view_next(view, e)) {
		if (!e->logged)
			continue;
		if (vmi_logged_harvest(e->logged))
			vmi_log(vm->ctx, VMAPI_LOG_ERROR,
				"the last dirty pages of ram '%s' are lost",
				e->ram->name);
		vmi_logged_unlink(e->logged);
		vmi_free(e->logged);
	}
}

void vmi_logged_drop(struct vmapi_vm *vm)
{
	struct vmapi_as *as;

	pthread_mutex_lock(&vm->ctx->log_lock);
	vm->ctx->log_round++;
	for (as = vm->spaces; as; as = as->next)
		drop_all(vm, atomic_load(&as->view));
	pthread_mutex_unlock(&vm->ctx->log_lock);
}

/* -- Reading ------------------------------------------------------------ */

/* The part of the range that an entry shows; false: none. */
static bool overlap(const struct vmi_map_entry *e, const struct vmapi_dirty *d,
	struct vmi_dirty_want *want)
{
	uint64_t from = d->offset > e->offset ? d->offset : e->offset;
	uint64_t end = d->offset + d->bytes, e_end = e->offset + e->bytes;

	if (e_end < end)
		end = e_end;
	if (from >= end)
		return false;
	want->offset = from;
	want->bytes = end - from;
	return true;
}

static int fetch_range(struct vmapi_ram *ram, const struct vmapi_dirty *d)
{
	struct vmi_dirty_want want = {
		.max_pages = d->max_pages ? d->max_pages : UINT64_MAX };
	struct vmi_logged *l;
	int err = 0;

	for (l = ram->logged; l && !err; l = l->next) {
		if (!overlap(&l->e, d, &want))
			continue;
		err = begin(l->vm, d->flags & VMAPI_DIRTY_EXACT);
		if (!err)
			err = fetch(l, &want);
	}
	return err;
}

/* No vcpu writes unseen to what was taken; once for each VM. */
static void rearm(struct vmapi_ram *ram)
{
	const struct vmi_backend *be = ram->ctx->be;
	struct vmi_logged *l;

	ram->ctx->log_round++;
	for (l = ram->logged; l && be->dirty_rearm; l = l->next) {
		if (l->vm->log_round == ram->ctx->log_round)
			continue;
		l->vm->log_round = ram->ctx->log_round;
		be->dirty_rearm(l->vm);
	}
}

static int read_locked(struct vmapi_ram *ram, struct vmapi_dirty *d)
{
	int err;

	ram->ctx->log_round++;
	err = fetch_range(ram, d);
	if (err)
		return err;
	if (atomic_load(&ram->log)) {
		take_pages(ram, d);
	} else {
		d->offset += d->bytes;
		d->bytes = d->pages = d->n_runs = 0;
	}
	if (d->pages)
		rearm(ram);
	return 0;
}

static int check(const struct vmapi_ram *ram, const struct vmapi_dirty *d)
{
	uint64_t page = (uint64_t)1 << shift_of((uint64_t)vmi_cap(
		ram->ctx, NULL, VMAPI_CAP_PAGE_SIZE));

	if (d->flags & ~VMAPI_DIRTY_EXACT)
		return vmi_fail(-EINVAL, "dirty", "unknown flags 0x%" PRIx32,
			d->flags & ~VMAPI_DIRTY_EXACT);
	if (!d->runs && !d->bitmap)
		return vmi_fail(-EINVAL, "dirty",
			"neither runs nor a bitmap: pages would be lost");
	if (d->runs && !d->n_runs)
		return vmi_fail(-EINVAL, "dirty", "there is room for no run");
	if ((d->offset | d->bytes) % page)
		return vmi_fail_range(-EINVAL, d->offset, d->bytes,
			"0x%" PRIx64 "+0x%" PRIx64 " is not aligned to pages "
			"of 0x%" PRIx64, d->offset, d->bytes, page);
	if (d->offset > ram->bytes || d->bytes > ram->bytes - d->offset)
		return vmi_fail_range(-ERANGE, d->offset, d->bytes,
			"0x%" PRIx64 "+0x%" PRIx64 " is outside ram '%s' of "
			"0x%" PRIx64 " bytes", d->offset, d->bytes, ram->name,
			ram->bytes);
	return 0;
}

/* The i-th VM that logs this object, referenced, or NULL. */
static struct vmapi_vm *logging_vm(struct vmapi_ram *ram, unsigned i)
{
	struct vmapi_vm *vm = NULL;
	struct vmi_logged *l;

	pthread_mutex_lock(&ram->ctx->log_lock);
	for (l = ram->logged; l && i; l = l->next)
		i--;
	if (l && vmi_posted_exists(l->vm)) {
		vm = l->vm;
		vmi_vm_get(vm);
	}
	pthread_mutex_unlock(&ram->ctx->log_lock);
	return vm;
}

/* Whoever answers a posted write may write to memory for the guest. */
static void flush_posted(struct vmapi_ram *ram)
{
	unsigned i, n = atomic_load(&ram->n_logged);

	for (i = 0; i < n; i++) {
		struct vmapi_vm *vm = logging_vm(ram, i);

		if (!vm)
			continue;
		vmi_posted_deliver(vm);
		vmi_vm_put(vm);
	}
}

/* -- Following ---------------------------------------------------------- */

static uint64_t pages_of(const struct vmapi_ram *ram)
{
	return atomic_load(&ram->log)->pages;
}

bool vmi_log_is_wanted(struct vmapi_ram *ram)
{
	const struct vmi_logged *l;
	bool wanted = false;

	pthread_mutex_lock(&ram->ctx->log_lock);
	for (l = ram->logged; l && !wanted; l = l->next)
		wanted = vmi_map_flags(&l->e) & VMAPI_MAP_LOG;
	pthread_mutex_unlock(&ram->ctx->log_lock);
	return wanted;
}

int vmi_log_follow(struct vmapi_ram *ram, struct vmi_log_follower **out)
{
	struct vmi_log_follower *f;
	int err = vmi_log_open(ram);

	if (err)
		return err;
	f = vmi_zalloc(sizeof(*f));
	if (f)
		f->pages = vmi_zalloc(
			(size_t)vmi_bitmap_bytes(pages_of(ram)));
	if (!f || !f->pages) {
		vmi_free(f);
		return vmi_fail(-ENOMEM, "ram", "no memory for a dirty log");
	}
	f->ram = ram;
	pthread_mutex_lock(&ram->ctx->log_lock);
	f->next = ram->followers;
	ram->followers = f;
	atomic_fetch_add(&ram->n_logged, 1);
	pthread_mutex_unlock(&ram->ctx->log_lock);
	*out = f;
	return 0;
}

/* What only followers had logged is nobody's. */
static void forget(struct vmi_log *log)
{
	uint64_t i;

	for (i = 0; i < (log->pages + 63) / 64; i++)
		atomic_store(&log->words[i], 0);
}

void vmi_log_unfollow(struct vmi_log_follower *f)
{
	struct vmi_log_follower **at;

	if (!f)
		return;
	pthread_mutex_lock(&f->ram->ctx->log_lock);
	for (at = &f->ram->followers; *at != f; at = &(*at)->next)
		;
	*at = f->next;
	if (atomic_fetch_sub(&f->ram->n_logged, 1) == 1)
		forget(atomic_load(&f->ram->log));
	pthread_mutex_unlock(&f->ram->ctx->log_lock);
	vmi_free(f->pages);
	vmi_free(f);
}

int vmi_log_follow_read(
	struct vmi_log_follower *f, uint8_t *pages, uint32_t flags)
{
	struct vmapi_ram *ram = f->ram;
	size_t i, n = (size_t)vmi_bitmap_bytes(pages_of(ram));
	struct vmapi_dirty d = { .size = sizeof(d),
		.flags = flags,
		.bytes = ram->bytes,
		.bitmap = f->pages };
	int err;

	pthread_mutex_lock(&ram->ctx->log_lock);
	err = read_locked(ram, &d);
	for (i = 0; i < n && !err; i++)
		pages[i] |= f->pages[i];
	if (!err)
		memset(f->pages, 0, n);
	pthread_mutex_unlock(&ram->ctx->log_lock);
	return err;
}

/* -- The application's --------------------------------------------------- */

int vmapi_dirty_read(struct vmapi_ram *ram, struct vmapi_dirty *dirty)
{
	int err = vmi_enter(ram ? ram->ctx : NULL, __func__);
	struct vmapi_dirty d;

	if (err)
		return err;
	if (!dirty)
		return vmi_null("dirty");
	err = vmi_config_copy(&d, sizeof(d), dirty, sizeof(d));
	if (!err)
		err = check(ram, &d);
	if (err)
		return err;
	flush_posted(ram);
	pthread_mutex_lock(&ram->ctx->log_lock);
	err = read_locked(ram, &d);
	pthread_mutex_unlock(&ram->ctx->log_lock);
	if (!err)
		vmi_out_copy(dirty, &d, sizeof(d));
	return err;
}
