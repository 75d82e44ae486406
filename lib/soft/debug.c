/* SPDX-License-Identifier: MIT */
/*
 * Debugging: what SDM 3B chapter 17 gives the guest, and the same for the
 * application.
 *
 * Nothing here costs anything while no point is armed.
 *
 * - Data.  A page with a point gets no tag in the TLB for what the point
 *   waits for, so that every such access comes through mem.c's slow path and
 *   is compared there.
 * - Ports.  IN and OUT ask one bit.
 * - Execution.  While such a point is armed, code is decoded under another
 *   key (VMI_KEY_BREAK), where blocks end before every offset in a page that
 *   a point has, and where nothing is linked to a block that begins at one:
 *   so the run loop sees each execution of such an instruction and compares
 *   the linear address.  Offsets, because a block is found by its host
 *   address, and the page may be mapped more than once.
 *
 * An instruction that is stopped before needs no more.  One that is to be
 * followed by a trap must be the last that is executed: when it meets a
 * point in the middle of a block, it is left before it has changed anything
 * and executed again alone (`alone`).  Then hits are collected, and become a
 * pending #DB and an exit when the instruction or, of a repeated one, the
 * element is done.  An instruction that faults has hit nothing.
 *
 * EFLAGS.RF is clear while an instruction executes, comes back when it is
 * left undone, and is set between the elements of a repeated instruction,
 * where SDM 3B 17.3.1.1 wants it in the image of whatever happens there.
 */
#include "lib/soft/debug.h"

#include <string.h>

#include <vmapi/debug.h>
#include <vmapi/vcpu.h>

#include "lib/soft/block.h"
#include "lib/soft/system.h"

#define GUEST_BITS ((1u << VMI_GUEST_POINTS) - 1)

/* -- What is armed ------------------------------------------------------ */

/* R/W and LEN of DR7, SDM 3B 17.2.4; LEN 2 is 8 bytes. */
static struct vmi_point guest_point(const struct vmi_cpu *c, unsigned n)
{
	static const uint8_t kinds[] = { VMI_POINT_EXEC, VMI_POINT_WRITE,
		VMI_POINT_IO, VMI_POINT_DATA };
	static const uint8_t bytes[] = { 1, 2, 8, 4 };
	unsigned how = (unsigned)(c->dr[7] >> (16 + 4 * n)) & 15;
	struct vmi_point p = { c->dr[n], bytes[how >> 2], kinds[how & 3] };

	if (p.kinds == VMI_POINT_IO && !(c->cr4 & VMI_CR4_DE))
		p.kinds = 0; /* undefined: SDM 3B 17.2.4 */
	if (p.kinds == VMI_POINT_EXEC)
		p.bytes = 1;
	/* Low bits do not count: SDM 3B 17.2.5. */
	p.at &= ~(uint64_t)(p.bytes - 1);
	return p;
}

static void guest_points(struct vmi_cpu *c)
{
	struct vmi_debug *d = &c->debug;
	unsigned n;

	d->enabled &= ~GUEST_BITS;
	for (n = 0; n < VMI_GUEST_POINTS; n++) {
		d->point[n] = guest_point(c, n);
		if (c->dr[7] >> (2 * n) & 3)
			d->enabled |= 1u << n;
	}
}

static bool is_enabled(const struct vmi_debug *d, unsigned n)
{
	return d->enabled >> n & 1;
}

static unsigned kinds_armed(const struct vmi_debug *d)
{
	unsigned n, kinds = 0;

	for (n = 0; n < VMI_POINTS; n++)
		if (is_enabled(d, n))
			kinds |= d->point[n].kinds;
	return kinds;
}

/* Blocks that end elsewhere than these offsets want are void. */
static void cuts_changed(struct vmi_cpu *c)
{
	struct vmi_debug *d = &c->debug;
	uint16_t cut[VMI_POINTS] = { 0 };
	unsigned n, n_cuts = 0;

	for (n = 0; n < VMI_POINTS; n++)
		if (is_enabled(d, n) && (d->point[n].kinds & VMI_POINT_EXEC))
			cut[n_cuts++] = d->point[n].at & 0xfff;
	if (n_cuts == d->n_cuts && !memcmp(cut, d->cut, sizeof(cut)))
		return;
	memcpy(d->cut, cut, sizeof(cut));
	d->n_cuts = n_cuts;
	vmi_code_flush(c);
}

void vmi_debug_changed(struct vmi_cpu *c)
{
	struct vmi_debug *d = &c->debug;
	unsigned before = d->armed;

	guest_points(c);
	d->armed = (uint8_t)kinds_armed(d);
	if (d->armed & VMI_POINT_EXEC)
		cuts_changed(c);
	if ((before | d->armed) & VMI_POINT_DATA)
		vmi_tlb_flush(c);
	vmi_mode_changed(c);
}

