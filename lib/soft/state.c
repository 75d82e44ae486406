/* SPDX-License-Identifier: MIT */
/* The state of a software vcpu as register blocks. */
#include "lib/soft/state.h"

#include <errno.h>

#include "lib/arch/x86_regs.h"
#include "lib/arch/x86_state.h"
#include "lib/soft/block.h"
#include "lib/soft/engine.h"
#include "lib/soft/paging.h"
#include "lib/soft/pc.h"
#include "lib/soft/simd.h"
#include "lib/soft/smm.h"
#include "lib/soft/soft.h"
#include "lib/soft/system.h"
#include "lib/sys/sys.h"

/* -- General registers -------------------------------------------------- */

static int gprs_get(struct soft_vcpu *v, void *data)
{
	struct vmi_x86_gprs *g = data;

	memcpy(g->r, v->cpu.r, sizeof(g->r));
	g->rip = v->cpu.rip;
	g->rflags = vmi_rflags(&v->cpu);
	return 0;
}

static int gprs_set(struct soft_vcpu *v, const void *data)
{
	const struct vmi_x86_gprs *g = data;

	memcpy(v->cpu.r, g->r, sizeof(g->r));
	v->cpu.rip = g->rip;
	vmi_rflags_set(&v->cpu, g->rflags | VMI_FLAG_ONE, ~0ull);
	vmi_mode_changed(&v->cpu);
	return 0;
}

/* -- Segments and control registers ------------------------------------- */

static int system_get(struct soft_vcpu *v, void *data)
{
	struct vmi_x86_system *s = data;
	struct vmi_cpu *c = &v->cpu;

	memcpy(s->segments, c->seg, sizeof(s->segments));
	s->cr0 = c->cr0;
	s->cr2 = c->cr2;
	s->cr3 = c->cr3;
	s->cr4 = c->cr4;
	s->cr8 = vmi_cr8_read(c);
	s->efer = c->efer;
	s->apic_base = c->vm->pc ? v->lapic.s.base_msr : c->apic_base;
	return 0;
}

/* Of a VM without local APICs: reserved bits of the MSR, SDM 3A 10.4.4. */
static bool apic_base_is_sane(uint64_t base)
{
	return !(base >> VMI_PHYS_BITS) && !(base & 0x2ff);
}

/* What no sequence of instructions can make, on this processor or on any. */
static bool system_is_sane(struct vmi_cpu *c, const struct vmi_x86_system *s)
{
	return !vmi_x86_system_refusal(s) && !(s->cr4 & ~vmi_cr4_known(c)) &&
		!(s->efer & ~vmi_efer_known(c)) &&
		!((s->efer & VMI_EFER_LMA) && s->cr3 >> VMI_PHYS_BITS) &&
		(c->vm->pc || apic_base_is_sane(s->apic_base));
}

static int system_set(struct soft_vcpu *v, const void *data)
{
	const struct vmi_x86_system *s = data;
	struct vmi_cpu *c = &v->cpu;
	unsigned n;

	if (!system_is_sane(c, s))
		return -EINVAL;
	c->cr0 = s->cr0 | VMI_CR0_ET;
	c->cr2 = s->cr2;
	c->cr3 = s->cr3;
	c->cr4 = s->cr4;
	c->efer = s->efer;
	for (n = 0; n < VMI_NSREGS; n++)
		vmi_seg_set(c, n, &s->segments[n]);
	/* CPL is SS.DPL (SDM 3A 5.5), 3 in virtual 8086 mode. */
	c->cpl = c->rflags & VMI_FLAG_VM ? 3 :
		(uint8_t)VMI_SEG_DPL(c->seg[VMI_SS].attributes);
	vmi_cr8_write(c, s->cr8);
	if (c->vm->pc && s->apic_base != v->lapic.s.base_msr &&
		vmi_lapic_restore_base(&v->lapic, s->apic_base))
		return -EINVAL;
	c->apic_base = s->apic_base;
	vmi_debug_changed(c); /* CR4.DE */
	vmi_tlb_flush(c);
	if ((c->cr0 & VMI_CR0_PG) && (c->cr4 & VMI_CR4_PAE) &&
		!vmi_long_mode(c))
		vmi_pdptes_load(c, c->cr3);
	return 0;
}

/* -- Debug and extended control registers ------------------------------- */

