/* SPDX-License-Identifier: MIT */
/* Saving a VM whose vcpus run: RAM in rounds, then a pause. */
/*
 * All of RAM is written while the vcpus run, then what they changed
 * meanwhile, and so on: each round begins with what is in the dirty log, all
 * of the VM's memory being logged for that time (track.c).  A page is taken
 * out of the log before it is read, so a write that the reader misses, or
 * sees half of, brings the page again.
 *
 * Once little is left the vcpus are stopped.  What is left then, and all
 * other state, goes to memory; they go on; and the memory is written.  So the
 * pause does not depend on who reads the stream.  That memory is made and
 * touched before, and has room for what may be left; if more is left, because
 * the guest writes to its memory faster than the descriptor takes it, there
 * are no more rounds, and the application did not bound the pause, the vcpus
 * wait while the rest is written.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/core/backend.h"
#include "lib/core/map.h"
#include "lib/core/state.h"
#include "lib/sys/sys.h"

#define PAUSE_BYTES (UINT64_C(16) << 20)
#define ROUNDS	    8u
#define STATE_BYTES (1u << 20) /* room for what is not RAM */

/* -- Sections that wait in memory --------------------------------------- */

/* Each as a struct vmi_section and its bytes; what is too much goes through. */
struct late_sink {
	struct vmi_sink sink;
	struct vmi_sink *file;
	uint8_t *data;
	size_t bytes, room;
};

static int flush(struct late_sink *l)
{
	struct vmi_section section;
	size_t at = 0;
	int err = 0;

	while (at < l->bytes && !err) {
		memcpy(&section, l->data + at, sizeof(section));
		at += sizeof(section);
		section.data = l->data + at;
		at += (size_t)section.bytes;
		err = l->file->put(l->file, &section);
	}
	l->bytes = 0;
	return err;
}

static int put_late(struct vmi_sink *sink, const struct vmi_section *section)
{
	struct late_sink *l = vmi_container_of(sink, struct late_sink, sink);
	size_t n = (size_t)section->bytes, need = sizeof(*section) + n;
	int err = l->room - l->bytes < need ? flush(l) : 0;

	if (err)
		return err;
	if (l->room < need)
		return l->file->put(l->file, section);
	memcpy(l->data + l->bytes, section, sizeof(*section));
	if (n)
		memcpy(l->data + l->bytes + sizeof(*section), section->data, n);
	l->bytes += need;
	return 0;
}

/* The pages of RAM come with heads: of 64 pages at best, of one at worst. */
static int open_late(struct late_sink *l, uint64_t ram_bytes)
{
	l->room = (size_t)(ram_bytes + ram_bytes / 64) + STATE_BYTES;
	l->data = vmi_alloc(l->room);
	if (!l->data)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	memset(l->data, 1, l->room); /* so that it is there */
	return 0;
}

/* -- Rounds ------------------------------------------------------------- */

struct live {
	struct vmi_state *s;
	struct vmapi_save_report *report;
	struct late_sink late;
	uint64_t enough; /* bytes that may be left */
	uint64_t before; /* ... that were left for the last round */
	unsigned rounds; /* how many there may be yet */
	bool is_bounded; /* `enough` is a promise */
	bool is_tracked;
};

static uint64_t now(void)
{
	uint64_t ns = 0;

	(void)vmi_sys->now(CLOCK_MONOTONIC, &ns);
	return ns;
}

/* A guest whose rounds do not become shorter is not won over by more. */
static bool is_worth(const struct live *v, uint64_t left)
{
	return left > v->enough && v->rounds &&
		(v->is_bounded || left < v->before);
}

/* From before the first page is read on. */
static int track(struct live *v)
{
	if (v->is_tracked)
		return 0;
	v->is_tracked = true;
	return vmi_map_track(v->s->vm);
}

/* The error that is told is the first one. */
static int untrack(struct live *v, int err)
{
	struct vmapi_error first = *vmapi_error_last();
	int late = v->is_tracked ? vmi_map_untrack(v->s->vm) : 0;

	return err && late ? vmi_fail_again(&first) : err ? err : late;
}

/* One after the other, while that helps. */
static int write_rounds(struct live *v)
{
	uint64_t left;
	int err = vmi_state_take_logs(v->s, false);

	while (!err && is_worth(v, left = vmi_state_left(v->s))) {
		v->before = left;
		v->rounds--;
		v->report->rounds++;
		err = track(v);
		if (!err)
			err = vmi_state_save_ram(v->s, v->late.file);
		if (!err)
			err = vmi_state_take_logs(v->s, false);
	}
	return err;
}

/* -- The pause ---------------------------------------------------------- */

/* What is dirty now is exact; 1: there is too much of it. */
static int look_again(struct live *v)
{
	int err = vmi_state_take_logs(v->s, true);
	uint64_t left = err ? 0 : vmi_state_left(v->s);

	if (err || left <= v->enough || !v->is_bounded)
		return err;
	if (v->rounds)
		return 1;
	return vmi_fail(-EAGAIN, "vm",
		"the guest changed 0x%" PRIx64 " bytes of RAM in the last "
		"round, and the pause was to take 0x%" PRIx64, left,
		v->enough);
}

/* Stopped: the application is asked, and everything goes to memory. */
static int save_rest(struct live *v)
{
	struct vmi_state *s = v->s;
	int err = look_again(v);

	if (!err)
		err = vmi_state_ask(s);
	if (!err)
		err = vmi_save_state(s, &v->late.sink);
	if (!err)
		err = vmi_state_take_logs(s, true);
	if (err)
		return err;
	v->report->last_bytes = vmi_state_left(s);
	return vmi_state_save_ram(s, &v->late.sink);
}

static int pause_and_save(struct live *v)
{
	uint64_t begun = now();
	int err = vmi_state_stop(v->s);

	if (!err)
		err = save_rest(v);
	vmi_state_go(v->s);
	v->report->pause_ns = now() - begun;
	return err;
}

static int save_all(struct live *v)
{
	int err;

	do {
		err = write_rounds(v);
		if (!err)
			err = pause_and_save(v);
	} while (err == 1);
	return err ? err : flush(&v->late);
}

/* The memory for the pause is there before. */
static int prepare(struct live *v)
{
	struct vmi_state *s = v->s;
	uint64_t all = 0;
	size_t i;

	for (i = 0; i < s->n_rams; i++)
		all += s->rams[i].ram->bytes;
	return open_late(&v->late, all < v->enough ? all : v->enough);
}

int vmi_save_live(struct vmi_state *s, struct vmi_sink *file,
	struct vmapi_save_report *report)
{
	const struct vmapi_state_config *c = &s->config;
	struct live v = { .s = s,
		.report = report,
		.late = { .sink = { put_late }, .file = file },
		.enough = c->pause_bytes ? c->pause_bytes : PAUSE_BYTES,
		.before = UINT64_MAX,
		.rounds = c->rounds ? c->rounds : ROUNDS,
		.is_bounded = c->pause_bytes };
	int err = prepare(&v);

	if (!err)
		err = save_all(&v);
	err = untrack(&v, err);
	vmi_free(v.late.data);
	return err;
}
