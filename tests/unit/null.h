/* SPDX-License-Identifier: MIT */
/* The smallest legal backend: no processor, a checking map, plain registers. */
#ifndef TESTS_UNIT_NULL_H
#define TESTS_UNIT_NULL_H

#include <vmapi/vmapi.h>

#include "lib/arch/x86_state.h"
#include "lib/core/backend.h"

#define NULL_SLOTS 16384
#define NULL_XSAVE 832
#define NULL_MSRS  8

/* What tests set, and read, of the backend as a whole. */
struct null_knobs {
	int probe_status;
	bool impaired;
	int open_error, vm_error, vcpu_error; /* what the inits return */
	int dirty_log;	 /* the capability: no log at first */
	int apply_error; /* what the next map_apply returns */
	unsigned applies, changed_calls;
	bool gate_was_closed; /* at the last map_apply */
	size_t removed, added, relogged; /* of the last map_apply */
	unsigned block_sets[VMI_BLOCKS];
	const void *read_to; /* by the last block_get */
	enum vmi_block refused; /* block_set fails here with -EINVAL */
	uint64_t refused_cr4;	/* ... or for these bits of CR4 */
	char order[64];		/* a letter for each set, in order */
	unsigned contexts, vms, vcpus; /* alive */
	/* What a run does; NULL: spin in the guest until kicked. */
	int (*run)(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit);
	int (*settle)(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit);
	unsigned vcpu_line_sets; /* of lines of one vcpu */
	bool vcpu_line_level;
	/* A device of the kernel's, and attributes; NULL: the kernel has none. */
	int (*attr)(const struct vmi_attr_call *call);
	uint64_t devices; /* mask of types */
	unsigned connects; /* of vcpus to devices */
	/* In the guest, between enter and leave; may be NULL. */
	void (*inside)(struct vmapi_vcpu *vcpu);
};

extern struct null_knobs null_knobs;
extern const struct vmi_backend null_backend;

/* Knobs as at the start. */
void null_reset(void);

/* Level of a line, and how often it was set. */
struct null_line {
	bool level;
	unsigned sets;
};
struct null_line null_line(struct vmapi_vm *vm, unsigned gsi);

/* Whether the backend's slots are exactly this view. */
bool null_map_agrees(struct vmapi_vm *vm);

#endif
