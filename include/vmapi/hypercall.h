/* SPDX-License-Identifier: MIT */
/* Calls of the hypervisor that a guest finds and makes by itself. */
#ifndef VMAPI_HYPERCALL_H
#define VMAPI_HYPERCALL_H

#include <vmapi/base.h>
#include <vmapi/guest/calls.h>

VMAPI_DECLS_BEGIN

struct vmapi_vm;

/* Calls of the guest's user mode come too; else they get VMAPI_CALL_EPERM. */
#define VMAPI_HYPERCALL_USER (1u << 0)

struct vmapi_hypercall_config {
	uint32_t size;
	uint32_t flags; /* VMAPI_HYPERCALL_ */
	uint32_t ways;	/* VMAPI_CALL_ bits to offer; 0: all there are */
	uint32_t port;	/* x86: the call port, 4 bytes from it on; 0: none */
	uint64_t page;	/* the call page, of 4 KiB; 0: none */
};

/*
 * From now on calls by the number of vmapi_hypercall(7) are
 * VMAPI_EXIT_HYPERCALL, whichever way they come, and an x86 guest finds the
 * ways by CPUID.  For VMs without a vcpu yet; once.
 *
 *   -EINVAL   an unknown flag or way; a port beyond 0xfffc; a page that is
 *             not at a multiple of 4096
 *   -EEXIST   RAM, a device or a region is where the port or page is
 *   -EBUSY    the VM has a vcpu, or calls already
 *   -ENOTSUP  none of these ways is to be had: not by this kernel, no port
 *             but on x86, no page on s390x
 *   -ENOMEM
 *
 * Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_hypercall_enable(struct vmapi_vm *vm,
	const struct vmapi_hypercall_config *config);

/*
 * Fill in VMAPI_CALLS_BYTES bytes that tell a guest the ways: for whatever
 * place it looks for them in.  -ENOENT: calls are not enabled.  Any thread.
 * Since 0.1.
 */
VMAPI_API int vmapi_hypercall_describe(struct vmapi_vm *vm, void *descriptor);

VMAPI_DECLS_END

#endif
