/* SPDX-License-Identifier: MIT */
/* Stacks of far transfers and events: the current one and inner levels'. */
#include "lib/soft/system.h"

void vmi_stack_current(struct vmi_cpu *c, struct vmi_stack *st,
	uint32_t code)
{
	st->ss = c->seg[VMI_SS];
	st->sp = c->r[VMI_RSP];
	st->mask = 0xffff;
	if (c->mode == 64)
		st->mask = ~0ull;
	else if (st->ss.attributes & VMAPI_X86_SEG_DB)
		st->mask = 0xffffffff;
	st->code = code;
	st->system = false;
}

/* The linear address of the stack's bytes at `sp`, or #SS. */
static uint64_t stack_linear(struct vmi_cpu *c, const struct vmi_stack *st,
	uint64_t sp, unsigned bytes)
{
	uint64_t end = sp + bytes - 1;
	uint32_t a;
	bool bad;

	if (st->mask == ~0ull) {
		if (!vmi_canonical(sp) || !vmi_canonical(end))
			vmi_raise_code(c, VMI_EXC_SS, st->code);
		return sp;
	}
	a = st->ss.attributes;
	if ((a & (VMI_SEG_CODE | VMI_SEG_CONFORM)) == VMI_SEG_CONFORM)
		bad = sp <= st->ss.limit || end >
			(a & VMAPI_X86_SEG_DB ? 0xffffffffull : 0xffffull);
	else
		bad = end > st->ss.limit;
	if (bad || (a & VMAPI_X86_SEG_UNUSABLE))
		vmi_raise_code(c, VMI_EXC_SS, st->code);
	return (uint32_t)(st->ss.base + sp);
}

void vmi_stack_room(struct vmi_cpu *c, const struct vmi_stack *st, unsigned n,
	unsigned bytes)
{
	uint64_t sp = st->sp;

	while (n--) {
		sp = (sp - bytes) & st->mask;
		stack_linear(c, st, sp, bytes);
	}
}

void vmi_stack_probe(struct vmi_cpu *c, const struct vmi_stack *st, unsigned n,
	unsigned bytes)
{
	uint64_t sp = st->sp;
	uint64_t linear;

	while (n--) {
		sp = (sp - bytes) & st->mask;
		linear = stack_linear(c, st, sp, bytes);
		if (st->system) {
			vmi_sys_check(c, linear, bytes, VMI_MEM_WRITE);
			continue;
		}
		vmi_need_aligned(c, linear, bytes);
		vmi_check(c, linear, bytes, VMI_MEM_WRITE);
	}
}

void vmi_stack_push(struct vmi_cpu *c, struct vmi_stack *st, uint64_t v,
	unsigned bytes)
{
	uint64_t sp = (st->sp - bytes) & st->mask;
	uint64_t linear = stack_linear(c, st, sp, bytes);

	if (bytes < 8)
		v &= (1ull << (bytes * 8)) - 1;
	if (st->system)
		vmi_sys_write(c, linear, v, bytes);
	else
		vmi_write(c, linear, v, bytes);
	st->sp = sp;
}

void vmi_stack_need(struct vmi_cpu *c, const struct vmi_stack *st,
	uint64_t offset, unsigned bytes)
{
	stack_linear(c, st, (st->sp + offset) & st->mask, bytes);
}

uint64_t vmi_stack_peek(struct vmi_cpu *c, const struct vmi_stack *st,
	uint64_t offset, unsigned bytes)
{
	uint64_t sp = (st->sp + offset) & st->mask;

	return vmi_read(c, stack_linear(c, st, sp, bytes), bytes);
}

void vmi_stack_commit(struct vmi_cpu *c, const struct vmi_stack *st)
{
	if (st->mask == 0xffff)
		vmi_reg_set(c, VMI_RSP, st->sp, 2);
	else
		c->r[VMI_RSP] = st->sp & st->mask;
}

/* #TS(TR) unless the task state has `bytes` at `offset`. */
static uint64_t tss_at(struct vmi_cpu *c, unsigned offset, unsigned bytes,
	uint32_t ext)
{
	const struct vmapi_x86_segment *tr = &c->seg[VMI_TR];

	if (offset + bytes - 1 > tr->limit)
		vmi_raise_code(c, VMI_TS, VMI_SEL(tr->selector) | ext);
	return vmi_sys_linear(c, tr->base + offset);
}

uint64_t vmi_tss64_rsp(struct vmi_cpu *c, unsigned offset, uint32_t ext)
{
	return vmi_sys_read(c, tss_at(c, offset, 8, ext), 8);
}

/* SS:SP of level `dpl` from a 16- or 32-bit task state: SDM 3A 7.2, 7.6. */
static uint64_t tss_stack(struct vmi_cpu *c, unsigned dpl, uint32_t ext,
	uint16_t *ss)
{
	uint64_t at;

	if (VMI_SEG_TYPE(c->seg[VMI_TR].attributes) & 8) {
		at = tss_at(c, dpl * 8 + 4, 6, ext);
		*ss = (uint16_t)vmi_sys_read(c, vmi_sys_linear(c, at + 4), 2);
		return vmi_sys_read(c, at, 4);
	}
	at = tss_at(c, dpl * 4 + 2, 4, ext);
	*ss = (uint16_t)vmi_sys_read(c, vmi_sys_linear(c, at + 2), 2);
	return vmi_sys_read(c, at, 2);
}

void vmi_inner_stack(struct vmi_cpu *c, unsigned dpl, uint32_t ext,
	struct vmi_inner *out)
{
	struct vmi_stack *st = &out->st;
	uint32_t code;

	st->system = true;
	if (vmi_long_mode(c)) {
		st->sp = vmi_tss64_rsp(c, dpl * 8 + 4, ext);
		st->mask = ~0ull;
		st->code = ext;
		out->selector = (uint16_t)dpl;
		return;
	}
	st->sp = tss_stack(c, dpl, ext, &out->selector);
	code = VMI_SEL(out->selector) | ext;
	st->code = code;
	if (!VMI_SEL(out->selector))
		vmi_raise_code(c, VMI_TS, ext);
	vmi_desc_get(c, out->selector, VMI_TS, ext, &out->d);
	if (VMI_RPL(out->selector) != dpl || vmi_desc_dpl(&out->d) != dpl ||
		!vmi_desc_writable(&out->d))
		vmi_raise_code(c, VMI_TS, code);
	if (!vmi_desc_present(&out->d))
		vmi_raise_code(c, VMI_EXC_SS, code);
	st->ss = vmi_desc_segment(&out->d, out->selector);
	st->mask = st->ss.attributes & VMAPI_X86_SEG_DB ? 0xffffffffull :
		0xffffull;
	st->sp &= st->mask;
}

void vmi_inner_commit(struct vmi_cpu *c, struct vmi_inner *in, unsigned cpl)
{
	c->cpl = (uint8_t)cpl;
	if (in->st.mask == ~0ull)
		vmi_seg_null(c, VMI_SS, in->selector);
	else
		vmi_seg_stack(c, in->selector, &in->d);
	vmi_stack_commit(c, &in->st);
}

void vmi_sp_load(struct vmi_cpu *c, uint64_t sp)
{
	struct vmi_stack st;

	vmi_stack_current(c, &st, 0);
	st.sp = sp;
	vmi_stack_commit(c, &st);
}
