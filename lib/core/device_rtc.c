/* SPDX-License-Identifier: MIT */
/* The real-time clock as a device: two ports, IRQ 8, CMOS memory. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "lib/chip/alarm.h"
#include "lib/chip/rtc.h"
#include "lib/core/device.h"
#include "lib/sys/sys.h"

/* 2000-01-01: where a deterministic VM's clock starts. */
#define FIXED_START 946684800u
#define CLOCK_BYTES 14 /* registers 0 to 0x0d are the clock's */

/* Registers, and bits of B: MC146818 data sheet, "Register B". */
enum {
	SECONDS = 0,
	MINUTES = 2,
	HOURS = 4,
	DAY = 7,
	MONTH = 8,
	YEAR = 9,
	REG_A = 0x0a,
	REG_B = 0x0b,
	B_24H = 0x02,
	B_BINARY = 0x04,
	B_PIE = 0x40,
	PM_BIT = 0x80
};

struct rtc_device {
	struct vmapi_device device;
	struct vmi_rtc chip;
	struct vmi_alarm alarm; /* of the periodic interrupt */
};

/* The whole state. */
struct rtc_state {
	struct vmi_rtc_state chip;
	struct vmi_alarm_state alarm; /* where there is a policy */
};

static struct vmi_rtc *chip_of(struct vmapi_device *device)
{
	return &vmi_container_of(device, struct rtc_device, device)->chip;
}

static uint64_t start_time(const struct vmapi_vm *vm)
{
	uint64_t ns = 0;

	if (vm->config.flags & VMAPI_VM_DETERMINISTIC)
		return FIXED_START;
	(void)vmi_sys->now(CLOCK_REALTIME, &ns);
	return ns / 1000000000u;
}

static struct vmi_alarm *alarm_of(struct vmapi_device *device)
{
	return &vmi_container_of(device, struct rtc_device, device)->alarm;
}

static int pulse(void *opaque)
{
	return vmi_rtc_tick(opaque);
}

/* After each call of the chip. */
static void tell_alarm(struct vmapi_device *device, uint64_t now)
{
	struct vmi_rtc *chip = chip_of(device);

	if (chip->ticks.n)
		vmi_alarm_ticked(alarm_of(device), chip->ticks.n,
			!chip->ticks.merged, now);
	chip->ticks.n = 0;
	vmi_alarm_update(alarm_of(device), now);
}

static const struct vmi_field fields[] = {
	VMI_INNER(struct rtc_state, chip, &vmi_layout_rtc),
	VMI_INNER(struct rtc_state, alarm, &vmi_layout_alarm),
};

/* Without a policy there is only the chip, as there always was. */
static const struct vmi_layout layouts[2] = {
	{ .fields = fields, .n = 1, .bytes = sizeof(struct rtc_state) },
	{ .fields = fields, .n = 2, .bytes = sizeof(struct rtc_state) },
};

static int init(struct vmapi_device *device,
	const struct vmi_device_plan *plan, uint64_t now)
{
	vmi_alarm_init(alarm_of(device), (enum vmi_alarm_policy)plan->policy);
	alarm_of(device)->pulse = pulse;
	alarm_of(device)->opaque = chip_of(device);
	device->layout = &layouts[plan->policy != VMI_ALARM_DISCARD];
	vmi_rtc_init(chip_of(device), vmi_device_line(device, 0),
		start_time(device->vm), now);
	return 0;
}

/* Byte by byte: a word at the index port reaches the data port too. */
static uint64_t read_port(struct vmapi_device *device, uint64_t offset,
	unsigned bytes, uint64_t now)
{
	uint64_t value = 0;
	unsigned i;

	for (i = 0; i < bytes; i++)
		value |= (uint64_t)vmi_rtc_read(chip_of(device),
				 (uint16_t)(0x70 + offset + i), now)
			<< 8 * i;
	tell_alarm(device, now);
	return value;
}

/* After a write to the data port: another rate, or no such interrupts. */
static bool begins_anew(const struct vmi_rtc_state *s)
{
	return (s->index & 0x7f) == REG_A || !(s->cmos[REG_B] & B_PIE);
}

static void write_port(struct vmapi_device *device, uint64_t offset,
	const struct vmapi_access *access, uint64_t now)
{
	unsigned i;

	for (i = 0; i < access->bytes; i++)
		vmi_rtc_write(chip_of(device), (uint16_t)(0x70 + offset + i),
			(uint8_t)(access->value >> 8 * i), now);
	tell_alarm(device, now);
	if (offset + access->bytes > 1 && begins_anew(&chip_of(device)->s))
		vmi_alarm_forget(alarm_of(device));
}

static void update(struct vmapi_device *device, uint64_t now)
{
	vmi_rtc_update(chip_of(device), now);
	tell_alarm(device, now);
}

static uint64_t deadline(struct vmapi_device *device, uint64_t now)
{
	uint64_t due = vmi_rtc_deadline(chip_of(device), now);
	uint64_t extra = vmi_alarm_deadline(alarm_of(device));

	return due < extra ? due : extra;
}

static void reset(struct vmapi_device *device, uint64_t now)
{
	vmi_rtc_reset(chip_of(device), now);
	vmi_alarm_forget(alarm_of(device));
}

