/* SPDX-License-Identifier: MIT */
/*
 * The real-time clock (Motorola MC146818 data sheet).
 *
 * Time is a divider chain of 32768 Hz, a computed counter. Each multiple of
 * 32768 ends an update cycle; the periodic rates are its other outputs. The
 * registers hold the time in whatever format register B says and are stepped
 * field by field, as in the chip, when somebody looks or an interrupt is due.
 */
#include "lib/chip/rtc.h"

#include <errno.h>
#include <string.h>

enum {
	SECONDS,
	SECONDS_ALARM,
	MINUTES,
	MINUTES_ALARM,
	HOURS,
	HOURS_ALARM,
	WEEKDAY,
	DAY,
	MONTH,
	YEAR,
	REG_A,
	REG_B,
	REG_C,
	REG_D,
};

#define HZ	32768u
#define PER_DAY 86400u

/* A cycle: UIP rises 244 us before the update, which takes 1984 us. */
#define UIP_NS (UINT64_C(244000) + 1984000)

#define A_UIP	    0x80
#define A_DIVIDER   0x70
#define A_RUNNING   0x20 /* the 32768 Hz time base; 11x holds in reset */
#define A_HELD	    0x60
#define B_SET	    0x80
#define B_PIE	    0x40
#define B_AIE	    0x20
#define B_UIE	    0x10
#define B_BINARY    0x04
#define B_24H	    0x02
#define C_IRQF	    0x80
#define C_PF	    0x40
#define C_AF	    0x20
#define C_UF	    0x10
#define D_VALID	    0x80
#define HOURS_PM    0x80
#define DONT_CARE   0xc0
#define LONGEST_NAP (UINT64_C(1000) * 366 * PER_DAY)

static bool flag(const struct vmi_rtc *rtc, unsigned reg, uint8_t bit)
{
	return rtc->s.cmos[reg] & bit;
}

static unsigned decode(const struct vmi_rtc *rtc, uint8_t v)
{
	return flag(rtc, REG_B, B_BINARY) ? v : (v >> 4) * 10u + (v & 15);
}

static uint8_t encode(const struct vmi_rtc *rtc, unsigned v)
{
	if (flag(rtc, REG_B, B_BINARY))
		return (uint8_t)v;
	return (uint8_t)((v / 10 % 10) << 4 | v % 10);
}

static unsigned get(const struct vmi_rtc *rtc, unsigned reg)
{
	return decode(rtc, rtc->s.cmos[reg]);
}

static void put(struct vmi_rtc *rtc, unsigned reg, unsigned v)
{
	rtc->s.cmos[reg] = encode(rtc, v);
}

/* Hours 0 to 23; 12-hour mode counts 12, 1 .. 11 with bit 7 for PM. */
static unsigned get_hours(const struct vmi_rtc *rtc)
{
	uint8_t raw = rtc->s.cmos[HOURS];

	if (flag(rtc, REG_B, B_24H))
		return decode(rtc, raw);
	return decode(rtc, raw & 0x7f) % 12 + (raw & HOURS_PM ? 12 : 0);
}

static void put_hours(struct vmi_rtc *rtc, unsigned h)
{
	if (flag(rtc, REG_B, B_24H)) {
		put(rtc, HOURS, h);
		return;
	}
	put(rtc, HOURS, h % 12 ? h % 12 : 12);
	if (h >= 12)
		rtc->s.cmos[HOURS] |= HOURS_PM;
}

static bool leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in(unsigned month, unsigned year)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };

	if (month < 1 || month > 12)
		return 31;
	return days[month - 1] + (month == 2 && leap(year));
}

/* Step one field; true when it went past its last value. */
static bool carry(
	struct vmi_rtc *rtc, unsigned reg, unsigned first, unsigned last)
{
	unsigned v = get(rtc, reg) + 1;

	put(rtc, reg, v > last ? first : v);
	return v > last;
}

static void next_day(struct vmi_rtc *rtc)
{
	unsigned year = get(rtc, VMI_RTC_CENTURY) * 100 + get(rtc, YEAR);
	unsigned days = days_in(get(rtc, MONTH), year);

	carry(rtc, WEEKDAY, 1, 7);
	if (carry(rtc, DAY, 1, days) && carry(rtc, MONTH, 1, 12) &&
		carry(rtc, YEAR, 0, 99))
		carry(rtc, VMI_RTC_CENTURY, 0, 99);
}

static void next_second(struct vmi_rtc *rtc)
{
	unsigned h;

	if (!carry(rtc, SECONDS, 0, 59) || !carry(rtc, MINUTES, 0, 59))
		return;
	h = get_hours(rtc) + 1;
	put_hours(rtc, h > 23 ? 0 : h);
	if (h > 23)
		next_day(rtc);
}

/* An alarm byte of C0h to FFh matches anything. */
static bool alarm_matches(const struct vmi_rtc *rtc)
{
	unsigned reg;

	for (reg = SECONDS; reg <= HOURS; reg += 2) {
		uint8_t alarm = rtc->s.cmos[reg + 1];

		if (alarm < DONT_CARE && alarm != rtc->s.cmos[reg])
			return false;
	}
	return true;
}

