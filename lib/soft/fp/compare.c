/* SPDX-License-Identifier: MIT */
/* Comparisons of all formats, the CMPPS predicates, FXAM. */
#include "lib/soft/fp/core.h"

static enum vmi_fpcmp order_magnitude(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	if (a->cls != b->cls) /* zero < finite < infinity */
		return a->cls < b->cls ? VMI_FP_LESS : VMI_FP_GREATER;
	if (a->cls != VMI_FPC_FINITE)
		return VMI_FP_EQUAL;
	if (a->exp != b->exp)
		return a->exp < b->exp ? VMI_FP_LESS : VMI_FP_GREATER;
	if (a->man != b->man)
		return a->man < b->man ? VMI_FP_LESS : VMI_FP_GREATER;
	return VMI_FP_EQUAL;
}

enum vmi_fpcmp vmi_fp_order(
	const struct vmi_fpnum *a, const struct vmi_fpnum *b)
{
	enum vmi_fpcmp r;

	if (vmi_fp_is_nan(a) || vmi_fp_is_nan(b))
		return VMI_FP_UNORDERED;
	if (a->cls == VMI_FPC_ZERO && b->cls == VMI_FPC_ZERO)
		return VMI_FP_EQUAL;
	if (a->sign != b->sign)
		return a->sign ? VMI_FP_LESS : VMI_FP_GREATER;
	r = order_magnitude(a, b);
	if (r == VMI_FP_EQUAL || !a->sign)
		return r;
	return r == VMI_FP_LESS ? VMI_FP_GREATER : VMI_FP_LESS;
}

static enum vmi_fpcmp compare(struct vmi_fpenv *env, const struct vmi_fpnum *a,
	const struct vmi_fpnum *b, bool signal)
{
	enum vmi_fpcmp r = vmi_fp_order(a, b);

	if (r != VMI_FP_UNORDERED) {
		vmi_fp_denormal(env, a);
		vmi_fp_denormal(env, b);
		return r;
	}
	if (signal || vmi_fp_is_snan(a) || vmi_fp_is_snan(b) ||
		a->cls == VMI_FPC_BAD || b->cls == VMI_FPC_BAD)
		env->flags |= VMI_FP_IE;
	return r;
}

enum vmi_fpcmp vmi_fp_compare(
	struct vmi_fpenv *env, uint32_t kind_signal, uint64_t a, uint64_t b)
{
	enum vmi_fpkind kind =
		(kind_signal & 0xff) == VMI_F32 ? VMI_F32 : VMI_F64;
	struct vmi_fpnum x = vmi_fp_unpack_sse(env, kind, a);
	struct vmi_fpnum y = vmi_fp_unpack_sse(env, kind, b);

	return compare(env, &x, &y, kind_signal >> 8);
}

/*
 * SDM 2, table 3-1 of CMPPD. Of the 32 predicates bits 3:0 say for which of
 * less, equal, greater, unordered (bits 0 to 3 here) it holds; four pairs
 * signal on quiet NaNs, and bit 4 turns that round.
 */
static const uint8_t predicate[16] = {
	[0x0] = 0x2, /* EQ_OQ */
	[0x1] = 0x1, /* LT_OS */
	[0x2] = 0x3, /* LE_OS */
	[0x3] = 0x8, /* UNORD_Q */
	[0x4] = 0xd, /* NEQ_UQ */
	[0x5] = 0xe, /* NLT_US */
	[0x6] = 0xc, /* NLE_US */
	[0x7] = 0x7, /* ORD_Q */
	[0x8] = 0xa, /* EQ_UQ */
	[0x9] = 0x9, /* NGE_US */
	[0xa] = 0xb, /* NGT_US */
	[0xb] = 0x0, /* FALSE_OQ */
	[0xc] = 0x5, /* NEQ_OQ */
	[0xd] = 0x6, /* GE_OS */
	[0xe] = 0x4, /* GT_OS */
	[0xf] = 0xf, /* TRUE_UQ */
};

static bool signals(uint8_t imm)
{
	bool by_low_bits = (imm & 3) == 1 || (imm & 3) == 2;

	return by_low_bits != ((imm & 0x10) != 0);
}

bool vmi_f32_cmp(struct vmi_fpenv *env, uint8_t imm, uint32_t a, uint32_t b)
{
	return predicate[imm & 15] >> vmi_f32_compare(env, a, b, signals(imm)) &
	       1;
}

bool vmi_f64_cmp(struct vmi_fpenv *env, uint8_t imm, uint64_t a, uint64_t b)
{
	return predicate[imm & 15] >> vmi_f64_compare(env, a, b, signals(imm)) &
	       1;
}

enum vmi_fpcmp vmi_f80_compare(
	struct vmi_fpenv *env, struct vmi_f80 a, struct vmi_f80 b, bool signal)
{
	struct vmi_fpnum x = vmi_fp_unpack_f80(a);
	struct vmi_fpnum y = vmi_fp_unpack_f80(b);

	return compare(env, &x, &y, signal);
}

enum vmi_fpcmp vmi_f80_compare_f32(
	struct vmi_fpenv *env, struct vmi_f80 a, uint32_t b)
{
	struct vmi_fpnum x = vmi_fp_unpack_f80(a);
	struct vmi_fpnum y = vmi_fp_unpack(VMI_F32, b);

	return compare(env, &x, &y, true);
}

enum vmi_fpcmp vmi_f80_compare_f64(
	struct vmi_fpenv *env, struct vmi_f80 a, uint64_t b)
{
	struct vmi_fpnum x = vmi_fp_unpack_f80(a);
	struct vmi_fpnum y = vmi_fp_unpack(VMI_F64, b);

	return compare(env, &x, &y, true);
}

uint16_t vmi_fp_compare_codes(enum vmi_fpcmp cmp)
{
	static const uint16_t codes[] = {
		[VMI_FP_LESS] = VMI_FP_C0,
		[VMI_FP_EQUAL] = VMI_FP_C3,
		[VMI_FP_GREATER] = 0,
		[VMI_FP_UNORDERED] = VMI_FP_C3 | VMI_FP_C2 | VMI_FP_C0,
	};

	return codes[cmp];
}

/* SDM 2, FXAM; C1 is the sign. */
uint16_t vmi_f80_xam(struct vmi_f80 a)
{
	static const uint16_t codes[] = {
		[VMI_FPC_ZERO] = VMI_FP_C3,
		[VMI_FPC_FINITE] = VMI_FP_C2,
		[VMI_FPC_INF] = VMI_FP_C2 | VMI_FP_C0,
		[VMI_FPC_NAN] = VMI_FP_C0,
		[VMI_FPC_BAD] = 0,
	};
	struct vmi_fpnum n = vmi_fp_unpack_f80(a);
	uint16_t sign = n.sign ? VMI_FP_C1 : 0;

	if (n.denormal)
		return VMI_FP_C3 | VMI_FP_C2 | sign;
	return codes[n.cls] | sign;
}
