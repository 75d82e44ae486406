/* SPDX-License-Identifier: MIT */
/*
 * The 8254 programmable interval timer (data sheet: Intel 231164).
 *
 * One free-running counter turns time into clock ticks, and a channel lives
 * in ticks: its state describes tick `at`, and advance() brings it to any
 * later one in a few steps, each either "counts down and nothing happens"
 * or one event (a load, an expiry, an end of a half-cycle). A write that
 * comes between ticks k and k+1 acts at once on the control logic and at
 * tick k+1 on the counting element, as in the data sheet's figures.
 *
 * `period` remembers what CE was loaded with, because mode 3 with an odd
 * count is asymmetric: CE shows N-1, N-3 .. 0 in the high half, which so
 * lasts (N+1)/2, and N-1 .. 2 in the low one, (N-1)/2 (Mode 3, odd counts).
 *
 * A count of 1 is illegal in modes 2 and 3 (table of minimum counts); here
 * the output then stays high.
 */
#include "lib/chip/pit.h"

#include <errno.h>
#include <string.h>

#define NO_EVENT UINT64_MAX

/* A refresh request every 15 us: channel 1 as PC firmware programs it. */
#define REFRESH_TICKS 18

static uint32_t modulus(const struct vmi_pit_channel_state *c)
{
	return c->bcd ? 10000 : 65536;
}

static uint32_t from_bcd(uint16_t v)
{
	return (v >> 12) * 1000u + (v >> 8 & 15) * 100u + (v >> 4 & 15) * 10u +
	       (v & 15);
}

static uint16_t to_bcd(uint32_t v)
{
	return (uint16_t)((v / 1000 % 10) << 12 | (v / 100 % 10) << 8 |
			  (v / 10 % 10) << 4 | v % 10);
}

/* The programmed count, 1 to 65536 or 10000: 0 is the largest. */
static uint32_t programmed(const struct vmi_pit_channel_state *c)
{
	uint32_t n = c->bcd ? from_bcd(c->cr) % 10000 : c->cr;

	return n ? n : modulus(c);
}

static uint16_t visible(const struct vmi_pit_channel_state *c)
{
	uint32_t v = c->ce % modulus(c);

	return c->bcd ? to_bcd(v) : (uint16_t)v;
}

static bool periodic(const struct vmi_pit_channel_state *c)
{
	return c->mode == 2 || c->mode == 3;
}

static bool by_gate(const struct vmi_pit_channel_state *c)
{
	return c->mode == 1 || c->mode == 5;
}

/* GATE stops modes 0, 2, 3 and 4 ("Gate Pin Operations" table). */
static bool counting(const struct vmi_pit_channel_state *c)
{
	if (!c->period || c->paused || (!c->gate && !by_gate(c)))
		return false;
	return !(periodic(c) && c->period == 1);
}

/* Ticks from `at` to the next event, at least 1. */
static uint64_t next_event(const struct vmi_pit_channel_state *c)
{
	uint32_t ce = c->ce ? c->ce : modulus(c);

	if (c->load || (c->mode >= 4 && !c->out)) /* a strobe is one clock */
		return 1;
	if (!counting(c))
		return NO_EVENT;
	switch (c->mode) {
	case 2: return c->out && ce > 1 ? ce - 1 : 1;
	case 3: return c->out && c->period % 2 ? c->ce / 2 + 1 : ce / 2;
	}
	return c->armed ? ce : NO_EVENT;
}

/* Let n ticks without an event go by. */
static void count_down(struct vmi_pit_channel_state *c, uint64_t n)
{
	uint32_t mod = modulus(c), step;

	if (!n || !counting(c))
		return;
	step = (uint32_t)(n % mod) * (c->mode == 3 ? 2 : 1) % mod;
	c->ce = (c->ce + mod - step) % mod;
}

static void load(struct vmi_pit_channel_state *c)
{
	c->period = programmed(c);
	c->ce = c->mode == 3 ? c->period & ~1u : c->period;
	c->null_count = 0;
	c->load = 0;
	c->armed = !periodic(c);
	c->out = c->mode > 1;
}

