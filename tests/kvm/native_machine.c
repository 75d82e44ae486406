/* SPDX-License-Identifier: MIT */
/* A machine on the recording kernel, for the tests of each architecture. */
#include <errno.h>
#include <string.h>

#include "tests/kvm/native.h"

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

void native_only_breakpoints(struct vmapi_vcpu *vcpu, const uint32_t *told,
	uint32_t control, void (*fill)(struct kvm_run *run))
{
	static const struct vmapi_debug_point point = { .address = 0x1000 };
	struct vmapi_debug d = { .size = sizeof(d),
		.flags = VMAPI_DEBUG_SOFTWARE };
	struct vmapi_exit exit = { .size = sizeof(exit) };

	OK(vmapi_vcpu_debug(vcpu, &d));
	CHECK(*told == control);
	fake.script[0] = fill;
	fake.n_script = 1;
	fake.next = 0;
	OK(vmapi_vcpu_run(vcpu, &exit));
	CHECK(exit.reason == VMAPI_EXIT_DEBUG);
	CHECK(exit.u.debug.why == VMAPI_STOP_SOFTWARE);
	CHECK(exit.u.debug.address == NATIVE_STOP);
	d.flags = VMAPI_DEBUG_STEP;
	GIVES(vmapi_vcpu_debug(vcpu, &d), -ENOTSUP);
	d.flags = 0;
	d.n_points = 1;
	d.points = &point;
	GIVES(vmapi_vcpu_debug(vcpu, &d), -ENOSPC);
	OK(vmapi_vcpu_debug(vcpu, NULL));
	CHECK(*told == 0);
}
