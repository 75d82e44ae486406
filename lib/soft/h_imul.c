/* SPDX-License-Identifier: MIT */
/* Handlers of the two-operand signed multiplication. */
#include "lib/soft/alu.h"
#include "lib/soft/value.h"

/*
 * CF and OF say that the product did not fit; the others are undefined (SDM
 * 2A IMUL): Intel's processors clear ZF and AF, SF and PF are the result's.
 */
static vmi_inline uint64_t product(struct vmi_cpu *c, uint64_t a, uint64_t b,
	unsigned bytes, bool live)
{
	vmi_i128 p = (vmi_i128)(int64_t)vmi_sext(a, bytes) *
		(int64_t)vmi_sext(b, bytes);
	uint64_t r = vmi_trunc((uint64_t)p, bytes);

	if (live)
		vmi_cc(c, VMI_CC_MUL, bytes, r,
			p != (int64_t)vmi_sext(r, bytes) ?
				VMI_FLAG_CF | VMI_FLAG_OF : 0);
	return r;
}

#define BYTES 2
#define LIVE  0
#include "lib/soft/imul_shapes.h"
#define BYTES 2
#define LIVE  1
#include "lib/soft/imul_shapes.h"
#define BYTES 4
#define LIVE  0
#include "lib/soft/imul_shapes.h"
#define BYTES 4
#define LIVE  1
#include "lib/soft/imul_shapes.h"
#define BYTES 8
#define LIVE  0
#include "lib/soft/imul_shapes.h"
#define BYTES 8
#define LIVE  1
#include "lib/soft/imul_shapes.h"

#define RR(b, l)                                                               \
	{ h_imul_rr_##b##_##l, h_imul_rr_a_##b##_##l, h_imul_rr_b_##b##_##l,   \
	  NULL, NULL }
#define RI(b, l)                                                               \
	{ h_imul_ri_##b##_##l, h_imul_ri_a_##b##_##l, NULL, NULL, NULL }
#define RM(b, l)                                                               \
	{ h_imul_rm_##b##_##l, NULL, NULL, h_imul_rm_p_##b##_##l,              \
	  h_imul_rm_pa_##b##_##l }
#define WIDTHS(SHAPE)                                                          \
	{ [1] = { SHAPE(2, 0), SHAPE(2, 1) },                                  \
	  [2] = { SHAPE(4, 0), SHAPE(4, 1) },                                  \
	  [3] = { SHAPE(8, 0), SHAPE(8, 1) } }

/* VMI_RI is reg = base * imm, the three-operand form on registers. */
const struct vmi_value vmi_value_imul = {
	.h = {
		[VMI_RR] = WIDTHS(RR),
		[VMI_RI] = WIDTHS(RI),
		[VMI_RM] = WIDTHS(RM),
	}
};
