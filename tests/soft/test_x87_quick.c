/* SPDX-License-Identifier: MIT */
/*
 * The x87's handlers against the helpers that they stand for.
 *
 * Every encoding of D8 to DF that has a handler is executed by it and by its
 * helper, from the same state: registers, tags, words, pointers, flags, memory
 * and faults must be alike.  Most states are of numbers that a handler takes
 * by itself, whose sums and quotients are exact, halfway or inexact; each has
 * to have done so.
 */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "lib/soft/engine.h"
#include "lib/soft/flags.h"
#include "lib/soft/operand.h"
#include "lib/soft/quick.h"
#include "lib/soft/x87.h"
#include "tests/kvm/check.h"
#include "tests/fewer.h"

#define STATES 3000 /* of each encoding */
#define FEW    500 /* where each is slow */
#define AT     0x5008u
#define BYTES  16

struct machine {
	struct vmi_cpu cpu;
	struct vmi_tlb_entry tlb[VMI_TLB_SIZE];
	uint8_t page[4096] __attribute__((aligned(4096)));
	int left; /* by a fault */
};

static struct machine start, quick, slow;
static unsigned taken, executed, encodings;

static uint64_t random_value(void)
{
	static uint64_t x = 0x123456789abcdef;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static unsigned below(unsigned n)
{
	return (unsigned)(random_value() >> 33) % n;
}

/* -- States --------------------------------------------------------------- */

/* Few ones, many ones, or any. */
static uint64_t some_bits(void)
{
	uint64_t v = random_value(), few = v & random_value() & random_value();

	switch (below(5)) {
	case 0: return few;
	case 1: return ~few;
	case 2: return v & ~0ull << below(64);
	case 3: return ~0ull >> below(64);
	default: return v;
	}
}

/* Near one, near the ends, or any. */
static unsigned exponent(void)
{
	switch (below(8)) {
	case 0: return below(80);
	case 1: return 0x7fff - below(80);
	case 2: return below(0x8000);
	case 3: return 0x3fff;
	default: return 0x3fff - 66 + below(132);
	}
}

static struct vmi_f80 number(void)
{
	struct vmi_f80 v = { some_bits(), (uint16_t)exponent() };

	if (below(30))
		v.man |= 1ull << 63;
	if (!below(20))
		v = (struct vmi_f80){ 0, 0 };
	v.se |= (uint16_t)(below(2) << 15);
	return v;
}

static uint64_t in_memory(void)
{
	const unsigned exp64 = 0x3ff - 60 + below(120);
	const unsigned exp32 = 0x7f - 60 + below(120);

	switch (below(5)) {
	case 0: return some_bits();
	case 1: return 0;
	case 2: return (uint64_t)below(2) << 31 | (uint64_t)exp32 << 23 |
			(some_bits() & 0x7fffff);
	default: return (uint64_t)below(2) << 63 | (uint64_t)exp64 << 52 |
			some_bits() >> 12;
	}
}

static void begin(void)
{
	struct vmi_fpu *f = &start.cpu.fpu;
	uint64_t v = in_memory();
	unsigned i;

	for (i = 0; i < 8; i++)
		f->st[i] = number();
	f->top = (uint8_t)below(8);
	/* A load needs room, all else what it is about. */
	f->full = below(2) ? 0xff : (uint8_t)~(1u << ((f->top - 1) & 7));
	if (!below(4))
		f->full = (uint8_t)random_value();
	vmi_x87_set_control(&start.cpu, (uint16_t)(below(5) ? 0x37f :
		random_value()));
	f->status = (uint16_t)(random_value() & (VMI_X87_CODES | VMI_FP_PE));
	if (!below(20))
		f->status |= (uint16_t)(random_value() & VMI_X87_FLAGS);
	vmi_x87_summarise(&start.cpu);
	start.cpu.cr0 = VMI_CR0_PE | VMI_CR0_NE | (below(50) ? 0 : VMI_CR0_TS);
	start.cpu.misc_enable = below(20) ? 0 : VMI_MISC_ENABLE_FOPCODE;
	vmi_flags_set(&start.cpu, random_value());
	for (i = 0; i < 8; i++)
		start.page[(AT & 0xfff) + i] = (uint8_t)(v >> 8 * i);
}

static void reset(struct machine *m)
{
	unsigned i;

	m->cpu = start.cpu;
	memcpy(m->page, start.page, sizeof(m->page));
	m->cpu.tlb = m->tlb;
	for (i = 0; i < VMI_TLB_SIZE; i++)
		m->tlb[i].read = m->tlb[i].write = m->tlb[i].exec =
			VMI_TLB_NONE;
	i = vmi_tlb_index(AT);
	m->tlb[i].read = m->tlb[i].write = AT & ~0xfffu;
	m->tlb[i].addend = (uintptr_t)m->page - (AT & ~0xfffu);
}

/* -- Both ways ------------------------------------------------------------- */

static const struct vmi_op *stop(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)c;
	(void)op;
	(void)acc;
	return NULL;
}

/* The engine's loop; where handlers are chained it goes round once. */
static void go(struct vmi_cpu *c, const struct vmi_op *op)
{
	while (op)
		op = op->run(c, op, c->acc);
}

