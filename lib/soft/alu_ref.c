/* SPDX-License-Identifier: MIT */
/*
 * The integer operations by the book, one way of doing each.
 *
 * Flags are computed from carries and results here and now, so that lazy
 * flags have something to be compared with.  Flags that the manual leaves
 * undefined are as Intel's server processors of the 2020s leave them: AF is 0
 * after logic and shifts; OF of a shift or rotate by more than 1 is that of
 * one by 1; BSF and BSR clear all but ZF and the parity of the index.
 */
#include "lib/soft/alu_ref.h"

#include "lib/soft/flags.h"

static uint64_t mask_of(unsigned bytes)
{
	return bytes == 8 ? ~0ull : (1ull << (bytes * 8)) - 1;
}

static uint64_t top_of(unsigned bytes)
{
	return 1ull << (bytes * 8 - 1);
}

static uint64_t flag_if(bool set, uint64_t flag)
{
	return set ? flag : 0;
}

/* -- Addition and logic ------------------------------------------------- */

static uint64_t add(uint64_t a, uint64_t b, unsigned carry, unsigned bytes,
	uint64_t *flags)
{
	uint64_t m = mask_of(bytes), t = top_of(bytes);
	uint64_t res = (a + b + carry) & m;
	uint64_t carries = (a & b) | ((a | b) & ~res);

	*flags = vmi_flags_szp(res, bytes) |
		flag_if(carries & t, VMI_FLAG_CF) |
		flag_if((a ^ res) & (b ^ res) & t, VMI_FLAG_OF) |
		flag_if(carries & 8, VMI_FLAG_AF);
	return res;
}

static uint64_t sub(uint64_t a, uint64_t b, unsigned borrow, unsigned bytes,
	uint64_t *flags)
{
	uint64_t m = mask_of(bytes), t = top_of(bytes);
	uint64_t res = (a - b - borrow) & m;
	uint64_t borrows = (~a & b) | ((~a | b) & res);

	*flags = vmi_flags_szp(res, bytes) |
		flag_if(borrows & t, VMI_FLAG_CF) |
		flag_if((a ^ b) & (a ^ res) & t, VMI_FLAG_OF) |
		flag_if(borrows & 8, VMI_FLAG_AF);
	return res;
}

static uint64_t logic(uint64_t res, unsigned bytes, uint64_t *flags)
{
	*flags = vmi_flags_szp(res, bytes);
	return res;
}

/* INC and DEC leave CF. */
static uint64_t keep_carry(uint64_t res, uint64_t in, uint64_t *flags)
{
	*flags = (*flags & ~VMI_FLAG_CF) | (in & VMI_FLAG_CF);
	return res;
}

/* -- Shifts and rotates ------------------------------------------------- */

/* 5 bits of the count, 6 for 64-bit operands: SDM 2B, SAL/SAR/SHL/SHR. */
static unsigned count_of(uint64_t b, unsigned bytes)
{
	return (unsigned)b & (bytes == 8 ? 63 : 31);
}

/* OF of a step to the left: whether it changes the sign. */
static uint64_t sign_changes(uint64_t a, unsigned bytes)
{
	return flag_if((a ^ (a << 1)) & top_of(bytes), VMI_FLAG_OF);
}

static uint64_t shl(uint64_t a, unsigned n, unsigned bytes, uint64_t *flags)
{
	unsigned bits = bytes * 8;
	uint64_t res = n < bits ? (a << n) & mask_of(bytes) : 0;
	bool cf = n <= bits && ((a >> (bits - n)) & 1);

	*flags = vmi_flags_szp(res, bytes) | flag_if(cf, VMI_FLAG_CF) |
		sign_changes(a, bytes);
	return res;
}

static uint64_t shr(uint64_t a, unsigned n, unsigned bytes, uint64_t *flags)
{
	unsigned bits = bytes * 8;
	uint64_t res = n < bits ? a >> n : 0;
	bool cf = n <= bits && ((a >> (n - 1)) & 1);

	*flags = vmi_flags_szp(res, bytes) | flag_if(cf, VMI_FLAG_CF) |
		flag_if(a & top_of(bytes), VMI_FLAG_OF);
	return res;
}

