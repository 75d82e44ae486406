/* SPDX-License-Identifier: MIT */
/* The model of system instructions: registers, tables, calls, MSRs. */
#include <string.h>

#include "tests/vectors/vec_model.h"

#define CR0_PE	 0x1u
#define CR0_TS	 0x8u
#define CR0_PG	 0x80000000u
#define CR4_TSD	 0x4u
#define CR4_DE	 0x8u
#define CR4_PAE	 0x20u
#define CR4_PCE	 0x100u
#define CR4_UMIP 0x800u
#define CR4_FSGS 0x10000u
#define CR4_OSXS 0x40000u

/* What CPUID of the software processor says that there is. */
#define CR0_ALL	   0xe005003fu
#define CR4_ALL	   UINT64_C(0x350fff)
#define EFER_ALL   0xd01u
#define EFER_LMA   0x400u
#define EFER_LME   0x100u
#define PHYS_BITS  40

static bool is(const struct model *m, const char *exec)
{
	return strcmp(m->c->row->exec, exec) == 0;
}

static void set_pair(struct model *m, uint64_t v)
{
	vec_model_set_reg(m, 0, v & UINT32_MAX, 8);
	vec_model_set_reg(m, VEC_DX, v >> 32, 8);
}

static uint64_t pair(const struct model *m)
{
	return vec_model_reg(m, 0, 4) | vec_model_reg(m, VEC_DX, 4) << 32;
}

/* -- What the manual leaves open: properties ----------------------------- */

static void take_reg(struct model *m, unsigned n)
{
	m->o->state.r[n] = m->got->state.r[n];
	if (m->got->state.r[n] >> 32 && m->bits == 64)
		m->broken = "bits 63:32 are not clear";
}

/* SDM 2 "CPUID": what is there is what the instruction table has. */
static void cpuid_1(struct model *m)
{
	uint64_t ecx = m->got->state.r[VEC_CX], edx = m->got->state.r[VEC_DX];

	/* OSXSAVE is CR4's; no MONITOR, VMX or AVX. */
	if ((ecx >> 27 & 1) != (m_before(m, VEC_SYS_CR4) >> 18 & 1))
		m->broken = "OSXSAVE is not CR4's";
	if (ecx & (1u << 3 | 1u << 5 | 1u << 28))
		m->broken = "a feature that is not there";
	/* FPU TSC MSR PAE CX8 SEP CMOV MMX FXSR SSE SSE2 */
	if ((edx & 0x07808971) != 0x07808971)
		m->broken = "a feature is missing";
}

void vec_m_cpuid(struct model *m)
{
	static const uint32_t vendor[] = { 0x756e6547, 0x6c65746e,
		0x49656e69 }; /* GenuineIntel */
	const uint64_t *r = m->got->state.r;
	uint32_t leaf = (uint32_t)m->c->in.r[0];

	take_reg(m, 0);
	take_reg(m, VEC_BX);
	take_reg(m, VEC_CX);
	take_reg(m, VEC_DX);
	if (leaf == 0 && (r[0] < 0xd || r[VEC_BX] != vendor[0] ||
		r[VEC_CX] != vendor[1] || r[VEC_DX] != vendor[2]))
		m->broken = "vendor and highest leaf";
	if (leaf == 1)
		cpuid_1(m);
	if (leaf == 0x80000000 && (r[0] < 0x80000008 || r[0] > 0x800000ff))
		m->broken = "highest extended leaf";
	if (leaf == 0x80000008 && (r[0] & 0xffff) != (48 << 8 | PHYS_BITS))
		m->broken = "address bits";
}

void vec_m_rdtsc(struct model *m)
{
	static uint64_t last[VEC_WORLDS];
	uint64_t now = m->got->state.r[0] | m->got->state.r[VEC_DX] << 32;

	if ((m_before(m, VEC_SYS_CR4) & CR4_TSD) && m->cpl) {
		m_gp(m);
		return;
	}
	take_reg(m, 0);
	take_reg(m, VEC_DX);
	if (is(m, "rdtscp"))
		vec_model_set_reg(m, VEC_CX, m_before(m, VEC_SYS_TSC_AUX), 4);
	if (now <= last[m->c->world])
		m->broken = "time does not go on";
	last[m->c->world] = now;
}

