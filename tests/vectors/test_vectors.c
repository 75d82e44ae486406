/* SPDX-License-Identifier: MIT */
/*
 * Every row of the instruction table on the software processor, in every
 * mode, against somebody who knows.
 *
 * What user mode can execute was recorded on an x86 processor.  The generator
 * makes the same cases everywhere, so only outcomes are recorded: a digest of
 * each block of cases, of every register and flag, defined or not, of memory,
 * and of the fault.  Where the host is an x86-64 that can
 * execute the row, a sample of the blocks is executed on it in every run, and
 * a case that differs is printed in full.
 *
 * Real and virtual-8086 mode are compared with what 16-bit protected mode
 * made of the same case, since with segments of 64 KiB all three agree, but
 * for what is about segments and privilege.  That, and privilege level 0, is
 * judged by a model (vec_model.c).
 *
 * Where each is slow (tests/fewer.h), it executes a few blocks of a table.
 *
 * test_vectors record      write vectors.def anew (on standard output)
 * test_vectors all [name]  every block on both, the rows of a mnemonic only
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fewer.h"
#include "tests/vectors/vec_model.h"

/* One block in so many is executed on the host as well. */
#define SAMPLE 4
/* One in so many is executed at all where each is slow. */
#define FEW 16
#define MODELLED 200 /* cases of a row and a world */
#define SHOWN    5   /* cases printed of a row */

struct recorded {
	uint32_t key;
	uint8_t world;
	const char *digests; /* of the host, four digits each */
};

/* The first is the processor that recorded them. */
#define RECORDER 0xff
static const struct recorded recorded[] = {
#include "tests/vectors/vectors.def"
	{ 0, 0, NULL }
};

static struct {
	unsigned long cases, on_host, modelled, alike;
	unsigned differ, blocks, bad_blocks, unrecorded;
	unsigned rows[VEC_MODES], succeeded[VEC_MODES], faulted[VEC_MODES];
	unsigned unlisted; /* rows */
	unsigned stride; /* between blocks */
} count;

/* Cases of a row. */
struct tally {
	unsigned ok[VEC_MODES], fault[VEC_MODES], shown;
	bool has[VEC_MODES];
};

struct block {
	const struct vec_row *row;
	unsigned world, number;
	bool host, soft;
	uint32_t digest; /* of the host when it is recorded */
};

static struct vec_case now;
static struct vec_out of_host, of_soft, of_other;

static void differ(struct tally *t, const struct vec_out *right,
	const struct vec_out *wrong)
{
	count.differ++;
	if (t->shown++ < SHOWN)
		vec_print(&now, right, wrong);
}

static void tell(struct tally *t, unsigned world, const struct vec_out *out)
{
	enum vec_mode mode = vec_worlds[world].mode;

	t->has[mode] = true;
	if (out->vector == VEC_NO_FAULT)
		t->ok[mode]++;
	else
		t->fault[mode]++;
}

/*
 * Real mode has no page faults, no alignment checks, and no way to deliver
 * an exception on a stack whose end is nearer than its frame; code segments
 * can be written to in both.
 */
static bool is_alike(unsigned world)
{
	uint16_t sp = (uint16_t)now.in.r[VEC_SP];
	bool fault = of_soft.vector != VEC_NO_FAULT;

	if (now.insn.seg == VMI_CS && of_soft.vector == 13)
		return false;
	/* SDM 2B, PUSHA: #GP, where it is #SS with protection. */
	if (!strcmp(now.row->exec, "pusha") && fault && sp < 16)
		return false;
	return world == VEC_V86 || !(of_soft.vector == 14 ||
		of_soft.vector == 17 || (fault && sp < 6 && (sp & 1)));
}

/* What of_soft holds is what 16-bit protected mode does. */
static void check_alike(unsigned world, struct tally *t)
{
	static struct vec_out shall;

	if (!vec_model_alike(now.row, world) || !is_alike(world))
		return;
	vec_soft_run(&now, world, &of_other);
	vec_canonical(&now, &of_other);
	count.alike++;
	shall = of_soft;
	if (world == VEC_R16 && (shall.vector != VEC_NO_FAULT ||
		shall.state.rip > 0xffff)) {
		/* A frame has 16 bits of RFLAGS and RIP. */
		shall.state.rip &= 0xffff;
		of_other.state.rip &= 0xffff;
		shall.state.rflags &= 0xffff;
		of_other.state.rflags &= 0xffff;
	}
	if (world == VEC_V86 && shall.vector == 14) /* no NX: SDM 3A 4.7 */
		shall.code &= 15;
	tell(t, world, &of_other);
	if (vec_equal(&now, &shall, &of_other))
		return;
	if (t->shown < SHOWN)
		printf("in %s:\n", vec_worlds[world].name);
	differ(t, &shall, &of_other);
}

