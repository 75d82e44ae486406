/* SPDX-License-Identifier: MIT */
/*
 * Far transfers, gates, interrupts, task switches and virtual-8086 mode on
 * the software processor, against a model that was written from the manual's
 * words alone (model*.c).
 *
 * A row (row.def) is a kind of transfer in a mode.  Its cases are a whole
 * machine with its memory, in which the transfer would succeed, and in most
 * of them something is made wrong.  An instruction and the exceptions that it
 * leads to are executed, and all registers with their hidden parts and all
 * memory compared.  Of each check that the manual names (check.def) there has
 * to be a case.
 *
 * Where each case is slow (tests/fewer.h), it executes fewer.
 *
 * test_transfers [cases of a row [a row's number]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fewer.h"
#include "tests/transfers/transfers.h"

#define TIMES  8 /* at most */
#define CASES	 250 /* of a row */
#define FEW 25
#define SHOWN	 3   /* cases printed of a row */

#define ROW(mode, insn, kind, to, bits, name) \
	{ M_##mode, I_##insn, K_##kind, TO_##to, bits, name },
const struct row rows[] = {
#include "tests/transfers/row.def"
};
#undef ROW
const size_t nrows = sizeof(rows) / sizeof(rows[0]);

static const char *const modes[] = { "real mode", "virtual-8086 mode",
	"16-bit mode", "32-bit mode", "compatibility mode", "64-bit mode" };
#define MODES (sizeof(modes) / sizeof(modes[0]))

#define CHECK(name, words) words,
static const char *const checks[CHECKS] = {
#include "tests/transfers/check.def"
};
#undef CHECK

static const char *const names[] = { "es", "cs", "ss", "ds", "fs", "gs",
	"ldtr", "tr", "gdtr", "idtr" };

static struct machine in, want, got;
static unsigned hits[CHECKS];
static struct {
	unsigned long cases, open;
	unsigned differ, rows[MODES], succeeded[MODES], faulted[MODES];
} count;

/* -- What is compared ----------------------------------------------------- */

static bool show;
static bool same;

static void equal(const char *what, uint64_t a, uint64_t b)
{
	if (a == b)
		return;
	same = false;
	if (show)
		printf("  %s: %" PRIx64 ", and is %" PRIx64 "\n", what, a, b);
}

static void equal_segment(unsigned i)
{
	const struct segment *a = &want.now.s[i], *b = &got.now.s[i];
	bool none = a->attributes & D_NULL;

	if (i < R_GDTR) {
		equal(names[i], a->selector, b->selector);
		equal("  null", none, !!(b->attributes & D_NULL));
		if (none || (b->attributes & D_NULL))
			return;
		equal("  attributes", a->attributes & ~0xf00u, b->attributes &
			~0xf00u);
	}
	if (a->base != b->base || a->limit != b->limit) {
		equal(names[i], 0, 1);
		equal("  base", a->base, b->base);
		equal("  limit", a->limit, b->limit);
	}
}

static void equal_memory(void)
{
	unsigned i, n = 0;

	if (!memcmp(want.mem, got.mem, RAM))
		return;
	same = false;
	for (i = 0; i < RAM && show && n < 16; i++) {
		if (want.mem[i] == got.mem[i])
			continue;
		printf("  memory %05x: %02x, and is %02x (was %02x)\n", i,
			want.mem[i], got.mem[i], in.mem[i]);
		n++;
	}
}

static bool compare(void)
{
	const struct registers *a = &want.now, *b = &got.now;
	char name[4];
	unsigned i;

	same = true;
	equal("shutdown", a->shutdown, b->shutdown);
	if (a->shutdown)
		return same;
	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "r%u", i);
		equal(name, a->r[i], b->r[i]);
	}
	equal("rip", a->rip, b->rip);
	equal("rflags", a->rflags, b->rflags);
	for (i = 0; i < R_SEGMENTS; i++)
		equal_segment(i);
	equal("cr0", a->cr0, b->cr0);
	equal("cr2", a->cr2, b->cr2);
	equal("cr3", a->cr3, b->cr3);
	equal("cr4", a->cr4, b->cr4);
	equal("efer", a->efer, b->efer);
	equal("dr6", a->dr6, b->dr6);
	equal("dr7", a->dr7, b->dr7);
	equal_memory();
	return same;
}

/* -- What is printed ------------------------------------------------------ */

