/* SPDX-License-Identifier: MIT */
/* A VM's APIC bus: made, served, taken away. */
/*
 * The chips at the other end are not trusted: whatever they send is an
 * interrupt that some chip could send, or the end of the connection.
 *
 * A level-triggered interrupt is first entered among the routes, as that of
 * its pin: by these a backend knows of which EOIs to tell, as of
 * KVM_CAP_SPLIT_IRQCHIP (api.rst 7.5).  That costs something only when the
 * guest has programmed the pin anew.
 */
#include "lib/core/bus.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/arch/x86_routes.h"
#include "lib/chip/chip.h"
#include "lib/core/backend.h"
#include "lib/core/chipset.h"
#include "lib/core/region.h"
#include "lib/core/routes.h"
#include "lib/sys/sys.h"

#define REGISTERS 0x40 /* of a local APIC's page, 16 bytes apart */

/* -- References --------------------------------------------------------- */

struct vmapi_bus *vmi_bus_get(struct vmapi_vm *vm)
{
	struct vmapi_bus *bus;

	if (!atomic_load_explicit(&vm->bus, memory_order_relaxed))
		return NULL;
	pthread_mutex_lock(&vm->bus_lock);
	bus = atomic_load(&vm->bus);
	if (bus)
		atomic_fetch_add(&bus->refs, 1);
	pthread_mutex_unlock(&vm->bus_lock);
	return bus;
}

void vmi_bus_put(struct vmapi_bus *bus)
{
	if (atomic_fetch_sub(&bus->refs, 1) != 1)
		return;
	atomic_fetch_sub(&bus->vm->n_takers, 1);
	vmi_bus_end_fini(&bus->end);
	pthread_mutex_destroy(&bus->watching);
	vmi_free(bus);
}

/* -- What the chips ask ------------------------------------------------- */

/* What is not in the answer of its own is zero. */
static void answer(struct vmapi_bus *bus, const struct vmapi_bus_message *m,
	uint8_t status, uint32_t cpus)
{
	const struct vmapi_bus_message reply = { .dest = cpus };

	vmi_bus_answer(&bus->end, m, status, &reply);
}

static void answer_delivery(struct vmapi_bus *bus,
	const struct vmapi_bus_message *m, int err, int delivery)
{
	uint8_t status = err ? VMAPI_BUS_REFUSED
			     : delivery < 0 ? VMAPI_BUS_RETRY : VMAPI_BUS_OK;

	answer(bus, m, status, status ? 0 : (uint32_t)delivery);
}

/* Under vm->lock. */
static struct vmapi_vcpu *vcpu_of(struct vmapi_vm *vm, uint32_t apic)
{
	struct vmapi_vcpu *vcpu = vm->vcpus;

	while (vcpu && vcpu->id != apic)
		vcpu = vcpu->next;
	return vcpu;
}

/* An interrupt message as an MSI has it: SDM 3A 11.11. */
static void encode(const struct vmapi_bus_message *m, struct vmapi_msi *msi)
{
	bool lowest = m->type == VMAPI_BUS_LOWEST;
	unsigned delivery = lowest ? VMI_DELIVER_LOWEST : m->delivery;

	msi->address = 0xfee00000u | m->dest << 12 |
		(lowest ? 1u << 3 : 0) |
		(m->flags & VMAPI_BUS_LOGICAL ? 1u << 2 : 0);
	msi->data = m->vector | delivery << 8 |
		(m->flags & VMAPI_BUS_ASSERT ? 1u << 14 : 0) |
		(m->flags & VMAPI_BUS_LEVEL ? 1u << 15 : 0);
}

/* By the pin's route the backend tells of its EOI. */
static int expect_eoi(struct vmapi_vm *vm, unsigned pin,
	const struct vmapi_msi *msi)
{
	struct vmapi_route route = { .size = sizeof(route),
		.gsi = pin,
		.type = VMAPI_ROUTE_MSI };
	int err;

	route.u.msi.address = msi->address;
	route.u.msi.data = msi->data;
	pthread_mutex_lock(&vm->bus_lock);
	err = vmi_route_replace(vm, &route);
	pthread_mutex_unlock(&vm->bus_lock);
	return err;
}

/* One of the two has the vector fetched. */
static int fetch_vector(
	struct vmapi_vcpu *vcpu, unsigned why, bool on, int *delivery)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;

	if (on)
		atomic_fetch_or(&vcpu->extint, why);
	else
		atomic_fetch_and(&vcpu->extint, ~why);
	return be->vcpu_lint(vcpu,
		why == VMI_EXTINT_LINE ? VMI_LINT0 : VMI_LINT_EXTINT, on,
		delivery);
}

