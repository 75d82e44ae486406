/* SPDX-License-Identifier: MIT */
/* Moves between vector registers, general registers and memory. */
#include "lib/soft/simd.h"

/* -- Whole registers ---------------------------------------------------- */

static void move(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm v;

	if (!(op->imm & VMI_SIMD_STORE)) {
		v = vmi_simd_src(c, op);
		vmi_simd_set(c, op, v);
		return;
	}
	vmi_simd_begin(c, op);
	v = vmi_simd_dst(c, op);
	if (op->bits & VMI_OPF_MEM)
		vmi_simd_store(c, vmi_simd_ea(c, op), v);
	else
		vmi_simd_put(c, op->base, false, v);
}

#define MOVE(token)                                                            \
	void vmi_do_##token(struct vmi_cpu *c, const struct vmi_op *op)        \
	{                                                                      \
		move(c, op);                                                   \
	}

MOVE(movaps)
MOVE(movapd)
MOVE(movups)
MOVE(movupd)
MOVE(movdqa)
MOVE(movdqu)
MOVE(movntps)
MOVE(movntpd)
MOVE(movntdq)
MOVE(movntdqa)
MOVE(lddqu)

/* -- Parts -------------------------------------------------------------- */

/* Lane 0: a load clears the rest, between registers the rest stays. */
static vmi_inline void move_scalar(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bits)
{
	struct vmi_xmm a, b;
	unsigned to = op->reg;

	if (op->imm & VMI_SIMD_STORE) {
		vmi_simd_begin(c, op);
		b = vmi_simd_dst(c, op);
		to = op->base;
		if (op->bits & VMI_OPF_MEM) {
			vmi_store(c, op, vmi_ea(c, op), vmi_lane(b, 0, bits),
				bits / 8);
			return;
		}
	} else {
		b = vmi_simd_src(c, op);
	}
	a = op->bits & VMI_OPF_MEM ? vmi_simd_pair(0, 0) :
		vmi_simd_reg(c, to, false);
	vmi_simd_put(c, to, false, vmi_lane_set(a, 0, bits, b.q[0]));
}

void vmi_do_movss(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_scalar(c, op, 32);
}

void vmi_do_movsd(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_scalar(c, op, 64);
}

/* Half `n` of the register operand from or to memory. */
static void move_half(struct vmi_cpu *c, const struct vmi_op *op, unsigned n)
{
	struct vmi_xmm v;
	uint64_t half;

	if (op->imm & VMI_SIMD_STORE) {
		vmi_simd_begin(c, op);
		vmi_store(c, op, vmi_ea(c, op),
			c->fpu.xmm[op->reg & 15].q[n], 8);
		return;
	}
	half = vmi_simd_src(c, op).q[0];
	v = vmi_simd_dst(c, op);
	v.q[n] = half;
	vmi_simd_set(c, op, v);
}

void vmi_do_movlps(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_half(c, op, 0);
}

void vmi_do_movlpd(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_half(c, op, 0);
}

void vmi_do_movhps(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_half(c, op, 1);
}

void vmi_do_movhpd(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_half(c, op, 1);
}

void vmi_do_movhlps(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);

	vmi_simd_set(c, op, vmi_simd_pair(b.q[1], a.q[1]));
}

void vmi_do_movlhps(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);

	vmi_simd_set(c, op, vmi_simd_pair(a.q[0], b.q[0]));
}

/* The low quadword; the high one of a destination register is cleared. */
void vmi_do_movq_xmm(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v;

	if (!(op->imm & VMI_SIMD_STORE)) {
		v = vmi_simd_src(c, op).q[0];
		vmi_simd_set(c, op, vmi_simd_pair(v, 0));
		return;
	}
	vmi_simd_begin(c, op);
	v = vmi_simd_dst(c, op).q[0];
	if (op->bits & VMI_OPF_MEM)
		vmi_store(c, op, vmi_ea(c, op), v, 8);
	else
		vmi_simd_put(c, op->base, false, vmi_simd_pair(v, 0));
}

/* -- General registers -------------------------------------------------- */

