/* SPDX-License-Identifier: MIT */
/* The page walk: 32-bit, PAE and 4-level paging (SDM 3A chapter 4). */
#include "lib/soft/paging.h"

#define PTE_P  0x001ull
#define PTE_W  0x002ull
#define PTE_U  0x004ull
#define PTE_A  0x020ull
#define PTE_D  0x040ull
#define PTE_PS 0x080ull
#define PTE_G  0x100ull
#define PTE_NX 0x8000000000000000ull

#define PHYS_MASK   ((1ull << VMI_PHYS_BITS) - 1)
#define ADDR_MASK   (PHYS_MASK & ~0xfffull)
/* Bits 51:MAXPHYADDR are reserved in every 8-byte entry. */
#define RSVD_PHYS   (0x000fffffffffffffull & ~PHYS_MASK)

/*
 * A paging mode: levels from the top, each with where its index is in the
 * linear address.  Entries are 4 or 8 bytes (SDM 3A tables 4-4 to 4-19).
 */
struct paging {
	uint8_t levels;
	uint8_t entry_bytes;
	uint8_t index_bits;
	uint8_t large; /* mask of levels (0: PT) that may be large pages */
};

static const struct paging paging_32 = { 2, 4, 10, 1u << 1 };
static const struct paging paging_pae = { 2, 8, 9, 1u << 1 };
static const struct paging paging_4 = { 4, 8, 9, 1u << 1 | 1u << 2 };

static const struct paging *paging_of(const struct vmi_cpu *c)
{
	if (vmi_long_mode(c))
		return &paging_4;
	return c->cr4 & VMI_CR4_PAE ? &paging_pae : &paging_32;
}

static uint64_t entry_load(const uint8_t *p, unsigned bytes)
{
	return bytes == 8 ? vmi_host_load(p, 8) : vmi_host_load(p, 4);
}

/* Set bits in an entry that still is `seen`; false: it has changed. */
static bool entry_set(uint8_t *p, unsigned bytes, uint64_t seen, uint64_t bits)
{
	uint64_t old8 = htole64(seen);
	uint32_t old4 = htole32((uint32_t)seen);

	if (bytes == 8)
		return vmi_atomic_cas((uint64_t *)(void *)p, &old8,
			htole64(seen | bits));
	return vmi_atomic_cas32((uint32_t *)(void *)p, &old4,
		htole32((uint32_t)(seen | bits)));
}

/* Bits that must be zero in a present entry, leaf or not. */
static uint64_t reserved_bits(const struct vmi_cpu *c,
	const struct paging *mode, unsigned level, bool leaf)
{
	uint64_t rsvd;

	if (mode->entry_bytes == 4) {
		/* PSE-36 with a physical width of 40: bits 20:13 are address,
		 * 21 is reserved (SDM 3A table 4-4). */
		return leaf && level ? 1ull << 21 : 0;
	}
	rsvd = RSVD_PHYS;
	if (mode == &paging_pae)
		rsvd |= 0x7ff0000000000000ull;
	if (!(c->efer & VMI_EFER_NXE))
		rsvd |= PTE_NX;
	if (leaf && level)
		rsvd |= ((1ull << (12 + 9 * level)) - 1) & ADDR_MASK & ~0x1fffull;
	if (!leaf && level >= 2)
		rsvd |= PTE_PS;
	return rsvd;
}

static uint64_t leaf_address(const struct paging *mode, uint64_t entry,
	unsigned level, uint64_t linear)
{
	uint64_t low;

	if (mode->entry_bytes == 4 && level) {
		low = linear & 0x3fffff;
		return (entry & 0xffc00000) | ((entry & 0x1fe000) << 19) | low;
	}
	low = (1ull << (12 + mode->index_bits * level)) - 1;
	return (entry & ADDR_MASK & ~low) | (linear & low);
}

/* W and U of the entries of a walk, ANDed, and no NX in any of them. */
#define RIGHTS (PTE_W | PTE_U | PTE_NX)

static uint64_t rights_of(uint64_t entry)
{
	return (entry ^ PTE_NX) & RIGHTS;
}

static bool may_write(const struct vmi_cpu *c, uint64_t rights,
	enum vmi_tlb_kind who)
{
	if (who == VMI_TLB_USER)
		return (rights & PTE_W) && (rights & PTE_U);
	return (rights & PTE_W) || !(c->cr0 & VMI_CR0_WP);
}

static bool may_access(const struct vmi_cpu *c, uint64_t rights,
	unsigned access, enum vmi_tlb_kind who)
{
	bool user = rights & PTE_U;

	if (who == VMI_TLB_USER && !user)
		return false;
	if (access == VMI_MEM_EXEC)
		return (rights & PTE_NX) && !(who != VMI_TLB_USER && user &&
			(c->cr4 & VMI_CR4_SMEP));
	if (who == VMI_TLB_SUPER && user && (c->cr4 & VMI_CR4_SMAP))
		return false;
	return access != VMI_MEM_WRITE || may_write(c, rights, who);
}