/* SDM 2 "RDRAND": CF says whether there is a number, which is 0 if not. */
void vec_m_rdrand(struct model *m)
{
	unsigned n = m->c->insn.rm, bytes = m->c->insn.opsize;
	uint64_t v = m->got->state.r[n], flags = m->got->state.rflags;
	uint64_t old = m->c->in.r[n];

	m->o->state.r[n] = v;
	m->o->state.rflags = (m->c->in.rflags & ~UINT64_C(0x8d5)) |
		(flags & 1);
	if (bytes == 2 && (v ^ old) >> 16)
		m->broken = "bits above a word";
	if (bytes == 4 && v >> 32)
		m->broken = "bits above a doubleword";
	if (!(flags & 1) && vec_model_reg(m, n, bytes))
		m->broken = "a value without CF";
}

/* No counters: every number is beyond the last. */
void vec_m_rdpmc(struct model *m)
{
	m_gp(m);
}

/* -- XCR0 ---------------------------------------------------------------- */

void vec_m_xgetbv(struct model *m)
{
	if (!(m_before(m, VEC_SYS_CR4) & CR4_OSXS))
		m_ud(m);
	else if (vec_model_reg(m, VEC_CX, 4))
		m_gp(m);
	else
		set_pair(m, m_before(m, VEC_SYS_XCR0));
}

/* SDM 3A 2.6: bit 0 is 1; x87 and SSE are all there is. */
void vec_m_xsetbv(struct model *m)
{
	uint64_t v = pair(m);

	if (!(m_before(m, VEC_SYS_CR4) & CR4_OSXS))
		m_ud(m);
	else if (!vec_model_cpl0(m))
		return;
	else if (vec_model_reg(m, VEC_CX, 4) || !(v & 1) || v > 3)
		m_gp(m);
	else
		m_set(m, VEC_SYS_XCR0, v);
}

/* -- Control and debug registers ----------------------------------------- */

static unsigned width(const struct model *m)
{
	return m->bits == 64 ? 8 : 4;
}

static int control_item(unsigned n)
{
	switch (n) {
	case 0: return VEC_SYS_CR0;
	case 2: return VEC_SYS_CR2;
	case 3: return VEC_SYS_CR3;
	case 4: return VEC_SYS_CR4;
	case 8: return VEC_SYS_CR8;
	default: return -1;
	}
}

void vec_m_mov_r_cr(struct model *m)
{
	int item = control_item(m->c->insn.reg);

	if (item < 0)
		m_ud(m);
	else if (vec_model_cpl0(m))
		vec_model_set_reg(m, m->c->insn.rm,
			m_before(m, (unsigned)item), width(m));
}

/* SDM 3A 2.5 and SDM 2 "MOV, control registers". */
static void write_cr0(struct model *m, uint64_t v)
{
	uint64_t old = m_before(m, VEC_SYS_CR0);
	bool paging = v & CR0_PG;

	if (v >> 32) {
		m_gp(m);
		return;
	}
	v = (v & CR0_ALL) | 0x10;
	if ((paging && !(v & CR0_PE)) || (v >> 29 & 3) == 1)
		m_gp(m);
	else if (!paging && (old & CR0_PG) && m->bits == 64)
		m_gp(m);
	else
		m_set(m, VEC_SYS_CR0, v);
}

/*
 * Into PAE paging, PDPTEs are loaded, and what lies at CR3 has bits set that
 * are reserved there: SDM 3A 4.4.1.
 */
static void write_cr4(struct model *m, uint64_t v)
{
	bool paging = m_before(m, VEC_SYS_CR0) & CR0_PG;

	if (v & ~CR4_ALL)
		m_gp(m);
	else if (m->bits == 64 && !(v & CR4_PAE))
		m_gp(m);
	else if (m->bits != 64 && paging && (v & CR4_PAE))
		m_gp(m);
	else
		m_set(m, VEC_SYS_CR4, v);
}

void vec_m_mov_cr_r(struct model *m)
{
	int item = control_item(m->c->insn.reg);
	uint64_t v = vec_model_reg(m, m->c->insn.rm, width(m));

	if (item < 0)
		m_ud(m);
	else if (!vec_model_cpl0(m))
		return;
	else if (item == VEC_SYS_CR0)
		write_cr0(m, v);
	else if (item == VEC_SYS_CR4)
		write_cr4(m, v);
	else if (item == VEC_SYS_CR8 && v > 15)
		m_gp(m);
	else if (item == VEC_SYS_CR3 && v >> PHYS_BITS)
		m_gp(m);
	else
		m_set(m, (unsigned)item, v);
}

