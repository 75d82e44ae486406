/* SPDX-License-Identifier: MIT */
/* Numbers in guest byte order, whatever the host's: little-endian bytes. */
#ifndef BOOT_BYTES_H
#define BOOT_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* The first `width` bytes (1 to 8) at p as a number. */
static inline uint64_t get_le(const void *p, unsigned width)
{
	const uint8_t *byte = p;
	uint64_t value = 0;

	while (width-- > 0)
		value = value << 8 | byte[width];
	return value;
}

static inline void put_le(void *p, unsigned width, uint64_t value)
{
	uint8_t *byte = p;
	unsigned i;

	for (i = 0; i < width; i++)
		byte[i] = (uint8_t)(value >> (8 * i));
}

static inline uint16_t get16(const void *p)
{
	return (uint16_t)get_le(p, 2);
}

static inline uint32_t get32(const void *p)
{
	return (uint32_t)get_le(p, 4);
}

static inline uint64_t get64(const void *p)
{
	return get_le(p, 8);
}

static inline void put16(void *p, uint64_t value)
{
	put_le(p, 2, value);
}

static inline void put32(void *p, uint64_t value)
{
	put_le(p, 4, value);
}

static inline void put64(void *p, uint64_t value)
{
	put_le(p, 8, value);
}

/* Big-endian, as fw_cfg speaks in its headers. */
static inline uint64_t get_be(const void *p, unsigned width)
{
	const uint8_t *byte = p;
	uint64_t value = 0;
	unsigned i;

	for (i = 0; i < width; i++)
		value = value << 8 | byte[i];
	return value;
}

static inline void put_be(void *p, unsigned width, uint64_t value)
{
	uint8_t *byte = p;

	while (width-- > 0) {
		byte[width] = (uint8_t)value;
		value >>= 8;
	}
}

/* `value` up to the next multiple of `align`, a power of two. */
static inline uint64_t align_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

#endif
