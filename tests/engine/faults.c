/* SPDX-License-Identifier: MIT */
/* Faults find the processor as it was before the instruction. */
#include "tests/engine/engine.h"

/* mov eax, 0x12345678; hlt */
static const uint8_t crossing[] = {
	0xb8, 0x78, 0x56, 0x34, 0x12, 0xf4,
};

/* nop; jmp .+0x20000 */
static const uint8_t jump_far_off[] = {
	0x90, 0xe9, 0xfb, 0xff, 0x01, 0x00,
};

/* nop; call .+0x20000 */
static const uint8_t call_far_off[] = {
	0x90, 0xe8, 0xfb, 0xff, 0x01, 0x00,
};

/* mov eax, 0x30000; jmp eax */
static const uint8_t jump_reg[] = {
	0xb8, 0x00, 0x00, 0x03, 0x00, 0xff, 0xe0,
};

/* cmp eax, eax; je .+0x20000 */
static const uint8_t jcc_far_off[] = {
	0x39, 0xc0, 0x0f, 0x84, 0xfa, 0xff, 0x01, 0x00,
};

/* mov eax, 0x30000; call eax */
static const uint8_t call_reg[] = {
	0xb8, 0x00, 0x00, 0x03, 0x00, 0xff, 0xd0,
};

/* mov eax, 0x100; jmp eax */
static const uint8_t same_rip[] = {
	0xb8, 0x00, 0x01, 0x00, 0x00, 0xff, 0xe0,
};

/* push rbx; hlt */
static const uint8_t pushes[] = {
	0x53, 0xf4,
};

/* call .+0x40 */
static const uint8_t calls[] = {
	0xe8, 0x3b, 0x00, 0x00, 0x00,
};

/* call rbx */
static const uint8_t calls_reg[] = {
	0xff, 0xd3,
};

/* ret */
static const uint8_t returns[] = {
	0xc3,
};

/* pop qword ptr [rdi]; hlt */
static const uint8_t pops_mem[] = {
	0x8f, 0x07, 0xf4,
};

/* add qword ptr [rdi], rax; hlt */
static const uint8_t adds_mem[] = {
	0x48, 0x01, 0x07, 0xf4,
};

/* rep movsb; hlt */
static const uint8_t movsb_rep[] = {
	0xf3, 0xa4, 0xf4,
};

/* rep stosq; hlt */
static const uint8_t stosq_rep[] = {
	0xf3, 0x48, 0xab, 0xf4,
};

/* xchg qword ptr [rdi], rax; hlt */
static const uint8_t xchg_mem[] = {
	0x48, 0x87, 0x07, 0xf4,
};

/* cmpxchg qword ptr [rdi], rbx; hlt */
static const uint8_t cmpxchg_mem[] = {
	0x48, 0x0f, 0xb1, 0x1f, 0xf4,
};

/* push qword ptr [rdi]; hlt */
static const uint8_t push_mem[] = {
	0xff, 0x37, 0xf4,
};

/* mov rax, qword ptr [rdi]; hlt */
static const uint8_t load_mem[] = {
	0x48, 0x8b, 0x07, 0xf4,
};

/* enter 16, 3; hlt */
static const uint8_t enters[] = {
	0xc8, 0x10, 0x00, 0x03, 0xf4,
};

/* leave; hlt */
static const uint8_t leaves[] = {
	0xc9, 0xf4,
};

#define PF 14
#define UD 6
#define GP 13

#define DATA  ENGINE_DATA
#define NEXT  (ENGINE_DATA + 0x1000) /* the page that faults */
#define FLAGS 0x8d7u

#define CODE(c) (c), sizeof(c)

/* Registers by number: rax rcx rdx rbx rsp rbp rsi rdi. */
enum { AX, CX, DX, BX, SP, BP, SI, DI };

struct change {
	unsigned reg;
	uint64_t value;
};

/* 64-bit code at CPL 3 and the page fault that it meets. */
struct row {
	const char *name;
	const uint8_t *code;
	size_t bytes;
	uint64_t rip;	  /* where it is put */
	struct change set[4];
	uint64_t pte;	  /* of NEXT, or of the page after `rip` */
	uint32_t error;
	uint64_t cr2;
	struct change moved[3]; /* registers that are not what they were */
	unsigned written; /* bytes of data that are not what they were */
};

