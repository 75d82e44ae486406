/* SPDX-License-Identifier: MIT */
/* A vcpu's count, its injected interrupts, its translations. */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/backend.h"

int vmapi_vcpu_icount(struct vmapi_vcpu *vcpu, uint64_t *retired)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!retired)
		return vmi_null("retired");
	if (!vcpu->vm->ctx->be->vcpu_icount)
		return vmi_unsupported(vcpu->vm->ctx);
	err = vmi_vcpu_claim(vcpu);
	if (err)
		return err;
	err = vcpu->vm->ctx->be->vcpu_icount(vcpu, retired);
	vmi_vcpu_release(vcpu);
	return err;
}

/* A VM with interrupt controllers injects by itself. */
static int check_no_irqchip(const struct vmapi_vcpu *vcpu)
{
	if (vcpu->vm->config.irqchip == VMAPI_IRQCHIP_NONE)
		return 0;
	return vmi_fail(-ENXIO, vmi_vcpu_label(vcpu),
		"the VM has interrupt controllers: use its lines");
}

int vmapi_vcpu_interrupt(struct vmapi_vcpu *vcpu, unsigned vector)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (!err)
		err = check_no_irqchip(vcpu);
	if (err)
		return err;
	if (vector > 255)
		return vmi_fail(-ERANGE, vmi_vcpu_label(vcpu),
			"there is no vector %u", vector);
	if (!vcpu->vm->ctx->be->vcpu_interrupt)
		return vmi_unsupported(vcpu->vm->ctx);
	err = vmi_vcpu_claim(vcpu);
	if (err)
		return err;
	err = vcpu->vm->ctx->be->vcpu_interrupt(vcpu, vector);
	vmi_vcpu_release(vcpu);
	return err;
}

int vmapi_vcpu_irq_window(struct vmapi_vcpu *vcpu, int on)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (!err)
		err = check_no_irqchip(vcpu);
	if (err)
		return err;
	if (!vcpu->vm->ctx->be->vcpu_irq_window)
		return vmi_unsupported(vcpu->vm->ctx);
	err = vmi_vcpu_claim(vcpu);
	if (err)
		return err;
	err = vcpu->vm->ctx->be->vcpu_irq_window(vcpu, on != 0);
	vmi_vcpu_release(vcpu);
	return err;
}

int vmapi_vcpu_nmi(struct vmapi_vcpu *vcpu)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!vcpu->vm->ctx->be->vcpu_nmi)
		return vmi_unsupported(vcpu->vm->ctx);
	return vcpu->vm->ctx->be->vcpu_nmi(vcpu);
}

int vmapi_vcpu_smi(struct vmapi_vcpu *vcpu)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!vcpu->vm->ctx->be->vcpu_smi)
		return vmi_unsupported(vcpu->vm->ctx);
	if (!vmi_cap(vcpu->vm->ctx, vcpu->vm, VMAPI_CAP_SMM))
		return vmi_fail(-ENOTSUP, vmi_vcpu_label(vcpu),
			"the backend has no system management mode");
	return vcpu->vm->ctx->be->vcpu_smi(vcpu);
}

int vmapi_vcpu_translate(struct vmapi_vcpu *vcpu, uint64_t gva,
	unsigned access, struct vmapi_translation *result)
{
	const unsigned known = VMAPI_ACCESS_READ | VMAPI_ACCESS_WRITE |
		VMAPI_ACCESS_EXEC | VMAPI_ACCESS_USER;
	struct vmapi_translation own = { .size = sizeof(own) };
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!result)
		return vmi_null("result");
	if (access & ~known)
		return vmi_fail(-EINVAL, vmi_vcpu_label(vcpu),
			"unknown access bits 0x%x", access & ~known);
	err = vmi_out_check(result, sizeof(own));
	if (err)
		return err;
	if (!vcpu->vm->ctx->be->vcpu_translate)
		return vmi_unsupported(vcpu->vm->ctx);
	err = vmi_vcpu_claim(vcpu);
	if (err)
		return err;
	err = vcpu->vm->ctx->be->vcpu_translate(vcpu, gva, access, &own);
	vmi_vcpu_release(vcpu);
	if (!err)
		vmi_out_copy(result, &own, sizeof(own));
	return err;
}
