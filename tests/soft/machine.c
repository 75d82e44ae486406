/* SPDX-License-Identifier: MIT */
/* A software processor with RAM at 0, whose registers move in blocks. */
#include "tests/soft/machine.h"

#include <stdio.h>

#include "lib/soft/state.h"

void soft_machine_must(struct soft_machine *m, int err, const char *what)
{
	if (!err)
		return;
	m->failed = true;
	printf("%s: %s\n", what, vmapi_error_last()->message);
}

void soft_machine_set(struct soft_machine *m, enum vmi_block block,
	const void *data, size_t bytes)
{
	soft_machine_must(m, vmi_soft_block_set(m->vcpu, block, data, bytes),
		"setting registers");
}

void soft_machine_get(struct soft_machine *m, enum vmi_block block,
	void *data, size_t bytes)
{
	soft_machine_must(m, vmi_soft_block_get(m->vcpu, block, data, &bytes),
		"reading registers");
}

static int map_all(struct soft_machine *m, uint64_t bytes)
{
	struct vmapi_map_entry e = { .size = sizeof(e), .bytes = bytes,
		.ram = m->ram };
	struct vmapi_map *map;

	if (vmapi_map_begin(m->vm, &map) || vmapi_map_add(map, m->as, &e))
		return -1;
	return vmapi_map_commit(map);
}

int soft_machine_open(struct soft_machine *m, uint64_t ram_bytes)
{
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = ram_bytes };
	void *p;
	int err = vmapi_open("soft", 0, &m->ctx) ||
		vmapi_vm_create(m->ctx, NULL, &m->vm) ||
		vmapi_vm_as(m->vm, &m->as) ||
		vmapi_ram_create(m->ctx, &c, &m->ram) ||
		vmapi_ram_pointer(m->ram, &p) ||
		vmapi_vcpu_create(m->vm, NULL, &m->vcpu) ||
		map_all(m, ram_bytes);

	soft_machine_must(m, err, "the software processor");
	if (err)
		return -1;
	m->mem = p;
	return 0;
}

void soft_machine_close(struct soft_machine *m)
{
	vmapi_vcpu_destroy(m->vcpu);
	vmapi_ram_destroy(m->ram);
	vmapi_as_destroy(m->as);
	vmapi_vm_destroy(m->vm);
	vmapi_close(m->ctx);
}
