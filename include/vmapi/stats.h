/* SPDX-License-Identifier: MIT */
/* Statistics of a VM or a vcpu: what there is, and the values. */
#ifndef VMAPI_STATS_H
#define VMAPI_STATS_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi_vm;
struct vmapi_vcpu;
struct vmapi_stats;

/* Numbered as KVM numbers them: api.rst 4.137. */
enum vmapi_stat_kind {
	VMAPI_STAT_CUMULATIVE = 0, /* only grows */
	VMAPI_STAT_INSTANT = 1,	   /* as it is now */
	VMAPI_STAT_PEAK = 2,	   /* the highest so far */
	VMAPI_STAT_LINEAR = 3,	   /* a histogram of equal buckets */
	VMAPI_STAT_LOG = 4	   /* buckets 0, 1, 2-3, 4-7 ... */
};

enum vmapi_stat_unit {
	VMAPI_STAT_NONE = 0, /* a count */
	VMAPI_STAT_BYTES = 1,
	VMAPI_STAT_SECONDS = 2,
	VMAPI_STAT_CYCLES = 3,
	VMAPI_STAT_BOOLEAN = 4
};

/* One statistic.  A value v is v * base ^ exponent units. */
struct vmapi_stat {
	uint32_t size;
	uint32_t kind;	   /* enum vmapi_stat_kind, or one yet unknown */
	uint32_t unit;	   /* enum vmapi_stat_unit, or one yet unknown */
	uint32_t base;	   /* 10 or 2 */
	int32_t exponent;
	uint32_t bucket;   /* VMAPI_STAT_LINEAR: units to each */
	uint32_t first;	   /* its first value's place in vmapi_stats_read() */
	uint32_t n_values; /* 1, or the buckets of a histogram */
	char name[64];	   /* ends with NUL */
};

/*
 * Open the statistics of a VM, or of a vcpu.  Which ones there are is up to
 * the backend and its version: take them by name.  A vcpu's stay readable
 * when it is gone, with the last values.
 *   -ENOTSUP  this kernel has none (KVM_CAP_BINARY_STATS_FD, 5.14)
 *   -EPROTO   the kernel's description of them makes no sense
 *   -ENOMEM, -EMFILE, -ENFILE
 * Any thread, at any time.  Since 0.1.
 */
VMAPI_API int vmapi_vm_stats(struct vmapi_vm *vm, struct vmapi_stats **stats);
VMAPI_API int vmapi_vcpu_stats(struct vmapi_vcpu *vcpu,
	struct vmapi_stats **stats);

/* NULL does nothing.  Since 0.1. */
VMAPI_API void vmapi_stats_close(struct vmapi_stats *stats);

/* How many statistics there are, and values altogether.  Since 0.1. */
VMAPI_API int vmapi_stats_count(struct vmapi_stats *stats, size_t *n,
	size_t *n_values);

/* What number `index` is.  -ERANGE: there are fewer.  Since 0.1. */
VMAPI_API int vmapi_stats_info(struct vmapi_stats *stats, size_t index,
	struct vmapi_stat *stat);

/*
 * Read all values, n as vmapi_stats_count() gives it.  The vcpu may run
 * meanwhile: each value is whole, and taken at about the same time.
 *   -EMSGSIZE  n is another
 *   -EIO       the kernel gave less than it described
 * Does not block.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_stats_read(struct vmapi_stats *stats, uint64_t *values,
	size_t n);

VMAPI_DECLS_END

#endif
