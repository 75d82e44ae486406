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

#define VEC_CASES  8  /* cases of a block: one digest */
#define VEC_BLOCKS 32 /* blocks of a row in a world, at most */

/* Where cases run: user mode, flat or with segments that have limits. */
enum { VEC_W64, VEC_W32, VEC_W16, VEC_L32, VEC_L16, VEC_WORLDS };

struct vec_world {
	const char *name;
	uint8_t bits;	/* of its code */
	uint8_t blocks; /* of cases for each row */
	uint8_t seed;
	bool limits;
};

extern const struct vec_world vec_worlds[VEC_WORLDS];

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
	uint8_t mem[VEC_PAGES][VEC_PAGE];
};

#define VEC_NO_FAULT 0xff

struct vec_out {
	struct vec_state state; /* at a fault: what the handler is told */
	uint8_t vector;		/* VEC_NO_FAULT: executed */
	uint32_t code;
	uint64_t cr2;
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
void vec_soft_run(const struct vec_case *c, struct vec_out *out);

/* The processor that the test runs on; -ENOTSUP where it is no x86-64. */
int vec_host_open(void);
bool vec_host_can(const struct vec_row *row, unsigned world);
void vec_host_run(const struct vec_case *c, struct vec_out *out);

/* -- What is compared: vec_compare.c ------------------------------------- */

/* Arithmetic flags that the manual leaves undefined in this case. */
uint32_t vec_undefined(const struct vec_case *c);
/* Leave what the manual defines. */
void vec_canonical(const struct vec_case *c, struct vec_out *out);
uint64_t vec_digest(const struct vec_case *c, const struct vec_out *out,
	uint64_t digest);
bool vec_equal(const struct vec_case *c, const struct vec_out *a,
	const struct vec_out *b);
void vec_print(const struct vec_case *c, const struct vec_out *a,
	const struct vec_out *b);

#endif
