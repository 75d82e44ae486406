/* SPDX-License-Identifier: MIT */
/* The table of s390x's registers, and in which order they are set. */
#include "lib/arch/s390_regs.h"
#include "lib/compiler.h"

#define VMI_REGS_DEF "lib/arch/s390_regs.def"
#define VMI_BLOCK(name) VMI_S390_##name
#include "lib/arch/regs_rows.h"

/*
 * Control registers say which facilities the others may use, so they are
 * first.  The floating-point registers are the first halves of vector
 * registers: the longer ones win.  An interrupt is pending, and a processor
 * operates, when all else stands.
 */
static const struct vmi_reg_step steps[] = {
	{ true, VMI_S390_SREGS },
	{ true, VMI_S390_PREFIX },
	{ true, VMI_S390_REGS },
	{ true, VMI_S390_FPU },
	{ true, VMI_S390_VECTORS },
	{ true, VMI_S390_RICCB },
	{ true, VMI_S390_GSCB },
	{ true, VMI_S390_ETOKEN },
	{ true, VMI_S390_DIAG318 },
	{ false, 0 },
	{ true, VMI_S390_PSW },
	{ true, VMI_S390_IRQ_STATE },
	{ true, VMI_S390_MP_STATE },
};

_Static_assert(vmi_array_len(steps) <= VMI_STEPS_MAX, "too many steps");

const struct vmi_regs_arch vmi_s390_regs_arch = {
	.machine = 22,
	VMI_REGS_TABLES(rows, ones, steps),
	.kernel = 0x50,
	.number_mask = 0xffffffff,
	.resizable = 1u << VMI_S390_IRQ_STATE,
	.may_be_empty = 1u << VMI_S390_IRQ_STATE,
	.unit = 72, /* struct kvm_s390_irq */
};
