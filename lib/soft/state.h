/* SPDX-License-Identifier: MIT */
/* The state of a software vcpu as register blocks. */
#ifndef VMI_SOFT_STATE_H
#define VMI_SOFT_STATE_H

#include "lib/core/backend.h"

/* x87 and SSE in the standard format: legacy area and header. */
#define VMI_XSAVE_BYTES 576

/* The backend's operations of the same names: lib/core/backend.h. */
int vmi_soft_block_get(struct vmapi_vcpu *vcpu, unsigned block,
	void *data, size_t *bytes);
const char *vmi_soft_block_refusal(struct vmapi_vcpu *vcpu, unsigned block,
	const void *data);
int vmi_soft_block_set(struct vmapi_vcpu *vcpu, unsigned block,
	const void *data, size_t bytes);
int vmi_soft_ones_get(struct vmapi_vcpu *vcpu, struct vmi_one *ones,
	size_t n);
int vmi_soft_ones_set(struct vmapi_vcpu *vcpu, struct vmi_one *ones,
	size_t n);
int vmi_soft_one_list(struct vmapi_vcpu *vcpu, uint64_t *tags, size_t n,
	size_t *count);
const struct vmi_regs_arch *vmi_soft_regs_arch(void);

#endif
