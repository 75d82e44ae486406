/* SPDX-License-Identifier: MIT */
/* RAM objects, address spaces, map transactions, guest memory access. */
#ifndef VMAPI_MEMORY_H
#define VMAPI_MEMORY_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi;
struct vmapi_vm;
struct vmapi_vcpu;
struct vmapi_device;
struct vmapi_ram; /* a piece of memory, wherever it is mapped */
struct vmapi_as;  /* a guest-physical address space */
struct vmapi_map; /* a transaction on address spaces */

/* -- RAM objects -------------------------------------------------------- */

enum vmapi_ram_kind {
	VMAPI_RAM_ANONYMOUS = 0, /* private pages, zero */
	VMAPI_RAM_MEMFD = 1,	 /* a memfd: can be given to other processes */
	VMAPI_RAM_FD = 2,	 /* the caller's file from `offset` on */
	VMAPI_RAM_POINTER = 3,	 /* the caller's memory at `pointer` */
	VMAPI_RAM_GUEST_MEMFD = 4, /* KVM: with a half that only `vm` reaches */
	VMAPI_RAM_DEVICE = 5	 /* pages of `device`, of the kernel's */
};

#define VMAPI_RAM_HUGE (1u << 0) /* ask for huge pages; advice only */

struct vmapi_ram_config {
	uint32_t size;
	uint32_t flags;	     /* VMAPI_RAM_HUGE */
	uint64_t bytes;	     /* length, a multiple of the page size */
	uint32_t kind;	     /* enum vmapi_ram_kind */
	int32_t fd;	     /* VMAPI_RAM_FD: duplicated, the caller's stays */
	uint64_t offset;     /* VMAPI_RAM_FD, _DEVICE: page aligned */
	void *pointer;	     /* VMAPI_RAM_POINTER: VMAPI_CAP_MAP_ALIGN */
	char name[32];	     /* for messages; may be empty */
	struct vmapi_vm *vm; /* VMAPI_RAM_GUEST_MEMFD: not referenced */
	struct vmapi_device *device; /* VMAPI_RAM_DEVICE: not referenced */
};

/*
 * Create a RAM object with one reference.  It can be mapped any number of
 * times, in several address spaces and VMs of the context.
 *
 *   -EINVAL  bytes is 0 or not a multiple of the host's page size, offset or
 *            pointer is unaligned, the kind is unknown, or the file is
 *            shorter than offset + bytes
 *   -ENOTSUP VMAPI_RAM_GUEST_MEMFD without VMAPI_CAP_GUEST_MEMFD, or a device
 *            of the library's: it has no pages
 *   -EBADF   fd is no descriptor; -EACCES: not open for reading and writing
 *   -ENOMEM, -EMFILE, -ENFILE
 *
 * Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_ram_create(struct vmapi *ctx,
	const struct vmapi_ram_config *config, struct vmapi_ram **ram);

/* Take and drop a reference; maps hold their own.  Since 0.1. */
VMAPI_API int vmapi_ram_ref(struct vmapi_ram *ram);
VMAPI_API void vmapi_ram_destroy(struct vmapi_ram *ram);

/*
 * Where the object is in this process (stable while it is referenced), how
 * long it is in bytes, and its descriptor, which stays the library's.
 * -ENOTSUP from vmapi_ram_fd(): the kind has none.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_ram_pointer(struct vmapi_ram *ram, void **pointer);
VMAPI_API int vmapi_ram_size(struct vmapi_ram *ram, uint64_t *bytes);
VMAPI_API int vmapi_ram_fd(struct vmapi_ram *ram, int *fd);

/*
 * Say that somebody wrote [offset, offset + bytes) through the pointer or
 * through the descriptor: the pages become dirty and code decoded from them
 * is forgotten.  Reads and writes of this library need no such call.
 * -ERANGE: outside the object.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_ram_written(struct vmapi_ram *ram, uint64_t offset,
	uint64_t bytes);

/* -- Address spaces ----------------------------------------------------- */

/*
 * The VM's first address space, which its vcpus see, and further ones.  Each
 * successful call gives a reference to drop with vmapi_as_destroy().
 * vmapi_as_create(): -ENOTSUP: the backend has no more of them; -EDEADLK: it
 * is called by a region's function, which cannot drop the last reference of
 * a further one either.  Since 0.1.
 */
VMAPI_API int vmapi_vm_as(struct vmapi_vm *vm, struct vmapi_as **as);
VMAPI_API int vmapi_as_create(struct vmapi_vm *vm, struct vmapi_as **as);
VMAPI_API void vmapi_as_destroy(struct vmapi_as *as);

/* Flags of a map entry. */
#define VMAPI_MAP_READONLY (1u << 0) /* guest writes become MMIO exits */
#define VMAPI_MAP_LOG	   (1u << 1) /* keep a dirty log */

struct vmapi_map_entry {
	uint32_t size;
	uint32_t flags;	       /* VMAPI_MAP_ */
	uint64_t gpa;	       /* these three: of VMAPI_CAP_MAP_ALIGN */
	uint64_t bytes;	       /* not 0 */
	struct vmapi_ram *ram;
	uint64_t offset;       /* into ram */
};

