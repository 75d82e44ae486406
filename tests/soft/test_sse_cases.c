/* SPDX-License-Identifier: MIT */
/* Cases for vector instructions: encodings, operands, the soft processor. */
#include "tests/soft/test_sse.h"

#include <stdio.h>
#include <stdlib.h>

/* -- Random numbers ----------------------------------------------------- */

static uint64_t state = 1;

void test_sse_seed(const struct test_sse_form *f)
{
	uint64_t seed = f->map | f->prefix << 8 | f->opcode << 16 |
		f->wide << 24 | f->memory << 25 |
		(uint64_t)(f->digit + 1) << 26;

	state = seed * 0x9e3779b97f4a7c15ull + 1;
}

uint64_t test_sse_random(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static bool one_in(unsigned n)
{
	return test_sse_random() % n == 0;
}

/* -- Encodings ---------------------------------------------------------- */

/* Numbers of the registers, those of vectors up to 15. */
struct numbers {
	unsigned reg, rm;
	uint8_t imm;
};

static unsigned encode(const struct test_sse_form *f, struct numbers n,
	uint8_t *code)
{
	unsigned rex = (f->wide ? 8u : 0) | (n.reg >> 3 & 1) << 2 |
		(n.rm >> 3 & 1), i = 0;

	if (f->prefix)
		code[i++] = f->prefix;
	if (rex)
		code[i++] = (uint8_t)(0x40 | rex);
	code[i++] = 0x0f;
	if (f->map == VMI_MAP_0F38)
		code[i++] = 0x38;
	if (f->map == VMI_MAP_0F3A)
		code[i++] = 0x3a;
	code[i++] = f->opcode;
	code[i++] = (uint8_t)((f->memory ? 0 : 0xc0) | (n.reg & 7) << 3 |
		(n.rm & 7));
	code[i++] = n.imm;
	return i;
}

static const struct vmi_row *row_of(const struct test_sse_form *f,
	unsigned reg)
{
	struct numbers n = { reg, 6, 0 };
	uint8_t code[16] = { 0 };
	struct vmi_insn insn;

	if (vmi_decode(code, encode(f, n, code), 64, &insn))
		return NULL;
	if (insn.row->attr & (VMI_A_MMXOP | VMI_A_SSEOP))
		return insn.row;
	return insn.row->exec == VMI_EXEC_movnti ? insn.row : NULL;
}

/* Of one opcode; a row that is there with any ModRM.reg counts once. */
static size_t forms_of(struct test_sse_form f, struct test_sse_form *out)
{
	size_t n = 0;
	unsigned reg;

	for (reg = 0; reg < 8; reg++) {
		f.row = row_of(&f, reg);
		if (!f.row)
			continue;
		f.digit = row_of(&f, reg ^ 1) == f.row ? -1 : (int)reg;
		out[n++] = f;
		if (f.digit < 0)
			break;
	}
	return n;
}

size_t test_sse_forms(struct test_sse_form *forms, size_t max)
{
	static const uint8_t prefixes[] = { 0, 0x66, 0xf3, 0xf2 };
	struct test_sse_form f = { 0 };
	unsigned i, bits;
	size_t n = 0;

	for (i = 0; i < 3u * 256 * 16 && n + 8 <= max; i++) {
		bits = i & 15;
		f.map = (uint8_t)(VMI_MAP_0F + (i >> 12));
		f.opcode = (uint8_t)(i >> 4);
		f.prefix = prefixes[bits & 3];
		f.wide = bits >> 2 & 1;
		f.memory = bits >> 3 & 1;
		if (f.map != VMI_MAP_0F || (f.opcode & 0xfd) != 0x38)
			n += forms_of(f, forms + n);
	}
	return n;
}

/* -- Operands ----------------------------------------------------------- */

static uint64_t number32(void)
{
	static const uint32_t edges[] = { 0, 0x80000000, 0x3f800000,
		0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001,
		0x7f800001, 0xffbfffff, 1, 0x80000001, 0x007fffff, 0x00800000,
		0x807fffff, 0x00800001, 0x7f7fffff, 0xff7fffff, 0x4f000000,
		0xcf000000, 0x4effffff, 0x5f000000, 0x3f000000, 0x3fc00000,
		0x40200000, 0xbf000000, 0x34000000, 0x33800000, 0x20000000,
		0xdf800000, 0x7fffffff, 0x80007fff, 0x7fff8000, 0xffffffff };
	uint64_t r = test_sse_random();

	switch (r >> 60) {
	case 0: case 1: case 2: case 3: case 4:
		return edges[r % vmi_array_len(edges)];
	case 5: case 6: /* small integers and halves */
		return ((r & 0x80000000) | 0x3f000000) + (r & 0x07f00000);
	case 7: case 8:
		return (r & 0x807fffff) | 0x30000000 | (r >> 8 & 0x0f800000);
	case 9:
		return r & 0xff;
	default:
		return (uint32_t)r;
	}
}

static uint64_t number64(void)
{
	static const uint64_t edges[] = { 0, 1ull << 63, 0x3ff0000000000000,
		0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
		0x7ff8000000000000, 0xfff8000000000001, 0x7ff0000000000001,
		0xfff7ffffffffffff, 1, 0x8000000000000001, 0x000fffffffffffff,
		0x0010000000000000, 0x0010000000000001, 0x7fefffffffffffff,
		0xffefffffffffffff, 0x41dfffffffc00000, 0x41dfffffffe00000,
		0x41e0000000000000, 0xc1e0000000000000, 0xc1e0000000100000,
		0x43e0000000000000, 0xc3e0000000000000, 0x43dfffffffffffff,
		0x3fe0000000000000, 0x3ff8000000000000, 0x4004000000000000,
		0x3cb0000000000000, 0x3690000000000000, 0x380fffffffffffff,
		0x47efffffe0000000, 0x47efffffefffffff, 0x47f0000000000000,
		0x3810000000000000, 0x380ffffff0000000, ~0ull };
	uint64_t r = test_sse_random();

	switch (r >> 60) {
	case 0: case 1: case 2: case 3: case 4:
		return edges[r % vmi_array_len(edges)];
	case 5: case 6:
		return (r & 1ull << 63) + 0x3fe0000000000000 +
			((r & 0xff) << 48);
	case 7: case 8:
		return (r & 0x800fffffffffffff) | 0x3c00000000000000 |
			(r >> 4 & 0x03f0000000000000);
	case 9:
		return 0x36a0000000000000 + (r >> 8 & 0x01ffffffe0000000);
	default:
		return r;
	}
}

static uint64_t half(void)
{
	uint64_t low;

	switch (test_sse_random() % 5) {
	case 0: case 1:
		low = number32();
		return low | number32() << 32;
	case 2: case 3:
		return number64();
	default:
		return test_sse_random();
	}
}

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t mxcsr(void)
{
	uint64_t r = test_sse_random();

	if (one_in(2)) /* what programs have, with or without sticky PE */
		return VMI_MXCSR_INIT | (r & 1 ? VMI_MXCSR_PE : 0);
	if (one_in(2)) /* everything masked */
		return VMI_MXCSR_INIT | (r & 0xe07f);
	return r & 0xffff;
}

/* Text with ends, for comparisons of strings. */
static uint64_t text(void)
{
	uint64_t r = test_sse_random(), v = 0;
	unsigned n;

	for (n = 0; n < 8; n++)
		v |= (r >> 8 * n & 3) << 8 * n;
	return v | (one_in(3) ? 0x0101010101010101 : 0);
}

static void make_state(struct test_sse_case *c, bool strings)
{
	uint64_t v[2];
	unsigned n;

	memset(c->area, 0, sizeof(c->area));
	put(c->area, 0x37f, 2);
	put(c->area + 2, (test_sse_random() & 7) << 11, 2);
	c->area[4] = (uint8_t)test_sse_random();
	put(c->area + 24, mxcsr(), 4);
	put(c->area + 28, 0xffff, 4);
	for (n = 0; n < 8; n++) {
		put(c->area + 32 + 16 * n, half(), 8);
		put(c->area + 40 + 16 * n, 0xffff, 2);
	}
	v[0] = v[1] = 0;
	for (n = 0; n < 16; n++) {
		if (!one_in(4)) { /* else the same as the one before */
			v[0] = strings ? text() : half();
			v[1] = strings ? text() : half();
		}
		if (one_in(8))
			v[0] = v[1] = test_sse_random() % 140;
		put(c->area + 160 + 16 * n, v[0], 8);
		put(c->area + 168 + 16 * n, v[1], 8);
	}
	c->area[512] = 3;
}

static unsigned number(const struct test_sse_form *f, unsigned operand)
{
	static const uint8_t general[] = { 0, 1, 2, 3, 5 };
	unsigned r = (unsigned)test_sse_random();

	switch (vmi_operands[f->row->op[operand]].kind) {
	case VMI_OPK_XMM:
	case VMI_OPK_XMMRM:
		return r & 15;
	case VMI_OPK_MM:
	case VMI_OPK_MMRM:
		return r & 7;
	default:
		return general[r % 5];
	}
}

/* Which operand is the r/m one; the other is in ModRM.reg. */
static unsigned rm_operand(const struct test_sse_form *f)
{
	unsigned kind = vmi_operands[f->row->op[0]].kind;

	return kind == VMI_OPK_RM || kind == VMI_OPK_MEM ||
		kind == VMI_OPK_MMRM || kind == VMI_OPK_XMMRM ? 0 : 1;
}

static bool is_string(unsigned exec)
{
	return exec == VMI_EXEC_pcmpestri || exec == VMI_EXEC_pcmpestrm ||
		exec == VMI_EXEC_pcmpistri || exec == VMI_EXEC_pcmpistrm;
}

static void make_code(struct test_sse_case *c, const struct test_sse_form *f)
{
	unsigned rm = rm_operand(f);
	struct vmi_insn insn;
	struct numbers n;

	n.rm = number(f, rm);
	n.reg = number(f, !rm);
	n.imm = (uint8_t)test_sse_random();
	if (f->memory)
		n.rm = 6;
	if (f->digit >= 0)
		n.reg = (unsigned)f->digit;
	if (one_in(2))
		n.imm &= 31;
	c->len = encode(f, n, c->code);
	if (vmi_decode(c->code, c->len, 64, &insn)) {
		printf("%s does not decode\n", f->row->mnemonic);
		exit(1);
	}
	c->len = insn.len;
}

void test_sse_make(struct test_sse_case *c, const struct test_sse_form *form)
{
	unsigned exec = form->row->exec, n;
	bool strings = is_string(exec);

	memset(c, 0, sizeof(*c));
	make_code(c, form);
	make_state(c, strings);
	for (n = 0; n < 8; n++)
		c->gpr[n] = strings ? test_sse_random() % 40 - 20 : half();
	if (strings && one_in(2))
		c->gpr[0] &= 0xffffffff;
	c->flags = test_sse_random() & VMI_FLAGS_ARITH;
	c->offset = form->row->attr & VMI_A_AL16 ? 16 :
		(unsigned)test_sse_random() & 31;
	for (n = 0; n < sizeof(c->memory); n++)
		c->memory[n] = (uint8_t)test_sse_random();
	put(c->memory + c->offset, strings ? text() : half(), 8);
	put(c->memory + c->offset + 8, strings ? text() : half(), 8);
	if (exec == VMI_EXEC_ldmxcsr)
		put(c->memory + c->offset + 2, 0, 2);
	c->tlb = one_in(2);
}
