/* SPDX-License-Identifier: MIT */
/* The table of s390x's registers, and in which order they are set. */
#include "lib/arch/s390_regs.h"
#include "lib/compiler.h"

/* clang-format off */
#define VMI_REG(name_, tag_, block_, offset_, bytes_, attributes_)             \
	{ .name = name_, .tag = tag_, .block = VMI_S390_##block_,              \
	  .offset = offset_, .bytes = bytes_, .attributes = attributes_ },
#define VMI_ONE(name_, tag_, attributes_)

static const struct vmi_reg_row rows[] = {
#include "lib/arch/s390_regs.def"
};

#undef VMI_REG
#undef VMI_ONE
#define VMI_REG(name_, tag_, block_, offset_, bytes_, attributes_)
#define VMI_ONE(name_, tag_, attributes_)                                      \
	{ .name = name_, .tag = tag_, .attributes = attributes_ },

static const struct vmi_one_row ones[] = {
#include "lib/arch/s390_regs.def"
};
/* clang-format on */

static bool is_one(uint64_t tag)
{
	return tag >> 56 == 0x50 && !vmi_tag_type(tag);
}

enum one_class {
	CLASS_REST
};

static unsigned one_class(uint64_t tag)
{
	(void)tag;
	return CLASS_REST;
}

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
	{ false, CLASS_REST },
	{ true, VMI_S390_PSW },
	{ true, VMI_S390_IRQ_STATE },
	{ true, VMI_S390_MP_STATE },
};

_Static_assert(vmi_array_len(steps) <= VMI_STEPS_MAX, "too many steps");

static void split(uint64_t tag, uint32_t *set, uint32_t *number)
{
	*set = 0;
	*number = (uint32_t)tag;
}

const struct vmi_regs_arch vmi_s390_regs_arch = {
	.rows = rows,
	.n_rows = vmi_array_len(rows),
	.ones = ones,
	.n_ones = vmi_array_len(ones),
	.steps = steps,
	.n_steps = vmi_array_len(steps),
	.resizable = 1u << VMI_S390_IRQ_STATE,
	.may_be_empty = 1u << VMI_S390_IRQ_STATE,
	.unit = 72, /* struct kvm_s390_irq */
	.is_one = is_one,
	.one_class = one_class,
	.split = split,
};
