/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's timer (SDM 3A 11.5.4).
 *
 * It never counts. It is a counter of ticks since it was started, and `due`,
 * the tick at which it fires; the current count is their difference. In the
 * TSC-deadline mode the owner says when the TSC gets there, anew each time,
 * so that a TSC that was moved needs no notice.
 */
#include "lib/chip/lapic.h"

#define LVT_MASKED   0x10000u
#define LVT_PERIODIC 0x20000u

bool vmi_lapic_tsc_mode(uint32_t lvt_timer)
{
	return (lvt_timer >> 17 & 3) == 2;
}

/* Divide configuration, bits 3, 1, 0: 2, 4 .. 128, and 1 for 111. */
static uint64_t divisor(uint32_t tdcr)
{
	unsigned code = (tdcr & 3) | (tdcr >> 1 & 4);

	return UINT64_C(1) << ((code + 1) & 7);
}

void vmi_lapic_timer_rate(struct vmi_lapic *l, uint64_t now)
{
	vmi_counter_rate(&l->s.timer, l->config.bus_hz,
		VMI_NSEC_PER_SEC * divisor(l->s.tdcr), now);
}

void vmi_lapic_timer_start(struct vmi_lapic *l, uint32_t ticks, uint64_t now)
{
	vmi_counter_set(&l->s.timer, 0, now);
	l->s.timer.running = 1;
	l->s.due = ticks;
	l->s.armed = ticks != 0;
}

uint32_t vmi_lapic_timer_left(const struct vmi_lapic *l, uint64_t now)
{
	uint64_t at = vmi_counter_read(&l->s.timer, now);

	return l->s.armed && at < l->s.due ? (uint32_t)(l->s.due - at) : 0;
}

static uint64_t tsc_time(const struct vmi_lapic *l)
{
	if (!l->s.tsc_deadline || !l->ops->tsc_time)
		return VMI_NEVER;
	return l->ops->tsc_time(l->opaque, l->s.tsc_deadline);
}

void vmi_lapic_update(struct vmi_lapic *l, uint64_t now)
{
	uint32_t lvt = l->s.lvt[VMI_LVT_TIMER];
	uint64_t at;

	if (vmi_lapic_tsc_mode(lvt)) {
		if (!l->s.tsc_deadline || tsc_time(l) > now)
			return;
		l->s.tsc_deadline = 0; /* "arms at most one" (11.5.4.1) */
		vmi_lapic_local(l, VMI_LVT_TIMER);
		return;
	}
	at = vmi_counter_read(&l->s.timer, now);
	if (!l->s.armed || at < l->s.due)
		return;
	if (lvt & LVT_PERIODIC)
		l->s.due += ((at - l->s.due) / l->s.tmict + 1) * l->s.tmict;
	else
		l->s.armed = 0;
	vmi_lapic_local(l, VMI_LVT_TIMER);
}

uint64_t vmi_lapic_deadline(const struct vmi_lapic *l, uint64_t now)
{
	uint32_t lvt = l->s.lvt[VMI_LVT_TIMER];
	uint64_t at = vmi_counter_read(&l->s.timer, now), t;

	if (lvt & LVT_MASKED)
		return VMI_NEVER;
	if (vmi_lapic_tsc_mode(lvt)) {
		t = tsc_time(l);
		return t < now ? now : t;
	}
	if (!l->s.armed)
		return VMI_NEVER;
	return at >= l->s.due
		       ? now
		       : vmi_counter_after(&l->s.timer, l->s.due - at, now);
}
