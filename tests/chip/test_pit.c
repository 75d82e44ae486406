/* SPDX-License-Identifier: MIT */
/* The 8254 against its data sheet (Intel 231164), mode by mode. */
#include "chiptest.h"
#include "lib/chip/pit.h"

static struct vmi_pit pit;
static struct trace trace;
static uint64_t tick;

/* The first nanosecond of clock tick k. */
static uint64_t at(uint64_t k)
{
	return vmi_muldiv_up(k, VMI_NSEC_PER_SEC, VMI_PIT_HZ);
}

static void setup(void)
{
	memset(&trace, 0, sizeof(trace));
	tick = 100;
	vmi_pit_init(&pit, trace_pin(&trace, 0), at(tick));
}

static void wr(uint16_t port, uint8_t v)
{
	vmi_pit_write(&pit, port, v, at(tick));
}

static uint8_t rd(uint16_t port)
{
	return vmi_pit_read(&pit, port, at(tick));
}

/* Channel 2 has a gate that software moves; the traces use it. */
static void gate(bool level)
{
	vmi_pit_gate(&pit, 2, level, at(tick));
}

/*
 * One trace: `do_` says what happens before each tick ('-' nothing, '0' and
 * '1' the gate, 'w' the next byte of `bytes` to the counter); after the tick
 * the count's low byte and OUT must be `ce` and `out`.
 */
struct figure {
	const char *name;
	uint8_t cw;
	uint8_t gate;
	uint8_t bytes[6];
	const char *ops;
	const char *out;
	int ce[24];
};

#define ANY (-1)

