/* SPDX-License-Identifier: MIT */
/* Operations of vector instructions, as the translator is to make them. */
#include "tests/soft/test_sse.h"

static void set_register(struct vmi_op *op, const struct vmi_insn *insn,
	unsigned n)
{
	switch (vmi_operands[insn->row->op[n]].kind) {
	case VMI_OPK_RM:
	case VMI_OPK_MMRM:
	case VMI_OPK_XMMRM:
		op->base = insn->rm;
		break;
	case VMI_OPK_REG:
	case VMI_OPK_MM:
	case VMI_OPK_XMM:
		op->reg = insn->reg;
		break;
	default:
		break;
	}
}

struct vmi_op test_sse_op(const struct vmi_insn *insn)
{
	unsigned bytes = vmi_operand_bytes(insn, 0), n;
	struct vmi_op op = { .code = insn->row->exec, .imm = insn->imm,
		.base = VMI_R_ZERO, .index = VMI_R_ZERO };

	for (n = 0; n < 3; n++)
		set_register(&op, insn, n);
	if (insn->row->attr & (VMI_A_MMXOP | VMI_A_SSEOP))
		op.imm = vmi_simd_imm(insn);
	if (!bytes)
		bytes = insn->opsize;
	while (bytes >>= 1)
		op.size++;
	op.size |= 3 << 4;
	op.bits = (uint8_t)(insn->seg << 4);
	if (insn->has_modrm && insn->mod != 3) {
		op.bits |= VMI_OPF_MEM;
		op.base = insn->base;
	}
	return op;
}
