/* SPDX-License-Identifier: MIT */
/*
 * The stack and near branches in their general form: any operand, operand
 * size and stack size.
 *
 * Registers change last.  Memory may have been written by then: an
 * instruction that faults between two pushes writes the same again when it
 * is restarted, and ENTER, whose pushes could change what it copies, checks
 * all accesses first.
 */
#include "lib/soft/operand.h"
#include "lib/soft/value.h"

/* -- Branches ----------------------------------------------------------- */

void vmi_check_near(struct vmi_cpu *c, uint64_t rip)
{
	if (c->mode == 64 ? !vmi_canonical(rip) : rip > c->seg[VMI_CS].limit)
		vmi_raise_code(c, VMI_GP, 0);
}

/* A 16-bit operand size truncates; it does not exist in 64-bit mode. */
uint64_t vmi_near(const struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t rip)
{
	if (c->mode == 64)
		return rip;
	return vmi_op_size(op) == 2 ? (uint16_t)rip : (uint32_t)rip;
}

/* The target of JMP or CALL: a distance, or a register or memory. */
static uint64_t target(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t rip;

	if (vmi_form(op) == VMI_FORM_I)
		rip = vmi_near(c, op, vmi_after(c, op) + op->imm);
	else
		rip = vmi_only(c, op, vmi_op_size(op));
	vmi_check_near(c, rip);
	return rip;
}

void vmi_do_jmp(struct vmi_cpu *c, const struct vmi_op *op)
{
	c->rip = target(c, op);
}

void vmi_do_jcc(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t distance = (uint64_t)((int64_t)(op->imm & ~15ull) / 16), rip;

	if (!vmi_cond(c, op->imm & 15))
		return;
	rip = vmi_near(c, op, vmi_after(c, op) + distance);
	vmi_check_near(c, rip);
	c->rip = rip;
}

void vmi_do_call(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t rip = target(c, op);

	vmi_push(c, vmi_after(c, op), vmi_op_size(op));
	c->rip = rip;
}

void vmi_do_ret(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t rip = vmi_peek_at(c, c->r[VMI_RSP], bytes);

	vmi_check_near(c, rip);
	vmi_sp_set(c, c->r[VMI_RSP] + bytes + (op->imm & 0xffff));
	c->rip = rip;
}

/* -- PUSH and POP ------------------------------------------------------- */

void vmi_do_push(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);

	vmi_push(c, vmi_only(c, op, bytes), bytes);
}

/* RSP moves before a register is written, POP SP being one. */
void vmi_do_pop(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t sp = c->r[VMI_RSP], v = vmi_peek_at(c, sp, bytes);

	if (vmi_dst_is_memory(op)) {
		vmi_dst_set(c, op, v, bytes);
		vmi_sp_set(c, sp + bytes);
	} else {
		vmi_sp_set(c, sp + bytes);
		vmi_dst_set(c, op, v, bytes);
	}
}

/* Whether `n` pushes of `bytes` below sp will succeed; raises if not. */
static void check_pushes(struct vmi_cpu *c, unsigned n, unsigned bytes)
{
	uint64_t sp = c->r[VMI_RSP], mask, linear;
	unsigned size = vmi_stack_size(c);

	mask = size == 8 ? ~0ull : (1ull << (8 * size)) - 1;
	while (n--) {
		sp = (sp - bytes) & mask;
		linear = vmi_linear(c, VMI_SS, sp, bytes, VMI_MEM_WRITE);
		vmi_need_aligned(c, linear, bytes);
		vmi_check(c, linear, bytes, VMI_MEM_WRITE);
	}
}

/*
 * The stack pointer pushed is the one before: SDM 2B, PUSHA.  Where it is 7,
 * 9, 11, 13 or 15 without protection, it is #GP that comes, not #SS.
 */
void vmi_do_pusha(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op), i;
	uint64_t sp = c->r[VMI_RSP], low = sp & 0xffff;

	if (!vmi_protected(c) && low >= 7 && low <= 15 && (low & 1))
		vmi_raise_code(c, VMI_GP, 0);
	check_pushes(c, 8, bytes);
	for (i = VMI_RAX; i <= VMI_RDI; i++)
		sp = vmi_push_at(c, sp, vmi_reg(c, i, bytes), bytes);
	vmi_sp_set(c, sp);
}

void vmi_do_popa(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op), i;
	uint64_t v[8], sp = c->r[VMI_RSP];

	for (i = 0; i < 8; i++)
		v[i] = vmi_peek_at(c, sp + i * bytes, bytes);
	for (i = 0; i < 8; i++) {
		if (VMI_RDI - i != VMI_RSP)
			vmi_reg_set(c, VMI_RDI - i, v[i], bytes);
	}
	vmi_sp_set(c, sp + 8 * bytes);
}

/* -- ENTER and LEAVE ---------------------------------------------------- */

/* The frame pointers of the levels above, on the stack of rBP. */
static uint64_t outer_frame(struct vmi_cpu *c, unsigned i, unsigned bytes)
{
	return c->r[VMI_RBP] - (uint64_t)i * bytes;
}

static uint64_t stack_wrap(const struct vmi_cpu *c, uint64_t sp)
{
	unsigned size = vmi_stack_size(c);

	return size == 8 ? sp : sp & ((1ull << (8 * size)) - 1);
}

/* What RBP becomes: all of RSP, though only SP may have been moved. */
static uint64_t inner_frame(const struct vmi_cpu *c, uint64_t sp)
{
	return vmi_stack_size(c) == 2 ? (c->r[VMI_RSP] & ~0xffffull) |
		(sp & 0xffff) : sp;
}

/* SDM 2A, ENTER: the copies are read, and the final rSP can be written. */
static void check_enter(struct vmi_cpu *c, unsigned level, uint64_t last,
	unsigned bytes)
{
	uint64_t from;
	unsigned i;

	check_pushes(c, level ? level + 1 : 1, bytes);
	for (i = 1; i < level; i++) {
		from = stack_wrap(c, outer_frame(c, i, bytes));
		from = vmi_linear(c, VMI_SS, from, bytes, VMI_MEM_READ);
		vmi_need_aligned(c, from, bytes);
		vmi_check(c, from, bytes, VMI_MEM_READ);
	}
	vmi_check(c, vmi_linear(c, VMI_SS, last, bytes, VMI_MEM_WRITE), bytes,
		VMI_MEM_WRITE);
}

void vmi_do_enter(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op), level = (op->imm >> 16) & 31, i;
	uint64_t room = op->imm & 0xffff, sp = c->r[VMI_RSP], frame, v;
	uint64_t pushes = level ? level + 1u : 1u;

	check_enter(c, level, stack_wrap(c, sp - pushes * bytes - room),
		bytes);
	sp = vmi_push_at(c, sp, vmi_reg(c, VMI_RBP, bytes), bytes);
	frame = inner_frame(c, sp);
	for (i = 1; i < level; i++) {
		v = vmi_peek_at(c, outer_frame(c, i, bytes), bytes);
		sp = vmi_push_at(c, sp, v, bytes);
	}
	if (level)
		sp = vmi_push_at(c, sp, frame, bytes);
	vmi_reg_set(c, VMI_RBP, frame, bytes);
	vmi_sp_set(c, sp - room);
}

void vmi_do_leave(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t sp = c->r[VMI_RBP], v = vmi_peek_at(c, sp, bytes);

	vmi_sp_set(c, sp + bytes);
	vmi_reg_set(c, VMI_RBP, v, bytes);
}
