/* SPDX-License-Identifier: MIT */
/*
 * Integer operations lane by lane: MMX and SSE2 to SSE4.2.
 *
 * A lane function makes one lane of two; by_lanes() makes 64 bits of them,
 * and a vector is two such halves, of which MMX uses the low one.  What
 * compilers and string functions use most works on a half at once: halves.h.
 */
#include "lib/soft/halves.h"
#include "lib/soft/simd.h"

/* -- Lanes -------------------------------------------------------------- */

typedef uint64_t lane_fn(uint64_t a, uint64_t b, unsigned bits);

static vmi_inline uint64_t by_lanes(uint64_t a, uint64_t b, unsigned bits,
	lane_fn *fn)
{
	uint64_t mask = vmi_lane_mask(bits), r = 0;
	unsigned at;

	for (at = 0; at < 64; at += bits)
		r |= (fn(a >> at & mask, b >> at & mask, bits) & mask) << at;
	return r;
}

static vmi_inline uint64_t lane_clamp(int64_t v, int64_t low, int64_t high)
{
	return (uint64_t)(v < low ? low : v > high ? high : v);
}

static vmi_inline uint64_t saturate(int64_t v, unsigned bits)
{
	int64_t high = (int64_t)(vmi_lane_mask(bits) >> 1);

	return lane_clamp(v, -high - 1, high);
}

static vmi_inline uint64_t saturate_unsigned(int64_t v, unsigned bits)
{
	return lane_clamp(v, 0, (int64_t)vmi_lane_mask(bits));
}

static vmi_inline uint64_t lane_adds(uint64_t a, uint64_t b, unsigned bits)
{
	return saturate(vmi_lane_signed(a, bits) + vmi_lane_signed(b, bits),
		bits);
}

static vmi_inline uint64_t lane_subs(uint64_t a, uint64_t b, unsigned bits)
{
	return saturate(vmi_lane_signed(a, bits) - vmi_lane_signed(b, bits),
		bits);
}

static vmi_inline uint64_t lane_abs(uint64_t a, uint64_t b, unsigned bits)
{
	(void)a;
	return b >> (bits - 1) ? 0 - b : b;
}

static vmi_inline uint64_t lane_sign(uint64_t a, uint64_t b, unsigned bits)
{
	if (!b)
		return 0;
	return b >> (bits - 1) ? 0 - a : a;
}

static vmi_inline uint64_t lane_mull(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return a * b;
}

static vmi_inline uint64_t lane_mulhu(uint64_t a, uint64_t b, unsigned bits)
{
	return a * b >> bits;
}

static vmi_inline int64_t product(uint64_t a, uint64_t b, unsigned bits)
{
	return vmi_lane_signed(a, bits) * vmi_lane_signed(b, bits);
}

static vmi_inline uint64_t lane_mulh(uint64_t a, uint64_t b, unsigned bits)
{
	return (uint64_t)product(a, b, bits) >> bits;
}

/* SDM 2B, PMULHRSW: rounded to the 15 bits below the sign. */
static vmi_inline uint64_t lane_mulhrs(uint64_t a, uint64_t b, unsigned bits)
{
	return (((uint64_t)product(a, b, bits) >> (bits - 2)) + 1) >> 1;
}

/* Lanes twice as wide as what they multiply. */
static vmi_inline uint64_t lane_muludq(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return (uint64_t)(uint32_t)a * (uint32_t)b;
}

static vmi_inline uint64_t lane_muldq(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return (uint64_t)product(a, b, 32);
}

/* The one overflow wraps: four times -32768 (SDM 2B, PMADDWD). */
static vmi_inline uint64_t lane_maddwd(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return (uint64_t)(product(a, b, 16) + product(a >> 16, b >> 16, 16));
}

/* Unsigned bytes of the first by signed ones of the second. */
static vmi_inline uint64_t lane_maddubs(uint64_t a, uint64_t b, unsigned bits)
{
	int64_t low = (int64_t)(a & 0xff) * vmi_lane_signed(b, 8);
	int64_t high = (int64_t)(a >> 8) * vmi_lane_signed(b >> 8, 8);

	return saturate(low + high, bits);
}

static vmi_inline uint64_t lane_sad(uint64_t a, uint64_t b, unsigned bits)
{
	uint64_t x, y, sum = 0;
	unsigned at;

	for (at = 0; at < bits; at += 8) {
		x = a >> at & 0xff;
		y = b >> at & 0xff;
		sum += x > y ? x - y : y - x;
	}
	return sum;
}

/* -- Instructions ------------------------------------------------------- */