static void step_seconds(struct vmi_rtc *rtc, uint64_t n)
{
	while (n--) {
		next_second(rtc);
		if (alarm_matches(rtc))
			rtc->s.cmos[REG_C] |= C_AF;
	}
}

/* Whole days go by as days, but one: an alarm may lie anywhere in it. */
static void pass_seconds(struct vmi_rtc *rtc, uint64_t n)
{
	uint64_t days;

	if (!n || flag(rtc, REG_B, B_SET))
		return;
	if (n > LONGEST_NAP)
		n = LONGEST_NAP;
	rtc->s.cmos[REG_C] |= C_UF;
	for (days = n / PER_DAY; days > 1; days--) {
		next_day(rtc);
		n -= PER_DAY;
	}
	step_seconds(rtc, n);
}

/* Divider counts in a period: rate 1 is 256 Hz, 2 128 Hz, r 32768 >> r-1. */
static uint64_t periodic_ticks(const struct vmi_rtc *rtc)
{
	unsigned rate = rtc->s.cmos[REG_A] & 15;

	if (!rate)
		return 0;
	return UINT64_C(1) << ((rate < 3 ? rate + 7 : rate) - 1);
}

static void drive(struct vmi_rtc *rtc)
{
	uint8_t *c = &rtc->s.cmos[REG_C];
	bool irqf = *c & rtc->s.cmos[REG_B] & (C_PF | C_AF | C_UF);
	bool level = irqf && !rtc->s.cut;

	*c = (uint8_t)((*c & ~C_IRQF) | (irqf ? C_IRQF : 0));
	if (rtc->s.irq == level)
		return;
	rtc->s.irq = level;
	vmi_line_set(&rtc->irq8, level);
}

bool vmi_rtc_tick(struct vmi_rtc *rtc)
{
	bool was = flag(rtc, REG_C, C_PF);

	rtc->s.cmos[REG_C] |= C_PF;
	drive(rtc);
	return !was;
}

static void pass_periods(struct vmi_rtc *rtc, uint64_t n)
{
	if (!n)
		return;
	if (flag(rtc, REG_B, B_PIE)) {
		if (!rtc->ticks.n)
			rtc->ticks.merged = flag(rtc, REG_C, C_PF);
		rtc->ticks.n += n;
	}
	rtc->s.cmos[REG_C] |= C_PF;
}

void vmi_rtc_update(struct vmi_rtc *rtc, uint64_t now)
{
	uint64_t count = vmi_counter_read(&rtc->s.divider, now);
	uint64_t period = periodic_ticks(rtc);

	if (count <= rtc->s.done)
		return;
	if (period)
		pass_periods(rtc, count / period - rtc->s.done / period);
	pass_seconds(rtc, count / HZ - rtc->s.done / HZ);
	rtc->s.done = count;
	drive(rtc);
}

/* The next output of a chain that divides by `period`. */
static uint64_t next_output(
	const struct vmi_rtc *rtc, uint64_t period, uint64_t now)
{
	uint64_t count = vmi_counter_read(&rtc->s.divider, now);

	if (count / period != rtc->s.done / period)
		return now;
	return vmi_counter_after(&rtc->s.divider, period - count % period, now);
}

/*
 * While IRQF stands nothing more can be noticed until register C is read.
 * An alarm is looked for at each second.
 */
uint64_t vmi_rtc_deadline(const struct vmi_rtc *rtc, uint64_t now)
{
	uint64_t due = VMI_NEVER, t;

	if (flag(rtc, REG_C, C_IRQF) || rtc->s.cut || !rtc->s.divider.running)
		return VMI_NEVER;
	if (flag(rtc, REG_B, B_PIE) && periodic_ticks(rtc))
		due = next_output(rtc, periodic_ticks(rtc), now);
	if (flag(rtc, REG_B, B_AIE | B_UIE) && !flag(rtc, REG_B, B_SET)) {
		t = next_output(rtc, HZ, now);
		due = t < due ? t : due;
	}
	return due;
}

static bool update_in_progress(const struct vmi_rtc *rtc, uint64_t now)
{
	uint64_t end = next_output(rtc, HZ, now);

	return rtc->s.divider.running && !flag(rtc, REG_B, B_SET) &&
	       end - now <= UIP_NS;
}

/* Released from reset, the divider is half a second from an update. */
static void write_a(struct vmi_rtc *rtc, uint8_t value, uint64_t now)
{
	bool was_held = (rtc->s.cmos[REG_A] & A_HELD) == A_HELD;
	bool runs = (value & A_DIVIDER) == A_RUNNING;

	rtc->s.cmos[REG_A] = value & (uint8_t)~A_UIP;
	if (!runs) {
		vmi_counter_stop(&rtc->s.divider, now);
		return;
	}
	if (was_held) {
		vmi_counter_set(&rtc->s.divider, HZ / 2, now);
		rtc->s.done = HZ / 2;
	}
	vmi_counter_start(&rtc->s.divider, now);
}

