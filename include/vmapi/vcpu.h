/* SPDX-License-Identifier: MIT */
/* Virtual processors: run, exits, answers, kicks, injection. */
#ifndef VMAPI_VCPU_H
#define VMAPI_VCPU_H

#include <vmapi/base.h>

VMAPI_DECLS_BEGIN

struct vmapi_vm;
struct vmapi_vcpu;

/*
 * A promise: a thread that runs this vcpu does not change its signal mask
 * afterwards.  On KVM the first such run on a thread blocks the kick signal
 * there and leaves it blocked, and later runs make no system call but
 * KVM_RUN.  Without it each run asks for the mask, and puts it back.
 */
#define VMAPI_VCPU_STEADY_MASK (1u << 0)
/* The features asked for and no other: <vmapi/arm64.h> says which are usual. */
#define VMAPI_VCPU_EXACT (1u << 1)

struct vmapi_vcpu_config {
	uint32_t size;
	uint32_t flags;	   /* VMAPI_VCPU_ */
	uint64_t id;	   /* x86: the APIC id; 0 boots */
	uint64_t features; /* VMAPI_ARM64_FEATURE_ */
};

/*
 * Create a vcpu, reset.  Vcpu 0 of x86 starts at the reset vector; others
 * wait for INIT and SIPI where the VM has local APICs, and start like vcpu 0
 * where it has none.  `config` NULL is all zero.
 *
 *   -EINVAL   a flag that means nothing
 *   -EEXIST   the id is taken
 *   -ERANGE   the id is VMAPI_CAP_VCPUS_MAX or more
 *   -ENOTSUP  features has one that VMAPI_CAP_VCPU_FEATURES has not; or this
 *             kernel cannot show the VM's CPU model
 *   -EBUSY    another hypervisor holds the processor
 *   -ENOMEM, -EMFILE, -ENFILE
 *
 * Any thread.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_create(struct vmapi_vm *vm,
	const struct vmapi_vcpu_config *config, struct vmapi_vcpu **vcpu);

/* Destroy; the vcpu must not be running.  NULL does nothing.  Since 0.1. */
VMAPI_API void vmapi_vcpu_destroy(struct vmapi_vcpu *vcpu);

/* The id it was created with.  Any thread.  Since 0.1. */
VMAPI_API int vmapi_vcpu_id(struct vmapi_vcpu *vcpu, uint64_t *id);

/*
 * As a hardware reset of this processor alone: registers, caches, local
 * APIC, pending events, an exit not yet answered.  -EBUSY: it runs.
 * Since 0.1.
 */
VMAPI_API int vmapi_vcpu_reset(struct vmapi_vcpu *vcpu);

/* -- Exits -------------------------------------------------------------- */

enum vmapi_exit_reason {
	VMAPI_EXIT_NONE = 0,
	VMAPI_EXIT_KICK = 1,	   /* vmapi_vcpu_kick() */
	VMAPI_EXIT_LIMIT = 2,	   /* vmapi_vcpu_run_limit(): it is reached */
	VMAPI_EXIT_SETTLED = 3,	   /* vmapi_vcpu_settle(): nothing pending */
	VMAPI_EXIT_IO = 4,	   /* port access: u.io */
	VMAPI_EXIT_MMIO = 5,	   /* memory access outside RAM: u.mmio */
	VMAPI_EXIT_HALT = 6,	   /* HLT without VMAPI_IRQCHIP_ */
	VMAPI_EXIT_SHUTDOWN = 7,   /* triple fault */
	VMAPI_EXIT_IRQ_WINDOW = 8, /* an interrupt could be taken now */
	VMAPI_EXIT_DEBUG = 9,	   /* u.debug */
	VMAPI_EXIT_HYPERCALL = 10, /* u.hypercall */
	VMAPI_EXIT_MSR = 11,	   /* u.msr */
	VMAPI_EXIT_SYSTEM = 12,	   /* u.system */
	VMAPI_EXIT_EOI = 13,	   /* level interrupt ended: u.eoi */
	VMAPI_EXIT_FAULT = 14,	   /* memory that cannot be given: u.fault */
	VMAPI_EXIT_FAIL_ENTRY = 15, /* the processor refused: u.fail */
	VMAPI_EXIT_INTERNAL = 16,  /* the backend gave up: u.internal */
	VMAPI_EXIT_BUS_LOCK = 17,  /* x86: a lock held up all processors */
	VMAPI_EXIT_NOTIFY = 18,	   /* x86: no event window: u.notify */
	VMAPI_EXIT_NISV = 19,	   /* arm64: an access undecoded: u.nisv */
	VMAPI_EXIT_CSR = 20,	   /* riscv: u.csr */
	VMAPI_EXIT_S390_SIE = 21,  /* an instruction of s390's: u.s390_sie */
	VMAPI_EXIT_S390_RESET = 22, /* DIAGNOSE 308: u.s390_reset */
	VMAPI_EXIT_S390_TSCH = 23, /* TEST SUBCHANNEL: u.s390_tsch */
	VMAPI_EXIT_S390_STSI = 24, /* STORE SYSTEM INFORMATION: u.s390_stsi */
	VMAPI_EXIT_UNKNOWN = 25,   /* number in `native`, bytes in u.raw */
	VMAPI_EXIT_REGION = 26,   /* what should answer failed: u.region */
	VMAPI_EXIT_TPR = 27,	   /* x86: CR8 was lowered: u.tpr */
	VMAPI_EXIT_BUS = 28	   /* x86: no answer on the APIC bus: u.bus */
};

