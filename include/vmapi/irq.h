/* SPDX-License-Identifier: MIT */
/* Interrupt lines and message-signalled interrupts, with what became of them. */
#ifndef VMAPI_IRQ_H
#define VMAPI_IRQ_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi_vm;
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
};

/*
 * A handle on a line.  Lines of the VM's own controllers are numbered by
 * GSI: on a PC 0-15 are the PIC's inputs and the IOAPIC's of the same number
 * (GSI 0 is pin 2 there), 16-23 the IOAPIC's alone.
 *
 *   -ENXIO   the VM has no controller with lines
 *   -ERANGE  no such pin
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
 * NULL, is as above (0 when the level goes to 0).  Any thread.  Does not
 * block.  Since 0.1.
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

VMAPI_DECLS_END

#endif
