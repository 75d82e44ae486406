/* SPDX-License-Identifier: MIT */
/*
 * A counter with an alarm. The counter inside has 64 bits whatever is seen
 * of it, so that an alarm more than a wrap away is no special case; like the
 * HPET's comparators, alarms follow from the counts that went by.
 */
#include "lib/chip/timer.h"

#include <errno.h>
#include <string.h>

#define FASTEST UINT64_C(10000000000) /* counts a second: 58 years are 2^64 */

static uint64_t mask_of(const struct vmi_timer *t)
{
	return t->s.width >= 64 ? UINT64_MAX
				: (UINT64_C(1) << t->s.width) - 1;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t r = a % b;

		a = b;
		b = r;
	}
	return a;
}

/* Counts a nanosecond, in lowest terms. */
int vmi_timer_set_rate(struct vmi_timer *t, const struct vmi_timer_rate *rate,
	uint64_t now)
{
	uint64_t num = rate->ticks, den = rate->seconds, common;
	const uint64_t factors[2] = { rate->divider, VMI_NSEC_PER_SEC };
	unsigned i;

	if (!num || !den || !rate->divider)
		return -EINVAL;
	for (i = 0; i < 2; i++) {
		uint64_t f = factors[i];

		common = gcd(num, f);
		num /= common;
		f /= common;
		common = gcd(num, den);
		num /= common;
		den /= common;
		if (f > UINT64_MAX / den)
			return -ERANGE;
		den *= f;
	}
	if (num / den >= FASTEST / VMI_NSEC_PER_SEC &&
		(num % den || num / den > FASTEST / VMI_NSEC_PER_SEC))
		return -ERANGE;
	vmi_timer_update(t, now);
	vmi_counter_rate(&t->s.counter, num, den, now);
	vmi_alarm_forget(&t->alarm);
	return 0;
}

void vmi_timer_init(
	struct vmi_timer *t, unsigned width, enum vmi_alarm_policy policy)
{
	memset(&t->s, 0, sizeof(t->s));
	t->s.size = sizeof(t->s);
	t->s.width = width;
	vmi_counter_init(&t->s.counter, 1, VMI_NSEC_PER_SEC, 64);
	vmi_alarm_init(&t->alarm, policy);
}

uint64_t vmi_timer_read(const struct vmi_timer *t, uint64_t now)
{
	return vmi_counter_read(&t->s.counter, now) & mask_of(t);
}

/* Counts from `count` to the next `value`; 0 means 2^64. */
static uint64_t distance(
	const struct vmi_timer *t, uint64_t count, uint64_t value)
{
	uint64_t d = (value - count) & mask_of(t);

	return d ? d : mask_of(t) + 1;
}

void vmi_timer_write(struct vmi_timer *t, uint64_t value, uint64_t now)
{
	vmi_timer_update(t, now);
	value &= mask_of(t);
	t->s.at = value + distance(t, value, t->s.at);
	t->s.done = value;
	vmi_counter_set(&t->s.counter, value, now);
}

void vmi_timer_run(struct vmi_timer *t, bool on, uint64_t now)
{
	vmi_timer_update(t, now);
	if (on)
		vmi_counter_start(&t->s.counter, now);
	else if (t->s.counter.running)
		vmi_counter_stop(&t->s.counter, now);
}

void vmi_timer_alarm(
	struct vmi_timer *t, uint64_t value, uint64_t period, uint64_t now)
{
	vmi_timer_update(t, now);
	t->s.done = vmi_counter_read(&t->s.counter, now);
	t->s.at = t->s.done + distance(t, t->s.done, value);
	t->s.period = period;
	t->s.armed = 1;
	vmi_alarm_forget(&t->alarm);
}

void vmi_timer_alarm_off(struct vmi_timer *t)
{
	t->s.armed = 0;
	vmi_alarm_forget(&t->alarm);
}

/* How many alarms lie in the counts (done, now]; move past them. */
static uint64_t come_due(struct vmi_timer *t, uint64_t now)
{
	uint64_t count = vmi_counter_read(&t->s.counter, now);
	uint64_t passed = count - t->s.done, d = t->s.at - t->s.done, n = 1;

	/* `now` may run backwards; half the range is how that shows. */
	if (passed >> 63)
		return 0;
	t->s.done = count;
	if (!t->s.armed || !d || d > passed)
		return 0;
	if (t->s.period)
		n += (passed - d) / t->s.period;
	t->s.at += n * t->s.period;
	t->s.armed = t->s.period != 0;
	return n;
}

void vmi_timer_update(struct vmi_timer *t, uint64_t now)
{
	uint64_t n = come_due(t, now);

	vmi_alarm_update(&t->alarm, now);
	if (n)
		vmi_alarm_tick(&t->alarm, n, now);
}

uint64_t vmi_timer_deadline(const struct vmi_timer *t, uint64_t now)
{
	uint64_t count = vmi_counter_read(&t->s.counter, now);
	uint64_t passed = count - t->s.done, d = t->s.at - t->s.done;
	uint64_t extra = vmi_alarm_deadline(&t->alarm), due = VMI_NEVER;

	if (passed >> 63)
		passed = 0;
	if (t->s.armed && d)
		due = d <= passed ? now
				  : vmi_counter_after(
					    &t->s.counter, d - passed, now);
	return due < extra ? due : extra;
}

int vmi_timer_set_state(
	struct vmi_timer *t, const struct vmi_timer_state *state)
{
	const struct vmi_counter *c = &state->counter;

	if (state->size != sizeof(*state) || state->width != t->s.width ||
		state->armed > 1 || c->width != 64 || c->running > 1 ||
		!c->num || !c->den ||
		c->num / c->den > FASTEST / VMI_NSEC_PER_SEC)
		return -EINVAL;
	t->s = *state;
	return 0;
}