static uint64_t sar(uint64_t a, unsigned n, unsigned bytes, uint64_t *flags)
{
	bool negative = a & top_of(bytes);
	uint64_t m = mask_of(bytes), wide = negative ? a | ~m : a;
	unsigned last = n - 1 < 63 ? n - 1 : 63;
	uint64_t fill = negative ? ~0ull : 0, res;
	bool cf;

	cf = (last ? (wide >> last) | (fill << (64 - last)) : wide) & 1;
	res = n < 64 ? (wide >> n) | (fill << (63 - n) << 1) : fill;
	res &= m;
	*flags = vmi_flags_szp(res, bytes) | flag_if(cf, VMI_FLAG_CF);
	return res;
}

static uint64_t rotate_left(uint64_t a, unsigned n, unsigned bytes)
{
	unsigned bits = bytes * 8;

	n %= bits;
	return n ? ((a << n) | (a >> (bits - n))) & mask_of(bytes) : a;
}

static uint64_t rol(uint64_t a, unsigned n, unsigned bytes, uint64_t in,
	uint64_t *flags)
{
	uint64_t res = rotate_left(a, n, bytes);

	*flags = (in & ~(VMI_FLAG_CF | VMI_FLAG_OF)) | (res & VMI_FLAG_CF) |
		sign_changes(a, bytes);
	return res;
}

static uint64_t ror(uint64_t a, unsigned n, unsigned bytes, uint64_t in,
	uint64_t *flags)
{
	unsigned bits = bytes * 8;
	uint64_t res = rotate_left(a, bits - n % bits, bytes);
	bool cf = res & top_of(bytes), top = a & top_of(bytes);

	*flags = (in & ~(VMI_FLAG_CF | VMI_FLAG_OF)) |
		flag_if(cf, VMI_FLAG_CF) |
		flag_if(top != (bool)(a & 1), VMI_FLAG_OF);
	return res;
}

/* Through carry: a rotate of bits + 1, step by step. */
static uint64_t rcl(uint64_t a, unsigned n, unsigned bytes, uint64_t in,
	uint64_t *flags)
{
	uint64_t cf = in & VMI_FLAG_CF, of = sign_changes(a, bytes), top;

	n %= bytes * 8 + 1;
	*flags = in;
	if (!n)
		return a;
	while (n--) {
		top = !!(a & top_of(bytes));
		a = ((a << 1) | cf) & mask_of(bytes);
		cf = top;
	}
	*flags = (in & ~(VMI_FLAG_CF | VMI_FLAG_OF)) | cf | of;
	return a;
}

static uint64_t rcr(uint64_t a, unsigned n, unsigned bytes, uint64_t in,
	uint64_t *flags)
{
	uint64_t cf = in & VMI_FLAG_CF, low;
	bool of = cf != (a & top_of(bytes) ? 1u : 0u);

	n %= bytes * 8 + 1;
	*flags = in;
	if (!n)
		return a;
	while (n--) {
		low = a & 1;
		a = (a >> 1) | (cf ? top_of(bytes) : 0);
		cf = low;
	}
	*flags = (in & ~(VMI_FLAG_CF | VMI_FLAG_OF)) | cf |
		flag_if(of, VMI_FLAG_OF);
	return a;
}

/* A masked count of 0 changes nothing. */
static uint64_t shift(unsigned exec, uint64_t a, unsigned n, unsigned bytes,
	uint64_t *flags)
{
	uint64_t in = *flags;

	if (!n)
		return a;
	switch (exec) {
	case VMI_EXEC_shl: return shl(a, n, bytes, flags);
	case VMI_EXEC_shr: return shr(a, n, bytes, flags);
	case VMI_EXEC_sar: return sar(a, n, bytes, flags);
	case VMI_EXEC_rol: return rol(a, n, bytes, in, flags);
	case VMI_EXEC_ror: return ror(a, n, bytes, in, flags);
	case VMI_EXEC_rcl: return rcl(a, n, bytes, in, flags);
	default: return rcr(a, n, bytes, in, flags);
	}
}

/*
 * A 16-bit shift by more than 16 is undefined; on Intel's processors what is
 * shifted out of the destination follows the source.
 */