bool vmi_debug_cuts(const struct vmi_cpu *c, uint64_t linear)
{
	const struct vmi_debug *d = &c->debug;
	unsigned n;

	for (n = 0; n < d->n_cuts; n++)
		if (d->cut[n] == (linear & 0xfff))
			return true;
	return false;
}

unsigned vmi_debug_page(const struct vmi_cpu *c, uint64_t linear)
{
	const struct vmi_debug *d = &c->debug;
	unsigned n, kinds = 0;

	if (!(d->armed & VMI_POINT_DATA))
		return 0;
	for (n = 0; n < VMI_POINTS; n++)
		if (is_enabled(d, n) && !((d->point[n].at ^ linear) >> 12))
			kinds |= d->point[n].kinds & VMI_POINT_DATA;
	return kinds;
}

/* -- What is met -------------------------------------------------------- */

static bool touches(const struct vmi_point *p, uint64_t at, unsigned bytes)
{
	return at - p->at < p->bytes || p->at - at < bytes;
}

/* The points that an access meets, be they enabled or not. */
static uint32_t met(const struct vmi_debug *d, const struct vmi_point *access)
{
	uint32_t hits = 0;
	unsigned n;

	for (n = 0; n < VMI_POINTS; n++)
		if ((d->point[n].kinds & access->kinds) &&
			touches(&d->point[n], access->at, access->bytes))
			hits |= 1u << n;
	return hits;
}

void vmi_debug_access(struct vmi_cpu *c, uint64_t at, unsigned bytes,
	unsigned kinds)
{
	const struct vmi_point access = { at, (uint8_t)bytes, (uint8_t)kinds };
	uint32_t hits = met(&c->debug, &access);

	if (!(hits & c->debug.enabled))
		return;
	if (c->op && !c->debug.alone)
		vmi_leave(c, VMI_LEAVE_ALONE);
	c->debug.hits |= hits;
}

static uint64_t linear_rip(const struct vmi_cpu *c)
{
	if (c->mode == 64)
		return c->rip;
	return (uint32_t)(c->seg[VMI_CS].base + c->rip);
}

static uint32_t met_by_fetch(const struct vmi_cpu *c)
{
	const struct vmi_point fetch = { linear_rip(c), 1, VMI_POINT_EXEC };

	return met(&c->debug, &fetch);
}

bool vmi_debug_at_point(const struct vmi_cpu *c)
{
	return met_by_fetch(c) & c->debug.enabled;
}

/* -- What comes of it --------------------------------------------------- */

static void stop(struct vmi_debug *d, uint32_t why)
{
	d->why |= why;
}

/* The application's part of the hits. */
static void stop_at_points(struct vmi_debug *d, uint32_t hits)
{
	hits = (hits & d->enabled) >> VMI_GUEST_POINTS;
	d->points |= hits;
	if (hits)
		stop(d, VMAPI_STOP_POINT);
}

/*
 * The guest's part.  B0 to B3 speak of conditions that were met, also of
 * points that are not enabled (SDM 3B 17.2.3).
 */
static void trap_at_points(struct vmi_cpu *c, uint32_t hits)
{
	if (!(hits & c->debug.enabled & GUEST_BITS))
		return;
	c->trap_pending = true;
	c->dr6_pending |= hits & GUEST_BITS;
}

static void commit_hits(struct vmi_cpu *c)
{
	struct vmi_debug *d = &c->debug;

	stop_at_points(d, d->hits);
	trap_at_points(c, d->hits);
	d->hits = 0;
}

bool vmi_debug_delivered(struct vmi_cpu *c)
{
	struct vmi_debug *d = &c->debug;

	commit_hits(c);
	if ((d->flags & VMAPI_DEBUG_STEP) && !c->shutdown)
		stop(d, VMAPI_STOP_STEP);
	return d->why;
}

void vmi_debug_single_step(struct vmi_cpu *c)
{
	c->trap_pending = true;
	c->dr6_pending |= VMI_DR6_BS;
}

bool vmi_debug_stops(struct vmi_cpu *c)
{
	struct vmi_debug *d = &c->debug;
	uint32_t hits = met_by_fetch(c), mine;

	/* What is begun again is not met again; nor what follows MOV SS. */
	if (c->io.replay || d->alone_next)
		return false;
	mine = hits & d->enabled & ~GUEST_BITS;
	if (mine && !(d->passed && d->passed_at == linear_rip(c))) {
		d->passed = true;
		d->passed_at = linear_rip(c);
		stop_at_points(d, mine);
		return true;
	}
	/* SDM 3B 17.3.1.1, 3A 6.8.3. */
	if ((c->rflags & VMI_FLAG_RF) || (c->shadow & 1) ||
		!(hits & d->enabled & GUEST_BITS))
		return false;
	c->fault = (struct vmi_fault){ .vector = VMI_DB,
		.dr6 = hits & GUEST_BITS };
	c->fault_pending = true;
	return true;
}

