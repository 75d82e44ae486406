/* SPDX-License-Identifier: MIT */
/* The scripted kernel: one VM, its slots, its vcpus' rings. */
#include "tests/kvm/scripted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/kvm/kvm.h"

#define FD_SYSTEM 100000
#define FD_VM	  100001
#define FD_VCPU	  100002
#define SLOTS	  64
#define VCPUS	  2
#define WRITES	  256
#define RUN_BYTES 8192

struct scripted scripted;

struct slot {
	bool used;
	struct kvm_userspace_memory_region r;
	uint64_t pages;
	uint8_t *dirty;	   /* a bitmap, with the log; as the kernel keeps it */
	uint8_t *writable; /* a byte a page */
};

struct vcpu {
	uint64_t writes[WRITES];
	size_t n, done;
	struct kvm_run *run;
	struct kvm_dirty_gfn *ring;
	uint32_t head, tail; /* next entry to write, and to reset */
};

static struct slot slots[SLOTS];
static struct vcpu vcpus[VCPUS];
static unsigned n_vcpus, strays;
static bool manual, ring_bitmap;
static uint32_t ring_bytes;
static struct vmi_sys table;

/* -- Slots -------------------------------------------------------------- */

static void log_drop(struct slot *s)
{
	free(s->dirty);
	free(s->writable);
	s->dirty = s->writable = NULL;
}

static void log_make(struct slot *s)
{
	if (s->dirty)
		return;
	s->dirty = calloc((s->pages + 63) / 64, 8);
	s->writable = calloc(s->pages, 1);
}

static struct slot *slot_at(uint64_t gpa)
{
	size_t i;

	for (i = 0; i < SLOTS; i++)
		if (slots[i].used && gpa - slots[i].r.guest_phys_addr <
			slots[i].r.memory_size)
			return &slots[i];
	return NULL;
}

static bool overlaps(const struct kvm_userspace_memory_region *r)
{
	size_t i;

	for (i = 0; i < SLOTS; i++) {
		const struct kvm_userspace_memory_region *o = &slots[i].r;

		if (slots[i].used && i != r->slot && o->guest_phys_addr <
			r->guest_phys_addr + r->memory_size &&
			r->guest_phys_addr < o->guest_phys_addr +
			o->memory_size)
			return true;
	}
	return false;
}

static int change_slot(struct slot *s,
	const struct kvm_userspace_memory_region *r)
{
	if (s->r.memory_size != r->memory_size ||
		s->r.userspace_addr != r->userspace_addr ||
		(s->r.flags ^ r->flags) & KVM_MEM_READONLY)
		return -EINVAL;
	scripted.relogged += s->r.flags != r->flags;
	s->r = *r;
	if (r->flags & KVM_MEM_LOG_DIRTY_PAGES)
		log_make(s);
	else
		log_drop(s);
	return 0;
}

static bool refused(void)
{
	unsigned n = ++scripted.set_calls, many = scripted.refuse_count;

	return scripted.refuse_from && n >= scripted.refuse_from &&
		n < scripted.refuse_from + (many ? many : 1);
}

static int set_region(const struct kvm_userspace_memory_region *r)
{
	struct slot *s = &slots[r->slot];

	if (r->slot >= SLOTS)
		return -EINVAL;
	if (refused())
		return scripted.refuse_code;
	if (!r->memory_size) {
		if (!s->used)
			return -EINVAL;
		log_drop(s);
		memset(s, 0, sizeof(*s));
		scripted.deleted++;
		return 0;
	}
	if ((r->guest_phys_addr | r->memory_size | r->userspace_addr) %
		scripted.page_size && scripted.page_size == 4096)
		return -EINVAL;
	if (overlaps(r))
		return -EEXIST;
	if (s->used)
		return change_slot(s, r);
	s->used = true;
	s->r = *r;
	s->pages = r->memory_size / scripted.page_size;
	if (r->flags & KVM_MEM_LOG_DIRTY_PAGES)
		log_make(s);
	scripted.created++;
	return 0;
}

/* -- Logs --------------------------------------------------------------- */

/* False: the vcpu's ring is full. */
static bool log_page(struct vcpu *v, struct slot *s, uint64_t page)
{
	uint32_t n = ring_bytes / (uint32_t)sizeof(*v->ring);
	struct kvm_dirty_gfn *e;

	if (!ring_bytes) {
		s->dirty[page / 8] |= (uint8_t)(1u << page % 8);
		return true;
	}
	/* The real one keeps room for what comes before the exit. */
	if (v->head - v->tail >= n - n / 4 && !scripted.goes_round)
		return false;
	e = &v->ring[v->head++ & (n - 1)];
	e->slot = (uint32_t)(s - slots);
	e->offset = page;
	e->flags = 1;
	return true;
}

