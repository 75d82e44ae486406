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

/* How many bits are set: sums of two, of four, of eight, of all. */
static vmi_inline uint64_t ones(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555;
	v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return v * 0x0101010101010101 >> 56;
}

/* The lowest bit of each. */
static vmi_inline uint64_t carry_overflow(uint64_t cf, uint64_t of)
{
	return (cf & 1 ? VMI_FLAG_CF : 0) | (of & 1 ? VMI_FLAG_OF : 0);
}

/* CF alone is changed: out of line, since the others are made. */
vmi_noinline static void tested(struct vmi_cpu *c, bool cf)
{
	vmi_flags_set(c, (vmi_flags(c) & ~VMI_FLAG_CF) | cf);
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
#define MEM(name, b)                                                           \
	{ .run = h_##name##_m_##b, .exec = VMI_EXEC_##name,                    \
	  .form = VMI_QUICK_ANY, .bytes = b, .bits = VMI_OPF_MEM }
#define BOTH(name) ROW(name, 4), ROW(name, 8)
#define ALL(name)  BOTH(name), MEM(name, 4), MEM(name, 8)

const struct vmi_quick vmi_quick_integer[] = {
	BOTH(cbw), BOTH(cwd), ALL(mul), ALL(imul1), ALL(div), ALL(idiv),
	BOTH(bswap), ALL(bsf), ALL(bsr), ALL(popcnt),
	BOTH(bt), BOTH(bts), BOTH(btr), BOTH(btc), BOTH(shld), BOTH(shrd),
	ROW(leave, 8),
	{ .run = NULL }
};
