/* SPDX-License-Identifier: MIT */
/* Register batches: tag and value, any number, one status each. */
#ifndef VMAPI_REGS_H
#define VMAPI_REGS_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi_vcpu;

/*
 * A tag is 64 bits.  Where the kernel has an id for the register (KVM's
 * ONE_REG), the tag is that id; else it is the library's, under a type that
 * the kernel reserves.  Bits 55:52 are the log2 of the size in bytes, or
 * VMAPI_REG_SIZE_VARIABLE.  Tags are in the header of their architecture:
 * <vmapi/x86.h> and so on.
 */
#define VMAPI_REG_SIZE_SHIFT	52
#define VMAPI_REG_SIZE_VARIABLE 0xfull

/* Attributes of a register. */
#define VMAPI_REG_READONLY (1u << 0) /* cannot be set from outside */
#define VMAPI_REG_VARLEN   (1u << 1) /* its size is found by asking */
#define VMAPI_REG_VOLATILE (1u << 2) /* changes by itself */
#define VMAPI_REG_STRUCT   (1u << 3) /* a struct or an area, not an integer */

struct vmapi_reg_info {
	uint32_t size;
	uint32_t attributes; /* VMAPI_REG_ */
	uint64_t tag;
	uint32_t set;	     /* the tag's type, as its header has it */
	uint32_t number;     /* within the set */
	uint64_t bytes;	     /* of the value, on this vcpu */
	char name[24];	     /* "rax", "msr_c0000080" */
};

/*
 * One entry of a batch.  The value is at `data`, `bytes` long, or in `value`
 * where data is NULL (registers of up to 8 bytes).  Values are in host byte
 * order; structs and areas are laid out as the architecture's header says.
 */
struct vmapi_reg {
	uint64_t tag;
	uint64_t value;
	void *data;
	uint32_t bytes;	/* of data; get: room; out: bytes of the register */
	int32_t status; /* out: 0 or -errno of this entry */
};

/* Flags of the two calls below. */
#define VMAPI_REGS_ALL_OR_NOTHING (1u << 0)

/*
 * Get or set `n` registers.  Every entry gets a status and *done (may be
 * NULL) is how many are 0.  The call returns 0 when all are, else the status
 * of the first failed entry.  Without VMAPI_REGS_ALL_OR_NOTHING the others
 * are got or set all the same; with it a failing set leaves every register
 * as it was.
 *
 * A set is applied in this order whatever the caller's: CPUID; XCR0; control
 * registers, EFER and segments; general registers; x87, SSE and XSAVE; MSRs
 * (the TSC before TSC_DEADLINE); the local APIC before TSC_DEADLINE; nested
 * state; debug registers; MP state; events last.  Each kernel block is read
 * and written once.  Two entries of one tag: the later wins.
 *
 *   -ENOENT   no such register on this vcpu
 *   -EINVAL   a value that the processor refuses
 *   -ENOSPC   `bytes` is too small; it now holds the size needed
 *   -EPERM    set of a read-only register
 *   -EBUSY    the vcpu runs, or has an exit that was not answered
 *
 * Vcpu not running.  Since 0.1.
 */
VMAPI_API int vmapi_regs_get(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs,
	size_t n, size_t *done, unsigned flags);
VMAPI_API int vmapi_regs_set(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs,
	size_t n, size_t *done, unsigned flags);

/*
 * All tags of a vcpu in ascending order, in the manner of vmapi_probe(): at
 * most n are written, *count is how many there are.  Since 0.1.
 */
VMAPI_API int vmapi_reg_list(struct vmapi_vcpu *vcpu, uint64_t *tags,
	size_t n, size_t *count);

/* What a tag is, and the tag of a name.  -ENOENT.  Since 0.1. */
VMAPI_API int vmapi_reg_info(struct vmapi_vcpu *vcpu, uint64_t tag,
	struct vmapi_reg_info *info);
VMAPI_API int vmapi_reg_tag(struct vmapi_vcpu *vcpu, const char *name,
	uint64_t *tag);

VMAPI_DECLS_END

#endif
