/* SPDX-License-Identifier: MIT */
/* System management mode: vmapi_vcpu_smi() and the second address space. */
#include "tests/api/api.h"

#define SMBASE	0x30000u
#define HANDLER (SMBASE + 0x8000)
#define AREA	(SMBASE + 0xfe00)
#define WINDOW	0xa0000u
#define HIDDEN	0xc0000u /* in RAM, what the window is in SMM */
#define PORT	0x80
#define DONE	0x98

/* out 0x80, al; rsm */
static const uint8_t handler[] = { 0xe6, PORT, 0x0f, 0xaa };
/* mov al, [0xa0000]; out 0x80, al; rsm */
static const uint8_t looks[] = { 0x67, 0x8a, 0x05, 0, 0, 0x0a, 0, 0xe6, PORT,
	0x0f, 0xaa };
/* out 0x98, al; out 0x98, al; hlt */
static const uint8_t code[] = { 0xe6, DONE, 0xe6, DONE, 0xf4 };

static bool begin(struct machine *m, struct vmapi_as **smram)
{
	struct vmapi_map_entry low = { .size = sizeof(low), .bytes = WINDOW,
		.ram = m->ram };
	struct vmapi_map_entry window = { .size = sizeof(window),
		.gpa = WINDOW, .bytes = 0x10000, .ram = m->ram,
		.offset = HIDDEN };
	struct vmapi_map *map;

	if (!api_cap(m, VMAPI_CAP_SMM)) {
		EQUAL(vmapi_vcpu_smi(m->vcpu), -ENOTSUP);
		api_skip("the backend has no SMM");
		return false;
	}
	EQUAL(vmapi_as_create(m->vm, smram), 0);
	EQUAL(vmapi_map_begin(m->vm, &map), 0);
	EQUAL(vmapi_map_add(map, *smram, &low), 0);
	EQUAL(vmapi_map_add(map, *smram, &window), 0);
	EQUAL(vmapi_map_commit(map), 0);
	EQUAL(vmapi_as_write(m->as, HANDLER, handler, sizeof(handler)), 0);
	api_load(m, code, sizeof(code));
	return true;
}

static uint64_t area(struct machine *m, unsigned at, unsigned bytes)
{
	uint8_t data[8];
	uint64_t v = 0;

	EQUAL(vmapi_as_read(m->as, AREA + at, data, bytes), 0);
	while (bytes--)
		v = v << 8 | data[bytes];
	return v;
}

static struct vmapi_x86_events events(struct machine *m)
{
	struct vmapi_x86_events e = { 0 };
	struct vmapi_reg reg = { .tag = VMAPI_X86_EVENTS, .data = &e,
		.bytes = sizeof(e) };

	EQUAL(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0), 0);
	return e;
}

static void events_set(struct machine *m, struct vmapi_x86_events *e)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_EVENTS, .data = e,
		.bytes = sizeof(*e) };

	EQUAL(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), 0);
}

/* The next port that is written, in SMM or not; what is written there. */
static uint8_t next(struct machine *m, uint64_t port, bool smm)
{
	struct vmapi_exit exit;

	EQUAL(api_run(m, &exit), VMAPI_EXIT_IO);
	if (exit.reason != VMAPI_EXIT_IO)
		return 0;
	EQUAL((int64_t)exit.u.io.port, (int64_t)port);
	EQUAL(!!(exit.flags & VMAPI_EXIT_SMM), smm);
	return *(uint8_t *)exit.u.io.data;
}

static void arguments(struct machine *m)
{
	(void)m;
	EQUAL(vmapi_vcpu_smi(NULL), -EINVAL);
}

