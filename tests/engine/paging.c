/* SPDX-License-Identifier: MIT */
/*
 * Paging, from tables: 32-bit, PAE and 4-level.
 *
 * A case is a set of bits in the entries that translate one address, of
 * control bits, and an access.  What shall come of it is computed here from
 * SDM 3A 4.6 and 4.7, what comes of it is found by running the access.
 */
#include "tests/engine/engine.h"

/* mov eax, [rdi]; hlt */
static const uint8_t reading[] = {
	0x8b, 0x07, 0xf4,
};

/* mov [rdi], eax; hlt */
static const uint8_t writing[] = {
	0x89, 0x07, 0xf4,
};

/* jmp rdi */
static const uint8_t executing[] = {
	0xff, 0xe7,
};

/* mov eax, [rdi]; mov [rdi], eax; mov eax, 0x5a; hlt */
static const uint8_t upgrade[] = {
	0x8b, 0x07, 0x89, 0x07, 0xb8, 0x5a, 0x00, 0x00, 0x00, 0xf4,
};

/* or dword ptr [rsi], 2; inc ebx; add rsp, 8; iretq */
static const uint8_t upgrade_handler[] = {
	0x83, 0x0e, 0x02, 0xff, 0xc3, 0x48, 0x83, 0xc4, 0x08, 0x48, 0xcf,
};

/*
 * mov eax, [rdi]; mov [rsi], rbx; invlpg [rdi+0x54321]; mov ecx, [rdi];
 * hlt
 */
static const uint8_t remap[] = {
	0x8b, 0x07, 0x48, 0x89, 0x1e, 0x0f, 0x01, 0xbf, 0x21, 0x43, 0x05, 0x00,
	0x8b, 0x0f, 0xf4,
};

/*
 * mov eax, [rdi]; mov [rsi], rbx; mov rdx, cr3; mov cr3, rdx; mov ecx,
 * [rdi]; hlt
 */
static const uint8_t remap_cr3[] = {
	0x8b, 0x07, 0x48, 0x89, 0x1e, 0x0f, 0x20, 0xda, 0x0f, 0x22, 0xda, 0x8b,
	0x0f, 0xf4,
};

/*
 * mov [rdi], eax; mov rdx, cr0; or edx, 0x10000; mov cr0, rdx; mov [rdi],
 * eax; hlt
 */
static const uint8_t protect[] = {
	0x89, 0x07, 0x0f, 0x20, 0xc2, 0x81, 0xca, 0x00, 0x00, 0x01, 0x00, 0x0f,
	0x22, 0xc2, 0x89, 0x07, 0xf4,
};

/* stac; mov eax, [rdi]; clac; mov eax, [rdi]; hlt */
static const uint8_t smap[] = {
	0x0f, 0x01, 0xcb, 0x8b, 0x07, 0x0f, 0x01, 0xca, 0x8b, 0x07, 0xf4,
};

/* call rdi; mov rdx, cr4; or edx, 0x100000; mov cr4, rdx; call rdi; hlt */
static const uint8_t smep[] = {
	0xff, 0xd7, 0x0f, 0x20, 0xe2, 0x81, 0xca, 0x00, 0x00, 0x10, 0x00, 0x0f,
	0x22, 0xe2, 0xff, 0xd7, 0xf4,
};

/*
 * mov eax, [edi]; mov dword ptr [esi], 0; mov eax, [edi+0x1000]; mov edx,
 * cr3; mov cr3, edx; mov eax, [edi]; hlt
 */
static const uint8_t pdpte[] = {
	0x8b, 0x07, 0xc7, 0x06, 0x00, 0x00, 0x00, 0x00, 0x8b, 0x87, 0x00, 0x10,
	0x00, 0x00, 0x0f, 0x20, 0xda, 0x0f, 0x22, 0xda, 0x8b, 0x07, 0xf4,
};

#define CODE(c) (c), sizeof(c)
#define LINEAR	0x40201000u /* under test: entries of its own */
#define TARGET	0x00201000u /* where it leads */
#define TABLES	0x180000u
#define SAMPLES 2500u /* of each mode */
#define PF 14
#define GP 13

enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80 };
#define NX (1ull << 63)

enum paging { LEGACY, PAE, LONG, MODES };
enum access { READ, WRITE, EXEC };

struct shape {
	const char *name;
	unsigned mode;	/* of code */
	unsigned bytes; /* of an entry */
	unsigned bits;	/* of an index */
	unsigned levels;
};

static const struct shape shapes[MODES] = {
	{ "32-bit paging", 32, 4, 10, 2 },
	{ "PAE paging", 32, 8, 9, 3 },
	{ "4-level paging", 64, 8, 9, 4 },
};

