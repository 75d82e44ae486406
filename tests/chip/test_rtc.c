/* SPDX-License-Identifier: MIT */
/* The real-time clock against the MC146818 data sheet. */
#include "chiptest.h"
#include "lib/chip/rtc.h"

#define SEC VMI_NSEC_PER_SEC
#define T0  UINT64_C(5000000000)

static struct vmi_rtc rtc;
static struct trace trace;
static uint64_t now;

/* 2023-12-31 23:59:58 UTC, a Sunday */
#define NEW_YEAR_EVE UINT64_C(1704067198)

static void setup(void)
{
	memset(&trace, 0, sizeof(trace));
	now = T0;
	vmi_rtc_init(&rtc, trace_pin(&trace, 8), NEW_YEAR_EVE, now);
}

static uint8_t rd(uint8_t reg)
{
	vmi_rtc_write(&rtc, 0x70, reg, now);
	return vmi_rtc_read(&rtc, 0x71, now);
}

static void wr(uint8_t reg, uint8_t v)
{
	vmi_rtc_write(&rtc, 0x70, reg, now);
	vmi_rtc_write(&rtc, 0x71, v, now);
}

/* century year month day weekday hours minutes seconds, as hex digits */
static void shows(const uint8_t v[8])
{
	static const uint8_t regs[] = { 0x32, 9, 8, 7, 6, 4, 2, 0 };
	unsigned i;

	for (i = 0; i < 8; i++)
		ck_assert_msg(rd(regs[i]) == v[i], "register %x is %x, not %x",
			regs[i], rd(regs[i]), v[i]);
}

START_TEST(test_calendar)
{
	static const struct {
		uint64_t unix_time;
		uint64_t seconds;
		uint8_t show[8];
	} rows[] = {
		{ 0, 0, { 0x19, 0x70, 1, 1, 5, 0, 0, 0 } },
		{ NEW_YEAR_EVE, 0,
			{ 0x20, 0x23, 0x12, 0x31, 1, 0x23, 0x59, 0x58 } },
		{ NEW_YEAR_EVE, 2, { 0x20, 0x24, 1, 1, 2, 0, 0, 0 } },
		/* 2000 is a leap year, 2100 is not, 2024 is */
		{ 951782399, 1, { 0x20, 0, 2, 0x29, 3, 0, 0, 0 } },
		{ UINT64_C(4107542399), 1, { 0x21, 0, 3, 1, 2, 0, 0, 0 } },
		{ 1709164799, 1, { 0x20, 0x24, 2, 0x29, 5, 0, 0, 0 } },
		{ 1709164799, 86401, { 0x20, 0x24, 3, 1, 6, 0, 0, 0 } },
		{ 946684799, 1, { 0x20, 0, 1, 1, 7, 0, 0, 0 } },
		/* a long sleep: ten years and a bit, in one go */
		{ 951782400, 315619200 + 3661,
			{ 0x20, 0x10, 3, 1, 2, 1, 1, 1 } },
		{ UINT64_C(253402300799), 0,
			{ 0x99, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59 } },
	};

	vmi_rtc_set_time(&rtc, rows[_i].unix_time, now);
	now += rows[_i].seconds * SEC;
	shows(rows[_i].show);
}
END_TEST

START_TEST(test_formats)
{
	static const uint8_t hours[][3] = {
		/* 24 h, 12 h BCD, 12 h binary */
		{ 0, 0x12, 12 },
		{ 1, 0x01, 1 },
		{ 11, 0x11, 11 },
		{ 12, 0x92, 0x8c },
		{ 13, 0x81, 0x81 },
		{ 23, 0x91, 0x8b },
	};
	unsigned i;

	wr(0x0b, 0x06);
	vmi_rtc_set_time(&rtc, NEW_YEAR_EVE, now);
	shows((uint8_t[]){ 20, 23, 12, 31, 1, 23, 59, 58 });
	now += 2 * SEC;
	shows((uint8_t[]){ 20, 24, 1, 1, 2, 0, 0, 0 });
	for (i = 0; i < 6; i++) {
		wr(0x0b, 0x00);
		vmi_rtc_set_time(&rtc, hours[i][0] * 3600u, now);
		ck_assert_uint_eq(rd(4), hours[i][1]);
		wr(0x0b, 0x04);
		vmi_rtc_set_time(
			&rtc, (hours[i][0] + 23) % 24 * 3600u + 3599, now);
		now += SEC;
		ck_assert_uint_eq(rd(4), hours[i][2]);
	}
}
END_TEST

