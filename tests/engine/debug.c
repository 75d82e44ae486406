/* SPDX-License-Identifier: MIT */
/* Debug registers, traps and EFLAGS.RF: SDM 3B chapter 17. */
#include "tests/engine/engine.h"

#define DATA  ENGINE_DATA
#define CODE  ENGINE_CODE
#define STACK ENGINE_STACK
#define TF    0x100u
#define RF    0x10000u
#define DE    0x8u
#define DB    1
#define UD    6
#define PF    14
#define GP    13
/* A vector's, as a row counts. */
#define HANDLER(n) ((uint64_t)ENGINE_HANDLERS + 16 * (n) - CODE)
#define NONE  (-1) /* the code's own HLT ends it */

#define DR6	0xffff0ff0u /* what is always 1 */
#define DR6_BD	0x2000u
#define DR6_BS	0x4000u
#define DR6_BT	0x8000u
#define DR7_GD	0x2000u

/* A point of DR7: number, R/W, LEN; globally, locally or not enabled. */
#define OFF(n, rw, len)	  ((uint64_t)((rw) | (len) << 2) << (16 + 4 * (n)))
#define POINT(n, rw, len) (OFF(n, rw, len) | 2ull << (2 * (n)))
#define LOCAL(n, rw, len) (OFF(n, rw, len) | 1ull << (2 * (n)))
enum { EXEC, WRITE, PORT, ACCESS };
enum { ONE, TWO, EIGHT, FOUR };

#define BYTES(...)                                                             \
	(const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){            \
						  __VA_ARGS__ })

/* 64-bit code at CPL 0; RDI and RSI are DATA, RCX is 4, RAX is SS's. */
struct row {
	const char *name;
	const uint8_t *code;
	size_t bytes;
	uint64_t dr[4], dr7, flags, cr4;
	int vector;
	uint64_t rip; /* in the frame, from CODE on */
	uint64_t dr6; /* beside what is always 1 */
	bool rf;      /* in the frame */
	uint64_t rcx;
};

