/* SPDX-License-Identifier: MIT */
/* Every instruction of RFC 9669 with operands and the result that it names. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/region/bpf/bpf.h"
#include "lib/sys/sys.h"

static unsigned failures, n_run;
/* Which rows of the table were executed. */
static bool seen[256];

/* -- One computation ---------------------------------------------------- */

/*
 * r0 = a; r1 = b; the instruction with r0 as destination and r1 as source.
 * The section is that of RFC 9669.
 */
static const struct {
	const char *section;
	uint8_t opcode;
	uint8_t src;
	int16_t off;
	int32_t imm;
	uint64_t a, b, want;
} computations[] = {
	/* 4.1: "ALU uses 32-bit wide operands", the upper half is zeroed. */
	{ "4.1", 0x04, 0, 0, -1, 0xffffffff00000000, 0, 0xffffffff },
	{ "4.1", 0x0c, 1, 0, 0, 0x1ffffffff, 1, 0 },
	{ "4.1", 0x14, 0, 0, 1, 0, 0, 0xffffffff },
	{ "4.1", 0x1c, 1, 0, 0, 5, 0xf00000003, 2 },
	{ "4.1", 0x24, 0, 0, 3, 0x80000001, 0, 0x80000003 },
	{ "4.1", 0x2c, 1, 0, 0, 0xffffffff, 0xffffffff, 1 },
	{ "4.1", 0x34, 0, 0, -2, 0xffffffff, 0, 1 },
	{ "4.1", 0x34, 0, 0, 0, 7, 0, 0 },
	{ "4.1", 0x3c, 1, 0, 0, 0x1000000007, 2, 3 },
	{ "4.1", 0x3c, 1, 0, 0, 7, 0x100000000, 0 }, /* by zero: zero */
	{ "4.1", 0x34, 0, 1, -2, 0xfffffff9, 0, 3 },
	{ "4.1", 0x34, 0, 1, 0, 7, 0, 0 },
	{ "4.1", 0x34, 0, 1, -1, 0x80000000, 0, 0x80000000 },
	{ "4.1", 0x3c, 1, 1, 0, 0xfffffff3, 3, 0xfffffffc }, /* -13 / 3 */
	{ "4.1", 0x3c, 1, 1, 0, 0x80000000, 0xffffffff, 0x80000000 },
	{ "4.1", 0x44, 0, 0, 0x70, 0x100000003, 0, 0x73 },
	{ "4.1", 0x44, 0, 0, -1, 0, 0, 0xffffffff },
	{ "4.1", 0x4c, 1, 0, 0, 0x11, 0xf000000022, 0x33 },
	{ "4.1", 0x54, 0, 0, -16, 0xffffffffffffffff, 0, 0xfffffff0 },
	{ "4.1", 0x5c, 1, 0, 0, 0xff00ff00ff, 0xffffffffff0, 0xff00f0 },
	{ "4.1", 0x64, 0, 0, 31, 3, 0, 0x80000000 },
	{ "4.1", 0x64, 0, 0, 33, 3, 0, 6 }, /* the count is masked: 0x1f */
	{ "4.1", 0x6c, 1, 0, 0, 1, 36, 16 },
	{ "4.1", 0x74, 0, 0, 4, 0xff00000080, 0, 8 },
	{ "4.1", 0x7c, 1, 0, 0, 0x80000000, 63, 1 },
	{ "4.1", 0x84, 0, 0, 0, 1, 0, 0xffffffff },
	{ "4.1", 0x84, 0, 0, 0, 0x80000000, 0, 0x80000000 },
	{ "4.1", 0x94, 0, 0, 10, 0xf0000002a, 0, 2 },
	{ "4.1", 0x94, 0, 0, 0, 0xf0000002a, 0, 0x2a }, /* by zero: kept */
	{ "4.1", 0x9c, 1, 0, 0, 0xf0000002a, 0xf00000000, 0x2a },
	{ "4.1", 0x9c, 1, 0, 0, 42, 5, 2 },
	{ "4.1", 0x94, 0, 1, 3, 0xfffffff3, 0, 0xffffffff }, /* -13 % 3: -1 */
	{ "4.1", 0x94, 0, 1, -1, 0x80000000, 0, 0 },
	{ "4.1", 0x94, 0, 1, 0, 0x180000000, 0, 0x80000000 },
	{ "4.1", 0x9c, 1, 1, 0, 13, 0xfffffffd, 1 },
	{ "4.1", 0xa4, 0, 0, -1, 0xf0f0, 0, 0xffff0f0f },
	{ "4.1", 0xac, 1, 0, 0, 0xff, 0xf000f0000f, 0xf000f0 },
	{ "4.1", 0xb4, 0, 0, -1, 0, 0, 0xffffffff },
	{ "4.1", 0xbc, 1, 0, 0, 0, 0x123456789abcdef0, 0x9abcdef0 },
	{ "4.1", 0xbc, 1, 8, 0, 0, 0x80, 0xffffff80 },
	{ "4.1", 0xbc, 1, 8, 0, 0, 0xff7f, 0x7f },
	{ "4.1", 0xbc, 1, 16, 0, 0, 0x18000, 0xffff8000 },
	{ "4.1", 0xc4, 0, 0, 4, 0x80000000, 0, 0xf8000000 },
	{ "4.1", 0xc4, 0, 0, 4, 0xf40000000, 0, 0x4000000 },
	{ "4.1", 0xcc, 1, 0, 0, 0x80000000, 0xff, 0xffffffff },
	/* The same with 64 bits; immediates are sign extended. */
	{ "4.1", 0x07, 0, 0, -1, 0, 0, 0xffffffffffffffff },
	{ "4.1", 0x0f, 1, 0, 0, 0xffffffffffffffff, 2, 1 },
	{ "4.1", 0x17, 0, 0, -5, 1, 0, 6 },
	{ "4.1", 0x1f, 1, 0, 0, 0, 1, 0xffffffffffffffff },
	{ "4.1", 0x27, 0, 0, -3, 7, 0, (uint64_t)-21 },
	{ "4.1", 0x2f, 1, 0, 0, 0x100000001, 0x100000001, 0x200000001 },
	{ "4.1", 0x37, 0, 0, -1, 0xffffffffffffffff, 0, 1 },
	{ "4.1", 0x37, 0, 0, 0, 9, 0, 0 },
	{ "4.1", 0x3f, 1, 0, 0, 0x1000000000, 16, 0x100000000 },
	{ "4.1", 0x3f, 1, 0, 0, 9, 0, 0 },
	{ "4.1", 0x37, 0, 1, -3, (uint64_t)-13, 0, 4 },
	{ "4.1", 0x37, 0, 1, -1, 0x8000000000000000, 0,
		0x8000000000000000 },
	{ "4.1", 0x3f, 1, 1, 0, (uint64_t)-13, 3, (uint64_t)-4 },
	{ "4.1", 0x3f, 1, 1, 0, 13, 0, 0 },
	{ "4.1", 0x47, 0, 0, -256, 0x7f, 0, 0xffffffffffffff7f },
	{ "4.1", 0x4f, 1, 0, 0, 1ull << 63, 1, 0x8000000000000001 },
	{ "4.1", 0x57, 0, 0, -16, 0xffffffffffff, 0, 0xfffffffffff0 },
	{ "4.1", 0x5f, 1, 0, 0, 0xff00ff, 0xf0f0f0, 0xf000f0 },
	{ "4.1", 0x67, 0, 0, 63, 3, 0, 1ull << 63 },
	{ "4.1", 0x67, 0, 0, 65, 3, 0, 6 }, /* the count is masked: 0x3f */
	{ "4.1", 0x6f, 1, 0, 0, 1, 100, 1ull << 36 },
	{ "4.1", 0x77, 0, 0, 60, 0xf000000000000000, 0, 15 },
	{ "4.1", 0x7f, 1, 0, 0, 1ull << 63, 127, 1 },
	{ "4.1", 0x87, 0, 0, 0, 1, 0, 0xffffffffffffffff },
	{ "4.1", 0x97, 0, 0, -1, 0xffffffffffffffff, 0, 0 },
	{ "4.1", 0x97, 0, 0, 0, 0xfedcba9876543210, 0, 0xfedcba9876543210 },
	{ "4.1", 0x9f, 1, 0, 0, 1ull << 40, 1000, 776 },
	{ "4.1", 0x97, 0, 1, 3, (uint64_t)-13, 0, (uint64_t)-1 },
	{ "4.1", 0x97, 0, 1, -1, 1ull << 63, 0, 0 },
	{ "4.1", 0x9f, 1, 1, 0, (uint64_t)-13, (uint64_t)-3, (uint64_t)-1 },
	{ "4.1", 0x9f, 1, 1, 0, (uint64_t)-13, 0, (uint64_t)-13 },
	{ "4.1", 0xa7, 0, 0, -1, 0xff, 0, 0xffffffffffffff00 },
	{ "4.1", 0xaf, 1, 0, 0, 0xff00, 0x0ff0, 0xf0f0 },
	{ "4.1", 0xb7, 0, 0, -2, 0, 0, (uint64_t)-2 },
	{ "4.1", 0xbf, 1, 0, 0, 0, 0x123456789abcdef0, 0x123456789abcdef0 },
	{ "4.1", 0xbf, 1, 8, 0, 0, 0x80, 0xffffffffffffff80 },
	{ "4.1", 0xbf, 1, 16, 0, 0, 0xabc7fff, 0x7fff },
	{ "4.1", 0xbf, 1, 32, 0, 0, 0x80000000, 0xffffffff80000000 },
	{ "4.1", 0xc7, 0, 0, 63, 1ull << 63, 0, 0xffffffffffffffff },
	{ "4.1", 0xcf, 1, 0, 0, 0x4000000000000000, 66,
		0x1000000000000000 },
	/* 4.2: memory is little-endian here. */
	{ "4.2", 0xd4, 0, 0, 16, 0x123456789abcdef0, 0, 0xdef0 },
	{ "4.2", 0xd4, 0, 0, 32, 0x123456789abcdef0, 0, 0x9abcdef0 },
	{ "4.2", 0xd4, 0, 0, 64, 0x123456789abcdef0, 0, 0x123456789abcdef0 },
	{ "4.2", 0xdc, 0, 0, 16, 0x123456789abcdef0, 0, 0xf0de },
	{ "4.2", 0xdc, 0, 0, 32, 0x123456789abcdef0, 0, 0xf0debc9a },
	{ "4.2", 0xdc, 0, 0, 64, 0x123456789abcdef0, 0, 0xf0debc9a78563412 },
	{ "4.2", 0xd7, 0, 0, 16, 0xffff1122, 0, 0x2211 },
	{ "4.2", 0xd7, 0, 0, 32, 0xff11223344, 0, 0x44332211 },
	{ "4.2", 0xd7, 0, 0, 64, 0x1122334455667788, 0, 0x8877665544332211 },
};

