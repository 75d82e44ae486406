/* SPDX-License-Identifier: MIT */
/* The blocks of riscv64's register state, and the parts of a tag. */
#ifndef VMI_ARCH_RISCV_REGS_H
#define VMI_ARCH_RISCV_REGS_H

#include <vmapi/riscv.h>

#include "lib/arch/regs.h"

enum vmi_riscv_block {
	VMI_RISCV_MP_STATE, /* uint32_t */
	VMI_RISCV_BLOCKS
};

/* VMAPI_RISCV_TYPE_ of a tag of the kernel's. */
#define VMI_RISCV_TYPE(tag) ((unsigned)((tag) >> 24) & 0xff)

#endif
