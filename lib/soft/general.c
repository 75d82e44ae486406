/* SPDX-License-Identifier: MIT */
/*
 * Every value operation for any operands: what is executed where no
 * specialised handler fits, as with LOCK.  The value and the flags are
 * vmi_alu()'s; here are operands and their order of reading and writing.
 */
#include "lib/soft/alu_ref.h"
#include "lib/soft/operand.h"
#include "lib/soft/value.h"

/* -- Read, modify, write ------------------------------------------------ */

static bool lockable(struct vmi_cpu *c, const struct vmi_op *op)
{
	return vmi_lockable(c, vmi_ea(c, op), vmi_op_size(op));
}

struct change {
	unsigned exec, bytes;
	uint64_t operand; /* the second */
	uint64_t before;  /* out: what was there */
};

static uint64_t new_value(struct vmi_cpu *c, const struct change *ch,
	uint64_t in, uint64_t *flags)
{
	(void)c;
	if (ch->exec == VMI_EXEC_xchg || ch->exec == VMI_EXEC_mov) {
		*flags = in;
		return ch->operand;
	}
	return vmi_alu(ch->exec, ch->before, ch->operand, ch->bytes, in,
		flags);
}

/* Compare and swap until nobody came between. */
static void change_locked(struct vmi_cpu *c, const struct vmi_op *op,
	struct change *ch)
{
	uint64_t linear = vmi_ea(c, op), in = vmi_flags(c), flags, v;
	struct vmi_seen seen;

	seen.value = vmi_read_rmw(c, linear, ch->bytes);
	do {
		ch->before = seen.value;
		v = new_value(c, ch, in, &flags);
		seen = vmi_cas(c, op, linear, ch->before, v, ch->bytes);
	} while (!seen.swapped);
	vmi_flags_set(c, flags);
}

static void change(struct vmi_cpu *c, const struct vmi_op *op,
	struct change *ch, bool locked)
{
	uint64_t in = vmi_flags(c), flags, v;

	if (locked && vmi_dst_is_memory(op) && lockable(c, op)) {
		change_locked(c, op, ch);
		return;
	}
	ch->before = vmi_dst(c, op, ch->bytes, VMI_MEM_WRITE);
	v = new_value(c, ch, in, &flags);
	vmi_dst_set(c, op, v, ch->bytes);
	vmi_flags_set(c, flags);
}

static void binary(struct vmi_cpu *c, const struct vmi_op *op, unsigned exec)
{
	struct change ch = { .exec = exec, .bytes = vmi_op_size(op) };

	ch.operand = vmi_src(c, op, ch.bytes);
	change(c, op, &ch, op->bits & VMI_OPF_LOCK);
}

static void unary(struct vmi_cpu *c, const struct vmi_op *op, unsigned exec)
{
	struct change ch = { .exec = exec, .bytes = vmi_op_size(op) };

	change(c, op, &ch, op->bits & VMI_OPF_LOCK);
}

void vmi_do_add(struct vmi_cpu *c, const struct vmi_op *op)
{
	binary(c, op, VMI_EXEC_add);
}

void vmi_do_or(struct vmi_cpu *c, const struct vmi_op *op)
{
	binary(c, op, VMI_EXEC_or);
}

void vmi_do_adc(struct vmi_cpu *c, const struct vmi_op *op)
{
	binary(c, op, VMI_EXEC_adc);
}

void vmi_do_sbb(struct vmi_cpu *c, const struct vmi_op *op)
{
	binary(c, op, VMI_EXEC_sbb);
}

void vmi_do_and(struct vmi_cpu *c, const struct vmi_op *op)
{
	binary(c, op, VMI_EXEC_and);
}

void vmi_do_sub(struct vmi_cpu *c, const struct vmi_op *op)
{
	binary(c, op, VMI_EXEC_sub);
}

void vmi_do_xor(struct vmi_cpu *c, const struct vmi_op *op)
{
	binary(c, op, VMI_EXEC_xor);
}

void vmi_do_inc(struct vmi_cpu *c, const struct vmi_op *op)
{
	unary(c, op, VMI_EXEC_inc);
}