/* The tick at which something happens; true when OUT rose. */
static bool event(struct vmi_pit_channel_state *c)
{
	bool was = c->out;

	if (c->load) {
		load(c);
		return !was && c->out;
	}
	switch (c->mode) {
	case 0:
	case 1:
		count_down(c, 1);
		c->armed = 0;
		c->out = 1;
		break;
	case 2:
		if (c->out) {
			count_down(c, 1);
			c->out = 0;
		} else {
			load(c);
		}
		break;
	case 3:
		load(c);
		c->out = !was;
		break;
	default:
		count_down(c, 1);
		c->out = !was;
		c->armed = 0;
	}
	return !was && c->out;
}

/* Whole periods that lie ahead and repeat: all but the last are skipped. */
static uint64_t skip_periods(struct vmi_pit_channel_state *c, uint64_t left)
{
	uint64_t whole;

	if (!periodic(c) || c->load || c->null_count || !counting(c) ||
		c->period != programmed(c))
		return 0;
	whole = left / c->period;
	if (whole < 2)
		return 0;
	c->at += (whole - 1) * c->period;
	return whole - 1;
}

/* Bring the channel to `tick`; returns how many times OUT rose. */
static uint64_t advance(struct vmi_pit_channel_state *c, uint64_t tick)
{
	uint64_t rises = 0, left, n;

	while (c->at < tick) {
		rises += skip_periods(c, tick - c->at);
		left = tick - c->at;
		n = next_event(c);
		if (n > left) {
			count_down(c, left);
			c->at = tick;
			break;
		}
		count_down(c, n - 1);
		c->at += n;
		rises += event(c);
	}
	return rises;
}

static void drive(struct vmi_pit *pit, bool level)
{
	if (pit->s.irq == level)
		return;
	pit->s.irq = level;
	vmi_line_set(&pit->irq0, level);
}

static void follow_out(struct vmi_pit *pit)
{
	if (!pit->s.cut)
		drive(pit, pit->s.ch[0].out);
}

static void owe(struct vmi_pit *pit, uint64_t ticks)
{
	if (pit->s.policy != VMI_PIT_CATCH_UP)
		return;
	if (ticks > UINT32_MAX - pit->s.pending)
		ticks = UINT32_MAX - pit->s.pending;
	pit->s.pending += (uint32_t)ticks;
}

void vmi_pit_update(struct vmi_pit *pit, uint64_t now)
{
	uint64_t tick = vmi_counter_read(&pit->s.clock, now);
	uint64_t rises = advance(&pit->s.ch[0], tick);

	advance(&pit->s.ch[1], tick);
	advance(&pit->s.ch[2], tick);
	if (rises && !pit->s.cut) {
		drive(pit, false);
		drive(pit, true);
		owe(pit, rises - 1);
	}
	follow_out(pit);
}

/*
 * The next change of OUT 0. Mode 2 is low for one clock only, so its fall is
 * left to the rise that follows: one wake-up a period, not two.
 */
uint64_t vmi_pit_deadline(const struct vmi_pit *pit, uint64_t now)
{
	const struct vmi_pit_channel_state *c = &pit->s.ch[0];
	uint64_t tick = vmi_counter_read(&pit->s.clock, now);
	uint64_t n = next_event(c), due;

	if (pit->s.cut || n == NO_EVENT)
		return VMI_NEVER;
	due = c->at + n;
	if (c->mode == 2 && c->out && !c->load)
		due++;
	return due <= tick ? now
			   : vmi_counter_after(&pit->s.clock, due - tick, now);
}

/* A rising GATE is a trigger in modes 1, 2, 3 and 5. */
static void set_gate(struct vmi_pit_channel_state *c, bool level)
{
	bool rise = level && !c->gate;

	c->gate = level;
	if (rise && c->has_count && (by_gate(c) || periodic(c)))
		c->load = 1;
	if (!level && periodic(c))
		c->out = 1;
}

void vmi_pit_gate(struct vmi_pit *pit, unsigned ch, bool level, uint64_t now)
{
	if (ch >= VMI_PIT_CHANNELS)
		return;
	vmi_pit_update(pit, now);
	set_gate(&pit->s.ch[ch], level);
	follow_out(pit);
}

