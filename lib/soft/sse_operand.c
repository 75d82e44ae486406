/* SPDX-License-Identifier: MIT */
/* Operands of vector instructions: what the row says, and the slow paths. */
#include "lib/soft/simd.h"

static bool is_rm(unsigned kind)
{
	return kind == VMI_OPK_RM || kind == VMI_OPK_MEM ||
		kind == VMI_OPK_MMRM || kind == VMI_OPK_XMMRM;
}

uint64_t vmi_simd_imm(const struct vmi_insn *insn)
{
	uint32_t attr = insn->row->attr;
	uint64_t imm = insn->imm & 0xff;
	unsigned n, kind;

	for (n = 0; n < 3; n++) {
		kind = vmi_operands[insn->row->op[n]].kind;
		if (is_rm(kind))
			imm |= (uint64_t)vmi_operand_bytes(insn, n) << 8;
		if (kind == VMI_OPK_MMRM)
			imm |= VMI_SIMD_RM_MM;
		if (kind == VMI_OPK_MM)
			imm |= VMI_SIMD_REG_MM;
		if (is_rm(kind) && n == 0)
			imm |= VMI_SIMD_STORE;
	}
	if (insn->prefixes & VMI_PFX_W)
		imm |= VMI_SIMD_W;
	if (attr & VMI_A_AL16)
		imm |= VMI_SIMD_AL16;
	if (attr & VMI_A_SSEOP)
		imm |= VMI_SIMD_SSE;
	if (attr & VMI_A_MMXOP)
		imm |= VMI_SIMD_X87;
	return imm;
}

/* SDM 3A table 2-4 (MMX), 3A 13.1 (SSE); #UD goes before #NM. */
void vmi_simd_refuse(struct vmi_cpu *c, const struct vmi_op *op)
{
	if ((c->cr0 & VMI_CR0_EM) ||
		((op->imm & VMI_SIMD_SSE) && !(c->cr4 & VMI_CR4_OSFXSR)))
		vmi_raise(c, VMI_UD);
	if (c->cr0 & (VMI_CR0_TS | VMI_CR0_NE))
		vmi_raise(c, c->cr0 & VMI_CR0_TS ? VMI_NM : VMI_MF);
	vmi_ferr(c);
}

/*
 * What must be aligned raised #GP if it is not; of MOVUPS and its like SDM 3A
 * 6.15 says that #AC may come or not, and processors raise none.
 */
struct vmi_xmm vmi_simd_load_slow(struct vmi_cpu *c, uint64_t linear)
{
	struct vmi_xmm v;

	vmi_check(c, linear, 16, VMI_MEM_READ);
	v.q[0] = vmi_read_unaligned(c, linear, 8);
	v.q[1] = vmi_read_unaligned(c, (linear + 8) & c->amask, 8);
	return v;
}

void vmi_simd_store_slow(struct vmi_cpu *c, uint64_t linear, struct vmi_xmm v)
{
	vmi_check(c, linear, 16, VMI_MEM_WRITE);
	vmi_write_unaligned(c, linear, v.q[0], 8);
	vmi_write_unaligned(c, (linear + 8) & c->amask, v.q[1], 8);
}

struct vmi_xmm vmi_simd_load_part(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t at = vmi_ea(c, op);

	switch (VMI_SIMD_BYTES(op->imm)) {
	case 8:
		return vmi_simd_pair(vmi_load(c, op, at, 8), 0);
	case 4:
		return vmi_simd_pair(vmi_load(c, op, at, 4), 0);
	default:
		return vmi_simd_pair(vmi_load(c, op, at, 2), 0);
	}
}
