/* SPDX-License-Identifier: MIT */
/* The chips wired as on a PC board: interrupts from pin to processor. */
#include "chiptest.h"
#include "lib/chip/hpet.h"
#include "lib/chip/ioapic.h"
#include "lib/chip/lapic.h"
#include "lib/chip/pic.h"
#include "lib/chip/pit.h"
#include "lib/chip/rtc.h"

#define CPUS 2

static struct {
	struct vmi_pic pic;
	struct vmi_ioapic io;
	struct vmi_pit pit;
	struct vmi_rtc rtc;
	struct vmi_hpet hpet;
	struct vmi_lapic cpu[CPUS];
	struct vmi_lapic *list[CPUS];
	struct vmi_apic_bus bus;
	uint64_t now;
} b;

/* An ISA interrupt: the PIC's input, and the IOAPIC's (0 is its pin 2). */
static void isa(void *opaque, unsigned pin, bool level)
{
	(void)opaque;
	vmi_pic_set_irq(&b.pic, pin, level);
	vmi_ioapic_set_irq(&b.io, pin ? pin : 2, level, b.now);
}

static void gsi(void *opaque, unsigned pin, bool level)
{
	(void)opaque;
	vmi_ioapic_set_irq(&b.io, pin, level, b.now);
}

static void intr(void *opaque, unsigned pin, bool level)
{
	(void)opaque;
	vmi_lapic_set_lint(&b.cpu[0], pin, level);
}

static void cut(void *opaque, unsigned pin, bool level)
{
	(void)opaque;
	(void)pin;
	vmi_pit_cut(&b.pit, level, b.now);
	vmi_rtc_cut(&b.rtc, level, b.now);
}

static int to_bus(void *opaque, const struct vmi_msi_msg *msg)
{
	(void)opaque;
	return vmi_apic_bus_deliver(&b.bus, msg);
}

static void on_eoi(void *opaque, uint8_t vector)
{
	(void)opaque;
	vmi_ioapic_eoi(&b.io, vector, b.now);
}

static const struct vmi_lapic_ops ops = { .eoi = on_eoi };

static void setup(void)
{
	struct vmi_hpet_wiring w = {
		.route = { gsi, NULL, 0 },
		.legacy = { { isa, NULL, 0 }, { isa, NULL, 8 } },
		.cut = { cut, NULL, 0 },
		.route_cap = 0x00f00000,
	};
	unsigned i;

	memset(&b, 0, sizeof(b));
	b.now = 1000;
	for (i = 0; i < CPUS; i++) {
		struct vmi_lapic_config c = { 1000000000, i, 40, !i, true,
			true };

		vmi_lapic_init(&b.cpu[i], &c, &ops, NULL);
		vmi_lapic_write(&b.cpu[i], 0xf0, 4, 0x1ff, b.now);
		b.list[i] = &b.cpu[i];
	}
	b.bus = (struct vmi_apic_bus){ b.list, CPUS, 0 };
	vmi_ioapic_init(&b.io, to_bus, NULL);
	vmi_pic_init(&b.pic, (struct vmi_line){ intr, NULL, 0 });
	vmi_pit_init(&b.pit, (struct vmi_line){ isa, NULL, 0 }, b.now);
	vmi_rtc_init(&b.rtc, (struct vmi_line){ isa, NULL, 8 }, 0, b.now);
	vmi_hpet_init(&b.hpet, &w);
}

static void pic_write(uint16_t port, uint8_t v)
{
	vmi_pic_write(&b.pic, port, v, b.now);
}

static void program_pic(void)
{
	static const uint8_t icw[] = { 0x11, 0x08, 0x04, 0x01 };
	static const uint8_t icw_slave[] = { 0x11, 0x70, 0x02, 0x01 };
	unsigned i;

	for (i = 0; i < 4; i++) {
		pic_write(0x20 + (i > 0), icw[i]);
		pic_write(0xa0 + (i > 0), icw_slave[i]);
	}
}

static void program_rte(unsigned pin, uint32_t low)
{
	vmi_ioapic_write(&b.io, 0, 4, 0x10 + 2 * pin, b.now);
	vmi_ioapic_write(&b.io, 0x10, 4, low, b.now);
}

static void program_pit(uint16_t count)
{
	vmi_pit_write(&b.pit, 0x43, 0x34, b.now);
	vmi_pit_write(&b.pit, 0x40, count & 0xff, b.now);
	vmi_pit_write(&b.pit, 0x40, (uint8_t)(count >> 8), b.now);
}

/* Virtual wire: PIT, PIC, LINT0 as ExtINT, and the INTA cycle. */
START_TEST(test_virtual_wire)
{
	unsigned i;

	program_pic();
	vmi_lapic_write(&b.cpu[0], 0x350, 4, 0x700, b.now);
	program_pit(1193);
	/* The control word raised OUT 0: a first edge. */
	ck_assert_uint_eq(vmi_pic_ack(&b.pic), 0x08);
	pic_write(0x20, 0x20);
	b.now = vmi_pit_deadline(&b.pit, b.now); /* the load */
	vmi_pit_update(&b.pit, b.now);
	for (i = 0; i < 100; i++) {
		ck_assert(!vmi_lapic_extint(&b.cpu[0]));
		b.now = vmi_pit_deadline(&b.pit, b.now);
		vmi_pit_update(&b.pit, b.now);
		ck_assert(vmi_lapic_extint(&b.cpu[0]));
		ck_assert_uint_eq(vmi_pic_ack(&b.pic), 0x08);
		vmi_lapic_extint_ack(&b.cpu[0]);
		ck_assert(!vmi_lapic_extint(&b.cpu[0]));
		pic_write(0x20, 0x20);
	}
	ck_assert_uint_eq((b.now + 500000) / 1000000, 100); /* 1 kHz */
}
END_TEST

