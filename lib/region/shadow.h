/* SPDX-License-Identifier: MIT */
/* Registers that are memory, with a policy for each byte. */
#ifndef VMI_REGION_SHADOW_H
#define VMI_REGION_SHADOW_H

#include <vmapi/region.h>

/*
 * Answer an access to bytes with these policies (enum vmapi_shadow_policy,
 * NULL: plain).  -ENOENT: one of them traps, and nothing is done.  Bytes are
 * accessed one by one, lowest first, each atomically.
 */
int vmi_shadow_access(_Atomic(unsigned char) *bytes,
	const unsigned char *policy, struct vmapi_access *access);

#endif
