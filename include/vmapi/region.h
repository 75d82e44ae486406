/* SPDX-License-Identifier: MIT */
/* Regions: what answers guest accesses without an exit. */
#ifndef VMAPI_REGION_H
#define VMAPI_REGION_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi_vm;
struct vmapi_vcpu;
struct vmapi_ram;
struct vmapi_region;

/* Where a guest's access goes. */
enum vmapi_space {
	VMAPI_SPACE_MEMORY = 0, /* a guest-physical address */
	VMAPI_SPACE_PORT = 1,	/* an x86 port */
	VMAPI_SPACE_CCW = 2	/* a subchannel id: s390 virtio-ccw notify */
};

/*
 * Post writes: they are collected without an exit (coalesced MMIO and PIO, in
 * the kernel's words), and answered before anything could tell that they
 * waited: before any other access of the guest reaches a region or the
 * application, before every exit, before registers are read or set, before
 * maps change, before the dirty log is read, before a reset; and in any case
 * within 20 ms where the VM is served.
 */
#define VMAPI_REGION_POSTED (1u << 0)

/*
 * Guests that ask (VMAPI_CALL_PREFERS) are told to reach it by hypercalls,
 * which need no decoding.  What they get is the same.
 */
#define VMAPI_REGION_CALLED (1u << 1)

struct vmapi_region_config {
	uint32_t size;
	uint32_t flags; /* VMAPI_REGION_ */
	uint32_t space; /* MEMORY or PORT */
	uint32_t reserved;
	uint64_t base;
	uint64_t bytes;
	const char *name; /* in messages; NULL: that of its kind; copied */
};

/* An access to a region, all of it inside. */
struct vmapi_access {
	uint64_t offset; /* from the region's base */
	uint64_t value;	 /* written; or read, to be filled in: 0 before */
	uint32_t bytes;	 /* 1 to 8; the first byte is the value's lowest */
	uint32_t is_write;
	struct vmapi_vcpu *vcpu; /* whose; NULL: a posted write's */
};

#define VMAPI_REGION_DONE 0 /* answered; the guest goes on */
#define VMAPI_REGION_PASS 1 /* not mine: an exit, as without a region */

/*
 * Called on the vcpu's thread in vmapi_vcpu_run(), in the middle of an
 * instruction: so it may drive lines, send MSIs, signal eventfds, kick, and
 * access guest memory, but what stops the vcpus (commits, regions, devices)
 * answers -EDEADLK there.  Several vcpus call at once.  For a posted write it
 * is called by one thread at a time, of a vcpu or of whoever calls a function
 * that flushes, in the order in which the guest wrote; its result counts for
 * nothing, and it may do whatever may be done while vcpus run.
 */
typedef int vmapi_region_fn(void *opaque, struct vmapi_access *access);

/*
 * From now on a function answers the guest's accesses to a range.
 *
 *   -EINVAL   no such space; an empty range, or one beyond the end; no
 *             function
 *   -EEXIST   it overlaps RAM that the guest may write to, a device, an
 *             ioeventfd, another region
 *   -EDEADLK  called by a region's function
 *   -ENOSPC   VMAPI_REGION_POSTED: the kernel has no room for more
 *   -ENOTSUP  VMAPI_REGION_POSTED: not with this backend: VMAPI_CAP_POSTED
 *   -ENOMEM
 *
 * Accesses that only partly lie in the range are exits.  It may lie over RAM
 * that is mapped with VMAPI_MAP_READONLY: reads are then the RAM's, and only
 * writes come here (flash memory is so).  Any thread; waits until the vcpus
 * have left the guest for a moment.  Since 0.1.
 */
VMAPI_API int vmapi_region_handler(struct vmapi_vm *vm,
	const struct vmapi_region_config *config, vmapi_region_fn *fn,
	void *opaque, struct vmapi_region **region);

/* -- Registers that are memory ------------------------------------------ */

/* What an access to a byte does. */
enum vmapi_shadow_policy {
	VMAPI_SHADOW_PLAIN = 0,	    /* memory */
	VMAPI_SHADOW_READ_ONLY = 1, /* writes go nowhere */
	VMAPI_SHADOW_CLEAR = 2,	    /* a 1 that is written clears the bit */
	VMAPI_SHADOW_TRAP_WRITE = 3, /* reads as memory, a write is an exit */
	VMAPI_SHADOW_TRAP = 4	     /* both are exits */
};

struct vmapi_shadow {
	uint32_t size;
	uint32_t flags; /* 0 */
	struct vmapi_ram *ram; /* referenced; kinds that have a pointer */
	uint64_t offset;       /* where in it the range's first byte is */
	const uint8_t *policy; /* one for each byte; copied.  NULL: PLAIN */
};

/*
 * From now on the guest's accesses to a range go to memory that the
 * application, other regions and other processes (vmapi_ram_fd()) see: by a
 * policy for each byte.  An access is answered whole or not at all: where one
 * of its bytes traps it is an exit, and none is changed.  The application
 * reads and writes the memory as atomics of one byte.
 *
 * Where no byte of a page traps reads the application may map that memory
 * there too, with VMAPI_MAP_READONLY: reads then cost what reads of RAM cost,
 * and only writes come here.
 *
 *   as vmapi_region_handler(), and
 *   -EINVAL   no such policy; the range reaches beyond the RAM object, or
 *             that is of another context
 *
 * Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_region_shadow(struct vmapi_vm *vm,
	const struct vmapi_region_config *config,
	const struct vmapi_shadow *shadow, struct vmapi_region **region);

/* -- Of every kind ------------------------------------------------------ */

/*
 * Accesses are exits again; what was posted is answered before.  When it
 * returns no function of the region runs, and none will.  NULL is fine.  A
 * region's function cannot do this: it does nothing then, and
 * vmapi_error_last() says so.  Any other thread.  Since 0.1.
 */
VMAPI_API void vmapi_region_destroy(struct vmapi_region *region);

/*
 * Have the posted writes that wait answered, now and on this thread.  For
 * whoever looks at memory that such a write may refer to.  Those of a
 * channel's region are handed to the socket or ring: the process may not
 * have read them.  Inside a function that answers one it does nothing.  Any
 * thread.  Since 0.1.
 */
VMAPI_API int vmapi_region_flush(struct vmapi_vm *vm);

VMAPI_DECLS_END

#endif
