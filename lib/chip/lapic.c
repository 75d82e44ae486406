/* SPDX-License-Identifier: MIT */
/*
 * The local APIC (SDM 3A chapter 11, chapter 10 of older editions).
 *
 * MMIO and MSR accesses meet in read_reg() and write_reg(), by register
 * number (MMIO offset / 16 = MSR - 0x800). What differs is in the table
 * `regs`: who may access, and which bits an MSR write may set.
 */
#include "lib/chip/lapic.h"

#include <errno.h>
#include <string.h>

enum {
	REG_ID = 0x02,
	REG_VERSION = 0x03,
	REG_TPR = 0x08,
	REG_APR = 0x09,
	REG_PPR = 0x0a,
	REG_EOI = 0x0b,
	REG_RRD = 0x0c,
	REG_LDR = 0x0d,
	REG_DFR = 0x0e,
	REG_SVR = 0x0f,
	REG_ISR = 0x10,
	REG_TMR = 0x18,
	REG_IRR = 0x20,
	REG_ESR = 0x28,
	REG_CMCI = 0x2f,
	REG_ICR = 0x30,
	REG_ICR2 = 0x31,
	REG_LVT_TIMER = 0x32,
	REG_LVT_ERROR = 0x37,
	REG_TMICT = 0x38,
	REG_TMCCT = 0x39,
	REG_TDCR = 0x3e,
	REG_SELF_IPI = 0x3f,
	REG_COUNT = 0x40,
};

#define SVR_ENABLED	 0x0100u
#define SVR_EOI_SUPPRESS 0x1000u
#define SVR_WRITABLE	 0x13ffu
#define LVT_STATUS	 0x1000u
#define LVT_REMOTE	 0x4000u
#define LVT_LEVEL	 0x8000u
#define LVT_MASKED	 0x10000u
#define LVT_TSC_MODE	 0x40000u
#define ICR_WRITABLE	 UINT64_C(0xccfff)

/* Error bits (11.5.3). */
#define ESR_SEND_ILLEGAL     0x20u
#define ESR_RECEIVED_ILLEGAL 0x40u
#define ESR_ILLEGAL_REGISTER 0x80u

/* Who may access: xAPIC read and write, x2APIC read and write (11.12.1.2). */
enum { XR = 1, XW = 2, MR = 4, MW = 8, ALL = 15, RO = XR | MR };

struct reg {
	uint8_t access;
	uint32_t msr_bits; /* see msr_bits() */
};

static const struct reg regs[REG_COUNT] = {
	[REG_ID] = { XR | XW | MR, 0 },
	[REG_VERSION] = { RO, 0 },
	[REG_TPR] = { ALL, 0xff },
	[REG_APR] = { XR, 0 },
	[REG_PPR] = { RO, 0 },
	[REG_EOI] = { XR | XW | MW, 0 },
	[REG_RRD] = { XR, 0 },
	[REG_LDR] = { XR | XW | MR, 0 },
	[REG_DFR] = { XR | XW, 0 },
	[REG_SVR] = { ALL, SVR_WRITABLE },
	[REG_ESR] = { ALL, 0 },
	[REG_CMCI] = { ALL, 0x117ff },
	[REG_ICR] = { ALL, 0xccfff },
	[REG_ICR2] = { XR | XW, 0 },
	[REG_LVT_TIMER] = { ALL, 0x710ff },
	[0x33] = { ALL, 0x117ff },
	[0x34] = { ALL, 0x117ff },
	[0x35] = { ALL, 0x1f7ff },
	[0x36] = { ALL, 0x1f7ff },
	[REG_LVT_ERROR] = { ALL, 0x110ff },
	[REG_TMICT] = { ALL, 0xffffffff },
	[REG_TMCCT] = { RO, 0 },
	[REG_TDCR] = { ALL, 0xb },
	[REG_SELF_IPI] = { MW, 0xff },
};

static const uint32_t lvt_bits[VMI_LVT_COUNT] = {
	[VMI_LVT_CMCI] = 0x107ff,
	[VMI_LVT_TIMER] = 0x700ff,
	[VMI_LVT_THERMAL] = 0x107ff,
	[VMI_LVT_PMC] = 0x107ff,
	[VMI_LVT_LINT0] = 0x1a7ff,
	[VMI_LVT_LINT1] = 0x1a7ff,
	[VMI_LVT_ERROR] = 0x100ff,
};

