/* SPDX-License-Identifier: MIT */
/* x86: register tags, the structs behind them, exits on request. */
#ifndef VMAPI_X86_H
#define VMAPI_X86_H

#include <vmapi/base.h>
#include <vmapi/cpuid.h>

VMAPI_DECLS_BEGIN

struct vmapi_vm;

/*
 * Bits 63:48 0x2000 (the kernel's mark of x86), 55:52 log2 of the size,
 * 39:32 the type, 31:0 the number.  Types 2 and 3 are the kernel's own (MSRs
 * and its own registers), 0x80 and up are this library's.
 */
#define VMAPI_X86_TAG(type, log2, number)                                      \
	(0x2000000000000000ull | ((uint64_t)(log2) << 52) |                    \
		((uint64_t)(type) << 32) | (uint64_t)(number))

#define VMAPI_X86_TYPE_MSR     0x02
#define VMAPI_X86_TYPE_KVM     0x03
#define VMAPI_X86_TYPE_GPR     0x80
#define VMAPI_X86_TYPE_SEGMENT 0x81
#define VMAPI_X86_TYPE_CONTROL 0x82
#define VMAPI_X86_TYPE_DEBUG   0x83
#define VMAPI_X86_TYPE_XCR     0x84
#define VMAPI_X86_TYPE_FPU     0x85
#define VMAPI_X86_TYPE_STATE   0x86

/* General registers, in the processor's numbering; 8 bytes. */
#define VMAPI_X86_GPR(n) VMAPI_X86_TAG(VMAPI_X86_TYPE_GPR, 3, n)
#define VMAPI_X86_RAX	 VMAPI_X86_GPR(0)
#define VMAPI_X86_RCX	 VMAPI_X86_GPR(1)
#define VMAPI_X86_RDX	 VMAPI_X86_GPR(2)
#define VMAPI_X86_RBX	 VMAPI_X86_GPR(3)
#define VMAPI_X86_RSP	 VMAPI_X86_GPR(4)
#define VMAPI_X86_RBP	 VMAPI_X86_GPR(5)
#define VMAPI_X86_RSI	 VMAPI_X86_GPR(6)
#define VMAPI_X86_RDI	 VMAPI_X86_GPR(7)
#define VMAPI_X86_R8	 VMAPI_X86_GPR(8)
#define VMAPI_X86_R9	 VMAPI_X86_GPR(9)
#define VMAPI_X86_R10	 VMAPI_X86_GPR(10)
#define VMAPI_X86_R11	 VMAPI_X86_GPR(11)
#define VMAPI_X86_R12	 VMAPI_X86_GPR(12)
#define VMAPI_X86_R13	 VMAPI_X86_GPR(13)
#define VMAPI_X86_R14	 VMAPI_X86_GPR(14)
#define VMAPI_X86_R15	 VMAPI_X86_GPR(15)
#define VMAPI_X86_RIP	 VMAPI_X86_GPR(16)
#define VMAPI_X86_RFLAGS VMAPI_X86_GPR(17)

/* Segment registers with their hidden part: struct vmapi_x86_segment. */
#define VMAPI_X86_SEGMENT(n) VMAPI_X86_TAG(VMAPI_X86_TYPE_SEGMENT, 5, n)
#define VMAPI_X86_ES	     VMAPI_X86_SEGMENT(0)
#define VMAPI_X86_CS	     VMAPI_X86_SEGMENT(1)
#define VMAPI_X86_SS	     VMAPI_X86_SEGMENT(2)
#define VMAPI_X86_DS	     VMAPI_X86_SEGMENT(3)
#define VMAPI_X86_FS	     VMAPI_X86_SEGMENT(4)
#define VMAPI_X86_GS	     VMAPI_X86_SEGMENT(5)
#define VMAPI_X86_LDTR	     VMAPI_X86_SEGMENT(6)
#define VMAPI_X86_TR	     VMAPI_X86_SEGMENT(7)
/* Descriptor table registers: base and limit, the rest is zero. */
#define VMAPI_X86_GDTR	     VMAPI_X86_SEGMENT(8)
#define VMAPI_X86_IDTR	     VMAPI_X86_SEGMENT(9)

