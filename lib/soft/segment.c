/* SPDX-License-Identifier: MIT */
/* Descriptors and segment registers: SDM 3A chapters 3.4 and 5. */
#include "lib/soft/system.h"

/* The linear address of a selector's descriptor, or false. */
static bool descriptor_at(const struct vmi_cpu *c, uint16_t selector,
	unsigned bytes, uint64_t *linear)
{
	const struct vmapi_x86_segment *t = &c->seg[VMI_GDTR];
	uint32_t at = selector & 0xfff8u;

	if (selector & VMI_SEL_TI) {
		t = &c->seg[VMI_LDTR];
		if (t->attributes & VMAPI_X86_SEG_UNUSABLE)
			return false;
	}
	if (at + bytes - 1 > t->limit)
		return false;
	*linear = vmi_sys_linear(c, t->base + at);
	return true;
}

bool vmi_desc_find(struct vmi_cpu *c, uint16_t selector,
	struct vmi_desc *out)
{
	uint64_t raw;

	if (!descriptor_at(c, selector, 8, &out->linear))
		return false;
	raw = vmi_sys_read(c, out->linear, 8);
	out->lo = (uint32_t)raw;
	out->hi = (uint32_t)(raw >> 32);
	out->upper = 0;
	out->top = 0;
	return true;
}

bool vmi_desc_wide(struct vmi_cpu *c, uint16_t selector, struct vmi_desc *d)
{
	uint64_t linear, raw;

	if (!descriptor_at(c, selector, 16, &linear))
		return false;
	raw = vmi_sys_read(c, vmi_sys_linear(c, linear + 8), 8);
	d->upper = (uint32_t)raw;
	d->top = (uint32_t)(raw >> 32);
	return true;
}

void vmi_desc_get(struct vmi_cpu *c, uint16_t selector, unsigned vector,
	uint32_t ext, struct vmi_desc *out)
{
	if (!vmi_desc_find(c, selector, out))
		vmi_raise_code(c, vector, VMI_SEL(selector) | ext);
}

/* Change bits of the second doubleword; others may change it as well. */
static void update(struct vmi_cpu *c, struct vmi_desc *d, uint32_t clear,
	uint32_t set)
{
	struct vmi_seen seen;
	uint32_t want;

	do {
		want = (d->hi & ~clear) | set;
		if (want == d->hi)
			return;
		seen = vmi_sys_cas(c, vmi_sys_linear(c, d->linear + 4), d->hi,
			want, 4);
		d->hi = seen.swapped ? want : (uint32_t)seen.value;
	} while (!seen.swapped);
}

void vmi_desc_touch(struct vmi_cpu *c, struct vmi_desc *d)
{
	update(c, d, 0, VMI_SEG_ACCESSED << 8);
}

void vmi_desc_busy(struct vmi_cpu *c, struct vmi_desc *d, bool busy)
{
	uint32_t bit = VMI_SYS_BUSY << 8;

	update(c, d, busy ? 0 : bit, busy ? bit : 0);
}

uint64_t vmi_desc_base(const struct vmi_desc *d)
{
	return (uint64_t)d->upper << 32 |
		((d->lo >> 16) | (d->hi & 0xff) << 16 | (d->hi & 0xff000000u));
}

uint32_t vmi_desc_limit(const struct vmi_desc *d)
{
	uint32_t limit = (d->lo & 0xffff) | (d->hi & 0xf0000);

	return d->hi & 0x800000u ? limit << 12 | 0xfff : limit;
}

struct vmapi_x86_segment vmi_desc_segment(const struct vmi_desc *d,
	uint16_t selector)
{
	return (struct vmapi_x86_segment){
		.base = vmi_desc_base(d),
		.limit = vmi_desc_limit(d),
		.attributes = vmi_desc_attr(d),
		.selector = selector,
	};
}

/* The base that addresses use: SDM 3A 3.4.4. */
static void refresh_base(struct vmi_cpu *c, unsigned n)
{
	bool flat = c->mode == 64 && n != VMI_FS && n != VMI_GS;

	c->r[VMI_R_SEG + n] = flat ? 0 : c->seg[n].base;
}

