/* SPDX-License-Identifier: MIT */
/* Breakpoints: the guest's debug registers and what the application asked. */
#ifndef VMI_SOFT_DEBUG_H
#define VMI_SOFT_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

struct vmi_cpu;
struct vmapi_debug;
struct vmapi_exit;

/* What an access is, or what a point waits for. */
#define VMI_POINT_EXEC	1u
#define VMI_POINT_WRITE 2u
#define VMI_POINT_READ	4u
#define VMI_POINT_IO	8u
#define VMI_POINT_DATA	(VMI_POINT_WRITE | VMI_POINT_READ)

/*
 * IA32_DEBUGCTL: LBR, which is accepted but records nothing, and BTF, with
 * which TF traps behind branches that are taken, alone.
 */
#define VMI_DEBUGCTL_LBR 1u
#define VMI_DEBUGCTL_BTF 2u

#define VMI_GUEST_POINTS 4u  /* DR0 to DR3 */
#define VMI_HOST_POINTS	 16u /* VMAPI_CAP_DEBUG_POINTS */
#define VMI_POINTS	 (VMI_GUEST_POINTS + VMI_HOST_POINTS)

/* Linear addresses or ports [at, at + bytes); no kinds: waits for nothing. */
struct vmi_point {
	uint64_t at;
	uint8_t bytes;
	uint8_t kinds;
};

/* The guest's points are first wherever bits or indices name points. */
struct vmi_debug {
	struct vmi_point point[VMI_POINTS];
	uint32_t enabled; /* a bit for each point */
	uint32_t flags;	  /* VMAPI_DEBUG_ of the application */
	uint8_t armed;	  /* kinds that enabled points wait for */

	/* Where blocks under VMI_KEY_BREAK end: offsets in a page. */
	uint16_t cut[VMI_POINTS];
	unsigned n_cuts;

	/* The instruction in progress. */
	bool alone;	 /* nothing follows it before the run loop looks */
	bool alone_next; /* it shall be executed so */
	bool one_element; /* of a repeated one */
	bool had_rf;	 /* EFLAGS.RF, which is clear while it executes */
	uint32_t hits;	 /* points that it met */

	/* The application's execution points do not stop it here again. */
	bool passed;
	bool inject; /* nor does INT3 */
	uint64_t passed_at;

	/* An exit to be given: VMAPI_STOP_, 0 for none. */
	uint32_t why;
	uint32_t points; /* the application's */
};

/* Debug registers, CR4.DE or the application's points are new. */
void vmi_debug_changed(struct vmi_cpu *c);

/* Which of VMI_POINT_DATA somebody waits for in the page of `linear`. */
unsigned vmi_debug_page(const struct vmi_cpu *c, uint64_t linear);

/*
 * An access that `debug.armed` says may be waited for.  When it is, and the
 * instruction is not executed alone, it is left and begun again alone.
 */
void vmi_debug_access(struct vmi_cpu *c, uint64_t at, unsigned bytes,
	unsigned kinds);

/* Whether a block under VMI_KEY_BREAK has to end before `linear`. */
bool vmi_debug_cuts(const struct vmi_cpu *c, uint64_t linear);

/* Whether an execution point, of anybody, is at c->rip. */
bool vmi_debug_at_point(const struct vmi_cpu *c);

/*
 * The same, met: true when the instruction at c->rip shall not be executed,
 * for the exit that is told of or the #DB that is pending.
 */
bool vmi_debug_stops(struct vmi_cpu *c);

/* An instruction begins alone; it is done; one element of it is. */
void vmi_debug_begin(struct vmi_cpu *c);
void vmi_debug_done(struct vmi_cpu *c, bool tf);
void vmi_debug_element_done(struct vmi_cpu *c);
/* The trap of TF. */
void vmi_debug_single_step(struct vmi_cpu *c);
/* An event was delivered.  True: a stop, before its handler executes. */
bool vmi_debug_delivered(struct vmi_cpu *c);
/* It was left undone. */
void vmi_debug_undone(struct vmi_cpu *c);

/* INT3 at c->rip: true when the application wants it. */
bool vmi_debug_takes_int3(struct vmi_cpu *c);

/* A run begins. */
void vmi_debug_run(struct vmi_cpu *c);
/* Fill in VMAPI_EXIT_DEBUG, if one is due. */
bool vmi_debug_exit(struct vmi_cpu *c, struct vmapi_exit *exit);

/* Nothing has stopped or was to be passed. */
void vmi_debug_forget(struct vmi_cpu *c);

/* What vmapi_vcpu_debug() asks, checked. */
void vmi_debug_set(struct vmi_cpu *c, const struct vmapi_debug *d);

#endif
