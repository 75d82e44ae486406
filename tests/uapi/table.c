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

#include "lib/arch/debug.h"
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

/* What points are encoded to. */
static void points(void)
{
	static const struct vmapi_debug_point p[] = {
		{ .address = 0x1000, .kind = VMAPI_POINT_EXEC },
		{ .address = 0x2000, .kind = VMAPI_POINT_WRITE, .bytes = 4 },
		{ .address = 0x3000, .kind = VMAPI_POINT_WRITE, .bytes = 8 },
	};
	static const struct vmapi_debug want = { .points = p, .n_points = 3 };
	static const uint64_t absolute[] = { 0, VMI_S390_NOWHERE, 0x7000 };
	struct vmapi_exit_debug stop = { .address = 0x1000,
		.data_address = 0x3000 };
	struct vmi_s390_point out[VMI_S390_POINTS];

	check(vmi_s390_debug_encode(&want, absolute, out) == 2, "s390",
		"the number of points");
	check(out[0].address == 0x1000 && out[0].type == 1 && !out[0].physical,
		"s390", "a point of execution");
	check(out[1].address == 0x3000 && out[1].physical == 0x7000 &&
			out[1].bytes == 8 && out[1].type == 2,
		"s390", "a point of writes");
	vmi_s390_debug_stop(&want, 2, &stop);
	check(stop.why == VMAPI_STOP_POINT && stop.points == 5, "s390",
		"a stop at two points");
	stop.address = 0x1004;
	vmi_s390_debug_stop(&want, 2, &stop);
	check(stop.why == VMAPI_STOP_POINT && stop.points == 4, "s390",
		"a stop behind a write");
	vmi_s390_debug_stop(&want, 1, &stop);
	check(stop.why == VMAPI_STOP_GUEST && !stop.points, "s390",
		"a stop for nothing that is wanted");
	stop.data_address = 0x1000;
	vmi_s390_debug_stop(&want, 1, &stop);
	check(stop.why == VMAPI_STOP_POINT && stop.points == 1, "s390",
		"a stop behind a point of execution");
}

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

#define FIELD(member)                                                          \
	offsetof(struct vmi_s390_point, member),                               \
		sizeof(((struct vmi_s390_point *)0)->member)

/* struct kvm_hw_breakpoint, and the types of it and of a stop. */
static void line_point(const struct table *t, const char *line)
{
	static const struct {
		const char *name;
		size_t value, bytes;
	} points[] = {
		{ "address", FIELD(address) },
		{ "physical", FIELD(physical) },
		{ "bytes", FIELD(bytes) },
		{ "type", FIELD(type) },
		{ "is", sizeof(struct vmi_s390_point), 0 },
		{ "breakpoint", VMI_S390_TYPE_BREAKPOINT, 0 },
		{ "write", VMI_S390_TYPE_WRITE, 0 },
		{ "step", VMI_S390_TYPE_STEP, 0 },
	};
	unsigned long value = 0, bytes = 0;
	bool found = false;
	char name[32];
	size_t i;

	check(sscanf(line, "point %31s %lu %lu", name, &value, &bytes) >= 2,
		t->name, line);
	for (i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		if (!strcmp(points[i].name, name))
			found = points[i].value == value &&
				points[i].bytes == bytes;
	check(found, t->name, line);
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
		if (!strncmp(line, "point", 5)) {
			line_point(t, line);
			continue;
		}
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
	points();
	printf("uapi/table: %u checks, %u failed\n", checks, failures);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
