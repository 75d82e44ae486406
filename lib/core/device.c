/* SPDX-License-Identifier: MIT */
/* Devices of the library: made of a chip, regions and lines. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/device.h"
#include "lib/core/region.h"
#include "lib/sys/sys.h"

static const struct vmi_device_type *const types[] = { &vmi_device_rtc,
	&vmi_device_hpet, &vmi_device_acpi_pm };

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

void vmi_device_line_is(struct vmapi_device *device, unsigned pin, bool level)
{
	if (device->irq[pin])
		device->irq[pin]->level = level;
}

static int answer(struct vmi_region *region, struct vmi_access *access)
{
	struct vmi_device_window *w =
		vmi_container_of(region, struct vmi_device_window, region);
	struct vmapi_device *device = w->device;
	uint64_t offset = w->shift + access->offset;
	uint64_t now = vmi_chipset_lock(device->vm);

	if (access->is_write)
		device->type->write(device, offset, access, now);
	else
		access->value = device->type->read(
			device, offset, access->bytes, now);
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

static int check_irqs(struct vmapi_vm *vm,
	const struct vmi_device_type *type,
	const struct vmapi_device_config *c)
{
	unsigned i;

	for (i = 0; i < vmi_array_len(c->irq); i++) {
		if (c->irq[i] && i >= type->n_irqs)
			return vmi_fail(-EINVAL, type->name,
				"it has no output %u", i);
		if (c->irq[i] && c->irq[i]->vm != vm)
			return vmi_fail(-EINVAL, type->name,
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
	if (c->flags || c->reserved)
		return vmi_fail(-EINVAL, (*type)->name,
			"unknown flags 0x%" PRIx32, c->flags);
	if (!(vmi_cap(vm->ctx, vm, VMAPI_CAP_DEVICES) >> c->type & 1))
		return vmi_fail(-ENOTSUP, (*type)->name,
			"the %s backend has no such device",
			vm->ctx->be->name);
	if (!(*type)->init && c->base)
		return vmi_fail(-EINVAL, (*type)->name,
			"its place is an attribute");
	return check_irqs(vm, *type, c);
}

static void remove_windows(struct vmapi_device *device)
{
	while (device->n_windows)
		vmi_region_remove(device->vm,
			&device->windows[--device->n_windows].region);
}

static int add_windows(struct vmapi_device *device, uint64_t base)
{
	const struct vmi_device_type *type = device->type;
	unsigned i;
	int err;

	for (i = 0; i < VMI_DEVICE_WINDOWS && type->ranges[i].bytes; i++) {
		const struct vmi_device_range *range = &type->ranges[i];
		struct vmi_device_window *w = &device->windows[i];

		w->device = device;
		w->shift = range->shift;
		w->region.space = range->space;
		w->region.base = base + range->shift;
		w->region.bytes = range->bytes;
		w->region.name = type->name;
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

/* From the inside out: the chip, its ranges, its place in time. */
static int build(struct vmapi_device *device, uint64_t base)
{
	const struct vmi_device_type *type = device->type;
	uint64_t now = vmi_chipset_lock(device->vm);
	int err = type->init(device, now);

	if (!err)
		link_device(device);
	vmi_chipset_unlock(device->vm);
	if (err)
		return err;
	err = add_windows(device, base ? base : type->usual_base);
	if (err) {
		take_apart(device);
		return err;
	}
	device->client.update = update;
	device->client.deadline = deadline;
	device->client.reset = reset;
	vmi_chipset_add(device->vm, &device->client);
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

int vmapi_device_create(struct vmapi_vm *vm,
	const struct vmapi_device_config *config, struct vmapi_device **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	const struct vmi_device_type *type;
	struct vmapi_device_config c;
	struct vmapi_device *device;
	unsigned i;

	if (err)
		return err;
	if (!config || !out)
		return vmi_null(config ? "device" : "config");
	err = vmi_config_copy(&c, sizeof(c), config, sizeof(c));
	if (!err)
		err = check_config(vm, &c, &type);
	if (err)
		return err;
	device = vmi_zalloc(type->size);
	if (!device)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	device->vm = vm;
	device->type = type;
	device->fd = -1;
	vmi_vm_get(vm);
	for (i = 0; i < type->n_irqs; i++) {
		device->irq[i] = c.irq[i];
		if (c.irq[i])
			vmi_irq_get(c.irq[i]);
	}
	err = type->init ? build(device, c.base) : vmi_native_open(device);
	if (err)
		free_device(device);
	else
		*out = device;
	return err;
}

void vmapi_device_destroy(struct vmapi_device *device)
{
	if (!device || vmi_enter(device->vm->ctx, __func__))
		return;
	if (device->fd >= 0) {
		vmi_native_close(device);
	} else {
		vmi_chipset_remove(device->vm, &device->client);
		remove_windows(device);
		take_apart(device);
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
		return vmi_native_save(device, data, bytes);
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
		return vmi_native_restore(device, data, bytes);
	slot = slot_of(device, state);
	if (!slot)
		return -ENOENT;
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
