/* SPDX-License-Identifier: MIT */
/* The generic counter: exact for years, alarms, and ticks that merged. */
#include "chiptest.h"
#include "lib/chip/timer.h"

#define DAY (UINT64_C(86400) * VMI_NSEC_PER_SEC)

/* A line whose deliveries are given, 1 once the list ends. */
static struct {
	int delivery[32];
	unsigned n, pulses;
} wire;

static int pulse(void *opaque)
{
	unsigned at = wire.pulses++;

	(void)opaque;
	return at < wire.n ? wire.delivery[at] : 1;
}

static struct vmi_timer timer;

static void make(unsigned width, enum vmi_alarm_policy policy,
	const struct vmi_timer_rate *rate)
{
	memset(&wire, 0, sizeof(wire));
	vmi_timer_init(&timer, width, policy);
	timer.alarm.pulse = pulse;
	ck_assert_int_eq(vmi_timer_set_rate(&timer, rate, 0), 0);
	vmi_timer_run(&timer, true, 0);
}

/* -- Rates -------------------------------------------------------------- */

/* Counts after a time, by hand: floor(t * ticks / (seconds * divider)). */
static const struct {
	struct vmi_timer_rate rate;
	unsigned width;
	uint64_t now, count;
} counts[] = {
	{ { 3579545, 1, 1 }, 64, 30 * DAY, UINT64_C(3579545) * 86400 * 30 },
	{ { 3579545, 1, 1 }, 24, 30 * DAY,
		UINT64_C(3579545) * 86400 * 30 & 0xffffff },
	/* 1193181 2/3 Hz, as the crystal has it: 14.31818 MHz / 12 */
	{ { 14318180, 1, 12 }, 64, 3 * VMI_NSEC_PER_SEC, 3579545 },
	{ { 14318180, 1, 12 }, 64, 300 * DAY,
		UINT64_C(14318180) * 86400 * 300 / 12 },
	/* just below, and at, a count */
	{ { 1, 3, 1 }, 64, 3 * VMI_NSEC_PER_SEC - 1, 0 },
	{ { 1, 3, 1 }, 64, 3 * VMI_NSEC_PER_SEC, 1 },
	{ { 32768, 1, 32768 }, 16, 65537 * VMI_NSEC_PER_SEC, 1 },
	{ { UINT64_C(10000000000), 1, 1 }, 64, 7, 70 },
	/* 2^30 + 1 ticks in 2^30 seconds: in 34 years one too many */
	{ { (1 << 30) + 1, 1 << 30, 1 }, 64, DAY, 86400 },
	{ { (1 << 30) + 1, 1 << 30, 1 }, 64,
		(UINT64_C(1) << 30) * VMI_NSEC_PER_SEC, (1 << 30) + 1 },
	{ { 1, 1, 1 }, 1, 5 * VMI_NSEC_PER_SEC, 1 },
};

START_TEST(test_counts)
{
	make(counts[_i].width, VMI_ALARM_DISCARD, &counts[_i].rate);
	ck_assert_uint_eq(
		vmi_timer_read(&timer, counts[_i].now), counts[_i].count);
}
END_TEST

static const struct {
	struct vmi_timer_rate rate;
	int error;
} rates[] = {
	{ { 0, 1, 1 }, -EINVAL },
	{ { 1, 0, 1 }, -EINVAL },
	{ { 1, 1, 0 }, -EINVAL },
	{ { UINT64_C(10000000001), 1, 1 }, -ERANGE },
	{ { UINT64_MAX, 1, 1 }, -ERANGE },
	{ { 3, UINT64_MAX, 1 }, -ERANGE },
	{ { 1, UINT64_C(18446744073), 1 }, 0 },
	{ { 1, UINT64_C(18446744074), 1 }, -ERANGE },
	{ { UINT64_MAX, UINT64_MAX, 1 }, 0 },
	{ { UINT64_C(10000000000), 1, 1 }, 0 },
};

START_TEST(test_rates)
{
	static const struct vmi_timer_rate hz = { 1, 1, 1 };
	struct vmi_counter before;

	make(64, VMI_ALARM_DISCARD, &hz);
	before = timer.s.counter;
	ck_assert_int_eq(vmi_timer_set_rate(&timer, &rates[_i].rate, 0),
		rates[_i].error);
	if (rates[_i].error)
		ck_assert_int_eq(memcmp(&before, &timer.s.counter,
			sizeof(before)), 0);
}
END_TEST

