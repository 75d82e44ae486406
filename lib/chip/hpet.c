/* SPDX-License-Identifier: MIT */
/*
 * The HPET (IA-PC HPET specification 1.0a).
 *
 * A comparator matches when the main counter takes its value, so what is
 * due follows from the counts that went by: those in (done, now]. A match
 * that is not among them lies a whole wrap ahead, as in the hardware; a
 * comparator set to a count that has passed does not fire.
 *
 * Setting a periodic timer (2.3.9.2.2): the value last written is the
 * period, and with VAL_SET the write sets the accumulator too. Systems that
 * write twice are served in both orders: accumulator with VAL_SET and then
 * the period, or the period and then the accumulator with VAL_SET.
 */
#include "lib/chip/hpet.h"

#include <errno.h>
#include <string.h>

#define REG_CAP	    0x000
#define REG_CONFIG  0x010
#define REG_STATUS  0x020
#define REG_COUNTER 0x0f0
#define REG_TIMER   0x100 /* 0x20 each: config, comparator, FSB route */

#define CONFIG_ENABLE UINT64_C(1)
#define CONFIG_LEGACY UINT64_C(2)

#define T_LEVEL	   (UINT64_C(1) << 1)
#define T_ENABLE   (UINT64_C(1) << 2)
#define T_PERIODIC (UINT64_C(1) << 3)
#define T_VAL_SET  (UINT64_C(1) << 6)
#define T_32BIT	   (UINT64_C(1) << 8)
#define T_ROUTE	   UINT64_C(0x3e00)
#define T_CAPS	   (UINT64_C(1) << 4 | UINT64_C(1) << 5) /* periodic, 64-bit */
#define T_WRITABLE                                                             \
	(T_LEVEL | T_ENABLE | T_PERIODIC | T_VAL_SET | T_32BIT | T_ROUTE)

/* 31:16 vendor, 15 LEG_RT_CAP, 13 64-bit, 12:8 last timer, 7:0 revision. */
#define CAPABILITIES                                                           \
	((uint64_t)VMI_HPET_FS << 32 | 0x8086a001 | (VMI_HPET_TIMERS - 1) << 8)

static uint64_t timer_mask(const struct vmi_hpet_timer_state *t)
{
	return t->config & T_32BIT ? UINT64_C(0xffffffff) : UINT64_MAX;
}

static bool enabled(const struct vmi_hpet *h)
{
	return h->s.config & CONFIG_ENABLE;
}

static bool legacy(const struct vmi_hpet *h, unsigned n)
{
	return h->s.config & CONFIG_LEGACY && n < 2;
}

/* Pins 32 and up stand for the legacy lines. */
static uint32_t pin_of(const struct vmi_hpet *h, unsigned n)
{
	return legacy(h, n) ? 32 + n
			    : (uint32_t)(h->s.timer[n].config >> 9 & 31);
}

static void drive(struct vmi_hpet *h, uint32_t pin, bool level)
{
	const struct vmi_line *route = &h->wiring.route;

	if (pin >= 32)
		vmi_line_set(&h->wiring.legacy[pin - 32], level);
	else if (route->set)
		route->set(route->opaque, pin, level);
}

static bool wants_level(const struct vmi_hpet *h, unsigned n)
{
	uint64_t config = h->s.timer[n].config;

	return enabled(h) && config & T_LEVEL && config & T_ENABLE &&
	       h->s.status >> n & 1;
}

/* Make each level output what the registers say, on the pin they say. */
static void settle(struct vmi_hpet *h)
{
	unsigned n;

	for (n = 0; n < VMI_HPET_TIMERS; n++) {
		struct vmi_hpet_timer_state *t = &h->s.timer[n];
		bool level = wants_level(h, n);
		uint32_t pin = pin_of(h, n);

		if (t->level && (!level || pin != t->pin)) {
			t->level = 0;
			drive(h, t->pin, false);
		}
		t->pin = pin;
		if (level && !t->level) {
			t->level = 1;
			drive(h, pin, true);
		}
	}
}

