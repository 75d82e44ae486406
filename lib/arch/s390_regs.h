/* SPDX-License-Identifier: MIT */
/* The blocks of s390x's register state. */
#ifndef VMI_ARCH_S390_REGS_H
#define VMI_ARCH_S390_REGS_H

#include <vmapi/s390.h>

#include "lib/arch/regs.h"

/* As the kernel lays them out; most of them lie in the shared area. */
enum vmi_s390_block {
	VMI_S390_REGS,
	VMI_S390_SREGS,
	VMI_S390_FPU,
	VMI_S390_VECTORS,
	VMI_S390_PSW, /* mask and address */
	VMI_S390_PREFIX,
	VMI_S390_RICCB,
	VMI_S390_GSCB,
	VMI_S390_ETOKEN,
	VMI_S390_DIAG318,
	VMI_S390_IRQ_STATE, /* struct kvm_s390_irq[] */
	VMI_S390_MP_STATE,  /* uint32_t */
	VMI_S390_BLOCKS
};

#endif
