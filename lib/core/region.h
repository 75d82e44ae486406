/* SPDX-License-Identifier: MIT */
/* The regions of a VM: what answers accesses beside the application. */
#ifndef VMI_CORE_REGION_H
#define VMI_CORE_REGION_H

#include "lib/core/core.h"
#include "lib/region/region.h"

struct vmi_region_kind;

/* The handle; each kind has a struct of its own that begins with this. */
struct vmapi_region {
	struct vmapi_vm *vm; /* referenced once it is started */
	atomic_uint refs;    /* the application's; vcpus that wait for it */
	atomic_bool gone;    /* destroyed: who waits is to give up */
	const struct vmi_region_kind *kind;
	struct vmi_region region;
	struct vmapi_region *next_posted; /* lib/core/posted.c */
	char name[32];
};

static inline struct vmapi_region *vmi_region_handle(struct vmi_region *region)
{
	return vmi_container_of(region, struct vmapi_region, region);
}

struct vmi_region_kind {
	const char *name;
	size_t size; /* of the kind's struct */
	/*
	 * Answers an access, as vmi_region.access does, which it becomes but
	 * where writes are posted: 0, or -errno where it is the application's.
	 */
	int (*access)(struct vmi_region *region, struct vmapi_access *access);
	void (*flush)(struct vmapi_region *region); /* posted ones; or NULL */
	void (*fini)(struct vmapi_region *region); /* or NULL */
};

/*
 * A region in two steps, between which its kind fills in what is its own:
 * checked and allocated, then part of the VM.  What was not started is
 * given up with vmi_free().
 */
int vmi_region_new(struct vmapi_vm *vm,
	const struct vmapi_region_config *config,
	const struct vmi_region_kind *kind, struct vmapi_region **region);
int vmi_region_start(struct vmapi_region *region);
void vmi_region_put(struct vmapi_region *region);

/* -- lib/core/regions.c ------------------------------------------------- */

/*
 * Let a region answer from now on.  -EEXIST: it overlaps another one, or
 * RAM of the first address space; -ENOMEM.  It stays the caller's and must
 * not change until it is removed.  Both close the run gate for a moment.
 */
int vmi_region_add(struct vmapi_vm *vm, struct vmi_region *region);
void vmi_region_remove(struct vmapi_vm *vm, struct vmi_region *region);

/* The same for a doorbell; -EEXIST also where one write suits another too. */
int vmi_doorbell_add(struct vmapi_vm *vm, struct vmi_doorbell *bell);
void vmi_doorbell_remove(struct vmapi_vm *vm, struct vmi_doorbell *bell);

/*
 * The application's function runs inside the run gate, on a vcpu's thread:
 * that is said here before and taken back after, and whatever would wait for
 * that vcpu refuses with -EDEADLK.  Its VM, or NULL; the calling thread's.
 */
const struct vmapi_vm **vmi_region_inside(void);
int vmi_region_refuses(const struct vmapi_vm *vm);

/*
 * map_lock for who only reads a view.  Inside a region's function it is not
 * taken: who has it may be waiting for this vcpu, and a vcpu in the guest
 * may read the view anyway.
 */
void vmi_map_lock(struct vmapi_vm *vm);
void vmi_map_unlock(struct vmapi_vm *vm);

/*
 * Bytes that one entry of the first address space has; false: none has.  The
 * second is for a vcpu inside the run gate, where the map does not change.
 */
bool vmi_map_peek(struct vmapi_vm *vm, uint64_t gpa, void *to, size_t bytes);
bool vmi_map_look(struct vmapi_vm *vm, uint64_t gpa, void *to, size_t bytes);

#endif
