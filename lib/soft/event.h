/* SPDX-License-Identifier: MIT */
/* What may be delivered before the next instruction, and its delivery. */
#ifndef VMI_SOFT_EVENT_H
#define VMI_SOFT_EVENT_H

#include <vmapi/debug.h>

#include "lib/soft/soft.h"

static inline bool vmi_event_is_blocked(const struct vmi_cpu *c)
{
	return c->debug.flags & VMAPI_DEBUG_BLOCK_IRQ;
}

/* SDM 3A table 6-2: before the traps of the instruction before. */
static inline bool vmi_can_smi(const struct vmi_cpu *c)
{
	return c->smi_pending && !c->smm && !vmi_event_is_blocked(c);
}

static inline bool vmi_can_interrupt(const struct vmi_cpu *c)
{
	return (c->rflags & VMI_FLAG_IF) && !c->shadow;
}

/* One waits: queued by the application, or a controller's. */
static inline bool vmi_has_interrupt(const struct vmi_cpu *c)
{
	return c->injected >= 0 || (c->irq_pending && !vmi_event_is_blocked(c));
}

/* MOV SS holds off debug traps too: SDM 3A 6.8.3. */
static inline bool vmi_can_trap(const struct vmi_cpu *c)
{
	return c->trap_pending && !(c->shadow & 1);
}

/* STI holds them back for an instruction as MOV SS does: SDM 2B, STI. */
static inline bool vmi_can_nmi(const struct vmi_cpu *c)
{
	return c->nmi_pending && !c->nmi_masked && !c->shadow &&
		!vmi_event_is_blocked(c);
}

/*
 * VIF and VIP at the beginning of an instruction, for which IRET or a task
 * switch is needed: SDM 3A 20.3.2, 20.4.
 */
bool vmi_virtual_due(const struct vmi_cpu *c);

static inline bool vmi_virtual_pending(const struct vmi_cpu *c)
{
	const uint64_t both = VMI_FLAG_VIF | VMI_FLAG_VIP;

	return vmi_unlikely((c->rflags & both) == both) && vmi_virtual_due(c);
}

static inline bool vmi_wants_delivery(const struct vmi_cpu *c)
{
	return c->fault_pending || vmi_can_smi(c) || vmi_virtual_pending(c) ||
		vmi_can_trap(c) || vmi_can_nmi(c) ||
		(vmi_has_interrupt(c) && vmi_can_interrupt(c));
}

/* VMI_EVENT_NMI, and VMI_EVENT_INIT and _SIPI of `events`, were raised. */
void vmi_look_at_nmi(struct vmi_cpu *c);
void vmi_look_at_init(struct soft_vcpu *v, unsigned events);

/* Deliver what is due before the next instruction.  May raise. */
void vmi_deliver_pending(struct soft_vcpu *v);

#endif
