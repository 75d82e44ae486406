/* SPDX-License-Identifier: MIT */
/* The local APIC and its bus against SDM 3A chapter 11. */
#include "chiptest.h"
#include "chip/lapic.h"

#define CPUS   4
#define BUS_HZ 1000000000u

static struct vmi_lapic cpu[CPUS];
static struct vmi_lapic *list[CPUS];
static struct vmi_apic_bus bus;
static unsigned events[CPUS][8];
static uint8_t last_vector[CPUS], last_eoi;
static unsigned eois;
static uint64_t now;

static void on_event(void *opaque, enum vmi_lapic_event e, uint8_t vector)
{
	size_t n = (size_t)((struct vmi_lapic *)opaque - cpu);

	events[n][e]++;
	last_vector[n] = vector;
}

static void on_eoi(void *opaque, uint8_t vector)
{
	(void)opaque;
	eois++;
	last_eoi = vector;
}

static int on_send(void *opaque, struct vmi_lapic *from,
	const struct vmi_msi_msg *msg, enum vmi_shorthand to)
{
	(void)opaque;
	return vmi_apic_bus_ipi(&bus, from, msg, to);
}

static uint64_t on_tsc(void *opaque, uint64_t tsc)
{
	(void)opaque;
	return vmi_muldiv_up(tsc, 1, 2); /* 2 GHz */
}

static const struct vmi_lapic_ops ops = { on_event, on_eoi, on_send, on_tsc };

static uint32_t rd(unsigned n, uint32_t reg)
{
	return vmi_lapic_read(&cpu[n], reg, 4, now);
}

static void wr(unsigned n, uint32_t reg, uint32_t v)
{
	vmi_lapic_write(&cpu[n], reg, 4, v, now);
}

static void setup(void)
{
	unsigned i;

	memset(events, 0, sizeof(events));
	eois = 0;
	now = 1000;
	for (i = 0; i < CPUS; i++) {
		struct vmi_lapic_config c = { BUS_HZ, i, 40, i == 0, true };

		vmi_lapic_init(&cpu[i], &c, &ops, &cpu[i]);
		wr(i, 0xf0, 0x1ff);
		list[i] = &cpu[i];
	}
	bus = (struct vmi_apic_bus){ list, CPUS, 0 };
	memset(events, 0, sizeof(events));
}

static int send(unsigned n, uint8_t vector, bool level)
{
	struct vmi_msi_msg m = {
		.dest = n, .vector = vector, .trig_level = level, .level = true
	};

	return vmi_apic_bus_deliver(&bus, &m);
}

/* 11.4.7.1: the state after power-up; after INIT the same but id and base. */
START_TEST(test_reset)
{
	static const uint16_t masked[] = { 0x2f0, 0x320, 0x330, 0x340, 0x350,
		0x360, 0x370 };
	unsigned i;

	wr(1, 0x20, 0x77000000);
	vmi_lapic_init_ipi(&cpu[1]);
	ck_assert_uint_eq(rd(1, 0x20), 0x77000000);
	vmi_lapic_reset(&cpu[1]);
	ck_assert_uint_eq(rd(1, 0x20), 0x01000000);
	ck_assert_uint_eq(rd(1, 0x30), 0x01060014);
	ck_assert_uint_eq(rd(1, 0xf0), 0xff);
	ck_assert_uint_eq(rd(1, 0xe0), 0xffffffff);
	ck_assert_uint_eq(rd(1, 0xd0) | rd(1, 0x80) | rd(1, 0x300), 0);
	for (i = 0; i < 7; i++) {
		wr(1, masked[i], 0x40); /* cannot be unmasked: 11.4.7.2 */
		ck_assert_uint_eq(rd(1, masked[i]), 0x10040);
	}
	ck_assert_uint_eq(cpu[0].s.base_msr, 0xfee00900);
	ck_assert_uint_eq(cpu[1].s.base_msr, 0xfee00800);
	/* Software-disabled: no fixed interrupt, but NMI. */
	ck_assert_int_eq(send(1, 0x40, false), -1);
	ck_assert_int_eq(
		vmi_apic_bus_deliver(&bus,
			&(struct vmi_msi_msg){ .dest = 1, .delivery = 4 }),
		1);
	ck_assert_uint_eq(events[1][VMI_LAPIC_NMI], 1);
	/* Disabling masks entries that were open. */
	wr(0, 0x350, 0x700);
	wr(0, 0xf0, 0xff);
	ck_assert_uint_eq(rd(0, 0x350), 0x10700);
}
END_TEST

