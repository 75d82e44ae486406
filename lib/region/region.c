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

/* -- Doorbells ---------------------------------------------------------- */

static bool is_before(const struct vmi_doorbell *bell, enum vmi_space space,
	uint64_t address)
{
	return bell->space != space ? bell->space < space
				    : bell->address < address;
}

/* The index of the first one of a space at or after address. */
static size_t find_bell(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t address)
{
	size_t low = 0, high = regions ? regions->n_bells : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (is_before(regions->bells[middle], space, address))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct vmi_doorbell *vmi_doorbell_in(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t base, uint64_t bytes)
{
	size_t at = find_bell(regions, space, base);
	struct vmi_doorbell *bell;

	if (!regions || at == regions->n_bells)
		return NULL;
	bell = regions->bells[at];
	return bell->space == space && bell->address - base < bytes ? bell
								    : NULL;
}

static bool matches(
	const struct vmi_doorbell *bell, const struct vmi_access *write)
{
	if (!bell->bytes)
		return true;
	return bell->bytes == write->bytes &&
	       (!bell->has_match || bell->match == write->value);
}

struct vmi_doorbell *vmi_doorbell_find(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t address, const struct vmi_access *write)
{
	size_t at = find_bell(regions, space, address);

	for (; regions && at < regions->n_bells; at++) {
		struct vmi_doorbell *bell = regions->bells[at];

		if (bell->space != space || bell->address != address)
			break;
		if (matches(bell, write))
			return bell;
	}
	return NULL;
}

struct vmi_doorbell *vmi_doorbell_clash(
	const struct vmi_regions *regions, const struct vmi_doorbell *bell)
{
	size_t at = find_bell(regions, bell->space, bell->address);

	for (; regions && at < regions->n_bells; at++) {
		struct vmi_doorbell *b = regions->bells[at];

		if (b->space != bell->space || b->address != bell->address)
			break;
		if (!b->bytes || !bell->bytes)
			return b;
		if (b->bytes == bell->bytes &&
			(!b->has_match || !bell->has_match ||
				b->match == bell->match))
			return b;
	}
	return NULL;
}

/* -- Changed copies ----------------------------------------------------- */

static void copy(void *to, const void *from, size_t n)
{
	if (n)
		memcpy(to, from, n * sizeof(void *));
}

/* A copy with room for so many more.  One block: the struct, its arrays. */
static struct vmi_regions *grown(const struct vmi_regions *old,
	size_t more_regions, size_t more_bells)
{
	static const struct vmi_regions none;
	const struct vmi_regions *from = old ? old : &none;
	size_t room[2] = { from->n[0] + more_regions,
		from->n[1] + more_regions };
	struct vmi_regions *r = vmi_zalloc(sizeof(*r) +
		(room[0] + room[1] + from->n_bells + more_bells) *
			sizeof(void *));

	if (!r)
		return NULL;
	r->sorted[0] = (struct vmi_region **)(void *)(r + 1);
	r->sorted[1] = r->sorted[0] + room[0];
	r->bells = (struct vmi_doorbell **)(void *)(r->sorted[1] + room[1]);
	r->n[0] = from->n[0];
	r->n[1] = from->n[1];
	r->n_bells = from->n_bells;
	copy(r->sorted[0], from->sorted[0], from->n[0]);
	copy(r->sorted[1], from->sorted[1], from->n[1]);
	copy(r->bells, from->bells, from->n_bells);
	return r;
}

struct vmi_regions *vmi_regions_with(
	const struct vmi_regions *regions, struct vmi_region *fresh)
{
	struct vmi_regions *to = grown(regions, 1, 0);
	struct vmi_region **sorted;
	size_t at, *n;

	if (!to)
		return NULL;
	at = find(to, fresh->space, fresh->base);
	sorted = to->sorted[fresh->space];
	n = &to->n[fresh->space];
	memmove(sorted + at + 1, sorted + at, (*n - at) * sizeof(*sorted));
	sorted[at] = fresh;
	++*n;
	return to;
}

struct vmi_regions *vmi_regions_with_bell(
	const struct vmi_regions *regions, struct vmi_doorbell *fresh)
{
	struct vmi_regions *to = grown(regions, 0, 1);
	size_t at;

	if (!to)
		return NULL;
	at = find_bell(to, fresh->space, fresh->address);
	memmove(to->bells + at + 1, to->bells + at,
		(to->n_bells - at) * sizeof(*to->bells));
	to->bells[at] = fresh;
	to->n_bells++;
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

void vmi_regions_drop_bell(
	struct vmi_regions *regions, const struct vmi_doorbell *old)
{
	size_t i, k = 0;

	for (i = 0; i < regions->n_bells; i++)
		if (regions->bells[i] != old)
			regions->bells[k++] = regions->bells[i];
	regions->n_bells = k;
}
