/* SPDX-License-Identifier: MIT */
/*
 * An interpreter of device programs that checks each step.
 *
 * It is written from RFC 9669 without the table and the handlers of the
 * library, knows of each register and each byte of the stack whether it has a
 * value and whether that is an address, and looks for each access where it
 * goes.
 */
#include "tests/bpf/naive.h"

#include <string.h>

enum what { NOTHING, NUMBER, ADDRESS };

struct machine {
	_Alignas(8) uint8_t stack[VMI_BPF_FRAMES * 512];
	struct naive *n;
	uint64_t r[11];
	uint8_t is[11];
	uint8_t stack_is[VMI_BPF_FRAMES * 512];
	unsigned depth;
	struct { uint64_t r[4]; uint8_t is[4]; size_t back; } frames[8];
};

static bool wrong(struct machine *m, const char *why)
{
	m->n->why = why;
	return false;
}

static bool has(struct machine *m, unsigned reg)
{
	return m->is[reg] != NOTHING || wrong(m, "a register has no value");
}

static bool is_number(struct machine *m, unsigned reg)
{
	return m->is[reg] == NUMBER || wrong(m, "a register is no number");
}

static void set(struct machine *m, unsigned reg, uint64_t v)
{
	m->r[reg] = v;
	m->is[reg] = NUMBER;
}

/* -- Memory ------------------------------------------------------------- */

static bool inside(uint64_t at, unsigned bytes, const void *base, size_t size)
{
	uint64_t from = (uintptr_t)base;

	return at >= from && at - from <= size && size - (at - from) >= bytes;
}

/* *is: the stack's notes about the bytes; NULL: they are numbers. */
static bool reach(struct machine *m, uint64_t at, unsigned bytes,
	bool is_write, uint8_t **is)
{
	const struct vmi_bpf_code *c = m->n->code;
	size_t i;

	*is = NULL;
	if (at % bytes)
		return wrong(m, "an access is not aligned");
	if (inside(at, bytes, m->stack, 512 * (m->depth + 1))) {
		*is = m->stack_is + (at - (uintptr_t)m->stack);
		return true;
	}
	if (inside(at, bytes, m->n->context,
		    is_write ? c->context_writable : c->context_bytes))
		return true;
	for (i = 0; i < c->n_windows; i++)
		if ((c->windows[i].is_writable || !is_write) &&
			inside(at, bytes, c->windows[i].base,
				c->windows[i].bytes))
			return true;
	return wrong(m, "an access goes where nothing was given");
}

static bool load(struct machine *m, uint64_t at, unsigned bytes, uint64_t *v,
	uint8_t *is)
{
	uint8_t *notes;
	unsigned i;

	if (!reach(m, at, bytes, false, &notes))
		return false;
	*v = 0;
	for (i = 0; i < bytes; i++)
		*v |= (uint64_t)((const uint8_t *)(uintptr_t)at)[i] << (8 * i);
	*is = NUMBER;
	for (i = 0; notes && i < bytes; i++) {
		if (notes[i] == NOTHING)
			return wrong(m, "memory has no value");
		if (notes[i] != notes[0] || (notes[i] == ADDRESS && bytes < 8))
			return wrong(m, "a part of an address is read");
		*is = notes[0];
	}
	return true;
}

static bool store(struct machine *m, uint64_t at, unsigned bytes, uint64_t v,
	uint8_t is)
{
	uint8_t *notes;
	unsigned i;

	if (!reach(m, at, bytes, true, &notes))
		return false;
	if (is == ADDRESS && (!notes || bytes < 8))
		return wrong(m, "an address is given away");
	for (i = 0; i < bytes; i++)
		((uint8_t *)(uintptr_t)at)[i] = (uint8_t)(v >> (8 * i));
	/* What is left of an address is nothing. */
	for (i = 0; notes && i < 8; i++) {
		uint8_t *word = notes - ((notes - m->stack_is) & 7);

		if (word[i] == ADDRESS)
			word[i] = NOTHING;
	}
	for (i = 0; notes && i < bytes; i++)
		notes[i] = is;
	return true;
}

/* -- Instructions ------------------------------------------------------- */

static uint64_t alu64(unsigned code, bool is_signed, uint64_t a, uint64_t b)
{
	int64_t x = (int64_t)a, y = (int64_t)b;

	switch (code) {
	case 0x00: return a + b;
	case 0x10: return a - b;
	case 0x20: return a * b;
	case 0x30:
		if (!b)
			return 0;
		if (is_signed)
			return y == -1 ? -a : (uint64_t)(x / y);
		return a / b;
	case 0x40: return a | b;
	case 0x50: return a & b;
	case 0x60: return a << (b & 63);
	case 0x70: return a >> (b & 63);
	case 0x80: return -a;
	case 0x90:
		if (!b)
			return a;
		if (is_signed)
			return y == -1 ? 0 : (uint64_t)(x % y);
		return a % b;
	case 0xa0: return a ^ b;
	case 0xb0: return b;
	default: return (uint64_t)(x >> (b & 63));
	}
}