static uint8_t memory[64];
static const struct vmi_bpf_window windows[] = {
	{ .base = memory, .bytes = sizeof(memory), .is_writable = true },
};

static void note(const struct vmi_bpf_insn *insn)
{
	const struct vmi_bpf_row *row = vmi_bpf_row(insn);

	if (row)
		seen[row - vmi_bpf_rows] = true;
}

/* Execute; UINT64_MAX - 1 where there is no such program. */
static uint64_t result(const struct vmi_bpf_insn *insns, size_t n)
{
	struct vmi_bpf_code code = { .insns = insns, .n = n,
		.windows = windows, .n_windows = 1 };
	struct vmi_bpf_run run = { .fuel = 1000 };
	struct vmi_bpf_ops ops;
	size_t i;

	n_run++;
	for (i = 0; i < n; i++) {
		note(&insns[i]);
		i += vmi_bpf_is_wide(&insns[i]);
	}
	if (vmi_bpf_decode(&code, &ops))
		return UINT64_MAX - 1;
	run.end = VMI_BPF_NO_FUEL;
	if (vmi_bpf_execute(&run, ops.entry) != VMI_BPF_DONE)
		run.r[0] = UINT64_MAX - 2;
	vmi_free(ops.all);
	return run.r[0];
}

static void expect(const char *section, const struct vmi_bpf_insn *insn,
	uint64_t is, uint64_t want)
{
	char text[80];

	if (is == want)
		return;
	vmi_bpf_print(insn, NULL, text, sizeof(text));
	printf("%s: %s: 0x%" PRIx64 ", not 0x%" PRIx64 "\n", section, text, is,
		want);
	failures++;
}

