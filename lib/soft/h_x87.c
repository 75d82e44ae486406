/* SPDX-License-Identifier: MIT */
/* Handlers of the commonest x87 instructions, on plain numbers: quick.h. */
#include "lib/soft/alu.h"
#include "lib/soft/fp/plain.h"
#include "lib/soft/op.h"
#include "lib/soft/quick.h"
#include "lib/soft/x87.h"

/*
 * The control word's precision of 64 bits, rounding to nearest, and PE, the
 * one exception that there may be, masked; nothing pending.
 */
static vmi_inline bool ready(const struct vmi_cpu *c)
{
	return (c->fpu.control & 0x0f20) == 0x0320 && !c->ferr &&
		!(c->fpu.status & VMI_X87_ES) &&
		!(c->cr0 & (VMI_CR0_EM | VMI_CR0_TS));
}

/* Done but for the status word, of which it clears or sets C1. */
static vmi_inline const struct vmi_op *ended(struct vmi_cpu *c,
	const struct vmi_op *op, unsigned flags)
{
	c->fpu.status = (uint16_t)((c->fpu.status & ~VMI_FP_C1) | flags);
	vmi_x87_remember(c, op);
	return vmi_next(c, op, 0);
}

/* -- Arithmetic --------------------------------------------------------- */

static vmi_inline struct vmi_plain arith(const struct vmi_cpu *c,
	enum vmi_fpop what, unsigned to, unsigned by)
{
	struct vmi_plain r = vmi_plain_arith(what, vmi_x87_get(c, to),
		vmi_x87_get(c, by));

	r.good = r.good && !vmi_x87_empty(c, to) && !vmi_x87_empty(c, by);
	return r;
}

static vmi_inline struct vmi_plain with(const struct vmi_cpu *c,
	enum vmi_fpop what, struct vmi_f80 b)
{
	struct vmi_plain r = vmi_plain_arith(what, vmi_x87_get(c, 0), b);

	r.good = r.good && !vmi_x87_empty(c, 0);
	return r;
}

static vmi_inline const struct vmi_op *replaced(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, unsigned to, struct vmi_plain r)
{
	if (vmi_unlikely(!r.good || !ready(c)))
		return vmi_h_helper(c, op, acc);
	vmi_x87_set(c, to, r.v);
	return ended(c, op, r.flags);
}

#define OP   add
#define FPOP VMI_FP_ADD
#include "lib/soft/x87_shapes.h"
#define OP   sub
#define FPOP VMI_FP_SUB
#include "lib/soft/x87_shapes.h"
#define OP   subr
#define FPOP VMI_FP_SUBR
#include "lib/soft/x87_shapes.h"
#define OP   mul
#define FPOP VMI_FP_MUL
#include "lib/soft/x87_shapes.h"
#define OP   div
#define FPOP VMI_FP_DIV
#include "lib/soft/x87_shapes.h"
#define OP   divr
#define FPOP VMI_FP_DIVR
#include "lib/soft/x87_shapes.h"

/* The sign of ST(0) is `keep` of what it was, less `change`. */
static vmi_inline const struct vmi_op *sign(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, unsigned keep, unsigned change)
{
	struct vmi_f80 v = vmi_x87_get(c, 0);

	if (vmi_unlikely(vmi_x87_empty(c, 0) || !ready(c)))
		return vmi_h_helper(c, op, acc);
	v.se = (uint16_t)((v.se & keep) ^ change);
	vmi_x87_set(c, 0, v);
	return ended(c, op, 0);
}

static const struct vmi_op *h_fabs(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	return sign(c, op, acc, 0x7fff, 0);
}

static const struct vmi_op *h_fchs(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	return sign(c, op, acc, 0xffff, 0x8000);
}

/* -- Comparisons --------------------------------------------------------- */

static vmi_inline bool is_number(struct vmi_f80 v)
{
	return vmi_f80_is_plain(v) || vmi_f80_is_zero(v);
}

/* Of numbers. */
static vmi_inline enum vmi_fpcmp order(struct vmi_f80 a, struct vmi_f80 b)
{
	unsigned exp_a = a.se & 0x7fffu, exp_b = b.se & 0x7fffu;
	bool same = exp_a == exp_b && a.man == b.man;
	bool less = exp_a < exp_b || (exp_a == exp_b && a.man < b.man);

	if (vmi_f80_is_zero(a) && vmi_f80_is_zero(b))
		return VMI_FP_EQUAL;
	if ((a.se ^ b.se) & 0x8000)
		return a.se & 0x8000 ? VMI_FP_LESS : VMI_FP_GREATER;
	if (same)
		return VMI_FP_EQUAL;
	return less != (a.se >> 15) ? VMI_FP_LESS : VMI_FP_GREATER;
}

