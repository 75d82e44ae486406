/* SPDX-License-Identifier: MIT */
/* The HPET against IA-PC HPET 1.0a. Line 32 and 33 are legacy, 40 cut. */
#include "chiptest.h"
#include "lib/chip/hpet.h"

static struct vmi_hpet h;
static struct trace trace;
static uint64_t now;

static void attach(struct vmi_hpet *chip, struct trace *t)
{
	struct vmi_hpet_wiring w = {
		.route = trace_pin(t, 0),
		.legacy = { trace_pin(t, 32), trace_pin(t, 33) },
		.cut = trace_pin(t, 40),
		.route_cap = 0x00f00000,
	};

	vmi_hpet_init(chip, &w);
}

static void setup(void)
{
	memset(&trace, 0, sizeof(trace));
	now = 5000;
	attach(&h, &trace);
}

static uint64_t rd(uint32_t reg)
{
	return vmi_hpet_read(&h, reg, 8, now);
}

static uint32_t rd4(uint32_t reg)
{
	return (uint32_t)vmi_hpet_read(&h, reg, 4, now);
}

static void wr(uint32_t reg, uint64_t v)
{
	vmi_hpet_write(&h, reg, 8, v, now);
}

static void wr4(uint32_t reg, uint32_t v)
{
	vmi_hpet_write(&h, reg, 4, v, now);
}

/* To the moment the main counter shows `count`, enabled at 0 at 5000. */
static void to(uint64_t count)
{
	now = 5000 + 10 * count;
	vmi_hpet_update(&h, now);
}

#define ROUTE(pin) ((pin) << 9)

START_TEST(test_registers)
{
	ck_assert_uint_eq(rd(0x000), UINT64_C(0x009896808086a201));
	ck_assert_uint_eq(rd4(0x004), 10000000); /* <= 0x05f5e100 */
	wr(0x000, 0);
	ck_assert_uint_eq(rd4(0x000), 0x8086a201);
	ck_assert_uint_eq(rd(0x100), UINT64_C(0x00f0000000000030));
	wr(0x100, UINT64_MAX & ~(0x1full << 9));
	ck_assert_uint_eq(rd4(0x100) & 0xc000, 0); /* no FSB */
	wr4(0x100, ROUTE(22));
	ck_assert_uint_eq(rd4(0x100), ROUTE(22) | 0x30);
	wr4(0x100, ROUTE(5)); /* not offered: does not stick */
	ck_assert_uint_eq(rd4(0x100), ROUTE(22) | 0x30);
	wr(0x010, 0xff);
	ck_assert_uint_eq(rd(0x010), 3);
	ck_assert_uint_eq(rd(0x160), 0); /* a fourth timer */
	ck_assert_uint_eq(rd(0x128), UINT64_MAX);
	vmi_hpet_write(&h, 0x128, 2, 0, now);
	ck_assert_uint_eq(rd(0x128), UINT64_MAX);
}
END_TEST

START_TEST(test_counter)
{
	wr(0x0f0, 100);
	now += 1000;
	ck_assert_uint_eq(rd(0x0f0), 100); /* halted holds */
	wr(0x010, 1);
	now += 1005;
	ck_assert_uint_eq(rd(0x0f0), 200);
	wr(0x0f0, 7); /* running: not writable */
	ck_assert_uint_eq(rd(0x0f0), 200);
	wr(0x010, 0);
	now += 99999;
	ck_assert_uint_eq(rd(0x0f0), 200);
	wr4(0x0f0, 0xfffffffe);
	wr4(0x0f4, 5);
	ck_assert_uint_eq(rd(0x0f0), UINT64_C(0x5fffffffe));
	wr(0x010, 1);
	now += 30;
	ck_assert_uint_eq(rd4(0x0f0), 1);
	ck_assert_uint_eq(rd4(0x0f4), 6);
	/* 2.2: never the same twice, if asked for. */
	ck_assert_uint_eq(rd(0x0f0), rd(0x0f0));
	vmi_hpet_strict(&h, true);
	{
		uint64_t a = rd(0x0f0), b = rd(0x0f0), c = rd(0x0f0);

		ck_assert_uint_lt(a, b);
		ck_assert_uint_lt(b, c);
		now += 1000;
		ck_assert_uint_eq(rd(0x0f0), UINT64_C(0x600000001) + 100);
	}
}
END_TEST

