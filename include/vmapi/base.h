/* SPDX-License-Identifier: MIT */
/* What every public header needs: exact-width types, linkage, visibility. */
#ifndef VMAPI_BASE_H
#define VMAPI_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define VMAPI_DECLS_BEGIN extern "C" {
#define VMAPI_DECLS_END	  }
#else
#define VMAPI_DECLS_BEGIN
#define VMAPI_DECLS_END
#endif

#if defined(__GNUC__)
#define VMAPI_API __attribute__((__visibility__("default")))
#else
#define VMAPI_API
#endif

/*
 * Conventions of the whole interface, said once.
 *
 * Every function returns 0 or a negative errno, save those that return void,
 * a string, the error record or the version.  Results go through trailing
 * out-pointers, which are written only on success unless the function says
 * otherwise.  After a failure vmapi_error_last() holds the sentence.
 *
 * Configs, and structs that the library fills in, start with `uint32_t size`,
 * which the caller sets to sizeof; elements of arrays inside of them, register
 * values, accesses and payloads have none.  A config of an older size is padded
 * with zeros, one of a newer size whose unknown tail is not all zero is
 * -E2BIG.  Of an out-struct the library writes min(size, its own) bytes and
 * stores that number, so that a struct can be given again as it is.
 *
 * Handles are opaque.  A child keeps its parent alive: destroying a parent
 * first only drops the caller's reference.  Destroying NULL does nothing.
 *
 * Any function may return, beside the errnos it lists:
 *   -EINVAL  a handle or a required pointer is NULL, a flag is unknown, or
 *            `size` is smaller than the first version of the struct
 *   -EPERM   the call is made in a child of the process that opened the
 *            context (no handle survives fork)
 * "Any thread" means at any time, also while a vcpu of the VM runs.
 */

#endif
