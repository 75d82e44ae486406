/* SPDX-License-Identifier: MIT */
/* Registers of riscv64. */
#ifndef VMAPI_RISCV_H
#define VMAPI_RISCV_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

/*
 * Bits 63:56 the architecture, 55:52 log2 of the size, 31:24 the type, 23:16
 * the subtype, 15:0 the number.  8 bytes unless said otherwise.
 */
#define VMAPI_RISCV_TAG(log2, type, number)                                    \
	(0x8000000000000000ull | ((uint64_t)(log2) << 52) |                    \
		((uint64_t)(type) << 24) | (uint64_t)(number))

#define VMAPI_RISCV_TYPE_CONFIG 1
#define VMAPI_RISCV_TYPE_CORE	2
#define VMAPI_RISCV_TYPE_CSR	3
#define VMAPI_RISCV_TYPE_TIMER	4
#define VMAPI_RISCV_TYPE_FP_F	5
#define VMAPI_RISCV_TYPE_FP_D	6
#define VMAPI_RISCV_TYPE_ISA	7
#define VMAPI_RISCV_TYPE_SBI	8
#define VMAPI_RISCV_TYPE_VECTOR 9
#define VMAPI_RISCV_TYPE_STATE	10

/* The kernel's identification of the processor; set before the first run. */
#define VMAPI_RISCV_CONFIG(n) VMAPI_RISCV_TAG(3, VMAPI_RISCV_TYPE_CONFIG, n)

/* x1 to x31 by number, pc, and the mode: 1 supervisor, 0 user. */
#define VMAPI_RISCV_X(n) VMAPI_RISCV_TAG(3, VMAPI_RISCV_TYPE_CORE, n)
#define VMAPI_RISCV_PC	 VMAPI_RISCV_TAG(3, VMAPI_RISCV_TYPE_CORE, 0)
#define VMAPI_RISCV_MODE VMAPI_RISCV_TAG(3, VMAPI_RISCV_TYPE_CORE, 32)
#define VMAPI_RISCV_RA	 VMAPI_RISCV_X(1)
#define VMAPI_RISCV_SP	 VMAPI_RISCV_X(2)
#define VMAPI_RISCV_A(n) VMAPI_RISCV_X(10 + (n))

/* Control and status registers, in the kernel's numbering. */
#define VMAPI_RISCV_CSR(n)     VMAPI_RISCV_TAG(3, VMAPI_RISCV_TYPE_CSR, n)
#define VMAPI_RISCV_SSTATUS    VMAPI_RISCV_CSR(0)
#define VMAPI_RISCV_SIE	       VMAPI_RISCV_CSR(1)
#define VMAPI_RISCV_STVEC      VMAPI_RISCV_CSR(2)
#define VMAPI_RISCV_SSCRATCH   VMAPI_RISCV_CSR(3)
#define VMAPI_RISCV_SEPC       VMAPI_RISCV_CSR(4)
#define VMAPI_RISCV_SCAUSE     VMAPI_RISCV_CSR(5)
#define VMAPI_RISCV_STVAL      VMAPI_RISCV_CSR(6)
#define VMAPI_RISCV_SIP	       VMAPI_RISCV_CSR(7)
#define VMAPI_RISCV_SATP       VMAPI_RISCV_CSR(8)
#define VMAPI_RISCV_SCOUNTEREN VMAPI_RISCV_CSR(9)
#define VMAPI_RISCV_SENVCFG    VMAPI_RISCV_CSR(10)
/* Those of the AIA, and of Smstateen. */
#define VMAPI_RISCV_AIA(n)     VMAPI_RISCV_CSR(0x10000 | (n))
#define VMAPI_RISCV_STATEEN(n) VMAPI_RISCV_CSR(0x20000 | (n))

/* frequency, time, compare and state: 0 off, 1 on. */
#define VMAPI_RISCV_TIMER(n) VMAPI_RISCV_TAG(3, VMAPI_RISCV_TYPE_TIMER, n)

/* Floating point: 4 bytes where the processor has F, 8 where it has D. */
#define VMAPI_RISCV_F(n)   VMAPI_RISCV_TAG(2, VMAPI_RISCV_TYPE_FP_F, n)
#define VMAPI_RISCV_D(n)   VMAPI_RISCV_TAG(3, VMAPI_RISCV_TYPE_FP_D, n)
#define VMAPI_RISCV_F_FCSR VMAPI_RISCV_TAG(2, VMAPI_RISCV_TYPE_FP_F, 32)
#define VMAPI_RISCV_D_FCSR VMAPI_RISCV_TAG(2, VMAPI_RISCV_TYPE_FP_D, 32)

/* vstart, vl, vtype, vcsr, vlenb; v0 to v31 follow, as long as vlenb says. */
#define VMAPI_RISCV_VCSR(n)    VMAPI_RISCV_TAG(3, VMAPI_RISCV_TYPE_VECTOR, n)
#define VMAPI_RISCV_V(log2, n)                                                 \
	VMAPI_RISCV_TAG(log2, VMAPI_RISCV_TYPE_VECTOR, 6 + (n))

/* Whether the guest has an extension: 0 or 1; set before the first run. */
#define VMAPI_RISCV_ISA(n) VMAPI_RISCV_TAG(3, VMAPI_RISCV_TYPE_ISA, n)
#define VMAPI_RISCV_SBI(n) VMAPI_RISCV_TAG(3, VMAPI_RISCV_TYPE_SBI, n)

/* State of SBI extensions: the shared page of STA, low and high. */
#define VMAPI_RISCV_STA(n) VMAPI_RISCV_TAG(3, VMAPI_RISCV_TYPE_STATE, n)

/* The library's own: 4 bytes, as the kernel numbers them. */
#define VMAPI_RISCV_MP_STATE (VMAPI_RISCV_TAG(2, 0, 3) | 0x86ull << 32)

#define VMAPI_RISCV_MP_RUNNABLE 0
#define VMAPI_RISCV_MP_STOPPED	5

VMAPI_DECLS_END

#endif