uint64_t vmi_alu_double(unsigned exec, const struct vmi_double *d,
	uint64_t flags_in, uint64_t *flags_out)
{
	unsigned bits = d->bytes * 8, n = count_of(d->count, d->bytes), i;
	uint64_t m = mask_of(d->bytes), t = top_of(d->bytes);
	uint64_t dst = d->dst & m, src = d->src & m, of;
	bool cf = false;

	*flags_out = flags_in & VMI_FLAGS_ARITH;
	if (!n)
		return dst;
	of = exec == VMI_EXEC_shld ? sign_changes(dst, d->bytes) :
		flag_if(((dst & t) != 0) != (src & 1), VMI_FLAG_OF);
	for (i = 0; i < n; i++) {
		if (exec == VMI_EXEC_shld) {
			cf = dst & t;
			dst = ((dst << 1) | (src >> (bits - 1))) & m;
			src = ((src << 1) | cf) & m;
		} else {
			cf = dst & 1;
			dst = (dst >> 1) | (src & 1 ? t : 0);
			src = (src >> 1) | (cf ? t : 0);
		}
	}
	*flags_out = vmi_flags_szp(dst, d->bytes) | flag_if(cf, VMI_FLAG_CF) |
		of;
	return dst;
}

/* -- Bits --------------------------------------------------------------- */

static uint64_t bit(unsigned exec, uint64_t a, uint64_t b, unsigned bytes,
	uint64_t *flags)
{
	uint64_t one = 1ull << (b & (bytes * 8 - 1));

	*flags = (*flags & ~VMI_FLAG_CF) | flag_if(a & one, VMI_FLAG_CF);
	switch (exec) {
	case VMI_EXEC_bts: return a | one;
	case VMI_EXEC_btr: return a & ~one;
	case VMI_EXEC_btc: return a ^ one;
	default: return a;
	}
}

static unsigned lowest(uint64_t v)
{
	unsigned n = 0;

	while (!((v >> n) & 1))
		n++;
	return n;
}

static unsigned highest(uint64_t v)
{
	unsigned n = 63;

	while (!((v >> n) & 1))
		n--;
	return n;
}

/* The destination is left when the source is 0: footnote in SDM 2A, BSF. */
static uint64_t find(unsigned exec, uint64_t a, uint64_t b, uint64_t *flags)
{
	uint64_t n = 0;

	if (b)
		n = exec == VMI_EXEC_bsf ? lowest(b) : highest(b);
	*flags = (vmi_flags_szp(n, 1) & VMI_FLAG_PF) |
		flag_if(!b, VMI_FLAG_ZF);
	return b ? n : a;
}

static uint64_t popcnt(uint64_t b, uint64_t *flags)
{
	uint64_t n = 0;

	*flags = flag_if(!b, VMI_FLAG_ZF);
	for (; b; b &= b - 1)
		n++;
	return n;
}

/* Of 16 bits it is undefined, and 0 in practice. */
static uint64_t bswap(uint64_t a, unsigned bytes)
{
	uint64_t v = 0;
	unsigned i;

	if (bytes == 2)
		return 0;
	for (i = 0; i < bytes; i++, a >>= 8)
		v = v << 8 | (a & 0xff);
	return v;
}

/* -- Wide ----------------------------------------------------------- */

static uint64_t extend(uint64_t a, unsigned bytes)
{
	uint64_t t = top_of(bytes);

	return ((a & mask_of(bytes)) ^ t) - t;
}

struct vmi_product vmi_mul_wide(uint64_t a, uint64_t b, unsigned bytes,
	bool is_signed)
{
	uint64_t m = mask_of(bytes), sign;
	struct vmi_product p;
	vmi_u128 full;

	if (is_signed)
		full = (vmi_u128)((vmi_i128)(int64_t)extend(a, bytes) *
			(int64_t)extend(b, bytes));
	else
		full = (vmi_u128)(a & m) * (b & m);
	p.low = (uint64_t)full & m;
	p.high = (uint64_t)(full >> (8 * bytes)) & m;
	sign = is_signed && (p.low >> (8 * bytes - 1)) ? m : 0;
	p.wide = p.high != sign;
	return p;
}

struct vmi_quotient vmi_div_wide(uint64_t high, uint64_t low,
	uint64_t divisor, unsigned bytes)
{
	struct vmi_quotient q = { 0 };
	uint64_t m = mask_of(bytes);
	vmi_u128 n;

	/* The quotient fits if and only if high < divisor. */
	if ((high & m) >= (divisor & m))
		return q;
	n = ((vmi_u128)(high & m) << (8 * bytes)) | (low & m);
	q.quotient = (uint64_t)(n / (divisor & m));
	q.remainder = (uint64_t)(n % (divisor & m));
	q.fits = true;
	return q;
}

