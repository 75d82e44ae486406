/* SPDX-License-Identifier: MIT */
/* KVM's numbers that the system's headers may be too old to know. */
#ifndef VMI_KVM_UAPI_H
#define VMI_KVM_UAPI_H

#include <linux/kvm.h>
#include <vmapi/memory.h>
#include <vmapi/vcpu.h>

/*
 * The baseline is the header of Linux 6.1.  What came later is declared here
 * under a name of our own and checked against the header where that has it,
 * so that one binary built on an old distribution knows a new kernel.
 * Documentation/virt/kvm/api.rst gives the release of each.
 */
#define VMI_KVM_API_VERSION 12

#define VMI_KVM_EXIT_LOONGARCH_IOCSR 38 /* 6.10 */
#define VMI_KVM_EXIT_MEMORY_FAULT    39 /* 6.8 */
#define VMI_KVM_EXIT_TDX	     40 /* 6.16 */

#define VMI_KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP 225 /* 6.2 */
#define VMI_KVM_CAP_USER_MEMORY2  231 /* 6.8 */
#define VMI_KVM_CAP_MEMORY_ATTRIBUTES 233 /* 6.8 */
#define VMI_KVM_CAP_GUEST_MEMFD	  234 /* 6.8 */
#define VMI_KVM_CAP_MEMORY_FAULT_INFO 232 /* 6.8 */
#define VMI_KVM_CAP_VM_TYPES	      235 /* 6.8 */
#define VMI_KVM_CAP_ONE_REG	      70 /* x86 answers it from 6.18 on */

#define VMI_KVM_MEM_GUEST_MEMFD (1u << 2) /* 6.8 */

/* KVM_SET_USER_MEMORY_REGION2 (6.8, api.rst 4.140). */
struct vmi_kvm_memory_region2 {
	uint32_t slot;
	uint32_t flags;
	uint64_t gpa;
	uint64_t bytes;
	uint64_t hva;
	uint64_t private_offset;
	uint32_t private_fd;
	uint32_t pad;
	uint64_t reserved[14];
};

/* KVM_CREATE_GUEST_MEMFD (6.8, api.rst 4.142). */
struct vmi_kvm_guest_memfd {
	uint64_t bytes;
	uint64_t flags;
	uint64_t reserved[6];
};

/* KVM_SET_MEMORY_ATTRIBUTES (6.8, api.rst 4.141). */
struct vmi_kvm_memory_attributes {
	uint64_t gpa;
	uint64_t bytes;
	uint64_t attributes;
	uint64_t flags;
};

#define VMI_KVM_SET_MEMORY_ATTRIBUTES \
	_IOW(KVMIO, 0xd2, struct vmi_kvm_memory_attributes)
#define VMI_KVM_SET_USER_MEMORY_REGION2 \
	_IOW(KVMIO, 0x49, struct vmi_kvm_memory_region2)
#define VMI_KVM_CREATE_GUEST_MEMFD _IOWR(KVMIO, 0xd4, struct vmi_kvm_guest_memfd)
#define VMI_KVM_CAP_SET_GUEST_DEBUG 23 /* on riscv from 6.10 on */
#define VMI_KVM_CAP_ARM_EL2	 240 /* 6.16 */
#define VMI_KVM_CAP_ARM_EL2_E2H0 241 /* 6.16 */

/* KVM_ARM_VM_SMCCC_FILTER (6.4). */
struct vmi_kvm_smccc_filter {
	uint32_t base;
	uint32_t n_functions;
	uint8_t action;
	uint8_t zero[15];
};

#define VMI_KVM_ARM_VM_SMCCC	    0
#define VMI_KVM_ARM_VM_SMCCC_FILTER 0
#define VMI_KVM_SMCCC_FORWARD	    2

/* KVM_EXIT_MEMORY_FAULT, at the exit union.  It arrives with -EFAULT. */
struct vmi_kvm_memory_fault {
	uint64_t flags;
	uint64_t gpa;
	uint64_t size;
};

#ifdef KVM_EXIT_LOONGARCH_IOCSR
_Static_assert(KVM_EXIT_LOONGARCH_IOCSR == VMI_KVM_EXIT_LOONGARCH_IOCSR, "");
#endif
#ifdef KVM_EXIT_MEMORY_FAULT
_Static_assert(KVM_EXIT_MEMORY_FAULT == VMI_KVM_EXIT_MEMORY_FAULT, "");
#endif
#ifdef KVM_EXIT_TDX
_Static_assert(KVM_EXIT_TDX == VMI_KVM_EXIT_TDX, "");
#endif
#ifdef KVM_CAP_MEMORY_FAULT_INFO
_Static_assert(KVM_CAP_MEMORY_FAULT_INFO == VMI_KVM_CAP_MEMORY_FAULT_INFO, "");
#endif
#ifdef KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP
_Static_assert(KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP ==
	VMI_KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, "");
#endif
#ifdef KVM_SET_USER_MEMORY_REGION2
_Static_assert(KVM_SET_USER_MEMORY_REGION2 ==
	VMI_KVM_SET_USER_MEMORY_REGION2, "");
#endif
#ifdef KVM_CREATE_GUEST_MEMFD
_Static_assert(KVM_CREATE_GUEST_MEMFD == VMI_KVM_CREATE_GUEST_MEMFD, "");
#endif
#ifdef KVM_SET_MEMORY_ATTRIBUTES
_Static_assert(KVM_SET_MEMORY_ATTRIBUTES == VMI_KVM_SET_MEMORY_ATTRIBUTES, "");
_Static_assert(KVM_CAP_MEMORY_ATTRIBUTES == VMI_KVM_CAP_MEMORY_ATTRIBUTES, "");
_Static_assert(KVM_MEMORY_ATTRIBUTE_PRIVATE == VMAPI_MEMORY_PRIVATE, "");
_Static_assert(KVM_MEMORY_EXIT_FLAG_PRIVATE == VMAPI_FAULT_PRIVATE, "");
#endif
#ifdef KVM_CAP_VM_TYPES
_Static_assert(KVM_CAP_VM_TYPES == VMI_KVM_CAP_VM_TYPES, "");
#endif
#ifdef KVM_CAP_SET_GUEST_DEBUG
_Static_assert(KVM_CAP_SET_GUEST_DEBUG == VMI_KVM_CAP_SET_GUEST_DEBUG, "");
#endif
#ifdef KVM_CAP_ARM_EL2
_Static_assert(KVM_CAP_ARM_EL2 == VMI_KVM_CAP_ARM_EL2, "");
_Static_assert(KVM_CAP_ARM_EL2_E2H0 == VMI_KVM_CAP_ARM_EL2_E2H0, "");
#endif
_Static_assert(KVM_API_VERSION == VMI_KVM_API_VERSION, "");
_Static_assert(sizeof(struct vmi_kvm_memory_region2) == 160, "");
_Static_assert(sizeof(struct vmi_kvm_guest_memfd) == 64, "");
_Static_assert(sizeof(struct vmi_kvm_memory_attributes) == 32, "");
#ifdef KVM_ARM_VM_SMCCC_FILTER
_Static_assert(KVM_ARM_VM_SMCCC_FILTER == VMI_KVM_ARM_VM_SMCCC_FILTER, "");
_Static_assert(KVM_ARM_VM_SMCCC_CTRL == VMI_KVM_ARM_VM_SMCCC, "");
#endif
_Static_assert(sizeof(struct vmi_kvm_smccc_filter) == 24, "");
_Static_assert(sizeof(((struct kvm_run *)0)->padding) == 256, "");

#endif
