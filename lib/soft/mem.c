/* SPDX-License-Identifier: MIT */
/* Guest memory where the TLB misses: walks, faults, devices, code pages. */
#include "lib/soft/mem.h"

#include <errno.h>

#include "lib/core/dirty.h"
#include "lib/soft/block.h"
#include "lib/soft/device.h"
#include "lib/soft/operand.h"
#include "lib/soft/paging.h"
#include "lib/soft/pc.h"
#include "lib/soft/soft.h"

/* A page of RAM or of something else, for one access. */
struct page {
	uint8_t *host; /* of the byte; NULL: a device */
	struct vmapi_ram *ram;
	uint64_t gpa;
	bool code;	  /* blocks were decoded from it */
	bool readonly;	  /* a ROM: writes are device accesses */
	bool logged;	  /* not to be written unseen: see translate() */
};

/* -- Guest-physical ----------------------------------------------------- */

static const struct vmi_map_entry *map_entry(struct vmi_cpu *c, uint64_t gpa)
{
	const struct vmapi_vcpu *vcpu = &vmi_cpu_vcpu(c)->vcpu;
	const struct vmapi_as *as = c->smm ? vmi_as_second(vcpu->vm) : vcpu->as;

	return as ? vmi_view_find(as->view, gpa) : NULL;
}

uint8_t *vmi_phys_host(struct vmi_cpu *c, uint64_t gpa, bool *writable)
{
	const struct vmi_map_entry *e = map_entry(c, gpa);

	if (!e)
		return NULL;
	*writable = !(e->flags & VMAPI_MAP_READONLY);
	return e->ram->base + e->offset + (gpa - e->gpa);
}

void vmi_phys_written(struct vmi_cpu *c, uint64_t gpa)
{
	const struct vmi_map_entry *e = map_entry(c, gpa);

	if (e && e->flags & VMAPI_MAP_LOG)
		vmi_log_mark(e->ram, e->offset + (gpa - e->gpa), 1);
}

static bool page_has_code(const struct vmi_map_entry *e, uint64_t gpa)
{
	_Atomic(uint8_t) *flags = atomic_load_explicit(&e->ram->page_flags,
		memory_order_acquire);
	uint64_t page = (e->offset + (gpa - e->gpa)) >> 12;

	return flags && (atomic_load_explicit(&flags[page],
		memory_order_acquire) & VMI_PAGE_CODE);
}

static struct page phys_page(struct vmi_cpu *c, uint64_t gpa)
{
	const struct vmi_map_entry *e = map_entry(c, gpa);
	struct page p = { .gpa = gpa };

	if (!e || vmi_pc_apic_page(c, gpa))
		return p;
	p.ram = e->ram;
	p.host = e->ram->base + e->offset + (gpa - e->gpa);
	p.readonly = e->flags & VMAPI_MAP_READONLY;
	p.code = page_has_code(e, gpa);
	p.logged = e->flags & VMAPI_MAP_LOG;
	return p;
}

void vmi_phys_read(struct vmi_cpu *c, uint64_t gpa, uint8_t *to,
	unsigned bytes)
{
	struct page p;
	unsigned i;

	for (i = 0; i < bytes; i++) {
		p = phys_page(c, gpa + i);
		to[i] = p.host ? (uint8_t)vmi_host_load(p.host, 1) : 0xff;
	}
}

void vmi_phys_write(struct vmi_cpu *c, uint64_t gpa, const uint8_t *from,
	unsigned bytes)
{
	struct page p;
	unsigned i;

	for (i = 0; i < bytes; i++) {
		p = phys_page(c, gpa + i);
		if (!p.host || p.readonly)
			continue;
		if (p.logged)
			vmi_phys_written(c, p.gpa);
		vmi_host_store(p.host, from[i], 1);
		if (p.code)
			vmi_code_written(c, p.ram, p.host, 1);
	}
}

/* -- Translation -------------------------------------------------------- */

