/* SPDX-License-Identifier: MIT */
/* Handlers of the commonest integer vector instructions: quick.h. */
#include "lib/soft/halves.h"
#include "lib/soft/quick.h"

/* -- Both halves alike ---------------------------------------------------- */

typedef uint64_t half_fn(uint64_t a, uint64_t b, unsigned bits);

static vmi_inline struct vmi_xmm both(struct vmi_xmm a, struct vmi_xmm b,
	unsigned bits, half_fn *half)
{
	return vmi_simd_pair(half(a.q[0], b.q[0], bits),
		half(a.q[1], b.q[1], bits));
}

static vmi_inline uint64_t half_muludq(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return (uint64_t)(uint32_t)a * (uint32_t)b;
}

static vmi_inline uint64_t half_mulld(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return (uint32_t)((uint32_t)a * (uint32_t)b) |
		(a >> 32) * (b >> 32) << 32;
}

static vmi_inline uint64_t half_mullw(uint64_t a, uint64_t b, unsigned bits)
{
	(void)bits;
	return ((a & 0xffff) * (b & 0xffff) & 0xffff) |
		((a >> 16 & 0xffff) * (b >> 16 & 0xffff) & 0xffff) << 16 |
		((a >> 32 & 0xffff) * (b >> 32 & 0xffff) & 0xffff) << 32 |
		(a >> 48) * (b >> 48) << 48;
}

static vmi_inline uint64_t half_maddwd(uint64_t a, uint64_t b, unsigned bits)
{
	int64_t low = (int64_t)(int16_t)a * (int16_t)b +
		(int64_t)(int16_t)(a >> 16) * (int16_t)(b >> 16);
	int64_t high = (int64_t)(int16_t)(a >> 32) * (int16_t)(b >> 32) +
		(int64_t)(int16_t)(a >> 48) * (int16_t)(b >> 48);

	(void)bits;
	return (uint32_t)low | (uint64_t)high << 32;
}

#define NAME paddb
#define VALUE(a, b, imm) both(a, b, 8, half_add)
#include "lib/soft/vector_shapes.h"
#define NAME psubb
#define VALUE(a, b, imm) both(a, b, 8, half_sub)
#include "lib/soft/vector_shapes.h"
#define NAME paddw
#define VALUE(a, b, imm) both(a, b, 16, half_add)
#include "lib/soft/vector_shapes.h"
#define NAME psubw
#define VALUE(a, b, imm) both(a, b, 16, half_sub)
#include "lib/soft/vector_shapes.h"
#define NAME paddd
#define VALUE(a, b, imm) both(a, b, 32, half_add)
#include "lib/soft/vector_shapes.h"
#define NAME psubd
#define VALUE(a, b, imm) both(a, b, 32, half_sub)
#include "lib/soft/vector_shapes.h"
#define NAME paddq
#define VALUE(a, b, imm) both(a, b, 64, half_add)
#include "lib/soft/vector_shapes.h"
#define NAME psubq
#define VALUE(a, b, imm) both(a, b, 64, half_sub)
#include "lib/soft/vector_shapes.h"
#define NAME pcmpeqb
#define VALUE(a, b, imm) both(a, b, 8, half_eq)
#include "lib/soft/vector_shapes.h"
#define NAME pcmpgtb
#define VALUE(a, b, imm) both(a, b, 8, half_gt)
#include "lib/soft/vector_shapes.h"
#define NAME pcmpeqw
#define VALUE(a, b, imm) both(a, b, 16, half_eq)
#include "lib/soft/vector_shapes.h"
#define NAME pcmpgtw
#define VALUE(a, b, imm) both(a, b, 16, half_gt)
#include "lib/soft/vector_shapes.h"
#define NAME pcmpeqd
#define VALUE(a, b, imm) both(a, b, 32, half_eq)
#include "lib/soft/vector_shapes.h"
#define NAME pcmpgtd
#define VALUE(a, b, imm) both(a, b, 32, half_gt)
#include "lib/soft/vector_shapes.h"
#define NAME pmaxub
#define VALUE(a, b, imm) both(a, b, 8, half_maxu)
#include "lib/soft/vector_shapes.h"
#define NAME pminub
#define VALUE(a, b, imm) both(a, b, 8, half_minu)
#include "lib/soft/vector_shapes.h"
#define NAME pmaxsw
#define VALUE(a, b, imm) both(a, b, 16, half_maxs)
#include "lib/soft/vector_shapes.h"
#define NAME pminsw
#define VALUE(a, b, imm) both(a, b, 16, half_mins)
#include "lib/soft/vector_shapes.h"
#define NAME pmaxsd
#define VALUE(a, b, imm) both(a, b, 32, half_maxs)
#include "lib/soft/vector_shapes.h"
#define NAME pminsd
#define VALUE(a, b, imm) both(a, b, 32, half_mins)
#include "lib/soft/vector_shapes.h"
#define NAME pavgb
#define VALUE(a, b, imm) both(a, b, 8, half_avg)
#include "lib/soft/vector_shapes.h"
#define NAME pmuludq
#define VALUE(a, b, imm) both(a, b, 64, half_muludq)
#include "lib/soft/vector_shapes.h"
#define NAME pmulld
#define VALUE(a, b, imm) both(a, b, 32, half_mulld)
#include "lib/soft/vector_shapes.h"
#define NAME pmullw
#define VALUE(a, b, imm) both(a, b, 16, half_mullw)
#include "lib/soft/vector_shapes.h"
#define NAME pmaddwd
#define VALUE(a, b, imm) both(a, b, 32, half_maddwd)
#include "lib/soft/vector_shapes.h"
#define NAME pand
#define VALUE(a, b, imm) both(a, b, 64, half_and)
#include "lib/soft/vector_shapes.h"
#define NAME pandn
#define VALUE(a, b, imm) both(a, b, 64, half_andn)
#include "lib/soft/vector_shapes.h"
#define NAME por
#define VALUE(a, b, imm) both(a, b, 64, half_or)
#include "lib/soft/vector_shapes.h"
#define NAME pxor
#define VALUE(a, b, imm) both(a, b, 64, half_xor)
#include "lib/soft/vector_shapes.h"

