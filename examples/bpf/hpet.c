/* SPDX-License-Identifier: MIT */
/* A device program: an HPET with one comparator. */
/*
 * IA-PC HPET specification 1.0a, 2.3.  The counter runs at 10 MHz; the
 * comparator is one shot or periodic, by edge, on line 0.  Registers are read
 * and written as 4 or as 8 bytes.
 */
#include <vmapi/bpf/device.h>

#define HZ	      10000000u
#define PERIOD_FS     100000000u
#define NS_OF(ticks)  ((ticks) * (1000000000u / HZ))

#define CAPABILITIES  0x000
#define CONFIGURATION 0x010
#define STATUS	      0x020
#define COUNTER	      0x0f0
#define TIMER_CONFIG  0x100
#define TIMER_VALUE   0x108

#define ENABLE	      1u
#define TIMER_ENABLE  (1u << 2)
#define TIMER_CYCLES  (1u << 3) /* periodic */
#define TIMER_CAN     (1u << 4)
#define TIMER_64      (1u << 5)
#define TIMER_SET     (1u << 6) /* the next write is the accumulator */
#define TIMER_WRITES  (TIMER_ENABLE | TIMER_CYCLES | TIMER_SET | 0x3e00u)

struct registers {
	vmapi_bpf_u64 config;
	vmapi_bpf_u64 held;    /* the counter while it stands */
	vmapi_bpf_u64 since;   /* when it was 0, in ticks, while it runs */
	vmapi_bpf_u64 timer;   /* of the comparator */
	vmapi_bpf_u64 compare;
	vmapi_bpf_u64 period;
	vmapi_bpf_u64 armed; /* the comparator's turn is still to come */
} hpet;

static vmapi_bpf_u64 counter(void)
{
	if (!(hpet.config & ENABLE))
		return hpet.held;
	return vmapi_bpf_ticks(HZ) - hpet.since;
}

static vmapi_bpf_u64 value_of(vmapi_bpf_u64 reg)
{
	switch (reg) {
	case CAPABILITIES:
		return (vmapi_bpf_u64)PERIOD_FS << 32 | 0x8086u << 16 |
			1u << 13 | 1;
	case CONFIGURATION: return hpet.config;
	case COUNTER: return counter();
	case TIMER_CONFIG:
		return hpet.timer | TIMER_CAN | TIMER_64 | 0xffffffull << 32;
	case TIMER_VALUE: return hpet.compare;
	default: return 0;
	}
}

VMAPI_BPF_READ int hpet_read(struct vmapi_bpf_context *c)
{
	vmapi_bpf_u64 value = value_of(c->offset & ~7ull);

	if ((c->length != 4 && c->length != 8) || c->offset % c->length)
		return VMAPI_BPF_PASS;
	vmapi_bpf_answer(c, c->offset & 4 ? value >> 32 : value);
	return VMAPI_BPF_HANDLED;
}

/*
 * What is due by `now`, by edge: up and down again.  Periods that went by
 * before anybody came are one interrupt.
 */
static void match(vmapi_bpf_u64 now)
{
	if (!hpet.armed || (now - hpet.compare) >> 63)
		return;
	hpet.armed = 0;
	vmapi_bpf_irq(0, 1);
	vmapi_bpf_irq(0, 0);
	if ((hpet.timer & TIMER_CYCLES) && hpet.period)
		hpet.compare += hpet.period *
			((now - hpet.compare) / hpet.period + 1);
}

/*
 * When the comparator's turn comes, seen at `now`: as match() saw it, or a
 * turn between the two would be lost.  What has passed waits for the wrap, and
 * so does what is two centuries away.
 */
static void arm(vmapi_bpf_u64 now)
{
	vmapi_bpf_u64 left = hpet.compare - now;

	/* From 1 on: what is due now has been seen to. */
	hpet.armed = (hpet.config & ENABLE) && (hpet.timer & TIMER_ENABLE) &&
		!((left - 1) >> 56);
	vmapi_bpf_alarm(
		hpet.armed ? vmapi_bpf_now() + NS_OF(left) + 1 : 0);
}

static void configure(vmapi_bpf_u64 value, vmapi_bpf_u64 now)
{
	hpet.config = value & ENABLE;
	hpet.held = now;
	hpet.since = vmapi_bpf_ticks(HZ) - now;
}

static void compare_with(vmapi_bpf_u64 value)
{
	if (!(hpet.timer & TIMER_CYCLES) || (hpet.timer & TIMER_SET))
		hpet.compare = value;
	if (hpet.timer & TIMER_CYCLES)
		hpet.period = value;
	hpet.timer &= ~(vmapi_bpf_u64)TIMER_SET;
}

/* Half a register is put into the whole. */
static vmapi_bpf_u64 merged(const struct vmapi_bpf_context *c)
{
	vmapi_bpf_u64 value = vmapi_bpf_written(c);
	vmapi_bpf_u64 old = value_of(c->offset & ~7ull);

	if (c->length == 8)
		return value;
	if (c->offset & 4)
		return (vmapi_bpf_u32)old | value << 32;
	return old >> 32 << 32 | value;
}

VMAPI_BPF_WRITE int hpet_write(struct vmapi_bpf_context *c)
{
	vmapi_bpf_u64 now = counter();

	if ((c->length != 4 && c->length != 8) || c->offset % c->length)
		return VMAPI_BPF_PASS;
	match(now);
	switch (c->offset & ~7ull) {
	case CONFIGURATION: configure(merged(c), now); break;
	case COUNTER:
		if (!(hpet.config & ENABLE))
			now = hpet.held = merged(c);
		break;
	case TIMER_CONFIG: hpet.timer = merged(c) & TIMER_WRITES; break;
	case TIMER_VALUE: compare_with(merged(c)); break;
	default: break;
	}
	arm(now);
	return VMAPI_BPF_HANDLED;
}

VMAPI_BPF_ALARM int hpet_alarm(struct vmapi_bpf_context *c)
{
	vmapi_bpf_u64 now = counter();

	(void)c;
	match(now);
	arm(now);
	return VMAPI_BPF_HANDLED;
}