/* `half` makes 64 bits of 64 and 64. */
static vmi_inline void halves(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bits, lane_fn *half)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);

	a.q[0] = half(a.q[0], b.q[0], bits);
	a.q[1] = half(a.q[1], b.q[1], bits);
	vmi_simd_set(c, op, a);
}

static vmi_inline void lanes(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bits, lane_fn *fn)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);

	a.q[0] = by_lanes(a.q[0], b.q[0], bits, fn);
	a.q[1] = by_lanes(a.q[1], b.q[1], bits, fn);
	vmi_simd_set(c, op, a);
}

#define DO(token, driver, bits, fn)                                            \
	void vmi_do_##token(struct vmi_cpu *c, const struct vmi_op *op)        \
	{                                                                      \
		driver(c, op, bits, fn);                                       \
	}

DO(paddb, halves, 8, half_add)
DO(paddw, halves, 16, half_add)
DO(paddd, halves, 32, half_add)
DO(paddq, halves, 64, half_add)
DO(psubb, halves, 8, half_sub)
DO(psubw, halves, 16, half_sub)
DO(psubd, halves, 32, half_sub)
DO(psubq, halves, 64, half_sub)
DO(pcmpeqb, halves, 8, half_eq)
DO(pcmpeqw, halves, 16, half_eq)
DO(pcmpeqd, halves, 32, half_eq)
DO(pcmpeqq, halves, 64, half_eq)
DO(pand, halves, 64, half_and)
DO(andps, halves, 64, half_and)
DO(andpd, halves, 64, half_and)
DO(pandn, halves, 64, half_andn)
DO(andnps, halves, 64, half_andn)
DO(andnpd, halves, 64, half_andn)
DO(por, halves, 64, half_or)
DO(orps, halves, 64, half_or)
DO(orpd, halves, 64, half_or)
DO(pxor, halves, 64, half_xor)
DO(xorps, halves, 64, half_xor)
DO(xorpd, halves, 64, half_xor)
DO(paddsb, lanes, 8, lane_adds)
DO(paddsw, lanes, 16, lane_adds)
DO(paddusb, halves, 8, half_addus)
DO(paddusw, halves, 16, half_addus)
DO(psubsb, lanes, 8, lane_subs)
DO(psubsw, lanes, 16, lane_subs)
DO(psubusb, halves, 8, half_subus)
DO(psubusw, halves, 16, half_subus)
DO(pcmpgtb, halves, 8, half_gt)
DO(pcmpgtw, halves, 16, half_gt)
DO(pcmpgtd, halves, 32, half_gt)
DO(pcmpgtq, halves, 64, half_gt)
DO(pmaxsb, halves, 8, half_maxs)
DO(pmaxsw, halves, 16, half_maxs)
DO(pmaxsd, halves, 32, half_maxs)
DO(pmaxub, halves, 8, half_maxu)
DO(pmaxuw, halves, 16, half_maxu)
DO(pmaxud, halves, 32, half_maxu)
DO(pminsb, halves, 8, half_mins)
DO(pminsw, halves, 16, half_mins)
DO(pminsd, halves, 32, half_mins)
DO(pminub, halves, 8, half_minu)
DO(pminuw, halves, 16, half_minu)
DO(pminud, halves, 32, half_minu)
DO(pavgb, halves, 8, half_avg)
DO(pavgw, halves, 16, half_avg)
DO(pabsb, lanes, 8, lane_abs)
DO(pabsw, lanes, 16, lane_abs)
DO(pabsd, lanes, 32, lane_abs)
DO(psignb, lanes, 8, lane_sign)
DO(psignw, lanes, 16, lane_sign)
DO(psignd, lanes, 32, lane_sign)
DO(pmullw, lanes, 16, lane_mull)
DO(pmulld, lanes, 32, lane_mull)
DO(pmulhw, lanes, 16, lane_mulh)
DO(pmulhuw, lanes, 16, lane_mulhu)
DO(pmulhrsw, lanes, 16, lane_mulhrs)
DO(pmuludq, lanes, 64, lane_muludq)
DO(pmuldq, lanes, 64, lane_muldq)
DO(pmaddwd, lanes, 32, lane_maddwd)
DO(pmaddubsw, lanes, 16, lane_maddubs)
DO(psadbw, lanes, 64, lane_sad)

/* -- Two lanes of one operand make one ---------------------------------- */

/*
 * Horizontal operations and packs: the low half of the result comes from the
 * first operand, the high half from the second; in MMX a half is 32 bits.
 */
static vmi_inline void horizontal(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bits, lane_fn *fn)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);

	if (vmi_simd_mm(op)) {
		a = vmi_simd_pair(fn(a.q[0], b.q[0], bits), 0);
	} else {
		a.q[0] = fn(a.q[0], a.q[1], bits);
		a.q[1] = fn(b.q[0], b.q[1], bits);
	}
	vmi_simd_set(c, op, a);
}

