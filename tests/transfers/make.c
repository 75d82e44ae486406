/* SPDX-License-Identifier: MIT */
/*
 * The generator.
 *
 * A case begins as a machine in which the row's instruction succeeds: tables,
 * segments, stacks, a task state, gates.  What has been put into memory for it
 * is noted by kind, and then up to three things are made wrong
 * (make_wrong.c).  The same seed makes the same case on every host.
 */
#include <string.h>

#include "tests/transfers/make.h"

uint64_t any(struct random *r)
{
	r->s ^= r->s << 13;
	r->s ^= r->s >> 7;
	r->s ^= r->s << 17;
	return r->s * UINT64_C(0x2545f4914f6cdd1d);
}

unsigned below(struct random *r, unsigned n)
{
	return (unsigned)((any(r) >> 32) * n >> 32);
}

/* -- Memory --------------------------------------------------------------- */

void put(struct maker *k, uint32_t at, uint64_t v, unsigned bytes)
{
	if (at + bytes <= RAM)
		m_put(k->m->mem + at, v, bytes);
}

void put_part(struct maker *k, uint32_t at, uint64_t v, struct place place)
{
	place.at = at;
	put(k, at, v, place.bytes);
	if (k->nplaces < PLACES)
		k->places[k->nplaces++] = place;
}

void put_selector(struct maker *k, uint32_t at, unsigned selector)
{
	put_part(k, at, selector, (struct place){ .part = P_SELECTOR,
		.bytes = 2 });
}

void put_pointer(struct maker *k, uint32_t at, uint64_t v, unsigned bytes)
{
	put_part(k, at, v, (struct place){ .part = P_POINTER,
		.bytes = (uint8_t)bytes });
}

static void fill(struct maker *k)
{
	uint32_t at;

	memset(k->m->mem, 0, RAM);
	memset(k->m->mem + AT_CODE, NOP, AT_STACK - AT_CODE);
	/* What is looked at of the stacks and the data. */
	for (at = AT_STACK + 0xf00; at < RAM; at += 0x2000) {
		unsigned i;

		for (i = 0; i < 0x200; i += 8)
			put(k, at + i, any(&k->r), 8);
	}
}

/* All of RAM, accessed and dirty: SDM 3A 4.3, 4.5. */
static void make_pages(struct maker *k)
{
	static const uint32_t tables[] = { AT_PT32, AT_PT32_NEW };
	unsigned i, t;

	put(k, AT_PML4, AT_PDPT | 0x27, 8);
	put(k, AT_PML4 + 256 * 8, AT_PDPT | 0x27, 8);
	put(k, AT_PDPT, AT_PD | 0x27, 8);
	put(k, AT_PD, AT_PT | 0x27, 8);
	put(k, AT_PD32, AT_PT32 | 0x27, 4);
	put(k, AT_PD32_NEW, AT_PT32_NEW | 0x27, 4);
	for (i = 0; i < RAM / 4096; i++) {
		put(k, AT_PT + 8 * i, i << 12 | 0x67, 8);
		for (t = 0; t < 2; t++)
			put(k, tables[t] + 4 * i, i << 12 | 0x67, 4);
	}
}

/* -- Descriptors: SDM 3A figure 3-8 --------------------------------------- */

static uint32_t entry_at(struct maker *k, enum table table,
	unsigned *selector)
{
	unsigned *next = table == IN_GDT ? &k->gdt : table == IN_LDT ?
		&k->ldt : &k->ldt_new;
	uint32_t base = table == IN_GDT ? AT_GDT : table == IN_LDT ? AT_LDT :
		AT_LDT_NEW;

	*selector = *next * 8 | (table == IN_GDT ? 0 : 4);
	return base + 8 * (*next)++;
}

static void put_descriptor(struct maker *k, uint32_t at, uint64_t v)
{
	put_part(k, at, v, (struct place){ .part = P_DESCRIPTOR, .bytes = 8 });
}

static uint64_t descriptor(uint64_t base, uint32_t limit, unsigned attributes)
{
	if (limit > 0xfffff) {
		limit >>= 12;
		attributes |= D_G;
	}
	return (limit & 0xffff) | (base & 0xffffff) << 16 |
		(uint64_t)attributes << 40 | (uint64_t)(limit >> 16) << 48 |
		(base >> 24 & 0xff) << 56;
}

