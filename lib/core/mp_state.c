/* SPDX-License-Identifier: MIT */
/* Whether a vcpu runs or waits: one call on every architecture. */
#include <errno.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/regs.h"

/* Each architecture has a register of this name; 0: this one has not. */
static uint64_t tag_of(struct vmapi_vcpu *vcpu)
{
	const struct vmi_regs_arch *arch = vmi_regs_of(vcpu);
	size_t i;

	for (i = 0; i < arch->n_rows; i++)
		if (!strcmp(arch->rows[i].name, "mp_state"))
			return arch->rows[i].tag;
	return 0;
}

static int explain(struct vmapi_vcpu *vcpu, int err, unsigned state)
{
	if (err == -ENOENT || err == -ENOTSUP)
		return vmi_fail(-ENOTSUP, vmi_vcpu_label(vcpu),
			"this kernel keeps no MP state of its vcpus");
	if (err == -EINVAL)
		return vmi_fail(err, vmi_vcpu_label(vcpu), "MP state %u is "
			"none of this architecture, or none of this VM", state);
	return err;
}

int vmapi_vcpu_mp_state_get(struct vmapi_vcpu *vcpu, unsigned *state)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);
	struct vmapi_reg reg = { .status = 0 };

	if (err)
		return err;
	if (!state)
		return vmi_null("state");
	reg.tag = tag_of(vcpu);
	if (!reg.tag)
		return explain(vcpu, -ENOENT, 0);
	err = vmi_retell(vmapi_regs_get(vcpu, &reg, 1, NULL, 0), __func__);
	if (err) /* a kernel that knows the call and not the state */
		return explain(vcpu, err == -EINVAL ? -ENOENT : err, 0);
	*state = (unsigned)reg.value;
	return 0;
}

int vmapi_vcpu_mp_state_set(struct vmapi_vcpu *vcpu, unsigned state)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);
	struct vmapi_reg reg = { .value = state };
	unsigned now;

	if (err)
		return err;
	err = vmi_retell(vmapi_vcpu_mp_state_get(vcpu, &now), __func__);
	if (err)
		return err;
	reg.tag = tag_of(vcpu);
	err = vmi_retell(vmapi_regs_set(vcpu, &reg, 1, NULL, 0), __func__);
	return explain(vcpu, err, state);
}
