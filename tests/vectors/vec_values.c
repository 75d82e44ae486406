/* SPDX-License-Identifier: MIT */
/* Values of floating-point and vector operands, and what memory holds. */
#include <string.h>

#include "tests/vectors/vec_values.h"

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (; bytes--; v >>= 8)
		*p++ = (uint8_t)v;
}

/* Zeros, denormals, ordinary numbers, infinities, NaNs of a format. */
static uint64_t number(struct vec_random *r, unsigned exp_bits,
	unsigned man_bits)
{
	uint64_t man = vec_random(r) & ((UINT64_C(1) << man_bits) - 1);
	uint64_t top = (UINT64_C(1) << exp_bits) - 1, bias = top >> 1, exp;
	uint64_t sign = vec_random(r) >> 63 << (exp_bits + man_bits);

	if (vec_below(r, 2)) /* few bits: results that are exact */
		man &= man << (man_bits - man_bits / 4);
	if (vec_below(r, 3) == 0)
		man = vec_edge(r) & ((UINT64_C(1) << man_bits) - 1);
	switch (vec_below(r, 12)) {
	case 0: exp = man = 0; break;
	case 1: exp = 0; break;
	case 2: exp = top; man = 0; break;
	case 3: exp = top; break;
	case 4: exp = 1 + vec_below(r, 2); break;
	case 5: exp = top - 1 - vec_below(r, 2); break;
	case 6: exp = bias + vec_below(r, 70); break;
	case 7: exp = vec_random(r) & top; break;
	default: exp = bias - 4 + vec_below(r, 9); break;
	}
	return sign | exp << man_bits | man;
}

enum pool { POOL_INT, POOL_F32, POOL_F64 };

static uint64_t word(struct vec_random *r, enum pool pool)
{
	if (vec_below(r, 8) == 0)
		return vec_edge(r);
	switch (pool) {
	case POOL_F32: return number(r, 8, 23) | number(r, 8, 23) << 32;
	case POOL_F64: return number(r, 11, 52);
	default: return vec_edge(r);
	}
}

/* By the mnemonic's end or the operand's letters. */
static enum pool pool_of(const struct vec_row *row, struct vec_random *r)
{
	size_t n = strlen(row->name);
	const char *end = row->name + (n > 2 ? n - 2 : 0);
	unsigned i;

	for (i = 0; i < 2; i++) {
		if (!strcmp(row->op[i], "M32fp"))
			return POOL_F32;
		if (!strcmp(row->op[i], "M64fp"))
			return POOL_F64;
	}
	if (!strncmp(row->name, "cvt", 3))
		return vec_below(r, 2) ? POOL_F32 : POOL_F64;
	if (!strcmp(end, "ps") || !strcmp(end, "ss"))
		return POOL_F32;
	if (!strcmp(end, "pd") || !strcmp(end, "sd"))
		return POOL_F64;
	return POOL_INT;
}

/* SDM 1 8.1: control and status words that agree on what is pending. */
static void x87_words(struct vec_case *c, struct vec_random *r)
{
	static const uint16_t precision[] = { 0x000, 0x200, 0x300, 0x300 };
	uint16_t fcw = 0x37f, fsw = (uint16_t)(vec_random(r) & 0x7fc0);

	if (vec_below(r, 2))
		fcw = (uint16_t)(0x7f | precision[vec_below(r, 4)] |
			vec_below(r, 4) << 10);
	if (vec_below(r, 6) == 0)
		fcw &= (uint16_t)(0xffc0 | vec_random(r));
	fsw &= 0x7f00;
	if (vec_below(r, 2))
		fsw |= vec_random(r) & 0x7f & fcw;
	if (vec_below(r, 16) == 0)
		fsw |= vec_random(r) & 0x3f;
	if ((fsw & 0x40) && !(fsw & 1))
		fsw &= (uint16_t)~0x40u;
	if (fsw & ~fcw & 0x3f)
		fsw |= 0x8080;
	put(c->in.fx + VEC_FX_FCW, fcw, 2);
	put(c->in.fx + VEC_FX_FSW, fsw, 2);
	put(c->in.fx + VEC_FX_FTW, vec_below(r, 3) ? vec_below(r, 2) - 1 :
		vec_random(r) & 0xff, 1);
}

static void x87_register(uint8_t *p, struct vec_random *r)
{
	uint64_t man = vec_random(r) | UINT64_C(1) << 63;
	uint64_t se = number(r, 15, 0);

	if (vec_below(r, 3) == 0)
		man = vec_edge(r) | UINT64_C(1) << 63;
	if (vec_below(r, 3) == 0)
		man = ~UINT64_C(0) << vec_below(r, 64);
	if ((se & 0x7fff) == 0)
		man = vec_below(r, 2) ? 0 : man >> vec_below(r, 8);
	if (vec_below(r, 40) == 0)
		man = vec_edge(r); /* unnormals and their like */
	put(p, man, 8);
	put(p + 8, se, 2);
}

static void sse_control(struct vec_case *c, struct vec_random *r)
{
	uint32_t mxcsr = 0x1f80;

	if (vec_below(r, 2))
		mxcsr |= (uint32_t)(vec_random(r) & 0x603f);
	if (vec_below(r, 4) == 0)
		mxcsr |= (uint32_t)(vec_random(r) & 0x8040);
	if (vec_below(r, 8) == 0)
		mxcsr &= 0xe07f | (uint32_t)vec_random(r);
	put(c->in.fx + VEC_FX_MXCSR, mxcsr, 4);
	put(c->in.fx + VEC_FX_MASK, 0xffff, 4);
}

/* A pattern that repeats: making each byte anew would take too long. */
static void memory(struct vec_case *c, enum pool pool, struct vec_random *r)
{
	bool x87 = c->insn.row->attr & VMI_A_FPUOP;
	uint8_t pattern[512];
	unsigned i, n;

	for (i = 0; i < sizeof(pattern); i += 8)
		put(pattern + i, x87 && pool == POOL_INT && (i & 8) ?
			number(r, 15, 0) : word(r, pool), 8);
	for (n = 0; n < VEC_PAGES; n++)
		for (i = 0; i < VEC_PAGE; i += sizeof(pattern))
			memcpy(c->mem[n] + i, pattern, sizeof(pattern));
}

void vec_values(struct vec_case *c, struct vec_random *r)
{
	bool mmx = c->insn.row->attr & VMI_A_MMXOP;
	bool x87 = c->insn.row->attr & VMI_A_FPUOP;
	enum pool pool = pool_of(c->row, r);
	unsigned i;

	memset(c->in.fx, 0, sizeof(c->in.fx));
	x87_words(c, r);
	sse_control(c, r);
	for (i = 0; i < 8; i++) {
		x87_register(c->in.fx + VEC_FX_ST + 16 * i, r);
		if (mmx || (!x87 && vec_below(r, 4) == 0))
			put(c->in.fx + VEC_FX_ST + 16 * i, word(r, pool), 8);
	}
	for (i = 0; i < 32; i++)
		put(c->in.fx + VEC_FX_XMM + 8 * i, word(r, pool), 8);
	memory(c, pool, r);
}
