/* SPDX-License-Identifier: MIT */
/* Knowledge of a result from knowledge of its operands. */
/*
 * An operation is done on a view of each operand, as 64 or as 32 bits.  Where
 * the lower half of a 64-bit result depends on lower halves only, it is done
 * on both.
 */
#include "lib/region/bpf/alu.h"
#include "lib/region/bpf/bpf.h"
#include "lib/region/bpf/num.h"

struct view {
	struct vmi_bpf_bits b;
	struct vmi_bpf_range r;
};

static int64_t extend(uint64_t v, unsigned bits)
{
	return (int64_t)vmi_bpf_sext(v, bits);
}

static uint64_t all_ones(unsigned bits)
{
	return UINT64_MAX >> (64 - bits);
}

static struct view unknown(unsigned bits)
{
	uint64_t ones = all_ones(bits);

	return (struct view){ { 0, ones }, { 0, ones,
		extend(1ull << (bits - 1), bits), (int64_t)(ones >> 1) } };
}

static struct view constant(uint64_t v, unsigned bits)
{
	int64_t s = extend(v, bits);

	v = vmi_bpf_zext(v, bits);
	return (struct view){ { v, 0 }, { v, v, s, s } };
}

static struct view view_of(const struct vmi_bpf_num *n, unsigned bits)
{
	if (bits == 64)
		return (struct view){ n->bits, n->whole };
	return (struct view){ { (uint32_t)n->bits.value,
		(uint32_t)n->bits.mask }, n->low };
}

static bool is_known(const struct view *v)
{
	return !v->b.mask;
}

/* -- Ranges of results that may wrap ------------------------------------ */

static uint64_t truncate(vmi_i128 v, unsigned bits)
{
	return vmi_bpf_zext((uint64_t)v, bits);
}

/* All wrap as often, or nothing is known. */
static void fit_u(struct view *v, vmi_i128 low, vmi_i128 high, unsigned bits)
{
	if (low >> bits != high >> bits)
		return;
	v->r.umin = truncate(low, bits);
	v->r.umax = truncate(high, bits);
}

static void fit_s(struct view *v, vmi_i128 low, vmi_i128 high, unsigned bits)
{
	vmi_i128 half = (vmi_i128)1 << (bits - 1);

	if ((low + half) >> bits != (high + half) >> bits)
		return;
	v->r.smin = extend((uint64_t)low, bits);
	v->r.smax = extend((uint64_t)high, bits);
}

/* -- Addition ----------------------------------------------------------- */

/* Bits differ between the least and the greatest sum where a carry may. */
static struct vmi_bpf_bits add_bits(
	struct vmi_bpf_bits a, struct vmi_bpf_bits b, unsigned bits)
{
	uint64_t least = a.value + b.value;
	uint64_t most = least + a.mask + b.mask;
	uint64_t mask = ((least ^ most) | a.mask | b.mask) & all_ones(bits);

	return (struct vmi_bpf_bits){ least & ~mask & all_ones(bits), mask };
}

static struct view add(const struct view *a, const struct view *b,
	unsigned bits)
{
	struct view v = unknown(bits);

	v.b = add_bits(a->b, b->b, bits);
	fit_u(&v, (vmi_i128)a->r.umin + b->r.umin,
		(vmi_i128)a->r.umax + b->r.umax, bits);
	fit_s(&v, (vmi_i128)a->r.smin + b->r.smin,
		(vmi_i128)a->r.smax + b->r.smax, bits);
	return v;
}

static struct view sub(const struct view *a, const struct view *b,
	unsigned bits)
{
	uint64_t ones = all_ones(bits);
	uint64_t least = a->b.value - b->b.value - b->b.mask;
	uint64_t most = a->b.value + a->b.mask - b->b.value;
	struct view v = unknown(bits);

	v.b.mask = ((least ^ most) | a->b.mask | b->b.mask) & ones;
	v.b.value = (a->b.value - b->b.value) & ~v.b.mask & ones;
	fit_u(&v, (vmi_i128)a->r.umin - b->r.umax,
		(vmi_i128)a->r.umax - b->r.umin, bits);
	fit_s(&v, (vmi_i128)a->r.smin - b->r.smax,
		(vmi_i128)a->r.smax - b->r.smin, bits);
	return v;
}

