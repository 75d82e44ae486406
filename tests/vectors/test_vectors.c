/* SPDX-License-Identifier: MIT */
/*
 * Every row of the instruction table on the software processor, against
 * outcomes recorded on an x86 processor.
 *
 * The generator makes the same cases everywhere, so only outcomes are
 * recorded: a digest of each block of cases, of every register, flag and byte
 * of memory that the manual defines, and of the fault.  Where the host is an
 * x86-64 that can execute the row, a sample of the blocks is executed on it
 * in every run, and a case that differs is printed in full.
 *
 * test_vectors record      write vectors.def anew (on standard output)
 * Where $EMULATOR names what runs the test, it executes an eighth.
 *
 * test_vectors all [name]  every block on both, the rows of a mnemonic only
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/vectors/vec_system.h"

/* One block in so many is executed on the host as well. */
#define SAMPLE 4
/* One in so many is executed at all where an emulator runs the test. */
#define EMULATED 8
#define SHOWN  5 /* cases printed of a row */

struct recorded {
	uint32_t key;
	uint8_t mode;
	uint8_t by; /* 'h' the host, 's' the software processor */
	uint32_t digest[VEC_BLOCKS];
};

static const struct recorded recorded[] = {
#include "tests/vectors/vectors.def"
	{ 0, 0, 0, { 0 } }
};

static const unsigned modes[] = { 64, 32 };

static struct {
	unsigned long cases, on_host, faults;
	unsigned differ, blocks, bad_blocks, unrecorded;
	unsigned succeeded, faulted, unlisted; /* rows */
	unsigned stride; /* between blocks */
} count;

struct tally {
	unsigned ok, fault, shown;
};

struct block {
	const struct vec_row *row;
	unsigned mode, number;
	bool host, soft;
	uint32_t digest; /* of the host if it runs there */
};

static struct vec_case now;
static struct vec_out of_host, of_soft;

static void differ(struct tally *t)
{
	count.differ++;
	if (t->shown++ < SHOWN)
		vec_print(&now, &of_host, &of_soft);
}

/* Execute a block; false when the generator has no cases of it. */
static bool run_block(struct block *b, struct tally *t)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct vec_random r;
	unsigned i;

	vec_seed(&r, b->row, b->mode, b->number);
	if (b->host)
		vec_host_block();
	for (i = 0; i < VEC_CASES; i++) {
		const struct vec_out *out = b->host ? &of_host : &of_soft;

		if (!vec_make(&now, b->row, b->mode, &r))
			return false;
		if (b->soft) {
			vec_soft_run(&now, &of_soft);
			vec_canonical(&now, &of_soft);
			count.cases++;
		}
		if (b->host) {
			vec_host_run(&now, &of_host);
			vec_canonical(&now, &of_host);
			count.on_host++;
		}
		if (b->host && b->soft && !vec_equal(&now, &of_host, &of_soft))
			differ(t);
		if (out->vector == VEC_NO_FAULT)
			t->ok++;
		else
			t->fault++;
		h = vec_digest(&now, out, h);
	}
	b->digest = (uint32_t)(h ^ h >> 32);
	return true;
}

static const struct recorded *find(const struct vec_row *row, unsigned mode)
{
	uint32_t key = vec_row_key(row);
	const struct recorded *r;

	for (r = recorded; r->mode; r++)
		if (r->key == key && r->mode == mode)
			return r;
	return NULL;
}

/* -- Recording ---------------------------------------------------------- */

static void record_row(const struct vec_row *row, unsigned mode)
{
	struct tally t = { 0 };
	bool host = vec_host_can(row, mode);
	struct block b = { row, mode, 0, host, !host, 0 };

	if (!run_block(&b, &t))
		return;
	printf("{ 0x%08" PRIx32 ", %u, '%c', { /* %s %s,%s,%s */\n",
		vec_row_key(row), mode, host ? 'h' : 's', row->name,
		row->op[0], row->op[1], row->op[2]);
	for (b.number = 0; b.number < VEC_BLOCKS; b.number++) {
		run_block(&b, &t);
		printf("%s0x%08" PRIx32 ",%s", b.number % 8 ? "" : "\t",
			b.digest, b.number % 8 == 7 ? "\n" : " ");
	}
	printf("} },\n");
}

