/* SPDX-License-Identifier: MIT */
/*
 * A page that shows registers.
 *
 * Where each access to a region leaves the guest, a counter that is read in a
 * loop costs an exit each time. Its registers can lie in memory instead, in a
 * page that the guest may only read, if somebody writes the counter there
 * all the time: a thread, and so a processor of the host. That pays while
 * the guest reads nothing else, so the page is there only then.
 *
 * It gets hot by reads that come here, many in a short time. Once it is
 * shown, nobody hears of reads. But the page is mapped twice: where the
 * thread writes, and where the guest's kernel finds it. The second mapping's
 * entry can be dropped, whereupon the kernel drops the guest's, and whoever
 * reads then makes it again, without an exit; /proc/self/pagemap tells. So
 * each 20 ms is asked whether a read comes within 100 us, and four times no
 * are the end.
 *
 * Without /proc the page is taken away instead, to see whether reads come
 * here; if some do at once it is shown again, for twice as long. That is
 * worse: a kernel that deletes a slot may forget all that the guest maps.
 *
 * What a page shows lies between the counter's value at the thread's last
 * look and now. For one vcpu it never goes backwards: who answers a read or
 * a write outside the page also brings the page to that time, and all that
 * write there take `page_lock`.
 */
#include "lib/core/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#include "lib/core/backend.h"
#include "lib/core/chipset.h"
#include "lib/sys/sys.h"

/* Hot: so many reads in this time; fewer if it was so just before. */
#define HEAT_NS	  UINT64_C(5000000)
#define HEAT_COLD 32u
#define HEAT_WARM 4u

/* How long the page is shown before one looks; at most, without /proc. */
#define SHOWN_NS UINT64_C(20000000)
#define LONG_NS	 UINT64_C(320000000)

/* How long a look takes, and how many in a row must see nothing. */
#define LOOK_NS	 UINT64_C(100000)
#define MISSES	 4

#define PAGEMAP_PRESENT (UINT64_C(1) << 63) /* admin-guide/mm/pagemap.rst */

/* Looks at the clock between two writes: they leave the lock to others. */
#define LOOKS 4

static uint64_t host_now(void)
{
	uint64_t now = 0;

	(void)vmi_sys->now(CLOCK_MONOTONIC, &now);
	return now;
}

static bool stops(struct vmi_mirror *m)
{
	return atomic_load_explicit(&m->stop, memory_order_relaxed);
}

static void write_until(struct vmi_mirror *m, uint64_t end)
{
	uint64_t now = 0;
	bool is_due;
	unsigned i;

	while (now < end && !stops(m)) {
		pthread_mutex_lock(&m->page_lock);
		m->renew(m);
		is_due = m->due <= vmi_chipset_now(m->vm);
		pthread_mutex_unlock(&m->page_lock);
		if (is_due)
			m->fill(m);
		for (i = 0; i < LOOKS; i++)
			now = host_now();
	}
}

/* Whether a read comes while the page is written for a moment more. */
static bool is_read(struct vmi_mirror *m)
{
	uint64_t entry = 0, at = (uintptr_t)m->shown / vmi_page_size() * 8;

	if (m->pagemap < 0 ||
		vmi_sys->madvise(m->shown, VMI_MIRROR_BYTES, MADV_DONTNEED))
		return false;
	write_until(m, host_now() + LOOK_NS);
	return vmi_sys->pread(m->pagemap, &entry, sizeof(entry), at) ==
		       sizeof(entry) && entry & PAGEMAP_PRESENT;
}

/* Until nobody reads, as far as that is seen. */
static void write_while_read(struct vmi_mirror *m, uint64_t span)
{
	unsigned misses = 0;

	do {
		write_until(m, host_now() + span);
		misses = is_read(m) ? 0 : misses + 1;
	} while (m->pagemap >= 0 && misses < MISSES && !stops(m));
}

/* The kernel's slots are under map_lock. */
static int show(struct vmi_mirror *m, uint32_t *slot)
{
	int err;

	m->fill(m);
	pthread_mutex_lock(&m->vm->map_lock);
	err = m->vm->ctx->be->page_show(m->vm, m->gpa, m->shown, slot);
	pthread_mutex_unlock(&m->vm->map_lock);
	return err;
}

static void hide(struct vmi_mirror *m, uint32_t slot)
{
	pthread_mutex_lock(&m->vm->map_lock);
	m->vm->ctx->be->page_hide(m->vm, slot);
	pthread_mutex_unlock(&m->vm->map_lock);
	atomic_store(&m->hidden_at, vmi_chipset_now(m->vm));
}

