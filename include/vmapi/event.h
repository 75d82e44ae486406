/* SPDX-License-Identifier: MIT */
/* Eventfds as interrupts, and guest writes as eventfds. */
#ifndef VMAPI_EVENT_H
#define VMAPI_EVENT_H

#include <vmapi/base.h>
#include <vmapi/region.h>

VMAPI_DECLS_BEGIN

struct vmapi_vm;
struct vmapi_irq;
struct vmapi_irqfd;	/* an eventfd that drives a line */
struct vmapi_ioeventfd; /* a guest write that signals an eventfd */

/* -- From an eventfd to the guest --------------------------------------- */

#define VMAPI_IRQFD_RESAMPLE (1u << 0) /* a level, until the guest's EOI */

struct vmapi_irqfd_config {
	uint32_t size;
	uint32_t flags;	       /* VMAPI_IRQFD_ */
	struct vmapi_irq *irq; /* the line; referenced */
	int32_t fd;	       /* the eventfd; duplicated */
	int32_t resample_fd;   /* with VMAPI_IRQFD_RESAMPLE; duplicated */
};

/*
 * From now on a write to the eventfd `fd` interrupts the guest: an edge on
 * the line.  With VMAPI_IRQFD_RESAMPLE the line goes to 1 and stays there
 * until the guest ends the interrupt (EOI); then it goes to 0 and
 * `resample_fd` is signalled, whereupon a device that still wants service
 * writes to `fd` again.  What is in the eventfd already counts.
 *
 *   -EBADF    fd or resample_fd is no descriptor
 *   -EINVAL   ... is no eventfd; irq is NULL or of another VM
 *   -EBUSY    KVM: the eventfd drives a line already
 *   -ENOTSUP  not with this backend; VMAPI_IRQFD_RESAMPLE without
 *             VMAPI_IRQCHIP_FULL; a line of one vcpu
 *   -ENOMEM, -EMFILE
 *
 * On KVM the kernel listens.  On the software processor a running vcpu looks
 * every few tens of microseconds, a halted one waits for it, and otherwise
 * vmapi_vm_service() does it.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_irqfd_create(struct vmapi_vm *vm,
	const struct vmapi_irqfd_config *config, struct vmapi_irqfd **irqfd);
/* Listen no more; a level that it holds goes to 0.  Since 0.1. */
VMAPI_API void vmapi_irqfd_destroy(struct vmapi_irqfd *irqfd);

/* -- From the guest to an eventfd --------------------------------------- */

#define VMAPI_IOEVENTFD_MATCH (1u << 0) /* only writes of `match` */

struct vmapi_ioeventfd_config {
	uint32_t size;
	uint32_t flags; /* VMAPI_IOEVENTFD_ */
	uint32_t space; /* enum vmapi_space */
	uint32_t bytes; /* width of the write: 1, 2, 4, 8; 0: any */
	uint64_t address;
	uint64_t match; /* the value; of a ccw notify, the queue's number */
	int32_t fd;	/* the eventfd; duplicated */
	uint32_t reserved;
};

/*
 * From now on a guest's write at exactly this address, of this width and
 * value, adds one to the eventfd and is done: no exit.  Other writes and all
 * reads there go where they went before.  Several may share an address if
 * no write suits two of them.  A full eventfd holds nobody up; the signal is
 * lost, which tells the reader nothing less.
 *
 *   -EBADF    fd is no descriptor
 *   -EINVAL   fd is no eventfd; no such width or space; a match without a
 *             width; the address and the width run over the end
 *   -EEXIST   a write could suit another one too; or a region, or RAM that
 *             the guest may write to, is there
 *   -ENOSPC   the kernel has no room for more
 *   -ENOTSUP  not with this backend: VMAPI_CAP_IOEVENTFD
 *   -EDEADLK  called by a region's function, which cannot destroy one either
 *   -ENOMEM, -EMFILE
 *
 * Both wait until the vcpus have left the guest for a moment.  Any thread.
 * Since 0.1.
 */
VMAPI_API int vmapi_ioeventfd_create(struct vmapi_vm *vm,
	const struct vmapi_ioeventfd_config *config,
	struct vmapi_ioeventfd **ioeventfd);
VMAPI_API void vmapi_ioeventfd_destroy(struct vmapi_ioeventfd *ioeventfd);

VMAPI_DECLS_END

#endif