static void take_extint(
	struct vmapi_bus *bus, const struct vmapi_bus_message *m)
{
	struct vmapi_vcpu *vcpu;
	int delivery = 0, err = -ENOENT;

	pthread_mutex_lock(&bus->vm->lock);
	vcpu = vcpu_of(bus->vm, m->dest);
	if (vcpu)
		err = fetch_vector(vcpu, VMI_EXTINT_MESSAGE, true, &delivery);
	pthread_mutex_unlock(&bus->vm->lock);
	answer_delivery(bus, m, err, delivery);
}

static bool is_interrupt(const struct vmapi_bus_message *m)
{
	return m->dest <= 0xff && m->source < VMI_X86_PINS &&
	       m->delivery <= VMI_DELIVER_EXTINT &&
	       m->delivery != VMI_DELIVER_REMOTE_READ;
}

/* A level de-assert of INIT is about arbitration alone: SDM 3A 11.6.1. */
static bool is_deassert(const struct vmapi_bus_message *m)
{
	return m->delivery == VMI_DELIVER_INIT &&
	       m->flags & VMAPI_BUS_LEVEL && !(m->flags & VMAPI_BUS_ASSERT);
}

static void take_interrupt(
	struct vmapi_bus *bus, const struct vmapi_bus_message *m)
{
	struct vmapi_vm *vm = bus->vm;
	struct vmapi_msi msi = { .size = sizeof(msi) };
	int delivery = 0, err = 0;

	if (!is_interrupt(m)) {
		answer(bus, m, VMAPI_BUS_REFUSED, 0);
		return;
	}
	if (m->delivery == VMI_DELIVER_EXTINT) {
		take_extint(bus, m);
		return;
	}
	if (!is_deassert(m)) {
		encode(m, &msi);
		if (m->flags & VMAPI_BUS_LEVEL)
			err = expect_eoi(vm, m->source, &msi);
		if (!err)
			err = vm->ctx->be->msi_send(vm, &msi, &delivery);
	}
	vmi_trace(vm->ctx, VMAPI_TRACE_IRQ,
		"bus pin %" PRIu32 " address 0x%" PRIx64 " data 0x%" PRIx32
		": %d", m->source, msi.address, msi.data, delivery);
	answer_delivery(bus, m, err, delivery);
}

static void take_lint(struct vmapi_bus *bus, const struct vmapi_bus_message *m)
{
	const struct vmi_backend *be = bus->vm->ctx->be;
	bool high = m->flags & VMAPI_BUS_ASSERT;
	struct vmapi_vcpu *vcpu;
	int delivery = 0, err = -ENOENT;

	pthread_mutex_lock(&bus->vm->lock);
	vcpu = m->vector < 2 ? vcpu_of(bus->vm, m->dest) : NULL;
	if (vcpu && m->vector)
		err = be->vcpu_lint(vcpu, VMI_LINT1, high, &delivery);
	else if (vcpu)
		err = fetch_vector(vcpu, VMI_EXTINT_LINE, high, &delivery);
	pthread_mutex_unlock(&bus->vm->lock);
	answer_delivery(bus, m, err, delivery);
}

/* A kernel's local APICs answer nobody but their own processor. */
static void take_remote_read(
	struct vmapi_bus *bus, const struct vmapi_bus_message *m)
{
	const struct vmi_backend *be = bus->vm->ctx->be;
	struct vmapi_bus_message reply = { .dest = 1 };
	struct vmapi_vcpu *vcpu;
	uint32_t value = 0;
	int err = -ENOENT;

	pthread_mutex_lock(&bus->vm->lock);
	vcpu = m->vector < REGISTERS ? vcpu_of(bus->vm, m->dest) : NULL;
	if (vcpu && be->vcpu_remote_read)
		err = be->vcpu_remote_read(vcpu, m->vector, &value);
	pthread_mutex_unlock(&bus->vm->lock);
	reply.data = value;
	vmi_bus_answer(&bus->end, m,
		err ? VMAPI_BUS_REFUSED : VMAPI_BUS_OK, &reply);
}

