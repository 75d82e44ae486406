/* SPDX-License-Identifier: MIT */
/* A template: OP, min or max, of numbers; the first if TAKE(first, second). */
#define H3(op, kind) h_##op##kind
#define H2(op, kind) H3(op, kind)
#define H(kind) H2(OP, kind)

static vmi_inline const struct vmi_op *H(sd)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t b)
{
	struct vmi_xmm *to = &c->fpu.xmm[op->reg & 15];
	uint64_t a = to->q[0];

	if (vmi_unlikely(!sse_moderate(VMI_F64, a) ||
		!sse_moderate(VMI_F64, b) || vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	to->q[0] = TAKE(sse_f64(a), sse_f64(b)) ? a : b;
	return vmi_next(c, op, acc);
}

static const struct vmi_op *H(sd_rr)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(sd)(c, op, acc, c->fpu.xmm[op->base & 15].q[0]);
}

static const struct vmi_op *H(sd_rm)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_read(e, at, 8))
		return vmi_h_helper(c, op, acc);
	return H(sd)(c, op, acc, vmi_host_load(vmi_tlb_host(e, at), 8));
}

static vmi_inline const struct vmi_op *H(ss)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t b)
{
	struct vmi_xmm *to = &c->fpu.xmm[op->reg & 15];
	uint64_t a = (uint32_t)to->q[0];

	if (vmi_unlikely(!sse_moderate(VMI_F32, a) ||
		!sse_moderate(VMI_F32, b) || vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	a = TAKE(sse_f32(a), sse_f32(b)) ? a : b;
	to->q[0] = (to->q[0] & ~0xffffffffull) | a;
	return vmi_next(c, op, acc);
}

static const struct vmi_op *H(ss_rr)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(ss)(c, op, acc, (uint32_t)c->fpu.xmm[op->base & 15].q[0]);
}

static const struct vmi_op *H(ss_rm)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_read(e, at, 4))
		return vmi_h_helper(c, op, acc);
	return H(ss)(c, op, acc, vmi_host_load(vmi_tlb_host(e, at), 4));
}

#undef H3
#undef H2
#undef H
#undef OP
#undef TAKE
