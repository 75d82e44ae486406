/* SPDX-License-Identifier: MIT */
/* What the system instructions share: descriptors, stacks, tasks, modes. */
#ifndef VMI_SOFT_SYSTEM_H
#define VMI_SOFT_SYSTEM_H

#include "lib/soft/engine.h"
#include "lib/soft/value.h"

#define VMI_SEG_TYPE(a)	 ((a) & VMAPI_X86_SEG_TYPE)
#define VMI_SEG_DPL(a)	 (((a) >> 5) & 3u)
#define VMI_SEG_CODE	 0x8u /* of the type of a code or data segment */
#define VMI_SEG_CONFORM	 0x4u /* code: conforming; data: expand-down */
#define VMI_SEG_READ	 0x2u /* code: readable; data: writable */
#define VMI_SEG_ACCESSED 0x1u

/* Types of system descriptors: SDM 3A table 3-2. */
enum {
	VMI_SYS_TSS16 = 1, VMI_SYS_LDT = 2, VMI_SYS_TSS16_BUSY = 3,
	VMI_SYS_CALL16 = 4, VMI_SYS_TASK = 5, VMI_SYS_INT16 = 6,
	VMI_SYS_TRAP16 = 7, VMI_SYS_TSS = 9, VMI_SYS_TSS_BUSY = 11,
	VMI_SYS_CALL = 12, VMI_SYS_INT = 14, VMI_SYS_TRAP = 15
};
#define VMI_SYS_BUSY 2u

#define VMI_SEL(selector) ((uint32_t)(selector) & 0xfffcu)
#define VMI_RPL(selector) ((unsigned)(selector) & 3u)
#define VMI_SEL_TI	  4u

#define VMI_DR6_ONES 0xffff0ff0ull
#define VMI_DR6_BD 0x2000ull
#define VMI_DR6_BS 0x4000ull
#define VMI_DR6_BT 0x8000ull
#define VMI_DR7_GD 0x2000ull

/* A descriptor as it is in its table. */
struct vmi_desc {
	uint64_t linear;
	uint32_t lo, hi;
	uint32_t upper, top; /* of 16-byte ones: vmi_desc_wide() */
};

static inline uint32_t vmi_desc_attr(const struct vmi_desc *d)
{
	return (d->hi >> 8) & 0xf0ffu;
}

static inline unsigned vmi_desc_type(const struct vmi_desc *d)
{
	return (d->hi >> 8) & 15u;
}

static inline unsigned vmi_desc_dpl(const struct vmi_desc *d)
{
	return (d->hi >> 13) & 3u;
}

static inline bool vmi_desc_s(const struct vmi_desc *d)
{
	return d->hi & 0x1000u;
}

static inline bool vmi_desc_present(const struct vmi_desc *d)
{
	return d->hi & 0x8000u;
}

static inline bool vmi_desc_is_code(const struct vmi_desc *d)
{
	return (d->hi & 0x1800u) == 0x1800u;
}

static inline bool vmi_desc_conforming(const struct vmi_desc *d)
{
	return d->hi & 0x400u;
}

static inline bool vmi_desc_writable(const struct vmi_desc *d)
{
	return (d->hi & 0x1a00u) == 0x1200u;
}

/* 64-bit code, in a processor in IA-32e mode. */
static inline bool vmi_desc_long(const struct vmi_cpu *c,
	const struct vmi_desc *d)
{
	return vmi_long_mode(c) && (d->hi & 0x200000u);
}

/* Linear addresses of system structures are 32 bits outside IA-32e mode. */
static inline uint64_t vmi_sys_linear(const struct vmi_cpu *c, uint64_t a)
{
	return vmi_long_mode(c) ? a : (uint32_t)a;
}

static inline unsigned vmi_iopl(const struct vmi_cpu *c)
{
	return (unsigned)(c->rflags >> 12) & 3u;
}

static inline bool vmi_vm86(const struct vmi_cpu *c)
{
	return c->rflags & VMI_FLAG_VM;
}

