/* SPDX-License-Identifier: MIT */
/*
 * Handlers of near branches, alone and fused with their comparison, and of
 * what else depends on a condition.
 */
#include "lib/soft/alu.h"
#include "lib/soft/branch.h"
#include "lib/soft/value.h"

/* -- Out of a block ------------------------------------------------------ */

vmi_noinline static const struct vmi_op *h_link_taken(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return vmi_goto(c, vmi_block_link(c, op, 0), acc);
}

vmi_noinline static const struct vmi_op *h_link_behind(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return vmi_goto(c, vmi_block_link(c, op, 1), acc);
}

/* A way that leaves the page leads where it did if no page table changed. */
static vmi_inline bool leads_there(const struct vmi_cpu *c,
	const struct vmi_op *op, unsigned k, const struct vmi_jump *j)
{
	const struct vmi_links *links = (const void *)(op + 1);

	return links->next[k] == VMI_LINK_NEVER &&
		vmi_jump_is(c, j, c->r[VMI_R_BLOCK]);
}

vmi_noinline static const struct vmi_op *h_unlinked_taken(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t rip = c->r[VMI_R_BLOCK] & (op->bits & VMI_OPF_IP16 ? 0xffff :
		c->amask);
	const struct vmi_jump *j = vmi_jump_slot(c, rip);

	c->r[VMI_R_BLOCK] = rip;
	if (!leads_there(c, op, 0, j))
		return h_link_taken(c, op, acc);
	return vmi_block_enter(c, j->op);
}

vmi_noinline static const struct vmi_op *h_unlinked_behind(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t rip = vmi_rip_mask(c, c->r[VMI_R_BLOCK]);
	const struct vmi_jump *j = vmi_jump_slot(c, rip);

	c->r[VMI_R_BLOCK] = rip;
	if (!leads_there(c, op, 1, j))
		return h_link_behind(c, op, acc);
	return vmi_block_enter(c, j->op);
}

/*
 * Way 0 of a direct branch: to `disp` from the block's start.  A way that is
 * linked wraps round nothing.
 */
static vmi_inline const struct vmi_op *branch_taken(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	const struct vmi_links *links = (const void *)(op + 1);
	const struct vmi_op *to = links->to[0];

	c->r[VMI_R_BLOCK] += (uint64_t)(int64_t)op->disp;
	if (vmi_unlikely(!to))
		return h_unlinked_taken(c, op, 0);
	return vmi_block_enter(c, to);
}

/* Way 1: behind the branch. */
static vmi_inline const struct vmi_op *branch_behind(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	const struct vmi_links *links = (const void *)(op + 1);
	const struct vmi_op *to = links->to[1];

	c->r[VMI_R_BLOCK] = vmi_op_next_rip(c, op);
	if (vmi_unlikely(!to))
		return h_unlinked_behind(c, op, 0);
	return vmi_block_enter(c, to);
}

static vmi_inline const struct vmi_op *branch(struct vmi_cpu *c,
	const struct vmi_op *op, bool taken)
{
	if (taken)
		return branch_taken(c, op);
	return branch_behind(c, op);
}

vmi_noinline static const struct vmi_op *h_jump_slow(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)op;
	return vmi_goto(c, vmi_block_jump(c), acc);
}

/* To a RIP that is known only now. */
static vmi_inline const struct vmi_op *branch_to(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t rip)
{
	const struct vmi_jump *j = vmi_jump_slot(c, rip);

	c->r[VMI_R_BLOCK] = rip;
	if (!vmi_jump_is(c, j, rip))
		return h_jump_slow(c, op, 0);
	return vmi_block_enter(c, j->op);
}

const struct vmi_op *vmi_h_jmp(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)acc;
	return branch_taken(c, op);
}

/* -- Compare and jump ---------------------------------------------------- */

