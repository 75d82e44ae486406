/* SPDX-License-Identifier: MIT */
/* The real-time clock as a device: two ports, IRQ 8, CMOS memory. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "lib/chip/rtc.h"
#include "lib/core/device.h"
#include "lib/sys/sys.h"

/* 2000-01-01: where a deterministic VM's clock starts. */
#define FIXED_START 946684800u
#define CLOCK_BYTES 14 /* registers 0 to 0x0d are the clock's */

struct rtc_device {
	struct vmapi_device device;
	struct vmi_rtc chip;
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

static int init(struct vmapi_device *device, uint64_t now)
{
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
	return value;
}

static void write_port(struct vmapi_device *device, uint64_t offset,
	const struct vmi_access *access, uint64_t now)
{
	unsigned i;

	for (i = 0; i < access->bytes; i++)
		vmi_rtc_write(chip_of(device), (uint16_t)(0x70 + offset + i),
			(uint8_t)(access->value >> 8 * i), now);
}

static void update(struct vmapi_device *device, uint64_t now)
{
	vmi_rtc_update(chip_of(device), now);
}

static uint64_t deadline(struct vmapi_device *device, uint64_t now)
{
	return vmi_rtc_deadline(chip_of(device), now);
}

static void reset(struct vmapi_device *device, uint64_t now)
{
	vmi_rtc_reset(chip_of(device), now);
}

void vmi_rtc_device_cut(struct vmapi_device *device, bool cut, uint64_t now)
{
	vmi_rtc_cut(chip_of(device), cut, now);
}

/* -- State -------------------------------------------------------------- */

static void get_all(struct vmapi_device *device, void *data, uint64_t now)
{
	struct vmi_rtc_state state;

	vmi_rtc_update(chip_of(device), now);
	vmi_rtc_get_state(chip_of(device), &state);
	memcpy(data, &state, sizeof(state));
}

static int set_all(struct vmapi_device *device, const void *data, uint64_t now)
{
	struct vmi_rtc_state state;
	int err;

	(void)now;
	memcpy(&state, data, sizeof(state));
	err = vmi_rtc_set_state(chip_of(device), &state);
	if (!err)
		vmi_device_line_is(device, 0, state.irq);
	return err;
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

/* Registers, and bits of B: MC146818 data sheet, "Register B". */
enum {
	SECONDS = 0,
	MINUTES = 2,
	HOURS = 4,
	DAY = 7,
	MONTH = 8,
	YEAR = 9,
	REG_B = 0x0b,
	B_24H = 0x02,
	B_BINARY = 0x04,
	PM_BIT = 0x80
};

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

static const struct vmi_device_slot slots[] = {
	{ VMAPI_DEVICE_STATE_ALL, sizeof(struct vmi_rtc_state), get_all,
		set_all },
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
	.init = init,
	.read = read_port,
	.write = write_port,
	.update = update,
	.deadline = deadline,
	.reset = reset,
	.slots = slots,
	.n_slots = vmi_array_len(slots),
};