static void run_soft(struct tally *t)
{
	vec_soft_run(&now, now.world, &of_soft);
	if (!vec_undone(&now, &of_soft)) {
		if (t->shown < SHOWN)
			printf("a fault that has left something:\n");
		differ(t, &of_soft, &of_soft);
	}
	vec_canonical(&now, &of_soft);
	count.cases++;
	if (now.world != VEC_W16)
		return;
	check_alike(VEC_R16, t);
	check_alike(VEC_V86, t);
}

/* Another processor than the recorder has other undefined flags. */
static bool host_agrees(void)
{
	static struct vec_out a, b;

	if (vec_host_signature() == recorded[0].key)
		return vec_equal(&now, &of_host, &of_soft);
	a = of_host;
	b = of_soft;
	vec_defined(&now, &a);
	vec_defined(&now, &b);
	return vec_equal(&now, &a, &b);
}

/* Execute a block; false when the generator has no cases of it. */
static bool run_block(struct block *b, struct tally *t)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct vec_random r;
	unsigned i;

	vec_seed(&r, b->row, b->world, b->number);
	for (i = 0; i < VEC_CASES; i++) {
		const struct vec_out *out = b->soft ? &of_soft : &of_host;

		if (!vec_make(&now, b->row, b->world, &r))
			return false;
		if (b->soft)
			run_soft(t);
		if (b->host) {
			vec_host_run(&now, &of_host);
			vec_canonical(&now, &of_host);
			count.on_host++;
		}
		if (b->host && b->soft && !host_agrees())
			differ(t, &of_host, &of_soft);
		tell(t, b->world, out);
		h = vec_digest(&now, out, h);
	}
	b->digest = (uint32_t)(h ^ h >> 32);
	return true;
}

/* Of those that are executed, of which there is one at least. */
static unsigned first_block(const struct vec_row *row, unsigned blocks)
{
	return vec_row_key(row) % (count.stride < blocks ? count.stride :
		blocks);
}

/* -- The model ---------------------------------------------------------- */

static bool check_case(const struct vec_row *row, unsigned world,
	struct vec_random *r, struct tally *t)
{
	const char *broken;

	if (!vec_make(&now, row, world, r))
		return false;
	vec_soft_run(&now, world, &of_soft);
	vec_model_run(&now, &of_soft, &of_other, &broken);
	vec_canonical(&now, &of_soft);
	vec_canonical(&now, &of_other);
	count.modelled++;
	tell(t, world, &of_soft);
	if (!broken && vec_equal(&now, &of_other, &of_soft) &&
		vec_model_equal(&of_soft, &of_other, false))
		return true;
	if (t->shown < SHOWN)
		printf("%s\n", broken ? broken : "the model has it otherwise");
	if (t->shown < SHOWN)
		vec_model_equal(&of_soft, &of_other, true);
	differ(t, &of_other, &of_soft);
	return true;
}

static void check_model(const struct vec_row *row, unsigned world,
	struct tally *t)
{
	unsigned blocks = MODELLED / VEC_CASES, block, i;
	struct vec_random r;

	/* Two worlds ask the same of those. */
	if (vec_model_of(row, world) == vec_m_unit)
		blocks = (blocks + 1) / 2;
	block = first_block(row, blocks);
	for (; block < blocks; block += count.stride) {
		vec_seed(&r, row, world, block);
		for (i = 0; i < VEC_CASES; i++)
			if (!check_case(row, world, &r, t))
				return;
	}
}

static const struct recorded *find(const struct vec_row *row, unsigned world)
{
	uint32_t key = vec_row_key(row);
	const struct recorded *r;

	for (r = recorded; r->digests; r++)
		if (r->key == key && r->world == world)
			return r;
	return NULL;
}

/* -- Recording ---------------------------------------------------------- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqr"
	"stuvwxyz0123456789+/";

/* 24 bits of a block's digest, as four digits. */
static void write_digest(uint32_t digest, char text[5])
{
	unsigned i;

	for (i = 0; i < 4; i++)
		text[i] = digits[digest >> (18 - 6 * i) & 63];
	text[4] = '\0';
}

static void record_row(const struct vec_row *row, unsigned world)
{
	struct block b = { row, world, 0, true, false, 0 };
	struct tally t = { 0 };
	char text[5];

	if (!run_block(&b, &t))
		return;
	printf("{ 0x%08" PRIx32 ", %u, /* %s %s,%s,%s */", vec_row_key(row),
		world, row->name, row->op[0], row->op[1], row->op[2]);
	for (b.number = 0; b.number < vec_worlds[world].blocks; b.number++) {
		run_block(&b, &t);
		write_digest(b.digest, text);
		printf("%s%s%s", b.number % 16 ? "" : "\n\t\"", text,
			b.number % 16 == 15 ||
			b.number + 1 == vec_worlds[world].blocks ? "\"" : "");
	}
	printf(" },\n");
}

