/* SPDX-License-Identifier: MIT */
/* How handlers leave a block for the next. */
#ifndef VMI_SOFT_BRANCH_H
#define VMI_SOFT_BRANCH_H

#include "lib/soft/block.h"

/* RIP of the mode's width. */
static vmi_inline uint64_t vmi_rip_mask(const struct vmi_cpu *c, uint64_t rip)
{
	return c->mode == 64 ? rip : (uint32_t)rip;
}

/* Way 0 of a direct branch: to `disp` from the block's start. */
static vmi_inline const struct vmi_op *vmi_branch_taken(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	const struct vmi_links *links = (const void *)(op + 1);
	const struct vmi_op *to = links->to[0];

	c->r[VMI_R_BLOCK] = vmi_rip_mask(c, c->r[VMI_R_BLOCK] +
		(uint64_t)(int64_t)op->disp);
	if (vmi_unlikely(!to))
		to = vmi_block_link(c, op, 0);
	return vmi_goto(c, to);
}

/* Way 1: behind the branch. */
static vmi_inline const struct vmi_op *vmi_branch_not_taken(
	struct vmi_cpu *c, const struct vmi_op *op)
{
	const struct vmi_links *links = (const void *)(op + 1);
	const struct vmi_op *to = links->to[1];

	c->r[VMI_R_BLOCK] = vmi_rip_mask(c, vmi_op_next_rip(c, op));
	if (vmi_unlikely(!to))
		to = vmi_block_link(c, op, 1);
	return vmi_goto(c, to);
}

/* To a RIP that is known only now. */
static vmi_inline const struct vmi_op *vmi_branch_to(struct vmi_cpu *c,
	uint64_t rip)
{
	const struct vmi_jump *j = &c->jumps[(rip ^ (rip >> VMI_JUMP_BITS)) &
		(VMI_JUMPS - 1)];

	c->r[VMI_R_BLOCK] = rip;
	if (vmi_likely(j->rip == rip && j->tag == c->jump_tag))
		return vmi_goto(c, j->op);
	return vmi_goto(c, vmi_block_jump(c));
}

#endif
