/* SPDX-License-Identifier: MIT */
/* A template: integer instructions that are helpers otherwise, of BYTES. */
#define H3(name, bytes) h_##name##_##bytes
#define H2(name, bytes) H3(name, bytes)
#define H(name) H2(name, BYTES)

/* -- Accumulator -------------------------------------------------------- */

static const struct vmi_op *H(cbw)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t r = vmi_trunc(vmi_sext(c->r[VMI_RAX], BYTES / 2), BYTES);

	(void)acc;
	c->r[VMI_RAX] = r;
	return vmi_next(c, op, r);
}

static const struct vmi_op *H(cwd)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t top = c->r[VMI_RAX] >> (8 * BYTES - 1) & 1;

	c->r[VMI_RDX] = vmi_trunc(0 - top, BYTES);
	return vmi_next(c, op, acc);
}

/* Flags as the helper leaves them, which the SDM does not define. */
static vmi_inline const struct vmi_op *H(product)(struct vmi_cpu *c,
	const struct vmi_op *op, vmi_u128 p, bool wide)
{
	uint64_t low = vmi_trunc((uint64_t)p, BYTES);

	c->r[VMI_RAX] = low;
	c->r[VMI_RDX] = vmi_trunc((uint64_t)(p >> (8 * BYTES)), BYTES);
	vmi_cc(c, VMI_CC_MUL, BYTES, low,
		wide ? VMI_FLAG_CF | VMI_FLAG_OF : 0);
	return vmi_next(c, op, low);
}

static vmi_inline const struct vmi_op *H(mul_by)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t b)
{
	vmi_u128 p = (vmi_u128)vmi_reg(c, VMI_RAX, BYTES) * b;

	return H(product)(c, op, p, (uint64_t)(p >> (8 * BYTES)) != 0);
}

static vmi_inline const struct vmi_op *H(imul1_by)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t b)
{
	vmi_i128 p = (vmi_i128)(int64_t)vmi_sext(c->r[VMI_RAX], BYTES) *
		(int64_t)vmi_sext(b, BYTES);

	return H(product)(c, op, (vmi_u128)p,
		p != (int64_t)vmi_sext((uint64_t)p, BYTES));
}

/* A dividend of one register. */
static vmi_inline const struct vmi_op *H(div_by)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t b)
{
	uint64_t a = vmi_reg(c, VMI_RAX, BYTES);

	if (vmi_unlikely(!b || vmi_reg(c, VMI_RDX, BYTES)))
		return vmi_h_helper(c, op, 0);
	c->r[VMI_RAX] = a / b;
	c->r[VMI_RDX] = a % b;
	return vmi_next(c, op, 0);
}

/* Any but division by 0, and by -1, which can overflow. */
static vmi_inline const struct vmi_op *H(idiv_by)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t divisor)
{
	int64_t a = (int64_t)vmi_sext(c->r[VMI_RAX], BYTES);
	int64_t b = (int64_t)vmi_sext(divisor, BYTES);
	uint64_t high = vmi_trunc(a < 0 ? ~0ull : 0, BYTES);

	if (vmi_unlikely((uint64_t)b + 1 < 2 ||
		vmi_reg(c, VMI_RDX, BYTES) != high))
		return vmi_h_helper(c, op, 0);
	c->r[VMI_RAX] = vmi_trunc((uint64_t)(a / b), BYTES);
	c->r[VMI_RDX] = vmi_trunc((uint64_t)(a % b), BYTES);
	return vmi_next(c, op, 0);
}

#define BY mul
#include "lib/soft/quick_operand.h"
#define BY imul1
#include "lib/soft/quick_operand.h"
#define BY div
#include "lib/soft/quick_operand.h"
#define BY idiv
#include "lib/soft/quick_operand.h"

/* -- Bits --------------------------------------------------------------- */

static const struct vmi_op *H(bswap)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	c->r[op->reg] = swapped(c->r[op->reg]) >> (64 - 8 * BYTES);
	return vmi_next(c, op, c->r[op->reg]);
}