static vmi_inline bool comparable(const struct vmi_cpu *c, unsigned i)
{
	return ready(c) && !vmi_x87_empty(c, 0) && !vmi_x87_empty(c, i) &&
		is_number(vmi_x87_get(c, 0)) && is_number(vmi_x87_get(c, i));
}

static vmi_inline void pop(struct vmi_cpu *c, unsigned times)
{
	while (times--)
		vmi_x87_pop(c);
}

/* FCOMI: C1 stays. */
static vmi_inline const struct vmi_op *into_flags(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, unsigned pops)
{
	unsigned i = vmi_x87_sti(op);
	enum vmi_fpcmp cmp;

	if (vmi_unlikely(!comparable(c, i)))
		return vmi_h_helper(c, op, acc);
	cmp = order(vmi_x87_get(c, 0), vmi_x87_get(c, i));
	vmi_flags_set(c, (cmp == VMI_FP_LESS ? VMI_FLAG_CF : 0) |
		(cmp == VMI_FP_EQUAL ? VMI_FLAG_ZF : 0));
	pop(c, pops);
	return ended(c, op, c->fpu.status & VMI_FP_C1);
}

/* FCOMPP, which pops twice, is always about ST(1). */
static vmi_inline const struct vmi_op *into_codes(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, unsigned pops)
{
	unsigned i = pops == 2 ? 1 : vmi_x87_sti(op);
	enum vmi_fpcmp cmp;

	if (vmi_unlikely(!comparable(c, i)))
		return vmi_h_helper(c, op, acc);
	cmp = order(vmi_x87_get(c, 0), vmi_x87_get(c, i));
	c->fpu.status &= (uint16_t)~VMI_X87_CODES;
	pop(c, pops);
	return ended(c, op, (cmp == VMI_FP_LESS ? VMI_FP_C0 : 0) |
		(cmp == VMI_FP_EQUAL ? VMI_FP_C3 : 0));
}

static const struct vmi_op *h_fcomi(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return into_flags(c, op, acc, 0);
}

static const struct vmi_op *h_fcomip(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return into_flags(c, op, acc, 1);
}

static const struct vmi_op *h_fcom(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	return into_codes(c, op, acc, 0);
}

static const struct vmi_op *h_fcomp(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return into_codes(c, op, acc, 1);
}

static const struct vmi_op *h_fcompp(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return into_codes(c, op, acc, 2);
}

/* -- Loads -------------------------------------------------------------- */

static vmi_inline const struct vmi_op *pushed(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, struct vmi_f80 v)
{
	if (vmi_unlikely(!vmi_x87_empty(c, 7) || !ready(c)))
		return vmi_h_helper(c, op, acc);
	vmi_x87_push(c, v);
	return ended(c, op, 0);
}

static vmi_inline const struct vmi_op *load(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, enum vmi_fpkind kind)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);
	unsigned bytes = kind == VMI_F32 ? 4 : 8;
	struct vmi_f80 v;

	if (!vmi_may_read(e, at, bytes))
		return vmi_h_helper(c, op, acc);
	v = vmi_plain_from(kind, vmi_host_load(vmi_tlb_host(e, at), bytes));
	if (vmi_unlikely(!is_number(v)))
		return vmi_h_helper(c, op, acc);
	return pushed(c, op, acc, v);
}

static const struct vmi_op *h_fld_m32(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return load(c, op, acc, VMI_F32);
}

static const struct vmi_op *h_fld_m64(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return load(c, op, acc, VMI_F64);
}

static vmi_inline struct vmi_f80 integer(int64_t v)
{
	uint64_t man = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	unsigned shift;

	if (!man)
		return (struct vmi_f80){ 0, 0 };
	shift = vmi_clz64(man);
	return (struct vmi_f80){ man << shift,
		(uint16_t)((v < 0 ? 0x8000 : 0) | (VMI_F80_BIAS + 63 - shift)) };
}

static vmi_inline const struct vmi_op *load_integer(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, unsigned bytes)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);

	if (!vmi_may_read(e, at, bytes))
		return vmi_h_helper(c, op, acc);
	return pushed(c, op, acc, integer((int64_t)vmi_sext(
		vmi_host_load(vmi_tlb_host(e, at), bytes), bytes)));
}

static const struct vmi_op *h_fild_m32(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return load_integer(c, op, acc, 4);
}

static const struct vmi_op *h_fild_m64(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return load_integer(c, op, acc, 8);
}

static const struct vmi_op *h_fld_sti(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	if (vmi_unlikely(vmi_x87_empty(c, vmi_x87_sti(op))))
		return vmi_h_helper(c, op, acc);
	return pushed(c, op, acc, vmi_x87_get(c, vmi_x87_sti(op)));
}

