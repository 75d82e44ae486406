/* SPDX-License-Identifier: MIT */
/* What the software processor's guest consists of, beside the case. */
#ifndef VMI_TESTS_VECTORS_VEC_GUEST_H
#define VMI_TESTS_VECTORS_VEC_GUEST_H

#include "tests/vectors/vec_segment.h"

#define VEC_RAM	   0x200000u
/* All RAM, for the supervisor: with 64-bit tables, and with 32-bit ones. */
#define VEC_HIGH64 UINT64_C(0xffff800000000000)
#define VEC_HIGH32 UINT64_C(0xc0000000)

/* Guest-physical addresses. */
enum {
	AT_PML4 = 0x1000, AT_PDPT = 0x2000, AT_PD = 0x3000, AT_PT = 0x4000,
	AT_PDPT_HIGH = 0x5000, AT_PD_HIGH = 0x6000, AT_GDT = 0x7000,
	AT_IDT = 0x8000, AT_TSS = 0x9000, AT_TSS32 = 0x9800,
	AT_KSTACK_END = 0xb000, AT_HANDLERS = 0xb000, AT_LDT = 0xc000,
	AT_PD32 = 0xd000, AT_PT32_LOW = 0xe000, AT_PT32 = 0xf000,
	AT_CODE = VEC_LOW, AT_DATA = AT_CODE + (VEC_DATA - VEC_BASE),
	AT_FIXED = AT_CODE + (VEC_FIXED - VEC_BASE),
	AT_STACK = AT_CODE + (VEC_STACK - VEC_BASE),
	AT_IVT = 0x40000, AT_IDT32 = 0x41000
};

/* Each vector's handler is HLT and nothing else. */
#define VEC_HANDLER_BYTES 16
#define VEC_HLT		  0xf4

/* Selectors of tables, as LLDT and LTR know them. */
#define VEC_SEL_TSS    0x40u /* in use: busy */
#define VEC_SEL_LDT    0x50u
#define VEC_SEL_FREE   0x60u /* a task state that is available */
#define VEC_SEL_ABSENT 0x70u /* a local descriptor table, not present */
#define VEC_GDT_LIMIT  127u

/* Ports that the I/O permission map allows. */
#define VEC_PORT_FIRST 0x40u
#define VEC_PORT_LAST  0x5fu

void vec_guest_tables(uint8_t *mem);
/* The descriptor of VEC_SEL_FREE, which LTR marks. */
void vec_guest_free_task(uint8_t *mem);

/* The registers of a world, but for the segments of a case. */
void vec_guest_system(unsigned world, uint64_t sys[VEC_SYS_ITEMS]);

#endif