static int record(void)
{
	size_t i;
	unsigned w;

	printf("/* SPDX-License-Identifier: MIT */\n");
	printf("/* Written by \"test_vectors record\" on an x86-64. */\n");
	printf("{ 0x%08" PRIx32 ", RECORDER, \"\" },\n", vec_host_signature());
	for (i = 0; i < vec_nrows; i++)
		for (w = 0; w < VEC_RECORDED; w++)
			if (vec_row_has(&vec_rows[i], w) &&
				vec_host_can(&vec_rows[i], w))
				record_row(&vec_rows[i], w);
	return 0;
}

/* -- Checking ----------------------------------------------------------- */

static bool is_recorded(const struct recorded *r, const struct block *b)
{
	char text[5];

	write_digest(b->digest, text);
	return !memcmp(r->digests + 4 * b->number, text, 4);
}

static void check_world(const struct vec_row *row, unsigned world, bool all,
	struct tally *t)
{
	const struct recorded *r = find(row, world);
	bool can = vec_host_can(row, world);
	struct block b = { row, world, 0, false, true, 0 };
	unsigned bad = 0, blocks = vec_worlds[world].blocks;

	b.number = first_block(row, blocks);
	for (; b.number < blocks; b.number += count.stride) {
		b.host = can && (all || (b.number + vec_row_key(row)) %
			SAMPLE == 0);
		if (!run_block(&b, t))
			return;
		count.blocks++;
		if (r && !is_recorded(r, &b))
			bad++;
	}
	if (!r) {
		printf("%s %s,%s,%s %s: not recorded\n", row->name,
			row->op[0], row->op[1], row->op[2],
			vec_worlds[world].name);
		count.unrecorded++;
		return;
	}
	count.bad_blocks += bad;
	if (bad)
		printf("%s %s,%s,%s %s: %u of %u blocks differ from "
			"those recorded\n", row->name, row->op[0], row->op[1],
			row->op[2], vec_worlds[world].name, bad, blocks);
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

static bool any(const unsigned n[VEC_MODES])
{
	unsigned i, sum = 0;

	for (i = 0; i < VEC_MODES; i++)
		sum += n[i];
	return sum;
}

/* A row of which nothing succeeded is to be listed with the reason. */
static void check_faulting(const struct vec_row *row, const struct tally *t)
{
	size_t i;

	for (i = 0; i < NFAULTING; i++) {
		if (!strcmp(faulting[i].exec, row->exec) && any(t->fault)) {
			faulting[i].seen = true;
			return;
		}
	}
	printf("%s %s: %s\n", row->map, row->name, any(t->fault) ?
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
	struct tally t = { .shown = 0 };
	unsigned w, m;

	for (w = 0; w < VEC_WORLDS; w++) {
		if (!vec_row_has(row, w))
			continue;
		if (vec_model_of(row, w))
			check_model(row, w, &t);
		else if (w < VEC_RECORDED)
			check_world(row, w, all, &t);
	}
	if (!any(t.ok) && count.stride == 1)
		check_faulting(row, &t);
	for (m = 0; m < VEC_MODES; m++) {
		count.rows[m] += t.has[m];
		count.succeeded[m] += t.ok[m] != 0;
		count.faulted[m] += t.fault[m] != 0;
	}
	if (t.shown)
		printf("%s %s %s,%s,%s: %u cases differ\n", row->map,
			row->name, row->op[0], row->op[1], row->op[2],
			t.shown);
}

static void summary(void)
{
	static const char *const modes[VEC_MODES] = { "64-bit mode",
		"32-bit mode", "16-bit mode", "real mode",
		"virtual-8086 mode" };
	unsigned m;

	printf("%lu cases against the record, %lu of them on the host as "
		"well; %lu against 16-bit mode; %lu against the model: %u "
		"differ\n", count.cases, count.on_host, count.alike,
		count.modelled, count.differ);
	printf("%u blocks: %u differ from those recorded, %u rows and modes "
		"not recorded\n", count.blocks, count.bad_blocks,
		count.unrecorded);
	for (m = 0; m < VEC_MODES; m++)
		printf("%s: %u rows succeeded, %u faulted, of %u\n", modes[m],
			count.succeeded[m], count.faulted[m], count.rows[m]);
	printf("%zu rows; %zu operations are listed as never succeeding\n",
		vec_nrows, NFAULTING);
}

static int check(bool all, const char *only)
{
	size_t i;

	for (i = 0; i < vec_nrows; i++)
		if (!only || !strcmp(only, vec_rows[i].exec))
			check_row(&vec_rows[i], all);
	if (!only && count.stride == 1)
		check_listed();
	summary();
	return count.differ || count.bad_blocks || count.unrecorded ||
		count.unlisted;
}

int main(int argc, char **argv)
{
	int err;

	count.stride = fewer_cases() ? FEW : 1;
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