/* 11.8.3.1: task and processor priority. */
START_TEST(test_priority)
{
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), -1);
	ck_assert_int_eq(send(0, 0x51, false), 1);
	ck_assert_int_eq(send(0, 0x51, false), 0);
	ck_assert_int_eq(send(0, 0x62, false), 1);
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), 0x62);
	wr(0, 0x80, 0x55);
	ck_assert_uint_eq(rd(0, 0xa0), 0x55);
	ck_assert_uint_eq(vmi_lapic_accept(&cpu[0]), 0x62);
	ck_assert_uint_eq(rd(0, 0xa0), 0x60);
	ck_assert_uint_eq(rd(0, 0x130), 0x4);
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), -1);
	send(0, 0x6f, false); /* same class: waits */
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), -1);
	send(0, 0x70, false);
	ck_assert_uint_eq(vmi_lapic_accept(&cpu[0]), 0x70);
	wr(0, 0xb0, 0);
	ck_assert_uint_eq(rd(0, 0xa0), 0x60);
	wr(0, 0xb0, 0);
	ck_assert_uint_eq(vmi_lapic_accept(&cpu[0]), 0x6f);
	wr(0, 0xb0, 0);
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), -1); /* 0x51 by TPR */
	/* The TPR rose after INTR: spurious vector, no ISR bit (11.9). */
	ck_assert_uint_eq(vmi_lapic_accept(&cpu[0]), 0xff);
	ck_assert_uint_eq(rd(0, 0xa0), 0x55);
	events[0][VMI_LAPIC_INTR] = 0;
	wr(0, 0x80, 0x40);
	ck_assert_uint_eq(events[0][VMI_LAPIC_INTR], 1);
	ck_assert_uint_eq(rd(0, 0x90), 0x50); /* APR: max with IRRV */
	ck_assert_uint_eq(vmi_lapic_accept(&cpu[0]), 0x51);
	wr(0, 0x80, 0xff);
	ck_assert_uint_eq(rd(0, 0x90), 0xff);
}
END_TEST

/* 11.8.5: EOI broadcast of level vectors, and its suppression. */
START_TEST(test_eoi)
{
	send(0, 0x41, true);
	send(0, 0x42, false);
	ck_assert_uint_eq(rd(0, 0x1a0), 2); /* TMR */
	vmi_lapic_accept(&cpu[0]);
	wr(0, 0xb0, 0);
	ck_assert_uint_eq(eois, 0);
	vmi_lapic_accept(&cpu[0]);
	wr(0, 0xb0, 0);
	ck_assert_uint_eq(eois, 1);
	ck_assert_uint_eq(last_eoi, 0x41);
	wr(0, 0xb0, 0); /* nothing in service */
	ck_assert_uint_eq(eois, 1);
	wr(0, 0xf0, 0x11ff);
	send(0, 0x41, true);
	vmi_lapic_accept(&cpu[0]);
	wr(0, 0xb0, 0);
	ck_assert_uint_eq(eois, 1);
	wr(0, 0xf0, 0x1ff);
	send(0, 0x41, true);
	send(0, 0x41, false); /* TMR follows the last acceptance */
	vmi_lapic_accept(&cpu[0]);
	wr(0, 0xb0, 0);
	ck_assert_uint_eq(eois, 1);
}
END_TEST

/* 11.5.3: ESR shows what was logged at the write before. */
START_TEST(test_esr)
{
	wr(0, 0x370, 0x99);
	send(0, 0x0f, false);
	ck_assert_uint_eq(rd(0, 0x280), 0);
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), 0x99);
	vmi_lapic_accept(&cpu[0]);
	wr(0, 0xb0, 0);
	rd(0, 0x40); /* reserved register: no second interrupt yet */
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), -1);
	wr(0, 0x280, 0);
	ck_assert_uint_eq(rd(0, 0x280), 0xc0);
	wr(0, 0x300, 0x0000f); /* illegal vector sent */
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), 0x99);
	ck_assert_uint_eq(rd(0, 0x280), 0xc0);
	wr(0, 0x280, 0);
	ck_assert_uint_eq(rd(0, 0x280), 0x20);
	wr(0, 0x280, 0);
	ck_assert_uint_eq(rd(0, 0x280), 0);
	wr(0, 0x30, 5); /* read-only */
	wr(0, 0x280, 0);
	ck_assert_uint_eq(rd(0, 0x280), 0x80);
	ck_assert_uint_eq(rd(0, 0x30), 0x01060014);
}
END_TEST