static const struct row rows[] = {
	{ "execution: a fault before the instruction",
		BYTES(0x90, 0x90, 0x90, 0xf4), { CODE + 1 },
		POINT(0, EXEC, ONE), 0, 0, DB, 1, 1, false, 4 },
	{ "execution: the first instruction, a local point",
		BYTES(0x90, 0xf4), { 0, 0, 0, CODE }, LOCAL(3, EXEC, ONE), 0, 0,
		DB, 0, 8, false, 4 },
	{ "execution: not in the middle of one", /* mov ecx, 7; hlt */
		BYTES(0xb9, 7, 0, 0, 0, 0xf4), { CODE + 2 },
		POINT(0, EXEC, ONE), 0, 0, NONE, 6, 0, false, 7 },
	{ "execution: RF passes it, once", BYTES(0x90, 0x90, 0xf4),
		{ CODE, CODE + 1 }, POINT(0, EXEC, ONE) | POINT(1, EXEC, ONE),
		RF, 0, DB, 1, 2, false, 4 },
	{ "execution: not enabled", BYTES(0x90, 0x90, 0xf4), { CODE + 1 },
		OFF(0, EXEC, ONE), 0, 0, NONE, 3, 0, false, 4 },
	{ "execution: where a loop comes back", /* loop .; hlt */
		BYTES(0x90, 0xe2, 0xfd, 0xf4), { CODE + 3 },
		POINT(0, EXEC, ONE), 0, 0, DB, 3, 1, false, 0 },
	{ "execution: not behind MOV SS", /* mov ss, eax; nop; nop; hlt */
		BYTES(0x8e, 0xd0, 0x90, 0x90, 0xf4), { CODE + 2, CODE + 3 },
		POINT(0, EXEC, ONE) | POINT(1, EXEC, ONE), 0, 0, DB, 3, 2,
		false, 4 },
	{ "execution: a point that is not enabled tells as well",
		BYTES(0x90, 0x90, 0xf4), { CODE + 1, CODE + 1 },
		OFF(0, EXEC, ONE) | POINT(1, EXEC, ONE), 0, 0, DB, 1, 3, false,
		4 },

	{ "write: a trap after it", /* mov [rdi], ecx; nop; hlt */
		BYTES(0x89, 0x0f, 0x90, 0xf4), { 0, DATA },
		POINT(1, WRITE, FOUR), 0, 0, DB, 2, 2, false, 4 },
	{ "write: not of a read", /* mov eax, [rdi]; hlt */
		BYTES(0x8b, 0x07, 0xf4), { DATA }, POINT(0, WRITE, FOUR), 0, 0,
		NONE, 3, 0, false, 4 },
	{ "access: of a read", BYTES(0x8b, 0x07, 0x90, 0xf4), { DATA },
		POINT(0, ACCESS, FOUR), 0, 0, DB, 2, 1, false, 4 },
	{ "access: of a read-modify-write", /* add [rdi], ecx */
		BYTES(0x01, 0x0f, 0x90, 0xf4), { DATA },
		POINT(0, ACCESS, FOUR), 0, 0, DB, 2, 1, false, 4 },
	{ "write: of a read-modify-write", BYTES(0x01, 0x0f, 0x90, 0xf4),
		{ DATA }, POINT(0, WRITE, FOUR), 0, 0, DB, 2, 1, false, 4 },
	{ "write: low address bits do not count", /* mov [rdi], cl */
		BYTES(0x88, 0x0f, 0x90, 0xf4), { DATA + 3 },
		POINT(0, WRITE, FOUR), 0, 0, DB, 2, 1, false, 4 },
	{ "write: the byte before", /* mov [rdi-1], cl; hlt */
		BYTES(0x88, 0x4f, 0xff, 0xf4), { DATA + 1 },
		POINT(0, WRITE, TWO), 0, 0, NONE, 4, 0, false, 4 },
	{ "write: the byte after", /* mov [rdi+8], cl; hlt */
		BYTES(0x88, 0x4f, 0x08, 0xf4), { DATA }, POINT(0, WRITE, EIGHT),
		0, 0, NONE, 4, 0, false, 4 },
	{ "write: the last of eight bytes", /* mov [rdi+7], cl; nop */
		BYTES(0x88, 0x4f, 0x07, 0x90, 0xf4), { DATA },
		POINT(0, WRITE, EIGHT), 0, 0, DB, 3, 1, false, 4 },
	{ "write: reaches the point from below", /* mov [rdi-4], rcx */
		BYTES(0x48, 0x89, 0x4f, 0xfc, 0x90, 0xf4), { DATA + 3 },
		POINT(0, WRITE, ONE), 0, 0, DB, 4, 1, false, 4 },
	{ "write: across pages, on the second", /* mov [rdi+0xffc], rcx */
		BYTES(0x48, 0x89, 0x8f, 0xfc, 0x0f, 0, 0, 0x90, 0xf4),
		{ DATA + 0x1000 }, POINT(0, WRITE, ONE), 0, 0, DB, 7, 1, false,
		4 },
	{ "write: sixteen bytes", /* movups [rdi], xmm0 */
		BYTES(0x0f, 0x11, 0x07, 0x90, 0xf4), { DATA + 12 },
		POINT(0, WRITE, ONE), 0, 0, DB, 3, 1, false, 4 },
	{ "write: locked", /* lock add [rdi], ecx */
		BYTES(0xf0, 0x01, 0x0f, 0x90, 0xf4), { DATA },
		POINT(0, WRITE, ONE), 0, 0, DB, 3, 1, false, 4 },
	{ "write: a comparison that fails", /* cmpxchg [rdi], ecx */
		BYTES(0x0f, 0xb1, 0x0f, 0x90, 0xf4), { DATA },
		POINT(0, WRITE, ONE), 0, 0, DB, 3, 1, false, 4 },
	{ "write: push", BYTES(0x90, 0x51, 0x90, 0xf4), { STACK - 8 },
		POINT(0, WRITE, EIGHT), 0, 0, DB, 2, 1, false, 4 },
	{ "write: call", /* call .; hlt */
		BYTES(0xe8, 0, 0, 0, 0, 0xf4), { STACK - 8 },
		POINT(0, WRITE, EIGHT), 0, 0, DB, 5, 1, false, 4 },
	{ "access: ret, to where it goes", /* call +1; hlt; ret */
		BYTES(0xe8, 1, 0, 0, 0, 0xf4, 0x8b, 0x04, 0x24, 0xf4),
		{ STACK - 8 }, POINT(0, ACCESS, EIGHT), 0, 0, DB, 6, 1, false,
		4 },
	{ "access: each round of a loop", /* dec [rdi]; loop; hlt */
		BYTES(0xff, 0x0f, 0xe2, 0xfc, 0xf4), { DATA },
		POINT(0, ACCESS, FOUR), 0, 0, DB, 2, 1, false, 4 },
	{ "both kinds at once, and one not enabled",
		BYTES(0x89, 0x0f, 0x90, 0xf4), { DATA, DATA + 1, DATA + 8 },
		POINT(0, WRITE, ONE) | OFF(1, ACCESS, ONE) |
			POINT(2, WRITE, ONE), 0, 0, DB, 2, 3, false, 4 },

	{ "string: an element of some", /* rep stosb */
		BYTES(0xf3, 0xaa, 0x90, 0xf4), { DATA + 1 },
		POINT(0, WRITE, ONE), 0, 0, DB, 0, 1, true, 2 },
	{ "string: the last element", BYTES(0xf3, 0xaa, 0x90, 0xf4),
		{ DATA + 3 }, POINT(0, WRITE, ONE), 0, 0, DB, 2, 1, false, 0 },
	{ "string: near a point", BYTES(0xf3, 0xaa, 0x90, 0xf4),
		{ DATA + 4 }, POINT(0, WRITE, ONE), 0, 0, NONE, 4, 0, false,
		0 },
	{ "string: the point is at the instruction", /* RF passes all of it */
		BYTES(0xf3, 0xaa, 0x90, 0xf4), { CODE, CODE + 2 },
		POINT(0, EXEC, ONE) | POINT(1, EXEC, ONE), RF, 0, DB, 2, 2,
		false, 0 },
	{ "string: TF between elements", BYTES(0xf3, 0xaa, 0x90, 0xf4), { 0 },
		0, TF, 0, DB, 0, DR6_BS, true, 3 },

	{ "MOV SS holds it back", /* mov ss, [rdi]; nop; nop; hlt */
		BYTES(0x8e, 0x17, 0x90, 0x90, 0xf4), { DATA },
		POINT(0, ACCESS, TWO), 0, 0, DB, 3, 1, false, 4 },
	{ "MOV SS and INT n: in the handler", /* mov ss, [rdi]; int 0x40 */
		BYTES(0x8e, 0x17, 0xcd, 0x40), { DATA }, POINT(0, ACCESS, TWO),
		0, 0, DB, HANDLER(0x40), 1, false, 4 },
	{ "INT n: what it pushes", BYTES(0xcd, 0x40), { STACK - 8 },
		POINT(0, WRITE, EIGHT), 0, 0, DB,
		HANDLER(0x40), 1, false, 4 },
	{ "exceptions: what they push", BYTES(0x0f, 0x0b), { STACK - 8 },
		POINT(0, WRITE, EIGHT), 0, 0, DB,
		HANDLER(UD), 1, false, 4 },
	{ "a step and a point", BYTES(0x89, 0x0f, 0x90, 0xf4), { DATA },
		POINT(0, WRITE, FOUR), TF, 0, DB, 2, DR6_BS | 1, false, 4 },
	{ "RF is not in the image behind an instruction",
		BYTES(0x90, 0x90, 0xf4), { 0 }, 0, TF | RF, 0, DB, 1, DR6_BS,
		false, 4 },
	{ "a fault has RF", BYTES(0x0f, 0x0b), { 0 }, 0, 0, 0, UD, 0, 0, true,
		4 },

	{ "INT1", BYTES(0xf1, 0xf4), { 0 }, 0, 0, 0, DB, 1, 0, false, 4 },
	{ "MOV SS and INT1: one trap", /* mov ss, [rdi]; int1; hlt */
		BYTES(0x8e, 0x17, 0xf1, 0xf4), { DATA }, POINT(0, ACCESS, TWO),
		0, 0, DB, 3, 1, false, 4 },
	{ "INT1 and TF: one trap", BYTES(0xf1, 0xf4), { 0 }, 0, TF, 0, DB, 1,
		0, false, 4 },
	{ "general detect, reading", /* mov rax, dr0 */
		BYTES(0x0f, 0x21, 0xc0, 0xf4), { 0 }, DR7_GD, 0, 0, DB, 0,
		DR6_BD, true, 4 },
	{ "general detect, writing", /* mov dr7, rax */
		BYTES(0x0f, 0x23, 0xf8, 0xf4), { 0 }, DR7_GD, 0, 0, DB, 0,
		DR6_BD, true, 4 },
	{ "general detect and what is no register", /* mov rax, dr4 */
		BYTES(0x0f, 0x21, 0xe0, 0xf4), { 0 }, DR7_GD, 0, DE, UD, 0, 0,
		true, 4 },
	{ "DR4 is DR6", /* mov ecx, ecx; mov rcx, dr4; hlt */
		BYTES(0x89, 0xc9, 0x0f, 0x21, 0xe1, 0xf4), { 0 }, 0, 0, 0,
		NONE, 6, 0, false, DR6 },
	{ "DR5 is DR7", /* mov rcx, dr5; hlt */
		BYTES(0x0f, 0x21, 0xe9, 0xf4), { 0 }, 0, 0, 0, NONE, 4, 0,
		false, 0x400 },
	{ "DR5 with CR4.DE", BYTES(0x0f, 0x21, 0xe9, 0xf4), { 0 }, 0, 0, DE,
		UD, 0, 0, true, 4 },
	{ "bits of DR7 that are fixed", /* mov ecx, -1; mov dr7, rcx; ... */
		BYTES(0xb9, 0xff, 0xdf, 0xff, 0xff, 0x0f, 0x23, 0xf9, 0x0f,
			0x21, 0xf9, 0xf4), { ~0ull, ~0ull, ~0ull, ~0ull }, 0, 0,
		0, NONE, 12, 0, false, 0xffff07ff },
	{ "bits of DR6 that are fixed", /* xor ecx, ecx; mov dr6, rcx; ... */
		BYTES(0x31, 0xc9, 0x0f, 0x23, 0xf1, 0x0f, 0x21, 0xf1, 0xf4),
		{ 0 }, 0, 0, 0, NONE, 9, 0, false, DR6 },
	{ "DR7 is 32 bits", /* mov rcx, -1 (48 c7 c1); mov dr7, rcx */
		BYTES(0x48, 0xc7, 0xc1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x23,
			0xf9), { 0 }, 0, 0, 0, GP, 7, 0, true, ~0ull },
	{ "a point that the guest sets itself", /* mov dr0, rdi; mov eax,
		0x000d0402; mov dr7, rax; mov [rdi], ecx; nop; hlt */
		BYTES(0x0f, 0x23, 0xc7, 0xb8, 0x02, 0x04, 0x0d, 0x00, 0x0f,
			0x23, 0xf8, 0x89, 0x0f, 0x90, 0xf4), { 0 }, 0, 0, 0, DB,
		13, 1, false, 4 },
};

