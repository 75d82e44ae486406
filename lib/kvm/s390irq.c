/* SPDX-License-Identifier: MIT */
/* Interrupts of s390, floating and local, in the kernel's layouts. */
/*
 * A local one goes to a vcpu with KVM_S390_IRQ, whose struct has a member for
 * each kind (api.rst 4.94).  A floating one goes to the VM with the older
 * KVM_S390_INTERRUPT, which has two words for everything (api.rst 4.17).
 * The encoders are pure, and built everywhere.
 */
#include "lib/kvm/kvm.h"

static void encode_pgm(
	struct kvm_s390_pgm_info *to, const struct vmapi_s390_program *from)
{
	to->trans_exc_code = from->translation;
	to->mon_code = from->monitor_code;
	to->per_address = from->per_address;
	to->data_exc_code = from->data_code;
	to->code = from->code;
	to->mon_class_nr = from->monitor_class;
	to->per_code = from->per_code;
	to->per_atmid = from->per_atmid;
	to->exc_access_id = from->access_id;
	to->per_access_id = from->per_access_id;
	to->op_access_id = from->operand_access_id;
	to->flags = from->flags;
}

static void encode_mchk(struct kvm_s390_mchk_info *to,
	const struct vmapi_s390_machine_check *from)
{
	to->cr14 = from->cr14;
	to->mcic = from->code;
	to->failing_storage_address = from->failing_address;
	to->ext_damage_code = from->damage_code;
	memcpy(to->fixed_logout, from->logout, sizeof(to->fixed_logout));
}

bool vmi_kvm_s390_is_io(uint32_t type)
{
	return type <= KVM_S390_INT_IO_MAX;
}

int vmi_kvm_s390_encode(
	struct kvm_s390_irq *to, const struct vmapi_s390_irq *from)
{
	memset(to, 0, sizeof(*to));
	to->type = from->type;
	switch (from->type) {
	case KVM_S390_SIGP_STOP: to->u.stop.flags = from->u.stop_flags; break;
	case KVM_S390_PROGRAM_INT:
		encode_pgm(&to->u.pgm, &from->u.program);
		break;
	case KVM_S390_SIGP_SET_PREFIX:
		to->u.prefix.address = from->u.prefix;
		break;
	case KVM_S390_INT_EXTERNAL_CALL:
		to->u.extcall.code = (uint16_t)from->u.source;
		break;
	case KVM_S390_INT_EMERGENCY:
		to->u.emerg.code = (uint16_t)from->u.source;
		break;
	case KVM_S390_MCHK:
		encode_mchk(&to->u.mchk, &from->u.machine_check);
		break;
	case KVM_S390_RESTART:
	case KVM_S390_INT_CLOCK_COMP:
	case KVM_S390_INT_CPU_TIMER: break;
	case KVM_S390_INT_VIRTIO:
	case KVM_S390_INT_SERVICE:
	case KVM_S390_INT_PFAULT_INIT:
	case KVM_S390_INT_PFAULT_DONE:
		to->u.ext.ext_params = from->u.external.parameter;
		to->u.ext.ext_params2 = from->u.external.parameter64;
		break;
	default:
		if (!vmi_kvm_s390_is_io(from->type))
			return -EINVAL;
		to->u.io.subchannel_id = (uint16_t)from->u.io.subchannel_id;
		to->u.io.subchannel_nr = (uint16_t)from->u.io.subchannel;
		to->u.io.io_int_parm = from->u.io.parameter;
		to->u.io.io_int_word = from->u.io.word;
	}
	return 0;
}

/* Those that no vcpu is named for. */
int vmi_kvm_s390_encode_floating(
	struct kvm_s390_interrupt *to, const struct vmapi_s390_irq *from)
{
	memset(to, 0, sizeof(*to));
	to->type = from->type;
	switch (from->type) {
	case KVM_S390_INT_VIRTIO:
	case KVM_S390_INT_SERVICE:
	case KVM_S390_INT_PFAULT_DONE:
		to->parm = from->u.external.parameter;
		to->parm64 = from->u.external.parameter64;
		return 0;
	case KVM_S390_MCHK:
		to->parm = (uint32_t)from->u.machine_check.cr14;
		to->parm64 = from->u.machine_check.code;
		return 0;
	default:
		if (!vmi_kvm_s390_is_io(from->type))
			return -EINVAL;
		to->parm = from->u.io.subchannel_id << 16 |
			   (from->u.io.subchannel & 0xffff);
		to->parm64 = (uint64_t)from->u.io.parameter << 32 |
			     from->u.io.word;
		return 0;
	}
}

static int inject_local(
	struct vmi_kvm_vcpu *vcpu, const struct vmapi_s390_irq *irq)
{
	struct kvm_s390_irq arg;
	int rc = vmi_kvm_s390_encode(&arg, irq);

	if (rc < 0)
		return vmi_kvm_vcpu_fail(
			vcpu, rc, "there is no local interrupt of this type");
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_S390_IRQ, &arg);
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_S390_IRQ) : 0;
}

int vmi_kvm_s390_inject(struct vmapi_vm *core, struct vmapi_vcpu *vcpu,
	const struct vmapi_s390_irq *irq)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	struct kvm_s390_interrupt arg;
	int rc;

	if (!vmi_kvm_vm_check(vm, KVM_CAP_S390_INJECT_IRQ))
		return vmi_fail(-ENOTSUP, "vm", "only a VM of s390 has these");
	if (vcpu)
		return inject_local(vmi_kvm_vcpu_of(vcpu), irq);
	rc = vmi_kvm_s390_encode_floating(&arg, irq);
	if (rc < 0)
		return vmi_fail(rc, "vm",
			"there is no floating interrupt of this type");
	rc = vmi_kvm_vm_ioctl(vm, KVM_S390_INTERRUPT, &arg);
	return rc < 0 ? vmi_kvm_vm_refused(rc, KVM_S390_INTERRUPT) : 0;
}
