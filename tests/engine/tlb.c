/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of page tables, and what makes it forgotten: INVLPG,
 * CR3, CR4, INVPCID (SDM 3A 4.10).
 *
 * A page is read, its entry changed, something is executed, and the page is
 * read again: from the new page where it had to be forgotten, from the old
 * where a global page has to stay or the other page was invalidated.  Then the
 * same with the entry above, and the page behind, of which nothing is known
 * but that.
 */
#include "tests/engine/engine.h"

#define PAGE   0x1000u
/* Under test: by TABLE, or a page of 2 MiB; nothing else has its slots. */
#define LINEAR 0x42600000u
#define ABOVE  (ENGINE_PML4 + 0x3000 + 8 * (LINEAR >> 21 & 511))
#define TABLE  0x180000u
#define OTHER  0x181000u /* another table for LINEAR */
#define OLD    0x200000u
#define NEW    0x300000u

#define GP 13
#define PF 14

enum { P = 1, W = 2, A = 0x20, D = 0x40, PS = 0x80, G = 0x100 };

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
	engine_poke(e, OLD, 0x01d, 4);
	engine_poke(e, NEW, 0x4e3, 4);
	if (large) {
		engine_poke(e, ABOVE, OLD | PS | r->entry, 8);
		return ABOVE;
	}
	engine_poke(e, ABOVE, TABLE | P | W, 8);
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

/*
 * Of two large pages, known in either order, the one that is invalidated.  mov
 * eax, [rdi]; mov eax, [r8]; mov [rsi], rbx; invlpg [r9 + 0x54321]; mov edx,
 * [r9]; hlt
 */
static void two_large(void)
{
	static const uint8_t code[] = { 0x8b, 0x07, 0x41, 0x8b, 0x00, 0x48,
		0x89, 0x1e, 0x41, 0x0f, 0x01, 0xb9, 0x21, 0x43, 0x05, 0x00,
		0x41, 0x8b, 0x11, 0xf4 };
	const uint64_t pages[] = { LINEAR, LINEAR + 0x200000 };
	struct engine e;
	unsigned i;

	for (i = 0; i < 4; i++) {
		engine_about("two large pages");
		engine_open(&e, VMAPI_IRQCHIP_NONE);
		engine_mode(&e, e.vcpu, 64);
		engine_load(&e, code, sizeof(code));
		engine_poke(&e, 0, 0x4e3, 4);
		engine_poke(&e, OLD, 0x01d, 4);
		engine_poke(&e, ABOVE, OLD | P | W | PS, 8);
		engine_poke(&e, ABOVE + 8, OLD | P | W | PS, 8);
		engine_set(e.vcpu, VMAPI_X86_RDI, pages[i & 1]);
		engine_set(e.vcpu, VMAPI_X86_R8, pages[!(i & 1)]);
		engine_set(e.vcpu, VMAPI_X86_R9, pages[i >> 1]);
		engine_set(e.vcpu, VMAPI_X86_RSI, ABOVE + 8 * (i >> 1));
		engine_set(e.vcpu, VMAPI_X86_RBX, P | W | PS);
		EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
		EQUAL(engine_vector(&e), -1);
		EQUAL(engine_get(e.vcpu, VMAPI_X86_RAX), 0x01d);
		EQUAL(engine_get(e.vcpu, VMAPI_X86_RDX), 0x4e3);
		engine_close(&e);
	}
}

/* -- The way to a page -------------------------------------------------- */

/* The entry above TABLE, which has three pages of OLD, as has OTHER of NEW. */
static void tables(struct engine *e, uint64_t bits)
{
	unsigned i;

	for (i = 0; i < 3; i++) {
		engine_poke(e, TABLE + 8 * i, (OLD + PAGE * i) | bits, 8);
		engine_poke(e, OTHER + 8 * i, (NEW + PAGE * i) | bits, 8);
		engine_poke(e, OLD + PAGE * i, 0x01d, 4);
		engine_poke(e, NEW + PAGE * i, 0x4e3, 4);
	}
	engine_poke(e, ABOVE, TABLE | P | W, 8);
}

/*
 * mov eax, [rdi]; mov [rsi], rbx; <code>; mov edx, [rdi + PAGE]; hlt: RBX
 * is a table, or a large page.
 */
