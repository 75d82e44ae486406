/* SPDX-License-Identifier: MIT */
/* The model: IRET, and what it and RET check, from their pages of SDM 2. */
#include "tests/transfers/machine.h"

/* -- Segments to go back to ----------------------------------------------- */

/* SDM 2 "RET", protected mode and IA-32e mode; "IRET", exceptions. */
struct segment m_return_code(struct machine *m, unsigned selector)
{
	unsigned rpl = selector & 3;
	struct segment d;

	if (m_is_null(selector))
		m_fault(m, C_RETURN_CS_NULL, X_GP, 0);
	if (!m_in_table(m, selector))
		m_fault(m, C_RETURN_CS_INDEX, X_GP, selector);
	d = m_descriptor(m, selector);
	if (!m_is_code(&d))
		m_fault(m, C_RETURN_CS_TYPE, X_GP, selector);
	if (m_is_long(m) && (d.attributes & D_L) && (d.attributes & D_DB))
		m_fault(m, C_RETURN_CS_L_D, X_GP, selector);
	if (rpl < m->now.cpl)
		m_fault(m, C_RETURN_CS_RPL, X_GP, selector);
	if (m_is_conforming(&d) && m_dpl(&d) > rpl)
		m_fault(m, C_RETURN_CS_CONFORMING, X_GP, selector);
	if (!m_is_conforming(&d) && m_dpl(&d) != rpl)
		m_fault(m, C_RETURN_CS_DPL, X_GP, selector);
	if (!(d.attributes & D_P))
		m_fault(m, C_RETURN_CS_PRESENT, X_NP, selector);
	return d;
}

void m_return_stack(struct machine *m, struct return_to *to)
{
	unsigned rpl = to->sel_cs & 3, selector = to->sel_ss;

	if (m_is_null(selector)) {
		bool to_64 = m_is_long(m) && (to->cs.attributes & D_L);

		if (!to_64 || rpl == 3)
			m_fault(m, C_RETURN_SS_NULL, X_GP, 0);
		if ((selector & 3) != rpl)
			m_fault(m, C_RETURN_SS_RPL, X_GP, selector);
		to->ss = (struct segment){ .attributes = D_NULL };
		return;
	}
	if (!m_in_table(m, selector))
		m_fault(m, C_RETURN_SS_INDEX, X_GP, selector);
	to->ss = m_descriptor(m, selector);
	if ((selector & 3) != rpl)
		m_fault(m, C_RETURN_SS_RPL, X_GP, selector);
	if (!m_is_writable(&to->ss))
		m_fault(m, C_RETURN_SS_TYPE, X_GP, selector);
	if (m_dpl(&to->ss) != rpl)
		m_fault(m, C_RETURN_SS_DPL, X_GP, selector);
	if (!(to->ss.attributes & D_P))
		m_fault(m, C_RETURN_SS_PRESENT, X_SS, selector);
}

static void load_stack(struct machine *m, const struct return_to *to)
{
	if (to->ss.attributes & D_NULL)
		m_load_null(m, R_SS, to->sel_ss);
	else
		m_load(m, R_SS, to->ss, to->sel_ss);
	m_set_sp(m, to->sp);
	/* Of the upper half only 31:16 stay, where a program outside looks. */
	if (!m_is_64(m))
		m->now.r[R_SP] &= UINT32_MAX;
}

/* CPL := RPL; RSP := tempRSP; SS := tempSS; and the data segments. */
void m_return_outer(struct machine *m, const struct return_to *to)
{
	m_load(m, R_CS, to->cs, to->sel_cs);
	m->now.rip = to->rip;
	m->now.cpl = to->sel_cs & 3;
	load_stack(m, to);
	m_drop_segments(m);
}

/* -- Flags ---------------------------------------------------------------- */

static void set_flags(struct machine *m, uint64_t v, uint64_t which)
{
	m->now.rflags = (m->now.rflags & ~which) | (v & which) | 2;
}

/* CF PF AF ZF SF TF DF OF NT */
#define F_ALWAYS 0x4dd5u

/* With the CPL and IOPL of before. */
static void return_flags(struct machine *m, uint64_t v)
{
	uint64_t which = F_ALWAYS;
	unsigned iopl = (m->now.rflags & F_IOPL) >> 12;

	if (m->insn.size > 2)
		which |= F_RF | F_AC | F_ID;
	if (m->now.cpl <= iopl)
		which |= F_IF;
	if (m->now.cpl == 0)
		which |= F_IOPL | (m->insn.size > 2 ? F_VIF | F_VIP : 0);
	set_flags(m, v, which);
}

/* -- Real-address and virtual-8086 mode ----------------------------------- */

/* AMD APM 3 "IRET": VME, 16-bit operands, IOPL less than 3. */
static uint64_t virtual_flags(struct machine *m, uint64_t v)
{
	if (!(m->now.cr4 & CR4_VME) || m->insn.size != 2)
		m_fault(m, C_IRET_IOPL, X_GP, 0);
	if (((v & F_IF) && (m->now.rflags & F_VIP)) || (v & F_TF))
		m_fault(m, C_IRET_VIP, X_GP, 0);
	return v;
}

