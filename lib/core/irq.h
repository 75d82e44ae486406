/* SPDX-License-Identifier: MIT */
/* Interrupt lines as the library's chips drive them. */
#ifndef VMI_CORE_IRQ_H
#define VMI_CORE_IRQ_H

#include "lib/core/core.h"

struct vmapi_irq {
	struct vmapi_vm *vm;
	struct vmapi_irq *next; /* of vm->irqs, under the chipset's lock */
	atomic_uint refs;
	unsigned pin; /* GSI, or of the vcpu */
	struct vmapi_vcpu *vcpu; /* NULL: a GSI */
	bool level;
};

/* An eventfd that drives a line: by the kernel, or by vmi_irqfds_service(). */
struct vmapi_irqfd {
	struct vmapi_irqfd *next; /* of vm->irqfds, under the chipset's lock */
	struct vmapi_irq *irq;	  /* referenced: which line */
	struct vmapi_irq line;	  /* its own hand on it */
	int fd, resample_fd;	  /* duplicates; -1: none */
};

void vmi_irq_get(struct vmapi_irq *irq);
void vmi_irq_put(struct vmapi_irq *irq);

/* All with the chipset locked.  Unlinking lets go of the line. */
void vmi_irq_link(struct vmapi_irq *irq);
void vmi_irq_unlink(struct vmapi_irq *irq);
int vmi_irq_drive(struct vmapi_irq *irq, bool level, int *delivery);
/* Pass on what the eventfds brought. */
void vmi_irqfds_service(struct vmapi_vm *vm);
/* The guest ended an interrupt of a chip's pin: resample what leads there. */
void vmi_irq_ended(struct vmapi_vm *vm, unsigned chip, unsigned pin);

#endif
