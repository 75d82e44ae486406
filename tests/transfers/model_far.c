/* SPDX-License-Identifier: MIT */
/* The model: far CALL, JMP and RET, written from their pages of SDM 2. */
#include "tests/transfers/machine.h"

struct target {
	unsigned selector, size;
	uint64_t offset;
	bool is_call;
};

static uint64_t truncated(uint64_t v, unsigned bytes)
{
	return bytes == 8 ? v : v & ((UINT64_C(1) << 8 * bytes) - 1);
}

/* Real-address or virtual-8086 mode. */
static void far_real(struct machine *m, const struct target *t)
{
	uint64_t rip = truncated(t->offset, t->size);

	if (t->is_call && !m_has_room(m, &m->now.s[R_SS], m->now.r[R_SP],
		2 * t->size, t->size))
		m_fault(m, C_STACK_LIMIT, X_SS, 0);
	if (!m_in_limit(&m->now.s[R_CS], rip, 1))
		m_fault(m, C_RIP_LIMIT, X_GP, 0);
	if (t->is_call) {
		m_push(m, m->now.s[R_CS].selector, t->size);
		m_push(m, m->now.rip, t->size);
	}
	m_load_real(m, R_CS, t->selector);
	m->now.rip = rip;
}

/* -- Code segments -------------------------------------------------------- */

/* CONFORMING-CODE-SEGMENT and NONCONFORMING-CODE-SEGMENT. */
static void to_code(struct machine *m, const struct target *t,
	const struct segment *d)
{
	unsigned rpl = t->selector & 3;
	unsigned cs = (t->selector & 0xfffc) | m->now.cpl;
	bool to_64 = m_is_long(m) && (d->attributes & D_L);
	uint64_t rip = truncated(t->offset, t->size);
	struct registers old = m->now;

	if (to_64 && (d->attributes & D_DB))
		m_fault(m, C_CODE_L_D, X_GP, t->selector);
	if (m_is_conforming(d)) {
		if (m_dpl(d) > m->now.cpl)
			m_fault(m, C_CODE_CONFORMING_DPL, X_GP, t->selector);
	} else {
		if (rpl > m->now.cpl)
			m_fault(m, C_CODE_RPL, X_GP, t->selector);
		if (m_dpl(d) != m->now.cpl)
			m_fault(m, C_CODE_DPL, X_GP, t->selector);
	}
	if (!(d->attributes & D_P))
		m_fault(m, C_CODE_PRESENT, X_NP, t->selector);
	if (t->is_call && !m_is_64(m) && !to_64 && !m_has_room(m,
		&m->now.s[R_SS], m->now.r[R_SP], 2 * t->size, t->size))
		m_fault(m, C_STACK_LIMIT, X_SS, 0);
	if (m_is_long(m) && !(d->attributes & D_L))
		rip &= UINT32_MAX;
	m_check_rip(m, d, rip);
	/*
	 * The manual pushes first.  But a call out of compatibility mode pushes
	 * on the stack of the 64-bit code, RSP without a segment, as processors
	 * do (the recorded vectors of CALL), and as the manual has it of gates.
	 */
	if (to_64)
		m_load(m, R_CS, *d, cs);
	if (t->is_call) {
		m_push(m, old.s[R_CS].selector, t->size);
		m_push(m, old.rip, t->size);
	}
	if (!to_64)
		m_load(m, R_CS, *d, cs);
	m->now.rip = rip;
}

/* -- Call gates: CALL-GATE ------------------------------------------------ */

struct gate {
	unsigned selector, size, count;
	uint64_t offset;
	struct segment code;
};

/* SDM 3A figures 5-8 and 5-9. */
static struct gate read_gate(struct machine *m, const struct segment *d)
{
	uint64_t at = m_descriptor_at(m, d->selector), low, high;
	struct gate g = { .size = d->attributes & 8 ? 4 : 2 };

	low = m_read(m, at, 8, SYSTEM);
	g.selector = (unsigned)(low >> 16) & 0xffff;
	g.count = (unsigned)(low >> 32) & 31;
	g.offset = (low & 0xffff) | (low >> 48) << 16;
	if (g.size == 2)
		g.offset &= 0xffff;
	if (!m_is_long(m))
		return g;
	if (((d->selector & 0xfff8u) + 15) > m->now.s[d->selector & 4 ?
		R_LDTR : R_GDTR].limit)
		m_fault(m, C_GATE_HIGH_LIMIT, X_GP, d->selector);
	high = m_read(m, at + 8, 8, SYSTEM);
	if (high >> 40 & 31)
		m_fault(m, C_GATE_HIGH_TYPE, X_GP, d->selector);
	g.offset |= high << 32;
	g.size = 8;
	return g;
}