/* UIP: 244 us before an update of 1984 us; clear when it ended. */
START_TEST(test_uip)
{
	ck_assert_uint_eq(rd(0x0a), 0x26);
	now = T0 + SEC - 2228000 - 1;
	ck_assert_uint_eq(rd(0x0a), 0x26);
	now++;
	ck_assert_uint_eq(rd(0x0a), 0xa6);
	now = T0 + SEC - 1;
	ck_assert_uint_eq(rd(0x0a), 0xa6);
	ck_assert_uint_eq(rd(0), 0x58);
	now++;
	ck_assert_uint_eq(rd(0x0a), 0x26);
	ck_assert_uint_eq(rd(0), 0x59);
	now = T0 + 2 * SEC - 1000;
	wr(0x0b, 0x82); /* SET: no update, no UIP */
	ck_assert_uint_eq(rd(0x0a), 0x26);
	wr(0x0a, 0xa6); /* bit 7 is read-only */
	ck_assert_uint_eq(rd(0x0a), 0x26);
}
END_TEST

START_TEST(test_set)
{
	wr(0x0b, 0x92); /* SET clears UIE */
	ck_assert_uint_eq(rd(0x0b), 0x82);
	now += 10 * SEC;
	ck_assert_uint_eq(rd(0), 0x58);
	ck_assert_uint_eq(rd(0x0c) & 0x30, 0);
	wr(0, 0x30);
	wr(0x0b, 0x02);
	now += SEC;
	ck_assert_uint_eq(rd(0), 0x31);
}
END_TEST

/* First update half a second after the divider's reset is released. */
START_TEST(test_divider)
{
	now += SEC / 4;
	wr(0x0a, 0x66);
	now += 30 * SEC;
	ck_assert_uint_eq(rd(0), 0x58);
	ck_assert_uint_eq(rd(0x0a), 0x66);
	wr(0x0a, 0x26);
	now += SEC / 2 - 1;
	ck_assert_uint_eq(rd(0), 0x58);
	now++;
	ck_assert_uint_eq(rd(0), 0x59);
	now += SEC;
	ck_assert_uint_eq(rd(0), 0x00);
}
END_TEST

START_TEST(test_periodic)
{
	static const unsigned hz[] = { 0, 256, 128, 8192, 4096, 2048, 1024, 512,
		256, 128, 64, 32, 16, 8, 4, 2 };
	unsigned n = 0;
	uint64_t end = now + SEC;

	wr(0x0a, (uint8_t)(0x20 | _i));
	wr(0x0b, 0x42);
	while (vmi_rtc_deadline(&rtc, now) <= end) {
		now = vmi_rtc_deadline(&rtc, now);
		vmi_rtc_update(&rtc, now);
		ck_assert(trace.level[8]);
		ck_assert_uint_eq(vmi_rtc_deadline(&rtc, now), VMI_NEVER);
		ck_assert_uint_eq(rd(0x0c) & 0xc0, 0xc0);
		ck_assert(!trace.level[8]);
		ck_assert_uint_eq(rd(0x0c), 0); /* cleared by the read */
		n++;
	}
	ck_assert_uint_eq(n, hz[_i]);
	ck_assert_uint_eq(trace.rises[8], hz[_i]);
}
END_TEST

START_TEST(test_update_ended)
{
	wr(0x0b, 0x12);
	ck_assert_uint_eq(vmi_rtc_deadline(&rtc, now), T0 + SEC);
	now = T0 + SEC;
	vmi_rtc_update(&rtc, now);
	ck_assert(trace.level[8]);
	ck_assert_uint_eq(rd(0x0c) & 0xb0, 0x90);
	wr(0x0b, 0x02); /* flags are set all the same, without IRQF */
	now += SEC;
	ck_assert_uint_eq(rd(0x0c) & 0x90, 0x10);
	ck_assert_uint_eq(trace.rises[8], 1);
	/* Enabling with the flag up interrupts at once. */
	now += SEC;
	vmi_rtc_update(&rtc, now);
	wr(0x0b, 0x12);
	ck_assert(trace.level[8]);
	vmi_rtc_reset(&rtc, now);
	ck_assert(!trace.level[8]);
	ck_assert_uint_eq(rd(0x0b), 0x02);
}
END_TEST

