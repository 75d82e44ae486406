/* SPDX-License-Identifier: MIT */
/* The cascaded pair of 8259A interrupt controllers of a PC. */
#ifndef VMI_CHIP_PIC_H
#define VMI_CHIP_PIC_H

#include "lib/chip/chip.h"

#define VMI_PIC_PINS 16

struct vmi_pic_half_state {
	uint8_t lines; /* inputs, now */
	uint8_t edges; /* rises not yet acknowledged */
	uint8_t imr;
	uint8_t isr;
	uint8_t elcr;
	uint8_t lowest; /* the input of lowest priority; 7 unrotated */
	uint8_t base;	/* ICW2, vector bits 7:3 */
	uint8_t icw4;
	uint8_t next_icw; /* 2, 3, 4 while being initialised, else 0 */
	uint8_t wants_icw4;
	uint8_t single;
	uint8_t ltim;
	uint8_t read_isr;
	uint8_t poll;
	uint8_t special_mask;
	uint8_t aeoi_rotate;
	uint8_t pad[8];
};

struct vmi_pic_state {
	uint32_t size;
	uint8_t intr; /* level last driven */
	uint8_t pad[3];
	struct vmi_pic_half_state half[2]; /* master, slave */
};

struct vmi_pic {
	struct vmi_pic_state s;
	struct vmi_line intr;
	/* The interrupt of an input ended; may release it.  Optional. */
	void (*ended)(void *opaque, unsigned pin);
};

void vmi_pic_init(struct vmi_pic *pic, struct vmi_line intr);
void vmi_pic_reset(struct vmi_pic *pic);

/* Ports 0x20, 0x21, 0xa0, 0xa1 and ELCR 0x4d0, 0x4d1. */
uint8_t vmi_pic_read(struct vmi_pic *pic, uint16_t port, uint64_t now);
void vmi_pic_write(
	struct vmi_pic *pic, uint16_t port, uint8_t value, uint64_t now);
void vmi_pic_update(struct vmi_pic *pic, uint64_t now);
uint64_t vmi_pic_deadline(const struct vmi_pic *pic, uint64_t now);

/*
 * Drive input `pin`. Returns the delivery tri-state of chip.h: -1 masked, 0
 * nothing new (an edge not yet acknowledged, a level already seen, or a line
 * that goes low), 1 a new request.
 */
int vmi_pic_set_irq(struct vmi_pic *pic, unsigned pin, bool level);

/* The INTA cycle: the vector, that of IRQ 7 or 15 when it is spurious. */
uint8_t vmi_pic_ack(struct vmi_pic *pic);

/* INT, as it is driven. */
bool vmi_pic_intr(const struct vmi_pic *pic);

void vmi_pic_get_state(const struct vmi_pic *pic, struct vmi_pic_state *state);
int vmi_pic_set_state(struct vmi_pic *pic, const struct vmi_pic_state *state);

#endif