START_TEST(test_one_shot)
{
	wr4(0x100, ROUTE(20) | 4);
	wr(0x108, 1000);
	ck_assert_uint_eq(vmi_hpet_deadline(&h, now), VMI_NEVER); /* halted */
	wr(0x010, 1);
	ck_assert_uint_eq(vmi_hpet_deadline(&h, now), 5000 + 10000);
	to(999);
	ck_assert_uint_eq(trace.rises[20], 0);
	to(1000);
	ck_assert_uint_eq(trace.rises[20], 1);
	ck_assert(!trace.level[20]); /* edge: a pulse, no status */
	ck_assert_uint_eq(rd(0x020), 0);
	ck_assert_uint_eq(vmi_hpet_deadline(&h, now), VMI_NEVER);
	wr(0x108, 500); /* passed: a wrap away */
	to(100000);
	ck_assert_uint_eq(trace.rises[20], 1);
	wr4(0x100, ROUTE(20)); /* interrupt disabled */
	wr(0x108, 100100);
	to(200000);
	ck_assert_uint_eq(trace.rises[20], 1);
}
END_TEST

/* 2.3.9.2.1: in 32-bit mode a wrap interrupts as well. */
START_TEST(test_one_shot_32)
{
	wr(0x0f0, 0);
	wr4(0x120, ROUTE(21) | 0x104);
	ck_assert_uint_eq(rd(0x128), 0xffffffff);
	wr(0x128, UINT64_C(0x7700000064));
	ck_assert_uint_eq(rd(0x128), 0x64);
	wr(0x010, 1);
	to(100);
	ck_assert_uint_eq(trace.rises[21], 1);
	ck_assert_uint_eq(
		vmi_hpet_deadline(&h, now), 5000 + (UINT64_C(10) << 32));
	to(UINT64_C(0xffffffff));
	ck_assert_uint_eq(trace.rises[21], 1);
	to(UINT64_C(0x100000000));
	ck_assert_uint_eq(trace.rises[21], 2);
	to(UINT64_C(0x100000063));
	ck_assert_uint_eq(trace.rises[21], 2);
	to(UINT64_C(0x100000064));
	ck_assert_uint_eq(trace.rises[21], 3);
}
END_TEST

static void run_periodic(uint64_t first, uint64_t period)
{
	unsigned i;

	trace.rises[20] = 0;
	for (i = 0; i < 20; i++) {
		uint64_t due = vmi_hpet_deadline(&h, now);

		ck_assert_uint_eq(due, 5000 + 10 * (first + i * period));
		now = due;
		vmi_hpet_update(&h, now);
		ck_assert_uint_eq(trace.rises[20], i + 1);
		ck_assert_uint_eq(rd(0x108), first + (i + 1) * period);
	}
	/* Late: one interrupt, and no drift. */
	to(first + 100 * period + 1);
	ck_assert_uint_eq(trace.rises[20], 21);
	ck_assert_uint_eq(rd(0x108), first + 101 * period);
}

START_TEST(test_periodic_one_write)
{
	wr4(0x100, ROUTE(20) | 0x4c);
	wr(0x108, 300);
	ck_assert_uint_eq(rd4(0x100) & 0x40, 0); /* clears itself */
	wr(0x010, 1);
	run_periodic(300, 300);
	wr(0x108, 77); /* a new rate from the next match on */
	ck_assert_uint_eq(rd(0x108), 30600);
	to(30600);
	ck_assert_uint_eq(rd(0x108), 30677);
}
END_TEST

START_TEST(test_periodic_two_writes)
{
	wr4(0x100, ROUTE(20) | 0x4c);
	wr(0x108, 1000);
	wr(0x108, 250);
	wr(0x010, 1);
	run_periodic(1000, 250);
}
END_TEST

START_TEST(test_periodic_period_first)
{
	wr4(0x100, ROUTE(20) | 0x0c);
	wr(0x108, 250);
	wr4(0x100, ROUTE(20) | 0x4c);
	wr(0x108, 1000);
	wr(0x010, 1);
	run_periodic(1000, 250);
}
END_TEST

/* The accumulator of a 64-bit timer, in two 32-bit writes. */
START_TEST(test_periodic_halves)
{
	wr4(0x100, ROUTE(20) | 0x4c);
	wr4(0x108, 1000);
	wr4(0x10c, 1);
	wr4(0x108, 250);
	wr4(0x10c, 0);
	ck_assert_uint_eq(h.s.timer[0].cmp, UINT64_C(0x1000003e8));
	ck_assert_uint_eq(h.s.timer[0].period, 250);
}
END_TEST