static uint32_t alu32(unsigned code, bool is_signed, uint32_t a, uint32_t b)
{
	if (code == 0x60 || code == 0x70)
		return (uint32_t)alu64(code, false, a, b & 31);
	if (code == 0xc0)
		return (uint32_t)((int32_t)a >> (b & 31));
	if (is_signed && (code == 0x30 || code == 0x90))
		return (uint32_t)alu64(code, true, (uint64_t)(int32_t)a,
			(uint64_t)(int32_t)b);
	return (uint32_t)alu64(code, false, a, b);
}

static uint64_t reversed(uint64_t v, unsigned bits)
{
	uint64_t to = 0;
	unsigned i;

	for (i = 0; i < bits; i += 8)
		to |= (v >> i & 0xff) << (bits - 8 - i);
	return to;
}

static uint64_t extended(uint64_t v, unsigned bits)
{
	switch (bits) {
	case 8: return (uint64_t)(int8_t)v;
	case 16: return (uint64_t)(int16_t)v;
	default: return (uint64_t)(int32_t)v;
	}
}

/* An address may move; what comes of others is never looked at. */
static bool alu(struct machine *m, const struct vmi_bpf_insn *i)
{
	bool is_half = (i->opcode & 7) == 4, has_reg = i->opcode & 8;
	unsigned code = i->opcode & 0xf0, bits = (unsigned)i->imm;
	uint64_t b = has_reg ? m->r[i->src] : (uint64_t)(int64_t)i->imm;
	uint8_t is = has_reg ? m->is[i->src] : NUMBER;

	if (code == 0xd0) {
		if (!is_number(m, i->dst))
			return false;
		b = m->r[i->dst];
		if (is_half && !has_reg)
			set(m, i->dst, bits == 64 ? b : b &
				((1ull << bits) - 1));
		else
			set(m, i->dst, reversed(b, bits));
		return true;
	}
	if (has_reg && !has(m, i->src))
		return false;
	if (code != 0xb0 && !has(m, i->dst))
		return false;
	if (code == 0xb0 && i->off)
		b = extended(b, (unsigned)i->off);
	if (code != 0xb0 && m->is[i->dst] == ADDRESS) {
		if (is == ADDRESS)
			is = code == 0x10 ? NUMBER : NOTHING;
		else
			is = code <= 0x10 ? ADDRESS : NOTHING;
	} else if (code != 0xb0 && is == ADDRESS && code) {
		is = NOTHING;
	}
	if (is_half && (is == ADDRESS || is == NOTHING))
		return wrong(m, "half of an address");
	m->r[i->dst] = is_half ? alu32(code, i->off == 1,
		(uint32_t)m->r[i->dst], (uint32_t)b) :
		alu64(code, i->off == 1, m->r[i->dst], b);
	m->is[i->dst] = is;
	return is != NOTHING || wrong(m, "nothing was made of an address");
}

static bool jumps(const struct machine *m, const struct vmi_bpf_insn *i)
{
	uint64_t a = m->r[i->dst];
	uint64_t b = i->opcode & 8 ? m->r[i->src] :
		(uint64_t)(int64_t)i->imm;
	int64_t x = (int64_t)a, y = (int64_t)b;

	if ((i->opcode & 7) == 6) {
		a = (uint32_t)a;
		b = (uint32_t)b;
		x = (int32_t)a;
		y = (int32_t)b;
	}
	switch (i->opcode & 0xf0) {
	case 0x00: return true;
	case 0x10: return a == b;
	case 0x20: return a > b;
	case 0x30: return a >= b;
	case 0x40: return (a & b) != 0;
	case 0x50: return a != b;
	case 0x60: return x > y;
	case 0x70: return x >= y;
	case 0xa0: return a < b;
	case 0xb0: return a <= b;
	case 0xc0: return x < y;
	default: return x <= y;
	}
}

static bool can_compare(struct machine *m, const struct vmi_bpf_insn *i)
{
	if (!(i->opcode & 0xf0))
		return true;
	if (!has(m, i->dst) || ((i->opcode & 8) && !has(m, i->src)))
		return false;
	return m->is[i->dst] == (i->opcode & 8 ? m->is[i->src] : NUMBER) ||
		wrong(m, "an address is compared with a number");
}

static bool atomic(struct machine *m, const struct vmi_bpf_insn *i)
{
	unsigned bytes = (i->opcode & 0x18) == 0x18 ? 8 : 4;
	uint64_t at = m->r[i->dst] + (uint64_t)(int64_t)i->off;
	uint64_t old, v = m->r[i->src], r0 = m->r[0];
	uint8_t is;

	if (!is_number(m, i->src) || !load(m, at, bytes, &old, &is))
		return false;
	if (is != NUMBER)
		return wrong(m, "arithmetic on an address in memory");
	if (bytes == 4)
		r0 = (uint32_t)r0;
	if (i->imm == 0xf1) {
		if (!is_number(m, 0))
			return false;
		set(m, 0, old);
		return store(m, at, bytes, old == r0 ? v : old, NUMBER);
	}
	v = i->imm == 0xe1 ? v : alu64(i->imm & 0xf0, false, old, v);
	if (!store(m, at, bytes, v, NUMBER))
		return false;
	if (i->imm & 1)
		set(m, i->src, old);
	return true;
}

