/* SPDX-License-Identifier: MIT */
/* Can the kernel's KVM be used, and if not, why not: in words. */
#include <fcntl.h>
#include <stdio.h>

#include "lib/kvm/arch.h"

#define DEVICE "/dev/kvm"

/* A verdict under construction. */
struct finding {
	int code;
	char why[200];
};

static int find(struct finding *finding, int code, const char *why)
{
	finding->code = code;
	snprintf(finding->why, sizeof(finding->why), "%s", why);
	return code;
}

/* ENOENT and the like are all "no such device" to the caller. */
static int open_device(struct finding *finding)
{
	int fd = vmi_sys->open(DEVICE, O_RDWR | O_CLOEXEC);

	switch (fd) {
	case -ENOENT:
		return find(finding, -ENODEV,
			"there is no " DEVICE ": the kvm "
			"module is not loaded, the processor cannot or may "
			"not virtualise, or this container was not given it");
	case -ENXIO:
	case -ENODEV:
		return find(finding, -ENODEV,
			DEVICE " is there, but no driver answers behind it");
	case -EACCES:
	case -EPERM:
		return find(finding, -EACCES,
			"no permission to open " DEVICE
			": its group (usually kvm) may");
	case -EBUSY:
		return find(finding, -EBUSY, DEVICE " is in use by another");
	default: break;
	}
	if (fd < 0) {
		finding->code = fd;
		snprintf(finding->why, sizeof(finding->why),
			"cannot open " DEVICE " (errno %d)", -fd);
	}
	return fd;
}

/* What every architecture needs. */
static const struct vmi_kvm_need needs[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
		"KVM_CAP_DESTROY_MEMORY_REGION_WORKS" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	{ 0, NULL },
};

static int check_needs(int fd, const struct vmi_kvm_need *need,
	struct finding *finding)
{
	while (need->name && vmi_kvm_check(fd, need->number))
		need++;
	if (!need->name)
		return 0;
	finding->code = -ENOTSUP;
	snprintf(finding->why, sizeof(finding->why),
		"this kernel's KVM lacks %s", need->name);
	return finding->code;
}

static int check_api(int fd, struct finding *finding)
{
	int version = vmi_sys->ioctl(fd, KVM_GET_API_VERSION, NULL);

	if (version != VMI_KVM_API_VERSION) {
		finding->code = -ENOTSUP;
		snprintf(finding->why, sizeof(finding->why),
			DEVICE " speaks version %d of the interface, not %d",
			version, VMI_KVM_API_VERSION);
		return finding->code;
	}
	return check_needs(fd, needs, finding)
		? finding->code : check_needs(fd, vmi_kvm_arch_needs, finding);
}

/* A descriptor that is good to work with, or the reason why there is none. */
static int open_checked(struct finding *finding)
{
	int fd = open_device(finding);
	int rc;

	if (fd < 0)
		return fd;
	rc = check_api(fd, finding);
	if (rc == 0)
		return fd;
	vmi_sys->close(fd);
	return rc;
}

/* A signal for anybody in this process makes the kernel give up half-way. */
int vmi_kvm_create_vm(int fd, uint64_t type)
{
	int rc;

	do
		rc = vmi_sys->ioctl(fd, KVM_CREATE_VM, (void *)(uintptr_t)type);
	while (rc == -EINTR);
	return rc;
}

int vmi_kvm_open(struct vmapi *ctx)
{
	struct vmi_kvm *kvm = vmi_kvm_of(ctx);
	struct finding finding = { 0 };
	int fd, bytes;

	kvm->fd = -1;
	fd = open_checked(&finding);
	if (fd < 0)
		return vmi_fail(finding.code, "kvm", "%s", finding.why);
	bytes = vmi_sys->ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (bytes < (int)sizeof(struct kvm_run)) {
		vmi_sys->close(fd);
		return bytes < 0 ? vmi_fail(bytes, "kvm",
			"the kernel refused KVM_GET_VCPU_MMAP_SIZE (errno %d)",
			-bytes) : vmi_fail(-ENOTSUP, "kvm",
			"the area shared with a vcpu has %d bytes", bytes);
	}
	kvm->fd = fd;
	kvm->run_bytes = (size_t)bytes;
	return 0;
}

void vmi_kvm_close(struct vmapi *ctx)
{
	struct vmi_kvm *kvm = vmi_kvm_of(ctx);

	if (kvm->fd >= 0)
		vmi_sys->close(kvm->fd);
	kvm->fd = -1;
}

/* -- probing ------------------------------------------------------------- */

/* Only making a VM shows whether another hypervisor holds the processor. */
static int try_vm(int fd, struct finding *finding)
{
	int vm = vmi_kvm_create_vm(fd, vmi_kvm_arch_vm_type(fd));

	if (vm >= 0) {
		vmi_sys->close(vm);
		return 0;
	}
	if (vm == -EBUSY)
		return find(finding, vm,
			"another hypervisor holds the "
			"processor's virtualisation");
	finding->code = vm;
	snprintf(finding->why, sizeof(finding->why),
		"KVM cannot make a virtual machine (errno %d)", -vm);
	return vm;
}

static void trial(int fd, struct vmapi_backend_info *info)
{
	enum vmi_kvm_verdict verdict;
	char why[160];

	verdict = vmi_kvm_arch_trial(fd, why, sizeof(why));
	if (verdict == VMI_KVM_UNTRIED) {
		snprintf(info->reason, sizeof(info->reason), DEVICE " works");
		return;
	}
	info->flags |= VMAPI_BACKEND_TRIED;
	if (verdict == VMI_KVM_SOUND) {
		snprintf(info->reason, sizeof(info->reason),
			DEVICE " works, and ran the trial guest");
		return;
	}
	info->flags |= VMAPI_BACKEND_IMPAIRED;
	snprintf(info->reason, sizeof(info->reason),
		DEVICE " is there but impaired: %s", why);
}

void vmi_kvm_probe(unsigned flags, struct vmapi_backend_info *info)
{
	struct finding finding = { 0 };
	int fd = open_checked(&finding);

	if (fd >= 0)
		try_vm(fd, &finding);
	info->status = finding.code;
	if (finding.code)
		snprintf(info->reason, sizeof(info->reason), "%s", finding.why);
	else if (flags & VMAPI_PROBE_TRIAL)
		trial(fd, info);
	else
		snprintf(info->reason, sizeof(info->reason), DEVICE " works");
	if (fd >= 0)
		vmi_sys->close(fd);
}
