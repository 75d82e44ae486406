/* SPDX-License-Identifier: MIT */
/* What no sequence of instructions can make of the x86 system registers. */
#include "lib/arch/x86_regs.h"

/* SDM 3A 2.5 and 2.2.1. */
#define CR0_PE	 0x00000001u
#define CR0_NW	 0x20000000u
#define CR0_CD	 0x40000000u
#define CR0_PG	 0x80000000u
#define CR4_PAE	 0x00000020u
#define EFER_LME 0x0100u
#define EFER_LMA 0x0400u

static const char *cr0_refusal(uint64_t cr0)
{
	if (cr0 >> 32)
		return "CR0 has no bits above 31";
	if ((cr0 & CR0_PG) && !(cr0 & CR0_PE))
		return "CR0.PG is set, and CR0.PE is not";
	if ((cr0 & CR0_NW) && !(cr0 & CR0_CD))
		return "CR0.NW is set, and CR0.CD is not";
	return NULL;
}

/* Long mode: SDM 3A 4.1.2, 9.8.5. */
const char *vmi_x86_system_refusal(const struct vmi_x86_system *s)
{
	const char *why = cr0_refusal(s->cr0);
	bool lma = s->efer & EFER_LMA;
	bool active = (s->efer & EFER_LME) && (s->cr0 & CR0_PG);

	if (why)
		return why;
	if (lma && !active)
		return "EFER.LMA is set without both EFER.LME and CR0.PG";
	if (active && !lma)
		return "EFER.LME and CR0.PG are set, and EFER.LMA is not";
	if (lma && !(s->cr4 & CR4_PAE))
		return "EFER.LMA is set, and CR4.PAE is not";
	if (s->cr8 > 15)
		return "CR8 is more than 15";
	return NULL;
}

/* SDM 3B 17.2: bits 63:32 are reserved. */
const char *vmi_x86_debug_refusal(const struct vmi_x86_debug *d)
{
	if (d->dr[6] >> 32)
		return "DR6 has no bits above 31";
	return d->dr[7] >> 32 ? "DR7 has no bits above 31" : NULL;
}

/*
 * The L bit of a code segment means nothing outside long mode (SDM 3A 3.4.5):
 * an instruction can bring it there, but KVM refuses it.
 */
static const char *code_refusal(const struct vmi_x86_system *s)
{
	const struct vmapi_x86_segment *cs = &s->segments[1];

	if ((cs->attributes & VMAPI_X86_SEG_L) && !(s->efer & EFER_LMA))
		return "CS is of 64 bits, and EFER.LMA is not set";
	return NULL;
}

const char *vmi_x86_refusal(unsigned block, const void *data)
{
	const char *why = NULL;

	switch (block) {
	case VMI_BLOCK_SYSTEM:
		why = vmi_x86_system_refusal(data);
		return why ? why : code_refusal(data);
	case VMI_BLOCK_DEBUG:
		return vmi_x86_debug_refusal(data);
	case VMI_BLOCK_XCRS:
		return ((const struct vmi_x86_xcrs *)data)->xcr0 & 1 ? NULL :
			"XCR0 is without bit 0";
	default:
		return NULL;
	}
}
