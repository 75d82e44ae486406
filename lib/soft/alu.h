/* SPDX-License-Identifier: MIT */
/* What value operations compute, for constants `bytes` and `live`. */
#ifndef VMI_SOFT_ALU_H
#define VMI_SOFT_ALU_H

#include "lib/soft/operand.h"

static vmi_inline uint64_t vmi_trunc(uint64_t v, unsigned bytes)
{
	return bytes == 8 ? v : v & ((1ull << (bytes * 8 & 63)) - 1);
}

static vmi_inline uint64_t vmi_sext(uint64_t v, unsigned bytes)
{
	unsigned shift = 64 - bytes * 8;

	return (uint64_t)((int64_t)(v << shift) >> shift);
}

static vmi_inline void vmi_cc(struct vmi_cpu *c, uint32_t kind,
	unsigned bytes, uint64_t res, uint64_t src)
{
	c->cc_kind = kind | (bytes == 8 ? 3 : bytes == 4 ? 2 : bytes == 2);
	c->cc_res = res;
	c->cc_src = src;
}

static vmi_inline uint64_t vmi_alu_add(struct vmi_cpu *c, uint64_t a,
	uint64_t b, unsigned bytes, bool live)
{
	uint64_t r = vmi_trunc(a + b, bytes);

	if (live)
		vmi_cc(c, VMI_CC_ADD, bytes, r, vmi_trunc(b, bytes));
	return r;
}

static vmi_inline uint64_t vmi_alu_sub(struct vmi_cpu *c, uint64_t a,
	uint64_t b, unsigned bytes, bool live)
{
	uint64_t r = vmi_trunc(a - b, bytes);

	if (live)
		vmi_cc(c, VMI_CC_SUB, bytes, r, vmi_trunc(b, bytes));
	return r;
}

static vmi_inline uint64_t vmi_alu_logic(struct vmi_cpu *c, uint64_t r,
	unsigned bytes, bool live)
{
	r = vmi_trunc(r, bytes);
	if (live)
		vmi_cc(c, VMI_CC_LOGIC, bytes, r, 0);
	return r;
}

static vmi_inline uint64_t vmi_alu_and(struct vmi_cpu *c, uint64_t a,
	uint64_t b, unsigned bytes, bool live)
{
	return vmi_alu_logic(c, a & b, bytes, live);
}

static vmi_inline uint64_t vmi_alu_or(struct vmi_cpu *c, uint64_t a,
	uint64_t b, unsigned bytes, bool live)
{
	return vmi_alu_logic(c, a | b, bytes, live);
}

static vmi_inline uint64_t vmi_alu_xor(struct vmi_cpu *c, uint64_t a,
	uint64_t b, unsigned bytes, bool live)
{
	return vmi_alu_logic(c, a ^ b, bytes, live);
}

static vmi_inline uint64_t vmi_alu_adc(struct vmi_cpu *c, uint64_t a,
	uint64_t b, unsigned bytes, bool live)
{
	uint64_t cf = vmi_carry(c);
	uint64_t r = vmi_trunc(a + b + cf, bytes);

	if (live)
		vmi_cc(c, VMI_CC_ADD + (uint32_t)cf *
			(VMI_CC_ADC - VMI_CC_ADD), bytes, r,
			vmi_trunc(b, bytes));
	return r;
}

static vmi_inline uint64_t vmi_alu_sbb(struct vmi_cpu *c, uint64_t a,
	uint64_t b, unsigned bytes, bool live)
{
	uint64_t cf = vmi_carry(c);
	uint64_t r = vmi_trunc(a - b - cf, bytes);

	if (live)
		vmi_cc(c, VMI_CC_SUB + (uint32_t)cf *
			(VMI_CC_SBB - VMI_CC_SUB), bytes, r,
			vmi_trunc(b, bytes));
	return r;
}

static vmi_inline uint64_t vmi_alu_inc(struct vmi_cpu *c, uint64_t a,
	unsigned bytes, bool live)
{
	uint64_t r = vmi_trunc(a + 1, bytes);

	if (live)
		vmi_cc(c, VMI_CC_INC, bytes, r, vmi_carry(c));
	return r;
}

static vmi_inline uint64_t vmi_alu_dec(struct vmi_cpu *c, uint64_t a,
	unsigned bytes, bool live)
{
	uint64_t r = vmi_trunc(a - 1, bytes);

	if (live)
		vmi_cc(c, VMI_CC_DEC, bytes, r, vmi_carry(c));
	return r;
}

static vmi_inline uint64_t vmi_alu_neg(struct vmi_cpu *c, uint64_t a,
	unsigned bytes, bool live)
{
	return vmi_alu_sub(c, 0, a, bytes, live);
}

static vmi_inline uint64_t vmi_alu_not(struct vmi_cpu *c, uint64_t a,
	unsigned bytes, bool live)
{
	(void)c;
	(void)live;
	return vmi_trunc(~a, bytes);
}

#endif