static void *keep(void *opaque)
{
	struct vmi_mirror *m = opaque;
	struct pollfd p = { .fd = m->wake, .events = POLLIN };
	uint64_t span = SHOWN_NS, last = 0, now;
	uint32_t slot;

	while (!stops(m)) {
		(void)vmi_sys->poll(&p, 1, -1);
		if (!vmi_eventfd_take(m->wake) || stops(m))
			continue;
		now = host_now();
		span = m->pagemap >= 0 || now - last > HEAT_NS ? SHOWN_NS
		     : span < LONG_NS	    ? 2 * span
					    : LONG_NS;
		if (!show(m, &slot)) {
			write_while_read(m, span);
			(void)vmi_eventfd_take(m->wake);
			hide(m, slot);
		}
		last = host_now();
	}
	return NULL;
}

void vmi_mirror_missed(struct vmi_mirror *m, uint64_t now)
{
	uint64_t hidden = atomic_load(&m->hidden_at);
	bool warm = hidden && now - hidden < HEAT_NS;

	if (!m->page)
		return;
	if (now - m->since > HEAT_NS) {
		m->since = now;
		m->hits = 0;
	}
	if (++m->hits < (warm ? HEAT_WARM : HEAT_COLD))
		return;
	m->hits = 0;
	vmi_eventfd_signal(m->wake);
}

static int map_shared(int fd, int prot, uint8_t **page)
{
	const struct vmi_mmap what = { .bytes = VMI_MIRROR_BYTES,
		.prot = prot, .flags = MAP_SHARED, .fd = fd };
	void *where = NULL;
	int err = vmi_sys->mmap(&what, &where);

	*page = err ? NULL : where;
	return err;
}

static void unmap(struct vmi_mirror *m)
{
	if (m->page)
		(void)vmi_sys->munmap(m->page, VMI_MIRROR_BYTES);
	if (m->shown)
		(void)vmi_sys->munmap(m->shown, VMI_MIRROR_BYTES);
	m->page = m->shown = NULL;
}

/* Twice the same memory. */
static int map_page(struct vmi_mirror *m)
{
	int fd = vmi_sys->memfd("vmapi-mirror", 0), err;

	if (fd < 0)
		return vmi_fail(fd, "vm", "cannot make a memfd");
	err = vmi_set_length(fd, VMI_MIRROR_BYTES);
	if (!err)
		err = map_shared(fd, PROT_READ | PROT_WRITE, &m->page);
	if (!err)
		err = map_shared(fd, PROT_READ | PROT_WRITE, &m->shown);
	vmi_sys->close(fd);
	if (err)
		unmap(m);
	return err ? vmi_fail(err, "vm", "cannot map a page") : 0;
}

static void close_fds(struct vmi_mirror *m)
{
	if (m->wake >= 0)
		vmi_sys->close(m->wake);
	if (m->pagemap >= 0)
		vmi_sys->close(m->pagemap);
}

static int start_thread(struct vmi_mirror *m)
{
	int err;

	m->pagemap = vmi_sys->open("/proc/self/pagemap", O_RDONLY);
	m->wake = vmi_sys->eventfd(0, EFD_NONBLOCK);
	err = m->wake < 0 ? m->wake
			  : vmi_sys->thread_start("vmapi-mirror", keep, m,
				    &m->thread);
	if (!err)
		return 0;
	close_fds(m);
	return vmi_fail(err, "vm", "cannot start a thread");
}

int vmi_mirror_start(struct vmi_mirror *m)
{
	int err;

	m->due = VMI_CHIP_NEVER;
	if (!m->vm->ctx->be->page_show)
		return 0;
	if (!vmi_cap(m->vm->ctx, m->vm, VMAPI_CAP_READONLY) ||
		m->vm->map_align > VMI_MIRROR_BYTES ||
		vmi_page_size() != VMI_MIRROR_BYTES)
		return vmi_fail(-ENOTSUP, "vm",
			"guests here have no pages of 4 KiB that are only "
			"read");
	err = map_page(m);
	if (err)
		return err;
	pthread_mutex_init(&m->page_lock, NULL);
	err = start_thread(m);
	if (!err)
		return 0;
	pthread_mutex_destroy(&m->page_lock);
	unmap(m);
	return err;
}

void vmi_mirror_stop(struct vmi_mirror *m)
{
	if (!m->page)
		return;
	atomic_store(&m->stop, true);
	vmi_eventfd_signal(m->wake);
	(void)vmi_sys->thread_join(m->thread);
	close_fds(m);
	pthread_mutex_destroy(&m->page_lock);
	unmap(m);
}
