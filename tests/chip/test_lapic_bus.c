/* SPDX-License-Identifier: MIT */
/* Destinations and arbitration against SDM 3A 11.6. */
#include "lapictest.h"

struct dest_row {
	uint32_t dest;
	bool logical;
	bool wide;
	unsigned cpus; /* one bit each */
};

static unsigned reached(const struct dest_row *d)
{
	struct vmi_msi_msg m = { .dest = d->dest,
		.vector = 0x80,
		.logical = d->logical,
		.wide = d->wide,
		.level = true };
	unsigned i, set = 0, n = 0;
	int r = vmi_apic_bus_deliver(&bus, &m);

	for (i = 0; i < CPUS; i++) {
		if (take(i, 0x80)) {
			set |= 1u << i;
			n++;
		}
	}
	ck_assert_int_eq(r, n ? (int)n : -1);
	return set;
}

/* 11.6.2: physical, flat and cluster. */
START_TEST(test_dest_xapic)
{
	static const struct dest_row flat[] = {
		{ 2, false, false, 0x4 },
		{ 9, false, false, 0 },
		{ 0xff, false, false, 0xf },
		{ 0xff, false, true, 0 },
		{ 0xffffffff, false, true, 0xf },
		{ 3, true, false, 0x3 },
		{ 0x0c, true, false, 0xc },
		{ 0xf0, true, false, 0 },
		{ 0xff, true, false, 0xf },
		{ 0x101, true, true, 0 },
		{ 0, true, false, 0 },
	};
	static const struct dest_row cluster[] = {
		{ 0x11, true, false, 0x1 },
		{ 0x13, true, false, 0x3 },
		{ 0x21, true, false, 0x4 },
		{ 0x23, true, false, 0xc },
		{ 0x33, true, false, 0 },
		{ 0xff, true, false, 0xf },
		{ 0xf1, true, false, 0x5 },
	};
	unsigned i;

	for (i = 0; i < CPUS; i++)
		wr(i, 0xd0, UINT32_C(1) << (24 + i));
	for (i = 0; i < sizeof(flat) / sizeof(flat[0]); i++)
		ck_assert_msg(reached(&flat[i]) == flat[i].cpus, "flat %u", i);
	for (i = 0; i < CPUS; i++) {
		wr(i, 0xe0, 0);
		ck_assert_uint_eq(rd(i, 0xe0), 0x0fffffff);
		wr(i, 0xd0, (i / 2 + 1) << 28 | UINT32_C(1) << (24 + i % 2));
	}
	for (i = 0; i < sizeof(cluster) / sizeof(cluster[0]); i++)
		ck_assert_msg(reached(&cluster[i]) == cluster[i].cpus,
			"cluster %u", i);
	/* Globally disabled: not on the bus. */
	vmi_lapic_wrmsr(&cpu[3], 0x1b, 0xfee00000, now);
	ck_assert_uint_eq(reached(&cluster[5]), 0x7);
}
END_TEST