/* clang-format off */
static const struct figure figures[] = {
	/* Mode 0, figure 15 */
	{ "0: 4", 0x90, 1, { 4 }, "w------", "0000111", { 4, 3, 2, 1, 0, 0xff, 0xfe } },
	{ "0: 3, gate low for two", 0x90, 1, { 3 }, "w-0-1---", "00000111",
		{ 3, 2, 2, 2, 1, 0, 0xff, 0xfe } },
	{ "0: 3 then 2", 0x90, 1, { 3, 2 }, "w--w---", "0000011", { 3, 2, 1, 2, 1, 0, 0xff } },
	{ "0: loaded with gate low", 0x90, 0, { 2 }, "w--1--", "000011", { 2, 2, 2, 1, 0, 0xff } },
	{ "0: rewritten after the end", 0x90, 1, { 1, 2 }, "w--w--", "011001", { 1, 0, 0xff, 2, 1, 0 } },
	/* "Writing the first byte disables counting" */
	{ "0: two bytes", 0xb0, 1, { 3, 0, 2, 0 }, "w", "0", { ANY } },
	/* Mode 1, figure 16 */
	{ "1: 3", 0x92, 0, { 3 }, "w-1----", "1100011", { ANY, ANY, 3, 2, 1, 0, 0xff } },
	{ "1: retrigger", 0x92, 0, { 3 }, "w10-1---", "10000001", { ANY, 3, 2, 1, 3, 2, 1, 0 } },
	{ "1: new count at next trigger", 0x92, 0, { 2, 4 }, "w10w-1-", "1001100",
		{ ANY, 2, 1, 0, 0xff, 4, 3 } },
	{ "1: gate low does not stop", 0x92, 0, { 2 }, "w10--", "10011", { ANY, 2, 1, 0, 0xff } },
	/* Mode 2, figure 17 */
	{ "2: 3", 0x94, 1, { 3 }, "w------", "1101101", { 3, 2, 1, 3, 2, 1, 3 } },
	{ "2: gate low stops, high reloads", 0x94, 1, { 3 }, "w-0-1---", "11111101",
		{ 3, 2, 2, 2, 3, 2, 1, 3 } },
	{ "2: gate low during the pulse", 0x94, 1, { 3 }, "w--0-1--", "11011110",
		{ 3, 2, 1, 1, 1, 3, 2, 1 } },
	{ "2: new count at end of period", 0x94, 1, { 4, 5 }, "w-w-----", "11101111",
		{ 4, 3, 2, 1, 5, 4, 3, 2 } },
	{ "2: new count by trigger", 0x94, 1, { 4, 5 }, "w-0w1--", "1111111", { 4, 3, 3, 3, 5, 4, 3 } },
	{ "2: by mode bits 110", 0x9c, 1, { 2 }, "w---", "1010", { 2, 1, 2, 1 } },
	{ "2: 1 is illegal, no edge", 0x94, 1, { 1 }, "w---", "1111", { 1, 1, 1, 1 } },
	/* Mode 3, figure 18 */
	{ "3: 4", 0x96, 1, { 4 }, "w--------", "110011001", { 4, 2, 4, 2, 4, 2, 4, 2, 4 } },
	{ "3: 5", 0x96, 1, { 5 }, "w----------", "11100111001", { 4, 2, 0, 4, 2, 4, 2, 0, 4, 2, 4 } },
	{ "3: 3", 0x9e, 1, { 3 }, "w------", "1101101", { 2, 0, 2, 2, 0, 2, 2 } },
	{ "3: gate low while OUT low", 0x96, 1, { 4 }, "w--0-1---", "110111100",
		{ 4, 2, 4, 4, 4, 4, 2, 4, 2 } },
	{ "3: new count at half-cycle", 0x96, 1, { 4, 6 }, "w-w----", "1100011", { 4, 2, 6, 4, 2, 6, 4 } },
	/* Mode 4, figure 19 */
	{ "4: 3", 0x98, 1, { 3 }, "w-----", "111011", { 3, 2, 1, 0, 0xff, 0xfe } },
	{ "4: gate low", 0x98, 1, { 3 }, "w0-1---", "1111101", { 3, 3, 3, 2, 1, 0, 0xff } },
	{ "4: new count", 0x98, 1, { 3, 2 }, "w-w---", "111101", { 3, 2, 2, 1, 0, 0xff } },
	{ "4: strobe once a count", 0x98, 1, { 1 }, "w---", "1011", { 1, 0, 0xff, 0xfe } },
	/* Mode 5, figure 20 */
	{ "5: 3", 0x9a, 0, { 3 }, "w-1----", "1111101", { ANY, ANY, 3, 2, 1, 0, 0xff } },
	{ "5: retrigger", 0x9a, 0, { 3 }, "w10-1---", "11111110", { ANY, 3, 2, 1, 3, 2, 1, 0 } },
	{ "5: new count at next trigger", 0x9a, 0, { 2, 4 }, "w10w-1-", "1110111",
		{ ANY, 2, 1, 0, 0xff, 4, 3 } },
	/* BCD wraps through 9999 */
	{ "0: BCD 10", 0x91, 1, { 0x10 }, "w--", "000", { 0x10, 0x09, 0x08 } },
	{ "4: BCD wrap", 0x99, 1, { 1 }, "w---", "1011", { 1, 0, 0x99, 0x98 } },
	{ "3: BCD 11", 0x97, 1, { 0x11 }, "w------", "1111110", { 0x10, 8, 6, 4, 2, 0, 0x10 } },
	/* MSB only: the other byte is 0 (CRM and CRL are cleared) */
	{ "2: MSB only", 0xa4, 1, { 1 }, "w--", "111", { 1, 0, 0 } },
};
/* clang-format on */

START_TEST(test_figure)
{
	const struct figure *f = &figures[_i];
	unsigned i, b = 0;

	gate(f->gate);
	wr(0x43, f->cw);
	for (i = 0; f->ops[i]; i++) {
		switch (f->ops[i]) {
		case 'w': wr(0x42, f->bytes[b++]); break;
		case '0': gate(false); break;
		case '1': gate(true); break;
		}
		tick++;
		ck_assert_msg(
			vmi_pit_out(&pit, 2, at(tick)) == (f->out[i] == '1'),
			"%s: OUT after step %u", f->name, i);
		if (f->ce[i] != ANY)
			ck_assert_msg(rd(0x42) == f->ce[i],
				"%s: count after step %u is %u", f->name, i,
				pit.s.ch[2].ce);
	}
}
END_TEST

/* The same figures with nothing in between: one long advance agrees. */
START_TEST(test_figure_lazily)
{
	const struct figure *f = &figures[_i];
	unsigned i, b = 0;

	gate(f->gate);
	wr(0x43, f->cw);
	for (i = 0; f->ops[i]; i++) {
		switch (f->ops[i]) {
		case 'w': wr(0x42, f->bytes[b++]); break;
		case '0': gate(false); break;
		case '1': gate(true); break;
		}
		tick++;
	}
	ck_assert(vmi_pit_out(&pit, 2, at(tick)) == (f->out[i - 1] == '1'));
	if (f->ce[i - 1] > 0)
		ck_assert_int_eq(rd(0x42), f->ce[i - 1]);
}
END_TEST

