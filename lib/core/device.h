/* SPDX-License-Identifier: MIT */
/* A device of the library: a chip with its ranges, lines and descriptor. */
#ifndef VMI_CORE_DEVICE_H
#define VMI_CORE_DEVICE_H

#include "lib/chip/chip.h"
#include "lib/core/chipset.h"
#include "lib/core/irq.h"
#include "lib/core/layout.h"
#include "lib/region/region.h"

#define VMI_DEVICE_WINDOWS 2

struct vmi_attr_call;
struct vmi_alarm;
struct vmapi_alarm_counts;

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
	const struct vmi_layout *layout; /* the type's, or as init says */
	struct vmapi_irq *irq[4]; /* referenced; NULL: not wired */
	int fd; /* the kernel's: device_native.c; else -1 */
	uint64_t sources; /* of XICS: one above the highest that was set */
};

/* One state that can be got and set, by the number in <vmapi/device.h>. */
struct vmi_device_slot {
	unsigned state;
	size_t bytes;
	/* Chipset locked; `data` has `bytes`.  No `set`: it is told only. */
	void (*get)(struct vmapi_device *device, void *data, uint64_t now);
	int (*set)(struct vmapi_device *device, const void *data,
		uint64_t now);
};

struct vmi_device_range {
	enum vmi_space space;
	uint64_t shift;
	uint64_t bytes; /* 0: no such range */
};

/* What a device is made by. */
struct vmi_device_plan {
	const struct vmi_device_type *type;
	struct vmapi_irq *irq[4];
	uint32_t flags;	 /* VMAPI_DEVICE_ */
	uint32_t policy; /* enum vmapi_alarm_policy */
	uint64_t base;
	struct vmi_device_range ranges[VMI_DEVICE_WINDOWS];
	const void *more; /* the type's own, until it is made */
};

/* Embeds struct vmapi_device first.  Everything with the chipset locked. */
struct vmi_device_type {
	const char *name;
	bool has_servers; /* vcpus are connected one by one: connect.c */
	unsigned id; /* enum vmapi_device_type */
	size_t size;
	unsigned n_irqs;
	bool has_alarm; /* with a policy of the application's */
	bool quiet; /* a read moves no deadline, unless something is due */
	uint32_t flags; /* that it may be made with */
	uint64_t usual_base;
	struct vmi_device_range ranges[VMI_DEVICE_WINDOWS];
	size_t state_at; /* of the chip's whole state, from the device */
	int (*init)(struct vmapi_device *device,
		const struct vmi_device_plan *plan, uint64_t now);
	/* Once it answers, and before it goes: no lock held.  Optional. */
	int (*start)(struct vmapi_device *device);
	void (*stop)(struct vmapi_device *device);
	/* Let go of every line.  Optional. */
	void (*fini)(struct vmapi_device *device);
	/* An access that is the application's.  Optional. */
	bool (*refuses)(struct vmapi_device *device,
		const struct vmapi_access *access);
	/* `offset` from the device's base. */
	uint64_t (*read)(struct vmapi_device *device, uint64_t offset,
		unsigned bytes, uint64_t now);
	void (*write)(struct vmapi_device *device, uint64_t offset,
		const struct vmapi_access *access, uint64_t now);
	void (*update)(struct vmapi_device *device, uint64_t now);
	uint64_t (*deadline)(struct vmapi_device *device, uint64_t now);
	void (*reset)(struct vmapi_device *device, uint64_t now);
	/* -ENOENT.  Optional. */
	int (*command)(struct vmapi_device *device, unsigned command,
		uint64_t now);
	/* An HPET takes IRQ 0 and 8 over, or gives them back.  Optional. */
	void (*cut)(struct vmapi_device *device, bool on, uint64_t now);
	const struct vmi_device_slot *slots;
	size_t n_slots;
	/* Of VMAPI_DEVICE_STATE_ALL: on the wire, and whether set would do. */
	const struct vmi_layout *layout;
	int (*check)(struct vmapi_device *device, const void *state);
};

extern const struct vmi_device_type vmi_device_rtc;
extern const struct vmi_device_type vmi_device_hpet;
extern const struct vmi_device_type vmi_device_acpi_pm;
extern const struct vmi_device_type vmi_device_pit;

/* The plan is checked, but for its irqs and whether its ranges are free. */
int vmi_device_make(struct vmapi_vm *vm, const struct vmi_device_plan *plan,
	struct vmapi_device **device);

/* -- The kernel's devices: device_native.c ------------------------------ */

/* NULL: no such type.  Of its fields name, id and size are set. */
const struct vmi_device_type *vmi_device_native(unsigned id);
int vmi_native_open(struct vmapi_device *device);
void vmi_native_close(struct vmapi_device *device);
/* An attribute of it was set. */
void vmi_native_note(
	struct vmapi_device *device, const struct vmi_attr_call *call);
/*
 * The whole state, as vmapi_device_get() and _set() have it.  `claimed`: the
 * caller holds the VM's lock and has every vcpu, and takes a restore back that
 * fails; else that is done here.
 */
int vmi_native_save(struct vmapi_device *device, bool claimed, void *data,
	size_t *bytes);
int vmi_native_restore(struct vmapi_device *device, bool claimed,
	const void *data, size_t bytes);
int vmi_native_check(
	struct vmapi_device *device, const void *data, size_t bytes);

/* By place, the oldest first; NULL: no such device.  Chipset locked. */
struct vmapi_device *vmi_device_at(struct vmapi_vm *vm, uint32_t place);
/* Its vcpus are nobody's any more.  Under the VM's lock. */
void vmi_device_disconnect(struct vmapi_device *device);

/* A chip's output that drives device->irq[pin]. */
struct vmi_line vmi_device_line(struct vmapi_device *device, unsigned pin);
/* The whole state of its chip: the `get` of VMAPI_DEVICE_STATE_ALL. */
void vmi_device_state(struct vmapi_device *device, void *data, uint64_t now);
/* After a state was set: the line has this level, nothing is driven. */
void vmi_device_line_is(struct vmapi_device *device, unsigned pin, bool level);
/* A rising edge on device->irq[pin], which then has `level`.  Its delivery. */
int vmi_device_pulse(struct vmapi_device *device, unsigned pin, bool level);
/* What VMAPI_DEVICE_ALARM tells, to `data`. */
void vmi_device_alarm(const struct vmi_alarm *alarm, void *data);

#endif
