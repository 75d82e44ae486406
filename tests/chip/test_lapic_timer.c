/* SPDX-License-Identifier: MIT */
/* The local APIC timer against SDM 3A 11.5.4. */
#include "lapictest.h"

START_TEST(test_one_shot)
{
	unsigned code;
	static const unsigned div[] = { 2, 4, 8, 16, 32, 64, 128, 1 };

	wr(0, 0x320, 0x31);
	for (code = 0; code < 8; code++) {
		uint64_t t0 = now, end;

		wr(0, 0x3e0, (code & 3) | (code & 4) << 1);
		wr(0, 0x380, 1000);
		end = t0 + 1000 * div[code];
		ck_assert_uint_eq(vmi_lapic_deadline(&cpu[0], now), end);
		now = t0 + 400 * div[code];
		ck_assert_uint_eq(rd(0, 0x390), 600);
		now += div[code] - 1;
		ck_assert_uint_eq(rd(0, 0x390), 600);
		now = end - 1;
		ck_assert_uint_eq(rd(0, 0x390), 1);
		ck_assert_uint_eq(take(0, 0x31), 0);
		now = end;
		vmi_lapic_update(&cpu[0], now);
		ck_assert_uint_eq(take(0, 0x31), 1);
		now += 5000;
		ck_assert_uint_eq(rd(0, 0x390), 0);
		ck_assert_uint_eq(take(0, 0x31), 0);
		ck_assert_uint_eq(vmi_lapic_deadline(&cpu[0], now), VMI_NEVER);
	}
	/* 0 stops; a mask lets it count in silence. */
	wr(0, 0x380, 1000);
	wr(0, 0x380, 0);
	ck_assert_uint_eq(vmi_lapic_deadline(&cpu[0], now), VMI_NEVER);
	wr(0, 0x320, 0x10031);
	wr(0, 0x380, 1000);
	ck_assert_uint_eq(vmi_lapic_deadline(&cpu[0], now), VMI_NEVER);
	now += 2000;
	wr(0, 0x320, 0x31);
	ck_assert_uint_eq(take(0, 0x31), 0);
	/* A new divisor keeps the count. */
	wr(0, 0x380, 1000);
	now += 500;
	wr(0, 0x3e0, 0x0);
	ck_assert_uint_eq(rd(0, 0x390), 500);
	ck_assert_uint_eq(vmi_lapic_deadline(&cpu[0], now), now + 1000);
}
END_TEST

START_TEST(test_periodic)
{
	unsigned i;
	uint64_t t0;

	wr(0, 0x3e0, 0xb);
	wr(0, 0x320, 0x20031);
	wr(0, 0x380, 777);
	t0 = now;
	for (i = 1; i <= 1000; i++) {
		now = vmi_lapic_deadline(&cpu[0], now);
		ck_assert_uint_eq(now, t0 + 777 * i);
		vmi_lapic_update(&cpu[0], now);
		ck_assert_uint_eq(take(0, 0x31), 1);
		ck_assert_uint_eq(rd(0, 0x390), 777);
	}
	now = t0 + 777 * 5000 + 77;
	ck_assert_uint_eq(rd(0, 0x390), 700);
	ck_assert_uint_eq(take(0, 0x31), 1);
	ck_assert_uint_eq(take(0, 0x31), 0);
	/* To one-shot: this period is the last. */
	wr(0, 0x320, 0x31);
	now += 700;
	vmi_lapic_update(&cpu[0], now);
	ck_assert_uint_eq(take(0, 0x31), 1);
	ck_assert_uint_eq(vmi_lapic_deadline(&cpu[0], now), VMI_NEVER);
}
END_TEST

