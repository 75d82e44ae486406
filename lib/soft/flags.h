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
	VMI_CC_MUL = 1 << 2,  /* src: CF and OF; ZF = AF = 0 */
	VMI_CC_ADD = 2 << 2,  /* res = a + src */
	VMI_CC_SUB = 3 << 2,  /* res = a - src; cmp, neg */
	VMI_CC_LOGIC = 4 << 2, /* CF = OF = AF = 0 */
	VMI_CC_INC = 5 << 2,  /* src: CF as it was */
	VMI_CC_DEC = 6 << 2,
	VMI_CC_ADC = 7 << 2,  /* res = a + src + 1 */
	VMI_CC_SBB = 8 << 2,  /* res = a - src - 1 */
	VMI_CC_SHIFT = 9 << 2 /* src: CF and OF; AF = 0 */
};

/* The flags in their places in RFLAGS. */
uint64_t vmi_flags_compute(uint32_t kind, uint64_t res, uint64_t src);

static inline uint64_t vmi_flags(const struct vmi_cpu *c)
{
	return c->cc_kind == VMI_CC_FLAGS ? c->cc_res :
		vmi_flags_compute(c->cc_kind, c->cc_res, c->cc_src);
}

/*
 * CF, as 0 or 1.  Whether an addition had a carry is data: kinds that only
 * differ in that are one case, since the host would mispredict two.
 */
static inline uint64_t vmi_carry(const struct vmi_cpu *c)
{
	unsigned shift = 64 - (8u << (c->cc_kind & 3));
	unsigned kind = c->cc_kind & ~3u;
	bool carried = kind == VMI_CC_ADC || kind == VMI_CC_SBB;
	uint64_t a, b;

	switch (kind) {
	case VMI_CC_ADD:
	case VMI_CC_ADC:
		a = c->cc_res;
		b = c->cc_src;
		break;
	case VMI_CC_SUB:
	case VMI_CC_SBB:
		a = (c->cc_res + c->cc_src + carried) << shift;
		b = c->cc_src << shift;
		break;
	case VMI_CC_LOGIC:
		return 0;
	case VMI_CC_FLAGS:
		return c->cc_res & VMI_FLAG_CF;
	default:
		return c->cc_src & VMI_FLAG_CF;
	}
	return (uint64_t)(a < b) | (carried & (uint64_t)(a == b));
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

/*
 * The same without making the flags, where that is quick, for a constant
 * `cc`: after a comparison, after a result that left CF and OF clear, and of
 * zero and sign after any other operation.
 */
static vmi_inline bool vmi_cond_is_quick(const struct vmi_cpu *c, unsigned cc)
{
	unsigned kind = c->cc_kind & ~3u, what = cc >> 1;

	if (what == 2 || what == 4)
		return kind > VMI_CC_MUL; /* ZF and SF are the result's */
	return what != 5 && ((kind == VMI_CC_SUB && what != 0) ||
		kind == VMI_CC_LOGIC);
}

static vmi_inline bool vmi_cond_quick(const struct vmi_cpu *c, unsigned cc)
{
	unsigned shift = 64 - (8u << (c->cc_kind & 3));
	bool is_sub = (c->cc_kind & ~3u) == VMI_CC_SUB, holds = false;
	uint64_t src = is_sub ? c->cc_src : 0;
	uint64_t a = (c->cc_res + src) << shift, b = src << shift;

	switch (cc >> 1) {
	case 1: holds = a < b; break;
	case 2: holds = c->cc_res == 0; break;
	case 3: holds = a <= b; break;
	case 4: holds = (int64_t)(c->cc_res << shift) < 0; break;
	case 6: holds = (int64_t)a < (int64_t)b; break;
	case 7: holds = (int64_t)a <= (int64_t)b; break;
	default: break; /* O of a logical result */
	}
	return holds != (bool)(cc & 1);
}

#endif
