/* SPDX-License-Identifier: MIT */
/* Makes `rows` and `ones` of an architecture's table of registers. */
/*
 * A part of a source, without a guard: it is included once, where
 * VMI_REGS_DEF is the name of the table and VMI_BLOCK(name) gives a block its
 * number.  What the rows of a table are, its head says; only arm64's have
 * VMI_SYSREG.
 */

/* clang-format off */
#define VMI_REG(name_, tag_, block_, offset_, bytes_, attributes_)             \
	{ .name = name_, .tag = tag_, .block = VMI_BLOCK(block_),              \
	  .offset = offset_, .bytes = bytes_, .attributes = attributes_ },
#define VMI_ONE(name_, tag_, attributes_)
#define VMI_SYSREG(name_, op0, op1, crn, crm, op2, attributes_)

static const struct vmi_reg_row rows[] = {
#include VMI_REGS_DEF
};

#undef VMI_REG
#undef VMI_ONE
#undef VMI_SYSREG
#define VMI_REG(name_, tag_, block_, offset_, bytes_, attributes_)
#define VMI_ONE(name_, tag_, attributes_)                                      \
	{ .name = name_, .tag = tag_, .attributes = attributes_ },
#define VMI_SYSREG(name_, op0, op1, crn, crm, op2, attributes_)                \
	VMI_ONE(name_, VMAPI_ARM64_SYSREG(op0, op1, crn, crm, op2), attributes_)

static const struct vmi_one_row ones[] = {
#include VMI_REGS_DEF
};
/* clang-format on */
