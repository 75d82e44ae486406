/* SPDX-License-Identifier: MIT */
/*
 * A model from the manual's words: SDM 1, 2 and 3A, a function for each
 * operation, which shares nothing with the software processor but the
 * decoder.  It is asked where nobody else can be: for what user mode on the
 * host does not reach, and for what real and virtual-8086 mode do in a way of
 * their own.  Cases that it judges touch memory only inside of a page.
 */
#include <stdio.h>
#include <string.h>

#include "tests/vectors/vec_model.h"

/* -- Ports --------------------------------------------------------------- */

uint8_t vec_port_byte(uint16_t port, unsigned n)
{
	return (uint8_t)(0x5a + 7 * port + 0x35 * n);
}

void vec_port(uint64_t *noted, const struct vec_port *p)
{
	uint64_t h = *noted ^ p->port ^ p->width << 16 ^
		(uint64_t)p->is_write << 24;
	unsigned i;

	for (i = 0; i < p->width; i++)
		h = (h ^ (p->is_write ? p->data[i] : 0)) *
			UINT64_C(0x9fb21c651e98df25);
	*noted = h;
}

/* -- State --------------------------------------------------------------- */

static void begin(struct model *m)
{
	struct vec_out *o = m->o;

	o->state = m->c->in;
	o->vector = VEC_NO_FAULT;
	o->code = 0;
	o->cr2 = 0;
	memcpy(o->mem, m->c->mem, sizeof(o->mem));
	memcpy(o->sys, m->c->sys, sizeof(o->sys));
}

void vec_model_fault(struct model *m, unsigned vector, unsigned code)
{
	if (m->failed)
		return;
	begin(m);
	m->failed = true;
	m->o->vector = (uint8_t)vector;
	m->o->code = m->kind == VEC_REAL ? 0 : code;
	m->o->state.rflags |= M_RF;
}

void m_ud(struct model *m)
{
	vec_model_fault(m, M_UD, 0);
}

bool vec_model_cpl0(struct model *m)
{
	if (m->cpl)
		vec_model_fault(m, M_GP, 0);
	return !m->cpl;
}

bool vec_model_protected(const struct model *m)
{
	return m->kind != VEC_REAL && m->kind != VEC_VM86;
}

static uint64_t mask_of(unsigned bytes)
{
	return bytes >= 8 ? ~UINT64_C(0) : (UINT64_C(1) << 8 * bytes) - 1;
}

uint64_t vec_model_reg(const struct model *m, unsigned n, unsigned bytes)
{
	return m->o->state.r[n] & mask_of(bytes);
}

/* SDM 1 3.4.1.1: 32 bits are zero-extended. */
void vec_model_set_reg(struct model *m, unsigned n, uint64_t v,
	unsigned bytes)
{
	uint64_t mask = bytes == 4 ? ~UINT64_C(0) : mask_of(bytes);

	if (m->failed)
		return;
	m->o->state.r[n] = (m->o->state.r[n] & ~mask) |
		(v & mask_of(bytes) & mask);
}

/* -- Memory -------------------------------------------------------------- */

/* 16-bit segments have 64 KiB (SDM 3A 20.1.1), others no limit here. */
static bool inside(struct model *m, unsigned seg, uint64_t offset,
	unsigned bytes)
{
	if (m->bits != 16)
		return true;
	if (offset + bytes - 1 <= 0xffff)
		return true;
	vec_model_fault(m, seg == VMI_SS ? M_SS : M_GP, 0);
	return false;
}

static uint8_t *byte_at(struct model *m, uint64_t linear)
{
	static const uint32_t at[VEC_PAGES] = { VEC_DATA, VEC_FIXED,
		VEC_STACK };
	unsigned i;

	for (i = 0; i < VEC_PAGES; i++)
		if (linear - at[i] < VEC_PAGE)
			return &m->o->mem[i][linear - at[i]];
	m->broken = "memory that the model does not have";
	return &m->o->mem[0][0];
}

uint64_t vec_model_read(struct model *m, unsigned seg, uint64_t offset,
	unsigned bytes)
{
	uint64_t base = vec_base_of(m->c, seg), v = 0;

	if (m->failed || !inside(m, seg, offset, bytes))
		return 0;
	while (bytes--)
		v = v << 8 | *byte_at(m, base + offset + bytes);
	return v;
}

