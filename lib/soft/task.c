/* SPDX-License-Identifier: MIT */
/*
 * Task switches: SDM 3A chapter 7.
 *
 * The new task state is read, and all that is to be written is checked,
 * before anything changes, so that a page fault there is one of the old task
 * and leaves nothing.  From then on faults belong to the new task: c->op is
 * NULL and c->rip is its EIP, so that they are delivered with its context.
 * That second half can be begun again, when it has to wait for a device.
 */
#include "lib/soft/device.h"
#include "lib/soft/paging.h"
#include "lib/soft/system.h"

/* Where things are in a task state segment: SDM 3A figures 7-2, 7-10. */
struct layout {
	uint8_t size; /* of a register */
	uint8_t limit; /* the least a descriptor may say */
	uint8_t eip;   /* EIP, EFLAGS, then the eight registers */
	uint8_t seg, stride, nsegs;
	uint8_t ldt;
};

static const struct layout layout16 = {
	.size = 2, .limit = 0x2b, .eip = 14, .seg = 34, .stride = 2,
	.nsegs = 4, .ldt = 42,
};
static const struct layout layout32 = {
	.size = 4, .limit = 0x67, .eip = 32, .seg = 72, .stride = 4,
	.nsegs = 6, .ldt = 96,
};

static uint32_t get(struct vmi_cpu *c, uint64_t base, unsigned offset,
	unsigned bytes)
{
	return (uint32_t)vmi_sys_read(c, (uint32_t)(base + offset), bytes);
}

static void put(struct vmi_cpu *c, uint64_t base, unsigned offset,
	uint64_t value, unsigned bytes)
{
	value &= bytes == 2 ? 0xffffull : 0xffffffffull;
	vmi_sys_write(c, (uint32_t)(base + offset), value, bytes);
}

static const struct layout *layout_of(unsigned type)
{
	return type & 8 ? &layout32 : &layout16;
}

static void read_image(struct vmi_cpu *c, uint64_t base,
	const struct layout *l, struct vmi_task_image *m)
{
	unsigned i;

	m->cr3 = l->size == 4 ? get(c, base, 28, 4) : 0;
	m->trap = l->size == 4 && (get(c, base, 100, 2) & 1);
	m->eip = get(c, base, l->eip, l->size);
	m->eflags = get(c, base, l->eip + l->size, l->size);
	for (i = 0; i < 8; i++) {
		m->gpr[i] = get(c, base, l->eip + (i + 2u) * l->size, l->size);
		/* SDM leaves the upper halves open; processors set them. */
		if (l->size == 2)
			m->gpr[i] |= 0xffff0000u;
	}
	for (i = 0; i < 6; i++)
		m->seg[i] = i < l->nsegs ? (uint16_t)get(c, base,
			l->seg + i * l->stride, 2) : 0;
	m->ldt = (uint16_t)get(c, base, l->ldt, 2);
}

static void write_image(struct vmi_cpu *c, const struct vmi_task *t)
{
	const struct layout *l = layout_of(c->seg[VMI_TR].attributes);
	uint64_t base = c->seg[VMI_TR].base, flags = vmi_rflags(c);
	unsigned i;

	if (t->kind == VMI_TASK_IRET)
		flags &= ~VMI_FLAG_NT;
	put(c, base, l->eip, t->return_rip, l->size);
	put(c, base, l->eip + l->size, flags, l->size);
	for (i = 0; i < 8; i++)
		put(c, base, l->eip + (i + 2u) * l->size, c->r[i], l->size);
	for (i = 0; i < l->nsegs; i++)
		put(c, base, l->seg + i * l->stride, c->seg[i].selector, 2);
}

void vmi_task_find(struct vmi_cpu *c, uint16_t selector, uint32_t ext,
	struct vmi_desc *d)
{
	uint32_t code = VMI_SEL(selector) | ext;

	if (selector & VMI_SEL_TI)
		vmi_raise_code(c, VMI_GP, code);
	vmi_desc_get(c, selector, VMI_GP, ext, d);
	if (vmi_desc_s(d) || (vmi_desc_type(d) & ~8u) != VMI_SYS_TSS16)
		vmi_raise_code(c, VMI_GP, code);
	if (!vmi_desc_present(d))
		vmi_raise_code(c, VMI_NP, code);
}

