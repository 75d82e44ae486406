/* SPDX-License-Identifier: MIT */
/* The state of one software x86 processor. */
#ifndef VMI_SOFT_CPU_H
#define VMI_SOFT_CPU_H

#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <vmapi/x86.h>

#include "lib/compiler.h"
#include "lib/soft/debug.h"
#include "lib/soft/fp/fp.h"
#include "lib/soft/insn.h"
#include "lib/soft/stats.h"
#include "lib/soft/x86.h"

struct vmi_op;
struct vmi_codeblock;
struct vmi_cache;
struct soft_vm;

/*
 * The register file that operations name: the sixteen general registers,
 * then what makes every address base + (index << scale) + disp: a zero,
 * three temporaries, the RIP of the running block and the segment bases.
 */
enum {
	VMI_RAX, VMI_RCX, VMI_RDX, VMI_RBX, VMI_RSP, VMI_RBP, VMI_RSI, VMI_RDI,
	VMI_R_ZERO = 16,
	VMI_R_T0,    /* the linear address that an `ea` operation made */
	VMI_R_T1,    /* byte registers AH-BH, fused loads */
	VMI_R_T2,
	VMI_R_BLOCK, /* RIP of the first instruction of the running block */
	VMI_R_SEG,   /* bases of es cs ss ds fs gs */
	VMI_NREGS = VMI_R_SEG + 6
};

/* After the six of insn.h: numbered as VMAPI_X86_SEGMENT() does. */
enum { VMI_LDTR = 6, VMI_TR, VMI_GDTR, VMI_IDTR, VMI_NSREGS };

/* A TLB entry: a page's linear address as the tag of each right it gives. */
struct vmi_tlb_entry {
	uint64_t read, write, exec;
	uint64_t addend; /* host = linear + addend */
};

#define VMI_TLB_SHIFT 5 /* log2 of an entry's bytes */

#define VMI_TLB_BITS 12
#define VMI_TLB_SIZE (1u << VMI_TLB_BITS)
#define VMI_TLB_NONE 1ull /* a tag that no page has */

/*
 * Which entries of a TLB may give a right, in the order of their being filled:
 * to empty it costs what it was to fill it.
 */
struct vmi_tlb_list {
	unsigned n;
	uint16_t entry[VMI_TLB_SIZE];
	/* Of each entry: log2 of the page's bytes, and these. */
	uint8_t page[VMI_TLB_SIZE];
};

#define VMI_WRITERS (2 * VMI_TLB_SIZE)

#define VMI_TLB_GLOBAL 0x80u /* a new CR3 leaves it */
#define VMI_TLB_LISTED 0x40u
#define VMI_TLB_PAGE   0x3fu

/* A table that had the last entry of a walk: paging.c. */
struct vmi_table {
	uint64_t tag;	 /* of linear addresses */
	uint64_t age;	 /* tables_age then; another one: it is none */
	uint8_t *host;
	uint64_t rights; /* given above it */
	uint8_t level;	 /* 0: a page table; else its entries are large pages */
};

#define VMI_TABLES 256u

/* Who accesses: a TLB each. */
enum vmi_tlb_kind {
	VMI_TLB_USER,  /* CPL 3 */
	VMI_TLB_SUPER, /* supervisor; user pages are refused if SMAP says so */
	VMI_TLB_SUPER_AC, /* supervisor with EFLAGS.AC set */
	VMI_TLB_ALIGNED,  /* CPL 3 with #AC: always empty, mem.c sees all */
	VMI_TLBS
};

struct vmi_jump {
	uint64_t rip;
	uint64_t tag;
	const struct vmi_op *op;
};

/* A page of a device, as the last access found it: mem.c. */
struct vmi_device_page {
	uint64_t page; /* linear, bit 0 set */
	uint64_t tag;  /* jump_tag then */
	uint64_t gpa;
};

#define VMI_JUMP_BITS 11
#define VMI_JUMPS     (1u << VMI_JUMP_BITS)