/* Mostly accessed already. */
static unsigned accessed(struct maker *k)
{
	return perhaps(k, 4) ? 0 : 1;
}

unsigned add_code(struct maker *k, const struct code_of *c, uint64_t *offset)
{
	static const uint32_t limits[] = { 0xffff, UINT32_MAX, 0xfffff, 0 };
	unsigned selector, attributes;
	uint64_t base = (c->at & ~0xfffu) - 16 * some(k, 100);
	uint32_t at = entry_at(k, c->table, &selector);
	uint32_t limit = limits[some(k, 4)];

	if (c->bits == 64)
		base = 0;
	*offset = c->at - base;
	if (!limit)
		limit = (uint32_t)*offset + 1 + some(k, 12);
	attributes = c->type | c->dpl << 5 | accessed(k) | (c->bits == 64 ?
		D_L : c->bits == 32 ? D_DB : 0);
	put_descriptor(k, at, descriptor(base, limit, attributes));
	return selector | c->rpl;
}

/* The stack's top is at a linear address. */
unsigned add_stack(struct maker *k, unsigned dpl, uint32_t at,
	enum table table, uint64_t *sp)
{
	unsigned selector, attributes = TYPE_DATA | dpl << 5 | accessed(k);
	uint64_t base = (at & ~0x1fffu) - 16 * some(k, 100);
	uint32_t limit = perhaps(k, 2) ? 0xffff : UINT32_MAX;
	uint32_t where = entry_at(k, table, &selector);

	*sp = at - base;
	if (perhaps(k, 8)) { /* expand-down */
		attributes |= 4;
		limit = (uint32_t)*sp - 0x200;
	} else if (perhaps(k, 8)) {
		limit = (uint32_t)*sp + 0x80;
	}
	if (perhaps(k, 2))
		attributes |= D_DB;
	put_descriptor(k, where, descriptor(base, limit, attributes));
	return selector | dpl;
}

unsigned add_data(struct maker *k, unsigned dpl, enum table table)
{
	static const unsigned types[] = { 0x90, 0x92, 0x96, 0x9a, 0x9e };
	unsigned selector, rpl = some(k, dpl + 1);
	uint32_t at = entry_at(k, table, &selector);

	if (perhaps(k, 6))
		return 0;
	put_descriptor(k, at, descriptor(any(&k->r) & 0xfffff, (uint32_t)
		any(&k->r), types[some(k, 5)] | dpl << 5 | accessed(k) |
		(perhaps(k, 2) ? D_DB : 0)));
	return selector | rpl;
}

/* SDM 3A figures 3-8 and 7-4. */
unsigned add_table(struct maker *k, unsigned type, uint64_t base,
	uint32_t limit)
{
	unsigned selector, ignored;
	uint32_t at = entry_at(k, IN_GDT, &selector);

	put_descriptor(k, at, descriptor(base, limit, type));
	if (k->is_long)
		put(k, entry_at(k, IN_GDT, &ignored), base >> 32, 8);
	return selector;
}

static uint64_t gate(unsigned attributes, unsigned selector, uint64_t offset)
{
	return (offset & 0xffff) | (uint64_t)selector << 16 |
		(uint64_t)attributes << 40 | (offset >> 16 & 0xffff) << 48;
}

/* SDM 3A figures 5-8, 5-9 and 7-6; with a count of parameters. */
unsigned add_gate(struct maker *k, unsigned type, unsigned dpl,
	unsigned selector, uint64_t offset)
{
	enum table table = some_table(k);
	unsigned of, ignored, count = some(k, 2) ? 0 : some(k, 32);
	uint32_t at = entry_at(k, table, &of);

	put_descriptor(k, at, gate(0x80 | type | dpl << 5, selector, offset) |
		(uint64_t)count << 32);
	if (k->is_long)
		put_part(k, entry_at(k, table, &ignored), offset >> 32,
			(struct place){ .part = P_DESCRIPTOR, .bytes = 8 });
	put_selector(k, at + 2, selector);
	return of;
}

