/* SPDX-License-Identifier: MIT */
/* Operations: what decoding makes of instructions, and how one follows another. */
#ifndef VMI_SOFT_OP_H
#define VMI_SOFT_OP_H

#include "lib/soft/cpu.h"

/*
 * An instruction becomes one operation or a few; a block is an array of them
 * that starts with an `enter` and ends with one that leaves.  An operation
 * says what is done to which operands and names no host register or address,
 * so that something else than the handlers can read it: the dump does, and a
 * code generator could.
 *
 * Handlers call each other.  With VMI_CHAIN the compiler turns
 * `return vmi_next(c, op, acc)` into a jump and the stack stays flat: for that, a
 * handler has no address-taken local, and slow paths are functions of their
 * own.  Without it vmi_next() only returns the operation and a loop in run.c
 * calls it.  Nothing else differs.
 */
typedef const struct vmi_op *vmi_handler(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc);

/*
 * One operation has several handlers, alike but for where operands come from.
 * What an operation leaves in a register it also hands to the next handler,
 * in `acc`: reading it there takes no time, while reading a register that
 * was just written waits for the store.  Most addresses are one register and
 * a displacement.  NULL: there is no such handler.
 */
struct vmi_forms {
	vmi_handler *any;
	vmi_handler *a, *b; /* the first, the second operand is in acc */
	vmi_handler *p, *pa; /* plain address; and its register is in acc */
};

/* Where the operands of a value operation are; destination first. */
enum vmi_shape {
	VMI_RR, /* reg, base */
	VMI_RI, /* reg, imm */
	VMI_RM, /* reg, memory */
	VMI_MR, /* memory, reg */
	VMI_MI, /* memory, imm */
	VMI_SHAPES
};

#define VMI_OPF_MEM   0x01u /* base, index, scale, disp are an address */
#define VMI_OPF_LOCK  0x02u
#define VMI_OPF_IP16  0x02u /* of a branch: the target is cut to 16 bits */
#define VMI_OPF_REP   0x04u /* F3 */
#define VMI_OPF_REPNE 0x08u /* F2 */
#define VMI_OPF_SEG   0x70u /* the segment, for strings and #SS */
#define VMI_OPF_LIVE  0x80u /* somebody looks at the flags it writes */

#define VMI_CODE_HELPER 0x4000u /* all of the instruction, as its function */
#define VMI_CODE_ENDS	0x2000u /* which may change everything: the last one */
#define VMI_CODE_EXEC	0x1fffu

struct vmi_op {
	vmi_handler *run;
	uint64_t imm;
	int32_t disp;
	uint16_t code; /* VMI_EXEC_ with VMI_CODE_, or VMI_INNER_ */
	uint16_t ip;   /* of the instruction, from the block's first */
	uint8_t reg;
	uint8_t base; /* or the register of an r/m operand */
	uint8_t index;
	uint8_t scale;
	uint8_t size; /* low: log2 of operand bytes; high: shape, or log2 of
			 address bytes */
	uint8_t bits; /* VMI_OPF_ */
	uint8_t n;    /* instructions of the block before this one */
	uint8_t len;  /* of the instruction */
};

/* Operations that are no instruction. */
enum {
	VMI_INNER_ENTER = 0x8000, /* imm: instructions in the block */
	VMI_INNER_EA,	 /* T0 = checked linear address; imm: size, access */
	VMI_INNER_GETHI, /* reg = bits 15:8 of base */
	VMI_INNER_PUTHI, /* bits 15:8 of reg = base */
	VMI_INNER_CONST, /* reg = imm */
	VMI_INNER_END,   /* the block ends in the middle of nowhere */
	VMI_INNER_FAULT, /* imm: #UD or #GP of decoding; reg: tell the log */
	VMI_INNER_CMPJCC, /* compare and jump; see fuse.c */
	VMI_INNER_USABLE, /* #NM and its like, before the limit; reg: why */
	VMI_INNER_BRIDGE, /* the instruction ends in the next page: bridge.c */
	VMI_INNER_LINKS	 /* not executed: the links of the branch before */
};

/* After a branch: where its two ways lead, NULL until first taken. */
struct vmi_links {
	const struct vmi_op *to[2];
	/* In the list of links to that block; or that none will be made. */
	uintptr_t next[2];
};

#define VMI_LINK_NEVER ((uintptr_t)-1)

/*
 * Whether the operation is a direct branch, whose links lie behind it: bytes
 * that are no operation.  Branches through a register name it in `base`.
 */
static inline bool vmi_op_has_links(const struct vmi_op *op)
{
	if (op->code == VMI_INNER_CMPJCC)
		return true;
	return (op->code == VMI_EXEC_jcc || op->code == VMI_EXEC_jmp ||
		op->code == VMI_EXEC_call) && op->base == VMI_R_ZERO;
}

static inline unsigned vmi_op_exec(const struct vmi_op *op)
{
	return op->code & VMI_CODE_EXEC;
}

static vmi_inline unsigned vmi_op_size(const struct vmi_op *op)
{
	return 1u << (op->size & 15);
}

static vmi_inline unsigned vmi_op_asize(const struct vmi_op *op)
{
	return 1u << (op->size >> 4);
}

static vmi_inline unsigned vmi_op_seg(const struct vmi_op *op)
{
	return (op->bits & VMI_OPF_SEG) >> 4;
}

/* Go on with an operation, to which the one before leaves `acc`. */
static vmi_inline const struct vmi_op *vmi_goto(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
#if VMI_CHAIN
	return op->run(c, op, acc);
#else
	c->acc = acc;
	return op;
#endif
}

static vmi_inline const struct vmi_op *vmi_next(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return vmi_goto(c, vmi_same(op + 1), acc);
}

/* The linear address of the memory operand. */
static vmi_inline uint64_t vmi_ea(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return (c->r[op->base] + (c->r[op->index] << op->scale) +
		(uint64_t)(int64_t)op->disp) & c->amask;
}

/* The same where it is `base` and `disp` alone and all 64 bits count. */
static vmi_inline uint64_t vmi_ea_plain(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return c->r[op->base] + (uint64_t)(int64_t)op->disp;
}

/* ... and that register is in acc. */
static vmi_inline uint64_t vmi_ea_acc(const struct vmi_op *op, uint64_t acc)
{
	return acc + (uint64_t)(int64_t)op->disp;
}

/* RIP of the instruction, and of the next one. */
static vmi_inline uint64_t vmi_op_rip(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return c->r[VMI_R_BLOCK] + op->ip;
}

static vmi_inline uint64_t vmi_op_next_rip(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return c->r[VMI_R_BLOCK] + op->ip + op->len;
}

#endif