/* Attributes as in a descriptor's second doubleword, bits 23:8. */
#define VMAPI_X86_SEG_TYPE     0x000fu /* type, with accessed or busy */
#define VMAPI_X86_SEG_S	       0x0010u /* code or data */
#define VMAPI_X86_SEG_DPL      0x0060u
#define VMAPI_X86_SEG_P	       0x0080u
#define VMAPI_X86_SEG_AVL      0x1000u
#define VMAPI_X86_SEG_L	       0x2000u
#define VMAPI_X86_SEG_DB       0x4000u
#define VMAPI_X86_SEG_G	       0x8000u
#define VMAPI_X86_SEG_UNUSABLE 0x10000u /* null, or never loaded */

struct vmapi_x86_segment {
	uint64_t base;
	uint32_t limit;	     /* in bytes, whatever the granularity bit says */
	uint32_t attributes; /* VMAPI_X86_SEG_ */
	uint16_t selector;
	uint16_t reserved[7];
};

/* Control registers; 8 bytes.  CR8 is the local APIC's TPR >> 4. */
#define VMAPI_X86_CONTROL(n) VMAPI_X86_TAG(VMAPI_X86_TYPE_CONTROL, 3, n)
#define VMAPI_X86_CR0	     VMAPI_X86_CONTROL(0)
#define VMAPI_X86_CR2	     VMAPI_X86_CONTROL(2)
#define VMAPI_X86_CR3	     VMAPI_X86_CONTROL(3)
#define VMAPI_X86_CR4	     VMAPI_X86_CONTROL(4)
#define VMAPI_X86_CR8	     VMAPI_X86_CONTROL(8)
#define VMAPI_X86_EFER	     VMAPI_X86_CONTROL(16)
#define VMAPI_X86_APIC_BASE  VMAPI_X86_CONTROL(17)

/* DR0-DR3, DR6, DR7, and XCR0; 8 bytes. */
#define VMAPI_X86_DEBUG(n) VMAPI_X86_TAG(VMAPI_X86_TYPE_DEBUG, 3, n)
#define VMAPI_X86_XCR(n)   VMAPI_X86_TAG(VMAPI_X86_TYPE_XCR, 3, n)

/* A model-specific register: the kernel's own ONE_REG id. */
#define VMAPI_X86_MSR(index) VMAPI_X86_TAG(VMAPI_X86_TYPE_MSR, 3, index)

/* A register of KVM's own: the shadow stack pointer (SSP), 8 bytes. */
#define VMAPI_X86_KVM(n)    VMAPI_X86_TAG(VMAPI_X86_TYPE_KVM, 3, n)
#define VMAPI_X86_GUEST_SSP VMAPI_X86_KVM(0)

/*
 * The x87, MMX and SSE state as FXSAVE64 lays it out, 512 bytes; one x87
 * register of 10 bytes in 16; one XMM register, 16 bytes, byte 0 first.
 */
#define VMAPI_X86_FXSAVE VMAPI_X86_TAG(VMAPI_X86_TYPE_FPU, 9, 0)
#define VMAPI_X86_ST(n)	 VMAPI_X86_TAG(VMAPI_X86_TYPE_FPU, 4, 0x10 + (n))
#define VMAPI_X86_XMM(n) VMAPI_X86_TAG(VMAPI_X86_TYPE_FPU, 4, 0x20 + (n))
#define VMAPI_X86_MXCSR	 VMAPI_X86_TAG(VMAPI_X86_TYPE_FPU, 2, 0x40)
#define VMAPI_X86_FCW	 VMAPI_X86_TAG(VMAPI_X86_TYPE_FPU, 1, 0x41)
#define VMAPI_X86_FSW	 VMAPI_X86_TAG(VMAPI_X86_TYPE_FPU, 1, 0x42)

/*
 * Whole areas.  XSAVE in the standard format, VMAPI_CAP_XSAVE_SIZE bytes;
 * LAPIC: the register page's first 1024 bytes; EVENTS: struct
 * vmapi_x86_events; MP_STATE: uint32_t, enum vmapi_x86_mp_state; CPUID: an
 * array of struct vmapi_x86_cpuid, as long as `bytes` says; TSC_HZ: uint64_t;
 * NESTED: the state of a guest hypervisor as KVM_GET_NESTED_STATE gives it.
 */
