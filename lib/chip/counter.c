/* SPDX-License-Identifier: MIT */
/* Counters by multiplication and division in 128 bits. */
#include "lib/chip/counter.h"

#define LOW32 UINT64_C(0xffffffff)

struct wide {
	uint64_t hi;
	uint64_t lo;
};

static struct wide multiply(uint64_t a, uint64_t b)
{
	uint64_t ll = (a & LOW32) * (b & LOW32);
	uint64_t lh = (a & LOW32) * (b >> 32);
	uint64_t hl = (a >> 32) * (b & LOW32);
	uint64_t mid = (ll >> 32) + (lh & LOW32) + (hl & LOW32);

	return (struct wide){
		.hi = (a >> 32) * (b >> 32) + (lh >> 32) + (hl >> 32) +
		      (mid >> 32),
		.lo = mid << 32 | (ll & LOW32),
	};
}

/*
 * One 32-bit digit of the quotient (high * 2^32 + next) / d, for a d with
 * its top bit set and high < d (Knuth, The Art of Computer Programming 2,
 * 4.3.1, algorithm D, step D3): the estimate is at most two too large.
 */
static uint64_t quotient_digit(uint64_t high, uint64_t next, uint64_t d)
{
	uint64_t q = high / (d >> 32);
	uint64_t r = high % (d >> 32);

	while (q > LOW32 || q * (d & LOW32) > (r << 32 | next)) {
		q--;
		r += d >> 32;
		if (r > LOW32)
			break;
	}
	return q;
}

/* n / d for n.hi < d; the remainder's being nonzero goes to *inexact. */
static uint64_t divide(struct wide n, uint64_t d, bool *inexact)
{
	uint64_t high = n.hi, low = n.lo, q1, q0, mid;
	unsigned shift = 0, step;

	if (!n.hi) {
		*inexact = n.lo % d;
		return n.lo / d;
	}
	for (step = 32; step; step /= 2) { /* top bit of d to bit 63 */
		if (d >> (64 - step))
			continue;
		d <<= step;
		shift += step;
	}
	if (shift) {
		high = high << shift | low >> (64 - shift);
		low <<= shift;
	}
	q1 = quotient_digit(high, low >> 32, d);
	mid = (high << 32 | low >> 32) - q1 * d;
	q0 = quotient_digit(mid, low & LOW32, d);
	*inexact = (mid << 32 | (low & LOW32)) - q0 * d;
	return (q1 << 32) + q0;
}

uint64_t vmi_muldiv(uint64_t a, uint64_t b, uint64_t c)
{
	struct wide n = multiply(a, b);
	bool inexact;

	return n.hi >= c ? UINT64_MAX : divide(n, c, &inexact);
}

uint64_t vmi_muldiv_up(uint64_t a, uint64_t b, uint64_t c)
{
	struct wide n = multiply(a, b);
	bool inexact;
	uint64_t q;

	if (n.hi >= c)
		return UINT64_MAX;
	q = divide(n, c, &inexact);
	return inexact && q != UINT64_MAX ? q + 1 : q;
}

void vmi_counter_init(
	struct vmi_counter *c, uint64_t num, uint64_t den, unsigned width)
{
	*c = (struct vmi_counter){ .num = num, .den = den, .width = width };
}

uint64_t vmi_counter_mask(const struct vmi_counter *c)
{
	return c->width >= 64 ? UINT64_MAX : (UINT64_C(1) << c->width) - 1;
}

static uint64_t ticks_since_base(const struct vmi_counter *c, uint64_t now)
{
	if (!c->running || now <= c->base_time)
		return 0;
	return vmi_muldiv(now - c->base_time, c->num, c->den);
}

uint64_t vmi_counter_read(const struct vmi_counter *c, uint64_t now)
{
	return (c->base + ticks_since_base(c, now)) & vmi_counter_mask(c);
}

void vmi_counter_set(struct vmi_counter *c, uint64_t value, uint64_t now)
{
	c->base = value & vmi_counter_mask(c);
	c->base_time = now;
}

void vmi_counter_start(struct vmi_counter *c, uint64_t now)
{
	if (c->running)
		return;
	c->running = 1;
	c->base_time = now;
}

void vmi_counter_stop(struct vmi_counter *c, uint64_t now)
{
	vmi_counter_set(c, vmi_counter_read(c, now), now);
	c->running = 0;
}

void vmi_counter_rate(
	struct vmi_counter *c, uint64_t num, uint64_t den, uint64_t now)
{
	vmi_counter_set(c, vmi_counter_read(c, now), now);
	c->num = num;
	c->den = den;
}

uint64_t vmi_counter_after(
	const struct vmi_counter *c, uint64_t ticks, uint64_t now)
{
	uint64_t past = ticks_since_base(c, now), wait;

	if (!c->running || ticks > UINT64_MAX - past)
		return VMI_NEVER;
	wait = vmi_muldiv_up(past + ticks, c->den, c->num);
	return wait > UINT64_MAX - c->base_time ? VMI_NEVER
						: c->base_time + wait;
}

uint64_t vmi_counter_when(
	const struct vmi_counter *c, uint64_t value, uint64_t now)
{
	uint64_t mask = vmi_counter_mask(c);
	uint64_t away = (value - vmi_counter_read(c, now)) & mask;

	if (away)
		return vmi_counter_after(c, away, now);
	return mask == UINT64_MAX ? VMI_NEVER
				  : vmi_counter_after(c, mask + 1, now);
}

bool vmi_counter_valid(
	const struct vmi_counter *c, const struct vmi_counter *like)
{
	return c->width == like->width && c->num == like->num &&
	       c->den == like->den && c->running <= 1 &&
	       c->base <= vmi_counter_mask(like);
}