/* Flags of an exit. */
#define VMAPI_EXIT_COUNTED (1u << 0) /* `retired` is valid */
#define VMAPI_EXIT_RETIRED (1u << 1) /* soft, of a HALT: HLT has retired */
#define VMAPI_EXIT_ANSWER  (1u << 2) /* vmapi_vcpu_complete() is required */
#define VMAPI_EXIT_SMM	   (1u << 3) /* x86: the processor is in SMM */

/*
 * A port access.  `count` elements of `width` bytes lie at `data` (INS and
 * OUTS may bring more than one); for an input they are to be answered with
 * vmapi_vcpu_complete(vcpu, data, width * count).
 */
struct vmapi_exit_io {
	uint64_t port;
	uint32_t width;	 /* 1, 2, 4 */
	uint32_t count;
	uint32_t is_write;
	uint32_t reserved;
	void *data;	 /* lives until the next run or settle */
};

/*
 * An access of 1 to 8 bytes outside RAM.  Longer and page-crossing accesses
 * come in pieces, in ascending order.  `data` is in guest byte order; a read
 * is to be answered with vmapi_vcpu_complete(vcpu, data, length).
 */
struct vmapi_exit_mmio {
	uint64_t gpa;
	uint32_t length;
	uint32_t is_write;
	uint8_t data[8];
};

/*
 * A call of the hypervisor.  With `way` it is one of vmapi_hypercall_enable():
 * answered with 1 to n_results results, 8 bytes each in host byte order; the
 * registers of the others stay as they are.
 *
 * Without, it is as the kernel has it, and on x86 was asked for by
 * vmapi_x86_exits(): answered with all n_results results, which are error and
 * value of an SBI call, r3 to r12 of a PAPR call.  With n_args 0 the arguments
 * are in registers, and so is the result: it is not answered.
 */
struct vmapi_exit_hypercall {
	uint64_t number;
	uint64_t args[9]; /* SBI: the function first */
	uint32_t n_args;
	uint32_t n_results;
	uint32_t privilege; /* x86: CPL; else 0 is the guest's kernel */
	uint32_t mode;	    /* 16, 32, 64 */
	uint32_t way;	    /* VMAPI_CALL_NATIVE (or of it), _PORT, _PAGE; 0 */
	uint32_t reserved;
};

/*
 * An MSR that the application asked to see (vmapi_x86_exits()).  Reads are
 * answered with the value, 8 bytes in host byte order, writes with any 8
 * bytes; an answer of length 0 raises #GP for both.
 */
struct vmapi_exit_msr {
	uint64_t index;
	uint64_t value;
	uint32_t is_write;
	uint32_t why; /* VMAPI_X86_MSR_ */
};

/* Why vmapi_vcpu_debug() stops; several may be true at once. */
#define VMAPI_STOP_STEP	    (1u << 0)
#define VMAPI_STOP_SOFTWARE (1u << 1) /* the breakpoint instruction */
#define VMAPI_STOP_POINT    (1u << 2) /* `points` says which */
#define VMAPI_STOP_GUEST    (1u << 3) /* a debug exception of its own */