static bool canonical(const struct vmi_cpu *c, uint64_t linear)
{
	return !vmi_long_mode(c) || vmi_canonical(linear);
}

/*
 * A page whose entry is that of the page before as well, as a few are (at
 * multiples of 32 GiB): an access from there into it would be a hit.  Below 4
 * GiB there is nothing before 0.
 */
static bool shares_entry(const struct vmi_cpu *c, uint64_t page)
{
	return vmi_tlb_index(page) == vmi_tlb_index(page - 0x1000) &&
		(page || vmi_long_mode(c));
}

static uint16_t *writers(struct vmi_cpu *c, uintptr_t host)
{
	return &c->writers[(host >> 12) & (VMI_WRITERS - 1)];
}

static uintptr_t written_page(const struct vmi_tlb_entry *e)
{
	return (uintptr_t)(e->write + e->addend);
}

static void write_give(struct vmi_cpu *c, struct vmi_tlb_entry *e,
	uint64_t page)
{
	e->write = page;
	++*writers(c, written_page(e));
}

static void write_take(struct vmi_cpu *c, struct vmi_tlb_entry *e)
{
	if (e->write == VMI_TLB_NONE)
		return;
	--*writers(c, written_page(e));
	e->write = VMI_TLB_NONE;
}

static void drop(struct vmi_cpu *c, struct vmi_tlb_entry *e)
{
	write_take(c, e);
	e->read = VMI_TLB_NONE;
	e->exec = VMI_TLB_NONE;
}

static void list(struct vmi_tlb_list *l, unsigned i, const struct vmi_walk *w)
{
	if (!(l->page[i] & VMI_TLB_LISTED))
		l->entry[l->n++] = (uint16_t)i;
	l->page[i] = (uint8_t)(w->shift | VMI_TLB_LISTED |
		(w->global ? VMI_TLB_GLOBAL : 0));
}

static void note_large(struct vmi_cpu *c, uint64_t linear, unsigned shift)
{
	uint64_t first = linear >> shift << shift;
	uint64_t last = first + (1ull << shift) - 1;

	if (c->large_first > first)
		c->large_first = first;
	if (c->large_last < last)
		c->large_last = last;
}

static void fill(struct vmi_cpu *c, enum vmi_tlb_kind who, uint64_t linear,
	const struct vmi_walk *w, const struct page *p)
{
	uint64_t page = linear & VMI_PAGE_MASK;
	struct vmi_tlb_entry *e = vmi_tlb_entry(c, linear, who);
	unsigned watched = vmi_debug_page(c, linear);
	bool held;

	if (shares_entry(c, page))
		watched |= VMI_POINT_READ;
	held = p->readonly || p->code || p->logged || watched;
	write_take(c, e);
	e->read = watched & VMI_POINT_READ ? VMI_TLB_NONE : page;
	e->exec = w->exec ? page : VMI_TLB_NONE;
	e->addend = (uintptr_t)p->host - linear;
	if (w->write && !held)
		write_give(c, e, page);
	list(&c->tlb_lists[who], vmi_tlb_index(linear), w);
	if (w->shift > 12)
		note_large(c, linear, w->shift);
}

/* #GP, or #SS through SS: SDM 1 3.3.7.1. */
static void need_canonical(struct vmi_cpu *c, uint64_t linear,
	unsigned access)
{
	if (!canonical(c, linear))
		vmi_raise_code(c, c->op && vmi_op_seg(c->op) == VMI_SS &&
			access != VMI_MEM_EXEC ? VMI_EXC_SS : VMI_GP, 0);
}

/*
 * The page becomes dirty before it is written.  It may be taken from the log
 * in between, but whoever takes it waits for this vcpu to leave the guest,
 * with the store done and the right to write given up.
 */
static void note_write(struct vmi_cpu *c, struct page *p)
{
	vmi_phys_written(c, p->gpa);
	p->logged = false;
}

/*
 * The last device page that was read and the last one that was written: the
 * TLB has none.  What voids the TLB or jumps makes another tag.
 */
