/* SPDX-License-Identifier: MIT */
/*
 * Two 8259A in cascade (data sheet: Intel 231468) with the ELCR of the
 * PIIX and ICH south bridges.
 *
 * IRR is derived, not stored: an edge input requests from its rise to its
 * acknowledgement, a level input while it is high. In edge mode the 8259A
 * itself forgets a request whose line falls before INTA ("IR inputs must
 * remain high until after the falling edge of the first INTA"); the rise is
 * remembered here, because a pulse is how many a machine model says "one
 * interrupt".
 */
#include "lib/chip/pic.h"

#include <errno.h>
#include <string.h>

enum { MASTER, SLAVE };

#define CASCADE	    2
#define ICW4_AEOI   0x02
#define ICW4_SFNM   0x10
#define ELCR_MASTER 0xf8 /* IRQ 0, 1, 2 are always edge */
#define ELCR_SLAVE  0xde /* and 8 and 13 */

static uint8_t levels(const struct vmi_pic_half_state *h)
{
	return h->ltim ? 0xff : h->elcr;
}

static uint8_t irr(const struct vmi_pic_half_state *h)
{
	return (uint8_t)((h->edges & ~levels(h)) | (h->lines & levels(h)));
}

/* 0 for the highest priority, 7 for the lowest. */
static unsigned rank(const struct vmi_pic_half_state *h, unsigned pin)
{
	return (pin - h->lowest - 1) & 7;
}

/* The highest-ranking pin in `set`, -1 if it is empty. */
static int highest(const struct vmi_pic_half_state *h, uint8_t set)
{
	unsigned i, pin;

	for (i = 0; i < 8; i++) {
		pin = (h->lowest + 1 + i) & 7;
		if (set >> pin & 1)
			return (int)pin;
	}
	return -1;
}

/*
 * The request that would win now, -1 if none. In the special fully nested
 * mode the slave's input stays open while one of its requests is in service;
 * in the special mask mode a masked in-service level holds nothing back.
 */
static int request(const struct vmi_pic *pic, unsigned n)
{
	const struct vmi_pic_half_state *h = &pic->s.half[n];
	uint8_t in_service = h->isr;
	int want, busy;

	if (h->next_icw)
		return -1;
	if (h->special_mask)
		in_service &= (uint8_t)~h->imr;
	want = highest(h, irr(h) & (uint8_t)~h->imr);
	busy = highest(h, in_service);
	if (want < 0 || busy < 0)
		return want;
	if (n == MASTER && h->icw4 & ICW4_SFNM && want == CASCADE &&
		busy == CASCADE)
		return want;
	return rank(h, (unsigned)want) < rank(h, (unsigned)busy) ? want : -1;
}

static void set_line(struct vmi_pic_half_state *h, unsigned pin, bool level)
{
	uint8_t bit = (uint8_t)(1u << pin);

	if (level && !(h->lines & bit))
		h->edges |= bit;
	h->lines = (uint8_t)(level ? h->lines | bit : h->lines & ~bit);
}

/* Drive what follows from the state: the cascade, then INT. */
static void settle(struct vmi_pic *pic)
{
	bool intr;

	set_line(&pic->s.half[MASTER], CASCADE, request(pic, SLAVE) >= 0);
	intr = request(pic, MASTER) >= 0;
	if (intr == pic->s.intr)
		return;
	pic->s.intr = intr;
	vmi_line_set(&pic->intr, intr);
}

int vmi_pic_set_irq(struct vmi_pic *pic, unsigned pin, bool level)
{
	struct vmi_pic_half_state *h = &pic->s.half[pin >> 3 & 1];
	uint8_t bit = (uint8_t)(1u << (pin & 7)), had;
	bool masked;

	if (pin >= VMI_PIC_PINS || pin == CASCADE)
		return -1;
	had = irr(h) & bit;
	set_line(h, pin & 7, level);
	settle(pic);
	masked = h->imr & bit ||
		 (pin > 7 && pic->s.half[MASTER].imr & 1 << CASCADE);
	if (level && masked)
		return -1;
	return level && !had && irr(h) & bit;
}

static void rotate_to(struct vmi_pic_half_state *h, unsigned pin)
{
	h->lowest = (uint8_t)pin;
}

static unsigned in_service(const struct vmi_pic *pic)
{
	return pic->s.half[MASTER].isr | (unsigned)pic->s.half[SLAVE].isr << 8;
}