static const struct vmi_op *h_fld1(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	return pushed(c, op, acc,
		(struct vmi_f80){ VMI_F80_TOP, VMI_F80_BIAS });
}

static const struct vmi_op *h_fldz(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	return pushed(c, op, acc, (struct vmi_f80){ 0, 0 });
}

/* -- Stores, and what moves between registers ----------------------------- */

static vmi_inline const struct vmi_op *store(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, enum vmi_fpkind kind)
{
	uint64_t at = vmi_ea(c, op);
	const struct vmi_tlb_entry *e = vmi_tlb(c, at);
	struct vmi_plain r = vmi_plain_to(kind, vmi_x87_get(c, 0));
	unsigned bytes = kind == VMI_F32 ? 4 : 8;

	if (!vmi_may_write(e, at, bytes) || vmi_unlikely(!r.good ||
		vmi_x87_empty(c, 0) || !ready(c)))
		return vmi_h_helper(c, op, acc);
	vmi_host_store(vmi_tlb_host(e, at), r.v.man, bytes);
	pop(c, (op->imm & 0x38) == 0x18); /* FSTP */
	return ended(c, op, r.flags);
}

static const struct vmi_op *h_fst_m32(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return store(c, op, acc, VMI_F32);
}

static const struct vmi_op *h_fst_m64(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return store(c, op, acc, VMI_F64);
}

static vmi_inline const struct vmi_op *copied(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, unsigned pops)
{
	if (vmi_unlikely(vmi_x87_empty(c, 0) || !ready(c)))
		return vmi_h_helper(c, op, acc);
	vmi_x87_set(c, vmi_x87_sti(op), vmi_x87_get(c, 0));
	pop(c, pops);
	return ended(c, op, 0);
}

static const struct vmi_op *h_fst_sti(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return copied(c, op, acc, 0);
}

static const struct vmi_op *h_fstp_sti(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	return copied(c, op, acc, 1);
}

static const struct vmi_op *h_fxch(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	unsigned i = vmi_x87_sti(op);
	struct vmi_f80 a = vmi_x87_get(c, 0);

	if (vmi_unlikely(vmi_x87_empty(c, 0) || vmi_x87_empty(c, i) ||
		!ready(c)))
		return vmi_h_helper(c, op, acc);
	vmi_x87_set(c, 0, vmi_x87_get(c, i));
	vmi_x87_set(c, i, a);
	return ended(c, op, 0);
}

#define FORMS 0x600u /* of D8, DC and DE: see vmi_form_imm() */
#define ROW(name, handler, where, mask, is)                                    \
	{ .run = h_##handler, .exec = VMI_EXEC_##name,                         \
	  .form = VMI_QUICK_ANY, .bytes = VMI_QUICK_ANY, .bits = where,        \
	  .imm = mask, .imm_is = is }
#define REG(name, handler) ROW(name, handler, 0, 0, 0)
#define MEM(name, handler) ROW(name, handler, VMI_OPF_MEM, 0, 0)
#define ARITH(op)                                                              \
	ROW(f##op, f##op##_st0, 0, FORMS, 0),                                  \
	ROW(f##op, f##op##_sti, 0, FORMS, 0x400),                              \
	ROW(f##op##p, f##op##_pop, 0, FORMS, 0x600),                           \
	MEM(f##op##_m32, f##op##_m32), MEM(f##op##_m64, f##op##_m64)

const struct vmi_quick vmi_quick_x87[] = {
	ARITH(add), ARITH(sub), ARITH(subr), ARITH(mul), ARITH(div), ARITH(divr),
	REG(fabs, fabs), REG(fchs, fchs),
	REG(fcomi, fcomi), REG(fcomip, fcomip),
	REG(fucomi, fcomi), REG(fucomip, fcomip),
	REG(fcom, fcom), REG(fcomp, fcomp), REG(fcompp, fcompp),
	REG(fucom, fcom), REG(fucomp, fcomp), REG(fucompp, fcompp),
	MEM(fld_m32, fld_m32), MEM(fld_m64, fld_m64),
	MEM(fild_m32, fild_m32), MEM(fild_m64, fild_m64),
	REG(fld_sti, fld_sti), REG(fld1, fld1), REG(fldz, fldz),
	MEM(fst_m32, fst_m32), MEM(fstp_m32, fst_m32),
	MEM(fst_m64, fst_m64), MEM(fstp_m64, fst_m64),
	REG(fst_sti, fst_sti), REG(fstp_sti, fstp_sti), REG(fxch, fxch),
	{ .run = NULL }
};
