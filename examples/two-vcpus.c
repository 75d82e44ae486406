/* SPDX-License-Identifier: MIT */
/*
 * Two processors, a thread each, and how to stop them.
 *
 * The library makes no threads: a vcpu runs on whichever thread calls
 * vmapi_vcpu_run() and one call at a time.  Both guests here count in a word
 * of shared memory with a LOCKed add and never stop by themselves, so the
 * main thread kicks them.  A kick is sticky: it ends the current run or, if
 * it comes between two runs, the next one, so none is ever lost and no flag
 * need be polled.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <vmapi/vmapi.h>

#define CPUS 2

static const unsigned char code[] = {
	/* again: lock add dword [0x2000], 1; jmp again */
	0xf0, 0x66, 0x83, 0x06, 0x00, 0x20, 0x01, 0xeb, 0xf7,
};

static void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", vmapi_error_last()->operation,
		vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

/* Each vcpu in real mode at 0x1000, with data at 0. */
static struct vmapi_vcpu *make_vcpu(struct vmapi_vm *vm, uint64_t id)
{
	struct vmapi_vcpu_config c = { .size = sizeof(c), .id = id };
	struct vmapi_x86_segment cs = { .limit = 0xffff, .attributes = 0x9b };
	struct vmapi_x86_segment ds = { .limit = 0xffff, .attributes = 0x93 };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_DS, .data = &ds, .bytes = sizeof(ds) },
		{ .tag = VMAPI_X86_RIP, .value = 0x1000 },
	};
	struct vmapi_vcpu *vcpu;

	must(vmapi_vcpu_create(vm, &c, &vcpu));
	must(vmapi_regs_set(vcpu, regs, 3, NULL, 0));
	return vcpu;
}

static void *run(void *vcpu)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	must(vmapi_vcpu_run(vcpu, &exit));
	printf("a vcpu stopped: %s\n", vmapi_exit_name(exit.reason));
	return NULL;
}

static uint32_t count(struct vmapi_as *as)
{
	unsigned char b[4];

	must(vmapi_as_read(as, 0x2000, b, sizeof(b)));
	return b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
}

int main(void)
{
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = 0x10000 };
	struct vmapi_map_entry entry = { .size = sizeof(entry),
		.bytes = 0x10000 };
	const struct timespec while_ = { .tv_nsec = 100000000 };
	struct vmapi_vcpu *vcpus[CPUS];
	pthread_t threads[CPUS];
	struct vmapi_map *map;
	struct vmapi_as *as;
	struct vmapi_vm *vm;
	struct vmapi *ctx;
	unsigned i;

	must(vmapi_open(NULL, 0, &ctx));
	must(vmapi_vm_create(ctx, NULL, &vm));
	must(vmapi_ram_create(ctx, &c, &entry.ram));
	must(vmapi_vm_as(vm, &as));
	must(vmapi_map_begin(vm, &map));
	must(vmapi_map_add(map, as, &entry));
	must(vmapi_map_commit(map));
	must(vmapi_as_write(as, 0x1000, code, sizeof(code)));

	for (i = 0; i < CPUS; i++) {
		vcpus[i] = make_vcpu(vm, i);
		pthread_create(&threads[i], NULL, run, vcpus[i]);
	}
	nanosleep(&while_, NULL);
	for (i = 0; i < CPUS; i++)
		must(vmapi_vcpu_kick(vcpus[i]));
	for (i = 0; i < CPUS; i++) {
		pthread_join(threads[i], NULL);
		vmapi_vcpu_destroy(vcpus[i]);
	}
	printf("they counted to %" PRIu32 "\n", count(as));
	i = count(as) ? EXIT_SUCCESS : EXIT_FAILURE;
	vmapi_ram_destroy(entry.ram);
	vmapi_as_destroy(as);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	return (int)i;
}