/* -- Lanes moved about ---------------------------------------------------- */

/* The low 32 bits, with as many zeros behind each byte or word. */
static vmi_inline uint64_t spread(uint64_t v, unsigned bits)
{
	v &= 0xffffffff;
	if (bits < 32)
		v = (v | v << 16) & 0x0000ffff0000ffff;
	if (bits < 16)
		v = (v | v << 8) & 0x00ff00ff00ff00ff;
	return v;
}

static vmi_inline struct vmi_xmm interleaved(uint64_t a, uint64_t b,
	unsigned bits)
{
	return vmi_simd_pair(spread(a, bits) | spread(b, bits) << bits,
		spread(a >> 32, bits) | spread(b >> 32, bits) << bits);
}

static vmi_inline uint64_t dword(struct vmi_xmm v, uint64_t n)
{
	return (uint32_t)((n & 2 ? v.q[1] : v.q[0]) >> (n & 1) * 32);
}

/* Lanes 0 and 1 of the result from a, 2 and 3 from b. */
static vmi_inline struct vmi_xmm shuffled(struct vmi_xmm a, struct vmi_xmm b,
	uint64_t imm)
{
	return vmi_simd_pair(dword(a, imm) | dword(a, imm >> 2) << 32,
		dword(b, imm >> 4) | dword(b, imm >> 6) << 32);
}

#define NAME punpcklbw
#define VALUE(a, b, imm) interleaved(a.q[0], b.q[0], 8)
#include "lib/soft/vector_shapes.h"
#define NAME punpcklwd
#define VALUE(a, b, imm) interleaved(a.q[0], b.q[0], 16)
#include "lib/soft/vector_shapes.h"
#define NAME punpckldq
#define VALUE(a, b, imm) interleaved(a.q[0], b.q[0], 32)
#include "lib/soft/vector_shapes.h"
#define NAME punpckhbw
#define VALUE(a, b, imm) interleaved(a.q[1], b.q[1], 8)
#include "lib/soft/vector_shapes.h"
#define NAME punpckhwd
#define VALUE(a, b, imm) interleaved(a.q[1], b.q[1], 16)
#include "lib/soft/vector_shapes.h"
#define NAME punpckhdq
#define VALUE(a, b, imm) interleaved(a.q[1], b.q[1], 32)
#include "lib/soft/vector_shapes.h"
#define NAME punpcklqdq
#define VALUE(a, b, imm) vmi_simd_pair(a.q[0], b.q[0])
#include "lib/soft/vector_shapes.h"
#define NAME punpckhqdq
#define VALUE(a, b, imm) vmi_simd_pair(a.q[1], b.q[1])
#include "lib/soft/vector_shapes.h"
#define NAME pshufd
#define VALUE(a, b, imm) shuffled(b, b, imm)
#include "lib/soft/vector_shapes.h"
#define NAME shufps
#define VALUE(a, b, imm) shuffled(a, b, imm)
#include "lib/soft/vector_shapes.h"

/* -- Shifts by an immediate less than the lane ---------------------------- */

static vmi_inline uint64_t shift_left(uint64_t v, unsigned n, unsigned bits)
{
	uint64_t lane = vmi_lane_mask(bits), ones = ~0ull / lane;

	return v << n & ones * (lane << n & lane);
}

static vmi_inline uint64_t shift_right(uint64_t v, unsigned n, unsigned bits)
{
	uint64_t lane = vmi_lane_mask(bits), ones = ~0ull / lane;

	return v >> n & ones * (lane >> n);
}

/* Where the sign was moved to, taking it away again spreads it upwards. */
static vmi_inline uint64_t shift_signed(uint64_t v, unsigned n, unsigned bits)
{
	uint64_t sign = half_tops(bits) >> n;

	return half_sub(shift_right(v, n, bits) ^ sign, sign, bits);
}

