/* SPDX-License-Identifier: MIT */
/*
 * Random programs under four processors that must agree.
 *
 * The naive consumer (naive.c) executes a block, and the engine as many
 * instructions as it says, on a machine of its own: registers, flags and
 * memory are compared after each block.  A third machine executes the whole
 * program at once, chained, and a fourth one instruction by instruction; all
 * meet the fault at its end.
 *
 * differ [mode seed]: that program alone, each block told.
 */
#include "lib/soft/soft.h"
#include "tests/engine/engine.h"
#include "tests/engine/naive.h"
#include "tests/engine/program.h"
#include "tests/fewer.h"

#define PROGRAMS 700 /* of each mode */
#define FEW	 150 /* where each is slow */
#define INSNS	 600 /* at most, of a program */
#define REGS	 18

static struct engine naive, blocks, whole, steps;
static bool verbose;

static struct vmi_cpu *cpu(struct engine *e)
{
	return &vmi_soft_vcpu(e->vcpu)->cpu;
}

/* -- State -------------------------------------------------------------- */

static void state(struct engine *e, uint64_t *r)
{
	struct vmapi_reg regs[REGS];
	unsigned i;

	memset(regs, 0, sizeof(regs));
	for (i = 0; i < REGS; i++)
		regs[i].tag = VMAPI_X86_GPR(i);
	engine_must(vmapi_regs_get(e->vcpu, regs, REGS, NULL, 0));
	for (i = 0; i < REGS; i++)
		r[i] = regs[i].value;
}

static bool alike_vectors(struct engine *a, struct engine *b,
	const char *what)
{
	const struct vmi_fpu *fa = &cpu(a)->fpu, *fb = &cpu(b)->fpu;
	unsigned i;

	for (i = 0; i < 16; i++) {
		if (!memcmp(&fa->xmm[i], &fb->xmm[i], sizeof(fa->xmm[i])))
			continue;
		printf("%s: XMM%u: %016llx%016llx and %016llx%016llx\n", what,
			i, (unsigned long long)fa->xmm[i].q[1],
			(unsigned long long)fa->xmm[i].q[0],
			(unsigned long long)fb->xmm[i].q[1],
			(unsigned long long)fb->xmm[i].q[0]);
		return false;
	}
	if (fa->mxcsr != fb->mxcsr)
		printf("%s: MXCSR: %x and %x\n", what, fa->mxcsr, fb->mxcsr);
	return fa->mxcsr == fb->mxcsr;
}

/* SDM: bits that an instruction leaves undefined are as the engine has them. */
static bool alike(struct engine *a, struct engine *b, const char *what)
{
	uint64_t ra[REGS], rb[REGS];
	bool same = true;
	unsigned i;

	state(a, ra);
	state(b, rb);
	for (i = 0; i < REGS; i++) {
		if (ra[i] == rb[i])
			continue;
		printf("%s: register %u: %llx and %llx\n", what, i,
			(unsigned long long)ra[i], (unsigned long long)rb[i]);
		same = false;
	}
	for (i = 0; i < PROGRAM_DATA_BYTES && same; i++) {
		if (a->mem[PROGRAM_DATA + i] == b->mem[PROGRAM_DATA + i])
			continue;
		printf("%s: byte %x: %x and %x\n", what, i,
			a->mem[PROGRAM_DATA + i], b->mem[PROGRAM_DATA + i]);
		same = false;
	}
	return same && alike_vectors(a, b, what);
}

/* Numbers near 1 and bits of any kind; with and without PE set already. */
static void prepare_vectors(struct engine *e, uint64_t *seed)
{
	struct vmi_fpu *f = &cpu(e)->fpu;
	unsigned i;

	for (i = 0; i < 32; i++) {
		f->xmm[i / 2].q[i & 1] = program_random(seed);
		if (i % 3)
			f->xmm[i / 2].q[i & 1] = 0x3ff0000000000000 +
				(program_random(seed) >> 8);
	}
	f->mxcsr = 0x1f80 | (program_random(seed) & 0x20);
}

static void prepare(struct engine *e, const struct program *p, uint64_t seed)
{
	struct vmapi_x86_segment data = { .base = PROGRAM_DATA,
		.limit = 0xffff, .attributes = 0x93, .selector = 0x4000 };
	struct vmapi_reg regs[REGS + 6];
	unsigned i, n = 0;

	engine_mode(e, e->vcpu, p->mode);
	engine_load(e, p->bytes, p->length);
	vmi_mail_read(cpu(e)); /* the naive one never runs */
	memset(regs, 0, sizeof(regs));
	for (i = 0; i < 16; i++)
		regs[n++] = (struct vmapi_reg){ .tag = VMAPI_X86_GPR(i),
			.value = program_random(&seed) >> (i & 1 ? 56 : 0) };
	regs[4].value = p->mode == 16 ? 0x8000 : PROGRAM_DATA + 0x8000;
	for (i = 0; i < 6 && p->mode == 16; i++) {
		if (i != 1)
			regs[n++] = (struct vmapi_reg){ .data = &data,
				.tag = VMAPI_X86_SEGMENT(i),
				.bytes = sizeof(data) };
	}
	engine_must(vmapi_regs_set(e->vcpu, regs, n, NULL, 0));
	prepare_vectors(e, &seed);
	for (i = 0; i < PROGRAM_DATA_BYTES; i += 8)
		engine_poke(e, PROGRAM_DATA + i, program_random(&seed), 8);
}