static unsigned take(unsigned n, uint8_t vector)
{
	if (vmi_lapic_pending(&cpu[n]) != vector)
		return 0;
	vmi_lapic_accept(&cpu[n]);
	vmi_lapic_eoi(&cpu[n]);
	return 1;
}

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

/* 11.12: MSR access, what is #GP, self IPI, mode transitions. */
START_TEST(test_x2apic)
{
	static const struct {
		uint32_t msr;
		uint64_t value;
		int err;
	} writes[] = {
		{ 0x802, 0, -EINVAL },
		{ 0x803, 0, -EINVAL },
		{ 0x808, 0x20, 0 },
		{ 0x808, 0x100, -EINVAL },
		{ 0x808, UINT64_C(1) << 32, -EINVAL },
		{ 0x809, 0, -EINVAL },
		{ 0x80b, 0, 0 },
		{ 0x80b, 1, -EINVAL },
		{ 0x80d, 0, -EINVAL },
		{ 0x80e, 0, -EINVAL },
		{ 0x80f, 0x1ff, 0 },
		{ 0x80f, 0x400, -EINVAL },
		{ 0x810, 0, -EINVAL },
		{ 0x828, 0, 0 },
		{ 0x828, 1, -EINVAL },
		{ 0x82f, 0x10040, 0 },
		{ 0x830, 0x1000, -EINVAL },
		{ 0x831, 0, -EINVAL },
		{ 0x832, 0x800, -EINVAL },
		{ 0x832, 0x10031, 0 },
		{ 0x838, 7, 0 },
		{ 0x839, 0, -EINVAL },
		{ 0x83e, 4, -EINVAL },
		{ 0x83e, 0xb, 0 },
		{ 0x83f, 0x40, 0 },
		{ 0x83f, 0x140, -EINVAL },
		{ 0x840, 0, -EINVAL },
		{ 0x8ff, 0, -EINVAL },
		{ 0x900, 0, -ENOENT },
		{ 0x10, 0, -ENOENT },
	};
	uint64_t v;
	unsigned i;

	ck_assert_int_eq(vmi_lapic_rdmsr(&cpu[0], 0x802, now, &v), -EINVAL);
	ck_assert_int_eq(vmi_lapic_wrmsr(&cpu[0], 0x1b, 0xfee00d00, now), 0);
	for (i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
		ck_assert_msg(vmi_lapic_wrmsr(&cpu[0], writes[i].msr,
				      writes[i].value, now) == writes[i].err,
			"%x = %llx", (unsigned)writes[i].msr,
			(unsigned long long)writes[i].value);
	ck_assert_uint_eq(take(0, 0x40), 1); /* the self IPI */
	ck_assert_int_eq(vmi_lapic_rdmsr(&cpu[0], 0x80b, now, &v), -EINVAL);
	ck_assert_int_eq(vmi_lapic_rdmsr(&cpu[0], 0x83f, now, &v), -EINVAL);
	ck_assert_int_eq(vmi_lapic_rdmsr(&cpu[0], 0x80a, now, &v), 0);
	ck_assert_uint_eq(v, 0x20);
	v = UINT64_C(0x100000091);
	ck_assert_int_eq(vmi_lapic_wrmsr(&cpu[0], 0x830, v, now), 0);
	ck_assert_uint_eq(take(1, 0x91), 1);
	ck_assert_int_eq(vmi_lapic_rdmsr(&cpu[0], 0x830, now, &v), 0);
	ck_assert_uint_eq(v, UINT64_C(0x100000091));
	ck_assert_uint_eq(rd(0, 0x30), UINT32_MAX); /* MMIO is gone */
}
END_TEST

START_TEST(test_base)
{
	static const struct {
		uint64_t from, to;
		int err;
	} moves[] = {
		/* figure 11-27 */
		{ 0x800, 0x800, 0 },
		{ 0x800, 0x000, 0 },
		{ 0x800, 0xc00, 0 },
		{ 0x800, 0x400, -EINVAL },
		{ 0xc00, 0xc00, 0 },
		{ 0xc00, 0x800, -EINVAL },
		{ 0xc00, 0x000, 0 },
		{ 0xc00, 0x400, -EINVAL },
		{ 0x000, 0x000, 0 },
		{ 0x000, 0x800, 0 },
		{ 0x000, 0xc00, -EINVAL },
		{ 0x000, 0x400, -EINVAL },
	};
	unsigned i;

	for (i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		setup();
		ck_assert_int_eq(vmi_lapic_restore_base(
					 &cpu[1], 0xfee00000 | moves[i].from),
			0);
		ck_assert_msg(
			vmi_lapic_wrmsr(&cpu[1], 0x1b, 0xfee00000 | moves[i].to,
				now) == moves[i].err,
			"%x to %x", (unsigned)moves[i].from,
			(unsigned)moves[i].to);
		ck_assert_uint_eq(cpu[1].s.base_msr,
			0xfee00000 |
				(moves[i].err ? moves[i].from : moves[i].to));
	}
	setup();
	ck_assert_int_eq(
		vmi_lapic_wrmsr(&cpu[0], 0x1b, UINT64_C(0x10000000800), now),
		-EINVAL); /* MAXPHYADDR 40 */
	ck_assert_int_eq(
		vmi_lapic_wrmsr(&cpu[0], 0x1b, UINT64_C(0xfffffff800), now), 0);
	ck_assert_int_eq(
		vmi_lapic_wrmsr(&cpu[0], 0x1b, 0xfee00a00, now), -EINVAL);
	cpu[0].config.x2apic = false;
	ck_assert_int_eq(
		vmi_lapic_wrmsr(&cpu[0], 0x1b, 0xfee00c00, now), -EINVAL);
	/* Off and on again: as after power-up, but for the id. */
	wr(0, 0x80, 0x33);
	send(0, 0x40, false);
	vmi_lapic_wrmsr(&cpu[0], 0x1b, 0xfee00100, now);
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), -1);
	vmi_lapic_wrmsr(&cpu[0], 0x1b, 0xfee00900, now);
	ck_assert_uint_eq(rd(0, 0x80), 0);
	ck_assert_uint_eq(rd(0, 0xf0), 0xff);
}
END_TEST