static void cut(struct vmapi_device *device, bool on, uint64_t now)
{
	vmi_rtc_cut(chip_of(device), on, now);
	vmi_alarm_forget(alarm_of(device));
}

/* -- State -------------------------------------------------------------- */

static void get_all(struct vmapi_device *device, void *data, uint64_t now)
{
	struct rtc_state state;

	update(device, now);
	state.chip = chip_of(device)->s;
	state.alarm = alarm_of(device)->s;
	memcpy(data, &state, sizeof(state));
}

static int use(struct rtc_device *rtc, const void *data)
{
	struct rtc_state state;
	int err;

	memcpy(&state, data, sizeof(state));
	state.chip.size = sizeof(state.chip);
	if (!vmi_alarm_fits(&rtc->alarm, &state.alarm))
		return -EINVAL;
	err = vmi_rtc_set_state(&rtc->chip, &state.chip);
	if (!err)
		vmi_alarm_set_state(&rtc->alarm, &state.alarm);
	return err;
}

static int set_all(struct vmapi_device *device, const void *data, uint64_t now)
{
	int err = use(vmi_container_of(device, struct rtc_device, device),
		data);

	(void)now;
	if (!err)
		vmi_device_line_is(device, 0, chip_of(device)->s.irq);
	return err;
}

static void get_alarm(struct vmapi_device *device, void *data, uint64_t now)
{
	update(device, now);
	vmi_device_alarm(alarm_of(device), data);
}

static void get_nvram(struct vmapi_device *device, void *data, uint64_t now)
{
	vmi_rtc_update(chip_of(device), now);
	memcpy(data, chip_of(device)->s.cmos, VMI_RTC_BYTES);
}

static int set_nvram(
	struct vmapi_device *device, const void *data, uint64_t now)
{
	const uint8_t *bytes = data;
	unsigned i;
	int err = 0;

	(void)now;
	for (i = CLOCK_BYTES; i < VMI_RTC_BYTES && !err; i++)
		err = vmi_rtc_poke(chip_of(device), i, bytes[i]);
	return err;
}

static unsigned field(const uint8_t *cmos, unsigned index, uint8_t mask)
{
	unsigned v = cmos[index] & mask;

	return cmos[REG_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 0xf);
}

static unsigned hours(const uint8_t *cmos)
{
	unsigned h;

	if (cmos[REG_B] & B_24H)
		return field(cmos, HOURS, 0xff);
	h = field(cmos, HOURS, 0x7f) % 12;
	return cmos[HOURS] & PM_BIT ? h + 12 : h;
}

/* Days from 1970-01-01 in the Gregorian calendar; years begin in March so
 * that the leap day is the last. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = year - (month <= 2), era = y / 400, of_era = y % 400;
	int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) /
			5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
		of_year - 719468;
}

static void get_seconds(struct vmapi_device *device, void *data, uint64_t now)
{
	const uint8_t *cmos = chip_of(device)->s.cmos;
	int64_t year, seconds;

	vmi_rtc_update(chip_of(device), now);
	/* The century byte is BCD whatever the mode. */
	year = (cmos[VMI_RTC_CENTURY] >> 4) * 1000 +
		(cmos[VMI_RTC_CENTURY] & 0xf) * 100 + field(cmos, YEAR, 0xff);
	seconds = days_of(year, field(cmos, MONTH, 0xff),
		field(cmos, DAY, 0xff)) * 86400;
	seconds += hours(cmos) * 3600 + field(cmos, MINUTES, 0xff) * 60 +
		field(cmos, SECONDS, 0xff);
	memcpy(data, &seconds, sizeof(seconds));
}

static int set_seconds(
	struct vmapi_device *device, const void *data, uint64_t now)
{
	int64_t seconds;

	memcpy(&seconds, data, sizeof(seconds));
	/* Until the year 9999, which the century byte can say. */
	if (seconds < 0 || seconds > 253402300799)
		return -EINVAL;
	vmi_rtc_set_time(chip_of(device), (uint64_t)seconds, now);
	return 0;
}

static int check(struct vmapi_device *device, const void *state)
{
	struct rtc_device trial =
		*vmi_container_of(device, struct rtc_device, device);

	return use(&trial, state);
}

static const struct vmi_device_slot slots[] = {
	{ VMAPI_DEVICE_STATE_ALL, sizeof(struct rtc_state), get_all,
		set_all },
	{ VMAPI_DEVICE_ALARM, sizeof(struct vmapi_alarm_counts), get_alarm,
		NULL },
	{ VMAPI_RTC_NVRAM, VMI_RTC_BYTES, get_nvram, set_nvram },
	{ VMAPI_RTC_SECONDS, sizeof(int64_t), get_seconds, set_seconds },
};

const struct vmi_device_type vmi_device_rtc = {
	.name = "rtc",
	.id = VMAPI_DEVICE_RTC,
	.size = sizeof(struct rtc_device),
	.n_irqs = 1,
	.usual_base = 0x70,
	.ranges = { { VMI_SPACE_PORT, 0, 2 } },
	.has_alarm = true,
	.init = init,
	.read = read_port,
	.write = write_port,
	.update = update,
	.deadline = deadline,
	.reset = reset,
	.cut = cut,
	.slots = slots,
	.n_slots = vmi_array_len(slots),
	.layout = &layouts[0],
	.check = check,
};