static void there_and_back(struct machine *m)
{
	struct vmapi_as *smram;

	if (!begin(m, &smram))
		return;
	api_set(m->vcpu, VMAPI_X86_RBX, 0x1234);
	EQUAL(vmapi_vcpu_smi(m->vcpu), 0);
	next(m, PORT, true);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_CR4), 0);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_DEBUG(7)), 0x400);
	EQUAL(events(m).smm, 1);
	EQUAL(events(m).nmi_masked, 1);
	EQUAL((int64_t)area(m, 0xfc, 4), 0x20064);
	EQUAL((int64_t)area(m, 0x178, 8), API_CODE);
	EQUAL((int64_t)area(m, 0x1e0, 8), 0x1234);
	EQUAL((int64_t)area(m, 0x100, 4), SMBASE);
	EQUAL(vmapi_as_write(m->as, AREA + 0x1e0, "\x55\x66", 2), 0);
	next(m, DONE, false);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_RBX), 0x6655);
	EQUAL(events(m).smm, 0);
	EQUAL(events(m).nmi_masked, 0);
	vmapi_as_destroy(smram);
}

static void second_space(struct machine *m)
{
	struct vmapi_as *smram;

	if (!begin(m, &smram))
		return;
	EQUAL(vmapi_as_write(m->as, HANDLER, looks, sizeof(looks)), 0);
	EQUAL(vmapi_as_write(m->as, WINDOW, "\x11", 1), 0);
	EQUAL(vmapi_as_write(m->as, HIDDEN, "\x22", 1), 0);
	EQUAL(vmapi_vcpu_smi(m->vcpu), 0);
	EQUAL(next(m, PORT, true), 0x22);
	next(m, DONE, false);
	vmapi_as_destroy(smram);
}

static void relocation(struct machine *m)
{
	struct vmapi_as *smram;

	if (!begin(m, &smram))
		return;
	EQUAL(vmapi_as_write(m->as, HIDDEN + 0x8000, handler, sizeof(handler)),
		0);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_MSR(0x9e)), SMBASE);
	EQUAL(vmapi_vcpu_smi(m->vcpu), 0);
	next(m, PORT, true);
	EQUAL(vmapi_as_write(m->as, AREA + 0x100, "\0\0\x0a", 3), 0);
	next(m, DONE, false);
	EQUAL((int64_t)api_get(m->vcpu, VMAPI_X86_MSR(0x9e)), WINDOW);
	EQUAL(vmapi_vcpu_smi(m->vcpu), 0);
	next(m, PORT, true);
	next(m, DONE, false);
	vmapi_as_destroy(smram);
}

/* One is held until RSM, and nothing runs in between. */
static void held(struct machine *m)
{
	struct vmapi_as *smram;

	if (!begin(m, &smram))
		return;
	EQUAL(vmapi_vcpu_smi(m->vcpu), 0);
	next(m, PORT, true);
	EQUAL(vmapi_vcpu_smi(m->vcpu), 0);
	EQUAL(events(m).smi_pending, 1);
	next(m, PORT, true);
	EQUAL((int64_t)area(m, 0x178, 8), API_CODE);
	EQUAL(events(m).smi_pending, 0);
	next(m, DONE, false);
	vmapi_as_destroy(smram);
}

/* A processor that was moved here in the middle of a handler goes on. */
static void moved(struct machine *m)
{
	struct vmapi_x86_events e;
	struct vmapi_as *smram;

	if (!begin(m, &smram))
		return;
	EQUAL(vmapi_vcpu_smi(m->vcpu), 0);
	next(m, PORT, true);
	e = events(m);
	e.smm = 0;
	events_set(m, &e);
	EQUAL(events(m).smm, 0);
	e.smm = 1;
	events_set(m, &e);
	EQUAL(events(m).smm, 1);
	next(m, DONE, false);
	vmapi_as_destroy(smram);
}

/* A reset ends it. */
static void reset(struct machine *m)
{
	struct vmapi_as *smram;

	if (!begin(m, &smram))
		return;
	EQUAL(vmapi_vcpu_smi(m->vcpu), 0);
	next(m, PORT, true);
	EQUAL(vmapi_vcpu_reset(m->vcpu), 0);
	EQUAL(events(m).smm, 0);
	api_real_mode(m->vcpu, API_CODE);
	next(m, DONE, false);
	vmapi_as_destroy(smram);
}

static const struct api_case cases[] = {
	{ "arguments", arguments },
	{ "there and back", there_and_back },
	{ "the second address space", second_space },
	{ "relocation", relocation },
	{ "held", held },
	{ "moved", moved },
	{ "reset", reset },
};

int main(void)
{
	return api_main(cases, sizeof(cases) / sizeof(cases[0]));
}
