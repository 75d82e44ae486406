/* SPDX-License-Identifier: MIT */
/* What the x87 instructions have in common. */
#ifndef VMI_SOFT_X87_H
#define VMI_SOFT_X87_H

#include "lib/soft/operand.h"
#include "lib/soft/value.h"

/*
 * An x87 instruction is one struct vmi_x87 from vmi_x87_begin() to
 * vmi_x87_end().  In between it
 *
 *   reads memory, which may fault,
 *   computes, whereby exceptions gather in env.flags,
 *   asks vmi_x87_ok() whether an unmasked one forbids the result,
 *   writes memory, which may fault,
 *   and only then changes registers, tags and TOP;
 *
 * vmi_x87_end() merges the flags into the status word and remembers where the
 * instruction and its operand were.  So whatever faults has changed nothing.
 *
 * A stack fault is an invalid operation with SF set and C1 telling its
 * direction (SDM 1 8.5.1.1): vmi_x87_missing() and vmi_x87_full() note it and
 * return the indefinite that a masked response puts in the result's place.
 */
struct vmi_x87 {
	struct vmi_cpu *c;
	const struct vmi_op *op;
	struct vmi_fpenv env;
	uint16_t codes; /* the condition codes it defines; C1 to begin with */
};

/* Bits of the status word that are no exception of fp.h. */
#define VMI_X87_SF    0x0040u
#define VMI_X87_ES    0x0080u
#define VMI_X87_B     0x8000u
#define VMI_X87_TOP   0x3800u
#define VMI_X87_FLAGS 0x003fu
#define VMI_X87_CODES (VMI_FP_C0 | VMI_FP_C1 | VMI_FP_C2 | VMI_FP_C3)

#define VMI_X87_CONTROL_INIT 0x037fu

#define VMI_MISC_ENABLE_FOPCODE 4u /* IA32_MISC_ENABLE, bit 2 */

enum { VMI_X87_VALID, VMI_X87_IS_ZERO, VMI_X87_SPECIAL, VMI_X87_EMPTY };

/* Operands in memory. */
enum vmi_x87_kind {
	VMI_X87_F32,
	VMI_X87_F64,
	VMI_X87_I16,
	VMI_X87_I32,
	VMI_X87_I64
};

/* -- Instructions: x87_state.c ------------------------------------------- */

/* #NM, then #MF for what is pending. */
void vmi_x87_begin(
	struct vmi_x87 *x, struct vmi_cpu *c, const struct vmi_op *op);
/* Those checks alone; the first one alone. */
void vmi_x87_wait(struct vmi_cpu *c);
void vmi_x87_available(struct vmi_cpu *c);
/* No unmasked exception forbids the result. */
bool vmi_x87_ok(struct vmi_x87 *x);
void vmi_x87_end(struct vmi_x87 *x);

/* Note a stack fault: an empty source, a destination that is not. */
struct vmi_f80 vmi_x87_missing(struct vmi_x87 *x);
struct vmi_f80 vmi_x87_full(struct vmi_x87 *x);

/* -- The stack; i counts from the top ------------------------------------ */

static inline unsigned vmi_x87_physical(const struct vmi_cpu *c, unsigned i)
{
	return (c->fpu.top + i) & 7;
}

static inline bool vmi_x87_empty(const struct vmi_cpu *c, unsigned i)
{
	return !(c->fpu.full >> vmi_x87_physical(c, i) & 1);
}

static inline struct vmi_f80 vmi_x87_get(const struct vmi_cpu *c, unsigned i)
{
	return c->fpu.st[vmi_x87_physical(c, i)];
}

static inline void vmi_x87_set(struct vmi_cpu *c, unsigned i,
	struct vmi_f80 v)
{
	unsigned n = vmi_x87_physical(c, i);

	c->fpu.st[n] = v;
	c->fpu.full |= (uint8_t)(1u << n);
}

static inline void vmi_x87_push(struct vmi_cpu *c, struct vmi_f80 v)
{
	c->fpu.top = (c->fpu.top - 1) & 7;
	vmi_x87_set(c, 0, v);
}

static inline void vmi_x87_free(struct vmi_cpu *c, unsigned i)
{
	c->fpu.full &= (uint8_t)~(1u << vmi_x87_physical(c, i));
}

static inline void vmi_x87_pop(struct vmi_cpu *c)
{
	vmi_x87_free(c, 0);
	c->fpu.top = (c->fpu.top + 1) & 7;
}

/* Bits 2:0 of the number: an x87 operand knows no REX. */
static inline unsigned vmi_x87_sti(const struct vmi_op *op)
{
	return op->base & 7;
}

/* -- Where the last instruction and its operand were ---------------------- */

/* The operand's offset in its segment. */
static vmi_inline uint64_t vmi_x87_data_offset(const struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned seg = vmi_op_seg(op), bytes = vmi_op_asize(op);
	bool based = c->mode != 64 || seg == VMI_FS || seg == VMI_GS;
	uint64_t offset = vmi_ea(c, op);

	if (based)
		offset -= c->r[VMI_R_SEG + seg];
	return bytes == 8 ? offset : offset & ((1ull << bytes * 8) - 1);
}

/*
 * SDM 1 8.1.8 and 8.1.9.1: the last opcode is that of the last instruction
 * with an unmasked exception, except in the fopcode compatibility mode.  An
 * instruction without an operand in memory leaves the data pointer.
 */
static vmi_inline void vmi_x87_remember(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	c->fpu.ip = vmi_op_rip(c, op);
	c->fpu.cs = c->seg[VMI_CS].selector;
	if (op->bits & VMI_OPF_MEM) {
		c->fpu.dp = vmi_x87_data_offset(c, op);
		c->fpu.ds = c->seg[vmi_op_seg(op)].selector;
	}
	if ((c->fpu.status & VMI_X87_ES) ||
		(c->misc_enable & VMI_MISC_ENABLE_FOPCODE))
		c->fpu.opcode = op->imm & 0x7ff;
}

/* -- Words --------------------------------------------------------------- */

/* The tag word. */
uint16_t vmi_x87_tags(const struct vmi_cpu *c);
uint16_t vmi_x87_status(const struct vmi_cpu *c);
/* ES and B of the flags and masks there are. */
void vmi_x87_summarise(struct vmi_cpu *c);
void vmi_x87_set_control(struct vmi_cpu *c, uint16_t control);
void vmi_x87_set_status(struct vmi_cpu *c, uint16_t status);
void vmi_x87_set_tags(struct vmi_cpu *c, uint16_t tags);
void vmi_x87_init(struct vmi_cpu *c);

/* Ten bytes; written after a check of all of them. */
struct vmi_f80 vmi_x87_read80(struct vmi_cpu *c, uint64_t linear);
void vmi_x87_write80(struct vmi_cpu *c, uint64_t linear, struct vmi_f80 v);

/* The integer or real in memory, as an integer or its bits. */
uint64_t vmi_x87_read(struct vmi_x87 *x, enum vmi_x87_kind kind);

#endif
