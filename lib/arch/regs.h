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

#define VMI_BLOCKS_MAX 24 /* blocks of any architecture */

struct vmi_regs_arch {
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
	/* Whether a tag without a row may be asked of the backend. */
	bool (*is_one)(uint64_t tag);
	unsigned (*one_class)(uint64_t tag);
	/* Set and number of a tag of the kernel's. */
	void (*split)(uint64_t tag, uint32_t *set, uint32_t *number);
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

/* Bytes of the register of a tag; 0: the tag does not say. */
size_t vmi_tag_bytes(uint64_t tag);
/* Bits 39:32 of a tag of the library's; 0: it is the kernel's. */
unsigned vmi_tag_type(uint64_t tag);

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
