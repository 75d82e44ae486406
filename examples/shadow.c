/* SPDX-License-Identifier: MIT */
/*
 * A disk controller whose status costs no exit.
 *
 * A driver that waits for an IDE disk reads its status register over and
 * over. Here the controller's eight registers are bytes of memory: all can be
 * read, and a write to the last, the command, is an exit. A thread is the
 * disk; it takes a moment for each command, and says so in the status byte.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <vmapi/vmapi.h>

#define STATUS	7    /* when read; the command when written */
#define BUSY	0x80
#define READY	0x50 /* and the seek is complete */
#define COMMANDS 3

static const unsigned char code[] = {
	0xbb, COMMANDS, 0x00,	/* mov bx, COMMANDS */
	0xba, 0xf7, 0x01,	/* mov dx, 0x1f7 */
	0xb0, 0x20,		/* again: mov al, 0x20: read sectors */
	0xee,			/* out dx, al */
	0x66, 0x41,		/* poll: inc ecx */
	0xec,			/* in al, dx */
	0xa8, 0x80,		/* test al, BUSY */
	0x75, 0xf9,		/* jnz poll */
	0x4b,			/* dec bx */
	0x75, 0xf3,		/* jnz again */
	0xf4,			/* hlt */
};

static void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", vmapi_error_last()->operation,
		vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

static _Atomic(unsigned char) *registers;

static void *disk(void *none)
{
	const struct timespec seek = { .tv_nsec = 2000000 };

	nanosleep(&seek, NULL);
	atomic_store(&registers[STATUS], READY);
	return none;
}

static void command(void)
{
	pthread_t thread;

	atomic_store(&registers[STATUS], BUSY);
	if (pthread_create(&thread, NULL, disk, NULL) ||
		pthread_detach(thread))
		exit(EXIT_FAILURE);
}

static struct vmapi_region *make_registers(
	struct vmapi_vm *vm, struct vmapi_ram *ram)
{
	struct vmapi_region_config c = { .size = sizeof(c),
		.space = VMAPI_SPACE_PORT, .base = 0x1f0, .bytes = 8,
		.name = "ide" };
	static const unsigned char policy[8] = {
		[STATUS] = VMAPI_SHADOW_TRAP_WRITE };
	struct vmapi_shadow s = { .size = sizeof(s), .ram = ram,
		.offset = 0x2000, .policy = policy };
	struct vmapi_region *region;
	void *memory;

	must(vmapi_ram_pointer(ram, &memory));
	registers = (_Atomic(unsigned char) *)memory + s.offset;
	must(vmapi_region_shadow(vm, &c, &s, &region));
	return region;
}

static void start_at(struct vmapi_vcpu *vcpu, uint64_t rip)
{
	struct vmapi_x86_segment cs = { .limit = 0xffff, .attributes = 0x9b };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_RIP, .value = rip },
		{ .tag = VMAPI_X86_RCX },
	};

	must(vmapi_regs_set(vcpu, regs, 3, NULL, 0));
}

static void run(struct vmapi_vcpu *vcpu)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	struct vmapi_reg polls = { .tag = VMAPI_X86_RCX };
	unsigned exits = 0;

	for (;; exits++) {
		must(vmapi_vcpu_run(vcpu, &exit));
		if (exit.reason != VMAPI_EXIT_IO)
			break;
		command();
	}
	must(vmapi_regs_get(vcpu, &polls, 1, NULL, 0));
	printf("%u commands, %u exits for them, status read %" PRIu64
	       " times; then %s\n", COMMANDS, exits, polls.value,
		vmapi_exit_name(exit.reason));
}

int main(void)
{
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = 0x10000 };
	struct vmapi_map_entry entry = { .size = sizeof(entry),
		.bytes = 0x10000 };
	struct vmapi_region *region;
	struct vmapi_vcpu *vcpu;
	struct vmapi_map *map;
	struct vmapi_as *as;
	struct vmapi_vm *vm;
	struct vmapi *ctx;

	must(vmapi_open(NULL, 0, &ctx));
	must(vmapi_vm_create(ctx, NULL, &vm));
	must(vmapi_ram_create(ctx, &c, &entry.ram));
	must(vmapi_vm_as(vm, &as));
	must(vmapi_map_begin(vm, &map));
	must(vmapi_map_add(map, as, &entry));
	must(vmapi_map_commit(map));
	must(vmapi_as_write(as, 0x1000, code, sizeof(code)));
	must(vmapi_vcpu_create(vm, NULL, &vcpu));
	region = make_registers(vm, entry.ram);
	start_at(vcpu, 0x1000);
	run(vcpu);
	vmapi_region_destroy(region);
	vmapi_vcpu_destroy(vcpu);
	vmapi_ram_destroy(entry.ram);
	vmapi_as_destroy(as);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	return 0;
}
