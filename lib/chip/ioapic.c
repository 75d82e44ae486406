/* SPDX-License-Identifier: MIT */
/*
 * The I/O APIC (data sheet: Intel 290566, 82093AA; the EOI register and
 * version 0x20: ICH data sheets, "APIC Direct Registers").
 *
 * A level pin that is asserted, unmasked and without remote IRR is pending:
 * that, derived, is its delivery status. It is sent when it becomes so, and
 * again at each update while nobody accepts it.
 */
#include "lib/chip/ioapic.h"

#include <errno.h>
#include <string.h>

#define REG_ID	0x00
#define REG_VER 0x01
#define REG_ARB 0x02
#define REG_RTE 0x10

#define IOAPIC_VERSION (0x20u | (VMI_IOAPIC_PINS - 1) << 16)

#define RTE_STATUS   (UINT64_C(1) << 12)
#define RTE_REMOTE   (UINT64_C(1) << 14)
#define RTE_LEVEL    (UINT64_C(1) << 15)
#define RTE_MASKED   (UINT64_C(1) << 16)
#define RTE_LOGICAL  (UINT64_C(1) << 11)
#define RTE_WRITABLE UINT64_C(0xff0000000001afff)
#define RTE_STORED   (RTE_WRITABLE | RTE_REMOTE)
#define ALL_PINS     ((UINT32_C(1) << VMI_IOAPIC_PINS) - 1)

static unsigned delivery(uint64_t rte)
{
	return rte >> 8 & 7;
}

/* SMI, NMI, INIT and ExtINT are edges whatever bit 15 says (bits 10:8). */
static bool by_level(uint64_t rte)
{
	return rte & RTE_LEVEL && delivery(rte) <= VMI_DELIVER_LOWEST;
}

static bool asserted(const struct vmi_ioapic *io, unsigned pin)
{
	return io->s.lines >> pin & 1;
}

static bool pending(const struct vmi_ioapic *io, unsigned pin)
{
	uint64_t rte = io->s.rte[pin];

	return by_level(rte) && asserted(io, pin) &&
	       !(rte & (RTE_MASKED | RTE_REMOTE));
}

/* Remote IRR: "set when local APIC(s) accept the level interrupt". */
static int send(struct vmi_ioapic *io, unsigned pin)
{
	uint64_t rte = io->s.rte[pin];
	struct vmi_msi_msg msg = {
		.dest = (uint32_t)(rte >> 56),
		.vector = (uint8_t)rte,
		.delivery = (uint8_t)delivery(rte),
		.logical = rte & RTE_LOGICAL,
		.trig_level = by_level(rte),
		.level = true,
	};
	int r;

	/*
	 * Taken before it is sent: the other end may answer with an EOI
	 * from within the call.
	 */
	if (by_level(rte))
		io->s.rte[pin] |= RTE_REMOTE;
	r = io->deliver ? io->deliver(io->opaque, &msg) : -1;
	if (r < 0)
		io->s.rte[pin] &= ~RTE_REMOTE;
	return r;
}

static void send_pending(struct vmi_ioapic *io, uint32_t pins)
{
	unsigned pin;

	for (pin = 0; pin < VMI_IOAPIC_PINS; pin++) {
		if (pins >> pin & 1 && pending(io, pin))
			send(io, pin);
	}
}

/* Let go what the storm guard held, when its time has come. */
static void release(struct vmi_ioapic *io, uint64_t now)
{
	uint32_t pins = io->s.held;

	if (!pins || now < io->s.held_until)
		return;
	io->s.held = 0;
	send_pending(io, pins);
}

int vmi_ioapic_set_irq(
	struct vmi_ioapic *io, unsigned pin, bool level, uint64_t now)
{
	uint64_t rte;
	bool was;

	if (pin >= VMI_IOAPIC_PINS)
		return -1;
	release(io, now);
	rte = io->s.rte[pin];
	was = asserted(io, pin);
	if (!level) {
		io->s.lines &= ~(UINT32_C(1) << pin);
		io->s.storm[pin] = 0;
		return 0;
	}
	io->s.lines |= UINT32_C(1) << pin;
	/* "Edge-sensitive interrupts signaled on a masked pin are ignored" */
	if (rte & RTE_MASKED)
		return -1;
	if (by_level(rte))
		return pending(io, pin) && !(io->s.held >> pin & 1)
			       ? send(io, pin)
			       : 0;
	return was ? 0 : send(io, pin);
}

static void hold(struct vmi_ioapic *io, unsigned pin, uint64_t now)
{
	uint64_t until = now + io->s.storm_delay;

	io->s.storm[pin] = 0;
	io->s.held |= UINT32_C(1) << pin;
	io->s.held_until = until < now ? VMI_NEVER : until;
}

static void eoi_pin(struct vmi_ioapic *io, unsigned pin, uint64_t now)
{
	io->s.rte[pin] &= ~RTE_REMOTE;
	if (io->ended)
		io->ended(io->opaque, pin);
	if (!pending(io, pin))
		return;
	if (io->s.storm_limit && ++io->s.storm[pin] >= io->s.storm_limit)
		hold(io, pin, now);
	else
		send(io, pin);
}

