/* SPDX-License-Identifier: MIT */
/*
 * The model of x87, MMX and SSE instructions where the system has put their
 * registers out of reach: SDM 3A table 9-3, 12.1, 13.1.2, and SDM 3A 2.5 of
 * CR0.EM and CR0.TS.  What they are is told by the opcode and the operands.
 */
#include <string.h>

#include "tests/vectors/vec_model.h"

#define CR0_MP	    0x2u
#define CR0_EM	    0x4u
#define CR0_TS	    0x8u
#define CR4_OSFXSR  0x200u
#define CR4_OSXSAVE 0x40000u

enum { M_NM = 7 };

enum unit { NONE, X87, WAIT, MMX, SSE, IMAGE, XSAVE };

static bool has_operand(const struct vec_row *row, const char *letters)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		if (row->op[i][0] && strchr(letters, row->op[i][0]))
			return true;
	return false;
}

static enum unit unit_of(const struct vec_row *row)
{
	static const struct {
		const char *exec;
		enum unit unit;
	} names[] = { { "wait", WAIT }, { "emms", MMX }, { "ldmxcsr", SSE },
		{ "stmxcsr", SSE }, { "fxsave", IMAGE },
		{ "fxrstor", IMAGE }, { "xsave", XSAVE },
		{ "xsaveopt", XSAVE }, { "xrstor", XSAVE } };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i].exec, row->exec))
			return names[i].unit;
	if (!strcmp(row->map, "1"))
		return row->opcode >= 0xd8 && row->opcode <= 0xdf ? X87 : NONE;
	if (has_operand(row, "VWU"))
		return SSE;
	return has_operand(row, "PQN") ? MMX : NONE;
}

bool vec_model_unit(const struct vec_row *row)
{
	return unit_of(row) != NONE;
}

/* The exception of a unit under these control registers, or 0. */
static unsigned refusal(enum unit unit, uint64_t cr0, uint64_t cr4)
{
	bool ts = cr0 & CR0_TS, em = cr0 & CR0_EM;

	switch (unit) {
	case WAIT:
		return ts && (cr0 & CR0_MP) ? M_NM : 0;
	case MMX:
		return em ? M_UD : ts ? M_NM : 0;
	case SSE:
		return em || !(cr4 & CR4_OSFXSR) ? M_UD : ts ? M_NM : 0;
	case XSAVE:
		return cr4 & CR4_OSXSAVE ? ts ? M_NM : 0 : M_UD;
	default:
		return ts || em ? M_NM : 0;
	}
}

void vec_m_unit(struct model *m)
{
	vec_model_fault(m, refusal(unit_of(m->c->row),
		m_before(m, VEC_SYS_CR0), m_before(m, VEC_SYS_CR4)), 0);
}

/* Something that the unit is refused by. */
void vec_model_prepare_unit(struct vec_case *c, struct vec_random *r)
{
	enum unit unit = unit_of(c->row);
	uint64_t cr0, cr4;

	do {
		cr0 = c->sys[VEC_SYS_CR0] & ~(uint64_t)(CR0_MP | CR0_EM |
			CR0_TS);
		cr0 |= vec_random(r) & (CR0_MP | CR0_EM | CR0_TS);
		cr4 = c->sys[VEC_SYS_CR4];
		if (vec_below(r, 3) == 0)
			cr4 &= ~(uint64_t)CR4_OSFXSR;
	} while (!refusal(unit, cr0, cr4));
	c->sys[VEC_SYS_CR0] = cr0;
	c->sys[VEC_SYS_CR4] = cr4;
}