static int debug_get(struct soft_vcpu *v, void *data)
{
	memcpy(((struct vmi_x86_debug *)data)->dr, v->cpu.dr,
		sizeof(v->cpu.dr));
	return 0;
}

static int debug_set(struct soft_vcpu *v, const void *data)
{
	const struct vmi_x86_debug *d = data;

	if (vmi_x86_debug_refusal(d))
		return -EINVAL;
	memcpy(v->cpu.dr, d->dr, sizeof(v->cpu.dr));
	vmi_debug_changed(&v->cpu);
	return 0;
}

static int xcrs_get(struct soft_vcpu *v, void *data)
{
	((struct vmi_x86_xcrs *)data)->xcr0 = v->cpu.xcr0;
	return 0;
}

static int xcrs_set(struct soft_vcpu *v, const void *data)
{
	uint64_t xcr0 = ((const struct vmi_x86_xcrs *)data)->xcr0;

	if (!(xcr0 & 1) || (xcr0 & ~3ull))
		return -EINVAL;
	v->cpu.xcr0 = xcr0;
	return 0;
}

static int xsave_get(struct soft_vcpu *v, void *data)
{
	vmi_xsave_get(&v->cpu, data);
	return 0;
}

static int xsave_set(struct soft_vcpu *v, const void *data)
{
	return vmi_xsave_set(&v->cpu, data, VMI_XSAVE_BYTES);
}

static int lapic_get(struct soft_vcpu *v, void *data)
{
	return vmi_pc_lapic_get(v, data);
}

static int lapic_set(struct soft_vcpu *v, const void *data)
{
	return vmi_pc_lapic_set(v, data);
}

/* -- Events ------------------------------------------------------------- */

static void exception_get(const struct vmi_fault *f, struct vmapi_x86_events *e)
{
	e->exception_vector = f->vector;
	e->exception_has_code = f->has_code;
	e->exception_code = f->code;
	e->exception_has_payload = f->vector == VMI_DB ||
		(f->vector == VMI_PF && !f->keeps_cr2);
	e->exception_payload = f->vector == VMI_PF ? f->cr2 : f->dr6;
}

static int events_get(struct soft_vcpu *v, void *data)
{
	struct vmi_cpu *c = &v->cpu;
	struct vmi_fault trap = { .vector = VMI_DB, .dr6 = c->dr6_pending };
	unsigned nmis = c->nmi_pending + atomic_load(&c->nmi_arrived);
	struct vmapi_x86_events e = {
		.exception_pending = c->fault_pending || c->trap_pending,
		.interrupt_injected = c->injected >= 0,
		.interrupt_vector = (uint8_t)(c->injected & 0xff),
		.shadow = c->shadow,
		.nmi_pending = (uint8_t)(nmis < 2 ? nmis : 2),
		.nmi_masked = c->nmi_masked,
		.sipi_vector = c->sipi_vector,
		.triple_fault = c->shutdown,
		.smm = c->smm,
		.smi_pending = c->smi_pending ||
			(atomic_load(&c->event) & VMI_EVENT_SMI),
		.smm_inside_nmi = c->smm_inside_nmi,
		.latched_init = c->latched_init,
	};

	if (c->trap_pending)
		exception_get(&trap, &e);
	if (c->fault_pending)
		exception_get(&c->fault, &e);
	if (c->injected < 0)
		e.interrupt_vector = 0;
	memcpy(data, &e, sizeof(e));
	return 0;
}

static void smm_set(struct vmi_cpu *c, const struct vmapi_x86_events *e)
{
	vmi_smm_set(c, e->smm);
	vmi_event_clear(c, VMI_EVENT_SMI);
	c->smi_pending = e->smi_pending;
	c->smm_inside_nmi = e->smm && e->smm_inside_nmi;
	c->latched_init = e->smm && e->latched_init;
	if (!e->smm && e->latched_init)
		vmi_event_raise(vmi_cpu_vcpu(c), VMI_EVENT_INIT);
}

