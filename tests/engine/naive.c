/* SPDX-License-Identifier: MIT */
/*
 * A second consumer of operations, which knows no handler.
 *
 * It reads an operation's kind (op.def), shape, size and bits, as a code
 * generator would, and computes with lib/soft/alu_ref.h: no laziness, no fusion, all
 * flags always, dead or not.  What is a helper's it leaves to the helper.
 */
#include "tests/engine/naive.h"

#include "lib/soft/alu_ref.h"
#include "lib/soft/dump.h"
#include "lib/soft/engine.h"
#include "lib/soft/operand.h"
#include "lib/soft/value.h"

enum next { ON, LEFT, BEFORE, STRANGE };

static void flags_set(struct vmi_cpu *c, uint64_t flags)
{
	vmi_flags_set(c, flags);
}

/* -- Value operations --------------------------------------------------- */

struct value {
	unsigned bytes;
	uint64_t at, a, b;
	bool memory, writes;
};

static bool writes(unsigned exec)
{
	return exec != VMI_EXEC_cmp && exec != VMI_EXEC_test;
}

/* Where the first operand is, which may not be where the result goes. */
static unsigned first_source(const struct vmi_op *op)
{
	switch (op->size >> 4) {
	case VMI_RI: return op->base;
	case VMI_RM: return op->reg;
	default: return op->index;
	}
}

/* Operands by the shape; the destination's memory is read as it is written. */
static struct value operands(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned shape = op->size >> 4;
	struct value v = { .bytes = vmi_op_size(op),
		.writes = writes(op->code) };

	v.memory = shape == VMI_MR || shape == VMI_MI;
	if (v.memory) {
		v.at = vmi_ea(c, op);
		if (op->code != VMI_EXEC_mov)
			v.a = v.writes ? vmi_read_rmw(c, v.at, v.bytes) :
				vmi_read(c, v.at, v.bytes);
	} else {
		v.a = vmi_reg(c, first_source(op), v.bytes);
	}
	if (shape == VMI_RI || shape == VMI_MI)
		v.b = op->imm;
	else if (shape == VMI_RM)
		v.b = vmi_read(c, vmi_ea(c, op), v.bytes);
	else
		v.b = vmi_reg(c, shape == VMI_MR ? op->reg : op->base,
			v.bytes);
	if (vmi_op_kind(op) == VMI_KIND_SHIFT &&
		(shape == VMI_RR || shape == VMI_MR))
		v.b = c->r[VMI_RCX] & 0xff;
	return v;
}

/* Undefined (SDM 2B "ROL"), and what Intel's processors do. */
static bool leaves_of(const struct vmi_op *op, uint64_t count)
{
	return (op->code == VMI_EXEC_rol || op->code == VMI_EXEC_ror) &&
		op->size >> 4 == VMI_RI && count != 1;
}

static enum next value(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct value v = operands(c, op);
	uint64_t before = vmi_flags(c), flags = before, r = v.b;

	if (op->code == VMI_EXEC_xchg) {
		vmi_reg_set(c, op->base, v.a, v.bytes);
		vmi_reg_set(c, op->reg, v.b, v.bytes);
		return ON;
	}
	if (op->code != VMI_EXEC_mov)
		r = vmi_alu(op->code, v.a, v.b, v.bytes, flags, &flags);
	if (leaves_of(op, v.b & (v.bytes == 8 ? 63 : 31)))
		flags = (flags & ~VMI_FLAG_OF) | (before & VMI_FLAG_OF);
	if (v.memory && v.writes)
		vmi_write(c, v.at, r, v.bytes);
	else if (v.writes)
		vmi_reg_set(c, op->reg, r, v.bytes);
	flags_set(c, flags);
	return ON;
}

static uint64_t sign_extend(uint64_t v, unsigned bytes)
{
	unsigned shift = 64 - 8 * bytes;

	return (uint64_t)((int64_t)(v << shift) >> shift);
}

/* MOVZX and the like: the high half of `size` is log2 of what is read. */
static enum next widen(struct vmi_cpu *c, const struct vmi_op *op)
{
	bool is_signed = op->code != VMI_EXEC_movzx;
	unsigned from = 1u << (op->size >> 4);
	uint64_t v = op->bits & VMI_OPF_MEM ? vmi_read(c, vmi_ea(c, op), from) :
		vmi_reg(c, op->base, from);

	vmi_reg_set(c, op->reg, is_signed ? sign_extend(v, from) : v,
		vmi_op_size(op));
	return ON;
}