/* Two slots: RFC 9669 5.4. */
static void load_number(struct vmi_bpf_insn *at, uint8_t dst, uint64_t value)
{
	at[0] = (struct vmi_bpf_insn){ .opcode = 0x18, .dst = dst,
		.imm = (int32_t)(uint32_t)value };
	at[1] = (struct vmi_bpf_insn){ .imm = (int32_t)(value >> 32) };
}

static void compute_all(void)
{
	struct vmi_bpf_insn insns[6] = { [5] = { .opcode = 0x95 } };
	size_t i;

	for (i = 0; i < vmi_array_len(computations); i++) {
		load_number(insns, 0, computations[i].a);
		load_number(insns + 2, 1, computations[i].b);
		insns[4] = (struct vmi_bpf_insn){
			.opcode = computations[i].opcode,
			.src = computations[i].src,
			.off = computations[i].off,
			.imm = computations[i].imm };
		expect(computations[i].section, &insns[4], result(insns, 6),
			computations[i].want);
	}
}

/* -- Conditional jumps, 4.3 --------------------------------------------- */

/* `code`, and whether it jumps: of (1, 2), (2, 2), (-1, 1), (6, 1). */
static const struct {
	uint8_t code;
	char jumps[4];
} conditions[] = {
	{ 0x10, "nynn" }, /* JEQ */
	{ 0x20, "nnyy" }, /* JGT, unsigned */
	{ 0x30, "nyyy" }, /* JGE */
	{ 0x40, "nyyn" }, /* JSET */
	{ 0x50, "ynyy" }, /* JNE */
	{ 0x60, "nnny" }, /* JSGT */
	{ 0x70, "nyny" }, /* JSGE */
	{ 0xa0, "ynnn" }, /* JLT */
	{ 0xb0, "yynn" }, /* JLE */
	{ 0xc0, "ynyn" }, /* JSLT */
	{ 0xd0, "yyyn" }, /* JSLE */
};