static uint64_t frame(struct engine *e, unsigned slot)
{
	return engine_peek(e, engine_get(e->vcpu, VMAPI_X86_RSP) + 8 * slot,
		8);
}

static void set_points(struct engine *e, const uint64_t *dr, uint64_t dr7)
{
	unsigned i;

	for (i = 0; i < 4; i++)
		engine_set(e->vcpu, VMAPI_X86_DEBUG(i), dr[i]);
	engine_set(e->vcpu, VMAPI_X86_DEBUG(7), dr7 | 0x400);
}

static void start(struct engine *e, const struct row *r)
{
	uint64_t cr4;

	engine_mode(e, e->vcpu, 64);
	engine_load(e, r->code, r->bytes);
	engine_poke(e, DATA, ENGINE_DATA32, 8);
	engine_set(e->vcpu, VMAPI_X86_RDI, DATA);
	engine_set(e->vcpu, VMAPI_X86_RSI, DATA);
	engine_set(e->vcpu, VMAPI_X86_RCX, 4);
	engine_set(e->vcpu, VMAPI_X86_RAX, ENGINE_DATA32);
	cr4 = engine_get(e->vcpu, VMAPI_X86_CR4);
	engine_set(e->vcpu, VMAPI_X86_CR4, cr4 | r->cr4);
	engine_set(e->vcpu, VMAPI_X86_RFLAGS, 2 | r->flags);
	set_points(e, r->dr, r->dr7);
}