/* Writable bits of an LVT entry (11.5.1, 11.5.4.1). */
uint32_t vmi_lapic_lvt_bits(const struct vmi_lapic *l, enum vmi_lvt n)
{
	return n == VMI_LVT_TIMER && !l->config.tsc_deadline
		       ? lvt_bits[n] & ~LVT_TSC_MODE
		       : lvt_bits[n];
}

static uint8_t access_of(unsigned reg)
{
	return reg >= REG_ISR && reg < REG_ESR ? RO : regs[reg].access;
}

bool vmi_lapic_enabled(const struct vmi_lapic *l)
{
	return l->s.base_msr & VMI_APIC_BASE_EN;
}

bool vmi_lapic_x2apic(const struct vmi_lapic *l)
{
	return l->s.base_msr & VMI_APIC_BASE_X2;
}

bool vmi_lapic_sw_enabled(const struct vmi_lapic *l)
{
	return vmi_lapic_enabled(l) && l->s.svr & SVR_ENABLED;
}

/* x2APIC: cluster id in 31:16, one bit of sixteen in 15:0 (11.12.10.2). */
uint32_t vmi_lapic_ldr(const struct vmi_lapic *l)
{
	uint32_t id = l->config.apic_id;

	return vmi_lapic_x2apic(l) ? (id >> 4) << 16 | UINT32_C(1) << (id & 15)
				   : l->s.ldr;
}

static void tell(struct vmi_lapic *l, enum vmi_lapic_event event, uint8_t v)
{
	if (l->ops->event)
		l->ops->event(l->opaque, event, v);
}

/* 256-bit vector sets. */
static bool test(const uint32_t set[8], unsigned v)
{
	return set[v / 32] >> v % 32 & 1;
}

static void assign(uint32_t set[8], unsigned v, bool on)
{
	uint32_t bit = UINT32_C(1) << v % 32;

	set[v / 32] = on ? set[v / 32] | bit : set[v / 32] & ~bit;
}

static int top(const uint32_t set[8])
{
	int i, bit;

	for (i = 7; i >= 0; i--) {
		if (!set[i])
			continue;
		for (bit = 31; !(set[i] >> bit & 1);)
			bit--;
		return i * 32 + bit;
	}
	return -1;
}

/* Processor priority (11.8.3.1). */
uint8_t vmi_lapic_ppr(const struct vmi_lapic *l)
{
	int isr = top(l->s.isr);
	unsigned isrv = isr < 0 ? 0 : (unsigned)isr & 0xf0;

	return (uint8_t)((l->s.tpr & 0xf0) >= isrv ? l->s.tpr : isrv);
}

/* Arbitration priority (11.6.2.4, footnote formula). */
uint8_t vmi_lapic_apr(const struct vmi_lapic *l)
{
	int irr = top(l->s.irr), isr = top(l->s.isr);
	unsigned irrv = irr < 0 ? 0 : (unsigned)irr & 0xf0;
	unsigned isrv = isr < 0 ? 0 : (unsigned)isr & 0xf0;
	unsigned tpr = l->s.tpr & 0xf0, both = tpr & isrv;

	if (tpr >= irrv && tpr > isrv)
		return (uint8_t)l->s.tpr;
	return (uint8_t)(both > irrv ? both : irrv);
}

static int accept_vector(struct vmi_lapic *l, uint8_t vector, bool level);

/* Log an error; the first since ESR was written interrupts (11.5.3). */
static void error(struct vmi_lapic *l, uint32_t bit)
{
	uint32_t lvt = l->s.lvt[VMI_LVT_ERROR], before = l->s.esr_pending;

	l->s.esr_pending |= bit;
	if (before || lvt & LVT_MASKED || (lvt & 0xff) < 16)
		return;
	accept_vector(l, (uint8_t)lvt, false);
}

static int accept_vector(struct vmi_lapic *l, uint8_t vector, bool level)
{
	bool had;

	if (vector < 16) {
		error(l, ESR_RECEIVED_ILLEGAL);
		return -1;
	}
	had = test(l->s.irr, vector);
	assign(l->s.irr, vector, true);
	assign(l->s.tmr, vector, level);
	tell(l, VMI_LAPIC_INTR, vector);
	return had ? 0 : 1;
}