static int record(void)
{
	size_t i, m;

	printf("/* SPDX-License-Identifier: MIT */\n");
	printf("/* Written by \"test_vectors record\" on an x86-64. */\n");
	for (i = 0; i < vec_nrows; i++)
		for (m = 0; m < sizeof(modes) / sizeof(modes[0]); m++)
			if (vec_row_has_mode(&vec_rows[i], modes[m]))
				record_row(&vec_rows[i], modes[m]);
	return 0;
}

/* -- Checking ----------------------------------------------------------- */

static void check_mode(const struct vec_row *row, unsigned mode, bool all,
	struct tally *t)
{
	const struct recorded *r = find(row, mode);
	bool can = vec_host_can(row, mode);
	struct block b = { row, mode, 0, false, true, 0 };
	unsigned bad = 0;

	b.number = vec_row_key(row) % count.stride;
	for (; b.number < VEC_BLOCKS; b.number += count.stride) {
		b.host = can && (all || (b.number + vec_row_key(row)) %
			SAMPLE == 0);
		if (!run_block(&b, t))
			return;
		count.blocks++;
		if (r && r->digest[b.number] != b.digest)
			bad++;
	}
	if (!r) {
		count.unrecorded++;
		return;
	}
	count.bad_blocks += bad;
	if (bad)
		printf("%s %s,%s,%s %u-bit: %u of %u blocks differ from "
			"those recorded\n", row->name, row->op[0], row->op[1],
			row->op[2], mode, bad, VEC_BLOCKS);
}

#define FAULTS(exec, reason) { #exec, reason, false },
static struct {
	const char *exec, *reason;
	bool seen;
} faulting[] = {
#include "tests/vectors/faulting.h"
};
#undef FAULTS

#define NFAULTING (sizeof(faulting) / sizeof(faulting[0]))

/* A row of which nothing succeeded is to be listed with the reason. */
static void check_faulting(const struct vec_row *row, const struct tally *t)
{
	size_t i;

	for (i = 0; i < NFAULTING; i++) {
		if (!strcmp(faulting[i].exec, row->exec) && t->fault) {
			faulting[i].seen = true;
			return;
		}
	}
	printf("%s %s: %s\n", row->map, row->name, t->fault ?
		"never succeeds" : "no vector");
	count.unlisted++;
}

/* And what is listed is such a row. */
static void check_listed(void)
{
	size_t i;

	for (i = 0; i < NFAULTING; i++) {
		if (faulting[i].seen)
			continue;
		printf("%s: listed, and succeeds\n", faulting[i].exec);
		count.unlisted++;
	}
}

static void check_row(const struct vec_row *row, bool all)
{
	struct tally t = { 0 };
	size_t m;

	for (m = 0; m < sizeof(modes) / sizeof(modes[0]); m++)
		if (vec_row_has_mode(row, modes[m]))
			check_mode(row, modes[m], all, &t);
	if (!t.ok && count.stride == 1)
		check_faulting(row, &t);
	count.succeeded += t.ok != 0;
	count.faulted += t.fault != 0;
	if (t.shown)
		printf("%s %s %s,%s,%s: %u cases differ\n", row->map,
			row->name, row->op[0], row->op[1], row->op[2],
			t.shown);
}

static int check(bool all, const char *only)
{
	unsigned rows = 0;
	size_t i;

	for (i = 0; i < vec_nrows; i++)
		if (!only || !strcmp(only, vec_rows[i].exec))
			check_row(&vec_rows[i], all);
	if (!only) {
		if (count.stride == 1)
			check_listed();
		/* Last, as it leaves model-specific registers changed. */
		count.differ += vec_system_check(&rows);
	}
	printf("%lu cases, %lu of them on the host as well: %u differ\n",
		count.cases, count.on_host, count.differ);
	printf("%u blocks: %u differ from those recorded, %u rows and modes "
		"not recorded\n", count.blocks, count.bad_blocks,
		count.unrecorded);
	printf("rows: %u succeeded, %u faulted, of %zu; %zu operations are "
		"listed as faulting in user mode, %u rows succeeded at "
		"privilege level 0\n", count.succeeded, count.faulted,
		vec_nrows, NFAULTING, rows);
	return count.differ || count.bad_blocks || count.unrecorded ||
		count.unlisted;
}

int main(int argc, char **argv)
{
	const char *emulator = getenv("EMULATOR");
	int err;

	count.stride = emulator && *emulator ? EMULATED : 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (vec_soft_open())
		return EXIT_FAILURE;
	vec_host_open();
	if (argc > 1 && !strcmp(argv[1], "record"))
		err = record();
	else
		err = check(argc > 1, argc > 2 ? argv[2] : NULL);
	vec_soft_close();
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
