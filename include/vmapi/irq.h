/* SPDX-License-Identifier: MIT */
/* Interrupt lines and message-signalled interrupts, with what became of them. */
#ifndef VMAPI_IRQ_H
#define VMAPI_IRQ_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi_vm;
struct vmapi_vcpu;
struct vmapi_device;
struct vmapi_irq; /* one input pin of an interrupt controller */

/*
 * What became of an interrupt: -1 masked or ignored, 0 coalesced with one
 * that was pending, n > 0 delivered to n processors.
 */
#define VMAPI_IRQ_MASKED    (-1)
#define VMAPI_IRQ_COALESCED 0

struct vmapi_irq_config {
	uint32_t size;
	uint32_t pin;		     /* of the device; GSI without one */
	struct vmapi_device *device; /* NULL: the VM's own controllers */
	struct vmapi_vcpu *vcpu;     /* a line of this vcpu alone, or NULL */
};

/*
 * A handle on a line.  Lines of the VM's own controllers are numbered by
 * GSI: on a PC 0-15 are the PIC's inputs and the IOAPIC's of the same number
 * (GSI 0 is pin 2 there), 16-23 the IOAPIC's alone; vmapi_routes_set() can
 * lead them, and higher ones, elsewhere.
 *
 * `device` is an interrupt controller of the kernel; its inputs are numbered
 * as it numbers them: SPIs of a GIC from 32, sources of a XICS, XIVE, MPIC
 * or AIA from 0.  `vcpu` has lines of its own on arm64, 16 to 31 the private
 * interrupts (PPIs) of a GIC, 0 and 1 IRQ and FIQ without one; on ppc and
 * riscv, 0 the external interrupt.  At most one of the two is not NULL.
 *
 *   -ENXIO   the VM has no interrupt controllers, the vcpu no lines; or the
 *            device is no interrupt controller
 *   -ERANGE  no such pin; a GSI is below VMAPI_CAP_GSIS
 *   -ENOMEM
 *
 * Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_irq_create(struct vmapi_vm *vm,
	const struct vmapi_irq_config *config, struct vmapi_irq **irq);
VMAPI_API void vmapi_irq_destroy(struct vmapi_irq *irq);

/*
 * Set the level of a line.  An edge-triggered input fires when it goes from
 * 0 to 1.  Handles of one line share its level.  *delivery, which may be
 * NULL, is as above (0 when the level goes to 0).  -EINVAL: a level that is
 * neither 0 nor 1; -ENODEV: it is a line of
 * a vcpu that is destroyed.  Any thread.  Does not block.  Since 0.1.
 */
VMAPI_API int vmapi_irq_set(struct vmapi_irq *irq, int level, int *delivery);

#define VMAPI_MSI_DEVID (1u << 0) /* device_id is valid */

struct vmapi_msi {
	uint32_t size;
	uint32_t flags; /* VMAPI_MSI_ */
	uint64_t address;
	uint32_t data;
	uint32_t device_id;
};

/*
 * Send a message-signalled interrupt.  -ENXIO: the VM has nothing that takes
 * one; -EINVAL: address and data mean nothing to it.  Any thread.  Does not
 * block.  Since 0.1.
 */
VMAPI_API int vmapi_msi_send(struct vmapi_vm *vm, const struct vmapi_msi *msi,
	int *delivery);

/* -- Routes ------------------------------------------------------------- */

/* Where an interrupt number leads. */
enum vmapi_route_type {
	VMAPI_ROUTE_PIN = 1,	 /* to an input of one of the VM's chips */
	VMAPI_ROUTE_MSI = 2,	 /* to a message */
	VMAPI_ROUTE_ADAPTER = 3, /* s390: to an adapter's indicators */
	VMAPI_ROUTE_HV_SINT = 4, /* x86: to a Hyper-V synthetic interrupt */
	VMAPI_ROUTE_XEN = 5	 /* x86: to a Xen event channel */
};

/* Chips of a PC, for VMAPI_ROUTE_PIN. */
enum vmapi_x86_chip {
	VMAPI_X86_PIC_MASTER = 0, /* pins 0 to 7 */
	VMAPI_X86_PIC_SLAVE = 1,  /* pins 0 to 7: IRQ 8 to 15 */
	VMAPI_X86_IOAPIC = 2	  /* pins 0 to 23 */
};

struct vmapi_route_pin {
	uint32_t chip;
	uint32_t pin;
};

struct vmapi_route_msi {
	uint64_t address;
	uint32_t data;
	uint32_t device_id; /* with VMAPI_MSI_DEVID */
};

struct vmapi_route_adapter {
	uint64_t indicator;	   /* host address of the indicators */
	uint64_t summary;	   /* host address of the summary */
	uint64_t indicator_offset; /* bit numbers, as the kernel has them */
	uint32_t summary_offset;
	uint32_t adapter;	   /* id of an adapter registered at the FLIC */
};

struct vmapi_route_hv {
	uint32_t vcpu;
	uint32_t sint;
};

struct vmapi_route_xen {
	uint32_t port;
	uint32_t vcpu;
	uint32_t priority;
};

union vmapi_route_target {
	struct vmapi_route_pin pin;
	struct vmapi_route_msi msi;
	struct vmapi_route_adapter adapter;
	struct vmapi_route_hv hv;
	struct vmapi_route_xen xen;
	uint8_t reserved[48];
};

struct vmapi_route {
	uint32_t size;
	uint32_t gsi;
	uint32_t type;	/* enum vmapi_route_type */
	uint32_t flags; /* of an MSI: VMAPI_MSI_DEVID */
	union vmapi_route_target u;
};

/*
 * Replace the VM's routes: the whole table at once, or nothing.  A GSI may
 * lead to pins of several chips, or to one target of another type; one that
 * leads nowhere is masked.  Each element is a struct of routes[0].size
 * bytes.  n 0: nothing leads anywhere.
 *
 *   -ENXIO    the VM has no interrupt controllers, or no chips with pins
 *   -ERANGE   a gsi is VMAPI_CAP_GSIS or more
 *   -EINVAL   a type, flag, chip or pin that there is not; a GSI that leads
 *             twice to a chip, or to pins and elsewhere
 *   -ENOTSUP  a type that the backend has not
 *   -E2BIG    more routes than the kernel takes
 *   -ENOMEM
 *
 * The message names the element.  A VM with VMAPI_IRQCHIP_FULL begins with
 * the routes of a PC: see vmapi_irq_create().  Change the route of a line
 * while it is low.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_routes_set(struct vmapi_vm *vm,
	const struct vmapi_route *routes, size_t n);

/*
 * The routes in order of GSI: at most n are written (routes[0].size bytes
 * apart), *count is how many there are.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_routes_get(struct vmapi_vm *vm,
	struct vmapi_route *routes, size_t n, size_t *count);

VMAPI_DECLS_END

#endif