static bool memory(struct machine *m, const struct vmi_bpf_insn *i)
{
	static const uint8_t sizes[] = { 4, 2, 1, 8 };
	unsigned bytes = sizes[i->opcode >> 3 & 3], class = i->opcode & 7;
	unsigned base = class == 1 ? i->src : i->dst;
	uint64_t at = m->r[base] + (uint64_t)(int64_t)i->off, v;
	uint8_t is;

	if (m->is[base] != ADDRESS)
		return wrong(m, "an access without an address");
	if (i->opcode >> 5 == 6)
		return atomic(m, i);
	if (class == 2)
		return store(m, at, bytes, (uint64_t)(int64_t)i->imm, NUMBER);
	if (class == 3)
		return has(m, i->src) &&
			store(m, at, bytes, m->r[i->src], m->is[i->src]);
	if (!load(m, at, bytes, &v, &is))
		return false;
	m->r[i->dst] = i->opcode >> 5 == 4 ? extended(v, 8 * bytes) : v;
	m->is[i->dst] = is;
	return true;
}

static bool help(struct machine *m, int32_t number)
{
	unsigned i;

	if (number == 2 && !(is_number(m, 1) && is_number(m, 2) &&
				   is_number(m, 3)))
		return false;
	if (number == 2)
		set(m, 0, m->r[3] ? (uint64_t)((vmi_u128)m->r[1] * m->r[2] /
			m->r[3]) : 0);
	else if (number == 1)
		set(m, 0, NAIVE_NOW);
	else
		return wrong(m, "no such helper");
	for (i = 1; i <= 5; i++)
		m->is[i] = NOTHING;
	return true;
}

static bool enter(struct machine *m, size_t back)
{
	unsigned i;

	if (++m->depth == VMI_BPF_FRAMES)
		return wrong(m, "too many frames");
	for (i = 0; i < 4; i++) {
		m->frames[m->depth].r[i] = m->r[6 + i];
		m->frames[m->depth].is[i] = m->is[6 + i];
		m->is[6 + i] = NOTHING;
	}
	m->is[0] = NOTHING;
	m->frames[m->depth].back = back;
	m->r[10] += 512;
	memset(m->stack_is + 512 * m->depth, NOTHING, 512);
	return true;
}

static size_t leave(struct machine *m)
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		m->r[6 + i] = m->frames[m->depth].r[i];
		m->is[6 + i] = m->frames[m->depth].is[i];
	}
	for (i = 1; i <= 5; i++)
		m->is[i] = NOTHING;
	m->r[10] -= 512;
	return m->frames[m->depth--].back;
}

static bool window(struct machine *m, const struct vmi_bpf_insn *i)
{
	m->r[i->dst] = (uint64_t)(uint32_t)i[1].imm << 32 | (uint32_t)i->imm;
	m->is[i->dst] = NUMBER;
	if (i->src != 6)
		return true;
	m->r[i->dst] = (uintptr_t)m->n->code->windows[i->imm].base +
		(uint32_t)i[1].imm;
	m->is[i->dst] = ADDRESS;
	return true;
}

static bool step(struct machine *m, size_t *pc)
{
	const struct vmi_bpf_insn *i = &m->n->code->insns[*pc];
	unsigned class = i->opcode & 7;

	*pc += 1;
	if (class == 4 || class == 7)
		return alu(m, i);
	if (i->opcode == 0x18) {
		*pc += 1;
		return window(m, i);
	}
	if (class < 4)
		return memory(m, i);
	if (i->opcode == 0x85 && i->src) {
		size_t back = *pc;

		*pc += (size_t)(ptrdiff_t)i->imm;
		return enter(m, back);
	}
	if (i->opcode == 0x85)
		return help(m, i->imm);
	if (i->opcode == 0x95) {
		*pc = leave(m);
		return true;
	}
	if (!can_compare(m, i))
		return false;
	if (jumps(m, i))
		*pc += (size_t)(ptrdiff_t)(i->opcode == 6 ? i->imm : i->off);
	return true;
}

enum naive_end naive_run(struct naive *n)
{
	static struct machine m;
	size_t pc = n->code->entry;
	uint64_t steps;

	memset(m.is, 0, sizeof(m.is));
	memset(m.stack_is, 0, sizeof(m.stack_is));
	memset(m.stack, 0xee, sizeof(m.stack));
	m.n = n;
	m.depth = 0;
	m.r[1] = (uintptr_t)n->context;
	m.r[10] = (uintptr_t)m.stack + 512;
	m.is[1] = m.is[10] = ADDRESS;
	for (steps = 0; steps < n->limit; steps++) {
		n->at = pc;
		if (n->code->insns[pc].opcode == 0x95 && !m.depth) {
			n->result = m.r[0];
			return is_number(&m, 0) ? NAIVE_DONE : NAIVE_WRONG;
		}
		if (!step(&m, &pc))
			return NAIVE_WRONG;
	}
	return NAIVE_LONG;
}
