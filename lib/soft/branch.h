/* SPDX-License-Identifier: MIT */
/* How handlers leave a block for the next. */
#ifndef VMI_SOFT_BRANCH_H
#define VMI_SOFT_BRANCH_H

#include "lib/soft/block.h"

/* RIP of the mode's width, which linear addresses have as well. */
static vmi_inline uint64_t vmi_rip_mask(const struct vmi_cpu *c, uint64_t rip)
{
	return rip & c->amask;
}

/* Begin a block by its `enter`, unless the slice ends or an event waits. */
static vmi_inline const struct vmi_op *vmi_block_enter(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	int64_t left = c->budget - (int64_t)op->imm;

	if (vmi_unlikely(left < atomic_load_explicit(&c->floor,
		memory_order_relaxed)))
		return vmi_h_dead(c, op, 0);
	c->budget = left;
	c->enter = op;
	return vmi_next(c, op, 0);
}

/* Where the block at `rip` was found before. */
static vmi_inline struct vmi_jump *vmi_jump_slot(struct vmi_cpu *c,
	uint64_t rip)
{
	return &c->jumps[(rip ^ (rip >> VMI_JUMP_BITS)) & (VMI_JUMPS - 1)];
}

static vmi_inline bool vmi_jump_is(const struct vmi_cpu *c,
	const struct vmi_jump *j, uint64_t rip)
{
	return vmi_likely(j->rip == rip && j->tag == c->jump_tag);
}

#endif