struct vmapi_exit_debug {
	uint64_t address; /* linear or virtual, of the next instruction */
	uint32_t why;	/* VMAPI_STOP_ */
	uint32_t points; /* bit n: point n as vmapi_vcpu_debug() had it */
	/* What a debugger may want beside. */
	uint64_t exception; /* x86: 1 or 3; arm64: ESR_EL2; ppc: status */
	uint64_t dr6;	    /* x86: of this stop alone */
	uint64_t dr7;
	uint64_t data_address; /* arm64, s390: where a data point was met */
};

struct vmapi_exit_system {
	uint32_t type;	 /* as the kernel numbers it: 1 off, 2 reset ... */
	uint32_t n_data;
	uint64_t data[16];
};

struct vmapi_exit_eoi {
	uint64_t vector;
};

/* Of an access that the attributes of its address do not allow. */
#define VMAPI_FAULT_PRIVATE (UINT64_C(1) << 3) /* it was a private one */

struct vmapi_exit_fault {
	uint64_t flags;	/* VMAPI_FAULT_; others as the kernel gives them */
	uint64_t gpa;
	uint64_t bytes;
};

struct vmapi_exit_notify {
	uint64_t flags; /* bit 0: the vcpu's state is lost */
};

/*
 * A guest without local APICs lowered its task priority; it has to be asked
 * for: vmapi_x86_exits().  The MOV to CR8 has retired.
 */
struct vmapi_exit_tpr {
	uint64_t cr8; /* as it is now */
};

struct vmapi_exit_fail {
	uint64_t why;	/* the hardware's own code */
	uint64_t cpu;
};

struct vmapi_exit_internal {
	uint32_t suberror; /* as the kernel numbers it; 1: emulation */
	uint32_t n_data;
	uint64_t data[16];
	uint32_t n_bytes;  /* instruction bytes known */
	uint8_t bytes[15];
	uint8_t reserved;
};

/*
 * An access outside RAM by an instruction whose size and register the
 * processor does not tell (LDP, STP, cache maintenance).  The program counter
 * stands on it.
 */
struct vmapi_exit_nisv {
	uint64_t syndrome; /* ESR_EL2.ISS */
	uint64_t gpa;
};

/* A control and status register; answered with its old value, 8 bytes. */
struct vmapi_exit_csr {
	uint64_t number;
	uint64_t value; /* to be written, in the bits of `mask` */
	uint64_t mask;
};

/* The PSW is behind the instruction already.  Not answered. */
struct vmapi_exit_s390_sie {
	uint32_t code; /* 4: instruction, else as in the manual of SIE */
	uint32_t ipa;  /* the instruction's first halfword */
	uint32_t ipb;  /* and its other bytes */
	uint32_t reserved;
	uint64_t psw_mask;
	uint64_t psw_address;
};

struct vmapi_exit_s390_reset {
	uint64_t flags; /* as the kernel numbers them: 1 POR, 2 clear ... */
};

/* An interrupt was taken from the queue: give it back, or emulate. */
struct vmapi_exit_s390_tsch {
	uint32_t subchannel_id;
	uint32_t subchannel_number;
	uint32_t parameter;
	uint32_t word;
	uint32_t ipb;
	uint32_t dequeued;
};

/* The kernel has filled its part of the block at `address`. */
struct vmapi_exit_s390_stsi {
	uint64_t address;
	uint32_t access_register;
	uint32_t function;
	uint32_t selector1;
	uint32_t selector2;
};

/*
 * An access to a region that got no answer: from the process of
 * vmapi_region_channel(), or from the program of vmapi_region_program(), which
 * ran out of fuel (-ETIME) and whose doing until then is done.  To be answered
 * in its place with vmapi_vcpu_complete(): what is read, for a string
 * instruction all of it.  Of a write to another process the bytes count for
 * nothing, and none at all mean to try again, after vmapi_channel_connect()
 * for instance; that of a program is not answered.
 */
struct vmapi_exit_region {
	uint64_t user_data;
	uint64_t address;
	uint64_t value; /* written */
	uint32_t space; /* enum vmapi_space */
	uint32_t bytes; /* 1, 2, 4, 8 */
	uint32_t is_write;
	int32_t error;	    /* -EPIPE: it hung up; -EPROTO: nonsense; ... */
	const char *region; /* its name; lives as long as the region */
};

/*
 * The other end of vmapi_bus_create() gave no answer.  Not to be answered: the
 * next run asks again, of a new one after vmapi_bus_connect(), and after
 * vmapi_bus_destroy() goes on without.  Until then the vcpu's state is not to
 * be had.
 */
