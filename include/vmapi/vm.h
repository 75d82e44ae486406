/* SPDX-License-Identifier: MIT */
/* A virtual machine: configuration, reset, service. */
#ifndef VMAPI_VM_H
#define VMAPI_VM_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi;
struct vmapi_vm;

/* Who owns which interrupt controllers. */
enum vmapi_irqchip {
	VMAPI_IRQCHIP_NONE = 0,	 /* none: vmapi_vcpu_interrupt() only */
	VMAPI_IRQCHIP_SPLIT = 1, /* the VM has the local APICs only */
	VMAPI_IRQCHIP_FULL = 2	 /* x86: local APICs, IOAPIC, PIC pair */
};

/* Flags of a VM config. */
#define VMAPI_VM_PIT	        (1u << 0) /* an 8254 and port 0x61 */
#define VMAPI_VM_SERVICE_THREAD (1u << 1) /* a thread calls service */
/*
 * One vcpu at a time, in turns; time is the instruction count: the same guest
 * does the same again.  See vmapi_vm(3).
 */
#define VMAPI_VM_DETERMINISTIC	(1u << 2)

/* How the kernel under a VM keeps its dirty logs. */
enum vmapi_dirty_kind {
	VMAPI_DIRTY_AUTO = 0,	/* as the library thinks best */
	VMAPI_DIRTY_BITMAP = 1, /* KVM_GET_DIRTY_LOG, which also clears */
	VMAPI_DIRTY_CLEAR = 2,	/* ... which KVM_CLEAR_DIRTY_LOG does */
	VMAPI_DIRTY_RING = 3	/* a ring for each vcpu */
};

struct vmapi_vm_config {
	uint32_t size;
	uint32_t flags;	      /* VMAPI_VM_ */
	uint32_t irqchip;     /* enum vmapi_irqchip */
	uint32_t kick_signal; /* KVM: the real-time signal; 0: SIGRTMAX - 2 */
	uint64_t type;	      /* VM type as the kernel numbers it; 0 */
	uint64_t tsc_hz;      /* 0: the backend's own */
	uint32_t dirty;	      /* enum vmapi_dirty_kind */
	uint32_t dirty_ring;  /* entries of each ring, a power of two; 0: 4096 */
	const char *cpu_model; /* x86: vmapi_cpuid_model(); NULL: "host" */
};

/*
 * Create a virtual machine.  `config` NULL is all zero.  The library knows
 * in which order each kernel wants things made and retries EINTR.
 *
 *   -ENOTSUP  the backend cannot do what the config asks; the message names
 *             the field, and what a CPU model has and the backend has not
 *   -ENOENT   there is no such CPU model
 *   -EINVAL   a field has a value that means nothing
 *   -EBUSY    another hypervisor holds the processor
 *   -ENOMEM, -EMFILE, -ENFILE
 *
 * VMAPI_VM_PIT needs VMAPI_IRQCHIP_FULL.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_vm_create(struct vmapi *ctx,
	const struct vmapi_vm_config *config, struct vmapi_vm **vm);

/*
 * Drop the caller's reference.  The VM goes when all that was made of it is
 * gone too: vcpus, address spaces, open transactions, devices, lines, irqfds,
 * ioeventfds, regions, channels, programs, the bus, statistics, snapshots.
 * Since 0.1.
 */
VMAPI_API void vmapi_vm_destroy(struct vmapi_vm *vm);

/*
 * The name of its CPU model, which lives as long as the library.  -ENOTSUP:
 * it is not a VM of x86.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_vm_cpu_model(struct vmapi_vm *vm, const char **name);

/*
 * As a hardware reset: every vcpu as after vmapi_vcpu_reset(), every chip of
 * the library and of the kernel in its power-on state.  Memory and maps
 * stay.  -EBUSY: a vcpu runs.  Since 0.1.
 */
VMAPI_API int vmapi_vm_reset(struct vmapi_vm *vm);

/*
 * The descriptor that turns readable (POLLIN) when vmapi_vm_service() has
 * something to do.  It belongs to the VM: poll it, do not read or close it.
 * Since 0.1.
 */
VMAPI_API int vmapi_vm_pollfd(struct vmapi_vm *vm, int *fd);

/*
 * Do what is due: timers of the library's chips, and whatever else waits on
 * the descriptor of vmapi_vm_pollfd().  Without VMAPI_VM_SERVICE_THREAD the
 * application calls it; a vcpu that runs on the software processor, and one
 * that is halted there, does the same by itself.  Does not block.  Any
 * thread.  Since 0.1.
 */
VMAPI_API int vmapi_vm_service(struct vmapi_vm *vm);

VMAPI_DECLS_END

#endif
