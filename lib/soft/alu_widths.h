/* SPDX-License-Identifier: MIT */
/*
 * A template: all handlers of one two-operand operation and its table.
 * OP and WRITES are set by the includer, who sets SHAPES to the file of the
 * shapes, and UNARY or SHIFT where it has not all of them.
 */
#define BYTES 1
#define LIVE  0
#include SHAPES
#undef LIVE
#define LIVE 1
#include SHAPES
#undef LIVE
#undef BYTES
#define BYTES 2
#define LIVE  0
#include SHAPES
#undef LIVE
#define LIVE 1
#include SHAPES
#undef LIVE
#undef BYTES
#define BYTES 4
#define LIVE  0
#include SHAPES
#undef LIVE
#define LIVE 1
#include SHAPES
#undef LIVE
#undef BYTES
#define BYTES 8
#define LIVE  0
#include SHAPES
#undef LIVE
#define LIVE 1
#include SHAPES
#undef LIVE
#undef BYTES

#define V1(op) vmi_value_##op
#define VALUE(op) V1(op)
#define W2(op, shape, b) { h_##op##_##shape##_##b##_0, h_##op##_##shape##_##b##_1 }
#define W1(op, shape, b) W2(op, shape, b)
#define WIDTHS(shape)                                                          \
	{ W1(OP, shape, 1), W1(OP, shape, 2), W1(OP, shape, 4), W1(OP, shape, 8) }

const struct vmi_value VALUE(OP) = {
	.h = {
		[VMI_RR] = WIDTHS(rr),
		[VMI_MR] = WIDTHS(mr),
#ifndef UNARY
		[VMI_RI] = WIDTHS(ri),
		[VMI_MI] = WIDTHS(mi),
#ifndef SHIFT
		[VMI_RM] = WIDTHS(rm),
#endif
#endif
	}
};

#undef V1
#undef VALUE
#undef W2
#undef W1
#undef WIDTHS
#undef OP
#undef WRITES
