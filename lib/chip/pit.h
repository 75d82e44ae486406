/* SPDX-License-Identifier: MIT */
/* The 8254 interval timer and system control port B (0x61). */
#ifndef VMI_CHIP_PIT_H
#define VMI_CHIP_PIT_H

#include "lib/chip/chip.h"
#include "lib/chip/counter.h"

#define VMI_PIT_HZ	 1193182
#define VMI_PIT_CHANNELS 3

/* What to do with a tick that the guest could not see. */
enum vmi_pit_policy {
	VMI_PIT_DISCARD, /* ticks that came late or merged are lost */
	VMI_PIT_CATCH_UP /* they are counted; each ack brings one back */
};

struct vmi_pit_channel_state {
	uint64_t at;	 /* clock tick that the rest describes */
	uint32_t ce;	 /* counting element; 65536 or 10000 right after 0 */
	uint32_t period; /* the count that ce was loaded with, 0 if none */
	uint16_t cr;	 /* count register, as written */
	uint16_t latch;	 /* output latch */
	uint8_t latched; /* bytes of it still to be read: bit 0 LSB, 1 MSB */
	uint8_t status;	 /* latched status byte */
	uint8_t has_status;
	uint8_t rw;   /* 1 LSB, 2 MSB, 3 both */
	uint8_t mode; /* 0 to 5 */
	uint8_t bcd;
	uint8_t read_msb;  /* the next unlatched read gives the MSB */
	uint8_t write_msb; /* the next write is the MSB */
	uint8_t cr_low;	   /* first byte of a count half written */
	uint8_t null_count;
	uint8_t has_count; /* a count was written since the control word */
	uint8_t load;	   /* CR goes to CE at the next clock */
	uint8_t armed;	   /* modes 0, 1, 4, 5: this count has not expired */
	uint8_t paused;	   /* mode 0: between the two bytes of a count */
	uint8_t gate;
	uint8_t out;
	uint8_t pad[4];
};

struct vmi_pit_state {
	uint32_t size;
	uint32_t pending; /* ticks owed to the guest */
	struct vmi_counter clock;
	struct vmi_pit_channel_state ch[VMI_PIT_CHANNELS];
	uint8_t port61; /* bits 3:0 as written */
	uint8_t irq;	/* level last driven */
	uint8_t cut;
	uint8_t policy; /* enum vmi_pit_policy */
	uint8_t pad[4];
};

struct vmi_pit {
	struct vmi_pit_state s;
	struct vmi_line irq0;
};

void vmi_pit_init(struct vmi_pit *pit, struct vmi_line irq0, uint64_t now);
void vmi_pit_reset(struct vmi_pit *pit, uint64_t now);

/* `port` is 0x40 to 0x43 or 0x61; other ports read ones, ignore writes. */
uint8_t vmi_pit_read(struct vmi_pit *pit, uint16_t port, uint64_t now);
void vmi_pit_write(
	struct vmi_pit *pit, uint16_t port, uint8_t value, uint64_t now);
void vmi_pit_update(struct vmi_pit *pit, uint64_t now);
uint64_t vmi_pit_deadline(const struct vmi_pit *pit, uint64_t now);

/* While cut (HPET legacy replacement), IRQ 0 is low and somebody else's. */
void vmi_pit_cut(struct vmi_pit *pit, bool cut, uint64_t now);

/* GATE of a channel; 0 and 1 are tied high on a PC, 2 is port 0x61 bit 0. */
void vmi_pit_gate(struct vmi_pit *pit, unsigned ch, bool level, uint64_t now);
bool vmi_pit_out(struct vmi_pit *pit, unsigned ch, uint64_t now);

/* The owner says: the last edge merged with one pending; IRQ 0 was acked. */
void vmi_pit_policy(struct vmi_pit *pit, enum vmi_pit_policy policy);
void vmi_pit_coalesced(struct vmi_pit *pit);
void vmi_pit_ack(struct vmi_pit *pit, uint64_t now);

void vmi_pit_get_state(const struct vmi_pit *pit, struct vmi_pit_state *state);
int vmi_pit_set_state(struct vmi_pit *pit, const struct vmi_pit_state *state);

#endif
