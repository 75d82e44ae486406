/* SPDX-License-Identifier: MIT */
/*
 * What the transcendental functions compute with: unpacked numbers with all
 * 128 bits of significand in use, 1 to 2 units of bit 0 wrong per operation,
 * and 128-bit fixed point with one integer bit for power series near 1.
 *
 * A result is wrong by less than 2^-118 of itself before it is rounded to 64
 * bits, so it is the correctly rounded one unless the true value lies that
 * close to where rounding turns; then it is the other neighbour.
 */
#ifndef VMI_SOFT_FP_WIDE_H
#define VMI_SOFT_FP_WIDE_H

#include "lib/soft/fp/core.h"

enum vmi_widek {
	VMI_WIDE_PI,
	VMI_WIDE_LN2,
	VMI_WIDE_LOG2E,
	VMI_WIDE_LOG2T, /* log2(10) */
	VMI_WIDE_LOG10_2,
};

/* Fixed point: 1.0. */
#define VMI_WIDE_ONE VMI_FP_INTBIT

struct vmi_fpnum vmi_wide_const(enum vmi_widek k);
struct vmi_fpnum vmi_wide_from(vmi_u128 fixed);
vmi_u128 vmi_wide_to(const struct vmi_fpnum *n);
vmi_u128 vmi_wide_mulfix(vmi_u128 a, vmi_u128 b);
struct vmi_fpnum vmi_wide_mul(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b);
struct vmi_fpnum vmi_wide_div(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b);
struct vmi_fpnum vmi_wide_add(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b);
struct vmi_fpnum vmi_wide_sub(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b);

/* Rounds and packs a value that cannot be exact. */
struct vmi_f80 vmi_wide_finish(struct vmi_fpenv *env, struct vmi_fpnum n);

#endif
