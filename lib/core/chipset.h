/* SPDX-License-Identifier: MIT */
/* The library's chips of a VM: one lock, one clock, one timer. */
#ifndef VMI_CORE_CHIPSET_H
#define VMI_CORE_CHIPSET_H

#include "lib/core/core.h"

#define VMI_CHIP_NEVER UINT64_MAX

/*
 * Embedded by what keeps time: a chip of a backend or of the library.  All
 * are called with the chipset locked; `now` is nanoseconds of the VM's clock.
 */
struct vmi_chip_client {
	struct vmi_chip_client *next;
	/* Raise what became due.  Optional. */
	void (*update)(struct vmi_chip_client *client, uint64_t now);
	/* When to be updated next, VMI_CHIP_NEVER.  Optional. */
	uint64_t (*deadline)(struct vmi_chip_client *client, uint64_t now);
	/* Power-on state.  Optional. */
	void (*reset)(struct vmi_chip_client *client, uint64_t now);
};

int vmi_chipset_create(struct vmapi_vm *vm);
void vmi_chipset_destroy(struct vmapi_vm *vm);
/* The thread of VMAPI_VM_SERVICE_THREAD. */
int vmi_chipset_start(struct vmapi_vm *vm);
void vmi_chipset_stop(struct vmapi_vm *vm);

void vmi_chipset_add(struct vmapi_vm *vm, struct vmi_chip_client *client);
void vmi_chipset_remove(struct vmapi_vm *vm, struct vmi_chip_client *client);

/*
 * Lock, and the time to act at.  A chip is reached only between these, by
 * guest accesses too.  ops->line_set is called with the lock held; it and
 * what it reaches must not take it again.  msi_send comes with and without.
 * Unlock re-arms the timer.
 */
uint64_t vmi_chipset_lock(struct vmapi_vm *vm);
uint64_t vmi_chipset_now(struct vmapi_vm *vm);
void vmi_chipset_unlock(struct vmapi_vm *vm);
/* The same after nothing was done by which a deadline moves. */
void vmi_chipset_unlock_as_is(struct vmapi_vm *vm);
/*
 * The VM's clock: let it stand, say what it shows, let it go on from there.
 * While it stands no chip sees time pass.
 */
uint64_t vmi_clock_stop(struct vmapi_vm *vm);
void vmi_clock_set(struct vmapi_vm *vm, uint64_t now);
void vmi_clock_go(struct vmapi_vm *vm);
/* Compute the earliest deadline again and set the timer.  Locked. */
void vmi_chipset_rearm(struct vmapi_vm *vm);

/* The earliest deadline as of the last re-arming.  Any thread, no lock. */
uint64_t vmi_chipset_deadline(const struct vmapi_vm *vm);
/* Whether there is something to serve.  Any thread, no lock. */
bool vmi_chipset_is_due(struct vmapi_vm *vm, uint64_t now);
/*
 * What vmapi_vm_service() does: update what is due, take what eventfds
 * brought, give out posted writes.  With no lock held, outside the gate.
 */
void vmi_vm_service(struct vmapi_vm *vm);
void vmi_chipset_reset(struct vmapi_vm *vm);
/* Readable when vmi_vm_service() has something to do. */
int vmi_chipset_fd(const struct vmapi_vm *vm);
/* Make it readable with fd, too, or no more. */
int vmi_chipset_watch(struct vmapi_vm *vm, int fd);
void vmi_chipset_unwatch(struct vmapi_vm *vm, int fd);

#endif
