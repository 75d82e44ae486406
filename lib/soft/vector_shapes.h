/* SPDX-License-Identifier: MIT */
/*
 * A template: NAME, which makes of its destination a, its source b and its
 * immediate imm the vector VALUE(a, b, imm): on registers (rr), and with a
 * source of 16 bytes in memory (rm).
 */
#define H3(name, how) h_##name##_##how
#define H2(name, how) H3(name, how)
#define H(how) H2(NAME, how)

static vmi_inline const struct vmi_op *H(with)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, struct vmi_xmm b)
{
	struct vmi_xmm *to = &c->fpu.xmm[op->reg & 15];
	struct vmi_xmm a = VALUE((*to), b, op->imm);

	to->q[0] = a.q[0];
	to->q[1] = a.q[1];
	return vmi_next(c, op, acc);
}

static const struct vmi_op *H(rr)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	if (vmi_unlikely(vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	return H(with)(c, op, acc, c->fpu.xmm[op->base & 15]);
}

static const struct vmi_op *H(rm)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);
	const uint8_t *p;

	if (!vmi_may_read(e, at, 16) || vmi_simd_misaligned(op, at) ||
		vmi_simd_refused(c, op))
		return vmi_h_helper(c, op, acc);
	p = vmi_tlb_host(e, at);
	return H(with)(c, op, acc, vmi_simd_pair(vmi_host_load(p, 8),
		vmi_host_load(p + 8, 8)));
}

#undef H3
#undef H2
#undef H
#undef NAME
#undef VALUE
