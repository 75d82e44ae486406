/* SPDX-License-Identifier: MIT */
/* The model: task switches, from SDM 3A chapter 7. */
#include "tests/transfers/machine.h"

/* Where a task state has what: SDM 3A figures 7-2 and 7-10. */
struct layout {
	unsigned size, rip, flags, r, selectors, nselectors, ldt, least;
};
static const struct layout layouts[2] = {
	{ 2, 14, 16, 18, 34, 4, 42, 43 }, { 4, 32, 36, 40, 72, 6, 96, 103 }
};
static const unsigned selectors[] = { R_ES, R_CS, R_SS, R_DS, R_FS, R_GS };

static const struct layout *layout_of(const struct segment *d)
{
	return &layouts[d->attributes & 8 ? 1 : 0];
}

/* Table 7-2, as far as all have it in common. */
static struct segment new_task(struct machine *m, unsigned selector, enum why
	why)
{
	unsigned busy = why == T_IRET ? 3 : 1;
	struct segment d;

	if (m_is_null(selector) || (selector & 4) || !m_in_table(m, selector))
		m_fault(m, C_TSS_INDEX, X_GP, selector);
	d = m_descriptor(m, selector);
	if ((d.attributes & (D_S | 7)) != busy)
		m_fault(m, C_TSS_TYPE, X_GP, selector);
	if (!(d.attributes & D_P))
		m_fault(m, C_TSS_PRESENT, X_NP, selector);
	if (d.limit < layout_of(&d)->least)
		m_fault(m, C_TSS_LIMIT, X_TS, selector);
	return d;
}

/* Steps 5 and 6. */
static void save(struct machine *m, uint64_t flags)
{
	const struct segment *tr = &m->now.s[R_TR];
	const struct layout *l = layout_of(tr);
	unsigned i;

	m_probe(m, tr->base + l->rip, l->selectors + (l->nselectors - 1) *
		l->size + 2 - l->rip);
	m_write(m, tr->base + l->rip, m->now.rip, l->size, SYSTEM);
	m_write(m, tr->base + l->flags, flags, l->size, SYSTEM);
	for (i = 0; i < 8; i++)
		m_write(m, tr->base + l->r + i * l->size, m->now.r[i],
			l->size, SYSTEM);
	for (i = 0; i < l->nselectors; i++)
		m_write(m, tr->base + l->selectors + i * l->size,
			m->now.s[selectors[i]].selector, 2, SYSTEM);
}

struct image {
	uint64_t cr3, rip, flags, r[8], above;
	unsigned selectors[6], ldt;
	bool trap;
};

static void read_image(struct machine *m, const struct segment *tss,
	struct image *t)
{
	const struct layout *l = layout_of(tss);
	unsigned i;

	if (l->size == 4) {
		t->cr3 = m_read(m, tss->base + 28, 4, SYSTEM);
		t->above = 0;
		t->trap = m_read(m, tss->base + 100, 2, SYSTEM) & 1;
	}
	t->rip = m_read(m, tss->base + l->rip, l->size, SYSTEM);
	t->flags = m_read(m, tss->base + l->flags, l->size, SYSTEM);
	for (i = 0; i < 8; i++)
		t->r[i] = m_read(m, tss->base + l->r + i * l->size, l->size,
			SYSTEM);
	for (i = 0; i < l->nselectors; i++)
		t->selectors[i] = (unsigned)m_read(m, tss->base +
			l->selectors + i * l->size, 2, SYSTEM);
	t->ldt = (unsigned)m_read(m, tss->base + l->ldt, 2, SYSTEM);
}

/* Step 8: what cannot fault; selectors are loaded without descriptors. */
static void load_image(struct machine *m, const struct image *t)
{
	unsigned i;

	m->now.rip = t->rip;
	m->now.rflags = (t->flags & F_ALL) | 2;
	/* What is above 16 bits is nowhere said; so it is in this model. */
	for (i = 0; i < 8; i++)
		m->now.r[i] = t->r[i] | t->above;
	m_load_null(m, R_LDTR, t->ldt);
	for (i = 0; i < 6; i++) {
		m_load_null(m, selectors[i], t->selectors[i]);
		if (m->now.rflags & F_VM)
			m_load_real(m, selectors[i], t->selectors[i]);
	}
	m->now.cpl = m->now.rflags & F_VM ? 3 : t->selectors[1] & 3;
}

/* -- Step 13: descriptors, with the exceptions of table 7-2 --------------- */

static void load_ldt(struct machine *m, unsigned selector)
{
	struct segment d;

	if (m_is_null(selector))
		return;
	if ((selector & 4) || !m_in_table(m, selector))
		m_fault(m, C_TASK_LDT_INDEX, X_TS, selector);
	d = m_descriptor(m, selector);
	if ((d.attributes & (D_S | D_TYPE)) != 2)
		m_fault(m, C_TASK_LDT_TYPE, X_TS, selector);
	if (!(d.attributes & D_P))
		m_fault(m, C_TASK_LDT_PRESENT, X_TS, selector);
	m_load(m, R_LDTR, d, selector);
}

