/* SPDX-License-Identifier: MIT */
/* A machine on the recording kernel, for the tests of each architecture. */
#include "tests/kvm/native.h"

#include <string.h>

bool native_open(struct native_machine *m, struct vmapi *ctx,
	const struct vmapi_vcpu_config *config)
{
	memset(m, 0, sizeof(*m));
	return OK(vmapi_vm_create(ctx, NULL, &m->vm)) &&
		OK(vmapi_vcpu_create(m->vm, config, &m->vcpu));
}

void native_close(struct native_machine *m)
{
	vmapi_vcpu_destroy(m->vcpu);
	vmapi_vm_destroy(m->vm);
}

int native_set(struct vmapi_vcpu *vcpu, uint64_t tag, uint64_t value)
{
	struct vmapi_reg reg = { .tag = tag, .value = value };

	return vmapi_regs_set(vcpu, &reg, 1, NULL, 0);
}

uint64_t native_get(struct vmapi_vcpu *vcpu, uint64_t tag)
{
	struct vmapi_reg reg = { .tag = tag };

	OK(vmapi_regs_get(vcpu, &reg, 1, NULL, 0));
	return reg.value;
}
