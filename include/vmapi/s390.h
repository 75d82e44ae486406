/* SPDX-License-Identifier: MIT */
/* Registers of s390x. */
#ifndef VMAPI_S390_H
#define VMAPI_S390_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

/*
 * Bits 63:56 the architecture, 55:52 log2 of the size, 39:32 the type, then
 * the number.  Type 0 is the kernel's, 0x80 and up are the library's.
 */
#define VMAPI_S390_TAG(type, log2, number)                                     \
	(0x5000000000000000ull | ((uint64_t)(log2) << 52) |                    \
		((uint64_t)(type) << 32) | (uint64_t)(number))

#define VMAPI_S390_TYPE_KERNEL	0x00
#define VMAPI_S390_TYPE_GPR	0x80
#define VMAPI_S390_TYPE_ACCESS	0x81
#define VMAPI_S390_TYPE_CONTROL 0x82
#define VMAPI_S390_TYPE_FPU	0x83
#define VMAPI_S390_TYPE_VECTOR	0x84
#define VMAPI_S390_TYPE_PSW	0x85
#define VMAPI_S390_TYPE_STATE	0x86

/* General and control registers, 8 bytes; access registers, 4. */
#define VMAPI_S390_GPR(n) VMAPI_S390_TAG(VMAPI_S390_TYPE_GPR, 3, n)
#define VMAPI_S390_AR(n)  VMAPI_S390_TAG(VMAPI_S390_TYPE_ACCESS, 2, n)
#define VMAPI_S390_CR(n)  VMAPI_S390_TAG(VMAPI_S390_TYPE_CONTROL, 3, n)

/*
 * Floating-point registers, 8 bytes, and FPC, 4.  Vector registers, 16
 * bytes, two words in host order, high one first; the first halves of V0 to
 * V15 are the floating-point registers.
 */
#define VMAPI_S390_F(n) VMAPI_S390_TAG(VMAPI_S390_TYPE_FPU, 3, n)
#define VMAPI_S390_FPC	VMAPI_S390_TAG(VMAPI_S390_TYPE_FPU, 2, 0x40)
#define VMAPI_S390_V(n) VMAPI_S390_TAG(VMAPI_S390_TYPE_VECTOR, 4, n)

/* The program status word, as PSW mask and address; 8 bytes. */
#define VMAPI_S390_PSW_MASK    VMAPI_S390_TAG(VMAPI_S390_TYPE_PSW, 3, 0)
#define VMAPI_S390_PSW_ADDRESS VMAPI_S390_TAG(VMAPI_S390_TYPE_PSW, 3, 1)

/* The prefix register; what else the shared area holds. */
#define VMAPI_S390_PREFIX  VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 3, 0)
#define VMAPI_S390_DIAG318 VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 3, 1)
#define VMAPI_S390_RICCB   VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 6, 2)
#define VMAPI_S390_GSCB	   VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 5, 4)
#define VMAPI_S390_ETOKEN  VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 4, 5)

/*
 * 4 bytes, as the kernel numbers them.  OPERATING starts the vcpu; then it
 * is the application that stops it.
 */
#define VMAPI_S390_MP_STATE VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 2, 3)

#define VMAPI_S390_MP_STOPPED	6
#define VMAPI_S390_MP_CHECK_STOP 7
#define VMAPI_S390_MP_OPERATING 8
#define VMAPI_S390_MP_LOAD	9

/*
 * Pending local interrupts: an array of struct kvm_s390_irq, 72 bytes each,
 * as the kernel lays it out; it can be set to another length, but only into
 * a vcpu that has none.
 */
#define VMAPI_S390_IRQ_STATE VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 15, 6)

/* The kernel's own: TODPR is 4 bytes, the others are 8. */
#define VMAPI_S390_TODPR      VMAPI_S390_TAG(0, 2, 1)
#define VMAPI_S390_EPOCHDIFF  VMAPI_S390_TAG(0, 3, 2)
#define VMAPI_S390_CPU_TIMER  VMAPI_S390_TAG(0, 3, 3)
#define VMAPI_S390_CLOCK_COMP VMAPI_S390_TAG(0, 3, 4)
#define VMAPI_S390_PFTOKEN    VMAPI_S390_TAG(0, 3, 5)
#define VMAPI_S390_PFCOMPARE  VMAPI_S390_TAG(0, 3, 6)
#define VMAPI_S390_PFSELECT   VMAPI_S390_TAG(0, 3, 7)
#define VMAPI_S390_PP	      VMAPI_S390_TAG(0, 3, 8)
#define VMAPI_S390_GBEA	      VMAPI_S390_TAG(0, 3, 9)

VMAPI_DECLS_END

#endif
