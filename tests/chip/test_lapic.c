/* SPDX-License-Identifier: MIT */
/* The local APIC against SDM 3A chapter 11. */
#include "lapictest.h"

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
	/* Off and on again: as after power-up, the ID too. */
	wr(0, 0x20, 0x5000000);
	ck_assert_uint_eq(rd(0, 0x20), 0x5000000);
	wr(0, 0x80, 0x33);
	send(0, 0x40, false);
	vmi_lapic_wrmsr(&cpu[0], 0x1b, 0xfee00100, now);
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), -1);
	vmi_lapic_wrmsr(&cpu[0], 0x1b, 0xfee00900, now);
	ck_assert_uint_eq(rd(0, 0x20), 0);
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

START_TEST(test_reset_all)
{
	struct vmi_lapic_config c = cpu[1].config;
	struct vmi_lapic fresh;
	unsigned i;

	wr(1, 0x80, 0x33);
	send(1, 0x55, true);
	vmi_lapic_set_lint(&cpu[1], 0, true);
	vmi_lapic_set_lint(&cpu[1], 1, true);
	vmi_lapic_init_ipi(&cpu[1]);
	ck_assert_uint_eq(rd(1, 0x80), 0);
	for (i = 0x320; i <= 0x370; i += 0x10)
		ck_assert_uint_eq(rd(1, i), 0x10000);
	wr(1, 0xf0, 0x1ff); /* pins are wires: INIT does not move them */
	wr(1, 0x350, 0x700);
	ck_assert(vmi_lapic_extint(&cpu[1]));
	wr(1, 0x360, 0x400);
	ck_assert_int_eq(vmi_lapic_set_lint(&cpu[1], 1, true), 0);
	vmi_lapic_set_lint(&cpu[1], 0, false);
	vmi_lapic_set_lint(&cpu[1], 1, false);
	send(1, 0x55, true);
	wr(1, 0x380, 100);
	vmi_lapic_reset(&cpu[1]);
	memset(&fresh, 0xa5, sizeof(fresh));
	vmi_lapic_init(&fresh, &c, &ops, &cpu[1]);
	ck_assert_int_eq(memcmp(&cpu[1].s, &fresh.s, sizeof(fresh.s)), 0);
}
END_TEST

/* Who is told what, and what the answers are. */
START_TEST(test_answers)
{
	uint64_t v;

	send(0, 0x45, false);
	ck_assert_uint_eq(events[0][VMI_LAPIC_INTR], 1);
	ck_assert_uint_eq(last_vector[0], 0x45);
	ck_assert_uint_eq(rd(0, 0x220), 0x20);
	vmi_lapic_accept(&cpu[0]);
	send(0, 0x46, false);
	events[0][VMI_LAPIC_INTR] = 0;
	wr(0, 0xb0, 0); /* an EOI uncovers the next */
	ck_assert_uint_eq(events[0][VMI_LAPIC_INTR], 1);
	vmi_lapic_accept(&cpu[0]);
	wr(0, 0xb0, 0);
	ck_assert_uint_eq(events[0][VMI_LAPIC_INTR], 1);
	ck_assert_int_eq(send(0, 5, false), -1);
	ck_assert_int_eq(vmi_lapic_deliver(&cpu[0],
				 &(struct vmi_msi_msg){ .delivery = 3 }),
		-1);
	ck_assert_int_eq(vmi_lapic_rdmsr(&cpu[0], 0x10, now, &v), -ENOENT);
	ck_assert_int_eq(vmi_lapic_rdmsr(&cpu[0], 0x900, now, &v), -ENOENT);
	ck_assert_int_eq(
		vmi_apic_bus_deliver(&bus,
			&(struct vmi_msi_msg){
				.dest = 1, .delivery = 5, .trig_level = true }),
		1);
	ck_assert_uint_eq(events[1][VMI_LAPIC_INIT], 0);
	vmi_lapic_set_tpr(&cpu[0], 0xa5);
	ck_assert_uint_eq(vmi_lapic_tpr(&cpu[0]), 0xa5);
	vmi_lapic_wrmsr(&cpu[0], 0x1b, 0xfee00000, now);
	ck_assert_int_eq(vmi_lapic_deliver(&cpu[0],
				 &(struct vmi_msi_msg){ .delivery = 4 }),
		-1);
	ck_assert_int_eq(vmi_lapic_set_lint(&cpu[0], 2, true), -1);
	ck_assert_int_eq(vmi_lapic_local(&cpu[0], VMI_LVT_THERMAL), -1);
	ck_assert_int_eq(
		vmi_apic_bus_deliver(&(struct vmi_apic_bus){ list, 0, 0 },
			&(struct vmi_msi_msg){ .delivery = 1 }),
		-1);
	vmi_apic_bus_ipi(&bus, &cpu[1], &(struct vmi_msi_msg){ .vector = 0x33 },
		VMI_SHORTHAND_SELF);
	ck_assert_uint_eq(take(1, 0x33), 1);
}
END_TEST

