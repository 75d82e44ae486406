/* SPDX-License-Identifier: MIT */
/* Devices of the library: made of a chip, regions and lines. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/chip/alarm.h"
#include "lib/core/backend.h"
#include "lib/core/device.h"
#include "lib/core/mirror.h"
#include "lib/core/region.h"
#include "lib/sys/sys.h"

static const struct vmi_device_type *const types[] = { &vmi_device_rtc,
	&vmi_device_hpet, &vmi_device_acpi_pm, &vmi_device_pit };

static const struct vmi_device_type *type_of(unsigned id)
{
	size_t i;

	for (i = 0; i < vmi_array_len(types); i++)
		if (types[i]->id == id)
			return types[i];
	return vmi_device_native(id);
}

/* -- Wiring ------------------------------------------------------------- */

static void drive(void *opaque, unsigned pin, bool level)
{
	struct vmapi_device *device = opaque;
	int ignored;

	if (device->irq[pin])
		(void)vmi_irq_drive(device->irq[pin], level, &ignored);
}

struct vmi_line vmi_device_line(struct vmapi_device *device, unsigned pin)
{
	return (struct vmi_line){ .set = drive, .opaque = device, .pin = pin };
}

int vmi_device_pulse(struct vmapi_device *device, unsigned pin, bool level)
{
	struct vmapi_irq *irq = device->irq[pin];
	int delivery, ignored;

	if (!irq)
		return VMAPI_IRQ_MASKED;
	(void)vmi_irq_drive(irq, false, &ignored);
	if (vmi_irq_drive(irq, true, &delivery))
		delivery = VMAPI_IRQ_MASKED;
	if (!level)
		(void)vmi_irq_drive(irq, false, &ignored);
	return delivery;
}

void vmi_device_alarm(const struct vmi_alarm *alarm, void *data)
{
	const struct vmapi_alarm_counts counts = {
		.ticks = alarm->s.ticks,
		.delivered = alarm->s.delivered,
		.coalesced = alarm->s.coalesced,
		.masked = alarm->s.masked,
		.owed = alarm->s.owed,
	};

	memcpy(data, &counts, sizeof(counts));
}

void vmi_device_line_is(struct vmapi_device *device, unsigned pin, bool level)
{
	if (device->irq[pin])
		device->irq[pin]->level = level;
}

static int answer(struct vmi_region *region, struct vmapi_access *access)
{
	struct vmi_device_window *w =
		vmi_container_of(region, struct vmi_device_window, region);
	struct vmapi_device *device = w->device;
	uint64_t offset = w->shift + access->offset;
	bool quiet;
	uint64_t now;

	if (device->type->refuses && device->type->refuses(device, access))
		return -ENOENT;
	now = vmi_chipset_lock(device->vm);
	quiet = device->type->quiet && !access->is_write &&
		now < vmi_chipset_deadline(device->vm);
	if (access->is_write)
		device->type->write(device, offset, access, now);
	else
		access->value = device->type->read(
			device, offset, access->bytes, now);
	if (quiet)
		vmi_chipset_unlock_as_is(device->vm);
	else
		vmi_chipset_unlock(device->vm);
	return 0;
}

static struct vmapi_device *device_of(struct vmi_chip_client *client)
{
	return vmi_container_of(client, struct vmapi_device, client);
}

static void update(struct vmi_chip_client *client, uint64_t now)
{
	device_of(client)->type->update(device_of(client), now);
}

static uint64_t deadline(struct vmi_chip_client *client, uint64_t now)
{
	return device_of(client)->type->deadline(device_of(client), now);
}

static void reset(struct vmi_chip_client *client, uint64_t now)
{
	device_of(client)->type->reset(device_of(client), now);
}

/* -- Making ------------------------------------------------------------- */