/* Stepped by one and in leaps, all modes and counts give the same state. */
START_TEST(test_leaps)
{
	static const uint16_t counts[] = { 0, 2, 3, 4, 7, 0x99, 0x1000 };
	struct vmi_pit slow;
	unsigned mode, i, bcd;

	for (mode = 0; mode < 6; mode++)
		for (bcd = 0; bcd < 2; bcd++)
			for (i = 0; i < 7; i++) {
				uint64_t k, end;

				setup();
				wr(0x43, (uint8_t)(0xb0 | mode << 1 | bcd));
				wr(0x42, counts[i] & 0xff);
				wr(0x42, (uint8_t)(counts[i] >> 8));
				gate(true);
				slow = pit;
				end = tick + 25000;
				for (k = tick; k <= end; k++)
					vmi_pit_update(&slow, at(k));
				vmi_pit_update(&pit, at(end));
				ck_assert_msg(
					!memcmp(&pit.s, &slow.s, sizeof(pit.s)),
					"mode %u bcd %u count %x", mode, bcd,
					counts[i]);
			}
}
END_TEST

/* Mode 0, two bytes: OUT low and counting off between them. */
START_TEST(test_mode0_halves)
{
	gate(true);
	wr(0x43, 0xb0);
	wr(0x42, 2);
	tick += 50;
	ck_assert(!vmi_pit_out(&pit, 2, at(tick)));
	wr(0x42, 0);
	tick += 3;
	ck_assert(vmi_pit_out(&pit, 2, at(tick)));
	wr(0x42, 9);
	ck_assert(!vmi_pit_out(&pit, 2, at(tick)));
	tick += 1000;
	ck_assert(!vmi_pit_out(&pit, 2, at(tick)));
	wr(0x42, 0);
	tick += 9;
	ck_assert(!vmi_pit_out(&pit, 2, at(tick)));
	tick++;
	ck_assert(vmi_pit_out(&pit, 2, at(tick)));
}
END_TEST

START_TEST(test_latch)
{
	wr(0x43, 0x34);
	wr(0x40, 0x00);
	wr(0x40, 0x10); /* 0x1000 */
	tick += 1;
	wr(0x43, 0x00); /* latch 0x1000 */
	tick += 5;
	wr(0x43, 0x00); /* ignored */
	tick += 5;
	ck_assert_uint_eq(rd(0x40), 0x00);
	wr(0x43, 0x00); /* still ignored: not read in full */
	ck_assert_uint_eq(rd(0x40), 0x10);
	ck_assert_uint_eq(rd(0x40), 0xf6); /* live again: 0x1000 - 10 */
	tick += 1;
	wr(0x43, 0x00);
	ck_assert_uint_eq(rd(0x40), 0x0f); /* the flip-flop was at MSB */
	ck_assert_uint_eq(rd(0x40), 0xf5);
	/* Reads and writes toggle apart. */
	ck_assert_uint_eq(rd(0x40), 0x0f);
	wr(0x40, 0x34);
	ck_assert_uint_eq(rd(0x40), 0xf5);
	wr(0x40, 0x12);
	ck_assert_uint_eq(pit.s.ch[0].cr, 0x1234);
	/* A control word unlatches. */
	wr(0x43, 0x00);
	wr(0x43, 0x14);
	wr(0x40, 7);
	tick += 2;
	ck_assert_uint_eq(rd(0x40), 6);
}
END_TEST