/* Why a handler or a helper left by vmi_leave(). */
enum vmi_leave {
	VMI_LEAVE_FAULT = 1, /* cpu->fault is to be delivered */
	VMI_LEAVE_EXIT = 2,  /* cpu->io waits for an answer; then replay */
	VMI_LEAVE_AGAIN = 3, /* an element is done: go on with the instruction */
	VMI_LEAVE_ALONE = 4, /* run it again, and nothing after it */
	VMI_LEAVE_STOP = 5,  /* the application is told before it runs */
	VMI_LEAVE_REPLAY = 6 /* something comes first; then replay cpu->io */
};

struct vmi_fault {
	uint8_t vector;
	bool has_code;
	uint32_t code;
	bool keeps_cr2; /* the application has set CR2 by itself */
	uint64_t cr2;
	uint64_t dr6;
};

/* How an event came about: SDM 3A 6.3, 6.4; it decides checks and errors. */
enum vmi_event_kind {
	VMI_EV_EXTERNAL,  /* INTR: EXT bit set in error codes */
	VMI_EV_NMI,
	VMI_EV_EXCEPTION, /* fault or trap of an instruction */
	VMI_EV_INT,	  /* INT n: DPL is checked, VM86 by IOPL and VME */
	VMI_EV_INT3	  /* INT3, INTO: DPL is checked; INT1 is EXCEPTION */
};

struct vmi_event {
	enum vmi_event_kind kind;
	uint8_t vector;
	bool has_code;
	uint32_t code;
	uint64_t return_rip;
};

/* A task's registers, as its state segment has them: task.c. */
struct vmi_task_image {
	uint32_t cr3, eip, eflags, gpr[8];
	uint16_t seg[6], ldt;
	bool trap;
};

/* The part of a task switch that belongs to the new task. */
struct vmi_arrival {
	struct vmi_task_image image;
	uint32_t ext;	/* EXT bit of error codes */
	uint32_t code;	/* to be pushed for an event's handler */
	uint8_t size;	/* of a register in the task state */
	bool has_code, nested;
	bool due;	/* it is not done yet */
};

/*
 * Device accesses of the instruction in progress, in order, with their
 * answers: an instruction that had to wait for one is executed again from
 * its start, and what was answered is not asked twice.
 */
#define VMI_IO_LOG 160

struct vmi_io_entry {
	uint64_t address;
	uint64_t value;
	uint8_t bytes;
	uint8_t space; /* enum vmi_space, or VMI_ASK_ */
	bool is_write;
	uint8_t why;   /* of an MSR: VMAPI_X86_MSR_ */
	bool refused;  /* answered with nothing: #GP */
};

/* What is no device access, and waits for the application like one. */
#define VMI_ASK_MSR  16
#define VMI_ASK_CALL 17

/* The port instruction last begun: portio.c; smm.c reads it. */
struct vmi_port {
	uint64_t before; /* instructions retired before it */
	uint64_t rip;
	uint64_t rcx, rsi, rdi; /* of INS and OUTS: others change none of them */
	uint32_t what; /* VMI_PORT_ */
};

struct vmi_io {
	unsigned n;	 /* entries answered */
	unsigned cursor; /* of them used by this execution */
	bool replay;	 /* the instruction is being executed again */
	bool waiting;	 /* entry n waits for the application */
	uint8_t plain;	 /* its instruction's length, if that does nothing else */
	uint64_t instance[2]; /* which execution the entries belong to */
	struct vmi_io_entry entry[VMI_IO_LOG + 1];
};