static int check_irqs(
	const struct vmapi_vm *vm, const struct vmi_device_plan *plan)
{
	const char *name = plan->type->name;
	unsigned i;

	for (i = 0; i < vmi_array_len(plan->irq); i++) {
		if (plan->irq[i] && i >= plan->type->n_irqs)
			return vmi_fail(-EINVAL, name,
				"it has no output %u", i);
		if (plan->irq[i] && plan->irq[i]->vm != vm)
			return vmi_fail(-EINVAL, name,
				"irq[%u] belongs to another VM", i);
	}
	return 0;
}

static int check_config(struct vmapi_vm *vm,
	const struct vmapi_device_config *c,
	const struct vmi_device_type **type)
{
	*type = type_of(c->type);
	if (!*type)
		return vmi_fail(-EINVAL, "vm", "no device type %" PRIu32,
			c->type);
	if (c->flags & ~(*type)->flags)
		return vmi_fail(-EINVAL, (*type)->name,
			"unknown flags 0x%" PRIx32, c->flags);
	if (c->policy > ((*type)->has_alarm ? VMAPI_ALARM_SLEW : 0))
		return vmi_fail(-EINVAL, (*type)->name,
			"it has no policy %" PRIu32, c->policy);
	if (!(vmi_cap(vm->ctx, vm, VMAPI_CAP_DEVICES) >> c->type & 1))
		return vmi_fail(-ENOTSUP, (*type)->name,
			"the %s backend has no such device",
			vm->ctx->be->name);
	if (!(*type)->init && c->base)
		return vmi_fail(-EINVAL, (*type)->name,
			"its place is an attribute");
	return 0;
}

static void remove_windows(struct vmapi_device *device)
{
	while (device->n_windows)
		vmi_region_remove(device->vm,
			&device->windows[--device->n_windows].region);
}

static int add_windows(
	struct vmapi_device *device, const struct vmi_device_plan *plan)
{
	unsigned i;
	int err;

	for (i = 0; i < VMI_DEVICE_WINDOWS && plan->ranges[i].bytes; i++) {
		const struct vmi_device_range *range = &plan->ranges[i];
		struct vmi_device_window *w = &device->windows[i];

		w->device = device;
		w->shift = range->shift;
		w->region.space = range->space;
		w->region.base = plan->base + range->shift;
		w->region.bytes = range->bytes;
		w->region.name = plan->type->name;
		w->region.access = answer;
		err = vmi_region_add(device->vm, &w->region);
		if (err) {
			remove_windows(device);
			return err;
		}
		device->n_windows++;
	}
	return 0;
}

static void link_device(struct vmapi_device *device)
{
	device->next = device->vm->devices;
	device->vm->devices = device;
}

struct vmapi_device *vmi_device_at(struct vmapi_vm *vm, uint32_t place)
{
	struct vmapi_device *d;
	uint32_t n = 0;

	for (d = vm->devices; d; d = d->next)
		n++;
	for (d = vm->devices; d && n > place + 1; d = d->next)
		n--;
	return n == place + 1 ? d : NULL;
}

static void unlink_device(struct vmapi_device *device)
{
	struct vmapi_device **at = &device->vm->devices;

	while (*at != device)
		at = &(*at)->next;
	*at = device->next;
}

static void take_apart(struct vmapi_device *device)
{
	const struct vmi_device_type *type = device->type;
	int ignored;
	unsigned i;

	vmi_chipset_lock(device->vm);
	unlink_device(device);
	if (type->fini)
		type->fini(device);
	for (i = 0; i < type->n_irqs; i++)
		if (device->irq[i])
			(void)vmi_irq_drive(device->irq[i], false, &ignored);
	vmi_chipset_unlock(device->vm);
}

static void unbuild(struct vmapi_device *device)
{
	vmi_chipset_remove(device->vm, &device->client);
	remove_windows(device);
	take_apart(device);
}

/* From the inside out: the chip, its ranges, its place in time. */
static int build(
	struct vmapi_device *device, const struct vmi_device_plan *plan)
{
	uint64_t now = vmi_chipset_lock(device->vm);
	int err = plan->type->init(device, plan, now);

