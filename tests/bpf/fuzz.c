/* SPDX-License-Identifier: MIT */
/*
 * Programs by chance: what the verifier takes does no wrong and ends.
 *
 * The generator knows what programs are made of (indices with bounds, loops
 * with counters, what is kept on the stack, functions), and breaks it now and
 * then. What is accepted runs in the checking interpreter, which finds what it
 * may not do, and then in the library's, which must come to the same end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/region/bpf/verify.h"
#include "lib/sys/sys.h"
#include "tests/bpf/asm.h"
#include "tests/bpf/naive.h"
#include "tests/fewer.h"

#define PROGRAMS 30000
#define FEW	 6000
#define RUNS	 4
#define ROOM	 160

static uint64_t seed = 0x9e3779b97f4a7c15u;
static unsigned failures;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static unsigned below(unsigned n)
{
	return (unsigned)((random64() >> 20) % n);
}

static bool rarely(void)
{
	return below(48) == 0;
}

/* -- The generator ------------------------------------------------------ */

static union { uint64_t align; uint8_t bytes[64]; } memory, was, after;
static union { uint64_t align; uint8_t bytes[16]; } table;
static union { uint64_t align; uint8_t bytes[24]; } context, began;

static const struct vmi_bpf_window windows[] = {
	{ memory.bytes, sizeof(memory), true, "state" },
	{ table.bytes, sizeof(table), false, "table" },
};

struct maker {
	struct vmi_bpf_insn insns[ROOM];
	size_t n;
	size_t calls[4]; /* to be led to the function */
	unsigned n_calls;
	unsigned kept; /* bit n: slot n of the stack has a number */
};

static void put(struct maker *m, struct vmi_bpf_insn insn)
{
	if (m->n < ROOM)
		m->insns[m->n++] = insn;
}

#define PUT(m, ...) put(m, (struct vmi_bpf_insn)__VA_ARGS__)

/* r6 is the context; r0, r2 to r5, r8 and r9 are numbers most of the time. */
static uint8_t number(void)
{
	static const uint8_t regs[] = { 0, 2, 3, 4, 5, 8, 9 };

	return regs[below(sizeof(regs))];
}

static int32_t constant(void)
{
	static const int32_t some[] = { 0, 1, 2, 7, 8, 15, 31, 63, 64, 255,
		-1, -8, 0x7fffffff, INT32_MIN };

	return some[below(vmi_array_len(some))];
}

static void make_alu(struct maker *m)
{
	static const uint8_t codes[] = { 0x00, 0x10, 0x20, 0x30, 0x40, 0x50,
		0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0 };
	struct vmi_bpf_insn i = { .opcode = codes[below(sizeof(codes))],
		.dst = number() };
	unsigned code = i.opcode;

	i.opcode |= below(2) ? VMI_BPF_ALU : VMI_BPF_ALU64;
	if (below(3)) {
		i.imm = constant();
	} else {
		i.opcode |= VMI_BPF_X;
		i.src = number();
	}
	if ((code == 0x30 || code == 0x90) && below(2))
		i.off = 1;
	if (code == 0xb0 && (i.opcode & VMI_BPF_X) && below(2))
		i.off = below(2) ? 8 : 16;
	put(m, i);
}

static void make_one_operand(struct maker *m)
{
	static const struct vmi_bpf_insn some[] = { { 0x84, 0, 0, 0, 0 },
		{ 0x87, 0, 0, 0, 0 }, { 0xd4, 0, 0, 0, 16 },
		{ 0xd4, 0, 0, 0, 32 }, { 0xdc, 0, 0, 0, 16 },
		{ 0xdc, 0, 0, 0, 64 }, { 0xd7, 0, 0, 0, 32 } };
	struct vmi_bpf_insn i = some[below(vmi_array_len(some))];

	i.dst = number();
	put(m, i);
}

/* A number becomes an index below `limit`, a multiple of `bytes`. */
static void make_bound(struct maker *m, uint8_t reg, int32_t limit,
	int32_t bytes)
{
	int32_t n = limit / bytes - 1 + rarely();

	switch (below(6)) {
	case 0: PUT(m, K(AND, reg, n)); break;
	case 1: PUT(m, WK(AND, reg, n)); break;
	case 2: PUT(m, K(MOD, reg, n + 1)); break;
	case 3:
		PUT(m, JK(JLE, reg, n, 1));
		PUT(m, K(MOV, reg, n));
		break;
	case 4:
		PUT(m, WX(MOV, reg, reg));
		PUT(m, JWK(JLT, reg, n + 1, 1));
		PUT(m, K(MOV, reg, 0));
		break;
	default:
		PUT(m, JK(JSGE, reg, 0, 1));
		PUT(m, K(MOV, reg, 0));
		PUT(m, JK(JSLE, reg, n, 1));
		PUT(m, K(MOV, reg, n));
		break;
	}
	if (bytes > 1)
		PUT(m, K(MUL, reg, bytes));
}