/* #UD where the instruction exists in protected mode only. */
static inline void vmi_need_protected(struct vmi_cpu *c)
{
	if (!vmi_protected(c))
		vmi_raise(c, VMI_UD);
}

/* #GP(0) above privilege level 0; VM86 runs at 3. */
static inline void vmi_need_cpl0(struct vmi_cpu *c)
{
	if (c->cpl)
		vmi_raise_code(c, VMI_GP, 0);
}

/* #GP(0) for SGDT and its like in user mode: SDM 3A 2.5, CR4.UMIP. */
static inline void vmi_need_umip(struct vmi_cpu *c)
{
	if (c->cpl && (c->cr4 & VMI_CR4_UMIP))
		vmi_raise_code(c, VMI_GP, 0);
}

/* segment.c: descriptors. */

/* Read the descriptor of a selector; false when it is outside its table. */
bool vmi_desc_find(struct vmi_cpu *c, uint16_t selector,
	struct vmi_desc *out);
/* The second half of a 16-byte descriptor; false when it is outside. */
bool vmi_desc_wide(struct vmi_cpu *c, uint16_t selector, struct vmi_desc *d);
/* As vmi_desc_find(), or raise `vector` with the selector and `ext`. */
void vmi_desc_get(struct vmi_cpu *c, uint16_t selector, unsigned vector,
	uint32_t ext, struct vmi_desc *out);
/* Set the accessed bit in the table and in *d. */
void vmi_desc_touch(struct vmi_cpu *c, struct vmi_desc *d);
/* Set or clear the busy bit of a task state segment. */
void vmi_desc_busy(struct vmi_cpu *c, struct vmi_desc *d, bool busy);
uint64_t vmi_desc_base(const struct vmi_desc *d);
uint32_t vmi_desc_limit(const struct vmi_desc *d);
struct vmapi_x86_segment vmi_desc_segment(const struct vmi_desc *d,
	uint16_t selector);

/* segment.c: segment registers. */

/* The only way a segment register changes. */
void vmi_seg_set(struct vmi_cpu *c, unsigned n,
	const struct vmapi_x86_segment *s);
void vmi_seg_null(struct vmi_cpu *c, unsigned n, uint16_t selector);
void vmi_seg_base(struct vmi_cpu *c, unsigned n, uint64_t base);
/* As real-address mode and virtual-8086 mode load it. */
void vmi_seg_real(struct vmi_cpu *c, unsigned n, uint16_t selector);
/* A checked code or stack descriptor into CS (RPL becomes cpl) or SS. */
void vmi_seg_code(struct vmi_cpu *c, uint16_t selector, struct vmi_desc *d,
	unsigned cpl);
void vmi_seg_stack(struct vmi_cpu *c, uint16_t selector, struct vmi_desc *d);
/* CS, CPL, CR0, EFER or VM changed: c->mode, bases, masks; the engine. */
void vmi_mode_refresh(struct vmi_cpu *c);
/* Null what a less privileged level must not keep: SDM 2 RET, IRET. */
void vmi_seg_drop(struct vmi_cpu *c);

/* stack.c: stacks, current ones and those being switched to. */
struct vmi_stack {
	struct vmapi_x86_segment ss;
	uint64_t sp;
	uint64_t mask; /* of sp: 16, 32 or 64 bits */
	uint32_t code; /* of #SS */
	bool system;   /* not at the current privilege: vmi_sys_write() */
};

void vmi_stack_current(struct vmi_cpu *c, struct vmi_stack *st,
	uint32_t code);
/*
 * Check `n` pushes of `bytes` each: that the stack has room for them, and that
 * its pages can be written to.  What the manual checks between goes between.
 */
void vmi_stack_room(struct vmi_cpu *c, const struct vmi_stack *st, unsigned n,
	unsigned bytes);
