/* SPDX-License-Identifier: MIT */
/* The x87 register stack, its words, and the frame of its instructions. */
#include "lib/soft/x87.h"

#define MISC_ENABLE_FOPCODE 4u /* IA32_MISC_ENABLE, bit 2 */

/* SDM 1 4.8.3.7: QNaN floating-point indefinite. */
static const struct vmi_f80 indefinite = { 0xc000000000000000ull, 0xffff };

/* -- Checks -------------------------------------------------------------- */

/* SDM 3A table 2-2: EM and TS. */
void vmi_x87_available(struct vmi_cpu *c)
{
	if (c->cr0 & (VMI_CR0_EM | VMI_CR0_TS))
		vmi_raise(c, VMI_NM);
}

static void check_pending(struct vmi_cpu *c)
{
	if (vmi_likely(!(c->fpu.status & VMI_X87_ES)))
		c->ferr = false;
	else if (c->cr0 & VMI_CR0_NE)
		vmi_raise(c, VMI_MF);
	else
		vmi_ferr(c);
}

void vmi_x87_wait(struct vmi_cpu *c)
{
	vmi_x87_available(c);
	check_pending(c);
}

/* SDM 2B, WAIT: it looks at MP and TS together, and not at EM. */
void vmi_do_wait(struct vmi_cpu *c, const struct vmi_op *op)
{
	const uint64_t both = VMI_CR0_MP | VMI_CR0_TS;

	(void)op;
	if ((c->cr0 & both) == both)
		vmi_raise(c, VMI_NM);
	check_pending(c);
}

/* -- Instructions -------------------------------------------------------- */

void vmi_x87_begin(
	struct vmi_x87 *x, struct vmi_cpu *c, const struct vmi_op *op)
{
	uint16_t control = c->fpu.control;

	vmi_x87_wait(c);
	*x = (struct vmi_x87){ .c = c, .op = op, .codes = VMI_FP_C1 };
	x->env.rounding = control >> 10 & 3;
	x->env.precision = control >> 8 & 3;
	x->env.unmasked = (uint16_t)(~control & VMI_X87_FLAGS);
}

bool vmi_x87_ok(struct vmi_x87 *x)
{
	uint16_t c1 = x->env.flags & VMI_X87_SF ? x->env.flags & VMI_FP_C1 : 0;

	if (!vmi_fp_settle(&x->env))
		return true;
	x->env.flags |= c1;
	return false;
}

struct vmi_f80 vmi_x87_missing(struct vmi_x87 *x)
{
	x->env.flags |= VMI_FP_IE | VMI_X87_SF;
	return indefinite;
}

struct vmi_f80 vmi_x87_full(struct vmi_x87 *x)
{
	x->env.flags |= VMI_FP_IE | VMI_X87_SF | VMI_FP_C1;
	return indefinite;
}

/* The operand's offset in its segment. */
static uint64_t data_offset(const struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned seg = vmi_op_seg(op), bytes = vmi_op_asize(op);
	bool based = c->mode != 64 || seg == VMI_FS || seg == VMI_GS;
	uint64_t offset = vmi_ea(c, op);

	if (based)
		offset -= c->r[VMI_R_SEG + seg];
	return bytes == 8 ? offset : offset & ((1ull << bytes * 8) - 1);
}

/*
 * SDM 1 8.1.8 and 8.1.9.1: the last opcode is that of the last instruction
 * with an unmasked exception, except in the fopcode compatibility mode.  An
 * instruction without an operand in memory leaves the data pointer.
 */
static void remember(const struct vmi_x87 *x)
{
	struct vmi_cpu *c = x->c;
	const struct vmi_op *op = x->op;

	c->fpu.ip = vmi_op_rip(c, op);
	c->fpu.cs = c->seg[VMI_CS].selector;
	if (op->bits & VMI_OPF_MEM) {
		c->fpu.dp = data_offset(c, op);
		c->fpu.ds = c->seg[vmi_op_seg(op)].selector;
	}
	if ((c->fpu.status & VMI_X87_ES) ||
		(c->misc_enable & MISC_ENABLE_FOPCODE))
		c->fpu.opcode = op->imm & 0x7ff;
}

void vmi_x87_end(struct vmi_x87 *x)
{
	struct vmi_fpu *fpu = &x->c->fpu;
	uint16_t mask = VMI_X87_FLAGS | VMI_X87_SF | x->codes;

	fpu->status =
		(uint16_t)((fpu->status & ~x->codes) | (x->env.flags & mask));
	vmi_x87_summarise(x->c);
	remember(x);
}

/* -- The stack ----------------------------------------------------------- */

/* SDM 1 8.1.7. */
unsigned vmi_x87_tag_of(struct vmi_f80 v)
{
	unsigned exponent = v.se & 0x7fff;

	if (exponent == 0 && v.man == 0)
		return VMI_X87_IS_ZERO;
	if (exponent == 0 || exponent == 0x7fff || !(v.man >> 63))
		return VMI_X87_SPECIAL;
	return VMI_X87_VALID;
}

