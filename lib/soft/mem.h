/* SPDX-License-Identifier: MIT */
/*
 * Guest memory: every load and store of the software processor.
 *
 * A hit is one compare of the access's last byte's page with the entry of
 * its first, so that an access across two pages misses.  Aligned accesses
 * are single relaxed atomics between the fences that x86's order needs
 * (loads are not passed by later accesses, stores do not pass earlier ones:
 * SDM 3A 8.2.2); on a host that orders so itself the fences are nothing.
 * What misses goes to mem.c: page walk, faults, devices, code pages.  There
 * a fault does not return: it leaves the instruction.
 */
#ifndef VMI_SOFT_MEM_H
#define VMI_SOFT_MEM_H

#include <string.h>

#include "lib/soft/op.h"

#define VMI_PAGE_MASK (~0xfffull)

/* What an access is, for the slow paths. */
#define VMI_MEM_READ  0u
#define VMI_MEM_WRITE 1u
#define VMI_MEM_EXEC  2u
/* With one of them, for vmi_linear(): 16 bytes that have to be aligned. */
#define VMI_MEM_AL16  0x100u

/* Slow paths; linear addresses. */
vmi_noinline uint64_t vmi_load_slow(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t linear, unsigned bytes);
/* The same with the right to write, for read-modify-write. */
vmi_noinline uint64_t vmi_load_rmw_slow(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t linear, unsigned bytes);
vmi_noinline void vmi_store_slow(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t linear, uint64_t value, unsigned bytes);

static vmi_inline uint64_t vmi_host_load(const uint8_t *p, unsigned bytes);
static vmi_inline void vmi_host_store(uint8_t *p, uint64_t v, unsigned bytes);

#include "lib/hostmem.h"

static vmi_inline unsigned vmi_tlb_index(uint64_t linear)
{
	uint64_t page = linear >> 12;

	return (page ^ (page >> VMI_TLB_BITS)) & (VMI_TLB_SIZE - 1);
}

/* What ordinary accesses look at; the index is made as an offset at once. */
static vmi_inline struct vmi_tlb_entry *vmi_tlb(struct vmi_cpu *c,
	uint64_t linear)
{
	uint64_t high = linear >> (12 + VMI_TLB_BITS - VMI_TLB_SHIFT);
	uint64_t offset = (linear >> (12 - VMI_TLB_SHIFT) ^ high) &
		(uint64_t)(VMI_TLB_SIZE - 1) << VMI_TLB_SHIFT;

	_Static_assert(sizeof(*c->tlb) == 1u << VMI_TLB_SHIFT, "a TLB entry");
	return (struct vmi_tlb_entry *)(void *)((char *)c->tlb + offset);
}

static inline struct vmi_tlb_entry *vmi_tlb_entry(struct vmi_cpu *c,
	uint64_t linear, enum vmi_tlb_kind who)
{
	return &c->tlbs[who][vmi_tlb_index(linear)];
}

/*
 * The three parts of a load or store that hits, for handlers whose slow path
 * is a function of its own that they call last: so they need no stack.
 */
static vmi_inline bool vmi_may_read(const struct vmi_tlb_entry *e,
	uint64_t linear, unsigned bytes)
{
	return vmi_likely(e->read == ((linear + bytes - 1) & VMI_PAGE_MASK));
}

static vmi_inline bool vmi_may_write(const struct vmi_tlb_entry *e,
	uint64_t linear, unsigned bytes)
{
	return vmi_likely(e->write == ((linear + bytes - 1) & VMI_PAGE_MASK));
}

static vmi_inline uint8_t *vmi_tlb_host(const struct vmi_tlb_entry *e,
	uint64_t linear)
{
	return (uint8_t *)(uintptr_t)(linear + e->addend);
}

/* 1, 2, 4 or 8 bytes, zero-extended; `bytes` is a constant in callers. */
static vmi_inline uint64_t vmi_load(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t linear, unsigned bytes)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, linear);

	if (vmi_may_read(e, linear, bytes))
		return vmi_host_load(vmi_tlb_host(e, linear), bytes);
	return vmi_load_slow(c, op, linear, bytes);
}

/* As vmi_load(), of what vmi_store() will then write without a fault. */
static vmi_inline uint64_t vmi_load_rmw(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t linear, unsigned bytes)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, linear);

	if (vmi_may_write(e, linear, bytes))
		return vmi_host_load(vmi_tlb_host(e, linear), bytes);
	return vmi_load_rmw_slow(c, op, linear, bytes);
}

