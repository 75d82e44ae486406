/* SPDX-License-Identifier: MIT */
/* The table of arm64's registers, and in which order they are set. */
#include <inttypes.h>
#include <stdio.h>

#include "lib/arch/arm64_regs.h"
#include "lib/compiler.h"

#define VMI_REGS_DEF "lib/arch/arm64_regs.def"
#define VMI_BLOCK(name) VMI_ARM64_##name
#include "lib/arch/regs_rows.h"

/*
 * What says which registers there are comes first: the vector lengths, the
 * firmware's version and its calls, then the ID registers (op1 0, CRn 0),
 * which newer kernels let be set before the first run.  A timer's counter
 * goes before what is compared with it, and the bit that enables it last, or
 * it fires at once.
 */
enum one_class {
	CLASS_VLS,
	CLASS_FIRMWARE,
	CLASS_ID,
	CLASS_REST,
	CLASS_COUNTER,
	CLASS_COMPARE,
	CLASS_ENABLE
};

static unsigned class_of_sysreg(uint64_t tag)
{
	switch (tag) {
	case VMAPI_ARM64_CNTVCT:
	case VMAPI_ARM64_SYSREG(3, 3, 14, 0, 1): return CLASS_COUNTER;
	case VMAPI_ARM64_CNTV_CVAL:
	case VMAPI_ARM64_SYSREG(3, 3, 14, 2, 2): return CLASS_COMPARE;
	case VMAPI_ARM64_CNTV_CTL:
	case VMAPI_ARM64_SYSREG(3, 3, 14, 2, 1): return CLASS_ENABLE;
	default: break;
	}
	return (tag & 0xff80) == (VMAPI_ARM64_SYSREG(3, 0, 0, 0, 0) & 0xff80)
		? CLASS_ID : CLASS_REST;
}

static unsigned one_class(uint64_t tag)
{
	if (tag == VMAPI_ARM64_SVE_VLS)
		return CLASS_VLS;
	switch (VMI_ARM64_KIND(tag)) {
	case VMI_ARM64_KIND_FW:
	case VMI_ARM64_KIND_CALLS: return CLASS_FIRMWARE;
	case VMI_ARM64_KIND_SYS: return class_of_sysreg(tag);
	default: return CLASS_REST;
	}
}

/* An SError and the power state say what happens next, so they are last. */
static const struct vmi_reg_step steps[] = {
	{ false, CLASS_VLS },
	{ false, CLASS_FIRMWARE },
	{ false, CLASS_ID },
	{ false, CLASS_REST },
	{ false, CLASS_COUNTER },
	{ false, CLASS_COMPARE },
	{ false, CLASS_ENABLE },
	{ true, VMI_ARM64_EVENTS },
	{ true, VMI_ARM64_MP_STATE },
};

_Static_assert(vmi_array_len(steps) <= VMI_STEPS_MAX, "too many steps");

/* System registers without a name of their own: as assemblers know them. */
static bool name_of(uint64_t tag, char *name, size_t room)
{
	uint32_t id = (uint32_t)tag & 0xffff;

	if (tag == VMAPI_ARM64_CCSIDR(id & 0xff))
		snprintf(name, room, "ccsidr%" PRIu32, id);
	else if (tag == VMAPI_ARM64_TAG(3, 0x130000u | id))
		snprintf(name, room,
			"s%" PRIu32 "_%" PRIu32 "_c%" PRIu32 "_c%" PRIu32
			"_%" PRIu32, id >> 14, id >> 11 & 7, id >> 7 & 15,
			id >> 3 & 15, id & 7);
	else
		return false;
	return true;
}

static bool tag_of(const char *name, uint64_t *tag)
{
	uint32_t op0, op1, crn, crm, op2;

	if (sscanf(name, "ccsidr%" SCNu32, &op0) == 1) {
		*tag = VMAPI_ARM64_CCSIDR(op0 & 0xff);
		return true;
	}
	if (sscanf(name, "s%" SCNu32 "_%" SCNu32 "_c%" SCNu32 "_c%" SCNu32
			"_%" SCNu32, &op0, &op1, &crn, &crm, &op2) != 5)
		return false;
	*tag = VMAPI_ARM64_SYSREG((op0 & 3u), (op1 & 7u), (crn & 15u),
		(crm & 15u), (op2 & 7u));
	return true;
}

const struct vmi_regs_arch vmi_arm64_regs_arch = {
	.machine = 183,
	VMI_REGS_TABLES(rows, ones, steps),
	.kernel = 0x60,
	.set_shift = 16,
	.set_mask = 0xfff,
	.number_mask = 0xffff,
	.one_class = one_class,
	.name_of = name_of,
	.tag_of = tag_of,
};