/* False: it has to be done again when there is room. */
static bool write_byte(struct vcpu *v, uint64_t gpa)
{
	struct slot *s = slot_at(gpa);
	uint64_t page;
	uint8_t *byte;

	if (!s || s->r.flags & KVM_MEM_READONLY) {
		strays++;
		return true;
	}
	page = (gpa - s->r.guest_phys_addr) / scripted.page_size;
	if (s->dirty && !s->writable[page]) {
		if (!log_page(v, s, page))
			return false;
		s->writable[page] = 1;
	}
	byte = (uint8_t *)(uintptr_t)s->r.userspace_addr +
		(gpa - s->r.guest_phys_addr);
	++*byte;
	return true;
}

static int get_log(const struct kvm_dirty_log *arg)
{
	struct slot *s = &slots[arg->slot];
	size_t bytes = (s->pages + 63) / 64 * 8;
	uint64_t i;

	scripted.gets++;
	if (ring_bytes && !ring_bitmap)
		return -ENXIO;
	if (arg->slot >= SLOTS || !s->used || !s->dirty)
		return -ENOENT;
	memcpy(arg->dirty_bitmap, s->dirty, bytes);
	if (manual)
		return 0;
	for (i = 0; i < s->pages; i++)
		if (s->dirty[i / 8] >> i % 8 & 1)
			s->writable[i] = 0;
	memset(s->dirty, 0, bytes);
	return 0;
}

static int clear_log(const struct kvm_clear_dirty_log *arg)
{
	const uint8_t *mask = arg->dirty_bitmap;
	struct slot *s = &slots[arg->slot];
	uint64_t i, page;

	scripted.clears++;
	scripted.cleared_pages = 0;
	if (arg->slot >= SLOTS || !s->used || !s->dirty || !manual)
		return -ENOENT;
	if (arg->first_page % 64 || arg->first_page > s->pages ||
		arg->num_pages > s->pages - arg->first_page ||
		(arg->num_pages % 64 &&
			arg->num_pages < s->pages - arg->first_page))
		return -EINVAL;
	for (i = 0; i < arg->num_pages; i++) {
		page = arg->first_page + i;
		if (!(mask[i / 8] >> i % 8 & 1) ||
			!(s->dirty[page / 8] >> page % 8 & 1))
			continue;
		s->dirty[page / 8] &= (uint8_t)~(1u << page % 8);
		s->writable[page] = 0;
		scripted.cleared_pages++;
	}
	return 0;
}

/* Entries of slots that have gone, or come again smaller, are nobody's. */
static int reset_rings(void)
{
	uint32_t n = ring_bytes / (uint32_t)sizeof(struct kvm_dirty_gfn);
	struct kvm_dirty_gfn *e;
	struct vcpu *v;
	int count = 0;

	scripted.resets++;
	for (v = vcpus; v < vcpus + n_vcpus; v++)
		for (; v->tail != v->head; v->tail++, count++) {
			e = &v->ring[v->tail & (n - 1)];
			if (e->flags != 3)
				break;
			e->flags = 0;
			if (slots[e->slot].dirty &&
				e->offset < slots[e->slot].pages)
				slots[e->slot].writable[e->offset] = 0;
		}
	return count;
}

static int run(struct vcpu *v)
{
	if (v->run->immediate_exit)
		return -EINTR;
	for (; v->done < v->n; v->done++)
		if (!write_byte(v, v->writes[v->done])) {
			v->run->exit_reason = KVM_EXIT_DIRTY_RING_FULL;
			scripted.ring_fulls++;
			return 0;
		}
	v->n = v->done = 0;
	v->run->exit_reason = KVM_EXIT_HLT;
	return 0;
}

/* -- System calls ------------------------------------------------------- */

static int has(uintptr_t number)
{
	switch (number) {
	case KVM_CAP_NR_MEMSLOTS: return SLOTS;
	case KVM_CAP_NR_VCPUS:
	case KVM_CAP_MAX_VCPUS:
	case KVM_CAP_MAX_VCPU_ID: return VCPUS;
	case KVM_CAP_MULTI_ADDRESS_SPACE:
	case VMI_KVM_CAP_GUEST_MEMFD:
	case KVM_CAP_DIRTY_LOG_RING: return 0;
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: return scripted.has_clear * 3;
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL: return scripted.has_ring * 65536;
	case VMI_KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP:
		return scripted.has_ring_bitmap;
	default: return 1;
	}
}

