/* SPDX-License-Identifier: MIT */
/* A processor as the manual describes it, for what changes CS and tasks. */
#ifndef VMI_TESTS_TRANSFERS_MACHINE_H
#define VMI_TESTS_TRANSFERS_MACHINE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Guest-physical memory, all of which is at the same linear addresses, and in
 * 64-bit mode once more at the beginning of the upper half.
 */
enum {
	AT_IVT = 0, AT_PML4 = 0x1000, AT_PDPT = 0x2000, AT_PD = 0x3000,
	AT_PT = 0x4000, AT_PD32 = 0x5000, AT_PT32 = 0x6000,
	AT_PD32_NEW = 0x7000, AT_PT32_NEW = 0x8000, AT_GDT = 0x9000,
	AT_LDT = 0xa000, AT_LDT_NEW = 0xb000, AT_IDT = 0xc000,
	AT_TSS = 0xd000, AT_TSS_NEW = 0xf000, AT_CODE = 0x11000,
	AT_TARGET = 0x12000, AT_HANDLER = 0x13000, AT_STACK = 0x14000,
	AT_STACK0 = 0x16000, AT_STACK1 = 0x18000, AT_STACK2 = 0x1a000,
	AT_STACK_NEW = 0x1c000, AT_DATA = 0x1e000, RAM = 0x20000
};
#define HIGH UINT64_C(0xffff800000000000)
#define NOP  0x90

/* Segment registers, as vmapi_x86_segment's block has them. */
enum {
	R_ES, R_CS, R_SS, R_DS, R_FS, R_GS, R_LDTR, R_TR, R_GDTR, R_IDTR,
	R_SEGMENTS
};

/* General registers. */
enum { R_AX, R_CX, R_DX, R_BX, R_SP, R_BP, R_SI, R_DI };

/* SDM 3A table 6-1. */
enum {
	X_DE = 0, X_DB = 1, X_NMI = 2, X_BP = 3, X_OF = 4, X_UD = 6, X_DF = 8,
	X_TS = 10, X_NP = 11, X_SS = 12, X_GP = 13, X_PF = 14, X_AC = 17
};

/* SDM 3A 2.3. */
#define F_CF  0x1u
#define F_TF  0x100u
#define F_IF  0x200u
#define F_DF  0x400u
#define F_OF  0x800u
#define F_IOPL 0x3000u
#define F_NT  0x4000u
#define F_RF  0x10000u
#define F_VM  0x20000u
#define F_AC  0x40000u
#define F_VIF 0x80000u
#define F_VIP 0x100000u
#define F_ID  0x200000u
/* CF PF AF ZF SF TF IF DF OF IOPL NT RF VM AC VIF VIP ID */
#define F_ALL 0x3f7fd5u

/* SDM 3A 2.5. */
#define CR0_PE 0x1u
#define CR0_TS 0x8u
#define CR0_WP 0x10000u
#define CR0_PG 0x80000000u
#define CR4_VME 0x1u
#define CR4_PVI 0x2u
#define EFER_LMA 0x400u
#define DR6_BT 0x8000u

/* A descriptor's second doubleword, bits 23:8: SDM 3A figure 3-8. */
#define D_TYPE	0x000fu
#define D_S	0x0010u
#define D_DPL	0x0060u
#define D_P	0x0080u
#define D_L	0x2000u
#define D_DB	0x4000u
#define D_G	0x8000u
#define D_NULL	0x10000u /* of a register: it holds no descriptor */

struct segment {
	uint64_t base;
	uint32_t limit, attributes;
	uint16_t selector;
};

struct registers {
	uint64_t r[16], rip, rflags;
	struct segment s[R_SEGMENTS];
	uint64_t cr0, cr2, cr3, cr4, efer, dr6, dr7;
	unsigned cpl;
	bool shutdown;
};

/* What the manual calls an event: SDM 3A 6.2. */
enum kind {
	K_NONE, K_SOFT /* INT n, INT3, INTO */, K_INT1, K_EXCEPTION,
	K_INTERRUPT, K_NMI
};

struct event {
	enum kind kind;
	uint8_t vector;
	bool has_code;
	uint32_t code;
	uint64_t cr2;
};

/* What may be wrong, one name for each thing that the manual says. */
#define CHECK(name, words) C_##name,
enum check {
#include "tests/transfers/check.def"
	CHECKS
};
#undef CHECK

/* The instruction of a case. */
enum insn {
	I_NONE, I_CALL, I_JMP, I_RETF, I_IRET, I_INT, I_INT3, I_INTO, I_INT1,
	I_UD2, I_CLI, I_STI, I_PUSHF, I_POPF
};

struct insn_of {
	enum insn insn;
	unsigned size; /* of operands: 2, 4 or 8 bytes */
	unsigned imm;
	uint64_t operand; /* linear address of a far pointer */
	uint64_t at;	  /* linear address of the instruction */
	unsigned bytes;
};

#define MODEL_WRITES 512

struct machine {
	struct registers now;
	struct insn_of insn;
	uint8_t mem[RAM];
	/* -- The model's own: */
	struct registers before; /* what a fault goes back to */
	struct {
		uint32_t at;
		uint8_t old;
	} writes[MODEL_WRITES];
	unsigned nwrites;
	struct event event; /* to be delivered */
	unsigned ext;
	bool executing, retired, committed;
	bool open; /* the manual does not say */
	unsigned hits[CHECKS];
	unsigned faults; /* delivered */
	jmp_buf out;
};

