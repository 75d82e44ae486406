/* SPDX-License-Identifier: MIT */
/* What the verifier takes, what it refuses, and what it says then. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/region/bpf/verify.h"
#include "tests/bpf/asm.h"

static unsigned failures;

static uint8_t memory[64], constants[16];
static const struct vmi_bpf_window windows[] = {
	{ memory, sizeof(memory), true, "state" },
	{ constants, sizeof(constants), false, "table" },
};

struct program {
	const char *name;
	const char *why; /* part of the message; NULL: it is fine */
	struct vmi_bpf_insn insns[16];
	int err;
};

static const struct program programs[] = {
	/* -- Shape ------------------------------------------------------ */
	{ "no such opcode", "no such instruction", { { .opcode = 0xff } },
		-EINVAL },
	{ "a reserved field", "no such instruction",
		{ { 0xb7, 0, 1, 0, 0 }, EXIT }, -EINVAL },
	{ "packet access", "(packet access ldabs8): device programs do not",
		{ { 0x30, 0, 0, 0, 0 }, EXIT }, -EINVAL },
	{ "a map's descriptor", "section 5.4.1",
		{ { 0x18, 0, 1, 0, 0 }, { 0 }, EXIT }, -EINVAL },
	{ "half an instruction", "second half is missing",
		{ { 0x18, 0, 0, 0, 1 } }, -EINVAL },
	{ "no such window", "no window 2", { WINDOW(1, 2, 0), EXIT },
		-EINVAL },
	{ "beyond a window", "window 'state' has 64 bytes",
		{ WINDOW(1, 0, 65), EXIT }, -EINVAL },
	{ "r11", "no such register", { K(MOV, 11, 0), EXIT }, -EINVAL },
	{ "changing r10", "r10 cannot be changed", { K(ADD, 10, 8), EXIT },
		-EINVAL },
	{ "no such helper", "no helper 99", { HELP(99), EXIT }, -EINVAL },
	{ "a jump out", "instruction 0 (goto +5): it leads out of the program",
		{ GOTO(5), EXIT }, -EINVAL },
	{ "a jump back out", "leads out of the program", { GOTO(-2), EXIT },
		-EINVAL },
	{ "a jump into the middle", "middle of an instruction",
		{ GOTO(1), { 0x18, 0, 0, 0, 1 }, { 0 }, EXIT }, -EINVAL },
	{ "no exit", "goes on behind its end", { K(MOV, 0, 0) }, -EINVAL },
	{ "into another function", "leads out of its function",
		{ CALL(1), GOTO(0), EXIT }, -EINVAL },
	{ "falling into a function", "instruction 1 (r0 = 0): the function "
		"goes on", { CALL(1), K(MOV, 0, 0), EXIT }, -EINVAL },

	/* -- Registers --------------------------------------------------- */
	{ "nothing", "r0 has no value", { EXIT }, -EACCES },
	{ "an unset register", "r5 has no value",
		{ X(MOV, 0, 5), EXIT }, -EACCES },
	{ "set on one way only", "r2 has no value",
		{ LDX(W, 3, 1, 16), JK(JEQ, 3, 1, 1), K(MOV, 2, 1),
			X(MOV, 0, 2), EXIT }, -EACCES },
	{ "lost in a call", "r1 has no value",
		{ HELP(1), LDX(W, 0, 1, 0), EXIT }, -EACCES },
	{ "an argument that is missing", "r1 is an address, where a number",
		{ K(MOV, 2, 0), K(MOV, 3, 0), HELP(2), EXIT }, -EACCES },
	{ "a result beyond", "not always 0 to 1", { K(MOV, 0, 2), EXIT },
		-EACCES },
	{ "a result that may be", NULL,
		{ LDX(W, 0, 1, 8), K(AND, 0, 1), EXIT }, 0 },
	{ "an address as result", "r0 is an address",
		{ X(MOV, 0, 1), EXIT }, -EACCES },

	/* -- The context -------------------------------------------------- */
	{ "the context's end", "bytes 24 to 27 of the context",
		{ LDX(W, 0, 1, 24), EXIT }, -EACCES },
	{ "before the context", "bytes -4 to -1 of the context",
		{ LDX(W, 0, 1, -4), EXIT }, -EACCES },
	{ "an answer", NULL,
		{ ST(W, 1, 0, 7), K(MOV, 0, 0), EXIT }, 0 },
	{ "an answer by index", NULL,
		{ LDX(DW, 2, 1, 8), K(AND, 2, 7), X(ADD, 1, 2),
			ST(B, 1, 0, 7), K(MOV, 0, 0), EXIT }, 0 },
	{ "changing the offset", "only the bytes that are read",
		{ ST(DW, 1, 8, 7), K(MOV, 0, 0), EXIT }, -EACCES },
	{ "an unaligned access", "not always a multiple of 4",
		{ LDX(W, 0, 1, 2), EXIT }, -EACCES },

	/* -- Windows ------------------------------------------------------ */
	{ "a window", NULL,
		{ WINDOW(2, 0, 56), LDX(DW, 3, 2, 0), STX(DW, 2, -56, 3),
			K(MOV, 0, 0), EXIT }, 0 },
	{ "beyond its end", "bytes 60 to 67 of window 'state'",
		{ WINDOW(2, 0, 60), LDX(DW, 3, 2, 0), EXIT }, -EACCES },
	{ "what is read-only", "window 'table' is read-only",
		{ WINDOW(2, 1, 0), ST(B, 2, 0, 1), K(MOV, 0, 0), EXIT },
		-EACCES },
	{ "an address in a window", "an address can be kept only",
		{ WINDOW(2, 0, 0), STX(DW, 2, 0, 1), K(MOV, 0, 0), EXIT },
		-EACCES },
	{ "an address in an answer", "an address can be kept only",
		{ STX(DW, 1, 0, 10), K(MOV, 0, 0), EXIT }, -EACCES },
	{ "an index without bounds", "moved by a number without bounds",
		{ LDX(DW, 2, 1, 8), WINDOW(3, 0, 0), X(ADD, 3, 2),
			LDX(B, 0, 3, 0), K(MOV, 0, 0), EXIT }, -EACCES },
	{ "an index with bounds", NULL,
		{ LDX(DW, 2, 1, 8), WINDOW(3, 0, 0), JK(JGT, 2, 15, 3),
			K(LSH, 2, 2), X(ADD, 3, 2), LDX(W, 4, 3, 0),
			K(MOV, 0, 0), EXIT }, 0 },
	{ "bounds by one too far", "leads to bytes 0 to 67",
		{ LDX(DW, 2, 1, 8), WINDOW(3, 0, 0), JK(JGT, 2, 16, 3),
			K(LSH, 2, 2), X(ADD, 3, 2), LDX(W, 4, 3, 0),
			K(MOV, 0, 0), EXIT }, -EACCES },
	{ "bounds of the other sign", "moved by a number without bounds",
		{ LDX(DW, 2, 1, 8), WINDOW(3, 0, 0), JK(JSGT, 2, 15, 3),
			K(LSH, 2, 2), X(ADD, 3, 2), LDX(W, 4, 3, 0),
			K(MOV, 0, 0), EXIT }, -EACCES },
	{ "bounds of 32 bits", NULL,
		{ LDX(W, 2, 1, 8), WINDOW(3, 0, 0), JWK(JGE, 2, 64, 2),
			X(ADD, 3, 2), LDX(B, 4, 3, 0), K(MOV, 0, 0), EXIT },
		0 },
	{ "bounds of 32 bits, of 64", "without bounds",
		{ LDX(DW, 2, 1, 8), WINDOW(3, 0, 0), JWK(JGE, 2, 64, 2),
			X(ADD, 3, 2), LDX(B, 4, 3, 0), K(MOV, 0, 0), EXIT },
		-EACCES },
	{ "bounds of a copy", NULL,
		{ LDX(W, 2, 1, 8), WX(MOV, 5, 2), WINDOW(3, 0, 0),
			JWK(JGE, 5, 64, 2), X(ADD, 3, 2), LDX(B, 4, 3, 0),
			K(MOV, 0, 0), EXIT }, 0 },
	{ "bounds of a copy that was moved", NULL,
		{ LDX(DW, 2, 1, 8), X(MOV, 5, 2), K(ADD, 5, -8),
			WINDOW(3, 0, 0), JK(JLT, 5, -7, 2), X(ADD, 3, 2),
			LDX(B, 4, 3, 0), K(MOV, 0, 0), EXIT }, 0 },
	{ "bounds of a copy, of an older one", "without bounds",
		{ K(MOV, 4, 0), K(MOV, 3, 0), LDX(DW, 2, 1, 8), X(MOV, 5, 2),
			JK(JEQ, 4, 0, 6), JK(JGT, 5, 15, 8), WINDOW(6, 0, 0),
			X(ADD, 6, 3), LDX(B, 7, 6, 0), GOTO(3), X(MOV, 3, 5),
			K(MOV, 4, 1), GOTO(-12), K(MOV, 0, 0), EXIT },
		-EACCES },
	{ "... too little", "leads to bytes 1 to 64",
		{ LDX(DW, 2, 1, 8), X(MOV, 5, 2), K(ADD, 5, -65),
			WINDOW(3, 0, 0), JK(JLT, 5, -64, 2), X(ADD, 3, 2),
			LDX(B, 4, 3, 0), K(MOV, 0, 0), EXIT }, -EACCES },
	{ "an index that is not aligned", "not always a multiple of 2 bytes",
		{ LDX(DW, 2, 1, 8), K(AND, 2, 15), WINDOW(3, 0, 0),
			X(ADD, 3, 2), LDX(H, 4, 3, 0), K(MOV, 0, 0), EXIT },
		-EACCES },
	{ "a number as an address", "r2 is a number, not an address",
		{ K(MOV, 2, 4096), LDX(B, 0, 2, 0), EXIT }, -EACCES },
	{ "arithmetic with an address", "of an address a number can be added",
		{ K(AND, 1, -8), LDX(B, 0, 1, 0), EXIT }, -EACCES },
	{ "an address of 32 bits", "r1 is an address, where a number",
		{ WX(MOV, 2, 1), K(MOV, 0, 0), EXIT }, -EACCES },
	{ "a distance", NULL,
		{ X(MOV, 2, 1), K(ADD, 2, 1), X(SUB, 2, 1), X(MOV, 0, 2),
			EXIT }, 0 },
	{ "two windows on two ways", "r2 has no value here, or not on every",
		{ LDX(W, 3, 1, 16), WINDOW(2, 0, 0), JK(JEQ, 3, 1, 2),
			WINDOW(2, 1, 0), LDX(B, 0, 2, 0), EXIT }, -EACCES },

	/* -- Atomic operations --------------------------------------------- */
	{ "an atomic operation", NULL,
		{ WINDOW(2, 0, 8), K(MOV, 3, 1), ATOMIC(DW, 1, 2, 0, 3),
			K(AND, 3, 1), X(MOV, 0, 3), EXIT }, 0 },
	{ "... on what is read-only", "is read-only",
		{ WINDOW(2, 1, 8), K(MOV, 3, 1), ATOMIC(DW, 0, 2, 0, 3),
			K(MOV, 0, 0), EXIT }, -EACCES },
	{ "... with an address", "r1 is an address, where a number",
		{ WINDOW(2, 0, 8), ATOMIC(DW, 0xe1, 2, 0, 1), K(MOV, 0, 0),
			EXIT }, -EACCES },
	{ "... on an address that is kept", "an address is kept there",
		{ STX(DW, 10, -8, 1), K(MOV, 3, 1),
			ATOMIC(DW, 1, 10, -8, 3), K(MOV, 0, 0), EXIT },
		-EACCES },
	{ "cmpxchg without r0", "r0 has no value",
		{ WINDOW(2, 0, 8), K(MOV, 3, 1), ATOMIC(DW, 0xf1, 2, 0, 3),
			K(MOV, 0, 0), EXIT }, -EACCES },

	/* -- The stack ------------------------------------------------------ */
	{ "unset bytes", "byte -8 of the stack has no value",
		{ LDX(DW, 0, 10, -8), EXIT }, -EACCES },
	{ "some unset bytes", "byte -4 of the stack has no value",
		{ ST(W, 10, -8, 1), LDX(DW, 0, 10, -8), EXIT }, -EACCES },
	{ "bytes that are set on one way only",
		"byte -4 of the stack has no value",
		{ LDX(W, 3, 1, 16), ST(W, 10, -8, 0), JK(JEQ, 3, 1, 1),
			ST(W, 10, -4, 0), LDX(DW, 0, 10, -8), EXIT },
		-EACCES },
	{ "bytes that are lost on one way",
		"byte -4 of the stack has no value",
		{ LDX(W, 3, 1, 16), ST(DW, 10, -8, 0), JK(JEQ, 3, 1, 2),
			STX(DW, 10, -8, 1), ST(W, 10, -8, 0),
			LDX(DW, 0, 10, -8), EXIT }, -EACCES },
	{ "below the stack", "bytes -520 to -513 of the stack",
		{ ST(DW, 10, -520, 1), K(MOV, 0, 0), EXIT }, -EACCES },
	{ "above the stack", "bytes 0 to 7 of the stack",
		{ ST(DW, 10, 0, 1), K(MOV, 0, 0), EXIT }, -EACCES },
	{ "an address that is kept", NULL,
		{ STX(DW, 10, -8, 1), LDX(DW, 2, 10, -8), ST(B, 2, 0, 1),
			K(MOV, 0, 0), EXIT }, 0 },
	{ "part of it", "or is part of an address",
		{ STX(DW, 10, -8, 1), LDX(W, 2, 10, -8), K(MOV, 0, 0), EXIT },
		-EACCES },
	{ "half of it overwritten", "or is part of an address",
		{ STX(DW, 10, -8, 1), ST(W, 10, -8, 0), LDX(DW, 2, 10, -8),
			K(MOV, 0, 0), EXIT }, -EACCES },
	{ "a number that is kept keeps its bounds", NULL,
		{ LDX(DW, 2, 1, 8), K(AND, 2, 31), STX(DW, 10, -8, 2),
			LDX(W, 3, 10, -8), WINDOW(4, 0, 0), X(ADD, 4, 3),
			LDX(B, 0, 4, 0), K(MOV, 0, 0), EXIT }, 0 },
	{ "a place that is not known", "or is part of an address",
		{ STX(DW, 10, -8, 1), ST(DW, 10, -16, 0), LDX(DW, 2, 1, 8),
			K(AND, 2, 8), X(MOV, 3, 10), X(ADD, 3, 2),
			LDX(B, 4, 3, -16), K(MOV, 0, 0), EXIT }, -EACCES },
	{ "a number to a place that is not known", "has no value",
		{ STX(DW, 10, -8, 1), LDX(DW, 2, 1, 8), K(AND, 2, 8),
			X(MOV, 3, 10), X(ADD, 3, 2), ST(DW, 3, -16, 0),
			LDX(DW, 4, 10, -8), ST(B, 4, 0, 0), K(MOV, 0, 0),
			EXIT }, -EACCES },

	/* -- Comparing addresses -------------------------------------------- */
	{ "with a number", "can be compared only with one in the same",
		{ JK(JEQ, 1, 0, 0), K(MOV, 0, 0), EXIT }, -EACCES },
	{ "to an end", NULL,
		{ WINDOW(2, 0, 0), X(MOV, 3, 2), K(ADD, 3, 64), ST(B, 2, 0, 1),
			K(ADD, 2, 1), JX(JNE, 2, 3, -3), K(MOV, 0, 0), EXIT },
		0 },

	/* -- Loops and dead code --------------------------------------------- */
	{ "a loop to a bound", NULL,
		{ K(MOV, 2, 0), WINDOW(3, 0, 0), X(ADD, 3, 2), ST(B, 3, 0, 1),
			K(ADD, 2, 1), JK(JLT, 2, 64, -6), K(MOV, 0, 0), EXIT },
		0 },
	{ "a loop until it is there", NULL,
		{ K(MOV, 2, 0), WINDOW(3, 0, 0), X(ADD, 3, 2), ST(B, 3, 0, 1),
			K(ADD, 2, 1), JK(JNE, 2, 64, -6), K(MOV, 0, 0), EXIT },
		0 },
	{ "an address that goes along with a counter", NULL,
		{ K(MOV, 2, 0), WINDOW(3, 0, 4), ST(W, 3, 0, 1),
			K(ADD, 3, 12), K(ADD, 2, 1), JK(JNE, 2, 5, -4),
			K(MOV, 0, 0), EXIT }, 0 },
	{ "... and too far", "leads to bytes 64 to 67 of window 'state'",
		{ K(MOV, 2, 0), WINDOW(3, 0, 4), ST(W, 3, 0, 1),
			K(ADD, 3, 12), K(ADD, 2, 1), JK(JNE, 2, 6, -4),
			K(MOV, 0, 0), EXIT }, -EACCES },
	{ "a loop that goes too far", "of window 'state'",
		{ K(MOV, 2, 0), WINDOW(3, 0, 0), X(ADD, 3, 2), ST(B, 3, 0, 1),
			K(ADD, 2, 1), JK(JLT, 2, 65, -6), K(MOV, 0, 0), EXIT },
		-EACCES },
	{ "a loop without end", NULL, { GOTO(-1) }, 0 },
	{ "what is never done", NULL,
		{ K(MOV, 2, 1), JK(JEQ, 2, 1, 1), LDX(B, 0, 5, 0),
			K(MOV, 0, 0), EXIT }, 0 },
	{ "the greatest index by division", NULL,
		{ LDX(W, 2, 1, 8), K(DIV, 2, 0x4000000), WINDOW(3, 0, 0),
			X(ADD, 3, 2), LDX(B, 4, 3, 0), K(MOV, 0, 0), EXIT },
		0 },
	{ "the greatest index by remainder", NULL,
		{ LDX(DW, 2, 1, 8), K(MOD, 2, 64), WINDOW(3, 0, 0),
			X(ADD, 3, 2), LDX(B, 4, 3, 0), K(MOV, 0, 0), EXIT },
		0 },

	/* -- Functions -------------------------------------------------------- */
	{ "a function that writes to its caller's stack", NULL,
		{ X(MOV, 1, 10), K(ADD, 1, -8), CALL(3), LDX(DW, 0, 10, -8),
			K(AND, 0, 1), EXIT, ST(DW, 1, 0, 1), EXIT }, 0 },
	{ "... does so on one way only", "byte -8 of the stack",
		{ X(MOV, 2, 10), K(ADD, 2, -8), LDX(W, 1, 1, 16), CALL(2),
			LDX(DW, 0, 10, -8), EXIT, JK(JEQ, 1, 1, 1),
			ST(DW, 2, 0, 1), EXIT }, -EACCES },
	{ "r6 is not the callee's", "r6 has no value",
		{ K(MOV, 6, 0), CALL(1), EXIT, X(MOV, 0, 6), EXIT },
		-EACCES },
	{ "r6 is kept", NULL,
		{ K(MOV, 6, 0), CALL(2), X(MOV, 0, 6), EXIT, K(MOV, 6, 5),
			EXIT }, 0 },
	{ "an address in a frame that is gone", "r0 has no value",
		{ CALL(2), LDX(B, 0, 0, -1), EXIT, ST(B, 10, -1, 1),
			X(MOV, 0, 10), EXIT }, -EACCES },
	{ "... kept in the caller's", "has no value",
		{ X(MOV, 1, 10), K(ADD, 1, -8), CALL(3), LDX(DW, 2, 10, -8),
			LDX(B, 0, 2, -1), EXIT, ST(B, 10, -1, 0),
			STX(DW, 1, 0, 10), EXIT }, -EACCES },
	{ "a function that calls itself", "calls itself",
		{ CALL(1), EXIT, CALL(-1), EXIT }, -EACCES },
	{ "the result of a function", "not always 0 to 1",
		{ CALL(1), EXIT, LDX(W, 0, 1, 16), EXIT }, -EACCES },
};

