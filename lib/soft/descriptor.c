/* SPDX-License-Identifier: MIT */
/* Instructions on descriptor tables and on descriptors: SDM 3A 2.4, 5.10. */
#include "lib/soft/system.h"

/* SGDT, SIDT: two bytes of limit, then a base of 4 or 8 bytes. */
static void store_table(struct vmi_cpu *c, unsigned table)
{
	unsigned bytes = c->mode == 64 ? 8 : 4;
	uint64_t at, base_at;

	vmi_need_umip(c);
	at = vmi_linear_beyond(c, 0, 2 + bytes, VMI_MEM_WRITE);
	base_at = (at + 2) & c->amask;
	vmi_need_aligned(c, at, 4); /* SDM 3A table 6-7 */
	vmi_check(c, at, 2, VMI_MEM_WRITE);
	vmi_check(c, base_at, bytes, VMI_MEM_WRITE);
	vmi_write_unaligned(c, at, c->seg[table].limit & 0xffff, 2);
	vmi_write_unaligned(c, base_at, bytes == 8 ? c->seg[table].base :
		(uint32_t)c->seg[table].base, bytes);
}

void vmi_do_sgdt(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	store_table(c, VMI_GDTR);
}

void vmi_do_sidt(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	store_table(c, VMI_IDTR);
}

static void load_table(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned table)
{
	struct vmapi_x86_segment s = { .base = 0 };
	unsigned bytes = c->mode == 64 ? 8 : 4;
	uint64_t at;

	vmi_need_cpl0(c);
	at = vmi_linear_beyond(c, 0, 2 + bytes, VMI_MEM_READ);
	s.limit = (uint32_t)vmi_read(c, at, 2);
	s.base = vmi_read(c, (at + 2) & c->amask, bytes);
	if (c->mode == 64) {
		if (!vmi_canonical(s.base))
			vmi_raise_code(c, VMI_GP, 0);
	} else if (vmi_op_size(op) == 2) {
		s.base &= 0xffffff;
	}
	vmi_seg_set(c, table, &s);
}

void vmi_do_lgdt(struct vmi_cpu *c, const struct vmi_op *op)
{
	load_table(c, op, VMI_GDTR);
}

void vmi_do_lidt(struct vmi_cpu *c, const struct vmi_op *op)
{
	load_table(c, op, VMI_IDTR);
}

static void store_selector(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned n)
{
	vmi_need_protected(c);
	vmi_need_umip(c);
	vmi_rm_unchecked_set(c, op, c->seg[n].selector,
		op->bits & VMI_OPF_MEM ? 2 : vmi_op_size(op));
}

void vmi_do_sldt(struct vmi_cpu *c, const struct vmi_op *op)
{
	store_selector(c, op, VMI_LDTR);
}

void vmi_do_str(struct vmi_cpu *c, const struct vmi_op *op)
{
	store_selector(c, op, VMI_TR);
}

/* The descriptor that LLDT or LTR loads, 16 bytes in IA-32e mode. */
static void system_descriptor(struct vmi_cpu *c, uint16_t selector,
	uint32_t types, struct vmi_desc *d)
{
	uint32_t code = VMI_SEL(selector);

	if (selector & VMI_SEL_TI)
		vmi_raise_code(c, VMI_GP, code);
	vmi_desc_get(c, selector, VMI_GP, 0, d);
	if (vmi_desc_s(d) || !(types >> vmi_desc_type(d) & 1))
		vmi_raise_code(c, VMI_GP, code);
	if (vmi_long_mode(c) && (!vmi_desc_wide(c, selector, d) ||
			(d->top & 0x1f00)))
		vmi_raise_code(c, VMI_GP, code);
	if (!vmi_desc_present(d))
		vmi_raise_code(c, VMI_NP, code);
	if (vmi_long_mode(c) && !vmi_canonical(vmi_desc_base(d)))
		vmi_raise_code(c, VMI_GP, code);
}

void vmi_do_lldt(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmapi_x86_segment s = { .base = 0 };
	struct vmi_desc d;

	vmi_need_protected(c);
	vmi_need_cpl0(c);
	s.selector = (uint16_t)vmi_rm_unchecked(c, op, 2);
	s.attributes = VMAPI_X86_SEG_UNUSABLE;
	if (VMI_SEL(s.selector)) {
		system_descriptor(c, s.selector, 1u << VMI_SYS_LDT, &d);
		s = vmi_desc_segment(&d, s.selector);
	}
	vmi_seg_set(c, VMI_LDTR, &s);
}

