/* SPDX-License-Identifier: MIT */
/* Dirty logs of the kernel: bitmaps, bitmaps cleared by hand, rings. */
/*
 * What the kernel offers (api.rst 4.8, 7.18, 8.29), and what becomes of it:
 *
 *  - BITMAP: KVM_GET_DIRTY_LOG copies the bitmap of a slot, clears it and
 *    protects the pages, all of the slot at once.  All of it goes into the
 *    object's log, from which core gives as much as was asked for.
 *  - CLEAR (KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2): the same call only copies;
 *    KVM_CLEAR_DIRTY_LOG clears and protects the pages that it is told, in
 *    windows of 64 pages or up to the end of the slot.  So only the range
 *    and the number of pages that are wanted are protected again.
 *  - RING: each vcpu has a ring of (slot, page) pairs.  An entry is ours
 *    when it says DIRTY, is marked RESET in order, and KVM_RESET_DIRTY_RINGS
 *    protects the pages of all that were marked.  Entries outlive the slot
 *    that they name, so rings are emptied before a slot's number is used
 *    again, which is before any slot is deleted.  A full ring is an exit.
 *    What the processor itself still holds back comes out at the next exit
 *    of its vcpu; an exact read makes one.  A kernel leaves room for what
 *    comes between "full" and the exit; one that does not, and goes round
 *    the ring, has lost entries and its place in it, for good: from then on
 *    each use of the VM's log says so.  Where a kernel has writes of no
 *    vcpu (arm64's ITS) it keeps a bitmap beside the rings for those.
 *
 * In all cases a page is protected before its bit is in the object's log.
 */
#include <sys/mman.h>

#include "lib/core/bitmap.h"
#include "lib/core/dirty.h"
#include "lib/kvm/arch.h"

#define RING_ENTRIES 4096u
#define GFN_DIRTY    (1u << 0) /* the kernel's: an entry is there */
#define GFN_RESET    (1u << 1) /* ours: it is harvested */

/* -- Which kind --------------------------------------------------------- */

/*
 * The capability of rings; 0: none.  x86 had one that promises nothing about
 * order, which x86 itself provides; all others have the second (8.29).
 */
static unsigned ring_cap(int fd)
{
	if (vmi_kvm_check(fd, KVM_CAP_DIRTY_LOG_RING_ACQ_REL))
		return KVM_CAP_DIRTY_LOG_RING_ACQ_REL;
	if (vmi_kvm_check(fd, KVM_CAP_DIRTY_LOG_RING))
		return KVM_CAP_DIRTY_LOG_RING;
	return 0;
}

unsigned vmi_kvm_dirty_kinds(int fd)
{
	unsigned kinds = 1u << VMAPI_DIRTY_AUTO | 1u << VMAPI_DIRTY_BITMAP;

	if (vmi_kvm_check(fd, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) &
		KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE)
		kinds |= 1u << VMAPI_DIRTY_CLEAR;
	if (KVM_DIRTY_LOG_PAGE_OFFSET && ring_cap(fd))
		kinds |= 1u << VMAPI_DIRTY_RING;
	return kinds;
}

static int enable(struct vmi_kvm_vm *vm, uint32_t number, uint64_t value)
{
	struct kvm_enable_cap cap = { .cap = number, .args = { value } };
	int rc = vmi_kvm_vm_ioctl(vm, KVM_ENABLE_CAP, &cap);

	if (rc < 0)
		return vmi_fail(rc, "vm",
			"dirty: the kernel refused capability %u with %llu "
			"(errno %d)", number, (unsigned long long)value, -rc);
	return 0;
}

static int enable_rings(struct vmi_kvm_vm *vm)
{
	int fd = vmi_kvm_of(vm->core.ctx)->fd;
	uint32_t n = vm->core.config.dirty_ring, most, number = ring_cap(fd);
	int rc;

	most = (uint32_t)vmi_kvm_check(fd, number);
	n = (n ? n : RING_ENTRIES) * (uint32_t)sizeof(struct kvm_dirty_gfn);
	if (n > most && vm->core.config.dirty_ring)
		return vmi_fail(-EINVAL, "vm",
			"dirty_ring: the kernel's rings have at most %u "
			"entries",
			most / (unsigned)sizeof(struct kvm_dirty_gfn));
	n = n < most ? n : most;
	rc = enable(vm, number, n);
	if (rc < 0)
		return rc;
	vm->log.ring_bytes = n;
	if (!vmi_kvm_vm_check(vm, VMI_KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP))
		return 0;
	vm->log.bitmap_too = true;
	return enable(vm, VMI_KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, 0);
}

