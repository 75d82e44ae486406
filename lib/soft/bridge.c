/* SPDX-License-Identifier: MIT */
/* Instructions that begin in one page and end in the next. */
/*
 * Such an instruction is the last one of its block, which belongs to the first
 * page and dies with its bytes there as others do.  Of the second page nobody
 * is told anything: before the instruction a `bridge` operation looks where
 * that page is now, and compares the few bytes.  Page tables and bytes may
 * change as they like, in the same block too.
 */
#include "lib/soft/branch.h"
#include "lib/soft/cache.h"
#include "lib/soft/mem.h"

static uint64_t second_page(const struct vmi_cpu *c, const struct vmi_op *op)
{
	const struct vmi_codeblock *b = vmi_block_of(c->enter);

	return (c->r[VMI_R_BLOCK] + b->cs_base + (uint64_t)(int64_t)op->disp) &
		c->amask;
}

static bool is_same(const struct vmi_codeblock *b, const uint8_t *host,
	unsigned bytes)
{
	unsigned i = 0;

	while (i < bytes && vmi_atomic_load(&host[i]) == b->bridge.bytes[i])
		i++;
	return host == b->bridge.host && i == bytes;
}

/* Where the page was looked up before, it is the same one still. */
static bool holds(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t at = second_page(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb_entry(c, at, c->who);

	return vmi_likely(e->exec == at) && is_same(vmi_block_of(c->enter),
		(const uint8_t *)(uintptr_t)(at + e->addend), op->reg);
}

/*
 * The block begins with the instruction, so that nothing else will fetch it:
 * fetch it as for decoding, when nothing has begun.
 */
static bool holds_if_fetched(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_codeblock *b = vmi_block_of(c->enter);
	uint64_t at = second_page(c, op), page;
	struct vmapi_ram *ram;
	const uint8_t *host;

	vmi_h_end(c, op, 0);
	host = vmi_fetch_page(c, at, &ram, &page);
	c->budget -= (int64_t)c->enter->imm;
	if (host && !b->dead && is_same(b, host, op->reg))
		return true;
	if (!b->dead)
		vmi_block_drop(c, b);
	return false;
}

vmi_noinline bool vmi_bridge_cross(struct vmi_cpu *c, const struct vmi_op *op)
{
	if (vmi_likely(holds(c, op)))
		return true;
	return !op->n && holds_if_fetched(c, op);
}

const struct vmi_op *vmi_h_bridge(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	if (vmi_unlikely(!vmi_bridge_cross(c, op)))
		return vmi_h_end(c, op, acc);
	return vmi_next(c, op, acc);
}
