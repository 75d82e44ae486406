/* SPDX-License-Identifier: MIT */
/* Knowledge of a number: made, joined, sharpened by conditions. */
#include <string.h>

#include "lib/region/bpf/alu.h"
#include "lib/region/bpf/bpf.h"
#include "lib/region/bpf/num.h"

static const struct vmi_bpf_range any64 = { 0, UINT64_MAX, INT64_MIN,
	INT64_MAX };
static const struct vmi_bpf_range any32 = { 0, UINT32_MAX, INT32_MIN,
	INT32_MAX };

static uint64_t umax(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t umin(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int64_t smax(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t smin(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t extend(uint64_t v, unsigned bits)
{
	return (int64_t)vmi_bpf_sext(v, bits);
}

/* -- Making ------------------------------------------------------------- */

struct vmi_bpf_num vmi_bpf_num_unknown(void)
{
	return (struct vmi_bpf_num){ { 0, UINT64_MAX }, any64, any32 };
}

struct vmi_bpf_num vmi_bpf_num_const(uint64_t v)
{
	const uint32_t w = (uint32_t)v;

	return (struct vmi_bpf_num){ { v, 0 },
		{ v, v, (int64_t)v, (int64_t)v },
		{ w, w, (int32_t)w, (int32_t)w } };
}

struct vmi_bpf_num vmi_bpf_num_between(uint64_t least, uint64_t greatest)
{
	struct vmi_bpf_num n = vmi_bpf_num_unknown();

	n.whole.umin = least;
	n.whole.umax = greatest;
	vmi_bpf_num_sync(&n);
	return n;
}

struct vmi_bpf_num vmi_bpf_num_signed(int64_t least, int64_t greatest)
{
	struct vmi_bpf_num n = vmi_bpf_num_unknown();

	n.whole.smin = least;
	n.whole.smax = greatest;
	vmi_bpf_num_sync(&n);
	return n;
}

bool vmi_bpf_num_is_const(const struct vmi_bpf_num *n)
{
	return !n->bits.mask;
}

static bool same_range(
	const struct vmi_bpf_range *a, const struct vmi_bpf_range *b)
{
	return a->umin == b->umin && a->umax == b->umax &&
		a->smin == b->smin && a->smax == b->smax;
}

bool vmi_bpf_num_equal(
	const struct vmi_bpf_num *a, const struct vmi_bpf_num *b)
{
	return a->bits.value == b->bits.value && a->bits.mask == b->bits.mask &&
		same_range(&a->whole, &b->whole) &&
		same_range(&a->low, &b->low);
}

static bool in_range(
	const struct vmi_bpf_range *r, uint64_t v, unsigned bits)
{
	int64_t s = extend(v, bits);

	v = vmi_bpf_zext(v, bits);
	return v >= r->umin && v <= r->umax && s >= r->smin && s <= r->smax;
}

bool vmi_bpf_num_holds(const struct vmi_bpf_num *n, uint64_t v)
{
	return (v & ~n->bits.mask) == n->bits.value &&
		in_range(&n->whole, v, 64) && in_range(&n->low, v, 32);
}

/* -- Sharpening --------------------------------------------------------- */

/* Intersections: false is nothing. */
static bool sharpen_u(struct vmi_bpf_range *r, uint64_t least, uint64_t most)
{
	r->umin = umax(r->umin, least);
	r->umax = umin(r->umax, most);
	return r->umin <= r->umax;
}

static bool sharpen_s(struct vmi_bpf_range *r, int64_t least, int64_t most)
{
	r->smin = smax(r->smin, least);
	r->smax = smin(r->smax, most);
	return r->smin <= r->smax;
}

static bool sharpen_bits(struct vmi_bpf_bits *b, struct vmi_bpf_bits with)
{
	uint64_t mask = b->mask & with.mask;

	if ((b->value ^ with.value) & ~b->mask & ~with.mask)
		return false;
	b->value = (b->value | with.value) & ~mask;
	b->mask = mask;
	return true;
}

/* Where no value crosses from one sign to the other, orders agree. */
static bool signs(struct vmi_bpf_range *r, unsigned bits)
{
	if (extend(r->umin, bits) <= extend(r->umax, bits) &&
		!sharpen_s(r, extend(r->umin, bits), extend(r->umax, bits)))
		return false;
	if (r->smin < 0 && r->smax >= 0)
		return true;
	return sharpen_u(r, vmi_bpf_zext((uint64_t)r->smin, bits),
		vmi_bpf_zext((uint64_t)r->smax, bits));
}

static bool range_by_bits(
	struct vmi_bpf_range *r, struct vmi_bpf_bits b, unsigned bits)
{
	uint64_t value = vmi_bpf_zext(b.value, bits);
	uint64_t mask = vmi_bpf_zext(b.mask, bits);
	uint64_t sign = 1ull << (bits - 1);

	return sharpen_u(r, value, value | mask) &&
		sharpen_s(r, extend(value | (mask & sign), bits),
			extend(value | (mask & ~sign), bits));
}

/* Two bounds have their upper bits in common. */
static struct vmi_bpf_bits bits_between(uint64_t least, uint64_t most)
{
	uint64_t differ = least ^ most, mask = 0;

	if (differ)
		mask = UINT64_MAX >> vmi_clz64(differ);
	return (struct vmi_bpf_bits){ least & ~mask, mask };
}

static bool bits_by_ranges(struct vmi_bpf_num *n)
{
	struct vmi_bpf_bits low = bits_between(n->low.umin, n->low.umax);

	low.mask |= (uint64_t)UINT32_MAX << 32;
	return sharpen_bits(&n->bits,
		       bits_between(n->whole.umin, n->whole.umax)) &&
		sharpen_bits(&n->bits, low);
}

static bool halves(struct vmi_bpf_num *n)
{
	struct vmi_bpf_range *w = &n->whole, *l = &n->low;
	uint64_t high = w->umin >> 32 << 32;

	if (w->umin >> 32 == w->umax >> 32 &&
		!(sharpen_u(l, (uint32_t)w->umin, (uint32_t)w->umax) &&
			sharpen_u(w, high | l->umin, high | l->umax)))
		return false;
	if (w->smin < INT32_MIN || w->smax > INT32_MAX)
		return true;
	return sharpen_s(l, w->smin, w->smax) &&
		sharpen_s(w, l->smin, l->smax);
}

static bool sync_once(struct vmi_bpf_num *n)
{
	return range_by_bits(&n->whole, n->bits, 64) &&
		range_by_bits(&n->low, n->bits, 32) && signs(&n->whole, 64) &&
		signs(&n->low, 32) && halves(n) && signs(&n->whole, 64) &&
		signs(&n->low, 32) && bits_by_ranges(n);
}

bool vmi_bpf_num_sync(struct vmi_bpf_num *n)
{
	return sync_once(n) && sync_once(n);
}

/* -- Both --------------------------------------------------------------- */

static struct vmi_bpf_bits join_bits(
	struct vmi_bpf_bits a, struct vmi_bpf_bits b)
{
	uint64_t mask = a.mask | b.mask | (a.value ^ b.value);

	return (struct vmi_bpf_bits){ a.value & ~mask, mask };
}

static struct vmi_bpf_range join_range(
	const struct vmi_bpf_range *a, const struct vmi_bpf_range *b)
{
	return (struct vmi_bpf_range){ umin(a->umin, b->umin),
		umax(a->umax, b->umax), smin(a->smin, b->smin),
		smax(a->smax, b->smax) };
}

struct vmi_bpf_num vmi_bpf_num_join(
	const struct vmi_bpf_num *a, const struct vmi_bpf_num *b)
{
	return (struct vmi_bpf_num){ join_bits(a->bits, b->bits),
		join_range(&a->whole, &b->whole), join_range(&a->low, &b->low) };
}

/* The first of the steps that is not less; by the order that `flip` makes. */
static size_t step_at(
	const uint64_t *steps, size_t n, uint64_t v, uint64_t flip)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((steps[middle] ^ flip) < (v ^ flip))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint64_t step_up(const uint64_t *steps, size_t n, uint64_t v,
	uint64_t flip)
{
	size_t at = step_at(steps, n, v, flip);

	return at < n ? steps[at] : UINT64_MAX ^ flip;
}

static uint64_t step_down(const uint64_t *steps, size_t n, uint64_t v,
	uint64_t flip)
{
	size_t at = step_at(steps, n, v, flip);

	if (at < n && steps[at] == v)
		return v;
	return at ? steps[at - 1] : flip;
}

#define SIGN (1ull << 63)

static void widen_range(const struct vmi_bpf_range *was,
	struct vmi_bpf_range *r, const struct vmi_bpf_steps *s)
{
	if (r->umin < was->umin)
		r->umin = step_down(s->u, s->n, r->umin, 0);
	if (r->umax > was->umax)
		r->umax = step_up(s->u, s->n, r->umax, 0);
	if (r->smin < was->smin)
		r->smin = (int64_t)step_down(
			s->s, s->n, (uint64_t)r->smin, SIGN);
	if (r->smax > was->smax)
		r->smax = (int64_t)step_up(
			s->s, s->n, (uint64_t)r->smax, SIGN);
}

static void clamp(struct vmi_bpf_range *r)
{
	r->umax = umin(r->umax, any32.umax);
	r->smin = smax(r->smin, any32.smin);
	r->smax = smin(r->smax, any32.smax);
}

/* Bits below all that varied stay known: what is aligned stays so. */
static void widen_bits(struct vmi_bpf_num *n)
{
	uint64_t mask = n->bits.mask, keep = ~mask & (mask - 1);
	uint64_t more = bits_between(n->whole.umin, n->whole.umax).mask;

	if (!mask)
		return;
	more |= bits_between(n->low.umin, n->low.umax).mask;
	n->bits.mask = (mask | more) & ~keep;
	n->bits.value &= ~n->bits.mask;
}

struct vmi_bpf_num vmi_bpf_num_widen(const struct vmi_bpf_num *a,
	const struct vmi_bpf_num *b, const struct vmi_bpf_steps *steps)
{
	struct vmi_bpf_num n = vmi_bpf_num_join(a, b);

	widen_range(&a->whole, &n.whole, steps);
	widen_range(&a->low, &n.low, steps);
	clamp(&n.low);
	widen_bits(&n);
	return n;
}

/* -- Conditions --------------------------------------------------------- */

/* One number as it is looked at: all of it, or its lower half. */
struct look {
	struct vmi_bpf_num *n;
	struct vmi_bpf_range *r;
	unsigned bits;
};

static bool is_known(const struct look *a)
{
	return a->r->umin == a->r->umax;
}

static bool assume_eq(struct look *a, struct look *b)
{
	struct vmi_bpf_bits of_a = a->n->bits, of_b = b->n->bits;

	if (a->bits == 32) {
		of_a.value = (uint32_t)of_a.value;
		of_b.value = (uint32_t)of_b.value;
		of_a.mask |= (uint64_t)UINT32_MAX << 32;
		of_b.mask |= (uint64_t)UINT32_MAX << 32;
	}
	if (!sharpen_u(a->r, b->r->umin, b->r->umax) ||
		!sharpen_s(a->r, b->r->smin, b->r->smax) ||
		!sharpen_bits(&a->n->bits, of_b) ||
		!sharpen_bits(&b->n->bits, of_a))
		return false;
	*b->r = *a->r;
	return true;
}

/* Only a bound can be cut off. */
static bool cut(struct vmi_bpf_range *r, uint64_t v, unsigned bits)
{
	int64_t s = extend(v, bits);

	if (r->umin == r->umax)
		return r->umin != v;
	if (r->smin == r->smax)
		return r->smin != s;
	r->umin += r->umin == v;
	r->umax -= r->umax == v;
	r->smin += r->smin == s;
	r->smax -= r->smax == s;
	return r->umin <= r->umax && r->smin <= r->smax;
}

static bool assume_ne(struct look *a, struct look *b)
{
	if (is_known(b) && !cut(a->r, b->r->umin, a->bits))
		return false;
	return !is_known(a) || cut(b->r, a->r->umin, a->bits);
}

/* a < b, or with `or_equal` 1 a <= b. */
static bool assume_lt(struct look *a, struct look *b, unsigned or_equal)
{
	uint64_t less = 1 - or_equal;

	if (b->r->umax < less || a->r->umin > UINT64_MAX - less)
		return false;
	return sharpen_u(a->r, 0, b->r->umax - less) &&
		sharpen_u(b->r, a->r->umin + less, UINT64_MAX);
}

static bool assume_slt(struct look *a, struct look *b, unsigned or_equal)
{
	int64_t less = 1 - (int64_t)or_equal;

	if (b->r->smax < INT64_MIN + less || a->r->smin > INT64_MAX - less)
		return false;
	return sharpen_s(a->r, INT64_MIN, b->r->smax - less) &&
		sharpen_s(b->r, a->r->smin + less, INT64_MAX);
}

/* A bit in common, or none.  More is known with a constant. */
static bool assume_set(struct look *a, struct look *b, bool holds)
{
	uint64_t in_a = vmi_bpf_zext(
		a->n->bits.value | a->n->bits.mask, a->bits);
	uint64_t in_b = vmi_bpf_zext(
		b->n->bits.value | b->n->bits.mask, b->bits);
	uint64_t known = b->r->umin;

	if (holds && !(in_a & in_b))
		return false;
	if (!holds && vmi_bpf_zext(a->n->bits.value & b->n->bits.value,
			      a->bits))
		return false;
	if (!is_known(b))
		return true;
	if (holds && !(known & (known - 1))) {
		a->n->bits.value |= known;
		a->n->bits.mask &= ~known;
	}
	if (!holds)
		a->n->bits.mask &= ~known;
	return true;
}

static bool assume(unsigned code, struct look *a, struct look *b)
{
	switch (code) {
	case VMI_BPF_JEQ: return assume_eq(a, b);
	case VMI_BPF_JNE: return assume_ne(a, b);
	case VMI_BPF_JLT: return assume_lt(a, b, 0);
	case VMI_BPF_JLE: return assume_lt(a, b, 1);
	case VMI_BPF_JGT: return assume_lt(b, a, 0);
	case VMI_BPF_JGE: return assume_lt(b, a, 1);
	case VMI_BPF_JSLT: return assume_slt(a, b, 0);
	case VMI_BPF_JSLE: return assume_slt(a, b, 1);
	case VMI_BPF_JSGT: return assume_slt(b, a, 0);
	default: return assume_slt(b, a, 1);
	}
}

static unsigned opposite(unsigned code)
{
	switch (code) {
	case VMI_BPF_JEQ: return VMI_BPF_JNE;
	case VMI_BPF_JNE: return VMI_BPF_JEQ;
	case VMI_BPF_JLT: return VMI_BPF_JGE;
	case VMI_BPF_JLE: return VMI_BPF_JGT;
	case VMI_BPF_JGT: return VMI_BPF_JLE;
	case VMI_BPF_JGE: return VMI_BPF_JLT;
	case VMI_BPF_JSLT: return VMI_BPF_JSGE;
	case VMI_BPF_JSLE: return VMI_BPF_JSGT;
	case VMI_BPF_JSGT: return VMI_BPF_JSLE;
	default: return VMI_BPF_JSLT;
	}
}

bool vmi_bpf_num_assume(const struct vmi_bpf_condition *condition,
	struct vmi_bpf_num *a, struct vmi_bpf_num *b)
{
	bool is_half = condition->bits == 32;
	struct look at_a = { a, is_half ? &a->low : &a->whole,
		condition->bits };
	struct look at_b = { b, is_half ? &b->low : &b->whole,
		condition->bits };
	unsigned code = condition->code;

	if (code == VMI_BPF_JSET) {
		if (!assume_set(&at_a, &at_b, condition->holds))
			return false;
	} else if (!assume(condition->holds ? code : opposite(code), &at_a,
			   &at_b)) {
		return false;
	}
	return vmi_bpf_num_sync(a) && vmi_bpf_num_sync(b);
}