/* SDM 3A 17.2.2: DR4 and DR5 are DR6 and DR7 unless CR4.DE; or -1. */
static int debug_item(const struct model *m)
{
	unsigned n = m->c->insn.reg;

	if (n == 4 || n == 5) {
		if (m_before(m, VEC_SYS_CR4) & CR4_DE)
			return -1;
		n += 2;
	}
	return n > 7 ? -1 : n < 4 ? VEC_SYS_DR0 + (int)n :
		VEC_SYS_DR6 + (int)n - 6;
}

void vec_m_mov_r_dr(struct model *m)
{
	int item = debug_item(m);

	if (item < 0)
		m_ud(m);
	else if (vec_model_cpl0(m))
		vec_model_set_reg(m, m->c->insn.rm,
			m_before(m, (unsigned)item), width(m));
}

/* SDM 3A 17.2: bits of DR6 and DR7 that are always 1, and always 0. */
void vec_m_mov_dr_r(struct model *m)
{
	uint64_t v = vec_model_reg(m, m->c->insn.rm, width(m));
	int item = debug_item(m);

	if (item < 0)
		m_ud(m);
	else if (!vec_model_cpl0(m))
		return;
	else if (item >= VEC_SYS_DR6 && v >> 32)
		m_gp(m);
	else if (item == VEC_SYS_DR6)
		m_set(m, VEC_SYS_DR6, (v & 0xe00f) | 0xffff0ff0);
	else if (item == VEC_SYS_DR7)
		m_set(m, VEC_SYS_DR7, (v & 0xffff23ff) | 0x400);
	else
		m_set(m, (unsigned)item, v);
}

/* PE can be set and not cleared: SDM 2 "LMSW". */
void vec_m_lmsw(struct model *m)
{
	uint64_t old = m_before(m, VEC_SYS_CR0), v;

	if (!vec_model_cpl0(m))
		return;
	v = vec_model_rm(m, 0, 2);
	m_set(m, VEC_SYS_CR0, (old & ~UINT64_C(0xe)) | (v & 0xf));
}

static bool umip(struct model *m)
{
	if (!m->cpl || !(m_before(m, VEC_SYS_CR4) & CR4_UMIP))
		return false;
	m_gp(m);
	return true;
}

void vec_m_smsw(struct model *m)
{
	if (!umip(m))
		vec_model_set_rm(m, 0, m_before(m, VEC_SYS_CR0),
			vec_model_is_memory(m) ? 2 : m->c->insn.opsize);
}

void vec_m_clts(struct model *m)
{
	if (vec_model_cpl0(m))
		m_set(m, VEC_SYS_CR0, m_before(m, VEC_SYS_CR0) &
			~(uint64_t)CR0_TS);
}

/* -- Tables -------------------------------------------------------------- */

static unsigned table_item(const struct model *m)
{
	return m->c->row->exec[1] == 'g' ? VEC_SYS_GDT_BASE :
		VEC_SYS_IDT_BASE;
}

/* SDM 2 "LGDT": 24 bits of base where the operand size is 16. */
void vec_m_table_load(struct model *m)
{
	uint64_t limit, base;

	if (!vec_model_cpl0(m))
		return;
	limit = vec_model_rm(m, 0, 2);
	base = vec_model_rm(m, 2, m->bits == 64 ? 8 : 4);
	if (m->bits == 64 && !vec_model_canonical(base)) {
		m_gp(m);
		return;
	}
	if (m->bits != 64 && m->c->insn.opsize == 2)
		base &= 0xffffff;
	m_set(m, table_item(m), base);
	m_set(m, table_item(m) + 1, limit);
}

/* Processors store all of the base, the operand size whatever it is. */
void vec_m_table_store(struct model *m)
{
	unsigned item = m->c->row->exec[1] == 'g' ? VEC_SYS_GDT_BASE :
		VEC_SYS_IDT_BASE;

	if (umip(m))
		return;
	vec_model_set_rm(m, 0, m_before(m, item + 1), 2);
	vec_model_set_rm(m, 2, m_before(m, item), m->bits == 64 ? 8 : 4);
}

