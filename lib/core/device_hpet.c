/* SPDX-License-Identifier: MIT */
/* The HPET as a device: it drives GSIs by itself and cuts off PIT and RTC. */
#include <errno.h>
#include <string.h>

#include "lib/chip/alarm.h"
#include "lib/chip/hpet.h"
#include "lib/core/backend.h"
#include "lib/core/device.h"
#include "lib/core/mirror.h"

/* IOAPIC pins that a comparator may be routed to, as chipsets have them. */
#define FIRST_PIN 20
#define PINS	  4
#define ROUTE_CAP (((1u << PINS) - 1) << FIRST_PIN)

/* In legacy replacement: GSI 0, which is IOAPIC pin 2, and GSI 8. */
static const unsigned legacy_gsis[2] = { 0, 8 };

/* The interrupt of one timer. */
struct hpet_alarm {
	struct vmi_alarm alarm;
	struct hpet_device *h;
	int delivery; /* of its last edge */
};

/* The whole state. */
struct hpet_state {
	struct vmi_hpet_state chip;
	struct vmi_alarm_state alarms[VMI_HPET_TIMERS]; /* with a policy */
};

struct hpet_device {
	struct vmapi_device device;
	struct vmi_hpet chip;
	struct vmapi_irq pins[PINS];
	struct vmapi_irq legacy[2];
	struct hpet_alarm alarms[VMI_HPET_TIMERS];
	bool is_cut;
	bool is_mirrored;
	struct vmi_mirror mirror;
	struct vmi_counter shown; /* the counter, under mirror.page_lock */
	uint64_t reads;
};

static struct hpet_device *hpet_of(struct vmapi_device *device)
{
	return vmi_container_of(device, struct hpet_device, device);
}

/* -- Outputs ------------------------------------------------------------ */

static void drive(struct hpet_device *h, struct vmapi_irq *irq, bool level)
{
	int delivery;

	if (vmi_irq_drive(irq, level, &delivery))
		delivery = VMAPI_IRQ_MASKED;
	if (level)
		h->alarms[h->chip.firing].delivery = delivery;
}

static void drive_route(void *opaque, unsigned pin, bool level)
{
	struct hpet_device *h = opaque;

	if (pin >= FIRST_PIN && pin < FIRST_PIN + PINS)
		drive(h, &h->pins[pin - FIRST_PIN], level);
}

static void drive_legacy(void *opaque, unsigned pin, bool level)
{
	struct hpet_device *h = opaque;

	drive(h, &h->legacy[pin], level);
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
		if (d->type->cut)
			d->type->cut(d, on, vmi_chipset_now(vm));
}

/* One more tick: of a level it merges while the guest has not cleared it. */
static int pulse(void *opaque)
{
	struct hpet_alarm *a = opaque;
	unsigned n = (unsigned)(a - a->h->alarms);
	bool was_low;

	a->delivery = VMAPI_IRQ_MASKED;
	was_low = vmi_hpet_tick(&a->h->chip, n);
	return vmi_hpet_is_level(&a->h->chip, n) ? was_low : a->delivery;
}

/* After each call of the chip. */
static void tell_alarms(struct hpet_device *h, uint64_t now)
{
	unsigned n;

	for (n = 0; n < VMI_HPET_TIMERS; n++) {
		struct vmi_hpet_ticks *ticks = &h->chip.ticks[n];
		struct hpet_alarm *a = &h->alarms[n];
		bool is_level = vmi_hpet_is_level(&h->chip, n);

		if (ticks->n)
			vmi_alarm_ticked(&a->alarm, ticks->n, is_level
				? !ticks->merged : a->delivery, now);
		ticks->n = 0;
		vmi_alarm_update(&a->alarm, now);
	}
}

static const struct vmi_field fields[] = {
	VMI_INNER(struct hpet_state, chip, &vmi_layout_hpet),
	VMI_INNERS(struct hpet_state, alarms, &vmi_layout_alarm),
};

/* Without a policy there is only the chip, as there always was. */
static const struct vmi_layout layouts[2] = {
	{ .fields = fields, .n = 1, .bytes = sizeof(struct hpet_state) },
	{ .fields = fields, .n = 2, .bytes = sizeof(struct hpet_state) },
};

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

