/* SPDX-License-Identifier: MIT */
/* Handlers of IN and OUT: quick.h. */
#include "lib/soft/branch.h"
#include "lib/soft/operand.h"
#include "lib/soft/quick.h"
#include "lib/soft/smm.h"

/*
 * What answered may have raised an event, and may have written the code that
 * comes next: the run loop looks before the next instruction.
 */
static vmi_inline const struct vmi_op *behind(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	if (vmi_unlikely(atomic_load_explicit(&c->event,
		memory_order_relaxed)))
		return vmi_h_end(c, vmi_same(op + 1), 0);
	return vmi_next(c, op, 0);
}

/* -- Through DX --------------------------------------------------------- */

static vmi_inline const struct vmi_op *in_dx(struct vmi_cpu *c,
	const struct vmi_op *op, unsigned bytes)
{
	uint64_t v;

	c->op = op;
	v = vmi_port_in(c, op, VMI_PORT_IN | VMI_PORT_BYTES(bytes) |
		VMI_PORT_AT((uint16_t)c->r[VMI_RDX]));
	vmi_reg_set(c, VMI_RAX, v, bytes);
	return behind(c, op);
}

static vmi_inline const struct vmi_op *out_dx(struct vmi_cpu *c,
	const struct vmi_op *op, unsigned bytes)
{
	c->op = op;
	vmi_port_out(c, op, VMI_PORT_BYTES(bytes) |
		VMI_PORT_AT((uint16_t)c->r[VMI_RDX]),
		vmi_reg(c, VMI_RAX, bytes));
	return behind(c, op);
}

static const struct vmi_op *h_in_dx_1(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return in_dx(c, op, 1);
}

static const struct vmi_op *h_in_dx_2(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return in_dx(c, op, 2);
}

static const struct vmi_op *h_in_dx_4(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return in_dx(c, op, 4);
}

static const struct vmi_op *h_out_dx_1(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return out_dx(c, op, 1);
}

static const struct vmi_op *h_out_dx_2(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return out_dx(c, op, 2);
}

static const struct vmi_op *h_out_dx_4(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return out_dx(c, op, 4);
}

/* -- Others ------------------------------------------------------------- */

static const struct vmi_op *h_in(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)acc;
	c->op = op;
	vmi_do_in(c, op);
	return behind(c, op);
}

static const struct vmi_op *h_out(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)acc;
	c->op = op;
	vmi_do_out(c, op);
	return behind(c, op);
}

#define DX(name, b)                                                            \
	{ .run = h_##name##_dx_##b, .exec = VMI_EXEC_##name,                   \
	  .form = VMI_FORM_ZD, .bytes = b }

const struct vmi_quick vmi_quick_port[] = {
	DX(in, 1), DX(in, 2), DX(in, 4), DX(out, 1), DX(out, 2), DX(out, 4),
	{ .run = h_in, .exec = VMI_EXEC_in, .form = VMI_QUICK_ANY,
	  .bytes = VMI_QUICK_ANY },
	{ .run = h_out, .exec = VMI_EXEC_out, .form = VMI_QUICK_ANY,
	  .bytes = VMI_QUICK_ANY },
	{ .run = NULL }
};
