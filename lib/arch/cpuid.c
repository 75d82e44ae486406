/* SPDX-License-Identifier: MIT */
/* Lists of CPUID values: in order, and one processor's place among others. */
#include "lib/arch/cpuid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys/sys.h"

#define THREADS_MAX 65536u

/* -- Storage ------------------------------------------------------------ */

void vmi_cpuid_free(struct vmapi_cpuid *list)
{
	vmi_free(list->entries);
	memset(list, 0, sizeof(*list));
}

int vmi_cpuid_room(struct vmapi_cpuid *list, size_t n)
{
	struct vmapi_x86_cpuid *entries;

	list->n = 0;
	if (n <= list->room)
		return 0;
	entries = vmi_calloc(n, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	vmi_free(list->entries);
	list->entries = entries;
	list->room = n;
	return 0;
}

int vmi_cpuid_copy(struct vmapi_cpuid *to, const struct vmapi_cpuid *from)
{
	int err = vmi_cpuid_room(to, from->n);

	if (err)
		return err;
	if (from->n)
		memcpy(to->entries, from->entries,
			from->n * sizeof(*from->entries));
	to->n = from->n;
	return 0;
}

static int grow(struct vmapi_cpuid *list)
{
	struct vmapi_cpuid wider = { 0 };
	int err;

	if (list->n >= VMI_CPUID_MAX)
		return -E2BIG;
	if (list->n < list->room)
		return 0;
	err = vmi_cpuid_room(&wider, 2 * list->n + 16);
	if (err)
		return err;
	vmi_cpuid_copy(&wider, list);
	vmi_cpuid_free(list);
	*list = wider;
	return 0;
}

/* -- Order -------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const struct vmapi_x86_cpuid *x = a, *y = b;

	if (x->leaf != y->leaf)
		return x->leaf < y->leaf ? -1 : 1;
	if (x->subleaf != y->subleaf)
		return x->subleaf < y->subleaf ? -1 : 1;
	return 0;
}

/* By insertion: it keeps equal ones in order, and lists come sorted. */
void vmi_cpuid_sort(struct vmapi_cpuid *list)
{
	struct vmapi_x86_cpuid *e = list->entries;
	size_t i, k, n = 0;

	for (i = 0; i < list->n; i++) {
		struct vmapi_x86_cpuid entry = e[i];

		for (k = n; k && by_place(&e[k - 1], &entry) > 0; k--)
			;
		if (k && by_place(&e[k - 1], &entry) == 0)
			continue;
		memmove(&e[k + 1], &e[k], (n - k) * sizeof(*e));
		e[k] = entry;
		n++;
	}
	list->n = n;
}

struct vmapi_x86_cpuid *vmi_cpuid_at(const struct vmapi_cpuid *list,
	uint32_t leaf, uint32_t subleaf)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		struct vmapi_x86_cpuid *e = &list->entries[i];

		if (e->leaf == leaf &&
			(!e->has_subleaf || e->subleaf == subleaf))
			return e;
	}
	return NULL;
}

/* EAX of the first leaf of a range is its highest: SDM 2A, table 3-8. */
static void reach(struct vmapi_cpuid *list, uint32_t leaf)
{
	struct vmapi_x86_cpuid *first =
		vmi_cpuid_at(list, leaf & 0xffff0000u, 0);

	if (first && first->eax < leaf)
		first->eax = leaf;
}

/* A leaf has one value, or one for each subleaf. */
static bool contradicts(const struct vmapi_cpuid *list,
	const struct vmapi_x86_cpuid *entry)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->entries[i].leaf == entry->leaf &&
			list->entries[i].has_subleaf != entry->has_subleaf)
			return true;
	return false;
}

