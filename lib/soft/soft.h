/* SPDX-License-Identifier: MIT */
/* The software backend's VM and vcpu. */
#ifndef VMI_SOFT_SOFT_H
#define VMI_SOFT_SOFT_H

#include "lib/core/backend.h"
#include "lib/soft/cpu.h"

struct vmi_pc;

struct soft_vm {
	struct vmapi_vm vm;
	struct vmi_pc *pc;  /* its interrupt controllers and PIT: pc.c */
	uint64_t start_ns;  /* host time of tick 0 */
	uint64_t tsc_hz;
	atomic_uint code_lock; /* unused by one vcpu */
};

struct soft_vcpu {
	struct vmapi_vcpu vcpu;
	struct vmi_cpu cpu;
	pthread_mutex_t sleep_lock; /* halted vcpus wait here */
	pthread_cond_t sleep_cond;
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

/* Set event bits and wake the vcpu if it sleeps.  Any thread. */
void vmi_event_raise(struct soft_vcpu *v, unsigned events);

#endif