/* The lowest and the highest bit; of 0 the helper knows what is left. */
static vmi_inline const struct vmi_op *H(bsf_by)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t b)
{
	uint64_t n;

	if (vmi_unlikely(!b))
		return vmi_h_helper(c, op, 0);
	n = 63u - vmi_clz64(b & (0 - b));
	c->r[op->reg] = n;
	vmi_flags_set(c, parity(n));
	return vmi_next(c, op, n);
}

static vmi_inline const struct vmi_op *H(bsr_by)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t b)
{
	uint64_t n;

	if (vmi_unlikely(!b))
		return vmi_h_helper(c, op, 0);
	n = 63u - vmi_clz64(b);
	c->r[op->reg] = n;
	vmi_flags_set(c, parity(n));
	return vmi_next(c, op, n);
}

static vmi_inline const struct vmi_op *H(popcnt_by)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t b)
{
	uint64_t n = ones(b);

	c->r[op->reg] = n;
	vmi_flags_set(c, b ? 0 : VMI_FLAG_ZF);
	return vmi_next(c, op, n);
}

#define BY bsf
#include "lib/soft/quick_operand.h"
#define BY bsr
#include "lib/soft/quick_operand.h"
#define BY popcnt
#include "lib/soft/quick_operand.h"

/* The bit that BT and its like are about: of a register, modulo its bits. */
static vmi_inline uint64_t H(bit)(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	uint64_t n = vmi_form(op) == VMI_FORM_EI ? op->imm : c->r[op->reg];

	return 1ull << (n & (8 * BYTES - 1));
}

static const struct vmi_op *H(bt)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	tested(c, c->r[op->base] & H(bit)(c, op));
	return vmi_next(c, op, acc);
}

static const struct vmi_op *H(bts)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t a = vmi_reg(c, op->base, BYTES), bit = H(bit)(c, op);

	(void)acc;
	c->r[op->base] = a | bit;
	tested(c, a & bit);
	return vmi_next(c, op, 0);
}

static const struct vmi_op *H(btr)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t a = vmi_reg(c, op->base, BYTES), bit = H(bit)(c, op);

	(void)acc;
	c->r[op->base] = a & ~bit;
	tested(c, a & bit);
	return vmi_next(c, op, 0);
}

static const struct vmi_op *H(btc)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t a = vmi_reg(c, op->base, BYTES), bit = H(bit)(c, op);

	(void)acc;
	c->r[op->base] = a ^ bit;
	tested(c, a & bit);
	return vmi_next(c, op, 0);
}

/* -- Double shifts, by less than the operand ----------------------------- */

static vmi_inline unsigned H(count)(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return (unsigned)(vmi_form(op) == VMI_FORM_EGCL ? c->r[VMI_RCX] :
		op->imm) & (8 * BYTES - 1);
}

/* OF as of a shift by 1; a count of 0 changes no flag. */
static const struct vmi_op *H(shld)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	unsigned n = H(count)(c, op), top = 8 * BYTES - 1;
	uint64_t a = vmi_reg(c, op->base, BYTES), r;
	uint64_t b = vmi_reg(c, op->reg, BYTES);

	if (vmi_unlikely(!n))
		return vmi_h_helper(c, op, acc);
	r = vmi_trunc(a << n | b >> (top + 1 - n), BYTES);
	c->r[op->base] = r;
	vmi_cc(c, VMI_CC_SHIFT, BYTES, r, carry_overflow(
		a >> (top + 1 - n), a >> top ^ a >> (top - 1)));
	return vmi_next(c, op, r);
}

static const struct vmi_op *H(shrd)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	unsigned n = H(count)(c, op), top = 8 * BYTES - 1;
	uint64_t a = vmi_reg(c, op->base, BYTES), r;
	uint64_t b = vmi_reg(c, op->reg, BYTES);

	if (vmi_unlikely(!n))
		return vmi_h_helper(c, op, acc);
	r = vmi_trunc(a >> n | b << (top + 1 - n), BYTES);
	c->r[op->base] = r;
	vmi_cc(c, VMI_CC_SHIFT, BYTES, r, carry_overflow(
		a >> (n - 1), a >> top ^ b));
	return vmi_next(c, op, r);
}

#undef H3
#undef H2
#undef H
#undef BYTES
