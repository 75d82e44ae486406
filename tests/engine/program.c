/* SPDX-License-Identifier: MIT */
/*
 * Random programs of integer instructions.
 *
 * An instruction is a row of the table with random prefixes, operands and
 * immediates, if the decoder then takes it for an instruction of the list
 * below.  Before one that reaches memory, its address registers get values
 * that lie in the data; before one that uses the stack, the stack pointer.
 * Between them are branches to the beginnings of other instructions.
 */
#include "tests/engine/program.h"

#include <string.h>

#include "lib/soft/insn.h"

#define UNITS 40

static const uint16_t allowed[] = {
	VMI_EXEC_aaa, VMI_EXEC_aad, VMI_EXEC_aam, VMI_EXEC_aas, VMI_EXEC_adc,
	VMI_EXEC_adc, VMI_EXEC_add, VMI_EXEC_add, VMI_EXEC_and, VMI_EXEC_bsf,
	VMI_EXEC_bsr, VMI_EXEC_bswap, VMI_EXEC_bt, VMI_EXEC_btc, VMI_EXEC_btr,
	VMI_EXEC_bts, VMI_EXEC_cbw, VMI_EXEC_clc, VMI_EXEC_cld, VMI_EXEC_cmc,
	VMI_EXEC_cmovcc, VMI_EXEC_cmp, VMI_EXEC_cmp, VMI_EXEC_cmp,
	VMI_EXEC_cmps, VMI_EXEC_cmpxchg, VMI_EXEC_cmpxchg8b, VMI_EXEC_cpuid,
	VMI_EXEC_crc32, VMI_EXEC_cwd, VMI_EXEC_daa, VMI_EXEC_das,
	VMI_EXEC_dec, VMI_EXEC_div, VMI_EXEC_enter, VMI_EXEC_idiv,
	VMI_EXEC_imul, VMI_EXEC_imul, VMI_EXEC_imul1, VMI_EXEC_inc,
	VMI_EXEC_lahf, VMI_EXEC_lea, VMI_EXEC_leave, VMI_EXEC_lods,
	VMI_EXEC_mov, VMI_EXEC_mov, VMI_EXEC_mov, VMI_EXEC_mov, VMI_EXEC_movbe,
	VMI_EXEC_movs, VMI_EXEC_movsx, VMI_EXEC_movsxd, VMI_EXEC_movzx,
	VMI_EXEC_mul, VMI_EXEC_neg, VMI_EXEC_nop, VMI_EXEC_not, VMI_EXEC_or,
	VMI_EXEC_pop, VMI_EXEC_popa, VMI_EXEC_popcnt, VMI_EXEC_push,
	VMI_EXEC_push, VMI_EXEC_pusha, VMI_EXEC_pushf, VMI_EXEC_rcl,
	VMI_EXEC_rcr, VMI_EXEC_rol, VMI_EXEC_ror, VMI_EXEC_sahf,
	VMI_EXEC_salc, VMI_EXEC_sar, VMI_EXEC_sbb, VMI_EXEC_sbb, VMI_EXEC_scas,
	VMI_EXEC_setcc, VMI_EXEC_shl, VMI_EXEC_shl, VMI_EXEC_shld,
	VMI_EXEC_shr, VMI_EXEC_shrd, VMI_EXEC_stc, VMI_EXEC_std,
	VMI_EXEC_stos, VMI_EXEC_sub, VMI_EXEC_sub, VMI_EXEC_test,
	VMI_EXEC_test, VMI_EXEC_xadd, VMI_EXEC_xchg, VMI_EXEC_xlat,
	VMI_EXEC_xor,
	VMI_EXEC_addpd, VMI_EXEC_addps, VMI_EXEC_addsd, VMI_EXEC_addss,
	VMI_EXEC_comisd, VMI_EXEC_cvtsi2sd, VMI_EXEC_cvttsd2si,
	VMI_EXEC_divpd, VMI_EXEC_divsd, VMI_EXEC_divss,
	VMI_EXEC_movaps, VMI_EXEC_movd_from_xmm, VMI_EXEC_movd_to_xmm,
	VMI_EXEC_movdqu, VMI_EXEC_movq_xmm, VMI_EXEC_movsd, VMI_EXEC_movss,
	VMI_EXEC_movups, VMI_EXEC_mulps, VMI_EXEC_mulsd, VMI_EXEC_mulss,
	VMI_EXEC_pxor, VMI_EXEC_subpd, VMI_EXEC_subsd, VMI_EXEC_ucomisd,
	VMI_EXEC_xorps,
};

uint64_t program_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

struct maker {
	struct program *p;
	uint64_t state;
	size_t at[UNITS + 1]; /* where units begin */
	unsigned n;
	struct {
		size_t place; /* of a distance */
		unsigned bytes, to;
	} fix[UNITS];
	unsigned n_fix;
};

static unsigned pick(struct maker *m, unsigned n)
{
	return (unsigned)(program_random(&m->state) >> 11) % n;
}