static int events_set(struct soft_vcpu *v, const void *data)
{
	const struct vmapi_x86_events *e = data;
	unsigned nmis = e->nmi_pending + (e->nmi_injected != 0);
	struct vmi_cpu *c = &v->cpu;

	if (e->exception_vector > 31 || e->shadow > 3)
		return -EINVAL;
	c->fault_pending = e->exception_pending || e->exception_injected;
	c->trap_pending = false;
	c->dr6_pending = 0;
	c->fault = (struct vmi_fault){ .vector = e->exception_vector,
		.has_code = e->exception_has_code, .code = e->exception_code,
		.keeps_cr2 = !e->exception_has_payload };
	if (e->exception_has_payload)
		c->fault.cr2 = c->fault.dr6 = e->exception_payload;
	c->injected = e->interrupt_injected ? e->interrupt_vector : -1;
	c->shadow = e->shadow;
	vmi_event_clear(c, VMI_EVENT_NMI);
	atomic_store(&c->nmi_arrived, 0);
	c->nmi_pending = nmis < 2 ? (uint8_t)nmis : 2;
	c->nmi_masked = e->nmi_masked;
	c->sipi_vector = e->sipi_vector;
	c->shutdown = e->triple_fault;
	smm_set(c, e);
	return 0;
}

static int mp_state_get(struct soft_vcpu *v, void *data)
{
	uint32_t state = v->cpu.halted ? VMAPI_X86_MP_HALTED :
		v->cpu.mp_state;

	memcpy(data, &state, sizeof(state));
	return 0;
}

static int mp_state_set(struct soft_vcpu *v, const void *data)
{
	uint32_t state;

	memcpy(&state, data, sizeof(state));
	if (state > VMAPI_X86_MP_HALTED)
		return -EINVAL;
	if (state != VMAPI_X86_MP_RUNNABLE && !v->cpu.vm->pc)
		return -EINVAL; /* nothing would ever come */
	v->cpu.halted = state == VMAPI_X86_MP_HALTED;
	v->cpu.mp_state = v->cpu.halted ? VMAPI_X86_MP_RUNNABLE :
		(uint8_t)state;
	atomic_store(&v->idle, state != VMAPI_X86_MP_RUNNABLE);
	return 0;
}

static int tsc_hz_get(struct soft_vcpu *v, void *data)
{
	memcpy(data, &v->cpu.tsc_hz, sizeof(uint64_t));
	return 0;
}

static int tsc_hz_set(struct soft_vcpu *v, const void *data)
{
	uint64_t hz;

	memcpy(&hz, data, sizeof(hz));
	if (!hz || hz > INT64_MAX)
		return -EINVAL;
	if (hz != v->cpu.tsc_hz)
		vmi_tsc_hz_set(&v->cpu, hz);
	return 0;
}

/* -- CPUID: as long as it is -------------------------------------------- */

static int cpuid_get(struct soft_vcpu *v, void *data)
{
	memcpy(data, v->cpu.cpuid, v->cpu.n_cpuid * sizeof(*v->cpu.cpuid));
	return 0;
}

static int cpuid_set(struct soft_vcpu *v, const void *data, size_t bytes)
{
	struct vmapi_x86_cpuid *copy;

	if (!bytes || bytes % sizeof(*copy))
		return -EINVAL;
	if (v->vcpu.ran) /* frozen */
		return bytes == v->cpu.n_cpuid * sizeof(*copy) &&
			!memcmp(v->cpu.cpuid, data, bytes) ? 0 : -EBUSY;
	copy = vmi_alloc(bytes);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, bytes);
	vmi_free(v->cpu.cpuid);
	v->cpu.cpuid = copy;
	v->cpu.n_cpuid = (unsigned)(bytes / sizeof(*copy));
	vmi_cpuid_changed(&v->cpu);
	vmi_pc_cpuid_changed(v);
	return 0;
}

/* -- The table ---------------------------------------------------------- */

