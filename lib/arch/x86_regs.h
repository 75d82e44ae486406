/* SPDX-License-Identifier: MIT */
/* The table of x86 registers, and the parts of the XSAVE area. */
#ifndef VMI_ARCH_X86_REGS_H
#define VMI_ARCH_X86_REGS_H

#include "lib/arch/regs.h"
#include "lib/arch/x86_state.h"

#define VMI_MSR_TSC	     0x00000010u
#define VMI_MSR_TSC_DEADLINE 0x000006e0u

/* Whether the tag is an MSR's, and its index. */
bool vmi_x86_is_msr(uint64_t tag, uint32_t *index);

/*
 * Why no processor can be so, in words, or NULL.  The last is for blocks of
 * any kind, and says also what KVM alone refuses: x86_refusal.c.
 */
const char *vmi_x86_system_refusal(const struct vmi_x86_system *s);
const char *vmi_x86_debug_refusal(const struct vmi_x86_debug *d);
const char *vmi_x86_refusal(unsigned block, const void *data);

/*
 * Put components into an XSAVE area where XSTATE_BV says that they are in
 * their initial configuration, as XRSTOR would (SDM 1 13.6), and set their
 * bits, so that their bytes can be read and changed in place.
 */
void vmi_x86_xsave_expand(uint8_t *area, size_t bytes,
	enum vmi_xsave_view components);

#endif