static struct vmi_walk fault(const struct vmi_cpu *c, unsigned access,
	enum vmi_tlb_kind who, uint32_t code)
{
	struct vmi_walk w = { .fault = true, .code = code };
	bool nx = (c->efer & VMI_EFER_NXE) && (c->cr4 & VMI_CR4_PAE);

	if (access == VMI_MEM_WRITE)
		w.code |= VMI_PF_W;
	if (who == VMI_TLB_USER)
		w.code |= VMI_PF_U;
	/* I/D is set only where fetches can be refused (SDM 3A 4.7). */
	if (access == VMI_MEM_EXEC && (nx || (c->cr4 & VMI_CR4_SMEP)))
		w.code |= VMI_PF_I;
	return w;
}

static struct vmi_walk no_paging(uint64_t linear)
{
	struct vmi_walk w = { .gpa = linear & 0xffffffff, .write = true,
		.exec = true, .user = true };

	return w;
}

struct step {
	uint8_t *host; /* NULL: a ROM, which keeps its bits */
	uint64_t gpa;
	uint64_t entry;
};

static bool is_leaf(const struct vmi_cpu *c, const struct paging *mode,
	unsigned level, uint64_t entry)
{
	if (level == 0)
		return true;
	if (!(entry & PTE_PS) || !(mode->large & (1u << level)))
		return false;
	if (level == 2 && vmi_hides(c, VMI_FEAT_PDPE1GB))
		return false;
	return mode->entry_bytes == 8 || (c->cr4 & VMI_CR4_PSE);
}

/* Where an entry is in its table. */
static unsigned entry_offset(const struct paging *mode, unsigned level,
	uint64_t linear)
{
	unsigned index = (linear >> (12 + mode->index_bits * level)) &
		((1u << mode->index_bits) - 1);

	return index * mode->entry_bytes;
}

/* What a walk comes to, for an access that it allows. */
struct found {
	const struct paging *mode;
	uint64_t entry; /* the last one */
	uint64_t rights;
	unsigned level;
};

static struct vmi_walk finish(const struct vmi_cpu *c, const struct found *f,
	uint64_t linear, unsigned access, enum vmi_tlb_kind who)
{
	struct vmi_walk w = { .user = f->rights & PTE_U };

	w.gpa = leaf_address(f->mode, f->entry, f->level, linear);
	w.exec = may_access(c, f->rights, VMI_MEM_EXEC, who);
	/* A page not yet dirty: the first write walks again (SDM 3A 4.8). */
	w.write = access == VMI_MEM_WRITE || ((f->entry & PTE_D) &&
		may_access(c, f->rights, VMI_MEM_WRITE, who));
	w.global = (f->entry & PTE_G) && (c->cr4 & VMI_CR4_PGE);
	w.shift = (uint8_t)(12 + f->mode->index_bits * f->level);
	return w;
}

/* -- Where walks end ---------------------------------------------------- */

/*
 * SDM 3A 4.10.3, paging-structure caches: the table that had the last entry
 * of a walk is remembered for all addresses of the entry above a page table,
 * with the rights given above it.  The last entry itself is read again, and
 * if it is not there, allows less than is asked or has bits to be set, all is
 * walked, so that what is remembered never faults and nothing is set through
 * it.
 */
static struct vmi_table *table_slot(struct vmi_cpu *c,
	const struct paging *mode, uint64_t linear)
{
	return &c->tables[(linear >> (12 + mode->index_bits)) &
		(VMI_TABLES - 1)];
}

static uint64_t table_tag(const struct paging *mode, uint64_t linear)
{
	return linear >> (12 + mode->index_bits);
}

static void table_note(struct vmi_cpu *c, const struct paging *mode,
	uint64_t linear, const struct vmi_table *t)
{
	struct vmi_table *slot = table_slot(c, mode, linear);

	*slot = *t;
	slot->tag = table_tag(mode, linear);
	slot->age = c->tables_age;
}

void vmi_tables_forget(struct vmi_cpu *c)
{
	c->tables_age++;
}

void vmi_table_forget(struct vmi_cpu *c, uint64_t linear)
{
	table_slot(c, paging_of(c), linear)->tag = UINT64_MAX;
}

static bool walk_last(struct vmi_cpu *c, uint64_t linear, unsigned access,
	enum vmi_tlb_kind who, struct vmi_walk *w)
{
	const struct paging *mode = paging_of(c);
	const struct vmi_table *t = table_slot(c, mode, linear);
	struct found f = { .mode = mode, .level = t->level };
	uint64_t want = PTE_P | PTE_A;

