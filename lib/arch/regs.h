/* SPDX-License-Identifier: MIT */
/* What an architecture's registers are to core: two tables and an order. */
/*
 * A register is either a part of a block, which a kernel moves as a whole, or
 * one that is moved by itself, by its tag.  Blocks have rows that say where in
 * the block a register lies.  The others are what the backend lists; their
 * rows give them names, and those without a row are named by their tag.
 */
#ifndef VMI_ARCH_REGS_H
#define VMI_ARCH_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmapi/regs.h>

/* XSAVE components that a register is a part of; also XSTATE_BV bits. */
enum vmi_xsave_view {
	VMI_VIEW_NONE = 0,
	VMI_VIEW_X87 = 1,
	VMI_VIEW_SSE = 2,
	VMI_VIEW_BOTH = 3
};

/* A register in a block. */
struct vmi_reg_row {
	const char *name;
	uint64_t tag;
	uint32_t block; /* the architecture's own numbering */
	uint32_t offset;
	uint32_t bytes; /* 0: the whole block, whose size is asked for */
	uint32_t attributes;
	enum vmi_xsave_view view; /* x86 only */
};

/* A register that is moved by itself. */
struct vmi_one_row {
	const char *name;
	uint64_t tag;
	uint32_t attributes;
};

/* Batches that set go through these, first to last. */
struct vmi_reg_step {
	bool is_block;
	unsigned which; /* a block, or a class that `one_class` gives */
};

enum vmi_reg_role {
	VMI_ROLE_STATE,
	VMI_ROLE_FEATURE, /* it tells what the processor is */
	VMI_ROLE_ALIAS	  /* another register shows the same */
};

#define VMI_BLOCKS_MAX	24 /* blocks of any architecture */
#define VMI_CLASSES_MAX 8  /* and classes */

struct vmi_regs_arch {
	uint32_t machine; /* as ELF numbers architectures: EM_ */
	const struct vmi_reg_row *rows; /* in ascending order of tag */
	size_t n_rows;
	const struct vmi_one_row *ones; /* in ascending order of tag */
	size_t n_ones;
	const struct vmi_reg_step *steps;
	size_t n_steps;
	/* Blocks whose reading changes others, so that it comes first. */
	uint32_t read_first; /* 1 << block */
	/* Blocks that a set may make longer or shorter, and by which unit. */
	uint32_t resizable; /* 1 << block */
	uint32_t unit;
	uint32_t may_be_empty; /* 1 << block: of those */
	/*
	 * By block, the words of 8 bytes that its rows name, where zeros are
	 * what is in the others: a set of all of them needs nothing read.  0:
	 * not so.  NULL: of no block.
	 */
	const uint64_t *words;
	/* Tags of the kernel's: bits 63:56; where their set and number are. */
	uint8_t kernel;
	uint8_t set_shift;
	uint32_t set_mask;
	uint32_t number_mask;
	/* Which of those may be asked of the backend; NULL: all. */
	bool (*is_one)(uint64_t tag);
	unsigned (*one_class)(uint64_t tag); /* NULL: all are of class 0 */
	uint64_t first_one; /* the tag that comes first in its class, or 0 */
	/* What a register is to a saved state; NULL: they all are state. */
	enum vmi_reg_role (*role)(uint64_t tag);
	/*
	 * Whether a value, in little-endian bytes, is what a register has after
	 * a reset, so that a processor without it is the same.  Besides zeros.
	 */
	bool (*at_rest)(uint64_t tag, const uint8_t *value, size_t n);
	/*
	 * Why no processor can be as a block says, in words, or NULL: it can,
	 * as far as the block alone tells.  Optional.
	 */
	const char *(*refusal)(unsigned block, const void *data);
	/* Names for those without a row; optional.  false: no such name. */
	bool (*name_of)(uint64_t tag, char *name, size_t room);
	bool (*tag_of)(const char *name, uint64_t *tag);
};

extern const struct vmi_regs_arch vmi_x86_regs_arch;
extern const struct vmi_regs_arch vmi_arm64_regs_arch;
extern const struct vmi_regs_arch vmi_ppc_regs_arch;
extern const struct vmi_regs_arch vmi_s390_regs_arch;
extern const struct vmi_regs_arch vmi_riscv_regs_arch;

/* The steps of a batch are at most so many. */
#define VMI_STEPS_MAX 24

/* The tables of an architecture, as its initialiser names them. */
#define VMI_REGS_TABLES(rows_, ones_, steps_)                                  \
	.rows = rows_, .n_rows = vmi_array_len(rows_), .ones = ones_,          \
	.n_ones = vmi_array_len(ones_), .steps = steps_,                       \
	.n_steps = vmi_array_len(steps_)

/* Bytes of the register of a tag; 0: the tag does not say. */
static inline size_t vmi_tag_bytes(uint64_t tag)
{
	unsigned log2 = tag >> VMAPI_REG_SIZE_SHIFT & 0xf;

	return log2 == VMAPI_REG_SIZE_VARIABLE ? 0 : (size_t)1 << log2;
}

/* Bits 39:32 of a tag of the library's; 0: it is the kernel's. */
unsigned vmi_tag_type(uint64_t tag);

/* Whether a tag without a row may be asked of the backend; its class. */
static inline bool vmi_tag_is_one(
	const struct vmi_regs_arch *arch, uint64_t tag)
{
	if (arch->is_one)
		return arch->is_one(tag);
	return tag >> 56 == arch->kernel && !vmi_tag_type(tag);
}

static inline unsigned vmi_tag_class(
	const struct vmi_regs_arch *arch, uint64_t tag)
{
	return arch->one_class ? arch->one_class(tag) : 0;
}

/* The first row whose tag is not less. */
size_t vmi_reg_lower(const struct vmi_regs_arch *arch, uint64_t tag);
/* NULL: no such row. */
const struct vmi_reg_row *vmi_reg_row(
	const struct vmi_regs_arch *arch, uint64_t tag);
const struct vmi_reg_row *vmi_reg_row_named(
	const struct vmi_regs_arch *arch, const char *name);
const struct vmi_one_row *vmi_one_row(
	const struct vmi_regs_arch *arch, uint64_t tag);

/* The name of a register that is moved by itself, and the way back. */
void vmi_one_name(const struct vmi_regs_arch *arch, uint64_t tag, char *name,
	size_t room);
bool vmi_one_tag(
	const struct vmi_regs_arch *arch, const char *name, uint64_t *tag);

#endif