static bool is_device_again(const struct vmi_cpu *c, uint64_t linear,
	unsigned access, enum vmi_tlb_kind who)
{
	const struct vmi_device_page *d = &c->device_page[access &
		VMI_MEM_WRITE];

	return d->page == ((linear & VMI_PAGE_MASK) | 1) &&
		d->tag == c->jump_tag && who == c->who &&
		access != VMI_MEM_EXEC;
}

static void note_device(struct vmi_cpu *c, uint64_t linear, unsigned access,
	uint64_t gpa)
{
	c->device_page[access & VMI_MEM_WRITE] = (struct vmi_device_page){
		.page = (linear & VMI_PAGE_MASK) | 1, .tag = c->jump_tag,
		.gpa = gpa & VMI_PAGE_MASK };
}

/* The linear address of an entry's page: one of its tags, or none. */
static uint64_t entry_page(const struct vmi_tlb_entry *e)
{
	if (e->read != VMI_TLB_NONE)
		return e->read;
	return e->exec != VMI_TLB_NONE ? e->exec : e->write;
}

/*
 * A page fault makes forgotten what would be used for the address, of the TLB
 * and of what is remembered of tables: SDM 3A 4.10.4.1.  Other parts of a large
 * page may stay, as if they were entries of their own (4.10.2.3).
 */
static vmi_noreturn void raise_page(struct vmi_cpu *c, uint32_t code,
	uint64_t linear)
{
	const uint64_t page = linear & VMI_PAGE_MASK;
	bool jumps = c->device_page[0].page == (page | 1) ||
		c->device_page[1].page == (page | 1);
	struct vmi_tlb_entry *e;
	unsigned who;

	for (who = 0; who < VMI_TLBS; who++) {
		e = vmi_tlb_entry(c, linear, who);
		if (entry_page(e) != page)
			continue;
		jumps = jumps || e->exec != VMI_TLB_NONE;
		drop(c, e);
	}
	if (jumps) /* their tag is that of device pages, too */
		vmi_jumps_flush(c);
	vmi_table_forget(c, linear);
	vmi_raise_page(c, code, linear);
}

static struct page translate(struct vmi_cpu *c, uint64_t linear,
	unsigned access, enum vmi_tlb_kind who)
{
	struct vmi_walk w;
	struct page p;

	if (is_device_again(c, linear, access, who))
		return (struct page){ .gpa = (linear & 0xfff) |
			c->device_page[access & VMI_MEM_WRITE].gpa };
	need_canonical(c, linear, access);
	vmi_count(&c->stats, VMI_STAT_TLB_MISSES);
	w = vmi_walk(c, linear, access, who, true);
	if (w.fault)
		raise_page(c, w.code, linear);
	p = phys_page(c, w.gpa);
	if (access == VMI_MEM_WRITE && p.logged && !p.readonly)
		note_write(c, &p);
	if (p.host && !vmi_dev_is_logged(c, w.gpa))
		fill(c, who, linear, &w, &p);
	if (!p.host && access != VMI_MEM_EXEC && who == c->who)
		note_device(c, linear, access, w.gpa);
	return p;
}

/* -- Accesses within a page --------------------------------------------- */

static uint64_t page_load(struct vmi_cpu *c, const struct page *p,
	unsigned bytes)
{
	if (p->host && !vmi_dev_is_answered(c, p->gpa, false))
		return vmi_host_load(p->host, bytes);
	return vmi_dev_read(c, VMI_SPACE_MEMORY, p->gpa, bytes);
}

static void page_store(struct vmi_cpu *c, const struct page *p, uint64_t v,
	unsigned bytes)
{
	if (!p->host || p->readonly ||
		vmi_dev_is_answered(c, p->gpa, true)) {
		vmi_dev_write(c, VMI_SPACE_MEMORY, p->gpa, v, bytes);
		return;
	}
	vmi_host_store(p->host, v, bytes);
	if (p->code)
		vmi_code_written(c, p->ram, p->host, bytes);
}

