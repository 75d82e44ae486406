/* SPDX-License-Identifier: MIT */
/*
 * A template: the four handlers of the conditional jump NAME.  32-bit
 * operands are extended as EXTEND says.
 */
#define H3(name, shape) vmi_h_bpf_##name##shape
#define H2(name, shape) H3(name, shape)
#define H(shape) H2(NAME, shape)
#define F3(name) vmi_bpf_##name
#define F2(name) F3(name)
#define HOLDS F2(NAME)

const struct vmi_bpf_op *H(32_k)(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	bool go = HOLDS(EXTEND(run->r[op->dst], 32),
		EXTEND((uint64_t)op->imm, 32));

	return vmi_bpf_go(run, go ? op + op->off : op + 1);
}

const struct vmi_bpf_op *H(32_x)(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	bool go = HOLDS(EXTEND(run->r[op->dst], 32),
		EXTEND(run->r[op->src], 32));

	return vmi_bpf_go(run, go ? op + op->off : op + 1);
}

const struct vmi_bpf_op *H(64_k)(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	bool go = HOLDS(run->r[op->dst], (uint64_t)op->imm);

	return vmi_bpf_go(run, go ? op + op->off : op + 1);
}

const struct vmi_bpf_op *H(64_x)(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	bool go = HOLDS(run->r[op->dst], run->r[op->src]);

	return vmi_bpf_go(run, go ? op + op->off : op + 1);
}

#undef H3
#undef H2
#undef H
#undef F3
#undef F2
#undef HOLDS
