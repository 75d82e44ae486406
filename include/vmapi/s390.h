/* SPDX-License-Identifier: MIT */
/* Registers, interrupts, storage keys and memory of s390x. */
#ifndef VMAPI_S390_H
#define VMAPI_S390_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

/*
 * Bits 63:56 the architecture, 55:52 log2 of the size, 39:32 the type, then
 * the number.  Type 0 is the kernel's, 0x80 and up are the library's.
 */
#define VMAPI_S390_TAG(type, log2, number)                                     \
	(0x5000000000000000ull | ((uint64_t)(log2) << 52) |                    \
		((uint64_t)(type) << 32) | (uint64_t)(number))

#define VMAPI_S390_TYPE_KERNEL	0x00
#define VMAPI_S390_TYPE_GPR	0x80
#define VMAPI_S390_TYPE_ACCESS	0x81
#define VMAPI_S390_TYPE_CONTROL 0x82
#define VMAPI_S390_TYPE_FPU	0x83
#define VMAPI_S390_TYPE_VECTOR	0x84
#define VMAPI_S390_TYPE_PSW	0x85
#define VMAPI_S390_TYPE_STATE	0x86

/* General and control registers, 8 bytes; access registers, 4. */
#define VMAPI_S390_GPR(n) VMAPI_S390_TAG(VMAPI_S390_TYPE_GPR, 3, n)
#define VMAPI_S390_AR(n)  VMAPI_S390_TAG(VMAPI_S390_TYPE_ACCESS, 2, n)
#define VMAPI_S390_CR(n)  VMAPI_S390_TAG(VMAPI_S390_TYPE_CONTROL, 3, n)

/*
 * Floating-point registers, 8 bytes, and FPC, 4.  Vector registers, 16
 * bytes, two words in host order, high one first; the first halves of V0 to
 * V15 are the floating-point registers.
 */
#define VMAPI_S390_F(n) VMAPI_S390_TAG(VMAPI_S390_TYPE_FPU, 3, n)
#define VMAPI_S390_FPC	VMAPI_S390_TAG(VMAPI_S390_TYPE_FPU, 2, 0x40)
#define VMAPI_S390_V(n) VMAPI_S390_TAG(VMAPI_S390_TYPE_VECTOR, 4, n)

/* The program status word, as PSW mask and address; 8 bytes. */
#define VMAPI_S390_PSW_MASK    VMAPI_S390_TAG(VMAPI_S390_TYPE_PSW, 3, 0)
#define VMAPI_S390_PSW_ADDRESS VMAPI_S390_TAG(VMAPI_S390_TYPE_PSW, 3, 1)

/* The prefix register; what else the shared area holds. */
#define VMAPI_S390_PREFIX  VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 3, 0)
#define VMAPI_S390_DIAG318 VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 3, 1)
#define VMAPI_S390_RICCB   VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 6, 2)
#define VMAPI_S390_GSCB	   VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 5, 4)
#define VMAPI_S390_ETOKEN  VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 4, 5)

/*
 * 4 bytes, as the kernel numbers them.  OPERATING starts the vcpu; then it
 * is the application that stops it.
 */
#define VMAPI_S390_MP_STATE VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 2, 3)

#define VMAPI_S390_MP_STOPPED	6
#define VMAPI_S390_MP_CHECK_STOP 7
#define VMAPI_S390_MP_OPERATING 8
#define VMAPI_S390_MP_LOAD	9

/*
 * Pending local interrupts: an array of struct kvm_s390_irq, 72 bytes each,
 * as the kernel lays it out; it can be set to another length, but only into
 * a vcpu that has none.
 */
#define VMAPI_S390_IRQ_STATE VMAPI_S390_TAG(VMAPI_S390_TYPE_STATE, 15, 6)

