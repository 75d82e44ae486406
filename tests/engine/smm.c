/* SPDX-License-Identifier: MIT */
/*
 * System management mode: SDM 3C chapter 31, AMD APM 2 chapter 10.  The map,
 * the way in and the way back, and the memory that is seen.  What a handler
 * would change in the map is changed from outside meanwhile.
 */
#include "tests/engine/smm.h"

#define UD 6

/* rsm */
static const uint8_t rsm[] = { 0x0f, 0xaa };

/* -- What the handler begins with --------------------------------------- */

/* SDM 3C table 31-3. */
static void check_entry(struct vmapi_vcpu *vcpu)
{
	unsigned n;

	for (n = 0; n < 6; n++) {
		struct vmapi_x86_segment s = segment(vcpu, n);

		EQUAL(s.base, n == 1 ? SMBASE : 0);
		EQUAL(s.selector, n == 1 ? SMBASE >> 4 : 0);
		EQUAL(s.limit, 0xffffffff);
		EQUAL(s.attributes, 0x8093);
	}
	EQUAL(segment(vcpu, 9).limit, 0);
	EQUAL(engine_get(vcpu, VMAPI_X86_RFLAGS), 2);
	EQUAL(engine_get(vcpu, VMAPI_X86_CR4), 0);
	EQUAL(engine_get(vcpu, VMAPI_X86_EFER), 0);
	EQUAL(engine_get(vcpu, VMAPI_X86_DEBUG(7)), 0x400);
}

/* APM 2 table 10-1. */
static void check_map_64(struct rig *r)
{
	unsigned n;

	for (n = 0; n < 16; n++)
		EQUAL(area(r, 0x1f8 - 8 * n, 8), n == 4 ? ENGINE_STACK :
			0x1111111111111111ull * n);
	EQUAL(area(r, 0x178, 8), ENGINE_CODE);
	EQUAL(area(r, 0x170, 8), 0x46);
	EQUAL(area(r, 0x168, 8), 0xffff0ff0);
	EQUAL(area(r, 0x160, 8), 0x700);
	EQUAL(area(r, 0x158, 8), 0x8001003b);
	EQUAL(area(r, 0x150, 8), ENGINE_PML4);
	EQUAL(area(r, 0x148, 8), 0x620);
	EQUAL(area(r, 0x100, 4), SMBASE);
	EQUAL(area(r, 0x0fc, 4), 0x20064);
	EQUAL(area(r, 0x0d0, 8), 0xd00);
	EQUAL(area(r, 0x0c0, 4), 0);
	EQUAL(area(r, 0x0c8, 4), 0);
	EQUAL(area(r, 0x010, 2), ENGINE_CODE64);
	EQUAL(area(r, 0x012, 2), 0xa09b);
	EQUAL(area(r, 0x014, 4), 0xffffffff);
	EQUAL(area(r, 0x020, 2), ENGINE_DATA32);
	EQUAL(area(r, 0x022, 2), 0xc093);
	EQUAL(area(r, 0x048, 8), 0x7fff12345678); /* FS */
	EQUAL(area(r, 0x064, 2), 0xff);
	EQUAL(area(r, 0x068, 8), ENGINE_GDT);
	EQUAL(area(r, 0x072, 2) & 0x80, 0); /* no LDT */
	EQUAL(area(r, 0x084, 2), 0xfff);
	EQUAL(area(r, 0x088, 8), ENGINE_IDT64);
	EQUAL(area(r, 0x090, 2), ENGINE_TR);
	EQUAL(area(r, 0x098, 8), ENGINE_TSS);
}

