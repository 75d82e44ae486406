/* SPDX-License-Identifier: MIT */
/* Handlers that move: mov, movzx, movsx, xchg, cmovcc, setcc, lea. */
#include "lib/soft/alu.h"
#include "lib/soft/value.h"

#define BYTES 1
#include "lib/soft/mov_shapes.h"
#define BYTES 2
#include "lib/soft/mov_shapes.h"
#define BYTES 4
#include "lib/soft/mov_shapes.h"
#define BYTES 8
#include "lib/soft/mov_shapes.h"

#define FROM 1
#define TO   2
#include "lib/soft/extend_shapes.h"
#define FROM 1
#define TO   4
#include "lib/soft/extend_shapes.h"
#define FROM 1
#define TO   8
#include "lib/soft/extend_shapes.h"
#define FROM 2
#define TO   2
#include "lib/soft/extend_shapes.h"
#define FROM 2
#define TO   4
#include "lib/soft/extend_shapes.h"
#define FROM 2
#define TO   8
#include "lib/soft/extend_shapes.h"
#define FROM 4
#define TO   4
#include "lib/soft/extend_shapes.h"
#define FROM 4
#define TO   8
#include "lib/soft/extend_shapes.h"

/* No flags: the same handler whether somebody looks or not. */
#define BOTH(h)	 { h, h }
#define ALL(op, shape)                                                         \
	{ BOTH(h_##op##_##shape##_1), BOTH(h_##op##_##shape##_2),              \
		BOTH(h_##op##_##shape##_4), BOTH(h_##op##_##shape##_8) }

const struct vmi_value vmi_value_mov = {
	.h = {
		[VMI_RR] = ALL(mov, rr),
		[VMI_RI] = ALL(mov, ri),
		[VMI_RM] = ALL(mov, rm),
		[VMI_MR] = ALL(mov, mr),
		[VMI_MI] = ALL(mov, mi),
	}
};

vmi_handler *const vmi_h_mov_plain[2][4] = {
	{ h_mov_rb_1, h_mov_rb_2, h_mov_rb_4, h_mov_rb_8 },
	{ h_mov_br_1, h_mov_br_2, h_mov_br_4, h_mov_br_8 }
};

const struct vmi_value vmi_value_xchg = {
	.h = { [VMI_RR] = ALL(xchg, rr) }
};

vmi_handler *const vmi_h_cmov[2][4] = {
	{ NULL, h_cmov_rr_2, h_cmov_rr_4, h_cmov_rr_8 },
	{ NULL, h_cmov_rm_2, h_cmov_rm_4, h_cmov_rm_8 }
};

#define FROM_1(op, shape)                                                      \
	{ NULL, h_##op##_##shape##_1_2, h_##op##_##shape##_1_4,                \
		h_##op##_##shape##_1_8 }
#define FROM_2(op, shape)                                                      \
	{ NULL, h_##op##_##shape##_2_2, h_##op##_##shape##_2_4,                \
		h_##op##_##shape##_2_8 }
#define FROM_4(op, shape)                                                      \
	{ NULL, NULL, h_##op##_##shape##_4_4, h_##op##_##shape##_4_8 }

vmi_handler *const vmi_h_movzx[2][3][4] = {
	{ FROM_1(movzx, rr), FROM_2(movzx, rr), FROM_4(movzx, rr) },
	{ FROM_1(movzx, rm), FROM_2(movzx, rm), FROM_4(movzx, rm) }
};

vmi_handler *const vmi_h_movsx[2][3][4] = {
	{ FROM_1(movsx, rr), FROM_2(movsx, rr), FROM_4(movsx, rr) },
	{ FROM_1(movsx, rm), FROM_2(movsx, rm), FROM_4(movsx, rm) }
};

const struct vmi_op *vmi_h_setcc(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, vmi_cond(c, op->imm & 15), 1);
	return vmi_next(c, op);
}

static vmi_inline uint64_t offset(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return c->r[op->base] + (c->r[op->index] << op->scale) +
		(uint64_t)(int64_t)op->disp;
}

const struct vmi_op *vmi_h_lea16(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, offset(c, op), 2);
	return vmi_next(c, op);
}

const struct vmi_op *vmi_h_lea32(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, offset(c, op), 4);
	return vmi_next(c, op);
}

const struct vmi_op *vmi_h_lea64(struct vmi_cpu *c, const struct vmi_op *op)
{
	c->r[op->reg] = offset(c, op);
	return vmi_next(c, op);
}
