/* SPDX-License-Identifier: MIT */
/* Eventfds and posted writes, as the kernel does them. */
/*
 * Undoing repeats every number of the doing: the kernel finds an ioeventfd
 * by descriptor, address, width, value and flags, and an irqfd by descriptor
 * and GSI (api.rst 4.59, 4.75).
 *
 * Posted writes wait in one ring for the whole VM, which lies in every vcpu's
 * shared area at a page that KVM_CAP_COALESCED_MMIO tells.  It is mapped once
 * more, for the life of the VM, so that it can be read whatever vcpus there
 * are.  The kernel writes an entry, then `last`; it reads `first` to see what
 * is free (api.rst 4.116).
 */
#include <sys/mman.h>

#include "lib/core/posted.h"
#include "lib/kvm/kvm.h"

/* -- eventfds ------------------------------------------------------------ */

int vmi_kvm_irqfd(
	struct vmapi_vm *core, const struct vmapi_irqfd *irqfd, bool on)
{
	struct kvm_irqfd arg = {
		.fd = (uint32_t)irqfd->fd,
		.gsi = irqfd->line.pin,
		.flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};
	int rc;

	if (irqfd->resample_fd >= 0 && on) {
		arg.flags |= KVM_IRQFD_FLAG_RESAMPLE;
		arg.resamplefd = (uint32_t)irqfd->resample_fd;
	}
	rc = vmi_kvm_vm_ioctl(vmi_kvm_vm_of(core), KVM_IRQFD, &arg);
	if (rc >= 0 || !on)
		return 0;
	if (rc == -EBUSY)
		return vmi_fail(rc, "irqfd",
			"the eventfd drives a line of this VM already");
	return vmi_kvm_vm_refused(rc, KVM_IRQFD);
}

static void encode_doorbell(
	struct kvm_ioeventfd *arg, const struct vmi_doorbell *bell, int fd)
{
	arg->addr = bell->address;
	arg->len = bell->bytes;
	arg->fd = fd;
	if (bell->has_match) {
		arg->flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
		arg->datamatch = bell->match;
	}
	if (bell->space == VMI_SPACE_PORT)
		arg->flags |= KVM_IOEVENTFD_FLAG_PIO;
	if (bell->space == VMI_SPACE_CCW)
		arg->flags |= KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY;
}

int vmi_kvm_ioeventfd(struct vmapi_vm *core, const struct vmi_doorbell *bell,
	int fd, bool on)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	struct kvm_ioeventfd arg = { .flags = 0 };
	int rc;

	encode_doorbell(&arg, bell, fd);
	if (on && !bell->bytes &&
		!vmi_kvm_vm_check(vm, KVM_CAP_IOEVENTFD_ANY_LENGTH))
		return vmi_fail(-ENOTSUP, "ioeventfd",
			"this kernel wants a width "
			"(KVM_CAP_IOEVENTFD_ANY_LENGTH)");
	if (!on)
		arg.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	rc = vmi_kvm_vm_ioctl(vm, KVM_IOEVENTFD, &arg);
	return rc < 0 && on ? vmi_kvm_vm_refused(rc, KVM_IOEVENTFD) : 0;
}

/* -- posted writes ------------------------------------------------------- */

int vmi_kvm_posted_zone(
	struct vmapi_vm *core, const struct vmi_region *region, bool on)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	struct kvm_coalesced_mmio_zone zone = {
		.addr = region->base,
		.size = (uint32_t)region->bytes,
		.pio = region->space == VMI_SPACE_PORT,
	};
	unsigned long request = on ? KVM_REGISTER_COALESCED_MMIO
				   : KVM_UNREGISTER_COALESCED_MMIO;
	int rc;

	if (on && region->bytes > UINT32_MAX)
		return vmi_fail_range(-ENOTSUP, region->base, region->bytes,
			"the kernel posts at most 4 GiB at once");
	if (on && zone.pio && !vmi_kvm_vm_check(vm, KVM_CAP_COALESCED_PIO))
		return vmi_fail(-ENOTSUP, "vm",
			"this kernel posts no port writes "
			"(KVM_CAP_COALESCED_PIO)");
	rc = vmi_kvm_vm_ioctl(vm, request, &zone);
	return rc < 0 && on ? vmi_kvm_vm_refused(rc, request) : 0;
}

/* The ring as the kernel and we share it: two words with an order. */
static _Atomic(uint32_t) *shared(uint32_t *word)
{
	return (_Atomic(uint32_t) *)word;
}

bool vmi_kvm_posted_next(
	struct vmapi_vm *core, struct vmi_posted_write *write)
{
	struct kvm_coalesced_mmio_ring *ring =
		atomic_load(&vmi_kvm_vm_of(core)->ring);
	const unsigned room =
		(unsigned)((vmi_page_size() - sizeof(*ring)) /
			sizeof(ring->coalesced_mmio[0]));
	const struct kvm_coalesced_mmio *entry;
	uint32_t first, last;

	if (!ring)
		return false;
	first = atomic_load_explicit(
		shared(&ring->first), memory_order_relaxed);
	last = atomic_load_explicit(shared(&ring->last), memory_order_acquire);
	if (first == last || first >= room)
		return false;
	entry = &ring->coalesced_mmio[first];
	write->address = entry->phys_addr;
	write->bytes = entry->len <= 8 ? entry->len : 8;
	write->value = vmi_kvm_load_le(entry->data, write->bytes);
	write->space = entry->pio == 1 ? VMAPI_SPACE_PORT : VMAPI_SPACE_MEMORY;
	atomic_store_explicit(shared(&ring->first), (first + 1) % room,
		memory_order_release);
	return true;
}

int vmi_kvm_ring_map(struct vmi_kvm_vm *vm, int vcpu_fd)
{
	int page = vmi_kvm_vm_check(vm, KVM_CAP_COALESCED_MMIO);
	struct vmi_mmap what = {
		.bytes = vmi_page_size(),
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_SHARED,
		.fd = vcpu_fd,
		.offset = (uint64_t)page * vmi_page_size(),
	};
	void *where;
	int rc;

	if (page <= 0 || atomic_load(&vm->ring))
		return 0;
	rc = vmi_sys->mmap(&what, &where);
	if (rc < 0)
		return vmi_fail(rc, "vm",
			"the ring of posted writes cannot be mapped");
	atomic_store(&vm->ring, (struct kvm_coalesced_mmio_ring *)where);
	return 0;
}

void vmi_kvm_ring_unmap(struct vmi_kvm_vm *vm)
{
	struct kvm_coalesced_mmio_ring *ring =
		atomic_exchange(&vm->ring, NULL);

	if (ring)
		vmi_sys->munmap(ring, vmi_page_size());
}
