/* SPDX-License-Identifier: MIT */
/*
 * The manual's rules for floating point, one case each, written out: NaN
 * selection, precedence of exceptions, masked and unmasked responses, encodings
 * that the x87 does not support, condition codes.
 */
#include <stdio.h>

#include "tests/soft/test_fp_cases.h"

#define INDEFINITE { UINT64_C(0xc000000000000000), 0xffff }
#define MAN(x)     UINT64_C(x)

/* clang-format off */
static const struct rule {
	const char *why;
	struct test_fp_case c;
	struct test_fp_out want;
} rules[] = {
	{ "SDM 1 table 4-7: SSE quiets the first operand's NaN",
	  { .op = TEST_ADD32, .a = { 0x7fc00001, 0 }, .b = { 0x7f800002, 0 } },
	  { .r = { { 0x7fc00001, 0 } }, .flags = VMI_FP_IE } },
	{ "SSE: a QNaN beside a denormal raises nothing",
	  { .op = TEST_MUL32, .a = { 1, 0 }, .b = { 0x7fc00007, 0 } },
	  { .r = { { 0x7fc00007, 0 } } } },
	{ "SSE: the default NaN is negative",
	  { .op = TEST_SUB32, .a = { 0x7f800000, 0 }, .b = { 0x7f800000, 0 } },
	  { .r = { { 0xffc00000, 0 } }, .flags = VMI_FP_IE } },
	{ "SDM 1 4.9.2: ZE goes before DE",
	  { .op = TEST_DIV64, .a = { 1, 0 }, .b = { MAN(0x8000000000000000), 0 } },
	  { .r = { { MAN(0xfff0000000000000), 0 } }, .flags = VMI_FP_ZE } },
	{ "the root of a negative denormal is invalid, no more",
	  { .op = TEST_SQRT64, .a = { MAN(0x8000000000000001), 0 } },
	  { .r = { { MAN(0xfff8000000000000), 0 } }, .flags = VMI_FP_IE } },
	{ "the root of -0 is -0",
	  { .op = TEST_SQRT32, .a = { 0x80000000, 0 } },
	  { .r = { { 0x80000000, 0 } } } },
	{ "x - x is -0 when rounding down",
	  { .op = TEST_SUB32, .rounding = VMI_FP_DOWN, .a = { 0x3f800000, 0 },
	    .b = { 0x3f800000, 0 } },
	  { .r = { { 0x80000000, 0 } } } },
	{ "an exact denormal is no underflow",
	  { .op = TEST_DIV32, .a = { 0x00800000, 0 }, .b = { 0x40000000, 0 } },
	  { .r = { { 0x00400000, 0 } } } },
	{ "unless UE is unmasked",
	  { .op = TEST_DIV32, .unmasked = VMI_FP_UE, .a = { 0x00800000, 0 },
	    .b = { 0x40000000, 0 } },
	  { .flags = VMI_FP_UE } },
	{ "FTZ flushes even an exact one",
	  { .op = TEST_DIV32, .ftz = true, .a = { 0x80800000, 0 },
	    .b = { 0x40000000, 0 } },
	  { .r = { { 0x80000000, 0 } }, .flags = VMI_FP_UE | VMI_FP_PE } },
	{ "tininess after rounding: up to the least normal is not tiny",
	  { .op = TEST_MUL32, .a = { 0x00ffffff, 0 }, .b = { 0x3f000000, 0 } },
	  { .r = { { 0x00800000, 0 } }, .flags = VMI_FP_UE | VMI_FP_PE } },
	{ "DAZ: a denormal divisor is zero",
	  { .op = TEST_DIV32, .daz = true, .a = { 0x3f800000, 0 },
	    .b = { 0x80000001, 0 } },
	  { .r = { { 0xff800000, 0 } }, .flags = VMI_FP_ZE } },
	{ "overflow rounding to zero is the largest number",
	  { .op = TEST_MUL64, .rounding = VMI_FP_ZERO,
	    .a = { MAN(0x7fe0000000000000), 0 }, .b = { MAN(0x4010000000000000), 0 } },
	  { .r = { { MAN(0x7fefffffffffffff), 0 } }, .flags = VMI_FP_OE | VMI_FP_PE } },
	{ "MIN returns the second of two zeros",
	  { .op = TEST_MIN32, .a = { 0x80000000, 0 }, .b = { 0, 0 } },
	  { .r = { { 0, 0 } } } },
	{ "MIN returns a second SNaN as it is, IE for any NaN",
	  { .op = TEST_MIN32, .a = { 0x3f800000, 0 }, .b = { 0x7f800001, 0 } },
	  { .r = { { 0x7f800001, 0 } }, .flags = VMI_FP_IE } },
	{ "UCOMISS: a QNaN is unordered, silently",
	  { .op = TEST_UCOMI32, .a = { 0x7fc00000, 0 }, .b = { 0, 0 } },
	  { .r = { { 0x45, 0 } } } },
	{ "COMISS: not silently",
	  { .op = TEST_COMI32, .a = { 0x7fc00000, 0 }, .b = { 0, 0 } },
	  { .r = { { 0x45, 0 } }, .flags = VMI_FP_IE } },
	{ "CVTSS2SI: 2^31 is the integer indefinite",
	  { .op = TEST_CVT32_I32, .a = { 0x4f000000, 0 } },
	  { .r = { { 0x80000000, 0 } }, .flags = VMI_FP_IE } },
	{ "CVTSS2SI: -2^31 is itself",
	  { .op = TEST_CVT32_I32, .a = { 0xcf000000, 0 } },
	  { .r = { { 0x80000000, 0 } } } },
	{ "CVTSS2SI: ties to even",
	  { .op = TEST_CVT32_I32, .a = { 0x40200000, 0 } },
	  { .r = { { 2, 0 } }, .flags = VMI_FP_PE } },
	{ "ROUNDSS: immediate 2 rounds up, 8 suppresses PE",
	  { .op = TEST_ROUND32, .imm = 10, .a = { 0x3f8ccccd, 0 } },
	  { .r = { { 0x40000000, 0 } } } },
	{ "CMPSS: LT_OQ of a QNaN is false and silent",
	  { .op = TEST_CMP32, .imm = 0x11, .a = { 0x7fc00000, 0 } },
	  { .r = { { 0, 0 } } } },
	{ "x87: of two QNaNs the larger significand",
	  { .op = TEST_FADD, .precision = 3, .a = { MAN(0xc000000000000001), 0x7fff },
	    .b = { MAN(0xc000000000000002), 0xffff } },
	  { .r = { { MAN(0xc000000000000002), 0xffff } } } },
	{ "x87: of a QNaN and an SNaN the quiet one",
	  { .op = TEST_FADD, .precision = 3, .a = { MAN(0xc000000000000001), 0x7fff },
	    .b = { MAN(0xbfffffffffffffff), 0xffff } },
	  { .r = { { MAN(0xc000000000000001), 0x7fff } }, .flags = VMI_FP_IE } },
	{ "SDM 1 8.2.2: an unnormal is unsupported",
	  { .op = TEST_FMUL, .precision = 3, .a = { 1, 0x3fff }, .b = { MAN(0x8000000000000000), 0x3fff } },
	  { .r = { INDEFINITE }, .flags = VMI_FP_IE } },
	{ "and so is a pseudo-infinity, before any NaN",
	  { .op = TEST_FMUL, .precision = 3, .a = { 0, 0x7fff }, .b = { MAN(0xc000000000000009), 0x7fff } },
	  { .r = { INDEFINITE }, .flags = VMI_FP_IE } },
	{ "a pseudo-denormal is a denormal operand, and normal once stored",
	  { .op = TEST_FADD, .precision = 3, .a = { MAN(0x8000000000000000), 0 }, .b = { 0, 0 } },
	  { .r = { { MAN(0x8000000000000000), 1 } }, .flags = VMI_FP_DE } },
	{ "precision control: 1/3 in 24 bits, rounded up",
	  { .op = TEST_FDIV, .precision = 0, .a = { MAN(0x8000000000000000), 0x3fff },
	    .b = { MAN(0xc000000000000000), 0x4000 } },
	  { .r = { { MAN(0xaaaaab0000000000), 0x3ffd } }, .flags = VMI_FP_PE | VMI_FP_C1 } },
	{ "precision control does not narrow the exponent",
	  { .op = TEST_FMUL, .precision = 0, .a = { MAN(0x8000000000000000), 0x7000 },
	    .b = { MAN(0x8000000000000000), 0x4000 } },
	  { .r = { { MAN(0x8000000000000000), 0x7001 } } } },
	{ "SDM 1 8.5.4: unmasked overflow moves the exponent by 24576",
	  { .op = TEST_FMUL, .precision = 3, .unmasked = VMI_FP_OE,
	    .a = { MAN(0x8000000000000000), 0x7ffe }, .b = { MAN(0x8000000000000000), 0x7ffe } },
	  { .r = { { MAN(0x8000000000000000), 0x5ffd } }, .flags = VMI_FP_OE } },
	{ "SDM 1 8.5.5: and unmasked underflow the other way",
	  { .op = TEST_FMUL, .precision = 3, .unmasked = VMI_FP_UE,
	    .a = { MAN(0x8000000000000000), 1 }, .b = { MAN(0x8000000000000000), 0x3ffe } },
	  { .r = { { MAN(0x8000000000000000), 0x6000 } }, .flags = VMI_FP_UE } },
	{ "unmasked DE: nothing is computed, no PE",
	  { .op = TEST_FDIV, .precision = 3, .unmasked = VMI_FP_DE, .a = { 1, 0 },
	    .b = { MAN(0xc000000000000000), 0x4000 } },
	  { .flags = VMI_FP_DE } },
	{ "FCOM: IE for a QNaN",
	  { .op = TEST_FCOM, .a = { MAN(0xc000000000000000), 0x7fff } },
	  { .r = { { VMI_FP_C0 | VMI_FP_C2 | VMI_FP_C3, 0 } }, .flags = VMI_FP_IE } },
	{ "FXAM: a negative denormal",
	  { .op = TEST_FXAM, .a = { 1, 0x8000 } },
	  { .r = { { VMI_FP_C1 | VMI_FP_C2 | VMI_FP_C3, 0 } } } },
	{ "FPREM: 7 = 1 * 4 + 3",
	  { .op = TEST_FPREM, .a = { MAN(0xe000000000000000), 0x4001 },
	    .b = { MAN(0x8000000000000000), 0x4001 } },
	  { .r = { { MAN(0xc000000000000000), 0x4000 } }, .flags = VMI_FP_C1 } },
	{ "FPREM1: 7 = 2 * 4 - 1",
	  { .op = TEST_FPREM1, .a = { MAN(0xe000000000000000), 0x4001 },
	    .b = { MAN(0x8000000000000000), 0x4001 } },
	  { .r = { { MAN(0x8000000000000000), 0xbfff } }, .flags = VMI_FP_C3 } },
	{ "FPREM: 2^65 + 4 by 3 in steps: 2^33 + 4 is left, C2",
	  { .op = TEST_FPREM, .a = { MAN(0x8000000000000001), 0x4040 },
	    .b = { MAN(0xc000000000000000), 0x4000 } },
	  { .r = { { MAN(0x8000000100000000), 0x4020 } }, .flags = VMI_FP_C2 } },
	{ "FXTRACT of 0: -infinity below, ZE",
	  { .op = TEST_FXTRACT, .a = { 0, 0x8000 } },
	  { .r = { { 0, 0x8000 }, { MAN(0x8000000000000000), 0xffff } }, .flags = VMI_FP_ZE } },
	{ "FSCALE: the scale is truncated",
	  { .op = TEST_FSCALE, .a = { MAN(0xc000000000000000), 0x3fff },
	    .b = { MAN(0xe000000000000000), 0xc000 } },
	  { .r = { { MAN(0xc000000000000000), 0x3ffc } } } },
	{ "FIST: 32768 does not fit 16 bits",
	  { .op = TEST_FIST16, .a = { MAN(0x8000000000000000), 0x400e } },
	  { .r = { { 0x8000, 0 } }, .flags = VMI_FP_IE } },
	{ "FISTTP truncates whatever RC says",
	  { .op = TEST_FISTTP32, .rounding = VMI_FP_UP, .a = { MAN(0xf000000000000000), 0x3fff } },
	  { .r = { { 1, 0 } }, .flags = VMI_FP_PE } },
	{ "FBSTP: 10^18 is the packed decimal indefinite",
	  { .op = TEST_FBSTP, .a = { MAN(0xde0b6b3a76400000), 0x403a } },
	  { .r = { { MAN(0xc000000000000000), 0xffff } }, .flags = VMI_FP_IE } },
	{ "FBSTP: -1234",
	  { .op = TEST_FBSTP, .a = { MAN(0x9a40000000000000), 0xc009 } },
	  { .r = { { 0x1234, 0x8000 } } } },
	{ "FLDPI rounded up",
	  { .op = TEST_FLDCONST, .imm = VMI_FP_LDPI, .rounding = VMI_FP_UP },
	  { .r = { { MAN(0xc90fdaa22168c235), 0x4000 } } } },
	{ "FSIN from 2^63 on: C2, the operand stays",
	  { .op = TEST_FSIN, .a = { MAN(0x8000000000000000), 0x403e } },
	  { .r = { { MAN(0x8000000000000000), 0x403e } }, .flags = VMI_FP_C2 } },
	{ "FSIN of FLDPI's pi: 2^-64 past the 66-bit pi, though not past pi",
	  { .op = TEST_FSIN, .a = { MAN(0xc90fdaa22168c235), 0x4000 } },
	  { .r = { { MAN(0x8000000000000000), 0xbfbf } }, .flags = VMI_FP_PE | VMI_FP_C1 } },
	{ "FYL2X of 0: ZE and infinity",
	  { .op = TEST_FYL2X, .b = { MAN(0x8000000000000000), 0x3fff } },
	  { .r = { { MAN(0x8000000000000000), 0xffff } }, .flags = VMI_FP_ZE } },
	{ "FPATAN of (-0, +0) is pi",
	  { .op = TEST_FPATAN, .a = { 0, 0x8000 } },
	  { .r = { { MAN(0xc90fdaa22168c235), 0x4000 } }, .flags = VMI_FP_PE } },
};
/* clang-format on */

int main(void)
{
	size_t n = sizeof(rules) / sizeof(rules[0]);
	unsigned bad = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct rule *rule = &rules[i];
		struct test_fp_out got;

		test_fp_soft(&rule->c, &got);
		if (test_fp_same(&rule->c, &got, &rule->want))
			continue;
		printf("%s\n", rule->why);
		test_fp_print(&rule->c, &got, &rule->want);
		bad++;
	}
	printf("%zu rules, %u broken\n", n, bad);
	return bad ? 1 : 0;
}
