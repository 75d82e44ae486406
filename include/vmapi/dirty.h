/* SPDX-License-Identifier: MIT */
/* The dirty log: which pages of a RAM object were written. */
#ifndef VMAPI_DIRTY_H
#define VMAPI_DIRTY_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi_ram;
struct vmapi_map;
struct vmapi_retired; /* what a commit found in what it took away */

/* Pages in a row, in bytes of the RAM object. */
struct vmapi_dirty_run {
	uint64_t offset;
	uint64_t bytes;
};

/* Flags of a read. */
#define VMAPI_DIRTY_EXACT (1u << 0) /* nothing stays in a processor's buffer */

struct vmapi_dirty {
	uint32_t size;
	uint32_t flags;	    /* VMAPI_DIRTY_ */
	uint64_t offset;    /* the range; after a call what is left of it */
	uint64_t bytes;
	uint64_t max_pages; /* take at most so many; 0: any number */
	struct vmapi_dirty_run *runs; /* where they go in order, or NULL */
	size_t n_runs;	    /* room for so many; after a call, how many */
	void *bitmap;	    /* bits to set, or NULL */
	uint64_t pages;	    /* out: how many were taken */
};

/*
 * Take the pages of a range of a RAM object that were written since they
 * were last taken.  Written are pages that a guest wrote through an entry
 * with VMAPI_MAP_LOG, in whatever VM and address space, and, while there is
 * such an entry, those that vmapi_as_write() and vmapi_ram_written() name.
 * A page that was taken may be read at once: a later write makes it dirty
 * again.
 *
 * Pages are of VMAPI_CAP_PAGE_SIZE bytes.  They are given as runs, in order,
 * or as bits of `bitmap`, which are set and never cleared: bit i % 8 of byte
 * i / 8, on every host, is page i of the object; it has whole 8 bytes.
 *
 * After max_pages, or when a run more has no room, the call ends, with what
 * was not looked at in offset and bytes: the same struct, with n_runs set
 * again, goes on from there.  Pages that were not taken stay dirty.  bytes 0
 * after a call: the range is done.
 *
 * VMAPI_DIRTY_EXACT: every write before the call is in the log.  Without it
 * a processor with buffers for its log (a ring) may keep the latest ones for
 * a later read.  A vcpu outside of the guest keeps nothing.
 *
 *   -EINVAL  the range is not page aligned, there are neither runs nor a
 *            bitmap, or n_runs is 0 with runs
 *   -ERANGE  outside the object
 *   -ENOMEM
 *   -EOVERFLOW  the kernel went round a ring of dirty pages: some are lost,
 *            and the VM's log is of no use any more; runs and commits that
 *            need it say the same
 *
 * Any other error is the kernel's, and no page is lost.  Any thread.  Does
 * not block but for other readers, commits, and vcpus that have to leave
 * the guest for a moment.  Since 0.1.
 */
VMAPI_API int vmapi_dirty_read(struct vmapi_ram *ram,
	struct vmapi_dirty *dirty);

/*
 * vmapi_map_commit(), and the dirty pages of what the transaction took away:
 * of parts of entries with VMAPI_MAP_LOG that are no longer at their address
 * with it.  They are moved from the object's log to *retired, at the moment
 * of the change, so that each page is told once; one that is mapped at a
 * further place may be told again, since it may have been written there.
 * After failure there is none and the object's log has them.  Since 0.1.
 */
VMAPI_API int vmapi_map_commit_log(struct vmapi_map *map,
	struct vmapi_retired **retired);

struct vmapi_retired_run {
	uint32_t size;
	uint32_t as;   /* number of the address space; 0: the first */
	uint64_t gpa;  /* where it was */
	uint64_t bytes;
	struct vmapi_ram *ram; /* not referenced for the caller */
	uint64_t offset;
	void *pointer; /* where it is in this process */
};

/*
 * The runs in order of address space and gpa, in the manner of
 * vmapi_as_entries().  RAM objects and pointers are valid until the retired
 * log is destroyed.  Since 0.1.
 */
VMAPI_API int vmapi_retired_runs(struct vmapi_retired *retired,
	struct vmapi_retired_run *runs, size_t n, size_t *count);

/* NULL does nothing.  Since 0.1. */
VMAPI_API void vmapi_retired_destroy(struct vmapi_retired *retired);

VMAPI_DECLS_END

#endif