static void jump(uint8_t opcode, uint64_t a, uint64_t b, char jumps)
{
	bool has_register = opcode & 8;
	struct vmi_bpf_insn insns[] = { { 0 }, { 0 }, { 0 }, { 0 },
		{ .opcode = 0xb7, .imm = 'y' },
		{ .opcode = opcode, .dst = 2, .src = has_register ? 1 : 0,
			.off = 1, .imm = has_register ? 0 : (int32_t)b },
		{ .opcode = 0xb7, .imm = 'n' },
		{ .opcode = 0x95 } };

	load_number(insns, 2, a);
	load_number(insns + 2, 1, b);
	expect("4.3", &insns[5], result(insns, 8), (uint64_t)jumps);
}

static void jump_all(void)
{
	static const int64_t pairs[4][2] = { { 1, 2 }, { 2, 2 }, { -1, 1 },
		{ 6, 1 } };
	static const uint8_t kinds[] = { 0x05, 0x0d, 0x06, 0x0e };
	size_t i, k, p;

	for (i = 0; i < vmi_array_len(conditions); i++)
		for (k = 0; k < 4; k++)
			for (p = 0; p < 4; p++) {
				uint64_t a = (uint64_t)pairs[p][0];
				uint8_t op = conditions[i].code | kinds[k];

				/* JMP32 looks at the lower halves alone. */
				if (VMI_BPF_CLASS(op) == VMI_BPF_JMP32)
					a = (uint32_t)a | 0xabull << 32;
				jump(op, a, (uint64_t)pairs[p][1],
					conditions[i].jumps[p]);
			}
	/* A 32-bit comparison of what differs above, and of negative ones. */
	jump(0x16, 0x100000007, 7, 'y');
	jump(0x15, 0x100000007, 7, 'n');
	jump(0xc6, 0xffffffff, (uint64_t)-1, 'n');
	jump(0xc6, 0xfffffffe, (uint64_t)-1, 'y');
	jump(0xc5, 0xfffffffe, (uint64_t)-1, 'n');
	jump(0x25, 0xfffffffe, (uint64_t)-1, 'n');
	jump(0x45, 1ull << 63, (uint64_t)INT32_MIN, 'y'); /* sign extended */
}

/* -- Whole programs ----------------------------------------------------- */

/* The window's first bytes are 00 11 22 .. ff; r0 is the result. */
struct program {
	const char *section, *name;
	struct vmi_bpf_insn insns[14];
	uint64_t want;
};

