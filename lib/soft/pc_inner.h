/* SPDX-License-Identifier: MIT */
/* The chips of a software VM, for the files that move them. */
#ifndef VMI_SOFT_PC_INNER_H
#define VMI_SOFT_PC_INNER_H

#include "lib/chip/ioapic.h"
#include "lib/chip/pic.h"
#include "lib/chip/pit.h"
#include "lib/core/chipset.h"
#include "lib/soft/pc.h"

#define MAX_VCPUS 255

enum { PORT_PIC_MASTER, PORT_PIC_SLAVE, PORT_ELCR, PORT_FERR, PORT_PIT, PORT_61,
	MMIO_IOAPIC, N_WINDOWS };

/* A range that one of the chips answers. */
struct window {
	struct vmi_region region;
	struct vmi_pc *pc;
};

struct vmi_pc {
	struct soft_vm *vm;
	struct vmi_chip_client client;
	struct vmi_pic pic;
	struct vmi_ioapic ioapic;
	struct vmi_pit pit;
	struct vmi_apic_bus bus;
	struct vmi_lapic *lapics[MAX_VCPUS];
	struct soft_vcpu *bsp;
	struct window windows[N_WINDOWS];
	unsigned n_windows;
	bool full, has_pit;
	bool ignne; /* IGNNE#: software has heard of FERR# */
	uint64_t now; /* of the call in progress */
};

/* Locked, and at the time of the lock. */
static inline struct vmi_pc *vmi_pc_lock(struct soft_vm *vm)
{
	vm->pc->now = vmi_chipset_lock(&vm->vm);
	return vm->pc;
}

static inline void vmi_pc_unlock(struct soft_vm *vm)
{
	vmi_chipset_unlock(&vm->vm);
}

#endif