/* 11.5.1: pins. */
START_TEST(test_lint)
{
	/* Virtual wire: LINT0 ExtINT, LINT1 NMI. */
	ck_assert_int_eq(vmi_lapic_set_lint(&cpu[0], 0, true), -1);
	ck_assert(!vmi_lapic_extint(&cpu[0]));
	wr(0, 0x350, 0x700);
	ck_assert(vmi_lapic_extint(&cpu[0]));
	vmi_lapic_set_lint(&cpu[0], 0, false);
	ck_assert(!vmi_lapic_extint(&cpu[0]));
	wr(0, 0x360, 0x400);
	ck_assert_int_eq(vmi_lapic_set_lint(&cpu[0], 1, true), 1);
	ck_assert_int_eq(vmi_lapic_set_lint(&cpu[0], 1, true), 0);
	ck_assert_uint_eq(events[0][VMI_LAPIC_NMI], 1);
	/* LINT0 fixed and level: remote IRR until its EOI. */
	wr(0, 0x350, 0x8061);
	ck_assert_int_eq(vmi_lapic_set_lint(&cpu[0], 0, true), 1);
	ck_assert_uint_eq(rd(0, 0x350), 0xc061);
	vmi_lapic_accept(&cpu[0]);
	wr(0, 0xb0, 0);
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), 0x61);
	vmi_lapic_accept(&cpu[0]);
	vmi_lapic_set_lint(&cpu[0], 0, false);
	wr(0, 0xb0, 0);
	ck_assert_uint_eq(rd(0, 0x350), 0x8061);
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), -1);
	/* Off: the pins are INTR and NMI. */
	vmi_lapic_wrmsr(&cpu[0], 0x1b, 0xfee00100, now);
	vmi_lapic_set_lint(&cpu[0], 0, true);
	ck_assert(vmi_lapic_extint(&cpu[0]));
	vmi_lapic_set_lint(&cpu[0], 1, false);
	vmi_lapic_set_lint(&cpu[0], 1, true);
	ck_assert_uint_eq(events[0][VMI_LAPIC_NMI], 2);
	/* An ExtINT message waits for its acknowledgement. */
	ck_assert_int_eq(
		vmi_apic_bus_deliver(&bus,
			&(struct vmi_msi_msg){ .dest = 1, .delivery = 7 }),
		1);
	ck_assert(vmi_lapic_extint(&cpu[1]));
	vmi_lapic_extint_ack(&cpu[1]);
	ck_assert(!vmi_lapic_extint(&cpu[1]));
}
END_TEST