void vec_model_write(struct model *m, unsigned seg, uint64_t offset,
	struct vec_value value)
{
	uint64_t base = vec_base_of(m->c, seg);
	unsigned i;

	if (m->failed || !inside(m, seg, offset, value.bytes))
		return;
	for (i = 0; i < value.bytes; i++)
		*byte_at(m, base + offset + i) = (uint8_t)(value.v >> 8 * i);
}

static uint64_t effective(const struct model *m)
{
	const struct vmi_insn *i = &m->c->insn;
	uint64_t at = (uint64_t)i->disp;

	if (i->rip_relative)
		at += m->c->in.rip + i->len;
	if (i->base != VMI_NOREG)
		at += m->c->in.r[i->base];
	if (i->index != VMI_NOREG)
		at += m->c->in.r[i->index] * i->scale;
	return at & mask_of(i->addrsize);
}

bool vec_model_is_memory(const struct model *m)
{
	return m->c->insn.has_modrm && m->c->insn.mod != 3;
}

uint64_t vec_model_rm(struct model *m, uint64_t delta, unsigned bytes)
{
	uint64_t at = (effective(m) + delta) & mask_of(m->c->insn.addrsize);

	if (!vec_model_is_memory(m))
		return vec_model_reg(m, m->c->insn.rm, bytes);
	return vec_model_read(m, m->c->insn.seg, at, bytes);
}

void vec_model_set_rm(struct model *m, uint64_t delta, uint64_t v,
	unsigned bytes)
{
	uint64_t at = (effective(m) + delta) & mask_of(m->c->insn.addrsize);

	if (!vec_model_is_memory(m))
		vec_model_set_reg(m, m->c->insn.rm, v, bytes);
	else
		vec_model_write(m, m->c->insn.seg, at,
			(struct vec_value){ v, bytes });
}

/* SP where the stack segment is of 16 bits. */
static uint64_t stack_mask(const struct model *m)
{
	const struct vec_segment *s = vec_segment(m->c->in.ss);

	if (m->bits == 64)
		return ~UINT64_C(0);
	return s && !s->big ? 0xffff : UINT32_MAX;
}

static void move_stack(struct model *m, uint64_t by)
{
	uint64_t *sp = &m->o->state.r[VEC_SP], mask = stack_mask(m);

	if (!m->failed)
		*sp = (*sp & ~mask) | ((*sp + by) & mask);
}

uint64_t vec_model_pop(struct model *m, unsigned bytes)
{
	uint64_t sp = m->o->state.r[VEC_SP] & stack_mask(m);
	uint64_t v = vec_model_read(m, VMI_SS, sp, bytes);

	move_stack(m, bytes);
	return v;
}

/* Of its slot two bytes are read. */
static uint16_t pop_selector(struct model *m)
{
	uint64_t sp = m->o->state.r[VEC_SP] & stack_mask(m);
	uint64_t v = vec_model_read(m, VMI_SS, sp, 2);

	move_stack(m, m->c->insn.opsize);
	return (uint16_t)v;
}

void vec_model_push(struct model *m, uint64_t v, unsigned bytes)
{
	move_stack(m, -(uint64_t)bytes);
	vec_model_write(m, VMI_SS, m->o->state.r[VEC_SP] & stack_mask(m),
		(struct vec_value){ v, bytes });
}

/* -- Flags and IOPL ------------------------------------------------------ */

/* SDM 2 "CLI" table 3-7, "STI" table 4-19; VME and PVI are clear. */
static void interrupt_flag(struct model *m)
{
	if (m->cpl > m->iopl) {
		vec_model_fault(m, M_GP, 0);
		return;
	}
	m->o->state.rflags &= ~(uint64_t)M_IF;
	if (!strcmp(m->c->row->exec, "sti"))
		m->o->state.rflags |= M_IF;
}

/* SDM 3A 20.2.7: sensitive in virtual-8086 mode. */
static bool sensitive(struct model *m)
{
	if (m->kind != VEC_VM86 || m->iopl == 3)
		return false;
	vec_model_fault(m, M_GP, 0);
	return true;
}

