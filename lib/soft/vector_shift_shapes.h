/* SPDX-License-Identifier: MIT */
/* A template: NAME, SHIFT of lanes of BITS of the r/m register by imm. */
#define H2(name) h_##name##_imm
#define H1(name) H2(name)
#define H H1(NAME)

static const struct vmi_op *H(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	struct vmi_xmm *to = &c->fpu.xmm[op->base & 15];
	unsigned n = (unsigned)op->imm & 0xff;

	if (vmi_unlikely(n >= BITS || vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	to->q[0] = SHIFT(to->q[0], n, BITS);
	to->q[1] = SHIFT(to->q[1], n, BITS);
	return vmi_next(c, op, acc);
}

#undef H2
#undef H1
#undef H
#undef NAME
#undef SHIFT
#undef BITS
