/* SPDX-License-Identifier: MIT */
/* Statistics of the software backend, described and read. */
#include "lib/soft/stats.h"

#include <errno.h>
#include <stdio.h>

#include "lib/core/stats.h"
#include "lib/soft/soft.h"
#include "lib/sys/sys.h"

static const char *const vcpu_names[] = {
#define VMI_STAT(id, name) [VMI_STAT_##id] = name,
#include "lib/soft/stats.def"
#undef VMI_STAT
};

/* Of the VM: see values_of_vm(). */
static const char *const vm_names[] = {
	"vcpus", "map_changes", "code_pages",
};

_Static_assert(vmi_array_len(vcpu_names) == VMI_STATS, "");

static void describe(struct vmapi_stat *info, uint32_t at, const char *name)
{
	info->size = sizeof(*info);
	info->kind = VMAPI_STAT_CUMULATIVE;
	info->unit = VMAPI_STAT_NONE;
	info->base = 10;
	info->first = at;
	info->n_values = 1;
	snprintf(info->name, sizeof(info->name), "%s", name);
}

int vmi_soft_stats_open(struct vmapi_stats *stats)
{
	const char *const *names = stats->vcpu ? vcpu_names : vm_names;
	uint32_t i;

	stats->n = stats->vcpu ? vmi_array_len(vcpu_names) :
		vmi_array_len(vm_names);
	stats->n_values = stats->n;
	stats->infos = vmi_calloc(stats->n, sizeof(*stats->infos));
	if (!stats->infos)
		return vmi_fail(-ENOMEM, "vm", "no memory");
	for (i = 0; i < stats->n; i++)
		describe(&stats->infos[i], i, names[i]);
	if (!stats->vcpu)
		stats->infos[0].kind = VMAPI_STAT_INSTANT;
	return 0;
}

static void values_of_vm(struct vmapi_vm *vm, uint64_t *values)
{
	struct soft_vm *soft = vmi_soft_vm(vm);

	pthread_mutex_lock(&vm->lock);
	values[0] = vm->n_vcpus;
	pthread_mutex_unlock(&vm->lock);
	values[1] = atomic_load(&soft->map_generation);
	values[2] = atomic_load(&soft->code_tickets);
}

int vmi_soft_stats_read(struct vmapi_stats *stats, uint64_t *values)
{
	const struct vmi_stats *own;
	unsigned i;

	if (!stats->vcpu) {
		values_of_vm(stats->vm, values);
		return 0;
	}
	own = &vmi_soft_vcpu(stats->vcpu)->cpu.stats;
	for (i = 0; i < VMI_STATS; i++)
		values[i] = atomic_load_explicit(&own->value[i],
			memory_order_relaxed);
	return 0;
}

void vmi_soft_stats_close(struct vmapi_stats *stats)
{
	(void)stats;
}
