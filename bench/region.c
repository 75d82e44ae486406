/* SPDX-License-Identifier: MIT */
/* What guest accesses cost by who answers them, and by how many there are. */
/*
 *	bench/region [backend...]
 *
 * Who answers (region_kinds.c): one table with all of them beside an exit, on
 * each backend; with targets, which are printed and nobody's failure. Then
 * lookups: 1 to 10,000 regions, the same one all the time or another one each
 * time. Last how long a round over many device channels takes that one process
 * serves by io_uring or poll.
 *
 * Numbers of the latter two are medians of rounds in which all take their turn,
 * so that whatever else the machine does meets them alike.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/region.h"

void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", vmapi_error_last()->operation,
		vmapi_error_last()->message);
	exit(EXIT_FAILURE);
}

void need(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(EXIT_FAILURE);
}

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *of)
{
	qsort(of, ROUNDS, sizeof(*of), compare);
	return of[ROUNDS / 2];
}

/* -- The guest ---------------------------------------------------------- */

/*
 * l: mov ds,ax; mov bl,[0]; add ax,si; cmp ax,di; jb m; sub ax,bp;
 * m: dec ecx; jnz l; out 0x99,al
 */
static const unsigned char code[] = { 0x8e, 0xd8, 0x8a, 0x1e, 0x00, 0x00,
	0x01, 0xf0, 0x39, 0xf8, 0x72, 0x02, 0x29, 0xe8, 0x66, 0x49, 0x75,
	0xee, 0xe6, 0x99 };

void machine_open(struct machine *m, const char *backend,
	const struct vmapi_vm_config *config)
{
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = RAM };
	struct vmapi_map_entry e = { .size = sizeof(e), .bytes = RAM };
	struct vmapi_map *map;

	memset(m, 0, sizeof(*m));
	must(vmapi_open(backend, 0, &m->ctx));
	must(vmapi_vm_create(m->ctx, config, &m->vm));
	must(vmapi_vm_as(m->vm, &m->as));
	must(vmapi_ram_create(m->ctx, &c, &m->ram));
	e.ram = m->ram;
	must(vmapi_map_begin(m->vm, &map));
	must(vmapi_map_add(map, m->as, &e));
	must(vmapi_map_commit(map));
}

void machine_start(struct machine *m)
{
	must(vmapi_vcpu_create(m->vm, NULL, &m->vcpu));
}

void machine_close(struct machine *m)
{
	while (m->n)
		vmapi_region_destroy(m->regions[--m->n]);
	vmapi_vcpu_destroy(m->vcpu);
	vmapi_ram_destroy(m->ram);
	vmapi_as_destroy(m->as);
	vmapi_vm_destroy(m->vm);
	vmapi_close(m->ctx);
}

/* So many reads, of `n` segments from `first` on, `step` apart. */
static void load(struct machine *m, unsigned reads, unsigned first,
	unsigned n, unsigned step)
{
	struct vmapi_x86_segment cs = { .limit = 0xffff, .attributes = 0x9b };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_RIP, .value = CODE },
		{ .tag = VMAPI_X86_RAX, .value = first },
		{ .tag = VMAPI_X86_RSI, .value = step % n },
		{ .tag = VMAPI_X86_RDI, .value = first + n },
		{ .tag = VMAPI_X86_RBP, .value = n },
		{ .tag = VMAPI_X86_RCX, .value = reads },
	};

	must(vmapi_as_write(m->as, CODE, code, sizeof(code)));
	must(vmapi_regs_set(m->vcpu, regs, N_OF(regs), NULL, 0));
}

/* Ones for whatever is asked. */
static void answer_exit(struct machine *m, const struct vmapi_exit *exit)
{
	static const uint64_t ones = UINT64_MAX;
	size_t bytes = exit->reason == VMAPI_EXIT_MMIO ? exit->u.mmio.length :
		exit->reason == VMAPI_EXIT_IO ? exit->u.io.width : 8;

	if (exit->flags & VMAPI_EXIT_ANSWER)
		must(vmapi_vcpu_complete(m->vcpu, &ones, bytes));
}

double run(struct machine *m, unsigned accesses)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	double start = now();

	for (;;) {
		must(vmapi_vcpu_run(m->vcpu, &exit));
		if (exit.reason == VMAPI_EXIT_IO && exit.u.io.port == 0x99)
			break;
		need(exit.reason == VMAPI_EXIT_IO ||
			exit.reason == VMAPI_EXIT_MMIO ||
			exit.reason == VMAPI_EXIT_HYPERCALL,
			vmapi_exit_name(exit.reason));
		answer_exit(m, &exit);
	}
	return (now() - start) / accesses;
}

/* -- Lookup ------------------------------------------------------------- */

static int answer(void *opaque, struct vmapi_access *access)
{
	(void)opaque;
	access->value = 1;
	return VMAPI_REGION_DONE;
}

static void add_regions(struct machine *m, unsigned n)
{
	struct vmapi_region_config c = { .size = sizeof(c), .bytes = 16 };

	for (; m->n < n; m->n++) {
		c.base = RAM + 16 * (uint64_t)m->n;
		must(vmapi_region_handler(m->vm, &c, answer, NULL,
			&m->regions[m->n]));
	}
}

static void lookups(struct machine *m, unsigned reads)
{
	static const unsigned counts[] = { 1, 10, 100, 1000, 10000 };
	double same[ROUNDS], other[ROUNDS], first = 0, a, b;
	unsigned i, k;

	printf("%10s %12s %8s %12s %8s\n", "regions", "the same ns", "ratio",
		"another ns", "ratio");
	for (i = 0; i < N_OF(counts); i++) {
		add_regions(m, counts[i]);
		for (k = 0; k < ROUNDS; k++) {
			load(m, reads, RAM / 16, counts[i], 0);
			same[k] = run(m, reads);
			load(m, reads, RAM / 16, counts[i], 617);
			other[k] = run(m, reads);
		}
		a = median(same);
		b = median(other);
		first = i ? first : a;
		printf("%10u %12.1f %8.3f %12.1f %8.3f\n", counts[i], a,
			a / first, b, b / first);
	}
}

int main(int argc, char **argv)
{
	static char *soft[] = { (char *)"soft" };
	char **backends = argc > 1 ? argv + 1 : soft;
	int n = argc > 1 ? argc - 1 : 1, i;
	static struct machine m;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < n; i++)
		kinds(backends[i]);
	for (i = 0; i < n; i++) {
		printf("\n%s:\n", backends[i]);
		machine_open(&m, backends[i], NULL);
		machine_start(&m);
		lookups(&m, strcmp(backends[i], "soft") ? 5000 : 100000);
		machine_close(&m);
	}
	fleets();
	return 0;
}
