/* SPDX-License-Identifier: MIT */
/*
 * A template: the four handlers of the operation NAME, 32 and 64 bits wide,
 * with an immediate and with a register.
 */
#define H3(name, shape) vmi_h_bpf_##name##shape
#define H2(name, shape) H3(name, shape)
#define H(shape) H2(NAME, shape)
#define F3(name) vmi_bpf_##name
#define F2(name) F3(name)
#define COMPUTE F2(NAME)

const struct vmi_bpf_op *H(32_k)(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = (uint32_t)COMPUTE(
		(uint32_t)run->r[op->dst], (uint32_t)op->imm, 32);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *H(32_x)(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = (uint32_t)COMPUTE((uint32_t)run->r[op->dst],
		(uint32_t)run->r[op->src], 32);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *H(64_k)(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = COMPUTE(
		run->r[op->dst], (uint64_t)op->imm, 64);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *H(64_x)(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = COMPUTE(
		run->r[op->dst], run->r[op->src], 64);
	return vmi_bpf_next(run, op);
}

#undef H3
#undef H2
#undef H
#undef F3
#undef F2
#undef COMPUTE