static void load_ldt(struct vmi_cpu *c, uint16_t selector, uint32_t ext)
{
	uint32_t code = VMI_SEL(selector) | ext;
	struct vmapi_x86_segment s;
	struct vmi_desc d;

	s = (struct vmapi_x86_segment){
		.selector = selector,
		.attributes = VMAPI_X86_SEG_UNUSABLE,
	};
	vmi_seg_set(c, VMI_LDTR, &s);
	if (!VMI_SEL(selector))
		return;
	if (selector & VMI_SEL_TI)
		vmi_raise_code(c, VMI_TS, code);
	vmi_desc_get(c, selector, VMI_TS, ext, &d);
	if (vmi_desc_s(&d) || vmi_desc_type(&d) != VMI_SYS_LDT ||
		!vmi_desc_present(&d))
		vmi_raise_code(c, VMI_TS, code);
	s = vmi_desc_segment(&d, selector);
	vmi_seg_set(c, VMI_LDTR, &s);
}

static void load_code(struct vmi_cpu *c, uint16_t selector, uint32_t ext)
{
	uint32_t code = VMI_SEL(selector) | ext;
	unsigned rpl = VMI_RPL(selector);
	struct vmi_desc d;

	if (!VMI_SEL(selector))
		vmi_raise_code(c, VMI_TS, code);
	vmi_desc_get(c, selector, VMI_TS, ext, &d);
	if (!vmi_desc_is_code(&d) || (vmi_desc_conforming(&d) ?
			vmi_desc_dpl(&d) > rpl : vmi_desc_dpl(&d) != rpl))
		vmi_raise_code(c, VMI_TS, code);
	if (!vmi_desc_present(&d))
		vmi_raise_code(c, VMI_NP, code);
	vmi_seg_code(c, selector, &d, rpl);
}

static void load_stack(struct vmi_cpu *c, uint16_t selector, uint32_t ext)
{
	uint32_t code = VMI_SEL(selector) | ext;
	struct vmi_desc d;

	if (!VMI_SEL(selector))
		vmi_raise_code(c, VMI_TS, code);
	vmi_desc_get(c, selector, VMI_TS, ext, &d);
	/* In the order of table 7-2. */
	if (!vmi_desc_writable(&d))
		vmi_raise_code(c, VMI_TS, code);
	if (!vmi_desc_present(&d))
		vmi_raise_code(c, VMI_EXC_SS, code);
	if (VMI_RPL(selector) != c->cpl || vmi_desc_dpl(&d) != c->cpl)
		vmi_raise_code(c, VMI_TS, code);
	vmi_seg_stack(c, selector, &d);
}

static void load_data(struct vmi_cpu *c, unsigned n, uint16_t selector,
	uint32_t ext)
{
	uint32_t code = VMI_SEL(selector) | ext;
	struct vmapi_x86_segment s;
	struct vmi_desc d;

	if (!VMI_SEL(selector))
		return;
	vmi_desc_get(c, selector, VMI_TS, ext, &d);
	if (!vmi_desc_s(&d) || (vmi_desc_is_code(&d) && !(d.hi & 0x200)))
		vmi_raise_code(c, VMI_TS, code);
	if (!(vmi_desc_is_code(&d) && vmi_desc_conforming(&d)) &&
		(VMI_RPL(selector) > vmi_desc_dpl(&d) ||
			c->cpl > vmi_desc_dpl(&d)))
		vmi_raise_code(c, VMI_TS, code);
	if (!vmi_desc_present(&d))
		vmi_raise_code(c, VMI_NP, code);
	vmi_desc_touch(c, &d);
	s = vmi_desc_segment(&d, selector);
	vmi_seg_set(c, n, &s);
}

static void load_segments(struct vmi_cpu *c, const struct vmi_task_image *m,
	uint32_t ext)
{
	static const uint8_t data[] = { VMI_ES, VMI_DS, VMI_FS, VMI_GS };
	unsigned i;

	if (vmi_vm86(c)) {
		c->cpl = 3;
		for (i = 0; i < 6; i++)
			vmi_seg_real(c, i, m->seg[i]);
		load_ldt(c, m->ldt, ext);
		return;
	}
	/* Until a descriptor is loaded the selector alone is there. */
	for (i = 0; i < 6; i++)
		if (i != VMI_CS)
			vmi_seg_null(c, i, m->seg[i]);
	c->cpl = (uint8_t)VMI_RPL(m->seg[VMI_CS]);
	c->seg[VMI_CS].selector = m->seg[VMI_CS];
	vmi_mode_refresh(c);
	load_ldt(c, m->ldt, ext);
	load_code(c, m->seg[VMI_CS], ext);
	load_stack(c, m->seg[VMI_SS], ext);
	for (i = 0; i < vmi_array_len(data); i++)
		load_data(c, data[i], m->seg[data[i]], ext);
}