/* Read-back command: status bits, NULL COUNT, and status is read first. */
START_TEST(test_read_back)
{
	gate(true);
	wr(0x43, 0xb6);
	wr(0x43, 0xe8);			   /* status of channel 2 */
	ck_assert_uint_eq(rd(0x42), 0xf6); /* OUT, NULL, both bytes, mode 3 */
	wr(0x42, 0x10);
	wr(0x42, 0x00);
	wr(0x43, 0xe8);
	ck_assert_uint_eq(rd(0x42), 0xf6); /* written, not yet loaded */
	tick++;
	wr(0x43, 0xe8);
	ck_assert_uint_eq(rd(0x42), 0xb6);
	tick += 8;
	wr(0x43, 0xd8); /* count, then */
	wr(0x43, 0xe8); /* status: read first all the same */
	tick += 8;
	wr(0x43, 0xe8); /* ignored */
	ck_assert_uint_eq(rd(0x42), 0x36);
	ck_assert_uint_eq(rd(0x42), 0x10);
	ck_assert_uint_eq(rd(0x42), 0x00);
	/* A deferred count stays NULL until the half-cycle ends. */
	wr(0x42, 0x20);
	wr(0x43, 0xe8);
	ck_assert_uint_eq(rd(0x42) & 0x40, 0);
	wr(0x42, 0x00);
	tick += 7;
	wr(0x43, 0xe8);
	ck_assert_uint_eq(rd(0x42) & 0x40, 0x40);
	tick += 1;
	wr(0x43, 0xe8);
	ck_assert_uint_eq(rd(0x42) & 0x40, 0);
	/* All three channels at once, both: 1100 1110. */
	wr(0x43, 0x52);
	wr(0x43, 0xce);
	ck_assert_uint_eq(rd(0x41), 0xd2);
	ck_assert_uint_eq(rd(0x40), 0x70);
	ck_assert_uint_eq(pit.s.ch[0].latched, 3);
	ck_assert_uint_eq(pit.s.ch[1].latched, 1);
	ck_assert_uint_eq(rd(0x43), 0xff);
}
END_TEST

START_TEST(test_port61)
{
	unsigned toggles = 0, i;
	uint8_t last, v;

	wr(0x61, 0x02);
	wr(0x43, 0xb0);
	wr(0x42, 3);
	wr(0x42, 0);
	tick += 100;
	ck_assert_uint_eq(rd(0x61) & 0x2f, 0x02); /* gate off: not counted */
	wr(0x61, 0x01);
	tick += 2;
	ck_assert_uint_eq(rd(0x61) & 0x2f, 0x01);
	tick += 1;
	ck_assert_uint_eq(rd(0x61) & 0xef, 0x21);
	wr(0x61, 0xff);
	ck_assert_uint_eq(rd(0x61) & 0xcf, 0x0f);
	last = rd(0x61) & 0x10;
	for (i = 0; i < 1800; i++) {
		tick++;
		v = rd(0x61) & 0x10;
		toggles += v != last;
		last = v;
	}
	ck_assert_uint_eq(toggles, 100); /* each 15.085 us */
}
END_TEST

START_TEST(test_irq)
{
	uint64_t now, due;
	unsigned i;

	wr(0x43, 0x34);
	wr(0x40, 0xa9);
	wr(0x40, 0x04); /* 1193: 1 kHz */
	now = at(tick);
	trace.rises[0] = 0;
	for (i = 0; i < 1000; i++) {
		due = vmi_pit_deadline(&pit, now);
		ck_assert_uint_gt(due, now);
		vmi_pit_update(&pit, due - 1);
		ck_assert(trace.level[0] == 1 || due - now < 2000000);
		vmi_pit_update(&pit, now = due);
	}
	/* The load is an event too; each later one is a rise, on its tick. */
	ck_assert_uint_eq(trace.rises[0], 999);
	ck_assert_uint_eq(now, at(tick + 1 + 999 * 1193));
	/* Late by five periods: one edge; with catch-up, four more on ack. */
	vmi_pit_update(&pit, at(tick + 1 + 1004 * 1193));
	ck_assert_uint_eq(trace.rises[0], 1000);
	vmi_pit_policy(&pit, VMI_PIT_CATCH_UP);
	now = at(tick + 1 + 1009 * 1193);
	vmi_pit_update(&pit, now);
	ck_assert_uint_eq(pit.s.pending, 4);
	for (i = 0; i < 9; i++)
		vmi_pit_ack(&pit, now);
	ck_assert_uint_eq(trace.rises[0], 1005);
	vmi_pit_coalesced(&pit);
	vmi_pit_ack(&pit, now);
	ck_assert_uint_eq(trace.rises[0], 1006);
	vmi_pit_coalesced(&pit);
	vmi_pit_write(&pit, 0x43, 0x34, now); /* reprogrammed: forgotten */
	ck_assert_uint_eq(pit.s.pending, 0);
	ck_assert_uint_eq(vmi_pit_deadline(&pit, now), VMI_NEVER);
}
END_TEST

