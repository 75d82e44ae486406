/* SPDX-License-Identifier: MIT */
/* The register tables against what the kernel's headers say, on any host. */
/*
 * tests/uapi/ARCH.expect was printed by a judge, a program of that
 * architecture which knows the kernel's headers and the assembler but not
 * this library's encoders; judge.sh has it print again where it can.  What
 * riscv64 has got since Linux 6.1 is in riscv_newer.expect, which newer.sh
 * prints from later headers.  s390x's pending interrupts are of no fixed
 * place: nothing judges them.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arch/regs.h"

static unsigned checks, failures;

static void check(bool good, const char *arch, const char *name)
{
	checks++;
	if (good)
		return;
	failures++;
	printf("%s: %s differs\n", arch, name);
}

struct table {
	const char *name;
	const struct vmi_regs_arch *arch;
	const char *newer;
	size_t unjudged;
};

static const struct table tables[] = {
	{ "arm64", &vmi_arm64_regs_arch, NULL, 0 },
	{ "ppc", &vmi_ppc_regs_arch, NULL, 0 },
	{ "riscv", &vmi_riscv_regs_arch, "riscv_newer", 0 },
	{ "s390", &vmi_s390_regs_arch, NULL, 1 },
};

static void line_one(const struct table *t, const char *line)
{
	char name[32], again[32];
	uint64_t id, tag = 0;

	if (sscanf(line, "one %31s %" SCNx64, name, &id) != 2) {
		check(false, t->name, line);
		return;
	}
	check(vmi_one_tag(t->arch, name, &tag) && tag == id, t->name, name);
	check(vmi_one_row(t->arch, id) != NULL, t->name, name);
	vmi_one_name(t->arch, id, again, sizeof(again));
	check(!strcmp(name, again), t->name, name);
	check(vmi_tag_is_one(t->arch, id), t->name, name);
}

static void line_place(const struct table *t, const char *line)
{
	const struct vmi_reg_row *row;
	unsigned long offset, bytes;
	char name[32];

	if (sscanf(line, "reg %31s %lu %lu", name, &offset, &bytes) != 3) {
		check(false, t->name, line);
		return;
	}
	row = vmi_reg_row_named(t->arch, name);
	check(row && row->offset == offset && row->bytes == bytes, t->name,
		name);
}

/* In ascending order, with sizes that the tags say. */
static void in_order(const struct table *t)
{
	const struct vmi_regs_arch *a = t->arch;
	size_t i;

	for (i = 0; i < a->n_rows; i++) {
		check(!i || a->rows[i - 1].tag < a->rows[i].tag, t->name,
			a->rows[i].name);
		check(vmi_tag_bytes(a->rows[i].tag) == a->rows[i].bytes,
			t->name, a->rows[i].name);
	}
	for (i = 0; i < a->n_ones; i++)
		check(!i || a->ones[i - 1].tag < a->ones[i].tag, t->name,
			a->ones[i].name);
}

/* The number of lines. */
static size_t judge_file(const struct table *t, const char *name)
{
	const char *srcdir = getenv("srcdir");
	char line[128];
	size_t n = 0;
	FILE *file;

	snprintf(line, sizeof(line), "%s/tests/uapi/%s.expect",
		srcdir ? srcdir : ".", name);
	file = fopen(line, "r");
	check(file != NULL, t->name, line);
	while (file && fgets(line, sizeof(line), file)) {
		n++;
		if (!strncmp(line, "one", 3))
			line_one(t, line);
		else
			line_place(t, line);
	}
	if (file)
		fclose(file);
	return n;
}

static void judge(const struct table *t)
{
	size_t n = judge_file(t, t->name);

	if (t->newer)
		n += judge_file(t, t->newer);
	/* Nothing else is in the table. */
	check(n + t->unjudged == t->arch->n_rows + t->arch->n_ones, t->name,
		"the number of registers");
	printf("%s: %zu of %zu registers judged\n", t->name, n,
		t->arch->n_rows + t->arch->n_ones);
}

/* Names that are made of ids, and back: what no row has. */
static void made_names(void)
{
	static const struct {
		const struct vmi_regs_arch *arch;
		uint64_t tag;
		const char *name;
	} made[] = {
		{ &vmi_arm64_regs_arch, 0x603000000013ffff, "s3_7_c15_c15_7" },
		{ &vmi_arm64_regs_arch, 0x6020000000110003, "ccsidr3" },
		{ &vmi_riscv_regs_arch, 0x8080400000090006,
			"id_8080400000090006" },
		{ &vmi_riscv_regs_arch, 0x8040000009000006, "v0_128" },
		{ &vmi_riscv_regs_arch, 0x803000000700012c, "isa_12c" },
		{ &vmi_ppc_regs_arch, 0x1030000000000fff,
			"id_1030000000000fff" },
	};
	uint64_t tag;
	char name[32];
	size_t i;

	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		vmi_one_name(made[i].arch, made[i].tag, name, sizeof(name));
		check(!strcmp(name, made[i].name), "made", made[i].name);
		check(vmi_one_tag(made[i].arch, made[i].name, &tag) &&
				tag == made[i].tag,
			"made back", made[i].name);
	}
	check(!vmi_one_tag(&vmi_arm64_regs_arch, "s3_0_c1", &tag), "made",
		"half a name");
	check(!vmi_one_tag(&vmi_riscv_regs_arch, "nonsense_1", &tag), "made",
		"no name");
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		in_order(&tables[i]);
		judge(&tables[i]);
	}
	made_names();
	printf("uapi/table: %u checks, %u failed\n", checks, failures);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
