/* SPDX-License-Identifier: MIT */
/* Cases of instructions, what becomes of them, and who executes them. */
#ifndef VMI_TESTS_VECTORS_VEC_H
#define VMI_TESTS_VECTORS_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/soft/insn.h"

/*
 * Memory of a case, at the same addresses on the host and in the guest: a
 * page each of code, data, read-only data and stack, with nothing mapped
 * before and after each of them.
 */
#define VEC_BASE  0x20000000u
#define VEC_CODE  (VEC_BASE + 0x00000u)
#define VEC_DATA  (VEC_BASE + 0x10000u)
#define VEC_FIXED (VEC_BASE + 0x12000u) /* read-only */
#define VEC_STACK (VEC_BASE + 0x20000u)
#define VEC_PAGE  0x1000u

enum vec_page { VEC_PAGE_DATA, VEC_PAGE_FIXED, VEC_PAGE_STACK, VEC_PAGES };

/* Base of GS in 64-bit mode: that of FS is the host's. */
#define VEC_GS (VEC_DATA + 0x100u)

/* What lies in the code page besides the instruction: INT3. */
#define VEC_FILLER 0xcc

/* Selectors of user mode, those of Linux, so that the host has them too. */
#define VEC_CS32 0x23u
#define VEC_SS	 0x2bu
#define VEC_CS64 0x33u
/* And of privilege level 0. */
#define VEC_KERNEL_CS32 0x08u
#define VEC_KERNEL_CS64 0x10u
#define VEC_KERNEL_SS	0x18u

#define VEC_CASES  8  /* cases of a block: one digest */
#define VEC_BLOCKS 32 /* blocks of a row in a world, at most */

/*
 * Where cases run: user mode, flat or with segments that have limits, which
 * is recorded; then real and virtual-8086 mode, and privilege level 0.
 */
enum {
	VEC_W64, VEC_W32, VEC_W16, VEC_L32, VEC_L16, VEC_RECORDED,
	VEC_R16 = VEC_RECORDED, VEC_V86, VEC_S64, VEC_S32, VEC_WORLDS
};

enum vec_kind { VEC_USER, VEC_REAL, VEC_VM86, VEC_SYSTEM };

/* Modes that rows are counted in. */
enum vec_mode {
	VEC_MODE_64, VEC_MODE_32, VEC_MODE_16, VEC_MODE_REAL, VEC_MODE_VM86,
	VEC_MODES
};

struct vec_world {
	const char *name;
	uint8_t bits;	/* of its code */
	uint8_t blocks; /* of cases of a row, as recorded */
	uint8_t seed;
	bool limits;
	enum vec_kind kind;
	enum vec_mode mode;
};

extern const struct vec_world vec_worlds[VEC_WORLDS];

/*
 * What there is of a processor beside struct vec_state, where a case looks
 * at it: tables as selector, base and limit.
 */
enum {
	VEC_SYS_CR0, VEC_SYS_CR2, VEC_SYS_CR3, VEC_SYS_CR4, VEC_SYS_CR8,
	VEC_SYS_EFER, VEC_SYS_XCR0,
	VEC_SYS_DR0, VEC_SYS_DR1, VEC_SYS_DR2, VEC_SYS_DR3, VEC_SYS_DR6,
	VEC_SYS_DR7,
	VEC_SYS_GDT_BASE, VEC_SYS_GDT_LIMIT, VEC_SYS_IDT_BASE,
	VEC_SYS_IDT_LIMIT, VEC_SYS_LDT, VEC_SYS_LDT_BASE, VEC_SYS_LDT_LIMIT,
	VEC_SYS_TR, VEC_SYS_TR_BASE, VEC_SYS_TR_LIMIT,
	VEC_SYS_FS, VEC_SYS_FS_BASE,
	VEC_SYS_SYSENTER_CS, VEC_SYS_SYSENTER_ESP, VEC_SYS_SYSENTER_EIP,
	VEC_SYS_PAT, VEC_SYS_STAR, VEC_SYS_LSTAR, VEC_SYS_CSTAR,
	VEC_SYS_SFMASK, VEC_SYS_KERNEL_GS, VEC_SYS_TSC_AUX,
	VEC_SYS_CS_ATTRIBUTES, VEC_SYS_SS_ATTRIBUTES, VEC_SYS_CS_BASE,
	VEC_SYS_SS_BASE,
	VEC_SYS_IO,	/* a digest of what ports were asked, in order */
	VEC_SYS_HALTED, /* by the instruction */
	VEC_SYS_BUSY,	/* type of the free task state's descriptor */
	VEC_SYS_ITEMS
};
#define VEC_SYS_MSR_FIRST VEC_SYS_SYSENTER_CS
#define VEC_SYS_MSR_LAST  VEC_SYS_TSC_AUX

