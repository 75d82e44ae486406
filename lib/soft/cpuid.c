/* SPDX-License-Identifier: MIT */
/*
 * CPUID: SDM 2A "CPUID".
 *
 * An Intel processor of family 6 without the features that the instruction
 * table does not have.  It is its own package: no leaf says that processors
 * share anything.  The crystal and the APIC timer run at 1 GHz, and so does
 * the time stamp counter if the VM does not say otherwise: leaves 15H and 16H
 * have it, so that systems need not calibrate.  The hypervisor bit is
 * clear: there is no interface behind it.
 */
#include <string.h>

#include "lib/soft/system.h"

#define BIT(n)	  (1u << (n))
#define BASIC_MAX 0x16u
#define EXT_MAX	  0x80000008u
#define BRAND_LEAF 0x80000002u
#define BRAND	  "libvmapi software processor @ 1.00GHz"

#define ONE_ECX                                                                \
	(BIT(0) /* SSE3 */ | BIT(1) /* PCLMULQDQ */ | BIT(9) /* SSSE3 */ |    \
		BIT(13) /* CX16 */ | BIT(17) /* PCID */ |                     \
		BIT(19) /* SSE4.1 */ | BIT(20) /* SSE4.2 */ |                 \
		BIT(21) /* x2APIC */ | BIT(22) /* MOVBE */ |                  \
		BIT(23) /* POPCNT */ | BIT(24) /* TSC deadline */ |           \
		BIT(25) /* AES */ | BIT(26) /* XSAVE */ |                     \
		BIT(30) /* RDRAND */)
#define OSXSAVE BIT(27)
#define ONE_EDX                                                                \
	(BIT(0) /* FPU */ | BIT(1) /* VME */ | BIT(2) /* DE */ |              \
		BIT(3) /* PSE */ | BIT(4) /* TSC */ | BIT(5) /* MSR */ |      \
		BIT(6) /* PAE */ | BIT(7) /* MCE */ | BIT(8) /* CX8 */ |      \
		APIC | BIT(11) /* SEP */ | BIT(12) /* MTRR */ |               \
		BIT(13) /* PGE */ | BIT(14) /* MCA */ | BIT(15) /* CMOV */ |  \
		BIT(16) /* PAT */ | BIT(17) /* PSE-36 */ |                    \
		BIT(19) /* CLFSH */ | BIT(23) /* MMX */ | BIT(24) /* FXSR */ |\
		BIT(25) /* SSE */ | BIT(26) /* SSE2 */)
#define APIC BIT(9)
#define SEVEN_EBX                                                              \
	(BIT(0) /* FSGSBASE */ | BIT(1) /* TSC_ADJUST */ | BIT(7) /* SMEP */ |\
		BIT(9) /* ERMS */ | BIT(10) /* INVPCID */ |                   \
		BIT(18) /* RDSEED */ | BIT(19) /* ADX */ |                    \
		BIT(20) /* SMAP */ | BIT(23) /* CLFLUSHOPT */ |               \
		BIT(24) /* CLWB */ | BIT(29) /* SHA */)
#define SEVEN_ECX (BIT(2) /* UMIP */ | BIT(22) /* RDPID */)
#define SEVEN_EDX BIT(29) /* IA32_ARCH_CAPABILITIES */
/* LAHF and SAHF in 64-bit mode. */
#define EXT_ECX	  (BIT(0) | BIT(5) /* LZCNT */)
#define SYSCALL	  BIT(11)
#define NX	  BIT(20)
/* Of IA32_MISC_ENABLE. */
#define MISC_LIMIT (1ull << 22)
#define MISC_NO_NX (1ull << 34)
#define EXT_EDX                                                                \
	(SYSCALL | NX | BIT(26) /* 1 GiB pages */ |             \
		BIT(27) /* RDTSCP */ | BIT(29) /* LM */)

#define CRYSTAL_HZ 1000000000u

/* A cache of leaf 4: 64-byte lines. */
#define CACHE_EAX(type, level) ((type) | (level) << 5 | BIT(8))
#define CACHE_EBX(ways)	       (63u | ((ways) - 1u) << 22)