static const struct row rows[] = {
	{ "fetch across pages", CODE(crossing), 0x10ffd, { { 0 } }, 0, 0x14,
		0x11000, { { 0 } }, 0 },
	{ "push", CODE(pushes), 0, { { SP, NEXT + 8 } }, 0, 6, NEXT, { { 0 } },
		0 },
	{ "push across pages", CODE(pushes), 0, { { SP, NEXT + 4 } }, 0, 6,
		NEXT, { { 0 } }, 0 },
	{ "push to a read-only page", CODE(pushes), 0, { { SP, NEXT + 4 } }, 5,
		7, NEXT, { { 0 } }, 0 },
	{ "push [mem]", CODE(push_mem), 0, { { SP, NEXT + 8 }, { DI, DATA } },
		0, 6, NEXT, { { 0 } }, 0 },
	{ "push [mem], the source", CODE(push_mem), 0,
		{ { SP, DATA + 0x800 }, { DI, NEXT - 1 } }, 0, 4, NEXT,
		{ { 0 } }, 0 },
	{ "call", CODE(calls), 0, { { SP, NEXT + 4 } }, 0, 6, NEXT, { { 0 } },
		0 },
	{ "call reg", CODE(calls_reg), 0, { { SP, NEXT + 4 }, { BX, 0x12000 } },
		0, 6, NEXT, { { 0 } }, 0 },
	{ "ret", CODE(returns), 0, { { SP, NEXT - 4 } }, 0, 4, NEXT, { { 0 } },
		0 },
	{ "pop [mem]", CODE(pops_mem), 0, { { SP, DATA }, { DI, NEXT - 4 } },
		0, 6, NEXT, { { 0 } }, 0 },
	{ "add [mem], reg", CODE(adds_mem), 0, { { AX, 5 }, { DI, NEXT - 3 } },
		0, 6, NEXT, { { 0 } }, 0 },
	{ "add [read-only], reg", CODE(adds_mem), 0,
		{ { AX, 5 }, { DI, NEXT - 3 } }, 5, 7, NEXT, { { 0 } }, 0 },
	{ "xchg", CODE(xchg_mem), 0, { { AX, 5 }, { DI, NEXT - 3 } }, 0, 6,
		NEXT, { { 0 } }, 0 },
	{ "xchg, aligned, read-only", CODE(xchg_mem), 0,
		{ { AX, 5 }, { DI, NEXT } }, 5, 7, NEXT, { { 0 } }, 0 },
	{ "cmpxchg that fails writes as well", CODE(cmpxchg_mem), 0,
		{ { AX, 5 }, { DI, NEXT } }, 5, 7, NEXT, { { 0 } }, 0 },
	{ "cmpxchg across pages", CODE(cmpxchg_mem), 0,
		{ { AX, 5 }, { DI, NEXT - 1 } }, 5, 7, NEXT, { { 0 } }, 0 },
	{ "load across pages", CODE(load_mem), 0, { { DI, NEXT - 7 } }, 0, 4,
		NEXT, { { 0 } }, 0 },
	{ "rep movsb, destination", CODE(movsb_rep), 0,
		{ { SI, DATA }, { DI, NEXT - 4 }, { CX, 100 } }, 0, 6, NEXT,
		{ { SI, DATA + 4 }, { DI, NEXT }, { CX, 96 } }, 4 },
	{ "rep movsb, source", CODE(movsb_rep), 0,
		{ { SI, NEXT - 4 }, { DI, DATA }, { CX, 100 } }, 0, 4, NEXT,
		{ { SI, NEXT }, { DI, DATA + 4 }, { CX, 96 } }, 4 },
	{ "rep stosq across pages", CODE(stosq_rep), 0,
		{ { AX, 5 }, { DI, NEXT - 12 }, { CX, 9 } }, 0, 6, NEXT,
		{ { DI, NEXT - 4 }, { CX, 8 } }, 8 },
	{ "enter", CODE(enters), 0, { { SP, NEXT + 0x1008 }, { BP, DATA + 64 } },
		0, 6, NEXT + 0xff8, { { 0 } }, 0 },
	{ "leave", CODE(leaves), 0, { { SP, DATA }, { BP, NEXT - 2 } }, 0, 4,
		NEXT, { { 0 } }, 0 },
};

static uint64_t expected(const struct row *r, const struct change *before,
	unsigned reg)
{
	uint64_t v = before[reg].value;
	unsigned i;

	for (i = 0; i < 3 && r->moved[i].value; i++) {
		if (r->moved[i].reg == reg)
			v = r->moved[i].value;
	}
	return v;
}

