/* SPDX-License-Identifier: MIT */
/* What the engine and the system instructions ask of each other. */
#ifndef VMI_SOFT_ENGINE_H
#define VMI_SOFT_ENGINE_H

#include "lib/soft/operand.h"

/*
 * deliver.c.  Deliver through the IVT, an interrupt or trap gate, a task gate
 * or a 64-bit gate; on return c->rip is the handler's.  Raises what the
 * delivery raises; until the last check nothing visible has changed.
 */
void vmi_deliver(struct vmi_cpu *c, const struct vmi_event *event);

/*
 * Deliver c->fault, which the instruction at c->rip raised: sets CR2 or DR6,
 * the RF flag in the pushed image of faults.  If c->delivering, combine with
 * c->previous as SDM 3A 6.15 "Interrupt 8" says: deliver both, or #DF, or
 * set c->shutdown.
 */
void vmi_deliver_fault(struct vmi_cpu *c);

/*
 * What was left for a device's answer after its event was taken, or after a
 * task switch could no longer be undone: c->delivering, c->arrival.due.
 */
void vmi_deliver_again(struct vmi_cpu *c);

/*
 * What an instruction raises before its operand's segment is looked at: SDM
 * 3A table 6-2.  A SIMD one has its flags in op->imm: simd.h.
 */
enum vmi_usable { VMI_USABLE_SIMD, VMI_USABLE_X87, VMI_USABLE_NOWAIT,
	VMI_USABLE_CPL0 };
void vmi_need_usable(struct vmi_cpu *c, const struct vmi_op *op);

/* Power-on and INIT state: SDM 3A table 10-1 (9-1 in older editions). */
void vmi_cpu_reset(struct vmi_cpu *c, bool init);

/*
 * Writes of control registers with all their checks (#GP raised) and side
 * effects (TLB, mode, PDPTEs); used by instructions.
 */
void vmi_cr_write(struct vmi_cpu *c, unsigned cr, uint64_t v);

/*
 * Model-specific registers.  0 or -EINVAL (#GP); `host` skips what only a
 * guest is refused.  -ENOENT for MSRs nobody knows (#GP and a log line).
 */
int vmi_msr_read(struct vmi_cpu *c, uint32_t index, uint64_t *value,
	bool host);
int vmi_msr_write(struct vmi_cpu *c, uint32_t index, uint64_t value,
	bool host);
/* Those that this vcpu has; returns how many there are. */
size_t vmi_msr_list(struct vmi_cpu *c, uint32_t *indices, size_t n);

/* cpuid.c: the model. `out` eax ebx ecx edx. */
void vmi_cpuid(struct vmi_cpu *c, uint32_t leaf, uint32_t subleaf,
	uint32_t out[4]);
/* Subleaf 0 of a leaf as the list has it: zeros where it has not. */
void vmi_cpuid_own(const struct vmi_cpu *c, uint32_t leaf, uint32_t out[4]);
/* A new list: which instructions it hides.  No block may be there. */
void vmi_cpuid_changed(struct vmi_cpu *c);
/* The default list; returns how many there are. */
size_t vmi_cpuid_default(struct vmapi_x86_cpuid *entries, size_t n);

/* The host's random numbers, or a deterministic VM's. */
bool vmi_random(struct vmi_cpu *c, uint64_t *value);

/* Given by the engine: the time stamp counter; MSRs of the local APIC. */
uint64_t vmi_tsc(struct vmi_cpu *c);
uint64_t vmi_tsc_hz(const struct vmi_cpu *c);
/* The counter goes on from where it is; `offset` is an int64_t. */
void vmi_tsc_hz_set(struct vmi_cpu *c, uint64_t hz);
void vmi_tsc_offset_set(struct vmi_cpu *c, const void *offset);
/* What waits for a value of the counter, waits for another time now. */
void vmi_tsc_moved(struct vmi_cpu *c);
int vmi_apic_msr_read(struct vmi_cpu *c, uint32_t index, uint64_t *value);
int vmi_apic_msr_write(struct vmi_cpu *c, uint32_t index, uint64_t value);
/* CR8 is the local APIC's task priority where there is one. */
uint64_t vmi_cr8_read(struct vmi_cpu *c);
void vmi_cr8_write(struct vmi_cpu *c, uint64_t v);
/* The guest lowers it: an application that asked is told. */
void vmi_cr8_lowers(struct vmi_cpu *c);

/* All that was cached of code and addresses is void. */
void vmi_code_flush(struct vmi_cpu *c);

/* Tell the trace of an event on its way to the guest. */
void vmi_soft_trace_event(struct vmi_cpu *c, const struct vmi_event *event);

/* The same of an SMI or RSM. */
void vmi_soft_trace_smm(struct vmi_cpu *c, const char *what);

void vmi_soft_log(struct vmi_cpu *c, const char *format, ...)
	vmi_printf(2, 3);

#endif