static void pushf_(struct model *m)
{
	if (!sensitive(m))
		vec_model_push(m, m->c->in.rflags & ~(M_VM | M_RF),
			m->c->insn.opsize);
}

static void set_flags(struct model *m, uint64_t v, uint64_t mask)
{
	if (!m->failed)
		m->o->state.rflags = (m->c->in.rflags & ~mask) | (v & mask);
}

/* SDM 2 "POPF" table 4-16. */
static void popf_(struct model *m)
{
	unsigned bytes = m->c->insn.opsize;
	uint64_t mask = 0x4dd5, v;

	if (sensitive(m))
		return;
	v = vec_model_pop(m, bytes);
	if (bytes > 2)
		mask |= M_AC | M_ID;
	if (m->cpl <= m->iopl)
		mask |= M_IF;
	if (m->cpl == 0)
		mask |= M_IOPL;
	set_flags(m, v, mask);
}

/* -- Events by instruction ----------------------------------------------- */

static void deliver(struct model *m, unsigned vector)
{
	m->o->vector = (uint8_t)vector;
}

static void int1(struct model *m)
{
	deliver(m, M_DB);
}

/* SDM 2 "INT n": gates are for privilege level 0, but for 3 and 4. */
static void int_n(struct model *m)
{
	unsigned vector = (uint8_t)m->c->insn.imm;

	if (sensitive(m))
		return;
	if (m->cpl == 3 && vector != 3 && vector != 4)
		vec_model_fault(m, M_GP, vector * 8 + 2);
	else
		deliver(m, vector);
}

/* -- Ports --------------------------------------------------------------- */

/* SDM 1 19.5. */
static bool permitted(struct model *m, uint16_t port, unsigned bytes)
{
	bool by_map = m->kind == VEC_VM86 && port >= VEC_PORT_FIRST &&
		port + bytes - 1 <= VEC_PORT_LAST;

	if (by_map || (m->kind != VEC_VM86 && m->cpl <= m->iopl))
		return true;
	vec_model_fault(m, M_GP, 0);
	return false;
}

static uint64_t ask(struct model *m, uint16_t port, unsigned bytes)
{
	struct vec_port p = { port, bytes, false, NULL };
	uint64_t v = 0;
	unsigned i;

	vec_port(&m->o->sys[VEC_SYS_IO], &p);
	for (i = 0; i < bytes; i++)
		v |= (uint64_t)vec_port_byte(port, i) << 8 * i;
	return v;
}

static void tell(struct model *m, uint16_t port, struct vec_value value)
{
	uint8_t data[4];
	struct vec_port p = { port, value.bytes, true, data };
	unsigned i;

	for (i = 0; i < 4; i++)
		data[i] = (uint8_t)(value.v >> 8 * i);
	vec_port(&m->o->sys[VEC_SYS_IO], &p);
}

static unsigned port_bytes(const struct model *m)
{
	if (!(m->c->row->opcode & 1))
		return 1;
	return m->c->insn.opsize == 2 ? 2 : 4;
}

static void in_out(struct model *m)
{
	unsigned bytes = port_bytes(m);
	uint16_t port = m->c->row->opcode & 8 ?
		(uint16_t)m->c->in.r[VEC_DX] : (uint8_t)m->c->insn.imm;

	if (!permitted(m, port, bytes))
		return;
	if (m->c->row->opcode & 2)
		tell(m, port, (struct vec_value){ vec_model_reg(m, 0, bytes),
			bytes });
	else
		vec_model_set_reg(m, 0, ask(m, port, bytes), bytes);
}

