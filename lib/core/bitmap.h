/* SPDX-License-Identifier: MIT */
/* Bitmaps that cross an interface: bit i is bit i % 8 of byte i / 8. */
#ifndef VMI_CORE_BITMAP_H
#define VMI_CORE_BITMAP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * That is how the kernel's dirty bitmaps lie in memory on every host: its
 * log is written with set_bit_le(), which on a little-endian host is an array
 * of words and on a big-endian one is the same bytes (virt/kvm/kvm_main.c
 * calls it; api.rst 4.8 does not say).  Callers' bitmaps are alike.  All of
 * these are plain arithmetic on bytes, the same on any host.
 */

/* Bytes of a bitmap of n bits, whole 64-bit words, as the kernel copies. */
uint64_t vmi_bitmap_bytes(uint64_t n);

bool vmi_bitmap_test(const uint8_t *bitmap, uint64_t i);
void vmi_bitmap_set(uint8_t *bitmap, uint64_t first, uint64_t n);

/* 64 bits from `first`, a multiple of 64: bit 0 of the word is `first`. */
uint64_t vmi_bitmap_word(const uint8_t *bitmap, uint64_t first);

/* The first set bit in [first, end), or end. */
uint64_t vmi_bitmap_next(const uint8_t *bitmap, uint64_t first, uint64_t end);
/* The first clear one. */
uint64_t vmi_bitmap_gap(const uint8_t *bitmap, uint64_t first, uint64_t end);

/*
 * Clear all bits outside of [first, end), and of those inside all but the
 * first `most`.  The bitmap has `n` bits.  Returns how many are set.
 */
uint64_t vmi_bitmap_keep(uint8_t *bitmap, uint64_t n, uint64_t first,
	uint64_t end, uint64_t most);

/* The lowest set bit; word is not 0. */
static inline unsigned vmi_lowest_bit(uint64_t word)
{
	unsigned n = 0, half;

	for (half = 32; half; half >>= 1)
		if (!(word & (((uint64_t)1 << half) - 1))) {
			word >>= half;
			n += half;
		}
	return n;
}

#endif
