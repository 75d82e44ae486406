/* SPDX-License-Identifier: MIT */
/* The six arithmetic flags, computed only when somebody looks. */
#ifndef VMI_SOFT_FLAGS_H
#define VMI_SOFT_FLAGS_H

#include "lib/soft/cpu.h"

/*
 * An operation leaves its kind, its result and one operand; the flags are a
 * function of these.  The kind's low two bits are log2 of the width in
 * bytes.  Results and operands are zero-extended.
 */
enum {
	VMI_CC_FLAGS = 0,     /* cc_res is the flags themselves */
	VMI_CC_ADD = 1 << 2,  /* res = a + src */
	VMI_CC_SUB = 2 << 2,  /* res = a - src; cmp, neg */
	VMI_CC_LOGIC = 3 << 2, /* CF = OF = AF = 0 */
	VMI_CC_INC = 4 << 2,  /* src: CF as it was */
	VMI_CC_DEC = 5 << 2
};

/* The flags in their places in RFLAGS. */
uint64_t vmi_flags_compute(uint32_t kind, uint64_t res, uint64_t src);

static inline uint64_t vmi_flags(const struct vmi_cpu *c)
{
	return c->cc_kind == VMI_CC_FLAGS ? c->cc_res :
		vmi_flags_compute(c->cc_kind, c->cc_res, c->cc_src);
}

/* Replace all six. */
static inline void vmi_flags_set(struct vmi_cpu *c, uint64_t flags)
{
	c->cc_kind = VMI_CC_FLAGS;
	c->cc_res = flags & VMI_FLAGS_ARITH;
}

/* Z, S and P of a result of `bytes`, the others 0. */
uint64_t vmi_flags_szp(uint64_t res, unsigned bytes);

/* Whether condition `cc` (the low four bits of Jcc's opcode) holds. */
bool vmi_cond(const struct vmi_cpu *c, unsigned cc);

#endif