/* The kernel's own: TODPR is 4 bytes, the others are 8. */
#define VMAPI_S390_TODPR      VMAPI_S390_TAG(0, 2, 1)
#define VMAPI_S390_EPOCHDIFF  VMAPI_S390_TAG(0, 3, 2)
#define VMAPI_S390_CPU_TIMER  VMAPI_S390_TAG(0, 3, 3)
#define VMAPI_S390_CLOCK_COMP VMAPI_S390_TAG(0, 3, 4)
#define VMAPI_S390_PFTOKEN    VMAPI_S390_TAG(0, 3, 5)
#define VMAPI_S390_PFCOMPARE  VMAPI_S390_TAG(0, 3, 6)
#define VMAPI_S390_PFSELECT   VMAPI_S390_TAG(0, 3, 7)
#define VMAPI_S390_PP	      VMAPI_S390_TAG(0, 3, 8)
#define VMAPI_S390_GBEA	      VMAPI_S390_TAG(0, 3, 9)

/* -- Interrupts --------------------------------------------------------- */

struct vmapi_vm;
struct vmapi_vcpu;

/* Types, as the kernel numbers them; an I/O interrupt is below 0xfffe0000. */
#define VMAPI_S390_SIGP_STOP	     0xfffe0000u
#define VMAPI_S390_PROGRAM_INT	     0xfffe0001u
#define VMAPI_S390_SIGP_SET_PREFIX   0xfffe0002u
#define VMAPI_S390_RESTART	     0xfffe0003u
#define VMAPI_S390_INT_PFAULT_INIT   0xfffe0004u
#define VMAPI_S390_INT_PFAULT_DONE   0xfffe0005u
#define VMAPI_S390_MCHK		     0xfffe1000u
#define VMAPI_S390_INT_CLOCK_COMP    0xffff1004u
#define VMAPI_S390_INT_CPU_TIMER     0xffff1005u
#define VMAPI_S390_INT_EMERGENCY     0xffff1201u
#define VMAPI_S390_INT_EXTERNAL_CALL 0xffff1202u
#define VMAPI_S390_INT_SERVICE	     0xffff2401u
#define VMAPI_S390_INT_VIRTIO	     0xffff2603u

/* The type of an I/O interrupt: an adapter's, or a subchannel's. */
#define VMAPI_S390_INT_IO(adapter, cssid, ssid, subchannel)                    \
	((uint32_t)(adapter) << 26 | (uint32_t)(cssid) << 18 |                 \
		(uint32_t)(ssid) << 16 | (uint32_t)(subchannel))

struct vmapi_s390_io {
	uint32_t subchannel_id; /* 16 bits */
	uint32_t subchannel;	/* 16 bits */
	uint32_t parameter;
	uint32_t word; /* the interruption's identification */
};

/* VIRTIO, SERVICE, PFAULT_ */
struct vmapi_s390_external {
	uint32_t parameter;
	uint32_t reserved;
	uint64_t parameter64;
};

struct vmapi_s390_program {
	uint64_t translation; /* exception code */
	uint64_t monitor_code;
	uint64_t per_address;
	uint32_t data_code;
	uint16_t code;
	uint16_t monitor_class;
	uint8_t per_code;
	uint8_t per_atmid;
	uint8_t access_id;
	uint8_t per_access_id;
	uint8_t operand_access_id;
	uint8_t flags; /* instruction length, as the kernel has it */
	uint8_t reserved[2];
};

struct vmapi_s390_machine_check {
	uint64_t cr14;
	uint64_t code; /* interruption code */
	uint64_t failing_address;
	uint32_t damage_code;
	uint32_t reserved;
	uint8_t logout[16];
};

union vmapi_s390_irq_detail {
	struct vmapi_s390_io io;
	struct vmapi_s390_external external;
	struct vmapi_s390_program program;
	struct vmapi_s390_machine_check machine_check;
	uint32_t stop_flags; /* SIGP_STOP: 1 stores status */
	uint32_t prefix;     /* SIGP_SET_PREFIX */
	uint32_t source;     /* EXTERNAL_CALL, EMERGENCY: the CPU's address */
	uint8_t raw[64];
};

struct vmapi_s390_irq {
	uint32_t size;
	uint32_t type; /* VMAPI_S390_INT_ and so on */
	union vmapi_s390_irq_detail u;
};

/*
 * Make an interrupt pending: a local one of `vcpu`, or, where that is NULL,
 * a floating one of the VM.
 *   -EINVAL   no such type of that kind; the vcpu is of another VM
 *   -EBUSY    one of its kind is pending that cannot be twice
 *   -ENOTSUP  the VM is not of s390
 * Any thread.  Does not block.  Since 0.1.
 */
