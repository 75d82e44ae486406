/* SPDX-License-Identifier: MIT */
/* ACPI fixed hardware against ACPI 6.4, 4.8.3. */
#include "chiptest.h"
#include "lib/chip/acpi_pm.h"

static struct vmi_acpi_pm pm;
static struct trace trace;
static uint64_t now;
static unsigned slept, slp_typ;

static void on_sleep(void *opaque, unsigned typ)
{
	(void)opaque;
	slept++;
	slp_typ = typ;
}

static void attach(bool timer32)
{
	struct vmi_acpi_pm_config c = {
		.sci = trace_pin(&trace, 9),
		.sleep = on_sleep,
		.timer32 = timer32,
	};

	memset(&trace, 0, sizeof(trace));
	slept = 0;
	now = 3000;
	vmi_acpi_pm_init(&pm, &c, now);
}

static void setup(void)
{
	attach(false);
}

static uint32_t rd(uint16_t offset, unsigned size)
{
	return vmi_acpi_pm_read(&pm, offset, size, now);
}

static void wr(uint16_t offset, unsigned size, uint32_t v)
{
	vmi_acpi_pm_write(&pm, offset, size, v, now);
}

/* The first nanosecond at which the timer has made `count` ticks. */
static uint64_t at(uint64_t count)
{
	return 3000 + vmi_muldiv_up(count, VMI_NSEC_PER_SEC, 3579545);
}

START_TEST(test_timer)
{
	ck_assert_uint_eq(rd(8, 4), 0);
	now = 3000 + VMI_NSEC_PER_SEC;
	ck_assert_uint_eq(rd(8, 4), 3579545);
	wr(8, 4, 0);
	ck_assert_uint_eq(rd(8, 4), 3579545);
	ck_assert_uint_eq(rd(9, 1), 3579545 >> 8 & 0xff);
	now = at(0xffffff);
	ck_assert_uint_eq(rd(8, 4), 0xffffff);
	now = at(0x1000000);
	ck_assert_uint_eq(rd(8, 4), 0); /* 4.687 s: 24 bits wrap */
	attach(true);
	now = at(0x1000000);
	ck_assert_uint_eq(rd(8, 4), 0x1000000);
	now = at(UINT64_C(0x100000003));
	ck_assert_uint_eq(rd(8, 4), 3);
}
END_TEST

/* Both toggles of the most significant bit, 24 and 32 bits. */
START_TEST(test_tmr_sts)
{
	uint64_t half = _i ? UINT64_C(1) << 31 : 1 << 23, k;

	attach(_i);
	ck_assert_uint_eq(vmi_acpi_pm_deadline(&pm, now), VMI_NEVER);
	wr(2, 2, 1);
	for (k = 1; k < 6; k++) {
		ck_assert_uint_eq(vmi_acpi_pm_deadline(&pm, now), at(k * half));
		now = at(k * half) - 1;
		ck_assert_uint_eq(rd(0, 2), 0);
		ck_assert(!trace.level[9]);
		now++;
		vmi_acpi_pm_update(&pm, now);
		ck_assert(trace.level[9]);
		ck_assert_uint_eq(vmi_acpi_pm_deadline(&pm, now), VMI_NEVER);
		ck_assert_uint_eq(rd(0, 2), 1);
		wr(0, 2, 1);
		ck_assert(!trace.level[9]);
	}
	wr(2, 2, 0);
	now = at(8 * half); /* the status is set without the enable */
	ck_assert_uint_eq(rd(0, 2), 1);
	ck_assert(!trace.level[9]);
	wr(2, 2, 1);
	ck_assert(trace.level[9]);
}
END_TEST

START_TEST(test_events)
{
	vmi_acpi_pm_event(&pm, VMI_PM1_PWRBTN, now);
	ck_assert(!trace.level[9]);
	ck_assert_uint_eq(rd(0, 2), 0x100);
	wr(2, 2, 0xffff);
	ck_assert_uint_eq(rd(2, 2), 0x521);
	ck_assert(trace.level[9]);
	vmi_acpi_pm_event(&pm, VMI_PM1_RTC | VMI_PM1_WAK, now);
	wr(0, 1, 0xff); /* the low byte only */
	ck_assert_uint_eq(rd(0, 4), 0x05218500);
	wr(1, 1, 0x01);
	ck_assert_uint_eq(rd(0, 2), 0x8400);
	ck_assert(trace.level[9]);
	wr(0, 4, 0x00000400); /* status and enable in one */
	ck_assert_uint_eq(rd(0, 4), 0x8000);
	ck_assert(!trace.level[9]);
	vmi_acpi_pm_event(&pm, VMI_PM1_GBL, now);
	wr(2, 1, 0x20);
	ck_assert(trace.level[9]);
	vmi_acpi_pm_reset(&pm, now);
	ck_assert(!trace.level[9]);
	ck_assert_uint_eq(rd(0, 4), 0);
}
END_TEST