static size_t length(const struct vmi_bpf_insn *insns, size_t room)
{
	while (room && !insns[room - 1].opcode && !insns[room - 1].imm)
		room--;
	return room;
}

static struct vmi_bpf_code code_of(const struct vmi_bpf_insn *insns, size_t n)
{
	return (struct vmi_bpf_code){ .insns = insns, .n = n,
		.windows = windows, .n_windows = 2, .context_bytes = 24,
		.context_writable = 8, .result_max = 1 };
}

static void check(const struct program *p)
{
	struct vmi_bpf_code code = code_of(
		p->insns, length(p->insns, vmi_array_len(p->insns)));
	struct vmi_bpf_proof proof;
	int err = vmi_bpf_verify(&code, &proof);

	if (err == p->err && (p->why ? strstr(proof.why, p->why) != NULL :
		!proof.why[0]))
		return;
	printf("%s: %d '%s', not %d '%s'\n", p->name, err, proof.why, p->err,
		p->why ? p->why : "");
	failures++;
}

/* -- Nine functions, one in another -------------------------------------- */

static void check_depth(unsigned functions, int want)
{
	struct vmi_bpf_insn insns[2 * 9];
	const struct vmi_bpf_insn call = CALL(1), number = K(MOV, 0, 0),
		end = EXIT;
	struct vmi_bpf_code code = code_of(insns, 2 * functions);
	struct vmi_bpf_proof proof;
	unsigned i;

	for (i = 0; i < functions; i++) {
		insns[2 * i] = i + 1 < functions ? call : number;
		insns[2 * i + 1] = end;
	}
	if (vmi_bpf_verify(&code, &proof) == want)
		return;
	printf("%u functions: '%s'\n", functions, proof.why);
	failures++;
}

