/* SPDX-License-Identifier: MIT */
/* The interrupt routes that a PC begins with. */
#ifndef VMI_ARCH_X86_ROUTES_H
#define VMI_ARCH_X86_ROUTES_H

#include <vmapi/irq.h>

#define VMI_X86_PINS	  24 /* of the IOAPIC */
#define VMI_X86_PC_ROUTES 38

void vmi_x86_pc_routes(struct vmapi_route routes[VMI_X86_PC_ROUTES]);

/* How many inputs a chip of enum vmapi_x86_chip has; 0: no such chip. */
unsigned vmi_x86_chip_pins(unsigned chip);

#endif
