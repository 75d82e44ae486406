/* SPDX-License-Identifier: MIT */
/* Counting what a software vcpu does; read by other threads. */
#ifndef VMI_SOFT_STATS_H
#define VMI_SOFT_STATS_H

#include <stdatomic.h>
#include <stdint.h>

enum vmi_stat {
#define VMI_STAT(id, name) VMI_STAT_##id,
#include "lib/soft/stats.def"
#undef VMI_STAT
	VMI_STATS
};

struct vmi_stats {
	_Atomic(uint64_t) value[VMI_STATS];
};

struct vmapi_stats;

/* The vcpu's thread is the only writer: no locked addition. */
static inline void vmi_count(struct vmi_stats *stats, enum vmi_stat which)
{
	_Atomic(uint64_t) *v = &stats->value[which];

	atomic_store_explicit(v,
		atomic_load_explicit(v, memory_order_relaxed) + 1,
		memory_order_relaxed);
}

/* Operations of struct vmi_backend. */
int vmi_soft_stats_open(struct vmapi_stats *stats);
int vmi_soft_stats_read(struct vmapi_stats *stats, uint64_t *values);
void vmi_soft_stats_close(struct vmapi_stats *stats);

#endif
