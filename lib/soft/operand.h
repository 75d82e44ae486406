/* SPDX-License-Identifier: MIT */
/* Operands, stack and flags, as helpers reach them. */
#ifndef VMI_SOFT_OPERAND_H
#define VMI_SOFT_OPERAND_H

#include "lib/soft/flags.h"
#include "lib/soft/mem.h"

/*
 * A helper is `void vmi_do_x(struct vmi_cpu *c, const struct vmi_op *op)`.
 * It finds in op: `reg`, the register of a G, V, P, S, C, D or Z operand;
 * `base`, the register of an E, W, Q, U, N operand when VMI_OPF_MEM is clear,
 * else vmi_ea() is the operand's linear address, segment base and limit
 * done; vmi_op_size() the operand size in bytes (that of operand 1 where
 * it has a size, else the instruction's); vmi_op_asize() the address size;
 * vmi_op_seg() the segment of the memory operand; `imm`: immediates (ENTER:
 * level << 16 | bytes; far pointers: offset in `imm`, selector in `disp`);
 * byte registers AH-BH come as VMI_R_T1 / T2 and are put back afterwards, so
 * a helper sees every byte operand in bits 7:0.  c->op is op.
 *
 * Value operations, MOVBE, IN and OUT come in several shapes, so their
 * helpers are told which by vmi_form() below, kept in bits 5:2 of `scale`:
 *
 *   scale = address scale | vmi_form_of(insn) << 2
 *   size  = log2(vmi_form_bytes(insn)) | log2(address bytes) << 4
 *   imm   = vmi_form_imm(insn)
 *
 * A form that is not 0 and a memory operand: the address is in T0 alone
 * (base T0, index zero, scale 0), put there by an `ea` operation, since
 * vmi_ea() shifts the index by all of `scale`.  `reg` is the register of a
 * G or Z operand or, where there is neither, of the accumulator; `base` that
 * of an E operand.  CL, DX and the 1 of a shift are in no field.
 *
 * POP to memory addresses with RSP as it is after the pop (SDM 2B, POP):
 * where the address has RSP as its base, the translator adds the operand size
 * to the displacement.  Where vmi_operand_unchecked() says so, the address is
 * made without a check, and the helper asks vmi_linear_beyond() for what it
 * touches, when it touches it.  XADD of two high byte registers puts operand 2
 * back first, then operand 1.
 *
 * Nothing is written before every check of the instruction has passed.
 * vmi_raise*() do not return.  H helpers leave c->rip alone; B helpers that
 * branch set c->rip, others leave it (it is already the next instruction's).
 */

/* The operands of a row, as far as helpers tell them apart. */
enum vmi_form {
	VMI_FORM_EG = 0,
	VMI_FORM_GE = 1,
	VMI_FORM_EI = 2,
	VMI_FORM_E = 3,
	VMI_FORM_ECL = 4,
	VMI_FORM_E1 = 5,
	VMI_FORM_GEI = 6,
	VMI_FORM_EGI = 7,
	VMI_FORM_EGCL = 8,
	VMI_FORM_ZI = 9,   /* Z or accumulator, immediate; OUT: the reverse */
	VMI_FORM_ZA = 10,  /* Z, accumulator */
	VMI_FORM_Z = 11,
	VMI_FORM_I = 12,   /* an immediate or a distance alone */
	VMI_FORM_NONE = 13,
	VMI_FORM_ZD = 14   /* accumulator, DX; OUT: the reverse */
};

/* The form of a decoded instruction; 0 for rows whose helper needs none. */
unsigned vmi_form_of(const struct vmi_insn *insn);

/*
 * Bytes of operand 1; where that is an immediate, a distance or DX, of
 * operand 2 if it is a register or memory, else the operand size.  Segment
 * registers that the opcode names and far pointers: the operand size.
 */
unsigned vmi_form_bytes(const struct vmi_insn *insn);

/*
 * The immediate.  Jcc: distance << 4 | condition; SETcc, CMOVcc: condition;
 * MOVZX, MOVSX, MOVSXD, CRC32: bytes of operand 2; a shift by 1: 1; ENTER:
 * level << 16 | bytes; x87: FOP (SDM 1 figure 8-8), the low three bits of the
 * opcode above ModRM, which also tells FADD ST(0), ST(i) from its reverse.
 */
uint64_t vmi_form_imm(const struct vmi_insn *insn);