static void fire(struct vmi_hpet *h, unsigned n)
{
	struct vmi_hpet_timer_state *t = &h->s.timer[n];

	h->firing = n;
	if (t->config & T_LEVEL) {
		h->s.status |= UINT64_C(1) << n;
	} else if (t->config & T_ENABLE) {
		drive(h, pin_of(h, n), true);
		drive(h, pin_of(h, n), false);
	}
}

bool vmi_hpet_is_level(const struct vmi_hpet *h, unsigned n)
{
	return h->s.timer[n].config & T_LEVEL;
}

bool vmi_hpet_tick(struct vmi_hpet *h, unsigned n)
{
	bool was = h->s.status >> n & 1;

	fire(h, n);
	settle(h);
	return !was;
}

/* Of several periods at once one is seen; the owner hears of all. */
static void fire_all(struct vmi_hpet *h, unsigned n, uint64_t times)
{
	struct vmi_hpet_ticks *ticks = &h->ticks[n];

	if (!times)
		return;
	if (h->s.timer[n].config & T_ENABLE) {
		if (!ticks->n)
			ticks->merged = h->s.status >> n & 1;
		ticks->n += times;
	}
	fire(h, n);
}

/* Counts from `from` to the next match, 1 to 2^32; 0 means 2^64. */
static uint64_t distance(
	const struct vmi_hpet_timer_state *t, uint64_t from, uint64_t target)
{
	uint64_t mask = timer_mask(t), d = (target - from) & mask;

	return d ? d : mask + 1;
}

/*
 * The next event. A 32-bit timer that is not periodic also interrupts when
 * the counter wraps (2.3.9.2.1).
 */
static uint64_t next_match(const struct vmi_hpet_timer_state *t, uint64_t from)
{
	uint64_t d = distance(t, from, t->cmp), wrap;

	if (t->config & T_PERIODIC || !(t->config & T_32BIT))
		return d;
	wrap = distance(t, from, 0);
	return wrap < d ? wrap : d;
}

/* How many matches the counts (done, done + passed] hold; move past them. */
static uint64_t match(
	struct vmi_hpet_timer_state *t, uint64_t done, uint64_t passed)
{
	uint64_t d = next_match(t, done), steps = 1;

	if (!d || d > passed)
		return 0;
	if (t->config & T_PERIODIC && t->period) {
		steps = (passed - d) / t->period + 1;
		t->cmp = (t->cmp + steps * t->period) & timer_mask(t);
	}
	return steps;
}

void vmi_hpet_update(struct vmi_hpet *h, uint64_t now)
{
	uint64_t count = vmi_counter_read(&h->s.counter, now);
	uint64_t passed = count - h->s.done;
	unsigned n;

	/* `now` may run backwards; half the range is how that shows. */
	if (!enabled(h) || !passed || passed >> 63)
		return;
	for (n = 0; n < VMI_HPET_TIMERS; n++)
		fire_all(h, n, match(&h->s.timer[n], h->s.done, passed));
	h->s.done = count;
	settle(h);
}

uint64_t vmi_hpet_deadline(const struct vmi_hpet *h, uint64_t now)
{
	uint64_t count = vmi_counter_read(&h->s.counter, now), best = VMI_NEVER;
	uint64_t passed = count - h->s.done;
	unsigned n;

	if (!enabled(h))
		return VMI_NEVER;
	if (passed >> 63)
		passed = 0;
	for (n = 0; n < VMI_HPET_TIMERS; n++) {
		const struct vmi_hpet_timer_state *t = &h->s.timer[n];
		uint64_t d = next_match(t, h->s.done), when;

		if (!(t->config & T_ENABLE) || !d)
			continue;
		if (d <= passed)
			return now;
		when = vmi_counter_after(&h->s.counter, d - passed, now);
		best = when < best ? when : best;
	}
	return best;
}

