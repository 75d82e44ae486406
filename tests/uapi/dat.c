/* SPDX-License-Identifier: MIT */
/* s390x's translation of addresses, on tables of its own, on any host. */
/*
 * Rows are written from the formats of the Principles of Operation, chapter 3:
 * ASCEs, entries of region, segment and page tables, and prefixing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/arch/s390_dat.h"

#define DAT	0x0400000000000000ull
#define SECOND	0x0000800000000000ull
#define HOME	0x0000c00000000000ull
#define ACCESS	0x0000400000000000ull
#define EDAT	0x0000000000800000ull
#define PREFIX	0x00040000ull
#define NOWHERE UINT64_MAX

/* Memory: what is not here reads as zeros below 1 MiB, and is not above. */
static const struct {
	uint64_t at, value;
} words[] = {
	/* region first table at 0x10000, one quarter: entry 1 */
	{ 0x10008, 0x20000 | 0xc | 3 },
	/* region second at 0x20000: entry 2; third has its last quarter only */
	{ 0x20010, 0x30000 | 0x8 | 3 << 6 | 3 },
	/* region third at 0x30000: entry 0x600, and 0x601 a frame of 2 GiB */
	{ 0x30000 + 8 * 0x600, 0x40000 | 0x4 | 3 },
	{ 0x30000 + 8 * 0x601, 0x180000000 | 0x4 | 0x400 },
	/* segment table at 0x40000: 3 pages, 4 a frame of 1 MiB, 5 invalid */
	{ 0x40000 + 8 * 3, 0x50800 },
	{ 0x40000 + 8 * 4, 0x12300000 | 0x400 },
	{ 0x40000 + 8 * 5, 0x50820 },
	{ 0x40000 + 8 * 6, 0x50800 | 0x4 }, /* of another type */
	{ 0x40000 + 8 * 7, 0x900000 }, /* its page table is nowhere */
	/* page table at 0x50800 */
	{ 0x50800, 0x777000 },
	{ 0x50808, 0x777000 | 0x400 }, /* invalid */
	{ 0x50810, 0x777000 | 0x800 }, /* a bit that is zero */
	{ 0x50818, 0x1000 },	       /* in the prefix area */
	{ 0x50820, 0x777000 | 0x200 }, /* protected: no matter */
};

static bool load(void *of, uint64_t absolute, uint64_t *value)
{
	size_t i;

	(void)of;
	*value = 0x20; /* invalid */
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].at == absolute)
			*value = words[i].value;
	return absolute < 0x100000;
}

/* Indices of the region tables for entries above, and the segment's. */
#define HIGH	    (1ull << 53 | 2ull << 42)
#define THIRD(n)    ((uint64_t)(n) << 31)
#define SEGMENT(n)  ((uint64_t)(n) << 20)
#define DEEP(s)	    (HIGH | THIRD(0x600) | SEGMENT(s))

/* ASCEs: a table's origin, type, and quarters but one. */
#define FIRST  0x1000cull
#define SECOND_TABLE 0x2000bull
#define THIRD_TABLE 0x30007ull
#define SHORT  0x40000ull /* a segment table of one quarter */

static const struct {
	uint64_t psw, asce, cr0, address, absolute;
	const char *name;
} rows[] = {
	{ 0, FIRST, 0, 0x123456, 0x123456, "real" },
	{ 0, FIRST, 0, 0x1008, PREFIX + 0x1008, "real, low" },
	{ 0, FIRST, 0, PREFIX + 0x1ff8, 0x1ff8, "real, where low is" },
	{ 0, FIRST, 0, PREFIX + 0x2000, PREFIX + 0x2000, "real, behind it" },
	{ DAT, FIRST | 0x20, 0, 0x1008, PREFIX + 0x1008, "a real space" },
	{ DAT, FIRST, 0, DEEP(3) | 0x18, 0x777018, "five tables" },
	{ DAT, FIRST, 0, DEEP(3) | 0x4018, 0x777018, "protected" },
	{ DAT, FIRST, 0, DEEP(3) | 0x3018, PREFIX + 0x1018, "low page" },
	{ DAT, FIRST, 0, DEEP(3) | 0x1018, NOWHERE, "invalid page" },
	{ DAT, FIRST, 0, DEEP(3) | 0x2018, NOWHERE, "malformed page" },
	{ DAT, FIRST, 0, DEEP(5), NOWHERE, "invalid segment" },
	{ DAT, FIRST, 0, DEEP(6), NOWHERE, "a table of another type" },
	{ DAT, FIRST, 0, DEEP(7), NOWHERE, "a table that is nowhere" },
	{ DAT, FIRST, EDAT, DEEP(4) | 0x45678, 0x12345678, "1 MiB" },
	{ DAT, FIRST, EDAT, HIGH | THIRD(0x601) | 0x12345678, 0x192345678,
		"2 GiB" },
	{ DAT, FIRST, 0, DEEP(4) | 0x45678, NOWHERE, "no EDAT" },
	{ DAT, FIRST, 0, HIGH | THIRD(1), NOWHERE, "a quarter before" },
	{ DAT, FIRST, 0, 1ull << 62 | DEEP(3), NOWHERE, "a quarter behind" },
	{ DAT, SECOND_TABLE, 0, 2ull << 42 | THIRD(0x600) | SEGMENT(3),
		0x777000, "four tables" },
	{ DAT, SECOND_TABLE, 0, DEEP(3), NOWHERE, "beyond four" },
	{ DAT, THIRD_TABLE, 0, THIRD(0x600) | SEGMENT(3), 0x777000,
		"three tables" },
	{ DAT, THIRD_TABLE, 0, 2ull << 42 | THIRD(0x600) | SEGMENT(3), NOWHERE,
		"beyond three" },
	{ DAT, SHORT, 0, SEGMENT(3) | 8, 0x777008, "two tables" },
	{ DAT, SHORT, 0, SEGMENT(0x203), NOWHERE, "beyond a quarter" },
	{ DAT, SHORT, 0, THIRD(1) | SEGMENT(3), NOWHERE, "beyond two" },
};

/* The space that each mode means has another table than the others. */
static bool spaces(void)
{
	static const struct {
		uint64_t mode;
		unsigned control;
	} modes[] = { { 0, 1 }, { ACCESS, 1 }, { SECOND, 7 }, { HOME, 13 } };
	uint64_t absolute;
	unsigned i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct vmi_s390_dat dat = { .psw_mask = DAT | modes[i].mode,
			.load = load };

		dat.control[modes[i].control] = SHORT;
		if (!vmi_s390_absolute(&dat, SEGMENT(3) | 8, &absolute) ||
			absolute != 0x777008)
			return false;
	}
	return true;
}

int main(void)
{
	unsigned failures = 0;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmi_s390_dat dat = { .psw_mask = rows[i].psw,
			.prefix = PREFIX, .load = load };
		uint64_t absolute = NOWHERE;

		dat.control[0] = rows[i].cr0;
		dat.control[1] = rows[i].asce;
		if (!vmi_s390_absolute(&dat, rows[i].address, &absolute))
			absolute = NOWHERE;
		if (absolute == rows[i].absolute)
			continue;
		failures++;
		printf("%s: 0x%" PRIx64 "\n", rows[i].name, absolute);
	}
	if (!spaces()) {
		failures++;
		puts("the spaces");
	}
	printf("uapi/dat: %u failed\n", failures);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