int vmi_cpuid_put(struct vmapi_cpuid *list, const struct vmapi_x86_cpuid *entry)
{
	struct vmapi_x86_cpuid own = *entry, *e;
	size_t k = list->n;
	int err;

	if (own.has_subleaf > 1 || (!own.has_subleaf && own.subleaf) ||
		contradicts(list, &own))
		return -EINVAL;
	own.reserved = 0;
	e = vmi_cpuid_at(list, own.leaf, own.subleaf);
	if (e) {
		*e = own;
		return 0;
	}
	err = grow(list);
	if (err)
		return err;
	for (e = list->entries; k && by_place(&e[k - 1], &own) > 0; k--)
		e[k] = e[k - 1];
	e[k] = own;
	list->n++;
	reach(list, own.leaf);
	return 0;
}

int vmi_cpuid_remove(struct vmapi_cpuid *list, uint32_t leaf, uint32_t subleaf)
{
	struct vmapi_x86_cpuid *e = vmi_cpuid_at(list, leaf, subleaf);

	if (!e)
		return -ENOENT;
	list->n--;
	memmove(e, e + 1, (size_t)(list->entries + list->n - e) * sizeof(*e));
	return 0;
}

uint32_t *vmi_cpuid_register(struct vmapi_x86_cpuid *entry, unsigned reg)
{
	uint32_t *const regs[] = { &entry->eax, &entry->ebx, &entry->ecx,
		&entry->edx };

	return regs[reg & 3];
}

uint32_t vmi_cpuid_value(const struct vmapi_x86_cpuid *entry, unsigned reg)
{
	const uint32_t regs[] = { entry->eax, entry->ebx, entry->ecx,
		entry->edx };

	return regs[reg & 3];
}

/* -- A place among others ----------------------------------------------- */

/* What the leaves are made of: SDM 3A 9.9 (topology), APM 3 E.5. */
struct shape {
	uint32_t apic_id;
	uint32_t threads, cores, all;
	unsigned core_shift, package_shift; /* of an APIC id */
};

/* Bits that n different values need. */
static unsigned width(uint32_t n)
{
	unsigned bits = 0;

	while (bits < 31 && (1u << bits) < n)
		bits++;
	return bits;
}

static void put_bits(uint32_t *word, unsigned low, unsigned high,
	uint32_t value)
{
	uint32_t mask = (uint32_t)((2ull << (high - low)) - 1);

	*word = (*word & ~(mask << low)) | (value & mask) << low;
}

/* SDM 2A, CPUID.01H: EBX 23:16 counts APIC ids if EDX.HTT says so. */
static void place_1(struct vmapi_x86_cpuid *e, const struct shape *s)
{
	put_bits(&e->ebx, 24, 31, s->apic_id);
	put_bits(&e->ebx, 16, 23, 1u << s->package_shift);
	put_bits(&e->edx, 28, 28, s->all > 1);
}

/*
 * CPUID.04H and 8000001DH: EAX 4:0 type, 7:5 level, 25:14 how many APIC ids
 * share it, 31:26 (Intel) how many core ids there are, both less one.
 */
static void place_cache(struct vmapi_x86_cpuid *e, const struct shape *s)
{
	unsigned level = e->eax >> 5 & 7;
	unsigned shared = level > 2 ? s->package_shift : s->core_shift;

	if (!(e->eax & 0x1f))
		return;
	put_bits(&e->eax, 14, 25, (1u << shared) - 1);
	if (e->leaf == 4)
		put_bits(&e->eax, 26, 31,
			(1u << (s->package_shift - s->core_shift)) - 1);
}

/* CPUID.0BH and 1FH: subleaf 0 is of threads, 1 of cores, the rest none. */
static void place_level(struct vmapi_x86_cpuid *e, const struct shape *s)
{
	e->edx = s->apic_id;
	e->eax = e->subleaf == 0 ? s->core_shift :
		e->subleaf == 1 ? s->package_shift : 0;
	e->ebx = e->subleaf == 0 ? s->threads : e->subleaf == 1 ? s->all : 0;
	e->ecx = (e->subleaf & 0xff) |
		(e->subleaf < 2 ? (e->subleaf + 1) << 8 : 0);
}