static void check_row(struct engine *e, const struct row *r)
{
	EQUAL(engine_run(e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(e), r->vector);
	EQUAL(engine_get(e->vcpu, VMAPI_X86_DEBUG(6)), DR6 | r->dr6);
	EQUAL(engine_get(e->vcpu, VMAPI_X86_RCX), r->rcx);
	if (r->vector == NONE) {
		EQUAL(engine_get(e->vcpu, VMAPI_X86_RIP), CODE + r->rip);
		return;
	}
	EQUAL(frame(e, r->vector == GP), CODE + r->rip);
	EQUAL(frame(e, (r->vector == GP) + 2) & RF, r->rf ? RF : 0);
	EQUAL(engine_get(e->vcpu, VMAPI_X86_RFLAGS) & RF, 0);
	EQUAL(engine_get(e->vcpu, VMAPI_X86_DEBUG(7)) & DR7_GD,
		r->vector == DB ? 0 : r->dr7 & DR7_GD);
}

/* Twice: once with code that is decoded as it goes, once with what is. */
static void all_rows(void)
{
	struct engine e;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		engine_about(rows[i].name);
		engine_open(&e, VMAPI_IRQCHIP_NONE);
		start(&e, &rows[i]);
		check_row(&e, &rows[i]);
		start(&e, &rows[i]);
		check_row(&e, &rows[i]);
		engine_close(&e);
	}
}

