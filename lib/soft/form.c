/* SPDX-License-Identifier: MIT */
/* What helpers are told of an instruction's operands. */
#include "lib/soft/operand.h"

static bool is_e(unsigned kind)
{
	return kind == VMI_OPK_RM || kind == VMI_OPK_MEM ||
		kind == VMI_OPK_MOFFS;
}

static bool is_imm(unsigned kind)
{
	return kind == VMI_OPK_IMM || kind == VMI_OPK_SIMM ||
		kind == VMI_OPK_REL;
}

static unsigned kind_of(const struct vmi_insn *insn, unsigned n)
{
	return vmi_operands[insn->row->op[n]].kind;
}

static bool needs_form(const struct vmi_row *row)
{
	return row->how == VMI_HOW_V || row->exec == VMI_EXEC_movbe ||
		row->exec == VMI_EXEC_in || row->exec == VMI_EXEC_out;
}

/* Operand 1 is E. */
static unsigned form_e(unsigned second, unsigned third)
{
	switch (second) {
	case VMI_OPK_NONE:
		return VMI_FORM_E;
	case VMI_OPK_CREG:
		return VMI_FORM_ECL;
	case VMI_OPK_ONE:
		return VMI_FORM_E1;
	default:
		break;
	}
	if (is_imm(second))
		return VMI_FORM_EI;
	return third == VMI_OPK_CREG ? VMI_FORM_EGCL :
		is_imm(third) ? VMI_FORM_EGI : VMI_FORM_EG;
}

/* Operand 1 is a register that is not E. */
static unsigned form_g(unsigned second, unsigned third)
{
	if (is_e(second))
		return is_imm(third) ? VMI_FORM_GEI : VMI_FORM_GE;
	if (is_imm(second))
		return VMI_FORM_ZI;
	return second == VMI_OPK_DREG ? VMI_FORM_ZD :
		second == VMI_OPK_ACC ? VMI_FORM_ZA : VMI_FORM_Z;
}

unsigned vmi_form_of(const struct vmi_insn *insn)
{
	unsigned first = kind_of(insn, 0), second = kind_of(insn, 1);

	if (!needs_form(insn->row))
		return 0;
	if (first == VMI_OPK_NONE)
		return VMI_FORM_NONE;
	if (first == VMI_OPK_DREG)
		return VMI_FORM_ZD;
	if (is_imm(first))
		return second == VMI_OPK_ACC ? VMI_FORM_ZI : VMI_FORM_I;
	return is_e(first) ? form_e(second, kind_of(insn, 2)) :
		form_g(second, kind_of(insn, 2));
}

/* Segment registers are pushed, and far pointers are, in operand sizes. */
static bool sized_by_prefix(const struct vmi_insn *insn)
{
	unsigned kind = kind_of(insn, 0);

	return kind == VMI_OPK_SEG || kind == VMI_OPK_FAR ||
		vmi_operands[insn->row->op[0]].size == VMI_SIZE_P;
}

unsigned vmi_form_bytes(const struct vmi_insn *insn)
{
	unsigned first = kind_of(insn, 0), second = kind_of(insn, 1), n = 0;

	if (sized_by_prefix(insn))
		return insn->opsize;

	if (is_imm(first) || first == VMI_OPK_DREG) {
		if (second == VMI_OPK_NONE || is_imm(second))
			return insn->opsize;
		n = 1;
	}
	n = vmi_operand_bytes(insn, n);
	return n == 1 || n == 2 || n == 4 || n == 8 || n == 16 ? n :
		insn->opsize;
}

/* D8 to DF; the other FPU instructions are in the two-byte map. */
static bool is_x87(const struct vmi_row *row)
{
	return row->map == VMI_MAP_1 && (row->opcode & 0xf8) == 0xd8;
}

uint64_t vmi_form_imm(const struct vmi_insn *insn)
{
	if (is_x87(insn->row))
		return (insn->opcode & 7u) << 8 | insn->modrm;
	switch (insn->row->exec) {
	case VMI_EXEC_jcc:
		return insn->imm << 4 | (insn->opcode & 15);
	case VMI_EXEC_setcc:
	case VMI_EXEC_cmovcc:
		return insn->opcode & 15;
	case VMI_EXEC_movzx:
	case VMI_EXEC_movsx:
	case VMI_EXEC_movsxd:
	case VMI_EXEC_crc32:
		return vmi_operand_bytes(insn, 1);
	case VMI_EXEC_enter:
		return insn->imm2 << 16 | insn->imm;
	default:
		return kind_of(insn, 1) == VMI_OPK_ONE ? 1 : insn->imm;
	}
}