static void tell_ended(struct vmi_pic *pic, unsigned pins)
{
	unsigned pin;

	for (pin = 0; pic->ended && pin < VMI_PIC_PINS; pin++)
		if (pins >> pin & 1 && pin != CASCADE)
			pic->ended(pic->intr.opaque, pin);
}

/* INTA on one chip. Its INT goes low and may rise again for the next. */
static void acknowledge(struct vmi_pic *pic, unsigned n, unsigned pin)
{
	struct vmi_pic_half_state *h = &pic->s.half[n];
	uint8_t bit = (uint8_t)(1u << pin);

	h->edges &= (uint8_t)~bit;
	if (n == SLAVE)
		set_line(&pic->s.half[MASTER], CASCADE, false);
	if (!(h->icw4 & ICW4_AEOI)) {
		h->isr |= bit;
		return;
	}
	if (h->aeoi_rotate)
		rotate_to(h, pin);
	tell_ended(pic, 1u << (8 * n + pin));
}

uint8_t vmi_pic_ack(struct vmi_pic *pic)
{
	struct vmi_pic_half_state *m = &pic->s.half[MASTER];
	struct vmi_pic_half_state *s = &pic->s.half[SLAVE];
	int pin = request(pic, MASTER), sub;
	uint8_t vector;

	if (pin < 0)
		return m->base | 7; /* "default IR7", no ISR bit */
	acknowledge(pic, MASTER, (unsigned)pin);
	vector = (uint8_t)(m->base | pin);
	if (pin == CASCADE && !m->single) {
		sub = request(pic, SLAVE);
		if (sub >= 0)
			acknowledge(pic, SLAVE, (unsigned)sub);
		vector = (uint8_t)(s->base | (sub < 0 ? 7 : sub));
	}
	settle(pic);
	return vector;
}

bool vmi_pic_intr(const struct vmi_pic *pic)
{
	return pic->s.intr;
}

/*
 * ICW1 (data sheet, "Initialization Command Words 1 and 2"): edge sensing
 * starts anew, IMR and the special mask mode are cleared, IR7 is lowest,
 * reads give IRR, and without ICW4 its functions are off.
 */
static void icw1(struct vmi_pic_half_state *h, uint8_t value)
{
	uint8_t lines = h->lines, elcr = h->elcr;

	memset(h, 0, sizeof(*h));
	h->lines = lines;
	h->elcr = elcr;
	h->lowest = 7;
	h->next_icw = 2;
	h->wants_icw4 = value & 1;
	h->single = value >> 1 & 1;
	h->ltim = value >> 3 & 1;
}

static void icw_next(struct vmi_pic_half_state *h, uint8_t value)
{
	switch (h->next_icw) {
	case 2:
		h->base = value & 0xf8;
		h->next_icw = !h->single ? 3 : h->wants_icw4 ? 4 : 0;
		break;
	case 3: /* the wiring of the cascade is fixed */
		h->next_icw = h->wants_icw4 ? 4 : 0;
		break;
	case 4:
		h->icw4 = value & 0x1f;
		h->next_icw = 0;
		break;
	}
}

/* The level that a non-specific EOI ends, -1 if none is in service. */
static int eoi_target(const struct vmi_pic_half_state *h)
{
	uint8_t isr = h->isr;

	if (h->special_mask) /* "an IS bit masked by an IMR bit" stays */
		isr &= (uint8_t)~h->imr;
	return highest(h, isr);
}

/* OCW2: R, SL, EOI in bits 7:5, level in 2:0. */
static void ocw2(struct vmi_pic_half_state *h, uint8_t value)
{
	bool rotate = value & 0x80, specific = value & 0x40;
	int pin = specific ? value & 7 : eoi_target(h);

	if (!(value & 0x20)) {
		if (!specific)
			h->aeoi_rotate = rotate;
		else if (rotate)
			rotate_to(h, (unsigned)pin);
		return;
	}
	if (pin < 0)
		return;
	h->isr &= (uint8_t) ~(1u << pin);
	if (rotate)
		rotate_to(h, (unsigned)pin);
}

