/* SPDX-License-Identifier: MIT */
/* What the manual says of rows that the host cannot judge. */
#ifndef VMI_TESTS_VECTORS_VEC_MODEL_H
#define VMI_TESTS_VECTORS_VEC_MODEL_H

#include "tests/vectors/vec_guest.h"

/*
 * A case as the model executes it: `o` begins as what the case is, `got` is
 * what the software processor made of it, for what the manual leaves open.
 */
struct model {
	const struct vec_case *c;
	const struct vec_out *got;
	struct vec_out *o;
	enum vec_kind kind;
	unsigned bits, cpl, iopl;
	bool failed; /* it faulted: nothing else happens */
	const char *broken; /* a property that `got` does not have */
};

typedef void vec_model_fn(struct model *m);

/* The function of a row in a world, or NULL. */
vec_model_fn *vec_model_of(const struct vec_row *row, unsigned world);
/* Whether the host cannot execute a row, or its kernel does instead. */
bool vec_model_only(const struct vec_row *row);
/* Whether real and virtual-8086 mode do what 16-bit code does. */
bool vec_model_alike(const struct vec_row *row, unsigned world);

/* Give system registers, and what the instruction looks at, values. */
void vec_model_prepare(struct vec_case *c, struct vec_random *r);
void vec_model_run(const struct vec_case *c, const struct vec_out *got,
	struct vec_out *want, const char **broken);
/* The system registers of two outcomes; with `show` differences printed. */
bool vec_model_equal(const struct vec_out *got, const struct vec_out *want,
	bool show);

/* -- Ports -------------------------------------------------------------- */

struct vec_port {
	uint16_t port;
	unsigned width;
	bool is_write;
	const uint8_t *data; /* of a write */
};

/* Take an access into a digest of them; what a read gives, by byte. */
void vec_port(uint64_t *noted, const struct vec_port *p);
uint8_t vec_port_byte(uint16_t port, unsigned n);

/* -- For the model's files ----------------------------------------------- */

/* SDM 3A table 6-1. */
enum { M_DB = 1, M_UD = 6, M_NP = 11, M_SS = 12, M_GP = 13 };

#define M_IF   0x200u
#define M_IOPL 0x3000u
#define M_RF   0x10000u
#define M_VM   0x20000u
#define M_AC   0x40000u
#define M_ID   0x200000u

void vec_model_fault(struct model *m, unsigned vector, unsigned code);
vec_model_fn m_ud;

static inline void m_gp(struct model *m)
{
	vec_model_fault(m, M_GP, 0);
}

/* A system register before, and after unless the instruction faulted. */
static inline uint64_t m_before(const struct model *m, unsigned item)
{
	return m->c->sys[item];
}

static inline void m_set(struct model *m, unsigned item, uint64_t v)
{
	if (!m->failed)
		m->o->sys[item] = v;
}

/* Faults and returns false unless at privilege level 0. */
bool vec_model_cpl0(struct model *m);
bool vec_model_protected(const struct model *m);

static inline unsigned vec_model_long_mode(const struct model *m)
{
	return m->kind == VEC_USER || m->bits == 64;
}

static inline bool vec_model_canonical(uint64_t v)
{
	return v + (UINT64_C(1) << 47) < UINT64_C(1) << 48;
}

uint64_t vec_model_reg(const struct model *m, unsigned n, unsigned bytes);
void vec_model_set_reg(struct model *m, unsigned n, uint64_t v,
	unsigned bytes);
/* The E operand; memory that is not there has faulted. */
bool vec_model_is_memory(const struct model *m);
uint64_t vec_model_rm(struct model *m, uint64_t delta, unsigned bytes);
void vec_model_set_rm(struct model *m, uint64_t delta, uint64_t v,
	unsigned bytes);
struct vec_value {
	uint64_t v;
	unsigned bytes;
};

uint64_t vec_model_read(struct model *m, unsigned seg, uint64_t offset,
	unsigned bytes);
void vec_model_write(struct model *m, unsigned seg, uint64_t offset,
	struct vec_value value);
uint64_t vec_model_pop(struct model *m, unsigned bytes);
void vec_model_push(struct model *m, uint64_t v, unsigned bytes);

/* Those of vec_model_system.c and vec_model_calls.c. */
vec_model_fn vec_m_cpuid, vec_m_rdtsc, vec_m_rdrand, vec_m_xgetbv,
	vec_m_xsetbv, vec_m_rdmsr, vec_m_wrmsr, vec_m_rdpmc, vec_m_mov_r_cr,
	vec_m_mov_cr_r, vec_m_mov_r_dr, vec_m_mov_dr_r, vec_m_lmsw,
	vec_m_smsw, vec_m_clts, vec_m_table_load, vec_m_table_store,
	vec_m_lldt, vec_m_ltr, vec_m_sldt, vec_m_nothing, vec_m_hlt,
	vec_m_swapgs, vec_m_fsbase, vec_m_syscall, vec_m_sysret,
	vec_m_sysenter, vec_m_sysexit, vec_m_ac;
void vec_model_prepare_system(struct vec_case *c, struct vec_random *r);

#endif