/* SDM 1 appendix B, from the flags alone. */
static bool holds(uint64_t f, unsigned cc)
{
	bool c = f & VMI_FLAG_CF, z = f & VMI_FLAG_ZF;
	bool l = !!(f & VMI_FLAG_SF) != !!(f & VMI_FLAG_OF);
	bool is[8] = { f & VMI_FLAG_OF, c, z, c || z, f & VMI_FLAG_SF,
		f & VMI_FLAG_PF, l, l || z };

	return is[cc >> 1 & 7] != (cc & 1);
}

static enum next conditional_move(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t v = op->bits & VMI_OPF_MEM ?
		vmi_read(c, vmi_ea(c, op), bytes) :
		vmi_reg(c, op->base, bytes);

	if (!holds(vmi_flags(c), op->imm & 15))
		v = vmi_reg(c, op->reg, bytes);
	vmi_reg_set(c, op->reg, v, bytes);
	return ON;
}

static enum next address(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v = c->r[op->base] + (c->r[op->index] << op->scale) +
		(uint64_t)(int64_t)op->disp;

	vmi_reg_set(c, op->reg, v, vmi_op_size(op));
	return ON;
}

/* -- Branches and the stack --------------------------------------------- */

static enum next go(struct vmi_cpu *c, uint64_t rip)
{
	c->rip = c->mode == 64 ? rip : (uint32_t)rip;
	return LEFT;
}

static enum next go_direct(struct vmi_cpu *c, const struct vmi_op *op,
	bool taken)
{
	uint64_t to = c->r[VMI_R_BLOCK] + (uint64_t)(int64_t)op->disp;

	if (!taken)
		return go(c, vmi_op_next_rip(c, op));
	return go(c, op->bits & VMI_OPF_IP16 ? (uint16_t)to : to);
}

static void push(struct vmi_cpu *c, uint64_t v, unsigned bytes)
{
	uint64_t sp = c->r[VMI_RSP] - bytes;

	if (bytes == 4)
		sp = (uint32_t)sp;
	vmi_write(c, sp, v, bytes);
	c->r[VMI_RSP] = sp;
}

static void check_target(struct vmi_cpu *c, uint64_t rip)
{
	if (c->mode == 64 && (uint64_t)((int64_t)(rip << 16) >> 16) != rip)
		vmi_raise_code(c, VMI_GP, 0);
}

static enum next call(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t to = c->r[op->base];

	if (!vmi_op_has_links(op))
		check_target(c, to);
	push(c, vmi_op_next_rip(c, op), vmi_op_size(op));
	return vmi_op_has_links(op) ? go_direct(c, op, true) : go(c, to);
}

static enum next ret(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t sp = c->r[VMI_RSP], to;

	if (bytes == 4)
		sp = (uint32_t)sp;
	to = vmi_read(c, sp, bytes);
	check_target(c, to);
	sp += bytes + op->imm;
	c->r[VMI_RSP] = bytes == 4 ? (uint32_t)sp : sp;
	return go(c, to);
}

static enum next jump(struct vmi_cpu *c, const struct vmi_op *op)
{
	if (vmi_op_has_links(op))
		return go_direct(c, op, true);
	check_target(c, c->r[op->base]);
	return go(c, c->r[op->base]);
}

static enum next compare_and_jump(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t flags, b = op->size >> 4 == VMI_RI ? op->imm :
		vmi_reg(c, op->base, bytes);

	vmi_alu(op->index ? VMI_EXEC_test : VMI_EXEC_cmp,
		vmi_reg(c, op->reg, bytes), b, bytes, 0, &flags);
	flags_set(c, flags);
	return go_direct(c, op, holds(flags, op->scale & 15));
}

static enum next push_op(struct vmi_cpu *c, const struct vmi_op *op)
{
	bool imm = op->size >> 4 == VMI_RI;

	push(c, imm ? op->imm : c->r[op->reg], vmi_op_size(op));
	return ON;
}

static enum next pop_op(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t sp = c->r[VMI_RSP], v;

	if (bytes == 4)
		sp = (uint32_t)sp;
	v = vmi_read(c, sp, bytes);
	c->r[VMI_RSP] = bytes == 4 ? (uint32_t)(sp + 4) : sp + 8;
	vmi_reg_set(c, op->reg, v, bytes);
	return ON;
}

/* -- What is no instruction --------------------------------------------- */

static enum next ea(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned asize = vmi_op_asize(op);
	uint64_t v = c->r[op->base] + (c->r[op->index] << op->scale) +
		(uint64_t)(int64_t)op->disp;

	if (asize < 8)
		v &= (1ull << (8 * asize)) - 1;
	if (op->imm)
		v = vmi_linear(c, vmi_op_seg(op), v, op->imm & 0xffff,
			(unsigned)(op->imm >> 16));
	c->r[op->reg] = v;
	return ON;
}

static enum next fault(struct vmi_cpu *c, const struct vmi_op *op)
{
	if (op->imm == VMI_GP)
		vmi_raise_code(c, VMI_GP, 0);
	vmi_raise(c, (unsigned)op->imm);
}