/* -- DR6 ---------------------------------------------------------------- */

static void dr6_adds_up(void)
{
	const struct row *r = &rows[0];
	struct engine e;

	engine_about("DR6: B0 to B3 are of the last event");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	start(&e, r);
	engine_set(e.vcpu, VMAPI_X86_DEBUG(6), DR6 | DR6_BS | 8);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), DB);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_DEBUG(6)), DR6 | DR6_BS | 1);
	engine_close(&e);
}

/* -- Ports -------------------------------------------------------------- */

/* out 0x9a, ax; nop; hlt: the point is at 0x9b. */
static void ports(uint64_t cr4, int vector)
{
	const struct row r = { "", BYTES(0x66, 0xe7, 0x9a, 0x90, 0xf4),
		{ 0, 0, 0x9b }, POINT(2, PORT, ONE), 0, 0, 0, 0, 0, 0, 0 };
	struct row row = r;
	struct engine e;

	engine_about(cr4 ? "a port" : "a port without CR4.DE");
	row.cr4 = cr4;
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	start(&e, &row);
	EQUAL(engine_run(&e), VMAPI_EXIT_IO);
	EQUAL(e.exit.u.io.port, 0x9a);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), vector);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_DEBUG(6)),
		DR6 | (vector == DB ? 4 : 0));
	if (vector == DB)
		EQUAL(frame(&e, 0), CODE + 3);
	engine_close(&e);
}

/*
 * insb twice, from a port to a point: the first asks the application, and
 * its element is done when the trap comes.
 */
static void input_to_a_point(void)
{
	const struct row r = { "", BYTES(0xf3, 0x6c, 0x90, 0xf4),
		{ DATA }, POINT(0, WRITE, ONE), 0, 0, 0, 0, 0, 0, 0 };
	struct engine e;

	engine_about("input to a point");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	start(&e, &r);
	EQUAL(engine_run(&e), VMAPI_EXIT_IO);
	engine_answer(&e, 0x5a, 1);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), DB);
	EQUAL(engine_peek(&e, DATA, 1), 0x5a);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RCX), 3);
	EQUAL(frame(&e, 0), CODE);
	EQUAL(frame(&e, 2) & RF, RF);
	engine_close(&e);
}

/* An NMI that comes meanwhile is taken between two elements. */
static void nmi_between_elements(void)
{
	const struct row r = { "", BYTES(0xf3, 0x6c, 0x90, 0xf4), { 0 }, 0, 0,
		0, 0, 0, 0, 0, 0 };
	struct engine e;

	engine_about("an NMI between elements");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	start(&e, &r);
	EQUAL(engine_run(&e), VMAPI_EXIT_IO);
	engine_answer(&e, 0x5a, 1);
	engine_must(vmapi_vcpu_nmi(e.vcpu));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), 2);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RCX), 3);
	EQUAL(frame(&e, 0), CODE);
	EQUAL(frame(&e, 2) & RF, RF);
	engine_close(&e);
}

