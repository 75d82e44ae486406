/* SPDX-License-Identifier: MIT */
/* The computed counter: 128-bit arithmetic, exact inverse, no drift. */
#include "chiptest.h"
#include "lib/chip/counter.h"

START_TEST(test_muldiv)
{
	static const struct {
		uint64_t a, b, c, down, up;
	} v[] = {
		{ 0, 5, 7, 0, 0 },
		{ 10, 10, 7, 14, 15 },
		{ UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX },
		{ UINT64_MAX, 3, 4, UINT64_C(0xbfffffffffffffff),
			UINT64_C(0xc000000000000000) },
		{ UINT64_MAX, 2, 1, UINT64_MAX, UINT64_MAX },
		{ UINT64_C(1) << 63, 1193182, 1000000000,
			UINT64_C(11005161493678455),
			UINT64_C(11005161493678456) },
		{ UINT64_C(0xfedcba9876543210), UINT64_C(0x123456789abcdef0),
			UINT64_C(0xff00000000000001),
			UINT64_C(0x1231d1dcb431a5c7),
			UINT64_C(0x1231d1dcb431a5c8) },
	};

	ck_assert_uint_eq(vmi_muldiv(v[_i].a, v[_i].b, v[_i].c), v[_i].down);
	ck_assert_uint_eq(vmi_muldiv_up(v[_i].a, v[_i].b, v[_i].c), v[_i].up);
}
END_TEST

/* q * c + r == a * b modulo 2^64, with r < c, pins q. */
START_TEST(test_muldiv_random)
{
	struct rng r = { 1 };
	unsigned i;

	for (i = 0; i < 200000; i++) {
		uint64_t a = rng_next(&r) >> rng_below(&r, 64);
		uint64_t b = rng_next(&r) >> rng_below(&r, 64);
		uint64_t c = (rng_next(&r) >> rng_below(&r, 64)) | 1;
		uint64_t q = vmi_muldiv(a, b, c);

		if (q == UINT64_MAX)
			continue;
		ck_assert_uint_lt(a * b - q * c, c);
		ck_assert_uint_eq(
			vmi_muldiv_up(a, b, c), q + (a * b - q * c != 0));
	}
}
END_TEST

START_TEST(test_no_drift)
{
	struct vmi_counter c;
	uint64_t day = 86400 * VMI_NSEC_PER_SEC, t;

	vmi_counter_init(&c, 1193182, VMI_NSEC_PER_SEC, 64);
	vmi_counter_start(&c, 0);
	for (t = 0; t < 100000; t++)
		vmi_counter_read(&c, t * 837);
	ck_assert_uint_eq(vmi_counter_read(&c, day), 1193182u * 86400ull);
	ck_assert_uint_eq(
		vmi_counter_read(&c, 3650 * day), 1193182u * 86400ull * 3650);
}
END_TEST

/* when() is the first nanosecond that shows the value. */
START_TEST(test_when)
{
	struct vmi_counter c;
	struct rng r = { 3 };
	unsigned i;

	vmi_counter_init(&c, 3579545, VMI_NSEC_PER_SEC, 24);
	ck_assert_uint_eq(vmi_counter_when(&c, 5, 0), VMI_NEVER);
	vmi_counter_start(&c, 777);
	for (i = 0; i < 10000; i++) {
		uint64_t now = 777 + (rng_next(&r) >> 10);
		uint64_t v = rng_next(&r) & 0xffffff;
		uint64_t t = vmi_counter_when(&c, v, now);

		ck_assert_uint_gt(t, now);
		ck_assert_uint_eq(vmi_counter_read(&c, t), v);
		ck_assert_uint_eq(
			vmi_counter_read(&c, t - 1), (v - 1) & 0xffffff);
	}
	ck_assert_uint_eq(vmi_counter_when(&c, 0, 777),
		777 + vmi_muldiv_up(1 << 24, VMI_NSEC_PER_SEC, 3579545));
}
END_TEST

START_TEST(test_stop_set_rate)
{
	struct vmi_counter c;

	vmi_counter_init(&c, 1, 10, 64);
	ck_assert_uint_eq(vmi_counter_read(&c, 1000), 0);
	vmi_counter_start(&c, 1000);
	vmi_counter_start(&c, 1050); /* already running */
	ck_assert_uint_eq(vmi_counter_read(&c, 1100), 10);
	ck_assert_uint_eq(vmi_counter_read(&c, 500), 0);
	vmi_counter_stop(&c, 1100);
	ck_assert_uint_eq(vmi_counter_read(&c, 9999), 10);
	vmi_counter_set(&c, UINT64_MAX, 9999);
	vmi_counter_start(&c, 20000);
	ck_assert_uint_eq(vmi_counter_read(&c, 20010), 0);
	ck_assert_uint_eq(vmi_counter_when(&c, 0, 20000), 20010);
	ck_assert_uint_eq(vmi_counter_when(&c, 0, 20010), VMI_NEVER);
	vmi_counter_rate(&c, 3, 10, 20110);
	ck_assert_uint_eq(vmi_counter_read(&c, 20210), 40);
	vmi_counter_set(&c, 10, 20110);
	vmi_counter_rate(&c, 1, 100, 20110);
	ck_assert_uint_eq(vmi_counter_read(&c, 20110), 10);
	ck_assert_uint_eq(vmi_counter_read(&c, 20310), 12);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("counter");
	TCase *t = tcase_create("counter");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, test_muldiv, 0, 7);
	tcase_add_test(t, test_muldiv_random);
	tcase_add_test(t, test_no_drift);
	tcase_add_test(t, test_when);
	tcase_add_test(t, test_stop_set_rate);
	return run_suite(s);
}
