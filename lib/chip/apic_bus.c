/* SPDX-License-Identifier: MIT */
/* Who takes an interrupt message: destinations and arbitration (SDM 11.6.2). */
#include "lib/chip/lapic.h"

#define BROADCAST8  0xffu
#define BROADCAST32 UINT32_MAX

/*
 * An 8-bit 0xff from an IOAPIC, an MSI or an xAPIC's ICR is a broadcast for
 * x2APICs too; a 32-bit destination has its own (11.12.9).
 */
static bool broadcast(const struct vmi_msi_msg *msg)
{
	return msg->dest == (msg->wide ? BROADCAST32 : BROADCAST8);
}

/* Flat: bit by bit. Cluster: cluster 7:4 (15 is all), then bits 3:0. */
static bool logical_xapic(const struct vmi_lapic *l, uint32_t dest)
{
	uint32_t id = l->s.ldr >> 24;

	if (dest > 0xff)
		return false;
	switch (l->s.dfr >> 28) {
	case 0xf: return id & dest;
	case 0x0:
		return (dest >> 4 == 15 || dest >> 4 == id >> 4) &&
		       dest & id & 15;
	}
	return false;
}

static bool logical_x2apic(const struct vmi_lapic *l, uint32_t dest)
{
	uint32_t id = vmi_lapic_ldr(l);

	return dest >> 16 == id >> 16 && dest & id & 0xffff;
}

bool vmi_lapic_addressed(
	const struct vmi_lapic *l, const struct vmi_msi_msg *msg)
{
	bool x2 = vmi_lapic_x2apic(l);

	if (!vmi_lapic_enabled(l))
		return false;
	if (msg->logical && !x2)
		return (msg->wide && broadcast(msg)) ||
		       logical_xapic(l, msg->dest);
	if (broadcast(msg))
		return true;
	if (msg->logical)
		return logical_x2apic(l, msg->dest);
	return msg->dest == (x2 ? l->config.apic_id : l->s.xapic_id);
}

static bool takes(const struct vmi_lapic *l, const struct vmi_msi_msg *msg,
	const struct vmi_lapic *but, bool everybody)
{
	return l != but &&
	       (everybody ? vmi_lapic_enabled(l) : vmi_lapic_addressed(l, msg));
}

/* The lowest arbitration priority wins; equals take turns (11.6.2.4). */
static int deliver_lowest(struct vmi_apic_bus *bus,
	const struct vmi_msi_msg *msg, const struct vmi_lapic *but,
	bool everybody)
{
	struct vmi_lapic *best = NULL;
	unsigned i, at = 0;

	for (i = 0; i < bus->n; i++) {
		unsigned n = (bus->next % bus->n + i) % bus->n;
		struct vmi_lapic *l = bus->lapics[n];

		if (!takes(l, msg, but, everybody) || !vmi_lapic_sw_enabled(l))
			continue;
		if (best && vmi_lapic_apr(l) >= vmi_lapic_apr(best))
			continue;
		best = l;
		at = n;
	}
	if (!best)
		return -1;
	bus->next = (at + 1) % bus->n;
	return vmi_lapic_deliver(best, msg);
}

static int deliver(struct vmi_apic_bus *bus, const struct vmi_msi_msg *msg,
	const struct vmi_lapic *but, bool everybody)
{
	int total = -1, r;
	unsigned i;

	if (msg->delivery == VMI_DELIVER_LOWEST)
		return deliver_lowest(bus, msg, but, everybody);
	for (i = 0; i < bus->n; i++) {
		if (!takes(bus->lapics[i], msg, but, everybody))
			continue;
		r = vmi_lapic_deliver(bus->lapics[i], msg);
		if (r >= 0)
			total = (total < 0 ? 0 : total) + r;
	}
	return total;
}

int vmi_apic_bus_deliver(
	struct vmi_apic_bus *bus, const struct vmi_msi_msg *msg)
{
	return deliver(bus, msg, NULL, false);
}

int vmi_apic_bus_ipi(struct vmi_apic_bus *bus, struct vmi_lapic *from,
	const struct vmi_msi_msg *msg, enum vmi_shorthand to)
{
	switch (to) {
	case VMI_SHORTHAND_NONE: return deliver(bus, msg, NULL, false);
	case VMI_SHORTHAND_SELF: return vmi_lapic_deliver(from, msg);
	case VMI_SHORTHAND_ALL: return deliver(bus, msg, NULL, true);
	case VMI_SHORTHAND_OTHERS: return deliver(bus, msg, from, true);
	}
	return -1;
}