void vmi_mode_refresh(struct vmi_cpu *c)
{
	uint32_t cs = c->seg[VMI_CS].attributes;
	unsigned n;

	if (vmi_long_mode(c) && (cs & VMAPI_X86_SEG_L))
		c->mode = 64;
	else
		c->mode = cs & VMAPI_X86_SEG_DB ? 32 : 16;
	c->amask = c->mode == 64 ? ~0ull : 0xffffffffull;
	for (n = VMI_ES; n <= VMI_GS; n++)
		refresh_base(c, n);
	vmi_mode_changed(c);
}

void vmi_seg_set(struct vmi_cpu *c, unsigned n,
	const struct vmapi_x86_segment *s)
{
	c->seg[n] = *s;
	if (n == VMI_CS) {
		vmi_mode_refresh(c);
		return;
	}
	if (n > VMI_GS)
		return;
	refresh_base(c, n);
	/* Of the others FS and GS decide nothing, nor does 64-bit mode look. */
	if (n <= VMI_DS && c->mode != 64)
		vmi_mode_changed(c);
}

/*
 * Null selectors: the base reads as 0 on Intel processors, also that of FS
 * and GS in 64-bit mode; SS keeps a DPL, which is the CPL.
 */
void vmi_seg_null(struct vmi_cpu *c, unsigned n, uint16_t selector)
{
	struct vmapi_x86_segment s = {
		.selector = selector,
		.attributes = VMAPI_X86_SEG_UNUSABLE,
	};

	if (n == VMI_SS)
		s.attributes |= (uint32_t)c->cpl << 5;
	vmi_seg_set(c, n, &s);
}

void vmi_seg_base(struct vmi_cpu *c, unsigned n, uint64_t base)
{
	struct vmapi_x86_segment s = c->seg[n];

	s.base = base;
	vmi_seg_set(c, n, &s);
}

/*
 * SDM 3A 20.1.1 and 20.2.1.  Real-address mode leaves the limit and the
 * default size that protected mode loaded.
 */
void vmi_seg_real(struct vmi_cpu *c, unsigned n, uint16_t selector)
{
	struct vmapi_x86_segment s = c->seg[n];

	s.selector = selector;
	s.base = (uint32_t)selector << 4;
	if (vmi_vm86(c)) {
		s.limit = 0xffff;
		s.attributes = 0xf3;
	} else {
		s.attributes &= VMAPI_X86_SEG_DB | VMAPI_X86_SEG_G;
		s.attributes |= 0x93;
	}
	vmi_seg_set(c, n, &s);
}

void vmi_seg_code(struct vmi_cpu *c, uint16_t selector, struct vmi_desc *d,
	unsigned cpl)
{
	struct vmapi_x86_segment s;

	vmi_desc_touch(c, d);
	s = vmi_desc_segment(d, (uint16_t)(VMI_SEL(selector) | cpl));
	c->cpl = (uint8_t)cpl;
	vmi_seg_set(c, VMI_CS, &s);
}

void vmi_seg_stack(struct vmi_cpu *c, uint16_t selector, struct vmi_desc *d)
{
	struct vmapi_x86_segment s;

	vmi_desc_touch(c, d);
	s = vmi_desc_segment(d, selector);
	vmi_seg_set(c, VMI_SS, &s);
}

static bool stays(uint32_t attributes, unsigned cpl)
{
	const uint32_t both = VMI_SEG_CODE | VMI_SEG_CONFORM;

	return (attributes & both) == both || VMI_SEG_DPL(attributes) >= cpl;
}

/*
 * A return to an outer level makes null what that level may not have, and
 * clears the RPL of null selectors (SDM 2A "IRET").  Only the selector goes:
 * the bases of FS and GS are those of 64-bit mode still.
 */
void vmi_seg_drop(struct vmi_cpu *c)
{
	static const uint8_t order[] = { VMI_ES, VMI_FS, VMI_GS, VMI_DS };
	unsigned i;
	uint64_t base;
	uint32_t a;

	for (i = 0; i < vmi_array_len(order); i++) {
		a = c->seg[order[i]].attributes;
		if (!(a & VMAPI_X86_SEG_UNUSABLE) && stays(a, c->cpl))
			continue;
		base = c->seg[order[i]].base;
		vmi_seg_null(c, order[i], 0);
		vmi_seg_base(c, order[i], base);
	}
}

