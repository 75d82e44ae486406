/* SPDX-License-Identifier: MIT */
/*
 * The 8254 and port 0x61 as a device, for VMs whose backend brings none.
 *
 * Its line has the shape of OUT 0; the edges of ticks that merged come on
 * top of that, from the alarm, and end in the level that OUT has.
 */
#include <errno.h>
#include <string.h>

#include "lib/chip/alarm.h"
#include "lib/chip/pit.h"
#include "lib/core/device.h"

struct pit_device {
	struct vmapi_device device;
	struct vmi_pit chip;
	struct vmi_alarm alarm;
	uint64_t now; /* of the call under way */
	bool rose;    /* in it */
	int delivery;
};

/* The whole state. */
struct pit_state {
	struct vmi_pit_state chip;
	struct vmi_alarm_state alarm;
};

#define PORT_CONTROL 0x43

static struct pit_device *pit_of(struct vmapi_device *device)
{
	return vmi_container_of(device, struct pit_device, device);
}

/* -- Output ------------------------------------------------------------- */

static void drive(void *opaque, unsigned pin, bool level)
{
	struct pit_device *p = opaque;
	int delivery = VMAPI_IRQ_MASKED;

	(void)pin;
	if (p->device.irq[0])
		(void)vmi_irq_drive(p->device.irq[0], level, &delivery);
	if (!level)
		return;
	p->rose = true;
	p->delivery = delivery;
}

static int pulse(void *opaque)
{
	struct pit_device *p = opaque;

	return vmi_device_pulse(&p->device, 0, p->chip.s.irq);
}

/* After each call of the chip: a rise of OUT, and those that it stands for. */
static void tell_alarm(struct pit_device *p, uint64_t now)
{
	uint64_t merged = p->chip.s.pending;

	p->chip.s.pending = 0;
	if (p->rose)
		vmi_alarm_ticked(&p->alarm, 1 + merged, p->delivery, now);
	p->rose = false;
	vmi_alarm_update(&p->alarm, now);
}

static int init(struct vmapi_device *device,
	const struct vmi_device_plan *plan, uint64_t now)
{
	const struct vmi_line irq0 = { .set = drive, .opaque = device };
	struct pit_device *p = pit_of(device);
	const struct vmapi_device *d;

	for (d = device->vm->devices; d; d = d->next)
		if (d->type->id == VMAPI_DEVICE_PIT)
			return vmi_fail(-EEXIST, "pit",
				"the VM has a PIT already");
	if (device->vm->config.flags & VMAPI_VM_PIT)
		return vmi_fail(-EEXIST, "pit",
			"the VM was made with a PIT (VMAPI_VM_PIT)");
	vmi_pit_init(&p->chip, irq0, now);
	vmi_pit_policy(&p->chip, VMI_PIT_CATCH_UP); /* it is to count */
	vmi_alarm_init(&p->alarm, (enum vmi_alarm_policy)plan->policy);
	p->alarm.pulse = pulse;
	p->alarm.opaque = p;
	return 0;
}

/* -- Accesses ----------------------------------------------------------- */

static uint64_t read_port(struct vmapi_device *device, uint64_t offset,
	unsigned bytes, uint64_t now)
{
	struct pit_device *p = pit_of(device);
	uint64_t value = 0;
	unsigned i;

	for (i = 0; i < bytes; i++)
		value |= (uint64_t)vmi_pit_read(&p->chip,
				 (uint16_t)(0x40 + offset + i), now)
			<< 8 * i;
	tell_alarm(p, now);
	return value;
}

/* Channel 0 is programmed anew: ticks of before are nobody's any more. */
static bool begins_anew(uint16_t port, uint8_t value)
{
	return port == 0x40 ||
	       (port == PORT_CONTROL && !(value >> 6) && value & 0x30);
}

static void write_port(struct vmapi_device *device, uint64_t offset,
	const struct vmapi_access *access, uint64_t now)
{
	struct pit_device *p = pit_of(device);
	unsigned i;

	for (i = 0; i < access->bytes; i++) {
		uint16_t port = (uint16_t)(0x40 + offset + i);
		uint8_t value = (uint8_t)(access->value >> 8 * i);

		vmi_pit_update(&p->chip, now);
		tell_alarm(p, now);
		vmi_pit_write(&p->chip, port, value, now);
		p->rose = p->rose && !begins_anew(port, value);
		tell_alarm(p, now);
		if (begins_anew(port, value))
			vmi_alarm_forget(&p->alarm);
	}
}