struct vmapi_exit_bus {
	uint32_t type;	  /* VMAPI_BUS_EOI, _INTA, _READ or _WRITE */
	uint32_t vector;  /* of an EOI */
	uint64_t address; /* of an access */
	int32_t error;	  /* -EPIPE: it hung up; -EPROTO: nonsense; ... */
	uint32_t reserved;
};

union vmapi_exit_payload {
	struct vmapi_exit_io io;
	struct vmapi_exit_mmio mmio;
	struct vmapi_exit_hypercall hypercall;
	struct vmapi_exit_msr msr;
	struct vmapi_exit_debug debug;
	struct vmapi_exit_system system;
	struct vmapi_exit_eoi eoi;
	struct vmapi_exit_fault fault;
	struct vmapi_exit_notify notify;
	struct vmapi_exit_tpr tpr;
	struct vmapi_exit_fail fail;
	struct vmapi_exit_internal internal;
	struct vmapi_exit_region region;
	struct vmapi_exit_bus bus;
	struct vmapi_exit_nisv nisv;
	struct vmapi_exit_csr csr;
	struct vmapi_exit_s390_sie s390_sie;
	struct vmapi_exit_s390_reset s390_reset;
	struct vmapi_exit_s390_tsch s390_tsch;
	struct vmapi_exit_s390_stsi s390_stsi;
	uint8_t raw[256];
};

struct vmapi_exit {
	uint32_t size;
	uint32_t reason;  /* enum vmapi_exit_reason */
	uint32_t flags;	  /* VMAPI_EXIT_COUNTED and so on */
	uint32_t native;  /* KVM_EXIT_ number, 0 where there is none */
	uint64_t retired; /* instructions retired by this call */
	union vmapi_exit_payload u;
};

/* "mmio" for VMAPI_EXIT_MMIO; NULL: no such reason.  Since 0.1. */
VMAPI_API const char *vmapi_exit_name(unsigned reason);

/* -- Running ------------------------------------------------------------ */

/*
 * Run the guest on the calling thread until it exits.  0 is returned for
 * every exit, a kick included, and *exit says which.  Signals that are
 * nobody's kick do not show.  Accesses that the library answers itself
 * (chips) do not show.
 *
 *   -EBUSY    another thread runs it, or the last exit carries
 *             VMAPI_EXIT_ANSWER and was not answered
 *   -EIO      the VM's map is broken (vmapi_map_commit())
 *   -EOVERFLOW  its dirty log is (vmapi_dirty_read())
 *   -ENOEXEC  the architecture needs an initialisation that was not made
 *   -EFAULT   the kernel could not reach the memory behind a map entry
 *
 * Blocks.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_run(struct vmapi_vcpu *vcpu,
	struct vmapi_exit *exit);

/*
 * The same, and at most `limit` instructions (at least 1), exactly: then
 * VMAPI_EXIT_LIMIT.  A REP-prefixed instruction is one, and one that faults
 * is none.  -ENOTSUP without VMAPI_CAP_RUN_LIMIT.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_run_limit(struct vmapi_vcpu *vcpu, uint64_t limit,
	struct vmapi_exit *exit);

/*
 * Answer the last exit.  `data` and `bytes` are as the exit's struct says.
 * Nothing runs yet: the instruction goes on in the next run or settle.
 *   -EALREADY  it was answered, or needs no answer
 *   -EMSGSIZE  bytes is not what the exit asked for
 * Vcpu not running.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_complete(struct vmapi_vcpu *vcpu, const void *data,
	size_t bytes);

/*
 * Finish the instruction of the last exit, and nothing beyond it: when this
 * gives VMAPI_EXIT_SETTLED, registers and memory are as between two
 * instructions.  Another reason means that the instruction has more to ask,
 * to be answered as usual.  A vcpu with nothing pending is settled.  A kick
 * stays pending.  -EBUSY: it runs, or waits for an answer.  Register calls
 * settle by themselves where that needs no further answer.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_settle(struct vmapi_vcpu *vcpu,
	struct vmapi_exit *exit);

/*
 * Make the vcpu's current run, or if there is none its next one, end with
 * VMAPI_EXIT_KICK.  Kicks before that coalesce; another exit that comes
 * first leaves the kick pending.  None is lost.  Any thread; safe in signal
 * handlers.  Does not block.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_kick(struct vmapi_vcpu *vcpu);

/*
 * Instructions retired since creation.  -ENOTSUP without VMAPI_CAP_ICOUNT.
 * Vcpu not running.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_icount(struct vmapi_vcpu *vcpu, uint64_t *retired);

/* -- Injection ---------------------------------------------------------- */

