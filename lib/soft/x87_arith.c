/* SPDX-License-Identifier: MIT */
/* x87: FADD to FDIVR, and what replaces ST(0) by a function of it. */
#include "lib/soft/x87.h"

/* Bits of the opcode as FOP has it: D8 and DC differ in bit 10, DE has 9. */
#define TO_STI 0x400u
#define POPS   0x200u

/* Whether x->op replaces ST(i), and whether it pops then: see form.c. */
static void registers(
	struct vmi_cpu *c, const struct vmi_op *op, enum vmi_fpop what)
{
	unsigned i = vmi_x87_sti(op), dst = op->imm & TO_STI ? i : 0;
	unsigned src = op->imm & TO_STI ? 0 : i;
	struct vmi_f80 r;
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	if (vmi_x87_empty(c, dst) || vmi_x87_empty(c, src))
		r = vmi_x87_missing(&x);
	else
		r = vmi_f80_arith(
			&x.env, what, vmi_x87_get(c, dst), vmi_x87_get(c, src));
	if (vmi_x87_ok(&x)) {
		vmi_x87_set(c, dst, r);
		if (op->imm & POPS)
			vmi_x87_pop(c);
	}
	vmi_x87_end(&x);
}

static struct vmi_f80 with_memory(struct vmi_fpenv *env, enum vmi_fpop what,
	struct vmi_f80 a, uint64_t v, enum vmi_x87_kind kind)
{
	if (kind == VMI_X87_F32)
		return vmi_f80_arith_f32(env, what, a, (uint32_t)v);
	if (kind == VMI_X87_F64)
		return vmi_f80_arith_f64(env, what, a, v);
	return vmi_f80_arith(env, what, a, vmi_f80_from_int((int64_t)v));
}

static void memory(struct vmi_cpu *c, const struct vmi_op *op,
	enum vmi_fpop what, enum vmi_x87_kind kind)
{
	struct vmi_f80 r;
	struct vmi_x87 x;
	uint64_t v;

	vmi_x87_begin(&x, c, op);
	v = vmi_x87_read(&x, kind);
	if (vmi_x87_empty(c, 0))
		r = vmi_x87_missing(&x);
	else
		r = with_memory(&x.env, what, vmi_x87_get(c, 0), v, kind);
	if (vmi_x87_ok(&x))
		vmi_x87_set(c, 0, r);
	vmi_x87_end(&x);
}

void vmi_do_fadd(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, VMI_FP_ADD);
}

void vmi_do_faddp(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, VMI_FP_ADD);
}

void vmi_do_fadd_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_ADD, VMI_X87_F32);
}

void vmi_do_fadd_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_ADD, VMI_X87_F64);
}

void vmi_do_fiadd_m16(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_ADD, VMI_X87_I16);
}

void vmi_do_fiadd_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_ADD, VMI_X87_I32);
}

void vmi_do_fsub(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, VMI_FP_SUB);
}

void vmi_do_fsubp(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, VMI_FP_SUB);
}

void vmi_do_fsub_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_SUB, VMI_X87_F32);
}

void vmi_do_fsub_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_SUB, VMI_X87_F64);
}

void vmi_do_fisub_m16(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_SUB, VMI_X87_I16);
}

void vmi_do_fisub_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_SUB, VMI_X87_I32);
}

void vmi_do_fsubr(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, VMI_FP_SUBR);
}

void vmi_do_fsubrp(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, VMI_FP_SUBR);
}

void vmi_do_fsubr_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_SUBR, VMI_X87_F32);
}

void vmi_do_fsubr_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_SUBR, VMI_X87_F64);
}

void vmi_do_fisubr_m16(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_SUBR, VMI_X87_I16);
}

void vmi_do_fisubr_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_SUBR, VMI_X87_I32);
}

void vmi_do_fmul(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, VMI_FP_MUL);
}

void vmi_do_fmulp(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, VMI_FP_MUL);
}

void vmi_do_fmul_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_MUL, VMI_X87_F32);
}

void vmi_do_fmul_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_MUL, VMI_X87_F64);
}

void vmi_do_fimul_m16(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_MUL, VMI_X87_I16);
}

void vmi_do_fimul_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_MUL, VMI_X87_I32);
}

void vmi_do_fdiv(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, VMI_FP_DIV);
}

void vmi_do_fdivp(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, VMI_FP_DIV);
}

void vmi_do_fdiv_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_DIV, VMI_X87_F32);
}

void vmi_do_fdiv_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_DIV, VMI_X87_F64);
}

void vmi_do_fidiv_m16(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_DIV, VMI_X87_I16);
}

void vmi_do_fidiv_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_DIV, VMI_X87_I32);
}

void vmi_do_fdivr(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, VMI_FP_DIVR);
}

void vmi_do_fdivrp(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, VMI_FP_DIVR);
}

void vmi_do_fdivr_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_DIVR, VMI_X87_F32);
}

void vmi_do_fdivr_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_DIVR, VMI_X87_F64);
}

void vmi_do_fidivr_m16(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_DIVR, VMI_X87_I16);
}

void vmi_do_fidivr_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_FP_DIVR, VMI_X87_I32);
}

/* -- ST(0) alone --------------------------------------------------------- */

typedef struct vmi_f80 function(struct vmi_fpenv *env, struct vmi_f80 a);

static void unary(
	struct vmi_cpu *c, const struct vmi_op *op, function *f, uint16_t codes)
{
	struct vmi_f80 r;
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	x.codes |= codes;
	r = vmi_x87_empty(c, 0) ? vmi_x87_missing(&x)
				: f(&x.env, vmi_x87_get(c, 0));
	if (vmi_x87_ok(&x))
		vmi_x87_set(c, 0, r);
	vmi_x87_end(&x);
}

static struct vmi_f80 negated(struct vmi_fpenv *env, struct vmi_f80 a)
{
	(void)env;
	a.se ^= 0x8000;
	return a;
}

static struct vmi_f80 absolute(struct vmi_fpenv *env, struct vmi_f80 a)
{
	(void)env;
	a.se &= 0x7fff;
	return a;
}

void vmi_do_fabs(struct vmi_cpu *c, const struct vmi_op *op)
{
	unary(c, op, absolute, 0);
}

void vmi_do_fchs(struct vmi_cpu *c, const struct vmi_op *op)
{
	unary(c, op, negated, 0);
}

void vmi_do_fsqrt(struct vmi_cpu *c, const struct vmi_op *op)
{
	unary(c, op, vmi_f80_sqrt, 0);
}

void vmi_do_frndint(struct vmi_cpu *c, const struct vmi_op *op)
{
	unary(c, op, vmi_f80_rndint, 0);
}

void vmi_do_f2xm1(struct vmi_cpu *c, const struct vmi_op *op)
{
	unary(c, op, vmi_f80_f2xm1, 0);
}

void vmi_do_fsin(struct vmi_cpu *c, const struct vmi_op *op)
{
	unary(c, op, vmi_f80_sin, VMI_FP_C2);
}

void vmi_do_fcos(struct vmi_cpu *c, const struct vmi_op *op)
{
	unary(c, op, vmi_f80_cos, VMI_FP_C2);
}