static void path(const struct row *r, bool large)
{
	/* mov edx, [rdi+0x1000]; hlt */
	static const uint8_t behind[] = { 0x8b, 0x97, 0x00, 0x10, 0x00, 0x00,
		0xf4 };
	struct engine e;

	engine_about(r->name);
	begin(&e, r);
	engine_must(vmapi_as_write(e.as, ENGINE_CODE + sizeof(before) +
		r->bytes, behind, sizeof(behind)));
	tables(&e, r->entry | A);
	engine_set(e.vcpu, VMAPI_X86_RSI, ABOVE);
	engine_set(e.vcpu, VMAPI_X86_RBX, OTHER | P | W);
	if (large) {
		/* The first 2 MiB once more. */
		engine_set(e.vcpu, VMAPI_X86_RBX, P | W | PS);
		engine_poke(&e, PAGE, 0x4e3, 4);
	}
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RAX), 0x01d);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RDX), r->kept ? 0x01d : 0x4e3);
	engine_close(&e);
}

/* SDM 3A 4.10.4.1: INVLPG takes all entries, global pages keep none. */
static void paths(void)
{
	static const struct row some[] = {
		{ "a table", P | W, 0, 0, CODE("\x90"), .kept = true },
		{ "a table, invlpg", P | W, 0, 0, CODE(INVLPG),
			.rcx = LINEAR + PAGE },
		{ "a table, invlpg of another page", P | W, 0, 0, CODE(INVLPG),
			.rcx = 0x80000000 },
		{ "a table, mov cr3", P | W, 0, 0, CODE(CR3), .r8 = 0 },
		{ "a table of global pages, mov cr3", P | W | G, PGE, 0,
			CODE(CR3), .r8 = 0 },
		{ "a table, PGE on", P | W, 0, 0, CODE(CR4), .r9 = PGE },
		{ "a table, PGE off", P | W | G, PGE, 0, CODE(CR4), .r9 = 0 },
		{ "a table, another PCID", P | W, PCIDE, 1, CODE(CR3),
			.r8 = 2 },
		{ "a table, invpcid of an address", P | W, PCIDE, 3,
			CODE(INVPCID), .pcid = 3, .linear = LINEAR + PAGE },
		{ "a table, invpcid of another context", P | W, PCIDE, 3,
			CODE(INVPCID), .r10 = 1, .pcid = 4, .kept = true },
		{ "a table, invpcid of the context", P | W, PCIDE, 3,
			CODE(INVPCID), .r10 = 1, .pcid = 3 },
		{ "a table, invpcid of all but global", P | W, PCIDE, 3,
			CODE(INVPCID), .r10 = 3 },
		{ "a table, invpcid of all", P | W, PCIDE, 3, CODE(INVPCID),
			.r10 = 2 },
	};
	size_t i;

	for (i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		path(&some[i], false);
		path(&some[i], true);
	}
}

/*
 * A page fault forgets the way to the page before it is one: what the entry
 * above allows since is allowed.  The last entry is looked at each time.  mov
 * eax, [rdi]; mov [rsi], rbx; mov [rdi + PAGE], eax; hlt
 */
static void entries(void)
{
	static const uint8_t code[] = { 0x8b, 0x07, 0x48, 0x89, 0x1e, 0x89,
		0x87, 0x00, 0x10, 0x00, 0x00, 0xf4 };
	static const struct {
		const char *name;
		uint64_t above, then, last, written;
		int vector;
	} some[] = {
		{ "a table gives less", TABLE | P, TABLE | P, 0, 0, PF },
		{ "a table gives more", TABLE | P, TABLE | P | W, 0, OLD, -1 },
		{ "a reserved bit behind", TABLE | P | W, TABLE | P | W,
			1ull << 51, 0, PF },
		{ "a large page is a table now", OLD | P | W | A | D | PS,
			(OLD + PAGE) | P | W | A | D, 0, NEW, -1 },
	};
	struct engine e;
	size_t i;

	for (i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		engine_about(some[i].name);
		engine_open(&e, VMAPI_IRQCHIP_NONE);
		engine_mode(&e, e.vcpu, 64);
		engine_load(&e, code, sizeof(code));
		tables(&e, P | W | A | D);
		engine_poke(&e, OLD, 0x777, 4);
		engine_poke(&e, OLD + PAGE + 8, (NEW + PAGE) | P | W, 8);
		engine_poke(&e, TABLE + 8, (OLD + PAGE) | P | W | A | D |
			some[i].last, 8);
		engine_poke(&e, ABOVE, some[i].above, 8);
		engine_set(e.vcpu, VMAPI_X86_RDI, LINEAR);
		engine_set(e.vcpu, VMAPI_X86_RSI, ABOVE);
		engine_set(e.vcpu, VMAPI_X86_RBX, some[i].then);
		EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
		EQUAL(engine_vector(&e), some[i].vector);
		if (some[i].written)
			EQUAL(engine_peek(&e, some[i].written + PAGE, 4), 0x777);
		engine_close(&e);
	}
}

