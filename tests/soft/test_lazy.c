/* SPDX-License-Identifier: MIT */
/*
 * Handlers of value operations against the same operations by the book:
 * result, lazy flags, and every condition of these.  Flags go in in each of
 * the kinds that an operation before may have left, operands from registers
 * and from acc.
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

static uint64_t left; /* in acc */

static const struct vmi_op *stop(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)c;
	(void)op;
	left = acc;
	return NULL;
}

/* Where operands come from: enough handlers to try each of an operation's. */
enum form { ANY, FORM_A, FORM_B, FORMS };

struct trial {
	unsigned exec, width, before; /* what left the flags */
	uint64_t a, b;
	enum form form;
};

static bool is_unary(unsigned exec)
{
	return exec == VMI_EXEC_inc || exec == VMI_EXEC_dec ||
		exec == VMI_EXEC_neg || exec == VMI_EXEC_not;
}

static vmi_handler *handler(unsigned exec, unsigned width, enum form form)
{
	const struct vmi_forms *f = &vmi_values[exec]->h[VMI_RR][width][1];

	return form == FORM_A ? f->a : form == FORM_B ? f->b : f->any;
}

/* The engine's loop; where handlers are chained it goes round once. */
static void execute(const struct vmi_op *op, uint64_t acc)
{
	cpu.acc = acc;
	while (op)
		op = op->run(&cpu, op, cpu.acc);
}

/* RAX = a op b; what is in acc is in no register. */
static void run(unsigned exec, const struct trial *t, uint64_t a, uint64_t b)
{
	struct vmi_op ops[2] = { { .code = (uint16_t)exec, .index = VMI_RDX,
		.base = is_unary(exec) ? VMI_RDX : VMI_RCX,
		.size = (uint8_t)t->width }, { .run = stop } };

	ops[0].run = handler(exec, t->width, t->form);
	if (!ops[0].run)
		return;
	cpu.r[VMI_RAX] = a;
	cpu.r[VMI_RDX] = t->form == FORM_A ? random_value() : a;
	cpu.r[VMI_RCX] = b;
	if (t->form == FORM_B)
		cpu.r[VMI_RCX] = random_value();
	execute(ops, t->form == FORM_A ? a : b);
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
		if (vmi_cond_is_quick(&cpu, cc) &&
			vmi_cond_quick(&cpu, cc) != vmi_cond(&plain, cc))
			fail(t, "a condition, quickly", cc, flags);
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
	struct trial before = { .width = t->width };
	uint64_t in, want, got, flags;

	if (!handler(t->exec, t->width, t->form))
		return;
	cases++;
	run(t->before, &before, random_value(), random_value());
	in = vmi_flags(&cpu);
	want = vmi_alu(t->exec, t->a & mask, t->b & mask, bytes, in, &flags);
	run(t->exec, t, t->a, t->b);
	got = cpu.r[VMI_RAX] & mask;
	if (got != want)
		fail(t, "the result", got, want);
	if (t->width > 1 && t->exec != VMI_EXEC_cmp &&
		t->exec != VMI_EXEC_test && left != cpu.r[VMI_RAX])
		fail(t, "what acc has", left, cpu.r[VMI_RAX]);
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
	unsigned i, k;

	for (i = 0; i < sizeof(execs) / sizeof(execs[0]); i++) {
		t.exec = execs[i];
		for (k = 0; k < 4 * FORMS; k++) {
			t.width = k & 3;
			t.form = (enum form)(k >> 2);
			try_operands(&t);
		}
	}
	printf("%u cases, %u failures\n", cases, failures);
	return failures || cases < 10000;
}
