/* SPDX-License-Identifier: MIT */
/* The table of x86 registers, and the parts of the XSAVE area. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arch/x86_regs.h"
#include "lib/arch/x86_state.h"
#include "lib/compiler.h"

#define VMI_SEGMENT_AT(n) offsetof(struct vmi_x86_system, segments[n])

/* clang-format off */
#define VMI_REG(name_, type_, log2_, number_, block_, offset_, bytes_, attributes_, view_) \
	{ .name = name_, \
	  .tag = VMAPI_X86_TAG(VMAPI_X86_TYPE_##type_, log2_, number_), \
	  .block = VMI_BLOCK_##block_, .offset = offset_, .bytes = bytes_, \
	  .attributes = attributes_, .view = VMI_VIEW_##view_ },
/* clang-format on */

static const struct vmi_reg_row rows[] = {
#include "lib/arch/x86_regs.def"
};

bool vmi_x86_is_msr(uint64_t tag, uint32_t *index)
{
	*index = (uint32_t)tag;
	return tag == VMAPI_X86_MSR(*index);
}

/* MSRs, and what KVM calls its own registers: GUEST_SSP. */
static bool is_one(uint64_t tag)
{
	uint32_t number = (uint32_t)tag;

	return tag == VMAPI_X86_MSR(number) || tag == VMAPI_X86_KVM(number);
}

static const struct vmi_one_row ones[] = {
	{ "msr_00000010", VMAPI_X86_MSR(VMI_MSR_TSC), VMAPI_REG_VOLATILE },
	/* Hyper-V's clocks: TLFS 12.4, 7.8.1. */
	{ "msr_40000010", VMAPI_X86_MSR(0x40000010), VMAPI_REG_VOLATILE },
	{ "msr_40000020", VMAPI_X86_MSR(0x40000020), VMAPI_REG_VOLATILE },
	{ "guest_ssp", VMAPI_X86_GUEST_SSP, 0 },
};

enum one_class {
	CLASS_TSC,
	CLASS_REST,
	CLASS_TSC_DEADLINE
};

static unsigned one_class(uint64_t tag)
{
	if (tag == VMAPI_X86_MSR(VMI_MSR_TSC))
		return CLASS_TSC;
	return tag == VMAPI_X86_MSR(VMI_MSR_TSC_DEADLINE) ? CLASS_TSC_DEADLINE
							  : CLASS_REST;
}

static void split(uint64_t tag, uint32_t *set, uint32_t *number)
{
	*set = (uint32_t)(tag >> 32) & 0xff;
	*number = (uint32_t)tag;
}

static bool name_of(uint64_t tag, char *name, size_t room)
{
	uint32_t index;

	if (!vmi_x86_is_msr(tag, &index))
		return false;
	snprintf(name, room, "msr_%08" PRIx32, index);
	return true;
}

static bool tag_of(const char *name, uint64_t *tag)
{
	if (strncmp(name, "msr_", 4))
		return false;
	*tag = VMAPI_X86_MSR((uint32_t)strtoul(name + 4, NULL, 16));
	return true;
}

/*
 * CPUID decides what the others may hold, XCR0 what XSAVE may, EFER and CR4
 * which MSRs are legal; nested state wants the control registers and the MSRs
 * of its feature.  A TSC deadline is lost unless the TSC and the local APIC's
 * timer mode are there first.  MP state and events say what happens next.
 */
static const struct vmi_reg_step steps[] = {
	{ true, VMI_BLOCK_CPUID },
	{ true, VMI_BLOCK_XCRS },
	{ true, VMI_BLOCK_SYSTEM },
	{ true, VMI_BLOCK_GPRS },
	{ true, VMI_BLOCK_XSAVE },
	{ true, VMI_BLOCK_TSC_HZ },
	{ false, CLASS_TSC },
	{ false, CLASS_REST },
	{ true, VMI_BLOCK_LAPIC },
	{ false, CLASS_TSC_DEADLINE },
	{ true, VMI_BLOCK_NESTED },
	{ true, VMI_BLOCK_DEBUG },
	{ true, VMI_BLOCK_MP_STATE },
	{ true, VMI_BLOCK_EVENTS },
};

_Static_assert(vmi_array_len(steps) <= VMI_STEPS_MAX, "too many steps");
_Static_assert((unsigned)VMI_BLOCKS <= VMI_BLOCKS_MAX, "too many blocks");

/* Reading the MP state lets a pending INIT or SIPI happen (api.rst 4.38). */
const struct vmi_regs_arch vmi_x86_regs_arch = {
	.rows = rows,
	.n_rows = vmi_array_len(rows),
	.ones = ones,
	.n_ones = vmi_array_len(ones),
	.steps = steps,
	.n_steps = vmi_array_len(steps),
	.read_first = 1u << VMI_BLOCK_MP_STATE,
	.resizable = 1u << VMI_BLOCK_CPUID | 1u << VMI_BLOCK_NESTED,
	.unit = 32,
	.is_one = is_one,
	.one_class = one_class,
	.split = split,
	.name_of = name_of,
	.tag_of = tag_of,
};

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
