/* SPDX-License-Identifier: MIT */
/* Attributes of the kernel's objects: typed, by group and number. */
#ifndef VMAPI_ATTR_H
#define VMAPI_ATTR_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi;
struct vmapi_vm;
struct vmapi_vcpu;
struct vmapi_device;

/*
 * Which attribute of what: exactly one of the four pointers is not NULL.
 * Group and number are the kernel's own (Documentation/virt/kvm/devices).
 */
struct vmapi_attr {
	uint32_t size;
	uint32_t group;
	uint64_t number;
	struct vmapi *ctx; /* the system */
	struct vmapi_vm *vm;
	struct vmapi_vcpu *vcpu;
	struct vmapi_device *device; /* one of the kernel's */
};

/*
 * State is what a guest changes and a migration carries, configuration what
 * its creator decides; a command has side effects.
 */
enum vmapi_attr_kind {
	VMAPI_ATTR_STATE = 1,
	VMAPI_ATTR_CONFIG = 2,
	VMAPI_ATTR_COMMAND = 3
};

enum vmapi_attr_when {
	VMAPI_ATTR_ANY_TIME = 0,
	VMAPI_ATTR_STOPPED = 1,	  /* no vcpu of the VM runs */
	VMAPI_ATTR_NO_VCPUS = 2,  /* before the first vcpu */
	VMAPI_ATTR_HAS_VCPUS = 3  /* after all vcpus were created */
};

#define VMAPI_ATTR_READ	    (1u << 0)
#define VMAPI_ATTR_WRITE    (1u << 1)
#define VMAPI_ATTR_MULTIPLE (1u << 2) /* any multiple of `bytes` */

/* A row of an object's table. */
struct vmapi_attr_info {
	uint32_t size;
	uint32_t group;
	uint64_t first, last; /* numbers */
	uint32_t kind;	      /* enum vmapi_attr_kind */
	uint32_t access;      /* VMAPI_ATTR_READ and so on */
	uint32_t bytes;	      /* of the payload */
	uint32_t when;	      /* enum vmapi_attr_when */
	char name[32];	      /* "distributor" */
};

/*
 * The table of an object, whose pointer in `of` is all that is looked at: at
 * most n rows are written (rows[0].size bytes apart), *count is how many
 * there are.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_attr_list(const struct vmapi_attr *of,
	struct vmapi_attr_info *rows, size_t n, size_t *count);

/* 0: this kernel has the attribute; -ENXIO.  Any thread.  Since 0.1. */
VMAPI_API int vmapi_attr_probe(const struct vmapi_attr *attr);

/*
 * Get or set state or configuration.  Of a get *bytes is the room, then the
 * size; -ENOSPC sets it too.
 *
 *   -ENXIO   the object or this kernel has no such attribute
 *   -EINVAL  it is a command; or contents or their length mean nothing
 *   -EACCES  it can only be read, or only be set
 *   -EPERM   not now: the message says what has to come first
 *   -EBUSY   a vcpu runs; or it was set already
 *   -ENOTSUP the backend has no attributes
 *   others   of the kernel, as documented for the attribute
 *
 * Any thread, at the time that the table says.  Since 0.1.
 */
VMAPI_API int vmapi_attr_get(const struct vmapi_attr *attr, void *data,
	size_t *bytes);
VMAPI_API int vmapi_attr_set(const struct vmapi_attr *attr, const void *data,
	size_t bytes);

/* Give a command.  -EINVAL: it is none; others as above.  Since 0.1. */
VMAPI_API int vmapi_attr_command(const struct vmapi_attr *attr,
	const void *argument, size_t bytes);

VMAPI_DECLS_END

#endif
