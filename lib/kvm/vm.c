/* SPDX-License-Identifier: MIT */
/* A VM of the kernel: what is the same on every architecture. */
#include <time.h>

#include "lib/kvm/arch.h"

static int check_config(const struct vmapi_vm_config *config)
{
	if (config->flags & VMAPI_VM_DETERMINISTIC)
		return vmi_fail(-ENOTSUP, "vm",
			"flags: time on KVM is not the instruction count");
	if (config->kick_signal && ((int)config->kick_signal < SIGRTMIN ||
					   (int)config->kick_signal > SIGRTMAX))
		return vmi_fail(-EINVAL, "vm",
			"kick_signal: %u is no real-time signal",
			(unsigned)config->kick_signal);
	return 0;
}

int vmi_kvm_vm_init(struct vmapi_vm *core)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	int fd = vmi_kvm_of(core->ctx)->fd;
	int rc;

	vm->fd = -1;
	rc = check_config(&core->config);
	if (rc < 0)
		return rc;
	vm->kick_signal = core->config.kick_signal
				  ? (int)core->config.kick_signal
				  : SIGRTMAX - 2;
	sigemptyset(&vm->kick_set);
	sigaddset(&vm->kick_set, vm->kick_signal);
	vm->kick_bit = UINT64_C(1) << (vm->kick_signal - 1);
	rc = vmi_kvm_create_vm(fd,
		core->config.type ? core->config.type
				  : vmi_kvm_arch_vm_type(fd));
	if (rc == -EINVAL && core->config.type)
		return vmi_fail(-ENOTSUP, "vm",
			"type: this kernel has no VM type %llu",
			(unsigned long long)core->config.type);
	if (rc < 0)
		return vmi_kvm_vm_refused(rc, KVM_CREATE_VM);
	vm->fd = rc;
	rc = vmi_kvm_log_init(vm);
	if (rc < 0)
		goto close;
	vm->tells_delivery =
		vmi_kvm_vm_check(vm, KVM_CAP_IRQ_INJECT_STATUS) > 0;
	rc = vmi_kvm_slots_init(vm);
	if (rc < 0)
		goto close;
	rc = vmi_kvm_arch_vm_init(vm);
	if (rc < 0)
		goto slots;
	return 0;
slots:
	vmi_kvm_slots_fini(vm);
close:
	vmi_sys->close(vm->fd);
	vm->fd = -1;
	return rc;
}

void vmi_kvm_vm_fini(struct vmapi_vm *core)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);

	vmi_kvm_ring_unmap(vm);
	vmi_kvm_arch_vm_fini(vm);
	vmi_kvm_slots_fini(vm);
	vmi_kvm_log_fini(vm);
	if (vm->fd >= 0)
		vmi_sys->close(vm->fd);
	vm->fd = -1;
}
