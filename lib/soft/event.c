/* SPDX-License-Identifier: MIT */
/* What a software processor is told and waits for between instructions. */
/*
 * What an instruction boundary looks for, in the order of SDM 3A table 6-2:
 * the pending fault, INIT and SIPI, SMI, traps of the instruction before,
 * NMI, interrupts, then the instruction.  Others raise events; the run loop
 * (run.c) sees them and asks here what comes of them.
 */
#include "lib/soft/event.h"

#include "lib/soft/engine.h"
#include "lib/soft/pc.h"
#include "lib/soft/smm.h"
#include "lib/soft/system.h"
#include "lib/soft/turn.h"
#include "lib/sys/sys.h"

void vmi_event_raise(struct soft_vcpu *v, unsigned events)
{
	static const uint64_t one = 1;

	atomic_fetch_or(&v->cpu.event, events);
	atomic_store(&v->cpu.floor, INT64_MAX);
	if (atomic_load(&v->sleeping))
		vmi_sys->write(v->wake, &one, sizeof(one));
	vmi_turn_wake(v->cpu.vm);
}

/* One that comes meanwhile is seen here, or lifts the floor itself. */
void vmi_event_clear(struct vmi_cpu *c, unsigned events)
{
	atomic_fetch_and(&c->event, ~events);
	atomic_store(&c->floor, 0);
	if (atomic_load(&c->event))
		atomic_store(&c->floor, INT64_MAX);
}

void vmi_soft_eoi(struct soft_vcpu *v, unsigned vector)
{
	v->eoi[vector / 64] |= 1ull << (vector % 64);
	vmi_event_raise(v, VMI_EVENT_EOI);
}

void vmi_nmi_raise(struct soft_vcpu *v)
{
	atomic_fetch_add(&v->cpu.nmi_arrived, 1);
	vmi_event_raise(v, VMI_EVENT_NMI);
}

/*
 * One is held behind the one being handled (SDM 3A 6.7.1).  Two that come
 * between two looks would have come to a real processor an instruction apart:
 * the first is taken, the second held.
 */
void vmi_look_at_nmi(struct vmi_cpu *c)
{
	unsigned limit = c->nmi_masked ? 1 : 2;
	unsigned n;

	vmi_event_clear(c, VMI_EVENT_NMI);
	n = c->nmi_pending + atomic_exchange(&c->nmi_arrived, 0);
	c->nmi_pending = (uint8_t)(n < limit ? n : limit);
}

void vmi_look_at_init(struct soft_vcpu *v, unsigned events)
{
	struct vmi_cpu *c = &v->cpu;

	/* SDM 3C 31.3.1: INIT waits for RSM; a SIPI finds nobody waiting. */
	if (c->smm) {
		vmi_event_clear(c, VMI_EVENT_INIT | VMI_EVENT_SIPI);
		c->latched_init |= (events & VMI_EVENT_INIT) != 0;
		return;
	}
	if (events & VMI_EVENT_INIT) {
		vmi_event_clear(c, VMI_EVENT_INIT);
		vmi_pc_init_ipi(v);
		vmi_cpu_reset(c, true);
		c->halted = false;
		c->mp_state = v->vcpu.id ? VMAPI_X86_MP_INIT_RECEIVED :
			VMAPI_X86_MP_RUNNABLE;
	}
	if (events & VMI_EVENT_SIPI) {
		vmi_event_clear(c, VMI_EVENT_SIPI);
		if (c->mp_state != VMAPI_X86_MP_INIT_RECEIVED)
			return;
		/* SDM 3A 8.4.3: CS:IP is vector << 8 : 0. */
		c->seg[VMI_CS].selector = (uint16_t)(c->sipi_vector << 8);
		c->seg[VMI_CS].base = (uint64_t)c->sipi_vector << 12;
		c->r[VMI_R_SEG + VMI_CS] = c->seg[VMI_CS].base;
		c->rip = 0;
		c->mp_state = VMAPI_X86_MP_RUNNABLE;
		vmi_mode_changed(c);
	}
}

bool vmi_virtual_due(const struct vmi_cpu *c)
{
	if (!(c->cr0 & VMI_CR0_PE) || vmi_iopl(c) == 3)
		return false;
	return vmi_vm86(c) ? c->cr4 & VMI_CR4_VME :
		c->cpl == 3 && (c->cr4 & VMI_CR4_PVI);
}

/* False: none came of it. */
static bool deliver_interrupt(struct soft_vcpu *v)
{
	struct vmi_cpu *c = &v->cpu;
	struct vmi_event e = { .kind = VMI_EV_EXTERNAL };
	int vector = c->injected;

	c->injected = -1;
	if (vector < 0)
		vector = vmi_pc_acknowledge(v);
	if (vector < 0)
		return false;
	c->halted = false;
	e.vector = (uint8_t)vector;
	e.return_rip = c->rip;
	vmi_deliver(c, &e);
	return true;
}

/* Deliver what is due before the next instruction.  May raise. */
void vmi_deliver_pending(struct soft_vcpu *v)
{
	struct vmi_cpu *c = &v->cpu;
	struct vmi_event e = { .kind = VMI_EV_NMI, .vector = VMI_NMI };

	if (!c->fault_pending && vmi_can_smi(c)) {
		vmi_smm_enter(c);
		return;
	}
	if (!c->fault_pending && vmi_can_trap(c)) {
		c->fault = (struct vmi_fault){ .vector = VMI_DB,
			.dr6 = c->dr6_pending };
		c->fault_pending = true;
		c->trap_pending = false;
		c->dr6_pending = 0;
	}
	if (c->fault_pending) {
		c->fault_pending = false;
		c->halted = false; /* the trap of a HLT ends it */
		vmi_deliver_fault(c);
		return;
	}
	if (vmi_can_nmi(c)) {
		c->nmi_pending--;
		c->nmi_masked = true;
		c->halted = false;
		e.return_rip = c->rip;
		vmi_deliver(c, &e);
		return;
	}
	if (vmi_can_interrupt(c) && vmi_has_interrupt(c) &&
		deliver_interrupt(v))
		return;
	if (vmi_virtual_pending(c)) {
		c->fault = (struct vmi_fault){ .vector = VMI_GP,
			.has_code = true };
		vmi_deliver_fault(c);
	}
}