START_TEST(test_local)
{
	wr(0, 0x340, 0x400); /* PMC as NMI: delivery sets the mask */
	ck_assert_int_eq(vmi_lapic_local(&cpu[0], VMI_LVT_PMC), 1);
	ck_assert_uint_eq(rd(0, 0x340), 0x10400);
	ck_assert_int_eq(vmi_lapic_local(&cpu[0], VMI_LVT_PMC), -1);
	wr(0, 0x330, 0x0fa);
	wr(0, 0x2f0, 0x0f9);
	ck_assert_int_eq(vmi_lapic_local(&cpu[0], VMI_LVT_THERMAL), 1);
	ck_assert_int_eq(vmi_lapic_local(&cpu[0], VMI_LVT_CMCI), 1);
	ck_assert_uint_eq(take(0, 0xfa), 1);
	ck_assert_uint_eq(take(0, 0xf9), 1);
}
END_TEST

START_TEST(test_access_sizes)
{
	wr(0, 0x320, 0x310ab);
	ck_assert_uint_eq(rd(0, 0x320), 0x300ab);
	ck_assert_uint_eq(vmi_lapic_read(&cpu[0], 0x322, 1, now), 3);
	ck_assert_uint_eq(vmi_lapic_read(&cpu[0], 0x324, 4, now), 0);
	vmi_lapic_write(&cpu[0], 0x324, 4, 0, now);
	vmi_lapic_write(&cpu[0], 0x320, 1, 0, now);
	ck_assert_uint_eq(rd(0, 0x320), 0x300ab);
	ck_assert_uint_eq(rd(0, 0xff0), 0);
}
END_TEST

/* KVM's page: register values at register addresses, and back. */
START_TEST(test_kvm_page)
{
	uint8_t page[VMI_LAPIC_PAGE], again[VMI_LAPIC_PAGE];
	struct vmi_lapic_config c = { BUS_HZ, 0, 40, false, true };
	struct vmi_lapic other;

	wr(0, 0x3e0, 0xb);
	wr(0, 0x320, 0x20031);
	wr(0, 0x380, 1000);
	wr(0, 0x80, 0x20);
	send(0, 0x71, true);
	vmi_lapic_accept(&cpu[0]);
	send(0, 0x35, false);
	wr(0, 0x310, 0x05000000);
	now += 300;
	vmi_lapic_kvm_get(&cpu[0], page, now);
	ck_assert_uint_eq(page[0x80], 0x20);
	ck_assert_uint_eq(page[0x30], 0x14);
	ck_assert_uint_eq(page[0x132], 0x02); /* ISR 0x71 */
	ck_assert_uint_eq(page[0x1b2], 0x02); /* TMR */
	ck_assert_uint_eq(page[0x212], 0x20); /* IRR 0x35 */
	ck_assert_uint_eq(page[0x390] | page[0x391] << 8, 700);
	ck_assert_uint_eq(page[0x313], 0x05);
	vmi_lapic_init(&other, &c, &ops, &cpu[0]);
	ck_assert_int_eq(vmi_lapic_kvm_set(&other, page, 9000), 0);
	vmi_lapic_kvm_get(&other, again, 9000);
	ck_assert_int_eq(memcmp(page, again, sizeof(page)), 0);
	ck_assert_uint_eq(vmi_lapic_deadline(&other, 9000), 9700);
	vmi_lapic_update(&other, 9700);
	ck_assert_uint_eq(vmi_lapic_deadline(&other, 9700), 10700);
	page[0x200] = 1; /* vector 0 requested: no APIC can */
	ck_assert_int_eq(vmi_lapic_kvm_set(&other, page, 9000), -EINVAL);
	page[0x200] = 0;
	page[0x82] = 1; /* TPR of 17 bits */
	ck_assert_int_eq(vmi_lapic_kvm_set(&other, page, 9000), -EINVAL);
}
END_TEST

static void case_event(void *opaque, enum vmi_lapic_event e, uint8_t vector)
{
	trace_add(opaque, (uint64_t)e << 8 | vector);
}

static void case_eoi(void *opaque, uint8_t vector)
{
	trace_add(opaque, 0x10000u | vector);
}

