/* SPDX-License-Identifier: MIT */
/* MSRs, and the registers of KVM's own: any number, one status each. */
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

/* How many at the front are MSRs, at most as many as go in a call. */
static size_t fill(struct msr_batch *batch, bool values,
	const struct vmi_one *ones, size_t n)
{
	size_t i;

	for (i = 0; i < n && i < BATCH &&
		ones[i].tag == VMAPI_X86_MSR((uint32_t)ones[i].tag); i++) {
		struct kvm_msr_entry *entry = &batch->entries[i];

		entry->index = (uint32_t)ones[i].tag;
		entry->reserved = 0;
		entry->data = 0;
		if (values)
			memcpy(&entry->data, ones[i].data, sizeof(uint64_t));
	}
	batch->nmsrs = (uint32_t)i;
	batch->pad = 0;
	return i;
}

/* How many the kernel took of the MSRs at the front, *n of them; or -errno. */
static int transfer(struct vmi_kvm_vcpu *vcpu, unsigned long request,
	struct vmi_one *ones, size_t *n)
{
	const bool get = request == KVM_GET_MSRS;
	struct msr_batch batch;
	size_t i;
	int rc;

	*n = fill(&batch, !get, ones, *n);
	if (!*n)
		return 0;
	rc = vmi_kvm_vcpu_ioctl(vcpu, request, &batch);
	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, request);
	for (i = 0; i < (size_t)rc && i < *n; i++) {
		ones[i].status = 0;
		if (get)
			memcpy(ones[i].data, &batch.entries[i].data,
				sizeof(uint64_t));
	}
	return rc;
}

/* A value that is refused, or a register that is not there? */
static int why_not(
	struct vmi_kvm_vcpu *vcpu, unsigned long request, uint64_t tag)
{
	uint64_t value;
	struct vmi_one probe = { .tag = tag, .data = &value, .bytes = 8 };
	size_t n = 1;

	if (request == KVM_SET_MSRS &&
		transfer(vcpu, KVM_GET_MSRS, &probe, &n) == 1)
		return -EINVAL;
	return -ENOENT;
}

/* KVM's own registers, one by one (KVM_CAP_ONE_REG, 6.18). */
static int own_register(struct vmi_kvm_vcpu *vcpu, unsigned long msrs_request,
	struct vmi_one *one)
{
	struct kvm_one_reg arg = {
		.id = one->tag,
		.addr = (uintptr_t)one->data,
	};
	int rc;

	if (!vmi_kvm_vm_of(vcpu->core.vm)->arch->one_reg)
		return -ENOENT;
	rc = vmi_kvm_vcpu_ioctl(vcpu,
		msrs_request == KVM_GET_MSRS ? KVM_GET_ONE_REG
					     : KVM_SET_ONE_REG,
		&arg);
	return rc < 0 ? rc : 0;
}

static int transfer_all(struct vmi_kvm_vcpu *vcpu, unsigned long request,
	struct vmi_one *ones, size_t n)
{
	size_t at = 0;
	int rc;

	while (at < n) {
		size_t part = n - at;

		rc = transfer(vcpu, request, ones + at, &part);
		if (rc < 0)
			return rc;
		if (!part) {
			ones[at].status =
				own_register(vcpu, request, &ones[at]);
			at++;
			continue;
		}
		at += (size_t)rc;
		if ((size_t)rc < part) {
			ones[at].status = why_not(vcpu, request, ones[at].tag);
			at++;
		}
	}
	return 0;
}

int vmi_kvm_arch_ones_get(
	struct vmapi_vcpu *vcpu, struct vmi_one *ones, size_t n)
{
	return transfer_all(vmi_kvm_vcpu_of(vcpu), KVM_GET_MSRS, ones, n);
}

int vmi_kvm_arch_ones_set(
	struct vmapi_vcpu *core, struct vmi_one *ones, size_t n)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);

	vcpu->run_valid = false;
	return transfer_all(vcpu, KVM_SET_MSRS, ones, n);
}

/* -- Where the values are in the caller's entries ------------------------ */

/* How many at the front can go so. */
static size_t fill_words(struct msr_batch *batch, bool values,
	const struct vmi_reg_words *words, size_t n)
{
	const uint64_t kind = VMAPI_X86_MSR(0) >> 32;
	struct kvm_msr_entry *to = batch->entries;
	const struct kvm_msr_entry *const end = to + BATCH;

	for (; n; n--, words++) {
		const struct vmapi_reg *reg = words->regs;
		const struct vmapi_reg *const last = reg + words->n;

		for (; reg != last; reg++, to++) {
			if (reg->tag >> 32 != kind || reg->status ||
				reg->data || to == end)
				return (size_t)(to - batch->entries);
			to->index = (uint32_t)reg->tag;
			to->reserved = 0;
			to->data = values ? reg->value : 0;
		}
	}
	return (size_t)(to - batch->entries);
}

