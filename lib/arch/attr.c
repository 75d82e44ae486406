/* SPDX-License-Identifier: MIT */
/* Two tables, and the questions that they answer. */
#include "lib/arch/attr.h"

#include "lib/compiler.h"

#define R   VMAPI_ATTR_READ
#define W   VMAPI_ATTR_WRITE
#define RW  (R | W)
#define RM  (R | VMAPI_ATTR_MULTIPLE)
#define WM  (W | VMAPI_ATTR_MULTIPLE)
#define RWM (RW | VMAPI_ATTR_MULTIPLE)

#define ATTR(owner, group, first, last, name, kind, access, bytes, when)       \
	{ VMI_OWNER_##owner, group, first, last, name, VMAPI_ATTR_##kind,      \
		access, bytes, VMAPI_ATTR_##when },

static const struct vmi_attr_row rows[] = {
#include "lib/arch/attr.def"
};

#define STEP(owner, verb, group, first, last, stride, per, bits, clear)        \
	{ VMI_OWNER_##owner, VMI_STEP_##verb, group, first, last, stride,      \
		VMI_PER_##per, bits, clear },

static const struct vmi_attr_step steps[] = {
#include "lib/arch/attr_walk.def"
};

const struct vmi_attr_row *vmi_attr_next(
	enum vmi_attr_owner owner, const struct vmi_attr_row *row)
{
	for (row = row ? row + 1 : rows; row < rows + vmi_array_len(rows); row++)
		if (row->owner == owner)
			return row;
	return NULL;
}

const struct vmi_attr_row *vmi_attr_row(enum vmi_attr_owner owner,
	const struct vmapi_attr *attr, bool command, bool *other)
{
	const struct vmi_attr_row *row;

	*other = false;
	for (row = vmi_attr_next(owner, NULL); row;
		row = vmi_attr_next(owner, row)) {
		if (row->group != attr->group || attr->number < row->first ||
			attr->number > row->last)
			continue;
		if ((row->kind == VMAPI_ATTR_COMMAND) == command)
			return row;
		*other = true;
	}
	return NULL;
}

const struct vmi_attr_step *vmi_attr_step_next(
	enum vmi_attr_owner owner, const struct vmi_attr_step *step)
{
	for (step = step ? step + 1 : steps;
		step < steps + vmi_array_len(steps); step++)
		if (step->owner == owner)
			return step;
	return NULL;
}

/*
 * A vcpu's affinity is what the kernel makes of its id (MPIDR_EL1 after
 * KVM_ARM_VCPU_INIT): Aff0 has 4 bits, since that is what one GICv3
 * SGI can address, Aff1 and Aff2 have 8 each.
 */
static uint64_t affinity(uint64_t id)
{
	return (id & 0xf) | (id >> 4 & 0xff) << 8 | (id >> 12 & 0xff) << 16;
}

uint64_t vmi_attr_vcpu_part(
	enum vmi_step_per per, uint64_t id, unsigned index)
{
	switch (per) {
	case VMI_PER_AFFINITY: return affinity(id) << 32;
	case VMI_PER_INDEX: return (uint64_t)index << 32;
	case VMI_PER_ID3: return id << 3;
	case VMI_PER_ID12: return id << 12;
	default: return 0;
	}
}

/* `first` holds the bits of interrupt 32, the first that is not private. */
uint64_t vmi_attr_step_end(const struct vmi_attr_step *step, unsigned irqs)
{
	uint64_t bytes = (uint64_t)(irqs > 32 ? irqs - 32 : 0) * step->bits / 8;
	uint64_t end = step->first + bytes;

	return step->bits && end <= step->last ? end : step->last + 1;
}
