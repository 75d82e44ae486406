/* SPDX-License-Identifier: MIT */
/* The interrupt controllers and the PIT of a software VM. */
#ifndef VMI_SOFT_PC_H
#define VMI_SOFT_PC_H

#include "lib/soft/soft.h"

/* As the VM's config says; -errno.  vm->pc stays NULL without irqchip. */
int vmi_pc_create(struct soft_vm *vm);
void vmi_pc_destroy(struct soft_vm *vm);

int vmi_pc_vcpu_add(struct soft_vcpu *v);
void vmi_pc_vcpu_remove(struct soft_vcpu *v);
void vmi_pc_vcpu_reset(struct soft_vcpu *v);
void vmi_pc_cpuid_changed(struct soft_vcpu *v);

/* INIT: the local APIC as SDM 3A 11.4.7.3 says. */
void vmi_pc_init_ipi(struct soft_vcpu *v);

/* A vector was fetched at a PIC elsewhere. */
void vmi_pc_extint_ack(struct soft_vcpu *v);

/* Take the most urgent interrupt: its vector, or -1. */
int vmi_pc_acknowledge(struct soft_vcpu *v);

/* An access to the local APIC's page, where it is.  False: it is not. */
bool vmi_pc_apic_page(const struct vmi_cpu *c, uint64_t gpa);
uint64_t vmi_pc_apic_read(struct vmi_cpu *c, uint64_t gpa, unsigned bytes);
void vmi_pc_apic_write(struct vmi_cpu *c, uint64_t gpa, uint64_t value,
	unsigned bytes);

/* The backend's operations of the same names. */
int vmi_pc_line_count(struct vmapi_vm *vm, unsigned *n);
int vmi_pc_routes_set(struct vmapi_vm *vm, const struct vmapi_route *routes,
	size_t n);
int vmi_pc_line_set(struct vmapi_vm *vm, unsigned gsi, bool level,
	int *delivery);
int vmi_pc_lint(struct vmapi_vcpu *vcpu, enum vmi_lint input, bool high,
	int *delivery);
int vmi_pc_remote_read(struct vmapi_vcpu *vcpu, unsigned reg,
	uint32_t *value);
int vmi_pc_msi_send(struct vmapi_vm *vm, const struct vmapi_msi *msi,
	int *delivery);
void vmi_pc_legacy_cut(struct vmapi_vm *vm, bool cut);
/* Of VMI_CHIP_KVMCLOCK there is none here. */
int vmi_pc_chip_get(struct vmapi_vm *vm, enum vmi_chip chip, void *state);
int vmi_pc_chip_set(struct vmapi_vm *vm, enum vmi_chip chip,
	const void *state);
int vmi_pc_lapic_get(struct soft_vcpu *v, uint8_t *page);
int vmi_pc_lapic_set(struct soft_vcpu *v, const uint8_t *page);

#endif
