/* SPDX-License-Identifier: MIT */
/* What answers a guest access without the application: ranges and lookup. */
#ifndef VMI_REGION_REGION_H
#define VMI_REGION_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vmi_space {
	VMI_SPACE_MEMORY = 0,
	VMI_SPACE_PORT = 1
};

struct vmi_access {
	uint64_t offset; /* from the region's base */
	uint64_t value;	 /* little-endian bytes as an integer; in, out */
	unsigned bytes;	 /* 1 to 8 */
	bool is_write;
};

/* Embedded by what answers. */
struct vmi_region {
	enum vmi_space space;
	uint64_t base;
	uint64_t bytes;
	/* Any thread.  0: answered. */
	int (*access)(struct vmi_region *region, struct vmi_access *access);
	const char *name;
};

/* Ranges in order of base; changed only while no vcpu is in the guest. */
struct vmi_regions {
	size_t n[2];
	struct vmi_region **sorted[2];
};

/* The region that holds all of [address, address + bytes), or NULL. */
struct vmi_region *vmi_regions_find(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t address, unsigned bytes);

/* The first region that shares a byte with the range, or NULL. */
struct vmi_region *vmi_regions_overlap(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t base, uint64_t bytes);

/*
 * A copy with one region more, to be freed with vmi_free(); NULL: no memory.
 * `regions` may be NULL, which is the empty list.
 */
struct vmi_regions *vmi_regions_with(const struct vmi_regions *regions,
	struct vmi_region *fresh);
/* Take a region out in place: while nobody reads, behind the run gate. */
void vmi_regions_drop(struct vmi_regions *regions,
	const struct vmi_region *old);

#endif
