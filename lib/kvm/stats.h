/* SPDX-License-Identifier: MIT */
/* The kernel's binary statistics. */
#ifndef VMI_KVM_STATS_H
#define VMI_KVM_STATS_H

#include "lib/kvm/uapi.h"

struct vmapi_stat;
struct vmapi_stats;

/* Pure: whether a header can be believed.  -EPROTO. */
int vmi_kvm_stats_check(const struct kvm_stats_header *header);
/*
 * Pure: header->num_desc descriptors into as many infos; *n_values is how
 * many values that makes.  -EPROTO.
 */
int vmi_kvm_stats_decode(const struct kvm_stats_header *header,
	const uint8_t *descs, struct vmapi_stat *infos, size_t *n_values);

/* Operations of struct vmi_backend. */
int vmi_kvm_stats_open(struct vmapi_stats *stats);
int vmi_kvm_stats_read(struct vmapi_stats *stats, uint64_t *values);
void vmi_kvm_stats_close(struct vmapi_stats *stats);

#endif
