/* SPDX-License-Identifier: MIT */
/* The model of system calls, and of the bases of FS and GS. */
#include <string.h>

#include "tests/vectors/vec_model.h"

#define CR4_FSGSBASE 0x10000u

void vec_m_swapgs(struct model *m)
{
	m->o->state.gs_base = m_before(m, VEC_SYS_KERNEL_GS);
	m_set(m, VEC_SYS_KERNEL_GS, m->c->in.gs_base);
}

/* RDFSBASE, WRFSBASE. */
void vec_m_fsbase(struct model *m)
{
	unsigned bytes = m->c->insn.opsize == 8 ? 8 : 4, n = m->c->insn.rm;
	uint64_t v = vec_model_reg(m, n, bytes);

	if (!(m_before(m, VEC_SYS_CR4) & CR4_FSGSBASE))
		m_ud(m);
	else if (!strcmp(m->c->row->exec, "rdfsbase"))
		vec_model_set_reg(m, n, m_before(m, VEC_SYS_FS_BASE), bytes);
	else if (!vec_model_canonical(v))
		m_gp(m);
	else
		m_set(m, VEC_SYS_FS_BASE, v);
}

/* -- System calls -------------------------------------------------------- */

/* Flat segments of a level: SDM 2 "SYSCALL", "SYSENTER" and their ways back. */
static void flat(struct model *m, uint16_t cs, uint16_t ss, bool is_64)
{
	unsigned dpl = (cs & 3u) << 5;

	if (m->failed)
		return;
	m->o->state.cs = cs;
	m->o->state.ss = ss;
	m_set(m, VEC_SYS_CS_ATTRIBUTES, (is_64 ? 0xa09bu : 0xc09bu) | dpl);
	m_set(m, VEC_SYS_SS_ATTRIBUTES, 0xc093u | dpl);
	m_set(m, VEC_SYS_CS_BASE, 0);
	m_set(m, VEC_SYS_SS_BASE, 0);
}

/* 64-bit mode alone has it on Intel's processors. */
static bool has_syscall(struct model *m)
{
	if (m->bits == 64 && (m_before(m, VEC_SYS_EFER) & 1))
		return true;
	m_ud(m);
	return false;
}

void vec_m_syscall(struct model *m)
{
	uint16_t cs = (uint16_t)(m_before(m, VEC_SYS_STAR) >> 32 & 0xfffc);

	if (!has_syscall(m))
		return;
	vec_model_set_reg(m, VEC_CX, m->o->state.rip, 8);
	vec_model_set_reg(m, 11, m->c->in.rflags, 8);
	m->o->state.rflags = (m->c->in.rflags & ~m_before(m, VEC_SYS_SFMASK)) |
		2;
	m->o->state.rip = m_before(m, VEC_SYS_LSTAR);
	flat(m, cs, (uint16_t)(cs + 8), true);
}

void vec_m_sysret(struct model *m)
{
	uint16_t base = (uint16_t)(m_before(m, VEC_SYS_STAR) >> 48);
	bool is_64 = m->c->insn.opsize == 8;
	uint64_t rip = vec_model_reg(m, VEC_CX, is_64 ? 8 : 4);

	if (!has_syscall(m) || !vec_model_cpl0(m))
		return;
	if (is_64 && !vec_model_canonical(rip)) {
		m_gp(m);
		return;
	}
	m->o->state.rflags = (vec_model_reg(m, 11, 8) & 0x3c7fd7) | 2;
	m->o->state.rip = rip;
	flat(m, (uint16_t)((base + (is_64 ? 16 : 0)) | 3),
		(uint16_t)((base + 8) | 3), is_64);
}

void vec_m_sysenter(struct model *m)
{
	uint16_t cs = (uint16_t)(m_before(m, VEC_SYS_SYSENTER_CS) & 0xfffc);
	unsigned bytes = vec_model_long_mode(m) ? 8 : 4;
	uint64_t mask = bytes == 8 ? ~UINT64_C(0) : UINT32_MAX;

	if (m->kind == VEC_REAL || cs == 0) {
		m_gp(m);
		return;
	}
	m->o->state.rflags &= ~(uint64_t)(M_IF | M_VM);
	m->o->state.rip = m_before(m, VEC_SYS_SYSENTER_EIP) & mask;
	m->o->state.r[VEC_SP] = m_before(m, VEC_SYS_SYSENTER_ESP) & mask;
	flat(m, cs, (uint16_t)(cs + 8), bytes == 8);
}

void vec_m_sysexit(struct model *m)
{
	uint16_t cs = (uint16_t)(m_before(m, VEC_SYS_SYSENTER_CS) & 0xfffc);
	bool is_64 = m->c->insn.opsize == 8;
	unsigned bytes = is_64 ? 8 : 4;
	uint64_t rip = vec_model_reg(m, VEC_DX, bytes);
	uint64_t rsp = vec_model_reg(m, VEC_CX, bytes);

	if (m->kind == VEC_REAL || cs == 0 || m->cpl || (is_64 &&
		(!vec_model_canonical(rip) || !vec_model_canonical(rsp)))) {
		m_gp(m);
		return;
	}
	cs = (uint16_t)(cs + (is_64 ? 32 : 16));
	m->o->state.rip = rip;
	m->o->state.r[VEC_SP] = rsp;
	flat(m, cs | 3, (uint16_t)((cs + 8) | 3), is_64);
}
