/* SPDX-License-Identifier: MIT */
/* Registers of ppc64. */
#ifndef VMAPI_PPC_H
#define VMAPI_PPC_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

/*
 * Bits 63:56 the architecture, 55:52 log2 of the size, 39:32 the type, then
 * the number.  Type 0 is the kernel's, 0x80 and up are the library's.
 */
#define VMAPI_PPC_TAG(type, log2, number)                                      \
	(0x1000000000000000ull | ((uint64_t)(log2) << 52) |                    \
		((uint64_t)(type) << 32) | (uint64_t)(number))

#define VMAPI_PPC_TYPE_KERNEL 0x00
#define VMAPI_PPC_TYPE_GPR    0x80
#define VMAPI_PPC_TYPE_SYSTEM 0x81
#define VMAPI_PPC_TYPE_SLB    0x82
#define VMAPI_PPC_TYPE_STATE  0x86

/* r0 to r31, and what belongs to the program; 8 bytes. */
#define VMAPI_PPC_GPR(n) VMAPI_PPC_TAG(VMAPI_PPC_TYPE_GPR, 3, n)
#define VMAPI_PPC_PC	 VMAPI_PPC_GPR(32)
#define VMAPI_PPC_CR	 VMAPI_PPC_GPR(33)
#define VMAPI_PPC_CTR	 VMAPI_PPC_GPR(34)
#define VMAPI_PPC_LR	 VMAPI_PPC_GPR(35)
#define VMAPI_PPC_XER	 VMAPI_PPC_GPR(36)
#define VMAPI_PPC_MSR	 VMAPI_PPC_GPR(37)
#define VMAPI_PPC_SRR0	 VMAPI_PPC_GPR(38)
#define VMAPI_PPC_SRR1	 VMAPI_PPC_GPR(39)
#define VMAPI_PPC_PID	 VMAPI_PPC_GPR(40)
#define VMAPI_PPC_SPRG(n) VMAPI_PPC_GPR(41 + (n)) /* 0 to 7 */

/* The processor version, 4 bytes; SDR1; the two words of an SLB entry. */
#define VMAPI_PPC_PVR	  VMAPI_PPC_TAG(VMAPI_PPC_TYPE_SYSTEM, 2, 0)
#define VMAPI_PPC_SDR1	  VMAPI_PPC_TAG(VMAPI_PPC_TYPE_SYSTEM, 3, 1)
#define VMAPI_PPC_SLBE(n) VMAPI_PPC_TAG(VMAPI_PPC_TYPE_SLB, 3, 2 * (n))
#define VMAPI_PPC_SLBV(n) VMAPI_PPC_TAG(VMAPI_PPC_TYPE_SLB, 3, 2 * (n) + 1)

/*
 * The kernel's own registers, by their number in <asm/kvm.h>; `log2` is 2, 3
 * or 4 as that has it.  Every one has a name: vmapi_reg_tag().
 */
#define VMAPI_PPC_KERNEL(log2, number) VMAPI_PPC_TAG(0, log2, number)

/* Floating point, 8 bytes; vectors and VSX, 16 bytes in the guest's order. */
#define VMAPI_PPC_FPR(n) VMAPI_PPC_KERNEL(3, 0x20 + (n))
#define VMAPI_PPC_VR(n)	 VMAPI_PPC_KERNEL(4, 0x40 + (n))
#define VMAPI_PPC_VSR(n) VMAPI_PPC_KERNEL(4, 0x60 + (n))

/* A register as a transaction that was started would put it back. */
#define VMAPI_PPC_TM(log2, number) VMAPI_PPC_KERNEL(log2, 0x80000000u | (number))

/* 4 bytes, as the kernel numbers them; HV has none. */
#define VMAPI_PPC_MP_STATE VMAPI_PPC_TAG(VMAPI_PPC_TYPE_STATE, 2, 3)

VMAPI_DECLS_END

#endif
