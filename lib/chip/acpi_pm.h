/* SPDX-License-Identifier: MIT */
/* ACPI fixed hardware: PM1a event and control blocks and the PM timer. */
#ifndef VMI_CHIP_ACPI_PM_H
#define VMI_CHIP_ACPI_PM_H

#include "lib/chip/chip.h"
#include "lib/chip/counter.h"

#define VMI_PM_TIMER_HZ 3579545

/* Offsets in the block; PM_TMR is read-only. */
#define VMI_PM1_STS 0
#define VMI_PM1_EN  2
#define VMI_PM1_CNT 4
#define VMI_PM_TMR  8
#define VMI_PM_SIZE 12

/* Bits of PM1_STS, and but for the last of PM1_EN (ACPI 4.8.3.1). */
#define VMI_PM1_TMR    0x0001
#define VMI_PM1_GBL    0x0020
#define VMI_PM1_PWRBTN 0x0100
#define VMI_PM1_RTC    0x0400
#define VMI_PM1_WAK    0x8000

struct vmi_acpi_pm_state {
	uint32_t size;
	uint16_t sts;
	uint16_t en;
	uint16_t cnt;
	uint8_t sci; /* level last driven */
	uint8_t pad[5];
	struct vmi_counter timer; /* 64 bits; reads show 24 or 32 */
	uint64_t done;		  /* count whose toggles are in TMR_STS */
};

struct vmi_acpi_pm_config {
	struct vmi_line sci;
	/* SLP_EN was written, with this SLP_TYP. */
	void (*sleep)(void *opaque, unsigned slp_typ);
	void *opaque;
	bool timer32; /* FADT TMR_VAL_EXT; else 24 bits */
};

struct vmi_acpi_pm {
	struct vmi_acpi_pm_state s;
	struct vmi_acpi_pm_config config;
};

void vmi_acpi_pm_init(struct vmi_acpi_pm *pm,
	const struct vmi_acpi_pm_config *config, uint64_t now);
void vmi_acpi_pm_reset(struct vmi_acpi_pm *pm, uint64_t now);
uint32_t vmi_acpi_pm_read(
	struct vmi_acpi_pm *pm, uint16_t offset, unsigned size, uint64_t now);
void vmi_acpi_pm_write(struct vmi_acpi_pm *pm, uint16_t offset, unsigned size,
	uint32_t value, uint64_t now);
void vmi_acpi_pm_update(struct vmi_acpi_pm *pm, uint64_t now);
uint64_t vmi_acpi_pm_deadline(const struct vmi_acpi_pm *pm, uint64_t now);

/* Something happened: VMI_PM1_PWRBTN and its like are set in PM1_STS. */
void vmi_acpi_pm_event(struct vmi_acpi_pm *pm, uint16_t sts, uint64_t now);

int vmi_acpi_pm_set_state(
	struct vmi_acpi_pm *pm, const struct vmi_acpi_pm_state *state);

#endif
