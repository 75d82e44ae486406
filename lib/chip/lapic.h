/* SPDX-License-Identifier: MIT */
/* The local APIC, xAPIC and x2APIC, and the bus between several. */
#ifndef VMI_CHIP_LAPIC_H
#define VMI_CHIP_LAPIC_H

#include "lib/arch/x86_regs.h"
#include "lib/chip/chip.h"
#include "lib/chip/counter.h"

#define VMI_LAPIC_PAGE	     1024 /* KVM_GET_LAPIC: by register address */
#define VMI_LAPIC_VERSION    0x01060014u
#define VMI_MSR_APIC_BASE    0x01b
#define VMI_MSR_X2APIC	     0x800 /* to 0x8ff */
#define VMI_APIC_BASE_BSP    (UINT64_C(1) << 8)
#define VMI_APIC_BASE_X2     (UINT64_C(1) << 10)
#define VMI_APIC_BASE_EN     (UINT64_C(1) << 11)
#define VMI_APIC_BASE_ADDR   UINT64_C(0xfee00000)

enum vmi_lapic_event {
	VMI_LAPIC_INTR, /* IRR got a vector: look at vmi_lapic_pending() */
	VMI_LAPIC_NMI,
	VMI_LAPIC_SMI,
	VMI_LAPIC_INIT,	  /* the owner resets the vcpu, vmi_lapic_init_ipi() */
	VMI_LAPIC_SIPI,	  /* with its vector */
	VMI_LAPIC_EXTINT, /* look at vmi_lapic_extint() */
};

/* Local interrupt sources, in the order of their registers. */
enum vmi_lvt {
	VMI_LVT_CMCI,
	VMI_LVT_TIMER,
	VMI_LVT_THERMAL,
	VMI_LVT_PMC,
	VMI_LVT_LINT0,
	VMI_LVT_LINT1,
	VMI_LVT_ERROR,
	VMI_LVT_COUNT
};

enum vmi_shorthand {
	VMI_SHORTHAND_NONE,
	VMI_SHORTHAND_SELF,
	VMI_SHORTHAND_ALL,
	VMI_SHORTHAND_OTHERS
};

struct vmi_lapic;

/* What the chip asks of its owner; any may be NULL. */
struct vmi_lapic_ops {
	/* Something for the processor. Called with the chip consistent. */
	void (*event)(void *opaque, enum vmi_lapic_event event, uint8_t vector);
	/* Broadcast the EOI of a level-triggered vector to the IOAPICs. */
	void (*eoi)(void *opaque, uint8_t vector);
	/* An IPI, vmi_apic_bus_ipi() fits; never with SHORTHAND_SELF. */
	int (*send)(void *opaque, struct vmi_lapic *from,
		const struct vmi_msi_msg *msg, enum vmi_shorthand to);
	/* Guest-clock time at which the TSC reaches `tsc`, rounded up. */
	uint64_t (*tsc_time)(void *opaque, uint64_t tsc);
};

struct vmi_lapic_config {
	uint64_t bus_hz;   /* timer input clock, not 0 */
	uint32_t apic_id;  /* x2APIC id; its low byte is the xAPIC's */
	uint8_t phys_bits; /* MAXPHYADDR, 36 to 52 */
	bool bsp;
	bool x2apic;	   /* CPUID says so */
	bool tsc_deadline; /* so is this, vmi_lapic_allow_tsc_mode() */
};

struct vmi_lapic_state {
	uint32_t size;
	uint32_t xapic_id;
	uint64_t base_msr;
	uint64_t icr;
	uint64_t tsc_deadline; /* 0: disarmed */
	uint64_t due;	       /* timer count at which it fires */
	struct vmi_counter timer;
	uint32_t isr[8];
	uint32_t tmr[8];
	uint32_t irr[8];
	uint32_t lvt[VMI_LVT_COUNT];
	uint32_t tpr;
	uint32_t ldr;
	uint32_t dfr;
	uint32_t svr;
	uint32_t esr;	      /* what a read gives */
	uint32_t esr_pending; /* logged since the last write */
	uint32_t tmict;
	uint32_t tdcr;
	uint8_t armed;
	uint8_t lint[2]; /* pin levels */
	uint8_t extint;	 /* an ExtINT message waits for its INTA */
};

struct vmi_lapic {
	struct vmi_lapic_state s;
	struct vmi_lapic_config config;
	const struct vmi_lapic_ops *ops;
	void *opaque;
};

void vmi_lapic_init(struct vmi_lapic *l, const struct vmi_lapic_config *config,
	const struct vmi_lapic_ops *ops, void *opaque);
void vmi_lapic_reset(struct vmi_lapic *l);    /* power-up, RESET */
void vmi_lapic_init_ipi(struct vmi_lapic *l); /* INIT: keeps id and base */

