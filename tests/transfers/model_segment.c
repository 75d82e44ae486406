/* SPDX-License-Identifier: MIT */
/* The model: descriptors, segment registers and stacks. */
#include "tests/transfers/machine.h"

/* -- Descriptors: SDM 3A 3.4.5, 3.5 --------------------------------------- */

static const struct segment *table_of(const struct machine *m,
	unsigned selector)
{
	return &m->now.s[selector & 4 ? R_LDTR : R_GDTR];
}

bool m_in_table(const struct machine *m, unsigned selector)
{
	const struct segment *t = table_of(m, selector);

	return !(t->attributes & D_NULL) && (selector | 7) <= t->limit;
}

uint64_t m_descriptor_at(const struct machine *m, unsigned selector)
{
	return table_of(m, selector)->base + (selector & 0xfff8);
}

struct segment m_descriptor(struct machine *m, unsigned selector)
{
	uint64_t d = m_read(m, m_descriptor_at(m, selector), 8, SYSTEM);
	struct segment s = { .selector = (uint16_t)selector };

	s.base = (d >> 16 & 0xffffff) | (d >> 56) << 24;
	s.limit = (uint32_t)((d & 0xffff) | (d >> 32 & 0xf0000));
	s.attributes = (uint32_t)(d >> 40) & 0xf0ff;
	if (s.attributes & D_G)
		s.limit = s.limit << 12 | 0xfff;
	return s;
}

bool m_is_code(const struct segment *d)
{
	return (d->attributes & D_S) && (d->attributes & 8);
}

bool m_is_conforming(const struct segment *d)
{
	return d->attributes & 4;
}

bool m_is_writable(const struct segment *d)
{
	return (d->attributes & D_S) && !(d->attributes & 8) &&
		(d->attributes & 2);
}

bool m_is_readable(const struct segment *d)
{
	return (d->attributes & D_S) && (!(d->attributes & 8) ||
		(d->attributes & 2));
}

/* SDM 3A 5.3. */
bool m_in_limit(const struct segment *d, uint64_t offset, unsigned bytes)
{
	uint64_t last = offset + bytes - 1;

	if ((d->attributes & (D_S | 8 | 4)) == (D_S | 4)) /* expand-down */
		return offset > d->limit && last <= (d->attributes & D_DB ?
			UINT32_MAX : 0xffff);
	return last <= d->limit;
}

void m_check_rip(struct machine *m, const struct segment *cs, uint64_t rip)
{
	if (m_is_long(m) && (cs->attributes & D_L)) {
		if (!m_canonical(rip))
			m_fault(m, C_RIP_CANONICAL, X_GP, 0);
	} else if (!m_in_limit(cs, rip, 1)) {
		m_fault(m, C_RIP_LIMIT, X_GP, 0);
	}
}

/* How much is written with it is not said: the second doubleword here. */
static void set_bit(struct machine *m, uint64_t at, uint32_t bit, bool set)
{
	uint64_t v = m_read(m, at + 4, 4, SYSTEM);

	m_write(m, at + 4, set ? v | bit : v & ~(uint64_t)bit, 4, SYSTEM);
}

/* SDM 3A 7.2.2. */
void m_set_busy(struct machine *m, unsigned selector, bool busy)
{
	set_bit(m, m_descriptor_at(m, selector), 2u << 8, busy);
}

/* With the accessed bit: SDM 3A 3.4.5.1. */
void m_load(struct machine *m, unsigned reg, struct segment d,
	unsigned selector)
{
	if ((d.attributes & D_S) && !(d.attributes & 1)) {
		set_bit(m, m_descriptor_at(m, d.selector), 1u << 8, true);
		d.attributes |= 1;
	}
	d.selector = (uint16_t)selector;
	m->now.s[reg] = d;
}

void m_load_null(struct machine *m, unsigned reg, unsigned selector)
{
	m->now.s[reg] = (struct segment){ .attributes = D_NULL,
		.selector = (uint16_t)selector };
}

/* SDM 3A 20.1.1, 20.2.1. */
void m_load_real(struct machine *m, unsigned reg, unsigned selector)
{
	struct segment *s = &m->now.s[reg];

	s->selector = (uint16_t)selector;
	s->base = (uint64_t)selector << 4;
	if (m->now.rflags & F_VM) {
		s->limit = 0xffff;
		s->attributes = 0xf3;
	}
}

void m_drop_segments(struct machine *m)
{
	static const unsigned all[] = { R_ES, R_FS, R_GS, R_DS };
	unsigned i;

	for (i = 0; i < 4; i++) {
		const struct segment *s = &m->now.s[all[i]];

		if (m_is_null(s->selector) || (m_dpl(s) < m->now.cpl &&
			!(m_is_code(s) && m_is_conforming(s))))
			m_load_null(m, all[i], 0);
	}
}

/* -- Stacks --------------------------------------------------------------- */

static uint64_t mask_of(const struct machine *m, const struct segment *ss)
{
	if (m_is_64(m))
		return ~UINT64_C(0);
	return ss->attributes & D_DB ? UINT32_MAX : 0xffff;
}