/* Condition `cc` after a - b; constants but for a and b. */
static vmi_inline bool sub_holds(const struct vmi_cpu *c, unsigned cc,
	uint64_t a, uint64_t b, unsigned bytes)
{
	int64_t sa = (int64_t)vmi_sext(a, bytes);
	int64_t sb = (int64_t)vmi_sext(b, bytes);

	switch (cc) {
	case 2: return a < b;
	case 3: return a >= b;
	case 4: return a == b;
	case 5: return a != b;
	case 6: return a <= b;
	case 7: return a > b;
	case 8: return (int64_t)vmi_sext(a - b, bytes) < 0;
	case 9: return (int64_t)vmi_sext(a - b, bytes) >= 0;
	case 12: return sa < sb;
	case 13: return sa >= sb;
	case 14: return sa <= sb;
	case 15: return sa > sb;
	default: return vmi_cond(c, cc);
	}
}

/* The same after a result that left CF and OF clear. */
static vmi_inline bool logic_holds(const struct vmi_cpu *c, unsigned cc,
	uint64_t r, unsigned bytes)
{
	int64_t s = (int64_t)vmi_sext(r, bytes);

	switch (cc) {
	case 0:
	case 2: return false;
	case 1:
	case 3: return true;
	case 4:
	case 6: return r == 0;
	case 5:
	case 7: return r != 0;
	case 8:
	case 12: return s < 0;
	case 9:
	case 13: return s >= 0;
	case 14: return s <= 0;
	case 15: return s > 0;
	default: return vmi_cond(c, cc);
	}
}

#define BYTES 1
#define SHAPES "lib/soft/cmpjcc_shapes.h"
#include "lib/soft/condition_shapes.h"
#undef BYTES
#define BYTES 2
#define SHAPES "lib/soft/cmpjcc_shapes.h"
#include "lib/soft/condition_shapes.h"
#undef BYTES
#define BYTES 4
#define SHAPES "lib/soft/cmpjcc_shapes.h"
#include "lib/soft/condition_shapes.h"
#undef BYTES
#define BYTES 8
#define SHAPES "lib/soft/cmpjcc_shapes.h"
#include "lib/soft/condition_shapes.h"
#undef BYTES

#define BY_CONDITION(FORM, op, shape, bytes)                                   \
	{ FORM(op, shape, bytes, 0), FORM(op, shape, bytes, 1),                \
	  FORM(op, shape, bytes, 2), FORM(op, shape, bytes, 3),                \
	  FORM(op, shape, bytes, 4), FORM(op, shape, bytes, 5),                \
	  FORM(op, shape, bytes, 6), FORM(op, shape, bytes, 7),                \
	  FORM(op, shape, bytes, 8), FORM(op, shape, bytes, 9),                \
	  FORM(op, shape, bytes, 10), FORM(op, shape, bytes, 11),              \
	  FORM(op, shape, bytes, 12), FORM(op, shape, bytes, 13),              \
	  FORM(op, shape, bytes, 14), FORM(op, shape, bytes, 15) }