/* Events other threads raise and the processor looks for between blocks. */
#define VMI_EVENT_KICK	  (1u << 0) /* vmapi_vcpu_kick() */
#define VMI_EVENT_PROD	  (1u << 1) /* look at the gate */
#define VMI_EVENT_IRQ	  (1u << 2) /* an interrupt controller has something */
#define VMI_EVENT_NMI	  (1u << 3)
#define VMI_EVENT_INIT	  (1u << 4)
#define VMI_EVENT_SIPI	  (1u << 5)
#define VMI_EVENT_SMI	  (1u << 6)
#define VMI_EVENT_CODE	  (1u << 7) /* the inbox of code pages has mail */
#define VMI_EVENT_TURN	  (1u << 9) /* it has the turn: turn.h */
#define VMI_EVENT_TPR	  (1u << 10) /* CR8 is lower: the application hears */
#define VMI_EVENT_STOP	  (1u << 11) /* as a kick, for core */
#define VMI_EVENT_EOI	  (1u << 8) /* soft_vcpu.eoi: of the application's IOAPIC */

struct vmi_xmm {
	uint64_t q[2]; /* q[0]: bytes 0-7, byte 0 lowest */
};

struct vmi_fpu {
	struct vmi_f80 st[8]; /* physical registers */
	uint16_t control, status; /* without TOP */
	uint8_t top;
	uint8_t full; /* a bit for each that is not empty */
	uint16_t opcode;
	uint64_t ip, dp;
	uint16_t cs, ds;
	uint32_t mxcsr; /* and VMI_MXCSR_HOST: simd.h */
	struct vmi_xmm xmm[16];
};

/* A loop of PAUSEs: miscint.c. */
struct vmi_spin {
	uint64_t last;	 /* instructions retired at the latest */
	uint32_t seen;	 /* since another thread was let in */
	uint32_t wanted; /* until the next time */
};

struct vmi_cpu {
	/* What every handler touches comes first. */
	uint64_t r[VMI_NREGS];
	struct vmi_tlb_entry *tlb; /* of the current privilege */
	uint64_t amask;		   /* of linear addresses: 32 bits or all */
	int64_t budget;		   /* instructions left in this slice */
	/* No block begins below it: 0; while an event waits INT64_MAX. */
	_Atomic(int64_t) floor;
	atomic_uint event;
	/*
	 * Lazy flags: lib/soft/flags.h.  The two values are apart, or
	 * compilers make one vector of them, which takes longer.
	 */
	uint32_t cc_kind;
	uint64_t cc_res;
	const struct vmi_op *enter; /* first operation of the running block */
	uint64_t cc_src;
	const struct vmi_op *op;    /* the one in a helper or a slow path */
	uint64_t acc; /* where handlers are not chained: op.h */
	uint64_t jump_tag;
	struct vmi_jump *jumps;

	/* Of ES, CS, SS, DS: what lies below needs no check; 0: all does. */
	uint64_t open[4];

	uint64_t rip;	 /* valid between blocks */
	uint64_t rflags; /* without the six arithmetic flags */
	struct vmapi_x86_segment seg[VMI_NSREGS];
	uint64_t cr0, cr2, cr3, cr4, cr8;
	uint64_t efer;
	uint64_t xcr0;
	uint64_t dr[8];
	uint64_t pdpte[4]; /* PAE: loaded with CR3 */
	uint8_t cpl;
	uint8_t who;	   /* enum vmi_tlb_kind of ordinary accesses */
	uint8_t mode;	   /* 16, 32, 64: of code */
	uint32_t key;	   /* the same and more, of blocks: block.h */

	struct vmi_fpu fpu;
	struct vmi_debug debug;

	/* Model-specific registers that are plain storage: msr.c. */
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t pat, tsc_aux, misc_enable;
	uint64_t mtrr_def, mtrr_fixed[11], mtrr_var[16];
	uint64_t debugctl; /* VMI_DEBUGCTL_BTF */
	uint64_t mcg_status;
	int64_t tsc_offset, tsc_adjust;
	uint64_t tsc_hz;
	uint64_t apic_base;

	/* System management mode: smm.c. */
	uint32_t smbase;
	uint64_t smi_count;
	bool smm;
	bool smi_pending;
	bool smm_inside_nmi; /* NMIs were masked before the SMI */
	bool latched_init;   /* until RSM */
	struct vmi_port port;