/* SS by MOV, POP and LSS: SDM 2 "MOV", protected mode. */
static void load_stack(struct vmi_cpu *c, uint16_t selector)
{
	struct vmi_desc d;

	if (!VMI_SEL(selector)) {
		if (c->mode != 64 || c->cpl == 3 || VMI_RPL(selector) != c->cpl)
			vmi_raise_code(c, VMI_GP, 0);
		vmi_seg_null(c, VMI_SS, selector);
		return;
	}
	vmi_desc_get(c, selector, VMI_GP, 0, &d);
	if (VMI_RPL(selector) != c->cpl || !vmi_desc_writable(&d) ||
		vmi_desc_dpl(&d) != c->cpl)
		vmi_raise_code(c, VMI_GP, VMI_SEL(selector));
	if (!vmi_desc_present(&d))
		vmi_raise_code(c, VMI_EXC_SS, VMI_SEL(selector));
	vmi_seg_stack(c, selector, &d);
}

void vmi_seg_load(struct vmi_cpu *c, unsigned seg, uint16_t selector)
{
	struct vmapi_x86_segment s;
	struct vmi_desc d;
	bool open;

	if (!vmi_protected(c)) {
		vmi_seg_real(c, seg, selector);
		return;
	}
	if (seg == VMI_SS) {
		load_stack(c, selector);
		return;
	}
	if (!VMI_SEL(selector)) {
		vmi_seg_null(c, seg, selector);
		return;
	}
	vmi_desc_get(c, selector, VMI_GP, 0, &d);
	if (!vmi_desc_s(&d) || (vmi_desc_is_code(&d) && !(d.hi & 0x200)))
		vmi_raise_code(c, VMI_GP, VMI_SEL(selector));
	open = vmi_desc_is_code(&d) && vmi_desc_conforming(&d);
	if (!open && (VMI_RPL(selector) > vmi_desc_dpl(&d) ||
			     c->cpl > vmi_desc_dpl(&d)))
		vmi_raise_code(c, VMI_GP, VMI_SEL(selector));
	if (!vmi_desc_present(&d))
		vmi_raise_code(c, VMI_NP, VMI_SEL(selector));
	vmi_desc_touch(c, &d);
	s = vmi_desc_segment(&d, selector);
	vmi_seg_set(c, seg, &s);
}

/* Limit of an access, expand-down segments included: SDM 3A 5.3. */
static bool outside(const struct vmapi_x86_segment *s, uint64_t offset,
	unsigned bytes)
{
	uint64_t end = offset + bytes - 1;
	uint64_t top;

	if ((s->attributes & (VMAPI_X86_SEG_S | VMI_SEG_CODE |
				     VMI_SEG_CONFORM)) !=
		(VMAPI_X86_SEG_S | VMI_SEG_CONFORM))
		return end > s->limit;
	top = s->attributes & VMAPI_X86_SEG_DB ? 0xffffffffu : 0xffff;
	return offset <= s->limit || end > top;
}

static bool wrong_type(const struct vmi_cpu *c,
	const struct vmapi_x86_segment *s, unsigned access)
{
	uint32_t type = VMI_SEG_TYPE(s->attributes);

	if (!vmi_protected(c) || access == VMI_MEM_EXEC)
		return false;
	if (access == VMI_MEM_WRITE)
		return (type & VMI_SEG_CODE) || !(type & VMI_SEG_READ);
	return (type & VMI_SEG_CODE) && !(type & VMI_SEG_READ);
}

uint64_t vmi_linear(struct vmi_cpu *c, unsigned seg, uint64_t offset,
	unsigned bytes, unsigned access)
{
	const struct vmapi_x86_segment *s = &c->seg[seg];
	uint64_t linear = c->r[VMI_R_SEG + seg] + offset;
	unsigned vector = seg == VMI_SS ? VMI_EXC_SS : VMI_GP;

	if (c->mode == 64) {
		if (!vmi_canonical(linear) ||
			!vmi_canonical(linear + bytes - 1))
			vmi_raise_code(c, vector, 0);
		return linear;
	}
	/* Processors look at it first, which shows where this is #SS. */
	if ((access & VMI_MEM_AL16) && (linear & 15))
		vmi_raise_code(c, VMI_GP, 0);
	if ((s->attributes & VMAPI_X86_SEG_UNUSABLE) ||
		wrong_type(c, s, access & ~VMI_MEM_AL16) ||
		outside(s, offset, bytes))
		vmi_raise_code(c, vector, 0);
	return (uint32_t)linear;
}
