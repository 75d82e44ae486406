/* SPDX-License-Identifier: MIT */
/*
 * Inside the soft float: one unpacked number, one rounding, one description of
 * each format.
 *
 * unpack -> compute -> round -> pack. A number is unpacked into a 128-bit
 * significand whose top bit is the integer bit, whatever the format, so that
 * NaN payloads of all formats are comparable and the quiet bit is always bit
 * 126. A computation returns a number whose significand is exact, or has
 * everything below bit 0 folded ("jammed") into bit 0, which rounds the same.
 * Rounding makes it a value of the format and raises OE, UE, PE and C1; packing
 * is then exact.
 */
#ifndef VMI_SOFT_FP_CORE_H
#define VMI_SOFT_FP_CORE_H

#include "lib/compiler.h"
#include "lib/soft/fp/fp.h"

enum vmi_fpclass {
	VMI_FPC_ZERO,
	VMI_FPC_FINITE,
	VMI_FPC_INF,
	VMI_FPC_NAN,
	VMI_FPC_BAD, /* an encoding that the x87 does not support */
};

/* A finite one is man / 2^127 * 2^exp with bit 127 of man set. */
struct vmi_fpnum {
	vmi_u128 man;
	int32_t exp;
	uint8_t cls; /* enum vmi_fpclass */
	bool sign;
	bool denormal; /* as an operand: raises DE */
};

struct vmi_fpformat {
	uint8_t prec;  /* significand bits, integer bit included */
	uint8_t width; /* bits of the encoding */
	bool x87;      /* x87 rules for NaNs and for unmasked OE and UE */
	int16_t emin;  /* exponent of the least normal number */
	int16_t emax;
};

extern const struct vmi_fpformat vmi_fp_formats[4];

/* An operation under way. */
struct vmi_fpctx {
	struct vmi_fpenv *env;
	const struct vmi_fpformat *fmt; /* of the result */
	unsigned prec;			/* bits to round to */
	bool store;			/* x87 to memory */
};

#define VMI_FP_INTBIT	((vmi_u128)1 << 127)
#define VMI_FP_QUIET	((vmi_u128)1 << 126)
#define VMI_FP_MAN(man) ((vmi_u128)(man) << 64)

/* How much an unmasked OE or UE moves an x87 exponent (SDM 1 8.5.4, 8.5.5). */
#define VMI_FP_ADJUST 24576

static inline unsigned vmi_fp_clz(vmi_u128 v)
{
	uint64_t hi = (uint64_t)(v >> 64);

	return hi ? vmi_clz64(hi) : 64 + vmi_clz64((uint64_t)v);
}

/* Shift right, folding what is lost into bit 0. */
static inline vmi_u128 vmi_fp_shr_jam(vmi_u128 v, uint32_t n)
{
	if (n == 0)
		return v;
	if (n > 127)
		return v != 0;
	return v >> n | ((v << (128 - n)) != 0);
}

static inline struct vmi_fpnum vmi_fp_zero(bool sign)
{
	return (struct vmi_fpnum){ .cls = VMI_FPC_ZERO, .sign = sign };
}

static inline struct vmi_fpnum vmi_fp_inf(bool sign)
{
	return (struct vmi_fpnum){ .cls = VMI_FPC_INF, .sign = sign };
}

static inline bool vmi_fp_is_snan(const struct vmi_fpnum *n)
{
	return n->cls == VMI_FPC_NAN && !(n->man & VMI_FP_QUIET);
}

static inline bool vmi_fp_is_nan(const struct vmi_fpnum *n)
{
	return n->cls >= VMI_FPC_NAN;
}

/* unpack.c */
struct vmi_fpnum vmi_fp_unpack_special(
	const struct vmi_fpformat *f, bool sign, bool top, uint64_t man);
uint64_t vmi_fp_pack(enum vmi_fpkind kind, const struct vmi_fpnum *n);
struct vmi_f80 vmi_fp_pack_f80(const struct vmi_fpnum *n);
struct vmi_fpnum vmi_fp_from_i64(int64_t v);