static int init(struct vmapi_device *device,
	const struct vmi_device_plan *plan, uint64_t now)
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
	for (i = 0; i < VMI_HPET_TIMERS; i++) {
		vmi_alarm_init(&h->alarms[i].alarm,
			(enum vmi_alarm_policy)plan->policy);
		h->alarms[i].alarm.pulse = pulse;
		h->alarms[i].alarm.opaque = &h->alarms[i];
		h->alarms[i].h = h;
	}
	device->layout = &layouts[plan->policy != VMI_ALARM_DISCARD];
	h->is_mirrored = plan->flags & VMAPI_DEVICE_MIRROR;
	h->mirror.vm = device->vm;
	h->mirror.gpa = plan->base;
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

/* -- The page ----------------------------------------------------------- */

#define BLOCK	0x400u
#define CONFIG	0x010u
#define COUNTER 0x0f0u
#define TIMERS	0x100u /* 0x20 each */

/* One store: the guest reads meanwhile. */
static void put(struct hpet_device *h, uint32_t offset, uint64_t value)
{
	_Atomic(uint64_t) *word = (_Atomic(uint64_t) *)(void *)
		(h->mirror.page + offset);
	uint8_t bytes[8];

	vmi_store(bytes, value, 8);
	memcpy(&value, bytes, 8);
	atomic_store_explicit(word, value, memory_order_release);
}

static void renew(struct vmi_mirror *m)
{
	struct hpet_device *h = vmi_container_of(m, struct hpet_device, mirror);

	put(h, COUNTER, vmi_counter_read(&h->shown, vmi_chipset_now(m->vm)));
}

static uint64_t due_at(struct hpet_device *h, uint64_t now)
{
	uint64_t due = vmi_hpet_deadline(&h->chip, now);
	unsigned n;

	for (n = 0; n < VMI_HPET_TIMERS; n++) {
		uint64_t extra = vmi_alarm_deadline(&h->alarms[n].alarm);

		due = extra < due ? extra : due;
	}
	return due;
}

/* After each call of the chip: its alarms, and the page as it is now. */
static void reflect(struct hpet_device *h, uint64_t now)
{
	struct vmi_mirror *m = &h->mirror;
	uint32_t at;

	tell_alarms(h, now);
	if (!m->page)
		return;
	pthread_mutex_lock(&m->page_lock);
	h->shown = h->chip.s.counter;
	for (at = 0; at < BLOCK; at += 8)
		if (at != COUNTER)
			put(h, at, vmi_hpet_read(&h->chip, at, 8, now));
	renew(m);
	m->due = due_at(h, now);
	pthread_mutex_unlock(&m->page_lock);
}

static void fill(struct vmi_mirror *m)
{
	struct hpet_device *h = vmi_container_of(m, struct hpet_device, mirror);
	uint64_t now = vmi_chipset_lock(m->vm);

	vmi_hpet_update(&h->chip, now);
	reflect(h, now);
	vmi_chipset_unlock(m->vm);
}

static int start(struct vmapi_device *device)
{
	struct hpet_device *h = hpet_of(device);

	h->mirror.renew = renew;
	h->mirror.fill = fill;
	return h->is_mirrored ? vmi_mirror_start(&h->mirror) : 0;
}

static void stop(struct vmapi_device *device)
{
	vmi_mirror_stop(&hpet_of(device)->mirror);
}

/* -- Accesses ----------------------------------------------------------- */

/* IA-PC HPET 2.3.1: 32 and 64 bits, aligned.  The rest reads 0. */
static bool is_legal(uint64_t offset, unsigned bytes)
{
	return offset < BLOCK && (bytes == 4 || bytes == 8) &&
	       !(offset % bytes);
}

static uint64_t read_memory(struct vmapi_device *device, uint64_t offset,
	unsigned bytes, uint64_t now)
{
	struct hpet_device *h = hpet_of(device);
	uint64_t value;

	if (!is_legal(offset, bytes))
		return 0;
	value = vmi_hpet_read(&h->chip, (uint32_t)offset, bytes, now);
	if ((offset & ~UINT64_C(7)) == COUNTER) {
		h->reads++;
		vmi_mirror_missed(&h->mirror, now);
	}
	reflect(h, now);
	return value;
}

/* A register was written that programs timers anew. */
static void forget(struct hpet_device *h, uint64_t offset)
{
	unsigned n;

	for (n = 0; n < VMI_HPET_TIMERS; n++)
		if (offset / 8 == CONFIG / 8 ||
			(offset >= TIMERS && (offset - TIMERS) / 0x20 == n))
			vmi_alarm_forget(&h->alarms[n].alarm);
}

