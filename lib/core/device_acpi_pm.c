/* SPDX-License-Identifier: MIT */
/* The ACPI PM1 event block and the PM timer as a device. */
#include <errno.h>
#include <string.h>

#include "lib/chip/acpi_pm.h"
#include "lib/core/device.h"

struct pm_device {
	struct vmapi_device device;
	struct vmi_acpi_pm chip;
};

static struct vmi_acpi_pm *chip_of(struct vmapi_device *device)
{
	return &vmi_container_of(device, struct pm_device, device)->chip;
}

static int init(struct vmapi_device *device,
	const struct vmi_device_plan *plan, uint64_t now)
{
	const struct vmi_acpi_pm_config config = {
		.sci = vmi_device_line(device, 0),
		.timer32 = plan->flags & VMAPI_DEVICE_TIMER32,
	};

	vmi_acpi_pm_init(chip_of(device), &config, now);
	return 0;
}

static uint64_t read_port(struct vmapi_device *device, uint64_t offset,
	unsigned bytes, uint64_t now)
{
	return vmi_acpi_pm_read(
		chip_of(device), (uint16_t)offset, bytes, now);
}

static void write_port(struct vmapi_device *device, uint64_t offset,
	const struct vmapi_access *access, uint64_t now)
{
	vmi_acpi_pm_write(chip_of(device), (uint16_t)offset, access->bytes,
		(uint32_t)access->value, now);
}

static void update(struct vmapi_device *device, uint64_t now)
{
	vmi_acpi_pm_update(chip_of(device), now);
}

static uint64_t deadline(struct vmapi_device *device, uint64_t now)
{
	return vmi_acpi_pm_deadline(chip_of(device), now);
}

static void reset(struct vmapi_device *device, uint64_t now)
{
	vmi_acpi_pm_reset(chip_of(device), now);
}

static int command(struct vmapi_device *device, unsigned id, uint64_t now)
{
	if (id != VMAPI_ACPI_PM_POWER_BUTTON)
		return -ENOENT;
	vmi_acpi_pm_event(chip_of(device), VMI_PM1_PWRBTN, now);
	return 0;
}

static int set_all(struct vmapi_device *device, const void *data, uint64_t now)
{
	struct vmi_acpi_pm_state state;
	int err;

	(void)now;
	memcpy(&state, data, sizeof(state));
	err = vmi_acpi_pm_set_state(chip_of(device), &state);
	if (!err)
		vmi_device_line_is(device, 0, state.sci);
	return err;
}

static void get_status(struct vmapi_device *device, void *data, uint64_t now)
{
	uint16_t sts;

	vmi_acpi_pm_update(chip_of(device), now);
	sts = chip_of(device)->s.sts;
	memcpy(data, &sts, sizeof(sts));
}

/* Bits are set as their events would set them; none is cleared. */
static int set_status(
	struct vmapi_device *device, const void *data, uint64_t now)
{
	uint16_t sts;

	memcpy(&sts, data, sizeof(sts));
	vmi_acpi_pm_event(chip_of(device), sts, now);
	return 0;
}

static int check(struct vmapi_device *device, const void *state)
{
	struct vmi_acpi_pm trial = *chip_of(device);

	return vmi_acpi_pm_set_state(&trial, state);
}

static const struct vmi_device_slot slots[] = {
	{ VMAPI_DEVICE_STATE_ALL, sizeof(struct vmi_acpi_pm_state),
		vmi_device_state, set_all },
	{ VMAPI_ACPI_PM_STATUS, sizeof(uint16_t), get_status, set_status },
};

const struct vmi_device_type vmi_device_acpi_pm = {
	.name = "acpi-pm",
	.id = VMAPI_DEVICE_ACPI_PM,
	.size = sizeof(struct pm_device),
	.n_irqs = 1,
	.quiet = true,
	.flags = VMAPI_DEVICE_TIMER32,
	.usual_base = 0x600,
	/* PM1_CNT, between them, is the application's. */
	.ranges = { { VMI_SPACE_PORT, VMI_PM1_STS, 4 },
		{ VMI_SPACE_PORT, VMI_PM_TMR, 4 } },
	.state_at = offsetof(struct pm_device, chip.s),
	.init = init,
	.read = read_port,
	.write = write_port,
	.update = update,
	.deadline = deadline,
	.reset = reset,
	.command = command,
	.slots = slots,
	.n_slots = vmi_array_len(slots),
	.layout = &vmi_layout_acpi_pm,
	.check = check,
};