static void entry(void)
{
	struct rig r;
	unsigned n;

	begin(&r, "entry, long mode", VMAPI_IRQCHIP_NONE);
	engine_mode(&r.e, r.e.vcpu, 64);
	engine_load(&r.e, CODE(goes_on));
	for (n = 0; n < 16; n++)
		if (n != 4)
			engine_set(r.e.vcpu, VMAPI_X86_GPR(n),
				0x1111111111111111ull * n);
	engine_set(r.e.vcpu, VMAPI_X86_RFLAGS, 0x46);
	engine_set(r.e.vcpu, VMAPI_X86_CR0, 0x8001003b);
	engine_set(r.e.vcpu, VMAPI_X86_DEBUG(7), 0x700);
	engine_set(r.e.vcpu, VMAPI_X86_MSR(0xc0000100), 0x7fff12345678);
	enter(&r);
	check_entry(r.e.vcpu);
	EQUAL(engine_get(r.e.vcpu, VMAPI_X86_CR0), 0x10032);
	check_map_64(&r);
	EQUAL(engine_get(r.e.vcpu, SMI_COUNT), 1);
	leave(&r);
	EQUAL(engine_get(r.e.vcpu, VMAPI_X86_GPR(15)),
		0xffffffffffffffffull);
	end(&r);
}

/* Without long mode in CPUID: SDM 3C table 31-1. */
static void entry_32(void)
{
	struct vmapi_x86_cpuid list[64];
	struct vmapi_reg reg = { .tag = VMAPI_X86_CPUID, .data = list,
		.bytes = sizeof(list) };
	struct rig r;
	size_t i;

	begin(&r, "entry, no long mode", VMAPI_IRQCHIP_NONE);
	engine_must(vmapi_regs_get(r.e.vcpu, &reg, 1, NULL, 0));
	for (i = 0; i < reg.bytes / sizeof(list[0]); i++)
		if (list[i].leaf == 0x80000001)
			list[i].edx &= ~(1u << 29);
	engine_must(vmapi_regs_set(r.e.vcpu, &reg, 1, NULL, 0));
	engine_load(&r.e, CODE(goes_on));
	engine_set(r.e.vcpu, VMAPI_X86_RAX, 0x12345678);
	engine_set(r.e.vcpu, VMAPI_X86_RDI, 0x9abcdef0);
	enter(&r);
	check_entry(r.e.vcpu);
	EQUAL(area(&r, 0x1fc, 4), 0x31);
	EQUAL(area(&r, 0x1f4, 4), 2);
	EQUAL(area(&r, 0x1f0, 4), ENGINE_CODE);
	EQUAL(area(&r, 0x1ec, 4), 0x9abcdef0);
	EQUAL(area(&r, 0x1e0, 4), ENGINE_STACK);
	EQUAL(area(&r, 0x1d0, 4), 0x12345678);
	EQUAL(area(&r, 0x1c8, 4), 0x400);
	EQUAL(area(&r, 0x1c4, 4), ENGINE_TR);
	EQUAL(area(&r, 0x1ac, 4), ENGINE_CODE32);
	EQUAL(area(&r, 0x1b4, 4), ENGINE_DATA32);
	EQUAL(area(&r, 0x190, 4), 0xc09b00);
	EQUAL(area(&r, 0x174, 4), ENGINE_GDT);
	EQUAL(area(&r, 0x0fc, 4), 0x20000);
	EQUAL(area(&r, 0x0f8, 4), SMBASE);
	area_set(&r, 0x1d0, 0x55, 4); /* what the handler returns */
	leave(&r);
	EQUAL(engine_get(r.e.vcpu, VMAPI_X86_RAX), 0x55);
	EQUAL(segment(r.e.vcpu, 1).attributes, 0xc09b);
	EQUAL(segment(r.e.vcpu, 9).base, ENGINE_IDT32);
	end(&r);
}

/* -- There and back ----------------------------------------------------- */

enum { SEGMENTS = 10, VALUES = 26 };

struct state {
	struct vmapi_x86_segment seg[SEGMENTS];
	uint64_t value[VALUES];
};

static void state_get(struct vmapi_vcpu *vcpu, struct state *s)
{
	static const uint64_t more[] = { VMAPI_X86_RIP, VMAPI_X86_RFLAGS,
		VMAPI_X86_CR0, VMAPI_X86_CR2, VMAPI_X86_CR3, VMAPI_X86_CR4,
		VMAPI_X86_CR8, VMAPI_X86_EFER, VMAPI_X86_DEBUG(6),
		VMAPI_X86_DEBUG(7) };
	unsigned n;

	memset(s, 0, sizeof(*s));
	for (n = 0; n < SEGMENTS; n++)
		s->seg[n] = segment(vcpu, n);
	for (n = 0; n < VALUES; n++)
		s->value[n] = engine_get(vcpu, n < 16 ? VMAPI_X86_GPR(n) :
			more[n - 16]);
}

