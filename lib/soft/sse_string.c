/* SPDX-License-Identifier: MIT */
/*
 * The string comparisons of SSE4.2: SDM 2B 4.1.
 *
 * Every element of the second operand (the register or memory that may be
 * long text) is held against those of the first (the set, ranges or needle);
 * IntRes1 of the manual has a bit for each of its elements.  Elements from
 * an operand's end on are invalid, and what then counts as equal depends on
 * the aggregation (table 4-6).
 */
#include "lib/soft/simd.h"

/* The immediate: section 4.1.2 and tables 4-1 to 4-4. */
#define WORDS	   0x01u
#define SIGNED	   0x02u
#define AGGREGATE  0x0cu
#define EQUAL_ANY  0x00u
#define RANGES	   0x04u
#define EQUAL_EACH 0x08u
#define NEGATIVE   0x10u
#define MASKED	   0x20u
#define LAST	   0x40u /* or, of masks: whole elements */

struct text {
	struct vmi_xmm v;
	unsigned length; /* valid elements */
};

struct match {
	struct text a, b; /* first and second operand */
	unsigned imm;
	unsigned bits, count; /* of elements */
};

static int64_t element(const struct match *m, const struct text *t,
	unsigned n)
{
	uint64_t v = vmi_lane(t->v, n, m->bits);

	return m->imm & SIGNED ? vmi_lane_signed(v, m->bits) : (int64_t)v;
}

/* -- One bit of IntRes1 -------------------------------------------------- */

static bool equal_any(const struct match *m, unsigned j)
{
	unsigned i;

	if (j >= m->b.length)
		return false;
	for (i = 0; i < m->a.length; i++) {
		if (element(m, &m->a, i) == element(m, &m->b, j))
			return true;
	}
	return false;
}

static bool in_ranges(const struct match *m, unsigned j)
{
	int64_t v = element(m, &m->b, j);
	unsigned i;

	if (j >= m->b.length)
		return false;
	for (i = 0; i + 1 < m->a.length; i += 2) {
		if (v >= element(m, &m->a, i) && v <= element(m, &m->a, i + 1))
			return true;
	}
	return false;
}

static bool equal_each(const struct match *m, unsigned j)
{
	if (j >= m->a.length || j >= m->b.length)
		return j >= m->a.length && j >= m->b.length;
	return element(m, &m->a, j) == element(m, &m->b, j);
}

/* The first operand is found from element j on, as far as that can be seen. */
static bool equal_ordered(const struct match *m, unsigned j)
{
	unsigned i;

	for (i = 0; i < m->a.length && i + j < m->count; i++) {
		if (i + j >= m->b.length ||
			element(m, &m->a, i) != element(m, &m->b, i + j))
			return false;
	}
	return true;
}

static bool holds(const struct match *m, unsigned j)
{
	switch (m->imm & AGGREGATE) {
	case EQUAL_ANY:
		return equal_any(m, j);
	case RANGES:
		return in_ranges(m, j);
	case EQUAL_EACH:
		return equal_each(m, j);
	default:
		return equal_ordered(m, j);
	}
}

/* IntRes2: negated, all of it or where the second operand is valid. */
static unsigned compare(const struct match *m)
{
	unsigned r = 0, j, all = (1u << m->count) - 1;

	for (j = 0; j < m->count; j++)
		r |= (unsigned)holds(m, j) << j;
	if (!(m->imm & NEGATIVE))
		return r;
	return r ^ (m->imm & MASKED ? (1u << m->b.length) - 1 : all);
}

/* -- Lengths ------------------------------------------------------------- */

static unsigned length_implicit(const struct match *m, const struct text *t)
{
	unsigned n = 0;

	while (n < m->count && vmi_lane(t->v, n, m->bits))
		n++;
	return n;
}

/* The magnitude of EAX or EDX, with REX.W of RAX or RDX. */
static unsigned length_explicit(const struct match *m, uint64_t reg, bool wide)
{
	uint64_t v = wide ? reg : (uint64_t)vmi_lane_signed(reg, 32);

	v = v >> 63 ? 0 - v : v;
	return v < m->count ? (unsigned)v : m->count;
}

static struct match operands(struct vmi_cpu *c, const struct vmi_op *op,
	bool explicit)
{
	struct match m = { .imm = op->imm & 0xff };
	bool wide = op->imm & VMI_SIMD_W;

	m.b.v = vmi_simd_src(c, op);
	m.a.v = vmi_simd_dst(c, op);
	m.bits = m.imm & WORDS ? 16 : 8;
	m.count = 128 / m.bits;
	if (explicit) {
		m.a.length = length_explicit(&m, c->r[VMI_RAX], wide);
		m.b.length = length_explicit(&m, c->r[VMI_RDX], wide);
	} else {
		m.a.length = length_implicit(&m, &m.a);
		m.b.length = length_implicit(&m, &m.b);
	}
	return m;
}

/* -- Results ------------------------------------------------------------- */

static void set_flags(struct vmi_cpu *c, const struct match *m, unsigned r)
{
	vmi_flags_set(c, (r ? VMI_FLAG_CF : 0) | (r & 1 ? VMI_FLAG_OF : 0) |
		(m->b.length < m->count ? VMI_FLAG_ZF : 0) |
		(m->a.length < m->count ? VMI_FLAG_SF : 0));
}

static unsigned index_of(const struct match *m, unsigned r)
{
	unsigned n = 0;

	if (!r)
		return m->count;
	if (!(m->imm & LAST)) {
		while (!(r >> n & 1))
			n++;
		return n;
	}
	while (r >> (n + 1))
		n++;
	return n;
}

static void give_index(struct vmi_cpu *c, const struct vmi_op *op,
	bool explicit)
{
	struct match m = operands(c, op, explicit);
	unsigned r = compare(&m);

	vmi_reg_set(c, VMI_RCX, index_of(&m, r), 4);
	set_flags(c, &m, r);
}

static void give_mask(struct vmi_cpu *c, const struct vmi_op *op,
	bool explicit)
{
	struct match m = operands(c, op, explicit);
	unsigned r = compare(&m), n;
	struct vmi_xmm v = vmi_simd_pair(r, 0);

	for (n = 0; m.imm & LAST && n < m.count; n++)
		v = vmi_lane_set(v, n, m.bits, r >> n & 1 ? ~0ull : 0);
	c->fpu.xmm[0] = v;
	set_flags(c, &m, r);
}

void vmi_do_pcmpestri(struct vmi_cpu *c, const struct vmi_op *op)
{
	give_index(c, op, true);
}

void vmi_do_pcmpistri(struct vmi_cpu *c, const struct vmi_op *op)
{
	give_index(c, op, false);
}

void vmi_do_pcmpestrm(struct vmi_cpu *c, const struct vmi_op *op)
{
	give_mask(c, op, true);
}

void vmi_do_pcmpistrm(struct vmi_cpu *c, const struct vmi_op *op)
{
	give_mask(c, op, false);
}
