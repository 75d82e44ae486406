/* SPDX-License-Identifier: MIT */
/* vmapi_vcpu_debug() on a real KVM of arm64, riscv64 or ppc64. */
/*
 * One little program in the code of each: r = 1; r += 1; store r; load r';
 * no operation; a store to where no RAM is (ppc64: a call).  What the kernel
 * cannot do must be refused, so that each run proves something.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vmapi/vmapi.h>

#include "tests/kvm/check.h"
#include "tests/kvm/guest.h"

#define CODE	  0x1000u
#define DATA	  0x8000u
#define OUTSIDE	  0x10000000u
#define WORDS	  6
#define STORE	  2 /* the word of the program that stores */
#define LAST	  (WORDS - 1)

/* ppc64: the program interrupt, and the bit that says why (ISA III 6.5.9). */
#define ILLEGAL	    0x700u
#define ILLEGAL_BIT 0x80000u
#define ENDLESS	    0x48u /* b ., big-endian */

struct program {
	const char *name;
	uint64_t pc, result, data, outside; /* registers */
	uint64_t state, state_value;	    /* one more; 0: none */
	uint32_t code[WORDS];
	uint32_t breakpoint; /* 0: what the register says */
	unsigned end;	     /* the exit of the last instruction */
};

static const struct program programs[] = {
	{ "arm64", VMAPI_ARM64_PC, VMAPI_ARM64_X(0), VMAPI_ARM64_X(1),
		VMAPI_ARM64_X(2), 0, 0,
		{ 0xd2800020, 0x91000400, 0xf9000020, 0xf9400023, 0xd503201f,
			0xf9000040 },
		0xd4200000, VMAPI_EXIT_MMIO },
	{ "riscv64", VMAPI_RISCV_PC, VMAPI_RISCV_X(5),
		VMAPI_RISCV_X(6), VMAPI_RISCV_X(28), 0, 0,
		{ 0x00100293, 0x00128293, 0x00533023, 0x00033383, 0x00000013,
			0x005e3023 },
		0x00100073, VMAPI_EXIT_MMIO },
	{ "ppc64", VMAPI_PPC_PC, VMAPI_PPC_GPR(5), VMAPI_PPC_GPR(6),
		VMAPI_PPC_GPR(3), VMAPI_PPC_MSR, 0x8000000000001001,
		{ 0x38a00001, 0x38a50001, 0xf8a60000, 0xe8e60000, 0x60000000,
			0x44000022 },
		0, VMAPI_EXIT_HYPERCALL },
};

static const struct program *program;
static struct vmapi *ctx;
static struct vmapi_vm *vm;
static struct vmapi_as *as;
static struct vmapi_vcpu *vcpu;
static int64_t can, n_exec, n_data; /* capabilities */

static int64_t cap(unsigned id)
{
	struct vmapi_cap c = { .size = sizeof(c) };

	OK(vmapi_vm_cap_get(vm, id, &c));
	return c.value;
}

static uint64_t get(uint64_t tag)
{
	struct vmapi_reg reg = { .tag = tag };

	OK(vmapi_regs_get(vcpu, &reg, 1, NULL, 0));
	return reg.value;
}

static void put_word(uint64_t gpa, uint32_t word)
{
	uint8_t bytes[4] = { (uint8_t)word, (uint8_t)(word >> 8),
		(uint8_t)(word >> 16), (uint8_t)(word >> 24) };

	OK(vmapi_as_write(as, gpa, bytes, sizeof(bytes)));
}

static void start(void)
{
	const struct program *p = program;
	struct vmapi_reg regs[] = {
		{ .tag = p->pc, .value = CODE },
		{ .tag = p->data, .value = DATA },
		{ .tag = p->outside, .value = OUTSIDE },
		{ .tag = p->result, .value = 0x77 },
		{ .tag = p->state, .value = p->state_value },
	};
	unsigned i;

	for (i = 0; i < WORDS; i++)
		put_word(CODE + 4 * i, p->code[i]);
	OK(vmapi_vcpu_reset(vcpu));
	OK(vmapi_regs_set(vcpu, regs, p->state ? 5 : 4, NULL, 0));
}

static int debug(uint32_t flags, const struct vmapi_debug_point *points,
	uint32_t n)
{
	struct vmapi_debug d = { .size = sizeof(d), .flags = flags,
		.points = points, .n_points = n };

	return vmapi_vcpu_debug(vcpu, &d);
}