/* Read a million times or once: the same. */
START_TEST(test_no_drift)
{
	static const struct vmi_timer_rate odd = { 14318180, 1, 12 };
	uint64_t now = 0, last = 0;
	struct rng r = { 7 };
	unsigned i;

	make(64, VMI_ALARM_DISCARD, &odd);
	for (i = 0; i < 1000000; i++) {
		uint64_t v;

		now += rng_next(&r) % 1000000;
		vmi_timer_update(&timer, now);
		v = vmi_timer_read(&timer, now);
		ck_assert(v >= last);
		last = v;
	}
	ck_assert_uint_eq(last, vmi_muldiv(now, 14318180,
		UINT64_C(12) * VMI_NSEC_PER_SEC));
}
END_TEST

START_TEST(test_stand)
{
	static const struct vmi_timer_rate khz = { 1000, 1, 1 };

	make(8, VMI_ALARM_DISCARD, &khz);
	ck_assert_uint_eq(vmi_timer_read(&timer, 300000000), 300 & 0xff);
	vmi_timer_run(&timer, false, 300000000);
	ck_assert_uint_eq(vmi_timer_read(&timer, 900000000), 44);
	vmi_timer_write(&timer, 0x1fe, 900000000);
	ck_assert_uint_eq(vmi_timer_read(&timer, 950000000), 0xfe);
	vmi_timer_run(&timer, true, 1000000000);
	vmi_timer_run(&timer, true, 1000500000); /* it runs already */
	ck_assert_uint_eq(vmi_timer_read(&timer, 1002000000), 0);
	ck_assert_int_eq(vmi_timer_set_rate(&timer,
		&(struct vmi_timer_rate){ 1, 1, 1 }, 1002000000), 0);
	ck_assert_uint_eq(vmi_timer_read(&timer, UINT64_C(6002000000)), 5);
}
END_TEST

/* -- Alarms ------------------------------------------------------------- */

/* One every `period` counts of a millisecond; due, and on time. */
START_TEST(test_alarm)
{
	static const struct vmi_timer_rate khz = { 1000, 1, 1 };
	const uint64_t ms = 1000000;

	make(8, VMI_ALARM_DISCARD, &khz);
	ck_assert_uint_eq(vmi_timer_deadline(&timer, 0), VMI_NEVER);
	vmi_timer_alarm(&timer, 10, 0, 10 * ms); /* a wrap away */
	ck_assert_uint_eq(vmi_timer_deadline(&timer, 10 * ms), 266 * ms);
	vmi_timer_update(&timer, 266 * ms - 1);
	ck_assert_uint_eq(wire.pulses, 0);
	vmi_timer_update(&timer, 266 * ms);
	ck_assert_uint_eq(wire.pulses, 1);
	ck_assert_uint_eq(vmi_timer_deadline(&timer, 266 * ms), VMI_NEVER);
	/* Longer than a wrap. */
	vmi_timer_alarm(&timer, 12, 1000, 266 * ms);
	ck_assert_uint_eq(vmi_timer_deadline(&timer, 266 * ms), 268 * ms);
	vmi_timer_update(&timer, 268 * ms);
	ck_assert_uint_eq(vmi_timer_deadline(&timer, 268 * ms), 1268 * ms);
	/* Three at once are one edge, and three ticks. */
	vmi_timer_update(&timer, 3268 * ms);
	ck_assert_uint_eq(wire.pulses, 3);
	ck_assert_uint_eq(timer.alarm.s.ticks, 5);
	ck_assert_uint_eq(timer.alarm.s.owed, 0);
	/* A value, not a time. */
	vmi_timer_alarm(&timer, 200, 0, 3300 * ms);
	vmi_timer_write(&timer, 199, 3300 * ms);
	ck_assert_uint_eq(vmi_timer_deadline(&timer, 3300 * ms), 3301 * ms);
	vmi_timer_run(&timer, false, 3300 * ms);
	ck_assert_uint_eq(vmi_timer_deadline(&timer, 3300 * ms), VMI_NEVER);
	vmi_timer_run(&timer, true, 4000 * ms);
	ck_assert_uint_eq(vmi_timer_deadline(&timer, 4000 * ms), 4001 * ms);
	/* Time that runs backwards is none. */
	vmi_timer_update(&timer, 3999 * ms);
	ck_assert_uint_eq(wire.pulses, 3);
	vmi_timer_alarm_off(&timer);
	vmi_timer_update(&timer, 9000 * ms);
	ck_assert_uint_eq(wire.pulses, 3);
}
END_TEST