static void set_tag(struct vmi_cpu *c, unsigned physical, unsigned tag)
{
	unsigned shift = 2 * physical;

	c->fpu.tags = (uint16_t)((c->fpu.tags & ~(3u << shift)) | tag << shift);
}

void vmi_x87_set(struct vmi_cpu *c, unsigned i, struct vmi_f80 v)
{
	unsigned n = vmi_x87_physical(c, i);

	c->fpu.st[n] = v;
	set_tag(c, n, vmi_x87_tag_of(v));
}

void vmi_x87_push(struct vmi_cpu *c, struct vmi_f80 v)
{
	c->fpu.top = (c->fpu.top - 1) & 7;
	vmi_x87_set(c, 0, v);
}

void vmi_x87_free(struct vmi_cpu *c, unsigned i)
{
	set_tag(c, vmi_x87_physical(c, i), VMI_X87_EMPTY);
}

void vmi_x87_pop(struct vmi_cpu *c)
{
	vmi_x87_free(c, 0);
	c->fpu.top = (c->fpu.top + 1) & 7;
}

/* -- Words --------------------------------------------------------------- */

uint16_t vmi_x87_tags(const struct vmi_cpu *c)
{
	unsigned n, tags = 0;

	for (n = 0; n < 8; n++) {
		unsigned tag = c->fpu.tags >> 2 * n & 3;

		if (tag != VMI_X87_EMPTY)
			tag = vmi_x87_tag_of(c->fpu.st[n]);
		tags |= tag << 2 * n;
	}
	return (uint16_t)tags;
}

void vmi_x87_set_tags(struct vmi_cpu *c, uint16_t tags)
{
	c->fpu.tags = tags;
	c->fpu.tags = vmi_x87_tags(c);
}

uint16_t vmi_x87_status(const struct vmi_cpu *c)
{
	return (uint16_t)(c->fpu.status | (c->fpu.top & 7) << 11);
}

void vmi_x87_summarise(struct vmi_cpu *c)
{
	uint16_t status = c->fpu.status & ~(VMI_X87_ES | VMI_X87_B);

	if (status & ~c->fpu.control & VMI_X87_FLAGS)
		status |= VMI_X87_ES | VMI_X87_B;
	c->fpu.status = status;
}

/* Bit 6 always reads as 1, bits 7 and 13 to 15 as 0. */
void vmi_x87_set_control(struct vmi_cpu *c, uint16_t control)
{
	c->fpu.control = (control & 0x1f3f) | 0x40;
	vmi_x87_summarise(c);
}

void vmi_x87_set_status(struct vmi_cpu *c, uint16_t status)
{
	c->fpu.top = status >> 11 & 7;
	c->fpu.status = status & (VMI_X87_CODES | VMI_X87_SF | VMI_X87_FLAGS);
	vmi_x87_summarise(c);
}

/* SDM 2A, FINIT: registers stay, but are empty. */
void vmi_x87_init(struct vmi_cpu *c)
{
	struct vmi_fpu *fpu = &c->fpu;

	fpu->control = VMI_X87_CONTROL_INIT;
	fpu->status = fpu->opcode = fpu->cs = fpu->ds = 0;
	fpu->tags = 0xffff;
	fpu->top = 0;
	fpu->ip = fpu->dp = 0;
}

/* -- Memory -------------------------------------------------------------- */

struct vmi_f80 vmi_x87_read80(struct vmi_cpu *c, uint64_t linear)
{
	struct vmi_f80 v;

	v.man = vmi_read(c, linear, 8);
	v.se = (uint16_t)vmi_read(c, (linear + 8) & c->amask, 2);
	return v;
}

void vmi_x87_write80(struct vmi_cpu *c, uint64_t linear, struct vmi_f80 v)
{
	vmi_need_aligned(c, linear, 8); /* SDM 3A table 6-7 */
	vmi_check(c, linear, 10, VMI_MEM_WRITE);
	vmi_write(c, linear, v.man, 8);
	vmi_write(c, (linear + 8) & c->amask, v.se, 2);
}

uint64_t vmi_x87_read(struct vmi_x87 *x, enum vmi_x87_kind kind)
{
	uint64_t at = vmi_ea(x->c, x->op), v;

	switch (kind) {
	case VMI_X87_I16:
		v = vmi_read(x->c, at, 2);
		return v | (v & 0x8000 ? ~0xffffull : 0);
	case VMI_X87_F32: return vmi_read(x->c, at, 4);
	case VMI_X87_I32:
		v = vmi_read(x->c, at, 4);
		return v | (v & 0x80000000 ? ~0xffffffffull : 0);
	default: return vmi_read(x->c, at, 8);
	}
}