/*
 * QEMU before 8.1 gives a breakpoint instruction of ppc64 to the guest as an
 * illegal one: a nested one's does not leave it ("Fix nested-hv HEAI
 * delivery"), and of another's the hypervisor is not told what it was (HEIR).
 * The guest is then at its program interrupt, which says so.
 */
static bool went_to_guest(const struct vmapi_exit *exit)
{
	return exit->reason == VMAPI_EXIT_KICK &&
		program->end == VMAPI_EXIT_HYPERCALL &&
		get(VMAPI_PPC_PC) == ILLEGAL &&
		get(VMAPI_PPC_SRR0) == CODE + 4 * STORE &&
		get(VMAPI_PPC_SRR1) & ILLEGAL_BIT;
}

static void stopped(const struct vmapi_exit *exit, uint32_t why,
	uint32_t points, unsigned word)
{
	if (!CHECK(exit->reason == VMAPI_EXIT_DEBUG)) {
		printf("exit %s\n", vmapi_exit_name(exit->reason));
		return;
	}
	if (!CHECK(exit->u.debug.why == why &&
		    exit->u.debug.points == points &&
		    exit->u.debug.address == CODE + 4 * word))
		printf("why %x points %x at %llx, not %x %x %x\n",
			exit->u.debug.why, exit->u.debug.points,
			(unsigned long long)exit->u.debug.address, why, points,
			CODE + 4 * word);
	CHECK(get(program->pc) == CODE + 4 * word);
}

static void stops(uint32_t why, uint32_t points, unsigned word)
{
	struct vmapi_exit exit;

	guest_run(vcpu, &exit, 10);
	stopped(&exit, why, points, word);
}

static void ends(void)
{
	struct vmapi_exit exit;

	guest_run(vcpu, &exit, 10);
	if (!CHECK(exit.reason == program->end))
		printf("exit %s, why %x at %llx\n",
			vmapi_exit_name(exit.reason), exit.u.debug.why,
			(unsigned long long)exit.u.debug.address);
	if (exit.flags & VMAPI_EXIT_ANSWER)
		OK(vmapi_vcpu_complete(vcpu, (uint64_t[10]){ 0 }, 80));
	OK(vmapi_vcpu_settle(vcpu, &exit));
}

static void steps(void)
{
	unsigned i;

	start();
	if (!(can & VMAPI_DEBUG_STEP)) {
		GIVES(debug(VMAPI_DEBUG_STEP, NULL, 0), -ENOTSUP);
		printf("%s: no steps\n", program->name);
		return;
	}
	OK(debug(VMAPI_DEBUG_STEP, NULL, 0));
	for (i = 1; i <= LAST; i++)
		stops(VMAPI_STOP_STEP, 0, i);
	CHECK(get(program->result) == 2);
	OK(vmapi_vcpu_debug(vcpu, NULL));
	ends();
}

static void software(void)
{
	uint32_t breakpoint = program->breakpoint;
	struct vmapi_exit exit;
	uint64_t tag;

	start();
	if (!(can & VMAPI_DEBUG_SOFTWARE)) {
		GIVES(debug(VMAPI_DEBUG_SOFTWARE, NULL, 0), -ENOTSUP);
		printf("%s: no breakpoint instruction\n", program->name);
		return;
	}
	OK(debug(VMAPI_DEBUG_SOFTWARE, NULL, 0));
	if (!breakpoint && OK(vmapi_reg_tag(vcpu, "debug_inst", &tag)))
		breakpoint = (uint32_t)get(tag);
	put_word(CODE + 4 * STORE, breakpoint);
	put_word(ILLEGAL, ENDLESS);
	guest_run(vcpu, &exit, 10);
	if (went_to_guest(&exit)) {
		printf("%s: the emulator keeps the breakpoint instruction\n",
			program->name);
		OK(vmapi_vcpu_debug(vcpu, NULL));
		return;
	}
	stopped(&exit, VMAPI_STOP_SOFTWARE, 0, STORE);
	CHECK(get(program->result) == 2);
	stops(VMAPI_STOP_SOFTWARE, 0, STORE); /* it does not go away */
	put_word(CODE + 4 * STORE, program->code[STORE]);
	ends();
	OK(vmapi_vcpu_debug(vcpu, NULL));
}