static const struct {
	size_t bytes; /* 0: CPUID's */
	int (*get)(struct soft_vcpu *v, void *data);
	int (*set)(struct soft_vcpu *v, const void *data);
} blocks[VMI_BLOCKS] = {
	[VMI_BLOCK_GPRS] = { sizeof(struct vmi_x86_gprs), gprs_get, gprs_set },
	[VMI_BLOCK_SYSTEM] = { sizeof(struct vmi_x86_system), system_get,
		system_set },
	[VMI_BLOCK_DEBUG] = { sizeof(struct vmi_x86_debug), debug_get,
		debug_set },
	[VMI_BLOCK_XCRS] = { sizeof(struct vmi_x86_xcrs), xcrs_get, xcrs_set },
	[VMI_BLOCK_XSAVE] = { VMI_XSAVE_BYTES, xsave_get, xsave_set },
	[VMI_BLOCK_LAPIC] = { VMI_LAPIC_PAGE, lapic_get, lapic_set },
	[VMI_BLOCK_EVENTS] = { sizeof(struct vmapi_x86_events), events_get,
		events_set },
	[VMI_BLOCK_MP_STATE] = { sizeof(uint32_t), mp_state_get,
		mp_state_set },
	[VMI_BLOCK_CPUID] = { 0, cpuid_get, NULL },
	[VMI_BLOCK_TSC_HZ] = { sizeof(uint64_t), tsc_hz_get, tsc_hz_set },
};

static bool is_there(const struct soft_vcpu *v, unsigned block)
{
	if (block == VMI_BLOCK_LAPIC)
		return v->cpu.vm->pc;
	return block == VMI_BLOCK_CPUID || blocks[block].get;
}

int vmi_soft_block_get(struct vmapi_vcpu *vcpu, unsigned block,
	void *data, size_t *bytes)
{
	struct soft_vcpu *v = vmi_soft_vcpu(vcpu);
	size_t need, room = *bytes;

	if (!is_there(v, block))
		return -ENOENT;
	need = block == VMI_BLOCK_CPUID ?
		v->cpu.n_cpuid * sizeof(struct vmapi_x86_cpuid) :
		blocks[block].bytes;
	*bytes = need;
	if (!data || room < need)
		return -ENOSPC;
	return blocks[block].get(v, data);
}

/* The L bit of CS is refused by KVM alone. */
const char *vmi_soft_block_refusal(struct vmapi_vcpu *vcpu, unsigned block,
	const void *data)
{
	(void)vcpu;
	return block == VMI_BLOCK_SYSTEM ? vmi_x86_system_refusal(data)
					 : vmi_x86_refusal(block, data);
}

int vmi_soft_block_set(struct vmapi_vcpu *vcpu, unsigned block,
	const void *data, size_t bytes)
{
	struct soft_vcpu *v = vmi_soft_vcpu(vcpu);

	if (!is_there(v, block))
		return -ENOENT;
	if (block == VMI_BLOCK_CPUID)
		return cpuid_set(v, data, bytes);
	if (bytes != blocks[block].bytes)
		return -EINVAL;
	return blocks[block].set(v, data);
}

/* -- MSRs --------------------------------------------------------------- */

int vmi_soft_ones_get(struct vmapi_vcpu *vcpu, struct vmi_one *ones, size_t n)
{
	struct vmi_cpu *c = &vmi_soft_vcpu(vcpu)->cpu;
	uint32_t index;
	size_t i;

	for (i = 0; i < n; i++)
		ones[i].status = vmi_x86_is_msr(ones[i].tag, &index) ?
			vmi_msr_read(c, index, ones[i].data, true) : -ENOENT;
	return 0;
}

int vmi_soft_ones_set(struct vmapi_vcpu *vcpu, struct vmi_one *ones, size_t n)
{
	struct vmi_cpu *c = &vmi_soft_vcpu(vcpu)->cpu;
	uint32_t index;
	uint64_t value;
	size_t i;

	for (i = 0; i < n; i++) {
		memcpy(&value, ones[i].data, sizeof(value));
		ones[i].status = vmi_x86_is_msr(ones[i].tag, &index) ?
			vmi_msr_write(c, index, value, true) : -ENOENT;
	}
	return 0;
}

int vmi_soft_one_list(struct vmapi_vcpu *vcpu, uint64_t *tags, size_t n,
	size_t *count)
{
	uint32_t *indices = vmi_calloc(n + 1, sizeof(indices[0]));
	size_t i;

	if (!indices)
		return vmi_fail(-ENOMEM, vmi_vcpu_label(vcpu), "no memory");
	*count = vmi_msr_list(&vmi_soft_vcpu(vcpu)->cpu, indices, n);
	for (i = 0; i < n && i < *count; i++)
		tags[i] = VMAPI_X86_MSR(indices[i]);
	vmi_free(indices);
	return 0;
}

const struct vmi_regs_arch *vmi_soft_regs_arch(void)
{
	return &vmi_x86_regs_arch;
}
