/* SPDX-License-Identifier: MIT */
/* MUL, IMUL, DIV and IDIV of the accumulator pair. */
#include "lib/soft/alu_ref.h"
#include "lib/soft/operand.h"
#include "lib/soft/value.h"

static uint64_t mask_of(unsigned bytes)
{
	return bytes == 8 ? ~0ull : (1ull << (bytes * 8)) - 1;
}

static uint64_t extend(uint64_t a, unsigned bytes)
{
	uint64_t t = 1ull << (bytes * 8 - 1);

	return ((a & mask_of(bytes)) ^ t) - t;
}

struct vmi_product vmi_mul_wide(uint64_t a, uint64_t b, unsigned bytes,
	bool is_signed)
{
	uint64_t m = mask_of(bytes), sign;
	struct vmi_product p;
	vmi_u128 full;

	if (is_signed)
		full = (vmi_u128)((vmi_i128)(int64_t)extend(a, bytes) *
			(int64_t)extend(b, bytes));
	else
		full = (vmi_u128)(a & m) * (b & m);
	p.low = (uint64_t)full & m;
	p.high = (uint64_t)(full >> (8 * bytes)) & m;
	sign = is_signed && (p.low >> (8 * bytes - 1)) ? m : 0;
	p.wide = p.high != sign;
	return p;
}

struct vmi_quotient vmi_div_wide(uint64_t high, uint64_t low,
	uint64_t divisor, unsigned bytes)
{
	struct vmi_quotient q = { 0 };
	uint64_t m = mask_of(bytes);
	vmi_u128 n;

	/* The quotient fits if and only if high < divisor. */
	if ((high & m) >= (divisor & m))
		return q;
	n = ((vmi_u128)(high & m) << (8 * bytes)) | (low & m);
	q.quotient = (uint64_t)(n / (divisor & m));
	q.remainder = (uint64_t)(n % (divisor & m));
	q.fits = true;
	return q;
}

/* By magnitudes, so that nothing overflows: SDM 2A, IDIV. */
struct vmi_quotient vmi_idiv_wide(uint64_t high, uint64_t low,
	uint64_t divisor, unsigned bytes)
{
	uint64_t m = mask_of(bytes), d = extend(divisor, bytes), limit;
	bool minus_n = extend(high, bytes) >> 63, minus_d = d >> 63;
	struct vmi_quotient q = { 0 };
	vmi_u128 n, magnitude, quotient;

	n = ((vmi_u128)extend(high, bytes) << (8 * bytes)) | (low & m);
	if (minus_n && bytes < 8)
		n |= ~(vmi_u128)0 << (8 * bytes + 8 * bytes);
	if (!d)
		return q;
	magnitude = minus_n ? -n : n;
	d = minus_d ? -d : d;
	quotient = magnitude / d;
	limit = (m >> 1) + (minus_n != minus_d);
	if (quotient > limit)
		return q;
	q.quotient = (uint64_t)(minus_n != minus_d ? -quotient : quotient) & m;
	q.remainder = (uint64_t)(magnitude % d);
	q.remainder = (minus_n ? -q.remainder : q.remainder) & m;
	q.fits = true;
	return q;
}

/* AH is the upper half of a byte pair, rDX of the others. */
static uint64_t high_half(const struct vmi_cpu *c, unsigned bytes)
{
	return bytes == 1 ? (c->r[VMI_RAX] >> 8) & 0xff :
		vmi_reg(c, VMI_RDX, bytes);
}

static void set_pair(struct vmi_cpu *c, uint64_t high, uint64_t low,
	unsigned bytes)
{
	if (bytes == 1) {
		vmi_reg_set(c, VMI_RAX, high << 8 | low, 2);
		return;
	}
	vmi_reg_set(c, VMI_RAX, low, bytes);
	vmi_reg_set(c, VMI_RDX, high, bytes);
}

static void multiply(struct vmi_cpu *c, const struct vmi_op *op,
	bool is_signed)
{
	unsigned bytes = vmi_op_size(op);
	struct vmi_product p = vmi_mul_wide(vmi_reg(c, VMI_RAX, bytes),
		vmi_rm(c, op, bytes), bytes, is_signed);

	set_pair(c, p.high, p.low, bytes);
	/* SF and PF are of the low half, ZF and AF 0: undefined in the SDM. */
	vmi_flags_set(c, (vmi_flags_szp(p.low, bytes) & ~VMI_FLAG_ZF) |
		(p.wide ? VMI_FLAG_CF | VMI_FLAG_OF : 0));
}

void vmi_do_mul(struct vmi_cpu *c, const struct vmi_op *op)
{
	multiply(c, op, false);
}

void vmi_do_imul1(struct vmi_cpu *c, const struct vmi_op *op)
{
	multiply(c, op, true);
}

/* The flags are undefined; they are left. */
static void set_quotient(struct vmi_cpu *c, const struct vmi_quotient *q,
	unsigned bytes)
{
	if (!q->fits)
		vmi_raise(c, VMI_DE);
	set_pair(c, q->remainder, q->quotient, bytes);
}

void vmi_do_div(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	struct vmi_quotient q = vmi_div_wide(high_half(c, bytes),
		vmi_reg(c, VMI_RAX, bytes), vmi_rm(c, op, bytes), bytes);

	set_quotient(c, &q, bytes);
}

void vmi_do_idiv(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	struct vmi_quotient q = vmi_idiv_wide(high_half(c, bytes),
		vmi_reg(c, VMI_RAX, bytes), vmi_rm(c, op, bytes), bytes);

	set_quotient(c, &q, bytes);
}