#define VMAPI_X86_XSAVE	   VMAPI_X86_TAG(VMAPI_X86_TYPE_STATE, 15, 0)
#define VMAPI_X86_LAPIC	   VMAPI_X86_TAG(VMAPI_X86_TYPE_STATE, 10, 1)
#define VMAPI_X86_EVENTS   VMAPI_X86_TAG(VMAPI_X86_TYPE_STATE, 6, 2)
#define VMAPI_X86_MP_STATE VMAPI_X86_TAG(VMAPI_X86_TYPE_STATE, 2, 3)
#define VMAPI_X86_CPUID	   VMAPI_X86_TAG(VMAPI_X86_TYPE_STATE, 15, 4)
#define VMAPI_X86_TSC_HZ   VMAPI_X86_TAG(VMAPI_X86_TYPE_STATE, 3, 5)
#define VMAPI_X86_NESTED   VMAPI_X86_TAG(VMAPI_X86_TYPE_STATE, 15, 6)

/* Those of enum vmapi_mp_state that x86 has. */
enum vmapi_x86_mp_state {
	VMAPI_X86_MP_RUNNABLE = 0,
	VMAPI_X86_MP_UNINITIALIZED = 1, /* waits for INIT */
	VMAPI_X86_MP_INIT_RECEIVED = 2, /* waits for SIPI */
	VMAPI_X86_MP_HALTED = 3
};

/* Events on their way into the guest; 64 bytes. */
struct vmapi_x86_events {
	uint8_t exception_pending; /* to be raised */
	uint8_t exception_injected; /* being delivered */
	uint8_t exception_vector;
	uint8_t exception_has_code;
	uint32_t exception_code;
	uint64_t exception_payload; /* CR2, or DR6 bits */
	uint8_t exception_has_payload;
	uint8_t interrupt_injected;
	uint8_t interrupt_vector;
	uint8_t interrupt_soft;
	uint8_t shadow;	     /* bit 0 MOV SS, bit 1 STI */
	uint8_t nmi_pending; /* two at most */
	uint8_t nmi_injected;
	uint8_t nmi_masked;  /* until IRET */
	uint8_t sipi_vector;
	uint8_t triple_fault;
	uint8_t smm;	     /* in system management mode */
	uint8_t smi_pending;
	uint8_t smm_inside_nmi; /* RSM leaves NMIs masked */
	uint8_t latched_init;	/* an INIT waits for RSM */
	uint8_t reserved[34];
};

/* -- Exits that a VM has only when asked -------------------------------- */

/* Why an access of an MSR ended a run. */
#define VMAPI_X86_MSR_INVALID (1u << 0) /* it would raise #GP otherwise */
#define VMAPI_X86_MSR_UNKNOWN (1u << 1) /* so would it: no such MSR */
#define VMAPI_X86_MSR_FILTER  (1u << 2) /* it is in a range */

#define VMAPI_X86_MSR_READ  (1u << 0)
#define VMAPI_X86_MSR_WRITE (1u << 1)

/* MSRs first to first + count - 1. */
struct vmapi_x86_msr_range {
	uint32_t first;
	uint32_t count;	 /* 1 to VMAPI_X86_MSR_RANGE_MAX */
	uint32_t access; /* VMAPI_X86_MSR_READ, _WRITE, or both */
	uint32_t reserved;
};

#define VMAPI_X86_MSR_RANGES_MAX 16
#define VMAPI_X86_MSR_RANGE_MAX	 12288

/* Flags of struct vmapi_x86_exits. */
#define VMAPI_X86_EXIT_BUS_LOCK (1u << 0) /* VMAPI_EXIT_BUS_LOCK */
#define VMAPI_X86_EXIT_NOTIFY	(1u << 1) /* VMAPI_EXIT_NOTIFY */
#define VMAPI_X86_EXIT_TPR	(1u << 2) /* VMAPI_EXIT_TPR */