enum kind { REAL, FLAT32, PAE, USER32, LONG, USER64, V86 };

static void to_kind(struct engine *e, enum kind kind)
{
	struct vmapi_x86_segment s = { .limit = 0xffff, .attributes = 0xf3,
		.base = ENGINE_CODE, .selector = ENGINE_CODE >> 4 };
	struct vmapi_reg reg = { .data = &s, .bytes = sizeof(s) };
	unsigned n;

	engine_mode(e, e->vcpu, kind == REAL ? 16 : kind == LONG ? 64 : 32);
	if (kind == PAE)
		engine_pae(e, e->vcpu);
	if (kind == USER32 || kind == USER64)
		engine_user(e, e->vcpu, kind == USER64 ? 64 : 32);
	if (kind != V86)
		return;
	engine_set(e->vcpu, VMAPI_X86_RFLAGS, 0x23002);
	for (n = 0; n < 6; n++) {
		reg.tag = VMAPI_X86_SEGMENT(n);
		engine_must(vmapi_regs_set(e->vcpu, &reg, 1, NULL, 0));
	}
	engine_set(e->vcpu, VMAPI_X86_RIP, 0);
	engine_set(e->vcpu, VMAPI_X86_RSP, 0xf000);
}

static void round_trip(enum kind kind, const char *name)
{
	struct state before, after;
	struct rig r;
	unsigned n;

	begin(&r, name, VMAPI_IRQCHIP_NONE);
	to_kind(&r.e, kind);
	engine_load(&r.e, CODE(goes_on));
	state_get(r.e.vcpu, &before);
	enter(&r);
	EQUAL(engine_step(&r.e, 2), VMAPI_EXIT_LIMIT); /* OUT and RSM */
	state_get(r.e.vcpu, &after);
	CHECK(!(r.e.exit.flags & VMAPI_EXIT_SMM));
	for (n = 0; n < VALUES; n++)
		EQUAL(after.value[n], before.value[n]);
	for (n = 0; n < SEGMENTS; n++)
		CHECK(!memcmp(&after.seg[n], &before.seg[n],
			sizeof(after.seg[n])));
	end(&r);
}

/* -- RSM ---------------------------------------------------------------- */

static void rsm_outside(enum kind kind, const char *name)
{
	struct rig r;

	begin(&r, name, VMAPI_IRQCHIP_NONE);
	to_kind(&r.e, kind);
	if (kind == REAL) /* segment 0, with the stack where it is */
		engine_poke(&r.e, 4 * UD, 0x0400 << 16 | UD * 16, 4);
	engine_load(&r.e, CODE(rsm));
	EQUAL(engine_run(&r.e), VMAPI_EXIT_HALT);
	EQUAL(kind == REAL ? engine_get(r.e.vcpu, VMAPI_X86_RIP) :
		(uint64_t)engine_vector(&r.e), kind == REAL ? UD * 16 + 1 : UD);
	end(&r);
}

/* What is in no processor shuts it down. */
static void refused(const char *name, unsigned at, uint64_t set, bool shutdown)
{
	struct rig r;

	begin(&r, name, VMAPI_IRQCHIP_NONE);
	engine_mode(&r.e, r.e.vcpu, 64);
	engine_load(&r.e, CODE(goes_on));
	enter(&r);
	area_set(&r, at, area(&r, at, 8) ^ set, 8);
	EQUAL(engine_run(&r.e), shutdown ? VMAPI_EXIT_SHUTDOWN :
		VMAPI_EXIT_IO);
	end(&r);
}

/* -- Memory ------------------------------------------------------------- */

/* mov al, [0xa0000]; out 0x80, al; rsm, in 16-bit code */
static const uint8_t looks[] = { 0x67, 0x8a, 0x05, 0, 0, 0x0a, 0, 0xe6, PORT,
	0x0f, 0xaa };