/* A processor between two instructions. */
struct vec_state {
	uint64_t r[16];
	uint64_t rip, rflags;
	uint16_t cs, ss, ds, es, gs;
	uint64_t gs_base;
	uint8_t fx[512]; /* as FXSAVE64 stores it */
};

struct vec_row;

struct vec_case {
	const struct vec_row *row;
	unsigned world;
	struct vmi_insn insn;
	uint8_t bytes[VMI_INSN_MAX + 1];
	unsigned len;
	struct vec_state in;
	uint64_t sys[VEC_SYS_ITEMS];
	uint8_t mem[VEC_PAGES][VEC_PAGE];
};

#define VEC_NO_FAULT 0xff

struct vec_out {
	struct vec_state state; /* at a fault: what the handler is told */
	uint8_t vector;		/* VEC_NO_FAULT: executed */
	uint32_t code;
	uint64_t cr2;
	uint64_t sys[VEC_SYS_ITEMS]; /* of cases that the model judges */
	uint8_t mem[VEC_PAGES][VEC_PAGE];
};

/* A row of insn.def as text. */
struct vec_row {
	const char *map;
	unsigned opcode;
	const char *pfx, *mod, *reg, *rm, *size, *mode, *name;
	const char *op[3];
	const char *exec;
};

extern const struct vec_row vec_rows[];
extern const size_t vec_nrows;

/* The row of the decoder's table. */
static inline const struct vmi_row *vec_table(const struct vec_row *row)
{
	return &vmi_rows[row - vec_rows];
}

/* Told by its columns, whatever else is in the table. */
uint32_t vec_row_key(const struct vec_row *row);
bool vec_row_has(const struct vec_row *row, unsigned world);

/* -- The generator: vec_encode.c, vec_make.c ----------------------------- */

struct vec_random {
	uint64_t s;
};

uint64_t vec_random(struct vec_random *r);
unsigned vec_below(struct vec_random *r, unsigned n);
uint64_t vec_edge(struct vec_random *r);

/* Bytes of a row's instruction; false when none were found. */
bool vec_encode(struct vec_case *c, struct vec_random *r);

/* Case n of a block of cases; false when there is none. */
void vec_seed(struct vec_random *r, const struct vec_row *row, unsigned world,
	unsigned block);
bool vec_make(struct vec_case *c, const struct vec_row *row, unsigned world,
	struct vec_random *r);

/* -- Who executes ------------------------------------------------------- */

/* 0, or -errno with a sentence printed. */
int vec_soft_open(void);
void vec_soft_close(void);
/* In another world than the case's, what is the same there. */
void vec_soft_run(const struct vec_case *c, unsigned world,
	struct vec_out *out);

/* The processor that the test runs on; -ENOTSUP where it is no x86-64. */
int vec_host_open(void);
/* CPUID's family, model and extended ones of both. */
uint32_t vec_host_signature(void);
bool vec_host_can(const struct vec_row *row, unsigned world);
void vec_host_run(const struct vec_case *c, struct vec_out *out);

/* -- What is compared: vec_compare.c ------------------------------------- */

/* Whether a fault of the software processor has left nothing behind. */
bool vec_undone(const struct vec_case *c, const struct vec_out *out);
/* Leave what is compared. */
void vec_canonical(const struct vec_case *c, struct vec_out *out);
/* Take away the flags that the manual leaves undefined. */
void vec_defined(const struct vec_case *c, struct vec_out *out);
uint64_t vec_digest(const struct vec_case *c, const struct vec_out *out,
	uint64_t digest);
bool vec_equal(const struct vec_case *c, const struct vec_out *a,
	const struct vec_out *b);
void vec_print(const struct vec_case *c, const struct vec_out *a,
	const struct vec_out *b);

#endif