	/* Between instructions. */
	uint8_t shadow;	   /* bit 0: MOV SS, bit 1: STI */
	bool nmi_masked;
	uint8_t nmi_pending;	  /* accepted: two at most */
	atomic_uint nmi_arrived;  /* raised since the last look */
	bool halted;
	uint8_t mp_state;  /* enum vmapi_x86_mp_state */
	uint8_t sipi_vector;
	bool fault_pending; /* `fault` is to be delivered */
	bool delivering;    /* an event is being delivered: `previous` */
	bool delivered;	    /* TF when the instruction began does not count */
	bool shutdown;
	bool trap_pending;  /* #DB with dr6_pending after this instruction */
	uint64_t dr6_pending;
	bool ferr;	    /* an x87 exception holds FERR# */
	bool irq_pending;   /* an interrupt controller has something */
	bool exclusive;	    /* between vmi_exclusive_begin() and _end() */
	struct vmi_fault fault;
	uint8_t previous; /* the vector being delivered, for #DF */
	struct vmi_event underway; /* what is being delivered */
	uint64_t underway_flags;   /* the image that it pushes */
	struct vmi_arrival arrival;
	int injected;	  /* queued by vmapi_vcpu_interrupt(), or -1 */
	bool window_wanted;

	struct vmi_stats stats;
	uint64_t told_rip; /* of the last unknown instruction in the log */
	struct vmi_io io;
	jmp_buf leave;
	uint64_t icount; /* retired before this slice */
	int64_t slice;	 /* budget given to this slice */
	bool in_turn;	 /* of a deterministic VM: turn.h */
	uint64_t slice_end; /* there: in its time */

	struct vmi_cache *cache;
	const struct vmi_steps *steps; /* NULL: no pairs are made */
	struct vmi_tlb_entry (*tlbs)[VMI_TLB_SIZE];
	struct vmi_tlb_list *tlb_lists;
	/* How many entries give the right to write to pages, by their hash. */
	uint16_t *writers;
	/* All entries of large pages are in between: first and last byte. */
	uint64_t large_first, large_last;
	uint64_t tables_age;
	struct vmi_table tables[VMI_TABLES];
	struct vmi_device_page device_page[2]; /* of reads, of writes */
	struct soft_vm *vm;
	unsigned index;
	struct vmi_spin spin;
	struct vmapi_x86_cpuid *cpuid;
	unsigned n_cpuid;
	uint64_t hidden; /* what it does not report: see vmi_cpuid_changed() */
};

static inline bool vmi_hides(
	const struct vmi_cpu *c, enum vmi_feature feature)
{
	return c->hidden >> feature & 1;
}

/* Leave the running instruction without completing it; does not return. */
vmi_noreturn void vmi_leave(struct vmi_cpu *c, enum vmi_leave why);

/* Raise an exception of the running instruction; they do not return. */
vmi_noreturn void vmi_raise(struct vmi_cpu *c, unsigned vector);
vmi_noreturn void vmi_raise_code(struct vmi_cpu *c, unsigned vector,
	uint32_t code);
vmi_noreturn void vmi_raise_page(struct vmi_cpu *c, uint32_t code,
	uint64_t linear);

/*
 * An x87 exception waits that CR0.NE does not report: pc.c.  Returns where
 * IGNNE# says that it is to be ignored.
 */
void vmi_ferr(struct vmi_cpu *c);

static inline bool vmi_long_mode(const struct vmi_cpu *c)
{
	return c->efer & VMI_EFER_LMA;
}

/* A linear address of 48 bits: SDM 1 3.3.7.1. */
static vmi_inline bool vmi_canonical(uint64_t a)
{
	return (uint64_t)((int64_t)(a << 16) >> 16) == a;
}

static inline bool vmi_protected(const struct vmi_cpu *c)
{
	return (c->cr0 & VMI_CR0_PE) && !(c->rflags & VMI_FLAG_VM);
}

#endif