/* 11.5.4.1 */
START_TEST(test_tsc_deadline)
{
	uint64_t v;

	ck_assert_int_eq(vmi_lapic_wrmsr(&cpu[0], 0x6e0, 5000, now), 0);
	vmi_lapic_rdmsr(&cpu[0], 0x6e0, now, &v);
	ck_assert_uint_eq(v, 0); /* other modes ignore it */
	wr(0, 0x320, 0x31);
	wr(0, 0x380, 100000);
	wr(0, 0x320, 0x40031);
	ck_assert_uint_eq(rd(0, 0x390), 0); /* the change disarmed */
	wr(0, 0x380, 55);
	ck_assert_uint_eq(rd(0, 0x390), 0);
	vmi_lapic_wrmsr(&cpu[0], 0x6e0, 5001, now);
	ck_assert_uint_eq(vmi_lapic_deadline(&cpu[0], now), 2501);
	vmi_lapic_update(&cpu[0], 2500);
	ck_assert_uint_eq(take(0, 0x31), 0);
	vmi_lapic_update(&cpu[0], 2501);
	ck_assert_uint_eq(take(0, 0x31), 1);
	vmi_lapic_rdmsr(&cpu[0], 0x6e0, 2501, &v);
	ck_assert_uint_eq(v, 0);
	ck_assert_uint_eq(vmi_lapic_deadline(&cpu[0], 2501), VMI_NEVER);
	vmi_lapic_wrmsr(&cpu[0], 0x6e0, 9000, 2600);
	vmi_lapic_wrmsr(&cpu[0], 0x6e0, 0, 2600); /* 0 disarms */
	vmi_lapic_update(&cpu[0], 100000);
	ck_assert_uint_eq(take(0, 0x31), 0);
	vmi_lapic_wrmsr(&cpu[0], 0x6e0, 1, 100000); /* passed: at once */
	ck_assert_uint_eq(take(0, 0x31), 1);
	vmi_lapic_wrmsr(&cpu[0], 0x6e0, 400000, 100000);
	now = 100000;
	wr(0, 0x320, 0x31); /* leaving the mode disarms */
	ck_assert_uint_eq(cpu[0].s.tsc_deadline, 0);
}
END_TEST

/* 11.5.4.1: without CPUID.01H:ECX[24] the mode's bit is reserved. */
START_TEST(test_no_tsc_deadline)
{
	uint64_t v;

	wr(0, 0x320, 0x40031);
	vmi_lapic_wrmsr(&cpu[0], 0x6e0, 5001, now);
	vmi_lapic_allow_tsc_mode(&cpu[0], false);
	ck_assert_uint_eq(rd(0, 0x320), 0x31);
	ck_assert_uint_eq(cpu[0].s.tsc_deadline, 0);
	ck_assert_uint_eq(vmi_lapic_deadline(&cpu[0], now), VMI_NEVER);
	wr(0, 0x320, 0x50032);
	ck_assert_uint_eq(rd(0, 0x320), 0x10032);
	vmi_lapic_wrmsr(&cpu[0], 0x1b, 0xfee00c00, now);
	ck_assert_int_eq(
		vmi_lapic_wrmsr(&cpu[0], 0x832, 0x40031, now), -EINVAL);
	ck_assert_int_eq(vmi_lapic_wrmsr(&cpu[0], 0x832, 0x20031, now), 0);
	vmi_lapic_rdmsr(&cpu[0], 0x832, now, &v);
	ck_assert_uint_eq(v, 0x20031);
	vmi_lapic_allow_tsc_mode(&cpu[0], true);
	ck_assert_int_eq(vmi_lapic_wrmsr(&cpu[0], 0x832, 0x40031, now), 0);
}
END_TEST

/* An access comes after what the timer has done by then. */
START_TEST(test_lazy)
{
	uint64_t v;

	wr(0, 0x320, 0x31);
	wr(0, 0x380, 100);
	now += 1000;
	ck_assert_uint_eq(vmi_lapic_deadline(&cpu[0], now), now);
	ck_assert_uint_eq(rd(0, 0x210), 0x20000);
	ck_assert_uint_eq(take(0, 0x31), 1);
	wr(0, 0x380, 100);
	now += 1000;
	wr(0, 0x320, 0x10031); /* masked after it fired */
	ck_assert_uint_eq(take(0, 0x31), 1);
	wr(0, 0x320, 0x31);
	wr(0, 0x380, 100);
	now += 1000;
	vmi_lapic_rdmsr(&cpu[0], 0x1b, now, &v);
	ck_assert_uint_eq(take(0, 0x31), 1);
	wr(0, 0x380, 100);
	now += 1000;
	vmi_lapic_wrmsr(&cpu[0], 0x6e0, 0, now);
	ck_assert_uint_eq(take(0, 0x31), 1);
	wr(0, 0x380, 100);
	now += 1000;
	{
		uint8_t page[VMI_LAPIC_PAGE];

		vmi_lapic_kvm_get(&cpu[0], page, now);
		ck_assert_uint_eq(page[0x212], 0x02);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lapic_timer");
	TCase *t = tcase_create("lapic_timer");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, test_one_shot);
	tcase_add_test(t, test_periodic);
	tcase_add_test(t, test_tsc_deadline);
	tcase_add_test(t, test_no_tsc_deadline);
	tcase_add_test(t, test_lazy);
	return run_suite(s);
}