/* -- One program -------------------------------------------------------- */

/* The engine does what the naive consumer did; false: not the same. */
static bool follow(const struct naive *did)
{
	if (did->done) {
		if (engine_step(&blocks, did->done) != VMAPI_EXIT_LIMIT ||
			blocks.exit.retired != did->done) {
			printf("after %u instructions: %s\n", did->done,
				vmapi_exit_name(blocks.exit.reason));
			return false;
		}
	}
	return alike(&naive, &blocks, "block");
}

/* Instruction by instruction, `n` of them. */
static bool step_all(unsigned n)
{
	while (n--) {
		if (engine_step(&steps, 1) != VMAPI_EXIT_LIMIT ||
			steps.exit.retired != 1)
			return false;
	}
	return true;
}

/* One step, and what it asks of devices: the stack may be one. */
static uint64_t step_through(struct engine *e)
{
	const struct vmapi_exit *x = &e->exit;
	uint64_t asked = 0;

	engine_step(e, 1);
	while (x->reason == VMAPI_EXIT_MMIO) {
		asked = asked * 31 + x->u.mmio.gpa + x->u.mmio.data[0];
		if (x->flags & VMAPI_EXIT_ANSWER)
			engine_answer(e, x->u.mmio.gpa, x->u.mmio.length);
		engine_must(vmapi_vcpu_settle(e->vcpu, &e->exit));
	}
	return asked;
}

/* All three engines deliver the same fault; it is the last step. */
static bool fault_alike(int vector)
{
	uint64_t asked = step_through(&blocks);

	if (step_through(&whole) != asked || step_through(&steps) != asked) {
		printf("vector %d asks devices for other things\n", vector);
		return false;
	}
	if (blocks.exit.reason == VMAPI_EXIT_HALT &&
		engine_vector(&blocks) != vector) {
		printf("vector %d, and %d\n", vector, engine_vector(&blocks));
		return false;
	}
	return blocks.exit.reason == whole.exit.reason &&
		blocks.exit.reason == steps.exit.reason &&
		alike(&blocks, &whole, "fault, whole") &&
		alike(&blocks, &steps, "fault, steps");
}

static bool agree(const struct program *p, uint64_t seed, uint64_t *count)
{
	struct naive did = { .fault = -1 };
	unsigned total = 0;

	prepare(&naive, p, seed);
	prepare(&blocks, p, seed);
	prepare(&whole, p, seed);
	prepare(&steps, p, seed);
	while (total < INSNS && did.fault < 0 && !did.exit) {
		did = naive_block(cpu(&naive));
		if (verbose)
			printf("%u done, fault %d, rip %llx\n", did.done,
				did.fault, (unsigned long long)
				cpu(&naive)->rip);
		if (did.strange || !follow(&did))
			return false;
		total += did.done;
	}
	*count += total;
	if (total && (engine_step(&whole, total) != VMAPI_EXIT_LIMIT ||
		whole.exit.retired != total || !step_all(total)))
		return false;
	return alike(&blocks, &whole, "whole") &&
		alike(&blocks, &steps, "steps") &&
		(did.fault < 0 || fault_alike(did.fault));
}

static bool one(unsigned mode, uint64_t seed, uint64_t *count)
{
	struct program p;

	program_make(&p, mode, seed);
	if (agree(&p, seed, count))
		return true;
	printf("program %u %llu differs\n", mode, (unsigned long long)seed);
	return false;
}

static void many(unsigned mode)
{
	unsigned programs = fewer_cases() ? FEW : PROGRAMS;
	uint64_t seed, count = 0, bad = 0;

	for (seed = 1; seed <= programs && bad < 10; seed++)
		bad += !one(mode, seed, &count);
	printf("%u-bit: %u programs, %llu instructions\n", mode, programs,
		(unsigned long long)count);
	EQUAL(bad, 0);
	CHECK(count > programs * 30u);
}

int main(int argc, char **argv)
{
	uint64_t count = 0;

	engine_about("naive and engine");
	engine_open(&naive, VMAPI_IRQCHIP_NONE);
	engine_open(&blocks, VMAPI_IRQCHIP_NONE);
	engine_open(&whole, VMAPI_IRQCHIP_NONE);
	engine_open(&steps, VMAPI_IRQCHIP_NONE);
	verbose = argc > 2;
	if (verbose) {
		CHECK(one((unsigned)atoi(argv[1]),
			strtoull(argv[2], NULL, 0), &count));
	} else {
		many(16);
		many(32);
		many(64);
	}
	engine_close(&naive);
	engine_close(&blocks);
	engine_close(&whole);
	engine_close(&steps);
	return engine_result();
}
