/* SPDX-License-Identifier: MIT */
/* Finds the handler of an operation that its helper would do as well. */
#include "lib/soft/quick.h"

#include "lib/soft/operand.h"

static bool fits(const struct vmi_quick *q, const struct vmi_op *op)
{
	return q->exec == vmi_op_exec(op) &&
		(q->form == VMI_QUICK_ANY || q->form == vmi_form(op)) &&
		(q->bytes == VMI_QUICK_ANY || q->bytes == vmi_op_size(op)) &&
		q->bits == (op->bits & (VMI_OPF_MEM | VMI_OPF_LOCK)) &&
		(op->imm & q->imm) == q->imm_is;
}

vmi_handler *vmi_quick_find(const struct vmi_op *op)
{
	static const struct vmi_quick *const lists[] = {
		vmi_quick_integer, vmi_quick_locked, vmi_quick_port,
		vmi_quick_simd, vmi_quick_string, vmi_quick_vector,
		vmi_quick_x87
	};
	const struct vmi_quick *q;
	unsigned i;

	for (i = 0; i < vmi_array_len(lists); i++) {
		for (q = lists[i]; q->run; q++) {
			if (fits(q, op))
				return q->run;
		}
	}
	return vmi_h_helper;
}
