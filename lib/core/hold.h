/* SPDX-License-Identifier: MIT */
/* Holding a VM whose vcpus run in threads of their own. */
#ifndef VMI_CORE_HOLD_H
#define VMI_CORE_HOLD_H

#include "lib/core/core.h"

/*
 * Stop every vcpu at an instruction's end, all answered and finished, until
 * vmi_let_go().  -EBUSY: one did not stop in time; -EDEADLK; what finishing
 * an instruction says.  Nobody is held then.  Without vm->lock.
 */
int vmi_hold(struct vmapi_vm *vm);
void vmi_let_go(struct vmapi_vm *vm);

/* The thread of a vcpu whose run was stopped waits until it is let go. */
void vmi_hold_park(struct vmapi_vcpu *vcpu);
/*
 * For who found the vcpu taken: wait while a holder has it.  True: it is
 * worth another try.
 */
bool vmi_hold_wait(struct vmapi_vcpu *vcpu);

#endif