/* -- Multiplication and division ---------------------------------------- */

static struct vmi_bpf_bits mul_bits(
	struct vmi_bpf_bits a, struct vmi_bpf_bits b, unsigned bits)
{
	struct vmi_bpf_bits sum = { 0, 0 }, part;
	unsigned i;

	for (i = 0; i < bits; i++) {
		if (!((a.value | a.mask) >> i & 1))
			continue;
		part.value = b.value << i;
		part.mask = b.mask << i;
		if (a.mask >> i & 1) {
			part.mask |= part.value;
			part.value = 0;
		}
		part.value &= all_ones(bits);
		part.mask &= all_ones(bits);
		sum = add_bits(sum, part, bits);
	}
	return sum;
}

static void widest(vmi_i128 range[2], vmi_i128 v)
{
	if (v < range[0])
		range[0] = v;
	if (v > range[1])
		range[1] = v;
}

static struct view mul(const struct view *a, const struct view *b,
	unsigned bits)
{
	struct view v = unknown(bits);
	vmi_u128 most = (vmi_u128)a->r.umax * b->r.umax;
	vmi_i128 range[2];

	v.b = mul_bits(a->b, b->b, bits);
	if (most <= all_ones(bits)) {
		v.r.umin = a->r.umin * b->r.umin;
		v.r.umax = (uint64_t)most;
	}
	range[0] = range[1] = (vmi_i128)a->r.smin * b->r.smin;
	widest(range, (vmi_i128)a->r.smin * b->r.smax);
	widest(range, (vmi_i128)a->r.smax * b->r.smin);
	widest(range, (vmi_i128)a->r.smax * b->r.smax);
	fit_s(&v, range[0], range[1], bits);
	return v;
}

/* By zero it is zero, which is less than any. */
static struct view divide(const struct view *a, const struct view *b,
	unsigned bits)
{
	struct view v = unknown(bits);

	v.r.umax = b->r.umin ? a->r.umax / b->r.umin : a->r.umax;
	v.r.umin = b->r.umin ? a->r.umin / b->r.umax : 0;
	return v;
}

/* By zero it is the dividend. */
static struct view modulo(const struct view *a, const struct view *b,
	unsigned bits)
{
	struct view v = unknown(bits);

	if (b->r.umin > a->r.umax)
		return *a;
	v.r.umax = a->r.umax;
	if (b->r.umin && b->r.umax - 1 < v.r.umax)
		v.r.umax = b->r.umax - 1;
	return v;
}

static struct view divide_signed(const struct view *a, const struct view *b,
	unsigned bits)
{
	struct view v = unknown(bits);

	if (!is_known(b) || b->r.smin <= 0)
		return v;
	v.r.smin = a->r.smin / b->r.smin;
	v.r.smax = a->r.smax / b->r.smin;
	return v;
}

/* The sign is the dividend's. */
static struct view modulo_signed(const struct view *a, const struct view *b,
	unsigned bits)
{
	struct view v = unknown(bits);

	if (!is_known(b) || b->r.smin <= 0)
		return v;
	v.r.smin = a->r.smin >= 0 ? 0 : -(b->r.smin - 1);
	v.r.smax = a->r.smax <= 0 ? 0 : b->r.smin - 1;
	return v;
}

/* -- Bits and shifts ---------------------------------------------------- */

static struct view both(const struct view *a, const struct view *b,
	unsigned bits)
{
	struct view v = unknown(bits);

	v.b.value = a->b.value & b->b.value;
	v.b.mask = (a->b.value | a->b.mask) & (b->b.value | b->b.mask) &
		~v.b.value;
	v.r.umax = a->r.umax < b->r.umax ? a->r.umax : b->r.umax;
	return v;
}

