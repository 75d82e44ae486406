/* SPDX-License-Identifier: MIT */
/* Model-specific registers: any number of them, one status each. */
/*
 * The kernel takes fewer than 256 in a call (256 is E2BIG already) and stops
 * at the first that it does not like, saying only how many went before.  So
 * a batch goes in pieces, and after a stop it goes on behind the culprit.
 */
#include "lib/kvm/x86/x86.h"

#define BATCH 255

/* struct kvm_msrs with its array. */
struct msr_batch {
	uint32_t nmsrs;
	uint32_t pad;
	struct kvm_msr_entry entries[BATCH];
};

_Static_assert(offsetof(struct msr_batch, entries) == sizeof(struct kvm_msrs),
	"struct kvm_msrs is another");

/* How many the kernel took of the n at the front; or -errno. */
static int transfer(struct vmi_kvm_vcpu *vcpu, unsigned long request,
	struct vmi_msr *msrs, size_t n)
{
	struct msr_batch batch;
	size_t i;
	int rc;

	batch.nmsrs = (uint32_t)n;
	batch.pad = 0;
	for (i = 0; i < n; i++)
		batch.entries[i] = (struct kvm_msr_entry){
			.index = msrs[i].index,
			.data = msrs[i].value,
		};
	rc = vmi_kvm_vcpu_ioctl(vcpu, request, &batch);
	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, request);
	for (i = 0; i < (size_t)rc && i < n; i++) {
		msrs[i].status = 0;
		if (request == KVM_GET_MSRS)
			msrs[i].value = batch.entries[i].data;
	}
	return rc;
}

/* A value that is refused, or a register that is not there? */
static int why_not(
	struct vmi_kvm_vcpu *vcpu, unsigned long request, uint32_t index)
{
	struct vmi_msr probe = { .index = index };

	if (request == KVM_SET_MSRS &&
		transfer(vcpu, KVM_GET_MSRS, &probe, 1) == 1)
		return -EINVAL;
	return -ENOENT;
}

static int transfer_all(struct vmi_kvm_vcpu *vcpu, unsigned long request,
	struct vmi_msr *msrs, size_t n)
{
	size_t at = 0;
	int rc;

	while (at < n) {
		size_t part = n - at < BATCH ? n - at : BATCH;

		rc = transfer(vcpu, request, msrs + at, part);
		if (rc < 0)
			return rc;
		at += (size_t)rc;
		if ((size_t)rc < part) {
			msrs[at].status =
				why_not(vcpu, request, msrs[at].index);
			at++;
		}
	}
	return 0;
}

int vmi_kvm_arch_msrs_get(
	struct vmapi_vcpu *vcpu, struct vmi_msr *msrs, size_t n)
{
	return transfer_all(vmi_kvm_vcpu_of(vcpu), KVM_GET_MSRS, msrs, n);
}

int vmi_kvm_arch_msrs_set(
	struct vmapi_vcpu *core, struct vmi_msr *msrs, size_t n)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);

	vcpu->run_valid = false;
	return transfer_all(vcpu, KVM_SET_MSRS, msrs, n);
}

/* The kernel's own list: E2BIG tells how many there are (api.rst 4.3). */
static int list_fetch(const struct vmapi *ctx, struct kvm_msr_list **list)
{
	int fd = vmi_kvm_of((struct vmapi *)ctx)->fd;
	struct kvm_msr_list none = { 0 };
	int rc;

	rc = vmi_kvm_ioctl(ctx, fd, KVM_GET_MSR_INDEX_LIST, &none);
	if (rc < 0 && rc != -E2BIG)
		return rc;
	*list = vmi_zalloc(sizeof(**list) + none.nmsrs * sizeof(uint32_t));
	if (!*list)
		return -ENOMEM;
	(*list)->nmsrs = none.nmsrs;
	rc = vmi_kvm_ioctl(ctx, fd, KVM_GET_MSR_INDEX_LIST, *list);
	if (rc < 0)
		vmi_free(*list);
	return rc < 0 ? rc : 0;
}

/* The list is the system's; this vcpu may lack some.  Those are left out. */
static int list_filter(struct vmapi_vcpu *vcpu, const struct kvm_msr_list *list,
	uint32_t *indices, size_t n, size_t *count)
{
	struct vmi_msr *msrs = vmi_calloc(list->nmsrs, sizeof(*msrs));
	uint32_t i;
	int rc;

	if (!msrs)
		return -ENOMEM;
	for (i = 0; i < list->nmsrs; i++)
		msrs[i].index = list->indices[i];
	rc = vmi_kvm_arch_msrs_get(vcpu, msrs, list->nmsrs);
	*count = 0;
	for (i = 0; rc == 0 && i < list->nmsrs; i++) {
		if (msrs[i].status)
			continue;
		if (*count < n)
			indices[*count] = msrs[i].index;
		++*count;
	}
	vmi_free(msrs);
	return rc;
}

int vmi_kvm_arch_msr_list(
	struct vmapi_vcpu *vcpu, uint32_t *indices, size_t n, size_t *count)
{
	struct kvm_msr_list *list;
	int rc;

	rc = list_fetch(vcpu->vm->ctx, &list);
	if (rc < 0)
		return vmi_kvm_vcpu_refused(
			vmi_kvm_vcpu_of(vcpu), rc, KVM_GET_MSR_INDEX_LIST);
	rc = list_filter(vcpu, list, indices, n, count);
	vmi_free(list);
	return rc;
}
