/* SPDX-License-Identifier: MIT */
/* The I/O APIC: 24 pins, version 0x20 (82093AA with an EOI register). */
#ifndef VMI_CHIP_IOAPIC_H
#define VMI_CHIP_IOAPIC_H

#include "lib/chip/chip.h"

#define VMI_IOAPIC_PINS 24

struct vmi_ioapic_state {
	uint32_t size;
	uint32_t lines; /* inputs asserted now */
	uint32_t select;
	uint32_t id;
	uint64_t rte[VMI_IOAPIC_PINS];
	uint64_t held_until;  /* storm guard: re-send not before this; 0 off */
	uint32_t held;	      /* pins it holds */
	uint32_t storm_limit; /* 0: no guard */
	uint32_t storm_delay; /* ns */
	uint32_t storm[VMI_IOAPIC_PINS]; /* EOIs in a row, still asserted */
	uint32_t pad;
};

struct vmi_ioapic {
	struct vmi_ioapic_state s;
	/* Returns the delivery tri-state of chip.h. */
	int (*deliver)(void *opaque, const struct vmi_msi_msg *msg);
	/* A level interrupt of this pin ended; may release it.  Optional. */
	void (*ended)(void *opaque, unsigned pin);
	void *opaque;
};

void vmi_ioapic_init(struct vmi_ioapic *io,
	int (*deliver)(void *opaque, const struct vmi_msi_msg *msg),
	void *opaque);
void vmi_ioapic_reset(struct vmi_ioapic *io);

/* `offset` in the page: IOREGSEL 0, IOWIN 0x10, EOI 0x40; 32-bit windows. */
uint32_t vmi_ioapic_read(
	struct vmi_ioapic *io, uint32_t offset, unsigned size, uint64_t now);
void vmi_ioapic_write(struct vmi_ioapic *io, uint32_t offset, unsigned size,
	uint32_t value, uint64_t now);

/* Send again what is asserted and was not accepted, or was held back. */
void vmi_ioapic_update(struct vmi_ioapic *io, uint64_t now);
uint64_t vmi_ioapic_deadline(const struct vmi_ioapic *io, uint64_t now);

/*
 * Assert or release a pin; `level` is logical, so the polarity bit is kept
 * and means nothing here. Returns the delivery tri-state; 0 for a release.
 */
int vmi_ioapic_set_irq(
	struct vmi_ioapic *io, unsigned pin, bool level, uint64_t now);

/* A local APIC's EOI broadcast: clears remote IRR, sends again if asserted. */
void vmi_ioapic_eoi(struct vmi_ioapic *io, uint8_t vector, uint64_t now);

/* After `limit` EOIs in a row that left a pin asserted, wait `delay_ns`. */
void vmi_ioapic_storm_guard(
	struct vmi_ioapic *io, uint32_t limit, uint32_t delay_ns);

void vmi_ioapic_get_state(
	const struct vmi_ioapic *io, struct vmi_ioapic_state *state);
int vmi_ioapic_set_state(
	struct vmi_ioapic *io, const struct vmi_ioapic_state *state);

#endif
