/* SPDX-License-Identifier: MIT */
/* What of the library's structs goes on the wire, and in which order. */
/*
 * The order of rows is the format of saved streams (vmapi_stream(7)): rows
 * are added at the end, with a new version of the stream, and never moved.
 */
#include "lib/core/layout.h"

#include <vmapi/x86.h>

#include "lib/chip/acpi_pm.h"
#include "lib/chip/hpet.h"
#include "lib/chip/ioapic.h"
#include "lib/chip/pic.h"
#include "lib/chip/pit.h"
#include "lib/chip/rtc.h"
#include "lib/chip/timer.h"

#define LAYOUT(type, table)                                                    \
	{ .fields = table, .n = vmi_array_len(table), .bytes = sizeof(type) }
#define SIZED(type, table)                                                     \
	{ .fields = table, .n = vmi_array_len(table), .bytes = sizeof(type),   \
		.has_size = true }

/* -- Chips -------------------------------------------------------------- */

static const struct vmi_field counter_fields[] = {
	VMI_ONE(struct vmi_counter, base),
	VMI_ONE(struct vmi_counter, base_time),
	VMI_ONE(struct vmi_counter, num),
	VMI_ONE(struct vmi_counter, den),
	VMI_ONE(struct vmi_counter, width),
	VMI_ONE(struct vmi_counter, running),
};

static const struct vmi_layout counter =
	LAYOUT(struct vmi_counter, counter_fields);

static const struct vmi_field half_fields[] = {
	VMI_ONE(struct vmi_pic_half_state, lines),
	VMI_ONE(struct vmi_pic_half_state, edges),
	VMI_ONE(struct vmi_pic_half_state, imr),
	VMI_ONE(struct vmi_pic_half_state, isr),
	VMI_ONE(struct vmi_pic_half_state, elcr),
	VMI_ONE(struct vmi_pic_half_state, lowest),
	VMI_ONE(struct vmi_pic_half_state, base),
	VMI_ONE(struct vmi_pic_half_state, icw4),
	VMI_ONE(struct vmi_pic_half_state, next_icw),
	VMI_ONE(struct vmi_pic_half_state, wants_icw4),
	VMI_ONE(struct vmi_pic_half_state, single),
	VMI_ONE(struct vmi_pic_half_state, ltim),
	VMI_ONE(struct vmi_pic_half_state, read_isr),
	VMI_ONE(struct vmi_pic_half_state, poll),
	VMI_ONE(struct vmi_pic_half_state, special_mask),
	VMI_ONE(struct vmi_pic_half_state, aeoi_rotate),
};

static const struct vmi_layout half =
	LAYOUT(struct vmi_pic_half_state, half_fields);

static const struct vmi_field pic_fields[] = {
	VMI_ONE(struct vmi_pic_state, intr),
	VMI_INNERS(struct vmi_pic_state, half, &half),
};

const struct vmi_layout vmi_layout_pic =
	SIZED(struct vmi_pic_state, pic_fields);

static const struct vmi_field ioapic_fields[] = {
	VMI_ONE(struct vmi_ioapic_state, lines),
	VMI_ONE(struct vmi_ioapic_state, select),
	VMI_ONE(struct vmi_ioapic_state, id),
	VMI_MANY(struct vmi_ioapic_state, rte),
	VMI_ONE(struct vmi_ioapic_state, held_until),
	VMI_ONE(struct vmi_ioapic_state, held),
	VMI_ONE(struct vmi_ioapic_state, storm_limit),
	VMI_ONE(struct vmi_ioapic_state, storm_delay),
	VMI_MANY(struct vmi_ioapic_state, storm),
};

const struct vmi_layout vmi_layout_ioapic =
	SIZED(struct vmi_ioapic_state, ioapic_fields);

