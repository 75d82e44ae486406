/* SPDX-License-Identifier: MIT */
/* What of the library's structs goes on the wire, and in which order. */
#ifndef VMI_CORE_LAYOUT_H
#define VMI_CORE_LAYOUT_H

#include "lib/core/encode.h"

/* Chips: struct vmi_pic_state and so on. */
extern const struct vmi_layout vmi_layout_pic;
extern const struct vmi_layout vmi_layout_ioapic;
extern const struct vmi_layout vmi_layout_pit;
extern const struct vmi_layout vmi_layout_rtc;
extern const struct vmi_layout vmi_layout_hpet;
extern const struct vmi_layout vmi_layout_acpi_pm;
extern const struct vmi_layout vmi_layout_alarm;
extern const struct vmi_layout vmi_layout_timer;

/* Registers of x86: struct vmapi_x86_segment and so on. */
extern const struct vmi_layout vmi_layout_x86_segment;
extern const struct vmi_layout vmi_layout_x86_events;
extern const struct vmi_layout vmi_layout_x86_cpuid;

#endif
