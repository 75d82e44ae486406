/* SPDX-License-Identifier: MIT */
/* The generator: task states, targets, frames to return to, instructions. */
#include "tests/transfers/make.h"

/* -- Tasks: SDM 3A figures 7-2, 7-10 and 7-11 ----------------------------- */

static void make_ldt(struct maker *k)
{
	struct machine *m = k->m;
	unsigned selector = add_table(k, 0x82, AT_LDT, 0xfff);

	m->now.s[R_LDTR] = (struct segment){ .base = AT_LDT, .limit = 0xfff,
		.attributes = 0x82, .selector = (uint16_t)selector };
}

static void stack_pointers(struct maker *k, uint32_t at, bool is_32)
{
	static const uint32_t pages[] = { AT_STACK0, AT_STACK1, AT_STACK2 };
	unsigned i, selector;
	uint64_t sp;

	for (i = 0; i < 3 && k->is_long; i++)
		put_pointer(k, at + 4 + 8 * i, top_of(k, pages[i]) +
			(perhaps(k, 2) ? HIGH : 0), 8);
	for (i = 1; i < 8 && k->is_long; i++)
		put_pointer(k, at + 28 + 8 * i, top_of(k, pages[i % 3]), 8);
	for (i = 0; i < 3 && !k->is_long; i++) {
		selector = add_stack(k, i, top_of(k, pages[i]),
			some_table(k), &sp);
		if (is_32) {
			put_pointer(k, at + 4 + 8 * i, sp, 4);
			put_selector(k, at + 8 + 8 * i, selector);
		} else {
			put_pointer(k, at + 2 + 4 * i, sp, 2);
			put_selector(k, at + 4 + 4 * i, selector);
		}
	}
}

void make_tss(struct maker *k)
{
	struct segment *tr = &k->m->now.s[R_TR];
	bool is_32 = k->is_long || k->is_86 || some(k, 4);
	/* The redirection map is behind the state, a bit for each vector. */
	uint32_t at = AT_TSS + (perhaps(k, 2) ? 0xf90 + some(k, 0x70) : 0);
	unsigned i;

	if (k->is_real) {
		m_load_null(k->m, R_LDTR, 0);
		*tr = (struct segment){ .attributes = 0x8b, .limit = 0xffff };
		return;
	}
	make_ldt(k);
	put(k, at + 0x66, 0x88, 2);
	for (i = 0; i < 32; i++)
		put(k, at + 0x68 + i, k->row->to == TO_PROGRAM ? 0 : 0xff, 1);
	*tr = (struct segment){ .base = at, .limit = 0xa8,
		.attributes = is_32 ? 0x8b : 0x83 };
	if (k->is_long && perhaps(k, 2))
		tr->base += HIGH;
	tr->selector = (uint16_t)add_table(k, tr->attributes, tr->base,
		tr->limit);
	stack_pointers(k, at, is_32);
}

static void put_task_segments(struct maker *k, uint32_t at, unsigned bits,
	bool v86)
{
	unsigned size = bits / 8, i, cpl = some(k, 4), cs;
	uint32_t segments = at + (bits == 32 ? 72 : 34);
	enum table table = k->ldt_new ? IN_NEW_LDT : IN_GDT;
	struct code_of c = { .dpl = cpl, .bits = bits_of(k), .rpl = cpl,
		.type = TYPE_CODE, .at = AT_TARGET + some(k, 64),
		.table = some(k, 2) ? table : IN_GDT };
	uint64_t offset, sp;

	if (perhaps(k, 6)) {
		c.type = TYPE_CONFORMING;
		c.dpl = some(k, cpl + 1);
	}
	cs = v86 ? AT_TARGET >> 4 : add_code(k, &c, &offset);
	offset = v86 ? some(k, 64) : offset;
	put_pointer(k, at + (bits == 32 ? 32 : 14), offset, size);
	put_selector(k, segments + size, cs);
	put_selector(k, segments + 2 * size, add_stack(k, cpl, top_of(k,
		AT_STACK_NEW), some(k, 2) ? table : IN_GDT, &sp));
	put_pointer(k, at + (bits == 32 ? 56 : 26), sp, size);
	for (i = 0; i < (bits == 32 ? 6u : 4u); i++)
		if (i != 1 && i != 2)
			put_selector(k, segments + i * size, add_data(k, cpl +
				some(k, 4 - cpl), some(k, 2) ? table :
				IN_GDT));
}