static enum next usable(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_need_usable(c, op);
	return ON;
}

static enum next part(struct vmi_cpu *c, const struct vmi_op *op)
{
	switch (vmi_op_kind(op)) {
	case VMI_KIND_GETHI:
		c->r[op->reg] = c->r[op->base] >> 8 & 0xff;
		return ON;
	case VMI_KIND_PUTHI:
		c->r[op->reg] = (c->r[op->reg] & ~0xff00ull) |
			(c->r[op->base] & 0xff) << 8;
		return ON;
	default:
		c->r[op->reg] = op->imm;
		return ON;
	}
}

static enum next set_on_condition(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, holds(vmi_flags(c), op->imm & 15), 1);
	return ON;
}

static enum next branch_on_condition(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return go_direct(c, op, holds(vmi_flags(c), op->imm & 15));
}

/* The instruction may be another one by now. */
static enum next bridge(struct vmi_cpu *c, const struct vmi_op *op)
{
	if (vmi_bridge_cross(c, op))
		return ON;
	go(c, vmi_op_rip(c, op));
	return BEFORE;
}

static enum next nothing(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)c;
	return op->code == VMI_INNER_END ? STRANGE : ON;
}

static enum next helper(struct vmi_cpu *c, const struct vmi_op *op)
{
	bool ends = op->code & VMI_CODE_ENDS;

	if (ends)
		go(c, vmi_op_next_rip(c, op));
	vmi_helpers[vmi_op_exec(op)](c, op);
	return ends ? LEFT : ON;
}

static enum next operation(struct vmi_cpu *c, const struct vmi_op *op)
{
	static enum next (*const by_kind[VMI_KINDS])(struct vmi_cpu *,
		const struct vmi_op *) = {
		[VMI_KIND_HELPER] = helper,
		[VMI_KIND_VALUE] = value,
		[VMI_KIND_SHIFT] = value,
		[VMI_KIND_UNARY] = value,
		[VMI_KIND_COPY] = value,
		[VMI_KIND_SWAP] = value,
		[VMI_KIND_WIDEN] = widen,
		[VMI_KIND_OFFSET] = address,
		[VMI_KIND_CMOV] = conditional_move,
		[VMI_KIND_SETCC] = set_on_condition,
		[VMI_KIND_PUSH] = push_op,
		[VMI_KIND_POP] = pop_op,
		[VMI_KIND_JCC] = branch_on_condition,
		[VMI_KIND_JUMP] = jump,
		[VMI_KIND_CALL] = call,
		[VMI_KIND_RET] = ret,
		[VMI_KIND_NONE] = nothing,
		[VMI_KIND_ENTER] = nothing,
		[VMI_KIND_EA] = ea,
		[VMI_KIND_GETHI] = part,
		[VMI_KIND_PUTHI] = part,
		[VMI_KIND_CONST] = part,
		[VMI_KIND_FAULT] = fault,
		[VMI_KIND_USABLE] = usable,
		[VMI_KIND_CMPJCC] = compare_and_jump,
		[VMI_KIND_BRIDGE] = bridge,
	};
	enum vmi_op_kind kind = vmi_op_kind(op);

	c->op = op;
	return by_kind[kind] ? by_kind[kind](c, op) : STRANGE;
}

/* -- Blocks ------------------------------------------------------------- */

static struct naive block(struct vmi_cpu *c)
{
	struct naive result = { .fault = -1 };
	const struct vmi_op *op = vmi_block_at(c);
	enum next next = ON;

	if (!op) {
		result.strange = true;
		return result;
	}
	c->enter = op;
	for (; next == ON; op++) {
		result.done = op->n;
		next = operation(c, op);
	}
	if (next == STRANGE)
		result.strange = true;
	else if (next != BEFORE)
		result.done = (unsigned)c->enter->imm;
	return result;
}

/* The instruction that left, undone. */
static struct naive left(struct vmi_cpu *c)
{
	struct naive result = { .fault = -1 };

	if (c->op) {
		result.done = c->op->n;
		c->rip = vmi_op_rip(c, c->op);
		if (c->mode != 64)
			c->rip = (uint32_t)c->rip;
	}
	c->op = NULL;
	return result;
}

struct naive naive_block(struct vmi_cpu *c)
{
	struct naive result;

	switch (setjmp(c->leave)) {
	case 0:
		result = block(c);
		c->op = NULL;
		return result;
	case VMI_LEAVE_FAULT:
		result = left(c);
		result.fault = c->fault.vector;
		return result;
	case VMI_LEAVE_EXIT:
		result = left(c);
		result.exit = true;
		return result;
	default:
		result = left(c);
		result.strange = true;
		return result;
	}
}
