/* SPDX-License-Identifier: MIT */
/* The table of x86 registers, and the parts of the XSAVE area. */
#ifndef VMI_ARCH_X86_REGS_H
#define VMI_ARCH_X86_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VMI_MSR_TSC	     0x00000010u
#define VMI_MSR_TSC_DEADLINE 0x000006e0u

/* XSAVE components that a register is a part of; also XSTATE_BV bits. */
enum vmi_xsave_view {
	VMI_VIEW_NONE = 0,
	VMI_VIEW_X87 = 1,
	VMI_VIEW_SSE = 2,
	VMI_VIEW_BOTH = 3
};

struct vmi_reg_row {
	const char *name;
	uint64_t tag;
	uint32_t block; /* enum vmi_block */
	uint32_t offset;
	uint32_t bytes; /* 0: the whole block, whose size is asked for */
	uint32_t attributes;
	enum vmi_xsave_view view;
};

/* In ascending order of tag. */
extern const struct vmi_reg_row vmi_x86_regs[];
extern const size_t vmi_x86_n_regs;

/* Of a tag or a name; NULL: none (MSRs have no rows). */
const struct vmi_reg_row *vmi_x86_reg(uint64_t tag);
const struct vmi_reg_row *vmi_x86_reg_named(const char *name);
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
