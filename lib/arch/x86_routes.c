/* SPDX-License-Identifier: MIT */
/* The interrupt routes that a PC begins with. */
#include "lib/arch/x86_routes.h"

#include <string.h>

unsigned vmi_x86_chip_pins(unsigned chip)
{
	switch (chip) {
	case VMAPI_X86_PIC_MASTER:
	case VMAPI_X86_PIC_SLAVE: return 8;
	case VMAPI_X86_IOAPIC: return VMI_X86_PINS;
	default: return 0;
	}
}

static struct vmapi_route to_pin(unsigned gsi, unsigned chip, unsigned pin)
{
	struct vmapi_route r;

	memset(&r, 0, sizeof(r));
	r.size = sizeof(r);
	r.gsi = gsi;
	r.type = VMAPI_ROUTE_PIN;
	r.u.pin.chip = chip;
	r.u.pin.pin = pin;
	return r;
}

/*
 * GSI 0 is the timer, which is pin 2 of an IOAPIC (ACPI 6.5 5.2.12.5 calls
 * this an interrupt source override) and input 0 of the PIC; the PIC's input
 * 2 is its cascade.
 */
void vmi_x86_pc_routes(struct vmapi_route routes[VMI_X86_PC_ROUTES])
{
	unsigned gsi, n = 0;

	for (gsi = 0; gsi < VMI_X86_PINS; gsi++) {
		if (gsi == 2)
			continue;
		if (gsi < 16)
			routes[n++] = to_pin(gsi,
				gsi < 8 ? VMAPI_X86_PIC_MASTER
					: VMAPI_X86_PIC_SLAVE,
				gsi % 8);
		routes[n++] = to_pin(gsi, VMAPI_X86_IOAPIC, gsi ? gsi : 2);
	}
}