/* -- Work in proportion to length ----------------------------------------- */

/* Diamonds, one after the other: 2^n ways. */
static uint64_t steps_of(unsigned diamonds)
{
	static const struct vmi_bpf_insn diamond[] = { LDX(W, 2, 1, 12),
		JK(JEQ, 2, 7, 2), K(ADD, 3, 1), GOTO(1), K(ADD, 3, 2) };
	static const struct vmi_bpf_insn begin = K(MOV, 3, 0);
	static const struct vmi_bpf_insn end[] = { K(MOV, 0, 0), EXIT };
	const size_t each = vmi_array_len(diamond);
	struct vmi_bpf_insn *insns = calloc(3 + diamonds * each,
		sizeof(*insns));
	struct vmi_bpf_code code = code_of(insns, 3 + diamonds * each);
	struct vmi_bpf_proof proof;
	unsigned i;

	insns[0] = begin;
	for (i = 0; i < diamonds; i++)
		memcpy(insns + 1 + i * each, diamond, sizeof(diamond));
	memcpy(insns + 1 + diamonds * each, end, sizeof(end));
	if (vmi_bpf_verify(&code, &proof)) {
		printf("%u diamonds: %s\n", diamonds, proof.why);
		failures++;
	}
	free(insns);
	return proof.steps;
}

