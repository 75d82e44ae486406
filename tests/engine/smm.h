/* SPDX-License-Identifier: MIT */
/* A machine with SMRAM, for tests of system management mode. */
#ifndef TESTS_ENGINE_SMM_H
#define TESTS_ENGINE_SMM_H

#include "tests/engine/engine.h"

#define CODE(c) (c), sizeof(c)

#define SMBASE	0x30000u
#define HANDLER (SMBASE + 0x8000)
#define AREA	(SMBASE + 0xfe00)
#define PORT	0x80 /* the handler says so */
#define DONE	0x98 /* the program goes on */

#define WINDOW	0xa0000u
#define HIDDEN	0x300000u /* in RAM, what the window is in SMM */

#define SMI_COUNT  VMAPI_X86_MSR(0x34)
#define SMBASE_REG VMAPI_X86_MSR(0x9e)

/* out 0x80, al; rsm */
static const uint8_t plain[] = { 0xe6, PORT, 0x0f, 0xaa };
/* nop; out 0x98, al */
static const uint8_t goes_on[] = { 0x90, 0xe6, DONE };

struct rig {
	struct engine e;
	struct vmapi_as *smram;
};

/* Both spaces have all of the RAM, and `plain` is the handler. */
void begin(struct rig *r, const char *what, unsigned irqchip);
void end(struct rig *r);
void smram_map(struct rig *r, uint64_t gpa, uint64_t bytes, uint64_t offset,
	unsigned flags);

void smi(struct rig *r);
/* Into the handler, which says so; out of it again, to a port behind. */
void enter(struct rig *r);
void leave(struct rig *r);

/* The map of the state, at its first place. */
uint64_t area(const struct rig *r, unsigned at, unsigned bytes);
void area_set(struct rig *r, unsigned at, uint64_t v, unsigned bytes);

struct vmapi_x86_segment segment(struct vmapi_vcpu *vcpu, unsigned n);
struct vmapi_x86_events events(struct vmapi_vcpu *vcpu);
void events_set(struct vmapi_vcpu *vcpu, struct vmapi_x86_events e);

#endif
