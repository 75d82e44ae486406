/* SPDX-License-Identifier: MIT */
/* The helpers of device programs: helper.def. */
#ifndef VMI_REGION_BPF_HELPER_H
#define VMI_REGION_BPF_HELPER_H

#include "lib/region/bpf/bpf.h"

struct vmi_bpf_helper {
	uint32_t number;
	unsigned n_args;
	int64_t least, greatest; /* of the result */
	const char *name;
};

/* NULL: there is none of that number. */
const struct vmi_bpf_helper *vmi_bpf_helper(uint32_t number);

/* Call one: arguments in r[1] and up, the result in r[0]. */
void vmi_bpf_help(struct vmi_bpf_run *run, uint32_t number);

#endif