static void take(void *opaque, const struct vmapi_bus_message *m)
{
	struct vmapi_bus *bus = opaque;

	if (atomic_load(&bus->gone))
		return;
	switch (m->type) {
	case VMAPI_BUS_INTR:
	case VMAPI_BUS_LOWEST: take_interrupt(bus, m); break;
	case VMAPI_BUS_LINT: take_lint(bus, m); break;
	case VMAPI_BUS_REMOTE_READ: take_remote_read(bus, m); break;
	default: vmi_bus_fail(&bus->end, -EPROTO); break;
	}
}

/* No PIC, no INTR. */
static void left(void *opaque)
{
	struct vmapi_bus *bus = opaque;
	struct vmapi_vm *vm = bus->vm;
	struct vmapi_vcpu *vcpu;
	int delivery;

	pthread_mutex_lock(&vm->lock);
	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next)
		if (atomic_exchange(&vcpu->extint, 0))
			(void)vm->ctx->be->vcpu_lint(
				vcpu, VMI_LINT0, false, &delivery);
	pthread_mutex_unlock(&vm->lock);
}

/* -- Moving it on ------------------------------------------------------- */

/* Locked. */
static void unwatch(struct vmapi_bus *bus)
{
	if (bus->watched)
		vmi_chipset_unwatch(bus->vm, bus->end.fd);
	bus->watched = false;
}

/* A dead one is readable for ever.  It may have come to life meanwhile. */
static void look_away(struct vmapi_bus *bus)
{
	int err;

	pthread_mutex_lock(&bus->watching);
	err = vmi_bus_error(&bus->end);
	if (err && bus->watched && !atomic_load(&bus->gone))
		vmi_log(bus->vm->ctx, VMAPI_LOG_ERROR,
			"the APIC bus is dead: error %d", -err);
	if (err)
		unwatch(bus);
	pthread_mutex_unlock(&bus->watching);
}

enum vmi_bus_stage vmi_bus_move(
	struct vmapi_bus *bus, const struct vmi_bus_call *call)
{
	enum vmi_bus_stage stage = vmi_bus_step(&bus->end, call);

	if (vmi_bus_error(&bus->end))
		look_away(bus);
	return stage;
}

void vmi_bus_service(struct vmapi_vm *vm)
{
	struct vmapi_bus *bus = vmi_bus_get(vm);

	if (!bus)
		return;
	(void)vmi_bus_move(bus, NULL);
	vmi_bus_put(bus);
}

void vmi_bus_reset(struct vmapi_vm *vm)
{
	struct vmapi_bus *bus = vmi_bus_get(vm);

	if (!bus)
		return;
	vmi_bus_tell_reset(&bus->end);
	vmi_bus_put(bus);
}

/* -- Making and dropping ------------------------------------------------ */

/* In the guest they are nobody's: lib/core/bus_vcpu.c has their exits. */
static int nobody(struct vmi_region *region, struct vmapi_access *access)
{
	(void)region;
	(void)access;
	return -ENOENT;
}

static const struct vmi_region places[VMI_BUS_WINDOWS] = {
	{ VMI_SPACE_PORT, 0x20, 2, .access = nobody, .name = "bus: pic" },
	{ VMI_SPACE_PORT, 0xa0, 2, .access = nobody, .name = "bus: pic" },
	{ VMI_SPACE_PORT, 0x4d0, 2, .access = nobody, .name = "bus: elcr" },
	{ VMI_SPACE_MEMORY, 0xfec00000, 0x1000, .access = nobody,
		.name = "bus: ioapic" },
};

static void close_windows(struct vmapi_bus *bus)
{
	while (bus->n_windows)
		vmi_region_remove(bus->vm, &bus->windows[--bus->n_windows]);
}

static int open_windows(struct vmapi_bus *bus)
{
	int err = 0;

	memcpy(bus->windows, places, sizeof(places));
	while (!err && bus->n_windows < VMI_BUS_WINDOWS) {
		err = vmi_region_add(
			bus->vm, &bus->windows[bus->n_windows]);
		bus->n_windows += !err;
	}
	if (err)
		close_windows(bus);
	return err;
}

static int check_vm(const struct vmapi_vm *vm)
{
	if (vm->config.irqchip != VMAPI_IRQCHIP_SPLIT ||
		!vm->ctx->be->vcpu_lint)
		return vmi_fail(-ENXIO, "vm",
			"irqchip: a bus is for VMAPI_IRQCHIP_SPLIT");
	if (vm->config.flags & VMAPI_VM_DETERMINISTIC)
		return vmi_fail(-ENOTSUP, "vm",
			"flags: what comes by a bus is not deterministic");
	return vmi_region_refuses(vm);
}

