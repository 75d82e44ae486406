/* SPDX-License-Identifier: MIT */
/* The 8259A pair against its data sheet (Intel 231468). */
#include "chiptest.h"
#include "lib/chip/pic.h"

static struct vmi_pic pic;
static struct trace trace;

static void wr(uint16_t port, uint8_t v)
{
	vmi_pic_write(&pic, port, v, 0);
}

static uint8_t rd(uint16_t port)
{
	return vmi_pic_read(&pic, port, 0);
}

static void program(uint8_t icw4_master, uint8_t icw4_slave)
{
	wr(0x20, 0x11);
	wr(0x21, 0x20);
	wr(0x21, 0x04);
	wr(0x21, icw4_master);
	wr(0xa0, 0x11);
	wr(0xa1, 0x28);
	wr(0xa1, 0x02);
	wr(0xa1, icw4_slave);
}

static void setup(void)
{
	memset(&trace, 0, sizeof(trace));
	vmi_pic_init(&pic, trace_pin(&trace, 0));
	program(0x01, 0x01);
}

static void pulse(unsigned pin)
{
	vmi_pic_set_irq(&pic, pin, true);
	vmi_pic_set_irq(&pic, pin, false);
}

static uint8_t isr(uint16_t port)
{
	wr(port, 0x0b);
	return rd(port);
}

static uint8_t irr(uint16_t port)
{
	wr(port, 0x0a);
	return rd(port);
}

/* Fully nested mode: the higher preempts, the lower waits for EOI. */
START_TEST(test_nested)
{
	pulse(5);
	ck_assert(vmi_pic_intr(&pic));
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x25);
	ck_assert(!vmi_pic_intr(&pic));
	pulse(6);
	ck_assert(!vmi_pic_intr(&pic));
	pulse(5);
	ck_assert(!vmi_pic_intr(&pic));
	pulse(3);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x23);
	ck_assert_uint_eq(isr(0x20), 0x28);
	ck_assert_uint_eq(irr(0x20), 0x60);
	wr(0x20, 0x20);
	ck_assert_uint_eq(isr(0x20), 0x20);
	ck_assert(!vmi_pic_intr(&pic));
	wr(0x20, 0x20);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x25);
	wr(0x20, 0x65); /* specific EOI 5 */
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x26);
	ck_assert(trace.n > 4);
}
END_TEST

START_TEST(test_cascade)
{
	pulse(12);
	ck_assert_uint_eq(irr(0x20), 0x04);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x2c);
	ck_assert_uint_eq(isr(0x20), 0x04);
	ck_assert_uint_eq(isr(0xa0), 0x10);
	pulse(3); /* lower than the cascade input */
	ck_assert(!vmi_pic_intr(&pic));
	pulse(8); /* higher in the slave, same input of the master */
	ck_assert(!vmi_pic_intr(&pic));
	pulse(1);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x21);
	wr(0x20, 0x20);
	wr(0xa0, 0x20);
	wr(0x20, 0x20);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x28);
}
END_TEST

/* Special fully nested mode: the slave's higher request comes through. */
START_TEST(test_sfnm)
{
	program(0x11, 0x01);
	pulse(12);
	vmi_pic_ack(&pic);
	pulse(3);
	ck_assert(!vmi_pic_intr(&pic));
	pulse(14);
	ck_assert(!vmi_pic_intr(&pic));
	pulse(8);
	ck_assert(vmi_pic_intr(&pic));
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x28);
	ck_assert_uint_eq(isr(0xa0), 0x11);
}
END_TEST

START_TEST(test_special_mask)
{
	pulse(4);
	vmi_pic_ack(&pic);
	pulse(6);
	ck_assert(!vmi_pic_intr(&pic));
	wr(0x20, 0x68); /* ESMM SMM */
	ck_assert(!vmi_pic_intr(&pic));
	wr(0x21, 0x10); /* mask 4: lower levels open */
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x26);
	wr(0x20, 0x20); /* 4 is masked and so not what this ends */
	ck_assert_uint_eq(isr(0x20), 0x10);
	wr(0x20, 0x20);
	ck_assert_uint_eq(isr(0x20), 0x10);
	wr(0x20, 0x48); /* off */
	wr(0x20, 0x20);
	ck_assert_uint_eq(isr(0x20), 0);
}
END_TEST

START_TEST(test_rotate)
{
	unsigned i;

	/* On non-specific EOI: the served one becomes lowest. */
	for (i = 0; i < 4; i++)
		pulse(i == 2 ? 7 : i);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x20);
	wr(0x20, 0xa0);
	pulse(0);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x21);
	wr(0x20, 0xa0);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x23);
	wr(0x20, 0xe3); /* on specific EOI */
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x27);
	wr(0x20, 0x20);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x20);
	wr(0x20, 0x20);
	/* Set priority: 5 lowest, so 6 highest. */
	wr(0x20, 0xc5);
	pulse(5);
	pulse(0);
	pulse(6);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x26);
	wr(0x20, 0x20);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x20);
	wr(0x20, 0x20);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x25);
}
END_TEST

