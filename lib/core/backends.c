/* SPDX-License-Identifier: MIT */
/* The backends of this build, best first. */
#include "lib/core/backend.h"

const struct vmi_backend *const vmi_backends[] = {
#if VMI_KVM
	&vmi_kvm_backend,
#endif
	&vmi_soft_backend,
	NULL,
};
