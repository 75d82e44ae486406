/* SPDX-License-Identifier: MIT */
/* Posted writes: what has to come before what. */
#ifndef VMI_CORE_POSTED_H
#define VMI_CORE_POSTED_H

#include "lib/core/core.h"

/* Whether the VM has ranges whose writes are posted.  Cheap. */
static inline bool vmi_posted_exists(const struct vmapi_vm *vm)
{
	return vmi_unlikely(atomic_load_explicit(
		&vm->posted, memory_order_acquire) != NULL);
}

/* Whether writes wait in the library's own queue. */
bool vmi_posted_waits(const struct vmapi_vm *vm);

/*
 * Give every waiting write to its function.  With no lock held and outside
 * the run gate, since the functions are the application's.
 */
void vmi_posted_deliver(struct vmapi_vm *vm);
/* The same, and then this one; false: nobody posts writes there. */
bool vmi_posted_take(struct vmapi_vm *vm,
	const struct vmapi_posted_write *write);

void vmi_posted_fini(struct vmapi_vm *vm);

#endif
