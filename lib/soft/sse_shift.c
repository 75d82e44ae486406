/* SPDX-License-Identifier: MIT */
/* Shifts of lanes, and of whole registers by bytes. */
#include "lib/soft/simd.h"

enum shift { LEFT, RIGHT, RIGHT_SIGNED };

/* SDM 2B, PSLLW: a count of the lane's width or more leaves 0, or the sign. */
static vmi_inline uint64_t shift_lane(uint64_t v, unsigned bits,
	uint64_t count, enum shift how)
{
	if (how == RIGHT_SIGNED) {
		count = count < bits ? count : bits - 1;
		return (uint64_t)(vmi_lane_signed(v, bits) >> count);
	}
	if (count >= bits)
		return 0;
	return how == LEFT ? v << count : v >> count;
}

static vmi_inline uint64_t shift_half(uint64_t v, unsigned bits,
	uint64_t count, enum shift how)
{
	uint64_t mask = vmi_lane_mask(bits), r = 0;
	unsigned at;

	for (at = 0; at < 64; at += bits)
		r |= (shift_lane(v >> at & mask, bits, count, how) & mask)
			<< at;
	return r;
}

/*
 * By an immediate the operand is the r/m one; by a vector the count is the
 * low 64 bits of that.
 */
static vmi_inline void shift(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bits, enum shift how)
{
	bool by_imm = op->imm & VMI_SIMD_STORE;
	struct vmi_xmm b = vmi_simd_src(c, op);
	struct vmi_xmm a = by_imm ? b : vmi_simd_dst(c, op);
	uint64_t count = by_imm ? op->imm & 0xff : b.q[0];

	a.q[0] = shift_half(a.q[0], bits, count, how);
	a.q[1] = shift_half(a.q[1], bits, count, how);
	vmi_simd_put(c, by_imm ? op->base : op->reg, vmi_simd_mm(op), a);
}

#define SHIFT(token, bits, how)                                                \
	void vmi_do_##token(struct vmi_cpu *c, const struct vmi_op *op)        \
	{                                                                      \
		shift(c, op, bits, how);                                       \
	}

SHIFT(psllw, 16, LEFT)
SHIFT(pslld, 32, LEFT)
SHIFT(psllq, 64, LEFT)
SHIFT(psrlw, 16, RIGHT)
SHIFT(psrld, 32, RIGHT)
SHIFT(psrlq, 64, RIGHT)
SHIFT(psraw, 16, RIGHT_SIGNED)
SHIFT(psrad, 32, RIGHT_SIGNED)

/* Both registers' bytes in a row, `high` above `low`, moved down by `n`. */
static struct vmi_xmm bytes_down(struct vmi_xmm low, struct vmi_xmm high,
	unsigned n)
{
	uint64_t q[6] = { low.q[0], low.q[1], high.q[0], high.q[1], 0, 0 };
	unsigned at = n / 8, bits = n % 8 * 8;

	if (n >= 32)
		return vmi_simd_pair(0, 0);
	if (!bits)
		return vmi_simd_pair(q[at], q[at + 1]);
	return vmi_simd_pair(q[at] >> bits | q[at + 1] << (64 - bits),
		q[at + 1] >> bits | q[at + 2] << (64 - bits));
}

void vmi_do_psrldq(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm v = vmi_simd_src(c, op), zero = { { 0, 0 } };
	unsigned n = op->imm & 0xff;

	vmi_simd_put(c, op->base, false, bytes_down(v, zero, n));
}

void vmi_do_pslldq(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm v = vmi_simd_src(c, op), zero = { { 0, 0 } };
	unsigned n = op->imm & 0xff;

	vmi_simd_put(c, op->base, false,
		bytes_down(zero, v, n < 16 ? 16 - n : 0));
}

/* The second operand below the first; in MMX 8 bytes of each. */
void vmi_do_palignr(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	struct vmi_xmm zero = { { 0, 0 } };
	unsigned n = op->imm & 0xff;

	if (vmi_simd_mm(op))
		a = bytes_down(vmi_simd_pair(b.q[0], a.q[0]), zero, n);
	else
		a = bytes_down(b, a, n);
	vmi_simd_set(c, op, a);
}
