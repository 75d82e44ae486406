/* SPDX-License-Identifier: MIT */
/* Guest RAM as the loaders see it: bounds, who took what, free places. */
#include "memory.h"
#include "bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void memory_init(struct memory *memory, void *base, uint64_t size)
{
	memset(memory, 0, sizeof(*memory));
	memory->base = base;
	memory->size = size;
	memory->low = size < RAM_LOW_MAX ? size : RAM_LOW_MAX;
}

/* Is [first, first + size) within [from, to)?  Nothing wraps. */
static bool within(uint64_t first, uint64_t size, uint64_t from, uint64_t to)
{
	return first >= from && first <= to && size <= to - first;
}

uint8_t *memory_at(struct memory *memory, uint64_t gpa, uint64_t size)
{
	uint64_t high = memory->size - memory->low;

	if (within(gpa, size, 0, VIDEO_BASE) ||
		within(gpa, size, VIDEO_END, memory->low))
		return gpa + size <= memory->low ? memory->base + gpa : NULL;
	if (within(gpa, size, RAM_HIGH_BASE, RAM_HIGH_BASE + high))
		return memory->base + memory->low + (gpa - RAM_HIGH_BASE);
	return NULL;
}

static const struct taken *memory_conflict(const struct memory *memory,
	uint64_t gpa, uint64_t size)
{
	unsigned i;

	for (i = 0; i < memory->n_taken; i++) {
		const struct taken *t = &memory->taken[i];

		if (gpa < t->first + t->size && t->first < gpa + size)
			return t;
	}
	return NULL;
}

uint8_t *memory_take(struct memory *memory, uint64_t gpa, uint64_t size,
	const char *what, char *error, size_t room)
{
	uint8_t *bytes = memory_at(memory, gpa, size);
	const struct taken *other;
	struct taken *t;

	if (bytes == NULL) {
		snprintf(error, room,
			"%s at 0x%" PRIx64 ", 0x%" PRIx64
			" bytes: that is not all RAM", what, gpa, size);
		return NULL;
	}
	other = memory_conflict(memory, gpa, size);
	if (other != NULL) {
		snprintf(error, room,
			"%s at 0x%" PRIx64 ", 0x%" PRIx64
			" bytes, overlaps %s at 0x%" PRIx64 ", 0x%" PRIx64
			" bytes", what, gpa, size, other->what, other->first,
			other->size);
		return NULL;
	}
	if (memory->n_taken == RANGES_MAX) {
		snprintf(error, room, "%s: more than %d pieces", what,
			RANGES_MAX);
		return NULL;
	}
	t = &memory->taken[memory->n_taken++];
	t->first = gpa;
	t->size = size;
	snprintf(t->what, sizeof(t->what), "%s", what);
	return bytes;
}

/*
 * One step of the search: the highest place that ends at or below `to`, or
 * the lowest that starts at or above `from`.
 */
static bool step(const struct search *s, uint64_t from, uint64_t to,
	uint64_t *gpa)
{
	if (to < from || to - from < s->size)
		return false;
	*gpa = s->highest ? (to - s->size) & ~(s->align - 1)
			  : align_up(from, s->align);
	return *gpa >= from && *gpa <= to && to - *gpa >= s->size;
}

/*
 * Each conflict moves one end past the range in the way, so that the search
 * ends after as many steps as there are ranges.
 */
bool memory_find(const struct memory *memory, const struct search *search,
	uint64_t *gpa)
{
	uint64_t from = search->from;
	uint64_t to = search->to < memory->low ? search->to : memory->low;
	const struct taken *t;

	while (step(search, from, to, gpa)) {
		t = memory_conflict(memory, *gpa, search->size);
		if (t == NULL)
			return true;
		if (search->highest)
			to = t->first;
		else
			from = t->first + t->size;
	}
	return false;
}

static void add(struct range *ranges, unsigned *n, uint64_t first,
	uint64_t end)
{
	if (end <= first)
		return;
	ranges[*n].first = first;
	ranges[*n].size = end - first;
	ranges[*n].type = RANGE_RAM;
	(*n)++;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

unsigned memory_ranges(const struct memory *memory, struct range *ranges)
{
	unsigned n = 0;

	add(ranges, &n, 0, least(memory->low, EBDA_BASE));
	add(ranges, &n, EBDA_BASE, least(memory->low, VIDEO_BASE));
	ranges[n - 1].type = n > 1 ? RANGE_RESERVED : RANGE_RAM;
	if (memory->low > SHADOW_BASE) {
		add(ranges, &n, 0xe0000, MIB);
		ranges[n - 1].type = RANGE_RESERVED;
	}
	add(ranges, &n, MIB, memory->low);
	add(ranges, &n, RAM_HIGH_BASE,
		RAM_HIGH_BASE + memory->size - memory->low);
	return n;
}
