/* SPDX-License-Identifier: MIT */
/* What attributes the kernel's objects have, and how their state is walked. */
#ifndef VMI_ARCH_ATTR_H
#define VMI_ARCH_ATTR_H

#include <stdbool.h>

#include <vmapi/attr.h>
#include <vmapi/device.h>

/* Whose table: a device's type, or one of these. */
enum vmi_attr_owner {
	VMI_OWNER_NONE = 0,
	VMI_OWNER_VGIC_V2 = VMAPI_DEVICE_VGIC_V2,
	VMI_OWNER_VGIC_V3 = VMAPI_DEVICE_VGIC_V3,
	VMI_OWNER_VGIC_ITS = VMAPI_DEVICE_VGIC_ITS,
	VMI_OWNER_FLIC = VMAPI_DEVICE_FLIC,
	VMI_OWNER_XICS = VMAPI_DEVICE_XICS,
	VMI_OWNER_XIVE = VMAPI_DEVICE_XIVE,
	VMI_OWNER_MPIC_20 = VMAPI_DEVICE_MPIC_20,
	VMI_OWNER_MPIC_42 = VMAPI_DEVICE_MPIC_42,
	VMI_OWNER_AIA = VMAPI_DEVICE_AIA,
	VMI_OWNER_VFIO = VMAPI_DEVICE_VFIO,
	VMI_OWNER_X86_SYSTEM = 64,
	VMI_OWNER_X86_VCPU,
	VMI_OWNER_ARM64_VM,
	VMI_OWNER_ARM64_VCPU,
	VMI_OWNER_S390_VM
};

struct vmi_attr_row {
	enum vmi_attr_owner owner;
	uint32_t group;
	uint64_t first, last;
	const char *name;
	enum vmapi_attr_kind kind;
	uint32_t access; /* VMAPI_ATTR_ */
	uint32_t bytes;
	enum vmapi_attr_when when;
};

/* The rows of an owner, in the table's order; NULL after the last. */
const struct vmi_attr_row *vmi_attr_next(enum vmi_attr_owner owner,
	const struct vmi_attr_row *row);
/*
 * The row of an attribute: of commands, or of the others.  NULL: there is
 * none, but *other says whether there is one of the other sort.
 */
const struct vmi_attr_row *vmi_attr_row(enum vmi_attr_owner owner,
	const struct vmapi_attr *attr, bool command, bool *other);

/* -- Walking ------------------------------------------------------------ */

enum vmi_step_verb { VMI_STEP_STATE, VMI_STEP_SAVE, VMI_STEP_RESTORE };

/* What a step is repeated for, and where it stands in the number. */
enum vmi_step_per {
	VMI_PER_VM,
	VMI_PER_AFFINITY,
	VMI_PER_INDEX,
	VMI_PER_ID3,
	VMI_PER_ID12
};

struct vmi_attr_step {
	enum vmi_attr_owner owner;
	enum vmi_step_verb verb;
	uint32_t group;
	uint64_t first, last;
	uint32_t stride;
	enum vmi_step_per per;
	unsigned bits;	/* of state per interrupt */
	uint64_t clear; /* where all ones go before `first` is set; 0: none */
};

const struct vmi_attr_step *vmi_attr_step_next(enum vmi_attr_owner owner,
	const struct vmi_attr_step *step);

/* A vcpu's part of the number: by its id and its index. */
uint64_t vmi_attr_vcpu_part(enum vmi_step_per per, uint64_t id,
	unsigned index);
/* Behind the last number of a step where there are so many interrupts. */
uint64_t vmi_attr_step_end(const struct vmi_attr_step *step, unsigned irqs);

#endif
