/* SPDX-License-Identifier: MIT */
/* The blocks of ppc64's register state. */
#ifndef VMI_ARCH_PPC_REGS_H
#define VMI_ARCH_PPC_REGS_H

#include <vmapi/ppc.h>

#include "lib/arch/regs.h"

/* As the kernel lays them out: struct kvm_regs, struct kvm_sregs of a server. */
enum vmi_ppc_block {
	VMI_PPC_REGS,
	VMI_PPC_SREGS,
	VMI_PPC_MP_STATE, /* uint32_t */
	VMI_PPC_BLOCKS
};

#endif
