/* SPDX-License-Identifier: MIT */
/* Addresses: memory operands as base + (index << scale) + disp. */
#include "lib/soft/lower.h"
#include "lib/soft/simd.h"

void vmi_address_set(struct vmi_op *op, const struct address *a)
{
	op->base = a->base;
	op->index = a->index;
	op->scale = a->scale;
	op->disp = a->disp;
}

struct address vmi_address_raw(const struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	struct address a = { .base = vmi_reg_or_zero(i->base),
		.index = vmi_reg_or_zero(i->index), .scale = vmi_log2(i->scale),
		.disp = (int32_t)i->disp };

	return a;
}

/* T0 = the operand's offset or address; what is left is added to it. */
struct vmi_op *vmi_address_ea(struct builder *b, const struct address *a,
	vmi_handler *run)
{
	struct vmi_op *op = vmi_lower_emit(b, VMI_INNER_EA, run);

	vmi_address_set(op, a);
	op->reg = VMI_R_T0;
	op->size = (uint8_t)(vmi_log2(b->insn.addrsize) << 4);
	op->bits = (uint8_t)(b->insn.seg << 4);
	vmi_lower_note(b, op)->makes = VMI_R_T0;
	return op;
}

struct address vmi_address_after_ea(uint8_t index)
{
	struct address a = { .base = VMI_R_T0, .index = index };

	return a;
}

/* In 64-bit mode only FS and GS have a base, and nothing has a limit. */
static struct address address_64(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	bool based = i->seg == VMI_FS || i->seg == VMI_GS;
	uint8_t seg = (uint8_t)(based ? VMI_R_SEG + i->seg : VMI_R_ZERO);
	struct address a = vmi_address_raw(b), rest;
	bool narrow = i->addrsize != 8;

	if (i->rip_relative) {
		a.base = VMI_R_BLOCK;
		if (narrow || based || i->disp > INT32_MAX - 4096) {
			vmi_address_ea(b, &a, vmi_h_ea)->size = 3 << 4;
			rest = vmi_address_after_ea(seg);
			rest.disp = b->ip + i->len;
			if (!narrow)
				return rest;
			vmi_address_ea(b, &rest, vmi_h_ea);
			return vmi_address_after_ea(VMI_R_ZERO);
		}
		a.disp += b->ip + i->len;
		return a;
	}
	if (!narrow && !based)
		return a;
	if (!narrow && a.index == VMI_R_ZERO) {
		a.index = a.base;
		a.base = seg;
		a.scale = 0;
		return a;
	}
	vmi_address_ea(b, &a, vmi_h_ea);
	return vmi_address_after_ea(seg);
}

static bool flat(const struct builder *b)
{
	unsigned seg = b->insn.seg;

	return (b->block->key & VMI_KEY_FLAT) && b->insn.addrsize == 4 &&
		(seg == VMI_DS || seg == VMI_SS || seg == VMI_ES);
}

/* MOFFS: an address of up to 64 bits, all displacement. */
static struct address address_moffs(struct builder *b)
{
	struct vmi_op *op;

	op = vmi_lower_emit(b, VMI_INNER_CONST, vmi_h_const);
	op->reg = VMI_R_T1;
	op->imm = (uint64_t)b->insn.disp;
	b->insn.base = VMI_R_T1;
	b->insn.index = VMI_NOREG;
	b->insn.disp = 0;
	return vmi_address_raw(b);
}

/* What comes before the checks of the operand's segment. */
static void usable_first(struct builder *b)
{
	uint32_t attr = b->insn.row->attr;
	struct vmi_op *op;

	if (!(attr & (VMI_A_FPUOP | VMI_A_MMXOP | VMI_A_SSEOP | VMI_A_CPL0)))
		return;
	op = vmi_lower_emit(b, VMI_INNER_USABLE, vmi_h_usable);
	vmi_lower_note(b, op)->sees = true;
	if (attr & VMI_A_FPUOP)
		op->reg = attr & VMI_A_NOWAIT ? VMI_USABLE_NOWAIT :
			VMI_USABLE_X87;
	else if (attr & VMI_A_CPL0)
		op->reg = VMI_USABLE_CPL0;
	else
		op->imm = vmi_simd_imm(&b->insn);
}

/* The memory operand, `bytes` long, as base + index << scale + disp. */
struct address vmi_address_resolve(struct builder *b, unsigned bytes,
	unsigned access)
{
	struct address a;
	struct vmi_op *op;

	if (b->insn.disp != (int32_t)b->insn.disp)
		a = address_moffs(b);
	if (b->block->key & VMI_KEY_64)
		return address_64(b);
	a = vmi_address_raw(b);
	if (flat(b))
		return a;
	usable_first(b);
	op = vmi_address_ea(b, &a, vmi_h_ea_check);
	op->imm = bytes | (uint64_t)access << 16;
	vmi_lower_note(b, op)->sees = true;
	return vmi_address_after_ea(VMI_R_ZERO);
}

struct address vmi_address_unchecked(struct builder *b)
{
	struct address a = vmi_address_raw(b), rest;

	if (b->block->key & VMI_KEY_64)
		return address_64(b);
	if (flat(b))
		return a;
	vmi_address_ea(b, &a, vmi_h_ea);
	rest = vmi_address_after_ea((uint8_t)(VMI_R_SEG + b->insn.seg));
	vmi_address_ea(b, &rest, vmi_h_ea)->size = 3 << 4;
	return vmi_address_after_ea(VMI_R_ZERO);
}