/* Met once each, and passed: by a run, by a run with steps. */
static void points(void)
{
	static const struct vmapi_debug_point p[] = {
		{ .address = CODE + 4, .kind = VMAPI_POINT_EXEC },
		{ .address = CODE + 16, .kind = VMAPI_POINT_EXEC },
	};

	start();
	if (n_exec < 2) {
		CHECK(debug(0, p, 2) < 0);
		printf("%s: no breakpoints\n", program->name);
		return;
	}
	OK(debug(0, p, 2));
	stops(VMAPI_STOP_POINT, 1, 1);
	stops(VMAPI_STOP_POINT, 2, 4);
	ends();
	start();
	stops(VMAPI_STOP_POINT, 1, 1);
	OK(debug(VMAPI_DEBUG_STEP, p, 2));
	stops(VMAPI_STOP_STEP, 0, 2);
	stops(VMAPI_STOP_STEP, 0, 3);
	stops(VMAPI_STOP_STEP, 0, 4);
	OK(vmapi_vcpu_debug(vcpu, NULL));
	ends();
}

/* Behind the access, whatever the processor does; a read is no write. */
static void data(void)
{
	static const struct vmapi_debug_point p[] = {
		{ .address = DATA, .kind = VMAPI_POINT_WRITE, .bytes = 4 },
		{ .address = DATA + 4, .kind = VMAPI_POINT_READ, .bytes = 2 },
		{ .address = DATA + 8, .kind = VMAPI_POINT_ACCESS, .bytes = 8 },
	};
	uint64_t stored = 0;

	start();
	if (n_data < 3) {
		CHECK(debug(0, p, 3) < 0);
		printf("%s: no watchpoints\n", program->name);
		return;
	}
	OK(debug(0, p, 3));
	stops(VMAPI_STOP_POINT, 1, STORE + 1);
	OK(vmapi_as_read(as, DATA, &stored, 8));
	CHECK(stored != 0);
	stops(VMAPI_STOP_POINT, 2, STORE + 2);
	ends();
	start();
	OK(debug(VMAPI_DEBUG_STEP, p, 1));
	stops(VMAPI_STOP_STEP, 0, 1);
	stops(VMAPI_STOP_STEP, 0, 2);
	stops(VMAPI_STOP_STEP | VMAPI_STOP_POINT, 1, 3);
	stops(VMAPI_STOP_STEP, 0, 4);
	OK(vmapi_vcpu_debug(vcpu, NULL));
	ends();
}

static void refused(void)
{
	const struct vmapi_debug_point odd = { .address = CODE + 1 };

	start();
	CHECK(debug(0, &odd, 1) < 0);
	CHECK(debug(VMAPI_DEBUG_INJECT, NULL, 0) == -ENOTSUP);
	CHECK(debug(VMAPI_DEBUG_BLOCK_IRQ, NULL, 0) == -ENOTSUP);
	OK(vmapi_vcpu_debug(vcpu, NULL));
	ends();
}

static bool machine(void)
{
	struct vmapi_reg_info info = { .size = sizeof(info) };
	size_t i;

	if (!OK(vmapi_vm_create(ctx, NULL, &vm)) ||
		!guest_ram(ctx, vm, 0, &as) ||
		!OK(vmapi_vcpu_create(vm, NULL, &vcpu)))
		return false;
	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (!vmapi_reg_info(vcpu, programs[i].pc, &info))
			program = &programs[i];
	return CHECK(program != NULL);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (vmapi_open("kvm", 0, &ctx)) {
		printf("%s\n", vmapi_error_last()->message);
		return 77;
	}
	if (!machine())
		return EXIT_FAILURE;
	can = cap(VMAPI_CAP_DEBUG);
	n_exec = cap(VMAPI_CAP_BREAKPOINTS);
	n_data = cap(VMAPI_CAP_WATCHPOINTS);
	printf("%s: flags 0x%llx, %lld breakpoints, %lld watchpoints\n",
		program->name, (unsigned long long)can, (long long)n_exec,
		(long long)n_data);
	steps();
	software();
	points();
	data();
	refused();
	vmapi_vcpu_destroy(vcpu);
	vmapi_as_destroy(as);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	return check_result("kvm/stops");
}