/* -- Accesses that may cross -------------------------------------------- */

static bool crosses(uint64_t linear, unsigned bytes)
{
	return (linear & 0xfff) + bytes > 0x1000;
}

/*
 * The address `linear` of an access that begins at `from`.  Above 4 GiB also
 * in compatibility mode: the processor's own accesses are of 64 bits.
 */
static uint64_t wrap(const struct vmi_cpu *c, uint64_t from, uint64_t linear)
{
	return from > UINT32_MAX ? linear : linear & c->amask;
}

/* The pieces of an access across two pages: sizes that devices know. */
static unsigned piece(uint64_t linear, unsigned left)
{
	unsigned to_page = 0x1000 - (linear & 0xfff), n = 8;

	while (n > left || n > to_page)
		n >>= 1;
	return n;
}

static uint64_t load_split(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access, enum vmi_tlb_kind who)
{
	uint64_t at, v = 0;
	struct page p;
	unsigned i, n;

	/* Both addresses, then both pages, fault before either is read. */
	need_canonical(c, wrap(c, linear, linear + bytes - 1), access);
	translate(c, linear, access, who);
	translate(c, wrap(c, linear, (linear & VMI_PAGE_MASK) + 0x1000),
		access, who);
	for (i = 0; i < bytes; i += n) {
		at = wrap(c, linear, linear + i);
		n = piece(at, bytes - i);
		p = translate(c, at, access, who);
		v |= page_load(c, &p, n) << (8 * i);
	}
	return v;
}

static void store_split(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes, enum vmi_tlb_kind who)
{
	struct page p;
	uint64_t at;
	unsigned i, n;

	need_canonical(c, wrap(c, linear, linear + bytes - 1), VMI_MEM_WRITE);
	translate(c, linear, VMI_MEM_WRITE, who);
	translate(c, wrap(c, linear, (linear & VMI_PAGE_MASK) + 0x1000),
		VMI_MEM_WRITE, who);
	for (i = 0; i < bytes; i += n) {
		at = wrap(c, linear, linear + i);
		n = piece(at, bytes - i);
		p = translate(c, at, VMI_MEM_WRITE, who);
		page_store(c, &p, value >> (8 * i), n);
	}
}

/*
 * Alignment checking: SDM 3A 6.15, "Interrupt 17".  c->tlb is empty while it
 * is on, so that every access of a program comes here.  An address that is
 * not canonical goes first, a page fault comes after (as processors do; SDM
 * 3A table 6-2 leaves it open).
 */
void vmi_need_aligned(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	if (vmi_unlikely(c->tlb == c->tlbs[VMI_TLB_ALIGNED]) &&
		(linear & (bytes - 1)) && canonical(c, linear) &&
		canonical(c, linear + bytes - 1))
		vmi_raise_code(c, VMI_AC, 0);
}

static void watch(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned kinds)
{
	if (vmi_unlikely(c->debug.armed & VMI_POINT_DATA))
		vmi_debug_access(c, linear, bytes, kinds);
}

static uint64_t load_as(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access, enum vmi_tlb_kind who)
{
	const struct vmi_tlb_entry *e = vmi_tlb_entry(c, linear, who);
	struct page p;

	if (access == VMI_MEM_WRITE ? vmi_may_write(e, linear, bytes) :
		vmi_may_read(e, linear, bytes))
		return vmi_host_load(vmi_tlb_host(e, linear), bytes);
	watch(c, linear, bytes, VMI_POINT_READ);
	if (crosses(linear, bytes))
		return load_split(c, linear, bytes, access, who);
	p = translate(c, linear, access, who);
	return page_load(c, &p, bytes);
}

