/* SPDX-License-Identifier: MIT */
/* Calls that a guest finds by the descriptor, on a real KVM not of x86. */
/*
 * The guest is tests/guest/native/calls.c.  What ways there are is the
 * kernel's to say: all have the call page; HVC comes to the application from
 * Linux 6.4 on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <vmapi/guest/calls.h>
#include <vmapi/vmapi.h>

#include "tests/kvm/check.h"
#include "tests/kvm/guest.h"

#define ENTRY	   0x10000u
#define DESCRIPTOR 0x80000u
#define STACK	   0xf0000u
#define PAGE	   0x10000000u
#define RESULT	   0xa00000000u
#define WORDS	   9 /* results that every architecture has */

static const struct machine {
	const char *name;
	uint64_t pc, argument, stack;
	uint64_t entry; /* another register that has it; 0: none */
	uint64_t state, state_value; /* one more; 0: none */
} machines[] = {
	{ "arm64", VMAPI_ARM64_PC, VMAPI_ARM64_X(0), VMAPI_ARM64_SP_EL1, 0, 0,
		0 },
	{ "riscv64", VMAPI_RISCV_PC, VMAPI_RISCV_A(0), VMAPI_RISCV_SP, 0, 0,
		0 },
	{ "ppc64", VMAPI_PPC_PC, VMAPI_PPC_GPR(3), VMAPI_PPC_GPR(1),
		VMAPI_PPC_GPR(12), VMAPI_PPC_MSR, 0x8000000000001001 },
};

static const struct machine *machine;
static struct vmapi *ctx;
static struct vmapi_vm *vm;
static struct vmapi_as *as;
static struct vmapi_vcpu *vcpu;
static uint32_t ways;

static bool load(void)
{
	static uint8_t image[0x8000];
	uint8_t descriptor[VMAPI_CALLS_BYTES];
	FILE *f = fopen("tests/guest/native/calls.raw", "rb");
	size_t n = f ? fread(image, 1, sizeof(image), f) : 0;
	unsigned i;

	if (f)
		fclose(f);
	OK(vmapi_hypercall_describe(vm, descriptor));
	for (i = 0; i < 4; i++)
		ways |= (uint32_t)descriptor[VMAPI_CALLS_WAYS + i] << 8 * i;
	OK(vmapi_as_write(as, DESCRIPTOR, descriptor, sizeof(descriptor)));
	return CHECK(n > 0 && n < sizeof(image)) &&
		OK(vmapi_as_write(as, ENTRY, image, n));
}

static bool make(void)
{
	struct vmapi_hypercall_config config = { .size = sizeof(config),
		.page = PAGE };
	struct vmapi_reg_info info = { .size = sizeof(info) };
	size_t i;

	if (!OK(vmapi_vm_create(ctx, NULL, &vm)) || !guest_ram(ctx, vm, 0, &as) ||
		!OK(vmapi_hypercall_enable(vm, &config)) || !load() ||
		!OK(vmapi_vcpu_create(vm, NULL, &vcpu)))
		return false;
	for (i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (!vmapi_reg_info(vcpu, machines[i].pc, &info))
			machine = &machines[i];
	return CHECK(machine != NULL);
}

static void start(void)
{
	struct vmapi_reg regs[5] = {
		{ .tag = machine->pc, .value = ENTRY },
		{ .tag = machine->argument, .value = DESCRIPTOR },
		{ .tag = machine->stack, .value = STACK },
		{ .tag = machine->entry, .value = ENTRY },
		{ .tag = machine->state, .value = machine->state_value },
	};

	OK(vmapi_regs_set(vcpu, regs, machine->entry ? 5 : 3, NULL, 0));
}

/* The next call of the guest's; false: it is something else. */
static bool next_call(struct vmapi_exit *exit, uint64_t number)
{
	guest_run(vcpu, exit, 20);
	if (CHECK(exit->reason == VMAPI_EXIT_HYPERCALL) &&
		CHECK(exit->u.hypercall.number == number))
		return true;
	printf("exit %s, native %u, number %llu, gpa 0x%llx\n",
		vmapi_exit_name(exit->reason), (unsigned)exit->native,
		(unsigned long long)exit->u.hypercall.number,
		(unsigned long long)exit->u.mmio.gpa);
	return false;
}

static bool answer_nine(uint32_t way)
{
	uint64_t words[WORDS];
	struct vmapi_exit exit;
	unsigned i;

	if (!next_call(&exit, 9))
		return false;
	CHECK(exit.u.hypercall.way == way);
	CHECK(exit.u.hypercall.privilege == 0);
	for (i = 0; i < 9; i++)
		CHECK(exit.u.hypercall.args[i] == 0x500000000u + i);
	for (i = 0; i < WORDS; i++)
		words[i] = RESULT + i;
	return OK(vmapi_vcpu_complete(vcpu, words, sizeof(words)));
}

static void all_ways(void)
{
	struct vmapi_exit exit;
	uint32_t way;
	unsigned n = 0;

	for (way = 1; way <= VMAPI_CALL_PAGE; way *= 2)
		if (ways & way && ++n && !answer_nine(way))
			return;
	CHECK(ways & VMAPI_CALL_PAGE);
	if (!next_call(&exit, 10))
		return;
	printf("%s: ways 0x%x, %llu calls, %llu wrong\n", machine->name, ways,
		(unsigned long long)exit.u.hypercall.args[0],
		(unsigned long long)exit.u.hypercall.args[1]);
	CHECK(exit.u.hypercall.args[0] == n && exit.u.hypercall.args[1] == 0);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (vmapi_open("kvm", 0, &ctx)) {
		printf("%s\n", vmapi_error_last()->message);
		return 77;
	}
	if (!make())
		return EXIT_FAILURE;
	start();
	all_ways();
	vmapi_vcpu_destroy(vcpu);
	vmapi_as_destroy(as);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	return check_result("kvm/calls");
}
