/* SPDX-License-Identifier: MIT */
/* Every way in which two sides of a ring can meet, on a machine of TSO. */
/*
 * The model is total store order (SDM 3A 9.2): each side has a buffer of stores
 * that reach memory in order and at any time; it sees its own; a full fence
 * and a swap wait until it is empty.  The header's own functions run on it:
 * to find what a side does next, its function is called anew, gets what its
 * accesses got so far, and is left at the one behind.  So a state is small,
 * and all that can follow it are tried one by one.
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <vmapi/guest/ring.h>

#include "tests/ring/ends.h"
#include "tests/ring/model.h"

#define STEPS 16

enum kind {
	LOAD,
	STORE,
	SWAP,
	FENCE
};

struct access {
	enum kind kind;
	unsigned at; /* in units of 4 bytes */
	unsigned value;
};

struct side {
	unsigned got[STEPS];
	unsigned n;
	struct access buffer[STEPS];
	unsigned n_buffer;
	bool done;
	int result;
};

#define PLACES (sizeof(struct vmapi_ring) / 4)

struct state {
	unsigned memory[PLACES];
	struct side side[2];
};

/* Only addresses count; messages are not looked at. */
static struct vmapi_ring ring;

/* The side whose function runs. */
static struct side *running;
static unsigned at;
static struct access next;
static jmp_buf leave;

static unsigned visit(enum kind kind, const unsigned *where, unsigned value)
{
	if (at < running->n)
		return running->got[at++];
	next.kind = kind;
	next.at = where ? (unsigned)(where - &ring.magic) : 0;
	next.value = value;
	longjmp(leave, 1);
}

unsigned model_load(unsigned *from)
{
	return visit(LOAD, from, 0);
}

void model_store(unsigned *to, unsigned value)
{
	(void)visit(STORE, to, value);
}

unsigned model_swap(unsigned *with, unsigned value)
{
	return visit(SWAP, with, value);
}

void model_fence(void)
{
	(void)visit(FENCE, NULL, 0);
}

/* -- One step ----------------------------------------------------------- */

/* The next access of a side; false: it is done. */
static bool find_next(const struct meeting *m, struct side *s, unsigned which)
{
	struct vmapi_ring_end end = m->end[which];

	end.ring = &ring;
	running = s;
	at = 0;
	if (setjmp(leave))
		return true;
	running->result = m->does[which](&end);
	running->done = true;
	return false;
}

static unsigned seen(const struct state *state, const struct side *s,
	unsigned where)
{
	unsigned i = s->n_buffer;

	while (i--)
		if (s->buffer[i].at == where)
			return s->buffer[i].value;
	return state->memory[where];
}

/* False: it has to wait for its buffer. */
static bool step(struct state *state, struct side *s)
{
	unsigned got = 0;

	if ((next.kind == SWAP || next.kind == FENCE) && s->n_buffer)
		return false;
	if (next.kind == LOAD || next.kind == SWAP)
		got = seen(state, s, next.at);
	if (next.kind == SWAP)
		state->memory[next.at] = next.value;
	if (next.kind == STORE)
		s->buffer[s->n_buffer++] = next;
	s->got[s->n++] = got;
	return true;
}

static void drain(struct state *state, struct side *s)
{
	state->memory[s->buffer[0].at] = s->buffer[0].value;
	s->n_buffer--;
	memmove(&s->buffer[0], &s->buffer[1],
		s->n_buffer * sizeof(s->buffer[0]));
}

/* -- All of them -------------------------------------------------------- */

static void explore(const struct meeting *m, const struct state *from,
	struct outcome *outcome)
{
	bool moved = false;
	unsigned i;

	for (i = 0; i < 2; i++) {
		struct state to = *from;

		if (!to.side[i].done && (!find_next(m, &to.side[i], i) ||
			step(&to, &to.side[i]))) {
			explore(m, &to, outcome);
			moved = true;
		}
		to = *from;
		if (to.side[i].n_buffer) {
			drain(&to, &to.side[i]);
			explore(m, &to, outcome);
			moved = true;
		}
	}
	if (moved)
		return;
	outcome->ways++;
	outcome->slept += from->side[1].result;
	outcome->lost += from->side[1].result && !from->side[0].result;
	outcome->stuck += !from->side[0].done || !from->side[1].done;
}

void meet_in_model(const struct meeting *m, struct outcome *outcome)
{
	struct state state = { .memory = { 0 } };

	memset(outcome, 0, sizeof(*outcome));
	state.memory[&ring.head - &ring.magic] = VMAPI_RING_32(m->head);
	state.memory[&ring.tail - &ring.magic] = VMAPI_RING_32(m->tail);
	explore(m, &state, outcome);
}
