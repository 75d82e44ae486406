/* SPDX-License-Identifier: MIT */
/* x87: comparisons into condition codes and into EFLAGS, FTST, FXAM. */
#include "lib/soft/x87.h"

#define C0C2C3 (VMI_FP_C0 | VMI_FP_C2 | VMI_FP_C3)

/* How a comparison ends: SDM 2A, FCOM and FCOMI. */
struct ending {
	bool signal; /* IE for quiet NaNs too */
	uint8_t pops;
	bool eflags;
};

/* C3, C2 and C0 become ZF, PF and CF; the others are cleared. */
static uint64_t eflags_of(enum vmi_fpcmp cmp)
{
	uint16_t codes = vmi_fp_compare_codes(cmp);

	return (codes & VMI_FP_C3 ? VMI_FLAG_ZF : 0) |
	       (codes & VMI_FP_C2 ? VMI_FLAG_PF : 0) |
	       (codes & VMI_FP_C0 ? VMI_FLAG_CF : 0);
}

/*
 * SDM 2A, FCOM and FCOMI: an unmasked IE leaves the codes or flags.  Processors
 * set them whatever is unmasked, to "unordered" after IE; only the pops do not
 * happen.  FCOMI leaves C1 but in an underflow.
 */
static void finish(
	struct vmi_x87 *x, enum vmi_fpcmp cmp, const struct ending *end)
{
	bool ok = vmi_x87_ok(x);
	unsigned i;

	if (end->eflags) {
		vmi_flags_set(x->c, eflags_of(cmp));
		if (!(x->env.flags & VMI_X87_SF))
			x->codes = 0;
	} else {
		x->codes |= C0C2C3;
		x->env.flags |= vmi_fp_compare_codes(cmp);
	}
	for (i = 0; ok && i < end->pops; i++)
		vmi_x87_pop(x->c);
	vmi_x87_end(x);
}

static void registers(struct vmi_cpu *c, const struct vmi_op *op, unsigned i,
	struct ending end)
{
	enum vmi_fpcmp cmp = VMI_FP_UNORDERED;
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	if (vmi_x87_empty(c, 0) || vmi_x87_empty(c, i))
		vmi_x87_missing(&x);
	else
		cmp = vmi_f80_compare(&x.env, vmi_x87_get(c, 0),
			vmi_x87_get(c, i), end.signal);
	finish(&x, cmp, &end);
}

static enum vmi_fpcmp with(struct vmi_fpenv *env, struct vmi_f80 a, uint64_t v,
	enum vmi_x87_kind kind)
{
	if (kind == VMI_X87_F32)
		return vmi_f80_compare_f32(env, a, (uint32_t)v);
	if (kind == VMI_X87_F64)
		return vmi_f80_compare_f64(env, a, v);
	return vmi_f80_compare(env, a, vmi_f80_from_int((int64_t)v), true);
}

static void memory(struct vmi_cpu *c, const struct vmi_op *op,
	enum vmi_x87_kind kind, unsigned pops)
{
	const struct ending end = { .pops = (uint8_t)pops };
	enum vmi_fpcmp cmp = VMI_FP_UNORDERED;
	struct vmi_x87 x;
	uint64_t v;

	vmi_x87_begin(&x, c, op);
	v = vmi_x87_read(&x, kind);
	if (vmi_x87_empty(c, 0))
		vmi_x87_missing(&x);
	else
		cmp = with(&x.env, vmi_x87_get(c, 0), v, kind);
	finish(&x, cmp, &end);
}

void vmi_do_fcom(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, vmi_x87_sti(op), (struct ending){ true, 0, false });
}

void vmi_do_fcomp(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, vmi_x87_sti(op), (struct ending){ true, 1, false });
}

void vmi_do_fcompp(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, 1, (struct ending){ true, 2, false });
}

void vmi_do_fucom(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, vmi_x87_sti(op), (struct ending){ false, 0, false });
}

void vmi_do_fucomp(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, vmi_x87_sti(op), (struct ending){ false, 1, false });
}

void vmi_do_fucompp(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, 1, (struct ending){ false, 2, false });
}

void vmi_do_fcomi(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, vmi_x87_sti(op), (struct ending){ true, 0, true });
}

void vmi_do_fcomip(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, vmi_x87_sti(op), (struct ending){ true, 1, true });
}

void vmi_do_fucomi(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, vmi_x87_sti(op), (struct ending){ false, 0, true });
}

void vmi_do_fucomip(struct vmi_cpu *c, const struct vmi_op *op)
{
	registers(c, op, vmi_x87_sti(op), (struct ending){ false, 1, true });
}

void vmi_do_fcom_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_X87_F32, 0);
}

void vmi_do_fcom_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_X87_F64, 0);
}

void vmi_do_ficom_m16(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_X87_I16, 0);
}

void vmi_do_ficom_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_X87_I32, 0);
}

void vmi_do_fcomp_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_X87_F32, 1);
}

void vmi_do_fcomp_m64(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_X87_F64, 1);
}

void vmi_do_ficomp_m16(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_X87_I16, 1);
}

void vmi_do_ficomp_m32(struct vmi_cpu *c, const struct vmi_op *op)
{
	memory(c, op, VMI_X87_I32, 1);
}

void vmi_do_ftst(struct vmi_cpu *c, const struct vmi_op *op)
{
	const struct vmi_f80 zero = { 0, 0 };
	const struct ending end = { .pops = 0 };
	enum vmi_fpcmp cmp = VMI_FP_UNORDERED;
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	if (vmi_x87_empty(c, 0))
		vmi_x87_missing(&x);
	else
		cmp = vmi_f80_compare(&x.env, vmi_x87_get(c, 0), zero, true);
	finish(&x, cmp, &end);
}

/* An empty register shows its sign like any other. */
void vmi_do_fxam(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_f80 a = vmi_x87_get(c, 0);
	struct vmi_x87 x;

	vmi_x87_begin(&x, c, op);
	x.codes = VMI_X87_CODES;
	if (vmi_x87_empty(c, 0))
		x.env.flags =
			VMI_FP_C3 | VMI_FP_C0 | (a.se & 0x8000 ? VMI_FP_C1 : 0);
	else
		x.env.flags = vmi_f80_xam(a);
	vmi_x87_end(&x);
}