void vmi_stack_probe(struct vmi_cpu *c, const struct vmi_stack *st, unsigned n,
	unsigned bytes);
void vmi_stack_push(struct vmi_cpu *c, struct vmi_stack *st, uint64_t v,
	unsigned bytes);
/* #SS for what will be read there, before anything is: SDM 2 "RET". */
void vmi_stack_need(struct vmi_cpu *c, const struct vmi_stack *st,
	uint64_t offset, unsigned bytes);
/* What lies `offset` above the top. */
uint64_t vmi_stack_peek(struct vmi_cpu *c, const struct vmi_stack *st,
	uint64_t offset, unsigned bytes);
/* RSP from the stack; a 16-bit stack leaves the upper bits. */
void vmi_stack_commit(struct vmi_cpu *c, const struct vmi_stack *st);
/* RSP for the stack that SS is now. */
void vmi_sp_load(struct vmi_cpu *c, uint64_t sp);

/*
 * stack.c: the stack of an inner level, from the task state: SDM 3A 5.8.5.
 * *d is SS's descriptor, or SS is null in IA-32e mode.
 */
struct vmi_inner {
	struct vmi_stack st;
	struct vmi_desc d;
	uint16_t selector;
};
void vmi_inner_stack(struct vmi_cpu *c, unsigned dpl, uint32_t ext,
	struct vmi_inner *out);
/* One 64-bit stack pointer of the task state, at `offset`. */
uint64_t vmi_tss64_rsp(struct vmi_cpu *c, unsigned offset, uint32_t ext);
/* Load SS and RSP with an inner stack; CPL is the new one already. */
void vmi_inner_commit(struct vmi_cpu *c, struct vmi_inner *in, unsigned cpl);

/* far.c: returns, shared by RET and IRET. */
struct vmi_return {
	uint64_t rip;
	uint64_t rsp;
	uint16_t cs, ss;
	bool has_ss; /* rsp and ss were popped */
	struct vmi_desc cs_desc, ss_desc;
	bool ss_null;
};
/* Checks of CS and its RPL, then of SS; nothing is changed. */
void vmi_return_cs(struct vmi_cpu *c, struct vmi_return *r);
void vmi_return_ss(struct vmi_cpu *c, struct vmi_return *r);
void vmi_return_rip(struct vmi_cpu *c, const struct vmi_return *r);
/* Load CS:RIP and, if has_ss, SS:RSP; then drop data segments if outer. */
void vmi_return_commit(struct vmi_cpu *c, struct vmi_return *r);
/* #GP(code) unless `rip` can be executed in the code segment *d. */
void vmi_check_target(struct vmi_cpu *c, const struct vmi_desc *d,
	uint64_t rip, uint32_t code);

/* task.c: SDM 3A 7.3. */
enum vmi_task_kind { VMI_TASK_JMP, VMI_TASK_CALL, VMI_TASK_IRET };
struct vmi_task {
	enum vmi_task_kind kind;
	uint16_t selector;
	uint32_t ext;
	uint64_t return_rip;
	bool has_code;
	uint32_t code;
};
/* *d is a TSS descriptor whose type and presence have been checked. */
void vmi_task_switch(struct vmi_cpu *c, const struct vmi_task *t,
	struct vmi_desc *d);
/* Its second half, c->arrival, whose faults are the new task's. */
void vmi_task_arrive(struct vmi_cpu *c);
/* Find a task's descriptor by a gate: #GP or #NP with its selector. */
void vmi_task_find(struct vmi_cpu *c, uint16_t selector, uint32_t ext,
	struct vmi_desc *d);

/* control.c */

/* IA32_EFER: 0 or -EINVAL; `host` may set LMA. */
int vmi_efer_write(struct vmi_cpu *c, uint64_t v, bool host);
/* Bits of IA32_EFER and CR4 that CPUID's features bring. */
uint64_t vmi_efer_known(struct vmi_cpu *c);
uint64_t vmi_cr4_known(struct vmi_cpu *c);

#endif