static void gate_checks(struct machine *m, const struct target *t,
	const struct segment *d)
{
	if (m_dpl(d) < m->now.cpl)
		m_fault(m, C_GATE_DPL, X_GP, t->selector);
	if ((t->selector & 3) > m_dpl(d))
		m_fault(m, C_GATE_RPL, X_GP, t->selector);
	if (!(d->attributes & D_P))
		m_fault(m, C_GATE_PRESENT, X_NP, t->selector);
}

static void gate_code(struct machine *m, const struct target *t,
	struct gate *g)
{
	if (m_is_null(g->selector))
		m_fault(m, C_GATE_CODE_NULL, X_GP, 0);
	if (!m_in_table(m, g->selector))
		m_fault(m, C_GATE_CODE_INDEX, X_GP, g->selector);
	g->code = m_descriptor(m, g->selector);
	if (!m_is_code(&g->code))
		m_fault(m, C_GATE_CODE_TYPE, X_GP, g->selector);
	if (m_dpl(&g->code) > m->now.cpl)
		m_fault(m, C_GATE_CODE_DPL, X_GP, g->selector);
	if (!t->is_call && !m_is_conforming(&g->code) &&
		m_dpl(&g->code) != m->now.cpl)
		m_fault(m, C_GATE_JMP_DPL, X_GP, g->selector);
	if (m_is_long(m) && (!(g->code.attributes & D_L) ||
		(g->code.attributes & D_DB)))
		m_fault(m, C_GATE_CODE_64, X_GP, g->selector);
	if (!(g->code.attributes & D_P))
		m_fault(m, C_GATE_CODE_PRESENT, X_NP, g->selector);
}

static void check_room(struct machine *m, const struct gate *g,
	const struct stack_of *s, unsigned items)
{
	unsigned i;

	if (!m_is_long(m)) {
		if (!m_has_room(m, &s->ss, s->sp, items * g->size, g->size))
			m_fault(m, C_NEW_STACK_LIMIT, X_SS, s->selector);
		return;
	}
	for (i = 1; i <= items; i++)
		if (!m_canonical(s->sp - 8 * i) ||
			!m_canonical(s->sp - 8 * i + 7))
			m_fault(m, C_NEW_STACK_CANONICAL, X_SS, s->selector);
}

/* MORE-PRIVILEGE. */
static void call_inner(struct machine *m, const struct gate *g)
{
	unsigned level = m_dpl(&g->code), i, count = g->size == 8 ? 0 :
		g->count;
	struct stack_of s = m_inner_stack(m, level, 0);
	struct registers old = m->now;
	uint64_t parameter[32];

	check_room(m, g, &s, 4 + count);
	m_check_rip(m, &g->code, g->offset);
	/* The caller's stack, with the caller's rights. */
	for (i = 0; i < count; i++)
		parameter[i] = m_top(m, (uint64_t)i * g->size, g->size);
	m->now.cpl = level;
	if (m_is_long(m))
		m_load_null(m, R_SS, s.selector);
	else
		m_load(m, R_SS, s.ss, s.selector);
	m_load(m, R_CS, g->code, (g->selector & 0xfffc) | level);
	m_set_sp(m, s.sp);
	m->now.rip = g->offset;
	m_push(m, old.s[R_SS].selector, g->size);
	m_push(m, old.r[R_SP], g->size);
	while (count--)
		m_push(m, parameter[count], g->size);
	m_push(m, old.s[R_CS].selector, g->size);
	m_push(m, old.rip, g->size);
}

/* SAME-PRIVILEGE, and what JMP does. */
static void gate_same(struct machine *m, const struct target *t,
	const struct gate *g)
{
	struct stack_of s = { .ss = m->now.s[R_SS], .sp = m->now.r[R_SP] };
	struct registers old = m->now;

	if (t->is_call)
		check_room(m, g, &s, 2);
	m_check_rip(m, &g->code, g->offset);
	m_load(m, R_CS, g->code, (g->selector & 0xfffc) | m->now.cpl);
	m->now.rip = g->offset;
	if (t->is_call) {
		m_push(m, old.s[R_CS].selector, g->size);
		m_push(m, old.rip, g->size);
	}
}