/*
 * CPUID.01H:ECX[24] has changed: without it bit 18 of the timer's entry is
 * reserved (SDM 3A 11.5.4.1), and is cleared where it was set.
 */
void vmi_lapic_allow_tsc_mode(struct vmi_lapic *l, bool allowed);

/* MMIO, `offset` in the page; only the xAPIC mode decodes it. */
uint32_t vmi_lapic_read(
	struct vmi_lapic *l, uint32_t offset, unsigned size, uint64_t now);
void vmi_lapic_write(struct vmi_lapic *l, uint32_t offset, unsigned size,
	uint32_t value, uint64_t now);

/*
 * The MSRs: APIC base, TSC deadline, 0x800 to 0x8ff. -EINVAL where the
 * processor raises #GP(0); -ENOENT for an MSR that is none of these.
 */
int vmi_lapic_rdmsr(
	struct vmi_lapic *l, uint32_t msr, uint64_t now, uint64_t *value);
int vmi_lapic_wrmsr(
	struct vmi_lapic *l, uint32_t msr, uint64_t value, uint64_t now);

/* The base MSR as a restore sets it: any valid mode from any other. */
int vmi_lapic_restore_base(struct vmi_lapic *l, uint64_t value);

void vmi_lapic_update(struct vmi_lapic *l, uint64_t now);
uint64_t vmi_lapic_deadline(const struct vmi_lapic *l, uint64_t now);

/* The processor's side. */
int vmi_lapic_pending(const struct vmi_lapic *l); /* a vector, or -1 */
uint8_t vmi_lapic_accept(struct vmi_lapic *l);	  /* spurious if none */
void vmi_lapic_eoi(struct vmi_lapic *l);
bool vmi_lapic_extint(const struct vmi_lapic *l); /* run INTA at the PIC? */
void vmi_lapic_extint_ack(struct vmi_lapic *l);
uint8_t vmi_lapic_ppr(const struct vmi_lapic *l);
uint8_t vmi_lapic_apr(const struct vmi_lapic *l);
uint8_t vmi_lapic_tpr(const struct vmi_lapic *l); /* CR8 is its bits 7:4 */
void vmi_lapic_set_tpr(struct vmi_lapic *l, uint8_t tpr);

/* Inputs; each returns the delivery tri-state of chip.h. */
int vmi_lapic_deliver(struct vmi_lapic *l, const struct vmi_msi_msg *msg);
int vmi_lapic_local(struct vmi_lapic *l, enum vmi_lvt source);
int vmi_lapic_set_lint(struct vmi_lapic *l, unsigned pin, bool level);

bool vmi_lapic_enabled(const struct vmi_lapic *l); /* base MSR bit 11 */
bool vmi_lapic_x2apic(const struct vmi_lapic *l);
bool vmi_lapic_sw_enabled(const struct vmi_lapic *l); /* and SVR bit 8 */
uint32_t vmi_lapic_ldr(const struct vmi_lapic *l);

void vmi_lapic_get_state(
	const struct vmi_lapic *l, struct vmi_lapic_state *state);
int vmi_lapic_set_state(
	struct vmi_lapic *l, const struct vmi_lapic_state *state);

/*
 * The register page of KVM_GET_LAPIC. It has no base MSR (restore that
 * first), no TSC deadline and no pin level; -EINVAL for impossible contents.
 */
void vmi_lapic_kvm_get(
	struct vmi_lapic *l, uint8_t page[VMI_LAPIC_PAGE], uint64_t now);
int vmi_lapic_kvm_set(
	struct vmi_lapic *l, const uint8_t page[VMI_LAPIC_PAGE], uint64_t now);

/* Between lapic.c, lapic_timer.c and lapic_state.c. */
uint32_t vmi_lapic_lvt_bits(const struct vmi_lapic *l, enum vmi_lvt n);
void vmi_lapic_timer_rate(struct vmi_lapic *l, uint64_t now);
void vmi_lapic_timer_start(struct vmi_lapic *l, uint32_t ticks, uint64_t now);
uint32_t vmi_lapic_timer_left(const struct vmi_lapic *l, uint64_t now);
bool vmi_lapic_tsc_mode(uint32_t lvt_timer);

/* Several local APICs; `next` is where the next arbitration starts. */
struct vmi_apic_bus {
	struct vmi_lapic **lapics;
	unsigned n;
	unsigned next;
};

/* Does the message's destination name this APIC? */
bool vmi_lapic_addressed(
	const struct vmi_lapic *l, const struct vmi_msi_msg *msg);
int vmi_apic_bus_deliver(
	struct vmi_apic_bus *bus, const struct vmi_msi_msg *msg);
int vmi_apic_bus_ipi(struct vmi_apic_bus *bus, struct vmi_lapic *from,
	const struct vmi_msi_msg *msg, enum vmi_shorthand to);

#endif
