/* SPDX-License-Identifier: MIT */
/* A counter that is computed, never incremented: exact after any time. */
#ifndef VMI_CHIP_COUNTER_H
#define VMI_CHIP_COUNTER_H

#include "lib/chip/chip.h"

/* floor(a * b / c) and its rounding up; UINT64_MAX where it does not fit. */
uint64_t vmi_muldiv(uint64_t a, uint64_t b, uint64_t c);
uint64_t vmi_muldiv_up(uint64_t a, uint64_t b, uint64_t c);

/*
 * count = base + floor((now - base_time) * num / den), modulo 2^width.
 *
 * num / den is in counts per nanosecond. While stopped the count is `base`.
 * A read changes nothing, so there is no rounding to accumulate.
 */
struct vmi_counter {
	uint64_t base;
	uint64_t base_time;
	uint64_t num;
	uint64_t den;
	uint32_t width;
	uint32_t running;
};

/* A stopped counter at 0, of `width` (1 to 64) bits; num and den nonzero. */
void vmi_counter_init(
	struct vmi_counter *c, uint64_t num, uint64_t den, unsigned width);
uint64_t vmi_counter_mask(const struct vmi_counter *c);
uint64_t vmi_counter_read(const struct vmi_counter *c, uint64_t now);

/* Set the count, running or not; the phase starts anew at `now`. */
void vmi_counter_set(struct vmi_counter *c, uint64_t value, uint64_t now);
void vmi_counter_start(struct vmi_counter *c, uint64_t now);
void vmi_counter_stop(struct vmi_counter *c, uint64_t now);

/* Change the rate; the count at `now` stays. */
void vmi_counter_rate(
	struct vmi_counter *c, uint64_t num, uint64_t den, uint64_t now);

/*
 * The first time, after the count's present one, at which it is `value`:
 * a value just reached comes back after a wrap. VMI_NEVER when stopped.
 */
uint64_t vmi_counter_when(
	const struct vmi_counter *c, uint64_t value, uint64_t now);

/* The same, `ticks` from the present count; 0 means the present tick's. */
uint64_t vmi_counter_after(
	const struct vmi_counter *c, uint64_t ticks, uint64_t now);

/* A saved counter is one of this width and rate, and within its width. */
bool vmi_counter_valid(
	const struct vmi_counter *c, const struct vmi_counter *like);

#endif
