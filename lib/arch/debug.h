/* SPDX-License-Identifier: MIT */
/* Debugging on other architectures than x86, in their own terms: pure. */
#ifndef VMI_ARCH_DEBUG_H
#define VMI_ARCH_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

#include <vmapi/debug.h>
#include <vmapi/vcpu.h>

/* -- arm64 --------------------------------------------------------------- */

#define VMI_ARM64_POINTS 16 /* registers of each kind, at most */

/* As KVM_SET_GUEST_DEBUG takes them: control and value, by kind. */
struct vmi_arm64_debug {
	uint64_t bcr[VMI_ARM64_POINTS];
	uint64_t bvr[VMI_ARM64_POINTS];
	uint64_t wcr[VMI_ARM64_POINTS];
	uint64_t wvr[VMI_ARM64_POINTS];
};

/* At most VMI_ARM64_POINTS of each kind are wanted. */
void vmi_arm64_debug_encode(const struct vmapi_debug *want,
	struct vmi_arm64_debug *out);

/*
 * Why it stopped, by the exception class of stop->exception (ESR_EL2), with
 * address and data_address (FAR_EL2) set: fills in why and points.
 */
void vmi_arm64_debug_stop(const struct vmapi_debug *want,
	struct vmapi_exit_debug *stop);

/* -- s390 ---------------------------------------------------------------- */

#define VMI_S390_POINTS 16 /* of the library's: PER has a range alone */

/* struct kvm_hw_breakpoint. */
struct vmi_s390_point {
	uint64_t address;
	uint64_t physical; /* of watchpoints */
	uint64_t bytes;	   /* of watchpoints */
	uint8_t type;
	uint8_t pad[7];
};

#define VMI_S390_TYPE_BREAKPOINT 1 /* also of struct kvm_debug_exit_arch */
#define VMI_S390_TYPE_WRITE	 2
#define VMI_S390_TYPE_STEP	 4

#define VMI_S390_NOWHERE UINT64_MAX

/*
 * Points of execution and of writes, at most VMI_S390_POINTS: how many.
 * `absolute` has an address for each, which those of writes need: one that is
 * nowhere is left out.
 */
unsigned vmi_s390_debug_encode(const struct vmapi_debug *want,
	const uint64_t *absolute, struct vmi_s390_point *out);

/* By the type of the stop; the addresses are set. */
void vmi_s390_debug_stop(const struct vmapi_debug *want, unsigned type,
	struct vmapi_exit_debug *stop);

/* DIAGNOSE 0x501, the breakpoint of guests of KVM (s390-diag.rst). */
#define VMI_S390_DIAGNOSE_BYTES 4
bool vmi_s390_is_breakpoint(const struct vmapi_exit_s390_sie *sie);

/* -- all ----------------------------------------------------------------- */

/* Points of execution at an address: bit n is point n. */
uint32_t vmi_debug_points_at(const struct vmapi_debug *want, uint64_t address);

#endif
