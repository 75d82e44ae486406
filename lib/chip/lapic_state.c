/* SPDX-License-Identifier: MIT */
/* The local APIC's state: its own form, and KVM's register page. */
#include "lib/chip/lapic.h"

#include <errno.h>
#include <string.h>

/* Where LVT entries are in the page (SDM 3A table 11-1). */
static const uint16_t lvt_offset[VMI_LVT_COUNT] = { 0x2f0, 0x320, 0x330, 0x340,
	0x350, 0x360, 0x370 };

#define LVT_REMOTE 0x4000u

static uint32_t get32(const uint8_t *page, unsigned at)
{
	return page[at] | (uint32_t)page[at + 1] << 8 |
	       (uint32_t)page[at + 2] << 16 | (uint32_t)page[at + 3] << 24;
}

static void put32(uint8_t *page, unsigned at, uint32_t v)
{
	page[at] = (uint8_t)v;
	page[at + 1] = (uint8_t)(v >> 8);
	page[at + 2] = (uint8_t)(v >> 16);
	page[at + 3] = (uint8_t)(v >> 24);
}

static bool lvt_valid(
	const struct vmi_lapic *l, const struct vmi_lapic_state *s)
{
	unsigned i;

	for (i = 0; i < VMI_LVT_COUNT; i++) {
		uint32_t allowed = vmi_lapic_lvt_bits(l, i);

		if (i == VMI_LVT_LINT0)
			allowed |= LVT_REMOTE;
		if (s->lvt[i] & ~allowed)
			return false;
	}
	return true;
}

static bool registers_valid(
	const struct vmi_lapic *l, const struct vmi_lapic_state *s)
{
	uint32_t illegal = s->isr[0] | s->irr[0] | s->tmr[0];
	uint64_t icr = s->base_msr & VMI_APIC_BASE_X2
			       ? UINT64_C(0xffffffff000ccfff)
			       : UINT64_C(0xff000000000ccfff);

	return !(illegal & 0xffff) && s->tpr <= 0xff && !(s->svr & ~0x13ffu) &&
	       !(s->tdcr & ~0xbu) && !(s->ldr & 0x00ffffff) &&
	       (s->dfr & 0x0fffffff) == 0x0fffffff && s->xapic_id <= 0xff &&
	       s->esr <= 0xff && s->esr_pending <= 0xff && !(s->icr & ~icr) &&
	       lvt_valid(l, s);
}

static bool base_ok(const struct vmi_lapic *l, uint64_t base)
{
	struct vmi_lapic trial = *l;

	return vmi_lapic_restore_base(&trial, base) == 0;
}

void vmi_lapic_get_state(
	const struct vmi_lapic *l, struct vmi_lapic_state *state)
{
	*state = l->s;
}

/* The counter's rate follows from TDCR, so that is what it must have. */
static bool timer_valid(
	const struct vmi_lapic *l, const struct vmi_lapic_state *s)
{
	struct vmi_lapic like = *l;

	like.s.tdcr = s->tdcr;
	vmi_lapic_timer_rate(&like, 0);
	return vmi_counter_valid(&s->timer, &like.s.timer) &&
	       (!s->armed || (s->tmict && !vmi_lapic_tsc_mode(
						  s->lvt[VMI_LVT_TIMER])));
}

int vmi_lapic_set_state(
	struct vmi_lapic *l, const struct vmi_lapic_state *state)
{
	if (state->size != sizeof(*state) || !base_ok(l, state->base_msr) ||
		(state->armed | state->lint[0] | state->lint[1] |
			state->extint) > 1 ||
		!registers_valid(l, state) || !timer_valid(l, state))
		return -EINVAL;
	l->s = *state;
	return 0;
}

void vmi_lapic_kvm_get(
	struct vmi_lapic *l, uint8_t page[VMI_LAPIC_PAGE], uint64_t now)
{
	const struct vmi_lapic_state *s = &l->s;
	bool x2 = vmi_lapic_x2apic(l);
	unsigned i;

	vmi_lapic_update(l, now);
	memset(page, 0, VMI_LAPIC_PAGE);
	put32(page, 0x020, x2 ? l->config.apic_id : s->xapic_id << 24);
	put32(page, 0x030, VMI_LAPIC_VERSION);
	put32(page, 0x080, s->tpr);
	put32(page, 0x090, vmi_lapic_apr(l));
	put32(page, 0x0a0, vmi_lapic_ppr(l));
	put32(page, 0x0d0, vmi_lapic_ldr(l));
	put32(page, 0x0e0, s->dfr);
	put32(page, 0x0f0, s->svr);
	for (i = 0; i < 8; i++) {
		put32(page, 0x100 + 16 * i, s->isr[i]);
		put32(page, 0x180 + 16 * i, s->tmr[i]);
		put32(page, 0x200 + 16 * i, s->irr[i]);
	}
	put32(page, 0x280, s->esr);
	put32(page, 0x300, (uint32_t)s->icr);
	put32(page, 0x310, (uint32_t)(s->icr >> 32));
	for (i = 0; i < VMI_LVT_COUNT; i++)
		put32(page, lvt_offset[i], s->lvt[i]);
	put32(page, 0x380, s->tmict);
	put32(page, 0x390, vmi_lapic_timer_left(l, now));
	put32(page, 0x3e0, s->tdcr);
}

static void unpack(struct vmi_lapic *l, const uint8_t *page)
{
	struct vmi_lapic_state *s = &l->s;
	unsigned i;

	if (!vmi_lapic_x2apic(l)) {
		s->xapic_id = get32(page, 0x020) >> 24;
		s->ldr = get32(page, 0x0d0);
	}
	s->tpr = get32(page, 0x080);
	s->dfr = get32(page, 0x0e0);
	s->svr = get32(page, 0x0f0);
	for (i = 0; i < 8; i++) {
		s->isr[i] = get32(page, 0x100 + 16 * i);
		s->tmr[i] = get32(page, 0x180 + 16 * i);
		s->irr[i] = get32(page, 0x200 + 16 * i);
	}
	s->esr = get32(page, 0x280);
	s->esr_pending = 0;
	/* Delivery status, bit 12, may be set in KVM's; it is always sent. */
	s->icr = (get32(page, 0x300) & ~0x1000u) | (uint64_t)get32(page, 0x310)
							   << 32;
	for (i = 0; i < VMI_LVT_COUNT; i++)
		s->lvt[i] = get32(page, lvt_offset[i]) & ~0x1000u;
	s->tmict = get32(page, 0x380);
	s->tdcr = get32(page, 0x3e0);
}

/*
 * Go on from the current count. A periodic timer caught between its end and
 * its reload reads 0 and starts a whole period.
 */
static void resume_timer(struct vmi_lapic *l, uint32_t left, uint64_t now)
{
	uint32_t lvt = l->s.lvt[VMI_LVT_TIMER];

	vmi_lapic_timer_rate(l, now);
	if (left > l->s.tmict || (!left && lvt >> 17 & 1))
		left = l->s.tmict;
	vmi_lapic_timer_start(l, vmi_lapic_tsc_mode(lvt) ? 0 : left, now);
}

int vmi_lapic_kvm_set(
	struct vmi_lapic *l, const uint8_t page[VMI_LAPIC_PAGE], uint64_t now)
{
	struct vmi_lapic trial = *l;

	unpack(&trial, page);
	if (!registers_valid(&trial, &trial.s))
		return -EINVAL;
	resume_timer(&trial, get32(page, 0x390), now);
	l->s = trial.s;
	return 0;
}