unsigned make_task(struct maker *k, unsigned bits, bool busy)
{
	uint32_t at = AT_TSS_NEW + (perhaps(k, 2) ? 0xf90 + some(k, 0x70) : 0);
	unsigned type = (bits == 32 ? 0x89 : 0x81) | (busy ? 2 : 0), ldt = 0;
	uint64_t flags = any(&k->r) & F_ALL & ~(uint64_t)(F_TF | F_VM | F_VIP);
	bool v86 = bits == 32 && perhaps(k, 8);
	unsigned i;

	if (some(k, 2)) {
		ldt = add_table(k, 0x82, AT_LDT_NEW, 0x7ff);
		k->ldt_new = 1;
	}
	for (i = 0; i < 8; i++)
		put(k, at + (bits == 32 ? 40 + 4 * i : 18 + 2 * i),
			any(&k->r), bits / 8);
	put_selector(k, at + (bits == 32 ? 96 : 42), ldt);
	put(k, at + (bits == 32 ? 36 : 16), flags | (v86 ? F_VM : 0),
		bits / 8);
	if (bits == 32) {
		put(k, at + 28, perhaps(k, 2) ? AT_PD32 : AT_PD32_NEW, 4);
		put(k, at + 100, perhaps(k, 8), 2);
	}
	put_task_segments(k, at, bits, v86);
	stack_pointers(k, at, bits == 32);
	return add_table(k, type | some(k, 4) << 5, at, bits == 32 ? 103 +
		some(k, 9) : 43 + some(k, 9));
}

/* The DPL of a TSS that a program may use, too. */
static unsigned task(struct maker *k, bool busy, unsigned dpl)
{
	unsigned selector = make_task(k, k->row->bits, busy);
	uint32_t at = AT_GDT + (selector & 0xfff8) + 5;

	if (perhaps(k, 8))
		return selector;
	put(k, at, (k->m->mem[at] & ~0x60u) | dpl << 5, 1);
	return selector;
}

/* -- Targets -------------------------------------------------------------- */

static unsigned target_bits(struct maker *k, bool gate)
{
	if (!k->is_long)
		return bits_of(k);
	return gate || perhaps(k, 2) ? 64 : bits_of(k);
}

static unsigned target(struct maker *k, unsigned dpl, bool conforming,
	uint64_t *offset)
{
	enum to to = k->row->to;
	bool gate = to != TO_CODE && to != TO_CONFORMING && to != TO_SAME &&
		to != TO_OUTER;
	struct code_of c = { .bits = target_bits(k, gate),
		.type = conforming ? TYPE_CONFORMING : TYPE_CODE,
		.at = AT_TARGET + some(k, 64), .table = some_table(k) };
	unsigned selector;

	/* Out of virtual-8086 mode the local table is the task's own. */
	c.dpl = conforming ? some(k, dpl + 1) : dpl;
	selector = add_code(k, &c, offset);
	if (c.bits == 64 && perhaps(k, 2))
		*offset += HIGH;
	return selector;
}

/* What a far pointer of CALL and JMP points to; its RPL comes later. */
static unsigned far_target(struct maker *k, uint64_t *offset)
{
	unsigned cpl = k->cpl, dpl = cpl + some(k, 4 - cpl), selector;
	unsigned type = k->row->bits == 16 ? 4 : 12;

	*offset = any(&k->r);
	switch (k->row->to) {
	case TO_CODE: return target(k, cpl, false, offset);
	case TO_CONFORMING: return target(k, cpl, true, offset);
	case TO_TSS: return task(k, false, dpl);
	case TO_TASK_GATE:
		return add_gate(k, 5, dpl, task(k, false, 0), 0);
	case TO_GATE_SAME: selector = target(k, cpl, false, offset); break;
	case TO_GATE_CONFORMING:
		selector = target(k, cpl, true, offset);
		break;
	default: selector = target(k, some(k, cpl), false, offset); break;
	}
	return add_gate(k, type, dpl, selector, *offset);
}

static unsigned real_target(struct maker *k, uint64_t *offset)
{
	unsigned cs = (AT_TARGET >> 4) - some(k, 64);

	*offset = AT_TARGET + some(k, 64) - 16 * cs;
	return cs;
}

static void put_far(struct maker *k)
{
	uint32_t at = AT_DATA + 0x100 + some(k, 64);
	unsigned selector, size = k->m->insn.size;
	uint64_t offset;

	if (k->is_real || k->is_86) {
		selector = real_target(k, &offset);
	} else {
		selector = far_target(k, &offset);
		selector |= some(k, k->cpl + 1);
	}
	k->m->insn.operand = at;
	put_pointer(k, at, offset, size);
	put_selector(k, at + size, selector);
}

