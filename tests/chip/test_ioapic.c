/* SPDX-License-Identifier: MIT */
/* The I/O APIC against the 82093AA data sheet (Intel 290566). */
#include "chiptest.h"
#include "lib/chip/ioapic.h"

static struct vmi_ioapic io;
static struct vmi_msi_msg last;
static unsigned sent;
static int answer;

static int record(void *opaque, const struct vmi_msi_msg *msg)
{
	(void)opaque;
	last = *msg;
	sent++;
	return answer;
}

static void setup(void)
{
	sent = 0;
	answer = 1;
	memset(&last, 0, sizeof(last));
	vmi_ioapic_init(&io, record, NULL);
}

static uint32_t reg(uint8_t r)
{
	vmi_ioapic_write(&io, 0, 4, r, 0);
	return vmi_ioapic_read(&io, 0x10, 4, 0);
}

static void set(uint8_t r, uint32_t v)
{
	vmi_ioapic_write(&io, 0, 4, r, 0);
	vmi_ioapic_write(&io, 0x10, 4, v, 0);
}

static void rte(unsigned pin, uint32_t low, uint32_t high)
{
	set((uint8_t)(0x11 + 2 * pin), high);
	set((uint8_t)(0x10 + 2 * pin), low);
}

START_TEST(test_registers)
{
	unsigned pin;

	ck_assert_uint_eq(reg(0x01), 0x00170020);
	for (pin = 0; pin < 24; pin++) {
		ck_assert_uint_eq(reg((uint8_t)(0x10 + 2 * pin)), 0x10000);
		ck_assert_uint_eq(reg((uint8_t)(0x11 + 2 * pin)), 0);
	}
	set(0x00, 0xffffffff);
	ck_assert_uint_eq(reg(0x00), 0x0f000000);
	ck_assert_uint_eq(reg(0x02), 0x0f000000);
	set(0x01, 0xffffffff);
	ck_assert_uint_eq(reg(0x01), 0x00170020);
	rte(3, 0xffffffff, 0xffffffff);
	ck_assert_uint_eq(reg(0x16), 0x0001afff); /* 12 and 14 read-only */
	ck_assert_uint_eq(reg(0x17), 0xff000000);
	ck_assert_uint_eq(reg(0x40), 0);
	set(0x40, 0);
	ck_assert_uint_eq(vmi_ioapic_read(&io, 0x00, 4, 0), 0x40);
	ck_assert_uint_eq(vmi_ioapic_read(&io, 0x20, 4, 0), 0);
}
END_TEST

START_TEST(test_edge)
{
	ck_assert_int_eq(vmi_ioapic_set_irq(&io, 4, true, 0), -1);
	rte(4, 0x0931, 0x42000000); /* unmasking does not bring it back */
	ck_assert_uint_eq(sent, 0);
	ck_assert_int_eq(vmi_ioapic_set_irq(&io, 4, true, 0), 0);
	vmi_ioapic_set_irq(&io, 4, false, 0);
	ck_assert_int_eq(vmi_ioapic_set_irq(&io, 4, true, 0), 1);
	ck_assert_uint_eq(sent, 1);
	ck_assert_uint_eq(last.vector, 0x31);
	ck_assert_uint_eq(last.delivery, VMI_DELIVER_LOWEST);
	ck_assert_uint_eq(last.dest, 0x42);
	ck_assert(last.logical && !last.trig_level);
	answer = 0;
	vmi_ioapic_set_irq(&io, 4, false, 0);
	ck_assert_int_eq(vmi_ioapic_set_irq(&io, 4, true, 0), 0);
	ck_assert_uint_eq(reg(0x18) & 0x5000, 0); /* no remote IRR */
	ck_assert_int_eq(vmi_ioapic_set_irq(&io, 24, true, 0), -1);
}
END_TEST

