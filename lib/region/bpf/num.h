/* SPDX-License-Identifier: MIT */
/*
 * What the verifier knows of a number.
 *
 * Known bits and ranges, signed and unsigned, of all 64 bits and of the lower
 * 32.  Each is true by itself; vmi_bpf_num_sync() lets each sharpen the
 * others.  tests/bpf/num checks every operation against numbers.
 */
#ifndef VMI_REGION_BPF_NUM_H
#define VMI_REGION_BPF_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits of `mask` may be either; the others are those of `value`. */
struct vmi_bpf_bits {
	uint64_t value, mask; /* value & mask is 0 */
};

struct vmi_bpf_range {
	uint64_t umin, umax;
	int64_t smin, smax;
};

struct vmi_bpf_num {
	struct vmi_bpf_bits bits;
	struct vmi_bpf_range whole; /* as 64 bits */
	struct vmi_bpf_range low;   /* the lower 32, as 32 bits */
};

struct vmi_bpf_num vmi_bpf_num_const(uint64_t value);
struct vmi_bpf_num vmi_bpf_num_unknown(void);
/* All from umin to umax; from smin to smax. */
struct vmi_bpf_num vmi_bpf_num_between(uint64_t umin, uint64_t umax);
struct vmi_bpf_num vmi_bpf_num_signed(int64_t smin, int64_t smax);

bool vmi_bpf_num_is_const(const struct vmi_bpf_num *n);
bool vmi_bpf_num_equal(const struct vmi_bpf_num *a,
	const struct vmi_bpf_num *b);
/* Whether a value can be this number. */
bool vmi_bpf_num_holds(const struct vmi_bpf_num *n, uint64_t value);

/* False: no value is left. */
bool vmi_bpf_num_sync(struct vmi_bpf_num *n);

/*
 * The result of an arithmetic instruction: `code` is VMI_BPF_ADD to
 * VMI_BPF_ARSH, `bits` its width; `is_signed` with DIV and MOD.
 */
struct vmi_bpf_operation {
	unsigned code;
	unsigned bits; /* 32 or 64 */
	bool is_signed;
};

struct vmi_bpf_num vmi_bpf_num_compute(
	const struct vmi_bpf_operation *operation,
	const struct vmi_bpf_num *a, const struct vmi_bpf_num *b);

/* The low `from` bits, extended to 64. */
struct vmi_bpf_num vmi_bpf_num_zext(const struct vmi_bpf_num *n,
	unsigned from);
struct vmi_bpf_num vmi_bpf_num_sext(const struct vmi_bpf_num *n,
	unsigned from);
/* The low `bits`, bytes turned round. */
struct vmi_bpf_num vmi_bpf_num_swap(const struct vmi_bpf_num *n,
	unsigned bits);

/*
 * What is known where `a <code> b` is true, or false, of `bits`: false means
 * that it cannot be.
 */
struct vmi_bpf_condition {
	unsigned code; /* VMI_BPF_JEQ and so on */
	unsigned bits;
	bool holds;
};

bool vmi_bpf_num_assume(const struct vmi_bpf_condition *condition,
	struct vmi_bpf_num *a, struct vmi_bpf_num *b);

/* What is true of both. */
struct vmi_bpf_num vmi_bpf_num_join(const struct vmi_bpf_num *a,
	const struct vmi_bpf_num *b);

/*
 * What is true of both and may still become, where `b` came after `a`: bounds
 * that moved go on to the next of the sorted steps.
 */
struct vmi_bpf_steps {
	const uint64_t *u; /* in unsigned order */
	const uint64_t *s; /* in signed order */
	size_t n;
};

struct vmi_bpf_num vmi_bpf_num_widen(const struct vmi_bpf_num *a,
	const struct vmi_bpf_num *b, const struct vmi_bpf_steps *steps);

#endif
