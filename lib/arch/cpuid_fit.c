/* SPDX-License-Identifier: MIT */
/* Whether a processor can be what a CPUID list says. */
#include "lib/arch/cpuid.h"
#include "lib/compiler.h"

/*
 * Words of features (SDM 2A "CPUID", APM 3 appendix E; 0x40000001 is KVM's).
 * Free are bits that follow the processor's state (OSXSAVE, OSPKE, APIC),
 * describe a package (HTT, CmpLegacy) or its monitor (hypervisor present),
 * and the TSC-deadline timer, which kernels do not list though they have it
 * (api.rst 4.46).
 */
static const struct {
	uint32_t leaf, subleaf;
	unsigned reg;
	uint32_t free;
} words[] = {
	{ 0x1, 0, VMAPI_CPUID_ECX, 1u << 24 | 1u << 27 | 1u << 31 },
	{ 0x1, 0, VMAPI_CPUID_EDX, 1u << 9 | 1u << 28 },
	{ 0x7, 0, VMAPI_CPUID_EBX, 0 },
	{ 0x7, 0, VMAPI_CPUID_ECX, 1u << 4 },
	{ 0x7, 0, VMAPI_CPUID_EDX, 0 },
	{ 0x7, 1, VMAPI_CPUID_EAX, 0 },
	{ 0xd, 0, VMAPI_CPUID_EAX, 0 },
	{ 0xd, 0, VMAPI_CPUID_EDX, 0 },
	{ 0xd, 1, VMAPI_CPUID_EAX, 0 },
	{ 0x40000001, 0, VMAPI_CPUID_EAX, 0 },
	{ 0x80000001, 0, VMAPI_CPUID_ECX, 1u << 1 },
	{ 0x80000001, 0, VMAPI_CPUID_EDX, 1u << 9 },
	{ 0x80000008, 0, VMAPI_CPUID_EBX, 0 },
};

#define MONITOR 0x40000000u
#define WIDTHS	0x80000008u /* EAX 7:0: bits of a physical address */

/* "KVMKVMKVM": another monitor's next leaf means what that one says. */
static bool is_kvm(const struct vmapi_cpuid *list)
{
	const struct vmapi_x86_cpuid *e = vmi_cpuid_at(list, MONITOR, 0);

	return e && e->ebx == 0x4b4d564b && e->ecx == 0x564b4d56 &&
		e->edx == 0x4d;
}

static uint32_t word(const struct vmapi_cpuid *list, size_t i)
{
	const struct vmapi_x86_cpuid *e =
		vmi_cpuid_at(list, words[i].leaf, words[i].subleaf);

	if (words[i].leaf == MONITOR + 1 && !is_kvm(list))
		return 0;
	return e ? vmi_cpuid_value(e, words[i].reg) : 0;
}

/* No list says it: then nobody counts on more than 36 (SDM 2A). */
static uint32_t address_bits(const struct vmapi_cpuid *list)
{
	const struct vmapi_x86_cpuid *e = vmi_cpuid_at(list, WIDTHS, 0);

	return e ? e->eax & 0xff : 36;
}

static void say(struct vmi_words *lacks, const struct vmapi_cpuid *want,
	size_t i, uint32_t bits)
{
	const struct vmapi_x86_cpuid *e =
		vmi_cpuid_at(want, words[i].leaf, words[i].subleaf);
	unsigned bit = 0;

	while (!(bits >> bit & 1))
		bit++;
	vmi_cpuid_say_bit(lacks, e, words[i].reg, bit);
}

bool vmi_cpuid_fits(const struct vmapi_cpuid *want,
	const struct vmapi_cpuid *have, struct vmi_words *lacks)
{
	const struct vmapi_x86_cpuid *widths = vmi_cpuid_at(want, WIDTHS, 0);
	uint32_t more;
	size_t i;

	for (i = 0; i < vmi_array_len(words); i++) {
		more = word(want, i) & ~word(have, i) & ~words[i].free;
		if (more)
			say(lacks, want, i, more);
		if (more)
			return false;
	}
	if (address_bits(want) <= address_bits(have))
		return true;
	vmi_cpuid_say_bit(lacks, widths, VMAPI_CPUID_EAX, 0);
	return false;
}