void vmi_ioapic_eoi(struct vmi_ioapic *io, uint8_t vector, uint64_t now)
{
	unsigned pin;

	release(io, now);
	for (pin = 0; pin < VMI_IOAPIC_PINS; pin++) {
		uint64_t rte = io->s.rte[pin];

		if (rte & RTE_REMOTE && (uint8_t)rte == vector)
			eoi_pin(io, pin, now);
	}
}

void vmi_ioapic_update(struct vmi_ioapic *io, uint64_t now)
{
	release(io, now);
	send_pending(io, ~io->s.held);
}

uint64_t vmi_ioapic_deadline(const struct vmi_ioapic *io, uint64_t now)
{
	if (!io->s.held)
		return VMI_NEVER;
	return io->s.held_until > now ? io->s.held_until : now;
}

/*
 * Leaving level mode drops remote IRR, as the chip does; kernels use that
 * (edge, then level again) to end an interrupt without an EOI register.
 */
static void write_rte(struct vmi_ioapic *io, unsigned reg, uint32_t value)
{
	unsigned pin = (reg - REG_RTE) / 2, shift = reg % 2 * 32;
	uint64_t *rte = &io->s.rte[pin];
	uint64_t mask = (UINT64_C(0xffffffff) << shift) & RTE_WRITABLE;

	*rte = (*rte & ~mask) | ((uint64_t)value << shift & mask);
	if (!by_level(*rte))
		*rte &= ~RTE_REMOTE;
	io->s.held &= ~(UINT32_C(1) << pin);
	send_pending(io, UINT32_C(1) << pin);
}

static uint32_t read_reg(const struct vmi_ioapic *io)
{
	unsigned reg = io->s.select, pin;
	uint64_t rte;

	switch (reg) {
	case REG_ID:
	case REG_ARB: return io->s.id;
	case REG_VER: return IOAPIC_VERSION;
	}
	pin = (reg - REG_RTE) / 2;
	if (reg < REG_RTE || pin >= VMI_IOAPIC_PINS)
		return 0;
	rte = io->s.rte[pin] | (pending(io, pin) ? RTE_STATUS : 0);
	return (uint32_t)(reg % 2 ? rte >> 32 : rte);
}

static void write_reg(struct vmi_ioapic *io, uint32_t value)
{
	unsigned reg = io->s.select;

	if (reg == REG_ID)
		io->s.id = value & 0x0f000000;
	else if (reg >= REG_RTE && reg < REG_RTE + 2 * VMI_IOAPIC_PINS)
		write_rte(io, reg, value);
}

uint32_t vmi_ioapic_read(
	struct vmi_ioapic *io, uint32_t offset, unsigned size, uint64_t now)
{
	uint32_t v = 0;

	vmi_ioapic_update(io, now);
	switch (offset & ~3u) {
	case 0x00: v = io->s.select; break;
	case 0x10: v = read_reg(io); break;
	}
	return (uint32_t)vmi_bytes_get(v, offset & 3, size);
}

void vmi_ioapic_write(struct vmi_ioapic *io, uint32_t offset, unsigned size,
	uint32_t value, uint64_t now)
{
	vmi_ioapic_update(io, now);
	switch (offset) {
	case 0x00: io->s.select = value & 0xff; break;
	case 0x10:
		if (size >= 4)
			write_reg(io, value);
		break;
	case 0x40: vmi_ioapic_eoi(io, (uint8_t)value, now); break;
	}
}

void vmi_ioapic_storm_guard(
	struct vmi_ioapic *io, uint32_t limit, uint32_t delay_ns)
{
	io->s.storm_limit = limit;
	io->s.storm_delay = delay_ns;
}

void vmi_ioapic_reset(struct vmi_ioapic *io)
{
	unsigned pin;

	io->s.select = 0;
	io->s.id = 0;
	io->s.held = 0;
	io->s.held_until = 0;
	memset(io->s.storm, 0, sizeof(io->s.storm));
	for (pin = 0; pin < VMI_IOAPIC_PINS; pin++)
		io->s.rte[pin] = RTE_MASKED;
}

void vmi_ioapic_init(struct vmi_ioapic *io,
	int (*deliver)(void *opaque, const struct vmi_msi_msg *msg),
	void *opaque)
{
	memset(io, 0, sizeof(*io));
	io->s.size = sizeof(io->s);
	io->deliver = deliver;
	io->opaque = opaque;
	vmi_ioapic_reset(io);
}

void vmi_ioapic_get_state(
	const struct vmi_ioapic *io, struct vmi_ioapic_state *state)
{
	*state = io->s;
}

int vmi_ioapic_set_state(
	struct vmi_ioapic *io, const struct vmi_ioapic_state *state)
{
	unsigned pin;

	if (state->size != sizeof(*state) || state->lines & ~ALL_PINS ||
		state->held & ~ALL_PINS || state->select > 0xff ||
		state->id & ~0x0f000000u)
		return -EINVAL;
	for (pin = 0; pin < VMI_IOAPIC_PINS; pin++) {
		uint64_t rte = state->rte[pin];

		if (rte & ~RTE_STORED || (rte & RTE_REMOTE && !by_level(rte)))
			return -EINVAL;
	}
	io->s = *state;
	return 0;
}
