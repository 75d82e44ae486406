/* SPDX-License-Identifier: MIT */
/* Statistics: handles, and what becomes of them when a vcpu goes. */
#include <errno.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/stats.h"
#include "lib/sys/sys.h"

static void free_stats(struct vmapi_stats *stats)
{
	pthread_mutex_destroy(&stats->lock);
	vmi_free(stats->infos);
	vmi_free(stats->last);
	vmi_free(stats);
}

static int make(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu,
	struct vmapi_stats **out)
{
	struct vmapi_stats *stats = vmi_zalloc(sizeof(*stats));
	int err;

	if (!stats)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	pthread_mutex_init(&stats->lock, NULL);
	stats->vm = vm;
	stats->vcpu = vcpu;
	stats->fd = -1;
	err = vm->ctx->be->stats_open(stats);
	if (err) {
		free_stats(stats);
		return err;
	}
	stats->last = vmi_calloc(stats->n_values, sizeof(*stats->last));
	if (!stats->last) {
		vm->ctx->be->stats_close(stats);
		free_stats(stats);
		return vmi_fail(-ENOMEM, "vm", "no memory");
	}
	vmi_vm_get(vm);
	*out = stats;
	return 0;
}

static int open_stats(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu,
	struct vmapi_stats **out)
{
	int err;

	if (!out)
		return vmi_null("stats");
	if (!vm->ctx->be->stats_open)
		return vmi_unsupported(vm->ctx);
	pthread_mutex_lock(&vm->lock);
	err = make(vm, vcpu, out);
	if (!err && vcpu) {
		(*out)->next = vcpu->stats;
		vcpu->stats = *out;
	}
	pthread_mutex_unlock(&vm->lock);
	return err;
}

int vmapi_vm_stats(struct vmapi_vm *vm, struct vmapi_stats **stats)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);

	return err ? err : open_stats(vm, NULL, stats);
}

int vmapi_vcpu_stats(struct vmapi_vcpu *vcpu, struct vmapi_stats **stats)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	return err ? err : open_stats(vcpu->vm, vcpu, stats);
}

/* The vcpu, if there still is one, is not going: vm->lock is held. */
static void take_out(struct vmapi_stats *stats)
{
	struct vmapi_stats **at;

	if (!stats->vcpu)
		return;
	at = &stats->vcpu->stats;
	while (*at != stats)
		at = &(*at)->next;
	*at = stats->next;
}

void vmapi_stats_close(struct vmapi_stats *stats)
{
	struct vmapi_vm *vm;

	if (!stats || vmi_enter(stats->vm->ctx, __func__))
		return;
	vm = stats->vm;
	pthread_mutex_lock(&vm->lock);
	take_out(stats);
	pthread_mutex_unlock(&vm->lock);
	vm->ctx->be->stats_close(stats);
	free_stats(stats);
	vmi_vm_put(vm);
}

void vmi_stats_end(struct vmapi_vcpu *vcpu)
{
	struct vmapi_stats *stats;

	for (stats = vcpu->stats; stats; stats = stats->next) {
		pthread_mutex_lock(&stats->lock);
		/* What cannot be read stays 0; nobody is there to be told. */
		vcpu->vm->ctx->be->stats_read(stats, stats->last);
		vcpu->vm->ctx->be->stats_close(stats);
		stats->is_over = true;
		stats->vcpu = NULL;
		pthread_mutex_unlock(&stats->lock);
	}
	vcpu->stats = NULL;
}

int vmapi_stats_count(struct vmapi_stats *stats, size_t *n, size_t *n_values)
{
	int err = vmi_enter(stats ? stats->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (n)
		*n = stats->n;
	if (n_values)
		*n_values = stats->n_values;
	return 0;
}

int vmapi_stats_info(struct vmapi_stats *stats, size_t index,
	struct vmapi_stat *stat)
{
	int err = vmi_enter(stats ? stats->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!stat)
		return vmi_null("stat");
	err = vmi_out_check(stat, sizeof(*stat));
	if (err)
		return err;
	if (index >= stats->n)
		return vmi_fail(-ERANGE, "statistics",
			"there are %zu, and no number %zu", stats->n, index);
	vmi_out_copy(stat, &stats->infos[index], sizeof(*stat));
	return 0;
}

int vmapi_stats_read(struct vmapi_stats *stats, uint64_t *values, size_t n)
{
	int err = vmi_enter(stats ? stats->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!values)
		return vmi_null("values");
	if (n != stats->n_values)
		return vmi_fail(-EMSGSIZE, "statistics",
			"there are %zu values, not %zu", stats->n_values, n);
	pthread_mutex_lock(&stats->lock);
	if (stats->is_over)
		memcpy(values, stats->last, n * sizeof(*values));
	else
		err = stats->vm->ctx->be->stats_read(stats, values);
	pthread_mutex_unlock(&stats->lock);
	return err;
}
