/* SPDX-License-Identifier: MIT */
/* Register blocks of an x86 vcpu, the same whoever runs it. */
#ifndef VMI_ARCH_X86_STATE_H
#define VMI_ARCH_X86_STATE_H

#include <vmapi/x86.h>

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
