/* SPDX-License-Identifier: MIT */
/* Handlers of pushes and pops on a flat stack, at its natural width. */
#include "lib/soft/value.h"

const struct vmi_op *vmi_h_push_r8(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t sp = c->r[VMI_RSP] - 8;

	vmi_store(c, op, sp, c->r[op->reg], 8);
	c->r[VMI_RSP] = sp;
	return vmi_next(c, op);
}

const struct vmi_op *vmi_h_push_i8(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t sp = c->r[VMI_RSP] - 8;

	vmi_store(c, op, sp, op->imm, 8);
	c->r[VMI_RSP] = sp;
	return vmi_next(c, op);
}

const struct vmi_op *vmi_h_pop_r8(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v = vmi_load(c, op, c->r[VMI_RSP], 8);

	c->r[VMI_RSP] += 8;
	c->r[op->reg] = v;
	return vmi_next(c, op);
}

const struct vmi_op *vmi_h_push_r4(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t sp = (uint32_t)(c->r[VMI_RSP] - 4);

	vmi_store(c, op, sp, c->r[op->reg], 4);
	c->r[VMI_RSP] = sp;
	return vmi_next(c, op);
}

const struct vmi_op *vmi_h_push_i4(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t sp = (uint32_t)(c->r[VMI_RSP] - 4);

	vmi_store(c, op, sp, op->imm, 4);
	c->r[VMI_RSP] = sp;
	return vmi_next(c, op);
}

const struct vmi_op *vmi_h_pop_r4(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v = vmi_load(c, op, (uint32_t)c->r[VMI_RSP], 4);

	c->r[VMI_RSP] = (uint32_t)(c->r[VMI_RSP] + 4);
	c->r[op->reg] = v;
	return vmi_next(c, op);
}
