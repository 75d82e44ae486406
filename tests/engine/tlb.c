/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of page tables, and what makes it forgotten: INVLPG,
 * CR3, CR4, INVPCID (SDM 3A 4.10).
 *
 * A page is read, its entry changed, something is executed, and the page is
 * read again: from the new page where it had to be forgotten, from the old
 * where a global page has to stay or the other page was invalidated.
 */
#include "tests/engine/engine.h"

#define PAGE   0x1000u
#define LINEAR 0x40000000u /* under test: by TABLE, or a page of 2 MiB */
#define TABLE  0x180000u
#define OLD    0x200000u
#define NEW    0x300000u

#define GP 13

enum { P = 1, W = 2, PS = 0x80, G = 0x100 };

#define PGE   0x80u
#define PCIDE 0x20000u

/* mov eax, [rdi]; mov [rsi], rbx; <code>; mov edx, [rdi]; hlt */
static const uint8_t before[] = { 0x8b, 0x07, 0x48, 0x89, 0x1e };
static const uint8_t after[] = { 0x8b, 0x17, 0xf4 };

#define INVLPG	"\x0f\x01\x39"		       /* invlpg [rcx] */
#define CR3	"\x41\x0f\x22\xd8"	       /* mov cr3, r8 */
#define CR4	"\x41\x0f\x22\xe1"	       /* mov cr4, r9 */
#define INVPCID "\x66\x44\x0f\x38\x82\x55\x00" /* invpcid r10, [rbp] */
#define CODE(c) (const uint8_t *)(c), sizeof(c) - 1

struct row {
	const char *name;
	uint64_t entry; /* bits of LINEAR's */
	uint64_t cr4, cr3;
	const uint8_t *code;
	size_t bytes;
	uint64_t rcx, r8, r9, r10; /* r8: bits of CR3; r9: of CR4 */
	uint64_t pcid, linear;	   /* INVPCID's descriptor */
	bool kept;
};

static const struct row rows[] = {
	{ "invlpg", P | W, 0, 0, CODE(INVLPG), .rcx = LINEAR + 0xfff },
	{ "invlpg of another page", P | W, 0, 0, CODE(INVLPG),
		.rcx = LINEAR + PAGE, .kept = true },
	{ "invlpg of a global page", P | W | G, PGE, 0, CODE(INVLPG),
		.rcx = LINEAR },
	{ "mov cr3", P | W, PGE, 0, CODE(CR3), .r8 = 0 },
	{ "mov cr3, global", P | W | G, PGE, 0, CODE(CR3), .kept = true },
	{ "mov cr3, G without PGE", P | W | G, 0, 0, CODE(CR3), .r8 = 0 },
	{ "mov cr4, PGE off", P | W | G, PGE, 0, CODE(CR4), .r9 = 0 },
	{ "mov cr4, PGE on", P | W, 0, 0, CODE(CR4), .r9 = PGE },
	{ "PCID, another", P | W, PCIDE, 1, CODE(CR3), .r8 = 2 },
	{ "PCID, another, global", P | W | G, PCIDE | PGE, 1, CODE(CR3),
		.r8 = 2, .kept = true },
	{ "invpcid of the address", P | W, PCIDE, 3, CODE(INVPCID), .pcid = 3,
		.linear = LINEAR },
	{ "invpcid of an address, another", P | W, PCIDE, 3, CODE(INVPCID),
		.pcid = 3, .linear = LINEAR + PAGE, .kept = true },
	{ "invpcid of an address, another context", P | W, PCIDE, 3,
		CODE(INVPCID), .pcid = 4, .linear = LINEAR, .kept = true },
	{ "invpcid of the context", P | W, PCIDE, 3, CODE(INVPCID), .r10 = 1,
		.pcid = 3 },
	{ "invpcid of another context", P | W, PCIDE, 3, CODE(INVPCID),
		.r10 = 1, .pcid = 4, .kept = true },
	{ "invpcid of the context, global", P | W | G, PCIDE | PGE, 3,
		CODE(INVPCID), .r10 = 1, .pcid = 3, .kept = true },
	{ "invpcid of all", P | W | G, PCIDE | PGE, 3, CODE(INVPCID),
		.r10 = 2 },
	{ "invpcid of all but global, global", P | W | G, PCIDE | PGE, 3,
		CODE(INVPCID), .r10 = 3, .kept = true },
	{ "invpcid of all but global", P | W, PCIDE | PGE, 3, CODE(INVPCID),
		.r10 = 3 },
	{ "invpcid without PCIDE", P | W, 0, 0, CODE(INVPCID),
		.linear = LINEAR },
};

static uint64_t entry_at(struct engine *e, const struct row *r, bool large)
{
	uint64_t pd = ENGINE_PML4 + 0x2000 + 0x1000 * (LINEAR >> 30);

	engine_poke(e, OLD, 0x01d, 4);
	engine_poke(e, NEW, 0x4e3, 4);
	if (large) {
		engine_poke(e, pd, OLD | PS | r->entry, 8);
		return pd;
	}
	engine_poke(e, pd, TABLE | P | W, 8);
	engine_poke(e, TABLE, OLD | r->entry, 8);
	return TABLE;
}

