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
#define N3(op, shape, bytes, live) h_##op##_##shape##_##bytes##_##live
#define N2(op, shape, bytes, live) N3(op, shape, bytes, live)
#define N(shape, bytes, live) N2(OP, shape, bytes, live)

#define ONLY(shape, bytes, live) { .any = N(shape, bytes, live) }
#define TAKES_A(shape, bytes, live)                                            \
	{ .any = N(shape, bytes, live), .a = N(shape##_a, bytes, live) }
#define TAKES_BOTH(shape, bytes, live)                                         \
	{ .any = N(shape, bytes, live), .a = N(shape##_a, bytes, live),        \
	  .b = N(shape##_b, bytes, live) }
#define PLAIN(shape, bytes, live)                                              \
	{ .any = N(shape, bytes, live), .p = N(shape##_p, bytes, live),        \
	  .pa = N(shape##_pa, bytes, live) }
#define LIVES(FORM, shape, bytes) { FORM(shape, bytes, 0), FORM(shape, bytes, 1) }
#define WIDTHS(NARROW, FORM, shape)                                            \
	{ LIVES(NARROW, shape, 1), LIVES(NARROW, shape, 2),                    \
	  LIVES(FORM, shape, 4), LIVES(FORM, shape, 8) }

const struct vmi_value VALUE(OP) = {
	.h = {
#if defined(SHIFT)
		[VMI_RR] = WIDTHS(ONLY, TAKES_A, rr),
		[VMI_RI] = WIDTHS(ONLY, TAKES_A, ri),
		[VMI_MR] = WIDTHS(ONLY, ONLY, mr),
		[VMI_MI] = WIDTHS(ONLY, ONLY, mi),
#elif defined(UNARY)
		[VMI_RR] = WIDTHS(ONLY, TAKES_A, rr),
		[VMI_MR] = WIDTHS(PLAIN, PLAIN, mr),
#else
		[VMI_RR] = WIDTHS(ONLY, TAKES_BOTH, rr),
		[VMI_RI] = WIDTHS(ONLY, TAKES_A, ri),
		[VMI_RM] = WIDTHS(PLAIN, PLAIN, rm),
		[VMI_MR] = WIDTHS(PLAIN, PLAIN, mr),
		[VMI_MI] = WIDTHS(PLAIN, PLAIN, mi),
#endif
	}
};

#undef V1
#undef VALUE
#undef N3
#undef N2
#undef N
#undef ONLY
#undef TAKES_A
#undef TAKES_BOTH
#undef PLAIN
#undef LIVES
#undef WIDTHS
#undef OP
#undef WRITES
