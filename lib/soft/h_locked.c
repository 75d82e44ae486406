/* SPDX-License-Identifier: MIT */
/* Handlers of locked operations on memory: quick.h. */
#include "lib/soft/alu.h"
#include "lib/soft/quick.h"

/* SDM 3A 8.1.2: what crosses an alignment boundary locks the bus instead. */
static vmi_inline bool may_lock(const struct vmi_tlb_entry *e, uint64_t at,
	unsigned bytes)
{
	return vmi_may_write(e, at, bytes) && !(at & (bytes - 1));
}

static vmi_inline uint64_t second(const struct vmi_cpu *c,
	const struct vmi_op *op, unsigned bytes)
{
	return vmi_form(op) == VMI_FORM_EI ? vmi_trunc(op->imm, bytes) :
		vmi_reg(c, op->reg, bytes);
}

/* XADD adds, and XCHG has no flags: the register takes what was there. */
#define vmi_alu_xadd vmi_alu_add

static vmi_inline uint64_t vmi_alu_xchg(struct vmi_cpu *c, uint64_t a,
	uint64_t b, unsigned bytes, bool live)
{
	(void)c;
	(void)a;
	(void)bytes;
	(void)live;
	return b;
}

#define TAKES false
#define OP    add
#define BYTES 4
#include "lib/soft/locked_shapes.h"
#define OP    add
#define BYTES 8
#include "lib/soft/locked_shapes.h"
#undef TAKES

#define TAKES false
#define OP    sub
#define BYTES 4
#include "lib/soft/locked_shapes.h"
#define OP    sub
#define BYTES 8
#include "lib/soft/locked_shapes.h"
#undef TAKES

#define TAKES false
#define OP    and
#define BYTES 4
#include "lib/soft/locked_shapes.h"
#define OP    and
#define BYTES 8
#include "lib/soft/locked_shapes.h"
#undef TAKES

#define TAKES false
#define OP    or
#define BYTES 4
#include "lib/soft/locked_shapes.h"
#define OP    or
#define BYTES 8
#include "lib/soft/locked_shapes.h"
#undef TAKES

#define TAKES false
#define OP    xor
#define BYTES 4
#include "lib/soft/locked_shapes.h"
#define OP    xor
#define BYTES 8
#include "lib/soft/locked_shapes.h"
#undef TAKES

#define TAKES true
#define OP    xadd
#define BYTES 4
#include "lib/soft/locked_shapes.h"
#define OP    xadd
#define BYTES 8
#include "lib/soft/locked_shapes.h"
#undef TAKES

#define TAKES true
#define OP    xchg
#define BYTES 4
#include "lib/soft/locked_shapes.h"
#define OP    xchg
#define BYTES 8
#include "lib/soft/locked_shapes.h"
#undef TAKES

/* -- Compare and exchange ----------------------------------------------- */

vmi_noinline static uint64_t swap(uint8_t *p, struct vmi_pair v,
	unsigned bytes)
{
	return bytes == 4 ? vmi_host_cas(p, v.a, v.b, 4).value :
		vmi_host_cas(p, v.a, v.b, 8).value;
}

static vmi_inline const struct vmi_op *compare_and_swap(struct vmi_cpu *c,
	const struct vmi_op *op, unsigned bytes)
{
	uint64_t at = vmi_ea(c, op), seen;
	struct vmi_pair v = { vmi_reg(c, VMI_RAX, bytes),
		vmi_reg(c, op->reg, bytes) };
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!may_lock(e, at, bytes))
		return vmi_h_helper(c, op, 0);
	seen = swap(vmi_tlb_host(e, at), v, bytes);
	if (seen != v.a)
		vmi_reg_set(c, VMI_RAX, seen, bytes);
	vmi_alu_sub(c, v.a, seen, bytes, true);
	return vmi_next(c, op, 0);
}

static const struct vmi_op *h_cmpxchg_4(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return compare_and_swap(c, op, 4);
}

static const struct vmi_op *h_cmpxchg_8(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	(void)acc;
	return compare_and_swap(c, op, 8);
}

#define LOCKED(name, form_of, b)                                               \
	{ .run = h_locked_##name##_##b, .exec = VMI_EXEC_##name,               \
	  .form = VMI_FORM_##form_of, .bytes = b,                              \
	  .bits = VMI_OPF_MEM | VMI_OPF_LOCK }
#define FORMS(name, b) LOCKED(name, EG, b), LOCKED(name, EI, b)

const struct vmi_quick vmi_quick_locked[] = {
	FORMS(add, 4), FORMS(add, 8), FORMS(sub, 4), FORMS(sub, 8),
	FORMS(and, 4), FORMS(and, 8), FORMS(or, 4), FORMS(or, 8),
	FORMS(xor, 4), FORMS(xor, 8),
	LOCKED(xadd, EG, 4), LOCKED(xadd, EG, 8),
	LOCKED(xchg, EG, 4), LOCKED(xchg, EG, 8),
	/* XCHG locks without being told: SDM 2B. */
	{ .run = h_locked_xchg_4, .exec = VMI_EXEC_xchg, .form = VMI_FORM_EG,
	  .bytes = 4, .bits = VMI_OPF_MEM },
	{ .run = h_locked_xchg_8, .exec = VMI_EXEC_xchg, .form = VMI_FORM_EG,
	  .bytes = 8, .bits = VMI_OPF_MEM },
	{ .run = h_cmpxchg_4, .exec = VMI_EXEC_cmpxchg, .form = VMI_FORM_EG,
	  .bytes = 4, .bits = VMI_OPF_MEM | VMI_OPF_LOCK },
	{ .run = h_cmpxchg_8, .exec = VMI_EXEC_cmpxchg, .form = VMI_FORM_EG,
	  .bytes = 8, .bits = VMI_OPF_MEM | VMI_OPF_LOCK },
	{ .run = NULL }
};