int vmi_lapic_deliver(struct vmi_lapic *l, const struct vmi_msi_msg *msg)
{
	if (!vmi_lapic_enabled(l))
		return -1;
	switch (msg->delivery) {
	case VMI_DELIVER_FIXED:
	case VMI_DELIVER_LOWEST:
		if (!vmi_lapic_sw_enabled(l))
			return -1;
		return accept_vector(l, msg->vector, msg->trig_level);
	case VMI_DELIVER_SMI: tell(l, VMI_LAPIC_SMI, 0); return 1;
	case VMI_DELIVER_NMI: tell(l, VMI_LAPIC_NMI, 0); return 1;
	case VMI_DELIVER_INIT:
		/* A level de-assert sets arbitration ids and no more. */
		if (!msg->trig_level || msg->level)
			tell(l, VMI_LAPIC_INIT, 0);
		return 1;
	case VMI_DELIVER_SIPI: tell(l, VMI_LAPIC_SIPI, msg->vector); return 1;
	case VMI_DELIVER_EXTINT:
		l->s.extint = 1;
		tell(l, VMI_LAPIC_EXTINT, 0);
		return 1;
	}
	return -1;
}

static unsigned lvt_delivery(uint32_t lvt)
{
	return lvt >> 8 & 7;
}

/* LINT1 and every source that is not a fixed LINT0 are edges (11.5.1). */
static bool lvt_level(enum vmi_lvt n, uint32_t lvt)
{
	return n == VMI_LVT_LINT0 && lvt & LVT_LEVEL &&
	       lvt_delivery(lvt) == VMI_DELIVER_FIXED;
}

int vmi_lapic_local(struct vmi_lapic *l, enum vmi_lvt source)
{
	struct vmi_msi_msg msg = { .level = true };
	uint32_t lvt = l->s.lvt[source];
	int r;

	if (!vmi_lapic_enabled(l) || lvt & LVT_MASKED)
		return -1;
	if (lvt_level(source, lvt) && lvt & LVT_REMOTE)
		return 0;
	msg.vector = (uint8_t)lvt;
	msg.delivery = (uint8_t)lvt_delivery(lvt);
	msg.trig_level = lvt_level(source, lvt);
	if (source == VMI_LVT_PMC) /* 11.5.1: the mask is set by delivery */
		l->s.lvt[source] |= LVT_MASKED;
	r = vmi_lapic_deliver(l, &msg);
	if (r >= 0 && msg.trig_level)
		l->s.lvt[source] |= LVT_REMOTE;
	return r;
}

static bool extint_pin(const struct vmi_lapic *l)
{
	uint32_t lvt = l->s.lvt[VMI_LVT_LINT0];

	return !(lvt & LVT_MASKED) && lvt_delivery(lvt) == VMI_DELIVER_EXTINT;
}

/* With the APIC off, the pins are INTR and NMI (11.4.3). */
static int plain_pin(struct vmi_lapic *l, unsigned pin, bool rise)
{
	if (pin == 0)
		tell(l, VMI_LAPIC_EXTINT, 0);
	else if (rise)
		tell(l, VMI_LAPIC_NMI, 0);
	return 1;
}

int vmi_lapic_set_lint(struct vmi_lapic *l, unsigned pin, bool level)
{
	enum vmi_lvt n = pin ? VMI_LVT_LINT1 : VMI_LVT_LINT0;
	bool rise;

	if (pin > 1)
		return -1;
	rise = level && !l->s.lint[pin];
	l->s.lint[pin] = level;
	if (!vmi_lapic_enabled(l))
		return plain_pin(l, pin, rise);
	if (pin == 0 && extint_pin(l)) {
		tell(l, VMI_LAPIC_EXTINT, 0);
		return rise;
	}
	if (l->s.lvt[n] & LVT_MASKED)
		return level ? -1 : 0;
	if (lvt_level(n, l->s.lvt[n]))
		return level ? vmi_lapic_local(l, n) : 0;
	return rise ? vmi_lapic_local(l, n) : 0;
}

