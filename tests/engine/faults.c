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

/* -- PUSHA and POPA, which fault at any of eight ------------------------- */

struct eight {
	const char *name;
	uint8_t code[4];
	uint64_t sp;
	uint64_t page; /* that is not there, or not writable */
	uint64_t pte;
	uint32_t error;
	uint64_t cr2;
	uint64_t sp_after;
};

static const struct eight eights[] = {
	{ "pusha, the first", { 0x60, 0xf4 }, NEXT + 16, NEXT, 6, 6, NEXT + 12,
		NEXT - 16 },
	{ "pusha, the fifth", { 0x60, 0xf4 }, NEXT + 16, DATA, 6, 6, NEXT - 4,
		NEXT - 16 },
	{ "pusha, within one", { 0x60, 0xf4 }, NEXT + 18, DATA, 6, 6, NEXT - 2,
		NEXT - 14 },
	{ "pusha, the last, read-only", { 0x60, 0xf4 }, NEXT + 28, DATA, 5, 7,
		NEXT - 4, NEXT - 4 },
	{ "pushaw, the third", { 0x66, 0x60, 0xf4 }, NEXT + 4, DATA, 6, 6,
		NEXT - 2, NEXT - 12 },
	{ "popa, the first", { 0x61, 0xf4 }, NEXT - 16, DATA, 6, 4, NEXT - 16,
		NEXT + 16 },
	{ "popa, the fifth", { 0x61, 0xf4 }, NEXT - 16, NEXT, 6, 4, NEXT,
		NEXT + 16 },
	{ "popa, within one", { 0x61, 0xf4 }, NEXT - 6, NEXT, 6, 4, NEXT,
		NEXT + 26 },
	{ "popaw, the last", { 0x66, 0x61, 0xf4 }, NEXT - 14, NEXT, 6, 4, NEXT,
		NEXT + 2 },
};

/* or byte ptr [disp32], 3; add esp, 4; iretd */
static const uint8_t mends[] = {
	0x80, 0x0d, 0x00, 0x00, 0x00, 0x00, 0x03, 0x83, 0xc4, 0x04, 0xcf,
};

static void eight_start(struct engine *e, const struct eight *r)
{
	unsigned i;

	engine_user(e, e->vcpu, 32);
	engine_pae(e, e->vcpu);
	engine_load(e, r->code, sizeof(r->code));
	for (i = 0; i < 0x2000; i++)
		e->mem[DATA + i] = (uint8_t)(i * 7 + 1);
	for (i = 0; i < 8; i++)
		engine_set(e->vcpu, VMAPI_X86_GPR(i), 0x11110000 + i);
	engine_set(e->vcpu, VMAPI_X86_RSP, r->sp);
	engine_poke(e, ENGINE_PT + 8 * (r->page >> 12), r->page | r->pte, 8);
}

