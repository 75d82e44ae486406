/* SPDX-License-Identifier: MIT */
/*
 * Soft float against the processor that the test runs on: result bits, flags
 * and condition codes over random and edge operands; transcendental results to
 * one ulp. The argument is the number of cases of each operation.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fewer.h"
#include "tests/soft/test_fp_cases.h"

#define CASES 200000 /* of each operation */
#define FEW   40000

/*
 * One ulp can also decide whether a result overflows or is tiny, and then an
 * unmasked exception moves its exponent; as masked it must be close.
 */
static bool borderline(const struct test_fp_case *c,
	const struct test_fp_out *got, const struct test_fp_out *want)
{
	struct test_fp_case masked = *c;
	struct test_fp_out x;
	struct test_fp_out y;

	if (!((got->flags ^ want->flags) & (VMI_FP_OE | VMI_FP_UE)))
		return false;
	masked.unmasked = 0;
	test_fp_soft(&masked, &x);
	test_fp_host(&masked, &y);
	return test_fp_close(&masked, &x, &y);
}

static bool agree(const struct test_fp_case *c, const struct test_fp_out *got,
	const struct test_fp_out *want)
{
	if (test_fp_same(c, got, want))
		return true;
	if (test_fp_is_approximate(c->op))
		return test_fp_approximate(c, got, want);
	return test_fp_is_transcendental(c->op) &&
	       (test_fp_close(c, got, want) || borderline(c, got, want));
}

static unsigned long run(unsigned op, unsigned long n)
{
	unsigned long bad = 0;
	unsigned long i;

	for (i = 0; i < n; i++) {
		struct test_fp_case c;
		struct test_fp_out got;
		struct test_fp_out want;

		test_fp_make(&c, op);
		test_fp_host(&c, &want);
		test_fp_soft(&c, &got);
		if (agree(&c, &got, &want))
			continue;
		if (++bad <= 3)
			test_fp_print(&c, &got, &want);
	}
	if (bad)
		printf("%s: %lu of %lu differ\n", test_fp_info[op].name, bad,
			n);
	return bad;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1	  ? strtoul(argv[1], NULL, 0)
			  : fewer_cases() ? FEW
					  : CASES;
	unsigned long bad = 0;
	struct test_fp_case c = { .op = TEST_FADD };
	struct test_fp_out out;
	unsigned op;

	if (!test_fp_host(&c, &out)) {
		printf("skipped: not an x86-64 host\n");
		return 77;
	}
	for (op = 0; op < TEST_FP_NOPS; op++)
		bad += run(op, n);
	printf("%u operations, %lu cases each, %lu differ\n", op, n, bad);
	return bad ? 1 : 0;
}
