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
	uint64_t value;	 /* little-endian bytes as an integer; in or out */
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

/* Ranges in order of base; immutable once published. */
struct vmi_regions {
	size_t n[2];
	struct vmi_region **sorted[2];
};

/* The region that holds all of [address, address + bytes), or NULL. */
struct vmi_region *vmi_regions_find(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t address, unsigned bytes);

#endif
