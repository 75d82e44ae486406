/* SPDX-License-Identifier: MIT */
/* Registers that are moved by themselves, where they all are ONE_REG's. */
/*
 * One system call each.  What there is the kernel lists where it can (arm64,
 * riscv: KVM_GET_REG_LIST, api.rst 4.84); where it cannot, every register of
 * the architecture's table is tried.
 */
#include "lib/kvm/arch.h"

static int before_one(struct vmi_kvm_vcpu *vcpu, uint64_t tag)
{
	return vmi_kvm_other.before_one ? vmi_kvm_other.before_one(vcpu, tag)
					: 0;
}

/*
 * Kernels say EINVAL for a register that they do not know as well as for a
 * value that they refuse: reading tells them apart.
 */
static int transfer(
	struct vmi_kvm_vcpu *vcpu, unsigned long request, struct vmi_one *one)
{
	struct kvm_one_reg arg = {
		.id = one->tag,
		.addr = (uintptr_t)one->data,
	};
	int rc = before_one(vcpu, one->tag);

	if (rc < 0)
		return rc;
	rc = vmi_kvm_vcpu_ioctl(vcpu, request, &arg);
	return rc < 0 ? rc : 0;
}

static int status_of_get(int rc)
{
	return rc == -EINVAL || rc == -ENXIO || rc == -ENODEV ? -ENOENT : rc;
}

/* Long enough for the longest that has an id: 2048 bits. */
static int status_of_set(
	struct vmi_kvm_vcpu *vcpu, const struct vmi_one *one, int rc)
{
	uint64_t now[32];
	struct vmi_one probe = {
		.tag = one->tag, .data = now, .bytes = one->bytes,
	};

	if (rc != -EINVAL && rc != -ENOENT && rc != -EPERM && rc != -EBUSY)
		return rc;
	if (transfer(vcpu, KVM_GET_ONE_REG, &probe) < 0)
		return rc == -EINVAL ? -ENOENT : rc;
	/* Some may be set before the first run only, except to what they are */
	if (!memcmp(now, one->data, one->bytes))
		return 0;
	return rc == -ENOENT ? -EINVAL : rc;
}

int vmi_kvm_arch_ones_get(
	struct vmapi_vcpu *core, struct vmi_one *ones, size_t n)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	size_t i;

	for (i = 0; i < n; i++)
		ones[i].status = status_of_get(
			transfer(vcpu, KVM_GET_ONE_REG, &ones[i]));
	return 0;
}

int vmi_kvm_arch_ones_set(
	struct vmapi_vcpu *core, struct vmi_one *ones, size_t n)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		rc = transfer(vcpu, KVM_SET_ONE_REG, &ones[i]);
		ones[i].status =
			rc < 0 ? status_of_set(vcpu, &ones[i], rc) : 0;
	}
	return 0;
}

/* There is no call for several. */
int vmi_kvm_arch_words_get(
	struct vmapi_vcpu *vcpu, const struct vmi_reg_words *words, size_t n)
{
	(void)vcpu, (void)words, (void)n;
	return 0;
}

int vmi_kvm_arch_words_set(
	struct vmapi_vcpu *vcpu, const struct vmi_reg_words *words, size_t n)
{
	(void)vcpu, (void)words, (void)n;
	return 0;
}

/* -- what there is ------------------------------------------------------- */

/* The number of entries, or -errno; the kernel says it with E2BIG. */
static int list_size(struct vmi_kvm_vcpu *vcpu, uint64_t *n)
{
	struct kvm_reg_list head = { .n = 0 };
	int rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_GET_REG_LIST, &head);

	*n = head.n;
	return rc == -E2BIG ? 0 : rc;
}

static int list_of_kernel(
	struct vmi_kvm_vcpu *vcpu, uint64_t *tags, size_t n, size_t *count)
{
	struct kvm_reg_list *list;
	uint64_t all, i;
	int rc = list_size(vcpu, &all);

	*count = (size_t)all;
	if (rc < 0 || n == 0)
		return rc;
	list = vmi_calloc((size_t)all + 1, sizeof(uint64_t));
	if (!list)
		return -ENOMEM;
	list->n = all;
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_GET_REG_LIST, list);
	for (i = 0; rc >= 0 && i < list->n && i < all && i < n; i++)
		tags[i] = list->reg[i];
	*count = (size_t)list->n;
	vmi_free(list);
	return rc < 0 ? rc : 0;
}

static void list_of_table(
	struct vmi_kvm_vcpu *vcpu, uint64_t *tags, size_t n, size_t *count)
{
	const struct vmi_regs_arch *arch = vmi_kvm_arch_regs();
	uint64_t value[32];
	struct vmi_one one = { .data = value };
	size_t i;

	*count = 0;
	for (i = 0; i < arch->n_ones; i++) {
		one.tag = arch->ones[i].tag;
		if (transfer(vcpu, KVM_GET_ONE_REG, &one) < 0)
			continue;
		if (*count < n)
			tags[*count] = one.tag;
		++*count;
	}
}

int vmi_kvm_arch_one_list(
	struct vmapi_vcpu *core, uint64_t *tags, size_t n, size_t *count)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	int rc = before_one(vcpu, 0);

	if (rc == 0)
		rc = list_of_kernel(vcpu, tags, n, count);
	if (rc == -EINVAL || rc == -ENOTTY) {
		list_of_table(vcpu, tags, n, count);
		return 0;
	}
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_GET_REG_LIST) : 0;
}