START_TEST(test_aeoi)
{
	program(0x03, 0x03);
	pulse(3);
	pulse(9);
	pulse(10);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x29);
	ck_assert_uint_eq(isr(0x20) | isr(0xa0), 0);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x2a);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x23);
	wr(0x20, 0x80); /* rotate in AEOI */
	pulse(3);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x23);
	pulse(3);
	pulse(4);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x24);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x23);
	wr(0x20, 0x00);
	pulse(3);
	pulse(4);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x24);
	pulse(4);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x24);
}
END_TEST

START_TEST(test_poll)
{
	wr(0x20, 0x0c);
	ck_assert_uint_eq(rd(0x20), 0x00);
	pulse(6);
	pulse(4);
	wr(0x20, 0x0c);
	ck_assert_uint_eq(rd(0x20), 0x84);
	ck_assert_uint_eq(isr(0x20), 0x10);
	wr(0x20, 0x20);
	wr(0x20, 0x0c);
	ck_assert_uint_eq(rd(0x21), 0x86);
	ck_assert_uint_eq(rd(0x21), 0x00); /* once only: this is IMR */
	pulse(15);
	wr(0xa0, 0x0c);
	ck_assert_uint_eq(rd(0xa0), 0x87);
	ck_assert_uint_eq(irr(0xa0), 0);
}
END_TEST

START_TEST(test_spurious)
{
	wr(0x4d0, 0x20);
	vmi_pic_set_irq(&pic, 5, true);
	vmi_pic_set_irq(&pic, 5, false);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x27);
	ck_assert_uint_eq(isr(0x20), 0);
	/* The slave's goes away after the master's edge. */
	wr(0x4d1, 0x02);
	vmi_pic_set_irq(&pic, 9, true);
	vmi_pic_set_irq(&pic, 9, false);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x2f);
	ck_assert_uint_eq(isr(0xa0), 0);
	ck_assert_uint_eq(isr(0x20), 0x04); /* the master must be EOIed */
}
END_TEST

START_TEST(test_level)
{
	wr(0x4d0, 0xff);
	wr(0x4d1, 0xff);
	ck_assert_uint_eq(rd(0x4d0), 0xf8);
	ck_assert_uint_eq(rd(0x4d1), 0xde);
	ck_assert_int_eq(vmi_pic_set_irq(&pic, 10, true), 1);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x2a);
	wr(0xa0, 0x20);
	wr(0x20, 0x20);
	ck_assert(vmi_pic_intr(&pic)); /* still high: again */
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x2a);
	vmi_pic_set_irq(&pic, 10, false);
	wr(0xa0, 0x20);
	wr(0x20, 0x20);
	ck_assert(!vmi_pic_intr(&pic));
	/* LTIM makes all inputs level. */
	wr(0x20, 0x19);
	wr(0x21, 0x20);
	wr(0x21, 0x04);
	wr(0x21, 0x01);
	pulse(3);
	ck_assert(!vmi_pic_intr(&pic));
}
END_TEST

START_TEST(test_tristate)
{
	ck_assert_int_eq(vmi_pic_set_irq(&pic, 4, true), 1);
	ck_assert_int_eq(vmi_pic_set_irq(&pic, 4, false), 0);
	ck_assert_int_eq(vmi_pic_set_irq(&pic, 4, true), 0);
	vmi_pic_ack(&pic);
	ck_assert_int_eq(vmi_pic_set_irq(&pic, 4, true), 0); /* no edge */
	vmi_pic_set_irq(&pic, 4, false);
	ck_assert_int_eq(vmi_pic_set_irq(&pic, 4, true), 1);
	wr(0x21, 0x08);
	ck_assert_int_eq(vmi_pic_set_irq(&pic, 3, true), -1);
	wr(0x21, 0x04);
	ck_assert_int_eq(vmi_pic_set_irq(&pic, 9, true), -1);
	ck_assert_int_eq(vmi_pic_set_irq(&pic, 2, true), -1);
	ck_assert_int_eq(vmi_pic_set_irq(&pic, 16, true), -1);
}
END_TEST