struct trial {
	enum paging paging;
	enum access access;
	uint64_t leaf, above; /* bits of the entries */
	bool user, wp, smep, smap, ac, nxe, large, reserved;
};

static uint64_t random_state = 1;

static unsigned toss(unsigned n)
{
	random_state = random_state * 6364136223846793005ull +
		1442695040888963407ull;
	return (unsigned)(random_state >> 33) % n;
}

/* -- Tables ------------------------------------------------------------- */

static uint64_t entry_at(enum paging p, unsigned level, uint64_t linear)
{
	const struct shape *s = &shapes[p];
	uint64_t index = linear >> (12 + s->bits * level);

	/* A table each for the first gigabyte and for LINEAR's. */
	return TABLES + 0x2000 * level + (linear >= LINEAR && level + 1 <
		s->levels - (p == LONG) ? 0x1000 : 0) +
		(index & ((1u << s->bits) - 1)) * s->bytes;
}

static uint64_t table_at(enum paging p, unsigned level, uint64_t linear)
{
	return entry_at(p, level, linear) & ~0xfffull;
}

static void entry_set(struct engine *e, enum paging p, unsigned level,
	uint64_t linear, uint64_t v)
{
	engine_poke(e, entry_at(p, level, linear), v, shapes[p].bytes);
}

static uint64_t entry_get(struct engine *e, enum paging p, unsigned level,
	uint64_t linear)
{
	return engine_peek(e, entry_at(p, level, linear), shapes[p].bytes);
}

/* Bits of an entry above the leaf; PDPTEs of PAE have none of these. */
static uint64_t upper(enum paging p, unsigned level, uint64_t bits)
{
	return p == PAE && level == 2 ? P : bits;
}

/* The first 2 MiB are themselves, for the supervisor; code as it is run. */
static void tables(struct engine *e, const struct trial *t)
{
	unsigned top = shapes[t->paging].levels - 1, level, i;
	uint64_t leaf = t->leaf | TARGET;

	memset(e->mem + TABLES, 0, 0x8000);
	for (level = top; level; level--) {
		entry_set(e, t->paging, level, 0, table_at(t->paging,
			level - 1, 0) | upper(t->paging, level, P | W | U));
		entry_set(e, t->paging, level, LINEAR, table_at(t->paging,
			level - 1, LINEAR) | upper(t->paging, level,
			level == 1 ? t->above : P | W | U));
	}
	for (i = 0; i < 512; i++)
		entry_set(e, t->paging, 0, i << 12, i << 12 | P | W |
			(t->user && i == ENGINE_CODE >> 12 ? U : 0));
	if (t->large) {
		leaf = (t->leaf | PS | TARGET) & ~(t->paging == LEGACY ?
			0x3ff000ull : 0x1ff000ull);
		leaf |= t->reserved ? 1ull << (t->paging == LEGACY ? 21 : 13) :
			0;
	} else if (t->reserved) {
		leaf |= 1ull << 51;
	}
	entry_set(e, t->paging, t->large, LINEAR, leaf);
}

static void control(struct engine *e, const struct trial *t)
{
	uint64_t cr4 = 0x610;

	if (t->user)
		engine_user(e, e->vcpu, shapes[t->paging].mode);
	else
		engine_mode(e, e->vcpu, shapes[t->paging].mode);
	tables(e, t);
	if (t->paging != LEGACY)
		cr4 |= 0x20;
	cr4 |= t->smep ? 1u << 20 : 0;
	cr4 |= t->smap ? 1u << 21 : 0;
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CR3, .value = table_at(t->paging,
			shapes[t->paging].levels - 1, 0) },
		{ .tag = VMAPI_X86_CR4, .value = cr4 },
		{ .tag = VMAPI_X86_CR0, .value = 0x80000031 |
			(t->wp ? 0x10000u : 0) },
		{ .tag = VMAPI_X86_EFER, .value = (t->nxe ? 0x800u : 0) |
			(t->paging == LONG ? 0x500 : 0) },
		{ .tag = VMAPI_X86_RFLAGS, .value = t->ac ? 0x40002 : 2 },
		{ .tag = VMAPI_X86_RDI, .value = LINEAR },
	};
	engine_must(vmapi_regs_set(e->vcpu, regs, sizeof(regs) /
		sizeof(regs[0]), NULL, 0));
}

/* -- What shall come of it ---------------------------------------------- */

