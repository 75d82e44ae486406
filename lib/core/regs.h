/* SPDX-License-Identifier: MIT */
/* Register batches: blocks on their way between a backend and a caller. */
#ifndef VMI_CORE_REGS_H
#define VMI_CORE_REGS_H

#include "lib/arch/regs.h"
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
int vmi_block_load(struct vmapi_vcpu *vcpu, unsigned block,
	struct vmi_reg_block *b);
/* Make `b` hold `bytes` bytes, contents undefined. */
int vmi_block_room(struct vmi_reg_block *b, size_t bytes);
int vmi_block_copy(struct vmi_reg_block *to, const struct vmi_reg_block *from);
void vmi_block_free(struct vmi_reg_block *b);

/* Size of a block on this vcpu; -ENOENT. */
int vmi_block_size(struct vmapi_vcpu *vcpu, unsigned block,
	size_t *bytes);

/* Between an entry and a loaded block; both return the entry's status. */
int vmi_reg_extract(const struct vmi_reg_row *row, struct vmi_reg_block *b,
	struct vmapi_reg *reg);
int vmi_reg_patch(const struct vmi_reg_row *row, struct vmi_reg_block *b,
	const struct vmapi_reg *reg);
/* Whether the entry's data or value can be what the row says. */
int vmi_reg_check(struct vmapi_vcpu *vcpu, const struct vmi_reg_row *row,
	struct vmapi_reg *reg);

/* Registers that are moved by themselves, with room for their bytes. */
struct vmi_one_batch {
	struct vmi_one *ones; /* NULL: none */
	size_t n;
};

/* The register of `arch`, moved by itself, that an entry is about? */
bool vmi_reg_is_one(const struct vmi_regs_arch *arch, uint64_t tag);
/* Room for n entries of up to `bytes` bytes in all; one more; free. */
int vmi_ones_room(struct vmi_one_batch *batch, size_t n, size_t bytes);
struct vmi_one *vmi_ones_add(struct vmi_one_batch *batch, uint64_t tag);
void vmi_ones_free(struct vmi_one_batch *batch);
/* Between an entry and its register; extract returns the status. */
int vmi_one_extract(const struct vmi_one *one, struct vmapi_reg *reg);
void vmi_one_patch(struct vmi_one *one, const struct vmapi_reg *reg);
/* Bytes that a tag takes in a batch. */
size_t vmi_one_bytes(uint64_t tag);

static inline const struct vmi_regs_arch *vmi_regs_of(
	const struct vmapi_vcpu *vcpu)
{
	return vcpu->vm->ctx->be->regs_arch();
}

/* Count what succeeded; record and return the first failure. */
int vmi_regs_conclude(const struct vmi_regs_arch *arch,
	const struct vmapi_reg *regs, size_t n, size_t *done);

#endif