static vmi_inline unsigned vmi_form(const struct vmi_op *op)
{
	return op->scale >> 2;
}

/* A general register of 1, 2, 4 or 8 bytes; 4 zero-extends. */
static vmi_inline uint64_t vmi_reg(const struct vmi_cpu *c, unsigned n,
	unsigned bytes)
{
	return bytes == 8 ? c->r[n] :
		c->r[n] & ((1ull << (bytes * 8 & 63)) - 1);
}

static vmi_inline void vmi_reg_set(struct vmi_cpu *c, unsigned n, uint64_t v,
	unsigned bytes)
{
	if (bytes == 8)
		c->r[n] = v;
	else if (bytes == 4)
		c->r[n] = (uint32_t)v;
	else if (bytes == 2)
		c->r[n] = (c->r[n] & ~0xffffull) | (v & 0xffff);
	else
		c->r[n] = (c->r[n] & ~0xffull) | (v & 0xff);
}

/* The E operand at `bytes` wide, register or memory. */
static inline uint64_t vmi_rm(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bytes)
{
	return op->bits & VMI_OPF_MEM ? vmi_read(c, vmi_ea(c, op), bytes) :
		vmi_reg(c, op->base, bytes);
}

static inline void vmi_rm_set(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t v, unsigned bytes)
{
	if (op->bits & VMI_OPF_MEM)
		vmi_write(c, vmi_ea(c, op), v, bytes);
	else
		vmi_reg_set(c, op->base, v, bytes);
}

/* Whether operand 1 is the one in `reg`. */
static vmi_inline bool vmi_form_reg_first(unsigned form)
{
	return form == VMI_FORM_GE || form == VMI_FORM_GEI ||
		(form >= VMI_FORM_ZI && form <= VMI_FORM_Z) ||
		form == VMI_FORM_ZD;
}

static vmi_inline bool vmi_dst_is_memory(const struct vmi_op *op)
{
	return (op->bits & VMI_OPF_MEM) && !vmi_form_reg_first(vmi_form(op));
}

/*
 * Operand 1 of a general form.  `access`: VMI_MEM_WRITE when it is written
 * afterwards, so that it faults before anything has changed.
 */
static inline uint64_t vmi_dst(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bytes, unsigned access)
{
	if (vmi_form_reg_first(vmi_form(op)))
		return vmi_reg(c, op->reg, bytes);
	if (!(op->bits & VMI_OPF_MEM))
		return vmi_reg(c, op->base, bytes);
	return access == VMI_MEM_WRITE ?
		vmi_read_rmw(c, vmi_ea(c, op), bytes) :
		vmi_read(c, vmi_ea(c, op), bytes);
}

static inline void vmi_dst_set(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t v, unsigned bytes)
{
	if (vmi_form_reg_first(vmi_form(op)))
		vmi_reg_set(c, op->reg, v, bytes);
	else
		vmi_rm_set(c, op, v, bytes);
}

/* Operand 2 at `bytes` wide, immediates truncated to that. */
static inline uint64_t vmi_src(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bytes)
{
	uint64_t mask = bytes == 8 ? ~0ull : (1ull << (bytes * 8 & 63)) - 1;

	switch (vmi_form(op)) {
	case VMI_FORM_EG:
	case VMI_FORM_EGI:
	case VMI_FORM_EGCL:
		return vmi_reg(c, op->reg, bytes);
	case VMI_FORM_GE:
	case VMI_FORM_GEI:
		return vmi_rm(c, op, bytes);
	case VMI_FORM_ECL:
		return c->r[VMI_RCX] & 0xff;
	case VMI_FORM_ZA:
		return c->r[VMI_RAX] & mask;
	case VMI_FORM_ZD:
		return c->r[VMI_RDX] & mask;
	case VMI_FORM_E1:
		return 1;
	default:
		return op->imm & mask;
	}
}

/* Operand 1 alone, read only: E, Z or an immediate. */
static inline uint64_t vmi_only(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bytes)
{
	return vmi_form(op) == VMI_FORM_I ? vmi_src(c, op, bytes) :
		vmi_dst(c, op, bytes, VMI_MEM_READ);
}

/*
 * A segmented address: limit, type, null and canonical checks of an access
 * of `bytes` at seg:offset; returns the linear address.  Raises #GP(0) or,
 * for SS, #SS(0).
 */
uint64_t vmi_linear(struct vmi_cpu *c, unsigned seg, uint64_t offset,
	unsigned bytes, unsigned access);