bool vmi_lapic_extint(const struct vmi_lapic *l)
{
	if (!vmi_lapic_enabled(l))
		return l->s.lint[0];
	return l->s.extint || (extint_pin(l) && l->s.lint[0]);
}

void vmi_lapic_extint_ack(struct vmi_lapic *l)
{
	l->s.extint = 0;
}

int vmi_lapic_pending(const struct vmi_lapic *l)
{
	int v = top(l->s.irr);

	if (v < 0 || !vmi_lapic_enabled(l))
		return -1;
	return v >> 4 > vmi_lapic_ppr(l) >> 4 ? v : -1;
}

/* Nothing left to give is the spurious interrupt (11.9): no ISR bit. */
uint8_t vmi_lapic_accept(struct vmi_lapic *l)
{
	int v = vmi_lapic_pending(l);

	if (v < 0)
		return (uint8_t)l->s.svr;
	assign(l->s.irr, (unsigned)v, false);
	assign(l->s.isr, (unsigned)v, true);
	return (uint8_t)v;
}

static void lint0_eoi(struct vmi_lapic *l, uint8_t vector)
{
	uint32_t *lvt = &l->s.lvt[VMI_LVT_LINT0];

	if (!(*lvt & LVT_REMOTE) || (uint8_t)*lvt != vector)
		return;
	*lvt &= ~LVT_REMOTE;
	if (l->s.lint[0] && lvt_level(VMI_LVT_LINT0, *lvt))
		vmi_lapic_local(l, VMI_LVT_LINT0);
}

void vmi_lapic_eoi(struct vmi_lapic *l)
{
	int v = top(l->s.isr);

	if (v < 0)
		return;
	assign(l->s.isr, (unsigned)v, false);
	if (test(l->s.tmr, (unsigned)v)) {
		lint0_eoi(l, (uint8_t)v);
		if (!(l->s.svr & SVR_EOI_SUPPRESS) && l->ops->eoi)
			l->ops->eoi(l->opaque, (uint8_t)v);
	}
	if (vmi_lapic_pending(l) >= 0)
		tell(l, VMI_LAPIC_INTR, (uint8_t)vmi_lapic_pending(l));
}

uint8_t vmi_lapic_tpr(const struct vmi_lapic *l)
{
	return (uint8_t)l->s.tpr;
}

void vmi_lapic_set_tpr(struct vmi_lapic *l, uint8_t tpr)
{
	l->s.tpr = tpr;
	if (vmi_lapic_pending(l) >= 0)
		tell(l, VMI_LAPIC_INTR, (uint8_t)vmi_lapic_pending(l));
}

/* Entering or leaving the TSC-deadline mode disarms (11.5.4.1). */
static void write_lvt(struct vmi_lapic *l, enum vmi_lvt n, uint32_t value)
{
	uint32_t old = l->s.lvt[n];

	value &= vmi_lapic_lvt_bits(l, n);
	if (!(l->s.svr & SVR_ENABLED))
		value |= LVT_MASKED;
	if (lvt_level(n, value))
		value |= old & LVT_REMOTE;
	if (n == VMI_LVT_TIMER &&
		vmi_lapic_tsc_mode(old) != vmi_lapic_tsc_mode(value)) {
		l->s.armed = 0;
		l->s.tsc_deadline = 0;
	}
	l->s.lvt[n] = value;
	if (n == VMI_LVT_LINT0 && l->s.lint[0])
		vmi_lapic_set_lint(l, 0, true); /* a level is seen late */
}

void vmi_lapic_allow_tsc_mode(struct vmi_lapic *l, bool allowed)
{
	l->config.tsc_deadline = allowed;
	write_lvt(l, VMI_LVT_TIMER, l->s.lvt[VMI_LVT_TIMER]);
}

/* Clearing bit 8 masks every LVT entry (11.4.7.2). */
static void write_svr(struct vmi_lapic *l, uint32_t value)
{
	unsigned i;

	l->s.svr = value & SVR_WRITABLE;
	if (value & SVR_ENABLED)
		return;
	for (i = 0; i < VMI_LVT_COUNT; i++)
		l->s.lvt[i] |= LVT_MASKED;
}