#define WINDOW(reg, at)                                                        \
	{ .opcode = 0x18, .dst = (reg), .src = 6 }, { .imm = (at) }
#define EXIT { .opcode = 0x95 }

static const struct program programs[] = {
	{ "4.3", "JA over an instruction",
		{ { 0xb7, 0, 0, 0, 1 }, { 0x05, 0, 0, 1, 0 },
			{ 0xb7, 0, 0, 0, 2 }, EXIT }, 1 },
	{ "4.3", "JA of class JMP32 takes its distance from imm",
		{ { 0xb7, 0, 0, 0, 1 }, { 0x06, 0, 0, 0, 2 },
			{ 0xb7, 0, 0, 0, 2 }, { 0xb7, 0, 0, 0, 3 }, EXIT }, 1 },
	{ "4.3", "a loop, backwards",
		{ { 0xb7, 0, 0, 0, 0 }, { 0xb7, 1, 0, 0, 10 },
			{ 0x0f, 0, 1, 0, 0 }, { 0x17, 1, 0, 0, 1 },
			{ 0x55, 1, 0, -3, 0 }, EXIT }, 55 },
	{ "4.3.1", "a helper: 7 * 6 / 4",
		{ { 0xb7, 1, 0, 0, 7 }, { 0xb7, 2, 0, 0, 6 },
			{ 0xb7, 3, 0, 0, 4 }, { 0x85, 0, 0, 0, 2 }, EXIT },
		10 },
	{ "4.3.2", "a local call keeps r6 to r9, and has its own stack",
		{ { 0xb7, 6, 0, 0, 5 }, { 0xb7, 1, 0, 0, 2 },
			{ 0x7b, 10, 6, -8, 0 }, { 0x85, 0, 1, 0, 4 },
			{ 0x0f, 0, 6, 0, 0 }, { 0x79, 1, 10, -8, 0 },
			{ 0x0f, 0, 1, 0, 0 }, EXIT, { 0xb7, 6, 0, 0, 100 },
			{ 0x7b, 10, 6, -8, 0 }, { 0xbf, 0, 1, 0, 0 },
			{ 0x27, 0, 0, 0, 10 }, EXIT }, 30 },
	{ "5.1", "LDX of a byte",
		{ WINDOW(1, 8), { 0x71, 0, 1, -1, 0 }, EXIT }, 0x77 },
	{ "5.1", "LDX of 2 bytes",
		{ WINDOW(1, 0), { 0x69, 0, 1, 2, 0 }, EXIT }, 0x3322 },
	{ "5.1", "LDX of 4 bytes",
		{ WINDOW(1, 4), { 0x61, 0, 1, 8, 0 }, EXIT }, 0xffeeddcc },
	{ "5.1", "LDX of 8 bytes",
		{ WINDOW(1, 0), { 0x79, 0, 1, 8, 0 }, EXIT },
		0xffeeddccbbaa9988 },
	{ "5.2", "LDXSX of a byte",
		{ WINDOW(1, 0), { 0x91, 0, 1, 8, 0 }, EXIT },
		0xffffffffffffff88 },
	{ "5.2", "LDXSX of 2 bytes",
		{ WINDOW(1, 0), { 0x89, 0, 1, 6, 0 }, EXIT }, 0x7766 },
	{ "5.2", "LDXSX of 4 bytes",
		{ WINDOW(1, 0), { 0x81, 0, 1, 12, 0 }, EXIT },
		0xffffffffffeeddcc },
	{ "5.1", "ST of a byte",
		{ WINDOW(1, 0), { 0x72, 1, 0, 1, -2 }, { 0x79, 0, 1, 0, 0 },
			EXIT }, 0x776655443322fe00 },
	{ "5.1", "ST of 2 bytes",
		{ WINDOW(1, 0), { 0x6a, 1, 0, 2, -2 }, { 0x79, 0, 1, 0, 0 },
			EXIT }, 0x77665544fffe1100 },
	{ "5.1", "ST of 4 bytes",
		{ WINDOW(1, 0), { 0x62, 1, 0, 0, -2 }, { 0x79, 0, 1, 0, 0 },
			EXIT }, 0x77665544fffffffe },
	{ "5.1", "ST of 8 bytes is sign extended",
		{ WINDOW(1, 0), { 0x7a, 1, 0, 0, -2 }, { 0x79, 0, 1, 0, 0 },
			EXIT }, 0xfffffffffffffffe },
	{ "5.1", "STX of a byte",
		{ WINDOW(1, 0), { 0xb7, 2, 0, 0, 0x12345678 },
			{ 0x73, 1, 2, 0, 0 }, { 0x79, 0, 1, 0, 0 }, EXIT },
		0x7766554433221178 },
	{ "5.1", "STX of 2 bytes",
		{ WINDOW(1, 0), { 0xb7, 2, 0, 0, 0x12345678 },
			{ 0x6b, 1, 2, 0, 0 }, { 0x79, 0, 1, 0, 0 }, EXIT },
		0x7766554433225678 },
	{ "5.1", "STX of 4 bytes",
		{ WINDOW(1, 0), { 0xb7, 2, 0, 0, 0x12345678 },
			{ 0x63, 1, 2, 4, 0 }, { 0x79, 0, 1, 0, 0 }, EXIT },
		0x1234567833221100 },
	{ "5.1", "STX of 8 bytes",
		{ WINDOW(1, 0), { 0xb7, 2, 0, 0, -1 }, { 0x7b, 1, 2, 0, 0 },
			{ 0x79, 0, 1, 0, 0 }, EXIT }, 0xffffffffffffffff },
	{ "5.4", "a number of 64 bits",
		{ { 0x18, 0, 0, 0, -1 }, { .imm = 0x1234 }, EXIT },
		0x1234ffffffff },
};

