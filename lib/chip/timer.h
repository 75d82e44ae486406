/* SPDX-License-Identifier: MIT */
/* A counter of any rate and width with an alarm: no chip in particular. */
#ifndef VMI_CHIP_TIMER_H
#define VMI_CHIP_TIMER_H

#include "lib/chip/alarm.h"
#include "lib/chip/counter.h"

struct vmi_timer_state {
	uint32_t size;
	uint32_t width; /* bits that are seen; the counter has 64 */
	struct vmi_counter counter;
	uint64_t done; /* the alarm has been tried up to this count */
	uint64_t at;   /* the count of the next alarm */
	uint64_t period;
	uint32_t armed;
	uint32_t pad;
};

/* Counts: `ticks` in `seconds`, one of `divider` is seen. */
struct vmi_timer_rate {
	uint64_t ticks;
	uint64_t seconds;
	uint64_t divider;
};

struct vmi_timer {
	struct vmi_timer_state s;
	struct vmi_alarm alarm; /* its pulse is the owner's to set */
};

/* -EINVAL: a zero; -ERANGE: faster than 10^10 a second, or too odd. */
int vmi_timer_set_rate(struct vmi_timer *t, const struct vmi_timer_rate *rate,
	uint64_t now);
/* Stopped, at 0, one tick a second. */
void vmi_timer_init(
	struct vmi_timer *t, unsigned width, enum vmi_alarm_policy policy);

uint64_t vmi_timer_read(const struct vmi_timer *t, uint64_t now);
void vmi_timer_write(struct vmi_timer *t, uint64_t value, uint64_t now);
void vmi_timer_run(struct vmi_timer *t, bool on, uint64_t now);

/* When it takes this value next, and then each `period` counts; 0: once. */
void vmi_timer_alarm(
	struct vmi_timer *t, uint64_t value, uint64_t period, uint64_t now);
void vmi_timer_alarm_off(struct vmi_timer *t);

void vmi_timer_update(struct vmi_timer *t, uint64_t now);
uint64_t vmi_timer_deadline(const struct vmi_timer *t, uint64_t now);
int vmi_timer_set_state(
	struct vmi_timer *t, const struct vmi_timer_state *state);

#endif
