/* SPDX-License-Identifier: MIT */
/* CPUID as the rest of core uses it. */
#ifndef VMI_CORE_CPUID_H
#define VMI_CORE_CPUID_H

#include "lib/arch/cpuid.h"
#include "lib/core/core.h"

/* What a processor of this backend can have: vmapi_cpuid_supported(). */
int vmi_cpuid_ask(struct vmapi *ctx, struct vmapi_cpuid *list);
/* The list of a model; tsc_hz 0: the model's own. */
int vmi_model_make(struct vmapi *ctx, const char *name, uint64_t tsc_hz,
	struct vmapi_cpuid *list);
/* Give a VM that is being made the list of its CPU model, if it is x86. */
int vmi_vm_model(struct vmapi_vm *vm);
/* Whether its model is the same on every backend. */
bool vmi_vm_is_portable(const struct vmapi_vm *vm);
/*
 * What a new vcpu begins with: that list in the vcpu's own place.  A backend
 * owns it then; vmi_cpuid_free() it.
 */
int vmi_vcpu_cpuid(struct vmapi_vcpu *vcpu, struct vmapi_cpuid *list);

#endif
