/* SPDX-License-Identifier: MIT */
/* placeholder merged from the SSE branch */
#ifndef VMI_SOFT_SIMD_H
#define VMI_SOFT_SIMD_H
#include "lib/soft/cpu.h"
void vmi_xsave_get(const struct vmi_cpu *c, uint8_t *area);
int vmi_xsave_set(struct vmi_cpu *c, const uint8_t *area, size_t bytes);
#endif
