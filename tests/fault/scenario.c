/* SPDX-License-Identifier: MIT */
/* What scenarios share. */
#include "tests/fault/scenario.h"

static int end_map(struct world *w, struct vmapi_map *map, int err)
{
	if (err) {
		vmapi_map_abort(map);
		return err;
	}
	return TRY(w, vmapi_map_commit(map));
}

int fault_map(struct world *w, uint64_t gpa, uint64_t bytes, uint64_t offset,
	unsigned flags)
{
	struct vmapi_map_entry e = { .size = sizeof(e), .flags = flags,
		.gpa = gpa, .bytes = bytes, .ram = w->ram, .offset = offset };
	struct vmapi_map *map;
	int err = TRY(w, vmapi_map_begin(w->vm, &map));

	return err ? err
		   : end_map(w, map, TRY(w, vmapi_map_add(map, w->as, &e)));
}

int fault_unmap(struct world *w, uint64_t gpa, uint64_t bytes)
{
	struct vmapi_map *map;
	int err = TRY(w, vmapi_map_begin(w->vm, &map));

	return err ? err : end_map(w, map,
		TRY(w, vmapi_map_remove(map, w->as, gpa, bytes)));
}

int fault_code(struct world *w, const void *code, size_t bytes)
{
	struct vmapi_x86_segment flat = { .limit = 0xffff,
		.attributes = 0x9b };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &flat, .bytes = sizeof(flat) },
		{ .tag = VMAPI_X86_RIP, .value = 0x1000 },
		{ .tag = VMAPI_X86_RFLAGS, .value = 2 },
	};
	int err = vmapi_as_write(w->as, 0x1000, code, bytes);

	return err ? err : vmapi_regs_set(w->vcpu, regs, 3, NULL, 0);
}
