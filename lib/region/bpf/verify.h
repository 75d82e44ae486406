/* SPDX-License-Identifier: MIT */
/* The proof that a program does no harm. */
#ifndef VMI_REGION_BPF_VERIFY_H
#define VMI_REGION_BPF_VERIFY_H

#include "lib/region/bpf/bpf.h"

/* What was found out on the way. */
struct vmi_bpf_proof {
	uint64_t steps; /* instructions looked at */
	/* Of each window, what may be written to: [low, high). */
	uint64_t low[VMI_BPF_WINDOWS_MAX];
	uint64_t high[VMI_BPF_WINDOWS_MAX];
	char why[240]; /* it was refused */
};

/*
 * 0: the program, from its entry on, reads only registers and memory that
 * have a value, reads and writes only what it was given, aligned, calls only
 * helpers that there are, at most VMI_BPF_FRAMES deep, gives no address away
 * and returns a result that there is.  It may run for ever, but not without
 * spending fuel.
 *
 *   -EINVAL  it is no program: an instruction or a target that there is not
 *   -EACCES  it could not be proven
 *   -E2BIG   it is too long, or takes too long to prove
 *   -ENOMEM
 */
int vmi_bpf_verify(const struct vmi_bpf_code *code,
	struct vmi_bpf_proof *proof);

#endif
