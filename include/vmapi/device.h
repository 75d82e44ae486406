/* SPDX-License-Identifier: MIT */
/* Devices of the library that answer guest accesses in place. */
#ifndef VMAPI_DEVICE_H
#define VMAPI_DEVICE_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi_vm;
struct vmapi_vcpu;
struct vmapi_device;
struct vmapi_irq;

enum vmapi_device_type {
	VMAPI_DEVICE_RTC = 1,	 /* MC146818 and 128 bytes of CMOS */
	VMAPI_DEVICE_HPET = 2,	 /* IA-PC HPET 1.0a, three comparators */
	VMAPI_DEVICE_ACPI_PM = 3, /* PM1 event block and PM timer */
	VMAPI_DEVICE_PIT = 4,	 /* 8254 and port 0x61 */
	VMAPI_DEVICE_COUNTER = 5, /* of vmapi_counter_create() */

	/* The kernel's: 16 and its own number; see vmapi_attr(3). */
	VMAPI_DEVICE_MPIC_20 = 17,  /* ppc: Freescale MPIC 2.0 */
	VMAPI_DEVICE_MPIC_42 = 18,  /* ppc: Freescale MPIC 4.2 */
	VMAPI_DEVICE_XICS = 19,	    /* ppc64: PAPR interrupt sources */
	VMAPI_DEVICE_VFIO = 20,	    /* groups and files of VFIO in use */
	VMAPI_DEVICE_VGIC_V2 = 21,  /* arm64 */
	VMAPI_DEVICE_FLIC = 22,	    /* s390: floating interrupts */
	VMAPI_DEVICE_VGIC_V3 = 23,  /* arm64 */
	VMAPI_DEVICE_VGIC_ITS = 24, /* arm64: interrupt translation */
	VMAPI_DEVICE_XIVE = 25,	    /* ppc64: POWER9 native interrupts */
	VMAPI_DEVICE_PV_TIME = 26,  /* arm64: reserved by the kernel */
	VMAPI_DEVICE_AIA = 27	    /* riscv */
};

/*
 * What becomes of a timer's tick that the guest could not take: its edge was
 * coalesced with one that is pending still, or it came due together with
 * others.  Nothing is owed to a guest that masks the line or programs the
 * timer anew.
 */
enum vmapi_alarm_policy {
	VMAPI_ALARM_DISCARD = 0,  /* it is lost: for guests that reckon so */
	VMAPI_ALARM_CATCH_UP = 1, /* given back as soon as the line takes it */
	VMAPI_ALARM_SLEW = 2	  /* one is given back between each two */
};

/*
 * Where each read of the HPET would be an exit of the kernel's, show the guest
 * its registers in a page of 4 KiB, which the HPET then has for itself, while
 * it reads the main counter in a loop.  A thread of the library writes the
 * counter there meanwhile, and uses a processor of the host; else it sleeps.
 * The counter goes on in steps of that thread then.  VMAPI_HPET_READS is how
 * many reads of it came to the library all the same.  No effect on backends
 * whose guests read regions without leaving.
 */
#define VMAPI_DEVICE_MIRROR (1u << 0)

/* The PM timer has 32 bits and not 24 (TMR_VAL_EXT of the FADT). */
#define VMAPI_DEVICE_TIMER32 (1u << 1)

/*
 * Where the device is and what it drives.  `base` 0 is the usual place.
 *
 *   type     base is a   usual       irqs[]
 *   RTC      port        0x70        [0] alarm and periodic (8)
 *   HPET     gpa         0xfed00000  none: it drives GSIs itself
 *   ACPI_PM  port        0x600       [0] SCI (9)
 *   PIT      port        0x40        [0] output 0 (0)
 *
 * One of the kernel's has neither: where it is and what it drives are
 * attributes.
 *
 * The ports of ACPI_PM: +0 PM1_STS, +2 PM1_EN (16 bits each), +8 PM_TMR (32
 * bits).  +4, PM1_CNT, stays with the application.  Port 0x61 of PIT is at
 * +0x21.  It is for VMs without VMAPI_VM_PIT.
 */
struct vmapi_device_config {
	uint32_t size;
	uint32_t type;		  /* enum vmapi_device_type */
	uint32_t flags;		  /* HPET: VMAPI_DEVICE_MIRROR, PM: _TIMER32 */
	uint32_t policy; /* enum vmapi_alarm_policy; of ACPI_PM 0 */
	uint64_t base;
	struct vmapi_irq *irq[4]; /* referenced; NULL: not wired */
};