static void make_window(struct maker *m)
{
	static const uint8_t sizes[] = { 0x10, 0x08, 0x00, 0x18 };
	unsigned size = below(4);
	uint8_t reg = number(), load = VMI_BPF_LDX | VMI_BPF_MEM;
	bool is_table = below(4) == 0;
	struct vmi_bpf_insn i = { .opcode = sizes[size], .off =
		(int16_t)(rarely() ? 8 : 0) };

	make_bound(m, reg, is_table ? 16 : 64, 1 << size);
	PUT(m, { VMI_BPF_LDDW, 7, VMI_BPF_WINDOW, 0, is_table });
	PUT(m, { 0 });
	PUT(m, X(ADD, 7, reg));
	if (below(2) || (is_table && !rarely())) {
		i.opcode |= size < 3 && below(4) == 0 ?
			VMI_BPF_LDX | VMI_BPF_MEMSX : load;
		i.dst = number();
		i.src = 7;
	} else {
		i.opcode |= VMI_BPF_STX | VMI_BPF_MEM;
		i.dst = 7;
		i.src = rarely() ? 6 : number();
	}
	put(m, i);
}

static void make_atomic(struct maker *m)
{
	static const uint8_t codes[] = { 0, 1, 0x40, 0x41, 0x50, 0x51, 0xa0,
		0xa1, 0xe1, 0xf1 };
	bool is_half = below(2);

	PUT(m, { VMI_BPF_LDDW, 7, VMI_BPF_WINDOW, 0, rarely() });
	PUT(m, { 0 });
	PUT(m, { (uint8_t)(is_half ? 0xc3 : 0xdb), 7, number(),
		(int16_t)(below(8) * 8), codes[below(sizeof(codes))] });
}

static void make_stack(struct maker *m)
{
	unsigned slot = below(4);
	int16_t at = (int16_t)(-8 * (int)(slot + 1));

	if (!(m->kept >> slot & 1) && !rarely()) {
		PUT(m, STX(DW, 10, at, number()));
		m->kept |= 1u << slot;
		return;
	}
	switch (below(4)) {
	case 0: PUT(m, STX(W, 10, at, number())); break;
	case 1: PUT(m, LDX(H, number(), 10, at)); break;
	case 2: PUT(m, { 0xdb, 10, number(), at, 1 }); break;
	default: PUT(m, LDX(DW, number(), 10, at)); break;
	}
}

/* By an index; slots 8 to 11, all of which are written first. */
static void make_stack_index(struct maker *m)
{
	uint8_t reg = number();
	int i;

	for (i = 9; i <= 12 - rarely(); i++)
		PUT(m, ST(DW, 10, (int16_t)(-8 * i), i));
	make_bound(m, reg, 32, 8);
	PUT(m, X(MOV, 7, 10));
	PUT(m, X(ADD, 7, reg));
	if (below(2))
		PUT(m, LDX(DW, number(), 7, -96));
	else
		PUT(m, STX(DW, 7, -96, number()));
}

/* An address on the stack, and back. */
static void make_kept_address(struct maker *m)
{
	PUT(m, STX(DW, 10, -64, 6));
	if (rarely())
		PUT(m, ST(B, 10, -60, 0));
	make_alu(m);
	PUT(m, LDX(DW, 7, 10, -64));
	PUT(m, STX(W, 7, 4, number()));
}

static void make_context(struct maker *m)
{
	if (below(3))
		PUT(m, LDX(DW, number(), 6, (int16_t)(8 * below(3))));
	else
		PUT(m, STX(H, 6, (int16_t)(2 * below(rarely() ? 8 : 4)),
			number()));
}

static void make_helper(struct maker *m)
{
	unsigned i;

	if (below(4)) {
		PUT(m, X(MOV, 1, number()));
		PUT(m, HELP(2));
	} else {
		PUT(m, HELP(1));
	}
	for (i = 2; i <= 5; i++)
		PUT(m, { 0xb7, (uint8_t)i, 0, 0, constant() });
}

static void make_call(struct maker *m)
{
	unsigned i;

	if (m->n_calls == 4)
		return;
	PUT(m, X(MOV, 1, 10));
	PUT(m, K(ADD, 1, -128));
	m->calls[m->n_calls++] = m->n;
	PUT(m, CALL(0));
	for (i = 2; i <= 5; i++)
		PUT(m, X(MOV, (uint8_t)i, 0));
	if (below(2))
		PUT(m, LDX(DW, 3, 10, -128));
}

