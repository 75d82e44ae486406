/* SPDX-License-Identifier: MIT */
/*
 * Ticks that a guest could not take, and what is done about them.
 *
 * A line says of each edge whether it was delivered, merged with one that is
 * pending still, or met a mask. Of one that merged a tick is owed, and of
 * several ticks that came due before anybody drove the line all but one.
 * What is owed is tried again until the line takes it: after an eighth of
 * the time between two ticks (catching up), or once in the middle between
 * two (slewing: the guest's time runs at most at twice its speed). That the
 * line takes it is all that one has to know of the guest's acknowledging,
 * which no controller tells of edges.
 *
 * A guest that masks the line wants no ticks: then nothing is owed.
 */
#include "lib/chip/alarm.h"

#define GAP_UNKNOWN UINT64_C(1000000)
#define SPACING_MIN UINT64_C(20000)

void vmi_alarm_init(struct vmi_alarm *a, enum vmi_alarm_policy policy)
{
	a->s = (struct vmi_alarm_state){ .policy = policy,
		.extra = VMI_NEVER };
}

static void count(struct vmi_alarm *a, int delivery)
{
	if (delivery > 0)
		a->s.delivered++;
	else if (!delivery)
		a->s.coalesced++;
	else
		a->s.masked++;
}

static void owe(struct vmi_alarm *a, uint64_t n)
{
	uint64_t room = UINT64_MAX - a->s.owed;

	a->s.owed += n < room ? n : room;
}

static void schedule(struct vmi_alarm *a, uint64_t now)
{
	uint64_t gap = a->s.gap ? a->s.gap : GAP_UNKNOWN;
	uint64_t spacing = a->s.policy == VMI_ALARM_SLEW ? gap / 2 : gap / 8;

	if (spacing < SPACING_MIN)
		spacing = SPACING_MIN;
	a->s.extra = a->s.owed && spacing < VMI_NEVER - now ? now + spacing
							    : VMI_NEVER;
}

void vmi_alarm_ticked(
	struct vmi_alarm *a, uint64_t n, int delivery, uint64_t now)
{
	a->s.ticks += n;
	count(a, delivery);
	if (a->s.policy == VMI_ALARM_DISCARD)
		return;
	if (delivery < 0)
		a->s.owed = 0;
	else
		owe(a, n - (delivery > 0));
	if (a->s.started && now > a->s.last)
		a->s.gap = (now - a->s.last) / n;
	a->s.started = 1;
	a->s.last = now;
	if (a->s.policy == VMI_ALARM_SLEW || a->s.extra == VMI_NEVER ||
		!a->s.owed)
		schedule(a, now);
}

void vmi_alarm_tick(struct vmi_alarm *a, uint64_t n, uint64_t now)
{
	vmi_alarm_ticked(a, n, a->pulse(a->opaque), now);
}

static void forget_owed(struct vmi_alarm *a)
{
	a->s.owed = 0;
	a->s.extra = VMI_NEVER;
}

void vmi_alarm_forget(struct vmi_alarm *a)
{
	forget_owed(a);
	a->s.gap = 0;
	a->s.last = 0;
	a->s.started = 0;
}

/* A tick that slews waits for the next one in any case. */
void vmi_alarm_update(struct vmi_alarm *a, uint64_t now)
{
	int delivery;

	if (now < a->s.extra)
		return;
	delivery = a->pulse(a->opaque);
	count(a, delivery);
	if (delivery < 0) {
		forget_owed(a);
		return;
	}
	a->s.owed -= delivery > 0;
	a->s.extra = VMI_NEVER;
	if (a->s.policy == VMI_ALARM_CATCH_UP)
		schedule(a, now);
}

uint64_t vmi_alarm_deadline(const struct vmi_alarm *a)
{
	return a->s.extra;
}

bool vmi_alarm_fits(
	const struct vmi_alarm *a, const struct vmi_alarm_state *s)
{
	if (s->policy != a->s.policy)
		return false;
	if (s->policy == VMI_ALARM_DISCARD)
		return true;
	return s->started <= 1 && (s->owed || s->extra == VMI_NEVER);
}

void vmi_alarm_set_state(
	struct vmi_alarm *a, const struct vmi_alarm_state *state)
{
	if (state->policy == VMI_ALARM_DISCARD)
		vmi_alarm_init(a, VMI_ALARM_DISCARD);
	else
		a->s = *state;
}
