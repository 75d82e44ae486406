/* SPDX-License-Identifier: MIT */
/* The dirty log of RAM objects: what backends put in, and who maps them. */
#ifndef VMI_CORE_DIRTY_H
#define VMI_CORE_DIRTY_H

#include "lib/core/core.h"

/*
 * A committed entry with VMAPI_MAP_LOG, in the list of its RAM object, under
 * ctx->log_lock.  It lives as long as the entry is committed.
 */
struct vmi_logged {
	struct vmi_logged *next, **at;
	struct vmapi_vm *vm;
	struct vmi_map_entry e;
};

/* What is asked of a backend about one of these. */
struct vmi_dirty_want {
	uint64_t offset; /* of the RAM object; inside the entry */
	uint64_t bytes;
	uint64_t max_pages; /* that it need take from its kernel */
	bool final; /* the log of this entry is about to end */
};

/* -- The log of an object ----------------------------------------------- */

/* Make it if there is none.  -ENOMEM.  It stays while the object does. */
int vmi_log_open(struct vmapi_ram *ram);
void vmi_log_free(struct vmapi_ram *ram);

/*
 * The pages that share a byte with [offset, offset + bytes) were written.
 * Nothing happens where no entry logs the object.  What was written before
 * the call is seen by whoever takes the page.  Any thread.
 */
void vmi_log_mark(struct vmapi_ram *ram, uint64_t offset, uint64_t bytes);

/*
 * The same from a bitmap (lib/core/bitmap.h) whose bit `first` is the page at
 * `offset`: `n` bits of it.
 */
void vmi_log_merge(struct vmapi_ram *ram, uint64_t offset,
	const uint8_t *bitmap, uint64_t first, uint64_t n);

/* Take the pages of a range into a bitmap whose bit 0 is `offset`. */
void vmi_log_move(struct vmapi_ram *ram, uint64_t offset, uint64_t bytes,
	uint8_t *bitmap);

/* -- Following it ------------------------------------------------------- */

/* Somebody who wants all dirty pages, whoever else takes them. */
struct vmi_log_follower {
	struct vmi_log_follower *next;
	struct vmapi_ram *ram; /* not referenced */
	uint8_t *pages;	       /* taken by anybody; under ctx->log_lock */
};

/*
 * From now on until the end, in which `follower` may be NULL.  Meanwhile marks
 * count though no entry logs the object.  -ENOMEM.
 */
int vmi_log_follow(
	struct vmapi_ram *ram, struct vmi_log_follower **follower);
void vmi_log_unfollow(struct vmi_log_follower *follower);
/*
 * Take what is in the log, and add to a bitmap all that was taken since the
 * last such call.  Flags as of vmapi_dirty_read(), whose errors it has.
 */
int vmi_log_follow_read(
	struct vmi_log_follower *follower, uint8_t *pages, uint32_t flags);
/* Whether an entry logs the object because the application asked for it. */
bool vmi_log_is_wanted(struct vmapi_ram *ram);

/* -- Who logs, under ctx->log_lock -------------------------------------- */

void vmi_logged_link(struct vmi_logged *l);
void vmi_logged_unlink(struct vmi_logged *l);

/* Take all that the backend knows of this entry, whose log is to end. */
int vmi_logged_harvest(struct vmi_logged *l);
/* Of all entries of a VM that is going away, and unlink and free them. */
void vmi_logged_drop(struct vmapi_vm *vm);

#endif
