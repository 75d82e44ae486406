/* SPDX-License-Identifier: MIT */
/*
 * The end of code: where offsets end, by the segment's limit or since
 * addresses cease to be canonical.
 *
 * Near branches to beyond it fault themselves (SDM 2A, CALL, JMP, Jcc, LOOP;
 * SDM 2B, RET): the handler finds the branch, and all as it was before.  An
 * instruction that lies across the end faults as well.
 */
#include "tests/engine/engine.h"

#define GP 13
#define PF 14

#define PAGE  0x1000u
#define STACK 0x48000u /* of level 3 */
#define TABLE 0x150000u /* page tables of the last canonical page */
#define FLAGS 0x8d7u
#define FILL  0x5aa55aa55aa55aaaull

/* Code ends at `end`, whose last page is that before `phys`. */
struct place {
	unsigned mode;
	uint64_t end, phys;
};

static const struct place places[] = {
	{ 64, 0x800000000000, 0x20000 },
	{ 32, 0x20000, 0x20000 },
	{ 32, 0x1fa35, 0x1fa35 },
	{ 16, 0x8000, 0x8000 },
};

/* -- Machines ----------------------------------------------------------- */

static void code_segment(struct engine *e, const struct place *p)
{
	struct vmapi_x86_segment cs = { .limit = (uint32_t)p->end - 1,
		.attributes = 0x40fb, .selector = ENGINE_UCODE32 };
	struct vmapi_reg reg = { .tag = VMAPI_X86_CS, .data = &cs,
		.bytes = sizeof(cs) };

	if (p->mode == 16) {
		cs.attributes = 0x9b;
		cs.selector = 0;
	}
	engine_must(vmapi_regs_set(e->vcpu, &reg, 1, NULL, 0));
}

/* The last page below 2^47, and a stack of its own for #GP. */
static void last_page(struct engine *e, const struct place *p)
{
	uint64_t gate = ENGINE_IDT64 + 16 * GP;

	engine_poke(e, ENGINE_PML4 + 8 * 255, TABLE | 7, 8);
	engine_poke(e, TABLE + 8 * 511, (TABLE + PAGE) | 7, 8);
	engine_poke(e, TABLE + PAGE + 8 * 511, (TABLE + 2 * PAGE) | 7, 8);
	engine_poke(e, TABLE + 2 * PAGE + 8 * 511, (p->phys - PAGE) | 7, 8);
	engine_poke(e, gate + 4, engine_peek(e, gate + 4, 1) | 1, 1);
	engine_poke(e, ENGINE_TSS + 36, ENGINE_STACK, 8);
}

static void begin(struct engine *e, const struct place *p)
{
	unsigned i;

	engine_open(e, VMAPI_IRQCHIP_NONE);
	if (p->mode == 16)
		engine_mode(e, e->vcpu, 16);
	else
		engine_user(e, e->vcpu, p->mode);
	if (p->mode == 64)
		last_page(e, p);
	else
		code_segment(e, p);
	if (p->mode != 16)
		engine_set(e->vcpu, VMAPI_X86_RSP, STACK);
	engine_set(e->vcpu, VMAPI_X86_RFLAGS, FLAGS);
	for (i = 0; i < 16; i++)
		engine_poke(e, STACK - 64 + 8 * i, FILL, 8);
}

/* -- Branches ----------------------------------------------------------- */

enum how { SHORT, NEAR, WIDE, REGISTER, MEMORY, RETURN };

struct branch {
	const char *name;
	const char *code; /* without a distance */
	enum how how;
	unsigned before; /* bytes of it that are the instructions before */
	uint32_t flags;
};

/* Registers: RBX the target, RDI where it is in memory, RCX 5. */
static const struct branch branches[] = {
	{ "jmp rel8", "\xeb", SHORT, 0, FLAGS },
	{ "jmp rel32", "\xe9", NEAR, 0, FLAGS },
	{ "nop; jmp rel32", "\x90\xe9", NEAR, 1, FLAGS },
	{ "jz rel8", "\x74", SHORT, 0, FLAGS },
	{ "jo rel32", "\x0f\x80", NEAR, 0, FLAGS },
	{ "cmp eax, eax; jz rel8", "\x39\xc0\x74", SHORT, 2, 0x46 },
	{ "cmp ecx, 7; jl rel32", "\x83\xf9\x07\x0f\x8c", NEAR, 3, 0x93 },
	{ "test al, al; jz rel8", "\x84\xc0\x74", SHORT, 2, 0x46 },
	{ "cmp [edi], ecx; jnz rel8", "\x39\x0f\x75", SHORT, 2, 0x95 },
	{ "call rel32", "\xe8", NEAR, 0, FLAGS },
	{ "loop", "\xe2", SHORT, 0, FLAGS },
	{ "loope", "\xe1", SHORT, 0, FLAGS },
	{ "dec eax; loopne", "\xff\xc8\xe0", SHORT, 2, 0x97 },
	{ "xor ecx, ecx; jrcxz", "\x31\xc9\xe3", SHORT, 2, 0x46 },
	{ "jmp reg", "\xff\xe3", REGISTER, 0, FLAGS },
	{ "call reg", "\xff\xd3", REGISTER, 0, FLAGS },
	{ "jmp [mem]", "\xff\x27", MEMORY, 0, FLAGS },
	{ "call [mem]", "\xff\x17", MEMORY, 0, FLAGS },
	{ "ret", "\xc3", RETURN, 0, FLAGS },
	{ "ret 8", "\xc2\x08", RETURN, 0, FLAGS },
	{ "o32 jmp rel32", "\x66\xe9", WIDE, 0, FLAGS },
	{ "o32 call rel32", "\x66\xe8", WIDE, 0, FLAGS },
	{ "o32 jz rel32", "\x66\x0f\x84", WIDE, 0, FLAGS },
};