/* SDM 3A figures 6-2 and 6-8. */
void put_idt(struct maker *k, unsigned vector, unsigned type,
	unsigned dpl, unsigned selector, uint64_t offset)
{
	uint32_t at = AT_IDT + vector * (k->is_long ? 16 : 8);
	uint64_t ist = k->is_long && perhaps(k, 4) ? some(k, 8) : 0;

	put_descriptor(k, at, gate(0x80 | type | dpl << 5, selector, offset) |
		ist << 32);
	if (k->is_long)
		put(k, at + 8, offset >> 32, 8);
	put_selector(k, at + 2, selector);
}

enum table some_table(struct maker *k)
{
	return perhaps(k, 3) ? IN_LDT : IN_GDT;
}

/* In two pages, near where they meet; mostly aligned. */
uint32_t top_of(struct maker *k, uint32_t pages)
{
	uint32_t top = pages + 0x1000 + 8 * (some(k, 8) - 4);

	return perhaps(k, 4) ? top + some(k, 8) : top;
}

unsigned bits_of(struct maker *k)
{
	return perhaps(k, 2) ? 16 : 32;
}

/* -- The machine ---------------------------------------------------------- */

static uint64_t high(struct maker *k)
{
	return k->is_long && perhaps(k, 2) ? HIGH : 0;
}

static void make_control(struct maker *k)
{
	struct registers *s = &k->m->now;

	s->cr0 = 0x10 | (some(k, 2) ? CR0_WP : 0) | (some(k, 2) ? CR0_TS : 0);
	s->cr2 = any(&k->r) & UINT32_MAX;
	s->dr6 = 0xffff0ff0;
	s->dr7 = 0x400 | (perhaps(k, 8) ? 0x300 : 0);
	if (!k->is_real)
		s->cr0 |= CR0_PE;
	if (k->is_long || (!k->is_real && !perhaps(k, 4)))
		s->cr0 |= CR0_PG;
	if (k->is_long)
		s->efer = 0xd00 & ~0x800u;
	s->cr3 = k->is_long ? AT_PML4 : AT_PD32;
	s->cr4 = (k->is_long ? 0x20 : 0) | (k->is_86 && some(k, 4) ? CR4_VME :
		0) | (perhaps(k, 2) ? CR4_PVI : 0);
	s->s[R_GDTR].base = AT_GDT + high(k);
	s->s[R_IDTR].base = (k->is_real ? AT_IVT : AT_IDT) + high(k);
	s->s[R_IDTR].limit = k->is_real ? 0x3ff : k->is_long ? 0xfff : 0x7ff;
	s->s[R_GDTR].limit = 0xfff;
}

/* A descriptor's contents as LOAD leaves them. */
static void load(struct maker *k, unsigned reg, unsigned selector)
{
	struct machine *m = k->m;
	struct segment d;

	if (m_is_null(selector)) {
		m_load_null(m, reg, selector);
		return;
	}
	d = m_descriptor(m, selector);
	m_load(m, reg, d, selector);
}

static void make_flags(struct maker *k)
{
	uint64_t f = any(&k->r) & F_ALL & ~(uint64_t)(F_TF | F_VM | F_NT);

	if (f & F_VIF && !perhaps(k, 8))
		f &= ~(uint64_t)F_VIP;
	if (perhaps(k, 8))
		f |= F_NT;
	if (k->row->to == TO_LINK)
		f |= F_NT;
	else if (k->row->insn == I_IRET && !perhaps(k, 8))
		f &= ~(uint64_t)F_NT;
	if (k->row->kind == K_INTERRUPT)
		f |= F_IF;
	if (k->row->insn == I_INTO && !perhaps(k, 8))
		f |= F_OF;
	if (k->is_86)
		f |= F_VM | (perhaps(k, 2) ? F_IOPL : 0);
	k->m->now.rflags = f | 2;
}

static void real_segments(struct maker *k)
{
	struct registers *s = &k->m->now;
	unsigned i, cs = (AT_CODE >> 4) - some(k, 64);
	uint32_t top = top_of(k, AT_STACK);
	unsigned ss = (AT_STACK >> 4) - some(k, 64);

	for (i = R_ES; i <= R_GS; i++) {
		s->s[i] = (struct segment){ .limit = 0xffff,
			.attributes = k->is_86 ? 0xf3 : 0x93 };
		m_load_real(k->m, i, some(k, 0x10000));
	}
	m_load_real(k->m, R_CS, cs);
	m_load_real(k->m, R_SS, ss);
	m_load_real(k->m, R_DS, AT_DATA >> 4);
	s->rip = AT_CODE + 0x100 + some(k, 64) - 16 * cs;
	s->r[R_SP] = top - 16 * ss;
}