static uint64_t read_counter(struct vmi_hpet *h, uint64_t now)
{
	uint64_t v = vmi_counter_read(&h->s.counter, now);

	if (!h->s.strict || !enabled(h))
		return v;
	if (v - h->s.last_read - 1 >= UINT64_MAX / 2)
		v = h->s.last_read + 1;
	h->s.last_read = v;
	return v;
}

static uint64_t timer_config(const struct vmi_hpet *h, unsigned n)
{
	return h->s.timer[n].config | T_CAPS |
	       (uint64_t)h->wiring.route_cap << 32;
}

static uint64_t read_reg(struct vmi_hpet *h, uint32_t reg, uint64_t now)
{
	unsigned n = (reg - REG_TIMER) / 0x20;

	switch (reg) {
	case REG_CAP: return CAPABILITIES;
	case REG_CONFIG: return h->s.config;
	case REG_STATUS: return h->s.status;
	case REG_COUNTER: return read_counter(h, now);
	}
	if (reg < REG_TIMER || n >= VMI_HPET_TIMERS)
		return 0;
	switch (reg & 0x1f) {
	case 0x00: return timer_config(h, n);
	case 0x08: return h->s.timer[n].cmp;
	}
	return 0; /* no FSB delivery: FSB_INT_DEL_CAP is 0 */
}

static void write_config(struct vmi_hpet *h, uint64_t value, uint64_t now)
{
	uint64_t old = h->s.config;

	h->s.config = value & (CONFIG_ENABLE | CONFIG_LEGACY);
	if (~old & value & CONFIG_ENABLE) {
		vmi_counter_start(&h->s.counter, now);
		h->s.done = vmi_counter_read(&h->s.counter, now);
		h->s.last_read = h->s.done - 1;
	} else if (old & ~value & CONFIG_ENABLE) {
		vmi_counter_stop(&h->s.counter, now);
	}
	settle(h);
	if ((old ^ h->s.config) & CONFIG_LEGACY)
		vmi_line_set(&h->wiring.cut, h->s.config & CONFIG_LEGACY);
}

/* A route that is not offered does not stick (Tn_INT_ROUTE_CNF). */
static void write_timer_config(struct vmi_hpet *h, unsigned n, uint64_t value)
{
	struct vmi_hpet_timer_state *t = &h->s.timer[n];
	uint64_t old = t->config;

	value &= T_WRITABLE;
	if (!(h->wiring.route_cap >> (value >> 9 & 31) & 1))
		value = (value & ~T_ROUTE) | (old & T_ROUTE);
	if (!(value & T_PERIODIC))
		value &= ~T_VAL_SET;
	if (~old & value & T_PERIODIC)
		t->period_first = 0;
	t->high_half = 0;
	t->config = value;
	t->cmp &= timer_mask(t);
	t->period &= timer_mask(t);
	/* A level that nobody can see any more is gone with its mode. */
	if (!(value & T_LEVEL))
		h->s.status &= ~(UINT64_C(1) << n);
	settle(h);
}

static void write_comparator(
	struct vmi_hpet_timer_state *t, uint64_t value, uint64_t mask)
{
	bool low = mask & 0xffffffff, high = mask >> 32;
	bool set = t->config & T_VAL_SET || (t->high_half && !low);
	uint64_t merged;

	mask &= timer_mask(t);
	merged = value & mask;
	if (!(t->config & T_PERIODIC)) {
		t->cmp = (t->cmp & ~mask) | merged;
		return;
	}
	if (set)
		t->cmp = (t->cmp & ~mask) | merged;
	if (!set || !t->period_first)
		t->period = (t->period & ~mask) | merged;
	t->high_half = set && !high && !(t->config & T_32BIT);
	if (!t->high_half)
		t->period_first = !set;
	t->config &= ~T_VAL_SET;
}