int vmi_kvm_log_init(struct vmi_kvm_vm *vm)
{
	unsigned kinds = vmi_kvm_dirty_kinds(vmi_kvm_of(vm->core.ctx)->fd);

	vm->log.kind = (enum vmapi_dirty_kind)vm->core.config.dirty;
	if (vm->log.kind == VMAPI_DIRTY_AUTO)
		vm->log.kind = kinds >> VMAPI_DIRTY_CLEAR & 1 ?
			VMAPI_DIRTY_CLEAR : VMAPI_DIRTY_BITMAP;
	if (vm->log.kind == VMAPI_DIRTY_CLEAR)
		return enable(vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
			KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	if (vm->log.kind == VMAPI_DIRTY_RING)
		return enable_rings(vm);
	return 0;
}

void vmi_kvm_log_fini(struct vmi_kvm_vm *vm)
{
	vmi_free(vm->log.scratch);
	vm->log.scratch = NULL;
	vm->log.scratch_bytes = 0;
}

/* -- Rings -------------------------------------------------------------- */

/* Pages of the slots of a VM, by number; false: no such page is known. */
static void mark_gfn(struct vmi_kvm_vm *vm, uint32_t slot, uint64_t page)
{
	uint32_t space = slot >> VMI_KVM_SPACE_SHIFT;
	uint32_t id = slot & ((1u << VMI_KVM_SPACE_SHIFT) - 1);
	const struct vmi_kvm_place *place;

	if (space >= vm->n_spaces || id >= vm->n_slots)
		return;
	place = &vm->slots[space].places[id];
	if (place->ram && page < place->bytes / vmi_page_size())
		vmi_log_mark(place->ram,
			place->offset + page * vmi_page_size(),
			vmi_page_size());
}

/* The flags are the kernel's and ours in turn. */
static _Atomic(uint32_t) *flags_of(struct kvm_dirty_gfn *entry)
{
	return (_Atomic(uint32_t) *)&entry->flags;
}

static uint32_t ring_entries(const struct vmi_kvm_vm *vm)
{
	return vm->log.ring_bytes / (uint32_t)sizeof(struct kvm_dirty_gfn);
}

/* Harvest one ring: how many entries there were. */
static unsigned harvest(struct vmi_kvm_vm *vm, struct vmi_kvm_ring *ring)
{
	uint32_t n = ring_entries(vm);
	unsigned found = 0;

	while (ring->entries && found < n) {
		struct kvm_dirty_gfn *e = &ring->entries[ring->next & (n - 1)];
		uint32_t flags = atomic_load_explicit(
			flags_of(e), memory_order_acquire);

		if ((flags & (GFN_DIRTY | GFN_RESET)) != GFN_DIRTY)
			break;
		mark_gfn(vm, e->slot, e->offset);
		atomic_store_explicit(flags_of(e), flags | GFN_RESET,
			memory_order_release);
		ring->next++;
		found++;
	}
	return found;
}

static int overrun(struct vmi_kvm_vm *vm)
{
	vm->log.overrun = true;
	return vmi_fail(-EOVERFLOW, "vm",
		"the kernel went round a vcpu's ring of dirty pages: some are "
		"lost");
}

/*
 * Protect the pages of `found` entries.  They are marked already; that is no
 * harm, since whoever takes the marks has the log's lock.  A signal makes
 * the kernel stop early; entries that it does not take at all were written
 * over.
 */
static int reset(struct vmi_kvm_vm *vm, unsigned found)
{
	unsigned done = 0, idle = 0;
	int rc;

	while (done < found && idle < 8) {
		rc = vmi_kvm_vm_ioctl(vm, KVM_RESET_DIRTY_RINGS, NULL);
		if (rc < 0 && rc != -EINTR)
			return vmi_kvm_vm_refused(rc, KVM_RESET_DIRTY_RINGS);
		idle = rc > 0 ? 0 : idle + 1;
		done += rc > 0 ? (unsigned)rc : 0;
	}
	return done == found ? 0 : overrun(vm);
}

/* The list of vcpus stays as it is under the gate's lock. */
static int empty_rings(struct vmi_kvm_vm *vm)
{
	struct vmapi_vcpu *vcpu;
	unsigned found = 0, n;

	pthread_mutex_lock(&vm->core.gate_lock);
	for (vcpu = vm->core.vcpus; vcpu; vcpu = vcpu->next) {
		n = harvest(vm, &vmi_kvm_vcpu_of(vcpu)->ring);
		vm->log.overrun |= n == ring_entries(vm);
		found += n;
	}
	pthread_mutex_unlock(&vm->core.gate_lock);
	return vm->log.overrun ? overrun(vm) : reset(vm, found);
}

int vmi_kvm_rings_empty(struct vmi_kvm_vcpu *vcpu)
{
	struct vmapi_vm *vm = vcpu->core.vm;
	int rc;

	pthread_mutex_lock(&vm->ctx->log_lock);
	rc = empty_rings(vmi_kvm_vm_of(vm));
	pthread_mutex_unlock(&vm->ctx->log_lock);
	return rc;
}

int vmi_kvm_ring_init(struct vmi_kvm_vcpu *vcpu)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(vcpu->core.vm);
	struct vmi_mmap what = {
		.bytes = vm->log.ring_bytes,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_SHARED,
		.fd = vcpu->fd,
		.offset = (uint64_t)KVM_DIRTY_LOG_PAGE_OFFSET *
			vmi_page_size(),
	};
	void *where;
	int rc;

	if (!vm->log.ring_bytes)
		return 0;
	rc = vmi_sys->mmap(&what, &where);
	if (rc < 0)
		return vmi_kvm_vcpu_fail(vcpu, rc,
			"the ring of its dirty log cannot be mapped");
	vcpu->ring.entries = where;
	return 0;
}