/* Memory operands are by DI or by EDI, RDI: the same bytes but in mode 16. */
static bool fits(const struct branch *b, const struct place *p)
{
	if (b->how == WIDE)
		return p->mode == 16;
	return p->mode != 16 || (b->how != MEMORY &&
		!strstr(b->name, "[edi]"));
}

static size_t encode(uint8_t *to, const struct branch *b,
	const struct place *p, uint64_t from)
{
	unsigned distance = b->how == SHORT ? 1 : b->how == WIDE ? 4 :
		b->how != NEAR ? 0 : p->mode == 16 ? 2 : 4, i;
	size_t n = strlen(b->code);
	uint64_t rel;

	memcpy(to, b->code, n);
	if (b->how == RETURN && n > 1)
		to[n++] = 0; /* the upper byte of RET's count */
	/* A little beyond the end. */
	rel = p->end + 5 - (from + n + distance);
	for (i = 0; i < distance; i++)
		to[n++] = (uint8_t)(rel >> (8 * i));
	return n;
}

/* The frame of #GP: how wide, and where. */
static void frame(struct engine *e, const struct branch *b,
	const struct place *p, uint64_t rip)
{
	unsigned size = p->mode / 8;
	uint64_t sp = p->mode == 16 ? 0xf000 - 3 * 2 : ENGINE_STACK -
		(p->mode == 64 ? 6 * 8 : 6 * 4);
	uint64_t at = sp + (p->mode == 16 ? 0 : size);

	EQUAL(engine_get(e->vcpu, VMAPI_X86_RSP), sp);
	if (p->mode != 16) {
		EQUAL(engine_peek(e, sp, size), 0);
		EQUAL(engine_peek(e, at + 3 * size, size), STACK);
	}
	EQUAL(engine_peek(e, at, size), rip);
	EQUAL(engine_peek(e, at + 2 * size, 2) & 0x8d7, b->flags | 2);
}

static void branch(const struct branch *b, const struct place *p)
{
	uint64_t from = p->end - 0x60, bad = p->end + 5;
	uint8_t code[16];
	struct engine e;
	unsigned i;

	engine_about(b->name);
	begin(&e, p);
	memcpy(e.mem + p->phys - 0x60, code, encode(code, b, p, from));
	engine_set(e.vcpu, VMAPI_X86_RIP, from);
	engine_set(e.vcpu, VMAPI_X86_RBX, bad);
	engine_set(e.vcpu, VMAPI_X86_RDI, ENGINE_DATA);
	engine_set(e.vcpu, VMAPI_X86_RCX, 5);
	engine_poke(&e, ENGINE_DATA, b->how == MEMORY ? bad : 1, 8);
	if (b->how == RETURN)
		engine_poke(&e, p->mode == 16 ? 0xf000 : STACK, bad, 8);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), GP);
	EQUAL(e.exit.retired, 1 + (b->before != 0));
	frame(&e, b, p, from + b->before);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RCX), strstr(b->name, "xor") ? 0 :
		5);
	for (i = 0; i < 8; i++)
		EQUAL(engine_peek(&e, STACK - 64 + 8 * i, 8), FILL);
	engine_close(&e);
}

/* -- Instructions across the end ---------------------------------------- */

/* mov ecx, imm32 (or imm16) of which `inside` bytes are before the end. */
static void across(const struct place *p, unsigned inside)
{
	unsigned bytes = p->mode == 16 ? 3 : 5;
	uint64_t from = p->end - inside;
	struct engine e;

	if (inside > bytes)
		return;
	engine_about("an instruction across the end");
	begin(&e, p);
	memset(e.mem + p->phys - inside, 0, 16);
	e.mem[p->phys - inside] = 0xb9;
	e.mem[p->phys - inside + bytes] = 0xf4;
	engine_set(e.vcpu, VMAPI_X86_RIP, from);
	engine_set(e.vcpu, VMAPI_X86_RCX, 5);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), GP);
	if (inside < bytes) {
		EQUAL(engine_get(e.vcpu, VMAPI_X86_RCX), 5);
	} else {
		/* All of it: what faults is the fetch behind. */
		EQUAL(engine_get(e.vcpu, VMAPI_X86_RCX), 0);
		from += bytes;
	}
	if (p->mode == 16)
		EQUAL(engine_peek(&e, 0xf000 - 6, 2), from);
	else if (p->mode == 32)
		EQUAL(engine_peek(&e, ENGINE_STACK - 20, 4), from);
	else
		EQUAL(engine_peek(&e, ENGINE_STACK - 40, 8), from);
	engine_close(&e);
}

