/* SPDX-License-Identifier: MIT */
/* Control and debug registers: SDM 3A 2.5, 17.2; SDM 2 "MOV". */
#include "lib/soft/paging.h"
#include "lib/soft/system.h"

#define CR0_KNOWN                                                              \
	(VMI_CR0_PE | VMI_CR0_MP | VMI_CR0_EM | VMI_CR0_TS | VMI_CR0_NE |     \
		VMI_CR0_WP | VMI_CR0_AM | VMI_CR0_NW | VMI_CR0_CD | VMI_CR0_PG)
/* Changes of these load the PDPTEs anew: SDM 3A 4.4.1. */
#define CR0_PDPTE (VMI_CR0_PG | VMI_CR0_CD | VMI_CR0_NW)
#define CR4_PDPTE (VMI_CR4_PAE | VMI_CR4_PGE | VMI_CR4_PSE | VMI_CR4_SMEP)
#define CR4_TLB	  (CR4_PDPTE | VMI_CR4_SMAP | VMI_CR4_PCIDE)

#define DR6_KNOWN 0xe00full
#define DR7_ONES  0x400ull
#define DR7_KNOWN 0xffff23ffull

static vmi_noreturn void refuse(struct vmi_cpu *c)
{
	vmi_raise_code(c, VMI_GP, 0);
}

static bool pae_paging(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	return (cr0 & VMI_CR0_PG) && (cr4 & VMI_CR4_PAE) &&
		!(efer & VMI_EFER_LMA);
}

/* SDM 3A 9.8.5: the conditions on entering and leaving IA-32e mode. */
static void check_paging_switch(struct vmi_cpu *c, uint64_t v)
{
	if ((v & VMI_CR0_PG) && (c->efer & VMI_EFER_LME)) {
		if (!(c->cr4 & VMI_CR4_PAE) ||
			(c->seg[VMI_CS].attributes & VMAPI_X86_SEG_L) ||
			!(VMI_SEG_TYPE(c->seg[VMI_TR].attributes) & 8))
			refuse(c);
	}
	if (!(v & VMI_CR0_PG) && (c->mode == 64 ||
			(c->cr4 & VMI_CR4_PCIDE)))
		refuse(c);
}

static void write_cr0(struct vmi_cpu *c, uint64_t v)
{
	uint64_t changed, efer = c->efer;

	if (v >> 32)
		refuse(c);
	v = (v & CR0_KNOWN) | VMI_CR0_ET;
	changed = v ^ c->cr0;
	if (((v & VMI_CR0_PG) && !(v & VMI_CR0_PE)) ||
		((v & VMI_CR0_NW) && !(v & VMI_CR0_CD)))
		refuse(c);
	if (changed & VMI_CR0_PG) {
		check_paging_switch(c, v);
		efer &= ~VMI_EFER_LMA;
		if ((v & VMI_CR0_PG) && (efer & VMI_EFER_LME))
			efer |= VMI_EFER_LMA;
	}
	if ((changed & CR0_PDPTE) && pae_paging(v, c->cr4, efer) &&
		!vmi_pdptes_load(c, c->cr3))
		refuse(c);
	c->cr0 = v;
	c->efer = efer;
	if (changed & (VMI_CR0_PG | VMI_CR0_WP | VMI_CR0_PE))
		vmi_tlb_flush(c);
	vmi_mode_refresh(c);
}

static void write_cr3(struct vmi_cpu *c, uint64_t v)
{
	if (!vmi_long_mode(c)) {
		v = (uint32_t)v;
		if (pae_paging(c->cr0, c->cr4, c->efer) &&
			!vmi_pdptes_load(c, v))
			refuse(c);
	} else {
		/*
		 * Bit 63 with CR4.PCIDE allows to keep what is known of the
		 * PCID (SDM 3A 4.10.4.1): nothing is, of any but the current.
		 */
		if (c->cr4 & VMI_CR4_PCIDE)
			v &= ~(1ull << 63);
		if (v >> VMI_PHYS_BITS)
			refuse(c);
	}
	c->cr3 = v;
	vmi_tlb_flush_local(c);
}

/* What CPUID says is there: SDM 3A 2.5, "reserved bits". */
uint64_t vmi_cr4_known(struct vmi_cpu *c)
{
	static const struct {
		uint8_t leaf, reg, bit;
		uint32_t cr4;
	} row[] = {
		{ 1, 3, 1, VMI_CR4_VME | VMI_CR4_PVI },
		{ 1, 3, 4, VMI_CR4_TSD },
		{ 1, 3, 2, VMI_CR4_DE },
		{ 1, 3, 3, VMI_CR4_PSE },
		{ 1, 3, 6, VMI_CR4_PAE },
		{ 1, 3, 7, VMI_CR4_MCE },
		{ 1, 3, 13, VMI_CR4_PGE },
		{ 1, 3, 24, VMI_CR4_OSFXSR },
		{ 1, 3, 25, VMI_CR4_OSXMMEXCPT },
		{ 1, 2, 17, VMI_CR4_PCIDE },
		{ 1, 2, 26, VMI_CR4_OSXSAVE },
		{ 7, 1, 0, VMI_CR4_FSGSBASE },
		{ 7, 1, 7, VMI_CR4_SMEP },
		{ 7, 1, 20, VMI_CR4_SMAP },
		{ 7, 2, 2, VMI_CR4_UMIP },
	};
	uint32_t one[4], seven[4];
	uint64_t known = VMI_CR4_PCE;
	size_t i;

	vmi_cpuid_own(c, 1, one);
	vmi_cpuid_own(c, 7, seven);
	for (i = 0; i < vmi_array_len(row); i++) {
		const uint32_t *out = row[i].leaf == 1 ? one : seven;

		if (out[row[i].reg] >> row[i].bit & 1)
			known |= row[i].cr4;
	}
	return known;
}