/* -- Frames to return to -------------------------------------------------- */

static uint32_t linear_sp(struct maker *k)
{
	const struct registers *s = &k->m->now;

	if (k->row->mode == M_64)
		return (uint32_t)s->r[R_SP];
	return (uint32_t)(s->s[R_SS].base + (s->r[R_SP] &
		m_stack_mask(k->m)));
}

/* Stack and segments of the outer level, or of virtual-8086 mode. */
static void put_outer(struct maker *k, uint32_t at, unsigned level)
{
	unsigned size = k->m->insn.size, i, selector;
	uint64_t sp;

	selector = add_stack(k, level, top_of(k, AT_STACK2), some_table(k),
		&sp);
	if (k->row->mode == M_64 && level < 3 && perhaps(k, 4))
		selector = level;
	if (k->row->mode == M_64 && perhaps(k, 2))
		sp = top_of(k, AT_STACK2) + HIGH;
	put_pointer(k, at, sp, size);
	put_selector(k, at + size, selector);
	for (i = 2; i < 6 && k->row->to == TO_8086; i++)
		put(k, at + i * size, any(&k->r), size);
}

static void put_frame(struct maker *k)
{
	unsigned size = k->m->insn.size, cs, level = k->cpl;
	uint32_t at = linear_sp(k);
	uint64_t rip, flags = any(&k->r) & F_ALL & ~(uint64_t)F_VM;

	if (k->row->to == TO_LINK)
		return;
	if (k->row->to == TO_OUTER)
		level += 1 + some(k, 3 - level);
	if (k->is_real || k->is_86 || k->row->to == TO_8086)
		cs = real_target(k, &rip);
	else
		cs = target(k, level, perhaps(k, 4), &rip) | level;
	put_pointer(k, at, rip, size);
	put_selector(k, at + size, cs);
	at += 2 * size;
	if (k->row->insn == I_IRET) {
		if (k->row->to == TO_8086 || perhaps(k, 8))
			flags |= F_VM;
		put(k, at, flags, size);
		at += size;
	} else {
		at += k->m->insn.imm;
	}
	if (!k->is_real && !k->is_86)
		put_outer(k, at, level);
}

/* -- Events --------------------------------------------------------------- */

static unsigned vector_of(struct maker *k)
{
	static const uint8_t exceptions[] = { 0, 1, 3, 4, 5, 6, 7, 8, 10, 11,
		12, 13, 14, 16, 17, 19 };

	switch (k->row->insn) {
	case I_INT: return perhaps(k, 8) ? some(k, 20) : 32 + some(k, 224);
	case I_INT3: return X_BP;
	case I_INTO: return X_OF;
	case I_INT1: return X_DB;
	case I_UD2: return X_UD;
	default: break;
	}
	if (k->row->kind == K_EXCEPTION)
		return exceptions[some(k, sizeof(exceptions))];
	return k->row->kind == K_NMI ? X_NMI : 32 + some(k, 224);
}

static void put_gate(struct maker *k)
{
	unsigned cpl = k->cpl, dpl = cpl + some(k, 4 - cpl), selector, type;
	uint64_t offset;

	type = k->row->bits == 16 ? 6 : 14;
	switch (k->row->to) {
	case TO_IDT_SAME: selector = target(k, cpl, false, &offset); break;
	case TO_IDT_CONFORMING:
		selector = target(k, cpl, true, &offset);
		break;
	case TO_IDT_INNER:
		selector = target(k, k->is_86 ? 0 : some(k, cpl), false,
			&offset);
		break;
	case TO_IDT_TASK:
		put_idt(k, k->vector, 5, dpl, task(k, false, some(k, 4)), 0);
		return;
	default: return;
	}
	put_idt(k, k->vector, type + some(k, 2), dpl, selector, offset);
}

static void put_event(struct maker *k)
{
	struct event *e = &k->m->event;
	unsigned v;

	k->vector = v = vector_of(k);
	put_gate(k);
	if (k->row->kind == K_NONE)
		return;
	*e = (struct event){ .kind = k->row->kind, .vector = (uint8_t)v };
	if (e->kind == K_EXCEPTION && !k->is_real)
		e->has_code = v == X_DF || (v >= X_TS && v <= X_PF) ||
			v == X_AC;
	if (e->has_code && v != X_DF)
		e->code = (uint32_t)any(&k->r) & 0xffff;
	e->cr2 = k->m->now.cr2;
}