START_TEST(test_periodic_32)
{
	wr4(0x100, ROUTE(20) | 0x14c);
	wr4(0x108, 0xfffffff0);
	wr4(0x108, 0x20);
	wr(0x010, 1);
	to(UINT64_C(0xfffffff0));
	ck_assert_uint_eq(trace.rises[20], 1);
	ck_assert_uint_eq(rd(0x108), 0x10);
	to(UINT64_C(0x10000000f)); /* periodic: no interrupt at the wrap */
	ck_assert_uint_eq(trace.rises[20], 1);
	to(UINT64_C(0x100000010));
	ck_assert_uint_eq(trace.rises[20], 2);
}
END_TEST

START_TEST(test_level)
{
	wr4(0x140, ROUTE(23) | 6);
	wr(0x148, 50);
	wr(0x010, 1);
	to(50);
	ck_assert(trace.level[23]);
	ck_assert_uint_eq(rd(0x020), 4);
	wr(0x020, 3);
	ck_assert(trace.level[23]);
	wr4(0x140, ROUTE(22) | 6); /* the level moves with its route */
	ck_assert(!trace.level[23] && trace.level[22]);
	wr(0x010, 0); /* not enabled: no interrupt */
	ck_assert(!trace.level[22]);
	wr(0x010, 1);
	ck_assert(trace.level[22]);
	wr(0x020, 4);
	ck_assert(!trace.level[22]);
	ck_assert_uint_eq(rd(0x020), 0);
	/* Without INT_ENB the status is set all the same. */
	wr4(0x140, ROUTE(22) | 2);
	wr(0x148, rd(0x0f0) + 10);
	now += 200;
	ck_assert_uint_eq(rd(0x020), 4);
	ck_assert(!trace.level[22]);
	wr4(0x140, ROUTE(22) | 6);
	ck_assert(trace.level[22]);
}
END_TEST

START_TEST(test_legacy)
{
	wr4(0x100, ROUTE(20) | 4);
	wr4(0x120, ROUTE(21) | 4);
	wr4(0x140, ROUTE(22) | 4);
	wr(0x108, 10);
	wr(0x128, 20);
	wr(0x148, 30);
	wr(0x010, 3);
	ck_assert(trace.level[40]);
	to(40);
	ck_assert_uint_eq(trace.rises[32], 1);
	ck_assert_uint_eq(trace.rises[33], 1);
	ck_assert_uint_eq(trace.rises[22], 1);
	ck_assert_uint_eq(trace.rises[20] + trace.rises[21], 0);
	wr(0x010, 1);
	ck_assert(!trace.level[40]);
	wr(0x010, 2);
	vmi_hpet_reset(&h);
	ck_assert(!trace.level[40]);
}
END_TEST

START_TEST(test_reset)
{
	struct vmi_hpet fresh;

	vmi_hpet_strict(&h, true);
	wr4(0x140, ROUTE(23) | 6);
	wr(0x148, 50);
	wr(0x010, 3);
	to(60);
	rd(0x0f0);
	ck_assert(trace.level[23]);
	vmi_hpet_reset(&h);
	ck_assert(!trace.level[23] && !trace.level[40]);
	ck_assert_uint_eq(h.s.strict, 1);
	vmi_hpet_strict(&h, false);
	memset(&fresh, 0xa5, sizeof(fresh));
	attach(&fresh, &trace);
	ck_assert_int_eq(memcmp(&h.s, &fresh.s, sizeof(h.s)), 0);
}
END_TEST

/* What lies between the counts before and after a halt has not passed. */
START_TEST(test_restart)
{
	wr4(0x100, ROUTE(20) | 4);
	wr(0x108, 50);
	wr(0x0f0, 100);
	wr(0x010, 1);
	now += 1000;
	vmi_hpet_update(&h, now);
	ck_assert_uint_eq(trace.rises[20], 0);
	vmi_hpet_strict(&h, true);
	ck_assert_uint_eq(rd(0x0f0), 200);
	wr(0x010, 0);
	wr(0x0f0, 7);
	wr(0x010, 1);
	ck_assert_uint_eq(rd(0x0f0), 7);
	wr4(0x014, 0xffffffff); /* the upper half: nothing there */
	ck_assert_uint_eq(rd(0x010), 1);
	wr(0x108, 57);
	now += 1000;
	ck_assert_uint_eq(vmi_hpet_deadline(&h, now), now); /* overdue */
	/* A clock that runs back shows no time passed. */
	vmi_hpet_update(&h, now);
	wr(0x108, 207);
	ck_assert_uint_eq(vmi_hpet_deadline(&h, now - 500), now - 500 + 1000);
	vmi_hpet_update(&h, now - 500);
	ck_assert_uint_eq(trace.rises[20], 1);
}
END_TEST

