/* SPDX-License-Identifier: MIT */
/* Registers and vcpu features of arm64. */
#ifndef VMAPI_ARM64_H
#define VMAPI_ARM64_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

/*
 * Features of a vcpu: VMAPI_CAP_VCPU_FEATURES says which there are, struct
 * vmapi_vcpu_config asks for them.  Usual are PSCI, and PAUTH where the
 * processor has it; vcpus but 0 wait for PSCI's CPU_ON.
 */
#define VMAPI_ARM64_FEATURE_OFF	    (1ull << 0) /* wait for CPU_ON */
#define VMAPI_ARM64_FEATURE_AARCH32 (1ull << 1) /* EL1 in AArch32 */
#define VMAPI_ARM64_FEATURE_PSCI    (1ull << 2) /* version 0.2 or later */
#define VMAPI_ARM64_FEATURE_PMU	    (1ull << 3)
#define VMAPI_ARM64_FEATURE_SVE	    (1ull << 4)
#define VMAPI_ARM64_FEATURE_PAUTH   (1ull << 5) /* address and generic */
#define VMAPI_ARM64_FEATURE_EL2	    (1ull << 7)
#define VMAPI_ARM64_FEATURE_EL2_E2H0 (1ull << 8) /* EL2 without VHE */

/* Bits 63:56 the architecture, 55:52 log2 of the size, then the number. */
#define VMAPI_ARM64_TAG(log2, number)                                          \
	(0x6000000000000000ull | ((uint64_t)(log2) << 52) | (uint64_t)(number))

/* A core register, by its place in struct kvm_regs in units of 4 bytes. */
#define VMAPI_ARM64_CORE(log2, place)                                          \
	VMAPI_ARM64_TAG(log2, 0x100000u | (place))

/* General registers; sp is SP_EL0.  8 bytes. */
#define VMAPI_ARM64_X(n)     VMAPI_ARM64_CORE(3, 2 * (n))
#define VMAPI_ARM64_SP	     VMAPI_ARM64_CORE(3, 0x3e)
#define VMAPI_ARM64_PC	     VMAPI_ARM64_CORE(3, 0x40)
#define VMAPI_ARM64_PSTATE   VMAPI_ARM64_CORE(3, 0x42)
#define VMAPI_ARM64_SP_EL1   VMAPI_ARM64_CORE(3, 0x44)
#define VMAPI_ARM64_ELR_EL1  VMAPI_ARM64_CORE(3, 0x46)
#define VMAPI_ARM64_SPSR_EL1 VMAPI_ARM64_CORE(3, 0x48)
#define VMAPI_ARM64_SPSR_ABT VMAPI_ARM64_CORE(3, 0x4a)
#define VMAPI_ARM64_SPSR_UND VMAPI_ARM64_CORE(3, 0x4c)
#define VMAPI_ARM64_SPSR_IRQ VMAPI_ARM64_CORE(3, 0x4e)
#define VMAPI_ARM64_SPSR_FIQ VMAPI_ARM64_CORE(3, 0x50)

/* Vectors, 16 bytes each; a vcpu with SVE has Z registers instead. */
#define VMAPI_ARM64_V(n) VMAPI_ARM64_CORE(4, 0x54 + 4 * (n))
#define VMAPI_ARM64_FPSR VMAPI_ARM64_CORE(2, 0xd4)
#define VMAPI_ARM64_FPCR VMAPI_ARM64_CORE(2, 0xd5)

/* A system register, as MRS and MSR encode it; 8 bytes. */
#define VMAPI_ARM64_SYSREG(op0, op1, crn, crm, op2)                            \
	VMAPI_ARM64_TAG(3, 0x130000u | (op0) << 14 | (op1) << 11 |             \
		(crn) << 7 | (crm) << 3 | (op2))

/*
 * The timers.  The kernel has the virtual one's counter and compare value
 * the wrong way round: these are as they work, not as MRS encodes them.
 */
#define VMAPI_ARM64_CNTV_CTL  VMAPI_ARM64_SYSREG(3, 3, 14, 3, 1)
#define VMAPI_ARM64_CNTV_CVAL VMAPI_ARM64_SYSREG(3, 3, 14, 0, 2)
#define VMAPI_ARM64_CNTVCT    VMAPI_ARM64_SYSREG(3, 3, 14, 3, 2)

/* What the kernel's firmware answers: PSCI's version and the like. */
#define VMAPI_ARM64_FW(n)	 VMAPI_ARM64_TAG(3, 0x140000u | (n))
#define VMAPI_ARM64_PSCI_VERSION VMAPI_ARM64_FW(0)
/* Which groups of hypercalls there are; 8 bytes. */
#define VMAPI_ARM64_FW_FEATURES(n) VMAPI_ARM64_TAG(3, 0x160000u | (n))

/*
 * SVE: 256 bytes, 32 and 32, byte 0 first on every host.  SVE_VLS is the set
 * of vector lengths, 64 bytes; it can be set before any other of these, and
 * before the first run.
 */
#define VMAPI_ARM64_Z(n)    VMAPI_ARM64_TAG(8, 0x150000u | (n) << 5)
#define VMAPI_ARM64_P(n)    VMAPI_ARM64_TAG(5, 0x150400u | (n) << 5)
#define VMAPI_ARM64_FFR	    VMAPI_ARM64_TAG(5, 0x150600u)
#define VMAPI_ARM64_SVE_VLS VMAPI_ARM64_TAG(6, 0x15ffffu)

/* CCSIDR_EL1 of cache n, as CSSELR_EL1 selects it; 4 bytes. */
#define VMAPI_ARM64_CCSIDR(n) VMAPI_ARM64_TAG(2, 0x110000u | (n))

/* The library's own: bits 39:32 are 0x80 or more. */
#define VMAPI_ARM64_OWN(type, log2, number)                                    \
	VMAPI_ARM64_TAG(log2, (uint64_t)(type) << 32 | (number))

/* An SError on its way in, 1 byte each, and its syndrome, 8 bytes. */
#define VMAPI_ARM64_SERROR_PENDING VMAPI_ARM64_OWN(0x80, 0, 0)
#define VMAPI_ARM64_SERROR_HAS_ESR VMAPI_ARM64_OWN(0x80, 0, 1)
#define VMAPI_ARM64_SERROR_ESR	   VMAPI_ARM64_OWN(0x80, 3, 8)
/* Write 1: the last exit was an access that failed; reads as 0. */
#define VMAPI_ARM64_DABT_PENDING   VMAPI_ARM64_OWN(0x80, 0, 2)

/* 4 bytes, as the kernel numbers them: 0 runs, 5 is off. */
#define VMAPI_ARM64_MP_STATE VMAPI_ARM64_OWN(0x86, 2, 3)

#define VMAPI_ARM64_MP_RUNNABLE 0
#define VMAPI_ARM64_MP_STOPPED	5

VMAPI_DECLS_END

#endif