/*
 * Queue an external interrupt, as an interrupt controller would: for VMs
 * with VMAPI_IRQCHIP_NONE.
 *   -EAGAIN  the guest cannot take one now (IF clear, interrupt shadow):
 *            ask for a window
 *   -EEXIST  one is queued already
 *   -ENXIO   the VM has interrupt controllers
 *   -ERANGE  vector over 255
 * Vcpu not running.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_interrupt(struct vmapi_vcpu *vcpu, unsigned vector);

/*
 * Ask for VMAPI_EXIT_IRQ_WINDOW as soon as the guest could take an
 * interrupt (`on` 1), or ask no more (0).  The request ends with the exit.
 * -ENXIO as above.  Vcpu not running.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_irq_window(struct vmapi_vcpu *vcpu, int on);

/*
 * Raise a non-maskable interrupt.  -ENOTSUP without VMAPI_CAP_NMI.  Any
 * thread.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_nmi(struct vmapi_vcpu *vcpu);

/*
 * Raise a system management interrupt: an x86 processor enters SMM, where it
 * sees the VM's second address space (the first that vmapi_as_create() made)
 * until the guest's RSM; exits meanwhile have VMAPI_EXIT_SMM.  One is held
 * while another is handled.  -ENOTSUP without VMAPI_CAP_SMM.  Any thread.
 * Since 0.1.
 */
VMAPI_API int vmapi_vcpu_smi(struct vmapi_vcpu *vcpu);

/* -- Whether it runs at all --------------------------------------------- */

/* Numbered as KVM numbers them (api.rst 4.38). */
enum vmapi_mp_state {
	VMAPI_MP_RUNNABLE = 0,
	VMAPI_MP_UNINITIALIZED = 1, /* x86: waits for INIT */
	VMAPI_MP_INIT_RECEIVED = 2, /* x86: waits for SIPI */
	VMAPI_MP_HALTED = 3,	    /* x86: until an interrupt */
	VMAPI_MP_SIPI_RECEIVED = 4, /* x86: about to start */
	VMAPI_MP_STOPPED = 5,	    /* arm64, riscv, s390 */
	VMAPI_MP_CHECK_STOP = 6,    /* s390 */
	VMAPI_MP_OPERATING = 7,	    /* s390 */
	VMAPI_MP_LOAD = 8,	    /* s390 */
	VMAPI_MP_AP_RESET_HOLD = 9, /* x86: an encrypted VM's */
	VMAPI_MP_SUSPENDED = 10	    /* arm64: until an interrupt */
};

/*
 * Whether the vcpu would run, or what it waits for; it is the register
 * "mp_state" of every architecture.  -ENOTSUP: this kernel keeps none.
 * Vcpu not running.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_mp_state_get(struct vmapi_vcpu *vcpu,
	unsigned *state);

/*
 * And change it.  -EINVAL: not a state of this architecture, or of this VM:
 * a vcpu of x86 waits for something only where the VM has local APICs.
 * -ENOTSUP as above.  Vcpu not running.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_mp_state_set(struct vmapi_vcpu *vcpu,
	unsigned state);

/* -- Addresses ---------------------------------------------------------- */

#define VMAPI_ACCESS_READ  (1u << 0)
#define VMAPI_ACCESS_WRITE (1u << 1)
#define VMAPI_ACCESS_EXEC  (1u << 2)
#define VMAPI_ACCESS_USER  (1u << 3) /* as at the lowest privilege */

struct vmapi_translation {
	uint32_t size;
	uint32_t access; /* out: VMAPI_ACCESS_ that the mapping allows */
	uint64_t gpa;
};

/*
 * Translate a linear address as the vcpu would for `access`, without
 * changing anything.  -EFAULT: not mapped, or not for that access.
 * -ENOTSUP without VMAPI_CAP_TRANSLATE.  Vcpu not running.  Since 0.1.
 */
VMAPI_API int vmapi_vcpu_translate(struct vmapi_vcpu *vcpu, uint64_t gva,
	unsigned access, struct vmapi_translation *result);

VMAPI_DECLS_END

#endif