static void write_counter(
	struct vmi_hpet *h, uint64_t value, uint64_t mask, uint64_t now)
{
	uint64_t old = vmi_counter_read(&h->s.counter, now);

	if (enabled(h)) /* 2.3.7: only while halted */
		return;
	vmi_counter_set(&h->s.counter, (old & ~mask) | (value & mask), now);
}

uint64_t vmi_hpet_read(
	struct vmi_hpet *h, uint32_t offset, unsigned size, uint64_t now)
{
	vmi_hpet_update(h, now);
	return vmi_bytes_get(read_reg(h, offset & 0x3f8, now), offset & 7, size);
}

void vmi_hpet_write(struct vmi_hpet *h, uint32_t offset, unsigned size,
	uint64_t value, uint64_t now)
{
	uint32_t reg = offset & 0x3f8;
	unsigned n = (reg - REG_TIMER) / 0x20;
	uint64_t mask = vmi_bytes_mask(offset & 7, size), old;

	vmi_hpet_update(h, now);
	if (size < 4 || offset & (size - 1))
		return;
	value <<= 8 * (offset & 7);
	switch (reg) {
	case REG_CONFIG:
		old = h->s.config;
		write_config(h, (old & ~mask) | (value & mask), now);
		return;
	case REG_STATUS: /* write 1 to clear */
		h->s.status &= ~(value & mask);
		settle(h);
		return;
	case REG_COUNTER: write_counter(h, value, mask, now); return;
	}
	if (reg < REG_TIMER || n >= VMI_HPET_TIMERS)
		return;
	old = h->s.timer[n].config;
	if ((reg & 0x1f) == 0x00 && mask & 0xffffffff)
		write_timer_config(h, n, (old & ~mask) | (value & mask));
	else if ((reg & 0x1f) == 0x08)
		write_comparator(&h->s.timer[n], value, mask);
}

void vmi_hpet_strict(struct vmi_hpet *h, bool strict)
{
	h->s.strict = strict;
}

void vmi_hpet_reset(struct vmi_hpet *h)
{
	uint8_t strict = h->s.strict;
	bool was_cut = h->s.config & CONFIG_LEGACY;
	unsigned n;

	h->s.config = 0;
	h->s.status = 0;
	settle(h);
	if (was_cut)
		vmi_line_set(&h->wiring.cut, false);
	memset(&h->s, 0, sizeof(h->s));
	h->s.size = sizeof(h->s);
	h->s.strict = strict;
	vmi_counter_init(
		&h->s.counter, 1000000, VMI_HPET_FS, 64); /* ticks a ns */
	for (n = 0; n < VMI_HPET_TIMERS; n++)
		h->s.timer[n].cmp = UINT64_MAX;
}

void vmi_hpet_init(struct vmi_hpet *h, const struct vmi_hpet_wiring *wiring)
{
	memset(h, 0, sizeof(*h));
	h->wiring = *wiring;
	vmi_hpet_reset(h);
}

static bool timer_valid(const struct vmi_hpet_timer_state *t)
{
	return !(t->config & ~T_WRITABLE) && t->pin < 34 &&
	       (t->level | t->period_first | t->high_half) <= 1 &&
	       !(t->cmp & ~timer_mask(t)) && !(t->period & ~timer_mask(t));
}

int vmi_hpet_set_state(struct vmi_hpet *h, const struct vmi_hpet_state *state)
{
	uint64_t config = state->config;
	unsigned n;

	if (state->size != sizeof(*state) || state->strict > 1 ||
		config & ~(CONFIG_ENABLE | CONFIG_LEGACY) ||
		state->status >> VMI_HPET_TIMERS ||
		state->counter.running != (config & CONFIG_ENABLE) ||
		!vmi_counter_valid(&state->counter, &h->s.counter))
		return -EINVAL;
	for (n = 0; n < VMI_HPET_TIMERS; n++) {
		if (!timer_valid(&state->timer[n]))
			return -EINVAL;
	}
	h->s = *state;
	return 0;
}