/* The error code of a page fault, or -1. */
static int expected(const struct trial *t)
{
	bool wide = t->paging != LEGACY;
	uint64_t all = t->large ? t->leaf : t->leaf & t->above;
	uint64_t any = t->large ? t->leaf : t->leaf | t->above;
	bool user_page = all & U, bad = false;
	int code = (t->access == WRITE ? 2 : 0) | (t->user ? 4 : 0);

	if (t->access == EXEC && ((wide && t->nxe) || t->smep))
		code |= 16;
	if (!t->large && !(t->above & P))
		return code;
	if (wide && !t->nxe && !t->large && (t->above & NX))
		return code | 9;
	if (!(t->leaf & P))
		return code;
	if (t->reserved || (wide && !t->nxe && (t->leaf & NX)))
		return code | 9;
	if (t->user)
		bad = !user_page || (t->access == WRITE && !(all & W));
	else if (t->access == EXEC)
		bad = user_page && t->smep;
	else
		bad = (user_page && t->smap && !t->ac) ||
			(t->access == WRITE && !(all & W) && t->wp);
	if (t->access == EXEC && wide && (any & NX))
		bad = true;
	return bad ? code | 1 : -1;
}

static struct trial random_trial(enum paging p)
{
	struct trial t = { .paging = p, .access = toss(3),
		.leaf = (toss(8) ? P : 0) | (toss(2) ? W : 0) |
			(toss(2) ? U : 0),
		.above = (toss(8) ? P : 0) | (toss(4) ? W : 0) |
			(toss(4) ? U : 0),
		.user = toss(2), .wp = toss(2), .smep = toss(2),
		.smap = toss(2), .nxe = toss(4), .large = !toss(3),
		.reserved = !toss(8) };

	t.ac = !t.user && toss(2);
	if (p != LEGACY) {
		t.leaf |= toss(3) ? 0 : NX;
		t.above |= toss(6) ? 0 : NX;
	}
	if (p == LEGACY && !t.large)
		t.reserved = false; /* a PTE there has no reserved bit */
	return t;
}

/* -- Running it --------------------------------------------------------- */

static void load(struct engine *e, const struct trial *t)
{
	if (t->access == READ)
		engine_load(e, CODE(reading));
	else if (t->access == WRITE)
		engine_load(e, CODE(writing));
	else
		engine_load(e, CODE(executing));
	engine_must(vmapi_as_write(e->as, TARGET, "\xf4", 1));
}

/* Bits that the walk left, and the entries as they were else. */
static void accessed(struct engine *e, const struct trial *t, bool done)
{
	uint64_t leaf = entry_get(e, t->paging, t->large, LINEAR);
	uint64_t above = entry_get(e, t->paging, 1, LINEAR);

	EQUAL(!!(leaf & D), done && t->access == WRITE);
	if (done)
		CHECK((leaf & A) && (above & A));
	EQUAL(leaf & (P | W | U | NX), t->leaf & (P | W | U |
		(t->paging == LEGACY ? 0 : NX)));
}

static bool trial(struct engine *e, const struct trial *t)
{
	int code = expected(t), vector;
	unsigned wide = t->paging == LONG ? 8 : 4, i;
	uint64_t rsp, rip;

	control(e, t);
	load(e, t);
	if (engine_run(e) != VMAPI_EXIT_HALT)
		return false;
	vector = engine_vector(e);
	rsp = engine_get(e->vcpu, VMAPI_X86_RSP);
	rip = engine_peek(e, rsp + wide, wide);
	i = t->access == EXEC ? LINEAR : ENGINE_CODE + 2;
	accessed(e, t, code < 0);
	if (code >= 0)
		return vector == PF && engine_peek(e, rsp, wide) ==
			(uint64_t)code && engine_get(e->vcpu, VMAPI_X86_CR2) ==
			LINEAR && rip == (t->access == EXEC ? LINEAR :
			ENGINE_CODE);
	if (t->user) /* HLT is privileged */
		return vector == GP && rip == i;
	return vector < 0 && engine_get(e->vcpu, VMAPI_X86_RIP) == i + 1;
}

static void tell(const struct trial *t, struct engine *e)
{
	printf("access %d, leaf %llx, above %llx, user %d, wp %d, smep %d, "
		"smap %d, ac %d, nxe %d, large %d, reserved %d: shall %d, "
		"vector %d\n", t->access, (unsigned long long)t->leaf,
		(unsigned long long)t->above, t->user, t->wp, t->smep,
		t->smap, t->ac, t->nxe, t->large, t->reserved, expected(t),
		engine_vector(e));
}

static void walks(enum paging p)
{
	unsigned i, bad = 0, faults = 0;
	struct engine e;
	struct trial t;

	engine_about(shapes[p].name);
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	for (i = 0; i < SAMPLES && bad < 5; i++) {
		t = random_trial(p);
		faults += expected(&t) >= 0;
		if (trial(&e, &t))
			continue;
		bad++;
		tell(&t, &e);
	}
	EQUAL(bad, 0);
	CHECK(faults > SAMPLES / 5 && faults < SAMPLES * 4 / 5);
	engine_close(&e);
}

