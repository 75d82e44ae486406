/* SPDX-License-Identifier: MIT */
/* The generator: what is made wrong of a case that would succeed. */
#include "tests/transfers/make.h"

static const struct place *some_place(struct maker *k, enum part part)
{
	unsigned i, n = 0;

	for (i = 0; i < k->nplaces; i++)
		n += k->places[i].part == part;
	if (!n)
		return NULL;
	/* Those of the row come last, and matter most. */
	n = perhaps(k, 2) ? some(k, n) : n - 1 - some(k, n < 8 ? n : 8);
	for (i = 0; i < k->nplaces; i++)
		if (k->places[i].part == part && !n--)
			break;
	return &k->places[i];
}

/* P, DPL, S, type; L, D and G of segments. */
static void wrong_descriptor(struct maker *k)
{
	static const uint8_t high[] = { 0x20, 0x40, 0x60, 0x80 };
	const struct place *p = some_place(k, P_DESCRIPTOR);
	uint8_t *d;

	if (!p)
		return;
	d = k->m->mem + p->at;
	switch (some(k, 6)) {
	case 0: d[5] ^= 0x80; break;
	case 1: d[5] = (uint8_t)((d[5] & 0x9f) | some(k, 4) << 5); break;
	case 2: d[5] ^= (uint8_t)(1u << some(k, 5)); break;
	case 3: d[6] ^= high[some(k, 4)]; break;
	case 4:
		m_put(d, some(k, 2) ? some(k, 64) : some(k, 0x10000), 2);
		if (perhaps(k, 2))
			d[6] &= 0x70;
		break;
	default: d[5] = (uint8_t)any(&k->r); break;
	}
}

static void wrong_selector(struct maker *k)
{
	const struct place *p = some_place(k, P_SELECTOR);
	uint8_t *s;

	if (!p)
		return;
	s = k->m->mem + p->at;
	switch (some(k, 6)) {
	case 0: m_put(s, some(k, 4), 2); break;
	case 1: m_put(s, m_get(s, 2) ^ 4, 2); break;
	case 2:
	case 3: m_put(s, (m_get(s, 2) & 0xfffc) | some(k, 4), 2); break;
	case 4: m_put(s, any(&k->r), 2); break;
	default: m_put(s, some(k, k->gdt) * 8 + some(k, 4), 2); break;
	}
}

static void wrong_pointer(struct maker *k)
{
	const struct place *p = some_place(k, P_POINTER);
	uint64_t v;

	if (!p)
		return;
	v = m_get(k->m->mem + p->at, p->bytes);
	switch (some(k, 5)) {
	case 0: v = some(k, 64); break;
	case 1: v += 0x1000u * some(k, 16); break;
	case 2: v = 0x10000 - some(k, 64); break;
	case 3: v = (UINT64_C(1) << 47) + some(k, 64) - 32; break;
	default: v = any(&k->r); break;
	}
	m_put(k->m->mem + p->at, v, p->bytes);
}

/* Limits of tables and of the current task state. */
static void wrong_limit(struct maker *k)
{
	struct registers *s = &k->m->now;

	switch (some(k, 4)) {
	case 0: s->s[R_GDTR].limit = some(k, 8 * k->gdt + 8); break;
	case 1: s->s[R_LDTR].limit = some(k, 8 * k->ldt + 8); break;
	case 2:
		s->s[R_IDTR].limit = perhaps(k, 2) ? some(k, 0x1000) :
			k->vector * (k->is_long ? 16 : k->is_real ? 4 : 8) +
			some(k, 16);
		break;
	default:
		/* A task state that cannot be saved to is nothing. */
		if (k->row->to != TO_TSS && k->row->to != TO_TASK_GATE &&
			k->row->to != TO_LINK && k->row->to != TO_IDT_TASK &&
			!(s->cr4 & CR4_VME))
			s->s[R_TR].limit = some(k, 0x68);
		break;
	}
}

static void wrong_stack(struct maker *k)
{
	struct segment *ss = &k->m->now.s[R_SS];
	uint64_t *sp = &k->m->now.r[R_SP];

	switch (some(k, 4)) {
	case 0: *sp = some(k, 48); break;
	case 1: *sp = 0x10000 - some(k, 48); break;
	case 2:
		if (k->is_real || k->is_86 || k->row->mode == M_64)
			*sp = (UINT64_C(1) << 47) + some(k, 64) - 32;
		else if (ss->attributes & D_P)
			ss->limit = (uint32_t)*sp + some(k, 64) - 32;
		break;
	default: *sp += 0x1000u * some(k, 8); break;
	}
	if (k->row->mode != M_64)
		*sp &= UINT32_MAX;
}

/*
 * One page of those at the linear addresses of RAM.  When an accessed bit is
 * written nobody says, so that descriptors which cannot be written to are all
 * that is wrong.
 */
static void wrong_page(struct maker *k)
{
	static const uint8_t bits[] = { 1, 2, 4 };
	unsigned page = some(k, RAM >> 12);
	uint8_t bit = bits[some(k, 3)];

	if (page >= AT_GDT >> 12 && page <= AT_LDT_NEW >> 12 && k->nwrong > 1)
		bit = 1;
	k->m->mem[AT_PT + 8 * page] &= (uint8_t)~bit;
	k->m->mem[AT_PT32 + 4 * page] &= (uint8_t)~bit;
	if (perhaps(k, 2))
		k->m->mem[AT_PT32_NEW + 4 * page] &= (uint8_t)~bit;
}

static void wrong_flags(struct maker *k)
{
	static const uint64_t flags[] = { F_IOPL, F_NT, F_VIP, F_VIF };

	k->m->now.rflags ^= flags[some(k, 4)];
}

void make_wrong(struct maker *k)
{
	static void (*const wrong[])(struct maker *) = {
		wrong_descriptor, wrong_descriptor, wrong_descriptor,
		wrong_selector, wrong_selector, wrong_selector,
		wrong_pointer, wrong_pointer, wrong_limit, wrong_stack,
		wrong_page, wrong_flags
	};
	unsigned n = some(k, 8);

	k->nwrong = n = n < 3 ? 0 : n < 7 ? 1 : 2;
	while (n--)
		wrong[some(k, sizeof(wrong) / sizeof(wrong[0]))](k);
}