/*
 * Let a vcpu see this address space, which is of its VM, from its next run
 * on; it begins with the first one.  The vcpu holds a reference.  In SMM an
 * x86 processor sees the second one whatever was set here.  -ENOTSUP: the
 * backend's vcpus choose for themselves altogether (KVM).
 * -EBUSY: the vcpu runs, or its last exit wants an answer.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_as_set(struct vmapi_vcpu *vcpu, struct vmapi_as *as);

/*
 * The entries of an address space in order of gpa, as last committed, in the
 * manner of vmapi_probe(): at most n are written, *count is how many there
 * are, entries[0].size tells the size of each.  The ram pointers are not
 * referenced.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_as_entries(struct vmapi_as *as,
	struct vmapi_map_entry *entries, size_t n, size_t *count);

/* -- Map transactions --------------------------------------------------- */

/*
 * Begin a transaction on the maps of a VM.  Operations are collected and
 * validated; nothing changes until vmapi_map_commit().  One transaction
 * belongs to one thread at a time; any number may be open, each is applied
 * to the maps as they are when it commits.  Since 0.1.
 */
VMAPI_API int vmapi_map_begin(struct vmapi_vm *vm, struct vmapi_map **map);

/* Forget the transaction.  NULL does nothing.  Since 0.1. */
VMAPI_API void vmapi_map_abort(struct vmapi_map *map);

/*
 * Add an entry.  The RAM object is referenced at once.
 *   -EINVAL  unaligned or empty, or gpa + bytes wraps, or an unknown flag
 *   -ERANGE  outside the RAM object, or beyond VMAPI_CAP_PHYS_BITS
 *   -ENOTSUP a flag that the backend, or memory of that kind, cannot have
 * Overlaps are found at commit, so that remove and add may come in any
 * order of ranges.  Since 0.1.
 */
VMAPI_API int vmapi_map_add(struct vmapi_map *map, struct vmapi_as *as,
	const struct vmapi_map_entry *entry);

/*
 * Remove whatever is mapped in [gpa, gpa + bytes); entries that stick out
 * are cut, and one that encloses the range is split in two.  A range with
 * nothing in it is no error.  -EINVAL as above.  Since 0.1.
 */
VMAPI_API int vmapi_map_remove(struct vmapi_map *map, struct vmapi_as *as,
	uint64_t gpa, uint64_t bytes);

/*
 * Give all entries in [gpa, gpa + bytes) these flags, splitting at the ends.
 * At commit: -ENOENT if part of the range is not mapped.  Since 0.1.
 */
VMAPI_API int vmapi_map_set_flags(struct vmapi_map *map, struct vmapi_as *as,
	uint64_t gpa, uint64_t bytes, unsigned flags);

/* Attributes of guest-physical addresses: bits of the capability below. */
#define VMAPI_MEMORY_PRIVATE (1u << 3) /* the VM's own half: guest_memfd */

/*
 * Give guest-physical addresses these attributes and no others, mapped or
 * not.  Private ones are where the guest sees the private half of a
 * VMAPI_RAM_GUEST_MEMFD, and the shared half elsewhere; an access of the
 * other kind is VMAPI_EXIT_FAULT.  They stay when entries come and go.  A
 * transaction with nothing but one of these does not wait for vcpus.
 *   -EINVAL  the range, as above
 *   -ERANGE  beyond VMAPI_CAP_PHYS_BITS
 *   -ENOTSUP an attribute that VMAPI_CAP_MEMORY_ATTRIBUTES of this VM has not,
 *            or `as` is not the VM's first address space
 * Since 0.1.
 */
VMAPI_API int vmapi_map_set_attributes(struct vmapi_map *map,
	struct vmapi_as *as, uint64_t gpa, uint64_t bytes,
	unsigned attributes);

/*
 * The attributes of gpa, and how many bytes from there on have the same, 0
 * for all up to 2^64.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_as_attributes(struct vmapi_as *as, uint64_t gpa,
	unsigned *attributes, uint64_t *bytes);

/*
 * The address space shall consist of these n entries and nothing else.
 * Since 0.1.
 */
VMAPI_API int vmapi_map_replace(struct vmapi_map *map, struct vmapi_as *as,
	const struct vmapi_map_entry *entries, size_t n);

/*
 * Apply the operations in their order, all or none, and end the transaction:
 * after success or failure the handle is gone.  Vcpus may be running: no
 * vcpu sees half a change.  Blocks until every vcpu has left the guest for a
 * moment, unless the transaction only adds where nothing was.
 *
 *   -EEXIST  two entries overlap, or an entry without VMAPI_MAP_READONLY, of
 *            the first address space, overlaps a region, a device or an
 *            ioeventfd; the message names both
 *   -EDEADLK called by a region's function
 *   -ENOENT  vmapi_map_set_flags() on a hole
 *   -ENOSPC  more entries than VMAPI_CAP_MAP_ENTRIES
 *   -ENOMEM
 *   -EOVERFLOW  the kernel lost pages of its dirty log (vmapi/dirty.h)
 *   -EIO     the kernel refused half-way and taking it back failed as well:
 *            the VM's map is broken and no vcpu will run on it
 *
 * Any thread, also between a vcpu's exit and its next run.  Since 0.1.
 */
VMAPI_API int vmapi_map_commit(struct vmapi_map *map);

/* -- Guest memory ------------------------------------------------------- */

/*
 * Copy between a buffer and guest-physical memory, across entries.  Writes
 * go through read-only entries as a ROM programmer would, mark pages dirty
 * and invalidate decoded code.  -EFAULT: part of the range is not RAM, or
 * private to the VM, or of a device; what lies before that part was copied,
 * and the error record has the gpa.
 * Never touches devices.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_as_read(struct vmapi_as *as, uint64_t gpa, void *buffer,
	size_t bytes);
VMAPI_API int vmapi_as_write(struct vmapi_as *as, uint64_t gpa,
	const void *buffer, size_t bytes);

VMAPI_DECLS_END

#endif
