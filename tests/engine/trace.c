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
	"+10 inc.1 [rdi] live",
	"+12 push.8 rax",
	"+13 cpuid.4 reg rax, base zero, imm 0x0, form 0, asize 8, seg ds",
	"+15 gethi t1, rax",
	"+15 cmpjcc.1 cmp t1, rdx nz +0x21 else +0x13",
};

/*
 * mov eax, ebx; add eax, ecx; movzx edx, word [rax]; shl edx, cl; sete bl;
 * lea rsi, [rdi+rcx*4+8]; imul eax, esi, 5; cmove rdx, rcx; ret
 */
static const uint8_t more_code[] = {
	0x89, 0xd8, 0x01, 0xc8, 0x0f, 0xb7, 0x10, 0xd3, 0xe2, 0x0f, 0x94, 0xc3,
	0x48, 0x8d, 0x74, 0x8f, 0x08, 0x6b, 0xc6, 0x05, 0x48, 0x0f, 0x44, 0xd1,
	0xc3,
};

static const char *const more_operations[] = {
	"+0 enter, instructions 9",
	"+0 add.4 rax, rbx, rcx live",
	"+4 movzx.4 rdx, [rax].2",
	"+7 shl.4 rdx, cl live",
	"+9 setcc rbx z",
	"+12 lea.8 rsi, [rdi + rcx*4 + 0x8]",
	"+17 imul.4 rax, rsi, 0x5 live",
	"+20 cmovcc.8 rdx, rcx z",
	"+24 ret.8",
};

static const char *const instructions[] = {
	"vcpu 0: 0008:10000 mov rax, qword ptr [rbx + rcx*4 + 0x10]",
	"vcpu 0: 0008:10005 add eax, ecx",
	"vcpu 0: 0008:10007 xor eax, 5",
};

struct seen {
	unsigned lines, matched;
	unsigned what;
	const char *const *operations;
	unsigned n, bytes;
};

static void block_line(void *opaque, unsigned what, const char *line)
{
	struct seen *s = opaque;
	char head[80];

	CHECK(what == VMAPI_TRACE_BLOCK);
	if (s->lines == 0) {
		snprintf(head, sizeof(head), "vcpu 0: block at 0x10000, "
			"64-bit, bytes %u", s->bytes);
		CHECK(!strcmp(line, head));
	} else if (s->lines <= s->n && line[0] == '\t') {
		if (strcmp(line + 1, s->operations[s->lines - 1]))
			printf("'%s'\n", line);
		CHECK(!strcmp(line + 1, s->operations[s->lines - 1]));
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
	struct seen insn = { 0 }, block = { .operations = operations,
		.n = sizeof(operations) / sizeof(*operations), .bytes = 19 };
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

static void more(void)
{
	struct seen block = { .operations = more_operations,
		.n = sizeof(more_operations) / sizeof(*more_operations),
		.bytes = sizeof(more_code) };
	struct engine e;

	engine_about("traces of other kinds");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_must(vmapi_trace_set(e.ctx, VMAPI_TRACE_BLOCK, block_line,
		&block));
	engine_mode(&e, e.vcpu, 64);
	engine_load(&e, more_code, sizeof(more_code));
	engine_set(e.vcpu, VMAPI_X86_RBX, ENGINE_DATA);
	EQUAL(engine_step(&e, 9), VMAPI_EXIT_LIMIT);
	EQUAL(block.matched, block.n);
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
	more();
	bounded();
	return engine_result();
}
