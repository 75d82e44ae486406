/* SPDX-License-Identifier: MIT */
/* MMX registers: moves that have no SSE form, and leaving MMX. */
#include "lib/soft/simd.h"

void vmi_do_movq_mm(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v;

	if (!(op->imm & VMI_SIMD_STORE)) {
		v = vmi_simd_src(c, op).q[0];
		vmi_mm_set(c, op->reg, v);
		return;
	}
	vmi_simd_begin(c, op);
	v = vmi_simd_dst(c, op).q[0];
	if (op->bits & VMI_OPF_MEM) {
		vmi_write(c, vmi_ea(c, op), v, 8);
		vmi_mmx_enter(c);
	} else {
		vmi_mm_set(c, op->base, v);
	}
}

void vmi_do_movntq(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_do_movq_mm(c, op);
}

void vmi_do_movq2dq(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm v = vmi_simd_src(c, op);

	vmi_simd_set(c, op, v);
	vmi_mmx_enter(c);
}

void vmi_do_movdq2q(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm v = vmi_simd_src(c, op);

	vmi_simd_set(c, op, v);
}

/* SDM 2A, EMMS: all registers empty; TOP is not named, and processors leave it 0. */
void vmi_do_emms(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_simd_begin(c, op);
	vmi_mmx_enter(c);
	c->fpu.full = 0;
}
