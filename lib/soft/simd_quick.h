/* SPDX-License-Identifier: MIT */
/* What handlers of vector instructions look at before anything else. */
#ifndef VMI_SOFT_SIMD_QUICK_H
#define VMI_SOFT_SIMD_QUICK_H

#include "lib/soft/simd.h"

/* What vmi_simd_begin() refuses. */
static vmi_inline bool vmi_simd_refused(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	uint64_t why = (~c->cr4 & VMI_CR4_OSFXSR) |
		(c->fpu.status & ~c->fpu.control & 0x3fu);

	return (why & (op->imm >> 32)) |
		(c->cr0 & (VMI_CR0_EM | VMI_CR0_TS));
}

static vmi_inline bool vmi_simd_misaligned(const struct vmi_op *op,
	uint64_t at)
{
	return (op->imm & VMI_SIMD_AL16) && (at & 15);
}

#endif
