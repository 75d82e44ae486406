/* SPDX-License-Identifier: MIT */
/* The software backend's VM and vcpu. */
#ifndef VMI_SOFT_SOFT_H
#define VMI_SOFT_SOFT_H

#include "lib/chip/lapic.h"
#include "lib/core/backend.h"
#include "lib/soft/coherence.h"
#include "lib/soft/cpu.h"
#include "lib/soft/turn.h"

struct vmi_pc;
struct vmi_watch;

/* What vmapi_x86_exits() asked for: it changes behind the gate. */
struct vmi_asked {
	uint32_t msrs; /* VMAPI_X86_MSR_INVALID, _UNKNOWN */
	uint32_t n_ranges;
	struct vmapi_x86_msr_range ranges[VMAPI_X86_MSR_RANGES_MAX];
	uint64_t hypercalls;
	bool calls; /* vmapi_hypercall_enable() */
};

struct soft_vm {
	struct vmapi_vm vm;
	struct vmi_pc *pc;  /* its interrupt controllers and PIT, or NULL */
	uint64_t tsc_hz;
	atomic_uint map_generation; /* counts changes of the maps */
	struct vmi_asked asked;
	struct vmi_turns turns;
	atomic_uint log_generation; /* counts readings of dirty logs */
	struct vmi_watch *watches;  /* of the RAM in the maps */
	_Atomic(uint64_t) code_tickets; /* pages that became code: coherence.c */
};

struct soft_vcpu {
	struct vmapi_vcpu vcpu;
	struct vmi_cpu cpu;
	struct vmi_lapic lapic;	/* with soft_vm.pc */
	struct vmi_inbox inbox;
	int wake;		/* eventfd: ends a sleep */
	atomic_int sleeping;
	atomic_bool idle;	/* in a deterministic VM: turn.c */
	unsigned map_generation; /* seen */
	unsigned log_generation; /* seen */
	uint8_t io_data[8];	/* what vmapi_exit_io.data points to */
	uint64_t eoi[4];	/* ended vectors that the application shall see */
};

static inline struct soft_vm *vmi_soft_vm(struct vmapi_vm *vm)
{
	return (struct soft_vm *)(void *)vm;
}

static inline struct soft_vcpu *vmi_soft_vcpu(struct vmapi_vcpu *vcpu)
{
	return (struct soft_vcpu *)(void *)vcpu;
}

static inline struct soft_vcpu *vmi_cpu_vcpu(struct vmi_cpu *c)
{
	return vmi_container_of(c, struct soft_vcpu, cpu);
}

/* Nanoseconds of the VM's clock. */
uint64_t vmi_soft_clock(struct vmapi_vm *vm);

/* Set event bits and wake the vcpu if it sleeps.  Any thread. */
void vmi_event_raise(struct soft_vcpu *v, unsigned events);
void vmi_event_clear(struct vmi_cpu *c, unsigned events);
void vmi_nmi_raise(struct soft_vcpu *v);

/* An interrupt ended of which the application hears: its own thread. */
void vmi_soft_eoi(struct soft_vcpu *v, unsigned vector);

#endif