/* A device is read before the point is met: it is read once. */
static void device_then_point(void)
{
	const struct row r = { "", BYTES(0xa4, 0x90, 0xf4), /* movsb */
		{ DATA }, POINT(0, WRITE, ONE), 0, 0, 0, 0, 0, 0, 0 };
	struct engine e;

	engine_about("a device, then a point");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	start(&e, &r);
	engine_set(e.vcpu, VMAPI_X86_RSI, ENGINE_DEVICE);
	EQUAL(engine_run(&e), VMAPI_EXIT_MMIO);
	engine_answer(&e, 0xa5, 1);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), DB);
	EQUAL(frame(&e, 0), CODE + 1);
	EQUAL(engine_peek(&e, DATA, 1), 0xa5);
	engine_close(&e);
}

/* -- What is no instruction's end --------------------------------------- */

/* push [rdi] reads the point and then faults: it has hit nothing. */
static void faulting(void)
{
	static const uint8_t code[] = { 0xff, 0x37 };
	const uint64_t dr[4] = { DATA };
	struct engine e;

	engine_about("an instruction that faults hits nothing");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_user(&e, e.vcpu, 64);
	engine_load(&e, code, sizeof(code));
	engine_set(e.vcpu, VMAPI_X86_RDI, DATA);
	engine_set(e.vcpu, VMAPI_X86_RSP, 0x12340000000);
	set_points(&e, dr, POINT(0, ACCESS, EIGHT));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), PF);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_DEBUG(6)), DR6);
	engine_close(&e);
}

/* -- One page at two addresses ------------------------------------------ */

static void aliases(void)
{
	static const uint8_t code[] = { 0x90, 0x90, 0x90, 0xf4 };
	const uint64_t alias = 0x20000;
	uint64_t dr[4] = { alias + 1 };
	struct engine e;

	engine_about("code at two addresses");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	engine_load(&e, code, sizeof(code));
	engine_poke(&e, ENGINE_PT + 8 * (alias >> 12), CODE | 7, 8);
	set_points(&e, dr, POINT(0, EXEC, ONE));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), NONE);
	engine_set(e.vcpu, VMAPI_X86_RIP, alias);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), DB);
	EQUAL(frame(&e, 0), alias + 1);
	/* And the other way round, with the same blocks. */
	dr[0] = CODE + 1;
	set_points(&e, dr, POINT(0, EXEC, ONE));
	engine_set(e.vcpu, VMAPI_X86_RIP, alias);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), NONE);
	engine_set(e.vcpu, VMAPI_X86_RIP, CODE);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), DB);
	engine_close(&e);
}

/* A linear address is the segment's base and the offset. */
static void real_mode(void)
{
	static const uint8_t code[] = { 0x90, 0x90, 0xf4 };
	const uint64_t dr[4] = { CODE + 1 };
	struct engine e;

	engine_about("execution in real mode");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 16);
	engine_load(&e, code, sizeof(code));
	set_points(&e, dr, POINT(0, EXEC, ONE));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), DB);
	EQUAL(engine_peek(&e, 0xf000 - 6, 2), 1);
	engine_close(&e);
}

/* -- System calls and returns ------------------------------------------- */

#define MSR_STAR  0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_FMASK 0xc0000084u
#define ENTRY	  (CODE + 0x100)

/* syscall at CPL 3; at its entry hlt, or sysret. */
static void syscalls(struct engine *e, uint64_t mask)
{
	static const uint8_t code[] = { 0x0f, 0x05, 0x90, 0x90 };
	static const uint8_t entry[] = { 0x48, 0x0f, 0x07 };

	engine_open(e, VMAPI_IRQCHIP_NONE);
	engine_user(e, e->vcpu, 64);
	engine_load(e, code, sizeof(code));
	memcpy(e->mem + ENTRY, entry, sizeof(entry));
	engine_set(e->vcpu, VMAPI_X86_EFER, 0xd01);
	engine_set(e->vcpu, VMAPI_X86_MSR(MSR_LSTAR), ENTRY);
	engine_set(e->vcpu, VMAPI_X86_MSR(MSR_STAR),
		(uint64_t)(ENGINE_UCODE64 - 16) << 48 |
			(uint64_t)ENGINE_CODE64 << 32);
	engine_set(e->vcpu, VMAPI_X86_MSR(MSR_FMASK), mask);
	engine_set(e->vcpu, VMAPI_X86_RFLAGS, 2 | TF);
}