static const struct vmi_field channel_fields[] = {
	VMI_ONE(struct vmi_pit_channel_state, at),
	VMI_ONE(struct vmi_pit_channel_state, ce),
	VMI_ONE(struct vmi_pit_channel_state, period),
	VMI_ONE(struct vmi_pit_channel_state, cr),
	VMI_ONE(struct vmi_pit_channel_state, latch),
	VMI_ONE(struct vmi_pit_channel_state, latched),
	VMI_ONE(struct vmi_pit_channel_state, status),
	VMI_ONE(struct vmi_pit_channel_state, has_status),
	VMI_ONE(struct vmi_pit_channel_state, rw),
	VMI_ONE(struct vmi_pit_channel_state, mode),
	VMI_ONE(struct vmi_pit_channel_state, bcd),
	VMI_ONE(struct vmi_pit_channel_state, read_msb),
	VMI_ONE(struct vmi_pit_channel_state, write_msb),
	VMI_ONE(struct vmi_pit_channel_state, cr_low),
	VMI_ONE(struct vmi_pit_channel_state, null_count),
	VMI_ONE(struct vmi_pit_channel_state, has_count),
	VMI_ONE(struct vmi_pit_channel_state, load),
	VMI_ONE(struct vmi_pit_channel_state, armed),
	VMI_ONE(struct vmi_pit_channel_state, paused),
	VMI_ONE(struct vmi_pit_channel_state, gate),
	VMI_ONE(struct vmi_pit_channel_state, out),
};

static const struct vmi_layout channel =
	LAYOUT(struct vmi_pit_channel_state, channel_fields);

static const struct vmi_field pit_fields[] = {
	VMI_ONE(struct vmi_pit_state, pending),
	VMI_INNER(struct vmi_pit_state, clock, &counter),
	VMI_INNERS(struct vmi_pit_state, ch, &channel),
	VMI_ONE(struct vmi_pit_state, port61),
	VMI_ONE(struct vmi_pit_state, irq),
	VMI_ONE(struct vmi_pit_state, cut),
	VMI_ONE(struct vmi_pit_state, policy),
};

const struct vmi_layout vmi_layout_pit =
	SIZED(struct vmi_pit_state, pit_fields);

static const struct vmi_field rtc_fields[] = {
	VMI_ONE(struct vmi_rtc_state, index),
	VMI_ONE(struct vmi_rtc_state, irq),
	VMI_ONE(struct vmi_rtc_state, cut),
	VMI_INNER(struct vmi_rtc_state, divider, &counter),
	VMI_ONE(struct vmi_rtc_state, done),
	VMI_MANY(struct vmi_rtc_state, cmos),
};

const struct vmi_layout vmi_layout_rtc =
	SIZED(struct vmi_rtc_state, rtc_fields);

static const struct vmi_field timer_fields[] = {
	VMI_ONE(struct vmi_hpet_timer_state, config),
	VMI_ONE(struct vmi_hpet_timer_state, cmp),
	VMI_ONE(struct vmi_hpet_timer_state, period),
	VMI_ONE(struct vmi_hpet_timer_state, pin),
	VMI_ONE(struct vmi_hpet_timer_state, level),
	VMI_ONE(struct vmi_hpet_timer_state, period_first),
	VMI_ONE(struct vmi_hpet_timer_state, high_half),
};

static const struct vmi_layout timer =
	LAYOUT(struct vmi_hpet_timer_state, timer_fields);

static const struct vmi_field hpet_fields[] = {
	VMI_ONE(struct vmi_hpet_state, strict),
	VMI_INNER(struct vmi_hpet_state, counter, &counter),
	VMI_ONE(struct vmi_hpet_state, done),
	VMI_ONE(struct vmi_hpet_state, last_read),
	VMI_ONE(struct vmi_hpet_state, config),
	VMI_ONE(struct vmi_hpet_state, status),
	VMI_INNERS(struct vmi_hpet_state, timer, &timer),
};

const struct vmi_layout vmi_layout_hpet =
	SIZED(struct vmi_hpet_state, hpet_fields);

static const struct vmi_field pm_fields[] = {
	VMI_ONE(struct vmi_acpi_pm_state, sts),
	VMI_ONE(struct vmi_acpi_pm_state, en),
	VMI_ONE(struct vmi_acpi_pm_state, cnt),
	VMI_ONE(struct vmi_acpi_pm_state, sci),
	VMI_INNER(struct vmi_acpi_pm_state, timer, &counter),
	VMI_ONE(struct vmi_acpi_pm_state, done),
};