static bool ipi_legal(unsigned delivery, enum vmi_shorthand to)
{
	switch (delivery) {
	case VMI_DELIVER_FIXED: return true;
	case VMI_DELIVER_LOWEST:
	case VMI_DELIVER_SMI:
	case VMI_DELIVER_NMI:
	case VMI_DELIVER_INIT:
	case VMI_DELIVER_SIPI: /* table 11-3: not to self */
		return to == VMI_SHORTHAND_NONE || to == VMI_SHORTHAND_OTHERS;
	}
	return false;
}

/* Issue the IPI in ICR (11.6.1). It is gone at once: status reads idle. */
static void send_ipi(struct vmi_lapic *l)
{
	uint64_t icr = l->s.icr;
	enum vmi_shorthand to = (enum vmi_shorthand)(icr >> 18 & 3);
	bool wide = vmi_lapic_x2apic(l);
	struct vmi_msi_msg msg = {
		.dest = (uint32_t)(icr >> (wide ? 32 : 56)),
		.vector = (uint8_t)icr,
		.delivery = icr >> 8 & 7,
		.logical = icr >> 11 & 1,
		.wide = wide,
		.level = true,
	};

	if (!ipi_legal(msg.delivery, to))
		return;
	if (msg.delivery == VMI_DELIVER_INIT && icr & LVT_LEVEL &&
		!(icr & 1 << 14))
		return; /* INIT level de-assert */
	if (msg.delivery <= VMI_DELIVER_LOWEST && msg.vector < 16)
		error(l, ESR_SEND_ILLEGAL);
	else if (to == VMI_SHORTHAND_SELF)
		vmi_lapic_deliver(l, &msg);
	else if (l->ops->send)
		l->ops->send(l->opaque, l, &msg, to);
}

static void write_tmict(struct vmi_lapic *l, uint32_t value, uint64_t now)
{
	if (vmi_lapic_tsc_mode(l->s.lvt[VMI_LVT_TIMER]))
		return; /* "writes to the initial-count register are ignored" */
	l->s.tmict = value;
	vmi_lapic_timer_start(l, value, now);
}

static uint32_t read_reg(struct vmi_lapic *l, unsigned reg, uint64_t now)
{
	if (reg >= REG_ISR && reg < REG_TMR)
		return l->s.isr[reg - REG_ISR];
	if (reg >= REG_TMR && reg < REG_IRR)
		return l->s.tmr[reg - REG_TMR];
	if (reg >= REG_IRR && reg < REG_ESR)
		return l->s.irr[reg - REG_IRR];
	if (reg >= REG_LVT_TIMER && reg <= REG_LVT_ERROR)
		return l->s.lvt[reg - REG_LVT_TIMER + VMI_LVT_TIMER];
	switch (reg) {
	case REG_ID:
		return vmi_lapic_x2apic(l) ? l->config.apic_id
					   : l->s.xapic_id << 24;
	case REG_VERSION: return VMI_LAPIC_VERSION;
	case REG_TPR: return l->s.tpr;
	case REG_APR: return vmi_lapic_apr(l);
	case REG_PPR: return vmi_lapic_ppr(l);
	case REG_LDR: return vmi_lapic_ldr(l);
	case REG_DFR: return l->s.dfr;
	case REG_SVR: return l->s.svr;
	case REG_ESR: return l->s.esr;
	case REG_CMCI: return l->s.lvt[VMI_LVT_CMCI];
	case REG_ICR: return (uint32_t)l->s.icr;
	case REG_ICR2: return (uint32_t)(l->s.icr >> 32);
	case REG_TMICT: return l->s.tmict;
	case REG_TMCCT: return vmi_lapic_timer_left(l, now);
	case REG_TDCR: return l->s.tdcr;
	}
	return 0;
}

