/* SPDX-License-Identifier: MIT */
/* Recorders, random numbers and the save/restore trial of the chip tests. */
#ifndef TESTS_CHIPTEST_H
#define TESTS_CHIPTEST_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/chip/chip.h"
#include "tests/unit/suite.h"

/* What came out of a chip, in order. */
struct trace {
	unsigned n;
	uint64_t hash;
	unsigned rises[64];
	bool level[64];
	uint64_t last;
};

static inline void trace_add(struct trace *t, uint64_t what)
{
	t->n++;
	t->last = what;
	t->hash = (t->hash ^ what) * UINT64_C(0x100000001b3) + 1;
}

static inline void trace_line(void *opaque, unsigned pin, bool level)
{
	struct trace *t = opaque;

	if (pin < 64) {
		t->rises[pin] += level && !t->level[pin];
		t->level[pin] = level;
	}
	trace_add(t, (uint64_t)pin << 1 | level);
}

static inline struct vmi_line trace_pin(struct trace *t, unsigned pin)
{
	return (struct vmi_line){ trace_line, t, pin };
}

struct rng {
	uint64_t s;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->s += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)(rng_next(r) >> 32) % n;
}

/* How one chip takes part in the trials below. */
struct chip_case {
	size_t chip_size;
	size_t state_size;
	void (*init)(void *chip, struct trace *t);
	/* One random access; what it returned goes to the trace. */
	void (*step)(void *chip, struct rng *r, uint64_t now, struct trace *t);
	void (*get)(const void *chip, void *state);
	int (*set)(void *chip, const void *state);
	uint64_t step_ns; /* time between accesses, at most */
	void (*update)(void *chip, uint64_t now);
};

/*
 * Save into a fresh chip at a random point, then go on with both in step:
 * their traces and their last states are the same to the byte.
 */
static inline void trial_round_trip(const struct chip_case *c, unsigned seeds)
{
	void *a = malloc(c->chip_size), *b = malloc(c->chip_size);
	void *sa = malloc(c->state_size), *sb = malloc(c->state_size);
	unsigned seed, i, split;

	for (seed = 1; seed <= seeds; seed++) {
		struct trace ta = { 0 }, tb = { 0 };
		struct rng r = { seed }, fork;
		uint64_t now = 1000;

		c->init(a, &ta);
		split = rng_below(&r, 400);
		for (i = 0; i < split; i++) {
			now += rng_next(&r) % c->step_ns;
			c->step(a, &r, now, &ta);
		}
		c->init(b, &tb);
		c->get(a, sa);
		ck_assert_int_eq(c->set(b, sa), 0);
		c->get(b, sb);
		ck_assert_int_eq(memcmp(sa, sb, c->state_size), 0);
		tb = ta;
		fork = r;
		for (i = 0; i < 300; i++) {
			now += rng_next(&r) % c->step_ns;
			rng_next(&fork);
			c->step(a, &r, now, &ta);
			c->step(b, &fork, now, &tb);
			ck_assert_msg(ta.hash == tb.hash && ta.n == tb.n,
				"seed %u: traces part at step %u", seed, i);
		}
		c->get(a, sa);
		c->get(b, sb);
		ck_assert_int_eq(memcmp(sa, sb, c->state_size), 0);
	}
	free(a);
	free(b);
	free(sa);
	free(sb);
}

/*
 * States with random damage: each is refused and changes nothing, or is
 * taken and the chip survives use (the sanitizers watch).
 */
static inline void trial_hostile(const struct chip_case *c, unsigned seeds)
{
	unsigned char *chip = malloc(c->chip_size);
	unsigned char *s = malloc(c->state_size), *before;
	unsigned seed, i, refused = 0;

	before = malloc(c->state_size);
	for (seed = 1; seed <= seeds; seed++) {
		struct trace t = { 0 };
		struct rng r = { seed };
		uint64_t now = 1000;
		int err;

		c->init(chip, &t);
		for (i = 0; i < 50; i++) {
			now += rng_next(&r) % c->step_ns;
			c->step(chip, &r, now, &t);
		}
		c->get(chip, before);
		memcpy(s, before, c->state_size);
		for (i = 0; i <= seed % 8; i++)
			s[4 + rng_below(&r, (uint32_t)c->state_size - 4)] =
				(unsigned char)rng_next(&r);
		err = c->set(chip, s);
		ck_assert(err == 0 || err == -EINVAL);
		c->get(chip, s);
		if (err)
			ck_assert_int_eq(memcmp(s, before, c->state_size), 0);
		refused += err != 0;
		for (i = 0; i < 50; i++) {
			now += rng_next(&r) % c->step_ns;
			c->step(chip, &r, now, &t);
		}
		memset(s, 0xff, c->state_size);
		ck_assert_int_eq(c->set(chip, s), -EINVAL);
	}
	ck_assert_uint_gt(refused, 0);
	free(chip);
	free(s);
	free(before);
}

/*
 * Every access first does what became due: an update just before it, at the
 * same time, changes nothing.
 */
static inline void trial_lazy(const struct chip_case *c, unsigned seeds)
{
	void *a = malloc(c->chip_size), *b = malloc(c->chip_size);
	unsigned seed, i;

	for (seed = 1; seed <= seeds; seed++) {
		struct trace ta = { 0 }, tb = { 0 };
		struct rng ra = { seed }, rb = { seed };
		uint64_t now = 1000;

		c->init(a, &ta);
		c->init(b, &tb);
		for (i = 0; i < 400; i++) {
			now += rng_next(&ra) % c->step_ns;
			rng_next(&rb);
			c->step(a, &ra, now, &ta);
			c->update(b, now);
			c->step(b, &rb, now, &tb);
			ck_assert_msg(ta.hash == tb.hash,
				"seed %u: an update shows at step %u", seed, i);
		}
	}
	free(a);
	free(b);
}

#endif