uint64_t m_stack_mask(const struct machine *m)
{
	return mask_of(m, &m->now.s[R_SS]);
}

bool m_has_room(const struct machine *m, const struct segment *ss,
	uint64_t sp, unsigned total, unsigned bytes)
{
	uint64_t mask = mask_of(m, ss);
	unsigned i;

	for (i = bytes; i <= total; i += bytes)
		if (!m_in_limit(ss, (sp - i) & mask, bytes))
			return false;
	return true;
}

void m_set_sp(struct machine *m, uint64_t sp)
{
	uint64_t mask = m_stack_mask(m);

	if (mask == 0xffff)
		sp = (m->now.r[R_SP] & ~mask) | (sp & mask);
	m->now.r[R_SP] = sp & (mask == 0xffff ? UINT64_MAX : mask);
}

/* Without segments in 64-bit mode, else of 32 bits: SDM 1 3.3.4. */
static uint64_t linear(const struct machine *m, uint64_t sp)
{
	return m_is_64(m) ? sp : (uint32_t)(m->now.s[R_SS].base + sp);
}

static void in_stack(struct machine *m, uint64_t sp, unsigned bytes)
{
	if (m_is_64(m)) {
		if (!m_canonical(sp) || !m_canonical(sp + bytes - 1))
			m_fault(m, C_STACK_CANONICAL, X_SS, 0);
	} else if (!m_in_limit(&m->now.s[R_SS], sp, bytes)) {
		m_fault(m, C_STACK_LIMIT, X_SS, 0);
	}
}

/* SDM 2 "PUSH". */
void m_push(struct machine *m, uint64_t v, unsigned bytes)
{
	uint64_t sp = (m->now.r[R_SP] - bytes) & m_stack_mask(m);

	in_stack(m, sp, bytes);
	m_write(m, linear(m, sp), v, bytes,
		PROGRAM);
	m_set_sp(m, sp);
}

void m_need(struct machine *m, uint64_t offset, unsigned bytes)
{
	in_stack(m, (m->now.r[R_SP] + offset) & m_stack_mask(m), bytes);
}

uint64_t m_top(struct machine *m, uint64_t offset, unsigned bytes)
{
	uint64_t sp = (m->now.r[R_SP] + offset) & m_stack_mask(m);

	in_stack(m, sp, bytes);
	return m_read(m, linear(m, sp), bytes,
		PROGRAM);
}

void m_release(struct machine *m, uint64_t bytes)
{
	m_set_sp(m, m->now.r[R_SP] + bytes);
}

/* -- The stack of an inner level ------------------------------------------ */

static void stack_pointer(struct machine *m, unsigned level, unsigned ist,
	struct stack_of *s)
{
	const struct segment *tr = &m->now.s[R_TR];
	bool is_32 = tr->attributes & 8;
	unsigned at = ist ? (ist << 3) + 28 : (level << 3) + 4;

	if (m_is_long(m)) {
		if (at + 7 > tr->limit)
			m_fault(m, C_TSS_STACK, X_TS, tr->selector);
		s->sp = m_read(m, tr->base + at, 8, SYSTEM);
		s->selector = (uint16_t)level;
		return;
	}
	at = is_32 ? at : (level << 2) + 2;
	if (at + (is_32 ? 5 : 3) > tr->limit)
		m_fault(m, C_TSS_STACK, X_TS, tr->selector);
	s->selector = (uint16_t)m_read(m, tr->base + at + (is_32 ? 4 : 2), 2,
		SYSTEM);
	s->sp = m_read(m, tr->base + at, is_32 ? 4 : 2, SYSTEM);
}

/* SDM 2 "CALL", MORE-PRIVILEGE; "INT n", INTER-PRIVILEGE-LEVEL-INTERRUPT. */
struct stack_of m_inner_stack(struct machine *m, unsigned level, unsigned ist)
{
	struct stack_of s = { .selector = 0 };

	stack_pointer(m, level, ist, &s);
	if (m_is_long(m)) {
		s.ss = (struct segment){ .attributes = D_NULL };
		return s;
	}
	if (m_is_null(s.selector))
		m_fault(m, C_NEW_SS_NULL, X_TS, s.selector);
	if (!m_in_table(m, s.selector))
		m_fault(m, C_NEW_SS_INDEX, X_TS, s.selector);
	if ((s.selector & 3) != level)
		m_fault(m, C_NEW_SS_RPL, X_TS, s.selector);
	s.ss = m_descriptor(m, s.selector);
	if (m_dpl(&s.ss) != level)
		m_fault(m, C_NEW_SS_DPL, X_TS, s.selector);
	if (!m_is_writable(&s.ss))
		m_fault(m, C_NEW_SS_TYPE, X_TS, s.selector);
	if (!(s.ss.attributes & D_P))
		m_fault(m, C_NEW_SS_PRESENT, X_SS, s.selector);
	return s;
}
