/* SPDX-License-Identifier: MIT */
/* Statistics as core and the backends see them. */
#ifndef VMI_CORE_STATS_H
#define VMI_CORE_STATS_H

#include "lib/core/core.h"

/*
 * An open handle.  The backend fills in what there is; one of a vcpu is in
 * that vcpu's list, and is left with the last values when the vcpu goes.
 */
struct vmapi_stats {
	struct vmapi_vm *vm;	 /* referenced */
	struct vmapi_vcpu *vcpu; /* NULL: of the VM, or the vcpu is gone */
	struct vmapi_stats *next; /* under vm->lock */
	pthread_mutex_t lock;	 /* vcpu, last */
	struct vmapi_stat *infos; /* by the backend: vmi_free() */
	size_t n;
	size_t n_values;
	uint64_t *last;		 /* n_values of them */
	bool is_over;		 /* the vcpu is gone */
	int fd;			 /* the backend's own, or -1 */
	uint64_t data;		 /* the backend's own: where the values are */
};

/* The vcpu goes: its handles take their last values.  Under vm->lock. */
void vmi_stats_end(struct vmapi_vcpu *vcpu);

#endif
