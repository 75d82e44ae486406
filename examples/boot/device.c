/* SPDX-License-Identifier: MIT */
/* The machine's virtio devices: each a thread here, or a process. */
/*
 * With --device-process all of a device that is here is its state and what it
 * works on: the disk's file, the tap.  Those outlive the process. libslirp is
 * no descriptor but a TCP/IP of many thousand lines that reads what guests
 * send it, and just what one wants to have in another process: it lives and
 * dies with the card, and its connections with it.  The guest's peers of then
 * are reset, as by a router that was switched off and on.
 */
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STATE_BYTES (64 * KIB) /* whole pages everywhere */

static const char *const names[VIRTIO_SLOTS] = {
	[SLOT_DISK] = "the disk", [SLOT_NET] = "the network card"
};

void devices_init(struct machine *m)
{
	unsigned i;

	m->devices[SLOT_DISK].virtio = &m->disk.virtio;
	m->devices[SLOT_NET].virtio = &m->net.virtio;
	for (i = 0; i < VIRTIO_SLOTS; i++) {
		virtio_init(m->devices[i].virtio);
		slot_init(&m->devices[i].slot, (enum virtio_slot)i);
		process_init(&m->devices[i].process);
	}
}

static int no_device(enum virtio_slot which)
{
	fprintf(stderr, "vmapi-boot: %s: %s\n", names[which], strerror(errno));
	return STATUS_MACHINE;
}

/* It fails only for what is no RAM. */
static void device_wrote(void *opaque, const struct virtio_range *ranges,
	unsigned n)
{
	for (; n > 0; n--, ranges++)
		(void)vmapi_ram_written(opaque, ranges->offset, ranges->size);
}

/* A device in this process, to its open slot. */
static int attach(struct machine *m, enum virtio_slot which)
{
	struct device *d = &m->devices[which];
	struct virtio *v = d->virtio;

	v->memory = &m->memory;
	v->written = device_wrote;
	v->written_opaque = m->ram;
	memcpy(v->kick_fds, d->slot.kick_fds, sizeof(v->kick_fds));
	v->irq_fd = d->slot.irq_fd;
	if (slot_attach(&d->slot, m->vm, v, NULL) != 0)
		return complain(names[which]);
	if (which == SLOT_NET && net_start(&m->net) != 0)
		return no_device(which);
	return virtio_start(v) != 0 ? no_device(which) : 0;
}

/* Of the device there is the state; virtio.c runs elsewhere. */
static int attach_process(struct machine *m, enum virtio_slot which)
{
	struct device *d = &m->devices[which];
	struct process_config config = {
		.name = names[which],
		.argument = which == SLOT_DISK ? SERVE_DISK : SERVE_NET,
		.vm = m->vm,
		.ram = m->ram,
		.slot = &d->slot,
		.what = m->net.name,
		.file = which == SLOT_DISK ? m->disk.fd : m->net.fd,
		.is_read_only = m->disk.is_read_only,
		/* Hardware sees what was written, and we keep no dirty log. */
		.tells = strcmp(vmapi_backend_name(m->ctx), "soft") == 0,
		.failed = machine_give_up,
		.opaque = m
	};
	void *state;
	int status = machine_ram(m, "device's state", STATE_BYTES,
		VMAPI_RAM_MEMFD, &d->state);

	if (status != 0)
		return status;
	if (vmapi_ram_pointer(d->state, &state) != 0)
		return complain(names[which]);
	d->virtio->state = state;
	config.state = d->state;
	return process_create(&d->process, &config) != 0 ? no_device(which)
							 : 0;
}

static int create(struct machine *m, enum virtio_slot which)
{
	struct device *d = &m->devices[which];
	int status;

	if (slot_open(&d->slot) != 0)
		return no_device(which);
	status = m->options->device_process ? attach_process(m, which)
					    : attach(m, which);
	d->is_there = status == 0;
	return status;
}

int devices_create(struct machine *m)
{
	int status = m->disk.fd >= 0 ? create(m, SLOT_DISK) : 0;

	return status == 0 && m->net.peer != NULL ? create(m, SLOT_NET)
						  : status;
}

void devices_destroy(struct machine *m)
{
	unsigned i;

	for (i = 0; i < VIRTIO_SLOTS; i++) {
		struct device *d = &m->devices[i];

		process_destroy(&d->process);
		virtio_stop(d->virtio);
		slot_detach(&d->slot);
		vmapi_ram_destroy(d->state);
	}
}

/* -- While nothing moves ------------------------------------------------ */

static bool has_process(const struct machine *m, const struct device *d)
{
	return d->is_there && m->options->device_process;
}

static void hold_processes(struct machine *m)
{
	unsigned i;

	for (i = 0; i < VIRTIO_SLOTS; i++)
		if (has_process(m, &m->devices[i]))
			process_hold(&m->devices[i].process);
}

static int release_processes(struct machine *m)
{
	int status = 0;
	unsigned i;

	for (i = 0; i < VIRTIO_SLOTS; i++)
		if (has_process(m, &m->devices[i]) &&
			process_release(&m->devices[i].process) != 0)
			status = STATUS_MACHINE;
	return status;
}

void devices_hold(struct machine *m)
{
	unsigned i;

	hold_processes(m);
	for (i = 0; i < VIRTIO_SLOTS; i++)
		virtio_hold(m->devices[i].virtio);
}

int devices_release(struct machine *m)
{
	unsigned i;

	for (i = 0; i < VIRTIO_SLOTS; i++)
		virtio_release(m->devices[i].virtio);
	return release_processes(m);
}

int devices_reset(struct machine *m)
{
	unsigned i;

	hold_processes(m);
	for (i = 0; i < VIRTIO_SLOTS; i++)
		virtio_reset(m->devices[i].virtio);
	return release_processes(m);
}

void devices_resume(struct machine *m)
{
	unsigned i;

	for (i = 0; i < VIRTIO_SLOTS; i++)
		if (m->devices[i].is_there && !m->options->device_process)
			virtio_resume(m->devices[i].virtio);
}

void devices_wait(struct machine *m, uint64_t address)
{
	unsigned i;

	for (i = 0; i < VIRTIO_SLOTS; i++)
		if (address - virtio_base((enum virtio_slot)i) < VIRTIO_BYTES)
			process_wait(&m->devices[i].process);
}