static void write_cr4(struct vmi_cpu *c, uint64_t v)
{
	uint64_t changed = v ^ c->cr4;

	if (v & ~vmi_cr4_known(c))
		refuse(c);
	if (vmi_long_mode(c) && !(v & VMI_CR4_PAE))
		refuse(c);
	/* SDM 3A 4.10.1: in IA-32e mode, and while the PCID is 0. */
	if ((changed & v & VMI_CR4_PCIDE) &&
		(!vmi_long_mode(c) || (c->cr3 & 0xfff)))
		refuse(c);
	if ((changed & CR4_PDPTE) && pae_paging(c->cr0, v, c->efer) &&
		!vmi_pdptes_load(c, c->cr3))
		refuse(c);
	c->cr4 = v;
	if (changed & CR4_TLB)
		vmi_tlb_flush(c);
	if (changed & VMI_CR4_DE)
		vmi_debug_changed(c);
	vmi_mode_changed(c);
}

void vmi_cr_write(struct vmi_cpu *c, unsigned cr, uint64_t v)
{
	switch (cr) {
	case 0:
		write_cr0(c, v);
		break;
	case 2:
		c->cr2 = v;
		break;
	case 3:
		write_cr3(c, v);
		break;
	case 4:
		write_cr4(c, v);
		break;
	case 8:
		if (v & ~15ull)
			refuse(c);
		if (v < vmi_cr8_read(c))
			vmi_cr8_lowers(c);
		vmi_cr8_write(c, v);
		break;
	default:
		vmi_raise(c, VMI_UD);
	}
}

void vmi_do_mov_cr_r(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_need_cpl0(c);
	vmi_cr_write(c, op->reg, vmi_reg(c, op->base, c->mode == 64 ? 8 : 4));
}

void vmi_do_mov_r_cr(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v = 0;

	vmi_need_cpl0(c);
	switch (op->reg) {
	case 0:
		v = c->cr0;
		break;
	case 2:
		v = c->cr2;
		break;
	case 3:
		v = c->cr3;
		break;
	case 4:
		v = c->cr4;
		break;
	case 8:
		v = vmi_cr8_read(c);
		break;
	default:
		vmi_raise(c, VMI_UD);
	}
	vmi_reg_set(c, op->base, v, c->mode == 64 ? 8 : 4);
}

/* The register number, DR4 and DR5 resolved; General Detect raised. */
static unsigned debug_register(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned n = op->reg;

	if (n > 7 || ((n == 4 || n == 5) && (c->cr4 & VMI_CR4_DE)))
		vmi_raise(c, VMI_UD);
	vmi_need_cpl0(c);
	if (c->dr[7] & VMI_DR7_GD) {
		c->fault = (struct vmi_fault){
			.vector = VMI_DB, .dr6 = VMI_DR6_BD,
		};
		vmi_leave(c, VMI_LEAVE_FAULT);
	}
	return n == 4 || n == 5 ? n + 2 : n;
}

void vmi_do_mov_r_dr(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned n = debug_register(c, op);

	vmi_reg_set(c, op->base, c->dr[n], c->mode == 64 ? 8 : 4);
}

void vmi_do_mov_dr_r(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned n = debug_register(c, op);
	uint64_t v = vmi_reg(c, op->base, c->mode == 64 ? 8 : 4);

	if (n >= 6 && v >> 32)
		refuse(c);
	if (n == 6)
		v = (v & DR6_KNOWN) | VMI_DR6_ONES;
	else if (n == 7)
		v = (v & DR7_KNOWN) | DR7_ONES;
	c->dr[n] = v;
	if (n != 6)
		vmi_debug_changed(c);
}

void vmi_do_lmsw(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v;

	vmi_need_cpl0(c);
	v = vmi_rm_unchecked(c, op, 2);
	write_cr0(c, (c->cr0 & ~0xeull) | (v & 0xf));
}

void vmi_do_smsw(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_need_umip(c);
	vmi_rm_unchecked_set(c, op,
		op->bits & VMI_OPF_MEM ? c->cr0 & 0xffff : c->cr0,
		op->bits & VMI_OPF_MEM ? 2 : vmi_op_size(op));
}

void vmi_do_clts(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_need_cpl0(c);
	c->cr0 &= ~VMI_CR0_TS;
	vmi_mode_changed(c);
}

static void need_osxsave(struct vmi_cpu *c)
{
	if (!(c->cr4 & VMI_CR4_OSXSAVE))
		vmi_raise(c, VMI_UD);
}

void vmi_do_xgetbv(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	need_osxsave(c);
	if ((uint32_t)c->r[VMI_RCX])
		refuse(c);
	c->r[VMI_RAX] = (uint32_t)c->xcr0;
	c->r[VMI_RDX] = c->xcr0 >> 32;
}

/* XCR0: x87 always, SSE; nothing else is there. */
void vmi_do_xsetbv(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v;

	(void)op;
	need_osxsave(c);
	vmi_need_cpl0(c);
	v = (uint32_t)c->r[VMI_RAX] | c->r[VMI_RDX] << 32;
	if ((uint32_t)c->r[VMI_RCX] || !(v & 1) || (v & ~3ull))
		refuse(c);
	c->xcr0 = v;
	vmi_mode_changed(c);
}