START_TEST(test_reserved)
{
	vmi_acpi_pm_event(&pm, 0xffff, now);
	ck_assert_uint_eq(rd(0, 2), 0xc731);
	wr(4, 2, 0xdfff); /* GBL_RLS is write-only */
	ck_assert_uint_eq(rd(4, 2), 0x1c03);
}
END_TEST

START_TEST(test_control)
{
	wr(4, 2, 0x0001);
	ck_assert_uint_eq(rd(4, 2), 0x0001);
	wr(4, 2, 0x1401);
	ck_assert_uint_eq(slept, 0);
	ck_assert_uint_eq(rd(4, 2), 0x1401);
	wr(4, 2, 0x3401);
	ck_assert_uint_eq(slept, 1);
	ck_assert_uint_eq(slp_typ, 5);
	ck_assert_uint_eq(rd(4, 2), 0x1401); /* SLP_EN reads 0 */
	wr(5, 1, 0x20);
	ck_assert_uint_eq(slept, 2);
	ck_assert_uint_eq(slp_typ, 0);
	ck_assert_uint_eq(rd(4, 2), 0x0001);
	wr(6, 2, 0xffff);
	ck_assert_uint_eq(rd(4, 4), 0x0001);
}
END_TEST

START_TEST(test_reset)
{
	wr(2, 2, 0x100);
	vmi_acpi_pm_event(&pm, VMI_PM1_PWRBTN, now);
	ck_assert(trace.level[9]);
	wr(4, 2, 0x1401);
	now = at(5 << 23);
	vmi_acpi_pm_reset(&pm, now);
	ck_assert(!trace.level[9]);
	ck_assert_uint_eq(rd(4, 2), 0);
	ck_assert_uint_eq(rd(0, 4), 0);
	ck_assert_uint_eq(rd(8, 4), (5 << 23) & 0xffffff); /* goes on */
	wr(2, 2, 1);
	now = at(7 << 23);
	ck_assert_uint_eq(vmi_acpi_pm_deadline(&pm, now), now); /* overdue */
}
END_TEST

static void case_init(void *chip, struct trace *t)
{
	struct vmi_acpi_pm_config c = { .sci = trace_pin(t, 9) };

	vmi_acpi_pm_init(chip, &c, 1000);
}

static void case_step(
	void *chip, struct rng *r, uint64_t t_now, struct trace *t)
{
	uint64_t v = rng_next(r);
	uint16_t offset = v >> 8 & 15;
	unsigned size = 1u << (v >> 16) % 3;

	switch (v % 5) {
	case 0:
		vmi_acpi_pm_write(
			chip, offset, size, (uint32_t)(v >> 32), t_now);
		break;
	case 1: vmi_acpi_pm_event(chip, v >> 32 & 0xffff, t_now); break;
	case 2: vmi_acpi_pm_update(chip, t_now); break;
	default: trace_add(t, vmi_acpi_pm_read(chip, offset, size, t_now));
	}
	trace_add(t, vmi_acpi_pm_deadline(chip, t_now));
}

static void case_get(const void *chip, void *state)
{
	*(struct vmi_acpi_pm_state *)state = ((const struct vmi_acpi_pm *)chip)->s;
}

static int case_set(void *chip, const void *state)
{
	return vmi_acpi_pm_set_state(chip, state);
}

static void case_update(void *chip, uint64_t t_now)
{
	vmi_acpi_pm_update(chip, t_now);
}

static const struct chip_case pm_case = {
	sizeof(struct vmi_acpi_pm),
	sizeof(struct vmi_acpi_pm_state),
	case_init,
	case_step,
	case_get,
	case_set,
	3 * VMI_NSEC_PER_SEC,
	case_update,
};

START_TEST(test_lazy)
{
	trial_lazy(&pm_case, 100);
}
END_TEST

START_TEST(test_round_trip)
{
	trial_round_trip(&pm_case, 300);
}
END_TEST

START_TEST(test_hostile)
{
	trial_hostile(&pm_case, 3000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("acpi_pm");
	TCase *t = tcase_create("acpi_pm");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, test_timer);
	tcase_add_loop_test(t, test_tmr_sts, 0, 2);
	tcase_add_test(t, test_events);
	tcase_add_test(t, test_reserved);
	tcase_add_test(t, test_control);
	tcase_add_test(t, test_reset);
	tcase_add_test(t, test_lazy);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_hostile);
	return run_suite(s);
}