static void syscall_and_tf(void)
{
	struct engine e;

	engine_about("SYSCALL that keeps TF");
	syscalls(&e, 0);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), DB);
	EQUAL(frame(&e, 0), ENTRY);
	engine_close(&e);
	engine_about("SYSCALL that masks TF, SYSRET that gives it back");
	syscalls(&e, TF);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), DB);
	EQUAL(frame(&e, 0), CODE + 2);
	EQUAL(frame(&e, 1), ENGINE_UCODE64);
	engine_close(&e);
}

/* iretq loads RF: the point at the target is passed, the next is not. */
static void iret_loads_rf(void)
{
	static const uint8_t code[] = { 0x48, 0xcf, 0x90, 0x90, 0xf4 };
	static const uint64_t image[] = { CODE + 2, ENGINE_CODE64, 2 | RF,
		STACK, ENGINE_DATA32 };
	const uint64_t dr[4] = { CODE + 2, CODE + 3 };
	struct engine e;
	unsigned i;

	engine_about("IRET loads RF");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	engine_load(&e, code, sizeof(code));
	for (i = 0; i < 5; i++)
		engine_poke(&e, DATA + 8 * i, image[i], 8);
	engine_set(e.vcpu, VMAPI_X86_RSP, DATA);
	set_points(&e, dr, POINT(0, EXEC, ONE) | POINT(1, EXEC, ONE));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), DB);
	EQUAL(frame(&e, 0), CODE + 3);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_DEBUG(6)), DR6 | 2);
	engine_close(&e);
}

/* -- Tasks -------------------------------------------------------------- */

#define TASK 0x050000u

/* A task whose T flag is set traps before its first instruction. */
static void task_trap(void)
{
	static const uint8_t code[] = { 0xea, 0, 0, 0, 0, 0x50, 0 };
	static const struct { uint8_t at; uint32_t value; } fields[] = {
		{ 32, CODE + 0x100 }, { 36, 2 }, { 56, STACK },
		{ 72, ENGINE_DATA32 }, { 76, ENGINE_CODE32 },
		{ 80, ENGINE_DATA32 }, { 84, ENGINE_DATA32 }, { 100, 1 },
	};
	const uint64_t dr[4] = { DATA, DATA + 8 };
	struct engine e;
	size_t i;

	engine_about("the T flag of a task");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_load(&e, code, sizeof(code));
	engine_poke(&e, ENGINE_GDT + 0x50, 0x0000890500000067, 8);
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		engine_poke(&e, TASK + fields[i].at, fields[i].value, 4);
	set_points(&e, dr, LOCAL(0, WRITE, ONE) | POINT(1, WRITE, ONE));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), DB);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_DEBUG(6)), DR6 | DR6_BT);
	/* Local points are gone, global ones are not: SDM 3B 17.2.4. */
	EQUAL(engine_get(e.vcpu, VMAPI_X86_DEBUG(7)) & 0xff, 8);
	EQUAL(engine_peek(&e, engine_get(e.vcpu, VMAPI_X86_RSP), 4),
		CODE + 0x100);
	engine_close(&e);
}

/* -- A debugger beside the guest's own ---------------------------------- */

static void ask(struct engine *e, uint32_t flags,
	const struct vmapi_debug_point *p, uint32_t n)
{
	struct vmapi_debug d = { .size = sizeof(d), .flags = flags,
		.points = p, .n_points = n };

	engine_must(vmapi_vcpu_debug(e->vcpu, &d));
}

static void stops(struct engine *e, uint32_t why, unsigned offset)
{
	EQUAL(engine_run(e), VMAPI_EXIT_DEBUG);
	EQUAL(e->exit.u.debug.why, why);
	EQUAL(e->exit.u.debug.address, CODE + offset);
	EQUAL(engine_get(e->vcpu, VMAPI_X86_DEBUG(6)), DR6);
}