/* The fault: nothing has changed. */
static void eight_faults(struct engine *e, const struct eight *r)
{
	const uint64_t frame = ENGINE_STACK - 24;
	unsigned i;

	eight_start(e, r);
	EQUAL(engine_run(e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(e), PF);
	EQUAL(engine_get(e->vcpu, VMAPI_X86_CR2), r->cr2);
	EQUAL(engine_peek(e, frame, 4), r->error);
	EQUAL(engine_peek(e, frame + 4, 4), ENGINE_CODE);
	EQUAL(engine_peek(e, frame + 16, 4), r->sp);
	for (i = 0; i < 8; i++)
		if (i != SP)
			EQUAL(engine_get(e->vcpu, VMAPI_X86_GPR(i)),
				0x11110000 + i);
}

/* As element `i`, in order of ascending addresses: DI first. */
static uint64_t element(struct engine *e, const struct eight *r, unsigned i)
{
	unsigned n = r->code[0] == 0x66 ? 2 : 4;
	uint64_t low = r->sp < r->sp_after ? r->sp : r->sp_after;

	return engine_peek(e, low + n * i, n);
}

static uint64_t shall_be(const struct eight *r, unsigned reg)
{
	uint64_t v = reg == SP ? r->sp : 0x11110000 + reg;

	return r->code[0] == 0x66 ? v & 0xffff : v;
}

/* A handler mends the page: the instruction is done, once and whole. */
static void eight_again(struct engine *e, const struct eight *r)
{
	bool pops = r->sp < r->sp_after;
	uint64_t mask = r->code[0] == 0x66 ? 0xffff : 0xffffffff;
	unsigned i;

	eight_start(e, r);
	memcpy(e->mem + ENGINE_HANDLERS + 16 * PF, mends, sizeof(mends));
	engine_poke(e, ENGINE_HANDLERS + 16 * PF + 2,
		ENGINE_PT + 8 * (r->page >> 12), 4);
	EQUAL(engine_run(e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(e), GP); /* HLT at CPL 3 */
	EQUAL(engine_peek(e, ENGINE_STACK - 8, 4), r->sp_after);
	for (i = 0; i < 8; i++) {
		if (!pops)
			EQUAL(element(e, r, i), shall_be(r, DI - i));
		else if (DI - i != SP)
			EQUAL(engine_get(e->vcpu, VMAPI_X86_GPR(DI - i)) &
				mask, element(e, r, i));
	}
}

static void pusha_and_popa(void)
{
	struct engine e;
	size_t i;

	for (i = 0; i < sizeof(eights) / sizeof(eights[0]); i++) {
		engine_about(eights[i].name);
		engine_open(&e, VMAPI_IRQCHIP_NONE);
		eight_faults(&e, &eights[i]);
		engine_close(&e);
		engine_open(&e, VMAPI_IRQCHIP_NONE);
		eight_again(&e, &eights[i]);
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

/* -- Reading and writing a ROM ------------------------------------------- */

/* A write goes to the ROM's device; what was read before it stays read. */
static void written(struct engine *e, uint64_t gpa, uint64_t value)
{
	EQUAL(engine_run(e), VMAPI_EXIT_MMIO);
	EQUAL(e->exit.u.mmio.gpa, gpa);
	EQUAL(e->exit.u.mmio.is_write, 1);
	EQUAL(e->exit.u.mmio.data[0], value);
}

static void rom(void)
{
	/*
	 * mov eax, 0x50; mov ds, eax; add dword ptr [0x1f00], 1; lock add
	 * dword ptr [0x1f00], 2; mov ebx, [0x1f00]; hlt
	 */
	static const uint8_t code[] = { 0xb8, 0x50, 0, 0, 0, 0x8e, 0xd8,
		0x83, 0x05, 0x00, 0x1f, 0, 0, 1, 0xf0, 0x83, 0x05, 0x00, 0x1f,
		0, 0, 2, 0x8b, 0x1d, 0x00, 0x1f, 0, 0, 0xf4 };
	struct vmapi_x86_segment ds;
	struct vmapi_reg reg = { .tag = VMAPI_X86_DS, .data = &ds,
		.bytes = sizeof(ds) };
	struct engine e;

	engine_about("a ROM is written");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_poke(&e, ENGINE_GDT + 0x50, 0x00cf920000001234, 8);
	engine_poke(&e, 0x1f00, 0x10, 4);
	engine_must(engine_map(&e, ENGINE_GDT, 0x1000, ENGINE_GDT,
		VMAPI_MAP_READONLY));
	engine_load(&e, CODE(code));
	written(&e, ENGINE_GDT + 0x54, 0); /* the accessed bit */
	written(&e, 0x1f00, 0x11);
	written(&e, 0x1f00, 0x12);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RBX), 0x10);
	engine_must(vmapi_regs_get(e.vcpu, &reg, 1, NULL, 0));
	EQUAL(ds.selector, 0x50);
	EQUAL(ds.limit, 0xf1234fff);
	EQUAL(ds.attributes, 0xc093);
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

/* -- Which fault of several ---------------------------------------------- */

#define NM 7
#define SS 12
#define MF 16

/* An operand beyond its segment's limit, with or without another reason. */
struct order {
	const char *name;
	uint8_t code[4];
	uint64_t cr0, cr4; /* to be flipped */
	uint64_t fsw;
	int vector;
};

static const struct order orders[] = {
	{ "fld", { 0xd9, 0x07 }, 0, 0, 0, GP },
	{ "fld, TS", { 0xd9, 0x07 }, 8, 0, 0, NM },
	{ "fld, EM", { 0xd9, 0x07 }, 4, 0, 0, NM },
	{ "fld, pending", { 0xd9, 0x07 }, 0, 0, 0x81, MF },
	{ "fnstcw, pending", { 0xd9, 0x3f }, 0, 0, 0x81, GP },
	{ "fnstcw, TS", { 0xd9, 0x3f }, 8, 0, 0, NM },
	{ "paddb, pending", { 0x0f, 0xfc, 0x07 }, 0, 0, 0x81, MF },
	{ "paddb, EM", { 0x0f, 0xfc, 0x07 }, 4, 0, 0, UD },
	{ "movups", { 0x0f, 0x10, 0x07 }, 0, 0, 0, GP },
	{ "movups, EM", { 0x0f, 0x10, 0x07 }, 4, 0, 0, UD },
	{ "movups, TS", { 0x0f, 0x10, 0x07 }, 8, 0, 0, NM },
	{ "movups, no OSFXSR", { 0x0f, 0x10, 0x07 }, 0, 0x200, 0, UD },
	{ "movups, pending", { 0x0f, 0x10, 0x07 }, 0, 0, 0x81, GP },
};

static void limit_to(struct engine *e, unsigned n, unsigned selector,
	uint32_t attributes)
{
	struct vmapi_x86_segment s = { .limit = 0xfff,
		.attributes = attributes, .selector = (uint16_t)selector };
	struct vmapi_reg reg = { .tag = VMAPI_X86_SEGMENT(n), .data = &s,
		.bytes = sizeof(s) };

	engine_must(vmapi_regs_set(e->vcpu, &reg, 1, NULL, 0));
}

/* SDM 3A table 6-2: faults of decoding come before those of executing. */
static void order(const struct order *o)
{
	struct engine e;

	engine_about(o->name);
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	limit_to(&e, 3, ENGINE_DATA32, 0x4093);
	engine_load(&e, CODE(o->code));
	engine_set(e.vcpu, VMAPI_X86_RDI, ENGINE_DATA);
	engine_set(e.vcpu, VMAPI_X86_CR0, 0x31 ^ o->cr0);
	engine_set(e.vcpu, VMAPI_X86_CR4, 0x600 ^ o->cr4);
	engine_set(e.vcpu, VMAPI_X86_FCW, 0x37e);
	engine_set(e.vcpu, VMAPI_X86_FSW, o->fsw);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), o->vector);
	EQUAL(engine_peek(&e, engine_get(e.vcpu, VMAPI_X86_RSP) +
		(o->vector == GP ? 4 : 0), 4), ENGINE_CODE);
	engine_close(&e);
}

/* Privilege comes before the stack's limit. */
static void privileged(void)
{
	static const uint8_t lgdt[] = { 0x0f, 0x01, 0x14, 0x24 };
	static const uint8_t load[] = { 0x8b, 0x04, 0x24 };
	struct engine e;

	engine_about("lgdt beyond the stack at level 3");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_user(&e, e.vcpu, 32);
	limit_to(&e, 2, ENGINE_UDATA32, 0x40f3);
	engine_load(&e, CODE(lgdt));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), GP);
	engine_user(&e, e.vcpu, 32);
	limit_to(&e, 2, ENGINE_UDATA32, 0x40f3);
	engine_load(&e, CODE(load));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), SS);
	engine_close(&e);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		order(&orders[i]);
	privileged();
	unknown();
	page_faults();
	pusha_and_popa();
	limits();
	two_bases();
	compatibility();
	rom();
	return engine_result();
}
