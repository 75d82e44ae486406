/* SPDX-License-Identifier: MIT */
/*
 * Handlers of value operations against the same operations by the book:
 * result, lazy flags, and every condition of these.  Flags go in in each of
 * the kinds that an operation before may have left.
 */
#include <stdio.h>
#include <string.h>

#include "lib/soft/alu_ref.h"
#include "lib/soft/flags.h"
#include "lib/soft/insn.h"
#include "lib/soft/value.h"

static const unsigned execs[] = {
	VMI_EXEC_add, VMI_EXEC_or, VMI_EXEC_adc, VMI_EXEC_sbb, VMI_EXEC_and,
	VMI_EXEC_sub, VMI_EXEC_xor, VMI_EXEC_cmp, VMI_EXEC_test, VMI_EXEC_inc,
	VMI_EXEC_dec, VMI_EXEC_neg, VMI_EXEC_not, VMI_EXEC_shl, VMI_EXEC_shr,
	VMI_EXEC_sar, VMI_EXEC_rol, VMI_EXEC_ror, VMI_EXEC_imul
};

static const uint64_t edges[] = { 0, 1, 2, 7, 8, 15, 16, 31, 32, 63, 0x7f,
	0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
	0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
	0xfffffffffffffffe, 0xffffffffffffffff };

static struct vmi_cpu cpu;
static unsigned failures, cases;

static uint64_t random_value(void)
{
	static uint64_t x = 0x123456789abcdef;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static const struct vmi_op *stop(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)c;
	(void)op;
	return NULL;
}

struct trial {
	unsigned exec, width, before; /* what left the flags */
	uint64_t a, b;
};

static void run(unsigned exec, unsigned width, uint64_t a, uint64_t b)
{
	struct vmi_op ops[2] = { { .code = (uint16_t)exec, .base = VMI_RCX,
		.size = (uint8_t)width }, { .run = stop } };

	ops[0].run = vmi_values[exec]->h[VMI_RR][width][1];
	cpu.r[VMI_RAX] = a;
	cpu.r[VMI_RCX] = b;
	if (ops[0].run)
		ops[0].run(&cpu, ops);
}

static void fail(const struct trial *t, const char *what, uint64_t got,
	uint64_t want)
{
	if (failures++ < 20)
		printf("operation %u of %u bytes on %#llx, %#llx: %s is %#llx, "
			"should be %#llx\n", t->exec, 1u << t->width,
			(unsigned long long)t->a, (unsigned long long)t->b,
			what, (unsigned long long)got,
			(unsigned long long)want);
}

static void check_conditions(const struct trial *t, uint64_t flags)
{
	struct vmi_cpu plain = { .cc_kind = VMI_CC_FLAGS, .cc_res = flags };
	unsigned cc;

	for (cc = 0; cc < 16; cc++) {
		if (vmi_cond(&cpu, cc) != vmi_cond(&plain, cc))
			fail(t, "a condition", cc, flags);
	}
}

/* SDM 2A IMUL: only CF and OF are defined. */
static void check_flags(const struct trial *t, uint64_t want)
{
	uint64_t defined = t->exec == VMI_EXEC_imul ?
		VMI_FLAG_CF | VMI_FLAG_OF : VMI_FLAGS_ARITH;
	uint64_t got = vmi_flags(&cpu);

	if ((got ^ want) & defined)
		fail(t, "the flags", got, want);
	if (vmi_carry(&cpu) != (got & VMI_FLAG_CF))
		fail(t, "the carry", vmi_carry(&cpu), got & VMI_FLAG_CF);
	check_conditions(t, got);
}

static void try(const struct trial *t)
{
	unsigned bytes = 1u << t->width;
	uint64_t mask = bytes == 8 ? ~0ull : (1ull << (8 * bytes)) - 1;
	uint64_t in, want, got, flags;

	if (!vmi_values[t->exec]->h[VMI_RR][t->width][1])
		return;
	cases++;
	run(t->before, t->width, random_value(), random_value());
	in = vmi_flags(&cpu);
	want = vmi_alu(t->exec, t->a & mask, t->b & mask, bytes, in, &flags);
	run(t->exec, t->width, t->a, t->b);
	got = cpu.r[VMI_RAX] & mask;
	if (got != want)
		fail(t, "the result", got, want);
	check_flags(t, flags);
}

static void try_operands(struct trial *t)
{
	const unsigned n = sizeof(edges) / sizeof(edges[0]);
	unsigned i;

	for (i = 0; i < n * n; i++) {
		t->a = edges[i / n];
		t->b = edges[i % n];
		t->before = execs[i % (sizeof(execs) / sizeof(execs[0]))];
		try(t);
	}
	for (i = 0; i < 500; i++) {
		t->a = random_value();
		t->b = random_value();
		try(t);
	}
}

int main(void)
{
	struct trial t;
	unsigned i;

	for (i = 0; i < sizeof(execs) / sizeof(execs[0]); i++) {
		t.exec = execs[i];
		for (t.width = 0; t.width < 4; t.width++)
			try_operands(&t);
	}
	printf("%u cases, %u failures\n", cases, failures);
	return failures || cases < 10000;
}