static void execute(struct machine *m, const struct vmi_op *op,
	vmi_handler *run)
{
	struct vmi_op ops[2] = { *op, { .run = stop } };

	ops[0].run = run;
	reset(m);
	m->left = setjmp(m->cpu.leave);
	if (!m->left)
		go(&m->cpu, ops);
}

static bool alike(void)
{
	const struct vmi_fpu *a = &quick.cpu.fpu, *b = &slow.cpu.fpu;
	bool same = a->control == b->control && a->status == b->status &&
		a->top == b->top && a->full == b->full &&
		a->opcode == b->opcode && a->ip == b->ip && a->cs == b->cs &&
		a->dp == b->dp && a->ds == b->ds && quick.left == slow.left;
	unsigned i;

	for (i = 0; i < 8; i++)
		same = same && a->st[i].man == b->st[i].man &&
			a->st[i].se == b->st[i].se;
	return same && vmi_flags(&quick.cpu) == vmi_flags(&slow.cpu) &&
		!memcmp(quick.cpu.r, slow.cpu.r, sizeof(slow.cpu.r)) &&
		!memcmp(quick.page, slow.page, sizeof(slow.page));
}

static void tell(const uint8_t *bytes)
{
	const struct vmi_fpu *a = &quick.cpu.fpu, *b = &slow.cpu.fpu;
	unsigned i;

	printf("%02x %02x: status %04x and %04x, control %04x, top %u, full "
	       "%02x and %02x, left %d and %d\n", bytes[0], bytes[1],
		a->status, b->status, b->control, b->top, a->full, b->full,
		quick.left, slow.left);
	for (i = 0; i < 8; i++)
		printf("  st%u %04x:%016llx: %04x:%016llx and %04x:%016llx\n",
			i, start.cpu.fpu.st[(start.cpu.fpu.top + i) & 7].se,
			(unsigned long long)start.cpu.fpu
				.st[(start.cpu.fpu.top + i) & 7].man,
			vmi_x87_get(&quick.cpu, i).se,
			(unsigned long long)vmi_x87_get(&quick.cpu, i).man,
			vmi_x87_get(&slow.cpu, i).se,
			(unsigned long long)vmi_x87_get(&slow.cpu, i).man);
}

static bool names_sti(const struct vmi_row *row)
{
	return vmi_operands[row->op[0]].kind == VMI_OPK_STI ||
		vmi_operands[row->op[1]].kind == VMI_OPK_STI;
}

/* As lower_helper.c makes it, with its operand at AT. */
static bool prepare(struct vmi_op *op, const uint8_t *bytes)
{
	struct vmi_insn insn;

	if (vmi_decode(bytes, 7, 64, &insn) < 0)
		return false;
	*op = (struct vmi_op){ .code = insn.row->exec, .base = VMI_R_ZERO,
		.index = VMI_R_ZERO, .imm = vmi_form_imm(&insn),
		.len = insn.len, .ip = 0x123, .size = 3 << 4,
		.bits = VMI_DS << 4 };
	if (insn.mod != 3) {
		op->bits |= VMI_OPF_MEM;
		op->disp = AT;
	} else if (names_sti(insn.row)) {
		op->base = insn.rm;
	}
	return true;
}

static void encoding(unsigned opcode, unsigned modrm)
{
	const uint8_t bytes[16] = { (uint8_t)opcode, (uint8_t)modrm, 0x25 };
	unsigned i, before = taken, states = fewer_cases() ? FEW : STATES;
	struct vmi_op op;

	if (!prepare(&op, bytes) || vmi_quick_find(&op) == vmi_h_helper)
		return;
	encodings++;
	for (i = 0; i < states; i++) {
		begin();
		execute(&quick, &op, vmi_quick_find(&op));
		execute(&slow, &op, vmi_h_helper);
		executed++;
		taken += !quick.cpu.op;
		if (!CHECK(alike())) {
			tell(bytes);
			return;
		}
	}
	/* FLD ST(7) finds it empty, or the stack full. */
	if (opcode == 0xd9 && modrm == 0xc7)
		return;
	if (!CHECK(taken - before > states / 8))
		printf("%02x %02x: its handler did %u of %u\n", opcode, modrm,
			taken - before, states);
}

int main(void)
{
	unsigned opcode, modrm;

	start.cpu.mode = 64;
	start.cpu.amask = ~0ull;
	start.cpu.r[VMI_R_BLOCK] = 0x401000;
	start.cpu.seg[VMI_CS].selector = 0x33;
	start.cpu.seg[VMI_DS].selector = 0x2b;
	for (opcode = 0xd8; opcode <= 0xdf; opcode++) {
		for (modrm = 0x04; modrm < 0x40; modrm += 8)
			encoding(opcode, modrm);
		for (modrm = 0xc0; modrm < 0x100; modrm++)
			encoding(opcode, modrm);
	}
	printf("%u encodings, %u executed, %u of them by their handlers\n",
		encodings, executed, taken);
	CHECK(encodings > 200);
	return check_result("soft/test_x87_quick");
}