/* The same point, and TF with a step: the debugger first, then the guest. */
static void both(void)
{
	static const struct vmapi_debug_point p = { .address = CODE + 1,
		.kind = VMAPI_POINT_EXEC };
	const struct row r = { "", BYTES(0x90, 0x90, 0xf4), { CODE + 1 },
		POINT(0, EXEC, ONE), 0, 0, 0, 0, 0, 0, 0 };
	struct engine e;

	engine_about("a point of both");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	start(&e, &r);
	ask(&e, 0, &p, 1);
	stops(&e, VMAPI_STOP_POINT, 1);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), DB);
	EQUAL(frame(&e, 0), CODE + 1);
	engine_about("steps of both");
	start(&e, &r);
	set_points(&e, r.dr, 0);
	engine_set(e.vcpu, VMAPI_X86_DEBUG(6), DR6);
	engine_set(e.vcpu, VMAPI_X86_RFLAGS, 2 | TF);
	ask(&e, VMAPI_DEBUG_STEP, NULL, 0);
	stops(&e, VMAPI_STOP_STEP, 1);
	EQUAL(engine_run(&e), VMAPI_EXIT_DEBUG);
	EQUAL(e.exit.u.debug.address, CODE + HANDLER(DB));
	EQUAL(frame(&e, 0), CODE + 1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_DEBUG(6)), DR6 | DR6_BS);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), DB);
	/* That was the handler's HLT, and nothing is left of its step. */
	ask(&e, 0, NULL, 0);
	EQUAL(engine_step(&e, 1), VMAPI_EXIT_LIMIT);
	engine_close(&e);
}

/* mov [rdi], ecx; mov eax, [rdi]; add [rdi], ecx; hlt */
static void reads_alone(void)
{
	static const struct vmapi_debug_point p = { .address = DATA,
		.kind = VMAPI_POINT_READ, .bytes = 4 };
	const struct row r = { "", BYTES(0x89, 0x0f, 0x8b, 0x07, 0x01, 0x0f,
		0xf4), { 0 }, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct engine e;

	engine_about("reads alone");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	start(&e, &r);
	ask(&e, 0, &p, 1);
	stops(&e, VMAPI_STOP_POINT, 4);
	stops(&e, VMAPI_STOP_POINT, 6);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_peek(&e, DATA, 4), 8);
	engine_close(&e);
}

static void stops_in_handler(struct engine *e, uint32_t why, unsigned vector,
	uint64_t retired)
{
	stops(e, why, (unsigned)HANDLER(vector));
	EQUAL(e->exit.retired, retired);
	/* Its HLT was not executed yet. */
	EQUAL(engine_get(e->vcpu, VMAPI_X86_RIP), CODE + HANDLER(vector));
}

/*
 * An event that is delivered is a step of its own, and a point that its frame
 * meets stops there: neither executes anything of the handler.  ud2; int3
 */
static void into_handlers(void)
{
	const struct row r = { "", BYTES(0x0f, 0x0b, 0xcc, 0xf4), { 0 }, 0, 0,
		0, 0, 0, 0, 0, 0 };
	struct vmapi_debug_point p = { .kind = VMAPI_POINT_WRITE, .bytes = 8 };
	struct engine e;

	engine_about("a step into a handler");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	start(&e, &r);
	ask(&e, VMAPI_DEBUG_STEP, NULL, 0);
	stops_in_handler(&e, VMAPI_STOP_STEP, UD, 0);
	EQUAL(frame(&e, 0), CODE);
	p.address = engine_get(e.vcpu, VMAPI_X86_RSP);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	engine_about("a step into a handler: INT3");
	engine_set(e.vcpu, VMAPI_X86_RIP, CODE + 2);
	stops_in_handler(&e, VMAPI_STOP_STEP, 3, 1);
	EQUAL(frame(&e, 0), CODE + 3);
	engine_about("a step into a handler: NMI");
	start(&e, &r);
	ask(&e, VMAPI_DEBUG_STEP, NULL, 0);
	engine_must(vmapi_vcpu_nmi(e.vcpu));
	stops_in_handler(&e, VMAPI_STOP_STEP, 2, 0);
	EQUAL(frame(&e, 0), CODE);
	engine_about("a point in a frame");
	start(&e, &r);
	ask(&e, 0, &p, 1);
	stops_in_handler(&e, VMAPI_STOP_POINT, UD, 0);
	engine_close(&e);
}

int main(void)
{
	all_rows();
	dr6_adds_up();
	ports(DE, DB);
	ports(0, NONE);
	input_to_a_point();
	nmi_between_elements();
	device_then_point();
	faulting();
	aliases();
	real_mode();
	syscall_and_tf();
	iret_loads_rf();
	task_trap();
	both();
	reads_alone();
	into_handlers();
	return engine_result();
}