/* The low doubleword's type and presence of a descriptor, or a fault. */
static bool find(struct model *m, uint16_t selector, unsigned type)
{
	static const struct {
		uint16_t selector;
		uint8_t type;
		bool present;
	} tables[] = { { VEC_SEL_TSS, 11, true }, { VEC_SEL_LDT, 2, true },
		{ VEC_SEL_FREE, 9, true }, { VEC_SEL_ABSENT, 2, false } };
	unsigned code = selector & 0xfffcu;
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (tables[i].selector != code || tables[i].type != type)
			continue;
		if (!tables[i].present)
			vec_model_fault(m, M_NP, code);
		return tables[i].present;
	}
	vec_model_fault(m, M_GP, code);
	return false;
}

/* The base, of which legacy mode has 32 bits. */
static uint64_t base_of(const struct model *m, uint32_t at)
{
	return m->bits == 64 ? VEC_HIGH64 + at : at;
}

void vec_m_lldt(struct model *m)
{
	uint16_t selector;

	if (!vec_model_protected(m)) {
		m_ud(m);
		return;
	}
	if (!vec_model_cpl0(m))
		return;
	selector = (uint16_t)vec_model_rm(m, 0, 2);
	if (selector < 4) {
		m_set(m, VEC_SYS_LDT, selector);
		m_set(m, VEC_SYS_LDT_BASE, 0);
		m_set(m, VEC_SYS_LDT_LIMIT, 0);
		return;
	}
	if (!find(m, selector, 2))
		return;
	m_set(m, VEC_SYS_LDT, selector);
	m_set(m, VEC_SYS_LDT_BASE, base_of(m, AT_LDT));
	m_set(m, VEC_SYS_LDT_LIMIT, 8 * VEC_SEGMENTS - 1);
}

void vec_m_ltr(struct model *m)
{
	uint16_t selector;

	if (!vec_model_protected(m)) {
		m_ud(m);
		return;
	}
	if (!vec_model_cpl0(m))
		return;
	selector = (uint16_t)vec_model_rm(m, 0, 2);
	if (!find(m, selector, 9))
		return;
	m_set(m, VEC_SYS_TR, selector);
	m_set(m, VEC_SYS_TR_BASE, base_of(m, AT_TSS));
	m_set(m, VEC_SYS_TR_LIMIT, 103);
	m_set(m, VEC_SYS_BUSY, 11);
}

/* SLDT and STR. */
void vec_m_sldt(struct model *m)
{
	if (!vec_model_protected(m))
		m_ud(m);
	else if (!umip(m))
		vec_model_set_rm(m, 0, m_before(m, is(m, "str") ? VEC_SYS_TR :
			VEC_SYS_LDT), vec_model_is_memory(m) ? 2 :
			m->c->insn.opsize);
}

/* -- What leaves no trace, or one ---------------------------------------- */

/* INVLPG, INVD, WBINVD. */
void vec_m_nothing(struct model *m)
{
	vec_model_cpl0(m);
}

void vec_m_hlt(struct model *m)
{
	if (vec_model_cpl0(m))
		m_set(m, VEC_SYS_HALTED, 1);
}

/* SDM 2 "CLAC": #UD above level 0. */
void vec_m_ac(struct model *m)
{
	if (m->cpl) {
		m_ud(m);
		return;
	}
	m->o->state.rflags &= ~(uint64_t)M_AC;
	if (is(m, "stac"))
		m->o->state.rflags |= M_AC;
}

/* -- MSRs ---------------------------------------------------------------- */

enum check { ANY, CANONICAL, LOW, TYPES };

static const struct {
	uint32_t index;
	uint8_t item, check;
} msrs[] = {
	{ 0x174, VEC_SYS_SYSENTER_CS, ANY }, /* of 32 bits, if any */
	{ 0x175, VEC_SYS_SYSENTER_ESP, CANONICAL },
	{ 0x176, VEC_SYS_SYSENTER_EIP, CANONICAL },
	{ 0x277, VEC_SYS_PAT, TYPES },
	{ 0xc0000081, VEC_SYS_STAR, ANY },
	{ 0xc0000082, VEC_SYS_LSTAR, CANONICAL },
	{ 0xc0000083, VEC_SYS_CSTAR, CANONICAL },
	{ 0xc0000084, VEC_SYS_SFMASK, LOW },
	{ 0xc0000100, VEC_SYS_FS_BASE, CANONICAL },
	{ 0xc0000102, VEC_SYS_KERNEL_GS, CANONICAL },
	{ 0xc0000103, VEC_SYS_TSC_AUX, LOW },
	{ 0xc0000080, VEC_SYS_EFER, ANY },
};

