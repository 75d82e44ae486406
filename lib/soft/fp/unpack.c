/* SPDX-License-Identifier: MIT */
/* Encodings of the formats to and from unpacked numbers. */
#include "lib/soft/fp/core.h"

const struct vmi_fpformat vmi_fp_formats[4] = {
	[VMI_F32] = { .prec = 24, .width = 32, .emin = -126, .emax = 127 },
	[VMI_F64] = { .prec = 53, .width = 64, .emin = -1022, .emax = 1023 },
	[VMI_F80] = { .prec = 64,
		.width = 80,
		.emin = -16382,
		.emax = 16383,
		.x87 = true },
	[VMI_F16] = { .prec = 11, .width = 16, .emin = -14, .emax = 15 },
};

/*
 * Exponent all ones (@top) or all zeros; @man is left-justified, below the
 * integer bit or, if the format has that, with it.
 */
vmi_noinline struct vmi_fpnum vmi_fp_unpack_special(
	const struct vmi_fpformat *f, bool sign, bool top, uint64_t man)
{
	struct vmi_fpnum n = { .man = VMI_FP_MAN(man), .sign = sign };

	if (top) {
		n.cls = man << 1 ? VMI_FPC_NAN : VMI_FPC_INF;
		n.man |= VMI_FP_INTBIT;
		return n;
	}
	n.cls = VMI_FPC_FINITE;
	n.exp = f->emin;
	n.denormal = man != 0;
	vmi_fp_normalise(&n);
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