VMAPI_API int vmapi_s390_inject(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu,
	const struct vmapi_s390_irq *irq);

/* -- Storage keys ------------------------------------------------------- */

#define VMAPI_S390_KEY_PAGE 4096u /* bytes that one key is of */

/* A key, as SET STORAGE KEY EXTENDED has it: access control in bits 7:4. */
#define VMAPI_S390_KEY_FETCH	 0x08u /* fetch protection */
#define VMAPI_S390_KEY_REFERENCE 0x04u
#define VMAPI_S390_KEY_CHANGE	 0x02u

/*
 * The keys of n pages, the first of which is at guest address `gpa`.  A guest
 * that has not used keys has none: then they read 0, and *in_use is 0, else 1
 * (in_use may be NULL).  Setting keys makes it use them.
 *   -EINVAL   gpa is no multiple of VMAPI_S390_KEY_PAGE, n is 0, or bit 0 of
 *             a key is not
 *   -EFAULT   there is no RAM at some page
 *   -ENOTSUP  the VM is not of s390, or the kernel has no keys
 * Any thread; vcpus should be stopped.  Blocks for long lists.  Since 0.1.
 */
VMAPI_API int vmapi_s390_keys_get(struct vmapi_vm *vm, uint64_t gpa,
	uint8_t *keys, size_t n, uint32_t *in_use);
VMAPI_API int vmapi_s390_keys_set(struct vmapi_vm *vm, uint64_t gpa,
	const uint8_t *keys, size_t n);

/* -- Memory as the guest sees it ---------------------------------------- */

#define VMAPI_S390_MEM_WRITE	(1u << 0) /* else a read */
#define VMAPI_S390_MEM_CHECK	(1u << 1) /* only say what would happen */
#define VMAPI_S390_MEM_INJECT	(1u << 2) /* its exception is the guest's */
#define VMAPI_S390_MEM_KEY	(1u << 3) /* by `key`, as for the guest */
#define VMAPI_S390_MEM_EXCHANGE (1u << 4) /* write if it is `expected` */
/* The control block of a protected VM, of which there are none: -ENOTSUP. */
#define VMAPI_S390_MEM_SIDA	(1u << 5)

struct vmapi_s390_mem {
	uint32_t size;
	uint32_t flags;	  /* VMAPI_S390_MEM_ */
	uint64_t address; /* logical, of the vcpu; without one: absolute */
	uint64_t bytes;
	void *data;	/* read, or to be written; CHECK: may be NULL */
	void *expected; /* EXCHANGE: `bytes`; what was there, if it differs */
	uint32_t access_register; /* 0 to 15; of a vcpu's access alone */
	uint32_t key;		  /* 0 to 15 */
};

#define VMAPI_S390_MEM_DIFFERS 0x10000u /* nothing was exchanged */

/*
 * Read or write memory as an instruction of the vcpu would, through its
 * translation, access registers and, with VMAPI_S390_MEM_KEY, storage keys;
 * or, where `vcpu` is NULL, at absolute addresses.  *result is 0, or the code
 * of the program interruption that the access met (some bytes before that
 * may have been written), or VMAPI_S390_MEM_DIFFERS.
 *   -EINVAL   unknown or contradicting flags; no bytes; an access register
 *             or a key above 15; an exchange of other than 1, 2, 4, 8 or 16
 *             aligned bytes; the vcpu is of another VM
 *   -E2BIG    more bytes than the kernel takes at once (65536)
 *   -EFAULT   there is no RAM at some absolute address
 *   -EBUSY    the vcpu runs
 *   -ENOTSUP  the VM is not of s390, VMAPI_S390_MEM_SIDA, or something that
 *             this kernel lacks: absolute accesses and keys are of 5.19,
 *             exchanges of 6.4
 * Any thread; with a vcpu, it is not running.  Since 0.1.
 */
VMAPI_API int vmapi_s390_mem(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu,
	const struct vmapi_s390_mem *mem, uint32_t *result);

VMAPI_DECLS_END

#endif