static void make_some(struct maker *m);

/* Over some of what follows. */
static void make_jump(struct maker *m)
{
	static const uint8_t codes[] = { 0x10, 0x20, 0x30, 0x40, 0x50, 0x60,
		0x70, 0xa0, 0xb0, 0xc0, 0xd0 };
	size_t at = m->n;
	uint8_t code = codes[below(sizeof(codes))];
	unsigned kept = m->kept;

	code |= below(2) ? VMI_BPF_JMP : VMI_BPF_JMP32;
	if (below(2))
		PUT(m, { code, number(), 0, 0, constant() });
	else
		PUT(m, { (uint8_t)(code | VMI_BPF_X), number(), number(), 0,
			0 });
	make_some(m);
	if (below(6))
		m->kept = kept;
	if (at < ROOM)
		m->insns[at].off = (int16_t)(m->n - at - 1);
}

/* An address goes along with a counter, as compilers like it. */
static void make_stride(struct maker *m)
{
	int32_t step = (int32_t)(1u << below(4));
	int32_t times = (int32_t)below((unsigned)(48 / step)) + 1;

	PUT(m, K(MOV, 9, 0));
	PUT(m, { VMI_BPF_LDDW, 7, VMI_BPF_WINDOW, 0, 0 });
	PUT(m, { 0 });
	PUT(m, STX(B, 7, (int16_t)(rarely() ? 48 : 8), number()));
	PUT(m, K(ADD, 7, step));
	PUT(m, K(ADD, 9, 1));
	PUT(m, JK(JNE, 9, times, -4));
}

/* A copy with something added has the bounds of both. */
static void make_moved_bound(struct maker *m)
{
	uint8_t reg = number();
	int32_t by = (int32_t)below(20) + 1;

	PUT(m, X(MOV, 7, reg));
	PUT(m, K(ADD, 7, -by));
	PUT(m, JK(JLT, 7, 40 + (rarely() ? 30 : 0), 2));
	PUT(m, K(MOV, reg, by));
	PUT(m, X(MOV, 7, reg));
	PUT(m, { VMI_BPF_LDDW, 7, VMI_BPF_WINDOW, 0, 0 });
	PUT(m, { 0 });
	PUT(m, X(ADD, 7, reg));
	PUT(m, LDX(B, number(), 7, (int16_t)(rarely() ? -32 : 0)));
}

/* r9 counts; what is done may change it, rarely. */
static void make_loop(struct maker *m)
{
	int32_t times = (int32_t)below(12) + 1;
	size_t at;

	PUT(m, K(MOV, 9, 0));
	at = m->n;
	PUT(m, { VMI_BPF_LDDW, 7, VMI_BPF_WINDOW, 0, 0 });
	PUT(m, { 0 });
	PUT(m, X(ADD, 7, 9));
	PUT(m, STX(B, 7, (int16_t)(rarely() ? 63 : 40), number()));
	if (below(2))
		make_alu(m);
	PUT(m, K(ADD, 9, 1));
	PUT(m, { (uint8_t)(VMI_BPF_JMP | (below(2) ? VMI_BPF_JLT :
		VMI_BPF_JNE)), 9, 0, (int16_t)((int)at - (int)m->n - 1),
		times });
}

static void make_some(struct maker *m)
{
	static void (*const makers[])(struct maker *) = { make_alu, make_alu,
		make_alu, make_one_operand, make_window, make_window,
		make_atomic, make_stack, make_stack, make_stack_index,
		make_kept_address, make_context, make_helper, make_call,
		make_jump, make_jump, make_loop, make_stride,
		make_moved_bound };
	unsigned n = 1 + below(3);

	while (n-- && m->n < ROOM - 60)
		makers[below(vmi_array_len(makers))](m);
}

/* What all calls lead to: it has r1, an address in its caller's stack. */
static void make_function(struct maker *m)
{
	unsigned i;

	for (i = 0; i < m->n_calls; i++)
		m->insns[m->calls[i]].imm = (int32_t)(m->n - m->calls[i] - 1);
	PUT(m, STX(DW, 1, rarely() ? -384 : 0, 2));
	PUT(m, X(MOV, 0, 2));
	PUT(m, WK(AND, 0, 63));
	if (rarely())
		PUT(m, STX(DW, 1, 0, 10));
	PUT(m, EXIT);
}

/* Anything, anywhere. */
static void spoil(struct maker *m)
{
	struct vmi_bpf_insn *i = &m->insns[below((unsigned)m->n)];

	switch (below(5)) {
	case 0: i->imm = constant(); break;
	case 1: i->off = (int16_t)(i->off + (int)below(17) - 8); break;
	case 2: i->dst = (uint8_t)below(11); break;
	case 3: i->src = (uint8_t)below(11); break;
	default: i->opcode ^= (uint8_t)(8u << below(5)); break;
	}
}

