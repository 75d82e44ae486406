/* SPDX-License-Identifier: MIT */
/* x87: functions of ST(0) and ST(1), and those with two results. */
#include "lib/soft/x87.h"

/* -- ST(0) becomes f(ST(0), ST(1)) --------------------------------------- */

static struct vmi_f80 rem_truncated(
	struct vmi_fpenv *env, struct vmi_f80 a, struct vmi_f80 b)
{
	return vmi_f80_rem(env, a, b, false);
}

static struct vmi_f80 rem_nearest(
	struct vmi_fpenv *env, struct vmi_f80 a, struct vmi_f80 b)
{
	return vmi_f80_rem(env, a, b, true);
}

typedef struct vmi_f80 function2(
	struct vmi_fpenv *env, struct vmi_f80 a, struct vmi_f80 b);

static struct vmi_f80 of_both(struct vmi_x87 *x, function2 *f)
{
	const struct vmi_cpu *c = x->c;

	if (vmi_x87_empty(c, 0) || vmi_x87_empty(c, 1))
		return vmi_x87_missing(x);
	return f(&x->env, vmi_x87_get(c, 0), vmi_x87_get(c, 1));
}

/*
 * A remainder leaves quotient bits in C0, C3 and C1, or C2 set to say that it
 * is a partial one; without a number as its result, C0 and C3 stay.
 */
static void replace(
	struct vmi_cpu *c, const struct vmi_op *op, function2 *f, bool is_rem)
{
	bool has_quotient = false;
	struct vmi_f80 r;
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	r = of_both(&x, f);
	if (vmi_x87_ok(&x)) {
		vmi_x87_set(c, 0, r);
		has_quotient = (r.se & 0x7fff) != 0x7fff;
	}
	if (!has_quotient)
		x.env.flags &= (uint16_t)~VMI_FP_C2;
	if (is_rem)
		x.codes |= has_quotient ? VMI_X87_CODES : VMI_FP_C2;
	vmi_x87_end(&x);
}

void vmi_do_fprem(struct vmi_cpu *c, const struct vmi_op *op)
{
	replace(c, op, rem_truncated, true);
}

void vmi_do_fprem1(struct vmi_cpu *c, const struct vmi_op *op)
{
	replace(c, op, rem_nearest, true);
}

void vmi_do_fscale(struct vmi_cpu *c, const struct vmi_op *op)
{
	replace(c, op, vmi_f80_scale, false);
}

/* -- ST(1) becomes f(ST(0), ST(1)), then a pop ---------------------------- */

static void replace_below(
	struct vmi_cpu *c, const struct vmi_op *op, function2 *f)
{
	struct vmi_f80 r;
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	r = of_both(&x, f);
	if (vmi_x87_ok(&x)) {
		vmi_x87_set(c, 1, r);
		vmi_x87_pop(c);
	}
	vmi_x87_end(&x);
}

void vmi_do_fyl2x(struct vmi_cpu *c, const struct vmi_op *op)
{
	replace_below(c, op, vmi_f80_yl2x);
}

void vmi_do_fyl2xp1(struct vmi_cpu *c, const struct vmi_op *op)
{
	replace_below(c, op, vmi_f80_yl2xp1);
}

void vmi_do_fpatan(struct vmi_cpu *c, const struct vmi_op *op)
{
	replace_below(c, op, vmi_f80_atan);
}

/* -- ST(0) becomes one result, and another is pushed ---------------------- */

typedef struct vmi_f80 function_pair(
	struct vmi_fpenv *env, struct vmi_f80 a, struct vmi_f80 *second);

static void split(struct vmi_cpu *c, const struct vmi_op *op, function_pair *f,
	uint16_t codes)
{
	struct vmi_f80 first, second;
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	x.codes |= codes;
	if (vmi_x87_empty(c, 0))
		first = second = vmi_x87_missing(&x);
	else if (!vmi_x87_empty(c, 7))
		first = second = vmi_x87_full(&x);
	else
		first = f(&x.env, vmi_x87_get(c, 0), &second);
	if (vmi_x87_ok(&x) && !(x.env.flags & VMI_FP_C2)) {
		vmi_x87_set(c, 0, first);
		vmi_x87_push(c, second);
	}
	vmi_x87_end(&x);
}

void vmi_do_fptan(struct vmi_cpu *c, const struct vmi_op *op)
{
	split(c, op, vmi_f80_tan, VMI_FP_C2);
}

void vmi_do_fsincos(struct vmi_cpu *c, const struct vmi_op *op)
{
	split(c, op, vmi_f80_sincos, VMI_FP_C2);
}

/* The significand is pushed above the exponent. */
static struct vmi_f80 extract(
	struct vmi_fpenv *env, struct vmi_f80 a, struct vmi_f80 *significand)
{
	struct vmi_f80 exponent;

	*significand = vmi_f80_xtract(env, a, &exponent);
	return exponent;
}

void vmi_do_fxtract(struct vmi_cpu *c, const struct vmi_op *op)
{
	split(c, op, extract, 0);
}
