/* SPDX-License-Identifier: MIT */
/*
 * Soft float against outcomes recorded on an x86 processor, for any host.
 *
 * The cases come from the generator, which makes the same ones everywhere, so
 * only outcomes are recorded: a digest for every block of cases, taken of
 * result bits, flags and condition codes. Of the transcendental
 * functions and the approximations, where processors differ, it is the
 * library's outcome that is recorded; test_fp_mpfr and test_fp_native say that
 * it is right.
 *
 * "test_fp_vectors record" on an x86-64 host writes test_fp_vectors.h anew.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/soft/test_fp_cases.h"

#define BLOCKS 40
#define CASES  64

static const uint32_t recorded[TEST_FP_NOPS][BLOCKS] = {
#include "tests/soft/test_fp_vectors.h"
};

/* FNV-1a */
static uint64_t mix(uint64_t digest, uint64_t value, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++) {
		digest ^= value >> (8 * i) & 0xff;
		digest *= UINT64_C(0x100000001b3);
	}
	return digest;
}

static uint32_t digest_block(unsigned op, unsigned block, bool host)
{
	uint64_t digest = UINT64_C(0xcbf29ce484222325);
	struct test_fp_case c;
	struct test_fp_out out;
	unsigned i;
	unsigned k;

	test_fp_seed(op * BLOCKS + block);
	for (i = 0; i < CASES; i++) {
		test_fp_make(&c, op);
		if (host && !test_fp_is_transcendental(op) &&
			!test_fp_is_approximate(op))
			test_fp_host(&c, &out);
		else
			test_fp_soft(&c, &out);
		test_fp_canonical(&c, &out);
		for (k = 0; k < 2; k++) {
			digest = mix(digest, out.r[k].man, 8);
			digest = mix(digest, out.r[k].se, 2);
		}
		digest = mix(digest, out.flags, 2);
	}
	return (uint32_t)(digest ^ digest >> 32);
}

static int record(void)
{
	unsigned op;
	unsigned i;

	printf("/* SPDX-License-Identifier: MIT */\n");
	printf("/* Written by \"test_fp_vectors record\" on an x86-64. */\n");
	for (op = 0; op < TEST_FP_NOPS; op++) {
		printf("{ /* %s */\n", test_fp_info[op].name);
		for (i = 0; i < BLOCKS; i++)
			printf("0x%08" PRIx32 ",%s", digest_block(op, i, true),
				i % 8 == 7 ? "\n" : " ");
		printf("},\n");
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned bad = 0;
	unsigned op;
	unsigned i;

	if (argc > 1 && !strcmp(argv[1], "record"))
		return record();
	for (op = 0; op < TEST_FP_NOPS; op++) {
		for (i = 0; i < BLOCKS; i++) {
			if (digest_block(op, i, false) == recorded[op][i])
				continue;
			printf("%s: block %u differs\n", test_fp_info[op].name,
				i);
			bad++;
		}
	}
	printf("%u operations, %u cases each, %u of %u blocks differ\n", op,
		BLOCKS * CASES, bad, op * BLOCKS);
	return bad ? 1 : 0;
}
