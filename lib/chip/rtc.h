/* SPDX-License-Identifier: MIT */
/* The MC146818 real-time clock with 128 bytes of CMOS memory. */
#ifndef VMI_CHIP_RTC_H
#define VMI_CHIP_RTC_H

#include "lib/chip/chip.h"
#include "lib/chip/counter.h"

#define VMI_RTC_BYTES	128
#define VMI_RTC_CENTURY 0x32

struct vmi_rtc_state {
	uint32_t size;
	uint8_t index; /* bit 7 masks NMI */
	uint8_t irq;   /* level last driven */
	uint8_t cut;
	uint8_t pad;
	struct vmi_counter divider; /* 32768 Hz; a second ends at each 32768 */
	uint64_t done;		    /* divider count acted upon */
	uint8_t cmos[VMI_RTC_BYTES];
};

/* Periodic ticks that the last calls brought; the owner sets it to 0. */
struct vmi_rtc_ticks {
	uint64_t n;
	bool merged; /* the first met a PF that was set */
};

struct vmi_rtc {
	struct vmi_rtc_ticks ticks;
	struct vmi_rtc_state s;
	struct vmi_line irq8;
};

/* The clock shows `unix_time` (seconds, UTC) and a second begins at `now`. */
void vmi_rtc_init(struct vmi_rtc *rtc, struct vmi_line irq8, uint64_t unix_time,
	uint64_t now);
void vmi_rtc_set_time(struct vmi_rtc *rtc, uint64_t unix_time, uint64_t now);

/* RESET: interrupts off; time and memory stay (they are battery-backed). */
void vmi_rtc_reset(struct vmi_rtc *rtc, uint64_t now);

/* Ports 0x70 (index, write-only) and 0x71 (data). */
uint8_t vmi_rtc_read(struct vmi_rtc *rtc, uint16_t port, uint64_t now);
void vmi_rtc_write(
	struct vmi_rtc *rtc, uint16_t port, uint8_t value, uint64_t now);
/* A periodic tick now: false where it merges with the one before it. */
bool vmi_rtc_tick(struct vmi_rtc *rtc);
void vmi_rtc_update(struct vmi_rtc *rtc, uint64_t now);
uint64_t vmi_rtc_deadline(const struct vmi_rtc *rtc, uint64_t now);

/* While cut (HPET legacy replacement), IRQ 8 is low and somebody else's. */
void vmi_rtc_cut(struct vmi_rtc *rtc, bool cut, uint64_t now);
bool vmi_rtc_nmi_masked(const struct vmi_rtc *rtc);

/* CMOS memory as the board's maker fills it; not registers 0 to 0x0d. */
int vmi_rtc_poke(struct vmi_rtc *rtc, unsigned index, uint8_t value);

int vmi_rtc_set_state(struct vmi_rtc *rtc, const struct vmi_rtc_state *state);

#endif