static void load_code(struct machine *m, unsigned selector)
{
	struct segment d;
	unsigned rpl = selector & 3;

	if (m_is_null(selector))
		m_fault(m, C_TASK_CS_NULL, X_TS, selector);
	if (!m_in_table(m, selector))
		m_fault(m, C_TASK_CS_INDEX, X_TS, selector);
	d = m_descriptor(m, selector);
	if (!m_is_code(&d))
		m_fault(m, C_TASK_CS_TYPE, X_TS, selector);
	if (!m_is_conforming(&d) && m_dpl(&d) != rpl)
		m_fault(m, C_TASK_CS_DPL, X_TS, selector);
	if (m_is_conforming(&d) && m_dpl(&d) > rpl)
		m_fault(m, C_TASK_CS_CONFORMING, X_TS, selector);
	if (!(d.attributes & D_P))
		m_fault(m, C_TASK_CS_PRESENT, X_NP, selector);
	m_load(m, R_CS, d, selector);
}

static void load_stack(struct machine *m, unsigned selector)
{
	struct segment d;

	if (m_is_null(selector))
		m_fault(m, C_TASK_SS_NULL, X_TS, selector);
	if (!m_in_table(m, selector))
		m_fault(m, C_TASK_SS_INDEX, X_TS, selector);
	d = m_descriptor(m, selector);
	if (!m_is_writable(&d))
		m_fault(m, C_TASK_SS_TYPE, X_TS, selector);
	if (!(d.attributes & D_P))
		m_fault(m, C_TASK_SS_PRESENT, X_SS, selector);
	if (m_dpl(&d) != m->now.cpl)
		m_fault(m, C_TASK_SS_DPL, X_TS, selector);
	if ((selector & 3) != m->now.cpl)
		m_fault(m, C_TASK_SS_RPL, X_TS, selector);
	m_load(m, R_SS, d, selector);
}

static void load_data(struct machine *m, unsigned reg, unsigned selector)
{
	struct segment d;

	if (m_is_null(selector))
		return;
	if (!m_in_table(m, selector))
		m_fault(m, C_TASK_DATA_INDEX, X_TS, selector);
	d = m_descriptor(m, selector);
	if (!m_is_readable(&d))
		m_fault(m, C_TASK_DATA_TYPE, X_TS, selector);
	if (!(m_is_code(&d) && m_is_conforming(&d)) &&
		(m_dpl(&d) < m->now.cpl || m_dpl(&d) < (selector & 3)))
		m_fault(m, C_TASK_DATA_DPL, X_TS, selector);
	if (!(d.attributes & D_P))
		m_fault(m, C_TASK_DATA_PRESENT, X_NP, selector);
	m_load(m, reg, d, selector);
}

static void load_descriptors(struct machine *m, const struct image *t)
{
	unsigned i;

	load_ldt(m, t->ldt);
	m_commit(m);
	if (m->now.rflags & F_VM)
		return;
	load_code(m, t->selectors[1]);
	m_commit(m);
	load_stack(m, t->selectors[2]);
	m_commit(m);
	for (i = 0; i < 6; i++) {
		if (i == 1 || i == 2)
			continue;
		load_data(m, selectors[i], t->selectors[i]);
		m_commit(m);
	}
}

/* -- The switch ----------------------------------------------------------- */
/* Step 10.  Of a fault's RF SDM 3B 17.3.1.1 has nothing but for stacks. */
static uint64_t saved_flags(const struct machine *m, enum why why)
{
	return m->now.rflags & ~(uint64_t)(why == T_IRET ? F_NT : 0);
}

/* Behind the commit point: in the new task. */
static void arrive(struct machine *m, const struct image *t,
	unsigned size, const struct event *e)
{
	load_descriptors(m, t);
	if (e && e->has_code) {
		if (!m_has_room(m, &m->now.s[R_SS], m->now.r[R_SP], size,
			size))
			m_fault(m, C_TASK_CODE_STACK, X_SS, 0);
		m_push(m, e->code, size);
		m_commit(m);
	}
	if (!m_in_limit(&m->now.s[R_CS], m->now.rip, 1))
		m_fault(m, C_TASK_RIP, X_GP, 0);
	if (t->trap) { /* SDM 3A 7.2.1, SDM 3B 17.2.3 */
		m->now.dr6 |= DR6_BT;
		m_commit(m);
		m->event = (struct event){ .kind = K_EXCEPTION,
			.vector = X_DB };
	}
}

void m_switch_task(struct machine *m, unsigned selector, enum why why,
	const struct event *e)
{
	struct segment tss = new_task(m, selector, why), old =
		m->now.s[R_TR];
	const struct layout *l = layout_of(&tss);
	struct image t = { .above = 0xffff0000 };

	read_image(m, &tss, &t);
	save(m, saved_flags(m, why));
	if (why == T_JMP || why == T_IRET)
		m_set_busy(m, old.selector, false);
	if (why != T_IRET)
		m_set_busy(m, selector, true);
	if (why == T_CALL || why == T_EVENT) {
		m_write(m, tss.base, old.selector, 2, SYSTEM);
		t.flags |= F_NT; /* step 12 */
	}
	tss.attributes |= 2;
	m->now.s[R_TR] = tss;
	m->now.s[R_TR].selector = (uint16_t)selector;
	m->now.cr0 |= CR0_TS;
	m->now.dr7 &= ~UINT64_C(0x55); /* SDM 3B 17.2.4 */
	if (l->size == 4 && (m->now.cr0 & CR0_PG))
		m->now.cr3 = t.cr3;
	load_image(m, &t);
	m_commit(m);
	arrive(m, &t, l->size, e);
}
