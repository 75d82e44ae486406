/* SPDX-License-Identifier: MIT */
/*
 * What the PC chips share: time, output lines, interrupt messages.
 *
 * A chip is a passive object. It knows no backend, no thread, no host clock
 * and no lock: each access carries `now`, nanoseconds of the guest's
 * monotonic clock, and the owner serialises the calls. So a chip is a
 * function of its calls, and a trace of them replays exactly.
 *
 * Every chip X has
 *   vmi_X_init(), vmi_X_reset()	power-up state
 *   vmi_X_read(), vmi_X_write()	a guest access
 *   vmi_X_update(chip, now)		raise what became due
 *   vmi_X_deadline(chip, now)		absolute time of the next event that
 *					the guest can notice without an
 *					access, or VMI_NEVER
 *   vmi_X_get_state(), _set_state()	the whole of it, partial accesses and
 *					latches included
 *
 * A state is plain data without hidden padding, `size` first. A set refuses
 * with -EINVAL what no run of the chip could have left behind in a way that
 * its code relies on, and changes nothing then. It drives no output line:
 * the far end of each line saves the level that it last saw.
 *
 * A `now` that runs backwards (two processors' accesses may arrive out of
 * order) reads as no time passed.
 */
#ifndef VMI_CHIP_CHIP_H
#define VMI_CHIP_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VMI_NSEC_PER_SEC UINT64_C(1000000000)
#define VMI_NEVER	 UINT64_MAX

/* An output pin. An edge is set(1) followed, sooner or later, by set(0). */
struct vmi_line {
	void (*set)(void *opaque, unsigned pin, bool level);
	void *opaque;
	unsigned pin;
};

static inline void vmi_line_set(const struct vmi_line *line, bool level)
{
	if (line->set)
		line->set(line->opaque, line->pin, level);
}

/* Delivery modes of an interrupt message (SDM 3A 11.5.1, figure 11-12). */
enum vmi_delivery {
	VMI_DELIVER_FIXED = 0,
	VMI_DELIVER_LOWEST = 1,
	VMI_DELIVER_SMI = 2,
	VMI_DELIVER_REMOTE_READ = 3,
	VMI_DELIVER_NMI = 4,
	VMI_DELIVER_INIT = 5,
	VMI_DELIVER_SIPI = 6,
	VMI_DELIVER_EXTINT = 7,
};

/*
 * An interrupt message: what an IOAPIC pin, an MSI or an ICR write sends.
 *
 * Who carries one returns the delivery tri-state: negative when it was
 * blocked (masked, or nobody takes it), 0 when it merged with one already
 * pending, else the number of processors that it reached.
 */
struct vmi_msi_msg {
	uint32_t dest;
	uint8_t vector;
	uint8_t delivery; /* enum vmi_delivery */
	bool logical;	  /* destination mode */
	bool wide;	  /* dest is a 32-bit x2APIC destination */
	bool trig_level;  /* trigger mode */
	bool level;	  /* asserted, for INIT */
};

/* The `size` bytes of `value` that start at byte `at`. */
static inline uint64_t vmi_bytes_get(uint64_t value, unsigned at, unsigned size)
{
	if (at >= 8)
		return 0;
	value >>= 8 * at;
	return size >= 8 ? value : value & ((UINT64_C(1) << 8 * size) - 1);
}

/* A mask of the `size` bytes that start at byte `at` of a 64-bit word. */
static inline uint64_t vmi_bytes_mask(unsigned at, unsigned size)
{
	uint64_t mask =
		size >= 8 ? ~UINT64_C(0) : (UINT64_C(1) << 8 * size) - 1;

	return at >= 8 ? 0 : mask << 8 * at;
}

#endif
