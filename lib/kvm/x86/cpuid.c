/* SPDX-License-Identifier: MIT */
/* CPUID: lists of unknown length, and when they may be set. */
#include "lib/core/cpuid.h"
#include "lib/kvm/x86/x86.h"

/* More leaves than any processor has; the loop below ends here. */
#define ENTRIES_MAX 4096

static size_t list_bytes(size_t n)
{
	return sizeof(struct kvm_cpuid2) + n * sizeof(struct kvm_cpuid_entry2);
}

struct kvm_cpuid2 *vmi_kvm_x86_cpuid_alloc(size_t n)
{
	struct kvm_cpuid2 *list = vmi_zalloc(list_bytes(n));

	if (list)
		list->nent = (uint32_t)n;
	return list;
}

/*
 * KVM_GET_CPUID2 of kernels before 6.4 leaves the count as it was, so that
 * entries of zeros follow.  No entry that means something is all zero.
 */
static void trim(struct kvm_cpuid2 *list)
{
	static const struct kvm_cpuid_entry2 nothing;

	while (list->nent && !memcmp(&list->entries[list->nent - 1], &nothing,
				     sizeof(nothing)))
		list->nent--;
}

/*
 * Room for too few is E2BIG, and some kernels say ENOMEM where the room is
 * more than they are ready to think about (api.rst 4.46): start small, grow.
 */
int vmi_kvm_x86_cpuid_fetch(const struct vmapi *ctx, int fd,
	unsigned long request, struct kvm_cpuid2 **list)
{
	struct kvm_cpuid2 *found;
	size_t n;
	int rc;

	for (n = 64; n <= ENTRIES_MAX; n *= 2) {
		found = vmi_kvm_x86_cpuid_alloc(n);
		if (!found)
			return -ENOMEM;
		rc = vmi_kvm_ioctl(ctx, fd, request, found);
		if (rc >= 0 && found->nent <= n) {
			trim(found);
			*list = found;
			return 0;
		}
		vmi_free(found);
		if (rc < 0 && rc != -E2BIG)
			return rc;
	}
	return -E2BIG;
}

static int tell(struct vmi_kvm_vcpu *vcpu, struct kvm_cpuid2 *list)
{
	int rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_SET_CPUID2, list);

	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, KVM_SET_CPUID2);
	vmi_free(vcpu->arch->cpuid);
	vcpu->arch->cpuid = list;
	return 0;
}

/* In the kernel's terms. */
static struct kvm_cpuid2 *list_out(const struct vmapi_x86_cpuid *from, size_t n)
{
	struct kvm_cpuid2 *list = vmi_kvm_x86_cpuid_alloc(n);
	size_t i;

	for (i = 0; list && i < n; i++)
		vmi_kvm_x86_cpuid_out(&list->entries[i], &from[i]);
	return list;
}

int vmi_kvm_x86_cpuid_default(struct vmi_kvm_vcpu *vcpu)
{
	struct vmapi_cpuid model = { 0 };
	struct kvm_cpuid2 *list;
	int rc = vmi_vcpu_cpuid(&vcpu->core, &model);

	if (rc < 0)
		return rc;
	list = list_out(model.entries, model.n);
	vmi_cpuid_free(&model);
	if (!list)
		return vmi_kvm_vcpu_fail(vcpu, -ENOMEM, "no memory for CPUID");
	rc = tell(vcpu, list);
	if (rc < 0)
		vmi_free(list);
	return rc;
}

/*
 * As it was set.  The kernel's own list has bits that follow the guest's
 * control registers, and on some kernels features that nobody asked for, so
 * that what it gives could not be set on another vcpu.
 */
int vmi_kvm_x86_cpuid_get(struct vmi_kvm_vcpu *vcpu, void *data, size_t *bytes)
{
	const struct kvm_cpuid2 *list = vcpu->arch->cpuid;
	struct vmapi_x86_cpuid *to = data;
	size_t need = list->nent * sizeof(*to), room = *bytes;
	uint32_t i;

	*bytes = need;
	if (!data)
		return 0;
	if (room < need)
		return vmi_kvm_vcpu_fail(
			vcpu, -ENOSPC, "the room for CPUID is too small");
	for (i = 0; i < list->nent; i++)
		vmi_kvm_x86_cpuid_in(&to[i], &list->entries[i]);
	return 0;
}

/* In the library's terms: the kernel has flags that change nothing. */
static bool same(const struct kvm_cpuid2 *list,
	const struct vmapi_x86_cpuid *entries, size_t n)
{
	struct vmapi_x86_cpuid ours;
	size_t i;

	if (!list || list->nent != n)
		return false;
	for (i = 0; i < n; i++) {
		vmi_kvm_x86_cpuid_in(&ours, &list->entries[i]);
		if (memcmp(&ours, &entries[i], sizeof(ours)))
			return false;
	}
	return true;
}

/*
 * Once the guest has run, some kernels refuse CPUID altogether and others
 * take only what they have (5.16 and later).  So what was set, and what get
 * gives (the kernel keeps bits like OSXSAVE up to date in it), are taken
 * without asking; anything else is too late.
 */
static int set_after_run(struct vmi_kvm_vcpu *vcpu,
	const struct vmapi_x86_cpuid *entries, size_t n)
{
	struct kvm_cpuid2 *now;
	bool is_same;
	int rc;

	if (same(vcpu->arch->cpuid, entries, n))
		return 0;
	rc = vmi_kvm_x86_cpuid_fetch(
		vcpu->core.vm->ctx, vcpu->fd, KVM_GET_CPUID2, &now);
	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, KVM_GET_CPUID2);
	is_same = same(now, entries, n);
	vmi_free(now);
	if (is_same)
		return 0;
	return vmi_kvm_vcpu_fail(
		vcpu, -EBUSY, "CPUID cannot be changed once the vcpu has run");
}

int vmi_kvm_x86_cpuid_set(
	struct vmi_kvm_vcpu *vcpu, const void *data, size_t bytes)
{
	const struct vmapi_x86_cpuid *from = data;
	size_t n = bytes / sizeof(*from);
	struct kvm_cpuid2 *list;
	int rc;

	if (bytes % sizeof(*from) || n > ENTRIES_MAX)
		return vmi_kvm_vcpu_fail(vcpu, -EINVAL,
			"CPUID is an array of struct vmapi_x86_cpuid");
	if (vcpu->core.ran)
		return set_after_run(vcpu, from, n);
	list = list_out(from, n);
	if (!list)
		return vmi_kvm_vcpu_fail(vcpu, -ENOMEM, "no memory for CPUID");
	rc = tell(vcpu, list);
	if (rc < 0)
		vmi_free(list);
	return rc;
}

int vmi_kvm_arch_cpuid_supported(struct vmapi *ctx,
	struct vmapi_x86_cpuid *entries, size_t n, size_t *count)
{
	struct kvm_cpuid2 *list;
	uint32_t i;
	int rc;

	rc = vmi_kvm_x86_cpuid_fetch(
		ctx, vmi_kvm_of(ctx)->fd, KVM_GET_SUPPORTED_CPUID, &list);
	if (rc < 0)
		return vmi_kvm_vm_refused(rc, KVM_GET_SUPPORTED_CPUID);
	for (i = 0; i < list->nent && i < n; i++)
		vmi_kvm_x86_cpuid_in(&entries[i], &list->entries[i]);
	*count = list->nent;
	vmi_free(list);
	return 0;
}
