/* SPDX-License-Identifier: MIT */
/*
 * What a running VM does, as a table.
 *
 * A vcpu's statistics can be read by any thread while it runs, and cost the
 * vcpu nothing.  Which ones there are is the backend's affair: on KVM they are
 * the kernel's own.  So a program takes them by name and asks each what it
 * means.  Two samples show the rate; a histogram's values are added up here.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <vmapi/vmapi.h>

static const unsigned char code[] = {
	0xe6, 0x80, 0xeb, 0xfc, /* again: out 0x80, al; jmp again */
};

static const char *const units[] = {
	[VMAPI_STAT_BYTES] = "bytes",
	[VMAPI_STAT_SECONDS] = "s",
	[VMAPI_STAT_CYCLES] = "cycles",
};

static void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", vmapi_error_last()->operation,
		vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

static struct vmapi_vcpu *make_vcpu(struct vmapi_vm *vm)
{
	struct vmapi_x86_segment cs = { .limit = 0xffff, .attributes = 0x9b };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_RIP, .value = 0x1000 },
	};
	struct vmapi_vcpu *vcpu;

	must(vmapi_vcpu_create(vm, NULL, &vcpu));
	must(vmapi_regs_set(vcpu, regs, 2, NULL, 0));
	return vcpu;
}

static void *run(void *vcpu)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	while (exit.reason != VMAPI_EXIT_KICK)
		must(vmapi_vcpu_run(vcpu, &exit));
	return NULL;
}

static uint64_t sum(const uint64_t *values, const struct vmapi_stat *stat)
{
	uint64_t all = 0;
	uint32_t i;

	for (i = 0; i < stat->n_values; i++)
		all += values[stat->first + i];
	return all;
}

static const char *unit_name(const struct vmapi_stat *stat)
{
	bool known = stat->unit < sizeof(units) / sizeof(units[0]);

	return known && units[stat->unit] ? units[stat->unit] : "";
}

/* The statistics that are not zero, and how much each grew. */
static void print(struct vmapi_stats *stats, const uint64_t *before,
	const uint64_t *after)
{
	struct vmapi_stat stat = { .size = sizeof(stat) };
	size_t n, i;

	printf("%-34s %16s %16s\n", "", "now", "in 100 ms");
	must(vmapi_stats_count(stats, &n, NULL));
	for (i = 0; i < n; i++) {
		must(vmapi_stats_info(stats, i, &stat));
		if (!sum(after, &stat))
			continue;
		printf("%-34s %16" PRIu64 " %16" PRIu64 " x %" PRIu32
		       "^%" PRId32 " %s\n", stat.name, sum(after, &stat),
			sum(after, &stat) - sum(before, &stat), stat.base,
			stat.exponent, unit_name(&stat));
	}
}

static void watch(struct vmapi_stats *stats)
{
	const struct timespec while_ = { .tv_nsec = 100000000 };
	uint64_t *before, *after;
	size_t n;

	must(vmapi_stats_count(stats, NULL, &n));
	before = calloc(n, sizeof(*before));
	after = calloc(n, sizeof(*after));
	if (!before || !after)
		exit(EXIT_FAILURE);
	must(vmapi_stats_read(stats, before, n));
	nanosleep(&while_, NULL);
	must(vmapi_stats_read(stats, after, n));
	print(stats, before, after);
	free(before);
	free(after);
}

int main(void)
{
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = 0x2000 };
	struct vmapi_map_entry entry = { .size = sizeof(entry), .bytes = 0x2000 };
	struct vmapi_stats *stats;
	struct vmapi_vcpu *vcpu;
	struct vmapi_map *map;
	struct vmapi_as *as;
	struct vmapi_vm *vm;
	struct vmapi *ctx;
	pthread_t thread;

	must(vmapi_open(NULL, 0, &ctx));
	must(vmapi_vm_create(ctx, NULL, &vm));
	must(vmapi_ram_create(ctx, &c, &entry.ram));
	must(vmapi_vm_as(vm, &as));
	must(vmapi_map_begin(vm, &map));
	must(vmapi_map_add(map, as, &entry));
	must(vmapi_map_commit(map));
	must(vmapi_as_write(as, 0x1000, code, sizeof(code)));
	vcpu = make_vcpu(vm);
	must(vmapi_vcpu_stats(vcpu, &stats));
	pthread_create(&thread, NULL, run, vcpu);
	watch(stats);
	must(vmapi_vcpu_kick(vcpu));
	pthread_join(thread, NULL);
	vmapi_stats_close(stats);
	vmapi_vcpu_destroy(vcpu);
	vmapi_ram_destroy(entry.ram);
	vmapi_as_destroy(as);
	vmapi_vm_destroy(vm);
	vmapi_close(ctx);
	return EXIT_SUCCESS;
}