static void check_linear(void)
{
	uint64_t few = steps_of(300), many = steps_of(3000);

	printf("300 diamonds: %llu steps, 3000: %llu\n",
		(unsigned long long)few, (unsigned long long)many);
	if (many > 11 * few)
		failures++;
}

/* A loop in a loop in a loop, whose bounds the guest has. */
static void check_loops(void)
{
	static const struct vmi_bpf_insn insns[] = { K(MOV, 0, 0),
		LDX(W, 9, 1, 8), WINDOW(8, 0, 0), K(MOV, 2, 0), K(MOV, 3, 0),
		K(MOV, 4, 0), ST(B, 8, 0, 1), K(ADD, 4, 1),
		JX(JLT, 4, 9, -3), K(ADD, 3, 1), JX(JLT, 3, 9, -6),
		K(ADD, 2, 1), JX(JNE, 2, 9, -9), EXIT };
	struct vmi_bpf_code code = code_of(insns, vmi_array_len(insns));
	struct vmi_bpf_proof proof;
	int err = vmi_bpf_verify(&code, &proof);

	printf("three loops: %llu steps\n", (unsigned long long)proof.steps);
	if (!err)
		return;
	printf("%s\n", proof.why);
	failures++;
}

static void check_length(void)
{
	const size_t n = VMI_BPF_INSNS_MAX + 1;
	struct vmi_bpf_insn *insns = calloc(n, sizeof(*insns));
	struct vmi_bpf_code code = code_of(insns, n);
	struct vmi_bpf_proof proof;

	if (vmi_bpf_verify(&code, &proof) != -E2BIG)
		failures++;
	code.n = 0;
	if (vmi_bpf_verify(&code, &proof) != -EINVAL)
		failures++;
	free(insns);
}

/* What may be written to is told. */
static void check_written(void)
{
	static const struct vmi_bpf_insn insns[] = { WINDOW(2, 0, 8),
		LDX(DW, 3, 1, 8), K(AND, 3, 12), X(ADD, 2, 3), ST(W, 2, 4, 0),
		K(MOV, 0, 0), EXIT };
	struct vmi_bpf_code code = code_of(insns, vmi_array_len(insns));
	struct vmi_bpf_proof proof;

	if (!vmi_bpf_verify(&code, &proof) && proof.low[0] == 12 &&
		proof.high[0] == 28 && proof.low[1] >= proof.high[1])
		return;
	printf("written: %s\n", proof.why);
	failures++;
}

int main(void)
{
	size_t i;

	for (i = 0; i < vmi_array_len(programs); i++)
		check(&programs[i]);
	check_depth(8, 0);
	check_depth(9, -EACCES);
	check_linear();
	check_loops();
	check_length();
	check_written();
	printf("%zu programs, %u failures\n", vmi_array_len(programs),
		failures);
	return failures != 0;
}