START_TEST(test_cut)
{
	wr(0x43, 0x16);
	wr(0x40, 100);
	tick += 10;
	vmi_pit_update(&pit, at(tick));
	ck_assert(trace.level[0]);
	vmi_pit_cut(&pit, true, at(tick));
	ck_assert(!trace.level[0]);
	ck_assert_uint_eq(vmi_pit_deadline(&pit, at(tick)), VMI_NEVER);
	tick += 1000;
	vmi_pit_update(&pit, at(tick));
	ck_assert(!trace.level[0]);
	vmi_pit_cut(&pit, false, at(tick));
	ck_assert(trace.level[0] == pit.s.ch[0].out);
	ck_assert_uint_ne(vmi_pit_deadline(&pit, at(tick)), VMI_NEVER);
}
END_TEST

START_TEST(test_reset)
{
	struct vmi_pit fresh;

	vmi_pit_policy(&pit, VMI_PIT_CATCH_UP);
	wr(0x43, 0x36);
	wr(0x40, 100);
	wr(0x61, 3);
	tick += 1000;
	vmi_pit_coalesced(&pit);
	vmi_pit_reset(&pit, at(tick));
	ck_assert_uint_eq(pit.s.pending, 0);
	vmi_pit_cut(&pit, true, at(tick));
	vmi_pit_reset(&pit, at(tick));
	vmi_pit_policy(&pit, VMI_PIT_DISCARD);
	vmi_pit_init(&fresh, trace_pin(&trace, 0), at(tick));
	ck_assert_int_eq(memcmp(&pit.s, &fresh.s, sizeof(pit.s)), 0);
	/* Registers are clean, and so is the line. */
	wr(0x43, 0x34);
	ck_assert(trace.level[0]);
	vmi_pit_reset(&pit, at(tick));
	ck_assert(!trace.level[0]);
}
END_TEST

/* OUT 0 is IRQ 0: a control word moves it at once. */
START_TEST(test_line)
{
	wr(0x43, 0x34);
	ck_assert(trace.level[0]);
	wr(0x43, 0x30);
	ck_assert(!trace.level[0]);
	wr(0x43, 0x36);
	wr(0x40, 100);
	wr(0x40, 0);
	tick += 60;
	vmi_pit_update(&pit, at(tick));
	ck_assert(!trace.level[0]);
	vmi_pit_gate(&pit, 0, false, at(tick)); /* "OUT is set high" */
	ck_assert(trace.level[0]);
	vmi_pit_gate(&pit, 0, true, at(tick));
	tick += 1 + 60;
	vmi_pit_update(&pit, at(tick));
	ck_assert(!trace.level[0]);
	/* Late, and low again by now: the rise is not lost. */
	trace.rises[0] = 0;
	tick += 100;
	vmi_pit_update(&pit, at(tick));
	ck_assert(!trace.level[0]);
	ck_assert_uint_eq(trace.rises[0], 1);
	vmi_pit_policy(&pit, VMI_PIT_CATCH_UP);
	vmi_pit_coalesced(&pit);
	vmi_pit_ack(&pit, at(tick));
	ck_assert_uint_eq(trace.rises[0], 2);
	ck_assert(!trace.level[0]);
}
END_TEST

/* One strobe a count, though CE meets 0 again after a wrap. */
START_TEST(test_one_strobe)
{
	unsigned i;

	wr(0x43, 0x18);
	wr(0x40, 5);
	trace.rises[0] = 0;
	for (i = 0; i < 400; i++)
		vmi_pit_update(&pit, at(tick += 500));
	ck_assert_uint_eq(trace.rises[0], 1);
}
END_TEST

/* Mode 0: any count written takes OUT low without a clock. */
START_TEST(test_mode0_write)
{
	uint32_t ce;

	gate(true);
	wr(0x43, 0x90);
	wr(0x42, 1);
	tick += 5;
	ck_assert(vmi_pit_out(&pit, 2, at(tick)));
	wr(0x42, 9);
	ck_assert(!vmi_pit_out(&pit, 2, at(tick)));
	/* The first of two bytes stops the counting, and the load. */
	wr(0x43, 0xb0);
	wr(0x42, 0x00);
	wr(0x42, 0x10);
	tick += 5;
	wr(0x42, 0x77);
	ce = pit.s.ch[2].ce;
	ck_assert_uint_eq(ce, 0x1000 - 4);
	tick += 50;
	rd(0x42);
	ck_assert_uint_eq(pit.s.ch[2].ce, ce);
	wr(0x42, 0x00);
	wr(0x42, 0x99);
	tick += 5;
	rd(0x42);
	ck_assert_uint_eq(pit.s.ch[2].ce, ce);
	ck_assert_uint_eq(pit.s.ch[2].null_count, 1);
}
END_TEST