static int enable_cap(const struct kvm_enable_cap *cap)
{
	switch (cap->cap) {
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		manual = cap->args[0] & 1;
		break;
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
		if (n_vcpus || !cap->args[0] ||
			cap->args[0] & (cap->args[0] - 1))
			return -EINVAL;
		ring_bytes = (uint32_t)cap->args[0];
		break;
	case VMI_KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP:
		if (!ring_bytes)
			return -EINVAL;
		ring_bitmap = true;
		break;
	default: break;
	}
	return 0;
}

static int vm_ioctl(unsigned long request, void *arg)
{
	switch (request) {
	case KVM_SET_USER_MEMORY_REGION: return set_region(arg);
	case KVM_GET_DIRTY_LOG: return get_log(arg);
	case KVM_CLEAR_DIRTY_LOG: return clear_log(arg);
	case KVM_RESET_DIRTY_RINGS: return reset_rings();
	case KVM_ENABLE_CAP: return enable_cap(arg);
	case KVM_CREATE_VCPU:
		return n_vcpus < VCPUS ? (int)(FD_VCPU + n_vcpus++) : -EINVAL;
	default: return 0;
	}
}

static int scripted_ioctl(int fd, unsigned long request, void *arg)
{
	if (fd < FD_SYSTEM)
		return vmi_sys_host.ioctl(fd, request, arg);
	switch (request) {
	case KVM_CHECK_EXTENSION: return has((uintptr_t)arg);
	case KVM_GET_API_VERSION: return 12;
	case KVM_GET_VCPU_MMAP_SIZE: return RUN_BYTES;
	case KVM_CREATE_VM: return FD_VM;
	case KVM_RUN: return run(&vcpus[fd - FD_VCPU]);
	default: return fd == FD_VM ? vm_ioctl(request, arg) : 0;
	}
}

static int scripted_open(const char *path, int flags)
{
	return strcmp(path, "/dev/kvm") ? vmi_sys_host.open(path, flags)
					: FD_SYSTEM;
}

static void forget_vm(void)
{
	size_t i;

	for (i = 0; i < SLOTS; i++)
		log_drop(&slots[i]);
	memset(slots, 0, sizeof(slots));
	memset(vcpus, 0, sizeof(vcpus));
	n_vcpus = ring_bytes = 0;
	manual = ring_bitmap = false;
}

static int scripted_close(int fd)
{
	if (fd < FD_SYSTEM)
		return vmi_sys_host.close(fd);
	if (fd == FD_VM)
		forget_vm();
	return 0;
}

static int scripted_mmap(const struct vmi_mmap *what, void **where)
{
	struct vmi_mmap anonymous = *what;
	struct vcpu *v;
	int rc;

	if (what->fd < FD_SYSTEM)
		return vmi_sys_host.mmap(what, where);
	anonymous.fd = -1;
	anonymous.offset = 0;
	anonymous.flags = MAP_PRIVATE | MAP_ANONYMOUS;
	rc = vmi_sys_host.mmap(&anonymous, where);
	v = &vcpus[what->fd - FD_VCPU];
	if (rc >= 0 && what->offset)
		v->ring = *where;
	else if (rc >= 0)
		v->run = *where;
	return rc;
}

static size_t scripted_page_size(void)
{
	return scripted.page_size;
}

void scripted_begin(size_t page_size)
{
	memset(&scripted, 0, sizeof(scripted));
	scripted.page_size = page_size;
	table = vmi_sys_host;
	table.open = scripted_open;
	table.close = scripted_close;
	table.ioctl = scripted_ioctl;
	table.mmap = scripted_mmap;
	table.page_size = scripted_page_size;
	vmi_sys = &table;
	forget_vm();
	strays = 0;
}

void scripted_end(void)
{
	vmi_sys = &vmi_sys_host;
}

void scripted_write(unsigned n, const uint64_t *gpas, size_t count)
{
	struct vcpu *v = &vcpus[n];

	while (count-- && v->n < WRITES)
		v->writes[v->n++] = *gpas++;
}

unsigned scripted_strays(void)
{
	return strays;
}

void scripted_write_unseen(uint64_t gpa)
{
	struct slot *s = slot_at(gpa);
	uint64_t page;

	if (!s || !s->dirty)
		return;
	page = (gpa - s->r.guest_phys_addr) / scripted.page_size;
	s->dirty[page / 8] |= (uint8_t)(1u << page % 8);
	++*((uint8_t *)(uintptr_t)s->r.userspace_addr +
		(gpa - s->r.guest_phys_addr));
}
