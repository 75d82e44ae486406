/* SPDX-License-Identifier: MIT */
/* The model: interrupts and exceptions, from the page of INT n in SDM 2. */
#include "tests/transfers/machine.h"

struct idt_gate {
	unsigned selector, size, ist;
	bool is_interrupt;
	uint64_t offset;
	struct segment code;
};

/* -- Real-address mode ---------------------------------------------------- */

/* REAL-ADDRESS-MODE, and the way into an 8086 program of SDM 3A 20.3.3. */
static void push_frame_16(struct machine *m, uint64_t flags)
{
	if (!m_has_room(m, &m->now.s[R_SS], m->now.r[R_SP], 6, 2))
		m_fault(m, C_STACK_LIMIT, X_SS, 0);
	m_push(m, flags, 2);
	m_push(m, m->now.s[R_CS].selector, 2);
	m_push(m, m->now.rip, 2);
}

static void deliver_real(struct machine *m, const struct event *e)
{
	const struct segment *idt = &m->now.s[R_IDTR];
	uint64_t at;

	if (e->vector * 4u + 3 > idt->limit)
		m_fault(m, C_IDT_LIMIT_REAL, X_GP, 0);
	at = m_read(m, idt->base + e->vector * 4u, 4, SYSTEM);
	push_frame_16(m, m->now.rflags);
	m->now.rflags &= ~(uint64_t)(F_IF | F_TF | F_AC | F_RF);
	m_load_real(m, R_CS, (unsigned)(at >> 16));
	m->now.rip = at & 0xffff;
}

/* -- Virtual-8086 mode: SDM 3A table 20-2 --------------------------------- */

/* The bit of the redirection map, which ends where the I/O map begins. */
static bool redirected(struct machine *m, unsigned vector)
{
	const struct segment *tr = &m->now.s[R_TR];
	uint64_t map, at;

	if (!(m->now.cr4 & CR4_VME))
		return false;
	if (!(tr->attributes & 8) || tr->limit < 0x67)
		m_open(m);
	map = m_read(m, tr->base + 0x66, 2, SYSTEM);
	at = map - 32 + vector / 8;
	if (map < 32 || at > tr->limit)
		m_open(m);
	return !(m_read(m, tr->base + at, 1, SYSTEM) >> vector % 8 & 1);
}

void m_int_n(struct machine *m, unsigned vector)
{
	struct event e = { .kind = K_SOFT, .vector = (uint8_t)vector };
	bool iopl_3 = (m->now.rflags & F_IOPL) == F_IOPL;
	uint64_t at, flags = m->now.rflags;

	if (!(m->now.rflags & F_VM)) {
		m_deliver(m, &e);
		return;
	}
	if (!redirected(m, vector)) {
		if (!iopl_3) /* methods 2 and 3 */
			m_fault(m, C_INT_IOPL, X_GP, 0);
		m_deliver(m, &e); /* methods 1 and 4 */
		return;
	}
	at = m_read(m, vector * 4u, 4, SYSTEM);
	if (!iopl_3) /* method 6, else method 5 */
		flags = (flags & ~(uint64_t)F_IF) | F_IOPL |
			(flags & F_VIF ? F_IF : 0);
	push_frame_16(m, flags);
	m->now.rflags &= ~(uint64_t)(F_TF | (iopl_3 ? F_IF : F_VIF));
	m_load_real(m, R_CS, (unsigned)(at >> 16));
	m->now.rip = at & 0xffff;
}

/* -- The gate: PROTECTED-MODE, IA-32e-MODE -------------------------------- */

/* Task, 16- and 32-bit interrupt and trap gates: SDM 3A figure 6-2, 6-8. */
static bool is_gate(const struct machine *m, unsigned attributes)
{
	unsigned type = attributes & (D_S | D_TYPE);

	if (m_is_long(m))
		return type == 14 || type == 15;
	return type == 5 || type == 6 || type == 7 || type == 14 || type == 15;
}

