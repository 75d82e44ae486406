/* SPDX-License-Identifier: MIT */
/* Operands: what and where they are. */
#include "lib/soft/lower.h"
#include "lib/soft/state.h"

bool vmi_operand_is_memory(const struct vmi_insn *i, unsigned n)
{
	switch (vmi_operands[i->row->op[n]].kind) {
	case VMI_OPK_MEM:
	case VMI_OPK_MOFFS:
		return true;
	case VMI_OPK_RM:
	case VMI_OPK_MMRM:
	case VMI_OPK_XMMRM:
		return i->mod != 3;
	default:
		return false;
	}
}

int vmi_operand_memory(const struct vmi_insn *i)
{
	unsigned n;

	for (n = 0; n < 3; n++) {
		if (vmi_operand_is_memory(i, n))
			return (int)n;
	}
	return -1;
}

bool vmi_operand_is_imm(const struct vmi_insn *i, unsigned n)
{
	unsigned kind = vmi_operands[i->row->op[n]].kind;

	return kind == VMI_OPK_IMM || kind == VMI_OPK_SIMM ||
		kind == VMI_OPK_ONE;
}

/* The register number of operand n, or VMI_NOREG. */
uint8_t vmi_operand_number(const struct vmi_insn *i, unsigned n)
{
	switch (vmi_operands[i->row->op[n]].kind) {
	case VMI_OPK_RM:
	case VMI_OPK_MMRM:
	case VMI_OPK_XMMRM:
		return i->rm;
	case VMI_OPK_REG:
	case VMI_OPK_SREG:
	case VMI_OPK_CR:
	case VMI_OPK_DR:
	case VMI_OPK_MM:
	case VMI_OPK_XMM:
		return i->reg;
	case VMI_OPK_OPREG:
		return i->opreg;
	case VMI_OPK_ACC:
		return VMI_RAX;
	case VMI_OPK_CREG:
		return VMI_RCX;
	case VMI_OPK_DREG:
		return VMI_RDX;
	case VMI_OPK_SEG:
		return (uint8_t)(i->row->op[n] - VMI_OP_ES);
	case VMI_OPK_STI:
		return i->rm;
	default:
		return VMI_NOREG;
	}
}

static bool is_high(const struct vmi_insn *i, unsigned n)
{
	unsigned kind = vmi_operands[i->row->op[n]].kind;

	if (kind != VMI_OPK_RM && kind != VMI_OPK_REG && kind != VMI_OPK_OPREG)
		return false;
	return vmi_operand_bytes(i, n) == 1 && !vmi_operand_is_memory(i, n) &&
		vmi_reg8_is_high(i, vmi_operand_number(i, n));
}

/* AH-BH of operand n: copied to T1 or T2, whose number is returned. */
uint8_t vmi_operand_register(struct builder *b, unsigned n)
{
	uint8_t reg = vmi_operand_number(&b->insn, n);
	struct vmi_op *op;

	if (reg == VMI_NOREG || !is_high(&b->insn, n))
		return reg;
	op = vmi_lower_emit(b, VMI_INNER_GETHI, vmi_h_gethi);
	op->reg = (uint8_t)(n ? VMI_R_T2 : VMI_R_T1);
	op->base = (uint8_t)(reg - 4);
	return op->reg;
}

void vmi_operand_put_back(struct builder *b, unsigned n)
{
	struct vmi_op *op;

	if (!is_high(&b->insn, n))
		return;
	op = vmi_lower_emit(b, VMI_INNER_PUTHI, vmi_h_puthi);
	op->base = (uint8_t)(n ? VMI_R_T2 : VMI_R_T1);
	op->reg = (uint8_t)(vmi_operand_number(&b->insn, n) - 4);
}

void vmi_operand_put_back_written(struct builder *b)
{
	uint32_t attr = b->insn.row->attr;

	if (attr & VMI_A_W2)
		vmi_operand_put_back(b, 1);
	if (attr & (VMI_A_WO | VMI_A_RW))
		vmi_operand_put_back(b, 0);
}

/* Operand 1 is no register or memory of the operand size. */
static bool sized_by_prefix(const struct vmi_insn *i)
{
	switch (i->row->exec) {
	case VMI_EXEC_call_far:
	case VMI_EXEC_jmp_far:
	case VMI_EXEC_ret_far:
	case VMI_EXEC_push_sreg:
	case VMI_EXEC_pop_sreg:
	case VMI_EXEC_enter:
		return true;
	default:
		return false;
	}
}

uint8_t vmi_operand_log2(const struct vmi_insn *i)
{
	unsigned bytes = vmi_operand_bytes(i, 0);

	if (sized_by_prefix(i))
		return vmi_log2(i->opsize);
	if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8 &&
		bytes != 16)
		bytes = i->opsize;
	return vmi_log2(bytes);
}

/* The size a helper is told. */
unsigned vmi_operand_helper_bytes(const struct vmi_insn *i)
{
	return sized_by_prefix(i) ? i->opsize : vmi_form_bytes(i);
}

unsigned vmi_operand_access(const struct vmi_insn *i, int n)
{
	uint32_t written = n == 0 ? VMI_A_WO | VMI_A_RW : n == 1 ? VMI_A_W2 : 0;

	return i->row->attr & written ? VMI_MEM_WRITE : VMI_MEM_READ;
}

/* Areas whose size is no operand letter. */
static unsigned area_bytes(const struct vmi_insn *i)
{
	switch (i->row->exec) {
	case VMI_EXEC_fxsave:
	case VMI_EXEC_fxrstor:
		return 512;
	case VMI_EXEC_xsave:
	case VMI_EXEC_xsaveopt:
	case VMI_EXEC_xrstor:
		return VMI_XSAVE_BYTES;
	case VMI_EXEC_fldenv:
	case VMI_EXEC_fnstenv:
		return i->opsize == 2 ? 14 : 28;
	case VMI_EXEC_fnsave:
	case VMI_EXEC_frstor:
		return i->opsize == 2 ? 94 : 108;
	default:
		return 1;
	}
}

/*
 * What is refused whatever the operand is, by privilege or by not being an
 * instruction; what touches its operand in parts, or elsewhere.
 */
bool vmi_operand_unchecked(const struct vmi_insn *i)
{
	switch (i->row->exec) {
	case VMI_EXEC_bt:
	case VMI_EXEC_bts:
	case VMI_EXEC_btr:
	case VMI_EXEC_btc:
		return !vmi_operand_is_imm(i, 1);
	case VMI_EXEC_arpl:
	case VMI_EXEC_bound:
	case VMI_EXEC_ud0:
	case VMI_EXEC_ud1:
	case VMI_EXEC_sldt:
	case VMI_EXEC_str:
	case VMI_EXEC_sgdt:
	case VMI_EXEC_sidt:
	case VMI_EXEC_smsw:
	case VMI_EXEC_lldt:
	case VMI_EXEC_ltr:
	case VMI_EXEC_lgdt:
	case VMI_EXEC_lidt:
	case VMI_EXEC_lmsw:
	case VMI_EXEC_invlpg:
	case VMI_EXEC_invpcid:
		return true;
	default:
		return false;
	}
}

/* Bytes of the memory operand, for its limit check. */
unsigned vmi_operand_memory_bytes(const struct vmi_insn *i, unsigned n)
{
	unsigned bytes = vmi_operand_bytes(i, n);

	return bytes ? bytes : area_bytes(i);
}
