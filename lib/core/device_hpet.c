/* SPDX-License-Identifier: MIT */
/* The HPET as a device: it drives GSIs by itself and cuts off PIT and RTC. */
#include <errno.h>
#include <string.h>

#include "lib/chip/hpet.h"
#include "lib/core/backend.h"
#include "lib/core/device.h"

/* IOAPIC pins that a comparator may be routed to, as chipsets have them. */
#define FIRST_PIN 20
#define PINS	  4
#define ROUTE_CAP (((1u << PINS) - 1) << FIRST_PIN)

/* In legacy replacement: GSI 0, which is IOAPIC pin 2, and GSI 8. */
static const unsigned legacy_gsis[2] = { 0, 8 };

struct hpet_device {
	struct vmapi_device device;
	struct vmi_hpet chip;
	struct vmapi_irq pins[PINS];
	struct vmapi_irq legacy[2];
	bool is_cut;
};

static struct hpet_device *hpet_of(struct vmapi_device *device)
{
	return vmi_container_of(device, struct hpet_device, device);
}

/* -- Outputs ------------------------------------------------------------ */

static void drive_route(void *opaque, unsigned pin, bool level)
{
	struct hpet_device *h = opaque;
	int ignored;

	if (pin >= FIRST_PIN && pin < FIRST_PIN + PINS)
		(void)vmi_irq_drive(&h->pins[pin - FIRST_PIN], level, &ignored);
}

static void drive_legacy(void *opaque, unsigned pin, bool level)
{
	struct hpet_device *h = opaque;
	int ignored;

	(void)vmi_irq_drive(&h->legacy[pin], level, &ignored);
}

/* IA-PC HPET 2.3.5: LEG_RT_CNF disconnects the 8254 and the RTC. */
static void cut(void *opaque, unsigned pin, bool on)
{
	struct hpet_device *h = opaque;
	struct vmapi_vm *vm = h->device.vm;
	struct vmapi_device *d;

	(void)pin;
	h->is_cut = on;
	if (vm->ctx->be->legacy_cut)
		vm->ctx->be->legacy_cut(vm, on);
	for (d = vm->devices; d; d = d->next)
		if (d->type->id == VMAPI_DEVICE_RTC)
			vmi_rtc_device_cut(d, on, vmi_chipset_now(vm));
}

static void link_pin(struct hpet_device *h, struct vmapi_irq *irq, unsigned gsi)
{
	irq->vm = h->device.vm;
	irq->pin = gsi;
	vmi_irq_link(irq);
}

static int check_place(struct vmapi_vm *vm)
{
	const struct vmi_backend *be = vm->ctx->be;
	const struct vmapi_device *d;
	unsigned n = 0;

	for (d = vm->devices; d; d = d->next)
		if (d->type->id == VMAPI_DEVICE_HPET)
			return vmi_fail(-EEXIST, "hpet",
				"the VM has an HPET already");
	if (!be->line_count || be->line_count(vm, &n) ||
		n < FIRST_PIN + PINS)
		return vmi_fail(-ENOTSUP, "hpet",
			"the VM has no IOAPIC for it to drive");
	return 0;
}

static int init(struct vmapi_device *device, uint64_t now)
{
	struct hpet_device *h = hpet_of(device);
	const struct vmi_hpet_wiring wiring = {
		.route = { .set = drive_route, .opaque = h },
		.legacy = { { .set = drive_legacy, .opaque = h, .pin = 0 },
			{ .set = drive_legacy, .opaque = h, .pin = 1 } },
		.cut = { .set = cut, .opaque = h },
		.route_cap = ROUTE_CAP,
	};
	int err = check_place(device->vm);
	unsigned i;

	(void)now;
	if (err)
		return err;
	for (i = 0; i < PINS; i++)
		link_pin(h, &h->pins[i], FIRST_PIN + i);
	for (i = 0; i < 2; i++)
		link_pin(h, &h->legacy[i], legacy_gsis[i]);
	vmi_hpet_init(&h->chip, &wiring);
	return 0;
}