/*
 * 5.3: on 0x33221100 (or 8 bytes) with r2 = 0x0f0f0f0f, r0 = 0x33221100:
 * what memory, r2 and r0 are after it.
 */
static const struct {
	int32_t imm;
	uint32_t memory, r2, r0;
} atomics[] = {
	{ 0x00, 0x4231200f, 0x0f0f0f0f, 0x33221100 },
	{ 0x01, 0x4231200f, 0x33221100, 0x33221100 },
	{ 0x40, 0x3f2f1f0f, 0x0f0f0f0f, 0x33221100 },
	{ 0x41, 0x3f2f1f0f, 0x33221100, 0x33221100 },
	{ 0x50, 0x03020100, 0x0f0f0f0f, 0x33221100 },
	{ 0x51, 0x03020100, 0x33221100, 0x33221100 },
	{ 0xa0, 0x3c2d1e0f, 0x0f0f0f0f, 0x33221100 },
	{ 0xa1, 0x3c2d1e0f, 0x33221100, 0x33221100 },
	{ 0xe1, 0x0f0f0f0f, 0x33221100, 0x33221100 },
	{ 0xf1, 0x0f0f0f0f, 0x0f0f0f0f, 0x33221100 },
};

static void fill(void)
{
	unsigned i;

	for (i = 0; i < sizeof(memory); i++)
		memory[i] = (uint8_t)(i * 0x11);
}

static uint64_t word(unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | memory[bytes];
	return v;
}

static void program_all(void)
{
	size_t i, n;

	for (i = 0; i < vmi_array_len(programs); i++) {
		const struct program *p = &programs[i];
		uint64_t is;

		for (n = vmi_array_len(p->insns); !p->insns[n - 1].opcode;)
			n--;
		fill();
		is = result(p->insns, n);
		if (is == p->want)
			continue;
		printf("%s: %s: 0x%" PRIx64 ", not 0x%" PRIx64 "\n",
			p->section, p->name, is, p->want);
		failures++;
	}
}

/* `give`: which register is looked at afterwards. */
static uint64_t atomic(uint8_t opcode, int32_t imm, uint8_t give, uint64_t r0)
{
	struct vmi_bpf_insn insns[] = { WINDOW(1, 0),
		{ 0xb7, 2, 0, 0, 0x0f0f0f0f }, { 0 }, { 0 },
		{ opcode, 1, 2, 0, imm }, { 0xbf, 0, give, 0, 0 }, EXIT };

	load_number(insns + 3, 0, r0);
	fill();
	return result(insns, vmi_array_len(insns));
}