#define NMSRS (sizeof(msrs) / sizeof(msrs[0]))

static int msr_of(const struct model *m)
{
	size_t i;

	for (i = 0; i < NMSRS; i++)
		if (msrs[i].index == vec_model_reg(m, VEC_CX, 4))
			return (int)i;
	return -1;
}

void vec_m_rdmsr(struct model *m)
{
	int n = msr_of(m);

	if (!vec_model_cpl0(m))
		return;
	if (n < 0)
		m_gp(m);
	else
		set_pair(m, m_before(m, msrs[n].item));
}

/* SDM 3A table 11-10: types of memory that IA32_PAT may hold. */
static bool good_types(uint64_t v)
{
	unsigned i;

	for (i = 0; i < 8; i++, v >>= 8)
		if ((v & 0xff) > 7 || (v & 0xff) == 2 || (v & 0xff) == 3)
			return false;
	return true;
}

/* SDM 3A 2.2.1: LMA is the processor's; LME stays while paging is on. */
static void write_efer(struct model *m, uint64_t v)
{
	uint64_t old = m_before(m, VEC_SYS_EFER);

	if ((v & ~(uint64_t)EFER_ALL) || (((v ^ old) & EFER_LME) &&
		(m_before(m, VEC_SYS_CR0) & CR0_PG)))
		m_gp(m);
	else
		m_set(m, VEC_SYS_EFER, (v & ~(uint64_t)EFER_LMA) |
			(old & EFER_LMA));
}

void vec_m_wrmsr(struct model *m)
{
	int n = msr_of(m);
	uint64_t v = pair(m);

	if (!vec_model_cpl0(m))
		return;
	if (n < 0)
		m_gp(m);
	else if (msrs[n].item == VEC_SYS_EFER)
		write_efer(m, v);
	else if ((msrs[n].check == CANONICAL && !vec_model_canonical(v)) ||
		(msrs[n].check == LOW && v >> 32) ||
		(msrs[n].check == TYPES && !good_types(v)))
		m_gp(m);
	else
		m_set(m, msrs[n].item, v);
}

/* -- Cases --------------------------------------------------------------- */

static uint64_t canonical(struct vec_random *r)
{
	uint64_t v = vec_random(r) >> vec_below(r, 40);

	return (uint64_t)((int64_t)(v << 16) >> 16);
}

static void prepare_msrs(struct vec_case *c, struct vec_random *r)
{
	uint64_t *s = c->sys;

	s[VEC_SYS_SYSENTER_CS] = vec_below(r, 8) ? vec_random(r) & 0xffff :
		vec_below(r, 4);
	s[VEC_SYS_SYSENTER_ESP] = canonical(r);
	s[VEC_SYS_SYSENTER_EIP] = canonical(r);
	s[VEC_SYS_STAR] = vec_random(r);
	s[VEC_SYS_LSTAR] = canonical(r);
	s[VEC_SYS_CSTAR] = canonical(r);
	s[VEC_SYS_SFMASK] = vec_random(r) & UINT32_MAX;
	s[VEC_SYS_KERNEL_GS] = canonical(r);
	s[VEC_SYS_TSC_AUX] = vec_random(r) & UINT32_MAX;
}

static void prepare_control(struct vec_case *c, struct vec_random *r)
{
	uint64_t *s = c->sys;

	s[VEC_SYS_CR2] = c->insn.mode == 64 ? vec_random(r) :
		vec_random(r) & UINT32_MAX;
	s[VEC_SYS_CR4] ^= vec_random(r) & (CR4_TSD | CR4_DE | CR4_PCE |
		CR4_UMIP | CR4_FSGS);
	if (vec_below(r, 8) == 0 && vec_worlds[c->world].kind != VEC_VM86)
		s[VEC_SYS_CR4] &= ~(uint64_t)CR4_OSXS;
	if (vec_below(r, 4) == 0)
		s[VEC_SYS_CR0] |= CR0_TS;
	s[VEC_SYS_CR0] ^= vec_random(r) & 2; /* MP */
	if (c->insn.mode == 64)
		s[VEC_SYS_CR8] = vec_below(r, 16);
	s[VEC_SYS_DR0] = vec_random(r) & UINT32_MAX;
	s[VEC_SYS_DR1] = vec_random(r) & UINT32_MAX;
	s[VEC_SYS_DR6] = 0xffff0ff0 | (vec_random(r) & 0xe00f);
	s[VEC_SYS_XCR0] = 1 | (vec_random(r) & 2);
}