START_TEST(test_timer_config)
{
	wr4(0x100, ROUTE(20) | 0x44); /* VAL_SET of a one-shot is nothing */
	ck_assert_uint_eq(rd4(0x100), ROUTE(20) | 0x34);
	/* A period of an earlier life does not count as written first. */
	wr4(0x100, ROUTE(20) | 0x0c);
	wr(0x108, 111);
	wr4(0x100, ROUTE(20) | 4);
	wr4(0x100, ROUTE(20) | 0x4c);
	wr(0x108, 222);
	ck_assert_uint_eq(h.s.timer[0].period, 222);
	/* A new configuration ends a half-written accumulator. */
	wr4(0x100, ROUTE(20) | 0x4c);
	wr4(0x108, 1);
	wr4(0x100, ROUTE(20) | 0x0c);
	wr4(0x10c, 9);
	ck_assert_uint_eq(h.s.timer[0].cmp >> 32, 0);
	/* Edge mode has no status. */
	wr4(0x140, ROUTE(22) | 2);
	wr(0x148, 5);
	wr(0x010, 1);
	to(6);
	ck_assert_uint_eq(rd(0x020), 4);
	wr4(0x140, ROUTE(22));
	ck_assert_uint_eq(rd(0x020), 0);
}
END_TEST

static void case_step(
	void *chip, struct rng *r, uint64_t t_now, struct trace *t)
{
	static const uint16_t regs[] = { 0x10, 0x20, 0xf0, 0x100, 0x108, 0x120,
		0x128, 0x140, 0x148, 0x104, 0x10c, 0xf4 };
	uint64_t v = rng_next(r);
	uint32_t reg = regs[(v >> 8) % 12];
	unsigned size = v >> 62 & 1 && !(reg & 4) ? 8 : 4;
	uint64_t value = v >> 16 & 0xffff;

	if (reg == 0x10)
		value |= 1;
	else if ((reg & 0x1f) == 8)
		value = v >> 60 ? value & 0xfff : v;
	switch (v % 4) {
	case 0: vmi_hpet_write(chip, reg, size, value, t_now); break;
	case 1: vmi_hpet_update(chip, t_now); break;
	default: trace_add(t, vmi_hpet_read(chip, reg, size, t_now));
	}
	if (v >> 56 == 0)
		vmi_hpet_strict(chip, v & 1);
	trace_add(t, vmi_hpet_deadline(chip, t_now));
}

static void case_init(void *chip, struct trace *t)
{
	attach(chip, t);
}

static void case_get(const void *chip, void *state)
{
	*(struct vmi_hpet_state *)state = ((const struct vmi_hpet *)chip)->s;
}

static int case_set(void *chip, const void *state)
{
	return vmi_hpet_set_state(chip, state);
}

static void case_update(void *chip, uint64_t t_now)
{
	vmi_hpet_update(chip, t_now);
}

static const struct chip_case hpet_case = {
	sizeof(struct vmi_hpet),
	sizeof(struct vmi_hpet_state),
	case_init,
	case_step,
	case_get,
	case_set,
	3000,
	case_update,
};

START_TEST(test_lazy)
{
	trial_lazy(&hpet_case, 100);
}
END_TEST

START_TEST(test_round_trip)
{
	trial_round_trip(&hpet_case, 300);
}
END_TEST

START_TEST(test_hostile)
{
	trial_hostile(&hpet_case, 3000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hpet");
	TCase *t = tcase_create("hpet");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, test_registers);
	tcase_add_test(t, test_counter);
	tcase_add_test(t, test_one_shot);
	tcase_add_test(t, test_one_shot_32);
	tcase_add_test(t, test_periodic_one_write);
	tcase_add_test(t, test_periodic_two_writes);
	tcase_add_test(t, test_periodic_period_first);
	tcase_add_test(t, test_periodic_halves);
	tcase_add_test(t, test_periodic_32);
	tcase_add_test(t, test_level);
	tcase_add_test(t, test_legacy);
	tcase_add_test(t, test_reset);
	tcase_add_test(t, test_restart);
	tcase_add_test(t, test_timer_config);
	tcase_add_test(t, test_lazy);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_hostile);
	return run_suite(s);
}
