/* SPDX-License-Identifier: MIT */
/* A ring's signals are never lost; with a write barrier alone they are. */
/*
 * The model shows both, on every host and every time.  The machine shows that
 * the model is no invention: two threads meet as often as there is time for,
 * and what they lost is printed.  How often that is depends on the machine, so
 * only the fenced one has to be perfect there.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <vmapi/guest/ring.h>

#include "tests/ring/ends.h"
#include "tests/ring/model.h"

static unsigned failures, cases;

static void report(bool good, const char *what)
{
	printf("%s %u - %s\n", good ? "ok" : "not ok", ++cases, what);
	failures += !good;
}

/* -- Who meets whom ----------------------------------------------------- */

/* Into an empty ring one is put; out of a full one of 1 slot one is taken. */
static void for_data(const struct ends *ends, struct meeting *m)
{
	*m = (struct meeting){ .does = { ends->put, ends->want_data },
		.end = { { .slots = 1 }, { .slots = 1 } } };
}

static void for_room(const struct ends *ends, struct meeting *m)
{
	*m = (struct meeting){ .does = { ends->take, ends->want_room },
		.end = { { .slots = 1, .other = 1 },
			{ .slots = 1, .own = 1 } },
		.head = 1 };
}

typedef void (*start_fn)(const struct ends *ends, struct meeting *m);

static const start_fn starts[] = { for_data, for_room };
static const char *const start_names[] = { "data", "room" };

/* -- The model ---------------------------------------------------------- */

static void model(const struct ends *ends, bool loses)
{
	struct outcome o;
	struct meeting m;
	char what[160];
	unsigned i;

	for (i = 0; i < 2; i++) {
		starts[i](ends, &m);
		meet_in_model(&m, &o);
		snprintf(what, sizeof(what), "%s, %s: %lu ways, slept in %lu, "
			"lost in %lu", ends->name, start_names[i], o.ways,
			o.slept, o.lost);
		report(o.ways > 10 && o.slept && !o.stuck &&
			(o.lost != 0) == loses, what);
	}
}

/* -- This machine ------------------------------------------------------- */

#define TRIALS	400000u
#define SECONDS 2

struct race {
	struct meeting meeting;
	struct vmapi_ring *ring;
	int result[2];
	atomic_uint round[2]; /* how many each has begun */
	atomic_uint stop;
};

static _Alignas(64) struct vmapi_ring memory;

/* Wait for the other to begin the same round, both at work. */
static bool begin(struct race *r, unsigned which, unsigned round)
{
	unsigned spins = 0;

	atomic_store_explicit(&r->round[which], round, memory_order_release);
	while (atomic_load_explicit(&r->round[!which],
		memory_order_acquire) < round) {
		if (atomic_load_explicit(&r->stop, memory_order_relaxed))
			return false;
		if (++spins % 1024 == 0)
			usleep(0);
	}
	return true;
}

/* A moment more or less, so that they meet in every way. */
static void linger(unsigned n)
{
	volatile unsigned i;

	for (i = 0; i < n; i++)
		;
}

static void act(struct race *r, unsigned which)
{
	struct vmapi_ring_end end = r->meeting.end[which];

	end.ring = r->ring;
	r->result[which] = r->meeting.does[which](&end);
}

static void *other_side(void *opaque)
{
	struct race *r = opaque;
	unsigned round;

	for (round = 1; begin(r, 1, 2 * round - 1); round++) {
		linger(round % 7);
		act(r, 1);
		if (!begin(r, 1, 2 * round))
			break;
	}
	return NULL;
}

static void reset(struct race *r)
{
	r->ring->head = VMAPI_RING_32(r->meeting.head);
	r->ring->tail = VMAPI_RING_32(r->meeting.tail);
	r->ring->want_data = r->ring->want_room = 0;
}

/* Until the first loss, if they may be lost. */
static void race(struct race *r, bool loses, struct outcome *o)
{
	time_t end = time(NULL) + SECONDS;
	pthread_t thread;
	unsigned round;

	memset(o, 0, sizeof(*o));
	reset(r);
	if (pthread_create(&thread, NULL, other_side, r))
		return;
	for (round = 1; round <= TRIALS && begin(r, 0, 2 * round - 1); round++) {
		linger(round % 11);
		act(r, 0);
		begin(r, 0, 2 * round);
		o->ways++;
		o->slept += (unsigned)r->result[1];
		o->lost += r->result[1] && !r->result[0];
		reset(r);
		if ((o->lost > 9 && loses) || (!(round % 64) && time(NULL) > end))
			break;
	}
	atomic_store(&r->stop, 1);
	pthread_join(thread, NULL);
}

static void machine(const struct ends *ends, bool loses)
{
	struct outcome o;
	char what[160];
	unsigned i;

	for (i = 0; i < 2; i++) {
		struct race r = { .ring = &memory };

		starts[i](ends, &r.meeting);
		race(&r, loses, &o);
		snprintf(what, sizeof(what), "%s, %s: met %lu times, slept "
			"%lu times, lost %lu", ends->name, start_names[i],
			o.ways, o.slept, o.lost);
		report(o.ways && (loses || !o.lost), what);
	}
}

int main(void)
{
	model(&model_fenced, false);
	model(&model_classic, true);
	machine(&real_fenced, false);
	machine(&real_classic, true);
	printf("1..%u\n", cases);
	return failures != 0;
}
