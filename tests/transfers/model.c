/* SPDX-License-Identifier: MIT */
/*
 * The model: memory, exceptions, and the order in which they come.
 *
 * A step is an instruction or a delivery.  What it changes is taken back when
 * it faults (SDM 3A 6.5, "the processor restores the machine state to the
 * state prior to the beginning of execution of the faulting instruction"),
 * but for what a task switch has committed.
 */
#include "tests/transfers/machine.h"

uint64_t m_get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

void m_put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (; bytes--; v >>= 8)
		*p++ = (uint8_t)v;
}

/* -- Faults --------------------------------------------------------------- */

/* SDM 3A 6.13: these have an error code. */
static bool has_code(unsigned vector)
{
	return vector == X_DF || (vector >= X_TS && vector <= X_PF) ||
		vector == X_AC;
}

static _Noreturn void leave(struct machine *m, enum check c, unsigned vector,
	uint32_t code)
{
	m->hits[c]++;
	m->event = (struct event){ .kind = K_EXCEPTION,
		.vector = (uint8_t)vector, .has_code = has_code(vector),
		.code = code, .cr2 = m->event.cr2 };
	longjmp(m->out, 1);
}

/* SDM 3A figure 6-7. */
_Noreturn void m_fault(struct machine *m, enum check c, unsigned vector,
	unsigned selector)
{
	leave(m, c, vector, (selector & 0xfffc) | m->ext);
}

_Noreturn void m_fault_idt(struct machine *m, enum check c, unsigned vector,
	unsigned index)
{
	leave(m, c, vector, index << 3 | 2 | m->ext);
}

_Noreturn void m_open(struct machine *m)
{
	m->open = true;
	longjmp(m->out, 1);
}

void m_commit(struct machine *m)
{
	m->before = m->now;
	m->nwrites = 0;
	m->committed = true;
}

static void undo(struct machine *m)
{
	m->now = m->before;
	while (m->nwrites--)
		m->mem[m->writes[m->nwrites].at] = m->writes[m->nwrites].old;
	m->nwrites = 0;
}

/* -- Memory --------------------------------------------------------------- */

bool m_is_real(const struct machine *m)
{
	return !(m->now.cr0 & CR0_PE) || (m->now.rflags & F_VM);
}

bool m_is_long(const struct machine *m)
{
	return m->now.efer & EFER_LMA;
}

bool m_is_64(const struct machine *m)
{
	return m_is_long(m) && (m->now.s[R_CS].attributes & D_L);
}

/* SDM 1 3.3.7.1, with 48 bits. */
bool m_canonical(uint64_t v)
{
	return v + (UINT64_C(1) << 47) < UINT64_C(1) << 48;
}

static uint64_t entry(const struct machine *m, uint64_t at, unsigned bytes)
{
	return at + bytes <= RAM ? m_get(m->mem + at, bytes) : 0;
}

/* All tables allow all but the last ones: SDM 3A 4.3 and 4.5. */
static uint64_t page_entry(const struct machine *m, uint64_t at)
{
	uint64_t table = m->now.cr3 & ~UINT64_C(0xfff);
	unsigned shift;

	if (!m_is_long(m)) {
		table = entry(m, table + (at >> 22 & 0x3ff) * 4, 4);
		return table & 1 ? entry(m, (table & 0xfffff000) +
			(at >> 12 & 0x3ff) * 4, 4) : 0;
	}
	for (shift = 39; shift >= 12; shift -= 9) {
		table = entry(m, (table & 0xfffffffff000) +
			(at >> shift & 0x1ff) * 8, 8);
		if (!(table & 1))
			return 0;
	}
	return table;
}

static _Noreturn void page_fault(struct machine *m, uint64_t at, uint32_t code)
{
	m->event.cr2 = at;
	leave(m, C_PAGE, X_PF, code);
}

/* SDM 3A 4.6 and 4.7. */
static uint32_t physical(struct machine *m, uint64_t at, bool write,
	enum who who)
{
	bool user = who == PROGRAM && m->now.cpl == 3;
	uint32_t code = (write ? 2u : 0) | (user ? 4u : 0);
	uint64_t e;