#define RR(op, shape, bytes, cc)                                               \
	{ .any = h_##op##_##shape##_##bytes##_##cc,                            \
	  .a = h_##op##_##shape##_a_##bytes##_##cc,                            \
	  .b = h_##op##_##shape##_b_##bytes##_##cc }
#define RI(op, shape, bytes, cc)                                               \
	{ .any = h_##op##_##shape##_##bytes##_##cc,                            \
	  .a = h_##op##_##shape##_a_##bytes##_##cc }
#define WIDTHS(FORM, op, shape)                                                \
	{ BY_CONDITION(FORM, op, shape, 1), BY_CONDITION(FORM, op, shape, 2),  \
	  BY_CONDITION(FORM, op, shape, 4), BY_CONDITION(FORM, op, shape, 8) }

const struct vmi_forms vmi_f_cmpjcc[2][2][4][16] = {
	{ WIDTHS(RR, cmp, rr), WIDTHS(RI, cmp, ri) },
	{ WIDTHS(RR, test, rr), WIDTHS(RI, test, ri) }
};

/* -- Conditions alone ---------------------------------------------------- */

vmi_noinline static const struct vmi_op *h_jcc_slow(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return branch(c, op, vmi_cond(c, op->imm & 15));
}

vmi_noinline static const struct vmi_op *h_setcc_slow(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	vmi_reg_set(c, op->reg, vmi_cond(c, op->imm & 15), 1);
	return vmi_next(c, op, acc);
}

/*
 * A 32-bit destination is zero-extended even when nothing is moved.  Chosen
 * by a mask: guests use CMOV where a branch would be mispredicted.
 */
static vmi_inline const struct vmi_op *moved(struct vmi_cpu *c,
	const struct vmi_op *op, bool holds, unsigned bytes)
{
	uint64_t a = vmi_reg(c, op->reg, bytes);
	uint64_t b = vmi_reg(c, op->base, bytes);
	uint64_t r = a ^ ((a ^ b) & (0 - (uint64_t)holds));

	vmi_reg_set(c, op->reg, r, bytes);
	return vmi_next(c, op, r);
}

vmi_noinline static const struct vmi_op *h_cmov_slow_2(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return moved(c, op, vmi_cond(c, op->imm & 15), 2);
}

vmi_noinline static const struct vmi_op *h_cmov_slow_4(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return moved(c, op, vmi_cond(c, op->imm & 15), 4);
}

vmi_noinline static const struct vmi_op *h_cmov_slow_8(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return moved(c, op, vmi_cond(c, op->imm & 15), 8);
}

#define SHAPES "lib/soft/cond_shapes.h"
#include "lib/soft/condition_shapes.h"

#define CONDITIONS(what)                                                       \
	{ h_##what##_0, h_##what##_1, h_##what##_2, h_##what##_3,              \
	  h_##what##_4, h_##what##_5, h_##what##_6, h_##what##_7,              \
	  h_##what##_8, h_##what##_9, h_##what##_10, h_##what##_11,            \
	  h_##what##_12, h_##what##_13, h_##what##_14, h_##what##_15 }

vmi_handler *const vmi_h_jcc[16] = CONDITIONS(jcc);
vmi_handler *const vmi_h_setcc[16] = CONDITIONS(setcc);
vmi_handler *const vmi_h_cmov[4][16] = {
	{ NULL }, CONDITIONS(cmov_2), CONDITIONS(cmov_4), CONDITIONS(cmov_8)
};

/* -- Calls, returns, jumps through a register, on a flat stack ----------- */

/*
 * A target that is not canonical faults in the branch itself (SDM 2A CALL,
 * JMP, RET): a slow path, which a 64-bit target needs only when odd.
 */
static vmi_inline bool is_odd(uint64_t rip)
{
	return !vmi_canonical(rip);
}

/* A way that is linked stays in a page, which is canonical as a whole. */
static vmi_inline bool is_odd_way(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	const struct vmi_links *links = (const void *)(op + 1);

	return !links->to[0] && vmi_unlikely(is_odd(
		c->r[VMI_R_BLOCK] + (uint64_t)(int64_t)op->disp));
}

vmi_noinline static const struct vmi_op *odd_target(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	c->op = op;
	vmi_raise_code(c, VMI_GP, 0);
}

static vmi_inline const struct vmi_op *jump(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t to)
{
	to = vmi_rip_mask(c, to);
	if (vmi_unlikely(is_odd(to)))
		return odd_target(c, op);
	return branch_to(c, op, to);
}

static const struct vmi_op *h_jmp_r(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return jump(c, op, c->r[op->base]);
}

static const struct vmi_op *h_jmp_r_a(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return jump(c, op, acc);
}

const struct vmi_forms vmi_f_jmp_r = { .any = h_jmp_r, .a = h_jmp_r_a };

#define BYTES 4
#include "lib/soft/call_shapes.h"
#define BYTES 8
#include "lib/soft/call_shapes.h"

#define CALLS(what)                                                            \
	{ { .any = h_##what##_4, .a = h_##what##_a_4 },                        \
	  { .any = h_##what##_8, .a = h_##what##_a_8 } }

const struct vmi_forms vmi_f_call[2] = CALLS(call);
const struct vmi_forms vmi_f_call_r[2] = CALLS(call_r);
const struct vmi_forms vmi_f_ret[2] = CALLS(ret);
