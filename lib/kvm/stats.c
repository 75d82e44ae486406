/* SPDX-License-Identifier: MIT */
/* The kernel's binary statistics: a file that describes itself. */
/*
 * api.rst 4.137: a header, descriptors of equal size, values.  All offsets
 * are the kernel's to choose; what it says is checked like a stranger's.
 */
#include "lib/core/stats.h"
#include "lib/kvm/kvm.h"
#include "lib/kvm/stats.h"

#define NAME_MAX_BYTES 4096u
#define STATS_MAX      65536u
#define VALUES_MAX     (1u << 20)

static int nonsense(const char *what)
{
	return vmi_fail(-EPROTO, "statistics",
		"the kernel's description makes no sense: %s", what);
}

/* A read that has to give everything; regular offsets, so no loop. */
static int read_at(int fd, void *to, size_t bytes, uint64_t offset)
{
	ssize_t got;

	do
		got = vmi_sys->pread(fd, to, bytes, offset);
	while (got == -EINTR);
	if (got < 0)
		return vmi_fail((int)got, "statistics",
			"they cannot be read (errno %d)", (int)-got);
	if ((size_t)got != bytes)
		return vmi_fail(-EIO, "statistics",
			"the kernel gives %zd bytes of %zu at %llu", got,
			bytes, (unsigned long long)offset);
	return 0;
}

static size_t desc_bytes(const struct kvm_stats_header *header)
{
	return sizeof(struct kvm_stats_desc) + header->name_size;
}

int vmi_kvm_stats_check(const struct kvm_stats_header *header)
{
	if (!header->name_size || header->name_size > NAME_MAX_BYTES)
		return nonsense("the size of names");
	if (header->num_desc > STATS_MAX)
		return nonsense("the number of statistics");
	return 0;
}

int vmi_kvm_stats_decode(const struct kvm_stats_header *header,
	const uint8_t *descs, struct vmapi_stat *infos, size_t *n_values)
{
	const size_t bytes = desc_bytes(header);
	struct kvm_stats_desc desc;
	uint32_t i, first;
	size_t name;

	*n_values = 0;
	for (i = 0; i < header->num_desc; i++) {
		struct vmapi_stat *info = &infos[i];

		memcpy(&desc, descs + i * bytes, sizeof(desc));
		first = desc.offset / sizeof(uint64_t);
		if (desc.offset % sizeof(uint64_t) || !desc.size ||
			first >= VALUES_MAX)
			return nonsense("the place of values");
		info->size = sizeof(*info);
		info->kind = desc.flags & KVM_STATS_TYPE_MASK;
		info->unit = (desc.flags & KVM_STATS_UNIT_MASK) >>
			     KVM_STATS_UNIT_SHIFT;
		info->base = desc.flags & KVM_STATS_BASE_MASK ? 2 : 10;
		info->exponent = desc.exponent;
		info->bucket = desc.bucket_size;
		info->first = first;
		info->n_values = desc.size;
		name = header->name_size < sizeof(info->name)
			       ? header->name_size
			       : sizeof(info->name);
		memcpy(info->name, descs + i * bytes + sizeof(desc), name);
		info->name[name - 1] = '\0';
		if (*n_values < (size_t)first + desc.size)
			*n_values = (size_t)first + desc.size;
	}
	return 0;
}

static int describe(struct vmapi_stats *stats)
{
	struct kvm_stats_header header;
	uint8_t *descs;
	int rc = read_at(stats->fd, &header, sizeof(header), 0);

	if (rc == 0)
		rc = vmi_kvm_stats_check(&header);
	if (rc < 0)
		return rc;
	stats->n = header.num_desc;
	stats->data = header.data_offset;
	stats->infos = vmi_calloc(stats->n, sizeof(*stats->infos));
	descs = vmi_calloc(stats->n, desc_bytes(&header));
	if (!descs || !stats->infos)
		rc = vmi_fail(-ENOMEM, "statistics", "no memory");
	if (rc == 0 && stats->n)
		rc = read_at(stats->fd, descs, stats->n * desc_bytes(&header),
			header.desc_offset);
	if (rc == 0)
		rc = vmi_kvm_stats_decode(
			&header, descs, stats->infos, &stats->n_values);
	vmi_free(descs);
	return rc;
}

int vmi_kvm_stats_open(struct vmapi_stats *stats)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(stats->vm);
	int rc;

	if (!vmi_kvm_vm_check(vm, KVM_CAP_BINARY_STATS_FD))
		return vmi_fail(-ENOTSUP, "vm", "this kernel has no statistics "
			"(KVM_CAP_BINARY_STATS_FD)");
	if (stats->vcpu)
		rc = vmi_kvm_vcpu_ioctl(vmi_kvm_vcpu_of(stats->vcpu),
			KVM_GET_STATS_FD, NULL);
	else
		rc = vmi_kvm_vm_ioctl(vm, KVM_GET_STATS_FD, NULL);
	if (rc < 0)
		return vmi_kvm_vm_refused(rc, KVM_GET_STATS_FD);
	stats->fd = rc;
	rc = describe(stats);
	if (rc < 0)
		vmi_kvm_stats_close(stats);
	return rc;
}

int vmi_kvm_stats_read(struct vmapi_stats *stats, uint64_t *values)
{
	if (!stats->n_values)
		return 0;
	return read_at(stats->fd, values, stats->n_values * sizeof(*values),
		stats->data);
}

void vmi_kvm_stats_close(struct vmapi_stats *stats)
{
	if (stats->fd >= 0)
		vmi_sys->close(stats->fd);
	stats->fd = -1;
}