static int take_socket(int fd, int *own)
{
	*own = vmi_bus_socket(fd);
	if (*own >= 0)
		return 0;
	return vmi_fail(*own, "bus",
		"fd %d is no connected seqpacket socket", fd);
}

static int watch(struct vmapi_vm *vm, int fd)
{
	int err = vmi_chipset_watch(vm, fd);

	return err ? vmi_fail(err, "bus", "it cannot be polled") : 0;
}

/* Where there was none, this is the VM's bus. */
static int publish(struct vmapi_bus *bus)
{
	struct vmapi_vm *vm = bus->vm;
	int err = 0;

	pthread_mutex_lock(&vm->bus_lock);
	if (atomic_load(&vm->bus))
		err = vmi_fail(-EEXIST, "vm", "it has a bus already");
	else
		atomic_store(&vm->bus, bus);
	pthread_mutex_unlock(&vm->bus_lock);
	return err;
}

static void unpublish(struct vmapi_bus *bus)
{
	pthread_mutex_lock(&bus->vm->bus_lock);
	atomic_store(&bus->vm->bus, NULL);
	pthread_mutex_unlock(&bus->vm->bus_lock);
}

/* What came in the meantime is looked at when it is watched. */
static int start(struct vmapi_bus *bus)
{
	int err = publish(bus);

	if (err)
		return err;
	err = open_windows(bus);
	if (err)
		goto bus;
	pthread_mutex_lock(&bus->watching);
	err = watch(bus->vm, bus->end.fd);
	bus->watched = !err;
	pthread_mutex_unlock(&bus->watching);
	if (err)
		goto windows;
	return 0;
windows:
	close_windows(bus);
bus:
	unpublish(bus);
	return err;
}

int vmapi_bus_create(struct vmapi_vm *vm,
	const struct vmapi_bus_config *config, struct vmapi_bus **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__), fd;
	struct vmapi_bus_config c;
	struct vmapi_bus *bus;

	if (!err && (!config || !out))
		err = vmi_null(config ? "bus" : "config");
	if (!err)
		err = vmi_config_copy(&c, sizeof(c), config, sizeof(c));
	if (!err && c.flags)
		err = vmi_fail(-EINVAL, "bus", "unknown flags 0x%" PRIx32,
			c.flags);
	if (!err)
		err = check_vm(vm);
	if (!err)
		err = take_socket(c.fd, &fd);
	if (err)
		return err;
	bus = vmi_zalloc(sizeof(*bus));
	if (!bus) {
		vmi_sys->close(fd);
		return vmi_fail(-ENOMEM, "vm", "no memory");
	}
	bus->vm = vm;
	bus->timeout_ms = c.timeout_ms;
	atomic_init(&bus->refs, 1);
	pthread_mutex_init(&bus->watching, NULL);
	vmi_bus_end_init(&bus->end, fd);
	bus->end.take = take;
	bus->end.left = left;
	bus->end.opaque = bus;
	atomic_fetch_add(&vm->n_takers, 1);
	err = start(bus);
	if (err) {
		vmi_bus_put(bus);
		return err;
	}
	vmi_vm_get(vm);
	*out = bus;
	return 0;
}

int vmapi_bus_connect(struct vmapi_bus *bus, int fd)
{
	int err = vmi_enter(bus ? bus->vm->ctx : NULL, __func__), own;

	if (!err)
		err = take_socket(fd, &own);
	if (err)
		return err;
	pthread_mutex_lock(&bus->watching);
	err = watch(bus->vm, own);
	if (!err) {
		unwatch(bus);
		vmi_bus_reconnect(&bus->end, own);
		bus->watched = true;
	}
	pthread_mutex_unlock(&bus->watching);
	if (err)
		vmi_sys->close(own);
	return err;
}

void vmapi_bus_destroy(struct vmapi_bus *bus)
{
	struct vmapi_vm *vm;

	if (!bus || vmi_enter(bus->vm->ctx, __func__) ||
		vmi_region_refuses(bus->vm))
		return;
	vm = bus->vm;
	close_windows(bus);
	unpublish(bus);
	atomic_store(&bus->gone, true);
	vmi_bus_fail(&bus->end, -EPIPE);
	(void)vmi_sys->shutdown(bus->end.fd);
	(void)vmi_bus_move(bus, NULL); /* who was busy is done now */
	left(bus);
	vmi_bus_put(bus);
	vmi_vm_put(vm);
}
