/* SPDX-License-Identifier: MIT */
/* A portable CPU model on a kernel: what CPUID alone does not make. */
#include "lib/arch/x86_model.h"

#include <stdio.h>

#include "lib/core/cpuid.h"
#include "lib/kvm/x86/x86.h"

/*
 * Leaves of KVM are not in the list; with this the MSRs and hypercalls behind
 * them are gone too (api.rst 7.26).
 */
static int hide_kvm(struct vmi_kvm_vcpu *vcpu)
{
	struct kvm_enable_cap enable = {
		.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 },
	};
	int rc;

	if (!vmi_kvm_vm_check(vmi_kvm_vm_of(vcpu->core.vm),
		    KVM_CAP_ENFORCE_PV_FEATURE_CPUID))
		return 0;
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_ENABLE_CAP, &enable);
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_ENABLE_CAP) : 0;
}

int vmi_kvm_x86_model_msrs(struct vmi_kvm_vcpu *vcpu)
{
	struct vmi_x86_model_msr msrs[VMI_MODEL_MSRS];
	struct vmi_one ones[VMI_MODEL_MSRS];
	char sentence[96];
	size_t i;
	int rc;

	if (!vmi_vm_is_portable(vcpu->core.vm))
		return 0;
	vmi_x86_model_msrs(vcpu->core.vm->config.tsc_hz, msrs);
	for (i = 0; i < VMI_MODEL_MSRS; i++)
		ones[i] = (struct vmi_one){
			.tag = VMAPI_X86_MSR(msrs[i].index),
			.data = &msrs[i].value,
			.bytes = sizeof(msrs[i].value),
		};
	rc = vmi_kvm_arch_ones_set(&vcpu->core, ones, VMI_MODEL_MSRS);
	for (i = 0; i < VMI_MODEL_MSRS && rc == 0; i++) {
		if (!ones[i].status)
			continue;
		snprintf(sentence, sizeof(sentence), "cpu_model: this kernel "
			"does not let MSR 0x%x be 0x%llx",
			(unsigned)msrs[i].index,
			(unsigned long long)msrs[i].value);
		rc = vmi_kvm_vcpu_fail(vcpu, -ENOTSUP, sentence);
	}
	return rc;
}

/* The kernel keeps OSXSAVE up to date, and sizes of what XCR0 has on. */
static void pass_over(struct vmapi_cpuid *list)
{
	static const char *const fields[] = { "osxsave", "apic", "xsave-bytes",
		"d.1.ebx" };
	struct vmi_cpuid_field field;
	size_t i;

	for (i = 0; i < vmi_array_len(fields); i++)
		if (!vmi_cpuid_parse(fields[i], &field))
			vmi_cpuid_field_set(list, &field, 0);
}

static int compare(struct vmi_kvm_vcpu *vcpu, struct vmapi_cpuid *wanted,
	struct vmapi_cpuid *is)
{
	char text[100], sentence[160];
	struct vmi_words words = { .text = text, .room = sizeof(text) };

	pass_over(wanted);
	pass_over(is);
	vmi_cpuid_differ(wanted, is, &words);
	if (!words.length)
		return 0;
	snprintf(sentence, sizeof(sentence), "cpu_model: this kernel changes "
		"CPUID: %.*s", (int)strcspn(text, "\n"), text);
	return vmi_kvm_vcpu_fail(vcpu, -ENOTSUP, sentence);
}

static int is_honoured(struct vmi_kvm_vcpu *vcpu)
{
	struct vmapi_cpuid wanted = { 0 }, is = { 0 };
	size_t bytes = 0;
	int rc = vmi_kvm_x86_cpuid_get(vcpu, NULL, &bytes);

	if (rc == 0)
		rc = vmi_cpuid_room(&is, bytes / sizeof(*is.entries));
	if (rc == 0)
		rc = vmi_kvm_x86_cpuid_get(vcpu, is.entries, &bytes);
	if (rc == 0)
		is.n = bytes / sizeof(*is.entries);
	if (rc == 0)
		rc = vmi_vcpu_cpuid(&vcpu->core, &wanted);
	if (rc == 0) {
		vmi_cpuid_sort(&is);
		rc = compare(vcpu, &wanted, &is);
	}
	vmi_cpuid_free(&wanted);
	vmi_cpuid_free(&is);
	return rc;
}

int vmi_kvm_x86_model_init(struct vmi_kvm_vcpu *vcpu)
{
	int rc;

	if (!vmi_vm_is_portable(vcpu->core.vm))
		return 0;
	rc = is_honoured(vcpu);
	if (rc == 0)
		rc = hide_kvm(vcpu);
	return rc ? rc : vmi_kvm_x86_model_msrs(vcpu);
}
