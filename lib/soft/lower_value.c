/* SPDX-License-Identifier: MIT */
/* Value operations: one handler for the operands' shape and width. */
#include "lib/soft/lower.h"

static uint64_t immediate(const struct vmi_insn *i, unsigned n)
{
	return vmi_operands[i->row->op[n]].kind == VMI_OPK_ONE ? 1 : i->imm;
}

static bool is_unary(unsigned exec)
{
	return exec == VMI_EXEC_inc || exec == VMI_EXEC_dec ||
		exec == VMI_EXEC_neg || exec == VMI_EXEC_not;
}

static bool is_shift(unsigned exec)
{
	return exec == VMI_EXEC_shl || exec == VMI_EXEC_shr ||
		exec == VMI_EXEC_sar || exec == VMI_EXEC_rol ||
		exec == VMI_EXEC_ror;
}

static void note_flags(struct builder *b, const struct vmi_op *op)
{
	const struct vmi_row *row = b->insn.row;
	struct note *note = vmi_lower_note(b, op);

	note->reads = row->tested & VMI_F_ARITH;
	note->sets = (row->written | row->undefined) & VMI_F_ARITH;
	note->kills = note->sets;
	/* A count of 0 leaves the flags, and one in CL may be 0. */
	if ((row->attr & VMI_A_FKEEP) && (!vmi_operand_is_imm(&b->insn, 1) ||
		!(op->imm & ((op->size & 15) == 3 ? 63 : 31)))) {
		note->reads = VMI_F_ARITH;
		note->kills = 0;
	}
	/* ROL and ROR by an immediate leave OF: h_shift.c. */
	if (op->code == VMI_EXEC_rol || op->code == VMI_EXEC_ror)
		note->kills &= ~VMI_F_O;
	if (op->bits & VMI_OPF_MEM)
		note->sees = true;
}

/* What the operation takes from acc and leaves there. */
static void note_acc(struct builder *b, const struct vmi_op *op)
{
	struct note *note = vmi_lower_note(b, op);
	unsigned shape = op->size >> 4;
	bool writes = op->code != VMI_EXEC_cmp && op->code != VMI_EXEC_test;

	note->passes = !writes || shape == VMI_MR || shape == VMI_MI;
	if (!note->passes && (op->size & 15) > 1)
		note->makes = op->reg;
	if (shape == VMI_RI || op->code == VMI_EXEC_mov || is_unary(op->code))
		note->a = op->base;
	else if (shape == VMI_RR)
		note->a = op->index;
	if (shape == VMI_RR)
		note->b = op->base;
}

/*
 * A copy and an operation on it are one of three operands: in RR they are
 * reg, index and base, in RI reg, base and the immediate.  `op` was emitted
 * last; returns where it is now.
 */
static struct vmi_op *fuse_copy(struct builder *b, struct vmi_op *op)
{
	struct vmi_op *copy = op - 1;
	unsigned shape = op->size >> 4, width = op->size & 15;

	if (copy->code != VMI_EXEC_mov || copy->size >> 4 != VMI_RR ||
		width < 2 || (copy->size & 15) < width ||
		copy->reg != op->reg || !vmi_lower_note(b, copy)->value ||
		op->code == VMI_EXEC_mov || op->code == VMI_EXEC_xchg ||
		op->code == VMI_EXEC_cmp || op->code == VMI_EXEC_test ||
		(shape != VMI_RR && shape != VMI_RI))
		return op;
	if (is_shift(op->code) && (shape == VMI_RR || op->reg == VMI_RCX))
		return op;
	if (shape == VMI_RR)
		op->index = copy->base;
	if (shape == VMI_RI || op->base == op->reg)
		op->base = copy->base;
	op->n = copy->n;
	op->len = (uint8_t)(op->ip + op->len - copy->ip);
	op->ip = copy->ip;
	*copy = *op;
	*vmi_lower_note(b, copy) = *vmi_lower_note(b, op);
	b->n_ops--;
	return copy;
}

static enum vmi_shape shape_of(const struct vmi_insn *i, int mem)
{
	if (mem == 0)
		return vmi_operand_is_imm(i, 1) ? VMI_MI : VMI_MR;
	if (mem == 1)
		return VMI_RM;
	return vmi_operand_is_imm(i, 1) ? VMI_RI : VMI_RR;
}

/* Operand 1 op= operand 2, or operand 1 alone: false if no handler fits. */
static bool emit_value(struct builder *b, const struct vmi_value *value)
{
	const struct vmi_insn *i = &b->insn;
	int mem = vmi_operand_memory(i);
	enum vmi_shape shape = shape_of(i, mem);
	unsigned width = vmi_operand_log2(i);
	struct address a = { 0 };
	uint8_t regs[2];
	struct vmi_op *op;

	if (!value || width > 3 || !value->h[shape][width][1].any ||
		(i->prefixes & VMI_PFX_LOCK))
		return false;
	if (mem >= 0)
		a = vmi_address_resolve(b, 1u << width, vmi_operand_access(i, mem));
	regs[0] = mem == 0 ? VMI_NOREG : vmi_operand_register(b, 0);
	regs[1] = mem == 1 ? VMI_NOREG : vmi_operand_register(b, 1);
	op = vmi_lower_emit(b, i->row->exec, NULL);
	op->size = (uint8_t)(width | shape << 4);
	op->bits = (uint8_t)(i->seg << 4);
	op->imm = vmi_operand_is_imm(i, 1) ? immediate(i, 1) : 0;
	op->reg = vmi_reg_or_zero(mem == 0 ? regs[1] : regs[0]);
	op->base = shape == VMI_RI || is_unary(op->code) ? op->reg :
		vmi_reg_or_zero(regs[1]);
	if (shape == VMI_RR)
		op->index = op->reg;
	if (mem >= 0) {
		vmi_address_set(op, &a);
		op->bits |= VMI_OPF_MEM;
	}
	vmi_lower_note(b, op)->value = value;
	note_flags(b, op);
	if (mem < 0)
		op = fuse_copy(b, op);
	note_acc(b, op);
	vmi_operand_put_back_written(b);
	return true;
}

