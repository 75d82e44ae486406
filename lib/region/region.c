/* SPDX-License-Identifier: MIT */
/* Lookup of an access among sorted ranges, and changed copies of the list. */
#include <errno.h>
#include <string.h>

#include "lib/region/region.h"
#include "lib/sys/sys.h"

static uint64_t last_of(const struct vmi_region *r)
{
	return r->base + (r->bytes - 1);
}

/* The index of the first region of a space that ends at or after address. */
static size_t find(const struct vmi_regions *regions, enum vmi_space space,
	uint64_t address)
{
	size_t low = 0, high = regions->n[space];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (last_of(regions->sorted[space][middle]) < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct vmi_region *vmi_regions_find(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t address, unsigned bytes)
{
	struct vmi_region *r;
	size_t at;

	if (!regions)
		return NULL;
	at = find(regions, space, address);
	if (at == regions->n[space])
		return NULL;
	r = regions->sorted[space][at];
	if (r->base > address || last_of(r) - address < bytes - 1u)
		return NULL;
	return r;
}

struct vmi_region *vmi_regions_overlap(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t base, uint64_t bytes)
{
	struct vmi_region *r;
	size_t at;

	if (!regions)
		return NULL;
	at = find(regions, space, base);
	if (at == regions->n[space])
		return NULL;
	r = regions->sorted[space][at];
	return r->base <= base + (bytes - 1) ? r : NULL;
}

/* One block: the struct, then both arrays. */
static struct vmi_regions *new_regions(size_t memory, size_t port)
{
	struct vmi_regions *r = vmi_zalloc(
		sizeof(*r) + (memory + port) * sizeof(r->sorted[0][0]));

	if (!r)
		return NULL;
	r->sorted[0] = (struct vmi_region **)(void *)(r + 1);
	r->sorted[1] = r->sorted[0] + memory;
	r->n[0] = memory;
	r->n[1] = port;
	return r;
}

static size_t count(const struct vmi_regions *regions, enum vmi_space space)
{
	return regions ? regions->n[space] : 0;
}

struct vmi_regions *vmi_regions_with(
	const struct vmi_regions *regions, struct vmi_region *fresh)
{
	size_t n[2] = { count(regions, VMI_SPACE_MEMORY),
		count(regions, VMI_SPACE_PORT) };
	struct vmi_regions *to;
	unsigned s;

	n[fresh->space]++;
	to = new_regions(n[0], n[1]);
	if (!to)
		return NULL;
	for (s = 0; s < 2; s++) {
		size_t at = count(regions, s), i, k = 0;

		if (s == fresh->space)
			at = regions ? find(regions, s, fresh->base) : 0;
		for (i = 0; i < n[s]; i++)
			to->sorted[s][i] = s == fresh->space && i == at
				? fresh
				: regions->sorted[s][k++];
	}
	return to;
}

void vmi_regions_drop(
	struct vmi_regions *regions, const struct vmi_region *old)
{
	struct vmi_region **sorted = regions->sorted[old->space];
	size_t i, k = 0;

	for (i = 0; i < regions->n[old->space]; i++)
		if (sorted[i] != old)
			sorted[k++] = sorted[i];
	regions->n[old->space] = k;
}