/* SDM 2 "INS", "OUTS", "REP": the counter and the index of address size. */
static void string_io(struct model *m)
{
	const struct vmi_insn *i = &m->c->insn;
	unsigned bytes = port_bytes(m), size = i->addrsize;
	bool repeat = i->prefixes & (VMI_PFX_F2 | VMI_PFX_F3);
	bool out = m->c->row->opcode & 2;
	unsigned n = out ? VEC_SI : VEC_DI, seg = out ? i->seg : VMI_ES;
	uint64_t count = repeat ? vec_model_reg(m, VEC_CX, size) : 1;
	uint64_t step = m->c->in.rflags & 0x400 ? -(uint64_t)bytes : bytes;
	uint16_t port = (uint16_t)m->c->in.r[VEC_DX];

	if (!permitted(m, port, bytes))
		return;
	while (count-- && !m->failed) {
		uint64_t at = vec_model_reg(m, n, size);
		struct vec_value v = { 0, bytes };

		if (out) {
			v.v = vec_model_read(m, seg, at, bytes);
			if (!m->failed)
				tell(m, port, v);
		} else {
			v.v = ask(m, port, bytes);
			vec_model_write(m, seg, at, v);
		}
		vec_model_set_reg(m, n, at + step, size);
		if (repeat)
			vec_model_set_reg(m, VEC_CX, count, size);
	}
}

/* -- Segments, as bases -------------------------------------------------- */

static uint16_t named(const struct model *m, uint16_t selector)
{
	unsigned i;

	for (i = VMI_ES; i <= VMI_GS; i++)
		if (i != VMI_FS && vec_real_selector(vec_selector_of(
			&m->c->in, i)) == selector)
			return vec_selector_of(&m->c->in, i);
	return selector;
}

/* The base does not show for GS; that of SS and of CS does. */
static void set_segment(struct model *m, unsigned seg, uint16_t selector)
{
	struct vec_state *s = &m->o->state;
	uint16_t name = named(m, selector);

	switch (seg) {
	case VMI_ES: s->es = name; break;
	case VMI_CS:
		s->cs = name;
		m->o->sys[VEC_SYS_CS_BASE] = (uint64_t)selector << 4;
		break;
	case VMI_SS:
		s->ss = name;
		m->o->sys[VEC_SYS_SS_BASE] = (uint64_t)selector << 4;
		break;
	case VMI_DS: s->ds = name; break;
	case VMI_FS:
		m->o->sys[VEC_SYS_FS] = selector;
		m->o->sys[VEC_SYS_FS_BASE] = (uint64_t)selector << 4;
		break;
	default: s->gs = name;
	}
}

/* Operand n names a segment register, or ModRM.reg does. */
static unsigned segment_of(const struct model *m)
{
	static const char *const names[] = { "ES", "CS", "SS", "DS", "FS",
		"GS" };
	unsigned i;

	for (i = 0; i < 6; i++)
		if (!strcmp(m->c->row->op[0], names[i]))
			return i;
	return m->c->insn.reg;
}

static uint64_t segment_value(const struct model *m, unsigned seg)
{
	return seg == VMI_FS ? m->c->sys[VEC_SYS_FS] :
		vec_model_protected(m) ? vec_selector_of(&m->c->in, seg) :
		vec_real_selector(vec_selector_of(&m->c->in, seg));
}

static void mov_r_sreg(struct model *m)
{
	uint64_t v = segment_value(m, segment_of(m));

	vec_model_set_rm(m, 0, v, vec_model_is_memory(m) ? 2 :
		m->c->insn.opsize);
}

/* Processors write 16 bits and move by the operand size: SDM 2 "PUSH". */
static void push_sreg(struct model *m)
{
	unsigned bytes = m->c->insn.opsize;

	move_stack(m, -(uint64_t)bytes);
	vec_model_write(m, VMI_SS, m->o->state.r[VEC_SP] & stack_mask(m),
		(struct vec_value){ segment_value(m, segment_of(m)),
			bytes == 8 ? 8 : 2 });
}

/* SDM 3A 3.4.5, 5.6: user mode loads a data segment into FS. */
static void load_fs(struct model *m, uint16_t selector)
{
	const struct vec_segment *s = vec_segment(selector);
	unsigned n = selector >> 3, code = selector & 0xfffcu;
	uint64_t base = s ? s->base : 0;
	bool present = s ? s->present : true, ok = n == 4 || n == 5 || n == 6;

	if (code == 0) {
		m->o->sys[VEC_SYS_FS] = selector;
		m->o->sys[VEC_SYS_FS_BASE] = 0;
		return;
	}
	if (s) /* data, or code that can be read */
		ok = n && (s->type & 10) != 8;
	else if (selector & 4)
		ok = false;
	/* 64-bit and 32-bit code of GDT can be read; none is conforming. */
	if (!ok) {
		vec_model_fault(m, M_GP, code);
		return;
	}
	if (!present) {
		vec_model_fault(m, M_NP, code);
		return;
	}
	m->o->sys[VEC_SYS_FS] = selector;
	m->o->sys[VEC_SYS_FS_BASE] = base;
}