bool vmi_pit_out(struct vmi_pit *pit, unsigned ch, uint64_t now)
{
	vmi_pit_update(pit, now);
	return ch < VMI_PIT_CHANNELS && pit->s.ch[ch].out;
}

/* A whole count is in CR. */
static void count_written(struct vmi_pit_channel_state *c, uint16_t count)
{
	c->cr = count;
	c->null_count = 1;
	if (c->mode == 0 || c->mode == 4 || !c->has_count)
		c->load = !by_gate(c);
	if (c->mode == 0)
		c->out = 0;
	c->paused = 0;
	c->has_count = 1;
}

static void write_count(struct vmi_pit_channel_state *c, uint8_t value)
{
	switch (c->rw) {
	case 1: count_written(c, value); return;
	case 2: count_written(c, (uint16_t)(value << 8)); return;
	}
	if (c->write_msb) {
		c->write_msb = 0;
		count_written(c, (uint16_t)(value << 8 | c->cr_low));
		return;
	}
	c->cr_low = value;
	c->write_msb = 1;
	if (c->mode == 0) { /* "Writing the first byte disables counting" */
		c->paused = 1;
		c->load = 0;
		c->out = 0;
	}
}

static void latch_count(struct vmi_pit_channel_state *c)
{
	if (c->latched) /* a second latch command is ignored */
		return;
	c->latch = visible(c);
	c->latched = c->rw;
}

static void latch_status(struct vmi_pit_channel_state *c)
{
	if (c->has_status)
		return;
	c->status = (uint8_t)(c->out << 7 | c->null_count << 6 | c->rw << 4 |
			      c->mode << 1 | c->bcd);
	c->has_status = 1;
}

static uint8_t read_count(struct vmi_pit_channel_state *c)
{
	uint16_t v = c->latched ? c->latch : visible(c);
	bool msb = c->rw == 2 || (c->rw == 3 && c->read_msb);

	if (c->has_status) { /* status first, whichever was latched first */
		c->has_status = 0;
		return c->status;
	}
	c->latched &= (uint8_t) ~(msb ? 2 : 1);
	if (c->rw == 3)
		c->read_msb = !msb;
	return (uint8_t)(msb ? v >> 8 : v);
}

static void program(struct vmi_pit_channel_state *c, uint8_t value)
{
	uint8_t gate = c->gate, mode = value >> 1 & 7;
	uint32_t ce = c->ce;
	uint64_t at = c->at;

	memset(c, 0, sizeof(*c)); /* CR too: "CRM and CRL are cleared" */
	c->at = at;
	c->ce = ce % (value & 1 ? 10000 : 65536);
	c->gate = gate;
	c->rw = value >> 4 & 3;
	c->mode = mode > 5 ? mode - 4 : mode; /* x10 is 2, x11 is 3 */
	c->bcd = value & 1;
	c->null_count = 1;
	c->out = c->mode != 0;
}

static void read_back(struct vmi_pit *pit, uint8_t value)
{
	unsigned i;

	for (i = 0; i < VMI_PIT_CHANNELS; i++) {
		if (!(value & 2u << i))
			continue;
		if (!(value & 0x20))
			latch_count(&pit->s.ch[i]);
		if (!(value & 0x10))
			latch_status(&pit->s.ch[i]);
	}
}

static void write_control(struct vmi_pit *pit, uint8_t value)
{
	unsigned ch = value >> 6;

	if (ch == 3) {
		read_back(pit, value);
	} else if (!(value & 0x30)) {
		latch_count(&pit->s.ch[ch]);
	} else {
		program(&pit->s.ch[ch], value);
		if (!ch)
			pit->s.pending = 0;
	}
}

/* Bit 4 toggles with each refresh request, bit 5 is OUT 2. */
static uint8_t read_port61(struct vmi_pit *pit)
{
	uint64_t refresh = pit->s.ch[1].at / REFRESH_TICKS & 1;

	return (uint8_t)(pit->s.port61 | refresh << 4 | pit->s.ch[2].out << 5);
}

uint8_t vmi_pit_read(struct vmi_pit *pit, uint16_t port, uint64_t now)
{
	vmi_pit_update(pit, now);
	if (port == 0x61)
		return read_port61(pit);
	if (port < 0x40 || port > 0x42)
		return 0xff;
	return read_count(&pit->s.ch[port - 0x40]);
}

