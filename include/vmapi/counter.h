/* SPDX-License-Identifier: MIT */
/* Counters of any rate and width that the guest reads without an exit. */
#ifndef VMAPI_COUNTER_H
#define VMAPI_COUNTER_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi_vm;
struct vmapi_irq;
struct vmapi_device;

/* Flags of a counter's config. */
#define VMAPI_COUNTER_RUNNING  (1u << 0) /* it runs from the beginning */
#define VMAPI_COUNTER_WRITABLE (1u << 1) /* the guest's writes set it */

/*
 * `ticks` in `seconds` of the VM's clock, and it counts each `divider`th:
 * the count is floor(t * ticks / (seconds * divider)) for the time t since it
 * was started or set, computed anew each time, so that nothing adds up.
 */
struct vmapi_counter_config {
	uint32_t size;
	uint32_t flags; /* VMAPI_COUNTER_ */
	uint64_t ticks;
	uint64_t seconds;
	uint64_t divider;
	uint32_t width;	  /* bits, 1 to 64; it wraps to 0 */
	uint32_t policy;  /* of its alarm: enum vmapi_alarm_policy */
	uint64_t value;	  /* at first, and after a reset */
	uint32_t space;	  /* where the guest sees it: VMAPI_SPACE_ */
	uint32_t widths;  /* of accesses: a mask of 1, 2, 4 and 8; 0: any */
	uint64_t base;
	uint64_t bytes;	  /* 0: nowhere; those beyond its width read 0 */
	struct vmapi_irq *irq; /* of its alarm; referenced; NULL: none */
};

/*
 * Make a counter.  It is a device: vmapi_device_destroy() drops it,
 * vmapi_device_command() resets it, and it is in the VM's saved state.
 *
 *   -EINVAL  a rate, divider or width of 0; a width of more than 64; a mask
 *            of other widths; no such space, policy or range
 *   -ERANGE  faster than 10^10 a second, or a rate whose denominator in
 *            nanoseconds has more than 64 bits
 *   -EEXIST  its range overlaps RAM, a device or a region
 *   -ENOMEM
 *
 * No vcpu may be running.  Since 0.1.
 */
VMAPI_API int vmapi_counter_create(struct vmapi_vm *vm,
	const struct vmapi_counter_config *config,
	struct vmapi_device **counter);

/*
 * Read and set it; let it run or stand (`on` is 0 or 1); give it another
 * rate, at which it goes on from its count.  What it had of a tick is gone
 * with the last three.
 *
 *   -EINVAL  the device is no counter; a rate of 0
 *   -ERANGE  the rate: as vmapi_counter_create()
 *
 * Any thread, while vcpus run.  Since 0.1.
 */
VMAPI_API int vmapi_counter_get(struct vmapi_device *counter,
	uint64_t *value);
VMAPI_API int vmapi_counter_set(struct vmapi_device *counter,
	uint64_t value);
VMAPI_API int vmapi_counter_run(struct vmapi_device *counter, int on);
VMAPI_API int vmapi_counter_rate(struct vmapi_device *counter,
	uint64_t ticks, uint64_t seconds, uint64_t divider);

/*
 * Have an edge on its line when the count takes `value` next, and then after
 * each `period` counts; 0: that was it.  It stays a value, and not a time,
 * when the counter is set or stands.  vmapi_counter_alarm_off() takes it
 * back.  What became of the edges, and what is owed by the counter's policy:
 * VMAPI_DEVICE_ALARM of vmapi_device_get().
 *
 *   -EINVAL  the device is no counter
 *   -ENXIO   it has no line
 *
 * Any thread, while vcpus run.  Since 0.1.
 */
VMAPI_API int vmapi_counter_alarm(struct vmapi_device *counter,
	uint64_t value, uint64_t period);
VMAPI_API int vmapi_counter_alarm_off(struct vmapi_device *counter);

VMAPI_DECLS_END

#endif
