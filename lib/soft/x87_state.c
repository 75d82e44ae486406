/* SPDX-License-Identifier: MIT */
/* The x87 register stack, its words, and the frame of its instructions. */
#include "lib/soft/x87.h"

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

void vmi_x87_end(struct vmi_x87 *x)
{
	struct vmi_fpu *fpu = &x->c->fpu;
	uint16_t mask = VMI_X87_FLAGS | VMI_X87_SF | x->codes;

	fpu->status =
		(uint16_t)((fpu->status & ~x->codes) | (x->env.flags & mask));
	vmi_x87_summarise(x->c);
	vmi_x87_remember(x->c, x->op);
}

/* -- Words --------------------------------------------------------------- */

/* SDM 1 8.1.7. */
static unsigned tag_of(struct vmi_f80 v)
{
	unsigned exponent = v.se & 0x7fff;

	if (exponent == 0 && v.man == 0)
		return VMI_X87_IS_ZERO;
	if (exponent == 0 || exponent == 0x7fff || !(v.man >> 63))
		return VMI_X87_SPECIAL;
	return VMI_X87_VALID;
}

uint16_t vmi_x87_tags(const struct vmi_cpu *c)
{
	unsigned n, tag, tags = 0;

	for (n = 0; n < 8; n++) {
		tag = c->fpu.full >> n & 1 ? tag_of(c->fpu.st[n])
					   : VMI_X87_EMPTY;
		tags |= tag << 2 * n;
	}
	return (uint16_t)tags;
}

/* Processors keep of each tag only whether it says empty. */
void vmi_x87_set_tags(struct vmi_cpu *c, uint16_t tags)
{
	unsigned n;

	c->fpu.full = 0;
	for (n = 0; n < 8; n++)
		c->fpu.full |= (uint8_t)((tags >> 2 * n & 3) != VMI_X87_EMPTY)
			<< n;
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
	fpu->full = 0;
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