/* OCW3: ESMM SMM in bits 6:5, P in 2, RR RIS in 1:0. */
static void ocw3(struct vmi_pic_half_state *h, uint8_t value)
{
	if (value & 0x40)
		h->special_mask = value >> 5 & 1;
	if (value & 0x04)
		h->poll = 1;
	if (value & 0x02)
		h->read_isr = value & 1;
}

static void write_half(struct vmi_pic_half_state *h, bool a0, uint8_t value)
{
	if (a0) {
		if (h->next_icw)
			icw_next(h, value);
		else
			h->imr = value;
	} else if (value & 0x10) {
		icw1(h, value);
	} else if (value & 0x08) {
		ocw3(h, value);
	} else {
		ocw2(h, value);
	}
}

/* The poll word: bit 7 a request, 2:0 its level; the read is its INTA. */
static uint8_t poll(struct vmi_pic *pic, unsigned n)
{
	int pin = request(pic, n);

	pic->s.half[n].poll = 0;
	if (pin < 0)
		return 0;
	acknowledge(pic, n, (unsigned)pin);
	settle(pic);
	return (uint8_t)(0x80 | pin);
}

uint8_t vmi_pic_read(struct vmi_pic *pic, uint16_t port, uint64_t now)
{
	unsigned n = port >> 7 & 1;
	struct vmi_pic_half_state *h = &pic->s.half[n];

	(void)now;
	switch (port) {
	case 0x4d0: return pic->s.half[MASTER].elcr;
	case 0x4d1: return pic->s.half[SLAVE].elcr;
	case 0x20:
	case 0x21:
	case 0xa0:
	case 0xa1: break;
	default: return 0xff;
	}
	if (h->poll)
		return poll(pic, n);
	if (port & 1)
		return h->imr;
	return h->read_isr ? h->isr : irr(h);
}

void vmi_pic_write(
	struct vmi_pic *pic, uint16_t port, uint8_t value, uint64_t now)
{
	unsigned was = in_service(pic);

	(void)now;
	switch (port) {
	case 0x20:
	case 0x21: write_half(&pic->s.half[MASTER], port & 1, value); break;
	case 0xa0:
	case 0xa1: write_half(&pic->s.half[SLAVE], port & 1, value); break;
	case 0x4d0: pic->s.half[MASTER].elcr = value & ELCR_MASTER; break;
	case 0x4d1: pic->s.half[SLAVE].elcr = value & ELCR_SLAVE; break;
	}
	tell_ended(pic, was & ~in_service(pic));
	settle(pic);
}

void vmi_pic_update(struct vmi_pic *pic, uint64_t now)
{
	(void)now;
	settle(pic);
}

uint64_t vmi_pic_deadline(const struct vmi_pic *pic, uint64_t now)
{
	(void)pic;
	(void)now;
	return VMI_NEVER;
}

void vmi_pic_reset(struct vmi_pic *pic)
{
	unsigned n;

	for (n = 0; n < 2; n++) {
		uint8_t lines = pic->s.half[n].lines;

		memset(&pic->s.half[n], 0, sizeof(pic->s.half[n]));
		pic->s.half[n].lines = lines;
		pic->s.half[n].lowest = 7;
	}
	settle(pic);
}

void vmi_pic_init(struct vmi_pic *pic, struct vmi_line intr)
{
	memset(pic, 0, sizeof(*pic));
	pic->intr = intr;
	pic->s.size = sizeof(pic->s);
	vmi_pic_reset(pic);
}

void vmi_pic_get_state(const struct vmi_pic *pic, struct vmi_pic_state *state)
{
	*state = pic->s;
}

static bool half_valid(const struct vmi_pic_half_state *h, uint8_t elcr)
{
	uint8_t flags = h->wants_icw4 | h->single | h->ltim | h->read_isr |
			h->poll | h->special_mask | h->aeoi_rotate;

	return flags <= 1 && h->lowest <= 7 && !(h->base & 7) &&
	       h->icw4 <= 0x1f && !(h->elcr & ~elcr) && h->next_icw != 1 &&
	       h->next_icw <= 4;
}

int vmi_pic_set_state(struct vmi_pic *pic, const struct vmi_pic_state *state)
{
	if (state->size != sizeof(*state) || state->intr > 1 ||
		!half_valid(&state->half[MASTER], ELCR_MASTER) ||
		!half_valid(&state->half[SLAVE], ELCR_SLAVE))
		return -EINVAL;
	pic->s = *state;
	return 0;
}