void vmi_pit_write(
	struct vmi_pit *pit, uint16_t port, uint8_t value, uint64_t now)
{
	vmi_pit_update(pit, now);
	if (port == 0x61) {
		pit->s.port61 = value & 0x0f;
		set_gate(&pit->s.ch[2], value & 1);
	} else if (port == 0x43) {
		write_control(pit, value);
	} else if (port >= 0x40 && port <= 0x42) {
		write_count(&pit->s.ch[port - 0x40], value);
		if (port == 0x40)
			pit->s.pending = 0;
	}
	follow_out(pit);
}

void vmi_pit_cut(struct vmi_pit *pit, bool cut, uint64_t now)
{
	vmi_pit_update(pit, now);
	if (cut) {
		drive(pit, false);
		pit->s.pending = 0;
	}
	pit->s.cut = cut;
	follow_out(pit);
}

void vmi_pit_policy(struct vmi_pit *pit, enum vmi_pit_policy policy)
{
	pit->s.policy = policy == VMI_PIT_CATCH_UP;
	if (policy == VMI_PIT_DISCARD)
		pit->s.pending = 0;
}

void vmi_pit_coalesced(struct vmi_pit *pit)
{
	owe(pit, 1);
}

void vmi_pit_ack(struct vmi_pit *pit, uint64_t now)
{
	vmi_pit_update(pit, now);
	if (!pit->s.pending || pit->s.cut)
		return;
	pit->s.pending--;
	drive(pit, false);
	drive(pit, true);
	follow_out(pit);
}

void vmi_pit_reset(struct vmi_pit *pit, uint64_t now)
{
	uint64_t tick = vmi_counter_read(&pit->s.clock, now);
	unsigned i;

	pit->s.pending = 0;
	pit->s.port61 = 0;
	pit->s.cut = 0;
	for (i = 0; i < VMI_PIT_CHANNELS; i++) {
		program(&pit->s.ch[i], 0x30);
		pit->s.ch[i].at = tick;
		pit->s.ch[i].ce = 0;
		pit->s.ch[i].gate = i != 2;
	}
	follow_out(pit);
}

void vmi_pit_init(struct vmi_pit *pit, struct vmi_line irq0, uint64_t now)
{
	memset(pit, 0, sizeof(*pit));
	pit->irq0 = irq0;
	pit->s.size = sizeof(pit->s);
	vmi_counter_init(&pit->s.clock, VMI_PIT_HZ, VMI_NSEC_PER_SEC, 64);
	pit->s.clock.running = 1;
	vmi_pit_reset(pit, now);
}

void vmi_pit_get_state(const struct vmi_pit *pit, struct vmi_pit_state *state)
{
	*state = pit->s;
}

static bool channel_valid(const struct vmi_pit_channel_state *c)
{
	uint8_t flags = c->has_status | c->bcd | c->read_msb | c->write_msb |
			c->null_count | c->has_count | c->load | c->armed |
			c->paused | c->gate | c->out;

	if (flags > 1 || c->rw < 1 || c->rw > 3 || c->mode > 5)
		return false;
	if (c->latched & ~c->rw)
		return false;
	if (c->ce > modulus(c) || c->period > modulus(c))
		return false;
	if (c->mode != 3 || !c->period)
		return true;
	/* Counting by two meets the end of the half-cycle exactly. */
	return c->ce % 2 == 0 && c->ce <= c->period &&
	       (c->ce || (c->period % 2 && (c->out || c->period == 1)));
}

int vmi_pit_set_state(struct vmi_pit *pit, const struct vmi_pit_state *state)
{
	unsigned i;

	if (state->size != sizeof(*state) || state->port61 > 15 ||
		(state->irq | state->cut | state->policy) > 1 ||
		!vmi_counter_valid(&state->clock, &pit->s.clock))
		return -EINVAL;
	for (i = 0; i < VMI_PIT_CHANNELS; i++) {
		if (!channel_valid(&state->ch[i]))
			return -EINVAL;
	}
	pit->s = *state;
	return 0;
}