/* Limits around the border of two pages, which fetching crosses as well. */
static void across_pages(void)
{
	struct place p = { .mode = 32 };
	unsigned i, inside;

	for (i = 0; i < 12; i++) {
		p.end = p.phys = 0x1fffa + i;
		for (inside = 1; inside <= 5; inside++)
			across(&p, inside);
	}
}

/* -- Where a run ends ---------------------------------------------------- */

#define ABSENT 0x60000u

/* One instruction that leads to where no page is. */
static const struct lead {
	const char *name;
	uint8_t code[8];
	unsigned bytes;
	bool falls; /* into the next page */
} leads[] = {
	{ "jmp rel32", { 0xe9, 0xfb, 0xff, 4, 0 }, 5, false },
	{ "call rel32", { 0xe8, 0xfb, 0xff, 4, 0 }, 5, false },
	{ "jz rel32", { 0x0f, 0x84, 0xfa, 0xff, 4, 0 }, 6, false },
	{ "jmp reg", { 0xff, 0xe3 }, 2, false },
	{ "jmp [mem]", { 0xff, 0x27 }, 2, false },
	{ "ret", { 0xc3 }, 1, false },
	{ "nop", { 0x90 }, 1, true },
};

/*
 * A limit of instructions that is reached ends the run, and what the next one
 * does, were it the fault of its fetch, is the next run's.
 */
static void fetch_behind_limit(const struct lead *l, unsigned mode)
{
	uint64_t from = l->falls ? ABSENT - l->bytes : ENGINE_CODE;
	struct engine e;

	engine_about(l->name);
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, mode);
	if (mode == 32)
		engine_pae(&e, e.vcpu);
	engine_poke(&e, ENGINE_PT + 8 * (ABSENT / PAGE), 0, 8);
	memcpy(e.mem + from, l->code, l->bytes);
	engine_set(e.vcpu, VMAPI_X86_RIP, from);
	engine_set(e.vcpu, VMAPI_X86_RBX, ABSENT);
	engine_set(e.vcpu, VMAPI_X86_RDI, ENGINE_DATA);
	engine_set(e.vcpu, VMAPI_X86_CR2, FILL & 0xffffffff);
	engine_poke(&e, ENGINE_DATA, ABSENT, 8);
	engine_poke(&e, ENGINE_STACK, ABSENT, 8);
	engine_set(e.vcpu, VMAPI_X86_RFLAGS, FLAGS);
	EQUAL(engine_step(&e, 1), VMAPI_EXIT_LIMIT);
	EQUAL(e.exit.retired, 1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RIP), ABSENT);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_CR2), FILL & 0xffffffff);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), PF);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_CR2), ABSENT);
	engine_close(&e);
}

/* -- Fifteen bytes ------------------------------------------------------ */

/* Prefixes and a NOP, at `at`; the page behind may be absent. */
static void length(unsigned n, uint64_t at, bool absent, int vector)
{
	struct engine e;

	engine_about("the length of an instruction");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	memset(e.mem + at, 0x66, n - 1);
	e.mem[at + n - 1] = 0x90;
	e.mem[at + n] = 0xf4;
	if (absent)
		engine_poke(&e, ENGINE_PT + 8 * (at / PAGE + 1), 0, 8);
	engine_set(e.vcpu, VMAPI_X86_RIP, at);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), vector);
	if (vector < 0)
		EQUAL(engine_get(e.vcpu, VMAPI_X86_RIP), at + n + 1);
	else
		EQUAL(engine_peek(&e, ENGINE_STACK - 40, 8), at);
	engine_close(&e);
}

static void lengths(void)
{
	length(15, 0x18000, false, -1);
	length(16, 0x18000, false, GP);
	length(15, 0x18ff8, false, -1);
	length(16, 0x18ff8, false, GP);
	length(15, 0x18ff1, false, -1);
	length(16, 0x18ff1, true, GP); /* the sixteenth is not fetched */
	length(15, 0x18ff2, true, PF);
}

int main(void)
{
	size_t i, k;
	unsigned inside;

	for (k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
		for (i = 0; i < sizeof(branches) / sizeof(branches[0]); i++)
			if (fits(&branches[i], &places[k]))
				branch(&branches[i], &places[k]);
		for (inside = 1; inside <= 5; inside++)
			across(&places[k], inside);
	}
	across_pages();
	for (i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
		fetch_behind_limit(&leads[i], 64);
		fetch_behind_limit(&leads[i], 32);
	}
	lengths();
	return engine_result();
}
