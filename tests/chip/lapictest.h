/* SPDX-License-Identifier: MIT */
/* Four local APICs on a bus, and what they tell their owners. */
#ifndef TESTS_LAPICTEST_H
#define TESTS_LAPICTEST_H

#include "chiptest.h"
#include "lib/chip/lapic.h"

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

static inline uint32_t rd(unsigned n, uint32_t reg)
{
	return vmi_lapic_read(&cpu[n], reg, 4, now);
}

static inline void wr(unsigned n, uint32_t reg, uint32_t v)
{
	vmi_lapic_write(&cpu[n], reg, 4, v, now);
}

static inline void setup(void)
{
	unsigned i;

	memset(events, 0, sizeof(events));
	eois = 0;
	now = 1000;
	for (i = 0; i < CPUS; i++) {
		struct vmi_lapic_config c = { BUS_HZ, i, 40, i == 0, true,
			true };

		vmi_lapic_init(&cpu[i], &c, &ops, &cpu[i]);
		wr(i, 0xf0, 0x1ff);
		list[i] = &cpu[i];
	}
	bus = (struct vmi_apic_bus){ list, CPUS, 0 };
	memset(events, 0, sizeof(events));
}

static inline int send(unsigned n, uint8_t vector, bool level)
{
	struct vmi_msi_msg m = {
		.dest = n, .vector = vector, .trig_level = level, .level = true
	};

	return vmi_apic_bus_deliver(&bus, &m);
}

/* Take and end exactly this vector, if it is the one pending. */
static inline unsigned take(unsigned n, uint8_t vector)
{
	if (vmi_lapic_pending(&cpu[n]) != vector)
		return 0;
	vmi_lapic_accept(&cpu[n]);
	vmi_lapic_eoi(&cpu[n]);
	return 1;
}

#endif