void vmi_do_dec(struct vmi_cpu *c, const struct vmi_op *op)
{
	unary(c, op, VMI_EXEC_dec);
}

void vmi_do_neg(struct vmi_cpu *c, const struct vmi_op *op)
{
	unary(c, op, VMI_EXEC_neg);
}

void vmi_do_not(struct vmi_cpu *c, const struct vmi_op *op)
{
	unary(c, op, VMI_EXEC_not);
}

/* OF is defined for a step of 1; see h_shift.c. */
static void rotate(struct vmi_cpu *c, const struct vmi_op *op, unsigned exec)
{
	unsigned mask = vmi_op_size(op) == 8 ? 63 : 31;
	uint64_t before = vmi_flags(c);

	binary(c, op, exec);
	if (vmi_form(op) == VMI_FORM_EI && !vmi_dst_is_memory(op) &&
		(op->imm & mask) != 1)
		vmi_flags_set(c, (vmi_flags(c) & ~VMI_FLAG_OF) |
			(before & VMI_FLAG_OF));
}

void vmi_do_rol(struct vmi_cpu *c, const struct vmi_op *op)
{
	rotate(c, op, VMI_EXEC_rol);
}

void vmi_do_ror(struct vmi_cpu *c, const struct vmi_op *op)
{
	rotate(c, op, VMI_EXEC_ror);
}

void vmi_do_rcl(struct vmi_cpu *c, const struct vmi_op *op)
{
	binary(c, op, VMI_EXEC_rcl);
}

void vmi_do_rcr(struct vmi_cpu *c, const struct vmi_op *op)
{
	binary(c, op, VMI_EXEC_rcr);
}

void vmi_do_shl(struct vmi_cpu *c, const struct vmi_op *op)
{
	binary(c, op, VMI_EXEC_shl);
}

void vmi_do_shr(struct vmi_cpu *c, const struct vmi_op *op)
{
	binary(c, op, VMI_EXEC_shr);
}

void vmi_do_sar(struct vmi_cpu *c, const struct vmi_op *op)
{
	binary(c, op, VMI_EXEC_sar);
}

/* -- Compare ------------------------------------------------------------ */

static void compare(struct vmi_cpu *c, const struct vmi_op *op, unsigned exec)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t a = vmi_dst(c, op, bytes, VMI_MEM_READ), flags;

	vmi_alu(exec, a, vmi_src(c, op, bytes), bytes, vmi_flags(c), &flags);
	vmi_flags_set(c, flags);
}

void vmi_do_cmp(struct vmi_cpu *c, const struct vmi_op *op)
{
	compare(c, op, VMI_EXEC_cmp);
}

void vmi_do_test(struct vmi_cpu *c, const struct vmi_op *op)
{
	compare(c, op, VMI_EXEC_test);
}

/* -- Exchange ----------------------------------------------------------- */

static void second_set(struct vmi_cpu *c, const struct vmi_op *op, uint64_t v,
	unsigned bytes)
{
	vmi_reg_set(c, vmi_form(op) == VMI_FORM_ZA ? (unsigned)VMI_RAX :
		op->reg, v, bytes);
}

/* With memory it is locked always: SDM 3A 8.1.2.1. */
void vmi_do_xchg(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct change ch = { .exec = VMI_EXEC_xchg,
		.bytes = vmi_op_size(op) };

	ch.operand = vmi_src(c, op, ch.bytes);
	change(c, op, &ch, true);
	second_set(c, op, ch.before, ch.bytes);
}

/* Of one register with itself the sum stays: it is written last. */
void vmi_do_xadd(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct change ch = { .exec = VMI_EXEC_xadd,
		.bytes = vmi_op_size(op) };
	uint64_t sum, flags;

	ch.operand = vmi_src(c, op, ch.bytes);
	if (vmi_dst_is_memory(op)) {
		change(c, op, &ch, op->bits & VMI_OPF_LOCK);
		second_set(c, op, ch.before, ch.bytes);
		return;
	}
	ch.before = vmi_dst(c, op, ch.bytes, VMI_MEM_WRITE);
	sum = vmi_alu(VMI_EXEC_add, ch.before, ch.operand, ch.bytes, 0,
		&flags);
	second_set(c, op, ch.before, ch.bytes);
	vmi_dst_set(c, op, sum, ch.bytes);
	vmi_flags_set(c, flags);
}