	if (!m_is_long(m))
		at &= UINT32_MAX;
	if (!(m->now.cr0 & CR0_PG)) {
		if (at >= RAM)
			m_open(m); /* nothing is there */
		return (uint32_t)at;
	}
	e = page_entry(m, at);
	if (!(e & 1))
		page_fault(m, at, code);
	if ((user && !(e & 4)) || (write && !(e & 2) && (user ||
		(m->now.cr0 & CR0_WP))))
		page_fault(m, at, code | 1);
	return (uint32_t)(e & 0xfffff000) | (at & 0xfff);
}

uint64_t m_read(struct machine *m, uint64_t at, unsigned bytes, enum who who)
{
	uint64_t v = 0;
	unsigned i;

	for (i = 0; i < bytes; i++)
		v |= (uint64_t)m->mem[physical(m, at + i, false, who)] <<
			8 * i;
	return v;
}

void m_probe(struct machine *m, uint64_t at, unsigned bytes)
{
	while (bytes--)
		physical(m, at++, true, SYSTEM);
}

void m_write(struct machine *m, uint64_t at, uint64_t v, unsigned bytes,
	enum who who)
{
	uint32_t to[8] = { 0 };
	unsigned i;

	for (i = 0; i < bytes; i++) {
		to[i] = physical(m, at + i, true, who);
		/* What has been translated before is nobody's promise. */
		if ((m->now.cr0 & CR0_PG) && to[i] >= AT_PML4 &&
			to[i] < AT_GDT)
			m_open(m);
	}
	for (i = 0; i < bytes; i++, v >>= 8) {
		if (m->nwrites == MODEL_WRITES)
			m_open(m);
		m->writes[m->nwrites].at = to[i];
		m->writes[m->nwrites++].old = m->mem[to[i]];
		m->mem[to[i]] = (uint8_t)v;
	}
}

/* -- Instructions --------------------------------------------------------- */

static void flow(struct machine *m, const struct insn_of *i)
{
	switch (i->insn) {
	case I_CALL: m_far(m, true); break;
	case I_JMP: m_far(m, false); break;
	case I_RETF: m_retf(m); break;
	case I_IRET: m_iret(m); break;
	case I_CLI: m_cli_sti(m, false); break;
	case I_STI: m_cli_sti(m, true); break;
	case I_PUSHF: m_pushf(m); break;
	case I_POPF: m_popf(m); break;
	case I_UD2: m_fault(m, C_UD2, X_UD, 0);
	case I_INT: m_int_n(m, i->imm); break;
	case I_INT3:
	case I_INTO:
	case I_INT1:
	case I_NONE: break;
	}
}

/* INT3, INTO and INT1 are in no mode what INT n is: SDM 3A 20.3.3. */
static bool is_event(struct machine *m, const struct insn_of *i)
{
	struct event e = { .kind = K_SOFT };

	switch (i->insn) {
	case I_INT3: e.vector = X_BP; break;
	case I_INT1:
		e.vector = X_DB;
		e.kind = K_INT1;
		break;
	case I_INTO:
		if (m_is_64(m))
			m_fault(m, C_INTO_64, X_UD, 0);
		if (!(m->now.rflags & F_OF))
			return false;
		e.vector = X_OF;
		break;
	default: return false;
	}
	m_deliver(m, &e);
	return true;
}

/* SDM 3A 20.3.2: an interrupt that the program waits for is there. */
static bool virtual_pending(const struct machine *m)
{
	bool on = m->now.rflags & F_VM ? m->now.cr4 & CR4_VME :
		(m->now.cr4 & CR4_PVI) && m->now.cpl == 3 &&
		(m->now.cr0 & CR0_PE);

	return on && (m->now.rflags & F_VIF) && (m->now.rflags & F_VIP) &&
		(m->now.rflags & F_IOPL) != F_IOPL;
}

/*
 * Whether an instruction that cannot be fetched has faulted already when the
 * one before it has been counted is nothing that the manual speaks of.
 */