static void start(struct engine *e, const struct row *r,
	struct change *before)
{
	uint64_t rip = r->rip ? r->rip : ENGINE_CODE;
	uint64_t page = r->rip ? (r->rip | 0xfff) + 1 : NEXT;
	unsigned i;

	engine_user(e, e->vcpu, 64);
	engine_must(vmapi_as_write(e->as, rip, r->code, r->bytes));
	engine_poke(e, ENGINE_PT + 8 * (page >> 12), page | r->pte, 8);
	for (i = 0; i < 8; i++)
		before[i] = (struct change){ i, 0x1110 + i };
	for (i = 0; i < 4 && r->set[i].value; i++)
		before[r->set[i].reg].value = r->set[i].value;
	for (i = 0; i < 8; i++)
		engine_set(e->vcpu, VMAPI_X86_GPR(i), before[i].value);
	engine_set(e->vcpu, VMAPI_X86_RIP, rip);
	engine_set(e->vcpu, VMAPI_X86_RFLAGS, FLAGS);
	for (i = 0; i < 0x2000; i++)
		e->mem[DATA + i] = (uint8_t)(i * 7 + 1);
}

static unsigned changed_bytes(const struct engine *e)
{
	unsigned i, n = 0;

	for (i = 0; i < 0x2000; i++)
		n += e->mem[DATA + i] != (uint8_t)(i * 7 + 1);
	return n;
}

static void page_fault(struct engine *e, const struct row *r)
{
	const uint64_t frame = ENGINE_STACK - 48;
	struct change before[8];
	unsigned i;

	engine_about(r->name);
	start(e, r, before);
	EQUAL(engine_run(e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(e), PF);
	EQUAL(engine_get(e->vcpu, VMAPI_X86_CR2), r->cr2);
	EQUAL(engine_peek(e, frame, 8), r->error);
	EQUAL(engine_peek(e, frame + 8, 8), r->rip ? r->rip : ENGINE_CODE);
	EQUAL(engine_peek(e, frame + 24, 8) & 0x8d5, FLAGS & 0x8d5);
	EQUAL(engine_peek(e, frame + 32, 8), before[SP].value);
	for (i = 0; i < 8; i++) {
		if (i != SP)
			EQUAL(engine_get(e->vcpu, VMAPI_X86_GPR(i)),
				expected(r, before, i));
	}
	CHECK(changed_bytes(e) <= r->written);
}

static void page_faults(void)
{
	struct engine e;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		engine_open(&e, VMAPI_IRQCHIP_NONE);
		page_fault(&e, &rows[i]);
		engine_close(&e);
	}
}

/* -- The end of the code segment ---------------------------------------- */

/* Near branches beyond it fault themselves: SDM 2A, CALL, JMP, Jcc. */
static void limit(const char *name, const uint8_t *code, size_t bytes,
	unsigned at)
{
	struct vmapi_x86_segment cs = { .limit = 0x1ffff, .attributes = 0x409b,
		.selector = ENGINE_CODE32 };
	struct vmapi_reg reg = { .tag = VMAPI_X86_CS, .data = &cs,
		.bytes = sizeof(cs) };
	struct engine e;

	engine_about(name);
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_load(&e, code, bytes);
	engine_must(vmapi_regs_set(e.vcpu, &reg, 1, NULL, 0));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), GP);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RSP), ENGINE_STACK - 16);
	EQUAL(engine_peek(&e, ENGINE_STACK - 16, 4), 0);
	EQUAL(engine_peek(&e, ENGINE_STACK - 12, 4), ENGINE_CODE + at);
	engine_close(&e);
}

static void limits(void)
{
	limit("jmp beyond the limit", CODE(jump_far_off), 1);
	limit("call beyond the limit", CODE(call_far_off), 1);
	limit("jcc beyond the limit", CODE(jcc_far_off), 2);
	limit("jmp reg beyond the limit", CODE(jump_reg), 5);
	limit("call reg beyond the limit", CODE(call_reg), 5);
}

/* -- One RIP in two segments -------------------------------------------- */