/*
 * Create a device; it answers its accesses from now on, without an exit.
 *   -EEXIST   its range overlaps another device or RAM; or the VM has an
 *             HPET, or such a device of the kernel, already
 *   -ENOTSUP  not with this backend or irqchip; VMAPI_DEVICE_MIRROR: its
 *             guests have no memory that they may only read
 *   -ENOMEM
 * No vcpu may be running.  Since 0.1.
 */
VMAPI_API int vmapi_device_create(struct vmapi_vm *vm,
	const struct vmapi_device_config *config,
	struct vmapi_device **device);

/*
 * Whether a VM could have a device of this type: 0; -ENODEV: no.  What the
 * mask VMAPI_CAP_DEVICES of the VM says.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_device_probe(struct vmapi_vm *vm, unsigned type);

/* Unmap the device and drop it.  No vcpu may be running.  Since 0.1. */
VMAPI_API void vmapi_device_destroy(struct vmapi_device *device);

/*
 * Connect a vcpu to an interrupt controller of ppc, as the server (MPIC: the
 * processor) of that number: XICS, XIVE and MPIC know only those vcpus that
 * were connected.  Other controllers take every vcpu of the VM by themselves.
 * It cannot be undone, and no other controller can follow.
 *   -ENOTSUP  there is nothing to connect to: another type of device
 *   -EEXIST   the vcpu is connected already, or another one has the number
 *   -EINVAL   they belong to different VMs, or the number is too high
 *   -EBUSY    the vcpu runs, or an exit of it is not answered
 * Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_device_connect(struct vmapi_device *device,
	struct vmapi_vcpu *vcpu, uint32_t server);

/* State of a device, by number. */
enum vmapi_device_state {
	VMAPI_DEVICE_STATE_ALL = 0, /* everything, opaque, for restoring */
	VMAPI_RTC_NVRAM = 1,	    /* 128 bytes; the clock's 14 are ignored */
	VMAPI_RTC_SECONDS = 2,	    /* int64_t: the time, Unix seconds, UTC */
	VMAPI_ACPI_PM_STATUS = 3,   /* uint16_t: PM1_STS bits set */
	VMAPI_DEVICE_ALARM = 4,	    /* struct vmapi_alarm_counts: get */
	VMAPI_HPET_READS = 5	    /* uint64_t: VMAPI_DEVICE_MIRROR; get */
};

/*
 * What became of a timer's ticks: of PIT output 0, of the RTC's periodic
 * interrupt, of a counter's alarm; of an HPET three of them, one for each
 * timer.  A level that the guest has not cleared yet merges, too.
 */
struct vmapi_alarm_counts {
	uint64_t ticks;	    /* that came due */
	uint64_t delivered; /* edges, by what became of them */
	uint64_t coalesced;
	uint64_t masked;
	uint64_t owed; /* ticks that are to be given back */
};

/*
 * Get and set state.  A device of the kernel has VMAPI_DEVICE_STATE_ALL
 * here, which walks its table, for the same device in another VM of equal
 * configuration; single values are attributes.  *bytes is the room on entry of get and the size of the
 * state on return; -ENOSPC sets it as well.  -ENOENT: not of this device.
 * -EPERM: it can only be got.
 * -EINVAL: the contents cannot be a state of it.  -EBUSY: a vcpu runs (the
 * kernel's).  No vcpu running.
 * Since 0.1.
 */
VMAPI_API int vmapi_device_get(struct vmapi_device *device, unsigned state,
	void *data, size_t *bytes);
VMAPI_API int vmapi_device_set(struct vmapi_device *device, unsigned state,
	const void *data, size_t bytes);

/* Commands: they have side effects and are legal while vcpus run. */
enum vmapi_device_command_id {
	VMAPI_ACPI_PM_POWER_BUTTON = 1, /* press it; no argument */
	VMAPI_DEVICE_RESET = 2		/* power-on state; no argument */
};

/* -ENOENT: not of this device.  Any thread.  Since 0.1. */
VMAPI_API int vmapi_device_command(struct vmapi_device *device,
	unsigned command, const void *argument, size_t bytes);

VMAPI_DECLS_END

#endif