/*
 * The destination is written either way, with what it was if it differs; a
 * 32-bit one is zero-extended.  The accumulator is written only if it
 * differs (SDM 2A, CMPXCHG).
 */
static uint64_t cmpxchg(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t expected, unsigned bytes)
{
	uint64_t desired = vmi_reg(c, op->reg, bytes), seen;

	if ((op->bits & VMI_OPF_LOCK) && vmi_dst_is_memory(op) &&
		lockable(c, op))
		return vmi_cas(c, op, vmi_ea(c, op), expected, desired,
			bytes).value;
	seen = vmi_dst(c, op, bytes, VMI_MEM_WRITE);
	if (seen == expected)
		vmi_dst_set(c, op, desired, bytes);
	else if (vmi_dst_is_memory(op))
		vmi_dst_set(c, op, seen, bytes);
	return seen;
}

void vmi_do_cmpxchg(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t expected = vmi_reg(c, VMI_RAX, bytes), flags;
	uint64_t seen = cmpxchg(c, op, expected, bytes);

	if (seen != expected)
		vmi_reg_set(c, VMI_RAX, seen, bytes);
	vmi_alu(VMI_EXEC_cmp, expected, seen, bytes, 0, &flags);
	vmi_flags_set(c, flags);
}

/* -- Moves -------------------------------------------------------------- */

void vmi_do_mov(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);

	vmi_dst_set(c, op, vmi_src(c, op, bytes), bytes);
}

/* imm says how wide the source is. */
void vmi_do_movzx(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_reg_set(c, op->reg, vmi_rm(c, op, (unsigned)op->imm),
		vmi_op_size(op));
}

void vmi_do_movsx(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned from = (unsigned)op->imm;
	uint64_t top = 1ull << (8 * from - 1);

	vmi_reg_set(c, op->reg, (vmi_rm(c, op, from) ^ top) - top,
		vmi_op_size(op));
}

void vmi_do_movsxd(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_do_movsx(c, op);
}

/* The offset alone: what the segment's base added is taken off. */
void vmi_do_lea(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned seg = vmi_op_seg(op), asize = vmi_op_asize(op);
	uint64_t v = vmi_ea(c, op);

	if (c->mode != 64 || seg == VMI_FS || seg == VMI_GS)
		v -= c->r[VMI_R_SEG + seg];
	if (asize != 8)
		v &= (1ull << (8 * asize)) - 1;
	vmi_reg_set(c, op->reg, v, vmi_op_size(op));
}

/* The source is read, and a 32-bit destination zero-extended, always. */
void vmi_do_cmovcc(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t v = vmi_rm(c, op, bytes);

	if (!vmi_cond(c, op->imm & 15))
		v = vmi_reg(c, op->reg, bytes);
	vmi_reg_set(c, op->reg, v, bytes);
}

void vmi_do_setcc(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_rm_set(c, op, vmi_cond(c, op->imm & 15), 1);
}

void vmi_do_cbw(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t flags;

	vmi_reg_set(c, VMI_RAX, vmi_alu(VMI_EXEC_cbw, c->r[VMI_RAX], 0, bytes,
		0, &flags), bytes);
}

void vmi_do_cwd(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t flags;

	vmi_reg_set(c, VMI_RDX, vmi_alu(VMI_EXEC_cwd, c->r[VMI_RAX], 0, bytes,
		0, &flags), bytes);
}

/* NOP with an operand and the prefetches touch no memory: SDM 2B. */
void vmi_do_nop(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)c;
	(void)op;
}

/* imul r, r/m and r, r/m, imm. */
void vmi_do_imul(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t b = vmi_rm(c, op, bytes), a, flags;

	a = vmi_form(op) == VMI_FORM_GEI ? op->imm :
		vmi_reg(c, op->reg, bytes);
	a = vmi_alu(VMI_EXEC_imul, a, b, bytes, 0, &flags);
	vmi_reg_set(c, op->reg, a, bytes);
	vmi_flags_set(c, flags);
}
