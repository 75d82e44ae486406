/* SPDX-License-Identifier: MIT */
/*
 * Pages of 2 MiB, 4 MiB and 1 GiB, split and merged while they are in use;
 * global pages.  SDM 3A 4.5, 4.10.
 */
#include "tests/engine/engine.h"

/*
 * mov eax, [rdi]; mov edx, [rdi+0x1000]; mov [rsi], rbx; invlpg [rdi]; mov
 * ecx, [rdi+0x1000]; mov r8d, [rdi]; mov [rdi+0x2000], ecx; hlt
 */
static const uint8_t change64[] = {
	0x8b, 0x07, 0x8b, 0x97, 0x00, 0x10, 0x00, 0x00, 0x48, 0x89, 0x1e, 0x0f,
	0x01, 0x3f, 0x8b, 0x8f, 0x00, 0x10, 0x00, 0x00, 0x44, 0x8b, 0x07, 0x89,
	0x8f, 0x00, 0x20, 0x00, 0x00, 0xf4,
};

/* The same in 32-bit mode, with EBP for R8D. */
static const uint8_t change32[] = {
	0x8b, 0x07, 0x8b, 0x97, 0x00, 0x10, 0x00, 0x00, 0x89, 0x1e, 0x0f, 0x01,
	0x3f, 0x8b, 0x8f, 0x00, 0x10, 0x00, 0x00, 0x8b, 0x2f, 0x89, 0x8f, 0x00,
	0x20, 0x00, 0x00, 0xf4,
};

/*
 * mov eax, [rdi]; mov [rsi], rbx; mov rdx, cr4; xor dl, 0x80; mov cr4, rdx;
 * xor dl, 0x80; mov cr4, rdx; mov ecx, [rdi]; hlt
 */
static const uint8_t by_pge[] = {
	0x8b, 0x07, 0x48, 0x89, 0x1e, 0x0f, 0x20, 0xe2, 0x80, 0xf2, 0x80, 0x0f,
	0x22, 0xe2, 0x80, 0xf2, 0x80, 0x0f, 0x22, 0xe2, 0x8b, 0x0f, 0xf4,
};

/* mov eax, [rdi]; mov [rsi], rbx; invlpg [rdi+0x321]; mov ecx, [rdi]; hlt */
static const uint8_t by_invlpg[] = {
	0x8b, 0x07, 0x48, 0x89, 0x1e, 0x0f, 0x01, 0xbf, 0x21, 0x03, 0x00, 0x00,
	0x8b, 0x0f, 0xf4,
};

/*
 * mov eax, [rdi]; mov [rsi], rbx; mov rdx, cr3; mov cr3, rdx; mov ecx,
 * [rdi]; hlt
 */
static const uint8_t by_cr3[] = {
	0x8b, 0x07, 0x48, 0x89, 0x1e, 0x0f, 0x20, 0xda, 0x0f, 0x22, 0xda, 0x8b,
	0x0f, 0xf4,
};

/* mov eax, [rdi]; hlt */
static const uint8_t load[] = { 0x8b, 0x07, 0xf4 };

#define CODE(c) (c), sizeof(c)

#define PWU 0x7u
#define A   0x20u
#define D   0x40u
#define PS  0x80u
#define G   0x100u
#define PGE 0x80u
#define PSE 0x10u
#define PF  14

/*
 * Linear addresses from 1 GiB on are physical ones from 0 on by the large
 * page.  By the small ones those of AT are elsewhere: at OTHER.
 */
#define LINEAR 0x40000000u
#define AT     0x060000u
#define OTHER  0x260000u

#define PDPTE (ENGINE_PML4 + 0x1008) /* of LINEAR */
#define PD    (ENGINE_PML4 + 0x3000)
#define PT    0x120000u
#define DIR32 0x121000u /* of 32-bit paging */
#define PDE32 (DIR32 + 4 * (LINEAR >> 22))

/* -- Splits and merges -------------------------------------------------- */

struct row {
	const char *name;
	unsigned mode;	     /* 64 or 32 */
	uint64_t entry;	     /* where the entry is that changes */
	uint64_t large;	     /* what it is for the large page */
	uint64_t table;	     /* what it is for the table below */
	uint64_t small;	     /* where the entry of AT is in that */
	unsigned small_size; /* log2 of bytes */
};

static const struct row rows[] = {
	{ "1 GiB to 2 MiB", 64, PDPTE, PS | PWU, PD | PWU, PD, 21 },
	{ "2 MiB to 4 KiB", 64, PD, PS | PWU, PT | PWU, PT + 8 * (AT >> 12),
		12 },
	{ "4 MiB to 4 KiB", 32, PDE32, PS | PWU, PT | PWU,
		PT + 4 * (AT >> 12), 12 },
};

