/* SPDX-License-Identifier: MIT */
/* What only s390 has: interrupts that are messages. */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/backend.h"

int vmapi_s390_inject(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu,
	const struct vmapi_s390_irq *irq)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_s390_irq own;

	if (err)
		return err;
	if (!irq)
		return vmi_null("irq");
	if (vcpu && vcpu->vm != vm)
		return vmi_fail(-EINVAL, "vm", "the vcpu is of another VM");
	err = vmi_config_copy(&own, sizeof(own), irq, sizeof(own));
	if (err)
		return err;
	if (!vm->ctx->be->s390_inject)
		return vmi_unsupported(vm->ctx);
	err = vm->ctx->be->s390_inject(vm, vcpu, &own);
	if (!err)
		vmi_trace(vm->ctx, VMAPI_TRACE_IRQ,
			"s390 interrupt 0x%" PRIx32, own.type);
	return err;
}
