/* SPDX-License-Identifier: MIT */
/* The operations of exec.def as functions, and those with handlers. */
#include "lib/soft/value.h"

#define EXEC(how, token) [VMI_EXEC_##token] = vmi_do_##token,
vmi_helper *const vmi_helpers[VMI_EXEC_COUNT] = {
#include "lib/soft/exec.def"
};
#undef EXEC

const struct vmi_value *const vmi_values[VMI_EXEC_COUNT] = {
	[VMI_EXEC_adc] = &vmi_value_adc,
	[VMI_EXEC_add] = &vmi_value_add,
	[VMI_EXEC_and] = &vmi_value_and,
	[VMI_EXEC_cmp] = &vmi_value_cmp,
	[VMI_EXEC_dec] = &vmi_value_dec,
	[VMI_EXEC_imul] = &vmi_value_imul,
	[VMI_EXEC_inc] = &vmi_value_inc,
	[VMI_EXEC_mov] = &vmi_value_mov,
	[VMI_EXEC_neg] = &vmi_value_neg,
	[VMI_EXEC_not] = &vmi_value_not,
	[VMI_EXEC_or] = &vmi_value_or,
	[VMI_EXEC_rol] = &vmi_value_rol,
	[VMI_EXEC_ror] = &vmi_value_ror,
	[VMI_EXEC_sar] = &vmi_value_sar,
	[VMI_EXEC_sbb] = &vmi_value_sbb,
	[VMI_EXEC_shl] = &vmi_value_shl,
	[VMI_EXEC_shr] = &vmi_value_shr,
	[VMI_EXEC_sub] = &vmi_value_sub,
	[VMI_EXEC_test] = &vmi_value_test,
	[VMI_EXEC_xchg] = &vmi_value_xchg,
	[VMI_EXEC_xor] = &vmi_value_xor,
};