START_TEST(test_lint_edges)
{
	unsigned *extint = &events[0][VMI_LAPIC_EXTINT];

	wr(0, 0x350, 0x700);
	*extint = 0;
	ck_assert_int_eq(vmi_lapic_set_lint(&cpu[0], 0, true), 1);
	ck_assert_int_eq(vmi_lapic_set_lint(&cpu[0], 0, true), 0);
	ck_assert_uint_eq(*extint, 2);
	wr(0, 0x350, 0x10700);
	ck_assert(!vmi_lapic_extint(&cpu[0]));
	*extint = 0;
	wr(0, 0x350, 0x700); /* unmasked with the line high */
	ck_assert_uint_eq(*extint, 1);
	wr(0, 0x350, 0x18062);
	wr(0, 0x350, 0x8062); /* a level is seen late, an edge is not */
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), 0x62);
	wr(0, 0x350, 0x8062); /* remote IRR survives a write */
	ck_assert_uint_eq(rd(0, 0x350), 0xc062);
	vmi_lapic_accept(&cpu[0]);
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), -1);
	wr(0, 0x350, 0x8062); /* and holds back a second one */
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), -1);
	wr(0, 0x350, 0x62);
	ck_assert_uint_eq(rd(0, 0x350), 0x62);
	ck_assert_int_eq(vmi_lapic_pending(&cpu[0]), -1);
	/* Off: LINT0 is INTR, LINT1's rise an NMI. */
	vmi_lapic_wrmsr(&cpu[0], 0x1b, 0xfee00100, now);
	*extint = 0;
	ck_assert_int_eq(vmi_lapic_set_lint(&cpu[0], 0, true), 1);
	ck_assert_uint_eq(*extint, 1);
	ck_assert_uint_eq(events[0][VMI_LAPIC_NMI], 0);
	vmi_lapic_set_lint(&cpu[0], 1, true);
	vmi_lapic_set_lint(&cpu[0], 1, true);
	vmi_lapic_set_lint(&cpu[0], 1, false);
	ck_assert_uint_eq(events[0][VMI_LAPIC_NMI], 1);
	ck_assert_uint_eq(*extint, 1);
	vmi_apic_bus_deliver(
		&bus, &(struct vmi_msi_msg){ .dest = 1, .delivery = 7 });
	ck_assert_uint_eq(events[1][VMI_LAPIC_EXTINT], 1);
}
END_TEST

/* The ICR's upper half means other things in the two modes. */
START_TEST(test_icr_modes)
{
	uint64_t v;

	wr(0, 0x310, 0x05000000);
	wr(0, 0x300, 0x40041);
	vmi_lapic_wrmsr(&cpu[0], 0x1b, 0xfee00d00, now);
	vmi_lapic_rdmsr(&cpu[0], 0x830, now, &v);
	ck_assert_uint_eq(v, 0x40041);
	vmi_lapic_wrmsr(&cpu[0], 0x830, UINT64_C(0x1234567800000050), now);
	vmi_lapic_wrmsr(&cpu[0], 0x1b, 0xfee00d00, now); /* no change */
	vmi_lapic_rdmsr(&cpu[0], 0x830, now, &v);
	ck_assert_uint_eq(v, UINT64_C(0x1234567800000050));
	ck_assert_int_eq(vmi_lapic_restore_base(&cpu[0], 0xfee00900), 0);
	ck_assert_uint_eq(rd(0, 0x310), 0x12000000);
	/* A self IPI of an illegal vector is an error. */
	vmi_lapic_restore_base(&cpu[0], 0xfee00d00);
	vmi_lapic_wrmsr(&cpu[0], 0x83f, 3, now);
	vmi_lapic_wrmsr(&cpu[0], 0x828, 0, now);
	vmi_lapic_rdmsr(&cpu[0], 0x828, now, &v);
	ck_assert_uint_eq(v, 0x20);
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
	tcase_add_test(t, test_x2apic);
	tcase_add_test(t, test_base);
	tcase_add_test(t, test_lint);
	tcase_add_test(t, test_local);
	tcase_add_test(t, test_access_sizes);
	tcase_add_test(t, test_reset_all);
	tcase_add_test(t, test_answers);
	tcase_add_test(t, test_lint_edges);
	tcase_add_test(t, test_icr_modes);
	return run_suite(s);
}