static void store_as(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes, enum vmi_tlb_kind who)
{
	const struct vmi_tlb_entry *e = vmi_tlb_entry(c, linear, who);
	struct page p;

	if (vmi_may_write(e, linear, bytes)) {
		vmi_host_store(vmi_tlb_host(e, linear), value, bytes);
		return;
	}
	watch(c, linear, bytes, VMI_POINT_WRITE);
	if (crosses(linear, bytes)) {
		store_split(c, linear, value, bytes, who);
		return;
	}
	p = translate(c, linear, VMI_MEM_WRITE, who);
	page_store(c, &p, value, bytes);
}

uint64_t vmi_load_slow(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t linear, unsigned bytes)
{
	c->op = op;
	vmi_need_aligned(c, linear, bytes);
	return load_as(c, linear, bytes, VMI_MEM_READ, c->who);
}

uint64_t vmi_load_rmw_slow(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t linear, unsigned bytes)
{
	c->op = op;
	vmi_need_aligned(c, linear, bytes);
	return load_as(c, linear, bytes, VMI_MEM_WRITE, c->who);
}

void vmi_store_slow(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t linear, uint64_t value, unsigned bytes)
{
	c->op = op;
	vmi_need_aligned(c, linear, bytes);
	store_as(c, linear, value, bytes, c->who);
}

/* -- For helpers -------------------------------------------------------- */

uint64_t vmi_read(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	return vmi_load(c, c->op, linear, bytes);
}

uint64_t vmi_read_unaligned(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	return load_as(c, linear, bytes, VMI_MEM_READ, c->who);
}

void vmi_write_unaligned(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes)
{
	store_as(c, linear, value, bytes, c->who);
}

uint64_t vmi_read_rmw(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	return vmi_load_rmw(c, c->op, linear, bytes);
}

void vmi_write(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes)
{
	vmi_store(c, c->op, linear, value, bytes);
}

static void check_as(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access, enum vmi_tlb_kind who)
{
	const struct vmi_tlb_entry *e = vmi_tlb_entry(c, linear, who);
	uint64_t at, last = linear + bytes - 1;

	if (access == VMI_MEM_WRITE ? vmi_may_write(e, linear, bytes) :
		access == VMI_MEM_READ && vmi_may_read(e, linear, bytes))
		return;
	need_canonical(c, wrap(c, linear, last), access);
	for (at = linear; ; at = (at & VMI_PAGE_MASK) + 0x1000) {
		translate(c, wrap(c, linear, at), access, who);
		if ((at | 0xfff) >= (last | 0xfff))
			return;
	}
}

void vmi_check(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access)
{
	check_as(c, linear, bytes, access, c->who);
}

uint8_t *vmi_host(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, linear);
	uint64_t tag = (linear + bytes - 1) & VMI_PAGE_MASK;

	if ((access == VMI_MEM_WRITE ? e->write : e->read) == tag)
		return (uint8_t *)(uintptr_t)(linear + e->addend);
	if (crosses(linear, bytes))
		return NULL;
	translate(c, linear, access, c->who);
	if ((access == VMI_MEM_WRITE ? e->write : e->read) != tag)
		return NULL;
	return (uint8_t *)(uintptr_t)(linear + e->addend);
}

/*
 * Implicit supervisor accesses are refused user pages by SMAP whatever AC is
 * (SDM 3A 4.6.1).
 */
static enum vmi_tlb_kind system_who(const struct vmi_cpu *c)
{
	return c->cr4 & VMI_CR4_SMAP ? VMI_TLB_SUPER : VMI_TLB_SUPER_AC;
}

uint64_t vmi_sys_read(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	return load_as(c, linear, bytes, VMI_MEM_READ, system_who(c));
}

void vmi_sys_write(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes)
{
	store_as(c, linear, value, bytes, system_who(c));
}

void vmi_sys_check(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access)
{
	check_as(c, linear, bytes, access, system_who(c));
}

/* -- Locked accesses ---------------------------------------------------- */