/* All 64 bits: the last count before the wrap, and the wrap. */
START_TEST(test_alarm_64)
{
	static const struct vmi_timer_rate khz = { 1000, 1, 1 };

	make(64, VMI_ALARM_DISCARD, &khz);
	vmi_timer_write(&timer, UINT64_MAX - 1, 0);
	vmi_timer_alarm(&timer, UINT64_MAX - 1, 0, 0); /* 2^64 away */
	ck_assert_uint_eq(vmi_timer_deadline(&timer, 0), VMI_NEVER);
	vmi_timer_alarm(&timer, 1, 0, 0);
	ck_assert_uint_eq(vmi_timer_deadline(&timer, 0), 3000000);
	vmi_timer_update(&timer, 2999999);
	ck_assert_uint_eq(wire.pulses, 0);
	vmi_timer_update(&timer, 3000000);
	ck_assert_uint_eq(wire.pulses, 1);
}
END_TEST

/*
 * A tick each 8 ms, updated when it says so, and what the line answers. After
 * `ms` milliseconds: how many edges there were, and what is owed.
 */
static const struct {
	const char *name;
	enum vmi_alarm_policy policy;
	int delivery[8];
	unsigned n, ms, pulses, owed;
} policies[] = {
	{ "all delivered", VMI_ALARM_CATCH_UP, { 1 }, 1, 80, 10, 0 },
	{ "discard", VMI_ALARM_DISCARD, { 1, 0, 0, 1 }, 4, 80, 10, 0 },
	/* the second merges: again at 17, 18 and 19 ms, and then it goes */
	{ "catch up", VMI_ALARM_CATCH_UP, { 1, 0, 0, 0, 1 }, 5, 23, 5, 0 },
	{ "catch up later", VMI_ALARM_CATCH_UP, { 1, 0, 0, 0 }, 4, 18, 4, 1 },
	{ "catch up with two", VMI_ALARM_CATCH_UP, { 1, 0, 0, 0, 0, 0, 0, 0 },
		8, 23, 9, 0 },
	/* once, at 20 ms; and after the next, at 28 */
	{ "slew", VMI_ALARM_SLEW, { 1, 0, 0 }, 3, 23, 3, 1 },
	{ "slew on", VMI_ALARM_SLEW, { 1, 0, 0, 1 }, 4, 29, 5, 0 },
	{ "masked", VMI_ALARM_CATCH_UP, { 1, 0, -1 }, 3, 23, 3, 0 },
};

START_TEST(test_policy)
{
	static const struct vmi_timer_rate khz = { 1000, 1, 1 };
	uint64_t end = UINT64_C(1000000) * policies[_i].ms;
	uint64_t now = 0;

	make(64, policies[_i].policy, &khz);
	memcpy(wire.delivery, policies[_i].delivery, sizeof(int) * 8);
	wire.n = policies[_i].n;
	vmi_timer_alarm(&timer, 8, 8, 0);
	while ((now = vmi_timer_deadline(&timer, now)) <= end)
		vmi_timer_update(&timer, now);
	ck_assert_msg(wire.pulses == policies[_i].pulses, "%s: %u edges",
		policies[_i].name, wire.pulses);
	ck_assert_msg(timer.alarm.s.owed == policies[_i].owed, "%s: %u owed",
		policies[_i].name, (unsigned)timer.alarm.s.owed);
	ck_assert_uint_eq(timer.alarm.s.delivered + timer.alarm.s.coalesced +
		timer.alarm.s.masked, wire.pulses);
}
END_TEST

