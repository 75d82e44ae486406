/* SPDX-License-Identifier: MIT */
/* Counters of any rate and width, as devices of the library. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <vmapi/counter.h>

#include "lib/chip/timer.h"
#include "lib/core/device.h"

struct counter_device {
	struct vmapi_device device;
	struct vmi_timer timer;
	struct vmapi_counter_config config;
};

/* The whole state. */
struct counter_state {
	struct vmi_timer_state timer;
	struct vmi_alarm_state alarm;
};

static struct counter_device *counter_of(struct vmapi_device *device)
{
	return vmi_container_of(device, struct counter_device, device);
}

static uint64_t mask_of(const struct counter_device *c)
{
	return c->config.width >= 64 ? UINT64_MAX
				     : (UINT64_C(1) << c->config.width) - 1;
}

/* -- The chip ----------------------------------------------------------- */

static int pulse(void *opaque)
{
	return vmi_device_pulse(opaque, 0, false);
}

static int start(struct counter_device *c, uint64_t now)
{
	const struct vmapi_counter_config *config = &c->config;
	const struct vmi_timer_rate rate = { config->ticks, config->seconds,
		config->divider };
	int err;

	vmi_timer_init(&c->timer, config->width,
		(enum vmi_alarm_policy)config->policy);
	err = vmi_timer_set_rate(&c->timer, &rate, now);
	if (err)
		return vmi_fail(err, "counter",
			"%" PRIu64 " ticks in %" PRIu64 " s by %" PRIu64
			" is no rate that it can have", config->ticks,
			config->seconds, config->divider);
	vmi_timer_write(&c->timer, config->value, now);
	vmi_timer_run(&c->timer, config->flags & VMAPI_COUNTER_RUNNING, now);
	return 0;
}

static int init(struct vmapi_device *device,
	const struct vmi_device_plan *plan, uint64_t now)
{
	struct counter_device *c = counter_of(device);

	c->config = *(const struct vmapi_counter_config *)plan->more;
	c->config.irq = NULL; /* device->irq[0] */
	c->timer.alarm.pulse = pulse;
	c->timer.alarm.opaque = device;
	return start(c, now);
}

static void update(struct vmapi_device *device, uint64_t now)
{
	vmi_timer_update(&counter_of(device)->timer, now);
}

static uint64_t deadline(struct vmapi_device *device, uint64_t now)
{
	return vmi_timer_deadline(&counter_of(device)->timer, now);
}

static void reset(struct vmapi_device *device, uint64_t now)
{
	(void)start(counter_of(device), now);
}

/* -- Accesses of the guest ---------------------------------------------- */

static bool refuses(
	struct vmapi_device *device, const struct vmapi_access *access)
{
	uint32_t widths = counter_of(device)->config.widths;

	return widths && !(widths & access->bytes);
}

static uint64_t read_bytes(struct vmapi_device *device, uint64_t offset,
	unsigned bytes, uint64_t now)
{
	struct counter_device *c = counter_of(device);

	vmi_timer_update(&c->timer, now);
	return offset < 8 ? vmi_bytes_get(vmi_timer_read(&c->timer, now),
				    (unsigned)offset, bytes)
			  : 0;
}

/* The bytes that are not written keep what they are at this moment. */
static void write_bytes(struct vmapi_device *device, uint64_t offset,
	const struct vmapi_access *access, uint64_t now)
{
	struct counter_device *c = counter_of(device);
	uint64_t mask, old;

	if (!(c->config.flags & VMAPI_COUNTER_WRITABLE) || offset >= 8)
		return;
	mask = vmi_bytes_mask((unsigned)offset, access->bytes);
	old = vmi_timer_read(&c->timer, now);
	vmi_timer_write(&c->timer,
		(old & ~mask) | (access->value << 8 * offset & mask), now);
}

/* -- State -------------------------------------------------------------- */

static void get_all(struct vmapi_device *device, void *data, uint64_t now)
{
	struct vmi_timer *t = &counter_of(device)->timer;
	struct counter_state state;

	vmi_timer_update(t, now);
	state.timer = t->s;
	state.alarm = t->alarm.s;
	memcpy(data, &state, sizeof(state));
}

static int use(struct vmi_timer *t, const void *data)
{
	struct counter_state state;
	int err;

	memcpy(&state, data, sizeof(state));
	state.timer.size = sizeof(state.timer);
	if (!vmi_alarm_fits(&t->alarm, &state.alarm))
		return -EINVAL;
	err = vmi_timer_set_state(t, &state.timer);
	if (!err)
		vmi_alarm_set_state(&t->alarm, &state.alarm);
	return err;
}

static int set_all(struct vmapi_device *device, const void *data, uint64_t now)
{
	(void)now;
	return use(&counter_of(device)->timer, data);
}

static int check(struct vmapi_device *device, const void *state)
{
	struct vmi_timer trial = counter_of(device)->timer;

	return use(&trial, state);
}

static void get_alarm(struct vmapi_device *device, void *data, uint64_t now)
{
	struct vmi_timer *t = &counter_of(device)->timer;

	vmi_timer_update(t, now);
	vmi_device_alarm(&t->alarm, data);
}

static const struct vmi_device_slot slots[] = {
	{ VMAPI_DEVICE_STATE_ALL, sizeof(struct counter_state), get_all,
		set_all },
	{ VMAPI_DEVICE_ALARM, sizeof(struct vmapi_alarm_counts), get_alarm,
		NULL },
};

static const struct vmi_field fields[] = {
	VMI_INNER(struct counter_state, timer, &vmi_layout_timer),
	VMI_INNER(struct counter_state, alarm, &vmi_layout_alarm),
};

