/* SPDX-License-Identifier: MIT */
/* What an x87 instruction finds and leaves, on any processor. */
#ifndef TESTS_SOFT_X87_CASE_H
#define TESTS_SOFT_X87_CASE_H

#include <stdbool.h>
#include <stdint.h>

#define X87_IMAGE 108u /* of FNSAVE, 32-bit protected mode */

struct x87_case {
	uint8_t image[X87_IMAGE];
	uint8_t memory[128]; /* the operand, at RSI */
	uint64_t rflags, rax;
};

/* Run an instruction on the host; false where that has no x87. */
bool x87_host_run(struct x87_case *t, const uint8_t *insn, unsigned len);

#endif