bool vmi_lockable(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	vmi_need_aligned(c, linear, bytes);
	if (vmi_may_write(vmi_tlb_entry(c, linear, c->who), linear, bytes))
		return true;
	vmi_check(c, linear, bytes, VMI_MEM_WRITE);
	return translate(c, linear, VMI_MEM_WRITE, c->who).host;
}

/* A compare-and-swap in the making. */
struct swap {
	uint64_t linear, expected, desired;
	unsigned bytes;
};

/* Across a boundary, or to a device: alone, as a locked bus would. */
static struct vmi_seen bus_cas(struct vmi_cpu *c, const struct swap *w,
	enum vmi_tlb_kind who)
{
	struct vmi_seen s;

	vmi_exclusive_begin(c);
	s.value = load_as(c, w->linear, w->bytes, VMI_MEM_WRITE, who);
	s.swapped = s.value == w->expected;
	if (s.swapped)
		store_as(c, w->linear, w->desired, w->bytes, who);
	vmi_exclusive_end(c);
	return s;
}

static struct vmi_seen cas_as(struct vmi_cpu *c, const struct swap *w,
	enum vmi_tlb_kind who)
{
	const struct vmi_tlb_entry *e = vmi_tlb_entry(c, w->linear, who);
	struct vmi_seen s;
	struct page p;

	if (vmi_may_write(e, w->linear, w->bytes) &&
		!(w->linear & (w->bytes - 1)))
		return vmi_host_cas(vmi_tlb_host(e, w->linear), w->expected,
			w->desired, w->bytes);
	watch(c, w->linear, w->bytes, VMI_POINT_DATA);
	if (crosses(w->linear, w->bytes))
		return bus_cas(c, w, who);
	p = translate(c, w->linear, VMI_MEM_WRITE, who);
	if (!p.host || p.readonly || vmi_dev_is_logged(c, p.gpa) ||
		((uintptr_t)p.host & (w->bytes - 1)))
		return bus_cas(c, w, who);
	s = vmi_host_cas(p.host, w->expected, w->desired, w->bytes);
	if (s.swapped && p.code)
		vmi_code_written(c, p.ram, p.host, w->bytes);
	return s;
}

struct vmi_seen vmi_cas(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t linear, uint64_t expected, uint64_t desired, unsigned bytes)
{
	struct swap w = { linear, expected, desired, bytes };

	c->op = op;
	vmi_need_aligned(c, linear, bytes);
	return cas_as(c, &w, c->who);
}

struct vmi_seen vmi_sys_cas(struct vmi_cpu *c, uint64_t linear,
	uint64_t expected, uint64_t desired, unsigned bytes)
{
	struct swap w = { linear, expected, desired, bytes };

	return cas_as(c, &w, system_who(c));
}

/* -- Fetching ----------------------------------------------------------- */

const uint8_t *vmi_fetch_page(struct vmi_cpu *c, uint64_t linear,
	struct vmapi_ram **ram, uint64_t *page)
{
	const struct vmi_map_entry *e;
	struct vmi_walk w;
	struct page p;

	if (!canonical(c, linear))
		vmi_raise_code(c, VMI_GP, 0);
	w = vmi_walk(c, linear, VMI_MEM_EXEC, c->who, true);
	if (w.fault)
		raise_page(c, w.code, linear);
	e = map_entry(c, w.gpa);
	if (!e)
		return NULL;
	p = phys_page(c, w.gpa);
	w.write = false; /* it is about to be code */
	if (p.host)
		fill(c, c->who, linear, &w, &p);
	*ram = e->ram;
	*page = (e->offset + (w.gpa - e->gpa)) >> 12;
	return p.host;
}

/* -- Maintenance -------------------------------------------------------- */

void vmi_tlb_init(struct vmi_cpu *c)
{
	static const struct vmi_tlb_entry none = { VMI_TLB_NONE, VMI_TLB_NONE,
		VMI_TLB_NONE, 0 };
	unsigned who, i;

	for (who = 0; who < VMI_TLBS; who++)
		for (i = 0; i < VMI_TLB_SIZE; i++)
			c->tlbs[who][i] = none;
	c->large_first = UINT64_MAX;
	c->large_last = 0;
}

