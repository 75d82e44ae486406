/* SPDX-License-Identifier: MIT */
/* Device programs: small verified functions that answer guest accesses. */
#ifndef VMAPI_PROGRAM_H
#define VMAPI_PROGRAM_H

#include <vmapi/base.h>
#include <vmapi/region.h>

VMAPI_DECLS_BEGIN

struct vmapi_vm;
struct vmapi_ram;
struct vmapi_irq;
struct vmapi_program; /* one device's programs, with its registers */

/* Several vcpus may be in it at once: it keeps order by atomic operations. */
#define VMAPI_PROGRAM_CONCURRENT (1u << 0)

/* Memory for a variable that the program declared VMAPI_BPF_WINDOW. */
struct vmapi_program_window {
	const char *name;
	struct vmapi_ram *ram; /* referenced; kinds that have a pointer */
	uint64_t offset;       /* where in it the variable is; aligned to 8 */
};

struct vmapi_program_config {
	uint32_t size;
	uint32_t flags;	   /* VMAPI_PROGRAM_ */
	const void *image; /* an object file of clang -target bpfel; copied */
	uint64_t image_bytes;
	uint32_t fuel;	   /* of each call, about an instruction; 0: 100000 */
	uint32_t n_windows;
	uint32_t n_irqs;
	uint32_t n_fds;
	const struct vmapi_program_window *windows;
	struct vmapi_irq *const *irqs; /* referenced */
	const int32_t *fds; /* eventfds; duplicated */
	const char *name;   /* in messages; NULL: "program"; copied */
};

/*
 * Load and verify the programs of one device.  A program is proven to read
 * and write only its context, its stack, its own variables and its windows,
 * whatever the guest does, and never waits; how long it may run is limited
 * when it runs.  Loading takes a time in proportion to its length.
 *
 *   -ENOEXEC  the image is no object file of that kind
 *   -EACCES   it could not be verified: the message names the instruction
 *             and the register
 *   -E2BIG    it is too long, or takes too long to verify
 *   -ENOENT   a window was declared and not given, or the other way
 *   -ERANGE   a window reaches beyond its RAM object
 *   -EINVAL   a window's offset is not a multiple of 8, its RAM is of
 *             another context; an irq of another VM; no image; an eventfd
 *             that is none
 *   -EBADF    an eventfd is no descriptor
 *   -ENOMEM, -EMFILE
 *
 * Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_program_create(struct vmapi_vm *vm,
	const struct vmapi_program_config *config,
	struct vmapi_program **program);

/* Drop the caller's reference; regions have their own.  Since 0.1. */
VMAPI_API void vmapi_program_destroy(struct vmapi_program *program);

/*
 * Where a global variable of the program is in this process, and how long.
 * It stays there as long as the program.  Numbers in it are little-endian on
 * every host.  -ENOENT: there is none of that name.  Any thread; what the
 * program may change meanwhile is to be read as atomics.  Since 0.1.
 */
VMAPI_API int vmapi_program_symbol(struct vmapi_program *program,
	const char *name, void **pointer, uint64_t *bytes);

struct vmapi_region_program {
	uint32_t size;
	uint32_t flags; /* 0 */
	uint64_t shift; /* the offset that the program sees of the first byte */
	/* Of writes for which it returned VMAPI_BPF_POST: as for a region */
	vmapi_region_fn *post; /* ... with VMAPI_REGION_POSTED; or NULL */
	void *opaque;
};

/*
 * From now on a program answers the guest's accesses to a range: on the
 * vcpu's thread, without an exit.  Several ranges may lead to one program.
 * `how` NULL is all zero.  A program without a function for reads, or for
 * writes, passes them.  One without fuel ends in VMAPI_EXIT_REGION (a posted
 * write, in the log).
 *
 *   as vmapi_region_handler(), and
 *   -EINVAL  the program is of another VM
 *   -ENOTSUP post: not with this backend: VMAPI_CAP_POSTED
 *
 * Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_region_program(struct vmapi_vm *vm,
	const struct vmapi_region_config *config,
	struct vmapi_program *program, const struct vmapi_region_program *how,
	struct vmapi_region **region);

VMAPI_DECLS_END

#endif