static void make(struct maker *m)
{
	unsigned i, parts = 2 + below(6);

	m->n = m->n_calls = m->kept = 0;
	PUT(m, X(MOV, 6, 1));
	PUT(m, LDX(DW, 8, 1, 8));
	PUT(m, LDX(W, 0, 1, 0));
	for (i = 2; i <= 5; i++)
		PUT(m, { 0xb7, (uint8_t)i, 0, 0, constant() });
	PUT(m, X(MOV, 9, 8));
	while (parts-- && m->n < ROOM - 60)
		make_some(m);
	PUT(m, K(AND, 0, 1));
	PUT(m, EXIT);
	if (m->n_calls)
		make_function(m);
	if (below(4) == 0)
		spoil(m);
}

/* -- Execution ---------------------------------------------------------- */

static uint64_t now(struct vmi_bpf_host *host)
{
	(void)host;
	return NAIVE_NOW;
}

static void fault(const struct vmi_bpf_code *code, const char *why, size_t at)
{
	char text[80];
	size_t i;

	if (failures++ >= 3)
		return;
	printf("instruction %zu: %s\n", at, why);
	for (i = 0; i < code->n; i++) {
		vmi_bpf_print(&code->insns[i], NULL, text, sizeof(text));
		printf("\t%zu\t%s\n", i, text);
	}
}

static void fill(void)
{
	unsigned i;

	for (i = 0; i < sizeof(was); i++)
		was.bytes[i] = (uint8_t)random64();
	for (i = 0; i < sizeof(began); i++)
		began.bytes[i] = below(2) ? (uint8_t)random64() : 0;
	if (below(2))
		memset(began.bytes + 9, 0, 7);
	memset(began.bytes + 16, 0, 4);
	began.bytes[16] = (uint8_t)(1u << below(4));
	memcpy(&memory, &was, sizeof(memory));
	memcpy(&context, &began, sizeof(context));
}

/* Whether it came to its end. */
static bool run_both(const struct vmi_bpf_code *code,
	const struct vmi_bpf_ops *ops)
{
	struct vmi_bpf_host host = { .now = now };
	struct vmi_bpf_run run = { .fuel = 1000, .host = &host };
	struct naive naive = { .code = code, .context = context.bytes,
		.limit = 100000 };
	uint8_t said[24];
	enum naive_end end;

	fill();
	end = naive_run(&naive);
	if (end == NAIVE_WRONG) {
		fault(code, naive.why, naive.at);
		return false;
	}
	memcpy(&after, &memory, sizeof(after));
	memcpy(said, &context, sizeof(said));
	memcpy(&memory, &was, sizeof(memory));
	memcpy(&context, &began, sizeof(context));
	run.r[1] = (uintptr_t)context.bytes;
	if (vmi_bpf_execute(&run, ops->entry) != VMI_BPF_DONE)
		return false;
	if (end != NAIVE_DONE || (uint32_t)run.r[0] > 1 ||
		run.r[0] != naive.result ||
		memcmp(&after, &memory, sizeof(after)) ||
		memcmp(said, &context, sizeof(said)))
		fault(code, "the interpreters differ", naive.at);
	return true;
}

/* Whether it was accepted. */
static bool try(const struct maker *m, unsigned *ended)
{
	struct vmi_bpf_code code = { .insns = m->insns, .n = m->n,
		.windows = windows, .n_windows = 2, .context_bytes = 24,
		.context_writable = 8, .result_max = 1 };
	struct vmi_bpf_proof proof;
	struct vmi_bpf_ops ops;
	unsigned i;
	int err = vmi_bpf_verify(&code, &proof);

	if (err && getenv("VMI_FUZZ_WHY"))
		puts(proof.why);
	if (err)
		return false;
	if (vmi_bpf_decode(&code, &ops))
		return false;
	for (i = 0; i < RUNS && !failures; i++)
		*ended += run_both(&code, &ops);
	vmi_free(ops.all);
	return true;
}

int main(void)
{
	static struct maker m;
	unsigned programs = fewer_cases() ? FEW : PROGRAMS;
	unsigned i, accepted = 0, ended = 0;

	for (i = 0; i < programs && !failures; i++) {
		make(&m);
		accepted += try(&m, &ended);
	}
	printf("%u programs, %u accepted (%u %%), %u of %u runs ended "
		"before their fuel did, %u failures\n", i, accepted,
		100 * accepted / i, ended, RUNS * accepted, failures);
	/* One that accepts little proves little. */
	return failures != 0 || accepted < programs / 4;
}
