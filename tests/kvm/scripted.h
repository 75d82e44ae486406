/* SPDX-License-Identifier: MIT */
/* A kernel of our own behind lib/sys: memory slots and dirty logs of KVM. */
#ifndef TESTS_KVM_SCRIPTED_H
#define TESTS_KVM_SCRIPTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * It answers /dev/kvm with what the script says it can, and keeps slots as
 * the real one does: overlaps are -EEXIST; other sizes, host addresses or
 * read-only flags for a slot that exists are -EINVAL; turning the log off
 * throws the bitmap away.  A page of a logged slot is protected until it is
 * first written, which is when it is logged, and again when its log entry is
 * collected; so a bit that is given out without protection loses the next
 * write.  KVM_RUN does the writes of scripted_write().
 *
 * It breaks the rules of KVM_CLEAR_DIRTY_LOG and of rings for nobody, and
 * counts what it was asked.
 */
struct scripted {
	/* The script. */
	size_t page_size;
	bool has_clear, has_ring, has_ring_bitmap;
	bool goes_round; /* a full ring is written over */
	unsigned refuse_from; /* SET_USER_MEMORY_REGION number n, from 1 */
	unsigned refuse_count; /* and so many; 0: one */
	int refuse_code;
	/* What was asked. */
	unsigned created, deleted, relogged, set_calls;
	unsigned gets, clears, resets, ring_fulls;
	uint64_t cleared_pages; /* whose protection the last CLEAR renewed */
};

extern struct scripted scripted;

/* Put it behind lib/sys, with a script of zeros; and take it out again. */
void scripted_begin(size_t page_size);
void scripted_end(void);

/* What vcpu `n` writes in its next run, a byte at each gpa, before HLT. */
void scripted_write(unsigned n, const uint64_t *gpas, size_t count);
/* How many of them found no writable slot. */
unsigned scripted_strays(void);
/* A write of no vcpu (arm64's ITS): only the bitmap beside rings has it. */
void scripted_write_unseen(uint64_t gpa);

#endif
