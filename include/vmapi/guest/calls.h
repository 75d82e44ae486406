/* SPDX-License-Identifier: MIT */
/* Calls of the hypervisor: what guest and application agree on. */
#ifndef VMAPI_GUEST_CALLS_H
#define VMAPI_GUEST_CALLS_H

/*
 * Constants only, for programs of any kind; <vmapi/guest/hypercall.h> makes
 * calls, <vmapi/hypercall.h> takes them, vmapi_hypercall(7) teaches both.
 */

/* How a call can be made: bits of struct vmapi_calls_descriptor.ways. */
#define VMAPI_CALL_VMCALL  0x01u /* x86: Intel's instruction */
#define VMAPI_CALL_VMMCALL 0x02u /* x86: AMD's */
#define VMAPI_CALL_HVC	   0x04u /* arm64: HVC #0 */
#define VMAPI_CALL_SC	   0x08u /* ppc64: SC 1 */
#define VMAPI_CALL_DIAG	   0x10u /* s390x: DIAGNOSE 500 */
#define VMAPI_CALL_ECALL   0x20u /* riscv64: ECALL */
#define VMAPI_CALL_PORT	   0x40u /* x86: a 32-bit OUT to the call port */
#define VMAPI_CALL_PAGE	   0x80u /* a 32-bit store to the call page */

#define VMAPI_CALL_NATIVE 0x3fu /* those that are instructions */

/*
 * What the number's register holds for call 0, and how far numbers are apart:
 * far from what others (KVM, Xen, PAPR, SBI) take for themselves.  On riscv64
 * the number is in a6, and a7 has the extension.
 */
#define VMAPI_CALL_X86	 0x564d0000u
#define VMAPI_CALL_ARM64 0xc6008000u /* SMCCC: fast, 64 bits, vendor's */
#define VMAPI_CALL_PPC	 0xf800u
#define VMAPI_CALL_PPC_STEP 4u
#define VMAPI_CALL_S390	 0x10000u
#define VMAPI_CALL_RISCV 0x08564d00u /* SBI: an experimental extension */

/* Numbers: below, the application's; from here on the library's. */
#define VMAPI_CALL_OWN	   0x100u
#define VMAPI_CALL_VERSION 0x100u /* -> VMAPI_CALL_VERSION_1 */
#define VMAPI_CALL_PREFERS 0x101u /* address, bytes -> 1: by calls, else 0 */
#define VMAPI_CALL_READ	   0x102u /* address, bytes -> status, value */
#define VMAPI_CALL_WRITE   0x103u /* address, bytes, value -> status */
#define VMAPI_CALL_END	   0x200u

#define VMAPI_CALL_VERSION_1 1

/* Results of the library's own; negative numbers in 64 or 32 bits. */
#define VMAPI_CALL_EPERM   (-1)	   /* not in user mode */
#define VMAPI_CALL_EINVAL  (-22)
#define VMAPI_CALL_ENOTSUP (-95)   /* make the access itself */
#define VMAPI_CALL_ENOSYS  (-1000) /* no such call */

/* Most arguments, and results. */
#define VMAPI_CALL_ARGS	   9
#define VMAPI_CALL_RESULTS 10

/*
 * What tells a guest how to call: 32 bytes, numbers little-endian, wherever
 * the application puts them (a property of the device tree, a place in RAM).
 * On x86 CPUID has it: below.
 */
#define VMAPI_CALLS_BYTES   32
#define VMAPI_CALLS_MAGIC   0 /* 8 bytes: "vmapical" */
#define VMAPI_CALLS_VERSION 8 /* 4 bytes: VMAPI_CALL_VERSION_1 */
#define VMAPI_CALLS_WAYS    12 /* 4 bytes: VMAPI_CALL_VMCALL ... */
#define VMAPI_CALLS_PORT    16 /* 4 bytes */
#define VMAPI_CALLS_ZERO    20 /* 4 bytes */
#define VMAPI_CALLS_PAGE    24 /* 8 bytes: guest-physical */

#define VMAPI_CALLS_MAGIC_BYTES "vmapical"

/*
 * The leaf of CPUID with EBX, ECX, EDX "vmapi calls." is one of 40000000H,
 * 40000100H ... 4000ff00H.  The one after it: EAX the ways, EBX the port,
 * ECX and EDX the page's low and high half.
 */
#define VMAPI_CALLS_LEAF_FIRST 0x40000000u
#define VMAPI_CALLS_LEAF_LAST  0x4000ff00u
#define VMAPI_CALLS_LEAF_STEP  0x100u
#define VMAPI_CALLS_LEAF_EBX   0x70616d76u
#define VMAPI_CALLS_LEAF_ECX   0x61632069u
#define VMAPI_CALLS_LEAF_EDX   0x2e736c6cu

#endif