/* APM 3 E.4.7: ECX 7:0 threads less one, 15:12 bits of their ids. */
static void place_amd_size(struct vmapi_x86_cpuid *e, const struct shape *s)
{
	if (!e->ecx)
		return; /* Intel's is reserved */
	put_bits(&e->ecx, 0, 7, s->all - 1);
	put_bits(&e->ecx, 12, 15, s->package_shift);
}

/* APM 3 E.4.16: extended APIC id; core, threads of a core; node. */
static void place_amd_id(struct vmapi_x86_cpuid *e, const struct shape *s)
{
	uint32_t in_package = s->apic_id & ((1u << s->package_shift) - 1);

	e->eax = s->apic_id;
	put_bits(&e->ebx, 0, 7, in_package >> s->core_shift);
	put_bits(&e->ebx, 8, 15, s->threads - 1);
	put_bits(&e->ecx, 0, 7, 0);
	put_bits(&e->ecx, 8, 10, 0);
}

static const struct {
	uint32_t leaf;
	void (*place)(struct vmapi_x86_cpuid *e, const struct shape *s);
} placed[] = {
	{ 1, place_1 }, { 4, place_cache }, { 0xb, place_level },
	{ 0x1f, place_level }, { 0x80000008, place_amd_size },
	{ 0x8000001d, place_cache }, { 0x8000001e, place_amd_id },
};

static void place_entry(struct vmapi_x86_cpuid *e, const struct shape *s)
{
	size_t i;

	for (i = 0; i < sizeof(placed) / sizeof(placed[0]); i++)
		if (placed[i].leaf == e->leaf)
			placed[i].place(e, s);
}

/* Topology has its levels of threads and of cores, or is not there. */
static int complete_levels(struct vmapi_cpuid *list, uint32_t leaf)
{
	struct vmapi_x86_cpuid e = { .leaf = leaf, .has_subleaf = 1 };
	struct vmapi_x86_cpuid *there = vmi_cpuid_at(list, leaf, 0);
	int err = 0;

	if (!there)
		return 0;
	there->has_subleaf = 1;
	for (e.subleaf = 1; e.subleaf < 2 && !err; e.subleaf++)
		if (!vmi_cpuid_at(list, leaf, e.subleaf))
			err = vmi_cpuid_put(list, &e);
	return err;
}

int vmi_cpuid_place(struct vmapi_cpuid *list,
	const struct vmapi_cpuid_place *place)
{
	struct shape s = { .apic_id = place->apic_id,
		.threads = place->threads ? place->threads : 1,
		.cores = place->cores ? place->cores : 1 };
	size_t i;
	int err;

	if (s.threads > THREADS_MAX || s.cores > THREADS_MAX / s.threads)
		return -EINVAL;
	s.all = s.threads * s.cores;
	s.core_shift = width(s.threads);
	s.package_shift = s.core_shift + width(s.cores);
	err = complete_levels(list, 0xb);
	if (!err)
		err = complete_levels(list, 0x1f);
	for (i = 0; i < list->n && !err; i++)
		place_entry(&list->entries[i], &s);
	return err;
}

/* -- Time --------------------------------------------------------------- */

/*
 * SDM 2A, CPUID.15H: the counter is EBX/EAX of the crystal, which is ECX; the
 * ratio in units of 100 kHz, or finer ones if it fits.  CPUID.16H: MHz.
 */
void vmi_cpuid_clock(struct vmapi_cpuid *list, uint64_t tsc_hz)
{
	uint64_t unit = tsc_hz >> 32 ? 100000 : 1;
	struct vmapi_x86_cpuid *e = vmi_cpuid_at(list, 0x15, 0);

	if (e && e->ecx && e->ecx != tsc_hz) {
		e->eax = (uint32_t)(e->ecx / unit);
		e->ebx = (uint32_t)(tsc_hz / unit);
	}
	e = vmi_cpuid_at(list, 0x16, 0);
	if (e && e->eax)
		e->eax = e->ebx = (uint32_t)(tsc_hz / 1000000);
}