void vmi_debug_begin(struct vmi_cpu *c)
{
	struct vmi_debug *d = &c->debug;

	d->alone = true;
	d->alone_next = false;
	d->hits = 0;
	d->one_element = (c->rflags & VMI_FLAG_TF) ||
		(d->flags & VMAPI_DEBUG_STEP);
	d->had_rf = c->rflags & VMI_FLAG_RF;
	c->rflags &= ~VMI_FLAG_RF;
}

void vmi_debug_undone(struct vmi_cpu *c)
{
	struct vmi_debug *d = &c->debug;

	/* In the task that it has switched to the flags are that task's. */
	if (d->had_rf && !c->arrival.due)
		c->rflags |= VMI_FLAG_RF;
	d->had_rf = d->alone = d->one_element = false;
	d->hits = 0;
}

void vmi_debug_done(struct vmi_cpu *c, bool tf)
{
	struct vmi_debug *d = &c->debug;

	d->had_rf = d->alone = d->one_element = d->passed = false;
	d->inject = false;
	commit_hits(c);
	if (tf)
		vmi_debug_single_step(c);
	if (d->flags & VMAPI_DEBUG_STEP)
		stop(d, VMAPI_STOP_STEP);
}

void vmi_debug_element_done(struct vmi_cpu *c)
{
	struct vmi_debug *d = &c->debug;

	d->had_rf = d->alone = d->one_element = false;
	c->rflags |= VMI_FLAG_RF;
	commit_hits(c);
	if ((c->rflags & VMI_FLAG_TF) && !(c->debugctl & VMI_DEBUGCTL_BTF))
		vmi_debug_single_step(c);
	if (d->flags & VMAPI_DEBUG_STEP)
		stop(d, VMAPI_STOP_STEP);
}

/* -- The application ---------------------------------------------------- */

bool vmi_debug_takes_int3(struct vmi_cpu *c)
{
	struct vmi_debug *d = &c->debug;

	if (!(d->flags & VMAPI_DEBUG_SOFTWARE) || d->inject)
		return false;
	stop(d, VMAPI_STOP_SOFTWARE);
	return true;
}

void vmi_debug_run(struct vmi_cpu *c)
{
	struct vmi_debug *d = &c->debug;

	d->passed = d->passed && d->passed_at == linear_rip(c);
}

/* As a kernel tells it: DR6 of this event alone, DR7 as it is. */
bool vmi_debug_exit(struct vmi_cpu *c, struct vmapi_exit *exit)
{
	struct vmi_debug *d = &c->debug;
	struct vmapi_exit_debug *x = &exit->u.debug;

	if (!d->why)
		return false;
	exit->reason = VMAPI_EXIT_DEBUG;
	x->address = linear_rip(c);
	x->why = d->why;
	x->points = d->points;
	x->exception = d->why & VMAPI_STOP_SOFTWARE ? VMI_BP : VMI_DB;
	x->dr6 = VMI_DR6_ONES;
	if (d->why & VMAPI_STOP_STEP)
		x->dr6 |= VMI_DR6_BS;
	x->dr6 |= d->points & 15;
	x->dr7 = c->dr[7];
	d->why = 0;
	d->points = 0;
	return true;
}

void vmi_debug_forget(struct vmi_cpu *c)
{
	struct vmi_debug *d = &c->debug;

	d->why = d->points = d->hits = 0;
	d->alone_next = d->passed = d->inject = false;
}

void vmi_debug_set(struct vmi_cpu *c, const struct vmapi_debug *want)
{
	static const uint8_t kinds[] = {
		[VMAPI_POINT_EXEC] = VMI_POINT_EXEC,
		[VMAPI_POINT_WRITE] = VMI_POINT_WRITE,
		[VMAPI_POINT_READ] = VMI_POINT_READ,
		[VMAPI_POINT_ACCESS] = VMI_POINT_DATA,
	};
	struct vmi_debug *d = &c->debug;
	struct vmi_point *p = d->point + VMI_GUEST_POINTS;
	unsigned n;

	d->why = d->points = 0;
	d->enabled &= GUEST_BITS;
	memset(p, 0, VMI_HOST_POINTS * sizeof(*p));
	for (n = 0; n < want->n_points; n++) {
		p[n].at = want->points[n].address;
		p[n].kinds = kinds[want->points[n].kind];
		p[n].bytes = p[n].kinds == VMI_POINT_EXEC ? 1 :
			(uint8_t)want->points[n].bytes;
		d->enabled |= 1u << (VMI_GUEST_POINTS + n);
	}
	d->inject = want->flags & VMAPI_DEBUG_INJECT;
	d->flags = want->flags & ~VMAPI_DEBUG_INJECT;
	d->alone_next = d->inject;
	vmi_debug_changed(c);
}