static void begin(struct engine *e, const struct row *r)
{
	size_t n = sizeof(before);
	uint8_t code[32];

	engine_open(e, VMAPI_IRQCHIP_NONE);
	engine_mode(e, e->vcpu, 64);
	memcpy(code, before, n);
	memcpy(code + n, r->code, r->bytes);
	memcpy(code + n + r->bytes, after, sizeof(after));
	engine_load(e, code, n + r->bytes + sizeof(after));
	engine_set(e->vcpu, VMAPI_X86_CR4, 0x620 | r->cr4);
	engine_set(e->vcpu, VMAPI_X86_CR3, ENGINE_PML4 | r->cr3);
	engine_set(e->vcpu, VMAPI_X86_RCX, r->rcx);
	engine_set(e->vcpu, VMAPI_X86_R8, ENGINE_PML4 | r->r8);
	engine_set(e->vcpu, VMAPI_X86_R9, 0x620 | r->r9);
	engine_set(e->vcpu, VMAPI_X86_R10, r->r10);
	engine_set(e->vcpu, VMAPI_X86_RBP, ENGINE_DATA);
	engine_poke(e, ENGINE_DATA, r->pcid, 8);
	engine_poke(e, ENGINE_DATA + 8, r->linear, 8);
	engine_set(e->vcpu, VMAPI_X86_RDI, LINEAR);
}

static void remembered(const struct row *r, bool large)
{
	struct engine e;
	uint64_t at;

	engine_about(r->name);
	begin(&e, r);
	at = entry_at(&e, r, large);
	engine_set(e.vcpu, VMAPI_X86_RSI, at);
	engine_set(e.vcpu, VMAPI_X86_RBX, NEW | r->entry);
	if (large) {
		/* The first 2 MiB: RAM at 0 instead of OLD. */
		engine_set(e.vcpu, VMAPI_X86_RBX, PS | r->entry);
		engine_poke(&e, 0, 0x4e3, 4);
	}
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RAX), 0x01d);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RDX), r->kept ? 0x01d : 0x4e3);
	engine_close(&e);
}

/* Any byte of a large page makes all parts of it forgotten. */
static void large_pages(void)
{
	static const struct row parts[] = {
		{ "invlpg of a large page", P | W, 0, 0, CODE(INVLPG),
			.rcx = LINEAR + 0x1ff123 },
		{ "invlpg of another large page", P | W, 0, 0, CODE(INVLPG),
			.rcx = LINEAR + 0x200000, .kept = true },
		{ "invpcid in a large page", P | W, PCIDE, 3, CODE(INVPCID),
			.pcid = 3, .linear = LINEAR + 0x54321 },
		{ "mov cr3, a large global page", P | W | G, PGE, 0, CODE(CR3),
			.kept = true },
	};
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		remembered(&parts[i], true);
}

/* What INVPCID and CR3, CR4 refuse: #GP(0). */
static void refused(void)
{
	static const struct row bad[] = {
		{ "invpcid, type 4", P | W, PCIDE, 0, CODE(INVPCID),
			.r10 = 4 },
		{ "invpcid, reserved bits", P | W, PCIDE, 0, CODE(INVPCID),
			.r10 = 2, .pcid = 0x1000 },
		{ "invpcid, not canonical", P | W, PCIDE, 0, CODE(INVPCID),
			.linear = 1ull << 47 },
		{ "invpcid, a PCID without PCIDE", P | W, 0, 0, CODE(INVPCID),
			.r10 = 1, .pcid = 1 },
		{ "cr4, PCIDE with a PCID", P | W, 0, 1, CODE(CR4),
			.r9 = PCIDE },
		{ "cr3, bit 63 without PCIDE", P | W, 0, 0, CODE(CR3),
			.r8 = 1ull << 63 },
		{ "cr3, bit 62", P | W, PCIDE, 0, CODE(CR3),
			.r8 = 1ull << 62 },
	};
	struct engine e;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		engine_about(bad[i].name);
		begin(&e, &bad[i]);
		engine_set(e.vcpu, VMAPI_X86_RSI, entry_at(&e, &bad[i], false));
		EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
		EQUAL(engine_vector(&e), GP);
		engine_close(&e);
	}
}

/* Bit 63 says that nothing need be forgotten, and is not kept. */
static void no_flush(void)
{
	static const struct row r = { "cr3, bit 63", P | W, PCIDE, 0,
		CODE(CR3), .r8 = 1ull << 63 | 5 };
	struct engine e;

	engine_about(r.name);
	begin(&e, &r);
	engine_set(e.vcpu, VMAPI_X86_RSI, entry_at(&e, &r, false));
	engine_set(e.vcpu, VMAPI_X86_RBX, NEW | P | W);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_CR3), ENGINE_PML4 | 5);
	engine_close(&e);
}

/*
 * A store across 2 GiB, where the page behind is known already: its two pages
 * are far apart in RAM, and both have one entry of the TLB.
 */
static void across(void)
{
	/* mov eax, [rdi]; mov [rdi], eax; mov [rsi], ebx; hlt */
	static const uint8_t code[] = { 0x8b, 0x07, 0x89, 0x07, 0x89, 0x1e,
		0xf4 };
	struct engine e;

	engine_about("across 2 GiB");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	engine_load(&e, code, sizeof(code));
	engine_poke(&e, ENGINE_PML4 + 0x3000 + 8 * 511, OLD | PS | P | W, 8);
	engine_poke(&e, ENGINE_PML4 + 0x4000, OLD | PS | P | W, 8);
	engine_set(e.vcpu, VMAPI_X86_RDI, 0x80000000);
	engine_set(e.vcpu, VMAPI_X86_RSI, 0x7ffffffe);
	engine_set(e.vcpu, VMAPI_X86_RBX, 0x44332211);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_peek(&e, OLD - 2, 2), 0);
	EQUAL(engine_peek(&e, OLD + 0x1ffffe, 2), 0x2211);
	EQUAL(engine_peek(&e, OLD, 2), 0x4433);
	engine_close(&e);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		remembered(&rows[i], false);
	large_pages();
	refused();
	no_flush();
	across();
	return engine_result();
}
