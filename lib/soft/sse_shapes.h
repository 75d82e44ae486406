/* SPDX-License-Identifier: MIT */
/* A template: OP of numbers, of registers (rr) and with memory (rm). */
#define H3(op, kind) h_##op##kind
#define H2(op, kind) H3(op, kind)
#define H(kind) H2(OP, kind)

static vmi_inline const struct vmi_op *H(sd)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t b)
{
	struct vmi_xmm *to = &c->fpu.xmm[op->reg & 15];
	struct sse_quick q = sse_arith64(sse_nearest(c), sse_sticky(c), FPOP,
		vmi_simd_pair(to->q[0], b));

	if (vmi_unlikely(!q.good || vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	to->q[0] = q.bits;
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
	struct sse_quick q = sse_arith32(sse_nearest(c), sse_sticky(c), FPOP,
		vmi_simd_pair((uint32_t)to->q[0], b));

	if (vmi_unlikely(!q.good || vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	to->q[0] = (to->q[0] & ~0xffffffffull) | q.bits;
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

static vmi_inline const struct vmi_op *H(pd)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, struct vmi_xmm b)
{
	struct vmi_xmm *to = &c->fpu.xmm[op->reg & 15];
	struct sse_quick low = sse_arith64(sse_nearest(c), sse_sticky(c), FPOP,
		vmi_simd_pair(to->q[0], b.q[0]));
	struct sse_quick high = sse_arith64(sse_nearest(c), sse_sticky(c), FPOP,
		vmi_simd_pair(to->q[1], b.q[1]));

	if (vmi_unlikely(!low.good || !high.good || vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	to->q[0] = low.bits;
	to->q[1] = high.bits;
	return vmi_next(c, op, acc);
}

static const struct vmi_op *H(pd_rr)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(pd)(c, op, acc, c->fpu.xmm[op->base & 15]);
}

static const struct vmi_op *H(pd_rm)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);
	const uint8_t *p;

	if (!vmi_may_read(e, at, 16) || vmi_simd_misaligned(op, at))
		return vmi_h_helper(c, op, acc);
	p = vmi_tlb_host(e, at);
	return H(pd)(c, op, acc, vmi_simd_pair(vmi_host_load(p, 8),
		vmi_host_load(p + 8, 8)));
}

/* Two single lanes. */
static vmi_inline struct sse_quick H(two)(const struct vmi_cpu *c,
	uint64_t a, uint64_t b)
{
	struct sse_quick low = sse_arith32(sse_nearest(c), sse_sticky(c), FPOP,
		vmi_simd_pair((uint32_t)a, (uint32_t)b));
	struct sse_quick high = sse_arith32(sse_nearest(c), sse_sticky(c), FPOP,
		vmi_simd_pair(a >> 32, b >> 32));

	low.good = low.good && high.good;
	low.bits |= high.bits << 32;
	return low;
}

static vmi_inline const struct vmi_op *H(ps)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, struct vmi_xmm b)
{
	struct vmi_xmm *to = &c->fpu.xmm[op->reg & 15];
	struct sse_quick low = H(two)(c, to->q[0], b.q[0]);
	struct sse_quick high = H(two)(c, to->q[1], b.q[1]);

	if (vmi_unlikely(!low.good || !high.good || vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	to->q[0] = low.bits;
	to->q[1] = high.bits;
	return vmi_next(c, op, acc);
}

static const struct vmi_op *H(ps_rr)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return H(ps)(c, op, acc, c->fpu.xmm[op->base & 15]);
}

static const struct vmi_op *H(ps_rm)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);
	const uint8_t *p;

	if (!vmi_may_read(e, at, 16) || vmi_simd_misaligned(op, at))
		return vmi_h_helper(c, op, acc);
	p = vmi_tlb_host(e, at);
	return H(ps)(c, op, acc, vmi_simd_pair(vmi_host_load(p, 8),
		vmi_host_load(p + 8, 8)));
}

#undef H3
#undef H2
#undef H
#undef OP
#undef FPOP
