/* SPDX-License-Identifier: MIT */
/* A device program: the 8254 of a PC, ports 0x40 to 0x43. */
/*
 * Intel 8254 data sheet (231164): counters in modes 0, 2 and 3, latches,
 * read-back.  Counts are computed from the time since they were loaded.
 * Counter 0 drives line 0.  Counting is binary; modes 1, 4 and 5, and BCD,
 * are the application's, who sees the control word.
 */
#include <vmapi/bpf/device.h>

#define HZ	1193182u
#define CONTROL 3u

struct counter {
	vmapi_bpf_u64 loaded;  /* when, in ticks; of mode 2 and 3 the phase */
	vmapi_bpf_u32 reload;  /* 1 to 65536 */
	vmapi_bpf_u8 mode;     /* 0, 2, 3 */
	vmapi_bpf_u8 access;   /* 1: low byte, 2: high, 3: both */
	vmapi_bpf_u8 write_high, read_high; /* what is next, of both */
	vmapi_bpf_u8 low;	/* written first, of both */
	vmapi_bpf_u8 null;	/* a control word came, and no count yet */
	vmapi_bpf_u8 latched;	/* bytes of `latch` that wait, 0 to 2 */
	vmapi_bpf_u8 has_status;
	vmapi_bpf_u8 status;
	vmapi_bpf_u16 latch;
} counters[3];

static vmapi_bpf_u64 elapsed(const struct counter *n)
{
	return vmapi_bpf_ticks(HZ) - n->loaded;
}

/* Data sheet, "Mode definitions". */
static vmapi_bpf_u16 count(const struct counter *n)
{
	vmapi_bpf_u64 t = elapsed(n);
	vmapi_bpf_u32 reload = n->reload ? n->reload : 0x10000;

	if (n->mode == 0)
		return (vmapi_bpf_u16)(reload - t);
	if (n->mode == 2)
		return (vmapi_bpf_u16)(reload - t % reload);
	/* Mode 3 goes down by twos, twice in a period. */
	return (vmapi_bpf_u16)((reload - 2 * t % reload) & ~1u);
}

static int output(const struct counter *n)
{
	vmapi_bpf_u64 t = elapsed(n);
	vmapi_bpf_u32 reload = n->reload ? n->reload : 0x10000;

	if (n->mode == 0)
		return !n->null && t >= reload;
	if (n->mode == 2)
		return t % reload != reload - 1;
	return t % reload < (reload + 1) / 2;
}

/* -- Reading ------------------------------------------------------------ */

static vmapi_bpf_u8 next_byte(struct counter *n)
{
	vmapi_bpf_u16 value = n->latched ? n->latch : count(n);
	int high = n->access == 2 || (n->access == 3 && n->read_high);

	if (n->access == 3)
		n->read_high ^= 1;
	if (n->latched)
		n->latched--;
	return (vmapi_bpf_u8)(high ? value >> 8 : value);
}

VMAPI_BPF_READ int pit_read(struct vmapi_bpf_context *c)
{
	struct counter *n;

	if (c->length != 1 || c->offset >= CONTROL)
		return VMAPI_BPF_PASS;
	n = &counters[c->offset];
	if (n->has_status) {
		n->has_status = 0;
		c->data[0] = n->status;
	} else {
		c->data[0] = next_byte(n);
	}
	return VMAPI_BPF_HANDLED;
}

/* -- Writing ------------------------------------------------------------ */

static void latch_count(struct counter *n)
{
	if (n->latched)
		return; /* the first one holds until it is read */
	n->latch = count(n);
	n->latched = n->access == 3 ? 2 : 1;
}

static void latch_status(struct counter *n)
{
	if (n->has_status)
		return;
	n->status = (vmapi_bpf_u8)(output(n) << 7 | n->null << 6 |
		n->access << 4 | n->mode << 1);
	n->has_status = 1;
}

/* Counter 0 drives the line: its next rise. */
static void arm(const struct counter *n)
{
	vmapi_bpf_u64 left, period = n->reload;

	if (n != &counters[0])
		return;
	left = n->mode ? period - elapsed(n) % (period ? period : 1) : period;
	vmapi_bpf_alarm(vmapi_bpf_now() +
		vmapi_bpf_muldiv(left, 1000000000u, HZ) + 1);
}

static void load(struct counter *n, vmapi_bpf_u32 value)
{
	n->reload = value ? value : 0x10000;
	n->loaded = vmapi_bpf_ticks(HZ);
	n->null = 0;
	arm(n);
}

static void write_byte(struct counter *n, vmapi_bpf_u8 value)
{
	if (n->access == 1)
		load(n, value);
	else if (n->access == 2)
		load(n, (vmapi_bpf_u32)value << 8);
	else if (!n->write_high)
		n->low = value;
	else
		load(n, (vmapi_bpf_u32)value << 8 | n->low);
	if (n->access == 3)
		n->write_high ^= 1;
}

/* Data sheet, "Read-back command": bits 1 to 3 choose the counters. */
static void read_back(vmapi_bpf_u8 word)
{
	vmapi_bpf_u32 i;

	for (i = 0; i < 3; i++) {
		if (!(word & (2u << i)))
			continue;
		if (!(word & 0x20))
			latch_count(&counters[i]);
		if (!(word & 0x10))
			latch_status(&counters[i]);
	}
}

static int control(vmapi_bpf_u8 word)
{
	vmapi_bpf_u8 access = word >> 4 & 3, mode = word >> 1 & 7;
	struct counter *n;

	if (word >> 6 == 3) {
		read_back(word);
		return VMAPI_BPF_HANDLED;
	}
	n = &counters[word >> 6];
	if (!access) {
		latch_count(n);
		return VMAPI_BPF_HANDLED;
	}
	mode = mode > 5 ? mode - 4 : mode; /* 110 and 111 are 2 and 3 */
	if ((word & 1) || mode == 1 || mode > 3)
		return VMAPI_BPF_PASS;
	n->mode = mode;
	n->access = access;
	n->null = 1;
	n->write_high = n->read_high = n->latched = n->has_status = 0;
	return VMAPI_BPF_HANDLED;
}

VMAPI_BPF_WRITE int pit_write(struct vmapi_bpf_context *c)
{
	if (c->length != 1 || c->offset > CONTROL)
		return VMAPI_BPF_PASS;
	if (c->offset == CONTROL)
		return control(c->data[0]);
	write_byte(&counters[c->offset], c->data[0]);
	return VMAPI_BPF_HANDLED;
}

/* -- Time --------------------------------------------------------------- */

VMAPI_BPF_ALARM int pit_alarm(struct vmapi_bpf_context *c)
{
	struct counter *n = &counters[0];

	(void)c;
	vmapi_bpf_irq(0, 1);
	if (!n->mode)
		return VMAPI_BPF_HANDLED; /* it stays high */
	vmapi_bpf_irq(0, 0);
	arm(n);
	return VMAPI_BPF_HANDLED;
}
