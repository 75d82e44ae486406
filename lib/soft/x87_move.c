/* SPDX-License-Identifier: MIT */
/* x87: loads, stores, constants, exchanges and conditional moves. */
#include "lib/soft/x87.h"

/* -- Loads --------------------------------------------------------------- */

/* A denormal is loaded whether DE is masked or not. */
static void finish_push(struct vmi_x87 *x, struct vmi_f80 v)
{
	if (vmi_x87_ok(x) || x->env.flags == VMI_FP_DE)
		vmi_x87_push(x->c, v);
	vmi_x87_end(x);
}

/* Push what was read or computed; a stack that is full wins over it. */
static void push(struct vmi_x87 *x, struct vmi_f80 v)
{
	/* Of both, that the operand is missing is what is reported. */
	if (!vmi_x87_empty(x->c, 7) && !(x->env.flags & VMI_X87_SF)) {
		x->env.flags = 0;
		v = vmi_x87_full(x);
	}
	finish_push(x, v);
}

static void load(
	struct vmi_cpu *c, const struct vmi_op *op, enum vmi_x87_kind kind)
{
	struct vmi_f80 r;
	struct vmi_x87 x;
	uint64_t v;

	vmi_x87_begin(&x, c, op);
	v = vmi_x87_read(&x, kind);
	if (kind == VMI_X87_F32)
		r = vmi_f80_from_f32(&x.env, (uint32_t)v);
	else if (kind == VMI_X87_F64)
		r = vmi_f80_from_f64(&x.env, v);
	else
		r = vmi_f80_from_int((int64_t)v);
	push(&x, r);
}

void vmi_do_fld_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	load(c, op, VMI_X87_F32);
}

void vmi_do_fld_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	load(c, op, VMI_X87_F64);
}

void vmi_do_fild_m16(struct vmi_cpu *c, const struct vmi_op *op)
{
	load(c, op, VMI_X87_I16);
}

void vmi_do_fild_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	load(c, op, VMI_X87_I32);
}

void vmi_do_fild_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	load(c, op, VMI_X87_I64);
}

void vmi_do_fld_m80(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	push(&x, vmi_x87_read80(c, vmi_ea(c, op)));
}

void vmi_do_fbld(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_bcd80 v;
	struct vmi_f80 raw;
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	raw = vmi_x87_read80(c, vmi_ea(c, op));
	v.lo = raw.man;
	v.hi = raw.se;
	push(&x, vmi_f80_from_bcd(v));
}

void vmi_do_fld_sti(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned i = vmi_x87_sti(op);
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	if (vmi_x87_empty(c, i))
		finish_push(&x, vmi_x87_missing(&x));
	else
		push(&x, vmi_x87_get(c, i));
}

static void constant(
	struct vmi_cpu *c, const struct vmi_op *op, enum vmi_fpconst which)
{
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	push(&x, vmi_f80_const(&x.env, which));
}

void vmi_do_fld1(struct vmi_cpu *c, const struct vmi_op *op)
{
	constant(c, op, VMI_FP_LD1);
}

void vmi_do_fldl2t(struct vmi_cpu *c, const struct vmi_op *op)
{
	constant(c, op, VMI_FP_LDL2T);
}

void vmi_do_fldl2e(struct vmi_cpu *c, const struct vmi_op *op)
{
	constant(c, op, VMI_FP_LDL2E);
}

void vmi_do_fldpi(struct vmi_cpu *c, const struct vmi_op *op)
{
	constant(c, op, VMI_FP_LDPI);
}

void vmi_do_fldlg2(struct vmi_cpu *c, const struct vmi_op *op)
{
	constant(c, op, VMI_FP_LDLG2);
}

void vmi_do_fldln2(struct vmi_cpu *c, const struct vmi_op *op)
{
	constant(c, op, VMI_FP_LDLN2);
}

void vmi_do_fldz(struct vmi_cpu *c, const struct vmi_op *op)
{
	constant(c, op, VMI_FP_LDZ);
}