	if (!err)
		link_device(device);
	vmi_chipset_unlock(device->vm);
	if (err)
		return err;
	err = add_windows(device, plan);
	if (err) {
		take_apart(device);
		return err;
	}
	device->client.update = update;
	device->client.deadline = deadline;
	device->client.reset = reset;
	vmi_chipset_add(device->vm, &device->client);
	err = plan->type->start ? plan->type->start(device) : 0;
	if (err)
		unbuild(device);
	return err;
}

static int open_native(struct vmapi_device *device)
{
	int err = vmi_native_open(device);

	if (err)
		return err;
	vmi_chipset_lock(device->vm);
	link_device(device);
	vmi_chipset_unlock(device->vm);
	return 0;
}

static void free_device(struct vmapi_device *device)
{
	struct vmapi_vm *vm = device->vm;
	unsigned i;

	for (i = 0; i < vmi_array_len(device->irq); i++)
		if (device->irq[i])
			vmi_irq_put(device->irq[i]);
	vmi_free(device);
	vmi_vm_put(vm);
}

int vmi_device_make(struct vmapi_vm *vm, const struct vmi_device_plan *plan,
	struct vmapi_device **out)
{
	const struct vmi_device_type *type = plan->type;
	int err = check_irqs(vm, plan);
	struct vmapi_device *device;
	unsigned i;

	if (err)
		return err;
	device = vmi_zalloc(type->size);
	if (!device)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	device->vm = vm;
	device->type = type;
	device->layout = type->layout;
	device->fd = -1;
	vmi_vm_get(vm);
	for (i = 0; i < type->n_irqs; i++) {
		device->irq[i] = plan->irq[i];
		if (plan->irq[i])
			vmi_irq_get(plan->irq[i]);
	}
	err = type->init ? build(device, plan) : open_native(device);
	if (err)
		free_device(device);
	else
		*out = device;
	return err;
}

/* A page that is shown is the device's as a whole. */
static int widen(struct vmi_device_plan *plan)
{
	if (!(plan->flags & VMAPI_DEVICE_MIRROR))
		return 0;
	if (plan->base % VMI_MIRROR_BYTES)
		return vmi_fail_range(-EINVAL, plan->base, VMI_MIRROR_BYTES,
			"0x%" PRIx64 " is not where a page begins",
			plan->base);
	plan->ranges[0].bytes = VMI_MIRROR_BYTES;
	return 0;
}

int vmapi_device_create(struct vmapi_vm *vm,
	const struct vmapi_device_config *config, struct vmapi_device **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmi_device_plan plan = { .more = NULL };
	struct vmapi_device_config c;

	if (err)
		return err;
	if (!config || !out)
		return vmi_null(config ? "device" : "config");
	err = vmi_config_copy(&c, sizeof(c), config, sizeof(c));
	if (!err)
		err = check_config(vm, &c, &plan.type);
	if (err)
		return err;
	plan.base = c.base ? c.base : plan.type->usual_base;
	plan.flags = c.flags;
	plan.policy = c.policy;
	memcpy(plan.irq, c.irq, sizeof(plan.irq));
	memcpy(plan.ranges, plan.type->ranges, sizeof(plan.ranges));
	err = widen(&plan);
	return err ? err : vmi_device_make(vm, &plan, out);
}

void vmapi_device_destroy(struct vmapi_device *device)
{
	if (!device || vmi_enter(device->vm->ctx, __func__))
		return;
	if (device->fd < 0) {
		if (device->type->stop)
			device->type->stop(device);
		unbuild(device);
	} else {
		take_apart(device);
		pthread_mutex_lock(&device->vm->lock);
		vmi_device_disconnect(device);
		pthread_mutex_unlock(&device->vm->lock);
		vmi_native_close(device);
	}
	free_device(device);
}

