/* SPDX-License-Identifier: MIT */
/* Handlers of integer instructions that are helpers otherwise: quick.h. */
#include "lib/soft/alu.h"
#include "lib/soft/quick.h"

static vmi_inline uint64_t swapped(uint64_t v)
{
	v = (v & 0x00ff00ff00ff00ff) << 8 | (v >> 8 & 0x00ff00ff00ff00ff);
	v = (v & 0x0000ffff0000ffff) << 16 | (v >> 16 & 0x0000ffff0000ffff);
	return v << 32 | v >> 32;
}

/* PF of a number below 64, as the processors that were looked at have it. */
static vmi_inline uint64_t parity(uint64_t n)
{
	n ^= n >> 4;
	return (0x9669u >> (n & 15) & 1) << 2;
}

#define BYTES 4
#include "lib/soft/quick_shapes.h"
#define BYTES 8
#include "lib/soft/quick_shapes.h"

/* mov rsp, rbp; pop rbp: nothing changes before the load. */
static const struct vmi_op *h_leave_8(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t sp = c->r[VMI_RBP];
	const struct vmi_tlb_entry *e = vmi_tlb(c, sp);

	if (!vmi_may_read(e, sp, 8))
		return vmi_h_helper(c, op, acc);
	c->r[VMI_RBP] = vmi_host_load(vmi_tlb_host(e, sp), 8);
	c->r[VMI_RSP] = sp + 8;
	return vmi_next(c, op, sp + 8);
}

#define ROW(name, b)                                                           \
	{ .run = h_##name##_##b, .exec = VMI_EXEC_##name,                      \
	  .form = VMI_QUICK_ANY, .bytes = b }

const struct vmi_quick vmi_quick_integer[] = {
	ROW(cbw, 4), ROW(cbw, 8), ROW(cwd, 4), ROW(cwd, 8),
	ROW(mul, 4), ROW(mul, 8), ROW(imul1, 4), ROW(imul1, 8),
	ROW(div, 4), ROW(div, 8), ROW(idiv, 4), ROW(idiv, 8),
	ROW(bswap, 4), ROW(bswap, 8),
	ROW(bsf, 4), ROW(bsf, 8), ROW(bsr, 4), ROW(bsr, 8),
	ROW(leave, 8),
	{ .run = NULL }
};
