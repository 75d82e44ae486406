/* SPDX-License-Identifier: MIT */
/* Traces of blocks and instructions: what they say, and that only. */
#include "lib/soft/dump.h"
#include "tests/engine/engine.h"

/*
 * mov rax, [rbx+rcx*4+0x10]; add eax, ecx; xor eax, 0x5; inc byte [rdi];
 * push rax; cpuid; cmp ah, dl; jne .+0x10
 */
static const uint8_t code[] = {
	0x48, 0x8b, 0x44, 0x8b, 0x10, 0x01, 0xc8, 0x83, 0xf0, 0x05, 0xfe, 0x07,
	0x50, 0x0f, 0xa2, 0x38, 0xd4, 0x75, 0x0e, 0xf4,
};

static const char *const operations[] = {
	"+0 enter, instructions 8",
	"+0 mov.8 rax, [rbx + rcx*4 + 0x10]",
	"+5 add.4 rax, rcx",
	"+7 xor.4 rax, 0x5 live",
	"+10 inc.1 [rdi], zero live",
	"+12 push.8 rax, zero",
	"+13 cpuid.4 reg rax, base zero, imm 0x0, form 0, asize 8, seg ds",
	"+15 gethi t1, rax",
	"+15 cmp.1 t1, rdx nz +0x21 else +0x13",
};

static const char *const instructions[] = {
	"vcpu 0: 0008:10000 mov rax, qword ptr [rbx + rcx*4 + 0x10]",
	"vcpu 0: 0008:10005 add eax, ecx",
	"vcpu 0: 0008:10007 xor eax, 5",
};

struct seen {
	unsigned lines, matched;
	unsigned what;
};

static void block_line(void *opaque, unsigned what, const char *line)
{
	struct seen *s = opaque;

	CHECK(what == VMAPI_TRACE_BLOCK);
	if (s->lines == 0)
		CHECK(!strcmp(line, "vcpu 0: block at 0x10000, 64-bit, "
			"bytes 19"));
	else if (s->lines <= sizeof(operations) / sizeof(*operations) &&
		line[0] == '\t') {
		if (strcmp(line + 1, operations[s->lines - 1]))
			printf("'%s'\n", line);
		CHECK(!strcmp(line + 1, operations[s->lines - 1]));
		s->matched++;
	}
	s->lines++;
}

static void insn_line(void *opaque, unsigned what, const char *line)
{
	struct seen *s = opaque;

	CHECK(what == VMAPI_TRACE_INSN);
	if (s->lines < sizeof(instructions) / sizeof(*instructions)) {
		if (strcmp(line, instructions[s->lines]))
			printf("'%s'\n", line);
		CHECK(!strcmp(line, instructions[s->lines]));
	}
	s->lines++;
}

static void start(struct engine *e)
{
	engine_mode(e, e->vcpu, 64);
	engine_load(e, code, sizeof(code));
	memset(e->mem + ENGINE_DATA, 0, 16);
	engine_set(e->vcpu, VMAPI_X86_RBX, ENGINE_DATA);
	engine_set(e->vcpu, VMAPI_X86_RDI, ENGINE_DATA);
	EQUAL(engine_step(e, 8), VMAPI_EXIT_LIMIT);
}

static uint64_t state(struct engine *e)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < 18; i++)
		sum = sum * 31 + engine_get(e->vcpu, VMAPI_X86_GPR(i));
	return sum;
}

static void traces(void)
{
	struct seen block = { 0 }, insn = { 0 };
	struct engine e;
	uint64_t plain;

	engine_about("traces");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_must(vmapi_trace_set(e.ctx, VMAPI_TRACE_BLOCK, block_line,
		&block));
	start(&e);
	plain = state(&e);
	EQUAL(block.matched, sizeof(operations) / sizeof(*operations));
	engine_must(vmapi_trace_set(e.ctx, VMAPI_TRACE_INSN, insn_line,
		&insn));
	start(&e);
	EQUAL(insn.lines, 8);
	EQUAL(state(&e), plain);
	engine_must(vmapi_trace_set(e.ctx, 0, NULL, NULL));
	start(&e);
	EQUAL(insn.lines, 8);
	EQUAL(state(&e), plain);
	engine_close(&e);
}

/* Whatever is in an operation, the text is bounded and ends. */
static void bounded(void)
{
	struct vmi_op ops[2] = { { 0 } };
	char text[200], cut[16];
	unsigned i, k;
	size_t n;

	engine_about("text of any operation");
	for (i = 0; i < 20000; i++) {
		for (k = 0; k < sizeof(ops[0]); k++)
			((uint8_t *)ops)[k] = (uint8_t)rand();
		ops[0].run = NULL;
		ops[0].code %= VMI_EXEC_COUNT + 8;
		if (i & 1)
			ops[0].code = (uint16_t)(0x8000 + i % 12);
		n = vmi_op_dump(ops, text, sizeof(text));
		memset(cut, 'x', sizeof(cut));
		if (n >= sizeof(text) || strlen(text) != n ||
			vmi_op_dump(ops, cut, 8) != n || cut[7] ||
			cut[8] != 'x' || strncmp(cut, text, 7) ||
			vmi_op_dump(ops, NULL, 0) != n)
			break;
	}
	EQUAL(i, 20000);
}

int main(void)
{
	traces();
	bounded();
	return engine_result();
}
