/* SPDX-License-Identifier: MIT */
/* Handlers of near branches, alone and fused with their comparison. */
#include "lib/soft/alu.h"
#include "lib/soft/branch.h"
#include "lib/soft/value.h"

static vmi_inline const struct vmi_op *branch(struct vmi_cpu *c,
	const struct vmi_op *op, bool taken)
{
	if (taken)
		return vmi_branch_taken(c, op);
	return vmi_branch_not_taken(c, op);
}

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
#include "lib/soft/cmpjcc_conditions.h"
#define BYTES 2
#include "lib/soft/cmpjcc_conditions.h"
#define BYTES 4
#include "lib/soft/cmpjcc_conditions.h"
#define BYTES 8
#include "lib/soft/cmpjcc_conditions.h"

#define SIXTEEN(op, shape, bytes)                                              \
	{ h_##op##_##shape##_##bytes##_0, h_##op##_##shape##_##bytes##_1,      \
	  h_##op##_##shape##_##bytes##_2, h_##op##_##shape##_##bytes##_3,      \
	  h_##op##_##shape##_##bytes##_4, h_##op##_##shape##_##bytes##_5,      \
	  h_##op##_##shape##_##bytes##_6, h_##op##_##shape##_##bytes##_7,      \
	  h_##op##_##shape##_##bytes##_8, h_##op##_##shape##_##bytes##_9,      \
	  h_##op##_##shape##_##bytes##_10, h_##op##_##shape##_##bytes##_11,    \
	  h_##op##_##shape##_##bytes##_12, h_##op##_##shape##_##bytes##_13,    \
	  h_##op##_##shape##_##bytes##_14, h_##op##_##shape##_##bytes##_15 }
#define WIDTHS(op, shape)                                                      \
	{ SIXTEEN(op, shape, 1), SIXTEEN(op, shape, 2), SIXTEEN(op, shape, 4), \
	  SIXTEEN(op, shape, 8) }

vmi_handler *const vmi_h_cmpjcc[2][2][4][16] = {
	{ WIDTHS(cmp, rr), WIDTHS(cmp, ri) },
	{ WIDTHS(test, rr), WIDTHS(test, ri) }
};

const struct vmi_op *vmi_h_jmp(struct vmi_cpu *c, const struct vmi_op *op)
{
	return vmi_branch_taken(c, op);
}

const struct vmi_op *vmi_h_jcc(struct vmi_cpu *c, const struct vmi_op *op)
{
	return branch(c, op, vmi_cond(c, op->imm & 15));
}

/* The result tells Z unless the flags themselves are what is kept. */
static vmi_inline bool zero(const struct vmi_cpu *c)
{
	return c->cc_kind == VMI_CC_FLAGS ? c->cc_res & VMI_FLAG_ZF :
		c->cc_res == 0;
}

const struct vmi_op *vmi_h_jz(struct vmi_cpu *c, const struct vmi_op *op)
{
	return branch(c, op, zero(c));
}

const struct vmi_op *vmi_h_jnz(struct vmi_cpu *c, const struct vmi_op *op)
{
	return branch(c, op, !zero(c));
}

/* -- Calls, returns, jumps through a register, on a flat stack ----------- */

/*
 * A target that is not canonical faults in the branch itself (SDM 2A CALL,
 * JMP, RET): a slow path, which a 64-bit target needs only when odd.
 */
vmi_noinline static void bad_target(struct vmi_cpu *c, const struct vmi_op *op)
{
	c->op = op;
	vmi_raise_code(c, VMI_GP, 0);
}

const struct vmi_op *vmi_h_jmp_r(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t to = c->r[op->base];

	if (c->mode != 64)
		to = (uint32_t)to;
	else if (vmi_unlikely(!vmi_canonical(to)))
		bad_target(c, op);
	return vmi_branch_to(c, to);
}

/* A way that is linked stays in a page, which is canonical as a whole. */
static vmi_inline bool odd_way(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	const struct vmi_links *links = (const void *)(op + 1);

	return !links->to[0] && vmi_unlikely(!vmi_canonical(
		c->r[VMI_R_BLOCK] + (uint64_t)(int64_t)op->disp));
}

const struct vmi_op *vmi_h_call8(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t sp = c->r[VMI_RSP] - 8;

	if (odd_way(c, op))
		bad_target(c, op);
	vmi_store(c, op, sp, vmi_op_next_rip(c, op), 8);
	c->r[VMI_RSP] = sp;
	return vmi_branch_taken(c, op);
}

const struct vmi_op *vmi_h_call4(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t sp = (uint32_t)(c->r[VMI_RSP] - 4);

	vmi_store(c, op, sp, vmi_op_next_rip(c, op), 4);
	c->r[VMI_RSP] = sp;
	return vmi_branch_taken(c, op);
}

const struct vmi_op *vmi_h_call_r8(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t sp = c->r[VMI_RSP] - 8, to = c->r[op->base];

	if (vmi_unlikely(!vmi_canonical(to)))
		bad_target(c, op);
	vmi_store(c, op, sp, vmi_op_next_rip(c, op), 8);
	c->r[VMI_RSP] = sp;
	return vmi_branch_to(c, to);
}

const struct vmi_op *vmi_h_call_r4(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t sp = (uint32_t)(c->r[VMI_RSP] - 4);
	uint64_t to = (uint32_t)c->r[op->base];

	vmi_store(c, op, sp, vmi_op_next_rip(c, op), 4);
	c->r[VMI_RSP] = sp;
	return vmi_branch_to(c, to);
}

const struct vmi_op *vmi_h_ret8(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t to = vmi_load(c, op, c->r[VMI_RSP], 8);

	if (vmi_unlikely(!vmi_canonical(to)))
		bad_target(c, op);
	c->r[VMI_RSP] += 8 + op->imm;
	return vmi_branch_to(c, to);
}

const struct vmi_op *vmi_h_ret4(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t to = vmi_load(c, op, (uint32_t)c->r[VMI_RSP], 4);

	c->r[VMI_RSP] = (uint32_t)(c->r[VMI_RSP] + 4 + op->imm);
	return vmi_branch_to(c, to);
}
