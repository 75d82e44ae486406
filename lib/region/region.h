/* SPDX-License-Identifier: MIT */
/* What answers a guest access without the application: ranges and lookup. */
#ifndef VMI_REGION_REGION_H
#define VMI_REGION_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmapi/region.h>

enum vmi_space {
	VMI_SPACE_MEMORY = VMAPI_SPACE_MEMORY,
	VMI_SPACE_PORT = VMAPI_SPACE_PORT,
	VMI_SPACE_CCW = VMAPI_SPACE_CCW /* never looked up here */
};

/* Embedded by what answers.  No two share a byte. */
struct vmi_region {
	enum vmi_space space;
	uint64_t base;
	uint64_t bytes;
	bool posts; /* writes only queue: lib/core/posted.c */
	bool waits; /* answered at the exit: lib/core/remote.c */
	bool called; /* better reached by calls: lib/core/hypercall.c */
	/*
	 * Any thread.  0: answered; -EAGAIN: the queue is full, again after
	 * vmi_posted_deliver(); else it is the application's.
	 */
	int (*access)(struct vmi_region *region, struct vmapi_access *access);
	const char *name;
};

/*
 * Embedded by what a write at exactly this address sets off.  Several may
 * share the address when what they match differs.
 */
struct vmi_doorbell {
	enum vmi_space space;
	uint64_t address;
	unsigned bytes; /* 0: a write of any width */
	bool has_match; /* ... of this value only */
	uint64_t match;
	void (*ring)(struct vmi_doorbell *bell);
};

/* A region where the search looks: one line of cache holds two of them. */
struct vmi_range {
	uint64_t first, last;
	struct vmi_region *region;
};

/*
 * A snapshot, in order of address.  Only vmi_regions_drop() changes one that
 * is published: while no vcpu is in the guest, and `round` changes with it.
 */
struct vmi_regions {
	uint64_t round; /* no two snapshots have the same */
	size_t n[2];
	struct vmi_range *sorted[2];
	size_t n_bells;
	struct vmi_doorbell **bells; /* by space first */
};

/* What a vcpu found last, in each space. */
struct vmi_region_hint {
	uint64_t round[2]; /* 0: of no snapshot */
	struct vmi_range range[2];
};

static inline bool vmi_range_holds(
	const struct vmi_range *range, uint64_t address, unsigned bytes)
{
	return range->first <= address && address <= range->last &&
	       range->last - address >= bytes - 1u;
}

/* The region that `hint` says, if it is that. */
static inline struct vmi_region *vmi_regions_near(
	const struct vmi_regions *regions, const struct vmi_region_hint *hint,
	enum vmi_space space, uint64_t address, unsigned bytes)
{
	return regions && hint->round[space] == regions->round &&
			vmi_range_holds(&hint->range[space], address, bytes)
		? hint->range[space].region : NULL;
}

/* vmi_regions_find() where the hint does not help. */
struct vmi_region *vmi_regions_search(const struct vmi_regions *regions,
	struct vmi_region_hint *hint, enum vmi_space space, uint64_t address,
	unsigned bytes);

/*
 * The region that holds all of [address, address + bytes), or NULL.  `hint`
 * is the caller's own.
 */
static inline struct vmi_region *vmi_regions_find(
	const struct vmi_regions *regions, struct vmi_region_hint *hint,
	enum vmi_space space, uint64_t address, unsigned bytes)
{
	struct vmi_region *near =
		vmi_regions_near(regions, hint, space, address, bytes);

	if (near || !regions)
		return near;
	return vmi_regions_search(regions, hint, space, address, bytes);
}

/* The first region that shares a byte with the range, or NULL. */
struct vmi_region *vmi_regions_overlap(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t base, uint64_t bytes);

/* What a write sets off, or NULL. */
struct vmi_doorbell *vmi_doorbell_find(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t address,
	const struct vmapi_access *write);
/* One with an address in [base, base + bytes), or NULL. */
struct vmi_doorbell *vmi_doorbell_in(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t base, uint64_t bytes);
/* One that some write would set off together with `bell`, or NULL. */
struct vmi_doorbell *vmi_doorbell_clash(const struct vmi_regions *regions,
	const struct vmi_doorbell *bell);

/*
 * A copy with one more, to be freed with vmi_free(); NULL: no memory.
 * `regions` may be NULL, which is the empty list.
 */
struct vmi_regions *vmi_regions_with(const struct vmi_regions *regions,
	struct vmi_region *fresh);
struct vmi_regions *vmi_regions_with_bell(const struct vmi_regions *regions,
	struct vmi_doorbell *fresh);
/* Take one out in place: while nobody reads, behind the run gate. */
void vmi_regions_drop(struct vmi_regions *regions,
	const struct vmi_region *old);
void vmi_regions_drop_bell(struct vmi_regions *regions,
	const struct vmi_doorbell *old);

#endif