static void two_bases(void)
{
	static const uint8_t first[] = { /* inc ecx; jmp 0x58:0 */
		0x41, 0xea, 0, 0, 0, 0, 0x58, 0 };
	/* inc ebx; cmp ebx, 9; jne .+3; hlt; jmp 0x50:0 */
	static const uint8_t second[] = { 0x43, 0x83, 0xfb, 9, 0x75, 1, 0xf4,
		0xea, 0, 0, 0, 0, 0x50, 0 };
	struct vmapi_x86_segment cs = { .base = ENGINE_CODE,
		.limit = 0xffffffff, .attributes = 0xc09b, .selector = 0x50 };
	struct vmapi_reg reg = { .tag = VMAPI_X86_CS, .data = &cs,
		.bytes = sizeof(cs) };
	struct engine e;

	engine_about("one offset in two code segments");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_poke(&e, ENGINE_GDT + 0x50, 0x00cf9b010000ffff, 8);
	engine_poke(&e, ENGINE_GDT + 0x58, 0x00cf9b020000ffff, 8);
	engine_load(&e, CODE(same_rip));
	memcpy(e.mem + ENGINE_CODE + 0x100, first, sizeof(first));
	memcpy(e.mem + 0x20000, same_rip, sizeof(same_rip));
	memcpy(e.mem + 0x20100, second, sizeof(second));
	engine_must(vmapi_regs_set(e.vcpu, &reg, 1, NULL, 0));
	engine_set(e.vcpu, VMAPI_X86_RIP, 0);
	EQUAL(engine_step(&e, 1000), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RBX), 9);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RCX), 9);
	engine_close(&e);
}

/* -- Compatibility mode ------------------------------------------------- */

/*
 * The processor's own accesses have 64 bits whatever the code has: the stack
 * of the handler and the TSS, here across a page boundary, are above 4 GiB.
 */
static void compatibility(void)
{
	static const uint8_t code[] = { 0x0f, 0x0b }; /* ud2 */
	const uint64_t high = 0xffff800080000000, pdpt = 0x108000;
	const uint64_t tss = ENGINE_DATA + 0xff8;
	struct vmapi_x86_segment cs = { .selector = ENGINE_UCODE32,
		.limit = 0xffffffff, .attributes = 0xc0fb };
	struct vmapi_x86_segment tr = { .selector = ENGINE_TR,
		.base = high + tss, .limit = 0x67, .attributes = 0x8b };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_TR, .data = &tr, .bytes = sizeof(tr) },
	};
	struct engine e;

	engine_about("a fault in compatibility mode");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_user(&e, e.vcpu, 64);
	/* There is nothing where the low halves of addresses lead. */
	engine_poke(&e, ENGINE_PML4 + 8 * 256, pdpt | 7, 8);
	engine_poke(&e, pdpt + 8 * 2, (ENGINE_PML4 + 0x2000) | 7, 8);
	engine_poke(&e, ENGINE_PML4 + 0x1000 + 8 * 2, 0, 8);
	engine_poke(&e, tss + 4, high + ENGINE_STACK, 8);
	engine_must(vmapi_regs_set(e.vcpu, regs, 2, NULL, 0));
	engine_load(&e, CODE(code));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), UD);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RSP), high + ENGINE_STACK - 40);
	EQUAL(engine_peek(&e, ENGINE_STACK - 40, 8), ENGINE_CODE);
	EQUAL(engine_peek(&e, ENGINE_STACK - 32, 8), ENGINE_UCODE32);
	engine_close(&e);
}

/* -- What is no instruction --------------------------------------------- */

struct lines {
	unsigned n;
	char last[200];
};

static void count_line(void *opaque, int level, const char *line)
{
	struct lines *l = opaque;

	(void)level;
	l->n++;
	snprintf(l->last, sizeof(l->last), "%s", line);
}

/* VZEROUPPER, which CPUID does not have: #UD, and the log says so. */
static void unknown(void)
{
	static const uint8_t code[] = { 0x90, 0xc5, 0xf8, 0x77 };
	struct lines lines = { 0 };
	struct engine e;

	engine_about("an unknown instruction");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	engine_must(vmapi_log_set(e.ctx, VMAPI_LOG_WARNING, count_line,
		&lines));
	engine_load(&e, CODE(code));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), UD);
	EQUAL(lines.n, 1);
	CHECK(strstr(lines.last, ": c5 f8 77") != NULL);
	engine_close(&e);
}

int main(void)
{
	unknown();
	page_faults();
	limits();
	two_bases();
	compatibility();
	return engine_result();
}
