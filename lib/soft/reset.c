/* SPDX-License-Identifier: MIT */
/* The state after power-on and after INIT: SDM 3A table 9-1. */
#include "lib/soft/smm.h"
#include "lib/soft/system.h"

#define APIC_BASE_RESET 0xfee00000ull
#define APIC_BASE_BSP	0x100ull
#define APIC_BASE_ON	0x800ull
#define MXCSR_RESET	0x1f80

static void reset_segments(struct vmi_cpu *c)
{
	struct vmapi_x86_segment s = { .limit = 0xffff, .attributes = 0x93 };
	unsigned n;

	for (n = VMI_ES; n <= VMI_GS; n++)
		vmi_seg_set(c, n, &s);
	s.attributes = 0;
	vmi_seg_set(c, VMI_GDTR, &s);
	vmi_seg_set(c, VMI_IDTR, &s);
	s.attributes = 0x82;
	vmi_seg_set(c, VMI_LDTR, &s);
	/* A busy 32-bit task, so that IA-32e mode can do without LTR. */
	s.attributes = 0x8b;
	vmi_seg_set(c, VMI_TR, &s);
	s.attributes = 0x93;
	s.selector = 0xf000;
	s.base = 0xffff0000;
	vmi_seg_set(c, VMI_CS, &s);
}

/* What INIT leaves alone: x87, SSE, the MSRs below, the TSC. */
static void reset_power_on(struct vmi_cpu *c)
{
	unsigned i;

	c->cr0 = VMI_CR0_CD | VMI_CR0_NW | VMI_CR0_ET;
	c->fpu = (struct vmi_fpu){
		.control = 0x40, .full = 0xff, .mxcsr = MXCSR_RESET,
	};
	c->xcr0 = 1;
	c->star = c->lstar = c->cstar = c->sfmask = c->kernel_gs_base = 0;
	c->sysenter_cs = c->sysenter_esp = c->sysenter_eip = 0;
	c->pat = 0x0007040600070406ull;
	c->tsc_aux = 0;
	c->misc_enable = 0x1801; /* fast strings; no BTS, no PEBS */
	c->mtrr_def = 0;
	for (i = 0; i < vmi_array_len(c->mtrr_fixed); i++)
		c->mtrr_fixed[i] = 0;
	for (i = 0; i < vmi_array_len(c->mtrr_var); i++)
		c->mtrr_var[i] = 0;
	c->mcg_status = 0;
	c->debugctl = 0;
	c->smbase = VMI_SMBASE_RESET;
	c->smi_count = 0;
	c->tsc_adjust = 0;
	c->apic_base = APIC_BASE_RESET | APIC_BASE_ON |
		(c->index ? 0 : APIC_BASE_BSP);
	c->mp_state = c->index ? VMAPI_X86_MP_UNINITIALIZED :
		VMAPI_X86_MP_RUNNABLE;
}

/* Not sipi_vector: a SIPI may have come while INIT was on its way. */
static void reset_events(struct vmi_cpu *c)
{
	c->shadow = 0;
	c->nmi_masked = false;
	c->smm = c->smi_pending = c->smm_inside_nmi = c->latched_init = false;
	c->port.what = 0;
	c->nmi_pending = 0;
	c->halted = false;
	c->fault_pending = false;
	c->ferr = false;
	c->delivering = false;
	c->arrival.due = false;
	c->shutdown = false;
	c->trap_pending = false;
	c->dr6_pending = 0;
	c->injected = -1;
}

void vmi_cpu_reset(struct vmi_cpu *c, bool init)
{
	uint32_t version[4];
	unsigned i;

	vmi_cpuid_own(c, 1, version);
	for (i = 0; i < VMI_NREGS; i++)
		c->r[i] = 0;
	c->r[VMI_RDX] = version[0];
	/* INIT keeps CD and NW as they were. */
	c->cr0 &= VMI_CR0_CD | VMI_CR0_NW;
	c->cr0 |= VMI_CR0_ET;
	if (init)
		/* The boot processor starts anew, others wait for SIPI. */
		c->mp_state = c->apic_base & APIC_BASE_BSP ?
			VMAPI_X86_MP_RUNNABLE : VMAPI_X86_MP_INIT_RECEIVED;
	else
		reset_power_on(c);
	c->cr2 = c->cr3 = c->cr4 = c->cr8 = c->efer = 0;
	for (i = 0; i < 4; i++) {
		c->dr[i] = 0;
		c->pdpte[i] = 0;
	}
	c->dr[6] = 0xffff0ff0;
	c->dr[7] = 0x400;
	c->cpl = 0;
	c->rflags = VMI_FLAG_ONE;
	vmi_flags_set(c, 0);
	c->rip = 0xfff0;
	reset_events(c);
	reset_segments(c);
	vmi_debug_changed(c);
	vmi_tlb_flush(c);
}
