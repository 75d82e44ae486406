/* SPDX-License-Identifier: MIT */
/* Instructions as calls of their helpers. */
#include "lib/soft/lower.h"
#include "lib/soft/quick.h"
#include "lib/soft/simd.h"

static uint8_t prefix_bits(const struct vmi_insn *i)
{
	return (uint8_t)((i->prefixes & VMI_PFX_LOCK ? VMI_OPF_LOCK : 0) |
		(i->prefixes & VMI_PFX_F3 ? VMI_OPF_REP : 0) |
		(i->prefixes & VMI_PFX_F2 ? VMI_OPF_REPNE : 0) | (i->seg << 4));
}

/* Which register operand goes into `reg`, and which into `base`. */
static bool is_base_kind(unsigned kind)
{
	return kind == VMI_OPK_RM || kind == VMI_OPK_MMRM ||
		kind == VMI_OPK_XMMRM || kind == VMI_OPK_STI;
}

static void helper_registers(struct builder *b, uint8_t *reg, uint8_t *base)
{
	const struct vmi_insn *i = &b->insn;
	unsigned n, kind;
	uint8_t r;

	for (n = 0; n < 3; n++) {
		if (vmi_operand_is_memory(i, n))
			continue;
		r = vmi_operand_register(b, n);
		kind = vmi_operands[i->row->op[n]].kind;
		if (r == VMI_NOREG || kind == VMI_OPK_CREG ||
			kind == VMI_OPK_DREG)
			continue;
		if (is_base_kind(kind))
			*base = r;
		else if (kind != VMI_OPK_ACC || *reg == VMI_NOREG)
			*reg = r;
	}
}

/* Helpers that are told their operands' form want the address in T0 alone. */
static struct address in_t0_alone(struct builder *b, struct address a)
{
	struct vmi_op *op;

	if (a.base == VMI_R_T0 && a.index == VMI_R_ZERO && !a.disp)
		return a;
	op = vmi_address_ea(b, &a, vmi_h_ea);
	if (b->block->key & VMI_KEY_64)
		op->size = 3 << 4;
	return vmi_address_after_ea(VMI_R_ZERO);
}

static struct address helper_address(struct builder *b, int mem,
	unsigned form)
{
	struct vmi_insn *i = &b->insn;
	unsigned access = vmi_operand_access(i, mem);
	struct address a;

	/* SDM 2B POP: the address is computed with RSP as it is afterwards. */
	if (i->row->exec == VMI_EXEC_pop && i->base == VMI_RSP)
		i->disp += i->opsize;
	if (i->row->attr & VMI_A_AL16)
		access |= VMI_MEM_AL16;
	a = vmi_operand_unchecked(i) ? vmi_address_unchecked(b) :
		vmi_address_resolve(b,
			vmi_operand_memory_bytes(i, (unsigned)mem), access);
	return form ? in_t0_alone(b, a) : a;
}

static bool is_near_branch(unsigned exec)
{
	return exec == VMI_EXEC_jcc || exec == VMI_EXEC_jmp ||
		exec == VMI_EXEC_call || exec == VMI_EXEC_ret ||
		exec == VMI_EXEC_loop || exec == VMI_EXEC_loope ||
		exec == VMI_EXEC_loopne || exec == VMI_EXEC_jcxz;
}

void vmi_lower_helper(struct builder *b, bool ends)
{
	const struct vmi_insn *i = &b->insn;
	unsigned form = vmi_form_of(i);
	uint8_t reg = VMI_NOREG, base = VMI_R_ZERO;
	int mem = vmi_operand_memory(i);
	struct address a = { 0 };
	struct vmi_op *op;

	if (mem >= 0)
		a = helper_address(b, mem, form);
	helper_registers(b, &reg, &base);
	op = vmi_lower_emit(b, i->row->exec | VMI_CODE_HELPER |
		(ends ? VMI_CODE_ENDS : 0), vmi_h_helper_end);
	op->imm = i->row->attr & (VMI_A_MMXOP | VMI_A_SSEOP) ?
		vmi_simd_imm(i) : vmi_form_imm(i);
	if (i->row->op[0] == VMI_OP_Ap)
		op->disp = (int32_t)i->imm2;
	op->reg = reg == VMI_NOREG ? 0 : reg;
	op->size = (uint8_t)(vmi_log2(vmi_operand_helper_bytes(i)) |
		vmi_log2(i->addrsize) << 4);
	op->bits = prefix_bits(i);
	if (mem >= 0) {
		vmi_address_set(op, &a);
		op->bits |= VMI_OPF_MEM;
	} else {
		op->base = base;
	}
	op->scale |= (uint8_t)(form << 2);
	vmi_lower_note(b, op)->sees = true;
	if (!ends)
		op->run = vmi_quick_find(op);
	else if (is_near_branch(i->row->exec))
		op->run = vmi_h_helper_jump;
	if (ends)
		b->ended = true;
	else
		vmi_operand_put_back_written(b);
}