START_TEST(test_level)
{
	rte(9, 0xa055, 0x01000000); /* level, active low: bit kept */
	ck_assert_int_eq(vmi_ioapic_set_irq(&io, 9, true, 0), 1);
	ck_assert(last.trig_level);
	ck_assert_uint_eq(reg(0x22), 0xe055);
	ck_assert_int_eq(vmi_ioapic_set_irq(&io, 9, true, 0), 0);
	ck_assert_uint_eq(sent, 1);
	vmi_ioapic_eoi(&io, 0x54, 0);
	ck_assert_uint_eq(sent, 1);
	vmi_ioapic_eoi(&io, 0x55, 0); /* still asserted: sent again */
	ck_assert_uint_eq(sent, 2);
	ck_assert_uint_eq(reg(0x22), 0xe055);
	vmi_ioapic_set_irq(&io, 9, false, 0);
	ck_assert_uint_eq(reg(0x22), 0xe055);	 /* until the EOI */
	vmi_ioapic_write(&io, 0x40, 4, 0x55, 0); /* EOI register */
	ck_assert_uint_eq(reg(0x22), 0xa055);
	ck_assert_uint_eq(sent, 2);
	/* Masked: ignored; unmasked while asserted: sent. */
	rte(9, 0x1a055, 0x01000000);
	ck_assert_int_eq(vmi_ioapic_set_irq(&io, 9, true, 0), -1);
	ck_assert_uint_eq(sent, 2);
	rte(9, 0xa055, 0x01000000);
	ck_assert_uint_eq(sent, 3);
	/* Edge and back clears remote IRR and so sends. */
	rte(9, 0x12055, 0x01000000);
	ck_assert_uint_eq(reg(0x22), 0x12055);
	rte(9, 0xa055, 0x01000000);
	ck_assert_uint_eq(sent, 4);
}
END_TEST

/* Nobody accepts: delivery status stays, and updates try again. */
START_TEST(test_refused)
{
	rte(1, 0x8040, 0);
	answer = -1;
	ck_assert_int_eq(vmi_ioapic_set_irq(&io, 1, true, 0), -1);
	ck_assert_uint_eq(reg(0x12), 0x9040);
	answer = 0; /* merged with one that is pending: its EOI will come */
	vmi_ioapic_update(&io, 0);
	ck_assert_uint_eq(reg(0x12), 0xc040);
	/* So does any access. */
	answer = -1;
	rte(2, 0x8041, 0);
	vmi_ioapic_set_irq(&io, 2, true, 0);
	sent = 0;
	vmi_ioapic_read(&io, 0x00, 4, 0);
	ck_assert_uint_eq(sent, 1);
	vmi_ioapic_write(&io, 0x00, 4, 0, 0);
	ck_assert_uint_eq(sent, 2);
}
END_TEST

START_TEST(test_delivery_modes)
{
	static const uint8_t modes[] = { 2, 4, 5, 7 };
	unsigned i;

	for (i = 0; i < 4; i++) {
		vmi_ioapic_set_irq(&io, 0, false, 0);
		rte(0, 0x8000u | (uint32_t)modes[i] << 8, 0);
		ck_assert_int_eq(vmi_ioapic_set_irq(&io, 0, true, 0), 1);
		ck_assert_uint_eq(last.delivery, modes[i]);
		ck_assert(!last.trig_level);
		ck_assert_uint_eq(reg(0x10) & 0x4000, 0);
		ck_assert_uint_eq(sent, i + 1);
	}
}
END_TEST

START_TEST(test_storm)
{
	unsigned i;

	vmi_ioapic_storm_guard(&io, 10000, 10000000);
	rte(5, 0x8060, 0);
	vmi_ioapic_set_irq(&io, 5, true, 0);
	for (i = 0; i < 20000; i++)
		vmi_ioapic_eoi(&io, 0x60, 1000);
	ck_assert_uint_eq(sent, 10000);
	ck_assert_uint_eq(vmi_ioapic_deadline(&io, 1000), 10001000);
	vmi_ioapic_update(&io, 10000999);
	ck_assert_uint_eq(sent, 10000);
	vmi_ioapic_update(&io, 10001000);
	ck_assert_uint_eq(sent, 10001);
	ck_assert_uint_eq(vmi_ioapic_deadline(&io, 10001000), VMI_NEVER);
}
END_TEST

START_TEST(test_storm_ends)
{
	unsigned i;

	vmi_ioapic_storm_guard(&io, 3, 100);
	rte(5, 0x8060, 0);
	vmi_ioapic_set_irq(&io, 5, true, 0);
	vmi_ioapic_eoi(&io, 0x60, 0);
	vmi_ioapic_eoi(&io, 0x60, 0);
	vmi_ioapic_set_irq(&io, 5, false, 0); /* released: no storm */
	vmi_ioapic_eoi(&io, 0x60, 0);
	vmi_ioapic_set_irq(&io, 5, true, 0);
	ck_assert_uint_eq(sent, 4);
	vmi_ioapic_eoi(&io, 0x60, 0);
	vmi_ioapic_eoi(&io, 0x60, 0);
	ck_assert_uint_eq(sent, 6);
	vmi_ioapic_eoi(&io, 0x60, 0);
	ck_assert_uint_eq(sent, 6); /* held */
	ck_assert_int_eq(vmi_ioapic_set_irq(&io, 5, true, 0), 0);
	ck_assert_uint_eq(sent, 6);
	rte(5, 0x8061, 0); /* a new entry is not */
	ck_assert_uint_eq(sent, 7);
	ck_assert_uint_eq(vmi_ioapic_deadline(&io, 0), VMI_NEVER);
	vmi_ioapic_eoi(&io, 0x61, 0); /* and counts from 0 */
	vmi_ioapic_eoi(&io, 0x61, 0);
	ck_assert_uint_eq(sent, 9);
	vmi_ioapic_eoi(&io, 0x61, 0);
	ck_assert_uint_eq(sent, 9);
	vmi_ioapic_eoi(&io, 0x50, 100); /* any access lets go what is due */
	ck_assert_uint_eq(sent, 10);
	for (i = 0; i < 3; i++)
		vmi_ioapic_eoi(&io, 0x61, 100);
	sent = 0;
	vmi_ioapic_set_irq(&io, 9, false, 199);
	ck_assert_uint_eq(sent, 0);
	vmi_ioapic_set_irq(&io, 9, false, 200);
	ck_assert_uint_eq(sent, 1);
}
END_TEST

