/* SPDX-License-Identifier: MIT */
/*
 * Lowering: one instruction into operations, between the files that do it.
 *
 * translate.c drives; lower_value.c, lower_branch.c and lower_helper.c emit;
 * lower_operand.c says what and where operands are, lower_address.c makes
 * addresses of them.
 */
#ifndef VMI_SOFT_LOWER_H
#define VMI_SOFT_LOWER_H

#include "lib/soft/engine.h"
#include "lib/soft/translate.h"

/* What decoding knows of an operation and the backward pass needs. */
struct note {
	const struct vmi_value *value; /* handlers to choose from, or NULL */
	const struct vmi_forms *forms; /* of them, for this place, or NULL */
	uint16_t reads, sets, kills; /* VMI_F_ */
	bool sees; /* may fault or exit: all flags are seen */
	/* Registers, or VMI_NOREG: what `forms` takes as its a and b ... */
	uint8_t a, b;
	uint8_t makes; /* ... what it leaves in acc, all of the register */
	bool passes; /* it leaves in acc what was there */
};

struct builder {
	struct vmi_cpu *c;
	struct vmi_codeblock *block;
	struct vmi_insn insn;
	unsigned n_ops, n_insns;
	uint16_t ip;
	bool ended;
	struct note notes[VMI_BLOCK_OPS];
};

/* The fields of an address, before they are put into an operation. */
struct address {
	uint8_t base, index, scale;
	int32_t disp;
};

static inline uint8_t vmi_log2(unsigned bytes)
{
	return (uint8_t)vmi_ctz(bytes ? bytes : 1);
}

static inline uint8_t vmi_reg_or_zero(uint8_t reg)
{
	return reg == VMI_NOREG ? VMI_R_ZERO : reg;
}

static inline struct note *vmi_lower_note(struct builder *b,
	const struct vmi_op *op)
{
	return &b->notes[op - b->block->ops];
}

/* A new operation of the current instruction, all else zero. */
struct vmi_op *vmi_lower_emit(struct builder *b, unsigned code,
	vmi_handler *run);

/*
 * Emit a value operation, or a near branch or stack operation: false where
 * no handler fits, so that the helper has to do.
 */
bool vmi_lower_value(struct builder *b);
bool vmi_lower_branch(struct builder *b);
/* The instruction as a call of its helper; `ends`: the block with it. */
void vmi_lower_helper(struct builder *b, bool ends);
/* The same of a table; `a` is the register that its form a takes. */
struct vmi_op *vmi_lower_emit_forms(struct builder *b, unsigned code,
	const struct vmi_forms *forms, uint8_t a);
/* Room for the ways of the branch just emitted, which ends the block. */
void vmi_lower_links(struct builder *b);

/* -- Operands, by number: lower_operand.c -------------------------------- */

bool vmi_operand_is_memory(const struct vmi_insn *i, unsigned n);
bool vmi_operand_is_imm(const struct vmi_insn *i, unsigned n);
/* The one in memory, or -1. */
int vmi_operand_memory(const struct vmi_insn *i);
/* Bytes of it, for its limit check; and VMI_MEM_READ or _WRITE. */
unsigned vmi_operand_memory_bytes(const struct vmi_insn *i, unsigned n);
unsigned vmi_operand_access(const struct vmi_insn *i, int n);
/* Whether its helper checks it, since not all of it may be touched. */
bool vmi_operand_unchecked(const struct vmi_insn *i);
/* Its register as the instruction numbers it, or VMI_NOREG. */
uint8_t vmi_operand_number(const struct vmi_insn *i, unsigned n);
/* Its register as operations number it: AH to BH are copied to T1 or T2... */
uint8_t vmi_operand_register(struct builder *b, unsigned n);
/* ... and back, after the operation; or those that it has written. */
void vmi_operand_put_back(struct builder *b, unsigned n);
void vmi_operand_put_back_written(struct builder *b);
/* log2 of operand 1's bytes; the bytes that a helper is told. */
uint8_t vmi_operand_log2(const struct vmi_insn *i);
unsigned vmi_operand_helper_bytes(const struct vmi_insn *i);

/* -- Addresses: lower_address.c ------------------------------------------ */

void vmi_address_set(struct vmi_op *op, const struct address *a);
/* Base, index, scale and displacement as encoded. */
struct address vmi_address_raw(const struct builder *b);
/* T0 = the address, by vmi_h_ea or vmi_h_ea_check; then T0 + index. */
struct vmi_op *vmi_address_ea(struct builder *b, const struct address *a,
	vmi_handler *run);
struct address vmi_address_after_ea(uint8_t index);
/* The linear address of the memory operand; the same without checks. */
struct address vmi_address_resolve(struct builder *b, unsigned bytes,
	unsigned access);
struct address vmi_address_unchecked(struct builder *b);

#endif