const struct vmi_layout vmi_layout_acpi_pm =
	SIZED(struct vmi_acpi_pm_state, pm_fields);

static const struct vmi_field alarm_fields[] = {
	VMI_ONE(struct vmi_alarm_state, ticks),
	VMI_ONE(struct vmi_alarm_state, delivered),
	VMI_ONE(struct vmi_alarm_state, coalesced),
	VMI_ONE(struct vmi_alarm_state, masked),
	VMI_ONE(struct vmi_alarm_state, owed),
	VMI_ONE(struct vmi_alarm_state, last),
	VMI_ONE(struct vmi_alarm_state, gap),
	VMI_ONE(struct vmi_alarm_state, extra),
	VMI_ONE(struct vmi_alarm_state, policy),
	VMI_ONE(struct vmi_alarm_state, started),
};

const struct vmi_layout vmi_layout_alarm =
	LAYOUT(struct vmi_alarm_state, alarm_fields);

static const struct vmi_field generic_fields[] = {
	VMI_ONE(struct vmi_timer_state, width),
	VMI_INNER(struct vmi_timer_state, counter, &counter),
	VMI_ONE(struct vmi_timer_state, done),
	VMI_ONE(struct vmi_timer_state, at),
	VMI_ONE(struct vmi_timer_state, period),
	VMI_ONE(struct vmi_timer_state, armed),
};

const struct vmi_layout vmi_layout_timer =
	SIZED(struct vmi_timer_state, generic_fields);

/* -- Registers of x86 --------------------------------------------------- */

static const struct vmi_field segment_fields[] = {
	VMI_ONE(struct vmapi_x86_segment, base),
	VMI_ONE(struct vmapi_x86_segment, limit),
	VMI_ONE(struct vmapi_x86_segment, attributes),
	VMI_ONE(struct vmapi_x86_segment, selector),
};

const struct vmi_layout vmi_layout_x86_segment =
	LAYOUT(struct vmapi_x86_segment, segment_fields);

static const struct vmi_field events_fields[] = {
	VMI_ONE(struct vmapi_x86_events, exception_pending),
	VMI_ONE(struct vmapi_x86_events, exception_injected),
	VMI_ONE(struct vmapi_x86_events, exception_vector),
	VMI_ONE(struct vmapi_x86_events, exception_has_code),
	VMI_ONE(struct vmapi_x86_events, exception_code),
	VMI_ONE(struct vmapi_x86_events, exception_payload),
	VMI_ONE(struct vmapi_x86_events, exception_has_payload),
	VMI_ONE(struct vmapi_x86_events, interrupt_injected),
	VMI_ONE(struct vmapi_x86_events, interrupt_vector),
	VMI_ONE(struct vmapi_x86_events, interrupt_soft),
	VMI_ONE(struct vmapi_x86_events, shadow),
	VMI_ONE(struct vmapi_x86_events, nmi_pending),
	VMI_ONE(struct vmapi_x86_events, nmi_injected),
	VMI_ONE(struct vmapi_x86_events, nmi_masked),
	VMI_ONE(struct vmapi_x86_events, sipi_vector),
	VMI_ONE(struct vmapi_x86_events, triple_fault),
	VMI_MANY(struct vmapi_x86_events, reserved),
};

const struct vmi_layout vmi_layout_x86_events =
	LAYOUT(struct vmapi_x86_events, events_fields);

static const struct vmi_field cpuid_fields[] = {
	VMI_ONE(struct vmapi_x86_cpuid, leaf),
	VMI_ONE(struct vmapi_x86_cpuid, subleaf),
	VMI_ONE(struct vmapi_x86_cpuid, has_subleaf),
	VMI_ONE(struct vmapi_x86_cpuid, eax),
	VMI_ONE(struct vmapi_x86_cpuid, ebx),
	VMI_ONE(struct vmapi_x86_cpuid, ecx),
	VMI_ONE(struct vmapi_x86_cpuid, edx),
};

const struct vmi_layout vmi_layout_x86_cpuid =
	LAYOUT(struct vmapi_x86_cpuid, cpuid_fields);
