/* SPDX-License-Identifier: MIT */
/* A processor for the vector helpers: memory, faults, flags; no engine. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/soft/test_sse.h"

struct vmi_cpu test_sse_cpu;
uint8_t test_sse_memory[TEST_SSE_MEMORY];
bool test_sse_readable[TEST_SSE_PAGES], test_sse_writable[TEST_SSE_PAGES];
uint64_t test_sse_cr2;

static struct vmi_tlb_entry tlb[VMI_TLB_SIZE];
static unsigned raised;

#define EXEC(how, token) EXEC_##how(token)
#define EXEC_V(token)
#define EXEC_B(token)
#define EXEC_H(token)                                                          \
	__attribute__((weak)) void vmi_do_##token(struct vmi_cpu *,            \
		const struct vmi_op *);
#include "lib/soft/exec.def"
#undef EXEC_H
#define EXEC_H(token) [VMI_EXEC_##token] = vmi_do_##token,
static vmi_helper *const helpers[VMI_EXEC_COUNT] = {
#include "lib/soft/exec.def"
};

/* -- What the engine gives ---------------------------------------------- */

void vmi_raise(struct vmi_cpu *c, unsigned vector)
{
	raised = vector;
	longjmp(c->leave, 1);
}

void vmi_raise_code(struct vmi_cpu *c, unsigned vector, uint32_t code)
{
	(void)code;
	vmi_raise(c, vector);
}

static uint8_t *host(uint64_t linear)
{
	return test_sse_memory + (linear - TEST_SSE_BASE);
}

static void need(struct vmi_cpu *c, uint64_t linear, const bool *rights)
{
	uint64_t page = (linear - TEST_SSE_BASE) >> 12;

	if (page < TEST_SSE_PAGES && rights[page])
		return;
	test_sse_cr2 = linear;
	vmi_raise(c, VMI_PF);
}

void vmi_check(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access)
{
	unsigned n;

	for (n = 0; n < bytes; n++)
		need(c, linear + n, access == VMI_MEM_WRITE ?
			test_sse_writable : test_sse_readable);
}

uint64_t vmi_read(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	uint64_t v = 0;

	vmi_check(c, linear, bytes, VMI_MEM_READ);
	while (bytes--)
		v = v << 8 | host(linear)[bytes];
	return v;
}

uint64_t vmi_read_rmw(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	vmi_check(c, linear, bytes, VMI_MEM_WRITE);
	return vmi_read(c, linear, bytes);
}

void vmi_write(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes)
{
	unsigned n;

	vmi_check(c, linear, bytes, VMI_MEM_WRITE);
	for (n = 0; n < bytes; n++)
		host(linear)[n] = (uint8_t)(value >> 8 * n);
}

uint64_t vmi_read_unaligned(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	return vmi_read(c, linear, bytes);
}

void vmi_write_unaligned(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes)
{
	vmi_write(c, linear, value, bytes);
}

uint64_t vmi_load_slow(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t linear, unsigned bytes)
{
	(void)op;
	return vmi_read(c, linear, bytes);
}

void vmi_store_slow(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t linear, uint64_t value, unsigned bytes)
{
	(void)op;
	vmi_write(c, linear, value, bytes);
}

uint64_t vmi_linear(struct vmi_cpu *c, unsigned seg, uint64_t offset,
	unsigned bytes, unsigned access)
{
	(void)c;
	(void)seg;
	(void)bytes;
	(void)access;
	return offset;
}

/* -- For tests ---------------------------------------------------------- */

static void fill_tlb(bool full)
{
	uint64_t linear;
	unsigned n;

	for (n = 0; n < VMI_TLB_SIZE; n++)
		tlb[n].read = tlb[n].write = VMI_TLB_NONE;
	for (n = 0; full && n < TEST_SSE_PAGES; n++) {
		linear = TEST_SSE_BASE + n * 4096;
		vmi_tlb(&test_sse_cpu, linear)->read = linear;
		vmi_tlb(&test_sse_cpu, linear)->write = linear;
		vmi_tlb(&test_sse_cpu, linear)->addend =
			(uintptr_t)host(linear) - (uintptr_t)linear;
	}
}

void test_sse_reset(bool full)
{
	unsigned n;

	memset(&test_sse_cpu, 0, sizeof(test_sse_cpu));
	test_sse_cpu.tlb = tlb;
	test_sse_cpu.amask = ~0ull;
	test_sse_cpu.mode = 64;
	test_sse_cpu.cr0 = VMI_CR0_PE | VMI_CR0_NE;
	test_sse_cpu.cr4 = VMI_CR4_OSFXSR | VMI_CR4_OSXMMEXCPT |
		VMI_CR4_OSXSAVE;
	test_sse_cpu.xcr0 = 3;
	test_sse_cpu.fpu.mxcsr = VMI_MXCSR_INIT;
	test_sse_cpu.fpu.control = 0x37f;
	test_sse_cpu.fpu.full = 0;
	for (n = 0; n < TEST_SSE_PAGES; n++)
		test_sse_readable[n] = test_sse_writable[n] = true;
	fill_tlb(full);
}

unsigned test_sse_execute(const struct vmi_op *op)
{
	if (!helpers[op->code]) {
		printf("operation %u is not linked\n", op->code);
		exit(1);
	}
	test_sse_cpu.op = op;
	raised = 0;
	if (!setjmp(test_sse_cpu.leave))
		helpers[op->code](&test_sse_cpu, op);
	return raised;
}

void test_sse_soft(const struct test_sse_case *c, struct test_sse_out *out)
{
	struct vmi_insn insn;
	struct vmi_op op;
	unsigned n;

	test_sse_reset(c->tlb);
	memcpy(test_sse_memory, c->memory, sizeof(c->memory));
	for (n = 0; n < 8; n++)
		test_sse_cpu.r[n] = c->gpr[n];
	test_sse_cpu.r[VMI_RSI] = TEST_SSE_BASE + c->offset;
	test_sse_cpu.r[VMI_RDI] = TEST_SSE_BASE + c->offset;
	vmi_flags_set(&test_sse_cpu, c->flags);
	if (vmi_decode(c->code, c->len, 64, &insn) ||
		vmi_xsave_set(&test_sse_cpu, c->area, sizeof(c->area))) {
		printf("a case cannot be set up\n");
		exit(1);
	}
	op = test_sse_op(&insn);
	out->vector = test_sse_execute(&op);
	memcpy(out->memory, test_sse_memory, sizeof(out->memory));
	for (n = 0; n < 8; n++)
		out->gpr[n] = test_sse_cpu.r[n];
	out->gpr[VMI_RSI] = out->gpr[VMI_RDI] = 0;
	out->flags = vmi_flags(&test_sse_cpu);
	vmi_xsave_get(&test_sse_cpu, out->area);
}

void vmi_ferr(struct vmi_cpu *c)
{
	vmi_raise(c, VMI_MF);
}
