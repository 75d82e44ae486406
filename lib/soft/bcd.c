/* SPDX-License-Identifier: MIT */
/* Decimal adjustment: AAA AAS AAM AAD DAA DAS, SDM 2A. */
#include "lib/soft/alu_ref.h"
#include "lib/soft/operand.h"
#include "lib/soft/value.h"

static void set_al(struct vmi_cpu *c, uint64_t al)
{
	vmi_reg_set(c, VMI_RAX, al, 1);
}

/* OF is undefined, and 0. */
static void set_flags(struct vmi_cpu *c, uint64_t al, uint64_t carries)
{
	vmi_flags_set(c, vmi_flags_szp(al & 0xff, 1) | carries);
}

/* AX +- 106H; OF, SF, ZF and PF are undefined, and of the result here. */
static void adjust_ascii(struct vmi_cpu *c, uint64_t by)
{
	uint64_t ax = vmi_reg(c, VMI_RAX, 2), carries = 0;

	if ((ax & 15) > 9 || (vmi_flags(c) & VMI_FLAG_AF)) {
		ax += by;
		carries = VMI_FLAG_AF | VMI_FLAG_CF;
	}
	ax &= 0xff0f;
	vmi_reg_set(c, VMI_RAX, ax, 2);
	set_flags(c, ax, carries);
}

void vmi_do_aaa(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	adjust_ascii(c, 0x106);
}

void vmi_do_aas(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	adjust_ascii(c, 0 - 0x106ull);
}

/* The base is an immediate; CF, AF and OF are undefined: 0, AAD's an ADD's. */
void vmi_do_aam(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t base = op->imm & 0xff, al = vmi_reg(c, VMI_RAX, 1);

	if (!base)
		vmi_raise(c, VMI_DE);
	vmi_reg_set(c, VMI_RAX, al / base << 8 | al % base, 2);
	set_flags(c, al % base, 0);
}

void vmi_do_aad(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t ax = vmi_reg(c, VMI_RAX, 2), flags;
	uint64_t al = vmi_alu(VMI_EXEC_add, ax, (ax >> 8) * (op->imm & 0xff),
		1, 0, &flags);

	vmi_reg_set(c, VMI_RAX, al, 2);
	vmi_flags_set(c, flags);
}

/* Whether the upper digit needs adjusting too. */
static bool upper(uint64_t al, uint64_t flags)
{
	return al > 0x99 || (flags & VMI_FLAG_CF);
}

void vmi_do_daa(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t al = vmi_reg(c, VMI_RAX, 1), flags = vmi_flags(c), f = 0;
	uint64_t sum = al;

	(void)op;
	if ((al & 15) > 9 || (flags & VMI_FLAG_AF)) {
		sum += 6;
		f |= VMI_FLAG_AF;
	}
	if (upper(al, flags)) {
		sum += 0x60;
		f |= VMI_FLAG_CF;
	}
	set_al(c, sum);
	set_flags(c, sum, f);
}

/* CF is also the borrow of the lower digit's adjustment. */
void vmi_do_das(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t al = vmi_reg(c, VMI_RAX, 1), flags = vmi_flags(c), f = 0;
	uint64_t left = al;

	(void)op;
	if ((al & 15) > 9 || (flags & VMI_FLAG_AF)) {
		left -= 6;
		f |= VMI_FLAG_AF | (al < 6 ? VMI_FLAG_CF : 0);
	}
	if (upper(al, flags)) {
		left -= 0x60;
		f |= VMI_FLAG_CF;
	}
	set_al(c, left);
	set_flags(c, left, f);
}