static void write_reg(
	struct vmi_lapic *l, unsigned reg, uint32_t value, uint64_t now)
{
	if (reg >= REG_LVT_TIMER && reg <= REG_LVT_ERROR) {
		write_lvt(l, reg - REG_LVT_TIMER + VMI_LVT_TIMER, value);
		return;
	}
	switch (reg) {
	case REG_ID: l->s.xapic_id = value >> 24; break;
	case REG_TPR: vmi_lapic_set_tpr(l, (uint8_t)value); break;
	case REG_EOI: vmi_lapic_eoi(l); break;
	case REG_LDR: l->s.ldr = value & 0xff000000; break;
	case REG_DFR: l->s.dfr = value | 0x0fffffff; break;
	case REG_SVR: write_svr(l, value); break;
	case REG_ESR: /* a write shows what was logged and rearms */
		l->s.esr = l->s.esr_pending;
		l->s.esr_pending = 0;
		break;
	case REG_CMCI: write_lvt(l, VMI_LVT_CMCI, value); break;
	case REG_ICR:
		l->s.icr = (l->s.icr & ~UINT64_C(0xffffffff)) |
			   (value & ICR_WRITABLE);
		send_ipi(l);
		break;
	case REG_ICR2:
		l->s.icr = (l->s.icr & 0xffffffff) |
			   (uint64_t)(value & 0xff000000) << 32;
		break;
	case REG_TMICT: write_tmict(l, value, now); break;
	case REG_TDCR:
		l->s.tdcr = value & 0xb;
		vmi_lapic_timer_rate(l, now);
		break;
	}
}

static bool decodes_mmio(const struct vmi_lapic *l)
{
	return vmi_lapic_enabled(l) && !vmi_lapic_x2apic(l);
}

/* Registers are 32 bits at 16-byte steps (11.4.1); parts of one may be read. */
uint32_t vmi_lapic_read(
	struct vmi_lapic *l, uint32_t offset, unsigned size, uint64_t now)
{
	unsigned reg = offset >> 4 & 0xff;

	if (!decodes_mmio(l))
		return UINT32_MAX;
	vmi_lapic_update(l, now);
	if (reg >= REG_COUNT || !(access_of(reg) & XR)) {
		error(l, ESR_ILLEGAL_REGISTER);
		return 0;
	}
	if ((offset & 15) >= 4)
		return 0;
	return (uint32_t)vmi_bytes_get(read_reg(l, reg, now), offset & 3, size);
}

void vmi_lapic_write(struct vmi_lapic *l, uint32_t offset, unsigned size,
	uint32_t value, uint64_t now)
{
	unsigned reg = offset >> 4 & 0xff;

	if (!decodes_mmio(l))
		return;
	vmi_lapic_update(l, now);
	if (reg >= REG_COUNT || !(access_of(reg) & XW))
		error(l, ESR_ILLEGAL_REGISTER);
	else if (!(offset & 15) && size >= 4)
		write_reg(l, reg, value, now);
}

static void clear_registers(struct vmi_lapic *l)
{
	struct vmi_lapic_state *s = &l->s, old = l->s;
	unsigned i;

	memset(s, 0, sizeof(*s));
	s->size = sizeof(*s);
	s->xapic_id = old.xapic_id;
	s->base_msr = old.base_msr;
	s->lint[0] = old.lint[0];
	s->lint[1] = old.lint[1];
	s->dfr = UINT32_MAX;
	s->svr = 0xff;
	for (i = 0; i < VMI_LVT_COUNT; i++)
		s->lvt[i] = LVT_MASKED;
	vmi_counter_init(&s->timer, 1, 1, 64);
	vmi_lapic_timer_rate(l, 0);
}

/* The state of 11.4.7.1: the ID is the hardware's again. */
static void power_up(struct vmi_lapic *l)
{
	clear_registers(l);
	l->s.xapic_id = l->config.apic_id & 0xff;
}

static bool base_valid(const struct vmi_lapic *l, uint64_t value)
{
	uint64_t addr = (UINT64_C(1) << l->config.phys_bits) - 0x1000;
	uint64_t allowed = addr | VMI_APIC_BASE_BSP | VMI_APIC_BASE_EN;

	if (l->config.x2apic)
		allowed |= VMI_APIC_BASE_X2;
	if (value & ~allowed)
		return false;
	return !(value & VMI_APIC_BASE_X2) || value & VMI_APIC_BASE_EN;
}