/*
 * Two tables that are remembered in one place; and who asks from outside is
 * told what is in memory.  mov eax, [rdi]; mov edx, [r8]; hlt
 */
static void one_place(void)
{
	static const uint8_t code[] = { 0x8b, 0x07, 0x41, 0x8b, 0x10, 0xf4 };
	struct vmapi_translation t = { .size = sizeof(t) };
	struct engine e;

	engine_about("tables in one place");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	engine_load(&e, code, sizeof(code));
	tables(&e, P | W | A);
	engine_poke(&e, ABOVE + 8 * 256, OTHER | P | W | A, 8);
	engine_set(e.vcpu, VMAPI_X86_RDI, LINEAR);
	engine_set(e.vcpu, VMAPI_X86_R8, LINEAR + (256u << 21) + PAGE);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RAX), 0x01d);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RDX), 0x4e3);
	engine_poke(&e, ABOVE + 8 * 256, TABLE | P | W | A, 8);
	engine_must(vmapi_vcpu_translate(e.vcpu, LINEAR + (256u << 21) + PAGE,
		VMAPI_ACCESS_READ, &t));
	EQUAL(t.gpa, OLD + PAGE);
	engine_close(&e);
}

/*
 * The bits of a page are set by its first read and its first write, also
 * where the way to it is known.  mov eax, [rdi]; mov eax, [rdi + PAGE]; mov
 * [rdi + 2 * PAGE], eax; mov [rdi], eax; hlt
 */
static void bits(void)
{
	static const uint8_t code[] = { 0x8b, 0x07, 0x8b, 0x87, 0x00, 0x10,
		0x00, 0x00, 0x89, 0x87, 0x00, 0x20, 0x00, 0x00, 0x89, 0x07,
		0xf4 };
	struct engine e;

	engine_about("accessed and dirty");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	engine_load(&e, code, sizeof(code));
	tables(&e, P | W);
	engine_set(e.vcpu, VMAPI_X86_RDI, LINEAR);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_peek(&e, TABLE, 8), OLD | P | W | A | D);
	EQUAL(engine_peek(&e, TABLE + 8, 8), (OLD + PAGE) | P | W | A);
	EQUAL(engine_peek(&e, TABLE + 16, 8), (OLD + 2 * PAGE) | P | W | A | D);
	engine_close(&e);
}

/*
 * A page is known and forgotten again and again.  L: mov eax, [rdi]; invlpg
 * [rdi]; dec edx; jnz L; mov rax, cr3; mov cr3, rax; mov [rsi], rbx; mov edx,
 * [rdi]; hlt
 */
static void over_and_over(void)
{
	static const uint8_t code[] = { 0x8b, 0x07, 0x0f, 0x01, 0x3f, 0xff,
		0xca, 0x75, 0xf7, 0x48, 0x89, 0x1e, 0x0f, 0x20, 0xd8, 0x0f,
		0x22, 0xd8, 0x8b, 0x17, 0xf4 };
	struct engine e;

	engine_about("filled and dropped");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	engine_load(&e, code, sizeof(code));
	tables(&e, P | W);
	engine_set(e.vcpu, VMAPI_X86_RDI, LINEAR);
	engine_set(e.vcpu, VMAPI_X86_RSI, TABLE);
	engine_set(e.vcpu, VMAPI_X86_RBX, NEW | P | W);
	engine_set(e.vcpu, VMAPI_X86_RDX, 100000);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RDX), 0x4e3);
	engine_close(&e);
}

/* -- Refusals, and others ----------------------------------------------- */

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
 * A store across 32 GiB, where the page behind is known already: its two pages
 * are far apart in RAM, and both have one entry of the TLB.
 */
