/* SPDX-License-Identifier: MIT */
/* Host loads and stores of guest memory: little-endian, ordered as x86 is. */
#ifndef VMI_HOSTMEM_H
#define VMI_HOSTMEM_H

#include <endian.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/compiler.h"

/*
 * An aligned access is one relaxed atomic; an unaligned one is bytes, which
 * may tear, as x86 lets it (SDM 3A 8.1.1 promises atomicity inside a cache
 * line only to aligned data on every processor since the Pentium).
 */
static vmi_inline uint64_t vmi_host_load(const uint8_t *p, unsigned bytes)
{
	uint16_t w;
	uint32_t d;
	uint64_t q;

	if (bytes == 1) {
		q = vmi_atomic_load(p);
	} else if ((uintptr_t)p & (bytes - 1)) {
		q = 0;
		if (bytes == 2) {
			memcpy(&w, p, 2);
			q = le16toh(w);
		} else if (bytes == 4) {
			memcpy(&d, p, 4);
			q = le32toh(d);
		} else {
			memcpy(&q, p, 8);
			q = le64toh(q);
		}
	} else if (bytes == 2) {
		q = le16toh(vmi_atomic_load(
			(const uint16_t *)(const void *)p));
	} else if (bytes == 4) {
		q = le32toh(vmi_atomic_load(
			(const uint32_t *)(const void *)p));
	} else {
		q = le64toh(vmi_atomic_load(
			(const uint64_t *)(const void *)p));
	}
	atomic_thread_fence(memory_order_acquire);
	return q;
}

static vmi_inline void vmi_host_store(uint8_t *p, uint64_t v, unsigned bytes)
{
	uint16_t w = htole16((uint16_t)v);
	uint32_t d = htole32((uint32_t)v);
	uint64_t q = htole64(v);

	atomic_thread_fence(memory_order_release);
	if (bytes == 1)
		vmi_atomic_store(p, (uint8_t)v);
	else if ((uintptr_t)p & (bytes - 1))
		memcpy(p, bytes == 2 ? (void *)&w :
			bytes == 4 ? (void *)&d : (void *)&q, bytes);
	else if (bytes == 2)
		vmi_atomic_store((uint16_t *)(void *)p, w);
	else if (bytes == 4)
		vmi_atomic_store((uint32_t *)(void *)p, d);
	else
		vmi_atomic_store((uint64_t *)(void *)p, q);
}

/* What a compare-and-swap found, and whether it was as expected. */
struct vmi_seen {
	uint64_t value;
	bool swapped;
};

/* Of aligned memory; sequentially consistent. */
static inline struct vmi_seen vmi_host_cas(uint8_t *p, uint64_t expected,
	uint64_t desired, unsigned bytes)
{
	struct vmi_seen s = { .value = expected };
	uint16_t w = htole16((uint16_t)expected);
	uint32_t d = htole32((uint32_t)expected);
	uint64_t q = htole64(expected);
	uint8_t b = (uint8_t)expected;

	switch (bytes) {
	case 1:
		s.swapped = vmi_atomic_cas(p, &b, (uint8_t)desired);
		s.value = b;
		break;
	case 2:
		s.swapped = vmi_atomic_cas((uint16_t *)(void *)p, &w,
			htole16((uint16_t)desired));
		s.value = le16toh(w);
		break;
	case 4:
		s.swapped = vmi_atomic_cas32((uint32_t *)(void *)p, &d,
			htole32((uint32_t)desired));
		s.value = le32toh(d);
		break;
	default:
		s.swapped = vmi_atomic_cas((uint64_t *)(void *)p, &q,
			htole64(desired));
		s.value = le64toh(q);
		break;
	}
	return s;
}

/* Bytes that others may be writing to, each read once. */
static inline void vmi_host_copy(uint8_t *to, const uint8_t *from, size_t n)
{
	uint64_t q;

	for (; n && ((uintptr_t)from & 7); n--)
		*to++ = vmi_atomic_load(from++);
	for (; n >= 8; n -= 8, to += 8, from += 8) {
		q = vmi_atomic_load((const uint64_t *)(const void *)from);
		memcpy(to, &q, 8);
	}
	while (n--)
		*to++ = vmi_atomic_load(from++);
}

#endif
