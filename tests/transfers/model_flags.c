/* SPDX-License-Identifier: MIT */
/* The model: CLI, STI, PUSHF and POPF, from their pages of SDM 2. */
#include "tests/transfers/machine.h"

static unsigned iopl(const struct machine *m)
{
	return (m->now.rflags & F_IOPL) >> 12;
}

/* Tables "Decision Table for CLI Results" and "... for STI Results". */
void m_cli_sti(struct machine *m, bool is_sti)
{
	bool v86 = m->now.rflags & F_VM;
	bool virtual = v86 ? m->now.cr4 & CR4_VME :
		m->now.cpl == 3 && (m->now.cr4 & CR4_PVI);
	uint64_t flag = F_IF;

	if ((m->now.cr0 & CR0_PE) && iopl(m) < m->now.cpl) {
		if (!virtual)
			m_fault(m, C_STI_IOPL, X_GP, 0);
		if (is_sti && (m->now.rflags & F_VIP))
			m_fault(m, C_STI_VIP, X_GP, 0);
		flag = F_VIF;
	}
	if (is_sti)
		m->now.rflags |= flag;
	else
		m->now.rflags &= ~flag;
}

void m_pushf(struct machine *m)
{
	uint64_t v = m->now.rflags & ~(uint64_t)(F_VM | F_RF);

	if ((m->now.rflags & F_VM) && iopl(m) < 3) {
		if (!(m->now.cr4 & CR4_VME) || m->insn.size != 2)
			m_fault(m, C_PUSHF_IOPL, X_GP, 0);
		v = (v & ~(uint64_t)F_IF) | F_IOPL |
			(v & F_VIF ? F_IF : 0);
	}
	m_push(m, v, m->insn.size);
}

/* Table "Effect of POPF/POPFD on the EFLAGS Register". */
void m_popf(struct machine *m)
{
	uint64_t v, which = F_ALL & ~(F_VM | F_RF | F_VIF | F_VIP | F_IOPL |
		F_IF);
	bool v86 = m->now.rflags & F_VM;
	uint64_t keep = m->now.rflags;

	if (m->insn.size == 2)
		which &= 0xffff;
	if (v86 && iopl(m) < 3) {
		if (!(m->now.cr4 & CR4_VME) || m->insn.size != 2)
			m_fault(m, C_POPF_IOPL, X_GP, 0);
		v = m_top(m, 0, 2);
		if ((v & F_TF) || ((v & F_IF) && (keep & F_VIP)))
			m_fault(m, C_POPF_VIP, X_GP, 0);
		keep = (keep & ~(uint64_t)F_VIF) | (v & F_IF ? F_VIF : 0);
	} else {
		v = m_top(m, 0, m->insn.size);
		if (!(m->now.cr0 & CR0_PE) || m->now.cpl <= iopl(m))
			which |= F_IF;
		if (!(m->now.cr0 & CR0_PE) || m->now.cpl == 0)
			which |= F_IOPL;
	}
	m->now.rflags = (keep & ~which) | (v & which) | 2;
	m_release(m, m->insn.size);
}
