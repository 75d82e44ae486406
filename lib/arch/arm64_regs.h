/* SPDX-License-Identifier: MIT */
/* The blocks of arm64's register state. */
#ifndef VMI_ARCH_ARM64_REGS_H
#define VMI_ARCH_ARM64_REGS_H

#include <vmapi/arm64.h>

#include "lib/arch/regs.h"

/* As the kernel lays them out: all else is moved register by register. */
enum vmi_arm64_block {
	VMI_ARM64_EVENTS,   /* 64 bytes: SError and the like */
	VMI_ARM64_MP_STATE, /* uint32_t */
	VMI_ARM64_BLOCKS
};

/* Bits 27:16 of a tag of the kernel's. */
#define VMI_ARM64_KIND(tag)  ((unsigned)((tag) >> 16) & 0xfff)
#define VMI_ARM64_KIND_CORE  0x10
#define VMI_ARM64_KIND_DEMUX 0x11
#define VMI_ARM64_KIND_SYS   0x13
#define VMI_ARM64_KIND_FW    0x14
#define VMI_ARM64_KIND_SVE   0x15
#define VMI_ARM64_KIND_CALLS 0x16

#endif