/* 11.12.9, 11.12.10: x2APIC ids, clusters of sixteen. */
START_TEST(test_dest_x2apic)
{
	static const struct dest_row rows[] = {
		{ 2, false, true, 0x4 },
		{ 0x12345, false, true, 0x8 },
		{ 0xffffffff, false, true, 0xf },
		{ 0xff, false, true, 0 },
		{ 0xff, false, false, 0xf },
		{ 0x00000003, true, true, 0x3 },
		{ 0x12340020, true, true, 0x8 },
		{ 0x12340010, true, true, 0 },
		{ 0xffffffff, true, true, 0xf },
		{ 5, true, false, 0x5 },
		{ 0x00010001, true, true, 0 },
	};
	uint64_t v;
	unsigned i;

	cpu[3].config.apic_id = 0x12345;
	for (i = 0; i < CPUS; i++)
		ck_assert_int_eq(vmi_lapic_wrmsr(&cpu[i], 0x1b,
					 cpu[i].s.base_msr | 0x400, now),
			0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(reached(&rows[i]) == rows[i].cpus, "row %u", i);
	vmi_lapic_rdmsr(&cpu[3], 0x802, now, &v);
	ck_assert_uint_eq(v, 0x12345);
	vmi_lapic_rdmsr(&cpu[3], 0x80d, now, &v);
	ck_assert_uint_eq(v, 0x12340020);
}
END_TEST

/* 11.6.2.4: the lowest priority takes it, equals in turn. */
START_TEST(test_lowest)
{
	struct vmi_msi_msg m = {
		.dest = 0xff, .vector = 0x80, .delivery = 1, .level = true
	};
	unsigned i, got[CPUS] = { 0 };

	for (i = 0; i < 8; i++) {
		ck_assert_int_eq(vmi_apic_bus_deliver(&bus, &m), 1);
		got[0] += take(0, 0x80);
		got[1] += take(1, 0x80);
		got[2] += take(2, 0x80);
		got[3] += take(3, 0x80);
	}
	for (i = 0; i < CPUS; i++)
		ck_assert_uint_eq(got[i], 2);
	wr(0, 0x80, 0x50);
	wr(1, 0x80, 0x30);
	wr(2, 0x80, 0x20);
	wr(3, 0x80, 0x90);
	ck_assert_int_eq(vmi_apic_bus_deliver(&bus, &m), 1);
	ck_assert_uint_eq(take(2, 0x80), 1);
	wr(2, 0xf0, 0xff); /* software-disabled: no part in it */
	ck_assert_int_eq(vmi_apic_bus_deliver(&bus, &m), 1);
	ck_assert_uint_eq(take(1, 0x80), 1);
	ck_assert_int_eq(vmi_apic_bus_deliver(&bus, &m), 1);
	ck_assert_int_eq(vmi_apic_bus_deliver(&bus, &m), 1);
}
END_TEST

/* 11.6.1: the ICR, its shorthands and modes. */
START_TEST(test_icr)
{
	wr(0, 0x310, 0x02000000);
	wr(0, 0x300, 0x81);
	ck_assert_uint_eq(take(2, 0x81), 1);
	ck_assert_uint_eq(rd(0, 0x300), 0x81); /* status idle */
	ck_assert_uint_eq(rd(0, 0x310), 0x02000000);
	wr(1, 0x300, 0x40082); /* self */
	ck_assert_uint_eq(take(1, 0x82), 1);
	wr(1, 0x300, 0x80083); /* all */
	ck_assert_uint_eq(
		take(0, 0x83) + take(1, 0x83) + take(2, 0x83) + take(3, 0x83),
		4);
	wr(1, 0x300, 0xc0084); /* others */
	ck_assert_uint_eq(take(1, 0x84), 0);
	ck_assert_uint_eq(take(0, 0x84) + take(2, 0x84) + take(3, 0x84), 3);
	memset(events, 0, sizeof(events));
	wr(0, 0x300, 0xc4500); /* INIT to the others */
	wr(0, 0x300, 0xc8500); /* level de-assert: nothing */
	wr(0, 0x300, 0xc4608); /* SIPI */
	wr(0, 0x300, 0x4400);  /* NMI to 2 */
	wr(0, 0x300, 0x4200);  /* SMI to 2 */
	ck_assert_uint_eq(events[0][VMI_LAPIC_INIT], 0);
	ck_assert_uint_eq(events[3][VMI_LAPIC_INIT], 1);
	ck_assert_uint_eq(events[3][VMI_LAPIC_SIPI], 1);
	ck_assert_uint_eq(last_vector[3], 8);
	ck_assert_uint_eq(events[2][VMI_LAPIC_NMI], 1);
	ck_assert_uint_eq(events[2][VMI_LAPIC_SMI], 1);
	memset(events, 0, sizeof(events));
	wr(0, 0x300, 0x44400); /* NMI to self: not legal (table 11-3) */
	wr(0, 0x300, 0x84500);
	ck_assert_uint_eq(events[0][VMI_LAPIC_NMI], 0);
	ck_assert_uint_eq(events[1][VMI_LAPIC_INIT], 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lapic_bus");
	TCase *t = tcase_create("lapic_bus");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, test_dest_xapic);
	tcase_add_test(t, test_dest_x2apic);
	tcase_add_test(t, test_lowest);
	tcase_add_test(t, test_icr);
	return run_suite(s);
}