/* A level pin: remote IRR, EOI through the local APIC, sent again. */
START_TEST(test_level_round)
{
	unsigned i;

	program_rte(16, 0x8000 | 0x51);
	ck_assert_int_eq(vmi_ioapic_set_irq(&b.io, 16, true, b.now), 1);
	for (i = 0; i < 5; i++) {
		ck_assert_int_eq(vmi_lapic_pending(&b.cpu[0]), 0x51);
		ck_assert_uint_eq(vmi_lapic_accept(&b.cpu[0]), 0x51);
		ck_assert_int_eq(vmi_lapic_pending(&b.cpu[0]), -1);
		vmi_lapic_write(&b.cpu[0], 0xb0, 4, 0, b.now);
	}
	vmi_lapic_accept(&b.cpu[0]);
	vmi_ioapic_set_irq(&b.io, 16, false, b.now);
	vmi_lapic_write(&b.cpu[0], 0xb0, 4, 0, b.now);
	ck_assert_int_eq(vmi_lapic_pending(&b.cpu[0]), -1);
	/* Directed EOI: no broadcast, so the IOAPIC's register is for it. */
	vmi_lapic_write(&b.cpu[0], 0xf0, 4, 0x11ff, b.now);
	vmi_ioapic_set_irq(&b.io, 16, true, b.now);
	vmi_lapic_accept(&b.cpu[0]);
	vmi_lapic_write(&b.cpu[0], 0xb0, 4, 0, b.now);
	ck_assert_int_eq(vmi_lapic_pending(&b.cpu[0]), -1);
	vmi_ioapic_write(&b.io, 0x40, 4, 0x51, b.now);
	ck_assert_int_eq(vmi_lapic_pending(&b.cpu[0]), 0x51);
}
END_TEST

/* HPET legacy replacement takes IRQ 0 and IRQ 8 from PIT and RTC. */
START_TEST(test_legacy_replacement)
{
	program_rte(2, 0x30);
	program_rte(8, 0x38);
	program_pit(100);
	vmi_rtc_write(&b.rtc, 0x70, 0x0b, b.now);
	vmi_rtc_write(&b.rtc, 0x71, 0x42, b.now);
	vmi_hpet_write(&b.hpet, 0x100, 4, 4, b.now);
	vmi_hpet_write(&b.hpet, 0x120, 4, 4, b.now);
	vmi_hpet_write(&b.hpet, 0x108, 8, 5000000, b.now);
	vmi_hpet_write(&b.hpet, 0x128, 8, 5000001, b.now);
	vmi_hpet_write(&b.hpet, 0x010, 8, 3, b.now);
	while (vmi_lapic_pending(&b.cpu[0]) >= 0) { /* PIT's first edge */
		vmi_lapic_accept(&b.cpu[0]);
		vmi_lapic_eoi(&b.cpu[0]);
	}
	b.now += 49000000;
	vmi_pit_update(&b.pit, b.now);
	vmi_rtc_update(&b.rtc, b.now);
	vmi_hpet_update(&b.hpet, b.now);
	ck_assert_int_eq(vmi_lapic_pending(&b.cpu[0]), -1);
	b.now += 1000010;
	vmi_hpet_update(&b.hpet, b.now);
	ck_assert_uint_eq(vmi_lapic_accept(&b.cpu[0]), 0x38);
	vmi_lapic_eoi(&b.cpu[0]);
	ck_assert_uint_eq(vmi_lapic_accept(&b.cpu[0]), 0x30);
	vmi_lapic_eoi(&b.cpu[0]);
	vmi_hpet_write(&b.hpet, 0x010, 8, 1, b.now);
	b.now += 1000000;
	vmi_pit_update(&b.pit, b.now);
	vmi_rtc_update(&b.rtc, b.now);
	ck_assert_int_eq(vmi_lapic_pending(&b.cpu[0]), 0x38);
}
END_TEST

/* A lowest-priority pin goes to the processor that is least busy. */
START_TEST(test_lowest_pin)
{
	vmi_lapic_write(&b.cpu[0], 0x80, 4, 0x40, b.now);
	vmi_ioapic_write(&b.io, 0, 4, 0x10 + 2 * 17 + 1, b.now);
	vmi_ioapic_write(&b.io, 0x10, 4, 0xff000000, b.now);
	program_rte(17, 0x8161);
	vmi_ioapic_set_irq(&b.io, 17, true, b.now);
	ck_assert_int_eq(vmi_lapic_pending(&b.cpu[0]), -1);
	ck_assert_int_eq(vmi_lapic_pending(&b.cpu[1]), 0x61);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("board");
	TCase *t = tcase_create("board");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, test_virtual_wire);
	tcase_add_test(t, test_level_round);
	tcase_add_test(t, test_legacy_replacement);
	tcase_add_test(t, test_lowest_pin);
	return run_suite(s);
}
