/* SPDX-License-Identifier: MIT */
/* Pushing and popping on the current stack: SDM 1 6.2. */
#include "lib/soft/operand.h"

static uint64_t sp_mask(const struct vmi_cpu *c)
{
	unsigned size = vmi_stack_size(c);

	return size == 8 ? ~0ull : (1ull << (8 * size)) - 1;
}

uint64_t vmi_push_at(struct vmi_cpu *c, uint64_t sp, uint64_t v,
	unsigned bytes)
{
	sp = (sp - bytes) & sp_mask(c);
	vmi_write(c, vmi_linear(c, VMI_SS, sp, bytes, VMI_MEM_WRITE), v,
		bytes);
	return sp;
}

uint64_t vmi_peek_at(struct vmi_cpu *c, uint64_t sp, unsigned bytes)
{
	return vmi_read(c, vmi_linear(c, VMI_SS, sp & sp_mask(c), bytes,
		VMI_MEM_READ), bytes);
}

void vmi_sp_set(struct vmi_cpu *c, uint64_t sp)
{
	vmi_reg_set(c, VMI_RSP, sp, vmi_stack_size(c));
}

void vmi_push(struct vmi_cpu *c, uint64_t v, unsigned bytes)
{
	vmi_sp_set(c, vmi_push_at(c, c->r[VMI_RSP], v, bytes));
}

uint64_t vmi_pop(struct vmi_cpu *c, unsigned bytes)
{
	uint64_t v = vmi_peek_at(c, c->r[VMI_RSP], bytes);

	vmi_sp_set(c, c->r[VMI_RSP] + bytes);
	return v;
}