static void protected_segments(struct maker *k)
{
	static const unsigned rest[] = { R_ES, R_FS, R_GS };
	struct registers *s = &k->m->now;
	struct code_of c = { .dpl = k->cpl, .type = TYPE_CODE, .rpl = k->cpl,
		.at = AT_CODE + 0x100 + some(k, 64), .table = some_table(k) };
	uint32_t top = top_of(k, AT_STACK);
	unsigned i, selector, ss;

	if (perhaps(k, 8)) {
		c.type = TYPE_CONFORMING;
		c.dpl = some(k, k->cpl + 1);
	}
	c.bits = k->row->mode == M_64 ? 64 : k->row->mode == M_16 ? 16 :
		k->row->mode == M_32 ? 32 : bits_of(k);
	load(k, R_CS, add_code(k, &c, &s->rip));
	ss = add_stack(k, k->cpl, top, some_table(k), &s->r[R_SP]);
	load(k, R_SS, k->row->mode == M_64 && k->cpl < 3 && perhaps(k, 4) ?
		k->cpl : ss);
	if (k->row->mode == M_64) {
		s->r[R_SP] = top + high(k);
		s->rip += high(k);
	} else if (!(s->s[R_SS].attributes & D_DB) && perhaps(k, 2)) {
		s->r[R_SP] |= any(&k->r) & 0xffff0000;
	}
	for (i = 0; i < 3; i++)
		load(k, rest[i], add_data(k, k->cpl + some(k, 4 - k->cpl),
			some_table(k)));
	put(k, AT_GDT + 8 * k->gdt, descriptor(0, UINT32_MAX, D_DB | 0xf3),
		8);
	selector = 8 * k->gdt++;
	load(k, R_DS, selector | 3);
}

/* Every exception has a handler; the row's own gates come later. */
static void make_handlers(struct maker *k)
{
	struct code_of c = { .type = TYPE_CODE, .bits = k->is_long ? 64 : 32,
		.at = AT_HANDLER };
	unsigned v, type = k->is_long ? 14 : 0;
	uint64_t offset;

	for (v = 0; v < 256; v++)
		put(k, AT_IVT + 4 * v, (AT_TARGET >> 4) << 16 | v * 8, 4);
	if (k->is_real)
		return;
	k->kernel_cs = add_code(k, &c, &offset);
	for (v = 0; v < 20; v++) {
		unsigned nplaces = k->nplaces;

		put_idt(k, v, type ? type : 14 + some(k, 2), 0, k->kernel_cs,
			offset + 16 * v);
		if (v != X_GP && v != X_TS && v != X_SS)
			k->nplaces = nplaces;
	}
}

static unsigned level_of(struct maker *k)
{
	switch (k->row->to) {
	case TO_GATE_INNER:
	case TO_IDT_INNER: return 1 + some(k, 3);
	case TO_OUTER: return some(k, 3);
	case TO_8086: return 0;
	default: return some(k, 4);
	}
}

void make(struct machine *m, const struct row *row, struct random *r)
{
	struct maker k = { .m = m, .row = row, .r = *r, .gdt = 1 };
	unsigned i;

	k.is_long = row->mode == M_COMPAT || row->mode == M_64;
	k.is_86 = row->mode == M_V86;
	k.is_real = row->mode == M_REAL;
	k.cpl = k.is_86 ? 3 : k.is_real ? 0 : level_of(&k);
	memset(&m->now, 0, sizeof(m->now));
	memset(&m->event, 0, sizeof(m->event));
	m->nwrites = 0;
	m->now.cpl = k.cpl;
	fill(&k);
	make_pages(&k);
	make_control(&k);
	make_flags(&k);
	for (i = 0; i < 16; i++)
		m->now.r[i] = i > 7 && !k.is_long ? 0 : any(&k.r) &
			(row->mode == M_64 ? UINT64_MAX : UINT32_MAX);
	make_tss(&k);
	if (k.is_86 || k.is_real)
		real_segments(&k);
	else
		protected_segments(&k);
	make_handlers(&k);
	make_scene(&k);
	make_wrong(&k);
	m->nwrites = 0;
	*r = k.r;
}
