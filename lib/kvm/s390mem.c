/* SPDX-License-Identifier: MIT */
/* Storage keys and guest memory of s390, in the kernel's layouts. */
/*
 * Logical accesses are a vcpu's, KVM_S390_MEM_OP on its descriptor; absolute
 * ones are the VM's, from Linux 5.19 on (api.rst 4.89).  The answer is
 * positive where the access met a program exception: its code.
 */
#include "lib/kvm/kvm.h"

/* Of KVM_CAP_S390_MEM_OP_EXTENSION, and the flag of what bit 1 says (6.4). */
#define EXTENSION_EXCHANGE (1 << 1)
#define F_EXCHANGE	   (1ull << 3)
#define R_NO_EXCHANGE	   (1 << 16)
#define OLD_ADDR	   8 /* in the union of the struct, behind the key */

_Static_assert(VMAPI_S390_MEM_DIFFERS == R_NO_EXCHANGE, "");

static const struct {
	uint32_t flag;
	uint64_t kernel;
} mem_flags[] = {
	{ VMAPI_S390_MEM_CHECK, KVM_S390_MEMOP_F_CHECK_ONLY },
	{ VMAPI_S390_MEM_INJECT, KVM_S390_MEMOP_F_INJECT_EXCEPTION },
	{ VMAPI_S390_MEM_KEY, KVM_S390_MEMOP_F_SKEY_PROTECTION },
	{ VMAPI_S390_MEM_EXCHANGE, F_EXCHANGE },
};

void vmi_kvm_s390_encode_mem(struct kvm_s390_mem_op *to,
	const struct vmapi_s390_mem *from, bool absolute)
{
	uint64_t old = (uintptr_t)from->expected;
	bool write = from->flags & VMAPI_S390_MEM_WRITE;
	size_t i;

	memset(to, 0, sizeof(*to));
	to->gaddr = from->address;
	to->size = (uint32_t)from->bytes;
	to->buf = (uintptr_t)from->data;
	to->op = absolute ? KVM_S390_MEMOP_ABSOLUTE_READ
			  : KVM_S390_MEMOP_LOGICAL_READ;
	if (write)
		to->op = absolute ? KVM_S390_MEMOP_ABSOLUTE_WRITE
				  : KVM_S390_MEMOP_LOGICAL_WRITE;
	for (i = 0; i < vmi_array_len(mem_flags); i++)
		if (from->flags & mem_flags[i].flag)
			to->flags |= mem_flags[i].kernel;
	to->ar = (uint8_t)from->access_register;
	to->key = (uint8_t)from->key;
	if (from->flags & VMAPI_S390_MEM_EXCHANGE)
		memcpy(&to->reserved[OLD_ADDR], &old, sizeof(old));
}

/* What this kernel can do of it; 0, -ENOTSUP or -E2BIG. */
static int check_mem(struct vmi_kvm_vm *vm, const struct vmapi_s390_mem *m,
	bool absolute)
{
	int most = vmi_kvm_vm_check(vm, KVM_CAP_S390_MEM_OP);
	int extension = vmi_kvm_vm_check(vm, KVM_CAP_S390_MEM_OP_EXTENSION);

	if (most <= 0)
		return vmi_fail(-ENOTSUP, "vm",
			"only a VM of s390 has this (KVM_CAP_S390_MEM_OP)");
	if ((absolute || m->flags & VMAPI_S390_MEM_KEY) && extension <= 0)
		return vmi_fail(-ENOTSUP, "vm",
			"this kernel has no absolute accesses and no keys "
			"(KVM_CAP_S390_MEM_OP_EXTENSION)");
	if (m->flags & VMAPI_S390_MEM_EXCHANGE &&
		!(extension & EXTENSION_EXCHANGE))
		return vmi_fail(-ENOTSUP, "vm",
			"this kernel exchanges nothing "
			"(KVM_CAP_S390_MEM_OP_EXTENSION)");
	if (m->bytes > (uint64_t)most)
		return vmi_fail(-E2BIG, "vm",
			"the kernel takes %d bytes at once", most);
	return 0;
}

int vmi_kvm_s390_mem(struct vmapi_vm *core, struct vmapi_vcpu *vcpu,
	const struct vmapi_s390_mem *mem, uint32_t *result)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	struct kvm_s390_mem_op arg;
	int rc = check_mem(vm, mem, !vcpu);

	if (rc < 0)
		return rc;
	vmi_kvm_s390_encode_mem(&arg, mem, !vcpu);
	if (vcpu)
		rc = vmi_kvm_vcpu_ioctl(
			vmi_kvm_vcpu_of(vcpu), KVM_S390_MEM_OP, &arg);
	else
		rc = vmi_kvm_vm_ioctl(vm, KVM_S390_MEM_OP, &arg);
	if (rc < 0)
		return vcpu ? vmi_kvm_vcpu_refused(vmi_kvm_vcpu_of(vcpu), rc,
				      KVM_S390_MEM_OP)
			    : vmi_kvm_vm_refused(rc, KVM_S390_MEM_OP);
	*result = (uint32_t)rc;
	return 0;
}

/* -- storage keys -------------------------------------------------------- */

/* A part that the kernel takes at once (api.rst 4.90): 1 says "none". */
static int some_keys(struct vmi_kvm_vm *vm, const struct vmi_s390_keys *k,
	size_t at, size_t n)
{
	struct kvm_s390_skeys arg = {
		.start_gfn = k->gpa / VMAPI_S390_KEY_PAGE + at,
		.count = n,
		.skeydata_addr = k->get ? (uintptr_t)(k->get + at)
					: (uintptr_t)(k->set + at),
	};
	unsigned long request = k->get ? KVM_S390_GET_SKEYS
				       : KVM_S390_SET_SKEYS;
	int rc = vmi_kvm_vm_ioctl(vm, request, &arg);

	return rc < 0 ? vmi_kvm_vm_refused(rc, request) : rc;
}

int vmi_kvm_s390_keys(struct vmapi_vm *core, struct vmi_s390_keys *k)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	size_t at, n;
	int rc;

	if (!vmi_kvm_vm_check(vm, KVM_CAP_S390_SKEYS))
		return vmi_fail(-ENOTSUP, "vm",
			"only a VM of s390 has storage keys");
	k->in_use = true;
	for (at = 0; at < k->n; at += n) {
		n = k->n - at;
		if (n > KVM_S390_SKEYS_MAX)
			n = KVM_S390_SKEYS_MAX;
		rc = some_keys(vm, k, at, n);
		if (rc < 0)
			return rc;
		if (!k->get || rc != KVM_S390_GET_SKEYS_NONE)
			continue;
		k->in_use = false;
		memset(k->get, 0, k->n);
		break;
	}
	return 0;
}