/* A masked edge waits in IRR; ICW1 forgets it, and IMR, and rotation. */
START_TEST(test_icw1)
{
	wr(0x21, 0x18);
	ck_assert_uint_eq(rd(0x21), 0x18);
	pulse(4);
	ck_assert_uint_eq(irr(0x20), 0x10);
	wr(0x20, 0xc2);
	wr(0x20, 0x0b);
	vmi_pic_set_irq(&pic, 3, true);
	wr(0x20, 0x13);
	ck_assert(!vmi_pic_intr(&pic));
	wr(0x21, 0x47);
	wr(0x21, 0x01);
	ck_assert_uint_eq(rd(0x21), 0);
	ck_assert_uint_eq(rd(0x20), 0); /* line 3 is high: needs a new edge */
	pulse(0);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x40);
	wr(0x20, 0x20);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x47);
	vmi_pic_set_irq(&pic, 3, false);
	vmi_pic_set_irq(&pic, 3, true);
	ck_assert_uint_eq(vmi_pic_ack(&pic), 0x43);
}
END_TEST

START_TEST(test_reset)
{
	struct vmi_pic fresh;

	wr(0x4d0, 0x20);
	wr(0x20, 0xc3);
	pulse(4);
	ck_assert(vmi_pic_intr(&pic));
	vmi_pic_set_irq(&pic, 5, true);
	vmi_pic_reset(&pic);
	ck_assert(!trace.level[0]);
	ck_assert_uint_eq(pic.s.half[0].lines, 0x20); /* wires are wires */
	vmi_pic_set_irq(&pic, 5, false);
	vmi_pic_reset(&pic);
	vmi_pic_init(&fresh, trace_pin(&trace, 0));
	ck_assert_int_eq(memcmp(&pic.s, &fresh.s, sizeof(pic.s)), 0);
	ck_assert_uint_eq(fresh.s.half[1].lowest, 7);
	ck_assert_uint_eq(vmi_pic_deadline(&pic, 5), VMI_NEVER);
}
END_TEST

/* What ICW1 keeps: the wires and ELCR; what it sets: LTIM. */
START_TEST(test_icw1_keeps)
{
	wr(0x4d0, 0x40);
	vmi_pic_set_irq(&pic, 3, true);
	program(0x01, 0x01);
	ck_assert_uint_eq(rd(0x4d0), 0x40);
	ck_assert_int_eq(vmi_pic_set_irq(&pic, 3, true), 0);
	wr(0x4d0, 0);
	wr(0x20, 0x19);
	wr(0x21, 0x20);
	wr(0x21, 0x04);
	wr(0x21, 0x01);
	vmi_pic_set_irq(&pic, 3, false);
	pulse(1); /* a level that went */
	ck_assert(!vmi_pic_intr(&pic));
}
END_TEST

START_TEST(test_poll_line)
{
	pulse(12);
	ck_assert(trace.level[0]);
	wr(0x20, 0x0c);
	ck_assert_uint_eq(rd(0x20), 0x82);
	ck_assert(!trace.level[0]);
}
END_TEST

static void case_init(void *chip, struct trace *t)
{
	vmi_pic_init(chip, trace_pin(t, 0));
}

static void case_step(void *chip, struct rng *r, uint64_t now, struct trace *t)
{
	static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0,
		0x4d1 };
	uint64_t v = rng_next(r);
	uint16_t port = ports[(v >> 8) % 6];

	switch (v % 6) {
	case 0: vmi_pic_write(chip, port, (uint8_t)(v >> 16), now); break;
	case 1: trace_add(t, vmi_pic_read(chip, port, now)); break;
	case 2: trace_add(t, vmi_pic_ack(chip)); break;
	default:
		trace_add(t, (uint64_t)(vmi_pic_set_irq(chip, v >> 8 & 15,
						v >> 16 & 1) +
					1));
	}
}

static void case_get(const void *chip, void *state)
{
	vmi_pic_get_state(chip, state);
}

static int case_set(void *chip, const void *state)
{
	return vmi_pic_set_state(chip, state);
}

static const struct chip_case pic_case = {
	sizeof(struct vmi_pic),
	sizeof(struct vmi_pic_state),
	case_init,
	case_step,
	case_get,
	case_set,
	1000,
	NULL,
};

START_TEST(test_round_trip)
{
	trial_round_trip(&pic_case, 300);
}
END_TEST

START_TEST(test_hostile)
{
	trial_hostile(&pic_case, 3000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pic");
	TCase *t = tcase_create("pic");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, test_nested);
	tcase_add_test(t, test_cascade);
	tcase_add_test(t, test_sfnm);
	tcase_add_test(t, test_special_mask);
	tcase_add_test(t, test_rotate);
	tcase_add_test(t, test_aeoi);
	tcase_add_test(t, test_poll);
	tcase_add_test(t, test_spurious);
	tcase_add_test(t, test_level);
	tcase_add_test(t, test_tristate);
	tcase_add_test(t, test_icw1);
	tcase_add_test(t, test_reset);
	tcase_add_test(t, test_icw1_keeps);
	tcase_add_test(t, test_poll_line);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_hostile);
	return run_suite(s);
}