static void tables(struct engine *e, const struct row *r)
{
	unsigned n = r->mode / 8, i;
	uint64_t page = 1ull << r->small_size;

	engine_poke(e, PDPTE, PD | PWU, 8);
	for (i = 0; i < 3; i++)
		engine_poke(e, r->small + n * i, ((OTHER & ~(page - 1)) +
			page * i) | PWU | (r->small_size > 12 ? PS : 0), n);
	if (r->mode == 64)
		return;
	memset(e->mem + DIR32, 0, 0x1000);
	engine_poke(e, DIR32, PS | PWU, 4);
	engine_set(e->vcpu, VMAPI_X86_CR4, 0x600 | PSE);
	engine_set(e->vcpu, VMAPI_X86_CR3, DIR32);
	engine_set(e->vcpu, VMAPI_X86_CR0, 0x80010031);
}

static void start(struct engine *e, const struct row *r, bool merge)
{
	unsigned i;

	engine_open(e, VMAPI_IRQCHIP_NONE);
	engine_mode(e, e->vcpu, r->mode);
	tables(e, r);
	engine_poke(e, r->entry, merge ? r->table : r->large, r->mode / 8);
	for (i = 0; i < 3; i++) {
		engine_poke(e, AT + 0x1000 * i, 0x10 + i, 4);
		engine_poke(e, OTHER + 0x1000 * i, 0x20 + i, 4);
	}
	if (r->mode == 64)
		engine_load(e, CODE(change64));
	else
		engine_load(e, CODE(change32));
	engine_set(e->vcpu, VMAPI_X86_RDI, LINEAR + AT);
	engine_set(e->vcpu, VMAPI_X86_RSI, r->entry);
	engine_set(e->vcpu, VMAPI_X86_RBX, merge ? r->large : r->table);
}

static void changed(const struct row *r, bool merge)
{
	unsigned before = merge ? 0x20 : 0x10, after = 0x30 - before;
	uint64_t to = merge ? AT : OTHER, from = merge ? OTHER : AT;
	unsigned n = r->mode / 8;
	struct engine e;

	engine_about(r->name);
	start(&e, r, merge);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RAX), before);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RDX), before + 1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RCX), after + 1);
	EQUAL(engine_get(e.vcpu, r->mode == 64 ? VMAPI_X86_GPR(8) :
		VMAPI_X86_RBP), after);
	EQUAL(engine_peek(&e, to + 0x2000, 4), after + 1);
	EQUAL(engine_peek(&e, from + 0x2000, 4), before + 2);
	/* What was used, and what was written: only leaves have D. */
	EQUAL(engine_peek(&e, r->entry, n) & (A | D), merge ? A | D : A);
	if (merge)
		EQUAL(engine_peek(&e, r->small, n) & (A | D), A);
	else if (r->small_size == 12)
		EQUAL(engine_peek(&e, r->small + 2 * n, n) & (A | D), A | D);
	else
		EQUAL(engine_peek(&e, r->small, n) & (A | D), A | D);
	engine_close(&e);
}

/* A page that the split leaves out: only its own accesses fault. */
static void hole(void)
{
	const struct row *r = &rows[1];
	struct engine e;

	engine_about("a split with a hole");
	start(&e, r, false);
	engine_poke(&e, r->small, 0, 8);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), PF);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_CR2), LINEAR + AT);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RCX), 0x21);
	engine_close(&e);
}

/* Table 4-16: bits 29:13 of the entry of a 1 GiB page are reserved. */
static void reserved(void)
{
	struct engine e;

	engine_about("a reserved bit of a 1 GiB page");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	engine_poke(&e, PDPTE, PS | PWU | 1u << 29, 8);
	engine_load(&e, CODE(load));
	engine_set(e.vcpu, VMAPI_X86_RDI, LINEAR + AT);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), PF);
	EQUAL(engine_peek(&e, engine_get(e.vcpu, VMAPI_X86_RSP), 8), 9);
	engine_close(&e);
}

/* -- Global pages ------------------------------------------------------- */

struct global {
	const char *name;
	const uint8_t *code;
	size_t bytes;
	uint64_t cr4, g;
};

/* SDM 3A 4.10.4.1: what must make a new mapping seen. */
static const struct global globals[] = {
	{ "global, CR4.PGE changes", CODE(by_pge), PGE, G },
	{ "global, CR4.PGE changes from 0", CODE(by_pge), 0, G },
	{ "global, INVLPG", CODE(by_invlpg), PGE, G },
	{ "not global, CR3", CODE(by_cr3), PGE, 0 },
	{ "global without CR4.PGE, CR3", CODE(by_cr3), 0, G },
};

static void remapped(const struct global *g, const struct row *r)
{
	struct engine e;

	engine_about(g->name);
	start(&e, r, false);
	engine_poke(&e, r->entry, r->large | g->g, 8);
	engine_load(&e, g->code, g->bytes);
	engine_set(e.vcpu, VMAPI_X86_CR4, 0x620 | g->cr4);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RAX), 0x10);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RCX), 0x20);
	engine_close(&e);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		changed(&rows[i], false);
		changed(&rows[i], true);
	}
	hole();
	reserved();
	for (i = 0; i < sizeof(globals) / sizeof(globals[0]); i++) {
		remapped(&globals[i], &rows[0]);
		remapped(&globals[i], &rows[1]);
	}
	return engine_result();
}
