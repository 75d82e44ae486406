/* SPDX-License-Identifier: MIT */
/* Bitmaps that cross an interface, by bytes. */
#include <string.h>

#include "lib/core/bitmap.h"

uint64_t vmi_bitmap_bytes(uint64_t n)
{
	return (n + 63) / 64 * 8;
}

bool vmi_bitmap_test(const uint8_t *bitmap, uint64_t i)
{
	return bitmap[i / 8] >> (i % 8) & 1;
}

void vmi_bitmap_set(uint8_t *bitmap, uint64_t first, uint64_t n)
{
	uint64_t i, end = first + n;

	for (i = first; i < end && i % 8; i++)
		bitmap[i / 8] |= (uint8_t)(1u << (i % 8));
	if (end - i >= 8) {
		memset(bitmap + i / 8, 0xff, (size_t)((end - i) / 8));
		i += (end - i) / 8 * 8;
	}
	for (; i < end; i++)
		bitmap[i / 8] |= (uint8_t)(1u << (i % 8));
}

uint64_t vmi_bitmap_word(const uint8_t *bitmap, uint64_t first)
{
	const uint8_t *b = bitmap + first / 8;
	uint64_t word = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		word |= (uint64_t)b[i] << (8 * i);
	return word;
}

/* The first bit in [first, end) that, after `flip`, is set. */
static uint64_t find(
	const uint8_t *bitmap, uint64_t first, uint64_t end, uint8_t flip)
{
	uint64_t i = first, at;
	uint8_t byte;

	while (i < end) {
		byte = (uint8_t)((bitmap[i / 8] ^ flip) >> (i % 8));
		if (byte) {
			at = i + vmi_lowest_bit(byte);
			return at < end ? at : end;
		}
		i = (i / 8 + 1) * 8;
	}
	return end;
}

uint64_t vmi_bitmap_next(const uint8_t *bitmap, uint64_t first, uint64_t end)
{
	return find(bitmap, first, end, 0);
}

uint64_t vmi_bitmap_gap(const uint8_t *bitmap, uint64_t first, uint64_t end)
{
	return find(bitmap, first, end, 0xff);
}

static void clear(uint8_t *bitmap, uint64_t first, uint64_t end)
{
	uint64_t i;

	for (i = first; i < end && i % 8; i++)
		bitmap[i / 8] &= (uint8_t)~(1u << (i % 8));
	if (end - i >= 8) {
		memset(bitmap + i / 8, 0, (size_t)((end - i) / 8));
		i += (end - i) / 8 * 8;
	}
	for (; i < end; i++)
		bitmap[i / 8] &= (uint8_t)~(1u << (i % 8));
}

uint64_t vmi_bitmap_keep(uint8_t *bitmap, uint64_t n, uint64_t first,
	uint64_t end, uint64_t most)
{
	uint64_t i = first, gap, kept = 0;

	clear(bitmap, 0, first);
	while (kept < most) {
		i = vmi_bitmap_next(bitmap, i, end);
		if (i == end)
			break;
		gap = vmi_bitmap_gap(bitmap, i, end);
		if (gap - i > most - kept)
			gap = i + (most - kept);
		kept += gap - i;
		i = gap;
	}
	clear(bitmap, i < end ? i : end, n);
	return kept;
}
