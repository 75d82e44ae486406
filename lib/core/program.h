/* SPDX-License-Identifier: MIT */
/* Device programs of a VM. */
#ifndef VMI_CORE_PROGRAM_H
#define VMI_CORE_PROGRAM_H

#include "lib/core/chipset.h"
#include "lib/core/core.h"
#include "lib/region/bpf/object.h"
#include "lib/region/bpf/verify.h"

/* Memory of the application, and what the programs may write of it. */
struct vmi_program_given {
	struct vmapi_ram *ram; /* referenced; NULL: the program's own */
	uint64_t offset;
	uint64_t low[VMI_BPF_ENTRIES], high[VMI_BPF_ENTRIES];
};

struct vmapi_program {
	struct vmapi_vm *vm; /* referenced */
	struct vmapi_program *next; /* vm->programs, chipset locked */
	atomic_uint refs;
	char name[32];
	bool is_concurrent;
	uint32_t fuel;
	pthread_mutex_t lock; /* while it runs, or is reset */
	struct vmi_bpf_host host;
	struct vmi_bpf_ops ops[VMI_BPF_ENTRIES];
	struct vmi_bpf_object object; /* instructions are given up */
	struct vmi_bpf_window windows[VMI_BPF_WINDOWS_MAX];
	struct vmi_program_given given[VMI_BPF_WINDOWS_MAX];
	uint8_t *own; /* its variables, then what they begin with */
	uint64_t own_bytes;
	struct vmapi_irq **irqs; /* referenced */
	int *fds;
	uint32_t n_irqs, n_fds;
	/* chipset locked */
	struct vmi_chip_client client;
	uint64_t due; /* VMI_CHIP_NEVER */
	bool rings;
	bool is_stale;	 /* it is to be reset */
	unsigned resets; /* changes under both locks */
};

/* As struct vmapi_bpf_context, whose numbers are little-endian. */
union vmi_program_context {
	uint64_t align;
	uint8_t bytes[24];
};

/* In its bytes. */
#define VMI_PROGRAM_OFFSET 8
#define VMI_PROGRAM_LENGTH 16
#define VMI_PROGRAM_VCPU   20

/* The result of one of its functions, or -ETIME. */
int vmi_program_run(struct vmapi_program *p, unsigned entry,
	union vmi_program_context *context, bool is_vcpus);
void vmi_program_put(struct vmapi_program *p);

/* Call the alarms that rang.  With no lock held, outside the gate. */
void vmi_programs_service(struct vmapi_vm *vm);
/* After vmi_chipset_reset(), with the vcpus taken: as at power on. */
void vmi_programs_reset(struct vmapi_vm *vm);

#endif
