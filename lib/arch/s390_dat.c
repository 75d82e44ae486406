/* SPDX-License-Identifier: MIT */
/* From a logical to an absolute address of s390x: pure. */
/*
 * The names are those of the z/Architecture Principles of Operation, chapter
 * 3, "Dynamic Address Translation" and "Prefixing"; bit 0 is the high one.
 * Region tables (types 3 to 1) and segment tables (0) are one loop: an entry
 * says which quarters of the next table there are.  Tables are at absolute
 * addresses, as KVM has it, and so is a frame of a large page; a page's is
 * real.
 */
#include "lib/arch/s390_dat.h"

#define PSW_DAT	    (1ull << 58) /* bit 5 */
#define PSW_SPACE   46		 /* bits 16 and 17 */
#define CR0_EDAT    (1ull << 23) /* bit 40 */
#define ASCE_REAL   (1ull << 5)	 /* bit 58: no tables */
#define ORIGIN	    (~0xfffull)
#define ENTRY_FC    (1ull << 10) /* bit 53: a frame, not a table */
#define ENTRY_I	    (1ull << 5)	 /* bit 58: invalid */
#define PAGE_ORIGIN (~0x7ffull)
#define PAGE_I	    (1ull << 10) /* bit 53 */
#define PAGE_ZERO   (1ull << 11) /* bit 52 */
#define PREFIX	    0x7fffe000u
#define PREFIXED    0x2000u /* bytes */

static uint64_t asce_of(const struct vmi_s390_dat *dat)
{
	/* primary, by access registers, secondary, home */
	static const uint8_t control[] = { 1, 1, 7, 13 };

	return dat->control[control[dat->psw_mask >> PSW_SPACE & 3]];
}

static uint64_t prefixed(const struct vmi_s390_dat *dat, uint64_t real)
{
	uint64_t prefix = dat->prefix & PREFIX;

	if (real < PREFIXED)
		return real + prefix;
	return real - prefix < PREFIXED ? real - prefix : real;
}

static bool page(const struct vmi_s390_dat *dat, uint64_t segment,
	uint64_t address, uint64_t *absolute)
{
	uint64_t at = (segment & PAGE_ORIGIN) + 8 * (address >> 12 & 0xff);
	uint64_t entry;

	if (!dat->load(dat->of, at, &entry) || entry & (PAGE_I | PAGE_ZERO))
		return false;
	*absolute = prefixed(dat, (entry & ORIGIN) | (address & ~ORIGIN));
	return true;
}

static bool tables(const struct vmi_s390_dat *dat, uint64_t asce,
	uint64_t address, uint64_t *absolute)
{
	unsigned type = asce >> 2 & 3, first = 0, last = asce & 3;
	uint64_t entry = asce;

	if (type < 3 && address >> (31 + 11 * type))
		return false;
	for (;; type--) {
		unsigned shift = 20 + 11 * type;
		uint64_t index = address >> shift & 0x7ff;
		uint64_t frame = ~(((uint64_t)1 << shift) - 1);

		if (index >> 9 < first || index >> 9 > last ||
			!dat->load(dat->of, (entry & ORIGIN) + 8 * index,
				&entry))
			return false;
		if (entry & ENTRY_I || (entry >> 2 & 3) != type)
			return false;
		if (type < 2 && entry & ENTRY_FC &&
			dat->control[0] & CR0_EDAT) {
			*absolute = (entry & frame) | (address & ~frame);
			return true;
		}
		if (type == 0)
			return page(dat, entry, address, absolute);
		first = entry >> 6 & 3;
		last = entry & 3;
	}
}

bool vmi_s390_absolute(const struct vmi_s390_dat *dat, uint64_t address,
	uint64_t *absolute)
{
	uint64_t asce = asce_of(dat);

	if (dat->psw_mask & PSW_DAT && !(asce & ASCE_REAL))
		return tables(dat, asce, address, absolute);
	*absolute = prefixed(dat, address);
	return true;
}