/* -- Stores -------------------------------------------------------------- */

/* What a store makes of ST(0). */
struct store {
	enum vmi_x87_kind kind;
	bool pops;
	bool truncates; /* FISTTP */
};

static unsigned bits_of(enum vmi_x87_kind kind)
{
	static const uint8_t bits[] = {
		[VMI_X87_F32] = 32,
		[VMI_X87_F64] = 64,
		[VMI_X87_I16] = 16,
		[VMI_X87_I32] = 32,
		[VMI_X87_I64] = 64,
	};

	return bits[kind];
}

/* The indefinite of each kind: SDM 1 table 4-1 and 4.8.3.7. */
static uint64_t indefinite_of(enum vmi_x87_kind kind)
{
	switch (kind) {
	case VMI_X87_F32: return 0xffc00000;
	case VMI_X87_F64: return 0xfff8000000000000ull;
	case VMI_X87_I16: return 0x8000;
	case VMI_X87_I32: return 0x80000000;
	default: return 0x8000000000000000ull;
	}
}

static uint64_t convert(struct vmi_x87 *x, const struct store *s)
{
	struct vmi_f80 a = vmi_x87_get(x->c, 0);

	if (vmi_x87_empty(x->c, 0)) {
		vmi_x87_missing(x);
		return indefinite_of(s->kind);
	}
	if (s->kind == VMI_X87_F32)
		return vmi_f80_to_f32(&x->env, a);
	if (s->kind == VMI_X87_F64)
		return vmi_f80_to_f64(&x->env, a);
	return (uint64_t)vmi_f80_to_int(
		&x->env, a, bits_of(s->kind), s->truncates);
}

/* Memory is not written where a register would get a biased result. */
static bool may_store(struct vmi_x87 *x)
{
	return vmi_x87_ok(x) &&
	       !(x->env.flags & x->env.unmasked & (VMI_FP_OE | VMI_FP_UE));
}

static void store(
	struct vmi_cpu *c, const struct vmi_op *op, const struct store s)
{
	struct vmi_x87 x;
	uint64_t v;

	vmi_x87_begin(&x, c, op);
	v = convert(&x, &s);
	if (may_store(&x)) {
		vmi_write(c, vmi_ea(c, op), v, bits_of(s.kind) / 8);
		if (s.pops)
			vmi_x87_pop(c);
	}
	vmi_x87_end(&x);
}

void vmi_do_fst_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	store(c, op, (struct store){ VMI_X87_F32, false, false });
}

void vmi_do_fst_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	store(c, op, (struct store){ VMI_X87_F64, false, false });
}

void vmi_do_fstp_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	store(c, op, (struct store){ VMI_X87_F32, true, false });
}

void vmi_do_fstp_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	store(c, op, (struct store){ VMI_X87_F64, true, false });
}

void vmi_do_fist_m16(struct vmi_cpu *c, const struct vmi_op *op)
{
	store(c, op, (struct store){ VMI_X87_I16, false, false });
}

void vmi_do_fist_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	store(c, op, (struct store){ VMI_X87_I32, false, false });
}

void vmi_do_fistp_m16(struct vmi_cpu *c, const struct vmi_op *op)
{
	store(c, op, (struct store){ VMI_X87_I16, true, false });
}

void vmi_do_fistp_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	store(c, op, (struct store){ VMI_X87_I32, true, false });
}

void vmi_do_fistp_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	store(c, op, (struct store){ VMI_X87_I64, true, false });
}

void vmi_do_fisttp_m16(struct vmi_cpu *c, const struct vmi_op *op)
{
	store(c, op, (struct store){ VMI_X87_I16, true, true });
}

void vmi_do_fisttp_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	store(c, op, (struct store){ VMI_X87_I32, true, true });
}

void vmi_do_fisttp_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	store(c, op, (struct store){ VMI_X87_I64, true, true });
}

