/* SPDX-License-Identifier: MIT */
/*
 * Steps: what the commonest operations do, without what they do last, so that
 * a handler can be made of two: pair.c.
 */
#ifndef VMI_SOFT_STEP_H
#define VMI_SOFT_STEP_H

#include "lib/soft/alu.h"
#include "lib/soft/value.h"

/* What is left in acc; or nothing was done, and the whole handler has to. */
struct vmi_step {
	uint64_t acc;
	bool missed;
};

static vmi_inline struct vmi_step vmi_step_reg(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t r, unsigned bytes)
{
	r = vmi_trunc(r, bytes);
	vmi_reg_set(c, op->reg, r, bytes);
	return (struct vmi_step){ .acc = r };
}

static vmi_inline struct vmi_step vmi_step_load(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t at, unsigned bytes)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_read(e, at, bytes))
		return (struct vmi_step){ .missed = true };
	return vmi_step_reg(c, op, vmi_host_load(vmi_tlb_host(e, at), bytes),
		bytes < 4 ? 4 : bytes);
}

/* What was in acc stays there. */
static vmi_inline struct vmi_step vmi_step_store(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, uint64_t at, unsigned bytes)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_write(e, at, bytes))
		return (struct vmi_step){ .missed = true };
	vmi_host_store(vmi_tlb_host(e, at), c->r[op->reg], bytes);
	return (struct vmi_step){ .acc = acc };
}

/* -- Two operands -------------------------------------------------------- */

static vmi_inline uint64_t step_add(uint64_t a, uint64_t b, unsigned bytes)
{
	(void)bytes;
	return a + b;
}

static vmi_inline uint64_t step_xor(uint64_t a, uint64_t b, unsigned bytes)
{
	(void)bytes;
	return a ^ b;
}

static vmi_inline uint64_t step_and(uint64_t a, uint64_t b, unsigned bytes)
{
	(void)bytes;
	return a & b;
}

static vmi_inline uint64_t step_shl(uint64_t a, uint64_t n, unsigned bytes)
{
	return a << (n & (bytes == 8 ? 63 : 31));
}

static vmi_inline uint64_t step_shr(uint64_t a, uint64_t n, unsigned bytes)
{
	return a >> (n & (bytes == 8 ? 63 : 31));
}

static vmi_inline uint64_t step_rol(uint64_t a, uint64_t n, unsigned bytes)
{
	unsigned bits = bytes * 8, by = (unsigned)n & (bits - 1);

	return a << by | a >> ((bits - by) & (bits - 1));
}

#define OP    add
#define BYTES 4
#include "lib/soft/step_shapes.h"
#define OP    add
#define BYTES 8
#include "lib/soft/step_shapes.h"
#define OP    xor
#define BYTES 4
#include "lib/soft/step_shapes.h"
#define OP    xor
#define BYTES 8
#include "lib/soft/step_shapes.h"
#define OP    and
#define BYTES 4
#include "lib/soft/step_shapes.h"
#define OP    and
#define BYTES 8
#include "lib/soft/step_shapes.h"
#define OP    shl
#define BYTES 8
#include "lib/soft/step_shapes.h"
#define OP    shr
#define BYTES 4
#include "lib/soft/step_shapes.h"
#define OP    shr
#define BYTES 8
#include "lib/soft/step_shapes.h"
#define OP    rol
#define BYTES 4
#include "lib/soft/step_shapes.h"

/* -- Moves -------------------------------------------------------------- */

static vmi_inline struct vmi_step s_mov_rr_4(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return vmi_step_reg(c, op, c->r[op->base], 4);
}

static vmi_inline struct vmi_step s_mov_rr_8(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return vmi_step_reg(c, op, c->r[op->base], 8);
}

static vmi_inline struct vmi_step s_zx_rr_1(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return vmi_step_reg(c, op, (uint8_t)c->r[op->base], 4);
}

static vmi_inline struct vmi_step s_lea_any_8(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return vmi_step_reg(c, op, c->r[op->base] +
		(c->r[op->index] << op->scale) +
		(uint64_t)(int64_t)op->disp, 8);
}

static vmi_inline struct vmi_step s_lea_p_8(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return vmi_step_reg(c, op, vmi_ea_plain(c, op), 8);
}

static vmi_inline struct vmi_step s_ld_p_8(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return vmi_step_load(c, op, vmi_ea_plain(c, op), 8);
}

static vmi_inline struct vmi_step s_ld_p_4(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return vmi_step_load(c, op, vmi_ea_plain(c, op), 4);
}

static vmi_inline struct vmi_step s_ld_any_4(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return vmi_step_load(c, op, vmi_ea(c, op), 4);
}

static vmi_inline struct vmi_step s_ldz_p_1(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return vmi_step_load(c, op, vmi_ea_plain(c, op), 1);
}

static vmi_inline struct vmi_step s_st_p_8(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return vmi_step_store(c, op, acc, vmi_ea_plain(c, op), 8);
}

static vmi_inline struct vmi_step s_st_p_4(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return vmi_step_store(c, op, acc, vmi_ea_plain(c, op), 4);
}

#endif
