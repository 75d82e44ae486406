/* SPDX-License-Identifier: MIT */
/* The table of interrupt routes, as KVM_SET_GSI_ROUTING takes it. */
/*
 * The kernel replaces the whole table too (api.rst 4.52), so there is nothing
 * to take back when it refuses.  It says EINVAL for whatever it does not
 * like, without the entry; core has checked most of it before.
 */
#include "lib/kvm/arch.h"

struct routing {
	uint32_t nr;
	uint32_t flags;
	struct kvm_irq_routing_entry entries[];
};

_Static_assert(
	offsetof(struct routing, entries) == sizeof(struct kvm_irq_routing),
	"struct kvm_irq_routing is another");

static void encode_msi(
	struct kvm_irq_routing_entry *to, const struct vmapi_route *from)
{
	to->u.msi.address_lo = (uint32_t)from->u.msi.address;
	to->u.msi.address_hi = (uint32_t)(from->u.msi.address >> 32);
	to->u.msi.data = from->u.msi.data;
	if (!(from->flags & VMAPI_MSI_DEVID))
		return;
	to->flags = KVM_MSI_VALID_DEVID;
	to->u.msi.devid = from->u.msi.device_id;
}

static void encode_adapter(
	struct kvm_irq_routing_entry *to, const struct vmapi_route *from)
{
	to->u.adapter.ind_addr = from->u.adapter.indicator;
	to->u.adapter.summary_addr = from->u.adapter.summary;
	to->u.adapter.ind_offset = from->u.adapter.indicator_offset;
	to->u.adapter.summary_offset = from->u.adapter.summary_offset;
	to->u.adapter.adapter_id = from->u.adapter.adapter;
}

static void encode_xen(
	struct kvm_irq_routing_entry *to, const struct vmapi_route *from)
{
	to->u.xen_evtchn.port = from->u.xen.port;
	to->u.xen_evtchn.vcpu = from->u.xen.vcpu;
	to->u.xen_evtchn.priority = from->u.xen.priority;
}

int vmi_kvm_route_encode(
	struct kvm_irq_routing_entry *to, const struct vmapi_route *from)
{
	memset(to, 0, sizeof(*to));
	to->gsi = from->gsi;
	to->type = from->type; /* the same numbers */
	switch (from->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		to->u.irqchip.irqchip = from->u.pin.chip;
		to->u.irqchip.pin = from->u.pin.pin;
		return 0;
	case KVM_IRQ_ROUTING_MSI: encode_msi(to, from); return 0;
	case KVM_IRQ_ROUTING_S390_ADAPTER: encode_adapter(to, from); return 0;
	case KVM_IRQ_ROUTING_HV_SINT:
		to->u.hv_sint.vcpu = from->u.hv.vcpu;
		to->u.hv_sint.sint = from->u.hv.sint;
		return 0;
	case KVM_IRQ_ROUTING_XEN_EVTCHN: encode_xen(to, from); return 0;
	default: return -ENOTSUP;
	}
}

static int encode_all(struct routing *table, const struct vmapi_vm *vm,
	const struct vmapi_route *routes)
{
	uint32_t i;
	int rc;

	for (i = 0; i < table->nr; i++) {
		rc = vmi_kvm_arch_route_check(vm, &routes[i]);
		if (rc == 0)
			rc = vmi_kvm_route_encode(
				&table->entries[i], &routes[i]);
		if (rc < 0)
			return vmi_fail_range(rc, routes[i].gsi, 0,
				"GSI %u: this VM has no such target of a "
				"route", (unsigned)routes[i].gsi);
	}
	return 0;
}

int vmi_kvm_routes_set(
	struct vmapi_vm *core, const struct vmapi_route *routes, size_t n)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	int max = vmi_kvm_vm_check(vm, KVM_CAP_IRQ_ROUTING);
	struct routing *table;
	int rc;

	if (n > (size_t)max)
		return vmi_fail(max ? -E2BIG : -ENOTSUP, "vm",
			"the kernel takes %d routes, not %zu", max, n);
	table = vmi_zalloc(sizeof(*table) + n * sizeof(table->entries[0]));
	if (!table)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	table->nr = (uint32_t)n;
	rc = encode_all(table, core, routes);
	if (rc == 0) {
		rc = vmi_kvm_vm_ioctl(vm, KVM_SET_GSI_ROUTING, table);
		if (rc < 0)
			rc = vmi_kvm_vm_refused(rc, KVM_SET_GSI_ROUTING);
	}
	vmi_free(table);
	return rc < 0 ? rc : 0;
}