struct vmapi_x86_exits {
	uint32_t size;
	uint32_t flags;	       /* VMAPI_X86_EXIT_ */
	uint32_t msrs;	       /* VMAPI_X86_MSR_INVALID, _UNKNOWN */
	uint32_t n_ranges;     /* MSRs whose accesses exit: the filter */
	const struct vmapi_x86_msr_range *ranges;
	uint64_t hypercalls;   /* bit n: hypercall n, n under 64 */
	uint32_t notify_window; /* in cycles of the crystal clock; 0: the least */
	uint32_t reserved;
};

/*
 * Say which of these events of the guest end a run, in place of what was said
 * before; a new VM has none.  An access of an MSR in a range, and one that
 * `msrs` is about, is VMAPI_EXIT_MSR and does nothing by itself: the answer
 * is all that happens.  The guest's RDMSR and WRMSR only; accesses by
 * vmapi_regs_get() and set() are as ever.
 *
 * With a hypercall asked for, VMCALL and VMMCALL are KVM's (RAX the number;
 * RBX, RCX, RDX, RSI arguments; RAX the result; 32 bits each outside 64-bit
 * mode): -KVM_EPERM above privilege level 0, -KVM_ENOSYS for numbers that
 * were not asked for.
 *
 * VMAPI_X86_EXIT_TPR is for an application that has the local APICs: it hears
 * when the guest lowers CR8, as interrupts may be let in now.
 *
 *   -ENXIO    VMAPI_X86_EXIT_TPR in a VM with local APICs of its own
 *   -EINVAL   a flag, bit or range that means nothing; x2APIC registers
 *             (0x800 to 0x8ff) in a range: no kernel gives them away
 *   -E2BIG    more than VMAPI_X86_MSR_RANGES_MAX ranges
 *   -ENOTSUP  this backend cannot; the message names the field.  KVM has
 *             hypercall 12 only
 *   -EBUSY    a flag changes and the VM has a vcpu already
 *   -EDEADLK  called by a region's function
 *
 * Waits until no vcpu is in the guest.  Any thread.  Since 0.1.  (api.rst
 * 4.127, 7.21, 7.24, 7.30, 7.33, 8.37)
 */
VMAPI_API int vmapi_x86_exits(struct vmapi_vm *vm,
	const struct vmapi_x86_exits *exits);

/* -- The time stamp counter ---------------------------------------------- */

/*
 * Ticks in a second, the register VMAPI_X86_TSC_HZ; KVM knows it to 1 kHz.
 * Set: the counter goes on from where it is.  -ENOTSUP: this processor cannot
 * scale it (VMAPI_CAP_TSC_CONTROL), and it has another frequency.  -EINVAL: 0,
 * or more than the processor can.  Vcpu not running.  Since 0.1.
 */
VMAPI_API int vmapi_x86_tsc_hz_get(struct vmapi_vcpu *vcpu, uint64_t *hz);
VMAPI_API int vmapi_x86_tsc_hz_set(struct vmapi_vcpu *vcpu, uint64_t hz);

/*
 * What the guest's counter is ahead of the host's, at the guest's frequency;
 * it wraps.  Another host has another counter: what can be compared is the
 * offsets of the vcpus of a VM.  -ENOTSUP: this kernel does not tell it.
 * Vcpu not running.  Since 0.1.  (Documentation/virt/kvm/devices/vcpu.rst,
 * KVM_VCPU_TSC_OFFSET)
 */
VMAPI_API int vmapi_x86_tsc_offset_get(struct vmapi_vcpu *vcpu,
	uint64_t *offset);
VMAPI_API int vmapi_x86_tsc_offset_set(struct vmapi_vcpu *vcpu,
	uint64_t offset);

/*
 * Decode the instruction at the start of `bytes` for a processor in `mode`
 * (16, 32 or 64) and print it into `text` as if it stood at `rip`; *length
 * is its length.  -EILSEQ: no instruction this library knows; -EAGAIN: more
 * bytes are needed.  Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_x86_disassemble(const void *bytes, size_t n,
	unsigned mode, uint64_t rip, char *text, size_t room, size_t *length);

VMAPI_DECLS_END

#endif
