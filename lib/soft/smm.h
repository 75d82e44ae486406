/* SPDX-License-Identifier: MIT */
/* System management mode: into it and what the way back needs. */
#ifndef VMI_SOFT_SMM_H
#define VMI_SOFT_SMM_H

#include "lib/soft/cpu.h"

#define VMI_SMBASE_RESET 0x30000u

/* What the port instruction last begun was: AMD APM 2 10.2.4, "I/O trap". */
#define VMI_PORT_IN	1u
#define VMI_PORT_VALID	2u
#define VMI_PORT_STRING 4u
#define VMI_PORT_REP	8u
#define VMI_PORT_BYTES(n) ((uint32_t)(n) << 4) /* 1, 2, 4 */
#define VMI_PORT_AT(port) ((uint32_t)(port) << 16)
#define VMI_PORT_SIZE(what) ((what) >> 4 & 7u)
#define VMI_PORT_OF(what) ((uint16_t)((what) >> 16))

/* Between two instructions: an SMI is taken. */
void vmi_smm_enter(struct vmi_cpu *c);

/* The host says whether the processor is in it. */
void vmi_smm_set(struct vmi_cpu *c, bool on);

#endif
