/* SPDX-License-Identifier: MIT */
/* Encodings of the three formats to and from unpacked numbers. */
#include "lib/soft/fp/core.h"

const struct vmi_fpformat vmi_fp_formats[3] = {
	[VMI_F32] = { .prec = 24, .width = 32, .emin = -126, .emax = 127 },
	[VMI_F64] = { .prec = 53, .width = 64, .emin = -1022, .emax = 1023 },
	[VMI_F80] = { .prec = 64,
		.width = 80,
		.emin = -16382,
		.emax = 16383,
		.x87 = true },
};

/*
 * @n holds sign and fraction (integer bit clear or, for a format that has it,
 * as found); @biased 0 and @top are the special exponents.
 */
static void classify(struct vmi_fpnum *n, int biased, int top, int emin)
{
	if (biased == top) {
		n->cls = n->man << 1 ? VMI_FPC_NAN : VMI_FPC_INF;
		return;
	}
	n->cls = VMI_FPC_FINITE;
	n->exp = biased ? biased - 1 + emin : emin;
	if (biased)
		return;
	n->denormal = n->man != 0;
	vmi_fp_normalise(n);
}

struct vmi_fpnum vmi_fp_unpack(enum vmi_fpkind kind, uint64_t bits)
{
	const struct vmi_fpformat *f = &vmi_fp_formats[kind];
	unsigned frac = f->prec - 1u;
	unsigned ebits = f->width - f->prec;
	int top = (1 << ebits) - 1;
	int biased = (int)(bits >> frac) & top;
	struct vmi_fpnum n = {
		.man = (vmi_u128)(bits & ((UINT64_C(1) << frac) - 1))
		       << (127 - frac),
		.sign = bits >> (f->width - 1u) & 1,
	};

	if (biased)
		n.man |= VMI_FP_INTBIT;
	classify(&n, biased, top, f->emin);
	return n;
}

/* SDM 1 10.2.3.4: under DAZ a denormal operand is a zero of its sign. */
struct vmi_fpnum vmi_fp_unpack_sse(
	const struct vmi_fpenv *env, enum vmi_fpkind kind, uint64_t bits)
{
	struct vmi_fpnum n = vmi_fp_unpack(kind, bits);

	return env->daz && n.denormal ? vmi_fp_zero(n.sign) : n;
}

/*
 * SDM 1 8.2.2: with a nonzero exponent the integer bit must be set, else the
 * encoding is unsupported (unnormal, pseudo-infinity, pseudo-NaN). With a zero
 * exponent and the bit set it is a pseudo-denormal, valued as it reads.
 */
struct vmi_fpnum vmi_fp_unpack_f80(struct vmi_f80 a)
{
	const struct vmi_fpformat *f = &vmi_fp_formats[VMI_F80];
	int biased = a.se & 0x7fff;
	struct vmi_fpnum n = {
		.man = VMI_FP_MAN(a.man),
		.sign = a.se >> 15,
	};

	classify(&n, biased, 0x7fff, f->emin);
	if (biased && !(n.man & VMI_FP_INTBIT))
		n.cls = VMI_FPC_BAD;
	return n;
}

uint64_t vmi_fp_pack(enum vmi_fpkind kind, const struct vmi_fpnum *n)
{
	const struct vmi_fpformat *f = &vmi_fp_formats[kind];
	unsigned frac = f->prec - 1u;
	uint64_t sign = (uint64_t)n->sign << (f->width - 1u);
	uint64_t top = (UINT64_C(1) << (f->width - f->prec)) - 1;
	uint64_t man = (uint64_t)(n->man >> (127 - frac));
	uint64_t mask = (UINT64_C(1) << frac) - 1;

	switch (n->cls) {
	case VMI_FPC_ZERO: return sign;
	case VMI_FPC_INF: return sign | top << frac;
	case VMI_FPC_NAN: return sign | top << frac | (man & mask);
	default: break;
	}
	if (n->exp < f->emin) /* denormal; exact, so nothing is lost */
		return sign | man >> (f->emin - n->exp);
	return sign | (uint64_t)(n->exp - f->emin + 1) << frac | (man & mask);
}

struct vmi_f80 vmi_fp_pack_f80(const struct vmi_fpnum *n)
{
	int emin = vmi_fp_formats[VMI_F80].emin;
	uint16_t sign = (uint16_t)(n->sign << 15);
	uint64_t man = (uint64_t)(n->man >> 64);

	switch (n->cls) {
	case VMI_FPC_ZERO: return (struct vmi_f80){ 0, sign };
	case VMI_FPC_INF:
		return (struct vmi_f80){ UINT64_C(1) << 63, sign | 0x7fff };
	case VMI_FPC_NAN: return (struct vmi_f80){ man, sign | 0x7fff };
	default: break;
	}
	if (n->exp < emin)
		return (struct vmi_f80){ man >> (emin - n->exp), sign };
	return (struct vmi_f80){ man,
		(uint16_t)(sign | (unsigned)(n->exp - emin + 1)) };
}

struct vmi_fpnum vmi_fp_from_i64(int64_t v)
{
	struct vmi_fpnum n = { .cls = VMI_FPC_FINITE, .exp = 63 };

	n.sign = v < 0;
	n.man = VMI_FP_MAN(v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
	vmi_fp_normalise(&n);
	return n;
}
