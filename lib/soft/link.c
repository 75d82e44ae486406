/* SPDX-License-Identifier: MIT */
/*
 * From block to block: direct branches are linked inside a page, all others
 * ask where they led before.
 */
#include "lib/soft/cache.h"

#include "lib/soft/engine.h"

const struct vmi_op *vmi_block_jump(struct vmi_cpu *c)
{
	const struct vmi_op *op;

	/* What comes behind the slice is not fetched in it: it may fault. */
	if (c->budget <= 0)
		return &vmi_block_none;
	c->rip = c->r[VMI_R_BLOCK];
	op = vmi_block_at(c);
	return op ? op : &vmi_block_none;
}

/* From the block's start to where way `k` of a branch leads. */
static int64_t way(const struct vmi_op *op, unsigned k)
{
	return k ? (int64_t)op->ip + op->len : op->disp;
}

static bool cached(const struct vmi_cpu *c, const struct vmi_codeblock *b)
{
	return (const uint8_t *)b != c->cache->scratch && !b->dead && !b->copy;
}

/* As vmi_block_jump(), where it led before if nothing changed since. */
static const struct vmi_op *jump_again(struct vmi_cpu *c)
{
	uint64_t rip = c->r[VMI_R_BLOCK];
	const struct vmi_jump *j = vmi_jump_slot(c, rip);

	if (vmi_jump_is(c, j, rip))
		return j->op;
	return vmi_block_jump(c);
}

/* RIP ends in the middle of a page: linked ways do not look. */
static bool may_wrap(const struct vmi_cpu *c)
{
	return vmi_code_base(c) & 0xfff;
}

static bool leaves_page(const struct vmi_codeblock *from, int64_t distance)
{
	int64_t at = (int64_t)((uintptr_t)from->host & 0xfff) + distance;

	return at < 0 || at > 0xfff;
}

/* As it was before the compare is over: the jump behind it faults. */
static void between_fused(struct vmi_cpu *c, const struct vmi_op *op)
{
	const struct vmi_codeblock *b = vmi_block_of(c->enter);
	struct vmi_insn compare;

	if (vmi_decode(b->host + op->ip, op->len, c->mode, &compare))
		return; /* patched since */
	c->rip = vmi_op_rip(c, op) + compare.len;
	c->budget += (int64_t)c->enter->imm - op->n - 1;
	c->op = NULL;
}

/*
 * A target that is not canonical faults in the branch: SDM 2A JMP, Jcc.  It
 * is outside the branch's page, so it is only here that one is met; CALL has
 * looked already.
 */
static void check_target(struct vmi_cpu *c, const struct vmi_op *op)
{
	if (vmi_likely(c->mode != 64 || vmi_canonical(c->r[VMI_R_BLOCK])))
		return;
	c->r[VMI_R_BLOCK] -= (uint64_t)(int64_t)op->disp;
	c->op = op;
	if (op->code == VMI_INNER_CMPJCC)
		between_fused(c, op);
	vmi_raise_code(c, VMI_GP, 0);
}

const struct vmi_op *vmi_block_link(struct vmi_cpu *c,
	const struct vmi_op *op, unsigned k)
{
	struct vmi_links *links = (struct vmi_links *)(uintptr_t)(op + 1);
	uint64_t flushes = c->cache->flushes;
	struct vmi_codeblock *from = vmi_block_of(c->enter), *to;
	int64_t distance = way(op, k);
	const struct vmi_op *next;

	/* Page tables decide: such branches are never linked. */
	if (leaves_page(from, distance) || may_wrap(c)) {
		if (k == 0)
			check_target(c, op);
		links->next[k] = VMI_LINK_NEVER;
		return jump_again(c);
	}
	next = vmi_block_jump(c);
	if (next->run != vmi_h_enter ||
		flushes != c->cache->flushes)
		return next; /* nothing there, or `from` is no more */
	if (vmi_unlikely(c->key & VMI_KEY_BREAK) &&
		vmi_debug_cuts(c, vmi_code_base(c) + c->r[VMI_R_BLOCK]))
		return next; /* in another alias of the page it is a point */
	to = vmi_block_of(next);
	/*
	 * Within a page the way is the same whatever the page tables are; and
	 * the page must be the same one, not another alias of it.
	 */
	if (!cached(c, from) || !cached(c, to) || to->host - from->host !=
		distance || (((uintptr_t)to->host ^ (uintptr_t)from->host) &
		~(uintptr_t)0xfff))
		return next;
	links->to[k] = next;
	links->next[k] = to->incoming;
	to->incoming = (uintptr_t)links | k;
	return next;
}