START_TEST(test_reset)
{
	struct vmi_ioapic fresh;

	set(0x00, 0x05000000);
	vmi_ioapic_storm_guard(&io, 2, 100);
	rte(5, 0x8060, 0x11000000);
	vmi_ioapic_set_irq(&io, 5, true, 0);
	vmi_ioapic_eoi(&io, 0x60, 0);
	vmi_ioapic_eoi(&io, 0x60, 0);
	ck_assert_uint_ne(io.s.held, 0);
	io.s.storm[7] = 1;
	vmi_ioapic_reset(&io);
	ck_assert_uint_eq(io.s.storm[7], 0);
	ck_assert_uint_eq(io.s.held, 0);
	ck_assert_uint_eq(io.s.lines, 0x20); /* wires are wires */
	vmi_ioapic_set_irq(&io, 5, false, 0);
	vmi_ioapic_storm_guard(&io, 0, 0);
	memset(&fresh, 0xa5, sizeof(fresh));
	vmi_ioapic_init(&fresh, record, NULL);
	ck_assert_int_eq(memcmp(&io.s, &fresh.s, sizeof(io.s)), 0);
}
END_TEST

static int to_trace(void *opaque, const struct vmi_msi_msg *m)
{
	trace_add(opaque, m->dest << 16 | (uint32_t)m->vector << 8 |
				  m->delivery << 1 | m->trig_level);
	return (int)(m->vector % 3) - 1;
}

static void case_init(void *chip, struct trace *t)
{
	vmi_ioapic_init(chip, to_trace, t);
	vmi_ioapic_storm_guard(chip, 3, 5000);
}

static void case_step(void *chip, struct rng *r, uint64_t now, struct trace *t)
{
	uint64_t v = rng_next(r);

	switch (v % 8) {
	case 0: vmi_ioapic_write(chip, 0, 4, v >> 8 & 0x3f, now); break;
	case 1:
	case 2:
		vmi_ioapic_write(chip, 0x10, 4,
			(uint32_t)(v >> 8) & ~(v >> 50 & 1 ? 0x10000u : 0),
			now);
		break;
	case 3: trace_add(t, vmi_ioapic_read(chip, 0x10, 4, now)); break;
	case 4: vmi_ioapic_eoi(chip, (uint8_t)(v >> 8), now); break;
	case 5: vmi_ioapic_update(chip, now); break;
	default:
		trace_add(t, (uint64_t)(vmi_ioapic_set_irq(chip, (v >> 8) % 24,
						v >> 16 & 1, now) +
					1));
	}
	trace_add(t, vmi_ioapic_deadline(chip, now));
}

static void case_get(const void *chip, void *state)
{
	vmi_ioapic_get_state(chip, state);
}

static int case_set(void *chip, const void *state)
{
	return vmi_ioapic_set_state(chip, state);
}

static const struct chip_case ioapic_case = {
	sizeof(struct vmi_ioapic),
	sizeof(struct vmi_ioapic_state),
	case_init,
	case_step,
	case_get,
	case_set,
	2000,
	NULL,
};

START_TEST(test_round_trip)
{
	trial_round_trip(&ioapic_case, 300);
}
END_TEST

START_TEST(test_hostile)
{
	trial_hostile(&ioapic_case, 2000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ioapic");
	TCase *t = tcase_create("ioapic");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, test_registers);
	tcase_add_test(t, test_edge);
	tcase_add_test(t, test_level);
	tcase_add_test(t, test_refused);
	tcase_add_test(t, test_delivery_modes);
	tcase_add_test(t, test_storm);
	tcase_add_test(t, test_storm_ends);
	tcase_add_test(t, test_reset);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_hostile);
	return run_suite(s);
}