/* 128 bits, in neighbours of `bits`, become 64 of that lane width. */
static vmi_inline uint64_t neighbours(uint64_t low, uint64_t high,
	unsigned bits, lane_fn *fn)
{
	uint64_t mask = vmi_lane_mask(bits), r = 0, v;
	unsigned at;

	for (at = 0; at < 64; at += bits) {
		v = (at < 32 ? low : high) >> (at * 2 & 63);
		r |= (fn(v & mask, v >> bits & mask, bits) & mask) << at;
	}
	return r;
}

static vmi_inline uint64_t lane_add(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return a + b;
}

static vmi_inline uint64_t lane_sub(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return a - b;
}

static uint64_t hadd(uint64_t low, uint64_t high, unsigned bits)
{
	return bits == 16 ? neighbours(low, high, 16, lane_add) :
		neighbours(low, high, 32, lane_add);
}

static uint64_t hsub(uint64_t low, uint64_t high, unsigned bits)
{
	return bits == 16 ? neighbours(low, high, 16, lane_sub) :
		neighbours(low, high, 32, lane_sub);
}

static uint64_t hadds(uint64_t low, uint64_t high, unsigned bits)
{
	return neighbours(low, high, bits, lane_adds);
}

static uint64_t hsubs(uint64_t low, uint64_t high, unsigned bits)
{
	return neighbours(low, high, bits, lane_subs);
}

/* Lanes of twice the bits, signed, to `bits`. */
static uint64_t pack(uint64_t low, uint64_t high, unsigned bits)
{
	uint64_t r = 0;
	unsigned at;

	for (at = 0; at < 64; at += bits)
		r |= (saturate(vmi_lane_signed((at < 32 ? low : high) >>
			(at * 2 & 63), bits * 2), bits) &
			vmi_lane_mask(bits)) << at;
	return r;
}

static uint64_t packu(uint64_t low, uint64_t high, unsigned bits)
{
	uint64_t r = 0;
	unsigned at;

	for (at = 0; at < 64; at += bits)
		r |= saturate_unsigned(vmi_lane_signed((at < 32 ? low :
			high) >> (at * 2 & 63), bits * 2), bits) << at;
	return r;
}

DO(phaddw, horizontal, 16, hadd)
DO(phaddd, horizontal, 32, hadd)
DO(phaddsw, horizontal, 16, hadds)
DO(phsubw, horizontal, 16, hsub)
DO(phsubd, horizontal, 32, hsub)
DO(phsubsw, horizontal, 16, hsubs)
DO(packsswb, horizontal, 8, pack)
DO(packssdw, horizontal, 16, pack)
DO(packuswb, horizontal, 8, packu)
DO(packusdw, horizontal, 16, packu)

/* -- One of a kind ------------------------------------------------------ */

/* The least word and its place, the first of equals. */
void vmi_do_phminposuw(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm b = vmi_simd_src(c, op);
	uint64_t best = vmi_lane(b, 0, 16);
	unsigned n, at = 0;

	for (n = 1; n < 8; n++) {
		if (vmi_lane(b, n, 16) < best) {
			best = vmi_lane(b, n, 16);
			at = n;
		}
	}
	vmi_simd_set(c, op, vmi_simd_pair(best | (uint64_t)at << 16, 0));
}

/* Four bytes of v from byte `n` on. */
static uint64_t four(struct vmi_xmm v, unsigned n)
{
	uint64_t r = 0;
	unsigned i;

	for (i = 0; i < 4; i++)
		r |= vmi_lane(v, n + i, 8) << (i * 8);
	return r;
}

void vmi_do_mpsadbw(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	unsigned from = (op->imm >> 2 & 1) * 4, n;
	uint64_t block = four(b, (op->imm & 3) * 4);
	struct vmi_xmm r = { { 0, 0 } };

	for (n = 0; n < 8; n++)
		r = vmi_lane_set(r, n, 16,
			lane_sad(four(a, from + n), block, 32));
	vmi_simd_set(c, op, r);
}

/* ZF: no common bit; CF: none of the source outside of the destination. */
void vmi_do_ptest(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_xmm b = vmi_simd_src(c, op), a = vmi_simd_dst(c, op);
	uint64_t both = (a.q[0] & b.q[0]) | (a.q[1] & b.q[1]);
	uint64_t only = (~a.q[0] & b.q[0]) | (~a.q[1] & b.q[1]);

	vmi_flags_set(c, (both ? 0 : VMI_FLAG_ZF) | (only ? 0 : VMI_FLAG_CF));
}
