/* SPDX-License-Identifier: MIT */
/* What went wrong, in words: the error record of the calling thread. */
#ifndef VMAPI_ERROR_H
#define VMAPI_ERROR_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

/*
 * The record of the last failure on a thread.  `range_first` and
 * `range_size` name what the failure is about: a guest-physical range, a
 * register tag (size 0), a port range.  All strings are NUL-terminated.
 */
struct vmapi_error {
	int code;	       /* the negative errno, 0: no failure yet */
	uint32_t reserved;
	uint64_t range_first;
	uint64_t range_size;
	char operation[48];    /* the function: "vmapi_map_commit" */
	char object[48];       /* "vm", "vcpu 3", "ram 'low'" */
	char message[256];     /* a sentence, without the two above */
};

/*
 * The error record of the calling thread.  Never NULL.  It belongs to the
 * library and stays as it is until the next vmapi call that fails on this
 * thread; a call that succeeds leaves it alone.  Any thread.  Does not
 * block.  Not for signal handlers.  Since 0.1.
 */
VMAPI_API const struct vmapi_error *vmapi_error_last(void);

VMAPI_DECLS_END

#endif
