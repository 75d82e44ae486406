/* SPDX-License-Identifier: MIT */
/* A vcpu of the kernel: its descriptor and the area it shares. */
#include <sys/mman.h>

#include "lib/kvm/arch.h"

static int create(struct vmi_kvm_vcpu *vcpu)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(vcpu->core.vm);
	int rc;

	do
		rc = vmi_kvm_vm_ioctl(
			vm, KVM_CREATE_VCPU, (void *)(uintptr_t)vcpu->core.id);
	while (rc == -EINTR);
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_CREATE_VCPU) : rc;
}

static int map_run(struct vmi_kvm_vcpu *vcpu)
{
	struct vmi_mmap what = {
		.bytes = vmi_kvm_of(vcpu->core.vm->ctx)->run_bytes,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_SHARED,
		.fd = vcpu->fd,
	};
	void *where;
	int rc = vmi_sys->mmap(&what, &where);

	if (rc < 0)
		return vmi_kvm_vcpu_fail(vcpu, rc,
			"the area shared with the kernel cannot be mapped");
	vcpu->run = where;
	/* A byte of its own: the kernel reads it, any thread writes it. */
	vcpu->immediate =
		(volatile _Atomic(uint8_t) *)&vcpu->run->immediate_exit;
	return 0;
}

int vmi_kvm_vcpu_init(struct vmapi_vcpu *core)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	int rc;

	vcpu->mask = UINT64_MAX; /* no mask has the kick signal's bit */
	vcpu->fd = create(vcpu);
	if (vcpu->fd < 0)
		return vcpu->fd;
	rc = map_run(vcpu);
	if (rc < 0)
		goto close;
	rc = vmi_kvm_ring_map(vmi_kvm_vm_of(core->vm), vcpu->fd);
	if (rc == 0)
		rc = vmi_kvm_ring_init(vcpu);
	if (rc < 0)
		goto unmap;
	rc = vmi_kvm_arch_vcpu_init(vcpu);
	if (rc < 0)
		goto ring;
	return 0;
ring:
	vmi_kvm_ring_fini(vcpu);
unmap:
	vmi_sys->munmap(vcpu->run, vmi_kvm_of(core->vm->ctx)->run_bytes);
close:
	vmi_sys->close(vcpu->fd);
	vcpu->run = NULL;
	vcpu->fd = -1;
	return rc;
}

void vmi_kvm_vcpu_fini(struct vmapi_vcpu *core)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);

	vmi_kvm_arch_vcpu_fini(vcpu);
	vmi_kvm_ring_fini(vcpu);
	if (vcpu->run)
		vmi_sys->munmap(
			vcpu->run, vmi_kvm_of(core->vm->ctx)->run_bytes);
	if (vcpu->fd >= 0)
		vmi_sys->close(vcpu->fd);
	vcpu->run = NULL;
	vcpu->fd = -1;
}