static void fini(struct vmapi_device *device)
{
	struct hpet_device *h = hpet_of(device);
	unsigned i;

	if (h->is_cut)
		cut(h, 0, false);
	for (i = 0; i < PINS; i++)
		vmi_irq_unlink(&h->pins[i]);
	for (i = 0; i < 2; i++)
		vmi_irq_unlink(&h->legacy[i]);
}

/* -- Accesses ----------------------------------------------------------- */

/* IA-PC HPET 2.3.1: 32 and 64 bits, aligned.  The rest reads 0. */
static bool is_legal(uint64_t offset, unsigned bytes)
{
	return (bytes == 4 || bytes == 8) && !(offset % bytes);
}

static uint64_t read_memory(struct vmapi_device *device, uint64_t offset,
	unsigned bytes, uint64_t now)
{
	if (!is_legal(offset, bytes))
		return 0;
	return vmi_hpet_read(
		&hpet_of(device)->chip, (uint32_t)offset, bytes, now);
}

static void write_memory(struct vmapi_device *device, uint64_t offset,
	const struct vmi_access *access, uint64_t now)
{
	if (is_legal(offset, access->bytes))
		vmi_hpet_write(&hpet_of(device)->chip, (uint32_t)offset,
			access->bytes, access->value, now);
}

static void update(struct vmapi_device *device, uint64_t now)
{
	vmi_hpet_update(&hpet_of(device)->chip, now);
}

static uint64_t deadline(struct vmapi_device *device, uint64_t now)
{
	return vmi_hpet_deadline(&hpet_of(device)->chip, now);
}

static void reset(struct vmapi_device *device, uint64_t now)
{
	(void)now;
	vmi_hpet_reset(&hpet_of(device)->chip);
}

/* -- State -------------------------------------------------------------- */

static void get_all(struct vmapi_device *device, void *data, uint64_t now)
{
	struct vmi_hpet_state state;

	vmi_hpet_update(&hpet_of(device)->chip, now);
	vmi_hpet_get_state(&hpet_of(device)->chip, &state);
	memcpy(data, &state, sizeof(state));
}

/* Where a timer's state says that it drives a legacy line. */
#define LEGACY_PIN 32

static struct vmapi_irq *wire_of(struct hpet_device *h, uint32_t pin)
{
	if (pin >= FIRST_PIN && pin < FIRST_PIN + PINS)
		return &h->pins[pin - FIRST_PIN];
	if (pin == LEGACY_PIN || pin == LEGACY_PIN + 1)
		return &h->legacy[pin - LEGACY_PIN];
	return NULL;
}

/* The levels that our wires have, as the state tells them. */
static void adopt_levels(struct hpet_device *h)
{
	struct vmapi_irq *wire;
	unsigned i;

	for (i = 0; i < PINS; i++)
		h->pins[i].level = false;
	h->legacy[0].level = h->legacy[1].level = false;
	for (i = 0; i < VMI_HPET_TIMERS; i++) {
		wire = wire_of(h, h->chip.s.timer[i].pin);
		if (wire && h->chip.s.timer[i].level)
			wire->level = true;
	}
}

static int set_all(struct vmapi_device *device, const void *data, uint64_t now)
{
	struct hpet_device *h = hpet_of(device);
	struct vmi_hpet_state state;
	int err;

	(void)now;
	memcpy(&state, data, sizeof(state));
	err = vmi_hpet_set_state(&h->chip, &state);
	if (!err)
		adopt_levels(h);
	return err;
}

static const struct vmi_device_slot slots[] = {
	{ VMAPI_DEVICE_STATE_ALL, sizeof(struct vmi_hpet_state), get_all,
		set_all },
};

const struct vmi_device_type vmi_device_hpet = {
	.name = "hpet",
	.id = VMAPI_DEVICE_HPET,
	.size = sizeof(struct hpet_device),
	.usual_base = 0xfed00000,
	.ranges = { { VMI_SPACE_MEMORY, 0, 0x400 } },
	.init = init,
	.fini = fini,
	.read = read_memory,
	.write = write_memory,
	.update = update,
	.deadline = deadline,
	.reset = reset,
	.slots = slots,
	.n_slots = vmi_array_len(slots),
};