static uint64_t read_idt(struct machine *m, const struct event *e,
	uint64_t *high)
{
	const struct segment *idt = &m->now.s[R_IDTR];
	unsigned bytes = m_is_long(m) ? 16 : 8, attributes;
	uint64_t low;

	if (e->vector * bytes + bytes - 1 > idt->limit)
		m_fault_idt(m, C_IDT_LIMIT, X_GP, e->vector);
	low = m_read(m, idt->base + e->vector * bytes, 8, SYSTEM);
	*high = bytes == 16 ? m_read(m, idt->base + e->vector * bytes + 8, 8,
		SYSTEM) : 0;
	attributes = (unsigned)(low >> 40) & 0xff;
	if (!is_gate(m, attributes))
		m_fault_idt(m, C_IDT_TYPE, X_GP, e->vector);
	if (e->kind == K_SOFT && (attributes >> 5 & 3) < m->now.cpl)
		m_fault_idt(m, C_IDT_DPL, X_GP, e->vector);
	if (!(attributes & D_P))
		m_fault_idt(m, C_IDT_PRESENT, X_NP, e->vector);
	return low;
}

/* TASK-GATE. */
static void deliver_task(struct machine *m, unsigned selector,
	const struct event *e)
{
	struct segment d;

	if ((selector & 4) || !m_in_table(m, selector))
		m_fault(m, C_IDT_TSS_INDEX, X_GP, selector);
	d = m_descriptor(m, selector);
	if ((d.attributes & (D_S | 7)) != 1)
		m_fault(m, C_IDT_TSS_TYPE, X_GP, selector);
	if (!(d.attributes & D_P))
		m_fault(m, C_IDT_TSS_PRESENT, X_NP, selector);
	m_switch_task(m, selector, T_EVENT, e);
}

/* TRAP-OR-INTERRUPT-GATE. */
static void gate_code(struct machine *m, struct idt_gate *g)
{
	if (m_is_null(g->selector))
		m_fault(m, C_IDT_CODE_NULL, X_GP, 0);
	if (!m_in_table(m, g->selector))
		m_fault(m, C_IDT_CODE_INDEX, X_GP, g->selector);
	g->code = m_descriptor(m, g->selector);
	if (!m_is_code(&g->code))
		m_fault(m, C_IDT_CODE_TYPE, X_GP, g->selector);
	if (m_dpl(&g->code) > m->now.cpl)
		m_fault(m, C_IDT_CODE_DPL, X_GP, g->selector);
	/* SDM 3A 6.14.1: 64-bit code alone. */
	if (m_is_long(m) && (!(g->code.attributes & D_L) ||
		(g->code.attributes & D_DB)))
		m_fault(m, C_IDT_CODE_64, X_GP, g->selector);
	if (!(g->code.attributes & D_P))
		m_fault(m, C_IDT_CODE_PRESENT, X_NP, g->selector);
}

static void check_room(struct machine *m, const struct idt_gate *g,
	const struct stack_of *s, unsigned items)
{
	uint64_t sp = s->sp & ~UINT64_C(15);

	if (m_is_long(m)) {
		if (!m_canonical(sp - 8 * items) || !m_canonical(sp - 1))
			m_fault(m, C_NEW_STACK_CANONICAL, X_SS, 0);
	} else if (!m_has_room(m, &s->ss, s->sp, items * g->size, g->size)) {
		m_fault(m, C_NEW_STACK_LIMIT, X_SS, s->selector);
	}
}

static void push_data_segments(struct machine *m, unsigned size)
{
	static const unsigned order[] = { R_GS, R_FS, R_DS, R_ES };
	unsigned i;

	for (i = 0; i < 4; i++) {
		m_push(m, m->now.s[order[i]].selector, size);
		m_load_null(m, order[i], 0);
	}
}

/*
 * A fault's image has RF (SDM 3B 17.3.1.1); not those of traps (#DB may be one,
 * #BP, #OF) and aborts (#DF, #MC): SDM 3A table 6-1.
 */
static uint64_t flags_image(const struct registers *old, const struct event *e)
{
	bool fault = e->kind == K_EXCEPTION && !(0x4011eu >> e->vector & 1);

	return old->rflags | (fault ? F_RF : 0);
}

static void push_frame(struct machine *m, const struct idt_gate *g,
	const struct registers *old, const struct event *e)
{
	m_push(m, flags_image(old, e), g->size);
	m_push(m, old->s[R_CS].selector, g->size);
	m_push(m, old->rip, g->size);
	if (e->has_code)
		m_push(m, e->code, g->size);
}

