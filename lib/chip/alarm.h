/* SPDX-License-Identifier: MIT */
/* Ticks of a timer on an edge-triggered line, and those that merged. */
#ifndef VMI_CHIP_ALARM_H
#define VMI_CHIP_ALARM_H

#include "lib/chip/chip.h"

/* What becomes of a tick that merged with one before it. */
enum vmi_alarm_policy {
	VMI_ALARM_DISCARD,  /* it is lost */
	VMI_ALARM_CATCH_UP, /* given back as soon as the line takes it */
	VMI_ALARM_SLEW	    /* given back one between each two others */
};

struct vmi_alarm_state {
	uint64_t ticks; /* that came due, merged ones too */
	uint64_t delivered, coalesced, masked; /* edges by what became of them */
	uint64_t owed;
	uint64_t last;	/* when the last tick came */
	uint64_t gap;	/* between it and the one before, 0: not known */
	uint64_t extra; /* when one is given back, or VMI_NEVER */
	uint32_t policy;
	uint32_t started; /* `last` is valid */
};

struct vmi_alarm {
	struct vmi_alarm_state s;
	/* A rising edge; returns the delivery tri-state (vmapi/irq.h). */
	int (*pulse)(void *opaque);
	void *opaque;
};

void vmi_alarm_init(struct vmi_alarm *a, enum vmi_alarm_policy policy);
/* The edge of `n` ticks was driven, with this result. */
void vmi_alarm_ticked(
	struct vmi_alarm *a, uint64_t n, int delivery, uint64_t now);
/* The same, and drive it. */
void vmi_alarm_tick(struct vmi_alarm *a, uint64_t n, uint64_t now);
/* The timer was programmed anew: nothing is owed, no gap is known. */
void vmi_alarm_forget(struct vmi_alarm *a);
void vmi_alarm_update(struct vmi_alarm *a, uint64_t now);
uint64_t vmi_alarm_deadline(const struct vmi_alarm *a);
/*
 * Whether a saved state is one of an alarm with this policy, and take it. Of
 * one that discards nothing counts: it may not have been saved.
 */
bool vmi_alarm_fits(
	const struct vmi_alarm *a, const struct vmi_alarm_state *state);
void vmi_alarm_set_state(
	struct vmi_alarm *a, const struct vmi_alarm_state *state);

#endif
