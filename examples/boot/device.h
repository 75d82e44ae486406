/* SPDX-License-Identifier: MIT */
/* The machine's virtio devices: each a thread here, or a process. */
#ifndef BOOT_DEVICE_H
#define BOOT_DEVICE_H

#include "process.h"
#include "slot.h"

struct machine;

struct device {
	bool is_there;
	struct virtio *virtio; /* with --device-process only its state */
	struct slot slot;
	struct process process; /* with --device-process */
	struct vmapi_ram *state;
};

/* None; then those that the machine's options ask for: 0 or a status. */
void devices_init(struct machine *m);
int devices_create(struct machine *m);
/* Also those that were not created. */
void devices_destroy(struct machine *m);

/*
 * From here on nothing of them moves, and processes are gone.
 * devices_release(): 0 or a status.
 */
void devices_hold(struct machine *m);
int devices_release(struct machine *m);

/* No processor runs.  As at power-on: 0 or a status. */
int devices_reset(struct machine *m);
/* Held: their state was restored. */
void devices_resume(struct machine *m);

/* An access to `address` had no answer: wait a little for a new process. */
void devices_wait(struct machine *m, uint64_t address);

#endif
