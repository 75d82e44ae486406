/* SPDX-License-Identifier: MIT */
/* Packed decimal: FBLD and FBSTP (SDM 1 4.7). */
#include "lib/soft/fp/core.h"

#define BCD_MAX UINT64_C(999999999999999999)

/* Digits above nine are undefined: here they count what their bits say. */
struct vmi_f80 vmi_f80_from_bcd(struct vmi_bcd80 v)
{
	uint64_t mag = (uint64_t)(v.hi >> 4 & 15) * 10 + (v.hi & 15);
	struct vmi_f80 r;
	int i;

	for (i = 60; i >= 0; i -= 4)
		mag = mag * 10 + (v.lo >> i & 15);
	r = vmi_f80_from_int((int64_t)mag);
	r.se |= v.hi & 0x8000;
	return r;
}

struct vmi_bcd80 vmi_f80_to_bcd(struct vmi_fpenv *env, struct vmi_f80 a)
{
	struct vmi_fpenv scratch = *env;
	struct vmi_bcd80 r = { 0, (uint16_t)(a.se & 0x8000) };
	int64_t v = vmi_f80_to_int(&scratch, a, 64, false);
	uint64_t mag = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	int i;

	if (mag > BCD_MAX) { /* the packed BCD indefinite */
		env->flags |= VMI_FP_IE;
		return (struct vmi_bcd80){ UINT64_C(0xc000000000000000),
			0xffff };
	}
	env->flags = scratch.flags;
	for (i = 0; i < 64; i += 4, mag /= 10)
		r.lo |= mag % 10 << i;
	r.hi |= (uint16_t)(mag / 10 << 4 | mag % 10);
	return r;
}
