/* SPDX-License-Identifier: MIT */
/* Debugging a guest from outside: steps, breakpoints, watchpoints. */
#ifndef VMAPI_DEBUG_H
#define VMAPI_DEBUG_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi_vcpu;

/*
 * Exit after each instruction; a repeated one: after each of its elements.
 * Where an exception or interrupt is delivered: before its handler's first
 * instruction, but a kernel that steps by the guest's trap flag loses sight
 * of the guest there, until the handler returns.
 */
#define VMAPI_DEBUG_STEP      (1u << 0)
/*
 * The breakpoint instruction exits instead of being executed.  The
 * application has put it into guest memory: x86 INT3, one byte; arm64 BRK;
 * riscv EBREAK or C.EBREAK; ppc what the register debug_inst holds; s390
 * DIAGNOSE 0x501, four bytes.
 */
#define VMAPI_DEBUG_SOFTWARE  (1u << 1)
/*
 * No interrupt and no NMI is delivered meanwhile, but one that
 * vmapi_vcpu_interrupt() queued.
 */
#define VMAPI_DEBUG_BLOCK_IRQ (1u << 2)
/*
 * Once: what the last VMAPI_EXIT_DEBUG stopped for is the guest's own and is
 * delivered to it.
 */
#define VMAPI_DEBUG_INJECT    (1u << 3)

enum vmapi_point_kind {
	VMAPI_POINT_EXEC = 0,  /* before an instruction at the address */
	VMAPI_POINT_WRITE = 1, /* after a write of any of the bytes */
	VMAPI_POINT_READ = 2,  /* after a read */
	VMAPI_POINT_ACCESS = 3 /* after either */
};

/* A breakpoint or watchpoint of the processor's. */
struct vmapi_debug_point {
	/* linear or virtual; a multiple of `bytes`, of the instruction's unit */
	uint64_t address;
	uint32_t kind;	  /* enum vmapi_point_kind */
	uint32_t bytes;	  /* 1, 2, 4 or 8; VMAPI_POINT_EXEC: 0 */
};

struct vmapi_debug {
	uint32_t size;
	uint32_t flags; /* VMAPI_DEBUG_ */
	uint32_t n_points;
	uint32_t reserved;
	const struct vmapi_debug_point *points; /* copied by the call */
};

/*
 * Debug the guest of this vcpu: all that is asked for, in place of what was
 * asked for before.  NULL, or no flags and no points: nothing.  Stops are
 * VMAPI_EXIT_DEBUG.  A run that begins at an execution point where the last
 * one stopped goes past it.
 *
 *   -EINVAL   an unknown flag or kind; a size that is none of the above; an
 *             address that is no multiple of it
 *   -ENOTSUP  a flag or kind that VMAPI_CAP_DEBUG lacks, or that the
 *             processor cannot do (x86: VMAPI_POINT_READ; s390: that and
 *             VMAPI_POINT_ACCESS)
 *   -ENOSPC   more points than VMAPI_CAP_BREAKPOINTS and
 *             VMAPI_CAP_WATCHPOINTS say
 *   -EBUSY    it runs, or its last exit wants an answer; to inject: the
 *             guest has an exception pending
 *
 * Vcpu not running.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_debug(struct vmapi_vcpu *vcpu,
	const struct vmapi_debug *debug);

VMAPI_DECLS_END

#endif
