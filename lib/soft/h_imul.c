/* SPDX-License-Identifier: MIT */
/* Handlers of the two-operand signed multiplication. */
#include "lib/soft/alu.h"
#include "lib/soft/value.h"

/*
 * CF and OF say that the product did not fit; the others are undefined (SDM
 * 2A IMUL) and left as a result without carry leaves them.
 */
static vmi_inline uint64_t product(struct vmi_cpu *c, uint64_t a, uint64_t b,
	unsigned bytes, bool live)
{
	vmi_i128 p = (vmi_i128)(int64_t)vmi_sext(a, bytes) *
		(int64_t)vmi_sext(b, bytes);
	uint64_t r = vmi_trunc((uint64_t)p, bytes);

	if (live)
		vmi_cc(c, VMI_CC_SHIFT, bytes, r,
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

#define WIDTHS(shape)                                                          \
	{ { NULL, NULL }, { h_imul_##shape##_2_0, h_imul_##shape##_2_1 },      \
	  { h_imul_##shape##_4_0, h_imul_##shape##_4_1 },                      \
	  { h_imul_##shape##_8_0, h_imul_##shape##_8_1 } }

/* VMI_RI is reg = base * imm, the three-operand form on registers. */
const struct vmi_value vmi_value_imul = {
	.h = {
		[VMI_RR] = WIDTHS(rr),
		[VMI_RI] = WIDTHS(ri),
		[VMI_RM] = WIDTHS(rm),
	}
};