/* A value of which many bits are as they were. */
static void prepare_control_value(struct vec_case *c, struct vec_random *r)
{
	int item = control_item(c->insn.reg);
	unsigned n = c->insn.rm & 15, i;
	uint64_t v = item < 0 ? 0 : c->sys[item];

	if (item < 0 || vec_below(r, 4) == 0)
		return;
	for (i = vec_below(r, 4); i--;)
		v ^= UINT64_C(1) << vec_below(r, vec_below(r, 8) ? 24 : 64);
	if (item == VEC_SYS_CR8)
		v &= 31;
	if (vec_below(r, 4) == 0 && item == VEC_SYS_CR0)
		v ^= (uint64_t)vec_below(r, 8) << 29;
	c->in.r[n] = c->insn.mode == 64 ? v : (uint32_t)v;
}

static void prepare_msr(struct vec_case *c, struct vec_random *r)
{
	uint64_t v = vec_below(r, 2) ? canonical(r) : vec_random(r);
	unsigned n = vec_below(r, NMSRS);

	c->in.r[VEC_CX] &= ~(uint64_t)UINT32_MAX;
	c->in.r[VEC_CX] |= vec_below(r, 12) ? msrs[n].index :
		0x40000000u + vec_below(r, 16); /* no processor has those */
	if (msrs[n].item == VEC_SYS_SYSENTER_CS ||
		(msrs[n].check == LOW && vec_below(r, 4)))
		v &= UINT32_MAX;
	if (msrs[n].check == TYPES)
		v = UINT64_C(0x0007040600070406) ^ (vec_below(r, 2) ? 0 :
			UINT64_C(1) << vec_below(r, 64));
	if (msrs[n].item == VEC_SYS_EFER)
		v = c->sys[VEC_SYS_EFER] ^ UINT64_C(1) <<
			vec_below(r, vec_below(r, 4) ? 12 : 64);
	if (strcmp(c->row->exec, "wrmsr"))
		return;
	c->in.r[0] = (c->in.r[0] & ~(uint64_t)UINT32_MAX) | (uint32_t)v;
	c->in.r[VEC_DX] = (c->in.r[VEC_DX] & ~(uint64_t)UINT32_MAX) | v >> 32;
}

void vec_model_prepare_system(struct vec_case *c, struct vec_random *r)
{
	static const uint32_t leaves[] = { 0, 1, 2, 4, 7, 0xb, 0xd,
		0x80000000, 0x80000001, 0x80000002, 0x80000008, 0x40000000 };
	const char *exec = c->row->exec;
	uint64_t high = ~(uint64_t)UINT32_MAX;

	prepare_msrs(c, r);
	prepare_control(c, r);
	if (!strcmp(exec, "mov_cr_r"))
		prepare_control_value(c, r);
	if (!strcmp(exec, "rdmsr") || !strcmp(exec, "wrmsr"))
		prepare_msr(c, r);
	if (!strcmp(exec, "cpuid") && vec_below(r, 4))
		c->in.r[0] = (c->in.r[0] & high) | leaves[vec_below(r, 12)];
	if (exec[0] == 'x' && vec_below(r, 8)) { /* XGETBV, XSETBV */
		c->in.r[VEC_CX] &= high;
		c->in.r[VEC_DX] &= high;
		c->in.r[0] = (c->in.r[0] & high) | vec_below(r, 8);
	}
	if (!strncmp(exec, "sysexit", 7) && vec_below(r, 2))
		c->in.r[VEC_CX] = canonical(r);
	if ((!strncmp(exec, "sysexit", 7) || !strncmp(exec, "sysret", 6)) &&
		vec_below(r, 2))
		c->in.r[VEC_DX] = canonical(r);
	if (!strncmp(exec, "sysret", 6) && vec_below(r, 2))
		c->in.r[VEC_CX] = canonical(r);
	if (!strncmp(exec, "wr", 2) && exec[2] == 'f' && vec_below(r, 2))
		c->in.r[c->insn.rm & 15] = canonical(r);
	if (c->insn.mode != 64)
		for (unsigned i = 0; i < 8; i++)
			c->in.r[i] = (uint32_t)c->in.r[i];
}