START_TEST(test_alarm)
{
	static const struct {
		uint8_t h, m, s;
		uint64_t after; /* from 23:59:58 */
	} rows[] = {
		{ 0x23, 0x59, 0x59, 1 },
		{ 0x00, 0x00, 0x00, 2 },
		{ 0x01, 0x02, 0x03, 3725 },
		{ 0xff, 0xc0, 0x05, 7 },
		{ 0xff, 0x10, 0x00, 602 },
		{ 0xc0, 0xff, 0xff, 1 },
		{ 0x05, 0xff, 0xff, 18002 },
		{ 0x23, 0x59, 0x57, 86399 },
	};
	uint64_t i;

	wr(5, rows[_i].h);
	wr(3, rows[_i].m);
	wr(1, rows[_i].s);
	wr(0x0b, 0x22);
	for (i = 1; !trace.level[8] && i <= 90000; i++) {
		now = vmi_rtc_deadline(&rtc, now);
		vmi_rtc_update(&rtc, now);
	}
	ck_assert_uint_eq(now - T0, rows[_i].after * SEC);
	ck_assert_uint_eq(rd(0x0c) & 0xa0, 0xa0);
	/* Looking only later finds it too. */
	setup();
	wr(5, rows[_i].h);
	wr(3, rows[_i].m);
	wr(1, rows[_i].s);
	now += (rows[_i].after - 1) * SEC;
	ck_assert_uint_eq(rd(0x0c) & 0x20, 0);
	now += 86400 * SEC * 3;
	ck_assert_uint_eq(rd(0x0c) & 0x20, 0x20);
}
END_TEST

/* A day field that no clock reaches never alarms. */
START_TEST(test_alarm_never)
{
	wr(5, 0x24);
	wr(3, 0xff);
	wr(1, 0xff);
	now += 400 * 86400 * SEC;
	ck_assert_uint_eq(rd(0x0c) & 0x20, 0);
}
END_TEST

START_TEST(test_memory)
{
	wr(0x7f, 0xa5);
	wr(0x0e, 0x5a);
	ck_assert_uint_eq(rd(0x7f), 0xa5);
	ck_assert_uint_eq(rd(0xff), 0xa5); /* bit 7 is the NMI mask */
	ck_assert(vmi_rtc_nmi_masked(&rtc));
	ck_assert_uint_eq(rd(0x0e), 0x5a);
	ck_assert(!vmi_rtc_nmi_masked(&rtc));
	wr(0x0d, 0x00);
	ck_assert_uint_eq(rd(0x0d), 0x80); /* VRT */
	wr(0x0c, 0xff);
	ck_assert_uint_eq(rd(0x0c), 0);
	ck_assert_uint_eq(vmi_rtc_read(&rtc, 0x70, now), 0xff);
	ck_assert_int_eq(vmi_rtc_poke(&rtc, 0x0d, 0), -EINVAL);
	ck_assert_int_eq(vmi_rtc_poke(&rtc, 128, 0), -EINVAL);
	ck_assert_int_eq(vmi_rtc_poke(&rtc, 0x5b, 7), 0);
	ck_assert_uint_eq(rd(0x5b), 7);
}
END_TEST

START_TEST(test_cut)
{
	wr(0x0b, 0x12);
	vmi_rtc_cut(&rtc, true, now);
	now += 2 * SEC;
	vmi_rtc_update(&rtc, now);
	ck_assert(!trace.level[8]);
	ck_assert_uint_eq(vmi_rtc_deadline(&rtc, now), VMI_NEVER);
	vmi_rtc_cut(&rtc, false, now);
	ck_assert(trace.level[8]);
}
END_TEST