/* A bit pattern of `bytes` at a place that memory has little-endian. */
uint64_t m_get(const uint8_t *p, unsigned bytes);
void m_put(uint8_t *p, uint64_t v, unsigned bytes);

/*
 * Deliver m->event if there is one, then execute until one instruction has
 * been completed; exceptions are delivered on the way.
 */
void model_run(struct machine *m);

/* -- The model's files ---------------------------------------------------- */

_Noreturn void m_fault(struct machine *m, enum check c, unsigned vector,
	unsigned selector);
_Noreturn void m_fault_idt(struct machine *m, enum check c, unsigned vector,
	unsigned index);
/* What the manual leaves open: the case is not judged. */
_Noreturn void m_open(struct machine *m);
/* From here on faults do not undo what was done. */
void m_commit(struct machine *m);

/* Linear memory, as the supervisor's or a program's. */
enum who { SYSTEM, PROGRAM };
uint64_t m_read(struct machine *m, uint64_t at, unsigned bytes, enum who who);
void m_write(struct machine *m, uint64_t at, uint64_t v, unsigned bytes,
	enum who who);

/* Pages that will be written to are there. */
void m_probe(struct machine *m, uint64_t at, unsigned bytes);

bool m_is_real(const struct machine *m); /* real or virtual-8086 mode */
bool m_is_long(const struct machine *m); /* IA-32e mode */
bool m_is_64(const struct machine *m);
bool m_canonical(uint64_t v);

/* Descriptors: SDM 3A 3.4.5. */
bool m_in_table(const struct machine *m, unsigned selector);
uint64_t m_descriptor_at(const struct machine *m, unsigned selector);
struct segment m_descriptor(struct machine *m, unsigned selector);
static inline unsigned m_dpl(const struct segment *d)
{
	return (d->attributes & D_DPL) >> 5;
}
static inline bool m_is_null(unsigned selector)
{
	return (selector & 0xfffc) == 0;
}
bool m_is_code(const struct segment *d);
bool m_is_conforming(const struct segment *d);
bool m_is_writable(const struct segment *d);
bool m_is_readable(const struct segment *d);
bool m_in_limit(const struct segment *d, uint64_t offset, unsigned bytes);
/* RIP in a code segment that is to be loaded: #GP(EXT) otherwise. */
void m_check_rip(struct machine *m, const struct segment *cs, uint64_t rip);
void m_set_busy(struct machine *m, unsigned selector, bool busy);
void m_load(struct machine *m, unsigned reg, struct segment d,
	unsigned selector);
void m_load_null(struct machine *m, unsigned reg, unsigned selector);
void m_load_real(struct machine *m, unsigned reg, unsigned selector);
/* Data segments that an outer level may not have: SDM 2 "RET". */
void m_drop_segments(struct machine *m);

/* Stacks. */
uint64_t m_stack_mask(const struct machine *m);
/* Whether `items` of `bytes` may be pushed on SS:RSP. */
bool m_has_room(const struct machine *m, const struct segment *ss,
	uint64_t sp, unsigned total, unsigned bytes);
void m_push(struct machine *m, uint64_t v, unsigned bytes);
/*
 * An item at an offset from the top of the stack: #SS(0) unless it is in the
 * stack.  Of a selector's item processors look at the selector alone, as the
 * recorded vectors of RET show, where the manual pops all of it.
 */
void m_need(struct machine *m, uint64_t offset, unsigned bytes);
uint64_t m_top(struct machine *m, uint64_t offset, unsigned bytes);
void m_release(struct machine *m, uint64_t bytes);
/*
 * RSP for the stack that SS has become.  The pseudo-code has ESP := NewESP,
 * but processors leave the upper half as it was where the stack is of 16 bits
 * (which is why Linux has an espfix).
 */
void m_set_sp(struct machine *m, uint64_t sp);

/* The stack of a level in the current task state: SDM 3A 7.2. */
struct stack_of {
	struct segment ss;
	uint16_t selector;
	uint64_t sp;
};
struct stack_of m_inner_stack(struct machine *m, unsigned level,
	unsigned ist);

/* What RET and IRET have in common: the segments that they go back to. */
struct segment m_return_code(struct machine *m, unsigned selector);
struct return_to {
	struct segment cs, ss;
	unsigned sel_cs, sel_ss;
	uint64_t rip, sp;
};
void m_return_stack(struct machine *m, struct return_to *to);
void m_return_outer(struct machine *m, const struct return_to *to);

void m_far(struct machine *m, bool is_call);
void m_retf(struct machine *m);
void m_iret(struct machine *m);
void m_int_n(struct machine *m, unsigned vector);
void m_cli_sti(struct machine *m, bool is_sti);
void m_pushf(struct machine *m);
void m_popf(struct machine *m);

void m_deliver(struct machine *m, const struct event *e);

/* SDM 3A 7.3. */
enum why { T_CALL, T_JMP, T_IRET, T_EVENT };
void m_switch_task(struct machine *m, unsigned selector, enum why why,
	const struct event *e);
#endif
