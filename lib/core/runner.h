/* SPDX-License-Identifier: MIT */
/* Vcpus that a thread of the library runs. */
#ifndef VMI_CORE_RUNNER_H
#define VMI_CORE_RUNNER_H

struct vmapi_vm;

/* Kick those vcpus whose eventfd was written; the chipset is locked. */
void vmi_runners_service(struct vmapi_vm *vm);
/* -EBUSY: one of them may run its vcpu at any moment. */
int vmi_runners_rest(struct vmapi_vm *vm);

#endif