static const struct vmapi_x86_cpuid model[] = {
	{ .leaf = 0, .eax = BASIC_MAX,
		.ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69 },
	{ .leaf = 1, .eax = 0x000106a5, .ebx = 8 << 8 | 1 << 16,
		.ecx = ONE_ECX, .edx = ONE_EDX },
	{ .leaf = 2, .eax = 0x0000ff01 }, /* see leaf 4 */
	{ .leaf = 4, .subleaf = 0, .has_subleaf = 1,
		.eax = CACHE_EAX(1, 1), .ebx = CACHE_EBX(8), .ecx = 63 },
	{ .leaf = 4, .subleaf = 1, .has_subleaf = 1,
		.eax = CACHE_EAX(2, 1), .ebx = CACHE_EBX(8), .ecx = 63 },
	{ .leaf = 4, .subleaf = 2, .has_subleaf = 1,
		.eax = CACHE_EAX(3, 2), .ebx = CACHE_EBX(8), .ecx = 511 },
	{ .leaf = 5 },
	{ .leaf = 6, .eax = BIT(2) }, /* the APIC timer never stops */
	{ .leaf = 7, .subleaf = 0, .has_subleaf = 1,
		.ebx = SEVEN_EBX, .ecx = SEVEN_ECX, .edx = SEVEN_EDX },
	{ .leaf = 0xb, .subleaf = 0, .has_subleaf = 1,
		.ebx = 1, .ecx = 1 << 8 },
	{ .leaf = 0xb, .subleaf = 1, .has_subleaf = 1,
		.ebx = 1, .ecx = 2 << 8 | 1 },
	{ .leaf = 0xd, .subleaf = 0, .has_subleaf = 1,
		.eax = 3, .ebx = 576, .ecx = 576 },
	{ .leaf = 0xd, .subleaf = 1, .has_subleaf = 1, .eax = 1 },
	{ .leaf = 0x15, .eax = 1, .ebx = 1, .ecx = CRYSTAL_HZ },
	{ .leaf = 0x16, .eax = 1000, .ebx = 1000, .ecx = 100 },
	{ .leaf = 0x80000000, .eax = EXT_MAX },
	{ .leaf = 0x80000001, .ecx = EXT_ECX, .edx = EXT_EDX },
	{ .leaf = 0x80000002 }, /* the brand: see brand() */
	{ .leaf = 0x80000003 },
	{ .leaf = 0x80000004 },
	{ .leaf = 0x80000005 },
	{ .leaf = 0x80000006, .ecx = 256 << 16 | 6 << 12 | 64 },
	{ .leaf = 0x80000007, .edx = BIT(8) }, /* invariant TSC */
	{ .leaf = 0x80000008, .eax = 48 << 8 | VMI_PHYS_BITS },
};

static uint32_t brand_word(unsigned n)
{
	static const char text[48] = BRAND;
	uint32_t v = 0;
	unsigned i;

	for (i = 0; i < 4; i++)
		v |= (uint32_t)(uint8_t)text[4 * n + i] << (8 * i);
	return v;
}

static void brand(struct vmapi_x86_cpuid *e)
{
	unsigned n = (e->leaf - BRAND_LEAF) * 4;

	if (e->leaf < BRAND_LEAF || e->leaf > BRAND_LEAF + 2)
		return;
	e->eax = brand_word(n);
	e->ebx = brand_word(n + 1);
	e->ecx = brand_word(n + 2);
	e->edx = brand_word(n + 3);
}

size_t vmi_cpuid_default(struct vmapi_x86_cpuid *entries, size_t n)
{
	size_t i;

	for (i = 0; i < vmi_array_len(model) && i < n; i++) {
		entries[i] = model[i];
		brand(&entries[i]);
	}
	return vmi_array_len(model);
}

static const struct vmapi_x86_cpuid *list(const struct vmi_cpu *c, size_t *n)
{
	*n = c->cpuid ? c->n_cpuid : vmi_array_len(model);
	return c->cpuid ? c->cpuid : model;
}

