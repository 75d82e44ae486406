/* SPDX-License-Identifier: MIT */
/* A device of the library: a chip with its ranges, lines and descriptor. */
#ifndef VMI_CORE_DEVICE_H
#define VMI_CORE_DEVICE_H

#include "lib/chip/chip.h"
#include "lib/core/chipset.h"
#include "lib/core/irq.h"
#include "lib/region/region.h"

#define VMI_DEVICE_WINDOWS 2

struct vmi_device_window {
	struct vmi_region region;
	struct vmapi_device *device;
	uint64_t shift; /* of the region's base from the device's */
};

struct vmapi_device {
	struct vmapi_vm *vm; /* referenced */
	const struct vmi_device_type *type;
	struct vmapi_device *next; /* of vm->devices, chipset locked */
	struct vmi_chip_client client;
	struct vmi_device_window windows[VMI_DEVICE_WINDOWS];
	unsigned n_windows;
	struct vmapi_irq *irq[4]; /* referenced; NULL: not wired */
	int fd; /* the kernel's: device_native.c; else -1 */
};

/* One state that can be got and set, by the number in <vmapi/device.h>. */
struct vmi_device_slot {
	unsigned state;
	size_t bytes;
	/* Chipset locked; `data` has `bytes`. */
	void (*get)(struct vmapi_device *device, void *data, uint64_t now);
	int (*set)(struct vmapi_device *device, const void *data,
		uint64_t now);
};

struct vmi_device_range {
	enum vmi_space space;
	uint64_t shift;
	uint64_t bytes; /* 0: no such range */
};

/* Embeds struct vmapi_device first.  Everything with the chipset locked. */
struct vmi_device_type {
	const char *name;
	unsigned id; /* enum vmapi_device_type */
	size_t size;
	unsigned n_irqs;
	uint64_t usual_base;
	struct vmi_device_range ranges[VMI_DEVICE_WINDOWS];
	int (*init)(struct vmapi_device *device, uint64_t now);
	/* Let go of every line.  Optional. */
	void (*fini)(struct vmapi_device *device);
	/* `offset` from the device's base. */
	uint64_t (*read)(struct vmapi_device *device, uint64_t offset,
		unsigned bytes, uint64_t now);
	void (*write)(struct vmapi_device *device, uint64_t offset,
		const struct vmi_access *access, uint64_t now);
	void (*update)(struct vmapi_device *device, uint64_t now);
	uint64_t (*deadline)(struct vmapi_device *device, uint64_t now);
	void (*reset)(struct vmapi_device *device, uint64_t now);
	/* -ENOENT.  Optional. */
	int (*command)(struct vmapi_device *device, unsigned command,
		uint64_t now);
	const struct vmi_device_slot *slots;
	size_t n_slots;
};

extern const struct vmi_device_type vmi_device_rtc;
extern const struct vmi_device_type vmi_device_hpet;
extern const struct vmi_device_type vmi_device_acpi_pm;

/* -- The kernel's devices: device_native.c ------------------------------ */

/* NULL: no such type.  Of its fields name, id and size are set. */
const struct vmi_device_type *vmi_device_native(unsigned id);
int vmi_native_open(struct vmapi_device *device);
void vmi_native_close(struct vmapi_device *device);
/* The whole state, as vmapi_device_get() and _set() have it. */
int vmi_native_save(struct vmapi_device *device, void *data, size_t *bytes);
int vmi_native_restore(struct vmapi_device *device, const void *data,
	size_t bytes);

/* A chip's output that drives device->irq[pin]. */
struct vmi_line vmi_device_line(struct vmapi_device *device, unsigned pin);
/* After a state was set: the line has this level, nothing is driven. */
void vmi_device_line_is(struct vmapi_device *device, unsigned pin, bool level);
/* An HPET takes IRQ 0 and 8 over, or gives them back. */
void vmi_rtc_device_cut(struct vmapi_device *device, bool cut, uint64_t now);

#endif