static vmi_inline void vmi_store(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t linear, uint64_t value, unsigned bytes)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, linear);

	if (vmi_may_write(e, linear, bytes))
		vmi_host_store(vmi_tlb_host(e, linear), value, bytes);
	else
		vmi_store_slow(c, op, linear, value, bytes);
}

/*
 * For helpers (they have c->op set): any size known at run time.  Check
 * first what must not fault half-way: vmi_check() raises what an access of
 * that kind to [linear, linear + bytes) would raise, and touches no device.
 */
uint64_t vmi_read(struct vmi_cpu *c, uint64_t linear, unsigned bytes);
uint64_t vmi_read_rmw(struct vmi_cpu *c, uint64_t linear, unsigned bytes);
void vmi_write(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes);
void vmi_check(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access);
/*
 * #AC, where it is on, unless `linear` is a multiple of `bytes`.  Accesses
 * see to this by themselves; it goes before a vmi_check(), which does not.
 */
void vmi_need_aligned(struct vmi_cpu *c, uint64_t linear, unsigned bytes);
/* Accesses that never raise #AC. */
uint64_t vmi_read_unaligned(struct vmi_cpu *c, uint64_t linear,
	unsigned bytes);
void vmi_write_unaligned(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes);

/*
 * Accesses of the processor itself to descriptor tables, task states and
 * stacks that it switches to: supervisor, whatever the CPL (SDM 3A 4.6.1).
 */
uint64_t vmi_sys_read(struct vmi_cpu *c, uint64_t linear, unsigned bytes);
void vmi_sys_write(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes);
void vmi_sys_check(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access);

/*
 * The host address of [linear, linear + bytes) where all of it lies in one
 * page of RAM with the right, else NULL: for strings and wide copies.
 * Raises what the access would raise.  A page written this way must be
 * writable in the TLB: no code is in it.
 */
uint8_t *vmi_host(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access);

/*
 * Whether [linear, linear + bytes) is memory that can be locked; a device is
 * read and written once.  Raises what a locked access would: what faults is
 * a write, though it begins with a read.
 */
bool vmi_lockable(struct vmi_cpu *c, uint64_t linear, unsigned bytes);

/*
 * Lock the memory operand of 1, 2, 4 or 8 bytes for a read-modify-write and
 * compare-and-swap it.  Returns whether *memory was `expected` and is now
 * `desired`; *seen is what was there.  Atomic against every other vcpu and
 * every other user of the RAM; a device access is a read and a write.
 */
struct vmi_seen vmi_cas(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t linear, uint64_t expected, uint64_t desired, unsigned bytes);
/* The same for the processor itself: supervisor, as vmi_sys_write() is. */
struct vmi_seen vmi_sys_cas(struct vmi_cpu *c, uint64_t linear,
	uint64_t expected, uint64_t desired, unsigned bytes);

/*
 * Guest-physical memory of the processor itself, past translation and devices:
 * where there is no RAM, nothing is written and ones are read.
 */
void vmi_phys_read(struct vmi_cpu *c, uint64_t gpa, uint8_t *to,
	unsigned bytes);
void vmi_phys_write(struct vmi_cpu *c, uint64_t gpa, const uint8_t *from,
	unsigned bytes);

/* TLB maintenance: at first its memory is as it comes. */
void vmi_tlb_init(struct vmi_cpu *c);
void vmi_tlb_flush(struct vmi_cpu *c);
/* All but global pages; and one page, or the large one around it. */
void vmi_tlb_flush_local(struct vmi_cpu *c);
void vmi_tlb_flush_page(struct vmi_cpu *c, uint64_t linear);
/* No page can be written without coming to mem.c again. */
void vmi_tlb_forget_writes(struct vmi_cpu *c);
/* CPL, CR0, CR4, EFER or EFLAGS.AC changed: which TLB, which block key. */
void vmi_mode_changed(struct vmi_cpu *c);

/*
 * Walk the page tables for an access without a TLB, without setting bits.
 * 0, or -EFAULT with the error code in *code.
 */
int vmi_walk_probe(struct vmi_cpu *c, uint64_t linear, unsigned access,
	bool user, uint64_t *gpa, uint32_t *code);

#endif
