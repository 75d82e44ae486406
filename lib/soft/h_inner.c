/* SPDX-License-Identifier: MIT */
/* Handlers of what is no instruction: entry and end, addresses, helpers. */
#include <stdio.h>

#include "lib/soft/alu.h"
#include "lib/soft/branch.h"
#include "lib/soft/engine.h"
#include "lib/soft/simd.h"
#include "lib/soft/system.h"
#include "lib/soft/value.h"
#include "lib/soft/x87.h"

const struct vmi_op *vmi_h_dead(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)op;
	(void)acc;
	c->rip = c->r[VMI_R_BLOCK];
	c->op = NULL;
	return NULL;
}

const struct vmi_op *vmi_h_enter(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)acc;
	return vmi_block_enter(c, op);
}

/* Before instruction n of the block: give back what was not executed. */
const struct vmi_op *vmi_h_end(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	c->rip = vmi_rip_mask(c, vmi_op_rip(c, op));
	c->budget += (int64_t)c->enter->imm - op->n;
	c->op = NULL;
	(void)acc;
	return NULL;
}

/* The first of a block that was killed: it is entered without a look at it. */
const struct vmi_op *vmi_h_killed(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	c->budget += (int64_t)op[-1].imm;
	return vmi_h_dead(c, op, acc);
}

const struct vmi_op *vmi_h_const(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)acc;
	c->r[op->reg] = op->imm;
	return vmi_next(c, op, op->imm);
}

const struct vmi_op *vmi_h_gethi(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t r = (c->r[op->base] >> 8) & 0xff;

	(void)acc;
	c->r[op->reg] = r;
	return vmi_next(c, op, r);
}

const struct vmi_op *vmi_h_puthi(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	c->r[op->reg] = (c->r[op->reg] & ~0xff00ull) |
		(c->r[op->base] & 0xff) << 8;
	return vmi_next(c, op, acc);
}

static vmi_inline uint64_t offset(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return vmi_trunc(c->r[op->base] + (c->r[op->index] << op->scale) +
		(uint64_t)(int64_t)op->disp, vmi_op_asize(op));
}

const struct vmi_op *vmi_h_ea(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t r = offset(c, op);

	(void)acc;
	c->r[op->reg] = r;
	return vmi_next(c, op, r);
}

void vmi_need_usable(struct vmi_cpu *c, const struct vmi_op *op)
{
	c->op = op;
	switch ((enum vmi_usable)op->reg) {
	case VMI_USABLE_SIMD:
		vmi_simd_begin(c, op);
		break;
	case VMI_USABLE_X87:
		vmi_x87_wait(c);
		break;
	case VMI_USABLE_NOWAIT:
		vmi_x87_available(c);
		break;
	case VMI_USABLE_CPL0:
		vmi_need_cpl0(c);
		break;
	}
}

const struct vmi_op *vmi_h_usable(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	vmi_need_usable(c, op);
	return vmi_next(c, op, acc);
}

vmi_noinline static const struct vmi_op *h_ea_check_slow(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	c->op = op;
	c->r[op->reg] = vmi_linear(c, vmi_op_seg(op), offset(c, op),
		op->imm & 0xffff, (unsigned)(op->imm >> 16));
	(void)acc;
	return vmi_next(c, op, c->r[op->reg]);
}

const struct vmi_op *vmi_h_ea_check(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t at = offset(c, op);
	unsigned seg = vmi_op_seg(op);

	if (vmi_unlikely(seg > VMI_DS || (op->imm >> 16 & VMI_MEM_AL16) ||
		at + (op->imm & 0xffff) > c->open[seg & 3]))
		return h_ea_check_slow(c, op, acc);
	at = (uint32_t)(at + c->r[VMI_R_SEG + seg]);
	c->r[op->reg] = at;
	return vmi_next(c, op, at);
}

/*
 * An instruction that is not in the table: a line in the log, once in a row
 * for each place, since a guest may try it for ever.
 */
static void tell_unknown(struct vmi_cpu *c, const struct vmi_op *op)
{
	const struct vmi_codeblock *b = vmi_block_of(c->enter);
	const uint8_t *p = b->host + op->ip;
	unsigned i, room = 0x1000 - ((uintptr_t)p & 0xfff);
	char text[3 * VMI_INSN_MAX + 1] = "";

	if (c->told_rip == vmi_op_rip(c, op))
		return;
	c->told_rip = vmi_op_rip(c, op);
	for (i = 0; i < room && i < VMI_INSN_MAX; i++)
		snprintf(text + 3 * i, 4, " %02x", p[i]);
	vmi_soft_log(c, "unknown instruction at rip %#llx:%s",
		(unsigned long long)c->told_rip, text);
}

const struct vmi_op *vmi_h_fault(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)acc;
	c->op = op;
	if (op->reg)
		tell_unknown(c, op);
	if (op->imm == VMI_GP)
		vmi_raise_code(c, VMI_GP, 0);
	vmi_raise(c, (unsigned)op->imm);
}

const struct vmi_op *vmi_h_helper(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	c->op = op;
	(void)acc;
	vmi_helpers[vmi_op_exec(op)](c, op);
	return vmi_next(c, op, 0);
}

/* A helper that branches and changes nothing else of what code depends on. */
const struct vmi_op *vmi_h_helper_jump(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	const struct vmi_jump *j;

	(void)acc;
	c->op = op;
	c->rip = vmi_rip_mask(c, vmi_op_next_rip(c, op));
	vmi_helpers[vmi_op_exec(op)](c, op);
	c->op = NULL;
	c->r[VMI_R_BLOCK] = c->rip;
	j = vmi_jump_slot(c, c->rip);
	if (!vmi_jump_is(c, j, c->rip))
		return vmi_h_dead(c, op, 0);
	return vmi_block_enter(c, j->op);
}

/* A helper that may have changed everything: back to the run loop. */
const struct vmi_op *vmi_h_helper_end(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	c->op = op;
	c->rip = vmi_rip_mask(c, vmi_op_next_rip(c, op));
	(void)acc;
	vmi_helpers[vmi_op_exec(op)](c, op);
	c->op = NULL;
	return NULL;
}
