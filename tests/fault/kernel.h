/* SPDX-License-Identifier: MIT */
/* A kernel that says yes, for the tests of faults. */
#ifndef TESTS_FAULT_KERNEL_H
#define TESTS_FAULT_KERNEL_H

/* There is one for this host's backend; else only soft is looked at. */
extern const int fault_has_kernel;
#define FAULT_HAS_KERNEL fault_has_kernel

void fault_kernel_install(void);
/* As it was when it was installed. */
void fault_kernel_reset(void);

#endif