static void print_registers(const char *what, const struct registers *s)
{
	unsigned i;

	printf(" %s: rip %" PRIx64 " rsp %" PRIx64 " rflags %" PRIx64
		" cr0 %" PRIx64 " cr3 %" PRIx64 " cr4 %" PRIx64 "\n", what,
		s->rip, s->r[R_SP], s->rflags, s->cr0, s->cr3, s->cr4);
	for (i = 0; i < R_SEGMENTS; i++)
		printf("  %s %04x %" PRIx64 " %" PRIx32 " %05" PRIx32 "%s",
			names[i], s->s[i].selector, s->s[i].base,
			s->s[i].limit, s->s[i].attributes, i % 3 == 2 ||
			i == R_SEGMENTS - 1 ? "\n" : "");
}

static void print_case(const struct row *row, unsigned number)
{
	unsigned i;

	printf("%s: %s, row %zu, case %u: size %u imm %u event %u/%u\n",
		modes[row->mode], row->name, (size_t)(row - rows), number,
		in.insn.size, in.insn.imm, in.event.kind, in.event.vector);
	print_registers("before", &in.now);
	print_registers("model", &want.now);
	for (i = 0; i < CHECKS; i++)
		if (want.hits[i])
			printf("  model: %s\n", checks[i]);
	show = true;
	compare();
	show = false;
}

/* An exception is what these rows are for. */
static unsigned faults_of(const struct row *row)
{
	return row->insn == I_UD2 || (row->insn == I_INTO &&
		row->mode == M_64);
}

/* -- A row ---------------------------------------------------------------- */

struct tally {
	unsigned ok, fault, differ;
};

static void judge(const struct row *row, unsigned number, struct tally *t)
{
	unsigned i;

	got = in;
	if (!soft_run(&got) || !compare()) {
		count.differ++;
		if (t->differ++ < SHOWN)
			print_case(row, number);
	}
	count.cases++;
	for (i = 0; i < CHECKS; i++)
		hits[i] += want.hits[i];
	if (want.faults > faults_of(row))
		t->fault++;
	else
		t->ok++;
}

static void count_row(const struct row *row, const struct tally *t)
{
	count.rows[row->mode]++;
	count.succeeded[row->mode] += t->ok != 0;
	count.faulted[row->mode] += t->fault != 0;
	if (!t->ok || !t->fault)
		printf("%s: %s: never %s\n", modes[row->mode], row->name,
			t->ok ? "faults" : "succeeds");
}

/* Other cases each time; it counts the first. */
static void run_row(const struct row *row, unsigned cases, unsigned time)
{
	struct tally t = { 0, 0, 0 };
	struct random r = { UINT64_C(0x9e3779b97f4a7c15) *
		(uint64_t)(row - rows + 1 + (ptrdiff_t)(time * nrows)) };
	unsigned i;

	for (i = 0; i < cases; i++) {
		make(&in, row, &r);
		want = in;
		memset(want.hits, 0, sizeof(want.hits));
		model_run(&want);
		if (want.open)
			count.open++;
		else
			judge(row, i, &t);
	}
	if (t.differ)
		printf("%s: %s: %u of %u cases differ\n\n", modes[row->mode],
			row->name, t.differ, t.ok + t.fault);
	if (!time)
		count_row(row, &t);
}

static bool lacks_a_case(void)
{
	unsigned i;

	for (i = 0; i < CHECKS && hits[i];)
		i++;
	return i < CHECKS;
}

/* Of each check a case, or it is printed. */
static unsigned summary(bool all)
{
	unsigned i, missing = 0;

	for (i = 0; i < CHECKS && all; i++) {
		if (hits[i])
			continue;
		missing++;
		printf("no case of: %s\n", checks[i]);
	}
	printf("%lu cases against the model: %u differ; %lu that the manual "
		"leaves open\n", count.cases, count.differ, count.open);
	for (i = 0; i < MODES; i++)
		printf("%s: %u rows succeeded, %u faulted, of %u\n", modes[i],
			count.succeeded[i], count.faulted[i], count.rows[i]);
	printf("%zu rows; %u of %u checks have a case\n", nrows,
		(unsigned)CHECKS - missing, (unsigned)CHECKS);
	return missing;
}

int main(int argc, char **argv)
{
	unsigned cases = fewer_cases() ? FEW : CASES, missing;
	unsigned time = 0;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (soft_open())
		return EXIT_FAILURE;
	if (argc > 1)
		cases = (unsigned)strtoul(argv[1], NULL, 0);
	/* Again where chance, which compilers order otherwise, left one out. */
	do
		for (i = 0; i < nrows; i++)
			if (argc < 3 || i == strtoul(argv[2], NULL, 0))
				run_row(&rows[i], cases, time);
	while (argc < 2 && cases >= CASES && lacks_a_case() && ++time < TIMES);
	missing = summary(argc < 3 && cases >= CASES);
	soft_close();
	return count.differ || missing ? EXIT_FAILURE : EXIT_SUCCESS;
}