/* Ten bytes, then a pop: what FSTP and FBSTP share. */
static void store80(struct vmi_x87 *x, struct vmi_f80 v)
{
	if (vmi_x87_ok(x)) {
		vmi_x87_write80(x->c, vmi_ea(x->c, x->op), v);
		vmi_x87_pop(x->c);
	}
	vmi_x87_end(x);
}

void vmi_do_fstp_m80(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	store80(&x,
		vmi_x87_empty(c, 0) ? vmi_x87_missing(&x) : vmi_x87_get(c, 0));
}

void vmi_do_fbstp(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_f80 raw;
	struct vmi_bcd80 v;
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	if (vmi_x87_empty(c, 0)) {
		raw = vmi_x87_missing(&x); /* SDM 1 4.7.2: packed BCD's too */
	} else {
		v = vmi_f80_to_bcd(&x.env, vmi_x87_get(c, 0));
		raw.man = v.lo;
		raw.se = v.hi;
	}
	store80(&x, raw);
}

static void copy(struct vmi_cpu *c, const struct vmi_op *op, bool pops)
{
	struct vmi_f80 v;
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	v = vmi_x87_empty(c, 0) ? vmi_x87_missing(&x) : vmi_x87_get(c, 0);
	if (vmi_x87_ok(&x)) {
		vmi_x87_set(c, vmi_x87_sti(op), v);
		if (pops)
			vmi_x87_pop(c);
	}
	vmi_x87_end(&x);
}

void vmi_do_fst_sti(struct vmi_cpu *c, const struct vmi_op *op)
{
	copy(c, op, false);
}

void vmi_do_fstp_sti(struct vmi_cpu *c, const struct vmi_op *op)
{
	copy(c, op, true);
}

/* No exception: an empty ST(0) is not copied, but popped. */
void vmi_do_fstpnce(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	if (!vmi_x87_empty(c, 0))
		vmi_x87_set(c, vmi_x87_sti(op), vmi_x87_get(c, 0));
	vmi_x87_pop(c);
	vmi_x87_end(&x);
}

/* -- Between registers --------------------------------------------------- */

/* An empty register of the two takes part as the indefinite. */
void vmi_do_fxch(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned i = vmi_x87_sti(op);
	struct vmi_f80 a, b;
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	a = vmi_x87_empty(c, 0) ? vmi_x87_missing(&x) : vmi_x87_get(c, 0);
	b = vmi_x87_empty(c, i) ? vmi_x87_missing(&x) : vmi_x87_get(c, i);
	if (vmi_x87_ok(&x)) {
		vmi_x87_set(c, 0, b);
		vmi_x87_set(c, i, a);
	}
	vmi_x87_end(&x);
}

/*
 * `cc` is a condition of Jcc.  Whether it holds or not, both must be there.
 * C1 is cleared by an underflow only.
 */
static void move_if(struct vmi_cpu *c, const struct vmi_op *op, unsigned cc)
{
	unsigned i = vmi_x87_sti(op);
	struct vmi_f80 v = vmi_x87_get(c, vmi_cond(c, cc) ? i : 0);
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	if (vmi_x87_empty(c, 0) || vmi_x87_empty(c, i))
		v = vmi_x87_missing(&x);
	else
		x.codes = 0;
	if (vmi_x87_ok(&x))
		vmi_x87_set(c, 0, v);
	vmi_x87_end(&x);
}

void vmi_do_fcmovb(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_if(c, op, 2);
}

void vmi_do_fcmovnb(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_if(c, op, 3);
}

void vmi_do_fcmove(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_if(c, op, 4);
}

void vmi_do_fcmovne(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_if(c, op, 5);
}

void vmi_do_fcmovbe(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_if(c, op, 6);
}

void vmi_do_fcmovnbe(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_if(c, op, 7);
}

void vmi_do_fcmovu(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_if(c, op, 10);
}

void vmi_do_fcmovnu(struct vmi_cpu *c, const struct vmi_op *op)
{
	move_if(c, op, 11);
}