#define NAME  psllw
#define SHIFT shift_left
#define BITS  16
#include "lib/soft/vector_shift_shapes.h"
#define NAME  pslld
#define SHIFT shift_left
#define BITS  32
#include "lib/soft/vector_shift_shapes.h"
#define NAME  psllq
#define SHIFT shift_left
#define BITS  64
#include "lib/soft/vector_shift_shapes.h"
#define NAME  psrlw
#define SHIFT shift_right
#define BITS  16
#include "lib/soft/vector_shift_shapes.h"
#define NAME  psrld
#define SHIFT shift_right
#define BITS  32
#include "lib/soft/vector_shift_shapes.h"
#define NAME  psrlq
#define SHIFT shift_right
#define BITS  64
#include "lib/soft/vector_shift_shapes.h"
#define NAME  psraw
#define SHIFT shift_signed
#define BITS  16
#include "lib/soft/vector_shift_shapes.h"
#define NAME  psrad
#define SHIFT shift_signed
#define BITS  32
#include "lib/soft/vector_shift_shapes.h"

/* By bytes: reductions do it by 4 and 8. */
static const struct vmi_op *h_psrldq(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	struct vmi_xmm *to = &c->fpu.xmm[op->base & 15];
	unsigned n = ((unsigned)op->imm & 0xff) * 8;

	if (vmi_unlikely(!n || n > 64 || vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	to->q[0] = (n < 64 ? to->q[0] >> n : 0) | to->q[1] << (64 - n);
	to->q[1] = n < 64 ? to->q[1] >> n : 0;
	return vmi_next(c, op, acc);
}

/* -- Masks ---------------------------------------------------------------- */

/* The top bits of eight bytes, gathered by adding shifted copies. */
static vmi_inline uint64_t byte_signs(uint64_t v)
{
	return (v & 0x8080808080808080) * 0x0002040810204081 >> 56;
}

static const struct vmi_op *h_pmovmskb(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc)
{
	struct vmi_xmm v = c->fpu.xmm[op->base & 15];

	if (vmi_unlikely(vmi_simd_refused(c, op)))
		return vmi_h_helper(c, op, acc);
	c->r[op->reg] = byte_signs(v.q[0]) | byte_signs(v.q[1]) << 8;
	return vmi_next(c, op, 0);
}

#define MM (VMI_SIMD_REG_MM | VMI_SIMD_RM_MM)
#define ROW(name, handler, where, mask, is)                                    \
	{ .run = h_##handler, .exec = VMI_EXEC_##name,                         \
	  .form = VMI_QUICK_ANY, .bytes = VMI_QUICK_ANY, .bits = where,        \
	  .imm = MM | (mask), .imm_is = is }
#define SAME(name, handler)                                                    \
	ROW(name, handler##_rr, 0, 0, 0),                                      \
	ROW(name, handler##_rm, VMI_OPF_MEM, 0, 0)
#define BOTH(name) SAME(name, name)
#define SHIFTS(name) ROW(name, name##_imm, 0, VMI_SIMD_STORE, VMI_SIMD_STORE)

const struct vmi_quick vmi_quick_vector[] = {
	BOTH(paddb), BOTH(psubb), BOTH(paddw), BOTH(psubw), BOTH(paddd),
	BOTH(psubd), BOTH(paddq), BOTH(psubq), BOTH(pcmpeqb), BOTH(pcmpgtb),
	BOTH(pcmpeqw), BOTH(pcmpgtw), BOTH(pcmpeqd), BOTH(pcmpgtd),
	BOTH(pmaxub), BOTH(pminub), BOTH(pmaxsw), BOTH(pminsw), BOTH(pmaxsd),
	BOTH(pminsd), BOTH(pavgb), BOTH(pmuludq), BOTH(pmulld), BOTH(pmullw),
	BOTH(pmaddwd), BOTH(pand), SAME(andps, pand), SAME(andpd, pand),
	BOTH(pandn), SAME(andnps, pandn), SAME(andnpd, pandn), BOTH(por),
	SAME(orps, por), SAME(orpd, por), BOTH(pxor), SAME(xorps, pxor),
	SAME(xorpd, pxor), BOTH(punpcklbw), BOTH(punpcklwd), BOTH(punpckldq),
	SAME(unpcklps, punpckldq), BOTH(punpckhbw), BOTH(punpckhwd),
	BOTH(punpckhdq), SAME(unpckhps, punpckhdq), BOTH(punpcklqdq),
	SAME(unpcklpd, punpcklqdq), BOTH(punpckhqdq),
	SAME(unpckhpd, punpckhqdq), BOTH(pshufd), BOTH(shufps), SHIFTS(psllw),
	SHIFTS(pslld), SHIFTS(psllq), SHIFTS(psrlw), SHIFTS(psrld),
	SHIFTS(psrlq), SHIFTS(psraw), SHIFTS(psrad),
	ROW(psrldq, psrldq, 0, 0, 0), ROW(pmovmskb, pmovmskb, 0, 0, 0),
	{ .run = NULL }
};