static void across(void)
{
	/* mov eax, [rdi]; mov [rdi], eax; mov [rsi], ebx; hlt */
	static const uint8_t code[] = { 0x8b, 0x07, 0x89, 0x07, 0x89, 0x1e,
		0xf4 };
	struct engine e;

	engine_about("across 32 GiB");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	engine_load(&e, code, sizeof(code));
	engine_poke(&e, ENGINE_PML4 + 0x1000 + 8 * 31,
		(ENGINE_PML4 + 0x3000) | P | W, 8);
	engine_poke(&e, ENGINE_PML4 + 0x1000 + 8 * 32,
		(ENGINE_PML4 + 0x4000) | P | W, 8);
	engine_poke(&e, ENGINE_PML4 + 0x3000 + 8 * 511, OLD | PS | P | W, 8);
	engine_poke(&e, ENGINE_PML4 + 0x4000, OLD | PS | P | W, 8);
	engine_set(e.vcpu, VMAPI_X86_RDI, 0x800000000);
	engine_set(e.vcpu, VMAPI_X86_RSI, 0x7fffffffe);
	engine_set(e.vcpu, VMAPI_X86_RBX, 0x44332211);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_peek(&e, OLD - 2, 2), 0);
	EQUAL(engine_peek(&e, OLD + 0x1ffffe, 2), 0x2211);
	EQUAL(engine_peek(&e, OLD, 2), 0x4433);
	engine_close(&e);
}

/*
 * SDM 3A 4.10.4.1: a page fault makes forgotten what would be used for that
 * address, of the TLB and of the tables above it.  The entry above changes
 * without INVLPG, and a store into a page that was read-only faults.  In the
 * handler the page behind is that of the new table, and the page itself is
 * not there.
 */
static void by_fault(void)
{
	/* mov eax, [rdi]; mov [rsi], rbx; mov [rdi], eax; hlt */
	static const uint8_t code[] = { 0x8b, 0x07, 0x48, 0x89, 0x1e, 0x89,
		0x07, 0xf4 };
	/* mov edx, [rdi+0x1000]; mov ecx, [rdi]; hlt */
	static const uint8_t handler[] = { 0x8b, 0x97, 0x00, 0x10, 0x00, 0x00,
		0x8b, 0x0f, 0xf4 };
	const uint64_t at = ENGINE_HANDLERS + 16 * PF;
	struct engine e;

	engine_about("a page fault");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	engine_set(e.vcpu, VMAPI_X86_CR0,
		engine_get(e.vcpu, VMAPI_X86_CR0) | 1u << 16); /* WP */
	engine_poke(&e, ABOVE, TABLE | P | W, 8);
	engine_poke(&e, TABLE, OLD | P, 8);
	engine_poke(&e, TABLE + 8, (OLD + PAGE) | P | W | A, 8);
	engine_poke(&e, OTHER, 0, 8);
	engine_poke(&e, OTHER + 8, (NEW + PAGE) | P | W | A, 8);
	engine_poke(&e, OLD, 0x01d, 4);
	engine_poke(&e, OLD + PAGE, 0x01d, 4);
	engine_poke(&e, NEW + PAGE, 0x2e3, 4);
	engine_load(&e, code, sizeof(code));
	engine_must(vmapi_as_write(e.as, at, handler, sizeof(handler)));
	engine_set(e.vcpu, VMAPI_X86_RDI, LINEAR);
	engine_set(e.vcpu, VMAPI_X86_RSI, ABOVE);
	engine_set(e.vcpu, VMAPI_X86_RBX, OTHER | P | W);
	engine_set(e.vcpu, VMAPI_X86_RCX, 0);
	/* The load, two stores, and what the handler begins with. */
	EQUAL(engine_step(&e, 3), VMAPI_EXIT_LIMIT);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RIP), at + 6);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RDX), 0x2e3);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_CR2), LINEAR);
	/* Again the handler begins, for its own load. */
	EQUAL(engine_step(&e, 1), VMAPI_EXIT_LIMIT);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RIP), at + 6);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RCX), 0);
	engine_close(&e);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		remembered(&rows[i], false);
	large_pages();
	two_large();
	paths();
	entries();
	one_place();
	bits();
	over_and_over();
	refused();
	no_flush();
	across();
	by_fault();
	return engine_result();
}
