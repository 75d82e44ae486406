/* SPDX-License-Identifier: MIT */
/* 128-bit significands and the constants, FLDPI and its kin included. */
#include "lib/soft/fp/wide.h"

/* Rounded to the nearest 128 bits. */
static const struct {
	uint64_t hi;
	uint64_t lo;
	int exp;
} constants[] = {
	[VMI_WIDE_PI] = { UINT64_C(0xc90fdaa22168c234),
		UINT64_C(0xc4c6628b80dc1cd1), 1 },
	[VMI_WIDE_LN2] = { UINT64_C(0xb17217f7d1cf79ab),
		UINT64_C(0xc9e3b39803f2f6af), -1 },
	[VMI_WIDE_LOG2E] = { UINT64_C(0xb8aa3b295c17f0bb),
		UINT64_C(0xbe87fed0691d3e89), 0 },
	[VMI_WIDE_LOG2T] = { UINT64_C(0xd49a784bcd1b8afe),
		UINT64_C(0x492bf6ff4dafdb4d), 1 },
	[VMI_WIDE_LOG10_2] = { UINT64_C(0x9a209a84fbcff798),
		UINT64_C(0x8f8959ac0b7c9178), -2 },
};

struct vmi_fpnum vmi_wide_const(enum vmi_widek k)
{
	return (struct vmi_fpnum){ .cls = VMI_FPC_FINITE,
		.man = VMI_FP_MAN(constants[k].hi) | constants[k].lo,
		.exp = constants[k].exp };
}

/* SDM 2, FLD1 and following: rounded as RC says, raising nothing. */
struct vmi_f80 vmi_f80_const(const struct vmi_fpenv *env, enum vmi_fpconst c)
{
	static const enum vmi_widek which[] = {
		[VMI_FP_LDL2T] = VMI_WIDE_LOG2T,
		[VMI_FP_LDL2E] = VMI_WIDE_LOG2E,
		[VMI_FP_LDPI] = VMI_WIDE_PI,
		[VMI_FP_LDLG2] = VMI_WIDE_LOG10_2,
		[VMI_FP_LDLN2] = VMI_WIDE_LN2,
	};
	struct vmi_fpenv scratch = *env;

	if (c == VMI_FP_LD1)
		return vmi_f80_from_int(1);
	if (c == VMI_FP_LDZ)
		return vmi_f80_from_int(0);
	return vmi_fp_finish_f80(&scratch, vmi_wide_const(which[c]));
}

struct vmi_fpnum vmi_wide_from(vmi_u128 fixed)
{
	struct vmi_fpnum n = { .cls = VMI_FPC_FINITE, .man = fixed };

	vmi_fp_normalise(&n);
	return n;
}

/* The magnitude of a number below 2, truncated. */
vmi_u128 vmi_wide_to(const struct vmi_fpnum *n)
{
	if (n->cls == VMI_FPC_ZERO || n->exp < -127)
		return 0;
	return n->man >> -n->exp;
}

/* The product's upper half; *@rest says whether there is a lower one. */
static vmi_u128 mul_high(vmi_u128 a, vmi_u128 b, bool *rest)
{
	uint64_t a1 = (uint64_t)(a >> 64);
	uint64_t a0 = (uint64_t)a;
	uint64_t b1 = (uint64_t)(b >> 64);
	uint64_t b0 = (uint64_t)b;
	vmi_u128 low = (vmi_u128)a0 * b0;
	vmi_u128 m1 = (vmi_u128)a1 * b0 + (low >> 64);
	vmi_u128 m2 = (vmi_u128)a0 * b1 + (uint64_t)m1;

	*rest = (uint64_t)low || (uint64_t)m2;
	return (vmi_u128)a1 * b1 + (m1 >> 64) + (m2 >> 64);
}

/* The product must be below 2. */
vmi_u128 vmi_wide_mulfix(vmi_u128 a, vmi_u128 b)
{
	bool rest;

	return mul_high(a, b, &rest) << 1;
}

struct vmi_fpnum vmi_wide_mul(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	struct vmi_fpnum r = { .cls = VMI_FPC_FINITE };
	bool rest;

	r.sign = a->sign != b->sign;
	if (a->cls == VMI_FPC_ZERO || b->cls == VMI_FPC_ZERO)
		return vmi_fp_zero(r.sign);
	r.man = mul_high(a->man, b->man, &rest);
	r.exp = a->exp + b->exp + 1;
	vmi_fp_normalise(&r);
	r.man |= rest;
	return r;
}

/* Long division; @b is not zero. */
struct vmi_fpnum vmi_wide_div(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	struct vmi_fpnum r = { .cls = VMI_FPC_FINITE };
	vmi_u128 rest = a->man;
	bool carry = false;
	int i;

	r.sign = a->sign != b->sign;
	if (a->cls == VMI_FPC_ZERO)
		return vmi_fp_zero(r.sign);
	r.exp = a->exp - b->exp;
	if (rest < b->man) {
		carry = true; /* the top bit, as it is shifted out */
		rest <<= 1;
		r.exp--;
	}
	for (i = 0; i < 128; i++) {
		r.man <<= 1;
		if (carry || rest >= b->man) {
			rest -= b->man;
			r.man |= 1;
		}
		carry = rest >> 127;
		rest <<= 1;
	}
	r.man |= carry || rest;
	return r;
}

struct vmi_fpnum vmi_wide_add(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	struct vmi_fpnum r = *a;

	vmi_fp_add_to(VMI_FP_NEAREST, &r, b);
	return r;
}

struct vmi_fpnum vmi_wide_sub(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	struct vmi_fpnum r = *b;

	r.sign = !b->sign;
	vmi_fp_add_to(VMI_FP_NEAREST, &r, a);
	return r;
}

struct vmi_f80 vmi_wide_finish(struct vmi_fpenv *env, struct vmi_fpnum n)
{
	n.man |= 1;
	return vmi_fp_finish_f80(env, n);
}
