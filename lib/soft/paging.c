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
	if (!leaf && level == 3)
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

/* Rights along the walk, ANDed (NX: ORed). */
struct rights {
	bool write, user, nx;
};

static bool may_write(const struct vmi_cpu *c, const struct rights *r,
	enum vmi_tlb_kind who)
{
	if (who == VMI_TLB_USER)
		return r->write && r->user;
	return r->write || !(c->cr0 & VMI_CR0_WP);
}

static bool may_access(const struct vmi_cpu *c, const struct rights *r,
	unsigned access, enum vmi_tlb_kind who)
{
	if (who == VMI_TLB_USER && !r->user)
		return false;
	if (access == VMI_MEM_EXEC)
		return !r->nx && !(who != VMI_TLB_USER && r->user &&
			(c->cr4 & VMI_CR4_SMEP));
	if (who == VMI_TLB_SUPER && r->user && (c->cr4 & VMI_CR4_SMAP))
		return false;
	return access != VMI_MEM_WRITE || may_write(c, r, who);
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
	return mode->entry_bytes == 8 || (c->cr4 & VMI_CR4_PSE);
}

static struct vmi_walk finish(struct vmi_cpu *c, const struct rights *r,
	uint64_t gpa, enum vmi_tlb_kind who)
{
	struct vmi_walk w = { .gpa = gpa, .user = r->user };

	w.write = may_access(c, r, VMI_MEM_WRITE, who);
	w.exec = may_access(c, r, VMI_MEM_EXEC, who);
	return w;
}

/* One attempt; *retry when another vcpu changed an entry under it. */
static struct vmi_walk walk_once(struct vmi_cpu *c, uint64_t linear,
	unsigned access, enum vmi_tlb_kind who, bool *retry, bool set)
{
	const struct paging *mode = paging_of(c);
	struct rights r = { true, true, false };
	struct step path[4];
	uint64_t table, entry, want;
	unsigned level = mode->levels, n = 0, i, index;
	bool writable, leaf;
	struct vmi_walk w;

	table = c->cr3 & (mode->entry_bytes == 4 ? 0xfffff000ull : ADDR_MASK);
	if (mode == &paging_pae) {
		entry = c->pdpte[(linear >> 30) & 3];
		if (!(entry & PTE_P))
			return fault(c, access, who, 0);
		table = entry & ADDR_MASK;
	}
	do {
		level--;
		index = (linear >> (12 + mode->index_bits * level)) &
			((1u << mode->index_bits) - 1);
		table += index * mode->entry_bytes;
		path[n].host = vmi_phys_host(c, table, &writable);
		if (!path[n].host) /* no RAM there reads as ones */
			return fault(c, access, who, VMI_PF_P | VMI_PF_RSVD);
		entry = entry_load(path[n].host, mode->entry_bytes);
		if (!writable)
			path[n].host = NULL;
		path[n].gpa = table;
		path[n++].entry = entry;
		if (!(entry & PTE_P))
			return fault(c, access, who, 0);
		leaf = is_leaf(c, mode, level, entry);
		if (entry & reserved_bits(c, mode, level, leaf))
			return fault(c, access, who, VMI_PF_P | VMI_PF_RSVD);
		r.write &= !!(entry & PTE_W);
		r.user &= !!(entry & PTE_U);
		r.nx |= mode->entry_bytes == 8 && (entry & PTE_NX);
		table = entry & (mode->entry_bytes == 4 ? 0xfffff000ull :
			ADDR_MASK);
	} while (!leaf);
	if (!may_access(c, &r, access, who))
		return fault(c, access, who, VMI_PF_P);
	for (i = 0; set && i < n; i++) {
		want = PTE_A;
		if (i == n - 1 && access == VMI_MEM_WRITE)
			want |= PTE_D;
		if (!path[i].host || (path[i].entry & want) == want)
			continue;
		vmi_phys_written(c, path[i].gpa);
		if (!entry_set(path[i].host, mode->entry_bytes, path[i].entry,
			want)) {
			*retry = true;
			return fault(c, access, who, 0);
		}
	}
	w = finish(c, &r, leaf_address(mode, entry, level, linear), who);
	w.global = (entry & PTE_G) && (c->cr4 & VMI_CR4_PGE);
	w.shift = (uint8_t)(12 + mode->index_bits * level);
	/* A page not yet dirty: the first write walks again (SDM 3A 4.8). */
	if (!(entry & PTE_D) && access != VMI_MEM_WRITE)
		w.write = false;
	return w;
}

struct vmi_walk vmi_walk(struct vmi_cpu *c, uint64_t linear, unsigned access,
	enum vmi_tlb_kind who, bool set)
{
	struct vmi_walk w;
	bool retry;

	if (!(c->cr0 & VMI_CR0_PG))
		return no_paging(linear);
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