/* By magnitudes, so that nothing overflows: SDM 2A, IDIV. */
struct vmi_quotient vmi_idiv_wide(uint64_t high, uint64_t low,
	uint64_t divisor, unsigned bytes)
{
	uint64_t m = mask_of(bytes), d = extend(divisor, bytes), limit;
	bool minus_n = extend(high, bytes) >> 63, minus_d = d >> 63;
	struct vmi_quotient q = { 0 };
	vmi_u128 n, magnitude, quotient;

	n = ((vmi_u128)extend(high, bytes) << (8 * bytes)) | (low & m);
	if (minus_n && bytes < 8)
		n |= ~(vmi_u128)0 << (8 * bytes + 8 * bytes);
	if (!d)
		return q;
	magnitude = minus_n ? -n : n;
	d = minus_d ? -d : d;
	quotient = magnitude / d;
	limit = (m >> 1) + (minus_n != minus_d);
	if (quotient > limit)
		return q;
	q.quotient = (uint64_t)(minus_n != minus_d ? -quotient : quotient) & m;
	q.remainder = (uint64_t)(magnitude % d);
	q.remainder = (minus_n ? -q.remainder : q.remainder) & m;
	q.fits = true;
	return q;
}

static uint64_t imul(uint64_t a, uint64_t b, unsigned bytes, uint64_t *flags)
{
	struct vmi_product p = vmi_mul_wide(a, b, bytes, true);

	/* SF and PF are of the result, ZF and AF 0: undefined by the manual. */
	*flags = (vmi_flags_szp(p.low, bytes) & ~VMI_FLAG_ZF) |
		flag_if(p.wide, VMI_FLAG_CF | VMI_FLAG_OF);
	return p.low;
}

static uint64_t single(unsigned exec, uint64_t a, uint64_t b, unsigned bytes,
	uint64_t *flags)
{
	switch (exec) {
	case VMI_EXEC_bt:
	case VMI_EXEC_bts:
	case VMI_EXEC_btr:
	case VMI_EXEC_btc: return bit(exec, a, b, bytes, flags);
	case VMI_EXEC_bsf:
	case VMI_EXEC_bsr: return find(exec, a, b, flags);
	case VMI_EXEC_popcnt: return popcnt(b, flags);
	case VMI_EXEC_bswap: return bswap(b, bytes);
	case VMI_EXEC_cbw: return extend(a, bytes / 2) & mask_of(bytes);
	case VMI_EXEC_cwd: return a & top_of(bytes) ? mask_of(bytes) : 0;
	case VMI_EXEC_not: return ~a & mask_of(bytes);
	default:
		return shift(exec, a, count_of(b, bytes), bytes, flags);
	}
}

uint64_t vmi_alu(unsigned exec, uint64_t a, uint64_t b, unsigned bytes,
	uint64_t flags_in, uint64_t *flags_out)
{
	unsigned carry = flags_in & VMI_FLAG_CF;
	uint64_t *f = flags_out;

	flags_in &= VMI_FLAGS_ARITH;
	*f = flags_in;
	a &= mask_of(bytes);
	b &= mask_of(bytes);
	switch (exec) {
	case VMI_EXEC_xadd:
	case VMI_EXEC_add: return add(a, b, 0, bytes, f);
	case VMI_EXEC_adc: return add(a, b, carry, bytes, f);
	case VMI_EXEC_sub: return sub(a, b, 0, bytes, f);
	case VMI_EXEC_sbb: return sub(a, b, carry, bytes, f);
	case VMI_EXEC_cmp: sub(a, b, 0, bytes, f); return a;
	case VMI_EXEC_neg: return sub(0, a, 0, bytes, f);
	case VMI_EXEC_inc:
		return keep_carry(add(a, 1, 0, bytes, f), flags_in, f);
	case VMI_EXEC_dec:
		return keep_carry(sub(a, 1, 0, bytes, f), flags_in, f);
	case VMI_EXEC_and: return logic(a & b, bytes, f);
	case VMI_EXEC_or: return logic(a | b, bytes, f);
	case VMI_EXEC_xor: return logic(a ^ b, bytes, f);
	case VMI_EXEC_test: logic(a & b, bytes, f); return a;
	case VMI_EXEC_imul: return imul(a, b, bytes, f);
	default: return single(exec, a, b, bytes, f);
	}
}
