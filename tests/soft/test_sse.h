/* SPDX-License-Identifier: MIT */
/* What the tests of MMX and SSE share: a processor over a flat memory. */
#ifndef TEST_SSE_H
#define TEST_SSE_H

#include "lib/soft/simd.h"

#define TEST_SSE_PAGES	4
#define TEST_SSE_MEMORY (TEST_SSE_PAGES * 4096)
/* Linear address of the memory where no other is asked for. */
#define TEST_SSE_BASE 0x10000u

/* An encoding in 64-bit mode; the rest is made up for each case. */
struct test_sse_form {
	uint8_t map, prefix, opcode;
	bool wide, memory;
	int digit; /* of ModRM.reg, or -1 */
	const struct vmi_row *row;
};

struct test_sse_case {
	uint8_t code[16];
	unsigned len;
	uint8_t memory[128];	/* what the memory operand finds there */
	uint64_t gpr[8];	/* RSI and RDI are set to addresses later */
	uint64_t flags;
	uint8_t area[VMI_XSAVE_BYTES];
	unsigned offset;	/* of RSI and RDI in `memory` */
	bool tlb;		/* soft: by the TLB */
};

struct test_sse_out {
	unsigned vector; /* raised, or 0 */
	uint8_t memory[128];
	uint64_t gpr[8];
	uint64_t flags;
	uint8_t area[VMI_XSAVE_BYTES];
};

/* test_sse_cpu.c */
extern struct vmi_cpu test_sse_cpu;
extern uint8_t test_sse_memory[TEST_SSE_MEMORY];
/* Pages without a right fault: VMI_PF with this linear address. */
extern bool test_sse_readable[TEST_SSE_PAGES];
extern bool test_sse_writable[TEST_SSE_PAGES];
extern uint64_t test_sse_cr2;

/* All control bits set for SSE, state zero, the TLB filled or empty. */
void test_sse_reset(bool tlb);
/* Executes it; the vector of what it raised, or 0. */
unsigned test_sse_execute(const struct vmi_op *op);
void test_sse_soft(const struct test_sse_case *c, struct test_sse_out *out);

/* test_sse_op.c: an instruction's operation, as the translator makes it. */
struct vmi_op test_sse_op(const struct vmi_insn *insn);

/* test_sse_cases.c */
size_t test_sse_forms(struct test_sse_form *forms, size_t n);
/* From here on the cases are this form's: the same, whatever came before. */
void test_sse_seed(const struct test_sse_form *f);
uint64_t test_sse_random(void);
void test_sse_make(struct test_sse_case *c, const struct test_sse_form *form);

/* test_sse_host.c: false where the test does not run on such a processor. */
bool test_sse_host(const struct test_sse_case *c, struct test_sse_out *out);
/* FXRSTOR64 of an area, then FXSAVE64 into it. */
void test_sse_host_area(uint8_t area[512]);

#endif
