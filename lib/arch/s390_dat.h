/* SPDX-License-Identifier: MIT */
/* From a logical to an absolute address of s390x: pure. */
#ifndef VMI_ARCH_S390_DAT_H
#define VMI_ARCH_S390_DAT_H

#include <stdbool.h>
#include <stdint.h>

/* What an address depends on. */
struct vmi_s390_dat {
	uint64_t psw_mask;
	uint64_t control[16];
	uint64_t prefix;
	/* A doubleword of absolute memory; false: none is there. */
	bool (*load)(void *of, uint64_t absolute, uint64_t *value);
	void *of;
};

/*
 * As an access of the guest's program would be translated, whatever its
 * rights; in the access-register mode as if by access register 0.  False:
 * nothing is there.
 */
bool vmi_s390_absolute(const struct vmi_s390_dat *dat, uint64_t address,
	uint64_t *absolute);

#endif