/* -- Instructions --------------------------------------------------------- */

static unsigned default_size(struct maker *k)
{
	return k->row->mode == M_64 || (k->m->now.s[R_CS].attributes & D_DB) ?
		4 : 2;
}

static unsigned far_bytes(struct maker *k, uint8_t *p)
{
	const struct insn_of *i = &k->m->insn;
	uint8_t reg = i->insn == I_CALL ? 3 : 5, n = 0;

	if (!k->is_real && !k->is_86 && default_size(k) == 2)
		p[n++] = 0x67;
	p[n++] = 0xff;
	if (k->is_real || k->is_86) {
		p[n++] = (uint8_t)(reg << 3 | 6);
		m_put(p + n, i->operand - AT_DATA, 2);
		return n + 2u;
	}
	p[n++] = (uint8_t)(reg << 3 | (k->row->mode == M_64 ? 4 : 5));
	if (k->row->mode == M_64)
		p[n++] = 0x25;
	m_put(p + n, i->operand, 4);
	return n + 4u;
}

static unsigned bytes_of(struct maker *k, uint8_t *p)
{
	const struct insn_of *i = &k->m->insn;
	static const uint8_t bytes[] = { [I_IRET] = 0xcf, [I_INT3] = 0xcc,
		[I_INTO] = 0xce, [I_INT1] = 0xf1, [I_CLI] = 0xfa,
		[I_STI] = 0xfb, [I_PUSHF] = 0x9c, [I_POPF] = 0x9d };

	switch (i->insn) {
	case I_CALL:
	case I_JMP: return far_bytes(k, p);
	case I_RETF:
		p[0] = i->imm ? 0xca : 0xcb;
		m_put(p + 1, i->imm, 2);
		return i->imm ? 3 : 1;
	case I_INT:
		p[0] = 0xcd;
		p[1] = (uint8_t)i->imm;
		return 2;
	case I_UD2: m_put(p, 0x0b0f, 2); return 2;
	default: p[0] = bytes[i->insn]; return 1;
	}
}

static void encode(struct maker *k)
{
	struct registers *s = &k->m->now;
	struct insn_of *i = &k->m->insn;
	uint8_t bytes[16];
	unsigned n = 0;

	i->at = k->row->mode == M_64 ? s->rip : s->s[R_CS].base + s->rip;
	if (i->size != default_size(k) && !(i->size == 8 &&
		i->insn >= I_PUSHF))
		bytes[n++] = i->size == 8 ? 0x48 : 0x66;
	if (n && bytes[0] == 0x48 && i->insn <= I_JMP)
		n = 1;
	n += bytes_of(k, bytes + n);
	for (i->bytes = 0; i->bytes < n; i->bytes++)
		put(k, (uint32_t)(i->at & 0xfffff) + i->bytes,
			bytes[i->bytes], 1);
}

/* Near returns and flags in 64-bit mode have no 32-bit operands. */
static void choose(struct maker *k)
{
	struct insn_of *i = &k->m->insn;

	*i = (struct insn_of){ .insn = k->row->insn,
		.size = perhaps(k, 2) ? 2 : 4 };
	if (i->insn == I_NONE)
		return;
	if (k->row->mode == M_64 && i->insn <= I_IRET && perhaps(k, 2))
		i->size = 8;
	if (k->row->mode == M_64 && i->insn >= I_PUSHF && i->size == 4)
		i->size = 8;
	if (i->insn > I_IRET && i->insn < I_PUSHF)
		i->size = default_size(k);
	if (i->insn == I_RETF && perhaps(k, 2))
		i->imm = some(k, 33);
}

void make_scene(struct maker *k)
{
	struct insn_of *i = &k->m->insn;

	choose(k);
	switch (i->insn) {
	case I_CALL:
	case I_JMP: put_far(k); break;
	case I_RETF:
	case I_IRET: put_frame(k); break;
	case I_POPF:
		put(k, linear_sp(k), any(&k->r) & ~(perhaps(k, 2) ? F_TF : 0),
			8);
		break;
	default: break;
	}
	if (k->row->to == TO_LINK)
		put_selector(k, (uint32_t)k->m->now.s[R_TR].base,
			task(k, true, some(k, 4)));
	if (k->row->to >= TO_IDT_SAME || k->row->kind != K_NONE ||
		i->insn == I_INT)
		put_event(k);
	if (i->insn == I_INT)
		i->imm = k->vector;
	if (i->insn != I_NONE)
		encode(k);
}
