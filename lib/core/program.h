/* SPDX-License-Identifier: MIT */
/* Device programs of a VM. */
#ifndef VMI_CORE_PROGRAM_H
#define VMI_CORE_PROGRAM_H

#include "lib/core/core.h"

/* Call the alarms that rang.  With no lock held, outside the gate. */
void vmi_programs_service(struct vmapi_vm *vm);

#endif