static void write_memory(struct vmapi_device *device, uint64_t offset,
	const struct vmapi_access *access, uint64_t now)
{
	struct hpet_device *h = hpet_of(device);

	if (!is_legal(offset, access->bytes))
		return;
	vmi_hpet_update(&h->chip, now);
	tell_alarms(h, now);
	vmi_hpet_write(&h->chip, (uint32_t)offset, access->bytes,
		access->value, now);
	forget(h, offset);
	reflect(h, now);
}

static void update(struct vmapi_device *device, uint64_t now)
{
	vmi_hpet_update(&hpet_of(device)->chip, now);
	reflect(hpet_of(device), now);
}

static uint64_t deadline(struct vmapi_device *device, uint64_t now)
{
	return due_at(hpet_of(device), now);
}

static void reset(struct vmapi_device *device, uint64_t now)
{
	vmi_hpet_reset(&hpet_of(device)->chip);
	forget(hpet_of(device), CONFIG);
	reflect(hpet_of(device), now);
}

/* -- State -------------------------------------------------------------- */

/* LEG_RT_CNF of the configuration (IA-PC HPET 2.3.5). */
#define LEGACY_ON 2u

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

static void get_all(struct vmapi_device *device, void *data, uint64_t now)
{
	struct hpet_device *h = hpet_of(device);
	struct hpet_state state;
	unsigned n;

	update(device, now);
	state.chip = h->chip.s;
	for (n = 0; n < VMI_HPET_TIMERS; n++)
		state.alarms[n] = h->alarms[n].alarm.s;
	memcpy(data, &state, sizeof(state));
}

static int use(struct hpet_device *h, const void *data)
{
	struct hpet_state state;
	unsigned n;
	int err;

	memcpy(&state, data, sizeof(state));
	state.chip.size = sizeof(state.chip);
	for (n = 0; n < VMI_HPET_TIMERS; n++)
		if (!vmi_alarm_fits(&h->alarms[n].alarm, &state.alarms[n]))
			return -EINVAL;
	err = vmi_hpet_set_state(&h->chip, &state.chip);
	for (n = 0; n < VMI_HPET_TIMERS && !err; n++)
		vmi_alarm_set_state(&h->alarms[n].alarm, &state.alarms[n]);
	return err;
}

static int set_all(struct vmapi_device *device, const void *data, uint64_t now)
{
	struct hpet_device *h = hpet_of(device);
	int err = use(h, data);

	if (err)
		return err;
	adopt_levels(h);
	h->is_cut = h->chip.s.config & LEGACY_ON;
	reflect(h, now);
	return 0;
}

static int check(struct vmapi_device *device, const void *state)
{
	struct hpet_device trial = *hpet_of(device);

	return use(&trial, state);
}

static void get_reads(struct vmapi_device *device, void *data, uint64_t now)
{
	(void)now;
	memcpy(data, &hpet_of(device)->reads, sizeof(uint64_t));
}

static void get_alarms(struct vmapi_device *device, void *data, uint64_t now)
{
	struct vmapi_alarm_counts *counts = data;
	unsigned n;

	update(device, now);
	for (n = 0; n < VMI_HPET_TIMERS; n++)
		vmi_device_alarm(
			&hpet_of(device)->alarms[n].alarm, counts + n);
}

static const struct vmi_device_slot slots[] = {
	{ VMAPI_DEVICE_STATE_ALL, sizeof(struct hpet_state), get_all,
		set_all },
	{ VMAPI_DEVICE_ALARM,
		VMI_HPET_TIMERS * sizeof(struct vmapi_alarm_counts),
		get_alarms, NULL },
	{ VMAPI_HPET_READS, sizeof(uint64_t), get_reads, NULL },
};

const struct vmi_device_type vmi_device_hpet = {
	.name = "hpet",
	.id = VMAPI_DEVICE_HPET,
	.size = sizeof(struct hpet_device),
	.usual_base = 0xfed00000,
	.flags = VMAPI_DEVICE_MIRROR,
	.ranges = { { VMI_SPACE_MEMORY, 0, BLOCK } },
	.has_alarm = true,
	.quiet = true,
	.init = init,
	.start = start,
	.stop = stop,
	.fini = fini,
	.read = read_memory,
	.write = write_memory,
	.update = update,
	.deadline = deadline,
	.reset = reset,
	.slots = slots,
	.n_slots = vmi_array_len(slots),
	.layout = &layouts[0],
	.check = check,
};
