/* SPDX-License-Identifier: MIT */
/* The high precision event timers (IA-PC HPET 1.0a). */
#ifndef VMI_CHIP_HPET_H
#define VMI_CHIP_HPET_H

#include "lib/chip/chip.h"
#include "lib/chip/counter.h"

#define VMI_HPET_TIMERS 3
#define VMI_HPET_FS	10000000u /* 10 ns a tick: 100 MHz */

struct vmi_hpet_timer_state {
	uint64_t config;
	uint64_t cmp; /* comparator, the accumulator when periodic */
	uint64_t period;
	uint32_t pin; /* where `level` is driven */
	uint8_t level;
	uint8_t period_first; /* the period was written ahead of VAL_SET */
	uint8_t high_half;    /* VAL_SET holds for the upper half still */
	uint8_t pad;
};

struct vmi_hpet_state {
	uint32_t size;
	uint8_t strict; /* two reads never return the same */
	uint8_t pad[3];
	struct vmi_counter counter;
	uint64_t done; /* comparators have been tried up to this count */
	uint64_t last_read;
	uint64_t config;
	uint64_t status;
	struct vmi_hpet_timer_state timer[VMI_HPET_TIMERS];
};

struct vmi_hpet_wiring {
	/* Interrupt `pin` of INT_ROUTE (an IOAPIC pin); its pin is ignored. */
	struct vmi_line route;
	/* Legacy replacement: [0] IRQ 0 and IOAPIC pin 2, [1] IRQ 8. */
	struct vmi_line legacy[2];
	/* High while the PIT and the RTC must not drive those. */
	struct vmi_line cut;
	uint32_t route_cap; /* the pins that INT_ROUTE may name */
};

/* Ticks that the last calls brought; the owner sets them to 0. */
struct vmi_hpet_ticks {
	uint64_t n;
	bool merged; /* level: the first met a status that was set */
};

struct vmi_hpet {
	struct vmi_hpet_ticks ticks[VMI_HPET_TIMERS];
	unsigned firing; /* whose edge is driven */
	struct vmi_hpet_state s;
	struct vmi_hpet_wiring wiring;
};

void vmi_hpet_init(struct vmi_hpet *h, const struct vmi_hpet_wiring *wiring);
void vmi_hpet_reset(struct vmi_hpet *h);

/* "No two consecutive reads of the counter return the same value." */
void vmi_hpet_strict(struct vmi_hpet *h, bool strict);

/* `offset` in the 1024-byte block; 4 and 8 bytes wide, aligned. */
uint64_t vmi_hpet_read(
	struct vmi_hpet *h, uint32_t offset, unsigned size, uint64_t now);
void vmi_hpet_write(struct vmi_hpet *h, uint32_t offset, unsigned size,
	uint64_t value, uint64_t now);
/* A tick of timer n now: false where it merges with the one before it. */
bool vmi_hpet_tick(struct vmi_hpet *h, unsigned n);
bool vmi_hpet_is_level(const struct vmi_hpet *h, unsigned n);
void vmi_hpet_update(struct vmi_hpet *h, uint64_t now);
uint64_t vmi_hpet_deadline(const struct vmi_hpet *h, uint64_t now);

int vmi_hpet_set_state(struct vmi_hpet *h, const struct vmi_hpet_state *state);

#endif