static void iret_real(struct machine *m)
{
	bool v86 = m->now.rflags & F_VM;
	unsigned size = m->insn.size, cs;
	uint64_t rip, v, which = F_ALWAYS | F_IF;
	bool virtual = v86 && (m->now.rflags & F_IOPL) != F_IOPL;

	if (virtual && (!(m->now.cr4 & CR4_VME) || size != 2))
		m_fault(m, C_IRET_IOPL, X_GP, 0);
	m_need(m, size, 2);
	m_need(m, 2 * size, size);
	rip = m_top(m, 0, size);
	cs = (unsigned)m_top(m, size, 2);
	v = m_top(m, 2 * size, size);
	if (!m_in_limit(&m->now.s[R_CS], rip, 1))
		m_fault(m, C_RIP_LIMIT, X_GP, 0);
	if (virtual)
		v = virtual_flags(m, v);
	if (size == 4)
		which |= F_RF | F_AC | F_ID;
	if (!v86)
		which |= F_IOPL;
	if (virtual) {
		which &= ~(uint64_t)F_IF;
		set_flags(m, v & F_IF ? F_VIF : 0, F_VIF);
	}
	set_flags(m, v, which);
	m_release(m, 3 * size);
	m_load_real(m, R_CS, cs);
	m->now.rip = rip;
}

/* RETURN-TO-VIRTUAL-8086-MODE. */
static void iret_to_86(struct machine *m, uint64_t rip, unsigned cs,
	uint64_t flags)
{
	static const unsigned order[] = { R_SS, R_ES, R_DS, R_FS, R_GS };
	unsigned i, selectors[5];
	uint64_t sp;

	for (i = 0; i < 5; i++)
		m_need(m, 16 + 4 * i, 2);
	sp = m_top(m, 12, 4);
	for (i = 0; i < 5; i++)
		selectors[i] = (unsigned)m_top(m, 16 + 4 * i, 2);
	if (rip > 0xffff)
		m_fault(m, C_IRET_86_RIP, X_GP, 0);
	set_flags(m, flags, F_ALL);
	for (i = 0; i < 5; i++)
		m_load_real(m, order[i], selectors[i]);
	m_load_real(m, R_CS, cs);
	m->now.cpl = 3;
	m->now.rip = rip;
	m->now.r[R_SP] = sp;
}

/* -- TASK-RETURN ---------------------------------------------------------- */

/* With the exceptions of SDM 2 "IRET" and SDM 3A table 7-2. */
static void iret_task(struct machine *m)
{
	unsigned link = (unsigned)m_read(m, m->now.s[R_TR].base, 2, SYSTEM);
	struct segment d;

	if (m_is_null(link) || (link & 4))
		m_fault(m, C_LINK_LOCAL, X_TS, link);
	if (!m_in_table(m, link))
		m_fault(m, C_LINK_INDEX, X_TS, link);
	d = m_descriptor(m, link);
	if ((d.attributes & (D_S | 7)) != 3)
		m_fault(m, C_LINK_TYPE, X_TS, link);
	if (!(d.attributes & D_P))
		m_fault(m, C_LINK_PRESENT, X_NP, link);
	m_switch_task(m, link, T_IRET, NULL);
}

/* -- Protected and IA-32e mode -------------------------------------------- */

static void to_same(struct machine *m, struct return_to *to, uint64_t flags,
	bool began_64)
{
	unsigned size = m->insn.size;

	if (began_64) {
		m_need(m, 4 * size, 2);
		to->sp = m_top(m, 3 * size, size);
		to->sel_ss = (unsigned)m_top(m, 4 * size, 2);
		m_return_stack(m, to);
	}
	m_check_rip(m, &to->cs, to->rip);
	return_flags(m, flags);
	if (!began_64)
		m_release(m, 3 * size);
	m_load(m, R_CS, to->cs, to->sel_cs);
	m->now.rip = to->rip;
	if (began_64)
		load_stack(m, to);
}

void m_iret(struct machine *m)
{
	unsigned size = m->insn.size;
	struct return_to to;
	uint64_t flags;

	if (m_is_real(m)) {
		iret_real(m);
		return;
	}
	if (m->now.rflags & F_NT) {
		if (m_is_long(m))
			m_fault(m, C_IRET_NT, X_GP, 0);
		iret_task(m);
		return;
	}
	m_need(m, size, 2);
	m_need(m, 2 * size, size);
	to.rip = m_top(m, 0, size);
	to.sel_cs = (unsigned)m_top(m, size, 2);
	flags = m_top(m, 2 * size, size);
	if (!m_is_long(m) && (flags & F_VM) && m->now.cpl == 0) {
		iret_to_86(m, to.rip, to.sel_cs, flags);
		return;
	}
	to.cs = m_return_code(m, to.sel_cs);
	if ((to.sel_cs & 3) == m->now.cpl) {
		to_same(m, &to, flags, m_is_64(m));
		return;
	}
	m_need(m, 4 * size, 2);
	to.sp = m_top(m, 3 * size, size);
	to.sel_ss = (unsigned)m_top(m, 4 * size, 2);
	m_return_stack(m, &to);
	m_check_rip(m, &to.cs, to.rip);
	return_flags(m, flags);
	m_return_outer(m, &to);
}
