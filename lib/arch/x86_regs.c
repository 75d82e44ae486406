/* SPDX-License-Identifier: MIT */
/* The table of x86 registers, and the parts of the XSAVE area. */
#include <string.h>

#include "lib/arch/x86_regs.h"
#include "lib/arch/x86_state.h"
#include "lib/core/backend.h"

#define VMI_SEGMENT_AT(n) offsetof(struct vmi_x86_system, segments[n])

/* clang-format off */
#define VMI_REG(name_, type_, log2_, number_, block_, offset_, bytes_, attributes_, view_) \
	{ .name = name_, \
	  .tag = VMAPI_X86_TAG(VMAPI_X86_TYPE_##type_, log2_, number_), \
	  .block = VMI_BLOCK_##block_, .offset = offset_, .bytes = bytes_, \
	  .attributes = attributes_, .view = VMI_VIEW_##view_ },
/* clang-format on */

const struct vmi_reg_row vmi_x86_regs[] = {
#include "lib/arch/x86_regs.def"
};

const size_t vmi_x86_n_regs = vmi_array_len(vmi_x86_regs);

const struct vmi_reg_row *vmi_x86_reg(uint64_t tag)
{
	size_t low = 0, high = vmi_x86_n_regs;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (vmi_x86_regs[middle].tag == tag)
			return &vmi_x86_regs[middle];
		if (vmi_x86_regs[middle].tag < tag)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct vmi_reg_row *vmi_x86_reg_named(const char *name)
{
	size_t i;

	for (i = 0; i < vmi_x86_n_regs; i++)
		if (!strcmp(vmi_x86_regs[i].name, name))
			return &vmi_x86_regs[i];
	return NULL;
}

bool vmi_x86_is_msr(uint64_t tag, uint32_t *index)
{
	*index = (uint32_t)tag;
	return tag == VMAPI_X86_MSR(*index);
}

/* -- The XSAVE area ----------------------------------------------------- */

/* Offsets: SDM 1 table 10-2 (legacy region) and 13.4.2 (header). */
enum {
	XSAVE_MXCSR = 24,
	XSAVE_MXCSR_END = 32, /* with its mask */
	XSAVE_ST = 32,
	XSAVE_XMM = 160,
	XSAVE_XMM_END = 416,
	XSAVE_XSTATE_BV = 512,
	XSAVE_MIN = 576
};

#define FCW_INIT 0x037fu /* FNINIT: SDM 1 8.1.5 */

void vmi_x86_xsave_expand(
	uint8_t *area, size_t bytes, enum vmi_xsave_view components)
{
	unsigned absent;

	if (bytes < XSAVE_MIN)
		return; /* no header: everything is there */
	absent = (unsigned)components & ~(unsigned)area[XSAVE_XSTATE_BV];
	if (absent & VMI_VIEW_X87) {
		memset(area, 0, XSAVE_MXCSR);
		memset(area + XSAVE_ST, 0, XSAVE_XMM - XSAVE_ST);
		area[0] = FCW_INIT & 0xff;
		area[1] = FCW_INIT >> 8;
	}
	/* MXCSR is stored whatever XSTATE_BV says (SDM 1 13.7). */
	if (absent & VMI_VIEW_SSE)
		memset(area + XSAVE_XMM, 0, XSAVE_XMM_END - XSAVE_XMM);
	area[XSAVE_XSTATE_BV] |= (uint8_t)components;
}
