/* SPDX-License-Identifier: MIT */
/* Timers of a loop: a list in the order of their times. */
#include <errno.h>
#include <time.h>

#include "lib/core/core.h"
#include "lib/loop/loop.h"
#include "lib/sys/sys.h"

struct vmi_timer {
	struct vmapi_source base;
	struct vmi_timer *later;
	bool is_set;
	uint64_t due, period;
	vmapi_loop_timer_fn *fn;
	void *opaque;
};

static uint64_t now(void)
{
	uint64_t ns = 0;

	vmi_sys->now(CLOCK_MONOTONIC, &ns);
	return ns;
}

static void clear(struct vmi_timer *t)
{
	struct vmi_timer **at = &t->base.loop->timers;

	if (!t->is_set)
		return;
	while (*at != t)
		at = &(*at)->later;
	*at = t->later;
	t->is_set = false;
}

static void set(struct vmi_timer *t, uint64_t due)
{
	struct vmi_timer **at = &t->base.loop->timers;

	while (*at && (*at)->due <= due)
		at = &(*at)->later;
	t->due = due;
	t->later = *at;
	*at = t;
	t->is_set = true;
}

static void stop(struct vmapi_source *source)
{
	clear((struct vmi_timer *)source);
}

static const struct vmi_source_kind timer_kind = {
	.size = sizeof(struct vmi_timer),
	.stop = stop,
};

int64_t vmi_timer_next(const struct vmapi_loop *loop)
{
	uint64_t time;

	if (!loop->timers)
		return -1;
	time = now();
	if (loop->timers->due <= time)
		return 0;
	time = loop->timers->due - time;
	return time > INT64_MAX ? INT64_MAX : (int64_t)time;
}

/* What a function sets anew is for the next round, even if it is due. */
void vmi_timer_expire(struct vmapi_loop *loop)
{
	uint64_t time = loop->timers ? now() : 0, times, due;
	struct vmi_timer *t;

	while ((t = loop->timers) != NULL && t->due <= time) {
		times = 1;
		clear(t);
		if (t->period) {
			times += (time - t->due) / t->period;
			due = t->due + times * t->period;
			if (due > time)
				set(t, due);
		}
		t->fn(t->opaque, times);
	}
}

int vmapi_loop_timer(struct vmapi_loop *loop, vmapi_loop_timer_fn *fn,
	void *opaque, struct vmapi_source **out)
{
	int err = vmi_loop_enter(loop, __func__);
	struct vmi_timer *t;

	if (err)
		return err;
	if (!fn || !out)
		return vmi_null(fn ? "source" : "fn");
	err = vmi_source_new(loop, &timer_kind, -1, out);
	if (err)
		return err;
	t = (struct vmi_timer *)*out;
	t->fn = fn;
	t->opaque = opaque;
	return 0;
}

int vmapi_loop_timer_set(
	struct vmapi_source *source, uint64_t delay_ns, uint64_t period_ns)
{
	int err = vmi_loop_enter(source ? source->loop : NULL, __func__);
	struct vmi_timer *t = (struct vmi_timer *)source;
	uint64_t due;

	if (err)
		return err;
	if (source->kind != &timer_kind)
		return vmi_fail(-EINVAL, "loop", "that is no timer");
	clear(t);
	t->period = period_ns;
	due = now() + delay_ns;
	if (due >= delay_ns && delay_ns != UINT64_MAX)
		set(t, due);
	return 0;
}