/* The transitions of figure 11-27 (11.12.5). */
static int write_base(struct vmi_lapic *l, uint64_t value)
{
	bool was_x2 = vmi_lapic_x2apic(l), x2 = value & VMI_APIC_BASE_X2;
	bool was_on = vmi_lapic_enabled(l), on = value & VMI_APIC_BASE_EN;

	if (!base_valid(l, value))
		return -EINVAL;
	if ((was_x2 && on && !x2) || (!was_on && x2))
		return -EINVAL;
	l->s.base_msr = value;
	if (was_on && !on)
		power_up(l);
	if (x2 && !was_x2)
		l->s.icr &= 0xffffffff;
	return 0;
}

int vmi_lapic_restore_base(struct vmi_lapic *l, uint64_t value)
{
	if (!base_valid(l, value))
		return -EINVAL;
	l->s.base_msr = value;
	if (!vmi_lapic_x2apic(l)) /* ICR bits 55:32 are reserved again */
		l->s.icr &= UINT64_C(0xff000000ffffffff);
	return 0;
}

int vmi_lapic_rdmsr(
	struct vmi_lapic *l, uint32_t msr, uint64_t now, uint64_t *value)
{
	unsigned reg = msr - VMI_MSR_X2APIC;

	vmi_lapic_update(l, now);
	switch (msr) {
	case VMI_MSR_APIC_BASE: *value = l->s.base_msr; return 0;
	case VMI_MSR_TSC_DEADLINE: *value = l->s.tsc_deadline; return 0;
	}
	if (reg > 0xff)
		return -ENOENT;
	if (!vmi_lapic_x2apic(l) || reg >= REG_COUNT || !(access_of(reg) & MR))
		return -EINVAL;
	*value = reg == REG_ICR ? l->s.icr : read_reg(l, reg, now);
	return 0;
}

/* Other modes ignore it; 0 disarms; one that has passed fires at once. */
static void write_tsc_deadline(
	struct vmi_lapic *l, uint64_t value, uint64_t now)
{
	if (!vmi_lapic_tsc_mode(l->s.lvt[VMI_LVT_TIMER]))
		return;
	l->s.tsc_deadline = value;
	vmi_lapic_update(l, now);
}

/* What WRMSR may set; the rest is #GP. */
static uint32_t msr_bits(const struct vmi_lapic *l, unsigned reg)
{
	uint32_t bits = regs[reg].msr_bits;

	return reg == REG_LVT_TIMER && !l->config.tsc_deadline
		       ? bits & ~LVT_TSC_MODE
		       : bits;
}

int vmi_lapic_wrmsr(
	struct vmi_lapic *l, uint32_t msr, uint64_t value, uint64_t now)
{
	unsigned reg = msr - VMI_MSR_X2APIC;
	struct vmi_msi_msg self = { .vector = (uint8_t)value, .level = true };

	vmi_lapic_update(l, now);
	switch (msr) {
	case VMI_MSR_APIC_BASE: return write_base(l, value);
	case VMI_MSR_TSC_DEADLINE: write_tsc_deadline(l, value, now); return 0;
	}
	if (reg > 0xff)
		return -ENOENT;
	if (!vmi_lapic_x2apic(l) || reg >= REG_COUNT || !(access_of(reg) & MW))
		return -EINVAL;
	if ((uint32_t)value & ~msr_bits(l, reg) ||
		(reg != REG_ICR && value >> 32))
		return -EINVAL;
	if (reg == REG_ICR) {
		l->s.icr = value;
		send_ipi(l);
	} else if (reg != REG_SELF_IPI) {
		write_reg(l, reg, (uint32_t)value, now);
	} else if (self.vector < 16) {
		error(l, ESR_SEND_ILLEGAL);
	} else {
		vmi_lapic_deliver(l, &self);
	}
	return 0;
}

void vmi_lapic_init_ipi(struct vmi_lapic *l)
{
	clear_registers(l);
}

void vmi_lapic_reset(struct vmi_lapic *l)
{
	power_up(l);
	l->s.base_msr = VMI_APIC_BASE_ADDR | VMI_APIC_BASE_EN |
			(l->config.bsp ? VMI_APIC_BASE_BSP : 0);
}

void vmi_lapic_init(struct vmi_lapic *l, const struct vmi_lapic_config *config,
	const struct vmi_lapic_ops *ops, void *opaque)
{
	memset(l, 0, sizeof(*l));
	l->config = *config;
	l->ops = ops;
	l->opaque = opaque;
	vmi_lapic_reset(l);
}
