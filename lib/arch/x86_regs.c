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
	{ "msr_40000020", VMAPI_X86_MSR(0x40000020),
		VMAPI_REG_VOLATILE | VMAPI_REG_READONLY },
	{ "guest_ssp", VMAPI_X86_GUEST_SSP, 0 },
};

/*
 * MSRs that say what the processor is, not what it has come to; they belong
 * to CPUID.  First and last of each range: SDM 4 table 2-2, APM 2 appendix A,
 * cpuid.rst and msr.rst of KVM.
 */
static const uint32_t features[][2] = {
	{ 0x017, 0x017 },   /* IA32_PLATFORM_ID */
	{ 0x034, 0x034 },   /* MSR_SMI_COUNT */
	{ 0x03a, 0x03a },   /* IA32_FEATURE_CONTROL */
	{ 0x08b, 0x08b },   /* IA32_BIOS_SIGN_ID */
	{ 0x0ce, 0x0cf },   /* PLATFORM_INFO, CORE_CAPABILITIES */
	{ 0x0fe, 0x0fe },   /* IA32_MTRRCAP */
	{ 0x10a, 0x10a },   /* IA32_ARCH_CAPABILITIES */
	{ 0x140, 0x140 },   /* MISC_FEATURES_ENABLES */
	{ 0x179, 0x179 },   /* IA32_MCG_CAP */
	{ 0x345, 0x345 },   /* IA32_PERF_CAPABILITIES */
	{ 0x480, 0x493 },   /* IA32_VMX_BASIC and on */
	{ 0x40000010, 0x40000010 }, /* Hyper-V: time that the vcpu ran */
	{ 0x40000022, 0x40000023 }, /* Hyper-V: how fast its clocks go */
	{ 0x4b564d05, 0x4b564d05 }, /* KVM: halt polling; msr.rst */
	{ 0xc0010015, 0xc0010015 }, /* HWCR */
	{ 0xc001001f, 0xc001001f }, /* NB_CFG */
	{ 0xc0010140, 0xc0010141 }, /* OSVW */
	{ 0xc0011029, 0xc0011029 }, /* DE_CFG */
};

/* The APIC base, EFER, and the bases of FS and GS are registers above. */
static const uint32_t aliases[] = { 0x1b, 0xc0000080, 0xc0000100, 0xc0000101 };

static enum vmi_reg_role role(uint64_t tag)
{
	uint32_t index;
	size_t i;

	if (!vmi_x86_is_msr(tag, &index))
		return VMI_ROLE_STATE;
	for (i = 0; i < vmi_array_len(features); i++)
		if (index >= features[i][0] && index <= features[i][1])
			return VMI_ROLE_FEATURE;
	for (i = 0; i < vmi_array_len(aliases); i++)
		if (index == aliases[i])
			return VMI_ROLE_ALIAS;
	return VMI_ROLE_STATE;
}

static uint64_t number(const uint8_t *value, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | value[n];
	return v;
}

/*
 * KVM_GET_NESTED_STATE, api.rst 4.114: flags, format, size; of VMX the
 * address of the VMXON region, which there is none of.
 */
enum {
	NESTED_FORMAT = 2,
	NESTED_VMXON = 8,
	NESTED_HEAD = 16,
	NESTED_GUEST = 0x0001,
	NESTED_GIF = 0x0100,
	FORMAT_VMX = 0,
	FORMAT_SVM = 1
};

static bool is_nothing_nested(const uint8_t *value, size_t n)
{
	uint64_t flags, format;

	if (n < NESTED_HEAD)
		return false;
	flags = number(value, 2);
	format = number(value + NESTED_FORMAT, 2);
	if (format == FORMAT_VMX)
		return number(value + NESTED_VMXON, 8) == UINT64_MAX;
	return format == FORMAT_SVM &&
		(flags & (NESTED_GUEST | NESTED_GIF)) == NESTED_GIF;
}

#define MSR_SMBASE    0x9eu
#define SMBASE_RESET  0x30000u /* SDM 3C 32.11 */
#define MSR_MC0_CTL   0x400u   /* every fourth: what KVM begins with */
#define MSR_MC_END    0x480u
#define MSR_TSC_RATIO 0xc0000104u
#define TSC_RATIO_ONE (UINT64_C(1) << 32) /* APM 2 15.30.5 */

static bool at_rest(uint64_t tag, const uint8_t *value, size_t n)
{
	uint32_t index;

	if (tag == VMAPI_X86_NESTED)
		return is_nothing_nested(value, n);
	if (!vmi_x86_is_msr(tag, &index) || n != 8)
		return false;
	if (index == MSR_SMBASE)
		return number(value, n) == SMBASE_RESET;
	if (index == MSR_TSC_RATIO)
		return number(value, n) == TSC_RATIO_ONE;
	return index >= MSR_MC0_CTL && index < MSR_MC_END && !(index % 4) &&
		number(value, n) == UINT64_MAX;
}

enum one_class {
	CLASS_MOST, /* the TSC first */
	CLASS_TSC_DEADLINE
};

static unsigned one_class(uint64_t tag)
{
	return tag == VMAPI_X86_MSR(VMI_MSR_TSC_DEADLINE) ? CLASS_TSC_DEADLINE
							  : CLASS_MOST;
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
	{ false, CLASS_MOST },
	{ true, VMI_BLOCK_LAPIC },
	{ false, CLASS_TSC_DEADLINE },
	{ true, VMI_BLOCK_NESTED },
	{ true, VMI_BLOCK_DEBUG },
	{ true, VMI_BLOCK_MP_STATE },
	{ true, VMI_BLOCK_EVENTS },
};

_Static_assert(vmi_array_len(steps) <= VMI_STEPS_MAX, "too many steps");
_Static_assert((unsigned)VMI_BLOCKS <= VMI_BLOCKS_MAX, "too many blocks");

static const uint64_t words[VMI_BLOCKS] = {
	[VMI_BLOCK_GPRS] = (UINT64_C(1) << 18) - 1,
	[VMI_BLOCK_SYSTEM] = (UINT64_C(1) << 47) - 1,
	[VMI_BLOCK_DEBUG] = 0xcf, /* there are no DR4 and DR5 */
	[VMI_BLOCK_XCRS] = 1,
	[VMI_BLOCK_TSC_HZ] = 1,
};

_Static_assert(sizeof(struct vmi_x86_gprs) == 18 * 8 &&
	sizeof(struct vmi_x86_system) == 47 * 8, "all words are named");

/* Reading the MP state lets a pending INIT or SIPI happen (api.rst 4.38). */
const struct vmi_regs_arch vmi_x86_regs_arch = {
	.machine = 62,
	VMI_REGS_TABLES(rows, ones, steps),
	.set_shift = 32,
	.set_mask = 0xff,
	.number_mask = 0xffffffff,
	.read_first = 1u << VMI_BLOCK_MP_STATE,
	.resizable = 1u << VMI_BLOCK_CPUID | 1u << VMI_BLOCK_NESTED,
	.unit = 32,
	.words = words,
	.is_one = is_one,
	.one_class = one_class,
	.first_one = VMAPI_X86_MSR(VMI_MSR_TSC),
	.name_of = name_of,
	.tag_of = tag_of,
	.role = role,
	.at_rest = at_rest,
	.refusal = vmi_x86_refusal,
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
