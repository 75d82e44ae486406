/* SPDX-License-Identifier: MIT */
/* Soft-float test cases: one operation, its controls, its operands. */
#ifndef TEST_FP_CASES_H
#define TEST_FP_CASES_H

#include "lib/soft/fp/fp.h"

/*
 * What an operand or a result is: 2 4 8 are half, single, double, T the 80-bit
 * format, i j k integers of 16, 32 and 64 bits, B packed decimal, I an
 * immediate, c condition codes, '-' nothing. Columns: name, operands, results,
 * operation for arithmetic (or a bit count), highest immediate.
 */
#define TEST_FP_OPS(X) \
	X(ADD32, "44", "4-") \
	X(SUB32, "44", "4-") \
	X(MUL32, "44", "4-") \
	X(DIV32, "44", "4-") \
	X(SQRT32, "4-", "4-") \
	X(FMA32, "444", "4-") \
	X(RCP32, "4-", "4-") \
	X(RSQRT32, "4-", "4-") \
	X(MIN32, "44", "4-") \
	X(MAX32, "44", "4-") \
	X(UCOMI32, "44", "c-") \
	X(COMI32, "44", "c-") \
	X(CMP32, "44", "k-") \
	X(ROUND32, "4-", "4-") \
	X(CVT16_32, "2-", "4-") \
	X(CVT32_16, "4-", "2-") \
	X(CVT32_64, "4-", "8-") \
	X(CVT32_I32, "4-", "j-") \
	X(CVTT32_I32, "4-", "j-") \
	X(CVT32_I64, "4-", "k-") \
	X(CVTT32_I64, "4-", "k-") \
	X(CVTI64_32, "k-", "4-") \
	X(ADD64, "88", "8-") \
	X(SUB64, "88", "8-") \
	X(MUL64, "88", "8-") \
	X(DIV64, "88", "8-") \
	X(SQRT64, "8-", "8-") \
	X(FMA64, "888", "8-") \
	X(MIN64, "88", "8-") \
	X(MAX64, "88", "8-") \
	X(UCOMI64, "88", "c-") \
	X(COMI64, "88", "c-") \
	X(CMP64, "88", "k-") \
	X(ROUND64, "8-", "8-") \
	X(CVT64_32, "8-", "4-") \
	X(CVT64_I32, "8-", "j-") \
	X(CVTT64_I32, "8-", "j-") \
	X(CVT64_I64, "8-", "k-") \
	X(CVTT64_I64, "8-", "k-") \
	X(CVTI64_64, "k-", "8-") \
	X(FADD, "TT", "T-") \
	X(FSUB, "TT", "T-") \
	X(FSUBR, "TT", "T-") \
	X(FMUL, "TT", "T-") \
	X(FDIV, "TT", "T-") \
	X(FDIVR, "TT", "T-") \
	X(FADD_M32, "T4", "T-") \
	X(FSUBR_M32, "T4", "T-") \
	X(FDIV_M32, "T4", "T-") \
	X(FMUL_M64, "T8", "T-") \
	X(FDIVR_M64, "T8", "T-") \
	X(FSQRT, "T-", "T-") \
	X(FRNDINT, "T-", "T-") \
	X(FSCALE, "TT", "T-") \
	X(FXTRACT, "T-", "TT") \
	X(FPREM, "TT", "T-") \
	X(FPREM1, "TT", "T-") \
	X(FCOM, "TT", "c-") \
	X(FUCOM, "TT", "c-") \
	X(FCOM_M32, "T4", "c-") \
	X(FCOM_M64, "T8", "c-") \
	X(FXAM, "T-", "c-") \
	X(FLD_M32, "4-", "T-") \
	X(FLD_M64, "8-", "T-") \
	X(FST_M32, "T-", "4-") \
	X(FST_M64, "T-", "8-") \
	X(FILD, "k-", "T-") \
	X(FIST16, "T-", "i-") \
	X(FIST32, "T-", "j-") \
	X(FIST64, "T-", "k-") \
	X(FISTTP16, "T-", "i-") \
	X(FISTTP32, "T-", "j-") \
	X(FISTTP64, "T-", "k-") \
	X(FBLD, "B-", "T-") \
	X(FBSTP, "T-", "B-") \
	X(FLDCONST, "--", "T-") \
	X(F2XM1, "T-", "T-") \
	X(FYL2X, "TT", "T-") \
	X(FYL2XP1, "TT", "T-") \
	X(FPATAN, "TT", "T-") \
	X(FSIN, "T-", "T-") \
	X(FCOS, "T-", "T-") \
	X(FSINCOS, "T-", "TT") \
	X(FPTAN, "T-", "TT")

enum test_fp_op {
#define X(name, in, out) TEST_##name,
	TEST_FP_OPS(X)
#undef X
	TEST_FP_NOPS
};

struct test_fp_info {
	const char *name;
	const char *in;
	const char *out;
};

extern const struct test_fp_info test_fp_info[TEST_FP_NOPS];

/* Operands and results of every kind sit in an 80-bit pair. */
struct test_fp_case {
	uint8_t op;
	uint8_t rounding;
	uint8_t precision;
	uint8_t imm;
	bool daz;
	bool ftz;
	uint16_t unmasked;
	struct vmi_f80 a;
	struct vmi_f80 b;
	struct vmi_f80 c;
};

struct test_fp_out {
	struct vmi_f80 r[2];
	uint16_t flags;
};

static inline bool test_fp_is_sse(unsigned op)
{
	return op <= TEST_CVTI64_64;
}

static inline bool test_fp_is_approximate(unsigned op)
{
	return op == TEST_RCP32 || op == TEST_RSQRT32;
}

static inline bool test_fp_is_transcendental(unsigned op)
{
	return op >= TEST_F2XM1;
}

void test_fp_seed(uint64_t seed);
/* Of an immediate: 0 VFMADD231, 1 132, 2 213; and 0 MADD 1 MSUB 2 NMADD 3 NMSUB */
static inline unsigned test_fp_fma_form(uint8_t imm)
{
	return imm & 12 ? 0 : imm % 3;
}

static inline unsigned test_fp_fma_sign(uint8_t imm)
{
	return imm & 12 ? imm & 3 : 0;
}

uint64_t test_fp_random(void);
void test_fp_make(struct test_fp_case *c, unsigned op);
void test_fp_soft(const struct test_fp_case *c, struct test_fp_out *out);
/* False where the host has no such instructions. */
bool test_fp_host(const struct test_fp_case *c, struct test_fp_out *out);
void test_fp_canonical(const struct test_fp_case *c, struct test_fp_out *out);
bool test_fp_same(const struct test_fp_case *c, const struct test_fp_out *x,
	const struct test_fp_out *y);
bool test_fp_approximate(const struct test_fp_case *c,
	const struct test_fp_out *x, const struct test_fp_out *y);
bool test_fp_close(const struct test_fp_case *c, const struct test_fp_out *x,
	const struct test_fp_out *y);
void test_fp_print(const struct test_fp_case *c, const struct test_fp_out *x,
	const struct test_fp_out *y);

#endif