START_TEST(test_reset)
{
	wr(0x0b, 0x7e);
	wr(0x20, 0x99);
	now += 5 * SEC;
	vmi_rtc_cut(&rtc, true, now);
	vmi_rtc_write(&rtc, 0x70, 0x8b, now);
	now += SEC;
	vmi_rtc_reset(&rtc, now);
	ck_assert(!vmi_rtc_nmi_masked(&rtc));
	ck_assert_uint_eq(rtc.s.cut, 0);
	ck_assert_uint_eq(rd(0x0b), 0x06);
	ck_assert_uint_eq(rd(0x0c), 0);
	ck_assert_uint_eq(rd(0x20), 0x99);
	now += SEC; /* nothing from before the reset shows */
	ck_assert_uint_eq(rd(0x0c), 0x50);
}
END_TEST

START_TEST(test_set_time_phase)
{
	now += SEC / 2 + 10 * SEC;
	vmi_rtc_set_time(&rtc, NEW_YEAR_EVE, now);
	now += SEC - 1;
	ck_assert_uint_eq(rd(0), 0x58);
	now++;
	ck_assert_uint_eq(rd(0), 0x59);
	wr(0x0a, 0x66); /* the divider's past does not count either */
	wr(0x0a, 0x26);
	now += SEC / 2;
	ck_assert_uint_eq(rd(0), 0x00);
	wr(0x0b, 0x12);
	rd(0x0c);
	now += SEC + SEC / 2;
	ck_assert_uint_eq(vmi_rtc_deadline(&rtc, now), now); /* overdue */
}
END_TEST

/* A month that is none has 31 days. */
START_TEST(test_bad_month)
{
	wr(8, 0x00);
	wr(7, 0x30);
	now += 2 * SEC;
	ck_assert_uint_eq(rd(7), 0x31);
	ck_assert_uint_eq(rd(8), 0x00);
}
END_TEST

static void case_init(void *chip, struct trace *t)
{
	vmi_rtc_init(chip, trace_pin(t, 8), NEW_YEAR_EVE, 1000);
}

static void case_step(
	void *chip, struct rng *r, uint64_t t_now, struct trace *t)
{
	uint64_t v = rng_next(r);
	uint8_t reg = (uint8_t)((v >> 8) % 15);
	uint8_t value = (uint8_t)(v >> 16);

	if (reg == 0x0a && v >> 62)
		value = (uint8_t)(0x20 | (value & 15));
	switch (v % 5) {
	case 0: vmi_rtc_write(chip, 0x70, reg, t_now); break;
	case 1:
		vmi_rtc_write(chip, 0x70, reg, t_now);
		vmi_rtc_write(chip, 0x71, value, t_now);
		break;
	case 2: vmi_rtc_update(chip, t_now); break;
	default: trace_add(t, vmi_rtc_read(chip, 0x71, t_now));
	}
	trace_add(t, vmi_rtc_deadline(chip, t_now));
}

static void case_get(const void *chip, void *state)
{
	*(struct vmi_rtc_state *)state = ((const struct vmi_rtc *)chip)->s;
}

static int case_set(void *chip, const void *state)
{
	return vmi_rtc_set_state(chip, state);
}

static void case_update(void *chip, uint64_t t_now)
{
	vmi_rtc_update(chip, t_now);
}

static const struct chip_case rtc_case = {
	sizeof(struct vmi_rtc),
	sizeof(struct vmi_rtc_state),
	case_init,
	case_step,
	case_get,
	case_set,
	3 * VMI_NSEC_PER_SEC,
	case_update,
};

START_TEST(test_lazy)
{
	trial_lazy(&rtc_case, 100);
}
END_TEST

START_TEST(test_round_trip)
{
	trial_round_trip(&rtc_case, 200);
}
END_TEST

START_TEST(test_hostile)
{
	trial_hostile(&rtc_case, 500);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rtc");
	TCase *t = tcase_create("rtc");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, test_calendar, 0, 10);
	tcase_add_test(t, test_formats);
	tcase_add_test(t, test_uip);
	tcase_add_test(t, test_set);
	tcase_add_test(t, test_divider);
	tcase_add_loop_test(t, test_periodic, 0, 16);
	tcase_add_test(t, test_update_ended);
	tcase_add_loop_test(t, test_alarm, 0, 8);
	tcase_add_test(t, test_alarm_never);
	tcase_add_test(t, test_memory);
	tcase_add_test(t, test_cut);
	tcase_add_test(t, test_reset);
	tcase_add_test(t, test_set_time_phase);
	tcase_add_test(t, test_bad_month);
	tcase_add_test(t, test_lazy);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_hostile);
	return run_suite(s);
}