/*
 * Where a helper that checks by itself (vmi_operand_unchecked()) finds the
 * `bytes` that lie `delta` beyond its memory operand: wrapped at the address
 * size, and checked as vmi_linear() does outside 64-bit mode.
 */
static inline uint64_t vmi_linear_beyond(struct vmi_cpu *c, uint64_t delta,
	unsigned bytes, unsigned access)
{
	const struct vmi_op *op = c->op;
	unsigned seg = vmi_op_seg(op), asize = vmi_op_asize(op);
	uint64_t base = 0, at;

	if (c->mode != 64 || seg == VMI_FS || seg == VMI_GS)
		base = c->r[VMI_R_SEG + seg];
	at = vmi_ea(c, op) - base + delta;
	if (asize != 8)
		at &= (1ull << (8 * asize)) - 1;
	return c->mode == 64 ? at + base :
		vmi_linear(c, seg, at, bytes, access);
}

/* The E operand of such a helper. */
static inline uint64_t vmi_rm_unchecked(struct vmi_cpu *c,
	const struct vmi_op *op, unsigned bytes)
{
	return op->bits & VMI_OPF_MEM ? vmi_read(c,
		vmi_linear_beyond(c, 0, bytes, VMI_MEM_READ), bytes) :
		vmi_reg(c, op->base, bytes);
}

static inline void vmi_rm_unchecked_set(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t v, unsigned bytes)
{
	if (op->bits & VMI_OPF_MEM)
		vmi_write(c, vmi_linear_beyond(c, 0, bytes, VMI_MEM_WRITE), v,
			bytes);
	else
		vmi_reg_set(c, op->base, v, bytes);
}

/* Bytes of the stack pointer: 2, 4 or 8 (SDM 1 6.2.3). */
static inline unsigned vmi_stack_size(const struct vmi_cpu *c)
{
	return c->mode == 64 ? 8 :
		c->seg[VMI_SS].attributes & VMAPI_X86_SEG_DB ? 4 : 2;
}

/*
 * Push and pop.  vmi_push() moves RSP after the write has succeeded.
 * For several in a row: vmi_push_at() with a running stack pointer, then
 * vmi_sp_set() at the end.
 */
void vmi_push(struct vmi_cpu *c, uint64_t v, unsigned bytes);
uint64_t vmi_pop(struct vmi_cpu *c, unsigned bytes);
uint64_t vmi_push_at(struct vmi_cpu *c, uint64_t sp, uint64_t v,
	unsigned bytes); /* the new sp */
uint64_t vmi_peek_at(struct vmi_cpu *c, uint64_t sp, unsigned bytes);
void vmi_sp_set(struct vmi_cpu *c, uint64_t sp);

/* RIP after this instruction, wrapped as the code's mode wants it. */
uint64_t vmi_after(const struct vmi_cpu *c, const struct vmi_op *op);

/* #GP(0) unless near code at `rip` can be reached: SDM 2A, CALL, JMP. */
void vmi_check_near(struct vmi_cpu *c, uint64_t rip);
/* Where a near branch to `rip` at an operand size goes. */
uint64_t vmi_near(const struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t rip);

/*
 * All of RFLAGS, and setting the bits of `mask`.  The setter knows nothing
 * of privilege; it tells the engine of IF, TF and AC.
 */
uint64_t vmi_rflags(struct vmi_cpu *c);
void vmi_rflags_set(struct vmi_cpu *c, uint64_t value, uint64_t mask);

/* Segments: segment.c. */
void vmi_seg_load(struct vmi_cpu *c, unsigned seg, uint16_t selector);

/* Ports: portio.c, SDM 1 19.5.2. */
bool vmi_io_permitted(struct vmi_cpu *c, uint16_t port, unsigned bytes);
/* IN and OUT: `what` is of smm.h, and has the port and the size. */
uint64_t vmi_port_in(struct vmi_cpu *c, const struct vmi_op *op,
	uint32_t what);
void vmi_port_out(struct vmi_cpu *c, const struct vmi_op *op, uint32_t what,
	uint64_t value);

/*
 * Between elements of a repeated instruction: what was done is done.  Call it
 * after registers are updated.  True: something wants attention, so stop
 * here with the instruction unfinished: vmi_again().
 */
bool vmi_element_done(struct vmi_cpu *c);
vmi_noreturn void vmi_again(struct vmi_cpu *c);

#endif