/* mov al, [0xa0000]; out 0x98, al */
static const uint8_t looks_32[] = { 0xa0, 0, 0, 0x0a, 0, 0xe6, DONE };

static void seen(struct rig *r, unsigned port, unsigned value)
{
	EQUAL(engine_run(&r->e), VMAPI_EXIT_IO);
	EQUAL(r->e.exit.u.io.port, port);
	EQUAL(*(uint8_t *)r->e.exit.u.io.data, value);
}

/* Data is of the space that is seen, before and behind each change. */
static void spaces(void)
{
	struct rig r;
	unsigned i;

	begin(&r, "the second address space", VMAPI_IRQCHIP_NONE);
	smram_map(&r, WINDOW, 0x10000, HIDDEN, 0);
	memcpy(r.e.mem + HANDLER, CODE(looks));
	r.e.mem[WINDOW] = 1;
	r.e.mem[HIDDEN] = 2;
	for (i = 0; i < 3; i++) {
		engine_mode(&r.e, r.e.vcpu, 32);
		engine_load(&r.e, CODE(looks_32));
		seen(&r, DONE, 1);
		smi(&r);
		seen(&r, PORT, 2);
		area_set(&r, 0x178, ENGINE_CODE, 8);
		seen(&r, DONE, 1);
	}
	/* Until the next commit the vcpu sees what there was. */
	smi(&r);
	seen(&r, PORT, 2);
	smram_map(&r, WINDOW, 0x10000, WINDOW, 0);
	area_set(&r, 0x178, ENGINE_CODE, 8);
	seen(&r, DONE, 1);
	smi(&r);
	seen(&r, PORT, 1);
	end(&r);
}

/* Code at one address is two programs. */
static void code(void)
{
	struct rig r;
	unsigned i;

	begin(&r, "code in both spaces", VMAPI_IRQCHIP_NONE);
	smram_map(&r, SMBASE, 0x10000, HIDDEN, 0);
	memcpy(r.e.mem + HIDDEN + 0x8000, CODE(plain));
	memcpy(r.e.mem + HANDLER, CODE(goes_on));
	for (i = 0; i < 3; i++) {
		engine_mode(&r.e, r.e.vcpu, 32);
		engine_set(r.e.vcpu, VMAPI_X86_RIP, HANDLER);
		leave(&r);
		enter(&r);
		EQUAL(area(&r, 0xfc, 4), 0); /* the map is in SMRAM */
		EQUAL(engine_peek(&r.e, HIDDEN + 0xfefc, 4), 0x20064);
		engine_poke(&r.e, HIDDEN + 0xff78, HANDLER, 8);
		leave(&r);
	}
	end(&r);
}

/* Nobody made a second space: there is nothing. */
static void nothing(void)
{
	struct engine e;

	engine_about("no second space");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	memcpy(e.mem + HANDLER, CODE(plain));
	engine_must(vmapi_vcpu_smi(e.vcpu));
	EQUAL(engine_run(&e), VMAPI_EXIT_INTERNAL);
	EQUAL(engine_peek(&e, AREA + 0xfc, 4), 0);
	CHECK(e.exit.flags & VMAPI_EXIT_SMM);
	engine_close(&e);
}

/* SDM 3C 31.11. */
static void relocation(void)
{
	struct rig r;

	begin(&r, "SMBASE", VMAPI_IRQCHIP_NONE);
	memcpy(r.e.mem + 0x9d000 + 0x8000, CODE(plain));
	engine_load(&r.e, CODE(goes_on));
	enter(&r);
	area_set(&r, 0x100, 0x9d000, 4);
	leave(&r);
	EQUAL(engine_get(r.e.vcpu, SMBASE_REG), 0x9d000);
	enter(&r);
	EQUAL(segment(r.e.vcpu, 1).base, 0x9d000);
	EQUAL(segment(r.e.vcpu, 1).selector, 0x9d00);
	EQUAL(engine_peek(&r.e, 0x9d000 + 0xff00, 4), 0x9d000);
	engine_must(vmapi_vcpu_reset(r.e.vcpu));
	EQUAL(engine_get(r.e.vcpu, SMBASE_REG), SMBASE);
	CHECK(!events(r.e.vcpu).smm);
	end(&r);
}