static const struct vmi_layout layout = {
	.fields = fields,
	.n = vmi_array_len(fields),
	.bytes = sizeof(struct counter_state),
};

static const struct vmi_device_type type = {
	.name = "counter",
	.id = VMAPI_DEVICE_COUNTER,
	.size = sizeof(struct counter_device),
	.n_irqs = 1,
	.quiet = true,
	.init = init,
	.refuses = refuses,
	.read = read_bytes,
	.write = write_bytes,
	.update = update,
	.deadline = deadline,
	.reset = reset,
	.slots = slots,
	.n_slots = vmi_array_len(slots),
	.layout = &layout,
	.check = check,
};

/* -- The application's side --------------------------------------------- */

static int check_config(const struct vmapi_counter_config *c)
{
	const uint32_t known = VMAPI_COUNTER_RUNNING | VMAPI_COUNTER_WRITABLE;
	uint64_t end = c->space == VMAPI_SPACE_PORT ? 0xffff : UINT64_MAX;

	if (c->flags & ~known)
		return vmi_fail(-EINVAL, "counter",
			"unknown flags 0x%" PRIx32, c->flags & ~known);
	if (!c->width || c->width > 64)
		return vmi_fail(-EINVAL, "counter",
			"width %" PRIu32 " is not 1 to 64", c->width);
	if (c->policy > VMAPI_ALARM_SLEW)
		return vmi_fail(-EINVAL, "counter", "no policy %" PRIu32,
			c->policy);
	if (c->widths & ~15u)
		return vmi_fail(-EINVAL, "counter",
			"widths 0x%" PRIx32 " of accesses", c->widths);
	if (c->space > VMAPI_SPACE_PORT)
		return vmi_fail(-EINVAL, "counter",
			"space %" PRIu32 " has no regions", c->space);
	if (c->bytes && (c->base > end || c->bytes - 1 > end - c->base))
		return vmi_fail_range(-EINVAL, c->base, c->bytes,
			"0x%" PRIx64 "+0x%" PRIx64 " is no range", c->base,
			c->bytes);
	return 0;
}

int vmapi_counter_create(struct vmapi_vm *vm,
	const struct vmapi_counter_config *config, struct vmapi_device **out)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_counter_config c;
	struct vmi_device_plan plan = { .type = &type, .more = &c };

	if (err)
		return err;
	if (!config || !out)
		return vmi_null(config ? "counter" : "config");
	err = vmi_config_copy(&c, sizeof(c), config, sizeof(c));
	if (!err)
		err = check_config(&c);
	if (err)
		return err;
	plan.base = c.base;
	plan.irq[0] = c.irq;
	plan.ranges[0] = (struct vmi_device_range){
		(enum vmi_space)c.space, 0, c.bytes };
	return vmi_device_make(vm, &plan, out);
}

/* NULL, and *err, where the call is none for it; else it is locked. */
static struct counter_device *take(
	struct vmapi_device *device, const char *operation, int *err)
{
	*err = vmi_enter(device ? device->vm->ctx : NULL, operation);
	if (!*err && device->type != &type)
		*err = vmi_fail(-EINVAL, device->type->name,
			"it is no counter");
	if (*err)
		return NULL;
	vmi_chipset_lock(device->vm);
	return counter_of(device);
}

static void give(struct counter_device *c)
{
	vmi_chipset_unlock(c->device.vm);
}

int vmapi_counter_get(struct vmapi_device *device, uint64_t *value)
{
	int err;
	struct counter_device *c = take(device, __func__, &err);

	if (!c)
		return err;
	if (value)
		*value = vmi_timer_read(
			&c->timer, vmi_chipset_now(device->vm));
	give(c);
	return value ? 0 : vmi_null("value");
}

int vmapi_counter_set(struct vmapi_device *device, uint64_t value)
{
	int err;
	struct counter_device *c = take(device, __func__, &err);

	if (!c)
		return err;
	vmi_timer_write(&c->timer, value & mask_of(c),
		vmi_chipset_now(device->vm));
	give(c);
	return 0;
}

int vmapi_counter_run(struct vmapi_device *device, int on)
{
	int err;
	struct counter_device *c = take(device, __func__, &err);

	if (!c)
		return err;
	vmi_timer_run(&c->timer, on, vmi_chipset_now(device->vm));
	give(c);
	return 0;
}

int vmapi_counter_rate(struct vmapi_device *device, uint64_t ticks,
	uint64_t seconds, uint64_t divider)
{
	const struct vmi_timer_rate rate = { ticks, seconds, divider };
	int err;
	struct counter_device *c = take(device, __func__, &err);

	if (!c)
		return err;
	err = vmi_timer_set_rate(
		&c->timer, &rate, vmi_chipset_now(device->vm));
	give(c);
	return err ? vmi_fail(err, "counter",
			     "that is no rate that it can have")
		   : 0;
}

int vmapi_counter_alarm(
	struct vmapi_device *device, uint64_t value, uint64_t period)
{
	int err;
	struct counter_device *c = take(device, __func__, &err);

	if (!c)
		return err;
	if (device->irq[0])
		vmi_timer_alarm(&c->timer, value, period,
			vmi_chipset_now(device->vm));
	give(c);
	return device->irq[0] ? 0
			      : vmi_fail(-ENXIO, "counter", "it has no line");
}

int vmapi_counter_alarm_off(struct vmapi_device *device)
{
	int err;
	struct counter_device *c = take(device, __func__, &err);

	if (!c)
		return err;
	vmi_timer_alarm_off(&c->timer);
	give(c);
	return 0;
}
