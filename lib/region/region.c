/* SPDX-License-Identifier: MIT */
/* Lookup of an access among sorted ranges, and changed copies of the list. */
#include <stdatomic.h>
#include <string.h>

#include "lib/region/region.h"
#include "lib/sys/sys.h"

/* The first range of a space that ends at or after address, or the end. */
static struct vmi_range *find(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t address)
{
	struct vmi_range *at = regions->sorted[space];
	size_t n = regions->n[space];

	while (n) {
		size_t half = n / 2;

		if (at[half].last < address) {
			at += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return at;
}

static struct vmi_range *end_of(
	const struct vmi_regions *regions, enum vmi_space space)
{
	return regions->sorted[space] + regions->n[space];
}

struct vmi_region *vmi_regions_search(const struct vmi_regions *regions,
	struct vmi_region_hint *hint, enum vmi_space space, uint64_t address,
	unsigned bytes)
{
	const struct vmi_range *at = find(regions, space, address);

	if (at == end_of(regions, space) ||
		!vmi_range_holds(at, address, bytes))
		return NULL;
	hint->round[space] = regions->round;
	hint->range[space] = *at;
	return at->region;
}

struct vmi_region *vmi_regions_overlap(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t base, uint64_t bytes)
{
	const struct vmi_range *at;

	if (!regions)
		return NULL;
	at = find(regions, space, base);
	if (at == end_of(regions, space) || at->first > base + (bytes - 1))
		return NULL;
	return at->region;
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
	const struct vmi_doorbell *bell, const struct vmapi_access *write)
{
	if (!bell->bytes)
		return true;
	return bell->bytes == write->bytes &&
	       (!bell->has_match || bell->match == write->value);
}

struct vmi_doorbell *vmi_doorbell_find(const struct vmi_regions *regions,
	enum vmi_space space, uint64_t address, const struct vmapi_access *write)
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

static void copy(void *to, const void *from, size_t bytes)
{
	if (bytes)
		memcpy(to, from, bytes);
}

static uint64_t next_round(void)
{
	static _Atomic(uint64_t) last;

	return atomic_fetch_add(&last, 1) + 1;
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
		(room[0] + room[1]) * sizeof(struct vmi_range) +
		(from->n_bells + more_bells) * sizeof(void *));
	unsigned i;

	if (!r)
		return NULL;
	r->round = next_round();
	r->sorted[0] = (struct vmi_range *)(void *)(r + 1);
	r->sorted[1] = r->sorted[0] + room[0];
	r->bells = (struct vmi_doorbell **)(void *)(r->sorted[1] + room[1]);
	for (i = 0; i < 2; i++) {
		r->n[i] = from->n[i];
		copy(r->sorted[i], from->sorted[i],
			from->n[i] * sizeof(struct vmi_range));
	}
	r->n_bells = from->n_bells;
	copy(r->bells, from->bells, from->n_bells * sizeof(void *));
	return r;
}

struct vmi_regions *vmi_regions_with(
	const struct vmi_regions *regions, struct vmi_region *fresh)
{
	struct vmi_regions *to = grown(regions, 1, 0);
	struct vmi_range *at;

	if (!to)
		return NULL;
	at = find(to, fresh->space, fresh->base);
	memmove(at + 1, at, (size_t)(end_of(to, fresh->space) - at) *
		sizeof(*at));
	at->first = fresh->base;
	at->last = fresh->base + (fresh->bytes - 1);
	at->region = fresh;
	to->n[fresh->space]++;
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
	struct vmi_range *at = find(regions, old->space, old->base);
	struct vmi_range *end = end_of(regions, old->space);

	if (at == end || at->region != old)
		return;
	memmove(at, at + 1, (size_t)(end - at - 1) * sizeof(*at));
	regions->n[old->space]--;
	regions->round = next_round();
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