/* The map is memory that was written, as by an instruction. */
static void logged(void)
{
	struct vmapi_dirty_run run;
	struct vmapi_dirty dirty = { .size = sizeof(dirty),
		.bytes = ENGINE_RAM, .flags = VMAPI_DIRTY_EXACT, .runs = &run,
		.n_runs = 1 };
	struct rig r;

	begin(&r, "dirty log", VMAPI_IRQCHIP_NONE);
	smram_map(&r, SMBASE, 0x10000, SMBASE, VMAPI_MAP_LOG);
	engine_must(vmapi_dirty_read(r.e.ram, &dirty));
	enter(&r);
	dirty.offset = 0;
	dirty.bytes = ENGINE_RAM;
	dirty.n_runs = 1;
	engine_must(vmapi_dirty_read(r.e.ram, &dirty));
	EQUAL(dirty.pages, 1);
	EQUAL(run.offset, AREA & ~0xfffull);
	end(&r);
}

/*
 * What a processor remembers of tables is gone behind the handler, also of
 * those that lead to pages not read yet.  mov eax, [rdi]; out 0x81, al; mov
 * edx, [rdi + 0x1000]; out 0x98, al
 */
static void tables_change(void)
{
	static const uint8_t code[] = { 0x8b, 0x07, 0xe6, 0x81, 0x8b, 0x97,
		0x00, 0x10, 0x00, 0x00, 0xe6, DONE };
	const uint64_t pd = ENGINE_PML4 + 0x3000, table = 0x180000;
	struct rig r;

	begin(&r, "tables change in SMM", VMAPI_IRQCHIP_NONE);
	engine_mode(&r.e, r.e.vcpu, 64);
	engine_load(&r.e, CODE(code));
	engine_poke(&r.e, pd, table | 3, 8);
	engine_poke(&r.e, table, 0x200003, 8);
	engine_poke(&r.e, table + 8, 0x201003, 8);
	engine_poke(&r.e, table + 0x1008, 0x202003, 8);
	engine_poke(&r.e, 0x202000, 0x4e3, 4);
	engine_set(r.e.vcpu, VMAPI_X86_RDI, 0x40000000);
	EQUAL(engine_run(&r.e), VMAPI_EXIT_IO);
	EQUAL(r.e.exit.u.io.port, 0x81);
	enter(&r);
	engine_poke(&r.e, pd, (table + 0x1000) | 3, 8);
	leave(&r);
	EQUAL(engine_get(r.e.vcpu, VMAPI_X86_RDX), 0x4e3);
	end(&r);
}

int main(void)
{
	static const struct {
		enum kind kind;
		const char *name;
	} kinds[] = {
		{ REAL, "real mode" }, { FLAT32, "32-bit mode" },
		{ PAE, "PAE" }, { USER32, "32-bit user" },
		{ LONG, "64-bit mode" }, { USER64, "64-bit user" },
		{ V86, "virtual-8086 mode" },
	};
	size_t i;

	entry();
	entry_32();
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		round_trip(kinds[i].kind, kinds[i].name);
		if (kinds[i].kind != V86)
			rsm_outside(kinds[i].kind, kinds[i].name);
	}
	refused("as it was", 0x148, 0, false);
	refused("CR4, reserved", 0x148, 1u << 31, true);
	refused("CR4, VMXE", 0x148, 0x2000, true);
	refused("CR0, PG without PE", 0x158, 1, true);
	refused("CR0, NW without CD", 0x158, 1u << 29, true);
	refused("CR0, CD", 0x158, 1u << 30, false);
	refused("CR0, bit 32", 0x158, 1ull << 32, true);
	refused("CR3, bit 40", 0x150, 1ull << 40, true);
	refused("CR4, no PAE", 0x148, 0x20, true);
	refused("EFER, reserved", 0xd0, 0x1000, true);
	refused("DR7, bit 32", 0x160, 1ull << 32, true);
	refused("DR6, bit 32", 0x168, 1ull << 32, true);
	spaces();
	code();
	nothing();
	relocation();
	logged();
	tables_change();
	return engine_result();
}