static void load_segment(struct model *m, unsigned seg, uint16_t selector)
{
	if (m->failed)
		return;
	if (vec_model_protected(m))
		load_fs(m, selector);
	else
		set_segment(m, seg, selector);
}

static void mov_sreg_r(struct model *m)
{
	load_segment(m, segment_of(m), (uint16_t)vec_model_rm(m, 0, 2));
}

static void pop_sreg(struct model *m)
{
	uint16_t v = pop_selector(m);

	load_segment(m, segment_of(m), v);
}

/* LDS, LES, LFS, LGS, LSS. */
static void load_far(struct model *m)
{
	static const char letters[] = "ecsdfg";
	unsigned bytes = m->c->insn.opsize;
	uint64_t offset = vec_model_rm(m, 0, bytes);
	uint16_t selector = (uint16_t)vec_model_rm(m, bytes, 2);

	load_segment(m, (unsigned)(strchr(letters, m->c->row->exec[1]) -
		letters), selector);
	if (!m->failed)
		vec_model_set_reg(m, m->c->insn.reg, offset, bytes);
}

/* -- Far transfers without descriptors ----------------------------------- */

static void go(struct model *m, uint64_t ip, uint16_t cs)
{
	if (m->failed)
		return;
	if (ip > 0xffff) {
		vec_model_fault(m, M_GP, 0);
		return;
	}
	set_segment(m, VMI_CS, cs);
	m->o->state.rip = ip;
}

static void far_branch(struct model *m)
{
	unsigned bytes = m->c->insn.opsize;
	uint64_t ip = m->c->insn.imm & mask_of(bytes);
	uint16_t cs = (uint16_t)m->c->insn.imm2;

	if (m->c->insn.has_modrm) {
		ip = vec_model_rm(m, 0, bytes);
		cs = (uint16_t)vec_model_rm(m, bytes, 2);
	}
	if (!strcmp(m->c->row->exec, "call_far")) {
		vec_model_push(m, segment_value(m, VMI_CS), bytes);
		vec_model_push(m, m->o->state.rip, bytes);
	}
	go(m, ip, cs);
}

static void far_return(struct model *m)
{
	unsigned bytes = m->c->insn.opsize;
	uint64_t ip = vec_model_pop(m, bytes);
	uint16_t cs = pop_selector(m);

	if (!strcmp(m->c->row->op[0], "Iw"))
		move_stack(m, m->c->insn.imm & 0xffff);
	go(m, ip, cs);
}

/* SDM 2 "IRET", real-address mode and return from virtual-8086 mode. */
static void iret(struct model *m)
{
	unsigned bytes = m->c->insn.opsize;
	uint64_t ip, flags, mask = bytes == 2 ? 0x7fd5 : 0x257fd5;
	uint16_t cs;

	if (sensitive(m))
		return;
	ip = vec_model_pop(m, bytes);
	cs = pop_selector(m);
	flags = vec_model_pop(m, bytes);
	if (m->kind == VEC_VM86)
		mask &= ~(uint64_t)M_IOPL;
	set_flags(m, flags, mask);
	go(m, ip, cs);
}

/* -- The table ----------------------------------------------------------- */

#define U 1u /* user mode, where the host cannot say */
#define S 2u /* privilege level 0 */
#define R 4u /* real mode */
#define V 8u /* virtual-8086 mode */
#define ALL (U | S | R | V)