	if (t->tag != table_tag(mode, linear) || t->age != c->tables_age)
		return false;
	f.entry = entry_load(t->host + entry_offset(mode, t->level, linear),
		mode->entry_bytes);
	f.rights = t->rights & rights_of(f.entry);
	want |= access == VMI_MEM_WRITE ? PTE_D : 0;
	if ((f.entry & want) != want ||
		!is_leaf(c, mode, t->level, f.entry) ||
		(f.entry & reserved_bits(c, mode, t->level, true)) ||
		!may_access(c, f.rights, access, who))
		return false;
	*w = finish(c, &f, linear, access, who);
	return true;
}

/* -- Walks -------------------------------------------------------------- */

/* Set A in all entries of the path, and D in the last; false: one changed. */
static bool set_bits(struct vmi_cpu *c, const struct paging *mode,
	const struct step *path, unsigned n, unsigned access)
{
	uint64_t want;
	unsigned i;

	for (i = 0; i < n; i++) {
		want = PTE_A;
		if (i == n - 1 && access == VMI_MEM_WRITE)
			want |= PTE_D;
		if (!path[i].host || (path[i].entry & want) == want)
			continue;
		vmi_phys_written(c, path[i].gpa);
		if (!entry_set(path[i].host, mode->entry_bytes, path[i].entry,
			want))
			return false;
	}
	return true;
}

/* One attempt; *retry when another vcpu changed an entry under it. */
static struct vmi_walk walk_once(struct vmi_cpu *c, uint64_t linear,
	unsigned access, enum vmi_tlb_kind who, bool *retry, bool set)
{
	const struct paging *mode = paging_of(c);
	struct found f = { .mode = mode, .rights = RIGHTS,
		.level = mode->levels };
	struct vmi_table last;
	struct step path[4];
	uint64_t table, entry;
	bool writable, leaf;
	unsigned n = 0;

	table = c->cr3 & (mode->entry_bytes == 4 ? 0xfffff000ull : ADDR_MASK);
	if (mode == &paging_pae) {
		entry = c->pdpte[(linear >> 30) & 3];
		if (!(entry & PTE_P))
			return fault(c, access, who, 0);
		table = entry & ADDR_MASK;
	}
	do {
		f.level--;
		last.host = vmi_phys_host(c, table, &writable);
		if (!last.host) /* no RAM there reads as ones */
			return fault(c, access, who, VMI_PF_P | VMI_PF_RSVD);
		last.level = (uint8_t)f.level;
		last.rights = f.rights;
		table += entry_offset(mode, f.level, linear);
		path[n].gpa = table;
		path[n].host = last.host + (table & 0xfff);
		entry = entry_load(path[n].host, mode->entry_bytes);
		if (!writable)
			path[n].host = NULL;
		path[n++].entry = entry;
		if (!(entry & PTE_P))
			return fault(c, access, who, 0);
		leaf = is_leaf(c, mode, f.level, entry);
		if (entry & reserved_bits(c, mode, f.level, leaf))
			return fault(c, access, who, VMI_PF_P | VMI_PF_RSVD);
		f.rights &= rights_of(entry);
		table = entry & (mode->entry_bytes == 4 ? 0xfffff000ull :
			ADDR_MASK);
	} while (!leaf);
	if (!may_access(c, f.rights, access, who))
		return fault(c, access, who, VMI_PF_P);
	if (set && !set_bits(c, mode, path, n, access)) {
		*retry = true;
		return fault(c, access, who, 0);
	}
	if (set)
		table_note(c, mode, linear, &last);
	f.entry = entry;
	return finish(c, &f, linear, access, who);
}

struct vmi_walk vmi_walk(struct vmi_cpu *c, uint64_t linear, unsigned access,
	enum vmi_tlb_kind who, bool set)
{
	struct vmi_walk w;
	bool retry;

	if (!(c->cr0 & VMI_CR0_PG))
		return no_paging(linear);
	if (set && walk_last(c, linear, access, who, &w))
		return w;
	do {
		retry = false;
		w = walk_once(c, linear, access, who, &retry, set);
	} while (retry);
	return w;
}

bool vmi_pdptes_load(struct vmi_cpu *c, uint64_t cr3)
{
	uint64_t pdpte[4], rsvd = 0x1e6ull | ~PHYS_MASK;
	uint8_t *host;
	bool writable;
	unsigned i;

	for (i = 0; i < 4; i++) {
		host = vmi_phys_host(c, (cr3 & 0xffffffe0) + 8 * i, &writable);
		pdpte[i] = host ? vmi_host_load(host, 8) : ~0ull;
		if ((pdpte[i] & PTE_P) && (pdpte[i] & rsvd))
			return false;
	}
	memcpy(c->pdpte, pdpte, sizeof(pdpte));
	return true;
}