/* CR3 of the new task; nothing of it is checked but PAE's entries. */
static void load_cr3(struct vmi_cpu *c, uint32_t cr3)
{
	if (!(c->cr0 & VMI_CR0_PG))
		return;
	if ((c->cr4 & VMI_CR4_PAE) && !vmi_pdptes_load(c, cr3))
		vmi_raise_code(c, VMI_GP, 0);
	c->cr3 = cr3;
	vmi_tlb_flush(c);
}

static void load_registers(struct vmi_cpu *c, const struct vmi_arrival *a)
{
	uint64_t flags = a->image.eflags;
	unsigned i;

	if (a->nested)
		flags |= VMI_FLAG_NT;
	vmi_rflags_set(c, flags, VMI_FLAGS_ALL & ~VMI_FLAG_ONE);
	for (i = 0; i < 8; i++)
		c->r[i] = a->image.gpr[i];
	c->rip = a->image.eip;
	c->cr0 |= VMI_CR0_TS;
	c->dr[7] &= ~0x55ull; /* L0 to L3: SDM 3B 17.2.4 */
	vmi_debug_changed(c);
}

static void push_code(struct vmi_cpu *c, const struct vmi_arrival *a)
{
	struct vmi_stack st;

	if (!a->has_code)
		return;
	vmi_stack_current(c, &st, a->ext);
	vmi_stack_room(c, &st, 1, a->size);
	vmi_stack_probe(c, &st, 1, a->size);
	vmi_stack_push(c, &st, a->code, a->size);
	vmi_stack_commit(c, &st);
}

void vmi_task_arrive(struct vmi_cpu *c)
{
	struct vmi_arrival *a = &c->arrival;

	load_registers(c, a);
	if (a->size == 4)
		load_cr3(c, a->image.cr3);
	load_segments(c, &a->image, a->ext);
	push_code(c, a);
	if (c->rip > c->seg[VMI_CS].limit)
		vmi_raise_code(c, VMI_GP, a->ext);
	a->due = false;
	if (a->image.trap) {
		c->trap_pending = true;
		c->dr6_pending |= VMI_DR6_BT;
	}
}

/* The second doubleword of a descriptor, if its busy bit is to change. */
static void check_busy(struct vmi_cpu *c, const struct vmi_desc *d, bool busy)
{
	if (!(vmi_desc_type(d) & VMI_SYS_BUSY) == busy)
		vmi_sys_check(c, vmi_sys_linear(c, d->linear + 4), 4,
			VMI_MEM_WRITE);
}

/* Busy bits and the link, SDM 3A table 7-2; the old task's state. */
static void leave_task(struct vmi_cpu *c, const struct vmi_task *t,
	struct vmi_desc *d)
{
	const struct vmapi_x86_segment *tr = &c->seg[VMI_TR];
	const struct layout *l = layout_of(tr->attributes);
	bool calls = t->kind == VMI_TASK_CALL, found;
	struct vmi_desc old;

	found = !calls && vmi_desc_find(c, tr->selector, &old);
	vmi_sys_check(c, (uint32_t)(tr->base + l->eip),
		l->seg + l->stride * (l->nsegs - 1u) + 2 - l->eip,
		VMI_MEM_WRITE);
	if (calls)
		vmi_sys_check(c, (uint32_t)vmi_desc_base(d), 2, VMI_MEM_WRITE);
	if (found)
		check_busy(c, &old, false);
	check_busy(c, d, true);
	write_image(c, t);
	if (calls)
		put(c, vmi_desc_base(d), 0, tr->selector, 2);
	if (found)
		vmi_desc_busy(c, &old, false);
	vmi_desc_busy(c, d, true);
}

void vmi_task_switch(struct vmi_cpu *c, const struct vmi_task *t,
	struct vmi_desc *d)
{
	const struct layout *l = layout_of(vmi_desc_type(d));
	struct vmapi_x86_segment s;
	struct vmi_arrival a = {
		.ext = t->ext,
		.code = t->code,
		.size = l->size,
		.has_code = t->has_code,
		.nested = t->kind == VMI_TASK_CALL,
		.due = true,
	};

	if (vmi_desc_limit(d) < l->limit)
		vmi_raise_code(c, VMI_TS, VMI_SEL(t->selector) | t->ext);
	read_image(c, vmi_desc_base(d), l, &a.image);
	leave_task(c, t, d);
	s = vmi_desc_segment(d, t->selector);
	vmi_seg_set(c, VMI_TR, &s);
	c->arrival = a;
	c->op = NULL;
	c->shadow = 0;
	vmi_dev_done(c);
	vmi_task_arrive(c);
}
