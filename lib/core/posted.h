/* SPDX-License-Identifier: MIT */
/* Posted writes: what has to come before what. */
#ifndef VMI_CORE_POSTED_H
#define VMI_CORE_POSTED_H

#include "lib/core/core.h"

struct vmi_posted_write {
	uint64_t address;
	uint64_t value;
	uint32_t space; /* enum vmi_space */
	uint32_t bytes; /* 1 to 8 */
};

/* Whether the VM has ranges whose writes are posted.  Cheap. */
static inline bool vmi_posted_exists(const struct vmapi_vm *vm)
{
	return vmi_unlikely(atomic_load_explicit(
		&vm->posted, memory_order_acquire) != NULL);
}

/* Whether writes wait in the library's own queue. */
bool vmi_posted_waits(const struct vmapi_vm *vm);
/* Whether there may be no room for a write of each vcpu. */
bool vmi_posted_is_full(const struct vmapi_vm *vm);

/* Whether this thread is in the function that one is given to. */
bool vmi_posted_is_giving(const struct vmapi_vm *vm);

/* A region whose writes wait comes and goes; what waits is answered. */
int vmi_posted_add(struct vmapi_region *region);
void vmi_posted_remove(struct vmapi_region *region);
/* Let a write to it wait; -EAGAIN: the queue is full. */
int vmi_posted_queue(
	struct vmapi_region *region, const struct vmapi_access *write);

/*
 * Give every waiting write to its region.  With no lock held and outside
 * the run gate, since what answers may be the application's.
 */
void vmi_posted_deliver(struct vmapi_vm *vm);
/* The same, and then this one; false: nobody posts writes there. */
bool vmi_posted_take(struct vmapi_vm *vm,
	const struct vmi_posted_write *write);

void vmi_posted_fini(struct vmapi_vm *vm);

#endif
