/* SPDX-License-Identifier: MIT */
/* Registers in a page that the guest reads without an exit, while it does. */
#ifndef VMI_CORE_MIRROR_H
#define VMI_CORE_MIRROR_H

#include "lib/core/core.h"

#define VMI_MIRROR_BYTES 4096u

struct vmi_mirror {
	struct vmapi_vm *vm;
	uint64_t gpa;
	/*
	 * By its thread while the page is shown: write what changes with
	 * time.  `page_lock` is held.
	 */
	void (*renew)(struct vmi_mirror *mirror);
	/* Before it is shown, and when `due` has come: write it all. */
	void (*fill)(struct vmi_mirror *mirror);

	pthread_mutex_t page_lock; /* whoever writes to the page; innermost */
	uint8_t *page;		   /* NULL: there is none, and no thread */
	uint8_t *shown;		   /* the same, where guests find it */
	uint64_t due;		   /* of the VM's clock; under page_lock */
	/* Heat: under the chipset's lock. */
	uint64_t since;
	unsigned hits;
	_Atomic(uint64_t) hidden_at;
	atomic_bool stop;
	int wake; /* eventfd: it is hot, or the end */
	int pagemap; /* of /proc; -1: there is none */
	void *thread;
};

/*
 * `vm`, `gpa`, `renew` and `fill` are set.  Where the backend's guests read
 * regions without an exit it does nothing.  -ENOTSUP: it cannot be done.
 */
int vmi_mirror_start(struct vmi_mirror *m);
void vmi_mirror_stop(struct vmi_mirror *m);
/* A read that the page could have spared; chipset locked. */
void vmi_mirror_missed(struct vmi_mirror *m, uint64_t now);

#endif
