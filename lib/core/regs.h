/* SPDX-License-Identifier: MIT */
/* Register batches: blocks on their way between a backend and a caller. */
#ifndef VMI_CORE_REGS_H
#define VMI_CORE_REGS_H

#include "lib/arch/x86_regs.h"
#include "lib/core/backend.h"

#define VMI_SMALL_BLOCK 384 /* bytes: all but XSAVE, LAPIC and CPUID */

/* A block in our memory: in `small` where it fits, so that the usual batch
 * allocates nothing. */
struct vmi_reg_block {
	uint8_t *data; /* NULL: not loaded */
	size_t bytes;
	uint64_t small[VMI_SMALL_BLOCK / 8];
};

/*
 * Read a block.  -ENOENT: this vcpu has no such block; else as the backend
 * says.  Loaded blocks are to be freed.
 */
int vmi_block_load(struct vmapi_vcpu *vcpu, enum vmi_block block,
	struct vmi_reg_block *b);
/* Make `b` hold `bytes` bytes, contents undefined. */
int vmi_block_room(struct vmi_reg_block *b, size_t bytes);
int vmi_block_copy(struct vmi_reg_block *to, const struct vmi_reg_block *from);
void vmi_block_free(struct vmi_reg_block *b);

/* Size of a block on this vcpu; -ENOENT. */
int vmi_block_size(struct vmapi_vcpu *vcpu, enum vmi_block block,
	size_t *bytes);

/* Between an entry and a loaded block; both return the entry's status. */
int vmi_reg_extract(const struct vmi_reg_row *row, struct vmi_reg_block *b,
	struct vmapi_reg *reg);
int vmi_reg_patch(const struct vmi_reg_row *row, struct vmi_reg_block *b,
	const struct vmapi_reg *reg);
/* Whether the entry's data or value can be what the row says. */
int vmi_reg_check(struct vmapi_vcpu *vcpu, const struct vmi_reg_row *row,
	struct vmapi_reg *reg);

/* The 8 bytes of an MSR's entry. */
int vmi_reg_extract_u64(struct vmapi_reg *reg, uint64_t value);
uint64_t vmi_reg_u64(const struct vmapi_reg *reg);

/* Count what succeeded; record and return the first failure. */
int vmi_regs_conclude(const struct vmapi_reg *regs, size_t n, size_t *done);

#endif
