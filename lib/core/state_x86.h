/* SPDX-License-Identifier: MIT */
/* What is peculiar to x86 in a saved state: XSAVE by component. */
#ifndef VMI_CORE_STATE_X86_H
#define VMI_CORE_STATE_X86_H

#include "lib/arch/cpuid.h"
#include "lib/core/core.h"
#include "lib/core/encode.h"

/*
 * A component of the XSAVE area, in streams only.  0 are FCW to FDP and
 * ST0-ST7, 152 bytes; 1 are XMM0-XMM15, 256 bytes; the others are as the
 * processor stores them.
 */
#define VMI_X86_TYPE_COMPONENT 0x87
#define VMI_X86_COMPONENT(n)   VMAPI_X86_TAG(VMI_X86_TYPE_COMPONENT, 15, n)

/* One register in a stream. */
struct vmi_record {
	uint64_t tag;
	uint32_t bytes;
	uint32_t flags; /* VMI_RECORD_ */
	const uint8_t *data;
};

#define VMI_RECORD_OPTIONAL (1u << 0) /* without it the state is whole, too */

void vmi_put_record(struct vmi_buffer *b, const struct vmi_record *r);

/*
 * Where components lie in the standard format of this VM's backend (CPUID
 * 0xd), and the area itself.
 */
struct vmi_xsave {
	struct vmapi_cpuid cpuid;
	uint8_t *area;
	size_t bytes;
};

int vmi_xsave_open(struct vmi_xsave *x, struct vmapi_vcpu *vcpu);
void vmi_xsave_close(struct vmi_xsave *x);
/* The area as records: how many; components at rest make none. */
uint32_t vmi_xsave_put(const struct vmi_xsave *x, struct vmi_buffer *b);
/* Whether the record is one of those. */
bool vmi_xsave_owns(uint64_t tag);
/* A record into the area.  -ENOTSUP: no such component here. */
int vmi_xsave_take(struct vmi_xsave *x, const struct vmi_record *r);

/* The list against what the backend's processors can be. */
int vmi_x86_cpuid_check(
	struct vmapi_vcpu *vcpu, const struct vmapi_cpuid *list);

#endif