static struct view either(const struct view *a, const struct view *b,
	unsigned bits)
{
	struct view v = unknown(bits);

	v.b.value = a->b.value | b->b.value;
	v.b.mask = (a->b.mask | b->b.mask) & ~v.b.value;
	v.r.umin = a->r.umin > b->r.umin ? a->r.umin : b->r.umin;
	return v;
}

static struct view differ(const struct view *a, const struct view *b,
	unsigned bits)
{
	struct view v = unknown(bits);

	v.b.mask = a->b.mask | b->b.mask;
	v.b.value = (a->b.value ^ b->b.value) & ~v.b.mask;
	return v;
}

/* A count that is known to be less than the width. */
static struct view shift_left(const struct view *a, const struct view *b,
	unsigned bits)
{
	struct view v = unknown(bits);
	unsigned least = (unsigned)b->r.umin, most = (unsigned)b->r.umax;

	v.b.mask = all_ones(bits) & (UINT64_MAX << least);
	if (least == most) {
		v.b.mask &= a->b.mask << least;
		v.b.value = a->b.value << least & all_ones(bits);
		fit_s(&v, (vmi_i128)a->r.smin * ((vmi_i128)1 << least),
			(vmi_i128)a->r.smax * ((vmi_i128)1 << least), bits);
	}
	if (((vmi_u128)a->r.umax << most) <= all_ones(bits)) {
		v.r.umin = a->r.umin << least;
		v.r.umax = a->r.umax << most;
	}
	return v;
}

static struct view shift_right(const struct view *a, const struct view *b,
	unsigned bits)
{
	struct view v = unknown(bits);

	if (is_known(b)) {
		v.b.value = a->b.value >> b->r.umin;
		v.b.mask = a->b.mask >> b->r.umin;
	}
	v.r.umin = a->r.umin >> b->r.umax;
	v.r.umax = a->r.umax >> b->r.umin;
	return v;
}

static struct view shift_signed(const struct view *a, const struct view *b,
	unsigned bits)
{
	struct view v = unknown(bits);
	unsigned least = (unsigned)b->r.umin, most = (unsigned)b->r.umax;

	if (least == most) {
		v.b.mask = vmi_bpf_zext(
			(uint64_t)(extend(a->b.mask, bits) >> least), bits);
		v.b.value = vmi_bpf_zext(
			(uint64_t)(extend(a->b.value, bits) >> least), bits);
	}
	v.r.smin = a->r.smin >> (a->r.smin < 0 ? least : most);
	v.r.smax = a->r.smax >> (a->r.smax < 0 ? most : least);
	return v;
}

static struct view shift(unsigned code, const struct view *a,
	const struct view *b, unsigned bits)
{
	if (b->r.umax >= bits)
		return unknown(bits);
	switch (code) {
	case VMI_BPF_LSH: return shift_left(a, b, bits);
	case VMI_BPF_RSH: return shift_right(a, b, bits);
	default: return shift_signed(a, b, bits);
	}
}

/* -- Any of them -------------------------------------------------------- */

static uint64_t fold(const struct vmi_bpf_operation *o, uint64_t a,
	uint64_t b, unsigned bits)
{
	switch (o->code) {
	case VMI_BPF_ADD: return vmi_bpf_add(a, b, bits);
	case VMI_BPF_SUB: return vmi_bpf_sub(a, b, bits);
	case VMI_BPF_MUL: return vmi_bpf_mul(a, b, bits);
	case VMI_BPF_DIV:
		return o->is_signed ? vmi_bpf_sdiv(a, b, bits) :
			vmi_bpf_div(a, b, bits);
	case VMI_BPF_MOD:
		return o->is_signed ? vmi_bpf_smod(a, b, bits) :
			vmi_bpf_mod(a, b, bits);
	case VMI_BPF_OR: return a | b;
	case VMI_BPF_AND: return a & b;
	case VMI_BPF_XOR: return a ^ b;
	case VMI_BPF_LSH: return vmi_bpf_lsh(a, b, bits);
	case VMI_BPF_RSH: return vmi_bpf_rsh(a, b, bits);
	case VMI_BPF_ARSH: return vmi_bpf_arsh(a, b, bits);
	default: return b;
	}
}

