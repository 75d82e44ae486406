/* SPDX-License-Identifier: MIT */
/* Interrupts as the kernels of other architectures number them: pure. */
#ifndef VMI_ARCH_IRQ_H
#define VMI_ARCH_IRQ_H

#include <stdbool.h>
#include <stdint.h>

/* arm64: KVM_IRQ_LINE (api.rst 4.25). */
enum vmi_arm64_line {
	VMI_ARM64_LINE_CPU = 0, /* number 0 IRQ, 1 FIQ; without a GIC */
	VMI_ARM64_LINE_SPI = 1, /* number 32 to 1019 */
	VMI_ARM64_LINE_PPI = 2	/* number 16 to 31 */
};

#define VMI_ARM64_SPI_FIRST 32

/* The word of a line; vcpu, by index below 4096, of CPU and PPI alone. */
uint32_t vmi_arm64_line_word(enum vmi_arm64_line type, unsigned vcpu,
	unsigned number);

/*
 * A line of one vcpu, as vmapi_irq_config has it: pins 0 and 1 are IRQ and
 * FIQ, 16 to 31 the private interrupts.  False: there is no such pin.
 */
bool vmi_arm64_vcpu_line_word(unsigned vcpu, unsigned pin, uint32_t *word);

/* ppc, riscv: KVM_INTERRUPT (api.rst 4.16): raise, lower. */
uint32_t vmi_external_line_word(bool level);

#endif