/* The vcpu is in no list any more; what its ring holds must not go with it. */
void vmi_kvm_ring_fini(struct vmi_kvm_vcpu *vcpu)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(vcpu->core.vm);

	if (!vcpu->ring.entries)
		return;
	pthread_mutex_lock(&vm->core.ctx->log_lock);
	(void)reset(vm, harvest(vm, &vcpu->ring));
	pthread_mutex_unlock(&vm->core.ctx->log_lock);
	vmi_sys->munmap(vcpu->ring.entries, vm->log.ring_bytes);
	vcpu->ring.entries = NULL;
}

int vmi_kvm_dirty_begin(struct vmapi_vm *core, bool exact)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);

	if (!vm->log.ring_bytes)
		return 0;
	if (exact) {
		vmi_gate_close(core);
		vmi_gate_open(core);
	}
	return empty_rings(vm);
}

/* -- Bitmaps ------------------------------------------------------------ */

/* Room for the bitmap of a slot with n pages. */
static int need_scratch(struct vmi_kvm_log *log, uint64_t n)
{
	uint64_t bytes = vmi_bitmap_bytes(n);

	if (bytes <= log->scratch_bytes)
		return 0;
	vmi_free(log->scratch);
	log->scratch_bytes = 0;
	log->scratch = vmi_zalloc((size_t)bytes);
	if (!log->scratch)
		return vmi_fail(-ENOMEM, "vm",
			"no memory for the dirty bitmap of a slot");
	log->scratch_bytes = bytes;
	return 0;
}

static int refused(const struct vmi_map_entry *e, int code, const char *call)
{
	return vmi_fail_range(code, e->gpa, e->bytes,
		"the kernel refused %s for ram '%s' at 0x%llx+0x%llx "
		"(errno %d)", call, e->ram->name, (unsigned long long)e->gpa,
		(unsigned long long)e->bytes, -code);
}

/* The slot's bitmap, to log->scratch. */
static int get(struct vmi_kvm_vm *vm, const struct vmi_map_entry *e)
{
	struct kvm_dirty_log arg = { .slot = e->slot };
	int rc = need_scratch(&vm->log, e->bytes / vmi_page_size());

	if (rc < 0)
		return rc;
	arg.dirty_bitmap = vm->log.scratch;
	rc = vmi_kvm_vm_ioctl(vm, KVM_GET_DIRTY_LOG, &arg);
	return rc < 0 ? refused(e, rc, "KVM_GET_DIRTY_LOG") : 0;
}

/* Pages [first, end) of a slot that has n. */
struct window {
	uint64_t first, end, n;
};

/* Clear, and protect, what log->scratch says inside the window. */
static int clear(struct vmi_kvm_vm *vm, const struct vmi_map_entry *e,
	const struct window *w)
{
	uint64_t first = w->first / 64 * 64, end = (w->end + 63) / 64 * 64;
	struct kvm_clear_dirty_log arg = {
		.slot = e->slot,
		.first_page = first,
		.num_pages = (uint32_t)((end < w->n ? end : w->n) - first),
		.dirty_bitmap = vm->log.scratch + first / 8,
	};
	int rc = vmi_kvm_vm_ioctl(vm, KVM_CLEAR_DIRTY_LOG, &arg);

	return rc < 0 ? refused(e, rc, "KVM_CLEAR_DIRTY_LOG") : 0;
}

static int get_and_clear(struct vmi_kvm_vm *vm, const struct vmi_map_entry *e,
	const struct vmi_dirty_want *want)
{
	uint64_t page = vmi_page_size();
	struct window w = {
		.first = (want->offset - e->offset) / page,
		.end = (want->offset + want->bytes - e->offset) / page,
		.n = e->bytes / page,
	};
	int rc = get(vm, e);

	if (rc < 0)
		return rc;
	if (vmi_bitmap_keep(vm->log.scratch, vmi_bitmap_bytes(w.n) * 8,
		w.first, w.end, want->max_pages)) {
		/* A slot that is about to go needs no protection. */
		rc = want->final ? 0 : clear(vm, e, &w);
		if (rc == 0)
			vmi_log_merge(e->ram, e->offset + w.first * page,
				vm->log.scratch, w.first, w.end - w.first);
	}
	return rc;
}

int vmi_kvm_dirty_fetch(
	struct vmi_logged *logged, const struct vmi_dirty_want *want)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(logged->vm);
	const struct vmi_map_entry *e = &logged->e;
	int rc;

	if (vm->log.kind == VMAPI_DIRTY_RING && !vm->log.bitmap_too)
		return 0;
	if (vm->log.kind == VMAPI_DIRTY_CLEAR)
		return get_and_clear(vm, e, want);
	rc = get(vm, e);
	if (rc == 0)
		vmi_log_merge(e->ram, e->offset, vm->log.scratch, 0,
			e->bytes / vmi_page_size());
	return rc;
}