/* round.c */
uint16_t vmi_fp_round_man(enum vmi_fprc rc, unsigned prec, struct vmi_fpnum *n);
uint16_t vmi_fp_round_int(enum vmi_fprc rc, struct vmi_fpnum *n);
void vmi_fp_normalise(struct vmi_fpnum *n);
void vmi_fp_round(const struct vmi_fpctx *ctx, struct vmi_fpnum *n);
struct vmi_f80 vmi_fp_finish_f80(struct vmi_fpenv *env, struct vmi_fpnum n);

/* nan.c */
struct vmi_fpnum vmi_fp_invalid(struct vmi_fpenv *env);
bool vmi_fp_nan1(
	struct vmi_fpenv *env, const struct vmi_fpnum *a, struct vmi_fpnum *r);
bool vmi_fp_nan2(const struct vmi_fpctx *ctx, const struct vmi_fpnum *a,
	const struct vmi_fpnum *b, struct vmi_fpnum *r);
void vmi_fp_denormal(struct vmi_fpenv *env, const struct vmi_fpnum *a);

/* arith.c */
void vmi_fp_mul_by(struct vmi_fpnum *a, const struct vmi_fpnum *b);
void vmi_fp_add_to(
	enum vmi_fprc rc, struct vmi_fpnum *a, const struct vmi_fpnum *b);
struct vmi_fpnum *vmi_fp_compute(const struct vmi_fpctx *ctx, enum vmi_fpop op,
	struct vmi_fpnum *a, struct vmi_fpnum *b);
void vmi_fp_root(const struct vmi_fpctx *ctx, struct vmi_fpnum *a);

/* compare.c */
enum vmi_fpcmp vmi_fp_order(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b);

/*
 * Unpacking is inline, so that a number is built where it is used: numbers
 * written field by field and copied at once stall the processor's loads.
 */
static inline struct vmi_fpnum vmi_fp_unpack(
	enum vmi_fpkind kind, uint64_t bits)
{
	const struct vmi_fpformat *f = &vmi_fp_formats[kind];
	unsigned frac = f->prec - 1u;
	int top = (1 << (f->width - f->prec)) - 1;
	int biased = (int)(bits >> frac) & top;
	bool sign = bits >> (f->width - 1u) & 1;
	uint64_t man = bits << (63 - frac) & (UINT64_MAX >> 1);

	if (vmi_unlikely(biased == 0 || biased == top))
		return vmi_fp_unpack_special(f, sign, biased, man);
	return (struct vmi_fpnum){ .cls = VMI_FPC_FINITE,
		.sign = sign,
		.exp = biased - 1 + f->emin,
		.man = VMI_FP_MAN(man) | VMI_FP_INTBIT };
}

/* SDM 1 10.2.3.4: under DAZ a denormal operand is a zero of its sign. */
static inline struct vmi_fpnum vmi_fp_unpack_sse(
	const struct vmi_fpenv *env, enum vmi_fpkind kind, uint64_t bits)
{
	const struct vmi_fpformat *f = &vmi_fp_formats[kind];
	uint64_t sign = UINT64_C(1) << (f->width - 1u);

	if (env->daz && !((bits & (sign - 1)) >> (f->prec - 1u)))
		bits &= sign;
	return vmi_fp_unpack(kind, bits);
}

/*
 * SDM 1 8.2.2: with a nonzero exponent the integer bit must be set, else the
 * encoding is unsupported (unnormal, pseudo-infinity, pseudo-NaN). With a zero
 * exponent and the bit set it is a pseudo-denormal, valued as it reads.
 */
static inline struct vmi_fpnum vmi_fp_unpack_f80(struct vmi_f80 a)
{
	int emin = -16382;
	int biased = a.se & 0x7fff;
	bool sign = a.se >> 15;

	if (vmi_unlikely(biased && !(a.man >> 63)))
		return (struct vmi_fpnum){ .cls = VMI_FPC_BAD, .sign = sign };
	if (vmi_unlikely(biased == 0 || biased == 0x7fff))
		return vmi_fp_unpack_special(
			&vmi_fp_formats[VMI_F80], sign, biased, a.man);
	return (struct vmi_fpnum){ .cls = VMI_FPC_FINITE,
		.sign = sign,
		.exp = biased - 1 + emin,
		.man = VMI_FP_MAN(a.man) };
}

#endif