static bool emit_extend(struct builder *b,
	const struct vmi_forms table[2][3][4])
{
	const struct vmi_insn *i = &b->insn;
	unsigned to = vmi_log2(vmi_operand_bytes(i, 0));
	unsigned from = vmi_log2(vmi_operand_bytes(i, 1));
	bool mem = vmi_operand_is_memory(i, 1);
	struct address a = { 0 };
	struct vmi_op *op;
	uint8_t src = VMI_R_ZERO;

	if (!table[mem][from][to].any)
		return false;
	if (mem)
		a = vmi_address_resolve(b, 1u << from, VMI_MEM_READ);
	else
		src = vmi_operand_register(b, 1);
	op = vmi_lower_emit_forms(b, i->row->exec, &table[mem][from][to], src);
	op->reg = vmi_operand_number(i, 0);
	vmi_lower_note(b, op)->makes = to > 1 ? op->reg : VMI_NOREG;
	op->size = (uint8_t)(to | from << 4);
	op->bits = (uint8_t)(i->seg << 4);
	op->base = src;
	if (mem) {
		vmi_address_set(op, &a);
		op->bits |= VMI_OPF_MEM;
		vmi_lower_note(b, op)->sees = true;
	}
	return true;
}

static bool emit_lea(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	struct address a;
	struct vmi_op *op;

	if (i->addrsize < i->opsize) {
		a = vmi_address_raw(b);
		if (i->rip_relative)
			return false;
		vmi_address_ea(b, &a, vmi_h_ea);
		a = vmi_address_after_ea(VMI_R_ZERO);
	} else if (i->rip_relative) {
		a = vmi_address_raw(b);
		if (i->disp > INT32_MAX - 4096)
			return false;
		a.base = VMI_R_BLOCK;
		a.disp += b->ip + i->len;
	} else {
		a = vmi_address_raw(b);
	}
	op = vmi_lower_emit_forms(b, VMI_EXEC_lea,
		&vmi_f_lea[vmi_log2(i->opsize)], a.base);
	vmi_address_set(op, &a);
	op->reg = i->reg;
	vmi_lower_note(b, op)->b = a.index;
	vmi_lower_note(b, op)->makes = i->opsize > 2 ? op->reg : VMI_NOREG;
	op->size = vmi_log2(i->opsize);
	return true;
}

static bool emit_cmov(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	bool mem = vmi_operand_is_memory(i, 1);
	struct address a = { 0 };
	struct vmi_op *op;

	if (mem)
		a = vmi_address_resolve(b, i->opsize, VMI_MEM_READ);
	op = vmi_lower_emit(b, VMI_EXEC_cmovcc, mem ?
		vmi_h_cmov_m[vmi_log2(i->opsize)] :
		vmi_h_cmov[vmi_log2(i->opsize)][i->opcode & 15]);
	op->reg = i->reg;
	op->base = i->rm;
	op->size = vmi_log2(i->opsize);
	op->bits = (uint8_t)(i->seg << 4);
	if (mem) {
		vmi_address_set(op, &a);
		op->bits |= VMI_OPF_MEM;
	}
	op->imm = i->opcode & 15;
	vmi_lower_note(b, op)->reads = VMI_F_ARITH;
	vmi_lower_note(b, op)->sees = mem;
	vmi_lower_note(b, op)->makes = i->opsize > 2 ? op->reg : VMI_NOREG;
	return true;
}

static bool emit_setcc(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	struct vmi_op *op;
	uint8_t reg;

	if (vmi_operand_is_memory(i, 0))
		return false;
	reg = vmi_operand_register(b, 0);
	op = vmi_lower_emit(b, VMI_EXEC_setcc, vmi_h_setcc[i->opcode & 15]);
	op->reg = op->base = reg;
	op->imm = i->opcode & 15;
	vmi_lower_note(b, op)->reads = VMI_F_ARITH;
	vmi_operand_put_back(b, 0);
	return true;
}

/* r = r/m * imm; the two-operand form is an ordinary one. */
static bool emit_imul(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	struct vmi_op *op;

	if (i->row->op[2] == VMI_OP__)
		return emit_value(b, &vmi_value_imul);
	if (vmi_operand_is_memory(i, 1))
		return false;
	op = vmi_lower_emit(b, VMI_EXEC_imul, NULL);
	op->reg = i->reg;
	op->base = i->rm;
	op->imm = i->imm;
	op->size = (uint8_t)(vmi_log2(i->opsize) | VMI_RI << 4);
	vmi_lower_note(b, op)->value = &vmi_value_imul;
	note_flags(b, op);
	note_acc(b, op);
	return true;
}

bool vmi_lower_value(struct builder *b)
{
	switch (b->insn.row->exec) {
	case VMI_EXEC_movzx: return emit_extend(b, vmi_f_movzx);
	case VMI_EXEC_movsx:
	case VMI_EXEC_movsxd: return emit_extend(b, vmi_f_movsx);
	case VMI_EXEC_lea: return emit_lea(b);
	case VMI_EXEC_cmovcc: return emit_cmov(b);
	case VMI_EXEC_setcc: return emit_setcc(b);
	case VMI_EXEC_nop: return true;
	case VMI_EXEC_imul: return emit_imul(b);
	default:
		return emit_value(b, vmi_values[b->insn.row->exec]);
	}
}
