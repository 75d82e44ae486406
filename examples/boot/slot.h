/* SPDX-License-Identifier: MIT */
/* Where a virtio device is in the machine: registers, doorbell, interrupt. */
#ifndef BOOT_SLOT_H
#define BOOT_SLOT_H

#include <vmapi/vmapi.h>

#include "acpi.h"
#include "virtio.h"

struct slot {
	enum virtio_slot number;
	struct vmapi_region *regions[2];
	struct vmapi_ioeventfd *notify[VIRTIO_QUEUES];
	struct vmapi_irqfd *irqfd;
	int kick_fds[VIRTIO_QUEUES]; /* signalled: the driver filled the ring */
	int irq_fd;		     /* to be signalled for an interrupt */
};

/* Nothing yet; then its descriptors: 0, or -1 with errno. */
void slot_init(struct slot *slot, enum virtio_slot number);
int slot_open(struct slot *slot);
/*
 * Put it on the board.  The registers are those of `v`; or, if there is a
 * channel, of the process at its other end, which is told by user_data where
 * a region begins.  0, or -1 and vmapi_error_last() tells.
 */
int slot_attach(struct slot *slot, struct vmapi_vm *vm, struct virtio *v,
	struct vmapi_channel *channel);
/* Also one that was not attached, or not wholly. */
void slot_detach(struct slot *slot);

#endif
