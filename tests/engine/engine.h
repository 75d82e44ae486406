/* SPDX-License-Identifier: MIT */
/* The machine that tests of the execution engine run code on. */
#ifndef TESTS_ENGINE_ENGINE_H
#define TESTS_ENGINE_ENGINE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmapi/vmapi.h>

/*
 * RAM is at 0, 4 MiB of it; everything else is a device.  The tables are
 * for all modes, and each vector's handler is a HLT of its own, so that an
 * exception is a halt whose RIP tells the vector: engine_vector().
 */
#define ENGINE_RAM	0x400000u
#define ENGINE_CODE	0x010000u /* where engine_load() puts code */
#define ENGINE_STACK	0x030000u /* RSP of engine_mode() */
#define ENGINE_DATA	0x040000u /* scratch */
#define ENGINE_GDT	0x001000u
#define ENGINE_TSS	0x001800u
#define ENGINE_IDT32	0x002000u
#define ENGINE_IDT64	0x003000u
#define ENGINE_HANDLERS 0x004000u /* 16 bytes each */
#define ENGINE_PML4	0x100000u /* identity for 4 GiB, 2 MiB pages, user */
#define ENGINE_PT	0x106000u /* of the first 2 MiB: 4 KiB pages */
#define ENGINE_PDPT	0x107000u /* engine_pae() */
#define ENGINE_DEVICE	0xd0000000u

/* Selectors. */
#define ENGINE_CODE64  0x08
#define ENGINE_CODE32  0x10
#define ENGINE_DATA32  0x18
#define ENGINE_UCODE32 0x23
#define ENGINE_UDATA32 0x2b
#define ENGINE_UCODE64 0x33
#define ENGINE_CODE16  0x38
#define ENGINE_TR      0x40 /* two slots */

struct engine {
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_ram *ram;
	struct vmapi_vcpu *vcpu;
	uint8_t *mem; /* of the RAM */
	struct vmapi_exit exit; /* the last one */
};

/* With `irqchip` (enum vmapi_irqchip); the vcpu is in 32-bit mode, CPL 0. */
void engine_open(struct engine *e, unsigned irqchip);
void engine_open_as(struct engine *e, const struct vmapi_vm_config *config);
void engine_close(struct engine *e);

/* 16, 32 or 64: segments, tables and registers as new, RIP at ENGINE_CODE. */
void engine_mode(struct engine *e, struct vmapi_vcpu *vcpu, unsigned mode);
/* To CPL 3, in 32- or 64-bit mode. */
void engine_user(struct engine *e, struct vmapi_vcpu *vcpu, unsigned mode);
/* 32-bit mode turns to PAE paging, with the tables of 64-bit mode. */
void engine_pae(struct engine *e, struct vmapi_vcpu *vcpu);
void engine_load(struct engine *e, const void *code, size_t bytes);

uint64_t engine_get(struct vmapi_vcpu *vcpu, uint64_t tag);
void engine_set(struct vmapi_vcpu *vcpu, uint64_t tag, uint64_t value);

/* Run; the reason. */
unsigned engine_run(struct engine *e);
unsigned engine_step(struct engine *e, uint64_t limit);
void engine_answer(struct engine *e, uint64_t value, unsigned bytes);

/* After a halt: the vector whose handler it is, or -1. */
int engine_vector(struct engine *e);

/* Guest memory, little-endian. */
uint64_t engine_peek(const struct engine *e, uint64_t gpa, unsigned bytes);
void engine_poke(struct engine *e, uint64_t gpa, uint64_t v, unsigned bytes);

int engine_map(struct engine *e, uint64_t gpa, uint64_t bytes,
	uint64_t offset, unsigned flags);
int engine_unmap(struct engine *e, uint64_t gpa, uint64_t bytes);

/* What a test cannot go on without. */
void engine_must(int err);

/* -- Checks ------------------------------------------------------------- */

/* What the checks that follow are about. */
void engine_about(const char *what);
void engine_check(bool good, const char *what, const char *where, int line);
void engine_equal(uint64_t is, uint64_t shall, const char *where, int line);
int engine_result(void);

#define CHECK(cond)	 engine_check(cond, #cond, __FILE__, __LINE__)
#define EQUAL(is, shall)                                                       \
	engine_equal((uint64_t)(is), (uint64_t)(shall), __FILE__, __LINE__)

#endif