static const struct {
	const char *exec;
	unsigned kinds;
	vec_model_fn *fn;
} models[] = {
	{ "cli", S | R | V, interrupt_flag },
	{ "sti", S | R | V, interrupt_flag },
	{ "pushf", S | R | V, pushf_ },
	{ "popf", S | R | V, popf_ },
	{ "in", S | R | V, in_out },
	{ "out", S | R | V, in_out },
	{ "ins", S | R | V, string_io },
	{ "outs", S | R | V, string_io },
	{ "int1", ALL, int1 },
	{ "int", S | R | V, int_n },
	{ "iret", R | V, iret },
	{ "call_far", R | V, far_branch },
	{ "jmp_far", R | V, far_branch },
	{ "ret_far", R | V, far_return },
	{ "mov_r_sreg", R | V, mov_r_sreg },
	{ "mov_sreg_r", R | V, mov_sreg_r },
	{ "push_sreg", R | V, push_sreg },
	{ "pop_sreg", R | V, pop_sreg },
	{ "lds", R | V, load_far },
	{ "les", R | V, load_far },
	{ "lfs", U | R | V, load_far },
	{ "lgs", R | V, load_far },
	{ "lss", R | V, load_far },
	{ "hlt", S | R | V, vec_m_hlt },
	{ "clac", S | R | V, vec_m_ac },
	{ "stac", S | R | V, vec_m_ac },
	{ "cpuid", ALL, vec_m_cpuid },
	{ "rdtsc", ALL, vec_m_rdtsc },
	{ "rdtscp", ALL, vec_m_rdtsc },
	{ "rdrand", ALL, vec_m_rdrand },
	{ "rdseed", ALL, vec_m_rdrand },
	{ "rdpmc", ALL, vec_m_rdpmc },
	{ "xgetbv", ALL, vec_m_xgetbv },
	{ "xsetbv", S | R | V, vec_m_xsetbv },
	{ "rdmsr", S | R | V, vec_m_rdmsr },
	{ "wrmsr", S | R | V, vec_m_wrmsr },
	{ "mov_r_cr", S | R | V, vec_m_mov_r_cr },
	{ "mov_cr_r", S | R | V, vec_m_mov_cr_r },
	{ "mov_r_dr", S | R | V, vec_m_mov_r_dr },
	{ "mov_dr_r", S | R | V, vec_m_mov_dr_r },
	{ "lmsw", S | R | V, vec_m_lmsw },
	{ "smsw", ALL, vec_m_smsw },
	{ "clts", S | R | V, vec_m_clts },
	{ "lgdt", S | R | V, vec_m_table_load },
	{ "lidt", S | R | V, vec_m_table_load },
	{ "sgdt", ALL, vec_m_table_store },
	{ "sidt", ALL, vec_m_table_store },
	{ "lldt", S | R | V, vec_m_lldt },
	{ "ltr", S | R | V, vec_m_ltr },
	{ "sldt", ALL, vec_m_sldt },
	{ "str", ALL, vec_m_sldt },
	{ "arpl", R | V, m_ud },
	{ "lar", R | V, m_ud },
	{ "lsl", R | V, m_ud },
	{ "verr", R | V, m_ud },
	{ "verw", R | V, m_ud },
	{ "invlpg", S | R | V, vec_m_nothing },
	{ "invpcid", ALL, vec_m_invpcid },
	{ "invd", S | R | V, vec_m_nothing },
	{ "wbinvd", S | R | V, vec_m_nothing },
	{ "swapgs", S, vec_m_swapgs },
	{ "rdfsbase", U | S, vec_m_fsbase },
	{ "wrfsbase", U | S, vec_m_fsbase },
	{ "syscall", ALL, vec_m_syscall },
	{ "sysret", S | R | V, vec_m_sysret },
	{ "sysenter", ALL, vec_m_sysenter },
	{ "sysexit", S | R | V, vec_m_sysexit },
	/* Not in the CPUID model. */
	{ "monitor", ALL, m_ud },
	{ "mwait", ALL, m_ud },
	{ "vmcall", ALL, m_ud },
	{ "vmmcall", ALL, m_ud },
};

#define NMODELS (sizeof(models) / sizeof(models[0]))

