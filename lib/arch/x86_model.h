/* SPDX-License-Identifier: MIT */
/* CPU models of x86 that are the same on every backend. */
#ifndef VMI_ARCH_X86_MODEL_H
#define VMI_ARCH_X86_MODEL_H

#include "lib/arch/cpuid.h"

/* What no model takes from the host, where nobody says otherwise. */
#define VMI_MODEL_TSC_HZ    1000000000ull
#define VMI_MODEL_PHYS_BITS 39u

/* The table's last row: what the backends have in common. */
#define VMI_MODEL_COMMON "common"

struct vmi_x86_model {
	const char *name; /* NULL behind the last */
	const char *about;
	uint32_t signature; /* CPUID.1:EAX */
	uint32_t max_leaf;
	const char *base;   /* the model whose features it has too, or NULL */
	const char *features; /* names of fields, with blanks between */
};

extern const struct vmi_x86_model vmi_x86_models[];

/* NULL: no such model. */
const struct vmi_x86_model *vmi_x86_model(const char *name);

/* All that the model has.  -ENOMEM. */
int vmi_x86_model_make(const struct vmi_x86_model *model, uint64_t tsc_hz,
	struct vmapi_cpuid *list);

/*
 * Features that `list` has and `host` has not, as names; widths of addresses
 * too.  And take them out of it.
 */
void vmi_x86_model_lacks(const struct vmapi_cpuid *list,
	const struct vmapi_cpuid *host, struct vmi_words *words);
void vmi_x86_model_meet(struct vmapi_cpuid *list,
	const struct vmapi_cpuid *host);
/* What is left out where the VM has no local APICs. */
void vmi_x86_model_no_apic(struct vmapi_cpuid *list);

/* MSRs that say what a processor is and that a kernel may take. */
struct vmi_x86_model_msr {
	uint32_t index;
	uint64_t value;
};

#define VMI_MODEL_MSRS 3

void vmi_x86_model_msrs(uint64_t tsc_hz,
	struct vmi_x86_model_msr msrs[VMI_MODEL_MSRS]);

#endif
