/* SPDX-License-Identifier: MIT */
/* What ends a run of a software processor, told to the application. */
#ifndef VMI_SOFT_EXIT_H
#define VMI_SOFT_EXIT_H

#include "lib/soft/soft.h"

/* Entry n of the device log waits for the application. */
void vmi_exit_io(struct soft_vcpu *v, struct vmapi_exit *x);
/* It has answered, or needs not: the instruction is to be executed again. */
void vmi_exit_answered(struct vmi_cpu *c);
/* A kick, or somebody who stops the VM, among the events: false, neither. */
bool vmi_exit_asked(struct vmi_cpu *c, unsigned events, struct vmapi_exit *x);
/* The fetch is not from RAM. */
void vmi_exit_no_code(struct vmi_cpu *c, struct vmapi_exit *x);

#endif
