/* SPDX-License-Identifier: MIT */
/* Where a virtio device is in the machine: registers, doorbell, interrupt. */
/*
 * Nothing of this comes to the run loop.  The registers are regions: answered
 * on the vcpu's thread inside vmapi_vcpu_run(), by a function or by another
 * process.  A write of a queue's number to QueueNotify (4.2.3.3) is an eventfd
 * that the device waits for; its interrupts are another one, which the library
 * turns into edges of the line.
 */
#include "slot.h"

#include <sys/eventfd.h>
#include <unistd.h>

/* QueueNotify stays free between the two, for the eventfds. */
#define HIGH (VIRTIO_NOTIFY + 4)

void slot_init(struct slot *slot, enum virtio_slot number)
{
	unsigned i;

	slot->number = number;
	for (i = 0; i < VIRTIO_QUEUES; i++)
		slot->kick_fds[i] = -1;
	slot->irq_fd = -1;
}

static bool make_eventfd(int *fd)
{
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *fd >= 0;
}

int slot_open(struct slot *slot)
{
	unsigned i;

	for (i = 0; i < VIRTIO_QUEUES; i++)
		if (!make_eventfd(&slot->kick_fds[i]))
			return -1;
	return make_eventfd(&slot->irq_fd) ? 0 : -1;
}

static int access_low(void *opaque, struct vmapi_access *a)
{
	virtio_access(opaque, a, a->offset);
	return VMAPI_REGION_DONE;
}

static int access_high(void *opaque, struct vmapi_access *a)
{
	virtio_access(opaque, a, HIGH + a->offset);
	return VMAPI_REGION_DONE;
}

static int make_regions(struct slot *slot, struct vmapi_vm *vm,
	struct virtio *v, struct vmapi_channel *channel)
{
	const uint64_t base = virtio_base(slot->number);
	const struct vmapi_region_config low = { .size = sizeof(low),
		.space = VMAPI_SPACE_MEMORY, .base = base,
		.bytes = VIRTIO_NOTIFY, .name = "virtio" };
	const struct vmapi_region_config high = { .size = sizeof(high),
		.space = VMAPI_SPACE_MEMORY, .base = base + HIGH,
		.bytes = VIRTIO_BYTES - HIGH, .name = "virtio" };
	struct vmapi_region **regions = slot->regions;
	int err;

	if (channel != NULL) {
		err = vmapi_region_channel(vm, &low, channel, 0, &regions[0]);
		return err != 0 ? err : vmapi_region_channel(
			vm, &high, channel, HIGH, &regions[1]);
	}
	err = vmapi_region_handler(vm, &low, access_low, v, &regions[0]);
	return err != 0 ? err : vmapi_region_handler(
		vm, &high, access_high, v, &regions[1]);
}

static int make_notify(struct slot *slot, struct vmapi_vm *vm)
{
	struct vmapi_ioeventfd_config config = { .size = sizeof(config),
		.flags = VMAPI_IOEVENTFD_MATCH, .space = VMAPI_SPACE_MEMORY,
		.bytes = 4,
		.address = virtio_base(slot->number) + VIRTIO_NOTIFY };
	int err = 0;

	for (; err == 0 && config.match < VIRTIO_QUEUES; config.match++) {
		config.fd = slot->kick_fds[config.match];
		err = vmapi_ioeventfd_create(
			vm, &config, &slot->notify[config.match]);
	}
	return err;
}

static int make_interrupt(struct slot *slot, struct vmapi_vm *vm)
{
	const struct vmapi_irq_config line = { .size = sizeof(line),
		.pin = VIRTIO_GSI + slot->number };
	struct vmapi_irqfd_config config = { .size = sizeof(config),
		.fd = slot->irq_fd };
	int err = vmapi_irq_create(vm, &line, &config.irq);

	if (err == 0)
		err = vmapi_irqfd_create(vm, &config, &slot->irqfd);
	vmapi_irq_destroy(config.irq);
	return err;
}

int slot_attach(struct slot *slot, struct vmapi_vm *vm, struct virtio *v,
	struct vmapi_channel *channel)
{
	return make_regions(slot, vm, v, channel) != 0 ||
		make_notify(slot, vm) != 0 || make_interrupt(slot, vm) != 0
		? -1 : 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void slot_detach(struct slot *slot)
{
	unsigned i;

	vmapi_irqfd_destroy(slot->irqfd);
	for (i = 0; i < VIRTIO_QUEUES; i++) {
		vmapi_ioeventfd_destroy(slot->notify[i]);
		close_fd(slot->kick_fds[i]);
	}
	vmapi_region_destroy(slot->regions[1]);
	vmapi_region_destroy(slot->regions[0]);
	close_fd(slot->irq_fd);
}
