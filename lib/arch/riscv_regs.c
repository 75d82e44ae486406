/* SPDX-License-Identifier: MIT */
/* The table of riscv64's registers, and in which order they are set. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/arch/riscv_regs.h"
#include "lib/compiler.h"

#define VMI_REGS_DEF "lib/arch/riscv_regs.def"
#define VMI_BLOCK(name) VMI_RISCV_##name
#include "lib/arch/regs_rows.h"

/*
 * Which extensions there are decides which registers there are, and the
 * kernel takes neither them nor the configuration once the vcpu has run.
 * The timer is started, last of all, when its time and its comparand stand.
 */
enum one_class {
	CLASS_ISA,
	CLASS_CONFIG,
	CLASS_SBI,
	CLASS_REST,
	CLASS_TIME,
	CLASS_COMPARE,
	CLASS_START
};

static unsigned one_class(uint64_t tag)
{
	switch (VMI_RISCV_TYPE(tag)) {
	case VMAPI_RISCV_TYPE_ISA: return CLASS_ISA;
	case VMAPI_RISCV_TYPE_CONFIG: return CLASS_CONFIG;
	case VMAPI_RISCV_TYPE_SBI: return CLASS_SBI;
	default: break;
	}
	if (tag == VMAPI_RISCV_TIMER(1))
		return CLASS_TIME;
	if (tag == VMAPI_RISCV_TIMER(2))
		return CLASS_COMPARE;
	return tag == VMAPI_RISCV_TIMER(3) ? CLASS_START : CLASS_REST;
}

static const struct vmi_reg_step steps[] = {
	{ false, CLASS_ISA },
	{ false, CLASS_CONFIG },
	{ false, CLASS_SBI },
	{ false, CLASS_REST },
	{ false, CLASS_TIME },
	{ false, CLASS_COMPARE },
	{ false, CLASS_START },
	{ true, VMI_RISCV_MP_STATE },
};

_Static_assert(vmi_array_len(steps) <= VMI_STEPS_MAX, "too many steps");

/* v0 to v31, whose length is in the tag; what is newer than the table. */
static bool name_of(uint64_t tag, char *name, size_t room)
{
	static const char *const types[] = {
		[VMAPI_RISCV_TYPE_CONFIG] = "config",
		[VMAPI_RISCV_TYPE_CSR] = "csr",
		[VMAPI_RISCV_TYPE_ISA] = "isa",
		[VMAPI_RISCV_TYPE_SBI] = "sbi",
		[VMAPI_RISCV_TYPE_STATE] = "state",
	};
	unsigned type = VMI_RISCV_TYPE(tag);
	uint32_t n = (uint32_t)tag & 0xffffff;
	unsigned log2 = (unsigned)(tag >> VMAPI_REG_SIZE_SHIFT) & 0xf;

	if (tag == VMAPI_RISCV_V(log2, n - 6) && n >= 6 && n < 38) {
		snprintf(name, room, "v%" PRIu32 "_%u", n - 6, 8u << log2);
		return true;
	}
	if (type >= vmi_array_len(types) || !types[type] ||
		tag != VMAPI_RISCV_TAG(3, type, n))
		return false;
	snprintf(name, room, "%s_%" PRIx32, types[type], n);
	return true;
}

static bool tag_of(const char *name, uint64_t *tag)
{
	unsigned type, log2;
	uint32_t n, bits;
	char again[24];

	if (sscanf(name, "v%" SCNu32 "_%" SCNu32, &n, &bits) == 2) {
		for (log2 = 0; log2 < 8 && 8u << log2 < bits; log2++)
			;
		*tag = VMAPI_RISCV_V(log2, n & 31);
		return true;
	}
	for (type = 0; type <= VMAPI_RISCV_TYPE_STATE; type++) {
		const char *end = strchr(name, '_');

		if (!end || sscanf(end, "_%" SCNx32, &n) != 1)
			return false;
		*tag = VMAPI_RISCV_TAG(3, type, n & 0xffffff);
		if (name_of(*tag, again, sizeof(again)) &&
			!strcmp(again, name))
			return true;
	}
	return false;
}

const struct vmi_regs_arch vmi_riscv_regs_arch = {
	.machine = 243,
	VMI_REGS_TABLES(rows, ones, steps),
	.kernel = 0x80,
	.set_shift = 24,
	.set_mask = 0xff,
	.number_mask = 0xffffff,
	.one_class = one_class,
	.name_of = name_of,
	.tag_of = tag_of,
};
