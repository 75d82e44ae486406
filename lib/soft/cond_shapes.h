/* SPDX-License-Identifier: MIT */
/* A template: what is done on condition CC, and how to go on where it asks. */
#define H3(what, cc) h_##what##_##cc
#define H2(what, cc) H3(what, cc)
#define H(what) H2(what, CC)

static const struct vmi_op *H(jcc)(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	if (!vmi_cond_is_quick(c, CC))
		return h_jcc_slow(c, op, acc);
	return branch(c, op, vmi_cond_quick(c, CC));
}

static const struct vmi_op *H(setcc)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	if (!vmi_cond_is_quick(c, CC))
		return h_setcc_slow(c, op, acc);
	vmi_reg_set(c, op->reg, vmi_cond_quick(c, CC), 1);
	return vmi_next(c, op, 0);
}

static const struct vmi_op *H(cmov_2)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	if (!vmi_cond_is_quick(c, CC))
		return h_cmov_slow_2(c, op, acc);
	return moved(c, op, vmi_cond_quick(c, CC), 2);
}

static const struct vmi_op *H(cmov_4)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	if (!vmi_cond_is_quick(c, CC))
		return h_cmov_slow_4(c, op, acc);
	return moved(c, op, vmi_cond_quick(c, CC), 4);
}

static const struct vmi_op *H(cmov_8)(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	if (!vmi_cond_is_quick(c, CC))
		return h_cmov_slow_8(c, op, acc);
	return moved(c, op, vmi_cond_quick(c, CC), 8);
}

#undef H3
#undef H2
#undef H