vec_model_fn *vec_model_of(const struct vec_row *row, unsigned world)
{
	static const unsigned kinds[] = { [VEC_USER] = U, [VEC_SYSTEM] = S,
		[VEC_REAL] = R, [VEC_VM86] = V };
	unsigned kind = kinds[vec_worlds[world].kind];
	size_t i;

	for (i = 0; i < NMODELS; i++)
		if (!strcmp(models[i].exec, row->exec) &&
			(models[i].kinds & kind))
			return models[i].fn;
	if (kind == S && vec_model_unit(row))
		return vec_m_unit;
	/* The host's FS is not to be touched. */
	if (kind == U && !strcmp(row->op[0], "FS"))
		return row->exec[1] == 'u' ? push_sreg : pop_sreg;
	return NULL;
}

bool vec_model_only(const struct vec_row *row)
{
	return vec_model_of(row, VEC_W64) != NULL;
}

bool vec_model_alike(const struct vec_row *row, unsigned world)
{
	/* Images that differ in how they hold pointers: SDM 1 8.1.10. */
	static const char *const images[] = { "fnstenv", "fldenv", "fnsave",
		"frstor" };
	size_t i;

	for (i = 0; i < sizeof(images) / sizeof(images[0]); i++)
		if (!strcmp(row->exec, images[i]))
			return false;
	return !vec_model_of(row, world);
}

/* -- Cases --------------------------------------------------------------- */

void vec_model_prepare(struct vec_case *c, struct vec_random *r)
{
	enum vec_kind kind = vec_worlds[c->world].kind;

	if (kind != VEC_USER) {
		c->in.rflags &= ~(uint64_t)(M_IF | M_IOPL);
		c->in.rflags |= vec_random(r) & (M_IF | M_IOPL);
		if (kind == VEC_VM86 && vec_below(r, 3))
			c->in.rflags |= M_IOPL;
	}
	c->in.rflags &= ~(uint64_t)M_AC;
	if (vec_below(r, 4) == 0 && kind == VEC_SYSTEM)
		c->in.rflags |= M_AC;
	if (!strncmp(c->row->exec, "in", 2) || c->row->exec[0] == 'o')
		c->in.r[VEC_DX] = (c->in.r[VEC_DX] & ~UINT64_C(0xffff)) |
			(VEC_PORT_FIRST - 6 + vec_below(r, 44));
	vec_model_prepare_system(c, r);
	if (vec_model_of(c->row, c->world) == vec_m_unit)
		vec_model_prepare_unit(c, r);
}

void vec_model_run(const struct vec_case *c, const struct vec_out *got,
	struct vec_out *want, const char **broken)
{
	struct model m = { .c = c, .got = got, .o = want,
		.kind = vec_worlds[c->world].kind,
		.bits = vec_worlds[c->world].bits,
		.iopl = c->in.rflags >> 12 & 3 };

	m.cpl = m.kind == VEC_USER || m.kind == VEC_VM86 ? 3 : 0;
	begin(&m);
	want->sys[VEC_SYS_CS_ATTRIBUTES] = got->sys[VEC_SYS_CS_ATTRIBUTES];
	want->sys[VEC_SYS_SS_ATTRIBUTES] = got->sys[VEC_SYS_SS_ATTRIBUTES];
	want->sys[VEC_SYS_CS_BASE] = got->sys[VEC_SYS_CS_BASE];
	want->sys[VEC_SYS_SS_BASE] = got->sys[VEC_SYS_SS_BASE];
	if (c->len > c->insn.len) { /* LOCK, where it may not be */
		m_ud(&m);
	} else {
		want->state.rip += c->insn.len;
		vec_model_of(c->row, c->world)(&m);
	}
	*broken = m.broken;
}

bool vec_model_equal(const struct vec_out *got, const struct vec_out *want,
	bool show)
{
	bool equal = true;
	unsigned i;

	for (i = 0; i < VEC_SYS_ITEMS; i++) {
		/* A handler has segments of its own. */
		if (want->vector != VEC_NO_FAULT &&
			((i >= VEC_SYS_CS_ATTRIBUTES && i <= VEC_SYS_SS_BASE) ||
			i == VEC_SYS_FS || i == VEC_SYS_FS_BASE))
			continue;
		if (got->sys[i] == want->sys[i])
			continue;
		equal = false;
		if (show)
			printf("  system item %u: %#llx instead of %#llx\n", i,
				(unsigned long long)got->sys[i],
				(unsigned long long)want->sys[i]);
	}
	return equal;
}