static struct view compute(const struct vmi_bpf_operation *o,
	const struct view *a, const struct view *b, unsigned bits)
{
	if (is_known(a) && is_known(b))
		return constant(fold(o, a->b.value, b->b.value, bits), bits);
	switch (o->code) {
	case VMI_BPF_ADD: return add(a, b, bits);
	case VMI_BPF_SUB: return sub(a, b, bits);
	case VMI_BPF_MUL: return mul(a, b, bits);
	case VMI_BPF_DIV:
		return o->is_signed ? divide_signed(a, b, bits) :
			divide(a, b, bits);
	case VMI_BPF_MOD:
		return o->is_signed ? modulo_signed(a, b, bits) :
			modulo(a, b, bits);
	case VMI_BPF_OR: return either(a, b, bits);
	case VMI_BPF_AND: return both(a, b, bits);
	case VMI_BPF_XOR: return differ(a, b, bits);
	case VMI_BPF_MOV: return *b;
	default: return shift(o->code, a, b, bits);
	}
}

/* Lower halves make the lower half. */
static bool is_local(unsigned code)
{
	return code == VMI_BPF_ADD || code == VMI_BPF_SUB ||
		code == VMI_BPF_MUL || code == VMI_BPF_OR ||
		code == VMI_BPF_AND || code == VMI_BPF_XOR ||
		code == VMI_BPF_MOV;
}

static struct vmi_bpf_num from_low(const struct view *v)
{
	struct vmi_bpf_num n = { v->b,
		{ v->r.umin, v->r.umax, 0, UINT32_MAX }, v->r };

	vmi_bpf_num_sync(&n);
	return n;
}

struct vmi_bpf_num vmi_bpf_num_compute(
	const struct vmi_bpf_operation *o, const struct vmi_bpf_num *a,
	const struct vmi_bpf_num *b)
{
	struct view of_a = view_of(a, o->bits), of_b = view_of(b, o->bits);
	struct view v = compute(o, &of_a, &of_b, o->bits);
	struct vmi_bpf_num n = { v.b, v.r, unknown(32).r };

	if (o->bits == 32)
		return from_low(&v);
	if (is_local(o->code)) {
		of_a = view_of(a, 32);
		of_b = view_of(b, 32);
		n.low = compute(o, &of_a, &of_b, 32).r;
	}
	vmi_bpf_num_sync(&n);
	return n;
}

/* -- Extension and byte swaps ------------------------------------------- */

struct vmi_bpf_num vmi_bpf_num_zext(const struct vmi_bpf_num *n,
	unsigned from)
{
	struct vmi_bpf_num z = *n;

	if (from == 64)
		return z;
	if (n->whole.umax > all_ones(from))
		z = vmi_bpf_num_between(0, all_ones(from));
	z.bits.value = vmi_bpf_zext(n->bits.value, from);
	z.bits.mask = vmi_bpf_zext(n->bits.mask, from);
	if (from == 32)
		z.low = n->low;
	vmi_bpf_num_sync(&z);
	return z;
}

struct vmi_bpf_num vmi_bpf_num_sext(const struct vmi_bpf_num *n,
	unsigned from)
{
	int64_t most = (int64_t)(all_ones(from) >> 1);
	struct vmi_bpf_num s = vmi_bpf_num_signed(-most - 1, most);

	s.bits.value = vmi_bpf_sext(n->bits.value, from);
	s.bits.mask = vmi_bpf_sext(n->bits.mask, from);
	if (n->whole.smin >= -most - 1 && n->whole.smax <= most)
		return *n;
	if (from == 32) {
		s.whole.smin = n->low.smin;
		s.whole.smax = n->low.smax;
		s.low = n->low;
	}
	vmi_bpf_num_sync(&s);
	return s;
}

struct vmi_bpf_num vmi_bpf_num_swap(const struct vmi_bpf_num *n,
	unsigned bits)
{
	if (vmi_bpf_num_is_const(n))
		return vmi_bpf_num_const(vmi_bpf_swap(n->bits.value, bits));
	return vmi_bpf_num_between(0, all_ones(bits));
}
