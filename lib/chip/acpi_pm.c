/* SPDX-License-Identifier: MIT */
/*
 * ACPI fixed hardware (ACPI 6.4, 4.8.3). Registers are little-endian and
 * accessed in bytes, words or dwords, so a write comes as a value and a mask
 * over the 64 bits of the event and control blocks.
 */
#include "lib/chip/acpi_pm.h"

#include <errno.h>
#include <string.h>

#define STS_BITS 0xc731 /* WAK, PCIEXP, RTC, SLPBTN, PWRBTN, GBL, BM, TMR */
#define EN_BITS	 (VMI_PM1_TMR | VMI_PM1_GBL | VMI_PM1_PWRBTN | VMI_PM1_RTC)
#define CNT_BITS 0x1c03 /* SLP_TYP, BM_RLD, SCI_EN */
#define SLP_EN	 0x2000

static uint64_t half_range(const struct vmi_acpi_pm *pm)
{
	return UINT64_C(1) << (pm->config.timer32 ? 31 : 23);
}

static void settle(struct vmi_acpi_pm *pm)
{
	bool level = pm->s.sts & pm->s.en & EN_BITS;

	if (pm->s.sci == level)
		return;
	pm->s.sci = level;
	vmi_line_set(&pm->config.sci, level);
}

/* TMR_STS: "set any time the most significant bit toggles" (4.8.3.1.1). */
void vmi_acpi_pm_update(struct vmi_acpi_pm *pm, uint64_t now)
{
	uint64_t count = vmi_counter_read(&pm->s.timer, now);

	if (count <= pm->s.done)
		return;
	if (count / half_range(pm) != pm->s.done / half_range(pm))
		pm->s.sts |= VMI_PM1_TMR;
	pm->s.done = count;
	settle(pm);
}

uint64_t vmi_acpi_pm_deadline(const struct vmi_acpi_pm *pm, uint64_t now)
{
	uint64_t count = vmi_counter_read(&pm->s.timer, now);
	uint64_t half = half_range(pm);

	if (!(pm->s.en & VMI_PM1_TMR) || pm->s.sts & VMI_PM1_TMR)
		return VMI_NEVER;
	if (count / half != pm->s.done / half)
		return now;
	return vmi_counter_after(&pm->s.timer, half - count % half, now);
}

static uint64_t block(const struct vmi_acpi_pm *pm)
{
	return pm->s.sts | (uint64_t)pm->s.en << 16 | (uint64_t)pm->s.cnt << 32;
}

uint32_t vmi_acpi_pm_read(
	struct vmi_acpi_pm *pm, uint16_t offset, unsigned size, uint64_t now)
{
	uint64_t timer = vmi_counter_read(&pm->s.timer, now);

	vmi_acpi_pm_update(pm, now);
	timer &= 2 * half_range(pm) - 1;
	return (uint32_t)(offset < VMI_PM_TMR
				  ? vmi_bytes_get(block(pm), offset, size)
				  : vmi_bytes_get(
					    timer, offset - VMI_PM_TMR, size));
}

static void write_control(struct vmi_acpi_pm *pm, uint16_t value, uint16_t mask)
{
	pm->s.cnt = (uint16_t)((pm->s.cnt & ~mask) | (value & mask & CNT_BITS));
	if (value & mask & SLP_EN && pm->config.sleep)
		pm->config.sleep(pm->config.opaque, pm->s.cnt >> 10 & 7);
}

void vmi_acpi_pm_write(struct vmi_acpi_pm *pm, uint16_t offset, unsigned size,
	uint32_t value, uint64_t now)
{
	uint64_t mask = vmi_bytes_mask(offset, size), wide;
	uint16_t en_mask = (uint16_t)(mask >> 16) & EN_BITS;

	vmi_acpi_pm_update(pm, now);
	if (offset >= VMI_PM_TMR)
		return;
	wide = (uint64_t)value << 8 * offset & mask;
	pm->s.sts &= (uint16_t)~wide; /* write 1 to clear */
	pm->s.en = (uint16_t)((pm->s.en & ~en_mask) | (wide >> 16 & en_mask));
	settle(pm);
	write_control(pm, (uint16_t)(wide >> 32), (uint16_t)(mask >> 32));
}

void vmi_acpi_pm_event(struct vmi_acpi_pm *pm, uint16_t sts, uint64_t now)
{
	vmi_acpi_pm_update(pm, now);
	pm->s.sts |= sts & STS_BITS;
	settle(pm);
}

void vmi_acpi_pm_reset(struct vmi_acpi_pm *pm, uint64_t now)
{
	vmi_acpi_pm_update(pm, now);
	pm->s.sts = 0;
	pm->s.en = 0;
	pm->s.cnt = 0;
	settle(pm);
}

void vmi_acpi_pm_init(struct vmi_acpi_pm *pm,
	const struct vmi_acpi_pm_config *config, uint64_t now)
{
	memset(pm, 0, sizeof(*pm));
	pm->config = *config;
	pm->s.size = sizeof(pm->s);
	vmi_counter_init(&pm->s.timer, VMI_PM_TIMER_HZ, VMI_NSEC_PER_SEC, 64);
	vmi_counter_start(&pm->s.timer, now);
}

int vmi_acpi_pm_set_state(
	struct vmi_acpi_pm *pm, const struct vmi_acpi_pm_state *state)
{
	if (state->size != sizeof(*state) || state->sci > 1 ||
		state->sts & ~STS_BITS || state->en & ~EN_BITS ||
		state->cnt & ~CNT_BITS || !state->timer.running ||
		!vmi_counter_valid(&state->timer, &pm->s.timer))
		return -EINVAL;
	pm->s = *state;
	return 0;
}
