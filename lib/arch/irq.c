/* SPDX-License-Identifier: MIT */
/* Interrupts as the kernels of other architectures number them: pure. */
#include "lib/arch/irq.h"

/*
 * Bits 31:28 and 23:16 the vcpu, high and low part, 27:24 the type, 15:0 the
 * number.  The high part is there with KVM_CAP_ARM_IRQ_LINE_LAYOUT_2.
 */
uint32_t vmi_arm64_line_word(
	enum vmi_arm64_line type, unsigned vcpu, unsigned number)
{
	if (type == VMI_ARM64_LINE_SPI)
		vcpu = 0;
	return (uint32_t)(vcpu >> 8 & 0xf) << 28 | (uint32_t)type << 24 |
	       (uint32_t)(vcpu & 0xff) << 16 | (number & 0xffff);
}

bool vmi_arm64_vcpu_line_word(unsigned vcpu, unsigned pin, uint32_t *word)
{
	if (vcpu > 0xfff || (pin > 1 && pin < 16) || pin > 31)
		return false;
	*word = vmi_arm64_line_word(
		pin < 16 ? VMI_ARM64_LINE_CPU : VMI_ARM64_LINE_PPI, vcpu, pin);
	return true;
}

uint32_t vmi_external_line_word(bool level)
{
	return level ? UINT32_MAX : UINT32_MAX - 1;
}