/* Highest leaf of the basic or the extended range. */
static uint32_t highest(const struct vmi_cpu *c, uint32_t range)
{
	size_t i, n;
	const struct vmapi_x86_cpuid *e = list(c, &n);

	for (i = 0; i < n; i++) {
		if (e[i].leaf == range)
			return e[i].eax;
	}
	return 0;
}

/* IA32_MISC_ENABLE can limit it, for old systems: SDM 4 table 2-2. */
static uint32_t highest_basic(const struct vmi_cpu *c)
{
	uint32_t leaf = highest(c, 0);

	return (c->misc_enable & MISC_LIMIT) && leaf > 3 ? 3 : leaf;
}

static struct vmapi_x86_cpuid find(const struct vmi_cpu *c, uint32_t leaf,
	uint32_t subleaf)
{
	struct vmapi_x86_cpuid none = { .leaf = leaf };
	size_t i, n;
	const struct vmapi_x86_cpuid *e = list(c, &n);

	for (i = 0; i < n; i++) {
		if (e[i].leaf != leaf ||
			(e[i].has_subleaf && e[i].subleaf != subleaf))
			continue;
		none = e[i];
		if (!c->cpuid)
			brand(&none);
		return none;
	}
	/* Behind its levels the topology goes on with the APIC id alone. */
	if ((leaf == 0xb || leaf == 0x1f) && subleaf) {
		none.edx = find(c, leaf, 0).edx;
		none.ecx = subleaf & 0xff;
	}
	return none;
}

/* What depends on the state of the processor. */
static void dynamic(const struct vmi_cpu *c, struct vmapi_x86_cpuid *e)
{
	switch (e->leaf) {
	case 0:
		if (e->eax > highest_basic(c))
			e->eax = highest_basic(c);
		break;
	case 1:
		e->ecx &= ~OSXSAVE;
		if (c->cr4 & VMI_CR4_OSXSAVE)
			e->ecx |= OSXSAVE;
		if (!(c->apic_base & 0x800))
			e->edx &= ~APIC;
		break;
	case 0x80000001:
		/* Intel's bit says "in 64-bit mode", and is clear outside. */
		if (c->mode != 64)
			e->edx &= ~SYSCALL;
		if (c->misc_enable & MISC_NO_NX)
			e->edx &= ~NX;
		break;
	default:
		break;
	}
}

static void registers(const struct vmapi_x86_cpuid *e, uint32_t out[4])
{
	out[0] = e->eax;
	out[1] = e->ebx;
	out[2] = e->ecx;
	out[3] = e->edx;
}

void vmi_cpuid_own(const struct vmi_cpu *c, uint32_t leaf, uint32_t out[4])
{
	struct vmapi_x86_cpuid e = find(c, leaf, 0);

	registers(&e, out);
}

void vmi_cpuid(struct vmi_cpu *c, uint32_t leaf, uint32_t subleaf,
	uint32_t out[4])
{
	struct vmapi_x86_cpuid e;
	uint32_t basic = highest_basic(c);
	bool known = leaf <= basic || (leaf >= 0x40000000 &&
		leaf <= highest(c, leaf & 0xffff0000u));

	/* A leaf too high reads as the highest basic one. */
	e = find(c, known ? leaf : basic, subleaf);
	dynamic(c, &e);
	registers(&e, out);
}

enum { EAX, EBX, ECX, EDX };

#define FEATURE(name, leaf, subleaf, reg, bit) { leaf, subleaf, reg, bit },
static const struct {
	uint32_t leaf, subleaf;
	uint8_t reg, bit;
} features[VMI_FEAT_COUNT] = {
#include "feature.def"
};
#undef FEATURE

void vmi_cpuid_changed(struct vmi_cpu *c)
{
	struct vmapi_x86_cpuid e;
	uint32_t out[4];
	size_t i;

	c->hidden = 0;
	for (i = VMI_FEAT_BASE + 1; i < VMI_FEAT_COUNT; i++) {
		e = find(c, features[i].leaf, features[i].subleaf);
		registers(&e, out);
		if (!(out[features[i].reg] >> features[i].bit & 1))
			c->hidden |= 1ull << i;
	}
}
