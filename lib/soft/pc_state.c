/* SPDX-License-Identifier: MIT */
/* The state of a software VM's chips: read and set from outside. */
#include <errno.h>
#include <string.h>

#include "lib/soft/engine.h"
#include "lib/soft/pc_inner.h"

int vmi_pc_lapic_get(struct soft_vcpu *v, uint8_t *page)
{
	struct vmi_pc *pc;

	if (!v->cpu.vm->pc)
		return -ENOTSUP;
	pc = vmi_pc_lock(v->cpu.vm);
	vmi_lapic_kvm_get(&v->lapic, page, pc->now);
	vmi_pc_unlock(v->cpu.vm);
	return 0;
}

int vmi_pc_lapic_set(struct soft_vcpu *v, const uint8_t *page)
{
	struct vmi_pc *pc;
	int r;

	if (!v->cpu.vm->pc)
		return -ENOTSUP;
	pc = vmi_pc_lock(v->cpu.vm);
	r = vmi_lapic_kvm_set(&v->lapic, page, pc->now);
	vmi_pc_unlock(v->cpu.vm);
	vmi_event_raise(v, VMI_EVENT_IRQ);
	return r;
}

/* -- The VM's own chips, chipset locked --------------------------------- */

static bool has_chip(const struct vmi_pc *pc, enum vmi_chip chip)
{
	switch (chip) {
	case VMI_CHIP_PIC:
	case VMI_CHIP_IOAPIC:
	case VMI_CHIP_IGNNE: return pc->full;
	case VMI_CHIP_PIT: return pc->has_pit;
	default: return false;
	}
}

/*
 * Bit 0: IGNNE#; bit n + 1: vcpu n holds FERR#, of the first 63.  A handler
 * between its write to port 0xf0 and its first x87 instruction needs both.
 */
static uint64_t ferr_get(struct vmapi_vm *vm)
{
	uint64_t bits = vmi_soft_vm(vm)->pc->ignne;
	struct vmapi_vcpu *v;

	for (v = vm->vcpus; v; v = v->next)
		if (v->index < 63 && vmi_soft_vcpu(v)->cpu.ferr)
			bits |= 2ull << v->index;
	return bits;
}

static void ferr_set(struct vmapi_vm *vm, uint64_t bits)
{
	struct vmapi_vcpu *v;

	vmi_soft_vm(vm)->pc->ignne = bits & 1;
	for (v = vm->vcpus; v; v = v->next)
		vmi_soft_vcpu(v)->cpu.ferr = v->index < 63 &&
			(bits >> v->index & 2);
}

int vmi_pc_chip_get(struct vmapi_vm *vm, enum vmi_chip chip, void *state)
{
	struct vmi_pc *pc = vmi_soft_vm(vm)->pc;
	uint64_t flag;

	if (!pc || !has_chip(pc, chip))
		return -ENOENT;
	switch (chip) {
	case VMI_CHIP_PIC: vmi_pic_get_state(&pc->pic, state); break;
	case VMI_CHIP_IOAPIC: vmi_ioapic_get_state(&pc->ioapic, state); break;
	case VMI_CHIP_PIT: vmi_pit_get_state(&pc->pit, state); break;
	default:
		flag = ferr_get(vm);
		memcpy(state, &flag, sizeof(flag));
		break;
	}
	return 0;
}

/* INTR is driven as the new state wants it, whatever it was. */
static int set_pic(struct vmi_pc *pc, const void *state)
{
	int err = vmi_pic_set_state(&pc->pic, state);

	if (err)
		return err;
	pc->pic.s.intr = false;
	vmi_line_set(&pc->pic.intr, false);
	vmi_pic_update(&pc->pic, pc->now);
	return 0;
}

static int set_ioapic(struct vmi_pc *pc, const void *state)
{
	int err = vmi_ioapic_set_state(&pc->ioapic, state);

	if (!err)
		vmi_ioapic_update(&pc->ioapic, pc->now);
	return err;
}

int vmi_pc_chip_set(struct vmapi_vm *vm, enum vmi_chip chip, const void *state)
{
	struct vmi_pc *pc = vmi_soft_vm(vm)->pc;
	uint64_t flag;

	if (!pc || !has_chip(pc, chip))
		return -ENOENT;
	pc->now = vmi_chipset_now(vm);
	switch (chip) {
	case VMI_CHIP_PIC: return set_pic(pc, state);
	case VMI_CHIP_IOAPIC: return set_ioapic(pc, state);
	case VMI_CHIP_PIT: return vmi_pit_set_state(&pc->pit, state);
	default:
		memcpy(&flag, state, sizeof(flag));
		ferr_set(vm, flag);
		return 0;
	}
}
