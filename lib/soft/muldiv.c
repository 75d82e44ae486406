/* SPDX-License-Identifier: MIT */
/* MUL, IMUL, DIV and IDIV of the accumulator pair. */
#include "lib/soft/alu_ref.h"
#include "lib/soft/operand.h"
#include "lib/soft/value.h"

/* AH is the upper half of a byte pair, rDX of the others. */
static uint64_t high_half(const struct vmi_cpu *c, unsigned bytes)
{
	return bytes == 1 ? (c->r[VMI_RAX] >> 8) & 0xff :
		vmi_reg(c, VMI_RDX, bytes);
}

static void set_pair(struct vmi_cpu *c, uint64_t high, uint64_t low,
	unsigned bytes)
{
	if (bytes == 1) {
		vmi_reg_set(c, VMI_RAX, high << 8 | low, 2);
		return;
	}
	vmi_reg_set(c, VMI_RAX, low, bytes);
	vmi_reg_set(c, VMI_RDX, high, bytes);
}

static void multiply(struct vmi_cpu *c, const struct vmi_op *op,
	bool is_signed)
{
	unsigned bytes = vmi_op_size(op);
	struct vmi_product p = vmi_mul_wide(vmi_reg(c, VMI_RAX, bytes),
		vmi_rm(c, op, bytes), bytes, is_signed);

	set_pair(c, p.high, p.low, bytes);
	/* SF and PF are of the low half, ZF and AF 0: undefined in the SDM. */
	vmi_flags_set(c, (vmi_flags_szp(p.low, bytes) & ~VMI_FLAG_ZF) |
		(p.wide ? VMI_FLAG_CF | VMI_FLAG_OF : 0));
}

void vmi_do_mul(struct vmi_cpu *c, const struct vmi_op *op)
{
	multiply(c, op, false);
}

void vmi_do_imul1(struct vmi_cpu *c, const struct vmi_op *op)
{
	multiply(c, op, true);
}

/* The flags are undefined; they are left. */
static void set_quotient(struct vmi_cpu *c, const struct vmi_quotient *q,
	unsigned bytes)
{
	if (!q->fits)
		vmi_raise(c, VMI_DE);
	set_pair(c, q->remainder, q->quotient, bytes);
}

void vmi_do_div(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	struct vmi_quotient q = vmi_div_wide(high_half(c, bytes),
		vmi_reg(c, VMI_RAX, bytes), vmi_rm(c, op, bytes), bytes);

	set_quotient(c, &q, bytes);
}

void vmi_do_idiv(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	struct vmi_quotient q = vmi_idiv_wide(high_half(c, bytes),
		vmi_reg(c, VMI_RAX, bytes), vmi_rm(c, op, bytes), bytes);

	set_quotient(c, &q, bytes);
}
