/* SPDX-License-Identifier: MIT */
/* Handlers that move: mov, movzx, movsx, xchg, cmovcc from memory, lea. */
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

static vmi_inline uint64_t widen_movzx(uint64_t v, unsigned bytes)
{
	return vmi_trunc(v, bytes);
}

static vmi_inline uint64_t widen_movsx(uint64_t v, unsigned bytes)
{
	return vmi_sext(v, bytes);
}

#define OP   movzx
#define FROM 1
#define TO   2
#include "lib/soft/extend_shapes.h"
#define OP   movzx
#define FROM 1
#define TO   4
#include "lib/soft/extend_shapes.h"
#define OP   movzx
#define FROM 1
#define TO   8
#include "lib/soft/extend_shapes.h"
#define OP   movzx
#define FROM 2
#define TO   2
#include "lib/soft/extend_shapes.h"
#define OP   movzx
#define FROM 2
#define TO   4
#include "lib/soft/extend_shapes.h"
#define OP   movzx
#define FROM 2
#define TO   8
#include "lib/soft/extend_shapes.h"
#define OP   movzx
#define FROM 4
#define TO   4
#include "lib/soft/extend_shapes.h"
#define OP   movzx
#define FROM 4
#define TO   8
#include "lib/soft/extend_shapes.h"
#define OP   movsx
#define FROM 1
#define TO   2
#include "lib/soft/extend_shapes.h"
#define OP   movsx
#define FROM 1
#define TO   4
#include "lib/soft/extend_shapes.h"
#define OP   movsx
#define FROM 1
#define TO   8
#include "lib/soft/extend_shapes.h"
#define OP   movsx
#define FROM 2
#define TO   2
#include "lib/soft/extend_shapes.h"
#define OP   movsx
#define FROM 2
#define TO   4
#include "lib/soft/extend_shapes.h"
#define OP   movsx
#define FROM 2
#define TO   8
#include "lib/soft/extend_shapes.h"
#define OP   movsx
#define FROM 4
#define TO   4
#include "lib/soft/extend_shapes.h"
#define OP   movsx
#define FROM 4
#define TO   8
#include "lib/soft/extend_shapes.h"

/* No flags: the same handler whether somebody looks or not. */
#define ONLY(h)	    { .any = h }
#define ALL(FORM, op, shape)                                                   \
	{ { FORM(h_##op##_##shape##_1), FORM(h_##op##_##shape##_1) },          \
	  { FORM(h_##op##_##shape##_2), FORM(h_##op##_##shape##_2) },          \
	  { FORM(h_##op##_##shape##_4), FORM(h_##op##_##shape##_4) },          \
	  { FORM(h_##op##_##shape##_8), FORM(h_##op##_##shape##_8) } }
#define COPY(b)                                                                \
	{ { .any = h_mov_rr_##b, .a = h_mov_rr_a_##b },                        \
	  { .any = h_mov_rr_##b, .a = h_mov_rr_a_##b } }
#define PLAIN(shape, b)                                                        \
	{ .any = h_mov_##shape##_##b, .p = h_mov_##shape##_p_##b,              \
	  .pa = h_mov_##shape##_pa_##b }
#define PLAINS(shape)                                                          \
	{ { PLAIN(shape, 1), PLAIN(shape, 1) },                                \
	  { PLAIN(shape, 2), PLAIN(shape, 2) },                                \
	  { PLAIN(shape, 4), PLAIN(shape, 4) },                                \
	  { PLAIN(shape, 8), PLAIN(shape, 8) } }

const struct vmi_value vmi_value_mov = {
	.h = {
		[VMI_RR] = { { ONLY(h_mov_rr_1), ONLY(h_mov_rr_1) },
			{ ONLY(h_mov_rr_2), ONLY(h_mov_rr_2) },
			COPY(4), COPY(8) },
		[VMI_RI] = ALL(ONLY, mov, ri),
		[VMI_RM] = PLAINS(rm),
		[VMI_MR] = PLAINS(mr),
		[VMI_MI] = PLAINS(mi),
	}
};

const struct vmi_value vmi_value_xchg = {
	.h = { [VMI_RR] = ALL(ONLY, xchg, rr) }
};

#define WIDEN_RR(op, from, to)                                                 \
	{ .any = h_##op##_rr_##from##_##to, .a = h_##op##_rr_a_##from##_##to }
#define WIDEN_RM(op, from, to)                                                 \
	{ .any = h_##op##_rm_##from##_##to, .p = h_##op##_rm_p_##from##_##to,  \
	  .pa = h_##op##_rm_pa_##from##_##to }
#define WIDEN(FORM, op)                                                        \
	{ { [1] = FORM(op, 1, 2), [2] = FORM(op, 1, 4), [3] = FORM(op, 1, 8) },  \
	  { [1] = FORM(op, 2, 2), [2] = FORM(op, 2, 4), [3] = FORM(op, 2, 8) },  \
	  { [2] = FORM(op, 4, 4), [3] = FORM(op, 4, 8) } }

const struct vmi_forms vmi_f_movzx[2][3][4] = {
	WIDEN(WIDEN_RR, movzx), WIDEN(WIDEN_RM, movzx)
};

const struct vmi_forms vmi_f_movsx[2][3][4] = {
	WIDEN(WIDEN_RR, movsx), WIDEN(WIDEN_RM, movsx)
};

vmi_handler *const vmi_h_cmov_m[4] = {
	NULL, h_cmov_rm_2, h_cmov_rm_4, h_cmov_rm_8
};

/* -- LEA ---------------------------------------------------------------- */

static vmi_inline uint64_t offset(const struct vmi_op *op, uint64_t base,
	uint64_t index)
{
	return base + (index << op->scale) + (uint64_t)(int64_t)op->disp;
}

static const struct vmi_op *h_lea_2(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	vmi_reg_set(c, op->reg, offset(op, c->r[op->base], c->r[op->index]), 2);
	return vmi_next(c, op, 0);
}

#define BYTES 4
#include "lib/soft/lea_shapes.h"
#define BYTES 8
#include "lib/soft/lea_shapes.h"

#define LEA(b)                                                                 \
	{ h_lea_##b, h_lea_a_##b, h_lea_b_##b, h_lea_p_##b, h_lea_pa_##b }

const struct vmi_forms vmi_f_lea[4] = {
	[1] = { .any = h_lea_2 }, [2] = LEA(4), [3] = LEA(8)
};
