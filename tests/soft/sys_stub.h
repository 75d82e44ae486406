/* SPDX-License-Identifier: MIT */
/* A processor with one MiB of flat memory and no engine around it. */
#ifndef SYS_STUB_H
#define SYS_STUB_H

#include <stdio.h>

#include "lib/soft/system.h"

/* The memory's layout. */
enum {
	GDT = 0x1000, IDT = 0x2000, TSS = 0x3000, LDT = 0x5000, TSS2 = 0x6000,
	USTACK = 0xb000, KSTACK = 0x9000, ISTACK = 0xd000, CR3A = 0xe000,
	CODE = 0x10000
};

/* Selectors of the table that sys_tables() makes. */
enum {
	CODE32 = 0x08, DATA32 = 0x10, UCODE32 = 0x1b, UDATA32 = 0x23,
	CODE16 = 0x28, DATA16 = 0x30, CONFORM = 0x38, CODE64 = 0x40,
	UCODE64 = 0x4b, SEL_TSS = 0x50, SEL_TSS2 = 0x58, SEL_LDT = 0x60,
	GATE32 = 0x68, NPCODE = 0x70, RODATA = 0x7b, GATETASK = 0x80,
	XONLY = 0x88, GATE64 = 0x90, SEL_TSS64 = 0xa0, SEL_TSS16 = 0xb0,
	DOWN32 = 0xb8, NPDATA = 0xc0, CODE1 = 0xc8, DATA1 = 0xd0,
	BADCODE64 = 0xd8, GATE16 = 0xe0, GATEUP = 0xe8, UDATA16 = 0xf3,
	GDT_LIMIT = 0xff
};

enum stub_mode { REAL, VM86, PROT16, PROT32, LONG32, LONG64 };

extern struct vmi_cpu cpu;
extern uint64_t stub_fault_page; /* accesses to it are page faults */
extern unsigned stub_failures, stub_checks;

void poke(uint64_t at, uint64_t v, unsigned bytes);
uint64_t peek(uint64_t at, unsigned bytes);
/* Descriptors. */
void segment(unsigned selector, uint32_t base, uint32_t limit,
	uint32_t attributes);
void gate(uint64_t at, unsigned selector, uint64_t offset, unsigned access);

/* A fresh processor in `mode` at `cpl`, with every table in memory. */
void stub_start(enum stub_mode mode, unsigned cpl);

/*
 * Run a helper: -1 when it returned, else the vector it raised; the error
 * code is in cpu.fault.code.
 */
int stub_run(void (*helper)(struct vmi_cpu *, const struct vmi_op *),
	struct vmi_op op);
int stub_deliver(struct vmi_event ev);
int stub_fault(unsigned vector, int code);

void expect(const char *what, uint64_t got, uint64_t want);
/* An exception: its vector and its error code. */
void expect_fault(const char *what, int got, int vector, uint32_t code);
int stub_done(const char *name);

#endif
