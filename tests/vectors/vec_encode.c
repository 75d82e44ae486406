/* SPDX-License-Identifier: MIT */
/*
 * Instructions of a row: the bytes, made from the columns of insn.def by the
 * manual's rules with everything free at random.  Decoding them gives the row
 * they were made from, or others are tried.
 */
#include <string.h>

#include "tests/vectors/vec_model.h"

#define ABSENT(map, opcode, reason)
#define INSN(map, opcode, pfx, mod, reg, rm, size, mode, name, op1, op2, op3,  \
	exec, feature, attr, ft, fw, fu)                                       \
	{ #map, opcode, #pfx, #mod, #reg, #rm, #size, #mode, #name,            \
		{ #op1, #op2, #op3 }, #exec },
#define ALSO INSN
const struct vec_row vec_rows[] = {
#include "lib/soft/insn.def"
};
#undef INSN
#undef ALSO
#undef ABSENT

const size_t vec_nrows = sizeof(vec_rows) / sizeof(vec_rows[0]);

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* -- Numbers ------------------------------------------------------------ */

/* xorshift64* */
uint64_t vec_random(struct vec_random *r)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return r->s * UINT64_C(0x2545f4914f6cdd1d);
}

unsigned vec_below(struct vec_random *r, unsigned n)
{
	return (unsigned)((vec_random(r) >> 32) % n);
}

uint64_t vec_edge(struct vec_random *r)
{
	static const uint64_t edges[] = { 0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32,
		33, 63, 64, 65, 0x7f, 0x80, 0x81, 0xff, 0x100, 0x7fff, 0x8000,
		0x8001, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0x80000001,
		0xffffffff, 0x100000000, 0x5555555555555555,
		0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001,
		0xfffffffffffffffe, 0xffffffffffffffff };
	uint64_t v = vec_random(r);

	switch (vec_below(r, 4)) {
	case 0: return v;
	case 1: return v >> vec_below(r, 64);
	case 2: return ~(v >> vec_below(r, 64));
	default:
		return edges[vec_below(r, sizeof(edges) / sizeof(edges[0]))];
	}
}

/* FNV-1a of the columns that make an encoding. */
uint32_t vec_row_key(const struct vec_row *row)
{
	const char *const text[] = { row->map, row->pfx, row->mod, row->reg,
		row->rm, row->size, row->mode, row->name, row->op[0],
		row->op[1], row->op[2], row->exec };
	uint32_t h = 0x811c9dc5u ^ row->opcode;
	const char *p;
	size_t i;

	for (i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		for (p = text[i]; *p; p++)
			h = (h ^ (uint8_t)*p) * 0x01000193u;
		h *= 0x01000193u;
	}
	return h;
}

/* Whether a row looks at memory, the stack or the limit of code. */
static bool has_limits(const struct vec_row *c)
{
	static const char *const others[] = { "xlat", "push", "pop", "pusha",
		"popa", "pushf", "popf", "call", "jmp", "ret", "enter",
		"leave", "push_sreg", "pop_sreg", "call_far", "jmp_far",
		"ret_far", "iret" };
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (is(c->exec, others[i]))
			return true;
	return is(c->mod, "M") || is(c->mod, "X") || c->op[0][0] == 'J' ||
		c->op[0][0] == 'O' || c->op[1][0] == 'O' ||
		(vec_table(c)->attr & VMI_A_STR) ||
		!strncmp(c->exec, "maskmov", 7);
}

bool vec_row_has(const struct vec_row *c, unsigned world)
{
	bool long_only = is(c->mode, "O64") || is(c->mode, "O64D") ||
		is(c->size, "o64") || is(c->size, "a64") ||
		(is(c->mod, "_") && is(c->rm, "1"));

	if (world >= VEC_RECORDED && vec_worlds[world].bits != 16 &&
		!vec_model_of(c, world))
		return false;
	if (vec_worlds[world].bits == 64)
		return !is(c->mode, "I64") && !is(c->size, "a16");
	if (vec_worlds[world].limits)
		return !long_only && has_limits(c) && !vec_model_only(c);
	return !long_only;
}

/* -- Bytes -------------------------------------------------------------- */

struct bytes {
	uint8_t b[VMI_INSN_MAX + 1];
	unsigned n;
};

static void put(struct bytes *e, unsigned byte)
{
	if (e->n < VMI_INSN_MAX)
		e->b[e->n++] = (uint8_t)byte;
}

static bool one_in(struct vec_random *r, unsigned n)
{
	return vec_below(r, n) == 0;
}

/* Whether the operand size that the row is for takes a 66 prefix. */
static bool wants_66(const struct vec_row *c, unsigned mode,
	struct vec_random *r)
{
	if (is(c->size, "o16"))
		return mode != 16;
	if (is(c->size, "o32"))
		return mode == 16;
	if (is(c->size, "oDQ"))
		return mode == 16;
	if (c->pfx[0] == 'N' || c->pfx[0] == '6')
		return false;
	return one_in(r, 3);
}

static unsigned rex(const struct vec_row *c, struct vec_random *r)
{
	unsigned rex = vec_below(r, 16);

	if (is(c->size, "o64"))
		rex |= 8;
	else if (!is(c->size, "_"))
		rex = is(c->size, "oDQ") ? rex : rex & 7;
	if (is(c->mod, "_") && is(c->rm, "1"))
		rex |= 1;
	if (is(c->mod, "_") && is(c->rm, "0"))
		rex &= 14;
	return rex;
}

static void put_prefixes(const struct vec_row *c, unsigned mode,
	struct vec_random *r, struct bytes *e)
{
	static const uint8_t segments[] = { 0x26, 0x2e, 0x36, 0x3e, 0x65 };
	uint32_t attr = vec_table(c)->attr;

	if (one_in(r, 16))
		put(e, segments[vec_below(r, sizeof(segments))]);
	if ((attr & VMI_A_LOCK) && one_in(r, 4))
		put(e, 0xf0);
	if ((attr & (VMI_A_REP | VMI_A_REPZ)) && vec_below(r, 3))
		put(e, one_in(r, 2) ? 0xf2 : 0xf3);
	if (is(c->size, "a32") ? mode != 32 : is(c->size, "a16") ? mode == 32 :
		is(c->size, "a64") ? false :
		one_in(r, mode == 64 ? 8 : mode == 32 ? 24 : 3))
		put(e, 0x67);
	if (wants_66(c, mode, r))
		put(e, 0x66);
	if (is(c->pfx, "66"))
		put(e, 0x66);
	else if (c->pfx[0] == 'F')
		put(e, c->pfx[1] == '2' ? 0xf2 : 0xf3);
	if (mode == 64 && (is(c->size, "o64") || one_in(r, 2) ||
		(is(c->mod, "_") && is(c->rm, "1"))))
		put(e, 0x40 | rex(c, r));
}

static unsigned modrm_reg(const struct vec_row *c, struct vec_random *r)
{
	static const uint8_t control[] = { 0, 2, 3, 4 };
	static const uint8_t loaded[] = { 0, 2, 3, 5 }; /* FS is the host's */

	switch (c->reg[0]) {
	case 'X': return vec_below(r, 8);
	case 'S': return vec_below(r, 6);
	case 'T': return loaded[vec_below(r, 4)];
	case 'C': return control[vec_below(r, 4)];
	default: return (unsigned)(c->reg[0] - '0');
	}
}

static unsigned modrm(const struct vec_row *c, struct vec_random *r)
{
	unsigned mod = vec_below(r, 4), rm = vec_below(r, 8);

	if (c->mod[0] == 'R' || (c->mod[0] == 'X' && one_in(r, 4)))
		mod = 3;
	else if (c->mod[0] == 'M' && mod == 3)
		mod = 1;
	if (c->rm[0] != 'X')
		rm = (unsigned)(c->rm[0] - '0');
	return mod << 6 | modrm_reg(c, r) << 3 | rm;
}

static void make_bytes(const struct vec_row *c, unsigned mode,
	struct vec_random *r, struct bytes *e)
{
	uint64_t tail;

	e->n = 0;
	put_prefixes(c, mode, r, e);
	if (c->map[0] == '0')
		put(e, 0x0f);
	if (is(c->map, "0F38") || is(c->map, "0F3A"))
		put(e, c->map[3] == '8' ? 0x38 : 0x3a);
	put(e, c->opcode);
	if (!is(c->mod, "_"))
		put(e, modrm(c, r));
	tail = vec_edge(r);
	while (e->n < VMI_INSN_MAX) {
		put(e, (unsigned)(tail & 0xff));
		tail >>= 8;
		if (one_in(r, 4) || (e->n & 3) == 0)
			tail = vec_edge(r);
	}
}

bool vec_encode(struct vec_case *c, struct vec_random *r)
{
	unsigned mode = vec_worlds[c->world].bits;
	struct bytes e;
	unsigned tries;

	for (tries = 0; tries < 200; tries++) {
		make_bytes(c->row, mode, r, &e);
		if (vmi_decode(e.b, e.n, mode, &c->insn) == 0 &&
			c->insn.row == vec_table(c->row)) {
			memcpy(c->bytes, e.b, sizeof(c->bytes));
			c->len = c->insn.len;
			return true;
		}
	}
	return false;
}