/* -- What a TLB must not remember --------------------------------------- */

struct cached {
	const char *name;
	const uint8_t *code;
	size_t bytes;
	struct trial t;
	uint64_t rsi, rbx;
	int vector;
	uint64_t tag, value;
};

#define LARGE_ENTRY (TABLES + 0x3000 + 8) /* of LINEAR, level 1 */

static const struct cached cached[] = {
	{ "INVLPG of another byte of a large page", CODE(remap),
		{ .paging = LONG, .leaf = P | W, .large = true },
		LARGE_ENTRY, P | W | PS, -1, VMAPI_X86_RCX, 0x11 },
	{ "CR3 is loaded", CODE(remap_cr3),
		{ .paging = LONG, .leaf = P | W, .large = true },
		LARGE_ENTRY, P | W | PS, -1, VMAPI_X86_RCX, 0x11 },
	{ "CR0.WP is set", CODE(protect),
		{ .paging = LONG, .leaf = P, .above = P | W }, 0, 0, PF,
		VMAPI_X86_CR2, LINEAR },
	{ "STAC and CLAC", CODE(smap), { .paging = LONG, .leaf = P | W | U,
		.above = P | W | U, .smap = true }, 0, 0, PF, VMAPI_X86_CR2,
		LINEAR },
	{ "CR4.SMEP is set", CODE(smep), { .paging = LONG,
		.leaf = P | W | U, .above = P | W | U }, 0, 0, PF,
		VMAPI_X86_CR2, LINEAR },
	{ "PDPTEs are read with CR3", CODE(pdpte), { .paging = PAE,
		.leaf = P | W, .large = true }, TABLES + 0x4008, 0, PF,
		VMAPI_X86_CR2, LINEAR },
};

static void caches(const struct cached *row)
{
	struct engine e;

	engine_about(row->name);
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	control(&e, &row->t);
	engine_load(&e, row->code, row->bytes);
	engine_poke(&e, TARGET, 0xc3, 8); /* a RET */
	engine_poke(&e, 0x1000, 0x11, 8); /* at LINEAR, mapped to 0 */
	engine_set(e.vcpu, VMAPI_X86_RSI, row->rsi);
	engine_set(e.vcpu, VMAPI_X86_RBX, row->rbx);
	if (row->code == remap || row->code == remap_cr3) {
		EQUAL(entry_at(LONG, 1, LINEAR), LARGE_ENTRY);
		EQUAL(engine_peek(&e, ENGINE_GDT, 1), 0x11);
	}
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), row->vector);
	EQUAL(engine_get(e.vcpu, row->tag), row->value);
	engine_close(&e);
}

/* SDM 3A 4.10.4.3: no invalidation is needed for more rights. */
static void upgraded(void)
{
	struct trial t = { .paging = LONG, .leaf = P, .above = P | W,
		.wp = true };
	struct engine e;

	engine_about("more rights without INVLPG");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	control(&e, &t);
	engine_load(&e, CODE(upgrade));
	engine_must(vmapi_as_write(e.as, ENGINE_HANDLERS + 16 * PF,
		CODE(upgrade_handler)));
	engine_set(e.vcpu, VMAPI_X86_RSI, entry_at(LONG, 0, LINEAR));
	engine_set(e.vcpu, VMAPI_X86_RBX, 0);
	EQUAL(engine_step(&e, 1000), VMAPI_EXIT_HALT);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RAX), 0x5a);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RBX), 1);
	engine_close(&e);
}

/* Tables in a ROM are walked; nobody writes their bits. */
static void in_rom(void)
{
	struct trial t = { .paging = LONG, .leaf = P | W, .above = P | W };
	static uint8_t before[0x8000];
	struct engine e;

	engine_about("page tables in a ROM");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	control(&e, &t);
	load(&e, &t);
	engine_must(engine_map(&e, TABLES, 0x8000, TABLES,
		VMAPI_MAP_READONLY));
	memcpy(before, e.mem + TABLES, sizeof(before));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	CHECK(!memcmp(before, e.mem + TABLES, sizeof(before)));
	engine_close(&e);
}

int main(void)
{
	enum paging p;
	size_t i;

	for (p = LEGACY; p < MODES; p++)
		walks(p);
	for (i = 0; i < sizeof(cached) / sizeof(cached[0]); i++)
		caches(&cached[i]);
	upgraded();
	in_rom();
	return engine_result();
}
