/* SPDX-License-Identifier: MIT */
/* The small machine of the KVM tests, by the public interface only. */
#include "tests/kvm/machine.h"

#include <stdio.h>
#include <string.h>

int machine_map(struct machine *m, uint64_t gpa, uint64_t offset,
	uint64_t bytes, unsigned flags)
{
	struct vmapi_map_entry entry = {
		.size = sizeof(entry),
		.flags = flags,
		.gpa = gpa,
		.bytes = bytes,
		.ram = m->ram,
		.offset = offset,
	};
	struct vmapi_map *map;
	int rc = vmapi_map_begin(m->vm, &map);

	if (rc)
		return rc;
	rc = vmapi_map_remove(map, m->as, gpa, bytes);
	if (!rc)
		rc = vmapi_map_add(map, m->as, &entry);
	if (rc) {
		vmapi_map_abort(map);
		return rc;
	}
	return vmapi_map_commit(map);
}

int machine_open(struct machine *m, const struct vmapi_vm_config *config)
{
	struct vmapi_ram_config ram = {
		.size = sizeof(ram),
		.bytes = MACHINE_RAM,
		.name = "low",
	};
	void *pointer;

	memset(m, 0, sizeof(*m));
	if (vmapi_open("kvm", 0, &m->ctx)) {
		printf("%s\n", vmapi_error_last()->message);
		return 77;
	}
	if (!OK(vmapi_vm_create(m->ctx, config, &m->vm)) ||
		!OK(vmapi_vm_as(m->vm, &m->as)) ||
		!OK(vmapi_ram_create(m->ctx, &ram, &m->ram)) ||
		!OK(vmapi_ram_pointer(m->ram, &pointer)))
		return 1;
	m->mem = pointer;
	if (!OK(machine_map(m, 0, 0, MACHINE_RAM, 0)))
		return 1;
	m->vcpu = machine_vcpu(m, 0);
	return m->vcpu ? 0 : 1;
}

void machine_close(struct machine *m)
{
	vmapi_vcpu_destroy(m->vcpu);
	vmapi_ram_destroy(m->ram);
	vmapi_as_destroy(m->as);
	vmapi_vm_destroy(m->vm);
	vmapi_close(m->ctx);
	memset(m, 0, sizeof(*m));
}

struct vmapi_vcpu *machine_vcpu(struct machine *m, uint64_t id)
{
	struct vmapi_vcpu_config config = { .size = sizeof(config), .id = id };
	struct vmapi_vcpu *vcpu = NULL;

	OK(vmapi_vcpu_create(m->vm, &config, &vcpu));
	return vcpu;
}

uint64_t reg_get(struct vmapi_vcpu *vcpu, uint64_t tag)
{
	struct vmapi_reg reg = { .tag = tag };

	OK(vmapi_regs_get(vcpu, &reg, 1, NULL, 0));
	return reg.value;
}

void reg_set(struct vmapi_vcpu *vcpu, uint64_t tag, uint64_t value)
{
	struct vmapi_reg reg = { .tag = tag, .value = value };

	OK(vmapi_regs_set(vcpu, &reg, 1, NULL, 0));
}

void machine_load(struct machine *m, struct vmapi_vcpu *vcpu, uint64_t at,
	const void *code, size_t bytes)
{
	struct vmapi_x86_segment cs = {
		.limit = 0xffff,
		.attributes = 0x9b,
	};
	struct vmapi_x86_segment ds = {
		.limit = 0xffff,
		.attributes = 0x93,
	};
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_DS, .data = &ds, .bytes = sizeof(ds) },
		{ .tag = VMAPI_X86_ES, .data = &ds, .bytes = sizeof(ds) },
		{ .tag = VMAPI_X86_SS, .data = &ds, .bytes = sizeof(ds) },
		{ .tag = VMAPI_X86_RIP, .value = at },
		{ .tag = VMAPI_X86_RSP, .value = at },
		{ .tag = VMAPI_X86_RFLAGS, .value = 2 },
	};

	memcpy(m->mem + at, code, bytes);
	OK(vmapi_regs_set(vcpu, regs, sizeof(regs) / sizeof(regs[0]), NULL,
		0));
}

static bool has_reason(const struct vmapi_exit *exit, unsigned reason)
{
	if (exit->reason == reason)
		return true;
	printf("exit %s (KVM %u), not %s\n", vmapi_exit_name(exit->reason),
		exit->native, vmapi_exit_name(reason));
	if (exit->reason == VMAPI_EXIT_INTERNAL)
		printf("suberror %u, bytes %02x %02x %02x\n",
			exit->u.internal.suberror, exit->u.internal.bytes[0],
			exit->u.internal.bytes[1], exit->u.internal.bytes[2]);
	return false;
}

bool run_to(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit, unsigned reason)
{
	exit->size = sizeof(*exit);
	return OK(vmapi_vcpu_run(vcpu, exit)) &&
		CHECK(has_reason(exit, reason));
}

bool settle_to(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit,
	unsigned reason)
{
	exit->size = sizeof(*exit);
	return OK(vmapi_vcpu_settle(vcpu, exit)) &&
		CHECK(has_reason(exit, reason));
}