/* Programmed anew, nothing is owed. */
START_TEST(test_forget)
{
	static const struct vmi_timer_rate khz = { 1000, 1, 1 };

	make(64, VMI_ALARM_CATCH_UP, &khz);
	vmi_timer_alarm(&timer, 8, 8, 0);
	vmi_timer_update(&timer, 80000000);
	ck_assert_uint_eq(timer.alarm.s.owed, 9);
	vmi_timer_alarm(&timer, 8, 8, 80000000);
	ck_assert_uint_eq(timer.alarm.s.owed, 0);
	ck_assert_uint_eq(timer.alarm.s.extra, VMI_NEVER);
}
END_TEST

/* -- The trials of every chip ------------------------------------------- */

struct timer_state {
	uint32_t size;
	uint32_t pad;
	struct vmi_timer_state timer;
	struct vmi_alarm_state alarm;
};

struct traced {
	struct vmi_timer timer;
	struct trace *t;
};

/* Every third edge merges. */
static int traced_pulse(void *opaque)
{
	struct traced *c = opaque;

	trace_add(c->t, 1);
	return c->timer.alarm.s.ticks % 3 != 0;
}

static void case_init(void *chip, struct trace *t)
{
	static const struct vmi_timer_rate rate = { 1193182, 1, 1 };
	struct traced *c = chip;

	memset(c, 0, sizeof(*c));
	c->t = t;
	vmi_timer_init(&c->timer, 20, VMI_ALARM_CATCH_UP);
	c->timer.alarm.pulse = traced_pulse;
	c->timer.alarm.opaque = c;
	vmi_timer_set_rate(&c->timer, &rate, 1000);
	vmi_timer_run(&c->timer, true, 1000);
}

static void case_step(void *chip, struct rng *r, uint64_t now, struct trace *t)
{
	struct vmi_timer *c = &((struct traced *)chip)->timer;
	uint64_t v = rng_next(r);
	const struct vmi_timer_rate rate = { v >> 40, 1, 1 + (v >> 30 & 7) };

	switch (v % 16) {
	case 0: vmi_timer_run(c, v >> 8 & 3, now); break;
	case 1: vmi_timer_write(c, v >> 8, now); break;
	case 2: vmi_timer_alarm(c, v >> 8, v >> 50, now); break;
	case 3:
		if (v >> 60 == 0)
			vmi_timer_alarm_off(c);
		break;
	case 4: (void)vmi_timer_set_rate(c, &rate, now); break;
	default: vmi_timer_update(c, now);
	}
	trace_add(t, vmi_timer_read(c, now));
	trace_add(t, vmi_timer_deadline(c, now));
}

static void case_get(const void *chip, void *state)
{
	const struct vmi_timer *c = &((const struct traced *)chip)->timer;
	const struct timer_state s = { sizeof(s), 0, c->s, c->alarm.s };

	memcpy(state, &s, sizeof(s));
}

static int case_set(void *chip, const void *state)
{
	struct vmi_timer *c = &((struct traced *)chip)->timer;
	struct timer_state s;
	int err;

	memcpy(&s, state, sizeof(s));
	if (s.pad || !vmi_alarm_fits(&c->alarm, &s.alarm))
		return -EINVAL;
	err = vmi_timer_set_state(c, &s.timer);
	if (!err)
		vmi_alarm_set_state(&c->alarm, &s.alarm);
	return err;
}

static void case_update(void *chip, uint64_t now)
{
	vmi_timer_update(&((struct traced *)chip)->timer, now);
}

static const struct chip_case timer_case = {
	sizeof(struct traced),
	sizeof(struct timer_state),
	case_init,
	case_step,
	case_get,
	case_set,
	400000,
	case_update,
};

START_TEST(test_round_trip)
{
	trial_round_trip(&timer_case, 200);
}
END_TEST

START_TEST(test_hostile)
{
	trial_hostile(&timer_case, 2000);
}
END_TEST

#define N(table) (int)(sizeof(table) / sizeof(table[0]))

int main(void)
{
	Suite *s = suite_create("timer");
	TCase *t = tcase_create("timer");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, test_counts, 0, N(counts));
	tcase_add_loop_test(t, test_rates, 0, N(rates));
	tcase_add_test(t, test_no_drift);
	tcase_add_test(t, test_stand);
	tcase_add_test(t, test_alarm);
	tcase_add_test(t, test_alarm_64);
	tcase_add_loop_test(t, test_policy, 0, N(policies));
	tcase_add_test(t, test_forget);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_hostile);
	return run_suite(s);
}