static void take_words(const struct msr_batch *batch,
	const struct vmi_reg_words *words, size_t left)
{
	const struct kvm_msr_entry *from = batch->entries;

	for (; left; words++) {
		struct vmapi_reg *reg = words->regs;
		size_t n = left < words->n ? left : words->n;

		for (left -= n; n; n--, reg++, from++) {
			reg->value = from->data;
			reg->bytes = sizeof(from->data);
		}
	}
}

static int move_words(struct vmi_kvm_vcpu *vcpu, unsigned long request,
	const struct vmi_reg_words *words, size_t n)
{
	const bool get = request == KVM_GET_MSRS;
	struct msr_batch batch;
	int rc;

	batch.nmsrs = (uint32_t)fill_words(&batch, !get, words, n);
	batch.pad = 0;
	if (!batch.nmsrs)
		return 0;
	rc = vmi_kvm_vcpu_ioctl(vcpu, request, &batch);
	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, request);
	if ((uint32_t)rc > batch.nmsrs)
		rc = (int)batch.nmsrs;
	if (get)
		take_words(&batch, words, (size_t)rc);
	return rc;
}

int vmi_kvm_arch_words_get(
	struct vmapi_vcpu *vcpu, const struct vmi_reg_words *words, size_t n)
{
	return move_words(vmi_kvm_vcpu_of(vcpu), KVM_GET_MSRS, words, n);
}

int vmi_kvm_arch_words_set(
	struct vmapi_vcpu *core, const struct vmi_reg_words *words, size_t n)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);

	vcpu->run_valid = false;
	return move_words(vcpu, KVM_SET_MSRS, words, n);
}

/* -- What there is ------------------------------------------------------- */

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

/* Anything else is no reason to forget a register. */
static bool is_absent(int status)
{
	return status == -ENOENT || status == -EINVAL;
}

/*
 * The vector of asynchronous page faults (msr.rst, MSR_KVM_ASYNC_PF_INT) is
 * given to a vcpu without local APICs, and then refused as it is.
 */
static bool is_useless(const struct vmapi_vcpu *vcpu, uint64_t tag)
{
	return tag == VMAPI_X86_MSR(0x4b564d06) &&
		vcpu->vm->config.irqchip == VMAPI_IRQCHIP_NONE;
}

/*
 * The list is the system's, and this vcpu may lack some: those are left out.
 * KVM's own registers are tried as well.
 */
static int list_filter(struct vmapi_vcpu *vcpu, const struct kvm_msr_list *list,
	uint64_t *tags, size_t n, size_t *count)
{
	size_t all = list->nmsrs + 1, i;
	struct vmi_one *ones = vmi_calloc(all, sizeof(*ones));
	uint64_t *values = vmi_calloc(all, sizeof(*values));
	int rc = 0;

	if (!ones || !values)
		rc = vmi_kvm_vcpu_fail(
			vmi_kvm_vcpu_of(vcpu), -ENOMEM, "no memory");
	for (i = 0; rc == 0 && i < all; i++) {
		ones[i].tag = i < list->nmsrs ? VMAPI_X86_MSR(list->indices[i])
					      : VMAPI_X86_GUEST_SSP;
		ones[i].data = &values[i];
		ones[i].bytes = sizeof(values[i]);
	}
	if (rc == 0)
		rc = vmi_kvm_arch_ones_get(vcpu, ones, all);
	*count = 0;
	for (i = 0; rc == 0 && i < all; i++) {
		if (is_absent(ones[i].status) || is_useless(vcpu, ones[i].tag))
			continue;
		if (ones[i].status) {
			rc = vmi_kvm_vcpu_refused(vmi_kvm_vcpu_of(vcpu),
				ones[i].status, KVM_GET_ONE_REG);
			break;
		}
		if (*count < n)
			tags[*count] = ones[i].tag;
		++*count;
	}
	vmi_free(values);
	vmi_free(ones);
	return rc;
}

int vmi_kvm_arch_one_list(
	struct vmapi_vcpu *vcpu, uint64_t *tags, size_t n, size_t *count)
{
	struct kvm_msr_list *list;
	int rc;

	rc = list_fetch(vcpu->vm->ctx, &list);
	if (rc < 0)
		return vmi_kvm_vcpu_refused(
			vmi_kvm_vcpu_of(vcpu), rc, KVM_GET_MSR_INDEX_LIST);
	rc = list_filter(vcpu, list, tags, n, count);
	vmi_free(list);
	return rc;
}