/* SET going high aborts an update and clears UIE. */
static void write_b(struct vmi_rtc *rtc, uint8_t value)
{
	if (value & B_SET)
		value &= (uint8_t)~B_UIE;
	rtc->s.cmos[REG_B] = value;
	drive(rtc);
}

static uint8_t read_c(struct vmi_rtc *rtc)
{
	uint8_t c = rtc->s.cmos[REG_C];

	rtc->s.cmos[REG_C] = 0;
	drive(rtc);
	return c;
}

uint8_t vmi_rtc_read(struct vmi_rtc *rtc, uint16_t port, uint64_t now)
{
	unsigned index = rtc->s.index & 0x7f;

	vmi_rtc_update(rtc, now);
	if (port != 0x71)
		return 0xff;
	switch (index) {
	case REG_A:
		return rtc->s.cmos[REG_A] |
		       (update_in_progress(rtc, now) ? A_UIP : 0);
	case REG_C: return read_c(rtc);
	case REG_D: return D_VALID;
	}
	return rtc->s.cmos[index];
}

void vmi_rtc_write(
	struct vmi_rtc *rtc, uint16_t port, uint8_t value, uint64_t now)
{
	unsigned index = rtc->s.index & 0x7f;

	vmi_rtc_update(rtc, now);
	if (port == 0x70)
		rtc->s.index = value;
	if (port != 0x71)
		return;
	switch (index) {
	case REG_A: write_a(rtc, value, now); break;
	case REG_B: write_b(rtc, value); break;
	case REG_C:
	case REG_D: break;
	default: rtc->s.cmos[index] = value;
	}
}

void vmi_rtc_cut(struct vmi_rtc *rtc, bool cut, uint64_t now)
{
	vmi_rtc_update(rtc, now);
	rtc->s.cut = cut;
	drive(rtc);
}

bool vmi_rtc_nmi_masked(const struct vmi_rtc *rtc)
{
	return rtc->s.index & 0x80;
}

int vmi_rtc_poke(struct vmi_rtc *rtc, unsigned index, uint8_t value)
{
	if (index <= REG_D || index >= VMI_RTC_BYTES)
		return -EINVAL;
	rtc->s.cmos[index] = value;
	return 0;
}

void vmi_rtc_set_time(struct vmi_rtc *rtc, uint64_t unix_time, uint64_t now)
{
	uint64_t days = unix_time / PER_DAY;
	unsigned s = (unsigned)(unix_time % PER_DAY), year = 1970, month = 1;

	days %= 2932897; /* to the end of the year 9999 */
	put(rtc, WEEKDAY, (unsigned)((days + 4) % 7) + 1); /* a Thursday */
	for (; days >= 365u + leap(year); year++)
		days -= 365u + leap(year);
	for (; days >= days_in(month, year); month++)
		days -= days_in(month, year);
	put(rtc, SECONDS, s % 60);
	put(rtc, MINUTES, s / 60 % 60);
	put_hours(rtc, s / 3600);
	put(rtc, DAY, (unsigned)days + 1);
	put(rtc, MONTH, month);
	put(rtc, YEAR, year % 100);
	put(rtc, VMI_RTC_CENTURY, year / 100);
	vmi_counter_set(&rtc->s.divider, 0, now);
	rtc->s.done = 0;
}

/* RESET clears PIE, AIE, UIE, SQWE and the flags; nothing else. */
void vmi_rtc_reset(struct vmi_rtc *rtc, uint64_t now)
{
	vmi_rtc_update(rtc, now);
	rtc->s.cmos[REG_B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE | 0x08);
	rtc->s.cmos[REG_C] = 0;
	rtc->s.index = 0;
	rtc->s.cut = 0;
	drive(rtc);
}

void vmi_rtc_init(struct vmi_rtc *rtc, struct vmi_line irq8, uint64_t unix_time,
	uint64_t now)
{
	memset(rtc, 0, sizeof(*rtc));
	rtc->irq8 = irq8;
	rtc->s.size = sizeof(rtc->s);
	rtc->s.cmos[REG_A] = A_RUNNING | 6; /* 1024 Hz */
	rtc->s.cmos[REG_B] = B_24H;
	rtc->s.cmos[REG_D] = D_VALID;
	vmi_counter_init(&rtc->s.divider, HZ, VMI_NSEC_PER_SEC, 64);
	vmi_rtc_set_time(rtc, unix_time, now);
	vmi_counter_start(&rtc->s.divider, now);
}

int vmi_rtc_set_state(struct vmi_rtc *rtc, const struct vmi_rtc_state *state)
{
	uint8_t a = state->cmos[REG_A], c = state->cmos[REG_C];
	uint8_t irqf = c & state->cmos[REG_B] & (C_PF | C_AF | C_UF);

	if (state->size != sizeof(*state) || state->irq > 1 || state->cut > 1 ||
		a & A_UIP || c & 0x0f || !(c & C_IRQF) != !irqf ||
		state->cmos[REG_D] != D_VALID ||
		state->divider.running != ((a & A_DIVIDER) == A_RUNNING) ||
		!vmi_counter_valid(&state->divider, &rtc->s.divider))
		return -EINVAL;
	rtc->s = *state;
	return 0;
}
