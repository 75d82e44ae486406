/* SPDX-License-Identifier: MIT */
/* Guest RAM as the loaders see it: where it is, who took which part. */
#ifndef BOOT_MEMORY_H
#define BOOT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KIB	1024ull
#define MIB	(1024 * KIB)
#define GIB	(1024 * MIB)

/*
 * RAM is one object of the library.  Its first bytes are at guest-physical
 * 0 and up; what does not fit below the hole continues at 4 GiB.  The hole
 * is where PCs have their devices.  The legacy video window is a hole too:
 * the bytes of the object behind it are not mapped.
 */
#define RAM_LOW_MAX   (3 * GIB)
#define RAM_HIGH_BASE (4 * GIB)
#define VIDEO_BASE    0xa0000ull
#define VIDEO_END     0xc0000ull
#define EBDA_BASE     0x9fc00ull /* 1 KiB, as a PC BIOS leaves it */
#define SHADOW_BASE   0xc0000ull /* option ROMs and the BIOS, up to 1 MiB */

#define RANGES_MAX 64

/* What the guest is told about a piece of its memory; e820's numbers. */
enum range_type {
	RANGE_RAM = 1,
	RANGE_RESERVED = 2
};

struct range {
	uint64_t first;
	uint64_t size;
	enum range_type type;
};

struct taken {
	uint64_t first;
	uint64_t size;
	char what[32];
};

struct memory {
	uint8_t *base;	/* the RAM object in this process */
	uint64_t size;	/* all of it */
	uint64_t low;	/* of which from guest-physical 0 */
	struct taken taken[RANGES_MAX];
	unsigned n_taken;
};

void memory_init(struct memory *memory, void *base, uint64_t size);

/*
 * The bytes at [gpa, gpa + size), or NULL if that is not all RAM.  The
 * legacy hole between 640 KiB and 1 MiB counts as RAM only from 0xc0000 on.
 */
uint8_t *memory_at(struct memory *memory, uint64_t gpa, uint64_t size);

/*
 * Take a range for `what`, so that nothing else is put there, and give its
 * bytes.  NULL: `error` says what is in the way.
 */
uint8_t *memory_take(struct memory *memory, uint64_t gpa, uint64_t size,
	const char *what, char *error, size_t room);

/*
 * Find a free range of `size` bytes in [from, to), aligned to `align`, the
 * highest or the lowest.  False: there is none.
 */
struct search {
	uint64_t size;
	uint64_t align;
	uint64_t from;
	uint64_t to;
	bool highest;
};
bool memory_find(const struct memory *memory, const struct search *search,
	uint64_t *gpa);

/* The map a guest is told: at most RANGES_MAX entries; how many. */
unsigned memory_ranges(const struct memory *memory, struct range *ranges);

#endif