static void update(struct vmapi_device *device, uint64_t now)
{
	struct pit_device *p = pit_of(device);

	vmi_pit_update(&p->chip, now);
	tell_alarm(p, now);
}

static uint64_t deadline(struct vmapi_device *device, uint64_t now)
{
	struct pit_device *p = pit_of(device);
	uint64_t due = vmi_pit_deadline(&p->chip, now);
	uint64_t extra = vmi_alarm_deadline(&p->alarm);

	return due < extra ? due : extra;
}

static void reset(struct vmapi_device *device, uint64_t now)
{
	struct pit_device *p = pit_of(device);

	vmi_pit_reset(&p->chip, now);
	p->rose = false;
	vmi_alarm_forget(&p->alarm);
}

static void cut(struct vmapi_device *device, bool on, uint64_t now)
{
	struct pit_device *p = pit_of(device);

	vmi_pit_cut(&p->chip, on, now);
	p->rose = false;
	vmi_alarm_forget(&p->alarm);
}

/* -- State -------------------------------------------------------------- */

static void get_all(struct vmapi_device *device, void *data, uint64_t now)
{
	struct pit_device *p = pit_of(device);
	struct pit_state state;

	update(device, now);
	state.chip = p->chip.s;
	state.alarm = p->alarm.s;
	memcpy(data, &state, sizeof(state));
}

static int use(struct pit_device *p, const void *data)
{
	struct pit_state state;
	int err;

	memcpy(&state, data, sizeof(state));
	state.chip.size = sizeof(state.chip);
	if (!vmi_alarm_fits(&p->alarm, &state.alarm) ||
		state.chip.policy != VMI_PIT_CATCH_UP || state.chip.pending)
		return -EINVAL;
	err = vmi_pit_set_state(&p->chip, &state.chip);
	if (!err)
		vmi_alarm_set_state(&p->alarm, &state.alarm);
	return err;
}

static int set_all(struct vmapi_device *device, const void *data, uint64_t now)
{
	struct pit_device *p = pit_of(device);
	int err = use(p, data);

	(void)now;
	if (!err)
		vmi_device_line_is(device, 0, p->chip.s.irq);
	return err;
}

static int check(struct vmapi_device *device, const void *state)
{
	struct pit_device trial = *pit_of(device);

	return use(&trial, state);
}

static void get_alarm(struct vmapi_device *device, void *data, uint64_t now)
{
	update(device, now);
	vmi_device_alarm(&pit_of(device)->alarm, data);
}

static const struct vmi_device_slot slots[] = {
	{ VMAPI_DEVICE_STATE_ALL, sizeof(struct pit_state), get_all,
		set_all },
	{ VMAPI_DEVICE_ALARM, sizeof(struct vmapi_alarm_counts), get_alarm,
		NULL },
};

static const struct vmi_field fields[] = {
	VMI_INNER(struct pit_state, chip, &vmi_layout_pit),
	VMI_INNER(struct pit_state, alarm, &vmi_layout_alarm),
};

static const struct vmi_layout layout = {
	.fields = fields,
	.n = vmi_array_len(fields),
	.bytes = sizeof(struct pit_state),
};

const struct vmi_device_type vmi_device_pit = {
	.name = "pit",
	.id = VMAPI_DEVICE_PIT,
	.size = sizeof(struct pit_device),
	.n_irqs = 1,
	.has_alarm = true,
	.quiet = true,
	.usual_base = 0x40,
	.ranges = { { VMI_SPACE_PORT, 0, 4 }, { VMI_SPACE_PORT, 0x21, 1 } },
	.init = init,
	.read = read_port,
	.write = write_port,
	.update = update,
	.deadline = deadline,
	.reset = reset,
	.cut = cut,
	.slots = slots,
	.n_slots = vmi_array_len(slots),
	.layout = &layout,
	.check = check,
};