static void put(struct maker *m, uint64_t v, unsigned bytes)
{
	for (; bytes; bytes--, v >>= 8)
		m->p->bytes[m->p->length++] = (uint8_t)v;
}

/* An offset within the data, as the mode's addresses reach it. */
static uint32_t data_offset(struct maker *m, unsigned from, unsigned room)
{
	uint32_t at = from + pick(m, room);

	return m->p->mode == 16 ? at : PROGRAM_DATA + at;
}

/* mov r32, imm32 */
static void put_load(struct maker *m, unsigned reg, uint32_t v)
{
	if (m->p->mode == 16)
		put(m, 0x66, 1);
	if (reg >= 8)
		put(m, 0x41, 1);
	put(m, 0xb8 | (reg & 7), 1);
	put(m, v, 4);
}

static void put_stack(struct maker *m)
{
	put_load(m, 4, data_offset(m, 0x8000, 64));
}

/* -- Table instructions ------------------------------------------------- */

static bool is_allowed(unsigned exec)
{
	size_t i;

	for (i = 0; i < sizeof(allowed) / sizeof(*allowed); i++) {
		if (allowed[i] == exec)
			return true;
	}
	return false;
}

static const struct vmi_row *random_row(struct maker *m)
{
	unsigned exec = allowed[pick(m, sizeof(allowed) / sizeof(*allowed))];
	size_t i = pick(m, (unsigned)vmi_nrows), n;

	for (n = 0; n < vmi_nrows && vmi_rows[i].exec != exec; n++)
		i = i + 1 == vmi_nrows ? 0 : i + 1;
	return &vmi_rows[i];
}

static uint8_t *put_prefixes(struct maker *m, uint8_t *b)
{
	static const uint8_t segments[] = { 0x26, 0x36, 0x3e, 0x64, 0x65 };

	if (!pick(m, 4))
		*b++ = 0x66;
	if (!pick(m, 6))
		*b++ = 0x67;
	if (!pick(m, 4))
		*b++ = (uint8_t)(0xf2 + pick(m, 2));
	if (!pick(m, 8))
		*b++ = 0xf0;
	if (!pick(m, 8))
		*b++ = segments[pick(m, sizeof(segments))];
	if (m->p->mode == 64 && pick(m, 2))
		*b++ = (uint8_t)(0x40 + pick(m, 16));
	return b;
}

/* Displacements and immediates: often one at some edge. */
static uint8_t random_byte(struct maker *m)
{
	static const uint8_t edges[] = { 0, 1, 7, 8, 15, 16, 31, 32, 63, 64,
		0x7f, 0x80, 0xff };

	return pick(m, 3) ? (uint8_t)program_random(&m->state) :
		edges[pick(m, sizeof(edges))];
}

/* A random encoding of the row, with bytes to spare. */
static void encode(struct maker *m, const struct vmi_row *row, uint8_t *b)
{
	unsigned i, modrm = pick(m, 256);
	uint8_t *end = b + 32;

	b = put_prefixes(m, b);
	if (row->map != VMI_MAP_1)
		*b++ = 0x0f;
	if (row->map == VMI_MAP_0F38)
		*b++ = 0x38;
	if (row->map == VMI_MAP_0F3A)
		*b++ = 0x3a;
	*b++ = (uint8_t)(row->opcode |
		(vmi_operands[row->op[0]].kind == VMI_OPK_OPREG ? pick(m, 8) :
			0));
	if (row->has_modrm) /* memory half of the time, with 8 bits */
		*b++ = (uint8_t)(modrm < 128 ? (modrm & 63) | 0x40 :
			modrm | 0xc0);
	for (i = 0; b < end; i++)
		*b++ = random_byte(m);
}

static bool reaches(const struct vmi_insn *i, unsigned kind)
{
	unsigned n;

	for (n = 0; n < 3; n++) {
		if (vmi_operands[i->row->op[n]].kind == kind)
			return true;
	}
	return false;
}

static bool reaches_memory(const struct vmi_insn *i)
{
	return i->has_modrm && i->mod != 3 &&
		(reaches(i, VMI_OPK_RM) || reaches(i, VMI_OPK_MEM) ||
			reaches(i, VMI_OPK_XMMRM));
}

static bool is_bit_string(const struct vmi_insn *i)
{
	return (i->row->exec == VMI_EXEC_bt || i->row->exec == VMI_EXEC_bts ||
		i->row->exec == VMI_EXEC_btr ||
		i->row->exec == VMI_EXEC_btc) && reaches(i, VMI_OPK_REG);
}

/* An address that can be made to lie in the data. */
static bool tame(const struct maker *m, const struct vmi_insn *i)
{
	if (reaches(i, VMI_OPK_MOFFS))
		return false;
	if (i->addrsize == 2)
		return m->p->mode == 16;
	if (i->row->attr & VMI_A_STR)
		return true;
	if (i->row->exec == VMI_EXEC_enter)
		return i->imm2 < 4;
	if (!reaches_memory(i) || i->row->exec == VMI_EXEC_lea)
		return true;
	if (i->row->attr & VMI_A_AL16)
		return false;
	return i->base != VMI_NOREG && i->base != i->index &&
		i->disp == (int8_t)i->disp && !is_bit_string(i);
}

