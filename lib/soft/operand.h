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
 * Nothing is written before every check of the instruction has passed.
 * vmi_raise*() do not return.  H helpers leave c->rip alone; B helpers that
 * branch set c->rip, others leave it (it is already the next instruction's).
 */

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

/*
 * A segmented address: limit, type, null and canonical checks of an access
 * of `bytes` at seg:offset; returns the linear address.  Raises #GP(0) or,
 * for SS, #SS(0).
 */
uint64_t vmi_linear(struct vmi_cpu *c, unsigned seg, uint64_t offset,
	unsigned bytes, unsigned access);

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

/*
 * All of RFLAGS, and setting the bits of `mask`.  The setter knows nothing
 * of privilege; it tells the engine of IF, TF and AC.
 */
uint64_t vmi_rflags(struct vmi_cpu *c);
void vmi_rflags_set(struct vmi_cpu *c, uint64_t value, uint64_t mask);

/* Segments: segment.c. */
void vmi_seg_load(struct vmi_cpu *c, unsigned seg, uint16_t selector);

/* Device accesses: io.c. */
uint64_t vmi_port_in(struct vmi_cpu *c, uint16_t port, unsigned bytes);
void vmi_port_out(struct vmi_cpu *c, uint16_t port, uint64_t v,
	unsigned bytes);

/*
 * Between elements of a repeated instruction: what was done is done.  Call it
 * after registers are updated.  True: something wants attention, so stop
 * here with the instruction unfinished: vmi_again().
 */
bool vmi_element_done(struct vmi_cpu *c);
vmi_noreturn void vmi_again(struct vmi_cpu *c);

#endif