static int case_send(void *opaque, struct vmi_lapic *from,
	const struct vmi_msi_msg *m, enum vmi_shorthand to)
{
	(void)from;
	trace_add(opaque, (uint64_t)m->dest << 24 | m->vector << 8 |
				  (unsigned)to << 4 | m->delivery);
	return 1;
}

static const struct vmi_lapic_ops case_ops = { case_event, case_eoi, case_send,
	on_tsc };

static void case_init(void *chip, struct trace *t)
{
	struct vmi_lapic_config c = { 123456789, 5, 40, true, true };

	vmi_lapic_init(chip, &c, &case_ops, t);
	vmi_lapic_write(chip, 0xf0, 4, 0x1ff, 0);
}

static void case_msr(
	struct vmi_lapic *l, uint64_t v, uint64_t t_now, struct trace *t)
{
	uint64_t out = 0;
	uint32_t msr = 0x800 + (v >> 8 & 0x3f);

	if (v >> 60 < 2)
		vmi_lapic_wrmsr(l, 0x1b, 0xfee00000 | (v >> 20 & 0xd00), t_now);
	else if (v >> 60 == 2)
		vmi_lapic_wrmsr(
			l, 0x6e0, 2 * (t_now + (v >> 20 & 0xffff)), t_now);
	else if (v & 128)
		trace_add(t, (uint64_t)vmi_lapic_wrmsr(
				     l, msr, v >> 16 & 0x601ff, t_now));
	else
		vmi_lapic_rdmsr(l, msr, t_now, &out);
	trace_add(t, out);
}

static void case_step(
	void *chip, struct rng *r, uint64_t t_now, struct trace *t)
{
	uint64_t v = rng_next(r);
	struct vmi_msi_msg m = { .vector = (uint8_t)(v >> 8),
		.delivery = v >> 16 & 1 ? 0 : v >> 17 & 7,
		.trig_level = v >> 20 & 1,
		.level = true };

	switch (v % 9) {
	case 0: trace_add(t, (uint64_t)vmi_lapic_deliver(chip, &m)); break;
	case 1: vmi_lapic_set_lint(chip, v >> 8 & 1, v >> 9 & 1); break;
	case 2:
		if (vmi_lapic_pending(chip) >= 0)
			trace_add(t, vmi_lapic_accept(chip));
		break;
	case 3: vmi_lapic_eoi(chip); break;
	case 4: case_msr(chip, v, t_now, t); break;
	case 5: vmi_lapic_update(chip, t_now); break;
	case 6:
		trace_add(t, vmi_lapic_read(chip, v >> 8 & 0x3f0, 4, t_now));
		break;
	default:
		vmi_lapic_write(chip, v >> 8 & 0x3f0, 4,
			(uint32_t)(v >> 20) & (v >> 63 ? 0x1fff : ~0u), t_now);
	}
	trace_add(t, vmi_lapic_deadline(chip, t_now));
	trace_add(t, (uint64_t)vmi_lapic_pending(chip) << 1 |
			     vmi_lapic_extint(chip));
}

static void case_get(const void *chip, void *state)
{
	vmi_lapic_get_state(chip, state);
}

static int case_set(void *chip, const void *state)
{
	return vmi_lapic_set_state(chip, state);
}

static const struct chip_case lapic_case = {
	sizeof(struct vmi_lapic),
	sizeof(struct vmi_lapic_state),
	case_init,
	case_step,
	case_get,
	case_set,
	5000,
};

START_TEST(test_round_trip)
{
	trial_round_trip(&lapic_case, 300);
}
END_TEST

START_TEST(test_hostile)
{
	trial_hostile(&lapic_case, 3000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lapic");
	TCase *t = tcase_create("lapic");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, test_reset);
	tcase_add_test(t, test_priority);
	tcase_add_test(t, test_eoi);
	tcase_add_test(t, test_esr);
	tcase_add_test(t, test_one_shot);
	tcase_add_test(t, test_periodic);
	tcase_add_test(t, test_tsc_deadline);
	tcase_add_test(t, test_dest_xapic);
	tcase_add_test(t, test_dest_x2apic);
	tcase_add_test(t, test_lowest);
	tcase_add_test(t, test_icr);
	tcase_add_test(t, test_x2apic);
	tcase_add_test(t, test_base);
	tcase_add_test(t, test_lint);
	tcase_add_test(t, test_local);
	tcase_add_test(t, test_access_sizes);
	tcase_add_test(t, test_kvm_page);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_hostile);
	return run_suite(s);
}