static void enter(struct machine *m, const struct idt_gate *g)
{
	m_load(m, R_CS, g->code, (g->selector & 0xfffc) | m->now.cpl);
	m->now.rip = g->offset;
}

static void clear_flags(struct machine *m, const struct idt_gate *g)
{
	m->now.rflags &= ~(uint64_t)(F_TF | F_NT | F_VM | F_RF |
		(g->is_interrupt ? F_IF : 0));
}

/* INTER-PRIVILEGE-LEVEL-INTERRUPT, INTERRUPT-FROM-VIRTUAL-8086-MODE. */
static void deliver_inner(struct machine *m, const struct idt_gate *g,
	const struct event *e)
{
	struct stack_of s = m_inner_stack(m, m_dpl(&g->code), g->ist);
	struct registers old = m->now;
	bool v86 = old.rflags & F_VM;

	check_room(m, g, &s, (v86 ? 9 : 5) + e->has_code);
	m_check_rip(m, &g->code, g->offset);
	m->now.cpl = m_dpl(&g->code);
	m->now.rflags &= ~(uint64_t)F_VM;
	if (m_is_long(m))
		m_load_null(m, R_SS, s.selector);
	else
		m_load(m, R_SS, s.ss, s.selector);
	enter(m, g);
	m_set_sp(m, m_is_long(m) ? s.sp & ~UINT64_C(15) : s.sp);
	if (v86)
		push_data_segments(m, g->size);
	m_push(m, old.s[R_SS].selector, g->size);
	m_push(m, old.r[R_SP], g->size);
	push_frame(m, g, &old, e);
	clear_flags(m, g);
}

/* INTRA-PRIVILEGE-LEVEL-INTERRUPT. */
static void deliver_same(struct machine *m, const struct idt_gate *g,
	const struct event *e)
{
	struct stack_of s = { .ss = m->now.s[R_SS], .sp = m->now.r[R_SP] };
	struct registers old = m->now;

	if (m_is_long(m) && g->ist)
		s = m_inner_stack(m, m->now.cpl, g->ist);
	s.selector = 0;
	check_room(m, g, &s, (m_is_long(m) ? 5 : 3) + e->has_code);
	m_check_rip(m, &g->code, g->offset);
	enter(m, g);
	if (m_is_long(m)) {
		m->now.r[R_SP] = s.sp & ~UINT64_C(15);
		m_push(m, old.s[R_SS].selector, 8);
		m_push(m, old.r[R_SP], 8);
	}
	push_frame(m, g, &old, e);
	clear_flags(m, g);
}

void m_deliver(struct machine *m, const struct event *e)
{
	uint64_t low, high;
	struct idt_gate g;
	unsigned type;

	m->ext = e->kind != K_SOFT;
	if (!(m->now.cr0 & CR0_PE)) {
		m->ext = 0;
		deliver_real(m, e);
		return;
	}
	low = read_idt(m, e, &high);
	type = (unsigned)(low >> 40) & D_TYPE;
	if (type == 5) {
		deliver_task(m, (unsigned)(low >> 16) & 0xffff, e);
		return;
	}
	g = (struct idt_gate){ .selector = (unsigned)(low >> 16) & 0xffff,
		.size = m_is_long(m) ? 8 : type & 8 ? 4 : 2,
		.ist = m_is_long(m) ? (unsigned)(low >> 32) & 7 : 0,
		.is_interrupt = !(type & 1) };
	g.offset = (low & 0xffff) | (low >> 48) << 16 | high << 32;
	if (g.size == 2)
		g.offset &= 0xffff;
	gate_code(m, &g);
	if (m->now.rflags & F_VM) {
		if (m_is_conforming(&g.code) || m_dpl(&g.code) != 0)
			m_fault(m, C_IDT_CODE_V86, X_GP, g.selector);
		deliver_inner(m, &g, e);
	} else if (!m_is_conforming(&g.code) &&
		m_dpl(&g.code) < m->now.cpl) {
		deliver_inner(m, &g, e);
	} else {
		deliver_same(m, &g, e);
	}
}