static void follow(struct machine *m)
{
	if (!m_is_64(m) && m->now.s[R_CS].limit < m->now.rip)
		m_open(m);
}

/* One instruction: that of the case, or one that does nothing. */
static void execute(struct machine *m)
{
	const struct segment *cs = &m->now.s[R_CS];
	uint64_t at = m_is_64(m) ? m->now.rip : (uint32_t)(cs->base +
		m->now.rip);
	const struct insn_of *i = &m->insn;

	m->ext = 0;
	if (virtual_pending(m))
		m_fault(m, C_VIRTUAL_PENDING, X_GP, 0);
	if (!m_is_64(m) && !m_in_limit(cs, m->now.rip, 1))
		m_fault(m, C_FETCH, X_GP, 0);
	if (m_read(m, at, 1, PROGRAM) == NOP) {
		m->now.rip++;
		m->now.rflags &= ~(uint64_t)F_RF;
		follow(m);
		return;
	}
	if (i->insn == I_NONE || at != i->at)
		m_open(m);
	if (!m_is_64(m) && !m_in_limit(cs, m->now.rip, i->bytes))
		m_fault(m, C_FETCH, X_GP, 0);
	m->now.rip += i->bytes;
	m->now.rflags &= ~(uint64_t)F_RF;
	if (!is_event(m, i))
		flow(m, i);
	follow(m);
}

/* -- What becomes of exceptions ------------------------------------------- */

/* SDM 3A table 6-4. */
static enum { BENIGN, CONTRIBUTORY, PAGE } class_of(const struct event *e)
{
	if (e->kind != K_EXCEPTION)
		return BENIGN;
	if (e->vector == X_PF)
		return PAGE;
	return e->vector == X_DE || (e->vector >= X_TS && e->vector <= X_GP) ?
		CONTRIBUTORY : BENIGN;
}

/* SDM 3A table 6-5: `first` was being delivered when m->event came. */
static void combine(struct machine *m, const struct event *first)
{
	struct event *second = &m->event;
	bool bad;

	if (first->kind == K_EXCEPTION && first->vector == X_DF)
		bad = class_of(second) != BENIGN;
	else
		bad = (class_of(first) == CONTRIBUTORY &&
			class_of(second) == CONTRIBUTORY) ||
			(class_of(first) == PAGE && class_of(second) !=
			BENIGN);
	if (second->vector == X_PF)
		m->now.cr2 = m->before.cr2 = second->cr2;
	if (!bad)
		return;
	m->hits[C_DOUBLE]++;
	if (first->vector == X_DF) {
		m->hits[C_TRIPLE]++;
		m->now.shutdown = true;
	}
	*second = (struct event){ .kind = K_EXCEPTION, .vector = X_DF,
		.has_code = true };
}

static void step(struct machine *m, const struct event *e)
{
	m->executing = e->kind == K_NONE;
	if (m->executing) {
		execute(m);
		m->retired = true;
		return;
	}
	if (e->kind == K_EXCEPTION && e->vector == X_PF)
		m->now.cr2 = e->cr2;
	m_deliver(m, e);
}

/* True when it is over. */
static bool model_step(struct machine *m)
{
	struct event e = m->event;

	m->before = m->now;
	m->nwrites = 0;
	m->committed = false;
	m->event.kind = K_NONE;
	if (!setjmp(m->out)) {
		step(m, &e);
		return m->retired && m->event.kind == K_NONE;
	}
	if (m->open)
		return true;
	undo(m);
	/* What faults in a new task has completed its instruction. */
	m->retired = m->retired || (m->executing && m->committed);
	m->faults++;
	if (e.kind != K_NONE)
		combine(m, &e);
	else if (m->event.vector == X_PF)
		m->now.cr2 = m->event.cr2;
	return m->now.shutdown;
}

/* A trap that follows the instruction (m_switch_task()) is delivered, too. */
void model_run(struct machine *m)
{
	unsigned n;

	m->retired = m->open = false;
	m->faults = 0;
	for (n = 0; n < 16; n++)
		if (model_step(m))
			return;
	m->open = true;
}
