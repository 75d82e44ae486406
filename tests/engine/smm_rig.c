/* SPDX-License-Identifier: MIT */
/* A machine with SMRAM, for tests of system management mode. */
#include "tests/engine/smm.h"

void smram_map(struct rig *r, uint64_t gpa, uint64_t bytes, uint64_t offset,
	unsigned flags)
{
	struct vmapi_map_entry entry = { .size = sizeof(entry), .gpa = gpa,
		.bytes = bytes, .ram = r->e.ram, .offset = offset,
		.flags = flags };
	struct vmapi_map *map;

	engine_must(vmapi_map_begin(r->e.vm, &map));
	engine_must(vmapi_map_remove(map, r->smram, gpa, bytes));
	engine_must(vmapi_map_add(map, r->smram, &entry));
	engine_must(vmapi_map_commit(map));
}

void begin(struct rig *r, const char *what, unsigned irqchip)
{
	engine_about(what);
	engine_open(&r->e, irqchip);
	engine_must(vmapi_as_create(r->e.vm, &r->smram));
	smram_map(r, 0, ENGINE_RAM, 0, 0);
	memcpy(r->e.mem + HANDLER, CODE(plain));
}

void end(struct rig *r)
{
	vmapi_as_destroy(r->smram);
	engine_close(&r->e);
}

void smi(struct rig *r)
{
	engine_must(vmapi_vcpu_smi(r->e.vcpu));
}

void enter(struct rig *r)
{
	smi(r);
	EQUAL(engine_run(&r->e), VMAPI_EXIT_IO);
	EQUAL(r->e.exit.u.io.port, PORT);
	CHECK(r->e.exit.flags & VMAPI_EXIT_SMM);
}

void leave(struct rig *r)
{
	EQUAL(engine_run(&r->e), VMAPI_EXIT_IO);
	EQUAL(r->e.exit.u.io.port, DONE);
	CHECK(!(r->e.exit.flags & VMAPI_EXIT_SMM));
}

uint64_t area(const struct rig *r, unsigned at, unsigned bytes)
{
	return engine_peek(&r->e, AREA + at, bytes);
}

void area_set(struct rig *r, unsigned at, uint64_t v, unsigned bytes)
{
	engine_poke(&r->e, AREA + at, v, bytes);
}

struct vmapi_x86_segment segment(struct vmapi_vcpu *vcpu, unsigned n)
{
	struct vmapi_x86_segment s;
	struct vmapi_reg reg = { .tag = VMAPI_X86_SEGMENT(n), .data = &s,
		.bytes = sizeof(s) };

	engine_must(vmapi_regs_get(vcpu, &reg, 1, NULL, 0));
	return s;
}

struct vmapi_x86_events events(struct vmapi_vcpu *vcpu)
{
	struct vmapi_x86_events e;
	struct vmapi_reg reg = { .tag = VMAPI_X86_EVENTS, .data = &e,
		.bytes = sizeof(e) };

	engine_must(vmapi_regs_get(vcpu, &reg, 1, NULL, 0));
	return e;
}

void events_set(struct vmapi_vcpu *vcpu, struct vmapi_x86_events e)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_EVENTS, .data = &e,
		.bytes = sizeof(e) };

	engine_must(vmapi_regs_set(vcpu, &reg, 1, NULL, 0));
}
