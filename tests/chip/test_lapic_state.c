/* SPDX-License-Identifier: MIT */
/* The local APIC's state, saved and restored, and KVM's page. */
#include "lapictest.h"

/* KVM's page: register values at register addresses, and back. */
START_TEST(test_kvm_page)
{
	uint8_t page[VMI_LAPIC_PAGE], again[VMI_LAPIC_PAGE];
	struct vmi_lapic_config c = { BUS_HZ, 0, 40, false, true, true };
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

/* A timer by the TSC where CPUID has none is no state of this chip. */
START_TEST(test_no_tsc_mode)
{
	uint8_t page[VMI_LAPIC_PAGE];
	struct vmi_lapic_state state;

	wr(0, 0x320, 0x40031);
	vmi_lapic_kvm_get(&cpu[0], page, now);
	vmi_lapic_get_state(&cpu[0], &state);
	vmi_lapic_allow_tsc_mode(&cpu[1], false);
	state.xapic_id = 1;
	ck_assert_int_eq(vmi_lapic_kvm_set(&cpu[1], page, now), -EINVAL);
	ck_assert_int_eq(vmi_lapic_set_state(&cpu[1], &state), -EINVAL);
	ck_assert_uint_eq(rd(1, 0x320), 0x10000);
	vmi_lapic_allow_tsc_mode(&cpu[1], true);
	ck_assert_int_eq(vmi_lapic_kvm_set(&cpu[1], page, now), 0);
	ck_assert_uint_eq(rd(1, 0x320), 0x40031);
}
END_TEST

static uint32_t word(const uint8_t *page, unsigned at)
{
	return page[at] | (uint32_t)page[at + 1] << 8 |
	       (uint32_t)page[at + 2] << 16 | (uint32_t)page[at + 3] << 24;
}

START_TEST(test_kvm_fields)
{
	uint8_t page[VMI_LAPIC_PAGE], again[VMI_LAPIC_PAGE];
	struct vmi_lapic other;

	wr(2, 0x20, 0x5a000000);
	wr(2, 0x80, 0x31);
	wr(2, 0xd0, 0x42000000);
	wr(2, 0xe0, 0x00000000);
	wr(2, 0xf0, 0x11ee);
	wr(2, 0x300, 0x000c4644);
	send(0x5a, 3, false);
	wr(2, 0x280, 0);
	send(0x5a, 0x91, false);
	vmi_lapic_kvm_get(&cpu[2], page, now);
	ck_assert_uint_eq(word(page, 0x020), 0x5a000000);
	ck_assert_uint_eq(word(page, 0x080), 0x31);
	ck_assert_uint_eq(word(page, 0x090), 0x90);
	ck_assert_uint_eq(word(page, 0x0a0), 0x31);
	ck_assert_uint_eq(word(page, 0x0d0), 0x42000000);
	ck_assert_uint_eq(word(page, 0x0e0), 0x0fffffff);
	ck_assert_uint_eq(word(page, 0x0f0), 0x11ee);
	ck_assert_uint_eq(word(page, 0x280), 0x40);
	ck_assert_uint_eq(word(page, 0x300), 0xc4644);
	ck_assert_uint_eq(word(page, 0x2f0), 0x10000);
	vmi_lapic_init(&other, &cpu[1].config, &ops, &cpu[1]);
	other.s.esr_pending = 0x80;
	ck_assert_int_eq(vmi_lapic_kvm_set(&other, page, now), 0);
	vmi_lapic_kvm_get(&other, again, now);
	ck_assert_int_eq(memcmp(page, again, sizeof(page)), 0);
	ck_assert_uint_eq(other.s.esr_pending, 0);
	/* A current count above the initial one is taken down to it. */
	page[0x320] = 0x31;
	page[0x380] = 200;
	page[0x391] = 0xff;
	ck_assert_int_eq(vmi_lapic_kvm_set(&other, page, now), 0);
	ck_assert_uint_eq(vmi_lapic_timer_left(&other, now), 200);
	/* x2APIC: the whole id, and an LDR that follows from it. */
	cpu[3].config.apic_id = 0x12345;
	vmi_lapic_wrmsr(&cpu[3], 0x1b, 0xfee00c00, now);
	vmi_lapic_kvm_get(&cpu[3], page, now);
	ck_assert_uint_eq(word(page, 0x020), 0x12345);
	ck_assert_uint_eq(word(page, 0x0d0), 0x12340020);
	ck_assert_int_eq(vmi_lapic_kvm_set(&cpu[3], page, now), 0);
	ck_assert_uint_eq(cpu[3].s.xapic_id, 3);
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
	struct vmi_lapic_config c = { 123456789, 5, 40, true, true, true };

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
	NULL,
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
	Suite *s = suite_create("lapic_state");
	TCase *t = tcase_create("lapic_state");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, test_kvm_page);
	tcase_add_test(t, test_kvm_fields);
	tcase_add_test(t, test_no_tsc_mode);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_hostile);
	return run_suite(s);
}
