/* SPDX-License-Identifier: MIT */
/* Calls of the guest, whichever way they come: what run does with them. */
#ifndef VMI_CORE_HYPERCALL_H
#define VMI_CORE_HYPERCALL_H

#include "lib/arch/call.h"
#include "lib/core/region.h"

/* What a VM has that takes calls; it does not change. */
struct vmi_calls {
	const struct vmi_call_arch *arch;
	uint32_t flags; /* VMAPI_HYPERCALL_ */
	uint32_t ways;
	struct vmi_region port, page; /* no bytes: there is none */
};

enum vmi_call_verdict {
	VMI_CALL_FOREIGN,  /* the exit is no call of ours */
	VMI_CALL_ANSWERED, /* let the guest go on */
	VMI_CALL_EXIT	   /* *exit is for the application */
};

/* The vcpu is taken and has this exit. */
int vmi_call_take(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit,
	enum vmi_call_verdict *verdict);
/* The application's answer to vcpu->call: some of the result registers. */
int vmi_call_complete(struct vmapi_vcpu *vcpu, const void *data, size_t bytes);

#endif
