/* SPDX-License-Identifier: MIT */
/* The table of x86 registers, and the parts of the XSAVE area. */
#ifndef VMI_ARCH_X86_REGS_H
#define VMI_ARCH_X86_REGS_H

#include "lib/arch/regs.h"

#define VMI_MSR_TSC	     0x00000010u
#define VMI_MSR_TSC_DEADLINE 0x000006e0u

/* Whether the tag is an MSR's, and its index. */
bool vmi_x86_is_msr(uint64_t tag, uint32_t *index);

/*
 * Put components into an XSAVE area where XSTATE_BV says that they are in
 * their initial configuration, as XRSTOR would (SDM 1 13.6), and set their
 * bits, so that their bytes can be read and changed in place.
 */
void vmi_x86_xsave_expand(uint8_t *area, size_t bytes,
	enum vmi_xsave_view components);

#endif