static void to_gate(struct machine *m, const struct target *t,
	const struct segment *d)
{
	struct gate g;

	gate_checks(m, t, d);
	g = read_gate(m, d);
	gate_code(m, t, &g);
	if (t->is_call && !m_is_conforming(&g.code) &&
		m_dpl(&g.code) < m->now.cpl)
		call_inner(m, &g);
	else
		gate_same(m, t, &g);
}

/* -- Tasks: TASK-GATE, TASK-STATE-SEGMENT --------------------------------- */

static void to_task(struct machine *m, const struct target *t,
	const struct segment *d)
{
	unsigned type = d->attributes & D_TYPE;

	if (m_dpl(d) < m->now.cpl)
		m_fault(m, C_TASK_DPL, X_GP, t->selector);
	if (m_dpl(d) < (t->selector & 3))
		m_fault(m, C_TASK_RPL, X_GP, t->selector);
	if (type != 5 && (type & 2))
		m_fault(m, C_TASK_BUSY, X_GP, t->selector);
	if (!(d->attributes & D_P))
		m_fault(m, C_TASK_PRESENT, X_NP, t->selector);
	m_switch_task(m, type == 5 ? (unsigned)m_read(m, m_descriptor_at(m,
		t->selector) + 2, 2, SYSTEM) : t->selector, t->is_call ?
		T_CALL : T_JMP, NULL);
}

/* The types of SDM 3A table 3-2; in IA-32e mode there are no tasks. */
static void to_system(struct machine *m, const struct target *t,
	const struct segment *d)
{
	unsigned type = d->attributes & D_TYPE;

	if (type == 12 || (type == 4 && !m_is_long(m)))
		to_gate(m, t, d);
	else if (!m_is_long(m) && (type == 5 || ((type & 5) == 1 &&
		!(t->selector & 4))))
		to_task(m, t, d);
	else
		m_fault(m, C_FAR_TYPE, X_GP, t->selector);
}

void m_far(struct machine *m, bool is_call)
{
	struct target t = { .is_call = is_call, .size = m->insn.size };
	struct segment d;

	t.offset = m_read(m, m->insn.operand, t.size, PROGRAM);
	t.selector = (unsigned)m_read(m, m->insn.operand + t.size, 2,
		PROGRAM);
	if (m_is_real(m)) {
		far_real(m, &t);
		return;
	}
	if (m_is_null(t.selector))
		m_fault(m, C_FAR_NULL, X_GP, 0);
	if (!m_in_table(m, t.selector))
		m_fault(m, C_FAR_INDEX, X_GP, t.selector);
	d = m_descriptor(m, t.selector);
	if (m_is_code(&d))
		to_code(m, &t, &d);
	else if (d.attributes & D_S)
		m_fault(m, C_FAR_TYPE, X_GP, t.selector);
	else
		to_system(m, &t, &d);
}

/* -- RET ------------------------------------------------------------------ */

static void retf_real(struct machine *m)
{
	unsigned size = m->insn.size;
	unsigned cs;
	uint64_t rip;

	m_need(m, size, 2);
	rip = m_top(m, 0, size);
	cs = (unsigned)m_top(m, size, 2);
	if (!m_in_limit(&m->now.s[R_CS], rip, 1))
		m_fault(m, C_RIP_LIMIT, X_GP, 0);
	m_release(m, 2 * size + m->insn.imm);
	m_load_real(m, R_CS, cs);
	m->now.rip = rip;
}

void m_retf(struct machine *m)
{
	unsigned size = m->insn.size;
	struct return_to to;

	if (m_is_real(m)) {
		retf_real(m);
		return;
	}
	m_need(m, size, 2);
	to.rip = m_top(m, 0, size);
	to.sel_cs = (unsigned)m_top(m, size, 2);
	to.cs = m_return_code(m, to.sel_cs);
	if ((to.sel_cs & 3) == m->now.cpl) {
		m_check_rip(m, &to.cs, to.rip);
		m_release(m, 2 * size + m->insn.imm);
		m_load(m, R_CS, to.cs, to.sel_cs);
		m->now.rip = to.rip;
		return;
	}
	/* RETURN-TO-OUTER-PRIVILEGE-LEVEL */
	m_need(m, 3 * size + m->insn.imm, 2);
	to.sp = m_top(m, 2 * size + m->insn.imm, size);
	to.sel_ss = (unsigned)m_top(m, 3 * size + m->insn.imm, 2);
	m_return_stack(m, &to);
	m_check_rip(m, &to.cs, to.rip);
	m_return_outer(m, &to);
	m_release(m, m->insn.imm);
}