/* Empty one, but for the entries that have the bit. */
static void drop_listed(struct vmi_cpu *c, unsigned who, unsigned but)
{
	struct vmi_tlb_list *l = &c->tlb_lists[who];
	unsigned k, i, kept = 0;

	for (k = 0; k < l->n; k++) {
		i = l->entry[k];
		if (l->page[i] & but) {
			l->entry[kept++] = (uint16_t)i;
			continue;
		}
		drop(c, &c->tlbs[who][i]);
		l->page[i] = 0;
	}
	l->n = kept;
}

/* What goes with any part of the TLB. */
static void forget_paths(struct vmi_cpu *c)
{
	vmi_tables_forget(c);
	vmi_jumps_flush(c);
}

void vmi_tlb_flush(struct vmi_cpu *c)
{
	unsigned who;

	vmi_count(&c->stats, VMI_STAT_TLB_FLUSHES);
	for (who = 0; who < VMI_TLBS; who++)
		drop_listed(c, who, 0);
	c->large_first = UINT64_MAX;
	c->large_last = 0;
	forget_paths(c);
}

void vmi_tlb_flush_local(struct vmi_cpu *c)
{
	unsigned who;

	for (who = 0; who < VMI_TLBS; who++)
		drop_listed(c, who, VMI_TLB_GLOBAL);
	forget_paths(c);
}

/* Every part of the large page that `linear` is in: SDM 3A 4.10.4.1. */
static void drop_parts(struct vmi_cpu *c, unsigned who, uint64_t linear)
{
	const struct vmi_tlb_list *l = &c->tlb_lists[who];
	struct vmi_tlb_entry *e;
	unsigned k, shift;

	for (k = 0; k < l->n; k++) {
		e = &c->tlbs[who][l->entry[k]];
		shift = l->page[l->entry[k]] & VMI_TLB_PAGE;
		if (shift > 12 && !((entry_page(e) ^ linear) >> shift))
			drop(c, e);
	}
}

void vmi_tlb_flush_page(struct vmi_cpu *c, uint64_t linear)
{
	unsigned who;

	for (who = 0; who < VMI_TLBS; who++) {
		drop(c, vmi_tlb_entry(c, linear, who));
		if (linear >= c->large_first && linear <= c->large_last)
			drop_parts(c, who, linear);
	}
	forget_paths(c);
}

void vmi_tlb_forget_writes(struct vmi_cpu *c)
{
	const struct vmi_tlb_list *l;
	unsigned who, k;

	for (who = 0; who < VMI_TLBS; who++) {
		l = &c->tlb_lists[who];
		for (k = 0; k < l->n; k++)
			write_take(c, &c->tlbs[who][l->entry[k]]);
	}
}

/* Most pages that become code are in no entry: nothing is looked for. */
void vmi_tlb_drop_writes(struct vmi_cpu *c, const uint8_t *host_page)
{
	const uint16_t *left = writers(c, (uintptr_t)host_page);
	const struct vmi_tlb_list *l;
	struct vmi_tlb_entry *e;
	unsigned who, k;

	for (who = 0; who < VMI_TLBS && *left; who++) {
		l = &c->tlb_lists[who];
		for (k = 0; k < l->n && *left; k++) {
			e = &c->tlbs[who][l->entry[k]];
			if (e->write != VMI_TLB_NONE &&
				written_page(e) == (uintptr_t)host_page)
				write_take(c, e);
		}
	}
}

int vmi_walk_probe(struct vmi_cpu *c, uint64_t linear, unsigned access,
	bool user, uint64_t *gpa, uint32_t *code)
{
	struct vmi_walk w = vmi_walk(c, linear, access,
		user ? VMI_TLB_USER : VMI_TLB_SUPER_AC, false);

	*gpa = w.gpa;
	*code = w.code;
	return w.fault ? -EFAULT : 0;
}
