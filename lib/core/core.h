/* SPDX-License-Identifier: MIT */
/* The structs behind the handles, as core and the backends see them. */
#ifndef VMI_CORE_CORE_H
#define VMI_CORE_CORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include <vmapi/vmapi.h>

#include "lib/compiler.h"

struct vmi_backend;
struct vmi_regions;
struct vmi_chipset;

/*
 * Ownership: a child holds one reference on its parent, so that objects may
 * be dropped in any order: ctx <- ram, vm; vm <- vcpu, as, map, irq, device.
 * A backend's struct embeds the core's as its first member; core allocates
 * `ctx_size`, `vm_size`, `vcpu_size` bytes of zeros and calls the init.
 */
struct vmapi {
	const struct vmi_backend *be;
	atomic_uint refs;
	pid_t pid; /* fork makes handles inert: another pid is -EPERM */
	char reason[208];
	int log_level;
	vmapi_log_fn *log;
	void *log_opaque;
	unsigned trace_mask;
	vmapi_trace_fn *trace;
	void *trace_opaque;
};

struct vmapi_ram {
	struct vmapi *ctx;
	atomic_uint refs;
	uint32_t kind;
	uint8_t *base;
	uint64_t bytes;
	int fd; /* -1: none */
	char name[32];
	/*
	 * One byte a page, for the software processor: see lib/soft.  Never
	 * read by core; allocated by vmi_ram_page_flags() on first use.
	 */
	_Atomic(_Atomic(uint8_t) *) page_flags;
	/* Backends that hear of writes by others: vmapi_ram_written(). */
	pthread_mutex_t watch_lock;
	struct vmi_ram_watch *watches;
};

/* Somebody who wants to know that RAM changed behind his back. */
struct vmi_ram_watch {
	struct vmi_ram_watch *next;
	void (*written)(struct vmi_ram_watch *, struct vmapi_ram *,
		uint64_t offset, uint64_t bytes);
};

/* One committed entry. */
struct vmi_map_entry {
	uint64_t gpa;
	uint64_t bytes;
	uint64_t offset;
	struct vmapi_ram *ram; /* referenced by the view that holds it */
	uint32_t flags;
	uint32_t slot; /* the backend's own */
};

/*
 * A committed map: immutable, sorted by gpa.  Readers off the run path take
 * vm->map_lock; a vcpu reads as->view only inside the run gate.
 */
struct vmi_view {
	size_t n;
	struct vmi_map_entry entries[];
};

struct vmapi_as {
	struct vmapi_vm *vm;
	atomic_uint refs;
	unsigned id; /* 0: what the vcpus see */
	struct vmi_view *view;
	struct vmapi_as *next;
};

/* Where a vcpu is, as the run gate sees it. */
enum vmi_vcpu_place {
	VMI_OUTSIDE = 0, /* not in vmapi_vcpu_run(), or between guest entries */
	VMI_IN_GUEST = 1
};

struct vmapi_vm {
	struct vmapi *ctx;
	atomic_uint refs;
	struct vmapi_vm_config config;
	pthread_mutex_t lock;	/* vcpu list, devices, spaces */
	struct vmapi_vcpu *vcpus;
	unsigned n_vcpus;
	pthread_mutex_t map_lock; /* one commit at a time; readers of views */
	struct vmapi_as *spaces;  /* as 0 first */
	bool map_broken;
	/* the run gate: lib/core/gate.c */
	pthread_mutex_t gate_lock;
	pthread_cond_t gate_cond;
	atomic_uint gate_closed;
	/* what answers accesses without the application: lib/region */
	_Atomic(struct vmi_regions *) regions;
	/* chips of the library: lock, clock, timers: lib/core/chipset.c */
	struct vmi_chipset *chipset;
	/* interrupt lines: level of each GSI as the union of its handles */
	struct vmapi_irq *irqs;
};

struct vmapi_vcpu {
	struct vmapi_vm *vm;
	struct vmapi_vcpu *next;
	uint64_t id;
	unsigned index; /* in order of creation */
	atomic_int running; /* 1: a thread is in run or settle */
	atomic_int place;   /* enum vmi_vcpu_place */
	/* An exit that must be answered: VMAPI_EXIT_ANSWER given, no answer. */
	bool unanswered;
	uint32_t answer_bytes; /* what vmapi_vcpu_complete() must bring */
	uint32_t answer_is_optional; /* 0 bytes are legal too (MSR: #GP) */
};

/* -- lib/core/error.c --------------------------------------------------- */

/*
 * Record a failure of the calling thread and return `code` (negative errno).
 * The operation's name is the public entry's, set by vmi_enter().
 */
int vmi_fail(int code, const char *object, const char *format, ...)
	vmi_printf(3, 4);
/* The same with the range or tag that the failure is about. */
int vmi_fail_range(int code, uint64_t first, uint64_t size,
	const char *format, ...) vmi_printf(4, 5);
/* The beginning of every public function: names it, checks the process. */
int vmi_enter(const struct vmapi *ctx, const char *operation);

/* Copy a config whose first member is `size` into one of this build. */
int vmi_config_copy(void *to, size_t to_size, const void *from,
	size_t first_version);

/* -- lib/core/log.c ----------------------------------------------------- */

void vmi_log(const struct vmapi *ctx, int level, const char *format, ...)
	vmi_printf(3, 4);
void vmi_trace(const struct vmapi *ctx, unsigned what, const char *format, ...)
	vmi_printf(3, 4);

/* -- lib/core/gate.c ---------------------------------------------------- */

/*
 * A backend brackets every stay in the guest with these, on the vcpu's
 * thread.  Enter blocks while the gate is closed.  After leave the vcpu
 * holds no pointer into a view, into RAM found through one, or into the
 * region snapshot.
 */
void vmi_gate_enter(struct vmapi_vcpu *vcpu);
void vmi_gate_leave(struct vmapi_vcpu *vcpu);
/* Close: returns when every other vcpu is outside.  Open again. */
void vmi_gate_close(struct vmapi_vm *vm);
void vmi_gate_open(struct vmapi_vm *vm);

/* -- lib/core/ram.c, lib/core/map.c ------------------------------------- */

_Atomic(uint8_t) *vmi_ram_page_flags(struct vmapi_ram *ram);
void vmi_ram_watch_add(struct vmapi_ram *ram, struct vmi_ram_watch *watch);
void vmi_ram_watch_remove(struct vmapi_ram *ram, struct vmi_ram_watch *watch);
/* The entry that holds gpa, or NULL. */
const struct vmi_map_entry *vmi_view_find(const struct vmi_view *view,
	uint64_t gpa);

#endif