START_TEST(test_owed)
{
	vmi_pit_coalesced(&pit); /* nothing is owed when discarding */
	ck_assert_uint_eq(pit.s.pending, 0);
	vmi_pit_policy(&pit, VMI_PIT_CATCH_UP);
	wr(0x43, 0x14);
	vmi_pit_coalesced(&pit);
	wr(0x42, 1);
	ck_assert_uint_eq(pit.s.pending, 1);
	wr(0x40, 100);
	ck_assert_uint_eq(pit.s.pending, 0);
	vmi_pit_coalesced(&pit);
	vmi_pit_cut(&pit, true, at(tick));
	ck_assert_uint_eq(pit.s.pending, 0);
	vmi_pit_cut(&pit, false, at(tick));
	pit.s.pending = UINT32_MAX - 1;
	vmi_pit_coalesced(&pit);
	vmi_pit_coalesced(&pit);
	ck_assert_uint_eq(pit.s.pending, UINT32_MAX);
	vmi_pit_policy(&pit, VMI_PIT_CATCH_UP);
	ck_assert_uint_eq(pit.s.pending, UINT32_MAX);
	vmi_pit_policy(&pit, VMI_PIT_DISCARD);
	ck_assert_uint_eq(pit.s.pending, 0);
}
END_TEST

static void case_init(void *chip, struct trace *t)
{
	vmi_pit_init(chip, trace_pin(t, 0), 1000);
}

static void case_step(void *chip, struct rng *r, uint64_t now, struct trace *t)
{
	uint64_t v = rng_next(r);
	uint16_t port = (uint16_t)(0x40 + (v >> 8) % 4);

	switch (v % 8) {
	case 0: vmi_pit_gate(chip, (v >> 8) % 3, v >> 16 & 1, now); break;
	case 1: vmi_pit_write(chip, 0x61, (uint8_t)(v >> 16), now); break;
	case 2: trace_add(t, vmi_pit_read(chip, 0x61, now)); break;
	case 3: vmi_pit_update(chip, now); break;
	case 4:
		if (v >> 60 == 0)
			vmi_pit_cut(chip, v >> 16 & 1, now);
		vmi_pit_ack(chip, now);
		break;
	case 5: vmi_pit_write(chip, port, (uint8_t)(v >> 16), now); break;
	default: trace_add(t, vmi_pit_read(chip, port, now));
	}
	if (v >> 32 == 0)
		vmi_pit_policy(
			chip, v & 1 ? VMI_PIT_CATCH_UP : VMI_PIT_DISCARD);
	trace_add(t, vmi_pit_deadline(chip, now));
}

static void case_get(const void *chip, void *state)
{
	vmi_pit_get_state(chip, state);
}

static int case_set(void *chip, const void *state)
{
	return vmi_pit_set_state(chip, state);
}

static void case_update(void *chip, uint64_t t_now)
{
	vmi_pit_update(chip, t_now);
}

static const struct chip_case pit_case = {
	sizeof(struct vmi_pit),
	sizeof(struct vmi_pit_state),
	case_init,
	case_step,
	case_get,
	case_set,
	40000,
	case_update,
};

START_TEST(test_lazy)
{
	trial_lazy(&pit_case, 100);
}
END_TEST

START_TEST(test_round_trip)
{
	trial_round_trip(&pit_case, 200);
}
END_TEST

START_TEST(test_hostile)
{
	trial_hostile(&pit_case, 2000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pit");
	TCase *t = tcase_create("pit");
	int n = sizeof(figures) / sizeof(figures[0]);

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, test_figure, 0, n);
	tcase_add_loop_test(t, test_figure_lazily, 0, n);
	tcase_add_test(t, test_leaps);
	tcase_add_test(t, test_mode0_halves);
	tcase_add_test(t, test_latch);
	tcase_add_test(t, test_read_back);
	tcase_add_test(t, test_port61);
	tcase_add_test(t, test_irq);
	tcase_add_test(t, test_cut);
	tcase_add_test(t, test_reset);
	tcase_add_test(t, test_line);
	tcase_add_test(t, test_one_strobe);
	tcase_add_test(t, test_mode0_write);
	tcase_add_test(t, test_owed);
	tcase_add_test(t, test_lazy);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_hostile);
	return run_suite(s);
}