static void atomic_all(void)
{
	const uint64_t upper = 0x7766554400000000;
	struct vmi_bpf_insn insn = { .opcode = 0xc3, .dst = 1, .src = 2 };
	size_t i;

	for (i = 0; i < vmi_array_len(atomics); i++) {
		bool is_and = (atomics[i].imm & 0xf0) == 0x50;
		bool swaps = atomics[i].imm >= 0xe0;
		/* The operand's upper half is 0. */
		uint64_t high = is_and || swaps ? 0 : upper;

		insn.opcode = 0xc3;
		insn.imm = atomics[i].imm;
		expect("5.3", &insn, atomic(0xc3, insn.imm, 0,
			0xffffffff33221100) & 0xffffffff, atomics[i].r0);
		expect("5.3", &insn, word(4), atomics[i].memory);
		expect("5.3", &insn, word(8) >> 32, upper >> 32);
		expect("5.3", &insn, atomic(0xc3, insn.imm, 2,
			0x33221100), atomics[i].r2);
		insn.opcode = 0xdb;
		expect("5.3", &insn, atomic(0xdb, insn.imm, 0,
			upper | 0x33221100), upper | atomics[i].r0);
		expect("5.3", &insn, word(8), high | atomics[i].memory);
	}
	/* Not as expected: nothing is stored, r0 is what is there. */
	insn.imm = 0xf1;
	expect("5.3", &insn, atomic(0xdb, 0xf1, 0, 5), upper | 0x33221100);
	expect("5.3", &insn, word(8), upper | 0x33221100);
	insn.opcode = 0xc3;
	expect("5.3", &insn, atomic(0xc3, 0xf1, 0, 5), 0x33221100);
	expect("5.3", &insn, word(4), 0x33221100);
	/* RFC 9669 5.3: r0 is zero extended by the one of 32 bits. */
	expect("5.3", &insn, atomic(0xc3, 0xf1, 0, 0xffffffff33221100),
		0x33221100);
}

/* -- Fuel, decoding ----------------------------------------------------- */

static void no_fuel(void)
{
	static const struct vmi_bpf_insn forever[] = { { 0x05, 0, 0, -1, 0 } };

	if (result(forever, 1) == UINT64_MAX - 2)
		return;
	printf("a loop without end ended\n");
	failures++;
}

/* A row is found by its own fields, and says what it is. */
static void rows_find_themselves(void)
{
	char text[80];
	size_t i;

	for (i = 0; i < vmi_bpf_n_rows; i++) {
		const struct vmi_bpf_row *row = &vmi_bpf_rows[i];
		struct vmi_bpf_insn insn = { .opcode = row->opcode,
			.src = row->src == VMI_BPF_ANY ? 1 : (uint8_t)row->src,
			.off = row->off == VMI_BPF_ANY ? 8 : (int16_t)row->off,
			.imm = row->imm == VMI_BPF_ANY ? 4 : row->imm };

		vmi_bpf_print(&insn, NULL, text, sizeof(text));
		if (vmi_bpf_row(&insn) == row && !strchr(text, '%'))
			continue;
		if (vmi_bpf_row(&insn) == row && strstr(row->text, "%="))
			continue;
		printf("%s is taken for '%s'\n", row->name, text);
		failures++;
	}
}

static void bytes_are_fetched(void)
{
	static const uint8_t bytes[8] = { 0x7b, 0x2a, 0xf8, 0xff, 0x01, 0x00,
		0x00, 0x80 };
	struct vmi_bpf_insn insn = vmi_bpf_fetch(bytes);

	if (insn.opcode == 0x7b && insn.dst == 10 && insn.src == 2 &&
		insn.off == -8 && insn.imm == INT32_MIN + 1)
		return;
	printf("3: fields are in other places\n");
	failures++;
}

static void coverage(void)
{
	size_t i;

	for (i = 0; i < vmi_bpf_n_rows; i++)
		if (vmi_bpf_rows[i].handler && !seen[i]) {
			printf("%s: '%s' has no vector\n",
				vmi_bpf_rows[i].section,
				vmi_bpf_rows[i].text);
			failures++;
		}
}

int main(void)
{
	compute_all();
	jump_all();
	program_all();
	atomic_all();
	no_fuel();
	rows_find_themselves();
	bytes_are_fetched();
	coverage();
	printf("%u vectors, %u failures\n", n_run, failures);
	return failures != 0;
}
