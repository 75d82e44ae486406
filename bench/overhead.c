/* SPDX-License-Identifier: MIT */
/* Times the library beside the system calls that it makes, on this KVM. */
/*
 *	bench/overhead [-n pairs] [operation...]
 *	bench/overhead -c times operation
 *
 * A pair is a batch of one operation by the library and one by raw ioctls on
 * the same vcpu, in turn and in turn first, so that whatever else the machine
 * does meets both alike.  The median of the pairs' ratios is shown with their
 * quartiles.
 *
 * With -c nothing is timed: the operation is done so often against a kernel
 * of our own, for bench/overhead.sh to count instructions of measured() that
 * are not that kernel's.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/overhead.h"
#include "lib/compiler.h"

/* callgrind counts while this runs: it must have its name and its frame. */
static vmi_noinline int measured(
	const struct overhead_op *op, struct overhead_machine *m)
{
	return op->ours(m) != 0;
}

static const struct overhead_op *find(const char *name)
{
	size_t i;

	for (i = 0; i < overhead_n_ops; i++)
		if (!strcmp(overhead_ops[i].name, name))
			return &overhead_ops[i];
	return NULL;
}

/* -- Counting ------------------------------------------------------------ */

static int count(const char *name, unsigned long times)
{
	const struct overhead_op *op = find(name);
	struct overhead_machine m;
	unsigned long i;
	int rc = 0;

	if (!op)
		return 2;
	overhead_kernel_install();
	if (!overhead_open(&m))
		return 1;
	overhead_kernel_rewind();
	rc = op->ours(&m); /* what only the first does is not counted */
	overhead_kernel_count();
	for (i = 0; i < times && !rc; i++) {
		overhead_kernel_rewind();
		rc = measured(op, &m);
	}
	printf("%s: %lu ioctls\n", op->what, overhead_kernel_calls());
	overhead_close(&m);
	return rc != 0;
}

/* -- Timing -------------------------------------------------------------- */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Nanoseconds of one; negative: it failed. */
static double time_batch(const struct overhead_op *op,
	struct overhead_machine *m, int (*call)(struct overhead_machine *))
{
	double start;
	unsigned i;
	int rc = 0;

	if (op->prepare && !op->prepare(m))
		return -1;
	start = now();
	for (i = 0; i < op->batch; i++)
		rc |= call(m);
	return rc ? -1 : (now() - start) / op->batch;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct samples {
	double *ours, *raw, *ratio;
	size_t n;
};

static bool take(const struct overhead_op *op, struct overhead_machine *m,
	struct samples *s)
{
	size_t i, turn;

	for (i = 0; i < s->n; i++) {
		for (turn = 0; turn < 2; turn++)
			if ((i + turn) % 2)
				s->ours[i] = time_batch(op, m, op->ours);
			else
				s->raw[i] = time_batch(op, m, op->raw);
		if (s->ours[i] < 0 || s->raw[i] <= 0)
			return false;
		s->ratio[i] = s->ours[i] / s->raw[i];
	}
	qsort(s->ours, s->n, sizeof(double), compare);
	qsort(s->raw, s->n, sizeof(double), compare);
	qsort(s->ratio, s->n, sizeof(double), compare);
	return true;
}

static void show(const struct overhead_op *op, const struct samples *s)
{
	printf("%-28s %10.2f %10.2f %8.3f %8.3f %8.3f\n", op->what,
		s->ours[s->n / 2] / 1e3, s->raw[s->n / 2] / 1e3,
		s->ratio[s->n / 2], s->ratio[s->n / 4],
		s->ratio[s->n * 3 / 4]);
	fflush(stdout);
}

static bool is_wanted(const struct overhead_op *op, char **names)
{
	if (!op->raw)
		return false;
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(op->name, *names))
			return true;
	return false;
}

static int measure(size_t n, char **names)
{
	struct samples s = { .n = n };
	struct overhead_machine m;
	size_t i;

	s.ours = calloc(n, sizeof(double));
	s.raw = calloc(n, sizeof(double));
	s.ratio = calloc(n, sizeof(double));
	if (!s.ours || !s.raw || !s.ratio || !overhead_open(&m) ||
		!overhead_raw_open(&m))
		return 1;
	printf("%-28s %10s %10s %8s %8s %8s\n", "operation", "ours us",
		"raw us", "ratio", "1/4", "3/4");
	for (i = 0; i < overhead_n_ops; i++) {
		const struct overhead_op *op = &overhead_ops[i];

		if (!is_wanted(op, names))
			continue;
		if (take(op, &m, &s))
			show(op, &s);
		else
			printf("%-28s does not work here\n", op->what);
	}
	overhead_raw_close(&m);
	overhead_close(&m);
	free(s.ours);
	free(s.raw);
	free(s.ratio);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long pairs = 501, times = 0;
	int option;

	while ((option = getopt(argc, argv, "n:c:")) != -1) {
		switch (option) {
		case 'n': pairs = strtoul(optarg, NULL, 10); break;
		case 'c': times = strtoul(optarg, NULL, 10); break;
		default: return 2;
		}
	}
	if (times)
		return optind < argc ? count(argv[optind], times) : 2;
	return pairs ? measure(pairs, argv + optind) : 2;
}
