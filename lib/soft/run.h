/* SPDX-License-Identifier: MIT */
/* Running a software processor, and the way out of an instruction. */
#ifndef VMI_SOFT_RUN_H
#define VMI_SOFT_RUN_H

#include "lib/soft/soft.h"

/* The backend's operations of the same names: lib/core/backend.h. */
int vmi_soft_run(struct vmapi_vcpu *vcpu, uint64_t limit,
	struct vmapi_exit *exit);
int vmi_soft_settle(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit);
/* Instructions retired, to the end of the last block that was begun. */
static inline uint64_t vmi_retired(const struct vmi_cpu *c)
{
	return c->icount + (uint64_t)(c->slice - c->budget);
}

int vmi_soft_complete(struct vmapi_vcpu *vcpu, const void *data,
	size_t bytes);

#endif