int vmapi_device_probe(struct vmapi_vm *vm, unsigned type)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	uint64_t mask;

	if (err)
		return err;
	mask = (uint64_t)vmi_cap(vm->ctx, vm, VMAPI_CAP_DEVICES);
	if (type < 63 && mask >> type & 1)
		return 0;
	return vmi_fail(-ENODEV, "vm", "the %s backend has no device type %u",
		vm->ctx->be->name, type);
}

/* -- State and commands ------------------------------------------------- */

static const struct vmi_device_slot *slot_of(
	const struct vmapi_device *device, unsigned state)
{
	size_t i;

	for (i = 0; i < device->type->n_slots; i++)
		if (device->type->slots[i].state == state)
			return &device->type->slots[i];
	vmi_fail(-ENOENT, device->type->name, "it has no state %u", state);
	return NULL;
}

static size_t state_bytes(const struct vmapi_device *device)
{
	return slot_of(device, VMAPI_DEVICE_STATE_ALL)->bytes;
}

void vmi_device_state(struct vmapi_device *device, void *data, uint64_t now)
{
	device->type->update(device, now);
	memcpy(data, (const char *)device + device->type->state_at,
		state_bytes(device));
}

int vmapi_device_get(struct vmapi_device *device, unsigned state, void *data,
	size_t *bytes)
{
	int err = vmi_enter(device ? device->vm->ctx : NULL, __func__);
	const struct vmi_device_slot *slot;
	size_t room;

	if (err)
		return err;
	if (!bytes || (*bytes && !data))
		return vmi_null(bytes ? "data" : "bytes");
	if (device->fd >= 0 && state == VMAPI_DEVICE_STATE_ALL)
		return vmi_native_save(device, false, data, bytes);
	slot = slot_of(device, state);
	if (!slot)
		return -ENOENT;
	room = *bytes;
	*bytes = slot->bytes;
	if (room < slot->bytes)
		return vmi_fail(-ENOSPC, device->type->name,
			"the state has %zu bytes, there is room for %zu",
			slot->bytes, room);
	slot->get(device, data, vmi_chipset_lock(device->vm));
	vmi_chipset_unlock(device->vm);
	return 0;
}

int vmapi_device_set(struct vmapi_device *device, unsigned state,
	const void *data, size_t bytes)
{
	int err = vmi_enter(device ? device->vm->ctx : NULL, __func__);
	const struct vmi_device_slot *slot;

	if (err)
		return err;
	if (!data)
		return vmi_null("data");
	if (device->fd >= 0 && state == VMAPI_DEVICE_STATE_ALL)
		return vmi_native_restore(device, false, data, bytes);
	slot = slot_of(device, state);
	if (!slot)
		return -ENOENT;
	if (!slot->set)
		return vmi_fail(-EPERM, device->type->name,
			"state %u can only be got", state);
	if (bytes != slot->bytes)
		return vmi_fail(-EINVAL, device->type->name,
			"the state has %zu bytes, %zu are given", slot->bytes,
			bytes);
	err = slot->set(device, data, vmi_chipset_lock(device->vm));
	vmi_chipset_unlock(device->vm);
	return err ? vmi_fail(err, device->type->name,
			     "this is no state of the device")
		   : 0;
}

int vmapi_device_command(struct vmapi_device *device, unsigned command,
	const void *argument, size_t bytes)
{
	int err = vmi_enter(device ? device->vm->ctx : NULL, __func__);
	uint64_t now;

	if (err)
		return err;
	if (argument || bytes)
		return vmi_fail(-EINVAL, device->type->name,
			"command %u takes no argument", command);
	err = -ENOENT;
	now = vmi_chipset_lock(device->vm);
	if (command == VMAPI_DEVICE_RESET && device->type->reset) {
		device->type->reset(device, now);
		err = 0;
	} else if (device->type->command) {
		err = device->type->command(device, command, now);
	}
	vmi_chipset_unlock(device->vm);
	return err ? vmi_fail(err, device->type->name, "it has no command %u",
			     command)
		   : 0;
}
