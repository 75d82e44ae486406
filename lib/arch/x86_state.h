/* SPDX-License-Identifier: MIT */
/* Register blocks of an x86 vcpu, the same whoever runs it. */
#ifndef VMI_ARCH_X86_STATE_H
#define VMI_ARCH_X86_STATE_H

#include <vmapi/x86.h>

/*
 * Blocks of register state: what a kernel moves at once, laid out the same on
 * every backend.
 */
enum vmi_block {
	VMI_BLOCK_GPRS,	    /* struct vmi_x86_gprs */
	VMI_BLOCK_SYSTEM,   /* struct vmi_x86_system */
	VMI_BLOCK_DEBUG,    /* struct vmi_x86_debug */
	VMI_BLOCK_XCRS,	    /* struct vmi_x86_xcrs */
	VMI_BLOCK_XSAVE,    /* the standard-format area; size by asking */
	VMI_BLOCK_LAPIC,    /* 1024 bytes */
	VMI_BLOCK_EVENTS,   /* struct vmapi_x86_events */
	VMI_BLOCK_MP_STATE, /* uint32_t */
	VMI_BLOCK_CPUID,    /* struct vmapi_x86_cpuid[]; size by asking */
	VMI_BLOCK_TSC_HZ,   /* uint64_t */
	VMI_BLOCK_NESTED,   /* as KVM lays it out; size by asking */
	VMI_BLOCKS
};

/* In the processor's numbering: rax rcx rdx rbx rsp rbp rsi rdi r8-r15. */
struct vmi_x86_gprs {
	uint64_t r[16];
	uint64_t rip;
	uint64_t rflags;
};

/* es cs ss ds fs gs ldtr tr gdtr idtr, as VMAPI_X86_SEGMENT() numbers them. */
struct vmi_x86_system {
	struct vmapi_x86_segment segments[10];
	uint64_t cr0, cr2, cr3, cr4, cr8;
	uint64_t efer;
	uint64_t apic_base;
};

struct vmi_x86_debug {
	uint64_t dr[8]; /* 4 and 5 are 0 */
};

struct vmi_x86_xcrs {
	uint64_t xcr0;
};

#endif