static bool uses_stack(unsigned exec)
{
	switch (exec) {
	case VMI_EXEC_push:
	case VMI_EXEC_pop:
	case VMI_EXEC_pusha:
	case VMI_EXEC_popa:
	case VMI_EXEC_pushf:
	case VMI_EXEC_enter:
	case VMI_EXEC_leave:
		return true;
	default:
		return false;
	}
}

static void put_registers(struct maker *m, const struct vmi_insn *i)
{
	if (uses_stack(i->row->exec))
		put_stack(m);
	if (i->row->exec == VMI_EXEC_leave || i->row->exec == VMI_EXEC_enter)
		put_load(m, 5, data_offset(m, 0x9000, 64));
	if (i->row->exec == VMI_EXEC_xlat)
		put_load(m, 3, data_offset(m, 0x1000, 0x2000));
	if (i->row->attr & VMI_A_STR) {
		put_load(m, 1, pick(m, 20));
		put_load(m, 6, data_offset(m, 0x1000, 0x400));
		put_load(m, 7, data_offset(m, 0x1000, 0x400));
	} else if (reaches_memory(i) && i->addrsize != 2) {
		if (i->index != VMI_NOREG)
			put_load(m, i->index, pick(m, 64));
		put_load(m, i->base, data_offset(m, 0x1000, 0x2000));
	}
}

static void put_random(struct maker *m, bool comparison)
{
	struct vmi_insn insn;
	uint8_t b[64];
	unsigned exec;

	do {
		encode(m, random_row(m), b);
		if (vmi_decode(b, 15, m->p->mode, &insn))
			continue;
		exec = insn.row->exec;
		if (is_allowed(exec) && tame(m, &insn) && (!comparison ||
			exec == VMI_EXEC_cmp || exec == VMI_EXEC_test))
			break;
	} while (true);
	put_registers(m, &insn);
	memcpy(m->p->bytes + m->p->length, b, insn.len);
	m->p->length += insn.len;
}

/* -- Branches ----------------------------------------------------------- */

static void put_distance(struct maker *m)
{
	unsigned bytes = m->p->mode == 16 ? 2 : 4;

	m->fix[m->n_fix].place = m->p->length;
	m->fix[m->n_fix].bytes = bytes;
	m->fix[m->n_fix++].to = pick(m, UNITS);
	put(m, 0, bytes);
}

static void put_branch(struct maker *m)
{
	switch (pick(m, 8)) {
	case 0:
		put(m, 0xe9, 1);
		break;
	case 1:
		put_stack(m);
		put(m, 0xe8, 1);
		break;
	case 3:
	case 4: /* one that is fused with the branch */
		put_random(m, true);
		put(m, 0x800f + (pick(m, 16) << 8), 2);
		break;
	case 2: /* loop and jcxz of distance 0 */
		put(m, 0xe0 + pick(m, 4), 2);
		return;
	default:
		put(m, 0x800f + (pick(m, 16) << 8), 2);
	}
	put_distance(m);
}

/* Through a register that has the address of a unit before. */
static void put_indirect(struct maker *m)
{
	unsigned reg = pick(m, 4);
	uint32_t to = (uint32_t)m->at[pick(m, m->n + 1)];

	if (m->p->mode != 16)
		to += 0x10000;
	put_stack(m);
	put_load(m, reg, to);
	switch (pick(m, 3)) {
	case 0:
		put(m, 0xe0ff + (reg << 8), 2);
		break;
	case 1:
		put(m, 0xd0ff + (reg << 8), 2);
		break;
	default:
		put(m, 0x50 + reg, 1);
		put(m, 0xc3, 1);
	}
}

static void resolve(struct maker *m)
{
	uint8_t *bytes = m->p->bytes;
	uint32_t distance;
	unsigned i, k;

	for (i = 0; i < m->n_fix; i++) {
		distance = (uint32_t)(m->at[m->fix[i].to] - m->fix[i].place -
			m->fix[i].bytes);
		for (k = 0; k < m->fix[i].bytes; k++)
			bytes[m->fix[i].place + k] =
				(uint8_t)(distance >> (8 * k));
	}
}

void program_make(struct program *p, unsigned mode, uint64_t seed)
{
	struct maker m = { .p = p, .state = seed * 977 + mode };
	unsigned kind;

	p->length = 0;
	p->mode = mode;
	for (m.n = 0; m.n < UNITS; m.n++) {
		m.at[m.n] = p->length;
		kind = pick(&m, 16);
		if (kind == 0)
			put_indirect(&m);
		else if (kind < 5)
			put_branch(&m);
		else
			put_random(&m, false);
	}
	put(&m, 0x0b0f, 2);
	resolve(&m);
}