static void move_in(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v;

	vmi_simd_begin(c, op);
	v = vmi_rm(c, op, VMI_SIMD_BYTES(op->imm));
	vmi_simd_set(c, op, vmi_simd_pair(v, 0));
}

static void move_out(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_simd_begin(c, op);
	vmi_rm_set(c, op, vmi_simd_dst(c, op).q[0], VMI_SIMD_BYTES(op->imm));
	if (vmi_simd_mm(op))
		vmi_mmx_enter(c);
}

void vmi_do_movd_to_xmm(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_in(c, op);
}

void vmi_do_movd_to_mm(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_in(c, op);
}

void vmi_do_movd_from_xmm(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_out(c, op);
}

void vmi_do_movd_from_mm(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_out(c, op);
}

/* It needs no vector state (SDM 2B, MOVNTI), and its row no checks. */
void vmi_do_movnti(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);

	vmi_write(c, vmi_ea(c, op), vmi_reg(c, op->reg, bytes), bytes);
}

/* -- Sign masks --------------------------------------------------------- */

static uint64_t signs(struct vmi_xmm v, unsigned bits, unsigned lanes)
{
	uint64_t mask = 0;
	unsigned n;

	for (n = 0; n < lanes; n++)
		mask |= (vmi_lane(v, n, bits) >> (bits - 1)) << n;
	return mask;
}

void vmi_do_movmskps(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, signs(vmi_simd_src(c, op), 32, 4), 8);
}

void vmi_do_movmskpd(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, signs(vmi_simd_src(c, op), 64, 2), 8);
}

/* The top bits of eight bytes, gathered by adding shifted copies. */
static uint64_t byte_signs(uint64_t v)
{
	return (v & 0x8080808080808080) * 0x0002040810204081 >> 56;
}

void vmi_do_pmovmskb(struct vmi_cpu *c, const struct vmi_op *op)
{
	bool mm = vmi_simd_mm(op);
	struct vmi_xmm v = vmi_simd_src(c, op);

	vmi_reg_set(c, op->reg, byte_signs(v.q[0]) |
		(mm ? 0 : byte_signs(v.q[1]) << 8), 8);
	if (mm)
		vmi_mmx_enter(c);
}

/* -- Duplicating loads -------------------------------------------------- */

void vmi_do_movddup(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v = vmi_simd_src(c, op).q[0];

	vmi_simd_set(c, op, vmi_simd_pair(v, v));
}

void vmi_do_movsldup(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm b = vmi_simd_src(c, op);

	vmi_simd_set(c, op, vmi_simd_pair(
		(uint32_t)b.q[0] * 0x100000001ull,
		(uint32_t)b.q[1] * 0x100000001ull));
}

void vmi_do_movshdup(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm b = vmi_simd_src(c, op);

	vmi_simd_set(c, op, vmi_simd_pair((b.q[0] >> 32) * 0x100000001ull,
		(b.q[1] >> 32) * 0x100000001ull));
}

/* -- Masked stores ------------------------------------------------------ */

/*
 * Bytes whose mask has its top bit set go to DS:rDI.  Pages of bytes that are
 * not selected are not looked at (SDM 2B, MASKMOVDQU leaves that open).
 */
static void move_masked(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bytes)
{
	struct vmi_xmm mask = vmi_simd_src(c, op), v = vmi_simd_dst(c, op);
	uint64_t chosen = signs(mask, 8, bytes), at;
	unsigned n;

	at = vmi_linear(c, vmi_op_seg(op), vmi_reg(c, VMI_RDI,
		vmi_op_asize(op)), bytes, VMI_MEM_WRITE);
	for (n = 0; n < bytes; n++) {
		if (chosen >> n & 1)
			vmi_check(c, (at + n) & c->amask, 1, VMI_MEM_WRITE);
	}
	for (n = 0; n < bytes; n++) {
		if (chosen >> n & 1)
			vmi_write(c, (at + n) & c->amask, vmi_lane(v, n, 8),
				1);
	}
}

void vmi_do_maskmovdqu(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_masked(c, op, 16);
}

void vmi_do_maskmovq(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_masked(c, op, 8);
	vmi_mmx_enter(c);
}
