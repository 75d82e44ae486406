/* SPDX-License-Identifier: MIT */
/* The page walk: 32-bit, PAE and 4-level paging (SDM 3A chapter 4). */
#ifndef VMI_SOFT_PAGING_H
#define VMI_SOFT_PAGING_H

#include "lib/soft/mem.h"

struct vmi_walk {
	uint64_t gpa;	 /* of the byte asked for */
	bool fault;
	uint32_t code;	 /* of the page fault */
	bool write;	 /* a write would be allowed and D is set */
	bool exec;	 /* a fetch would be allowed */
	bool user;	 /* the page is a user page */
	bool global;	 /* CR4.PGE, and the page's G bit */
	uint8_t shift;	 /* log2 of the page's bytes; 0 without paging */
};

/*
 * Translate `linear` for `access` (VMI_MEM_) by a user or a supervisor.
 * `set` sets the accessed and dirty bits as the access does; without it
 * nothing is written.  `ac`: a supervisor access that EFLAGS.AC lets through
 * SMAP.
 */
struct vmi_walk vmi_walk(struct vmi_cpu *c, uint64_t linear, unsigned access,
	enum vmi_tlb_kind who, bool set);

/* What walks remember of page tables: all goes with what the TLB loses. */
void vmi_tables_forget(struct vmi_cpu *c);
/* That of the address alone. */
void vmi_table_forget(struct vmi_cpu *c, uint64_t linear);

/* Guest-physical memory where page tables are; NULL: not RAM. */
uint8_t *vmi_phys_host(struct vmi_cpu *c, uint64_t gpa, bool *writable);
/* A byte there is about to be written through that: for the dirty log. */
void vmi_phys_written(struct vmi_cpu *c, uint64_t gpa);

/* Load the four PDPTEs of PAE paging; false: reserved bits, #GP. */
bool vmi_pdptes_load(struct vmi_cpu *c, uint64_t cr3);

#endif