void vmi_do_ltr(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint32_t types = 1u << VMI_SYS_TSS;
	struct vmapi_x86_segment s;
	struct vmi_desc d;
	uint16_t selector;

	vmi_need_protected(c);
	vmi_need_cpl0(c);
	selector = (uint16_t)vmi_rm_unchecked(c, op, 2);
	if (!VMI_SEL(selector))
		vmi_raise_code(c, VMI_GP, 0);
	if (!vmi_long_mode(c))
		types |= 1u << VMI_SYS_TSS16;
	system_descriptor(c, selector, types, &d);
	vmi_desc_busy(c, &d, true);
	s = vmi_desc_segment(&d, selector);
	vmi_seg_set(c, VMI_TR, &s);
}

static void set_zf(struct vmi_cpu *c, bool z)
{
	uint64_t flags = vmi_flags(c) & ~VMI_FLAG_ZF;

	vmi_flags_set(c, flags | (z ? VMI_FLAG_ZF : 0));
}

/* System types that LAR and LSL know: the tables of their pages in SDM 2A. */
#define LAR_LEGACY 0x1a3eu /* 1-5, 9, 11, 12 */
#define LAR_LONG   0x1a04u /* 2, 9, 11, 12 */
#define LSL_LEGACY 0x0a0eu /* 1-3, 9, 11 */
#define LSL_LONG   0x0a04u /* 2, 9, 11 */

/* Whether the selector's descriptor exists and may be seen at this level. */
static bool visible(struct vmi_cpu *c, uint16_t selector, uint32_t types,
	struct vmi_desc *d)
{
	if (!VMI_SEL(selector) || !vmi_desc_find(c, selector, d))
		return false;
	if (!vmi_desc_s(d)) {
		if (!(types >> vmi_desc_type(d) & 1))
			return false;
		if (vmi_long_mode(c) && (!vmi_desc_wide(c, selector, d) ||
				(d->top & 0x1f00)))
			return false;
	} else if (vmi_desc_is_code(d) && vmi_desc_conforming(d)) {
		return true;
	}
	return c->cpl <= vmi_desc_dpl(d) &&
		VMI_RPL(selector) <= vmi_desc_dpl(d);
}

void vmi_do_lar(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_desc d;
	uint16_t selector;
	bool ok;

	vmi_need_protected(c);
	selector = (uint16_t)vmi_rm(c, op, 2);
	ok = visible(c, selector, vmi_long_mode(c) ? LAR_LONG : LAR_LEGACY,
		&d);
	if (ok)
		vmi_reg_set(c, op->reg, d.hi & 0x00ffff00u, vmi_op_size(op));
	set_zf(c, ok);
}

void vmi_do_lsl(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_desc d;
	uint16_t selector;
	bool ok;

	vmi_need_protected(c);
	selector = (uint16_t)vmi_rm(c, op, 2);
	ok = visible(c, selector, vmi_long_mode(c) ? LSL_LONG : LSL_LEGACY,
		&d);
	if (ok)
		vmi_reg_set(c, op->reg, vmi_desc_limit(&d), vmi_op_size(op));
	set_zf(c, ok);
}

static void verify(struct vmi_cpu *c, const struct vmi_op *op, bool write)
{
	struct vmi_desc d;
	bool ok;

	vmi_need_protected(c);
	ok = visible(c, (uint16_t)vmi_rm(c, op, 2), 0, &d);
	if (ok && write)
		ok = vmi_desc_writable(&d);
	else if (ok)
		ok = !vmi_desc_is_code(&d) || (d.hi & 0x200);
	set_zf(c, ok);
}

void vmi_do_verr(struct vmi_cpu *c, const struct vmi_op *op)
{
	verify(c, op, false);
}

void vmi_do_verw(struct vmi_cpu *c, const struct vmi_op *op)
{
	verify(c, op, true);
}

void vmi_do_arpl(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t to, from;
	bool less;

	vmi_need_protected(c);
	to = vmi_rm_unchecked(c, op, 2);
	from = vmi_reg(c, op->reg, 2);
	less = (to & 3) < (from & 3);
	if (less) /* only then is it written, and has to be writable */
		vmi_rm_unchecked_set(c, op, (to & ~3ull) | (from & 3), 2);
	set_zf(c, less);
}
